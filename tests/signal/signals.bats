# SPDX-License-Identifier: MIT
#
# SIGBUS, however it comes and whatever the program has said about it, is what it is without us:
# the same program prints the same, line by line.

load ../harness/helper

# A handler of the program answers for the program's memory, and for memory that nobody is known to
# have mapped, though SIGBUS is blocked: that is wanted.
answered_though_blocked='^fault handler blocked '

@test "signals: the library is loaded" {
    assert_loaded
}

@test "signals: every flag, stack, way to send, mask, action, thread and nesting" {
    run_both --apart --policy '*=chain' sig-matrix
    assert_prints 11520
}

@test "signals: the same with no policy, but for what is answered" {
    local whose

    for whose in '' mapped; do
        # shellcheck disable=SC2086
        run_both --apart --but "$answered_though_blocked" sig-matrix $whose fault
        assert_prints 1920
        run grep -E "$answered_though_blocked.* plain " "$BATS_TEST_TMPDIR/with"
        refute_line --regexp 'status=[^2]'
        assert_equal "${#lines[@]}" 192
    done
}

@test "signals: what dies leaves a core where it did" {
    ulimit -c unlimited 2>/dev/null || ulimit -c "$(ulimit -H -c)"
    run_both --apart sig-matrix cores
    assert_prints 36
}

@test "signals: what each function that sets an action returns and leaves" {
    run_both --apart sig-readback
    assert_prints 1431
}

@test "signals: second names of functions" {
    run_both --apart sig-second
    assert_prints 12
}

@test "signals: sigvec() of old programs is the C library's, in a dormant process too" {
    run_both --apart --only another sig-second sigvec
    assert_prints 1
}

@test "signals: a handler leaves, nests, gives up; several signals" {
    run_both --apart sig-chain
    assert_equal "$(grep -c '^end ' "$BATS_TEST_TMPDIR/bare")" 12
}

@test "signals: a handler's frame, registers, flags and stacks" {
    run_both --apart sig-frame
    assert_equal "$(grep -c '^end ' "$BATS_TEST_TMPDIR/bare")" 11
}

@test "signals: what the C library does not look at is not looked at" {
    run_both signal-calls arguments
    assert_success
}

@test "signals: threads that end with a SIGBUS pending cost nobody the protection" {
    policy='*=zero'
    run_with --policy "$policy" signal-calls pending
    assert_output protected
}
