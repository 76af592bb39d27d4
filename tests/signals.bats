# SPDX-License-Identifier: MIT
#
# SIGBUS, however it comes and whatever the program has said about it, is what it is without us:
# the same program prints the same, line by line.

load helper
load differences

# A handler of the program answers for the program's memory though SIGBUS is blocked: that is
# wanted. Blocked by the mask, or because the handler runs already and has no SA_NODEFER.
answered_though_blocked=(
    '^fault handler blocked '
    '^fault handler unblocked [a-z]+ nested [^:]*altstack( siginfo)?( resethand)?( onstack)?( restart)?:'
)

@test "signals: the library is loaded" {
    assert_loaded
}

@test "signals: every flag, stack, way to send, mask, action, thread and nesting" {
    run_both sig-matrix
    assert_prints 11520
    assert_no_difference
}

@test "signals: the same where the lost memory is the program's, but for what is answered" {
    run_both sig-matrix mapped fault
    assert_prints 1920
    assert_no_difference "${answered_though_blocked[@]}"
    run grep -E "${answered_though_blocked[0]}.* plain " "$BATS_TEST_TMPDIR/us"
    refute_line --regexp 'status=[^2]'
    assert_equal "${#lines[@]}" 192
}

@test "signals: what dies leaves a core where it did" {
    ulimit -c unlimited 2>/dev/null || ulimit -c "$(ulimit -H -c)"
    run_both sig-matrix cores
    assert_prints 36
    assert_no_difference
}

@test "signals: what each function that sets an action returns and leaves" {
    run_both sig-readback
    assert_prints 1431
    assert_no_difference
}

@test "signals: sigvec() of old programs, and the second names of functions" {
    run_both sig-vec
    assert_prints 73
    assert_no_difference
}

@test "signals: a handler leaves, nests, gives up; several signals" {
    run_both sig-chain
    assert_no_difference
    assert_equal "$(grep -c '^end ' "$BATS_TEST_TMPDIR/bare")" 12
}

@test "signals: a handler's frame, registers, flags and stacks" {
    run_both sig-frame
    assert_no_difference
    assert_equal "$(grep -c '^end ' "$BATS_TEST_TMPDIR/bare")" 11
}
