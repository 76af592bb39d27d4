# SPDX-License-Identifier: MIT
#
# The X server has two SIGBUS handlers in one object: one that ends it, and a newer one for MIT-SHM
# segments that calls the other for what it does not know. Both must keep working.

load ../harness/helper

setup() {
    skip_without Xvfb
    [ -x "$PROGS/xshm-truncate" ] || skip "xshm-truncate is not built: no xcb-shm"
    server=
}

teardown() {
    stop_server
    ! mountpoint -q "${full:-/nowhere}" || umount "$full"
}

start_server() { # [VAR=VALUE...]
    server_log=$BATS_TEST_TMPDIR/log
    : >"$BATS_TEST_TMPDIR/display"
    env "$@" Xvfb -displayfd 7 -screen 0 640x480x24 -nolisten tcp -noreset \
        7>"$BATS_TEST_TMPDIR/display" >"$server_log" 2>&1 3>&- &
    server=$!
    wait_for display_or_end
    DISPLAY=:$(cat "$BATS_TEST_TMPDIR/display")
    export DISPLAY
}

# The number is written with its line feed, at once.
display_or_end() {
    grep -q . "$BATS_TEST_TMPDIR/display" || has_ended "$server"
}

# Sets server_status.
stop_server() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null || :
    server_status=0
    wait "$server" || server_status=$?
    server=
}

expected="put: ok
put: BadShmSeg
get: ok
get: BadShmSeg"

# Twice: the second client finds a working server.
loses_segments() {
    for client in 1 2; do
        run limited "$PROGS/xshm-truncate"
        assert_success
        assert_output "$expected"
    done
    run grep -c "truncated by client" "$server_log"
    assert_output 4
}

@test "Xvfb: a truncated MIT-SHM segment is BadShmSeg, bare and with us" {
    start_server
    loses_segments
    stop_server
    [ "$server_status" = 0 ]

    start_server LD_PRELOAD="$SIGBUS_LIB"
    grep -q /libsigbus "/proc/$server/maps"
    loses_segments
    [ "$(reports "$server_log" | wc -l)" -ge 4 ]
    stop_server
    [ "$server_status" = 0 ]
}

@test "Xvfb: with the compositors' policy it is BadShmSeg too" {
    start_server LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="@$SIGBUS_PRESETS/compositor"
    grep -q /libsigbus "/proc/$server/maps"
    loses_segments
}

# Pixmaps that the server draws in, and files that are a hole on a full file system: one server takes all,
# and serves the next client. (A segment that the server makes is a memfd that is sealed.)
survives_all() {
    for attack in pixmap full-put full-get full-pixmap; do
        run limited "$PROGS/xshm-truncate" $attack "$full"
        assert_success
        assert_output BadShmSeg
    done
    run limited "$PROGS/xshm-truncate" good
    assert_output alive
}

@test "Xvfb: shared pixmaps, and holes on a full file system: the same with us" {
    skip_unless_root
    full=$BATS_TEST_TMPDIR/full
    mkdir "$full"
    mount -t tmpfs -o size=64k none "$full" || skip "this system does not let root mount a tmpfs"
    start_server
    survives_all
    stop_server

    start_server LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="@$SIGBUS_PRESETS/compositor"
    survives_all
    run reports "$server_log"
    assert_equal "$(grep -c 'sent by "xshm-truncate"\[' <<<"$output")" 4
    assert_equal "$(grep -c 'nospace on tmpfs' <<<"$output")" 3
}

# The older handler answers with a backtrace and abort().
@test "Xvfb: a SIGBUS sent to it ends it as without us" {
    start_server
    kill -BUS "$server"
    bare_status=0
    wait "$server" || bare_status=$?
    grep "Fatal server error" "$server_log"

    start_server LD_PRELOAD="$SIGBUS_LIB"
    grep -q /libsigbus "/proc/$server/maps"
    kill -BUS "$server"
    status=0
    wait "$server" || status=$?
    server=
    grep "Fatal server error" "$server_log"
    echo "bare: $bare_status, with us: $status"
    [ "$status" = "$bare_status" ]
}
