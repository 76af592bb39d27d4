#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What "make install" puts where, and that it works there: with DESTDIR from the build tree; in
# make installcheck, what is installed.

load ../harness/helper

setup_file() {
    [ -z "${SIGBUS_INSTALLED:-}" ] || return 0
    local root=$BATS_FILE_TMPDIR/root
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$top_builddir" install DESTDIR="$root" >&2
    SIGBUS_INSTALLED=$(dirname "$(find "$root" -path '*/bin/sigbus-run')")
    SIGBUS_LIB=$(find "$root" -name libsigbus.so.0)
    SIGBUS_PRESETS=$(dirname "$(find "$root" -path '*/libsigbus/compositor')")
    SIGBUS_RUN=$SIGBUS_INSTALLED/sigbus-run
    SIGBUS_DESTDIR=$root
    export SIGBUS_INSTALLED SIGBUS_LIB SIGBUS_PRESETS SIGBUS_RUN SIGBUS_DESTDIR
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export PKG_CONFIG_PATH=${SIGBUS_LIB%/*}/pkgconfig
}

pc() { # VARIABLE
    pkg-config --variable="$1" libsigbus
}

needs_development_files() {
    skip_without pkg-config
    [ -e "$PKG_CONFIG_PATH/libsigbus.pc" ] || skip 'the development files are not installed'
}

program_with_owner() {
    cat >owner.c <<'END'
#include <sigbus/sigbus.h>
#include <stdio.h>
int main(void)
{
	struct sigbus_owner *owner;

	return printf("%d\n", sigbus_owner_create("test", NULL, NULL, &owner)) < 0;
}
END
}

@test "programs, presets and pages are where they belong" {
    for file in "$SIGBUS_INSTALLED"/sigbus-{run,stat} "$SIGBUS_LIB" \
        "$SIGBUS_PRESETS"/{compositor,container,diagnose,hugetlb}; do
        assert [ -r "$file" ]
    done
    share=${SIGBUS_PRESETS%/*}
    for page in man1/sigbus-run.1 man1/sigbus-stat.1 man7/sigbus-policy.7; do
        assert [ -n "$(find "$share/man/${page%/*}" -name "${page#*/}*")" ]
    done
    [ ! -e "$SIGBUS_INSTALLED/sigbus-explain" ] ||
        assert [ -n "$(find "$share/man/man1" -name 'sigbus-explain.1*')" ]
    for example in compositor.conf greetd.toml service.conf sway.service Dockerfile kubernetes.yaml sigbus-trace.bt; do
        assert [ -n "$(find "$share/doc" -path "*/examples/$example")" ]
    done
}

@test "sigbus-run finds its own library and presets" {
    run "$SIGBUS_RUN" --policy @compositor --log stderr+start cat /proc/self/maps
    assert_success
    assert_output --regexp 'libsigbus: active in cat\[[0-9]+\], rules: [1-9][0-9]'
    assert_output --partial "$(readlink -f "$SIGBUS_LIB")"
    run "$SIGBUS_RUN" --list
    assert_line --partial @compositor
    run "$SIGBUS_RUN" --check cat
    assert_success
}

@test "it survives a lost page" {
    lost=$PWD/lost
    head -c 16384 /dev/zero >lost
    cat >reader.py <<'END'
import mmap, os, sys
f = open(sys.argv[1], "r+b")
m = mmap.mmap(f.fileno(), 0)
os.truncate(sys.argv[1], 100)
print(m[5000])
END
    skip_without python3
    run python3 reader.py "$lost"
    [ "$status" -gt 128 ]
    head -c 16384 /dev/zero >lost
    run "$SIGBUS_RUN" --policy "path:$lost=zero" python3 reader.py "$lost"
    assert_success
    assert_line 0
    assert_line --regexp '^libsigbus: SIGBUS in python3.*: zero, '
}

@test "libsigbus.pc: preload, presets, version" {
    needs_development_files
    run pc preload
    assert_equal "$(readlink -f "${SIGBUS_DESTDIR:-}$output")" "$(readlink -f "$SIGBUS_LIB")"
    run env LD_PRELOAD="${SIGBUS_DESTDIR:-}$output" SIGBUS_LOG=stderr+start true
    assert_output --regexp '^libsigbus: active in true'
    assert [ "${SIGBUS_DESTDIR:-}$(pc presets)" -ef "$SIGBUS_PRESETS" ]
    run pkg-config --modversion libsigbus
    assert_equal "sigbus-run (libsigbus) $output" "$("$SIGBUS_RUN" --version)"
}

@test "a program is compiled and linked by libsigbus.pc, and works" {
    needs_development_files
    program_with_owner
    export PKG_CONFIG_SYSROOT_DIR=${SIGBUS_DESTDIR:-}
    # shellcheck disable=SC2046
    run $CC -Wall -Werror -o owner $(pkg-config --cflags libsigbus) owner.c \
        $(pkg-config --libs libsigbus)
    assert_output ''
    run readelf -d owner
    assert_output --partial '[libsigbus.so.0]'
    run env LD_LIBRARY_PATH="${SIGBUS_LIB%/*}" ./owner
    assert_success
    assert_output 0
}

@test "sigbus-run preloads by name what the dynamic linker knows, else by path" {
    path=$("$SIGBUS_RUN" sh -c 'echo "$LD_PRELOAD"')
    if [ "$path" = libsigbus.so.0 ]; then
        run ldconfig -p
        assert_output --partial "libsigbus.so.0 ("
        return
    fi
    assert [ "$path" -ef "$SIGBUS_LIB" ]
    unshare --mount true 2>/dev/null || skip 'no mount namespace can be made'
    printf 'header\0/lib/libc.so.6\0%s\0' "$path" >cache
    printf 'header\0/lib/libc.so.6\0/other%s\0%s.1\0' "$path" "$path" >other
    [ -e /etc/ld.so.cache ] || skip 'there is no /etc/ld.so.cache'
    with_cache() { # CACHE
        # shellcheck disable=SC2016
        LD_LIBRARY_PATH=${SIGBUS_LIB%/*} unshare --mount sh -c 'mount --bind "$1" /etc/ld.so.cache &&
            exec "$2" sh -c "echo \$LD_PRELOAD"' sh "$1" "$SIGBUS_RUN"
    }
    run with_cache cache
    assert_output libsigbus.so.0
    run with_cache other
    assert_output "$path"
}

@test "meson finds it by pkg-config" {
    needs_development_files
    skip_without meson ninja
    program_with_owner
    printf '%s\n' "project('user', 'c')" \
        "executable('owner', 'owner.c', dependencies: dependency('libsigbus', version: '>=0.2'))" >meson.build
    export PKG_CONFIG_SYSROOT_DIR=${SIGBUS_DESTDIR:-}
    run meson setup build
    assert_success
    run ninja -C build
    assert_success
    run env LD_LIBRARY_PATH="${SIGBUS_LIB%/*}" build/owner
    assert_success
    assert_output 0
}

@test "CMake finds it by pkg-config, with the lines of libsigbus(3)" {
    needs_development_files
    skip_without cmake
    program_with_owner
    {
        printf '%s\n' 'cmake_minimum_required(VERSION 3.18)' 'project(user C)' 'add_executable(server owner.c)'
        sed -n '/^\tfind_package(PkgConfig/,/^\.Ed/{/^\.Ed/!p}' "$top_srcdir/man/libsigbus.3"
    } >CMakeLists.txt
    assert_equal "$(grep -c '^\s' CMakeLists.txt)" 3
    export PKG_CONFIG_SYSROOT_DIR=${SIGBUS_DESTDIR:-}
    run cmake -S . -B build
    assert_success
    run cmake --build build
    assert_success
    run env LD_LIBRARY_PATH="${SIGBUS_LIB%/*}" build/server
    assert_success
    assert_output 0
}

@test "make uninstall leaves nothing" {
    [ -e "$top_builddir/Makefile" ] || skip 'there is no build tree'
    local root=$BATS_TEST_TMPDIR/root
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$top_builddir" install DESTDIR="$root" >&2
    # A session was protected meanwhile.
    run env LD_PRELOAD="$(find "$root" -name libsigbus.so.0)" SIGBUS_POLICY=@compositor true
    assert_success
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$top_builddir" uninstall DESTDIR="$root" >&2
    run find "$root" ! -type d
    assert_output ''
    run find "$root" -type d -name '*sigbus*'
    assert_output ''
}
