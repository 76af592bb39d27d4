# SPDX-License-Identifier: MIT
#
# SIGBUS_LOG=...+backtrace: what led to the lost page, and that the program sees nothing of it.

load helper
load scenario
load log

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    policy='*=zero'
    log=$BATS_TEST_TMPDIR/log
}

# A directory like the build tree, but the helper for backtraces is another program.
with_helper() { # [TEXT OF A SCRIPT]
    if [ ! -e tree ]; then
        mkdir -p tree/.libs
        cp "$(readlink -f "$SIGBUS_LIB")" tree/.libs/libsigbus.so
        SIGBUS_LIB=$BATS_TEST_TMPDIR/tree/.libs/libsigbus.so
    fi
    [ $# = 0 ] && return
    printf '#!/bin/sh\n%s\n' "$1" >tree/sigbus-backtrace
    chmod +x tree/sigbus-backtrace
}

skip_without_unwinder() {
    [ -x "$top_builddir/sigbus-backtrace" ] || skip "built without libunwind"
}

@test "backtrace: it names the functions that led to the page" {
    skip_without_unwinder
    logged stderr+backtrace watched
    assert_success
    assert_output done
    [[ $stderr == *$'\nlibsigbus:   #0 0x'*" watched+0x"*" touch_the_page+0x"* ]]
    [[ $stderr == *$'\nlibsigbus:   #1 0x'*" watched+0x"*" main+0x"* ]]
    assert_equal "$(grep -cv '^libsigbus: ' <<<"$stderr")" 0

    logged "json:$log+backtrace" watched
    assert_output done
    run json "$log" "[frame['symbol'].split('+')[0] for frame in reports[0]['backtrace'][:2]]"
    assert_output "['touch_the_page', 'main']"
}

@test "backtrace: the program sees nothing of the backtrace" {
    skip_without_unwinder
    logged stderr+backtrace watched
    assert_success
    assert_lines "done" # no SIGCHLD, no child, no descriptor, its lock and mask as before
    [[ $stderr == *" #1 "* ]]
}

@test "backtrace: a backtrace of a thread, of a fork child, and of what dies" {
    skip_without_unwinder
    local where

    for where in thread fork; do
        logged stderr+backtrace pages "${lost_half[@]}" $where read:5 show
        assert_success
        assert_line "show 0-3:= 4-7:0"
        [[ $stderr == *" do_read+0x"* ]]
    done
    unset policy
    logged stderr+backtrace pages "${lost_half[@]}" read:5
    assert_equal "$status" "$bus_error"
    [[ $stderr == *" do_read+0x"* ]]
}

@test "backtrace: none that nobody asked for, and no program is started for it" {
    unset policy
    with_helper "touch '$BATS_TEST_TMPDIR/started'"
    us pages "${lost_half[@]}" read:5
    assert_equal "$status" "$bus_error"
    [[ $stderr == *"killed by SIGBUS" ]]
    logged "json:$log" pages "${lost_half[@]}" read:5
    assert_equal "$status" "$bus_error"
    run json "$log" "'backtrace' in reports[0]"
    assert_output False
    [ ! -e started ]
}

@test "backtrace: no backtrace, and why" {
    with_helper
    logged stderr+backtrace pages "${lost_half[@]}" read:5 show
    assert_success
    assert_line "show 0-3:= 4-7:0"
    [[ $stderr == *$'\nlibsigbus:   no backtrace: sigbus-backtrace is not installed'* ]]

    with_helper 'exit 1'
    logged "json:$log+backtrace" pages "${lost_half[@]}" read:5
    assert_success
    run json "$log" "reports[0]['backtrace']"
    assert_output None
}

@test "backtrace: a helper that hangs is given up and ended" {
    with_helper "echo \$\$ >'$BATS_TEST_TMPDIR/pid'; exec sleep 60"
    logged stderr+backtrace watched
    assert_success
    assert_output done
    [[ $stderr == *"no backtrace: it took too long"* ]]
    run kill -0 "$(cat pid)"
    assert_failure
}

@test "backtrace: the helper gets no file and no environment of the program" {
    with_helper "readlink /proc/\$\$/fd/* >'$BATS_TEST_TMPDIR/files'
        tr '\\0' '\\n' </proc/\$\$/environ >'$BATS_TEST_TMPDIR/environment'"
    logged stderr+backtrace watched
    assert_output done
    run cat files environment
    assert_line --regexp '^/proc/[0-9]+/mem$'
    refute_line --partial watched
    refute_line --partial LD_PRELOAD
    refute_line --partial pipe:
}
