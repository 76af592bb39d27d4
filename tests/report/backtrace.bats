# SPDX-License-Identifier: MIT
#
# SIGBUS_LOG=...+backtrace: what led to the lost page, and that the program sees nothing of it.

load ../harness/helper
load ../harness/log

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    policy='*=zero'
    log=$BATS_TEST_TMPDIR/log
}

# A directory like the build tree, but the helper for backtraces is another program, or there is none.
with_helper() { # [PROG]
    if [ ! -e tree ]; then
        mkdir -p tree/.libs
        cp "$(readlink -f "$SIGBUS_LIB")" tree/.libs/libsigbus.so
    fi
    SIGBUS_LIB=$BATS_TEST_TMPDIR/tree/.libs/libsigbus.so
    rm -f tree/sigbus-backtrace
    [ $# = 0 ] || cp "$(prog_path "$1")" tree/sigbus-backtrace
}

skip_without_unwinder() {
    [ -x "$top_builddir/sigbus-backtrace" ] || skip "built without libunwind"
}

@test "backtrace: it names the functions that led to the page" {
    skip_without_unwinder
    run_with --policy "$policy" --log stderr+backtrace watched
    assert_success
    assert_output done
    [[ $stderr == *$'\nlibsigbus:   #0 0x'*" watched+0x"*" touch_the_page+0x"* ]]
    [[ $stderr == *$'\nlibsigbus:   #1 0x'*" watched+0x"*" main+0x"* ]]
    assert_equal "$(grep -cv '^libsigbus: ' <<<"$stderr")" 0

    run_with --policy "$policy" --log "json:$log+backtrace" watched
    assert_output done
    run json "$log" "[frame['symbol'].split('+')[0] for frame in reports[0]['backtrace'][:2]]"
    assert_output "['touch_the_page', 'main']"
}

@test "backtrace: the program sees nothing of the backtrace" {
    skip_without_unwinder
    run_with --policy "$policy" --log stderr+backtrace watched
    assert_success
    assert_lines "done" # no SIGCHLD, no child, no descriptor, its lock and mask as before
    [[ $stderr == *" #1 "* ]]
}

@test "backtrace: a backtrace of a thread, of a fork child, and of what dies" {
    skip_without_unwinder
    local where

    for where in thread fork; do
        run_with --policy "$policy" --log stderr+backtrace pages open:memfd "${lost_half[@]}" \
            $where read:5 show
        assert_success
        assert_line "show 0-3:= 4-7:0"
        [[ $stderr == *" do_read+0x"* ]]
    done
    run_with --log stderr+backtrace pages open:memfd "${lost_half[@]}" read:5
    assert_equal "$status" "$bus_error"
    [[ $stderr == *" do_read+0x"* ]]
}

@test "backtrace: none that nobody asked for, and no program is started for it" {
    with_helper fake-helper
    run_with pages open:memfd "${lost_half[@]}" read:5
    assert_equal "$status" "$bus_error"
    [[ $stderr == *"killed by SIGBUS" ]]
    run_with --log "json:$log" pages open:memfd "${lost_half[@]}" read:5
    assert_equal "$status" "$bus_error"
    run json "$log" "'backtrace' in reports[0]"
    assert_output False
    [ ! -e pid ]
}

@test "backtrace: no backtrace, and why" {
    with_helper
    run_with --policy "$policy" --log stderr+backtrace pages open:memfd "${lost_half[@]}" read:5 \
        show
    assert_success
    assert_line "show 0-3:= 4-7:0"
    [[ $stderr == *$'\nlibsigbus:   no backtrace: sigbus-backtrace is not installed'* ]]

    with_helper fake-helper
    run_with --policy "$policy" --log "json:$log+backtrace" pages open:memfd "${lost_half[@]}" \
        read:5
    assert_success
    run json "$log" "reports[0]['backtrace']"
    assert_output None
}

@test "backtrace: a helper that hangs is given up and ended" {
    with_helper fake-helper
    touch hang
    run_with --policy "$policy" --log stderr+backtrace watched
    assert_success
    assert_output done
    [[ $stderr == *"no backtrace: it took too long"* ]]
    run kill -0 "$(cat pid)"
    assert_failure
}

@test "backtrace: the helper gets no file and no environment of the program" {
    with_helper fake-helper
    run_with --policy "$policy" --log stderr+backtrace watched
    assert_output done
    run cat files environment
    assert_line --regexp '^0 /proc/[0-9]+/mem read$'
    assert_line --regexp '^1 pipe:.* write$'
    assert_equal "$(wc -l <files)" 2
    refute_line --partial watched
    refute_line --partial LD_PRELOAD
}

# A directory in which the names of this root are the programs of somebody else.
make_jail() {
    with_helper fake-helper
    mkdir -p jail/proc/self jail/proc/thread-self
    ldd "$PROGS/fake-helper" | grep -o '/[^ ]*' | xargs cp -L --parents -t jail
    cp --parents "$BATS_TEST_TMPDIR/tree/sigbus-backtrace" jail
    touch jail/proc/self/mem
}

@test "backtrace: after chroot() or pivot_root no program of the new root is started" {
    skip_unless_root
    make_jail
    for step in chroot:jail pivot:"$BATS_TEST_TMPDIR/jail"; do
        run_with --log stderr+backtrace pages open:memfd "${lost_half[@]}" "$step" read:5
        assert_equal "$status" "$bus_error"
        [[ $stderr == *$'\nlibsigbus:   no backtrace: the root directory is not that of the start' ]]
        [ ! -e jail/pid ]
    done
    # The jail is one in which that program runs.
    run chroot jail "$BATS_TEST_TMPDIR/tree/sigbus-backtrace"
    assert_failure 1
    [ -e jail/pid ]
}

@test "backtrace: a program that was put in the helper's place is not started" {
    with_helper
    cp "$PROGS/fake-helper" other
    cp /bin/true tree/sigbus-backtrace
    run_with --policy "$policy" --log stderr+backtrace pages open:memfd "${lost_half[@]}" \
        run:'mv other tree/sigbus-backtrace' read:5
    assert_success
    [[ $stderr == *"no backtrace: sigbus-backtrace was replaced since the start"* ]]
    [ ! -e pid ]
}

@test "backtrace: where /proc is not the kernel's no file of it is opened as memory" {
    skip_without_namespaces
    with_helper fake-helper
    cat >fake-proc.sh <<'END'
mount -t tmpfs none /proc && mkdir /proc/self && touch /proc/self/mem
exec env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY='*=zero' SIGBUS_LOG=stderr+backtrace "$@"
END
    run --separate-stderr unshare -m sh fake-proc.sh "$PROGS/pages" open:memfd "${lost_half[@]}" read:5
    assert_success
    [[ $stderr == *"no backtrace: /proc is no procfs"* ]]
    [ ! -e pid ]
}

@test "backtrace: none of what its own user may not inspect" {
    skip_unless_root
    with_helper fake-helper
    chmod 777 .
    for step in keepcaps:65534 undumpable; do
        run_with --log stderr+backtrace pages open:memfd "${lost_half[@]}" "$step" read:5
        assert_equal "$status" "$bus_error"
        [[ $stderr == *"no backtrace: this process may not be inspected by others of its user"* ]]
        [ ! -e pid ]
    done
}
