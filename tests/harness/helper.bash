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

# ---- running a program: with the library, bare, or both ----
#
#   run_with [OPTION...] PROG [ARG...]   with the library
#   run_bare PROG [ARG...]               without it
#   run_both [OPTION...] PROG [ARG...]   bare and then with it: status and output have to be the same
#
# Each leaves $status, $output, $lines and $stderr as "run --separate-stderr" does; run_both those of
# the run with the library. Options:
#
#   --policy POLICY, --log DEST, --only NAMES   SIGBUS_POLICY, SIGBUS_LOG, SIGBUS_ONLY
#   --preload LIST    what is preloaded, in this order; the bare run has what is not ours of it
# and for run_both:
#   --apart           both at the same time, each in a directory of its own and with its errors in its
#                     output, which is in the files bare and with ($status and $output are not set)
#   --edit COMMAND    edits a file of output: what is new in each run
#   --but PATTERN     lines that match may differ (one option for each pattern)

bus_error=135 # what a shell says of a process that SIGBUS killed
segv=139
# Steps of the programs pages and loss-victim: of a file that is open, pages 4-7 are lost.
lost_half=(size:8 fill map:8,shared,rw size:4)

# Sets what the options say, and $used, how many words they are.
read_options() { # [OPTION...] PROG [ARG...]
    settings=() preload=$SIGBUS_LIB apart='' edit='' but=() used=0
    while [[ ${1-} == --* ]]; do
        case $1 in
        --policy) settings+=("SIGBUS_POLICY=$2") ;;
        --log) settings+=("SIGBUS_LOG=$2") ;;
        --only) settings+=("SIGBUS_ONLY=$2") ;;
        --preload) preload=$2 ;;
        --edit) edit=$2 ;;
        --but) but+=("$2") ;;
        --apart)
            apart=1 used=$((used + 1))
            shift
            continue
            ;;
        *)
            echo "a run has no option $1"
            return 1
            ;;
        esac
        used=$((used + 2))
        shift 2
    done
}

run_with() { # [OPTION...] PROG [ARG...]
    local settings preload apart edit but used

    read_options "$@"
    shift "$used"
    run --separate-stderr limited env "$preload_variable=$preload" "${settings[@]}" "${emulator[@]}" \
        "$(prog_path "$1")" "${@:2}"
    skip_if_not_here
}

run_bare() { # PROG [ARG...]
    run --separate-stderr limited "${emulator[@]}" "$(prog_path "$1")" "${@:2}"
    skip_if_not_here
}

# A program that cannot do its part here prints why, and its status is 77.
skip_if_not_here() {
    [ "$status" != 77 ] || skip "${lines[0]}"
}

run_both() { # [OPTION...] PROG [ARG...]
    local settings preload apart edit but used options
    local bare=$BATS_TEST_TMPDIR/bare with=$BATS_TEST_TMPDIR/with

    read_options "$@"
    options=("${@:1:used}")
    shift "$used"
    if [ "$apart" ]; then
        run_apart "$@"
    else
        run_bare "$@"
        printf '%s\n' "$output" "status $status" >"$bare"
        run_with "${options[@]}" "$@"
        printf '%s\n' "$output" "status $status" >"$with"
    fi
    [ ! "$edit" ] || { "$edit" "$bare" && "$edit" "$with"; }
    assert_no_difference "${but[@]}"
}

run_apart() { # PROG [ARG...]
    local -a command=("${emulator[@]}" "$(prog_path "$1")" "${@:2}")
    local others=:$preload:

    others=${others/:"$SIGBUS_LIB":/:} others=${others#:} others=${others%:}
    record bare env ${others:+"$preload_variable=$others"} "${command[@]}" &
    record with env "$preload_variable=$preload" SIGBUS_LOG=off "${settings[@]}" "${command[@]}"
    wait $!
    [ "$(tail -n 1 "$bare")" != "status 77" ] || skip "$(head -n 1 "$bare")"
}

# What a command prints and its status, in a file. It has a directory of its own, for core dumps.
record() { # bare|with COMMAND [ARG...]
    local file=$BATS_TEST_TMPDIR/$1 status=0

    mkdir -p "$file-run"
    # The shell's own words about who was killed hold a process id: they are not kept.
    (cd "$file-run" && exec timeout -k 5 "$SIGBUS_TEST_LIMIT" "${@:2}" >"$file" 2>&1) 2>/dev/null || status=$?
    echo "status $status" >>"$file"
    rm -rf "$file-run"
}

# Between the files bare and with, but for lines that match a pattern; bare.left and with.left are
# what was compared.
assert_no_difference() { # [PATTERN...]
    local file

    for file in "$BATS_TEST_TMPDIR"/{bare,with}; do
        grep -Ev -f <(printf '%s\n' '^$' "$@") "$file" >"$file.left"
    done
    [ -s "$BATS_TEST_TMPDIR/bare.left" ] || return
    diff "$BATS_TEST_TMPDIR/bare.left" "$BATS_TEST_TMPDIR/with.left" >"$BATS_TEST_TMPDIR/difference" ||
        { head -c 4000 "$BATS_TEST_TMPDIR/difference" && return 1; }
}

# The bare run of run_both --apart printed so many lines, and ended so.
assert_prints() { # LINES [STATUS]
    assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/bare")" "$(($1 + 1))"
    assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/bare")" "status ${2:-0}"
}

# $output is these lines and no others.
assert_lines() { # LINE...
    assert_equal "$output" "$(printf '%s\n' "$@")"
}

# How many lines of $stderr are ours, without the summary at the end.
assert_reports() { # COUNT
    assert_equal "$(grep '^libsigbus: ' <<<"$stderr" | grep -vc '^libsigbus: summary of ')" "$1"
}

# Bare and with the library it goes on for ever: that is told by a second of processor time.
assert_loops() { # PROG [ARG...]
    local preload

    for preload in '' "$SIGBUS_LIB"; do
        # shellcheck disable=SC2016
        run limited bash -c 'ulimit -S -t 1; ulimit -c 0; exec env "$@"' - \
            ${preload:+"$preload_variable=$preload"} SIGBUS_LOG=off "${emulator[@]}" \
            "$(prog_path "$1")" "${@:2}"
        assert_equal "$status" 152 # SIGXCPU
    done
}

skip_where_cat_is_wider() {
    [[ "$CC ${emulator[*]}" != *-m32* ]] || skip "cat(1) has another word size"
}

# A library that cannot be read is ignored with status 0: without this a test may prove nothing.
assert_loaded() {
    skip_where_cat_is_wider
    run_with cat /proc/self/maps
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
