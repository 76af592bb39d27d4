# SPDX-License-Identifier: MIT
#
# The next program gets the disposition and the mask that this one believes it has.

load ../harness/helper

@test "processes: the library is loaded" {
    assert_loaded
}

@test "processes: what a program without us is started with, and what its starter keeps" {
    run_both --apart proc-start "$PROGS/proc-view"
    assert_prints 4938
}

@test "processes: what a program with us is started with" {
    # The bare one's are the kernel's words, which say something else of us.
    run_both --apart --but '^(SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt) ' proc-start \
        "$PROGS/proc-view" \
        preloaded
    run ! grep -q '^Sig' "$BATS_TEST_TMPDIR/with.left"
    run grep -c '^blocked' "$BATS_TEST_TMPDIR/with"
    assert_output "$(grep -c '^blocked' "$BATS_TEST_TMPDIR/bare")"
}

@test "processes: who shares the memory of another replaces nothing there, and says so" {
    export SIGBUS_LOG="$BATS_TEST_TMPDIR/log"
    for action in zero ones; do
        rm -f "$SIGBUS_LOG"
        run env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="*=$action" "$PROGS/borrowed" fault
        assert_success
        assert_line "child: signal 7"
        assert_line --regexp "^parent: (0|-1) (0|-1)$"
        assert_line "munmap: 0"
        run cat "$SIGBUS_LOG"
        assert_line --regexp "killed by SIGBUS; hint: this process shares the memory of another"
        assert_line --regexp ": $action, [0-9]+ pages"
    done
}

@test "processes: who shares the memory of another takes a part out of a range of it" {
    run env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="owner:borrowed=zero" "$PROGS/borrowed" unmap
    assert_success
    assert_line "child: status 0"
    assert_line "parent: 0 0"
    assert_line "munmap: 0"
}

@test "processes: a vfork() child of a fork() child does not change its parent" {
    run_with --policy '*=zero' signal-calls vfork
    assert_lines 'child: handler' 'child: default' 'child: the page was replaced' \
        'status 0, parent: handler'
}
