# SPDX-License-Identifier: MIT
#
# Programs of both word sizes in one session: $LIB in LD_PRELOAD, which each loader has its own word
# for. Run by tests/cross/check i686-linux-gnu: $top_builddir is the build for 32 bits.

load ../harness/helper

# The library for the other word size, and a program of it, which is all that is needed of it.
setup_file() {
    local here=$BATS_FILE_TMPDIR/other

    mkdir "$here"
    cd "$here"
    if ! { env -u LIBS "$top_srcdir/configure" -q CC=gcc PKG_CONFIG=false &&
        make -s -j2 libsigbus.la tests/progs/scenario; } >log 2>&1; then
        tail -n 20 log config.log
        return 1
    fi
}

setup() {
    local width

    cd "$BATS_TEST_TMPDIR"
    other=$BATS_FILE_TMPDIR/other
    # Where each loader looks for $LIB.
    for width in "$top_builddir:/lib/ld-linux.so.2" "$other:/lib64/ld-linux-x86-64.so.2"; do
        lib=$("${width#*:}" --list-diagnostics | sed -n 's/^dl_dst_lib="\(.*\)"$/\1/p')
        [ "$lib" ]
        mkdir -p "root/$lib"
        cp "${width%%:*}/.libs/libsigbus.so" "root/$lib/libsigbus.so.0"
    done
    preload=$PWD/root/'$LIB/libsigbus.so.0'
}

touch_lost() { # PROGRAM
    echo "$1/tests/progs/scenario . p.map p.truncate p.touch"
}

@test "widths: one LD_PRELOAD for a session with programs of both" {
    run env LD_PRELOAD="$preload" SIGBUS_POLICY='*=zero' SIGBUS_LOG="$PWD/log" sh -c \
        "$(touch_lost "$top_builddir"); $(touch_lost "$other"); $(touch_lost "$top_builddir")"
    assert_success
    assert_output "$(printf 'p.touch 00\np.touch 00\np.touch 00')"
    assert_equal "$(grep -c '^libsigbus: SIGBUS in scenario' log)" 3
    assert_equal "$(grep -c ' at 0x[0-9a-f]\{8\}, ' log)" 2
    assert_equal "$(grep -c ' at 0x[0-9a-f]\{12\}, ' log)" 1
}

@test "widths: without the library for one of them its programs run as without us" {
    rm root/lib*/*86_64*/libsigbus.so.0 2>/dev/null || rm root/lib/*/libsigbus.so.0
    run env LD_PRELOAD="$preload" SIGBUS_POLICY='*=zero' SIGBUS_LOG=off sh -c \
        "$(touch_lost "$top_builddir"); $(touch_lost "$other") 2>/dev/null"
    assert_failure 135
    assert_line "p.touch 00"
}
