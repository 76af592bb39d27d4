# SPDX-License-Identifier: MIT
#
# What a program does over and over must not make it bigger: see progs/soak.c. scripts/check --full
# does each a million times and more; SIGBUS_SOAK_PAIRS and the like say how often. Its figures tell
# whether the time of one turn stays, too.

load ../harness/helper

setup() {
    export SIGBUS_LOG=off
}

teardown() {
    if [ -e "$BATS_TEST_TMPDIR/limit" ]; then
        cat "$BATS_TEST_TMPDIR/limit" >/proc/sys/vm/max_map_count
    fi
}

# After the first tenth: an eighth more, and what malloc() takes.
assert_level() { # WHAT COUNT [ARG...]
    run_with --policy program:soak=zero soak "$@"
    assert_success
    [[ $output =~ :\ ([0-9]+)\ KiB.*then\ ([0-9]+)\ KiB ]]
    echo "$output"
    [ "${BASH_REMATCH[2]}" -le $((BASH_REMATCH[1] + BASH_REMATCH[1] / 8 + 256)) ]
    [ -z "${SIGBUS_SOAK_PAIRS:-}" ] || echo "# figures: $output" >&3
}

@test "soak: a file is mapped and unmapped" {
    assert_level pairs "${SIGBUS_SOAK_PAIRS:-20000}"
}

@test "soak: at other addresses" {
    assert_level places "${SIGBUS_SOAK_PLACES:-10000}"
}

@test "soak: lost pages are mapped, read and unmapped" {
    assert_level faults "${SIGBUS_SOAK_FAULTS:-2000}"
}

@test "soak: what was replaced is moved, grows and is unmapped in pieces" {
    assert_level repairs "${SIGBUS_SOAK_REPAIRS:-1000}"
}

@test "soak: a library is loaded and unloaded" {
    assert_level loads "${SIGBUS_SOAK_LOADS:-2000}" "$LIBS/actor-a.so"
}

allow_mappings() { # COUNT
    local limit

    limit=$(cat /proc/sys/vm/max_map_count)
    if [ "$limit" -lt $(($1 + 1000)) ]; then
        [ -w /proc/sys/vm/max_map_count ] || skip "vm.max_map_count is $limit"
        echo "$limit" >"$BATS_TEST_TMPDIR/limit"
        echo $(($1 + 1000)) >/proc/sys/vm/max_map_count
    fi
}

@test "soak: many mappings at once" {
    local ranges=${SIGBUS_SOAK_RANGES:-10000}

    allow_mappings "$ranges"
    assert_level ranges "$ranges"
}

@test "soak: a mapping that is far from all others costs less than 7 KiB" {
    local count=${SIGBUS_SOAK_SCATTERED:-10000}

    [ "$(getconf LONG_BIT)" = 64 ] || skip "addresses of 32 bits"
    allow_mappings "$count"
    run_with soak scattered "$count"
    assert_success
    [[ $output =~ :\ ([0-9]+)\ KiB.*then\ ([0-9]+)\ KiB ]]
    echo "$output"
    [ $((BASH_REMATCH[2] - BASH_REMATCH[1])) -le $((7 * count)) ]
}

@test "soak: handlers of many addresses" {
    local count=${SIGBUS_SOAK_HANDLERS:-20000}

    run_with soak handlers "$count"
    assert_success
    [[ $output =~ :\ ([0-9]+)\ KiB.*then\ ([0-9]+)\ KiB ]]
    echo "$output"
    [ $((BASH_REMATCH[2] - BASH_REMATCH[1])) -le $((count * 64 / 1024 + 256)) ]
}
