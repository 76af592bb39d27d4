#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The examples for systemd: its own check of the files, compositors that are started by hand with what a
# unit would give them, and whole sessions with a systemd --user of their own.

load ../harness/helper
load compositor

examples=$top_srcdir/examples/systemd

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    [ -z "${COMPOSITOR_BASE:-}" ] || compositor_cleanup
}

# What systemd says about units in the directory "units", and nothing if all is well.
verify() { # UNIT...
    mkdir -pm 0700 runtime
    XDG_RUNTIME_DIR=$PWD/runtime SYSTEMD_UNIT_PATH=$PWD/units: \
        systemd-analyze --man=no --user verify "$@" 2>&1
}

unit_with() { # UNIT: a service that is as good as the one the drop-in is meant for
    mkdir -p "units/$1.d"
    printf '[Service]\nExecStart=/bin/true\n' >"units/$1"
}

# The assignments that a unit file makes, as the process gets them; also those in comments.
environment_of() { # FILE
    sed -n -E 's/^#?Environment=//p' "$1" | sed -E 's/^"(.*)"$/\1/; s/%%/%/g; s/\\\\/\\/g'
}

value_of() { # VARIABLE, of environment_of compositor.conf
    environment_of "$examples/compositor.conf" | sed -n "s/^$1=//p" | head -n 1
}

@test "systemd finds nothing wrong with them" {
    skip_without systemd-analyze
    for unit in org.gnome.Shell@.service plasma-kwin_wayland.service sway.service weston.service \
        cage@.service; do
        unit_with $unit
        cp "$examples/compositor.conf" units/$unit.d/libsigbus.conf
        unit=${unit/@/@x}
        run verify "$unit"
        assert_output ''
    done
    sed "s|/usr/bin/sigbus-run|$SIGBUS_RUN|; s|/usr/bin/sway|/bin/true|" "$examples/sway.service" \
        >units/sway.service
    grep -qF "$SIGBUS_RUN --policy" units/sway.service
    run verify sway.service
    assert_output ''
}

@test "what sigbus-policy(7) says of backslashes is so" {
    skip_without systemd-analyze
    unit_with a.service
    # shellcheck disable=SC2028
    echo 'Environment="SIGBUS_POLICY=path:/srv/a\,b=zero"' >>units/a.service
    run verify a.service
    assert_output --partial ignoring
    unit_with b.service
    # shellcheck disable=SC2028
    echo 'Environment="SIGBUS_POLICY=path:/srv/a\\,b/100%%*=zero"' >>units/b.service
    run verify b.service
    assert_output ''
}

@test "their policies are right, and a mistake would be found" {
    environment_of "$examples/compositor.conf" >environment
    environment_of "$top_srcdir/man/sigbus-policy.7" | sed 's/\\e/\\/g; s/\\\\/\\/g' >>environment
    grep '^SIGBUS_POLICY=' environment | cut -d= -f2- >policies
    sed -n 's/.*--policy \([^ ]*\) .*/\1/p' "$examples"/* >>policies
    assert_equal "$(wc -l <policies)" 5
    grep -qxF 'path:/srv/a\,b/100%*=zero' policies
    while read -r policy; do
        run "$SIGBUS_RUN" --check --policy "$policy"
        assert_success
    done <policies
    run "$SIGBUS_RUN" --check --policy 'path:/srv/a,b=zero'
    assert_failure 2
}

@test "the drop-in is active in the programs that the preset names" {
    sed -n -E 's/^owner:(\S+) *= (owner\|)?zero$/\1/p' "$top_srcdir/data/compositor" | grep -v '^lib' |
        sort >preset
    [ "$(wc -l <preset)" -gt 20 ]
    run diff preset <(value_of SIGBUS_ONLY | tr , '\n' | sort)
    assert_output ''
}

# A compositor with the drop-in's variables; the library and the preset are the ones of this test.
start_as_unit() { # COMPOSITOR
    local -a environment

    WL_HOSTILE=$PROGS/wl-hostile
    [ -x "$WL_HOSTILE" ] || skip 'wl-hostile is not built: no wayland-client, wayland-protocols'
    missing=$(compositor_missing "$1")
    [ -z "$missing" ] || skip "$missing"
    compositor_setup
    mapfile -t environment < <(environment_of "$examples/compositor.conf" |
        grep -vE '^(LD_PRELOAD|SIGBUS_POLICY)=')
    assert_equal "${#environment[@]}" 2
    assert_equal "$(value_of LD_PRELOAD) $(value_of SIGBUS_POLICY)" 'libsigbus.so.0 @compositor'
    start_compositor "$1" LD_PRELOAD="$(readable_copy "$SIGBUS_LIB")" \
        SIGBUS_POLICY="$(compositor_policy)" "${environment[@]}"
}

assert_survives() {
    run_attack truncate-after-destroy
    assert_equal "$OUTCOME" alive
    run_attack good
    assert_equal "$SEEN $OUTCOME" 'alive alive'
}

stat_of() { # PID
    "${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat" "$1"
}

@test "sway, started as the drop-in would, survives; it is active there" {
    start_as_unit sway
    run stat_of "$COMPOSITOR_PID"
    assert_output --partial 'libsigbus is active'
    assert_survives
}

@test "weston, the same; what it starts is dormant" {
    start_as_unit weston
    child_is_dormant() {
        child=$(pgrep -P "$COMPOSITOR_PID" | head -n 1)
        run stat_of "${child:-0}"
        [[ $output == *'libsigbus is dormant'* ]]
    }
    wait_for child_is_dormant
    assert_survives
    run stat_of "$COMPOSITOR_PID"
    assert_output --partial 'libsigbus is active'
}

@test "sway.service gives sway the same" {
    command=$(sed -n 's|^ExecStart=/usr/bin/sigbus-run \(.*\) -- /usr/bin/sway$|\1|p' \
        "$examples/sway.service")
    assert [ -n "$command" ]
    # shellcheck disable=SC2086
    run "$SIGBUS_RUN" $command -- env
    assert_line SIGBUS_LOG=journal
    assert_line SIGBUS_ONLY=sway
    assert_line --regexp '^SIGBUS_POLICY=@.*compositor$'
}

# The program of a user in whose environment a word is.
process_with() { # PROGRAM WORD
    local pid

    for pid in $(pgrep -x "$1"); do
        ! grep -qz "^$2$" "/proc/$pid/environ" || COMPOSITOR_PID=$pid
    done
    [ -n "$COMPOSITOR_PID" ]
}

@test "greetd starts a greeter with the line of its example: it outlives its clients" {
    skip_unless_root
    skip_without greetd
    WL_HOSTILE=$PROGS/wl-hostile
    [ -x "$WL_HOSTILE" ] || skip 'wl-hostile is not built: no wayland-client, wayland-protocols'
    missing=$(compositor_missing cage)
    [ -z "$missing" ] || skip "$missing"
    compositor_setup
    # shellcheck disable=SC2034 # for hostile_client
    COMPOSITOR=cage
    mkdir -p "$COMPOSITOR_BASE/tree/.libs" "$COMPOSITOR_BASE/runtime"
    cp -L "$SIGBUS_LIB" "$COMPOSITOR_BASE/tree/.libs/libsigbus.so"
    cp -L "${SIGBUS_INSTALLED:-$top_builddir}/sigbus-run" "$COMPOSITOR_BASE/tree"
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/sh' 'echo $$ >"$XDG_RUNTIME_DIR/program"' 'exec sleep infinity' \
        >"$COMPOSITOR_BASE/tree/greeter"
    chmod -R a+rX,a+x "$COMPOSITOR_BASE/tree"
    chown 65534:65534 "$COMPOSITOR_BASE/runtime"
    chmod 0700 "$COMPOSITOR_BASE/runtime"
    export XDG_RUNTIME_DIR=$COMPOSITOR_BASE/runtime
    line=$(sed -n 's/^command = "\(sigbus-run .* --only cage --\) cage -s -- gtkgreet"$/\1/p' \
        "$examples/greetd.toml")
    assert [ -n "$line" ]
    settings="XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR HOME=$COMPOSITOR_BASE/home WLR_BACKENDS=headless"
    settings+=" WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1"
    printf '%s\n' '[terminal]' 'vt = "none"' '[default_session]' 'user = "nobody"' \
        "command = \"env $settings $COMPOSITOR_BASE/tree/$line cage -- $COMPOSITOR_BASE/tree/greeter\"" >greetd.toml
    unshare --mount sh -c 'mount -t tmpfs none /run && exec greetd --config greetd.toml' >greetd.log 2>&1 3>&- &
    greetd=$!
    wait_for process_with cage "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR" || skip "greetd starts nothing here: $(cat greetd.log)"
    wait_for compositor_listens_or_ended
    compositor_loaded
    for attack in truncate-after-commit truncate-after-destroy; do
        run_attack $attack
        [ "$OUTCOME" = alive ]
    done
    run_attack good
    [ "$SEEN" = alive ]
    run "${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat" "$COMPOSITOR_PID"
    assert_output --partial 'libsigbus is active'
    stop_compositor
    kill $greetd 2>/dev/null || :
    wait $greetd || :
}

# What the README tells to do, with a compositor that a unit of systemd --user starts: on, and back.
in_session() { # COMPOSITOR UNIT PROGRAM
    WL_HOSTILE=$PROGS/wl-hostile
    [ -x "$WL_HOSTILE" ] || skip 'wl-hostile is not built: no wayland-client, wayland-protocols'
    missing=$(compositor_missing "$1")
    [ -z "$missing" ] || skip "$missing"
    session=$(mktemp -d)
    chmod 0755 "$session"
    mkdir "$session/lib"
    cp -L "$SIGBUS_LIB" "$session/lib/libsigbus.so.0"
    chmod -R a+rX "$session/lib"
    export top_srcdir top_builddir WL_HOSTILE
    run env SIGBUS_LIB="$session/lib/libsigbus.so.0" \
        "$top_srcdir/tests/e2e/user-session" "$session" "$top_srcdir/tests/e2e/desktop" "$@"
    rm -rf "$session"
    [ "$status" != 77 ] || skip "$output"
    assert_success
    assert_line "nothing of us is left in it"
    refute_output --partial NOT
}

@test "GNOME's unit in systemd --user, with mutter as gnome-shell: the drop-in, and back" {
    in_session mutter org.gnome.Shell@wayland.service gnome-shell
}
@test "KDE's unit in systemd --user, KWin without capabilities: the drop-in, and back" {
    in_session kwin plasma-kwin_wayland.service kwin_wayland
}
@test "sway in systemd --user: the drop-in, and back" { in_session sway sway.service sway; }
@test "labwc in systemd --user: the drop-in, and back" { in_session labwc labwc.service labwc; }
@test "weston in systemd --user: the drop-in, and back" { in_session weston weston.service weston; }
@test "phoc in systemd --user: the drop-in, and back" { in_session phoc phoc.service phoc; }
