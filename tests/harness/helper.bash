# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every bats file loads. make check sets top_srcdir and top_builddir; by hand, with
# bats and the name of one, the build tree is the source tree, or _build in it.
# make installcheck sets SIGBUS_INSTALLED (the directory of sigbus-run), SIGBUS_LIB and
# SIGBUS_PRESETS to what is installed.
#
# LD_PRELOAD is set only for the program under test, never for bats.

# The libraries' own load.bash starts a process for each of their files, before each test.
load_library() { # NAME
    local directory file

    for directory in ${BATS_LIB_PATH//:/ }; do
        [ -d "$directory/$1/src" ] || continue
        for file in "$directory/$1/src"/*.bash; do
            # shellcheck disable=SC1090
            source "$file"
        done
        return
    done
    bats_load_library "$1"
}

load_library bats-support
load_library bats-assert
bats_require_minimum_version 1.5.0
source "${BASH_SOURCE[0]%/*}/waiting.bash"
# A little more for all of a test: its programs end first, and can be seen to hang.
BATS_TEST_TIMEOUT=$((SIGBUS_TEST_LIMIT + 30))

: "${top_srcdir:=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)}"
if [ -z "${top_builddir:-}" ]; then
    top_builddir=$top_srcdir
    [ -e "$top_srcdir/Makefile" ] || top_builddir=$top_srcdir/_build
fi
[[ $top_srcdir == /* ]] || top_srcdir=$(cd "$top_srcdir" && pwd)
[[ $top_builddir == /* ]] || top_builddir=$(cd "$top_builddir" && pwd)
# The loader splits LD_PRELOAD at blanks and colons, and nothing escapes them. configure wants such a
# tree to be built in itself: it is used through a link, and a copy of sigbus-run, which asks for the
# library beside it.
if [[ $top_builddir == *[[:blank:]:]* ]]; then
    if mkdir "$BATS_RUN_TMPDIR/run" 2>/dev/null; then
        ln -s "$top_builddir" "$BATS_RUN_TMPDIR/tree"
        ln -s ../tree/.libs "$BATS_RUN_TMPDIR/run"
        cp "$top_builddir/sigbus-run" "$BATS_RUN_TMPDIR/run"
    fi
    top_builddir=$BATS_RUN_TMPDIR/tree top_srcdir=$BATS_RUN_TMPDIR/tree
    SIGBUS_RUN=$BATS_RUN_TMPDIR/run/sigbus-run
fi
: "${SIGBUS_LIB:=$top_builddir/.libs/libsigbus.so}"
: "${SIGBUS_PRESETS:=$top_srcdir/data}"
: "${CC:=cc}"
: "${SIGBUS_RUN:=${SIGBUS_INSTALLED:-$top_builddir}/sigbus-run}"
PROGS=$top_builddir/tests/progs
LIBS=$top_builddir/tests/libs
EXAMPLES=$top_builddir/examples
export PROGS LIBS EXAMPLES SIGBUS_LIB SIGBUS_PRESETS SIGBUS_RUN

# What other programs say is compared: in one language, with its letters.
unset LANGUAGE
export LC_ALL=C.UTF-8

# The caller's own settings are not part of a test.
unset LD_PRELOAD SIGBUS_POLICY SIGBUS_LOG SIGBUS_ONLY

# The build tree of another machine: its programs run under this emulator, qemu's of a user.
emulator=() preload_variable=LD_PRELOAD
if [ -n "${SIGBUS_EMULATOR:-}" ]; then
    emulator=("$SIGBUS_EMULATOR") preload_variable=QEMU_SET_ENV=LD_PRELOAD
fi

# A test program by its name, any other by its path or through PATH.
prog_path() { # PROG
    if [ -x "$PROGS/$1" ]; then
        printf '%s\n' "$PROGS/$1"
    else
        printf '%s\n' "$1"
    fi
}

with_us() { # PROG [ARG...]
    local prog
    prog=$(prog_path "$1")
    shift
    env "$preload_variable=$SIGBUS_LIB" "${emulator[@]}" "$prog" "$@"
}

bare() { # PROG [ARG...]
    local prog
    prog=$(prog_path "$1")
    shift
    env -u LD_PRELOAD "${emulator[@]}" "$prog" "$@"
}

skip_where_cat_is_wider() {
    [[ "$CC ${emulator[*]}" != *-m32* ]] || skip "cat(1) has another word size"
}

# A library that cannot be read is ignored with status 0: without this a test may prove nothing.
assert_loaded() {
    skip_where_cat_is_wider
    run with_us cat /proc/self/maps
    assert_success
    assert_output --partial "$(readlink -f "$SIGBUS_LIB")"
}

# Our lines of $output, or of a file.
reports() { # [FILE]
    if [ $# -gt 0 ]; then
        grep '^libsigbus: ' "$1"
    else
        grep '^libsigbus: ' <<<"$output"
    fi
}

skip_in_emulator() { # WHAT IT DOES
    [ ${#emulator[@]} = 0 ] || skip "the emulator $1"
}

skip_unless_root() {
    [ "$(id -u)" = 0 ] || skip "needs root"
}

skip_without() { # COMMAND
    command -v "$1" >/dev/null || skip "$1 is not installed"
}
