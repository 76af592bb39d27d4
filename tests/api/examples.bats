#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The examples of the C API: drivers of two vendors and a plain file in one process, and a reader of
# journal files.

load ../harness/helper

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
    run_with "$EXAMPLES/journal-read" .
    assert_success
    assert_lines "Input/output error after some entries" "end after all entries" \
        "checksum: Input/output error" "checksum: Input/output error" "handler: none"
    # Of the copies nothing is reported: they replace nothing.
    assert_reports 1
    [[ $stderr == *"registered by journal"* ]]
}

@test "examples: a server of shared memory, which tells the client that took it away" {
    printf '%08192d' 1 >file
    run limited "$EXAMPLES/shm-pool" file 100
    assert_equal "$status" "$bus_error"
    printf '%08192d' 1 >file
    run_with "$EXAMPLES/shm-pool" file 100
    assert_success
    assert_lines "drawn: 393217" "to the client: error accessing SHM buffer" "drawn: 4800" "drawn: 4800"
    assert_reports 1
}

# ---- other languages ----

@test "examples: C++, a bracket that ends with its scope" {
    command -v c++ >/dev/null || skip "there is no C++ compiler (g++)"
    c++ -std=c++17 -Wall -Wextra -Werror -I"$top_srcdir/include" \
        "$top_srcdir/examples/c++/checksum.cc" -o checksum
    printf '%08192d' 1 >file
    run limited ./checksum file 100
    assert_equal "$status" "$bus_error"
    printf '%08192d' 1 >file
    run_with ./checksum file 100
    assert_failure 1
    assert_lines 393217 "lost: access: Bad address"
    printf '%08192d' 1 >file
    run_with ./checksum file
    assert_success
    assert_lines 393217 393217
}

@test "examples: Rust, a closure whose result says whether something was lost" {
    command -v rustc >/dev/null || skip "there is no Rust compiler (rustc)"
    rustc --edition 2021 --test -o guarded -L "${SIGBUS_LIB%/*}" "$top_srcdir/examples/rust/src/lib.rs"
    run_with ./guarded --test-threads=1
    assert_success
    assert_line --regexp '^test result: ok. 1 passed'
}

@test "examples: Python, an event loop is told" {
    command -v python3 >/dev/null || skip "there is no python3"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' || skip "asyncio.to_thread() is of Python 3.9"
    head -c 16384 /dev/zero | tr '\0' A >file
    run --separate-stderr limited env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY='owner:watch.py=zero' bash -c '
        coproc watch { exec python3 "$1" file; }
        pid=$watch_PID # the names are gone when it has ended
        exec {from}<&"${watch[0]}" {to}>&"${watch[1]}"
        read -r line <&$from
        echo "$line"
        truncate -s 4096 file
        echo >&$to
        cat <&$from
        wait "$pid"' - "$top_srcdir/examples/python/watch.py"
    assert_success
    assert_lines watching "last byte: 0" "pages lost: 3"
    [[ $stderr == *"registered by watch.py"* ]]
    run limited python3 "$top_srcdir/examples/python/watch.py" file
    assert_failure
    assert_output --partial "start it with: sigbus-run"
}
