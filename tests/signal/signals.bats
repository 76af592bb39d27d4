# SPDX-License-Identifier: MIT
#
# SIGBUS, however it comes and whatever the program has said about it, is what it is without us:
# the same program prints the same, line by line.

load ../harness/helper
load ../harness/scenario
load ../harness/differences

# A handler of the program answers for the program's memory, and for memory that nobody is known to
# have mapped, though SIGBUS is blocked: that is wanted.
answered_though_blocked='^fault handler blocked '

@test "signals: the library is loaded" {
    assert_loaded
}

@test "signals: every flag, stack, way to send, mask, action, thread and nesting" {
    SIGBUS_POLICY='*=chain' run_both sig-matrix
    assert_prints 11520
    assert_no_difference
}

@test "signals: the same with no policy, but for what is answered" {
    local whose

    for whose in '' mapped; do
        # shellcheck disable=SC2086
        run_both sig-matrix $whose fault
        assert_prints 1920
        assert_no_difference "$answered_though_blocked"
        run grep -E "$answered_though_blocked.* plain " "$BATS_TEST_TMPDIR/us"
        refute_line --regexp 'status=[^2]'
        assert_equal "${#lines[@]}" 192
    done
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

@test "signals: second names of functions" {
    run_both sig-second
    assert_prints 12
    assert_no_difference
}

@test "signals: sigvec() of old programs is the C library's, in a dormant process too" {
    SIGBUS_ONLY=another run_both sig-second sigvec
    assert_prints 1
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

@test "signals: what the C library does not look at is not looked at" {
    same_as_bare signal-calls arguments
    assert_success
}

@test "signals: threads that end with a SIGBUS pending cost nobody the protection" {
    policy='*=zero'
    us signal-calls pending
    assert_output protected
}
