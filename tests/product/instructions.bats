# SPDX-License-Identifier: MIT
#
# Nothing that programs do often becomes dearer unnoticed: instructions, counted by callgrind, so
# that a loaded machine does not matter; the bounds leave room for what gcc 12 to 16 make of the same
# source, some percent. See bench/ for time.

load ../harness/helper

setup() {
    skip_without valgrind
    printf '#include <valgrind/callgrind.h>\n' | $CC -E - >/dev/null 2>&1 ||
        skip "valgrind's headers are not installed"
    [ "$(uname -m)" = x86_64 ] || skip "the bounds are for x86-64"
}

# NAME is counted, and costs at most MAX.
within() { # NAME MAX
    local count
    count=$(awk -v name="$1" '$1 == name { print $2 }' <<<"$output")
    [ "$count" -gt 0 ] && [ "$count" -le "$2" ] || fail "$1: ${count:-not counted}, more than $2"
}

@test "instructions: no operation costs more than it may" {
    run "$top_srcdir/bench/instructions" "$top_builddir"
    echo "$output"
    assert_success
    within table-lookup 72
    within table-insert-remove 298
    within anonymous-4k 155
    within anonymous-64m 220
    within file-4k 790 # 12 of them are endbr64, 30 who sent the file
    within file-1m 990
    within file-64m 1360
    within sigprocmask 80
    within sigaction 400
    within longjmp 12 # and with that, of a thread in which no handler runs:
    within siglongjmp 12
    within two-swapcontext 24
    within fault-chain 2250
    within fault-repair 1700
}
