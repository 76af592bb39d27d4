# SPDX-License-Identifier: MIT
#
# Many threads that map, unmap, move, overlay, cut off, fork and load at random while others fault:
# see progs/churn.c. scripts/check --full does ten million operations.

load ../harness/helper

operations=${SIGBUS_CHURN_OPERATIONS:-200000}
fewer=$((operations / 5)) # for variations

setup() {
    export SIGBUS_LOG=off
}

# Nothing foreign overwritten, nothing lost, nothing missed (that would have killed), no deadlock.
assert_sound() {
    echo "$output"
    assert_success
    assert_line "lost_writes=0 foreign=0 not_empty=0 bad_children=0 bad_signals=0"
    [[ $output =~ operations=([0-9]+)\ touched=([0-9]+)\ mapped=([0-9]+) ]]
    [ "${BASH_REMATCH[3]}" -ge 20 ]
    [ -z "${SIGBUS_CHURN_OPERATIONS:-}" ] || echo "# figures: $BATS_TEST_DESCRIPTION: ${lines[0]}" >&3
}

@test "churn: without us it dies at once" {
    run_bare churn 1000
    assert_equal "$status" "$bus_error"
}

@test "churn: eight threads map and unmap while others fault" {
    run_with --policy "program:churn=zero" churn "$operations" "$LIBS/actor-a.so"
    assert_sound
}

@test "churn: page by page, and all of a range" {
    run_with --policy "program:churn=zero(page)" churn "$fewer" "$LIBS/actor-a.so"
    assert_sound
    run_with --policy "program:churn=zero(range)" churn "$fewer"
    assert_sound
}

@test "churn: signal handlers on top that map, fault, fork, and leave by siglongjmp" {
    run_with --policy "program:churn=zero" churn "$operations" signals
    assert_sound
}

@test "churn: the same with an owner that declines, or leaves by siglongjmp" {
    run_with --policy "program:churn=owner|zero" churn "$fewer" signals owner
    assert_sound
}

@test "churn: exit() in the middle" {
    local count

    for ((count = 0; count < 6; count++)); do
        run_with --policy "program:churn=zero" churn $((count * 500)) signals exit
        assert_success
        assert_output ""
    done
}
