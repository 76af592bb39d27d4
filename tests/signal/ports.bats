# SPDX-License-Identifier: MIT
#
# What is written for each machine anew: the signal frame. Also run for other machines, in a build of
# their own, by tests/cross/check.

load ../harness/helper

refused() { # HOST TEXT
    run "$top_srcdir/configure" --host="$1"
    assert_failure
    assert_output --partial "error: $2"
}

@test "ports: configure refuses what there is no code for, and says what there is" {
    cd "$BATS_TEST_TMPDIR"
    [ -x "$top_srcdir/configure" ] || skip "there is no configure"
    refused riscv64-linux-gnu "libsigbus runs on Linux with glibc on x86-64"
    refused x86_64-linux-gnux32 "libsigbus runs on Linux with glibc on x86-64"
    refused aarch64_be-linux-gnu "libsigbus runs on Linux with glibc on x86-64"
    refused x86_64-unknown-freebsd14 "libsigbus runs on Linux with glibc on x86-64"
    refused x86_64-linux-musl "libsigbus needs glibc: x86_64-pc-linux-musl has musl"
    refused aarch64-alpine-linux-musl "libsigbus needs glibc: aarch64-alpine-linux-musl has musl"
}

# The C library's headers take that machine for a small one, and want a file that is not installed.
@test "ports: the source says the same to a compiler for another machine" {
    mkdir "$BATS_TEST_TMPDIR/gnu"
    touch "$BATS_TEST_TMPDIR/gnu/stubs-32.h"
    run ${CC} -E -I"$BATS_TEST_TMPDIR" -U__x86_64__ -U__aarch64__ -U__i386__ -D_GNU_SOURCE \
        -I"$top_srcdir/src" -I"$top_srcdir/include" "$top_srcdir/src/fault/run.c"
    assert_failure
    assert_output --partial "error \"libsigbus knows the signal frames of"
}

@test "ports: a handler's frame moves to the stack where the handler wants to run" {
    run_both alt-stack
    assert_success
    assert_equal "$(grep -c '^touched: 2469965.59$' <<<"$output")" 5
    assert_equal "$(grep -c '^signal 7 .* alternate stack 0, frame 0, siginfo 0,' <<<"$output")" 3
    assert_equal "$(grep -c '^inside: .* alternate stack 1' <<<"$output")" 3
}

@test "ports: repaired, read and written; the report says which" {
    run_with --policy "*=zero" scenario "$LIBS" p.map p.map p.truncate:0 p.truncate:1 p.touch:0 \
        p.store:1
    assert_success
    assert_reports 2
    [[ ${stderr%%" fault 1 of this range"*} == *", read by scenario+0x"* ]]
    [[ ${stderr##*"SIGBUS in"} == *", written by scenario+0x"* ]]
}

@test "ports: chained: the program's handler gets the fault as without us" {
    run_both scenario "$LIBS" p.install:repair p.map p.truncate p.touch p.calls:repair \
        p.foreign p.sent
    assert_success
    assert_line "p.touch a1"
}

@test "ports: declined, and nobody is left: killed by SIGBUS as without us" {
    run_both scenario "$LIBS" a.install:restore-raise a.map a.truncate a.touch
    assert_equal "$status" "$bus_error"
    run_both scenario "$LIBS" p.map p.truncate p.touch
    assert_equal "$status" "$bus_error"
    [[ $stderr == *"no handler answered: killed by SIGBUS"* ]]
}
