# SPDX-License-Identifier: MIT
#
# What each process pays for the library when it starts: instructions, system calls and page faults of
# "true", beyond those with a preload that does nothing. They are counted, so that a loaded machine does
# not matter; bench/README says what they are.

load ../harness/helper

setup() {
    [ "$(uname -m)" = x86_64 ] || skip "the bounds are for x86-64"
    [ -z "${SIGBUS_INSTALLED:-}" ] || skip "of the build tree"
    grep -E '^CFLAGS = .*(-fsanitize|--coverage|-fprofile|-O0)' "$top_builddir/Makefile" &&
        skip "built with instruments, or not optimized"
    empty=$top_builddir/bench/empty.so
}

# A program in an environment of that size and no other.
start() { # POLICY|none|only PRELOAD PROGRAM...
    local word=$1 preload=$2
    shift 2
    case $word in
    none) env -i PATH="$PATH" SIGBUS_LOG=off SIGBUS_OTHER=none LD_PRELOAD="$preload" "$@" ;;
    only) env -i PATH="$PATH" SIGBUS_LOG=off SIGBUS_ONLY=nobody LD_PRELOAD="$preload" "$@" ;;
    *) env -i PATH="$PATH" SIGBUS_LOG=off SIGBUS_POLICY="$word" LD_PRELOAD="$preload" "$@" ;;
    esac
}

instructions() { # POLICY|none|only PRELOAD
    # The second preload: valgrind needs the highest real-time signal for itself. Its own preload is in
    # front of ours, so that it is also looked for whose sigaction() the program calls.
    start "$1" "$2 $top_builddir/bench/low-signal.so" valgrind --tool=callgrind \
        --callgrind-out-file=/dev/null /bin/true 2>&1 | awk '/Collected/ { print $4 }'
}

@test "cost: instructions" {
    skip_without valgrind
    for row in 'none 1120' '@compositor 1170' 'only 1105'; do
        word=${row% *}
        bare=$(instructions "$word" "$empty")
        ours=$(instructions "$word" "$SIGBUS_LIB")
        echo "$word: $bare without, $ours with the library"
        [ "$bare" -gt 50000 ]
        [ $((ours * 1000)) -le $((bare * ${row##* })) ]
    done
}

@test "cost: system calls" {
    skip_without strace
    for row in 'none 26' '@compositor 27' 'only 5'; do
        word=${row% *}
        for side in empty ours; do
            preload=$empty
            [ $side = empty ] || preload=$SIGBUS_LIB
            start "$word" "$preload" strace -o "$BATS_TEST_TMPDIR/$side" -E LD_PRELOAD="$preload" /bin/true
        done
        more=$(($(wc -l <"$BATS_TEST_TMPDIR/ours") - $(wc -l <"$BATS_TEST_TMPDIR/empty")))
        echo "$word: $more more"
        diff "$BATS_TEST_TMPDIR/empty" "$BATS_TEST_TMPDIR/ours" | grep '^>' || :
        grep -q 'libsigbus' "$BATS_TEST_TMPDIR/ours"
        [ "$more" -le "${row##* }" ]
    done
}

@test "cost: page faults" {
    for row in 'none 13' '@compositor 13' 'only 6'; do
        word=${row% *}
        bare=$(start "$word" "$empty" "$PROGS/least-faults" 30 /bin/true)
        ours=$(start "$word" "$SIGBUS_LIB" "$PROGS/least-faults" 30 /bin/true)
        echo "$word: $bare without, $ours with the library"
        [ "$bare" -gt 20 ]
        [ $((ours - bare)) -le "${row##* }" ]
    done
}

# KiB from the first byte of the library to its last variable; what lies behind it is somebody else's.
own_memory() { # SMAPS
    local word value rest here=0 end=0 sum=0 size
    size=$(($(readelf -W -l "$SIGBUS_LIB" | awk '$1 == "LOAD" { size = $3 " + " $6 } END { print size }')))
    while read -r word value rest; do
        case $word in
        *-*)
            here=$((16#${word%-*}))
            [[ $end != 0 || $rest != *libsigbus.so* ]] || end=$((here + size))
            ;;
        Anonymous:) [ "$here" -ge "$end" ] || sum=$((sum + value)) ;;
        esac
    done <"$1"
    echo "$sum"
}

# What the kernel counts as written by this process alone, of the library and the variables behind it.
@test "cost: memory of a process that does nothing" {
    skip_without readelf
    mkfifo "$BATS_TEST_TMPDIR/in"
    env -i SIGBUS_POLICY=@compositor LD_PRELOAD="$SIGBUS_LIB" /bin/cat \
        <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" &
    exec 9>"$BATS_TEST_TMPDIR/in"
    echo 'it runs' >&9
    wait_for file_says 'it runs' "$BATS_TEST_TMPDIR/out"
    own=$(own_memory "/proc/$!/smaps")
    exec 9>&-
    wait $!
    echo "$own KiB"
    [ "$own" -gt 0 ]
    [ "$own" -le 40 ]
}
