# SPDX-License-Identifier: MIT
#
# A SIGBUS that is nobody's but the program's ends as without us, to the last detail.

load ../harness/helper

# tracer itself is bare; the program that it runs is with us.
traced() { # bare|with PROG [ARG...]
    local preload=
    [ "$1" = bare ] || preload=$SIGBUS_LIB
    shift
    run --separate-stderr limited "$PROGS/tracer" env ${preload:+LD_PRELOAD="$preload"} \
        SIGBUS_LOG=off "$PROGS/$1" "${@:2}"
    skip_if_not_here
}

core_limit() {
    ulimit -c unlimited 2>/dev/null || ulimit -c "$(ulimit -H -c)"
    cd "$BATS_TEST_TMPDIR" || return
}

@test "unknown: a fault ends with the same status, siginfo, core and at the same instruction" {
    local what bare_end

    core_limit
    for what in default ignored blocked masked; do
        traced bare unknown "$what"
        assert_line --regexp '^signal 7 code 2 address 0x200001123 pc entry'
        assert_line --regexp '^killed by 7'
        bare_end=$output
        traced with unknown "$what"
        assert_equal "$output" "$bare_end"
    done
}

@test "unknown: a SIGBUS that was sent ends with the same status and siginfo" {
    local what bare_end

    core_limit
    for what in kill raise queue; do
        traced bare unknown "$what"
        bare_end=$output
        assert_line --regexp '^killed by 7'
        traced with unknown "$what"
        assert_equal "$output" "$bare_end"
    done
}

@test "unknown: the core shows the fault" {
    local core pattern

    skip_without gdb
    pattern=$(cat /proc/sys/kernel/core_pattern)
    [[ $pattern != "|"* && $pattern != /* ]] || skip "cores go to $pattern"
    core_limit
    run env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/unknown" default
    skip_if_not_here
    assert_equal "$status" "$bus_error"
    core=$(find . -name "${pattern%%%*}*" -type f)
    [ -n "$core" ] || skip "no core can be written"
    run gdb -batch -ex 'printf "code %d\n", $_siginfo.si_code' \
        -ex 'printf "address %p\n", $_siginfo._sifields._sigfault.si_addr' \
        -ex 'info symbol $pc' -ex 'printf "rbx %x\n", $rbx' "$PROGS/unknown" "$core"
    assert_line "code 2"
    assert_line "address 0x200001123"
    assert_line --regexp '^(fault|fault_label)( \+ [0-9]+)? in section .text'
    assert_line "rbx 1111"
}

@test "unknown: the program's own handler is entered as by the kernel" {
    local flags

    for flags in info plain info+onstack info+usr1 info+nodefer info+nodefer+usr1 info+resethand \
        plain+resethand+nodefer info+onstack+usr1+resethand plain+onstack; do
        run_both unknown handler "$flags"
        [ "$status" = 50 ] || [ "$status" = 51 ]
        run_both unknown handler-kill "$flags"
    done
}

@test "unknown: exactly one report line a fault, and nothing else on stderr" {
    run_with unknown default
    assert_equal "$status" "$bus_error"
    assert_reports 1
    assert_equal "$(wc -l <<<"$stderr")" 1
    [[ $stderr == *"/memfd:unknown"* && $stderr == *0x200001123* ]]
    run_with unknown handler info
    assert_reports 1
}

@test "unknown: SIGBUS_LOG=off silences" {
    run_with --log off unknown default
    assert_equal "$status" "$bus_error"
    assert_equal "$stderr" ""
    run_with --log off --policy "*=zero" unknown default
    assert_success
    assert_equal "$stderr" ""
}

@test "unknown: a rule with +quiet is not reported" {
    run_with --policy "program:unknown=zero+quiet" unknown default
    assert_success
    assert_equal "$stderr" ""
}

@test "unknown: a bad policy is one line, and the program runs with the built-in one" {
    run_with --policy "*=owner|zero,owner:libfoo=zreo" pages open:memfd size:4 fill \
        map:4,shared,rw read:1
    assert_success
    assert_lines "read 1 42"
    assert_reports 1
    assert_equal "$(wc -l <<<"$stderr")" 1
    [[ $stderr == *"item 2"* && $stderr == *"column 27"* && $stderr == *zreo* ]]
    [[ ${stderr/zreo/} == *zero* ]]

    run_with --policy "*=owner|zero,kidn:memfd=zero" pages open:memfd size:4 map:4,shared,rw \
        size:0 read:1
    assert_equal "$status" "$bus_error"
    [[ $stderr == *"item 2"* && $stderr == *"column 14"* && $stderr == *kidn* ]]
    [[ ${stderr/kidn/} == *kind* ]]
}

@test "unknown: with strict a bad policy starts nothing" {
    run_with --policy "strict,*=zreo" pages open:memfd size:4 fill map:4,shared,rw read:1
    assert_equal "$status" 2
    assert_equal "$output" ""
    assert_reports 1
    [[ ${stderr/zreo/} == *zero* && $stderr == *zreo* ]]
    run_with --policy "strict,*=zero" pages open:memfd size:4 map:4,shared,rw size:0 read:1
    assert_success
}

sigbus_caught() { # STATUS-TEXT
    local caught

    caught=$(awk '/^SigCgt/ { print $2 }' <<<"$1")
    ((0x${caught:8} & 0x40))
}

@test "unknown: SIGBUS_ONLY leaves other programs alone" {
    skip_where_cat_is_wider
    run_with --only "other*,c?t" cat /proc/self/status
    sigbus_caught "$output"
    run_with --only "other*,ca" cat /proc/self/status
    assert_success
    run ! sigbus_caught "$output"
    run_with --only "other" --policy "*=zero" unknown default
    assert_equal "$status" "$bus_error"
    assert_equal "$stderr" ""
    run_with --only "other,unk*" --policy "*=zero" unknown default
    assert_success
}
