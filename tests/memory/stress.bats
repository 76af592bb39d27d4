# SPDX-License-Identifier: MIT
#
# Threads that fault on lost pages while others take the addresses away: see progs/stress.c.

load ../harness/helper

rounds=${SIGBUS_STRESS_ROUNDS:-2000}

setup() {
    export SIGBUS_LOG=off
}

# Not one write lost, not one canary replaced, and both were really tried.
assert_intact() {
    echo "$output"
    assert_success
    assert_line "lost_writes=0 destroyed=0 bad_signals=0 bad_children=0"
    [[ $output =~ canaries=([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -ge 100 ]
    [ -z "${SIGBUS_STRESS_ROUNDS:-}" ] || echo "# figures: $BATS_TEST_DESCRIPTION: ${lines[0]}" >&3
}

@test "stress: without us it dies at once" {
    run_bare stress "$rounds"
    assert_equal "$status" "$bus_error"
}

@test "stress: writers against a thread that reuses the addresses" {
    local extent

    for extent in "" "(page)" "(range)"; do
        run_with --policy "program:stress=zero$extent" stress "$rounds"
        assert_intact
        assert_line --regexp ' taken=0 '
    done
}

@test "stress: the same with a signal handler on top that maps, faults and unmaps" {
    run_with --policy "program:stress=zero" stress "$rounds" timer
    assert_intact
}

@test "stress: the same with forks in the middle" {
    run_with --policy "program:stress=zero" stress "$rounds" timer fork
    assert_intact
    [[ $output =~ forks=([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -ge $((rounds / 16)) ]
}

@test "stress: an owner that declines each fault first" {
    run_with --policy "program:stress=owner|zero(range)" stress "$rounds" timer fork
    assert_intact
}

@test "stress: a rule about paths answers a crowd" {
    policy='path:/memfd:crowd=zero(page)'
    run_with --policy "$policy" crowd
    assert_success
    assert_output 'all live'
}

@test "stress: a private range grows beside a thread that maps into each hole" {
    run_with --log off --policy "program:grow-beside=zero" grow-beside 5000
    assert_success
    assert_line "grown 5000"
}
