#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The static probes: what their notes promise, what a tracer reads there, and the bpftrace example.

load ../harness/helper

setup() {
    skip_without readelf
    notes >"$BATS_TEST_TMPDIR/notes"
    [ -s "$BATS_TEST_TMPDIR/notes" ] || has_sdt || skip 'built without sys/sdt.h'
    cd "$BATS_TEST_TMPDIR" || return
}

has_sdt() {
    printf '#include <sys/sdt.h>\n' | $CC -E -x c - >/dev/null 2>&1
}

# "NAME ADDRESS SEMAPHORE" for each probe.
notes() {
    readelf -n "$SIGBUS_LIB" | awk '
        $1 == "Provider:" && $2 == "libsigbus" { ours = 1 }
        $1 == "Name:" && ours { name = $2 }
        $1 == "Location:" && ours { print name, $2, $NF; ours = 0 }' |
        tr -d , | sort
}

@test "three probes, without semaphores" {
    run cat notes
    assert_equal "$(cut -d' ' -f1 <<<"$output" | uniq | paste -sd' ')" 'action fault map'
    assert_equal "$(cut -d' ' -f3 <<<"$output" | uniq)" 0x0000000000000000
}

@test "each is one nop" {
    skip_without objdump
    [ -s notes ]
    while read -r name address _; do
        run objdump -d --no-show-raw-insn --start-address="$address" \
            --stop-address=$((address + 1)) "$SIGBUS_LIB"
        assert_line --regexp '^ *[0-9a-f]+:.*[[:space:]](nop|xchg +%ax,%ax)[[:space:]]*$'
    done <notes
}

# Stops at a probe and prints its arguments by the formats: d, x, s.
probe_arguments() { # PROBE FORMAT...
    local probe=$1 i=0 format
    local -a prints=()
    shift
    for format; do
        [ $format = s ] && format='s (char *)'
        prints+=(-ex "output/$format \$_probe_arg$i" -ex 'echo \n')
        i=$((i + 1))
    done
    gdb -q -nx -batch -ex 'set debuginfod enabled off' -ex 'set auto-solib-add on' \
        -ex "set exec-wrapper env LD_PRELOAD=$SIGBUS_LIB SIGBUS_POLICY=program:pages=zero SIGBUS_LOG=$PWD/log" \
        -ex 'handle SIGBUS nostop noprint pass' -ex 'set breakpoint pending on' \
        -ex "break -probe-stap libsigbus:$probe" -ex run -ex 'echo \nARGUMENTS\n' \
        "${prints[@]}" -ex delete -ex continue \
        --args "$PROGS/pages" open:memfd "${lost_half[@]}" read:6 2>/dev/null </dev/null
}

@test "a tracer reads the arguments, and the program goes on" {
    skip_without gdb
    run probe_arguments fault x x d d s
    assert_line ARGUMENTS || skip 'gdb cannot run a program here'
    assert_line 'read 6 00'
    address=$(grep -o ' at 0x[0-9a-f]*, offset 0x6000' log | cut -d' ' -f3 | tr -d ,)
    [ -n "$address" ]
    mapfile -t argument < <(sed -n '/^ARGUMENTS/,$p' <<<"$output" | sed 1d)
    [[ ${argument[0]} == *000 && ${argument[1]} == 0x* ]]
    assert_equal "${argument[2]} ${argument[3]}" '2 0'
    assert_regex "${argument[4]}" '"pages"$'

    run probe_arguments action x s d x d
    mapfile -t argument < <(sed -n '/^ARGUMENTS/,$p' <<<"$output" | sed 1d)
    assert_regex "${argument[1]}" '"zero"$'
    assert_equal "${argument[*]:2:3}" '4 0x0 1'

    run probe_arguments map x d x s x
    mapfile -t argument < <(sed -n '/^ARGUMENTS/,$p' <<<"$output" | sed 1d)
    assert_equal "${argument[1]}" 32768
    assert_regex "${argument[3]}" '"pages"$'
}

@test "the bpftrace example sees a fault, its answer and who mapped" {
    skip_unless_root
    skip_without bpftrace
    sed "s|usdt:.*/libsigbus.so.0:|usdt:$SIGBUS_LIB:|" \
        "$top_srcdir/examples/sigbus-trace.bt.in" >trace.bt
    grep -qF "usdt:$SIGBUS_LIB:libsigbus:map" trace.bt
    bpftrace trace.bt >trace 2>errors 3>&- &
    tracer=$!
    # It does not say when it has begun to look.
    traced() {
        run_with --policy 'program:pages=zero' --log off pages open:memfd "${lost_half[@]}" read:6
        file_says 'zero, pages replaced' trace || has_ended $tracer
    }
    wait_for traced
    if ! kill -INT $tracer 2>/dev/null; then
        cat errors
        refute grep -q usdt errors
        skip 'bpftrace does not work with this kernel'
    fi
    wait $tracer
    run cat trace
    assert_line --regexp '^pages +[0-9]+ +read +of 0x[0-9a-f]+ at 0x[0-9a-f]+, si_code 2, owner pages$'
    assert_line --regexp '^pages +[0-9]+ +zero, pages replaced: 4, fault 1 of its range$'
    assert_line --regexp '^@answers\[pages, zero\]: [1-9]'
    assert_line --regexp '^@mapped_bytes\[pages, pages\]: [1-9]'
}
