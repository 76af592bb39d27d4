# SPDX-License-Identifier: MIT
#
# What the library and the tools are hardened with, by what was built. A shadow stack itself cannot be
# tried where neither processor nor kernel has one: here it is only seen that nothing of ours forbids it.

load ../harness/helper

setup() {
    skip_without readelf
    grep -Eq '^CFLAGS = .*(-fsanitize|--coverage|-O0)' "$top_builddir/Makefile" &&
        skip "built with instruments, or without optimization"
    true
}

tools() {
    for tool in sigbus-run sigbus-stat sigbus-explain sigbus-backtrace; do
        [ ! -e "$top_builddir/$tool" ] || echo "$top_builddir/$tool"
    done
}

@test "hardening: the tools have canaries and checked string functions, and bind at the start" {
    grep -q '^TOOL_CFLAGS = .*-fstack-protector-strong' "$top_builddir/Makefile" ||
        skip "this compiler, or the caller's flags, want others"
    [ "$(tools | wc -l)" -ge 2 ]
    for tool in $(tools); do
        run readelf -W --dyn-syms "$tool"
        assert_output --partial __stack_chk_fail
        run readelf -W -d "$tool"
        assert_output --regexp 'BIND_NOW|FLAGS.* NOW'
        run readelf -W -l "$tool"
        assert_output --partial GNU_RELRO
        refute_output --regexp 'GNU_STACK.* RWE'
    done
    run readelf -W --dyn-syms "$top_builddir/sigbus-stat"
    assert_output --regexp '_chk@'
}

@test "hardening: the library has none of the functions that musl lacks" {
    run readelf -W --dyn-syms "$SIGBUS_LIB"
    refute_output --regexp '__stack_chk_fail|__(mem|str|sn?printf|read)[a-z]*_chk@'
    run readelf -W -l "$SIGBUS_LIB"
    assert_output --partial GNU_RELRO
    refute_output --regexp 'GNU_STACK.* RWE'
}

@test "hardening: each object of the library goes with shadow stacks and branch tracking" {
    local wanted object source count=0

    case $(uname -m) in
    x86_64) wanted='IBT, SHSTK' ;;
    aarch64) wanted=BTI ;;
    *) skip "nothing of the kind on this machine" ;;
    esac
    grep -Eq '^BRANCH_CFLAGS = .+' "$top_builddir/Makefile" || skip "this compiler knows none"
    [[ "$CC" != *-m32* ]] || skip "not for 32 bits"
    while read -r object; do
        source=${object/.libs\//}
        source=$top_srcdir/${source#"$top_builddir/"}
        source=${source/libsigbus_la-/}
        [ -e "${source%.o}.c" ] || [ -e "${source%.o}.S" ] || continue # of an older build
        count=$((count + 1))
        run readelf -n "$object"
        [[ $output == *"$wanted"* ]] || fail "$object"
    done < <(find "$top_builddir/src" -path '*/.libs/*.o')
    [ "$count" -gt 40 ]
    [ "$(uname -m)" = x86_64 ] || return 0
    run readelf -n "$SIGBUS_LIB"
    assert_output --partial SHSTK
}

@test "hardening: the table of next functions cannot be written once the program runs" {
    skip_where_cat_is_wider
    local base address

    run readelf -W -s "$(readlink -f "$SIGBUS_LIB")"
    address=$(awk '$8 == "real" && $4 == "OBJECT" { print $2 }' <<<"$output")
    [ -n "$address" ] || skip "the library is stripped"
    run_with cat /proc/self/maps
    base=$(awk -v lib="$(readlink -f "$SIGBUS_LIB")" 'index($0, lib) { print $1; exit }' <<<"$output")
    address=$(printf '%x' $((0x$address + 0x${base%-*})))
    run awk -v page="$address" '$1 ~ "^0*" page "-" { print $2 }' <<<"$output"
    assert_output r--p
}
