# SPDX-License-Identifier: MIT
#
# The rooms of src: who calls whom, read from the object files, against tests/product/rooms.

load ../harness/helper

setup() {
    command -v python3 >/dev/null && command -v objdump >/dev/null ||
        skip "reading the objects needs python3 and objdump (binutils)"
    grep -E '^CFLAGS = .*(-flto|--coverage)' "$top_builddir/Makefile" &&
        skip "built with instruments, which call what they like"
    [ -e "$top_builddir/src/base/.libs" ] || skip "there is no build tree"
}

@test "no room calls one that the table does not allow, and there is no circle" {
    run "$top_srcdir/tests/product/layers" "$top_builddir/src" "$top_srcdir/tests/product/rooms"
    assert_success
    assert_output ''
}

@test "the check sees a forbidden call and a circle" {
    sed '/^signal:/s/ owner//; /^kernel:/s/$/ fault/' "$top_srcdir/tests/product/rooms" >"$BATS_TEST_TMPDIR/rooms"
    run "$top_srcdir/tests/product/layers" "$top_builddir/src" "$BATS_TEST_TMPDIR/rooms"
    assert_failure
    assert_line --regexp '^.* \(signal/.*\.c\) -> .* \(owner/.*\.c\)$'
}

@test "headers of a room are included by the rooms above it only" {
    # table, kernel and the like: a header of a higher room in a lower one is an arrow, too.
    run awk '
        FNR == NR { if (!/^#/ && split($0, part, ":")) { rank[part[1]] = ++n } next }
        FNR == 1 { split(FILENAME, place, "/src/"); split(place[2], room, "/") }
        /^#include "[a-z]+\// {
            split($2, name, "\""); split(name[2], other, "/")
            if (room[1] in rank && (!(other[1] in rank) && other[1] != "sigbus" || rank[other[1]] > rank[room[1]]))
                print place[2] " includes " name[2]
        }' "$top_srcdir/tests/product/rooms" "$top_srcdir"/src/*/*.[ch]
    assert_success
    assert_output ''
}

@test "ARCHITECTURE shows the table that is checked" {
    while read -r line; do
        case $line in "#"*) continue ;; esac
        grep -qxF "    $line" "$top_srcdir/ARCHITECTURE" || { echo "missing: $line" && false; }
    done <"$top_srcdir/tests/product/rooms"
}
