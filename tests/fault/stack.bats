# SPDX-License-Identifier: MIT
#
# How much stack an answer takes: threads have small alternate stacks for their signals.

load ../harness/helper

size=
cases="read write protected unseen private guarded handled once raise raise-handled raise-blocked"
options=

setup() {
    grep -E '^CFLAGS = .*(-O0|-fsanitize|--coverage|-fprofile)' "$top_builddir/Makefile" &&
        skip "built without optimization, or with instruments: frames are larger"
    assert_loaded
    log=$BATS_TEST_TMPDIR/log
}

# Each case uses at most LIMIT bytes below the kernel's frame, and none overflows the stack.
uses_at_most() { # LIMIT LOG POLICY [COMMAND...]
    local limit=$1 name used
    run env SIGBUS_LOG="$2" SIGBUS_POLICY="$3" LD_PRELOAD="$SIGBUS_LIB" "${@:4}" \
        "$PROGS/stack-use" ${size:--e} $options $cases
    assert_success
    refute_line --partial 'signal 11'
    while read -r name _ used _; do
        echo "$2, policy \"$3\": $name uses $used"
        [ "${used%,}" -le "$limit" ]
    done < <(grep ' used ' <<<"$output")
    assert_equal "$(grep -c ' used ' <<<"$output")" "$(wc -w <<<"$cases")"
}

policies=('' '@compositor' 'owner:stack-use=zero' 'program:stack-use=ones|zero(range)'
    'path:/memfd:*=owner|zero' 'kind:memfd&map:rw=zero(page)' 'fs:nfs=zero,fs:tmpfs=zero'
    'fs:nfs=zero,cause:nospace=zero,cause:truncated=owner|zero')

@test "stack: an answer without a report takes at most 1.5 KiB" {
    for policy in "${policies[@]/@compositor/@$SIGBUS_PRESETS/compositor}"; do
        uses_at_most 1536 off "$policy"
    done
}

@test "stack: the same where the text of /proc/self/maps has to be read, as before Linux 6.11" {
    for policy in "${policies[@]/@compositor/@$SIGBUS_PRESETS/compositor}"; do
        uses_at_most 1536 off "$policy" "$PROGS/loss-filter" 25
    done
}

@test "stack: an answer with a report fits into the 2 KiB beyond AT_MINSIGSTKSZ" {
    for out in "$log" "json:$log" journal stderr; do
        for policy in "${policies[@]/@compositor/@$SIGBUS_PRESETS/compositor}"; do
            uses_at_most 2048 "$out" "$policy"
        done
    done
    uses_at_most 2048 "$log" "${policies[7]}" "$PROGS/loss-filter" 25
    run cat "$log"
    assert_output --partial 'libsigbus: SIGBUS in stack-use'
}

@test "stack: and so do one that waits and one that ends the program" {
    cases=read
    uses_at_most 2048 "$log" 'program:stack-use=wait(1)|zero'
    cases="read write unseen private guarded"
    uses_at_most 2048 "$log" 'program:stack-use=abort'
}

@test "stack: and so does one with a backtrace" {
    uses_at_most 2048 "$log+backtrace" 'program:stack-use=zero'
}

# Where less is left our work is done on a stack of ours: libsigbus(7), S1.
@test "stack: on a large stack no answer takes more than the 2,816 bytes that are asked for" {
    size=-l
    for out in off "$log" "json:$log" "$log+backtrace"; do
        for policy in "${policies[@]/@compositor/@$SIGBUS_PRESETS/compositor}" '*=abort'; do
            uses_at_most 2816 "$out" "$policy"
        done
    done
    uses_at_most 2816 "$log" "${policies[3]}" "$PROGS/loss-filter" 25 # the text of /proc/self/maps
}
