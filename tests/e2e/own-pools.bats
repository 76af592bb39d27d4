# SPDX-License-Identifier: MIT
#
# Clients share memory of their own with the compositor. Where its file system is full they die of a bus
# error when they draw; with @container the mapping fails, and a line says why.

load ../harness/helper
load compositor

setup() {
    skip_unless_root
    WL_HOSTILE=$PROGS/wl-hostile
    missing=$(compositor_missing sway)
    [ -z "$missing" ] || skip "$missing"
    compositor_setup
    mount_small_tmpfs || skip "this system does not let root mount a tmpfs"
    start_compositor sway
    export WAYLAND_DISPLAY=$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY
    head -c 70000 /dev/zero >"$COMPOSITOR_BASE/full/filler" 2>/dev/null || :
}

teardown() {
    [ -z "${COMPOSITOR_BASE:-}" ] || compositor_cleanup
}

# A program in a session whose runtime directory and /dev/shm are full, bare and with us.
# shellcheck disable=SC2016
on_full() { # COMMAND...
    run --separate-stderr limited unshare --mount sh -c '
        mount --bind "$XDG_RUNTIME_DIR" /dev/shm && exec "$@"' sh "$@"
}
draws() { # COMMAND...
    export XDG_RUNTIME_DIR=$COMPOSITOR_BASE/full
    on_full "$@"
    bare=$status
    bare_output=$output
    on_full env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY=@container "$@"
    echo "# bare: $bare $bare_output; with us: $status $output $stderr"
}

@test "SDL: a cursor on a full runtime directory is an error, not a bus error" {
    ldconfig -p | grep libSDL2-2.0.so.0 >"$BATS_TEST_TMPDIR/sdl" || skip "libSDL2 is not installed"
    skip_without python3
    cat >"$BATS_TEST_TMPDIR/cursor.py" <<'END'
import ctypes, sys
sdl = ctypes.CDLL("libSDL2-2.0.so.0")
sdl.SDL_GetError.restype = ctypes.c_char_p
sdl.SDL_CreateRGBSurface.restype = sdl.SDL_CreateColorCursor.restype = ctypes.c_void_p
sdl.SDL_CreateColorCursor.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
if sdl.SDL_Init(0x20):
    sys.exit("no video: " + sdl.SDL_GetError().decode())
surface = sdl.SDL_CreateRGBSurface(0, 256, 256, 32, 0xff0000, 0xff00, 0xff, 0xff000000)
print("cursor" if sdl.SDL_CreateColorCursor(surface, 0, 0) else "error")
END
    SDL_VIDEODRIVER=wayland draws python3 "$BATS_TEST_TMPDIR/cursor.py"
    if [ "$bare" = 0 ]; then
        skip "this SDL does not keep its cursors there ($bare_output)"
    fi
    assert_equal "$bare" 135
    assert_success
    assert_output error
    [[ $stderr == *'mapping refused in python3'*'asked for by libSDL2'*'hint: XDG_RUNTIME_DIR is full'* ]]
}

# What a program makes of the error is its own: swaylock 1.7 does not look at it.
@test "swaylock on a full /dev/shm is refused the memory, with the reason" {
    skip_without swaylock
    draws swaylock -c 112233
    assert_equal "$bare" 135
    [ "$status" != 135 ]
    [[ $stderr == *'mapping refused in swaylock'*'(nospace on tmpfs, '*'hint: /dev/shm is full'* ]]
}

@test "GTK keeps its pools in memfds: a full runtime directory does not matter" {
    local python=/usr/bin/python3

    $python -c 'import gi; gi.require_version("Gtk", "3.0")' 2>/dev/null || skip "GTK 3 for Python is not installed"
    cat >"$BATS_TEST_TMPDIR/window.py" <<'END'
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gtk
window = Gtk.Window()
window.show_all()
window.get_window().get_frame_clock().connect("after-paint", lambda *_: Gtk.main_quit())
Gtk.main()
print("drawn")
END
    GDK_BACKEND=wayland GSETTINGS_BACKEND=memory draws $python "$BATS_TEST_TMPDIR/window.py"
    assert_equal "$bare $bare_output" "0 drawn"
    assert_success
    assert_output drawn
    [[ $stderr != *"libsigbus: "* ]]
}
