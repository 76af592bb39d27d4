# SPDX-License-Identifier: MIT
#
# Nothing that programs do often becomes dearer unnoticed: instructions, counted by callgrind, so
# that a loaded machine does not matter. See bench/ for time.

load helper

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
    within table-lookup 80
    within table-insert-remove 300
    within anonymous-4k 260
    within anonymous-64m 330
    within file-4k 850
    within file-1m 1100
    within file-64m 1450
    within sigprocmask 120
    within sigaction 400
    within fault-chain 2200
    within fault-repair 2000
}
