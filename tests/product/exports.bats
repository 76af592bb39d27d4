#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the dynamic linker sees of the library: the API with its version, hooks without one.

load ../harness/helper

setup() {
    skip_without readelf
}

# Defined dynamic symbols, "name" or "name@@VERSION".
exported() { # FILE
    readelf -W --dyn-syms "$1" | awk '$7 ~ /^[0-9]+$/ { print $8 }' | sort -u
}

# Undefined ones, without version.
undefined() {
    readelf -W --dyn-syms "$SIGBUS_LIB" | awk '$7 == "UND" && $8 { sub(/@.*/, "", $8); print $8 }'
}

libc() {
    ldd "$SIGBUS_LIB" | awk '$1 ~ /^libc\.so/ { print $3 }'
}

@test "the library is loaded" {
    assert_loaded
}

@test "sigbus_* have the version LIBSIGBUS_0, and are the declared functions" {
    exported "$SIGBUS_LIB" | grep '^sigbus_' >"$BATS_TEST_TMPDIR/exported"
    grep -o '\bsigbus_[a-z_]*(' "$top_srcdir/include/sigbus/sigbus.h" | sort -u |
        sed 's/($/@@LIBSIGBUS_0/' >"$BATS_TEST_TMPDIR/declared"
    run diff "$BATS_TEST_TMPDIR/declared" "$BATS_TEST_TMPDIR/exported"
    assert_success
    [ -s "$BATS_TEST_TMPDIR/exported" ]
}

@test "the versions and their symbols are those of the map" {
    exported "$SIGBUS_LIB" | grep '@' | sort >"$BATS_TEST_TMPDIR/exported"
    sed -n '/^LIBSIGBUS_/,$p' "$top_srcdir/src/libsigbus.map" | awk '
        /^LIBSIGBUS_/ { version = $1 }
        /^\t\t/ { sub(";", ""); print $1 "@@" version }' | sort >"$BATS_TEST_TMPDIR/map"
    run diff "$BATS_TEST_TMPDIR/map" "$BATS_TEST_TMPDIR/exported"
    assert_success
    grep -qx 'sigbus_owner_create@@LIBSIGBUS_0' "$BATS_TEST_TMPDIR/map"
    run readelf -W -V "$SIGBUS_LIB"
    assert_output --regexp 'Name: LIBSIGBUS_0'
    sed -n 's/^ \(sigbus_[a-z_]*\)@\(LIBSIGBUS_[0-9]*\) .*/\1@@\2/p' \
        "$top_srcdir/debian/libsigbus0.symbols" | sort >"$BATS_TEST_TMPDIR/package"
    run diff "$BATS_TEST_TMPDIR/map" "$BATS_TEST_TMPDIR/package"
    assert_success
}

@test "a hook has no version: one that has interposes nothing" {
    run bash -c "$(declare -f exported); exported '$SIGBUS_LIB' | grep -v '^sigbus_'"
    for hook in mmap mmap64 munmap mremap mprotect sigaction signal; do
        assert_line "$hook"
    done
    refute_output --partial '@'
}

@test "nothing is exported but the API and names that libc has" {
    exported "$SIGBUS_LIB" | grep -v '@@LIBSIGBUS_0$' >"$BATS_TEST_TMPDIR/hooks"
    exported "$(libc)" | sed 's/@.*//' | sort -u >"$BATS_TEST_TMPDIR/libc"
    run comm -23 "$BATS_TEST_TMPDIR/hooks" "$BATS_TEST_TMPDIR/libc"
    assert_output ''
}

@test "a program's call is bound to the hook" {
    LD_DEBUG=bindings LD_BIND_NOW=1 LD_DEBUG_OUTPUT=$BATS_TEST_TMPDIR/debug \
        run_with bash -c :
    run cat "$BATS_TEST_TMPDIR"/debug.*
    assert_output --regexp "bash \[0\] to $SIGBUS_LIB \[0\]: normal symbol \`sigaction'"
}

@test "it comes first, stays loaded and is bound at once" {
    run readelf -W -d "$SIGBUS_LIB"
    assert_output --partial 'INITFIRST'
    assert_output --partial 'NODELETE'
    assert_output --partial 'BIND_NOW'
    assert_output --regexp 'SONAME.*\[libsigbus\.so\.0\]'
}

@test "it needs libc alone" {
    run bash -c "readelf -W -d '$SIGBUS_LIB' | grep NEEDED"
    refute_line --regexp 'libunwind|libdl|libpthread|libgcc'
    assert_line --regexp '\[libc\.so\.6\]'
}

# Each name costs the loader about 700 instructions in every process; and a checked variant, or a stack
# canary, musl programs. The rest of libc is in src/base/string.c, or found by src/kernel/next.c.
@test "the loader has two names to find for it" {
    run undefined
    assert_output --regexp $'^(_dl_find_object\ndlsym|dlsym\n_dl_find_object)$'
}

@test "next to nothing is relocated: tables have their words in place" {
    [ "$(readelf -W -r "$SIGBUS_LIB" | grep -c R_)" -le 60 ]
}

@test "no dynamic TLS, no lazy relocation, no text relocation" {
    run undefined
    refute_line --partial __tls_get_addr
    run readelf -W -d "$SIGBUS_LIB"
    refute_output --partial TEXTREL
}

@test "the header stands alone, in C and in C++" {
    local compiler language optional flags="-pedantic -Wall -Wextra -Wshadow -Wunused-value -Werror"

    for compiler in "$CC" clang; do
        command -v "${compiler%% *}" >/dev/null || continue
        for language in 'c -std=c99' 'c -std=c17' 'c -std=gnu17' 'c++ -std=c++98' 'c++ -std=c++17'; do
            if [ "${language%% *}" = c++ ] && ! echo | $compiler -fsyntax-only -x c++ - 2>/dev/null; then
                continue # this compiler has no C++
            fi
            for optional in '' -DSIGBUS_OPTIONAL; do
                run $compiler -fsyntax-only $flags $optional -x $language \
                    -include "$top_srcdir/include/sigbus/sigbus.h" /dev/null
                assert_output ''
                assert_success
            done
        done
    done
}
