# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Compositors on a real (that is, a virtual) graphics card, for the cases.

# Sets compositor, its pid, and WAYLAND_DISPLAY.
start_weston() {
    coldplug
    run weston --backend=drm-backend.so --use-pixman --tty=1 --continue-without-input \
        --no-config --idle-time=0 --socket=wayland-1 --log=/run/compositor.log &
    compositor=$!
    await_socket
}

# sway refuses root.
start_sway() {
    local user=(setpriv --reuid=nobody --regid=video --clear-groups)

    coldplug
    chown nobody /run/user
    touch $report && chmod 0666 $report
    printf '%s\n' 'xwayland disable' >/run/sway.conf
    seatd -u nobody &
    await 20 test -S /run/seatd.sock || cannot 'seatd does not start'
    WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 LIBSEAT_BACKEND=seatd \
        run "${user[@]}" sway --config /run/sway.conf &
    compositor=$!
    await_socket
}

await_socket() {
    export WAYLAND_DISPLAY=wayland-1
    await 90 is_ready_or_gone && [ -S $XDG_RUNTIME_DIR/wayland-1 ] && return
    cannot 'the compositor does not start on this card'
}

is_ready_or_gone() {
    [ -S $XDG_RUNTIME_DIR/wayland-1 ] || ! is_alive
}

# A client that moves. It gives up where the compositor keeps both of its buffers: then a new one.
start_client() {
    (
        trap 'kill $!; exit' TERM
        while [ ! -e /run/no-new-window ]; do
            weston-simple-shm &
            wait $!
            sleep 0.3
        done
    ) 2>/dev/null &
    client=$!
}

stop_client() {
    kill $client
    wait $client
}

# Does the screen change while a client moves? Half a minute at most.
is_drawing() {
    local first

    host screen
    first=$reply
    for ((i = 0; i < 30; i++)); do
        sleep 1
        [ -d /proc/$compositor ] || return 1
        host screen
        [ "$reply" = "$first" ] || return 0
    done
    return 1
}

is_alive() {
    local state

    read -r _ _ state _ 2>/dev/null </proc/$compositor/stat && [ "$state" != Z ]
}

# What the compositor came to.
fate() {
    if is_alive && is_drawing; then
        echo 'goes on drawing'
    elif is_alive; then
        echo 'goes on, draws nothing'
    else
        wait $compositor
        outcome $?
    fi
}

# The card's driver lets the card go, while a client draws. That costs no page: the end of the case
# is the same with us, and nothing is reported.
unbind_card() { # DRIVER [no-new-window]
    local device end i

    start_client
    is_drawing || cannot 'the compositor draws nothing'
    # A window that opens where no screen is left may make sway fail a check of its own ("Expected to
    # find a workspace"), bare in five runs of six.
    [ -z "${2:-}" ] || touch /run/no-new-window
    for device in "$1"/*/driver; do
        device=${device%/driver}
        echo "unbind: $device"
        echo "${device##*/}" >"$1/unbind" || cannot "$1 does not let the card go"
    done
    # New windows, too, have to find out.
    for ((i = 0; i < 3; i++)); do
        sleep 5
        [ -e /run/no-new-window ] || stop_client
        [ -e /run/no-new-window ] || start_client
    done
    sleep 10
    is_alive && end='goes on' || end=$(fate)
    reported '^libsigbus: SIGBUS' && result 'a report where no page was lost'
    result "$end"
}
