# SPDX-License-Identifier: MIT
#
# The next program gets the disposition and the mask that this one believes it has.

load helper
load differences

@test "processes: the library is loaded" {
    assert_loaded
}

@test "processes: what a program without us is started with, and what its starter keeps" {
    run_both proc-start "$PROGS/proc-view"
    assert_prints 4938
    assert_no_difference
}

@test "processes: what a program with us is started with" {
    run_both proc-start "$PROGS/proc-view" preloaded
    # The bare one's are the kernel's words, which say something else of us.
    assert_no_difference '^(SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt) '
    run ! grep -q '^Sig' "$BATS_TEST_TMPDIR/us.left"
    run grep -c '^blocked' "$BATS_TEST_TMPDIR/us"
    assert_output "$(grep -c '^blocked' "$BATS_TEST_TMPDIR/bare")"
}
