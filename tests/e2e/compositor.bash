# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Compositors without a screen, for the tests and for scripts/demo.
#
#   compositor_setup                     once, and compositor_cleanup at the end
#   start_compositor NAME [VAR=VALUE...] one of COMPOSITORS, with VAR in its environment
#   run_attack ATTACK [OPTION...]        sets SEEN, what the client saw ("skipped: ..." where the
#                                        compositor lacks what the attack needs), and OUTCOME: "alive"
#                                        or the compositor's wait status
#   late_handler_installed               has late-handler.so taken SIGBUS in the compositor?
#   client_content BARE                  is SEEN as good as what it saw without us, or better?
#   stop_compositor                      sets STATUS, its wait status
#
# After start_compositor: COMPOSITOR (its name), COMPOSITOR_PID, COMPOSITOR_LOG (its output), WAYLAND_DISPLAY.
# The caller sets WL_HOSTILE (the client program), for X servers X_HOSTILE, SIGBUS_LIB and SIGBUS_PRESETS.
# With root's rights the compositor runs as nobody, since sway and cage refuse root.

# All that start without a screen and without a graphics card.
# shellcheck disable=SC2034 # for the caller
COMPOSITORS="sway cage phoc labwc weston mutter kwin mir"
X_SERVERS="xvfb xwayland" # what is said of compositors here holds for these, too

# shellcheck source=tests/harness/waiting.bash
. "$(dirname "${BASH_SOURCE[0]}")/../harness/waiting.bash"

compositor_setup() {
    COMPOSITOR_BASE=$(mktemp -d "${TMPDIR:-/tmp}/compositor.XXXXXX") || return 1
    COMPOSITOR_COUNT=0
    COMPOSITOR_PID=
    SURROUNDINGS=
    AS_NOBODY=()
    if [ "$(id -u)" = 0 ]; then
        AS_NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    fi
    chmod 0755 "$COMPOSITOR_BASE"
    mkdir "$COMPOSITOR_BASE/lib" "$COMPOSITOR_BASE/home"
    [ ${#AS_NOBODY[@]} = 0 ] || chown 65534:65534 "$COMPOSITOR_BASE/home"
    printf '%s\n' 'xwayland disable' 'output HEADLESS-1 resolution 1024x640' \
        >"$COMPOSITOR_BASE/sway.conf"
    unset SIGBUS_POLICY SIGBUS_LOG SIGBUS_ONLY
    trap : BUS ABRT # else bash itself reports how each compositor died
}

compositor_cleanup() {
    stop_compositor
    if mountpoint -q "$COMPOSITOR_BASE/full"; then
        umount "$COMPOSITOR_BASE/full"
    fi
    rm -rf "$COMPOSITOR_BASE"
}

# A file system of 64 KiB for full-tmpfs, as its --directory. Root only.
mount_small_tmpfs() {
    mkdir "$COMPOSITOR_BASE/full" &&
        mount -t tmpfs -o size=64k,mode=1777 none "$COMPOSITOR_BASE/full" 2>/dev/null
}

compositor_program() { # NAME
    case $1 in
    kwin) echo kwin_wayland ;;
    mir) echo mir_demo_server ;;
    xvfb) echo Xvfb ;;
    xwayland) echo Xwayland ;;
    *) echo "$1" ;;
    esac
}

# What is missing to run it, or nothing.
compositor_missing() { # NAME
    local program

    program=$(compositor_program "$1")
    command -v "$program" >/dev/null || echo "$program is not installed"
    case $1 in
    cage) command -v Xwayland >/dev/null || echo "cage does not start without Xwayland, which is not installed" ;;
    phoc | mutter | kwin) command -v dbus-daemon >/dev/null || echo "dbus-daemon is not installed" ;;
    mir) mir_has_virtual_outputs || command -v Xvfb >/dev/null || echo "Xvfb is not installed" ;;
    xwayland) command -v weston >/dev/null || echo "weston, whose window it is, is not installed" ;;
    esac
}

is_x_server() { # NAME
    [[ " $X_SERVERS " = *" $1 "* ]]
}

# A copy for all users to read, of a library or of a directory of presets: the build tree may be
# closed to the user nobody, and a library that cannot be read is silently ignored.
readable_copy() { # PATH
    local copy="$COMPOSITOR_BASE/lib/${1##*/}"

    if [ ! -e "$copy" ]; then
        cp -LR "$1" "$copy" && chmod -R a+rX "$copy"
    fi
    printf '%s\n' "$copy"
}

compositor_policy() {
    printf '@%s/compositor\n' "$(readable_copy "$SIGBUS_PRESETS")"
}

# Its name and version, as it says them itself; those that do not, as the package says.
compositor_version() { # NAME
    local option=--version

    case $1 in
    cage) option=-v ;;
    kwin) package_version kwin kwin-wayland && return ;;
    mir) package_version mir mir-test-tools && return ;;
    xvfb | xwayland) package_version "$1" "$1" && return ;;
    esac
    "$(compositor_program "$1")" $option 2>/dev/null </dev/null |
        sed -nE '1{s/^(Cage|sway) version /\L\1 /; s/^(Phoc|labwc) ([^ ]*) .*/\L\1 \2/; p}'
}

package_version() { # NAME PACKAGE
    dpkg-query -W -f "$1 \${Version}\n" "$2" 2>/dev/null | sed 's/ [0-9]*:/ /; s/-[^-]*$//'
}

# Since Mir 2.15; before, its screen is a window of an X server.
mir_has_virtual_outputs() {
    compgen -G '/usr/lib/*/mir/server-platform/server-virtual.so.*' >/dev/null
}

# Sets COMMAND, and what it needs around it: SETTINGS, a bus, an X server.
compositor_command() { # NAME
    SETTINGS=() NEEDS=
    case $1 in
    sway) COMMAND=(sway --config "$COMPOSITOR_BASE/sway.conf") ;;
    cage) # it waits for the end of its program
        COMMAND=(cage -- sh -c 'echo $$ >"$XDG_RUNTIME_DIR/program"; exec sleep infinity')
        ;;
    phoc)
        COMMAND=(phoc)
        SETTINGS=(GSETTINGS_BACKEND=memory)
        NEEDS=bus
        ;;
    labwc) COMMAND=(labwc) ;;
    weston)
        COMMAND=(weston --backend=headless-backend.so --use-pixman --no-config --idle-time=0 --debug
            --socket=wayland-1 --log="$XDG_RUNTIME_DIR/weston.log")
        ;;
    mutter)
        COMMAND=(mutter --headless --wayland --no-x11 --virtual-monitor=1024x640
            --wayland-display=wayland-1)
        SETTINGS=(GSETTINGS_BACKEND=memory LIBGL_ALWAYS_SOFTWARE=1)
        NEEDS=bus
        ;;
    kwin) # for a program with file capabilities the loader ignores a preload: a copy has none
        mkdir -p "$COMPOSITOR_BASE/bin" && cp "$(command -v kwin_wayland)" "$COMPOSITOR_BASE/bin"
        COMMAND=("$COMPOSITOR_BASE/bin/kwin_wayland" --virtual --no-lockscreen --no-global-shortcuts
            --no-kactivities --socket=wayland-1 --width=1024 --height=640)
        SETTINGS=(KWIN_COMPOSE=Q XDG_SESSION_TYPE=wayland)
        NEEDS=bus
        ;;
    mir)
        COMMAND=(mir_demo_server --add-wayland-extensions=all)
        SETTINGS=(LIBGL_ALWAYS_SOFTWARE=1)
        if mir_has_virtual_outputs; then
            SETTINGS+=(MIR_SERVER_PLATFORM_DISPLAY_LIBS=mir:virtual
                MIR_SERVER_PLATFORM_RENDERING_LIBS=mir:egl-generic MIR_SERVER_VIRTUAL_OUTPUT=1024x640)
        else
            SETTINGS+=(MIR_SERVER_PLATFORM_DISPLAY_LIBS=mir:x11 MIR_SERVER_PLATFORM_RENDERING_LIBS=mir:x11)
            NEEDS=screen
        fi
        ;;
    xvfb) COMMAND=(Xvfb -displayfd 7 -screen 0 640x480x24 -nolisten tcp) ;;
    xwayland)
        COMMAND=(Xwayland -displayfd 7 -shm -ac -nolisten tcp)
        NEEDS=window
        ;;
    *) return 1 ;;
    esac
}

# What a compositor needs around it lives as long as it does, without us.
start_surroundings() {
    case $NEEDS in
    bus)
        SETTINGS+=(DBUS_SESSION_BUS_ADDRESS="unix:path=$XDG_RUNTIME_DIR/bus")
        "${AS_NOBODY[@]}" dbus-daemon --session --nofork --nopidfile \
            --address="unix:path=$XDG_RUNTIME_DIR/bus" >/dev/null 2>&1 3>&- &
        SURROUNDINGS=$!
        wait_for test -S "$XDG_RUNTIME_DIR/bus"
        ;;
    screen)
        rm -f "$COMPOSITOR_BASE/display"
        "${AS_NOBODY[@]}" Xvfb -displayfd 4 -screen 0 1024x640x24 4>"$COMPOSITOR_BASE/display" \
            >/dev/null 2>&1 3>&- &
        SURROUNDINGS=$!
        wait_for test -s "$COMPOSITOR_BASE/display"
        SETTINGS+=(DISPLAY=":$(cat "$COMPOSITOR_BASE/display")")
        ;;
    window)
        "${AS_NOBODY[@]}" weston --backend=headless-backend.so --use-pixman --no-config --idle-time=0 \
            --socket=surroundings >/dev/null 2>&1 3>&- &
        SURROUNDINGS=$!
        wait_for test -S "$XDG_RUNTIME_DIR/surroundings"
        SETTINGS+=(WAYLAND_DISPLAY=surroundings)
        ;;
    esac
}

start_compositor() { # NAME [VAR=VALUE...]
    local directory NEEDS
    local -a COMMAND SETTINGS

    COMPOSITOR_COUNT=$((COMPOSITOR_COUNT + 1))
    directory="$COMPOSITOR_BASE/run-$BASHPID-$COMPOSITOR_COUNT"
    COMPOSITOR_LOG="$COMPOSITOR_BASE/log-$BASHPID-$COMPOSITOR_COUNT"
    mkdir -m 0700 "$directory" && : >"$COMPOSITOR_LOG"
    if [ ${#AS_NOBODY[@]} -gt 0 ]; then
        chown 65534:65534 "$directory"
    fi
    unset WAYLAND_DISPLAY WAYLAND_SOCKET DISPLAY
    export XDG_RUNTIME_DIR=$directory HOME=$COMPOSITOR_BASE/home
    compositor_command "$1" || return 1
    COMPOSITOR=$1
    shift
    start_surroundings
    (
        ulimit -c 0
        cd "$directory" || exit # phoc looks for its configuration where it is started
        exec 7>"$directory/display" # an X server's number
        exec "${AS_NOBODY[@]}" env WLR_BACKENDS=headless WLR_RENDERER=pixman \
            WLR_LIBINPUT_NO_DEVICES=1 "${SETTINGS[@]}" "$@" "${COMMAND[@]}"
    ) >>"$COMPOSITOR_LOG" 2>&1 </dev/null 3>&- &
    COMPOSITOR_PID=$!
    wait_for compositor_listens_or_ended
    compositor_alive
}

compositor_listens_or_ended() {
    local socket

    for socket in "$XDG_RUNTIME_DIR"/wayland-[0-9]; do
        if [ -S "$socket" ]; then
            export WAYLAND_DISPLAY=${socket##*/}
            return 0
        fi
    done
    if [ -s "$XDG_RUNTIME_DIR/display" ]; then
        DISPLAY=:$(cat "$XDG_RUNTIME_DIR/display")
        export DISPLAY
        return 0
    fi
    ! compositor_alive
}

compositor_alive() {
    [ -n "$COMPOSITOR_PID" ] && [ -d "/proc/$COMPOSITOR_PID" ] &&
        ! grep -q '^State:.Z' "/proc/$COMPOSITOR_PID/status" 2>/dev/null
}

# Is libsigbus in the compositor?
compositor_loaded() {
    grep -q /libsigbus "/proc/$COMPOSITOR_PID/maps"
}

compositor_ended() {
    ! compositor_alive
}

# A client can see its end before we do: either it has ended, or it serves the next client.
compositor_settled() {
    compositor_ended || [ "$(hostile_client good 2>&1)" = alive ]
}

compositor_status() {
    STATUS=0
    wait "$COMPOSITOR_PID" 2>/dev/null || STATUS=$?
    remove_x_display "$COMPOSITOR_PID"
    end_program
    COMPOSITOR_PID=
    if [ -n "$SURROUNDINGS" ]; then
        kill "$SURROUNDINGS" 2>/dev/null || :
        wait "$SURROUNDINGS" 2>/dev/null || :
        SURROUNDINGS=
    fi
}

# The program in a cage ends with it.
end_program() {
    [ ! -s "$XDG_RUNTIME_DIR/program" ] || kill "$(cat "$XDG_RUNTIME_DIR/program")" 2>/dev/null || :
    rm -f "$XDG_RUNTIME_DIR/program"
}

# cage takes an X display for Xwayland, and does not give it back when it dies.
remove_x_display() { # PID
    local lock display

    for lock in /tmp/.X*-lock; do
        if grep -qw "$1" "$lock" 2>/dev/null; then
            display=${lock#/tmp/.X}
            rm -f "$lock" "/tmp/.X11-unix/X${display%-lock}"
        fi
    done
}

# Has late-handler.so installed its handler?
late_handler_installed() {
    grep -q 'late-handler: installed' "$COMPOSITOR_LOG"
}

stop_compositor() {
    [ -n "$COMPOSITOR_PID" ] || return 0
    kill -TERM "$COMPOSITOR_PID" 2>/dev/null || :
    end_program
    wait_for compositor_ended || kill -KILL "$COMPOSITOR_PID" 2>/dev/null || :
    compositor_status
}

hostile_client() { # [OPTION...] ATTACK
    if is_x_server "$COMPOSITOR"; then
        limited "$X_HOSTILE" "$@"
    else
        limited "$WL_HOSTILE" "$@"
    fi
}

run_attack() { # ATTACK [OPTION...]
    local attack=$1 status=0

    shift
    SEEN=$(hostile_client "$@" "$attack" 2>&1) || status=$?
    case $status in
    0) ;;
    77) SEEN="skipped: $SEEN" ;;
    *) SEEN="failed: $SEEN" ;;
    esac
    if [ "$SEEN" = "connection closed" ]; then
        wait_for compositor_settled || :
    fi
    if compositor_alive; then
        OUTCOME=alive
    else
        compositor_status
        # shellcheck disable=SC2034 # for the caller
        OUTCOME=$STATUS
    fi
}

# Was the client told what it is told without us, or more? An error that it gets without us it gets
# with us. Where the bare compositor says nothing its connection is kept, or it is told the reason why
# it was lost. Where the bare one dies a lost connection is all that it is told; with us the reason may
# be lost with it, if the client is still writing when the compositor closes.
client_content() { # BARE
    case $1 in
    "protocol error "* | Bad*) [ "$SEEN" = "$1" ] ;;
    *) [[ $SEEN = "$1" || $SEEN = alive || $SEEN = "protocol error "* || $SEEN = Bad* ]] ;;
    esac
}
