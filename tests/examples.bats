#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The examples of the C API: drivers of two vendors and a plain file in one process, and a reader of
# journal files.

load helper
load scenario

setup() {
    cd "$BATS_TEST_TMPDIR"
    server=
}

teardown() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    umount -l mount 2>/dev/null || :
}

client() { # HOW [PREFIX...]
    local how=$1
    shift
    head -c 32768 /dev/zero | tr '\0' B >device-b
    head -c 32768 /dev/zero | tr '\0' F >file
    run --separate-stderr limited "$@" "$EXAMPLES/gpu-client" "$EXAMPLES/gpu-a.so" "$device" \
        "$EXAMPLES/gpu-b.so" device-b file "$how"
}

everybody_has_an_own() {
    assert_success
    assert_lines "all there" "vendor-a: ok ok, maps $there, quiet" "vendor-b: ok ok, maps 42, quiet" "file: F" \
        "second device gone" "vendor-a: ok ok, maps $there, quiet" "vendor-b: lost lost, maps ff, told" "file: F" \
        "file gone" "vendor-a: ok ok, maps $there, quiet" "vendor-b: lost lost, maps ff, told" "file: lost" \
        "first device gone" "vendor-a: lost lost, maps ff, told" "vendor-b: lost lost, maps ff, told" "file: lost"
}

@test "examples: devices of two vendors and a plain file, each with an owner" {
    device=$PWD/device-a
    there=41
    head -c 32768 /dev/zero | tr '\0' A >device-a
    client truncate
    assert_equal "$status" 50 # the program's handler is asked about the device's memory
    head -c 32768 /dev/zero | tr '\0' A >device-a
    client truncate env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG=off
    everybody_has_an_own
}

@test "examples: the same with a device that vanishes when it is used" {
    skip_unless_root
    [ -c /dev/fuse ] || skip "no /dev/fuse"
    mkdir mount
    run --separate-stderr "$PROGS/loss-fuse" mount 8 4 exit
    [ "$status" != 77 ] || skip "$stderr"
    assert_success
    server=$output
    device=$PWD/mount/file
    there=44
    client use env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG=off
    everybody_has_an_own
}

@test "examples: a reader of journal files, which installs no handler" {
    run limited "$EXAMPLES/journal-read" .
    assert_equal "$status" "$bus_error"
    us "$EXAMPLES/journal-read" .
    assert_success
    assert_lines "Input/output error after some entries" "end after all entries" \
        "checksum: Input/output error" "checksum: Input/output error" "handler: none"
    # Of the copies nothing is reported: they replace nothing.
    assert_reports 1
    [[ $stderr == *"registered by journal"* ]]
}
