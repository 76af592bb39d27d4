# SPDX-License-Identifier: MIT
#
# When and how the library is loaded: first or late, once or twice, with little memory.

load ../harness/helper

@test "loading: the library is loaded" {
    assert_loaded
}

@test "loading: hooks work for a constructor that runs before ours" {
    for order in "$SIGBUS_LIB $LIBS/early-constructor.so" "$LIBS/early-constructor.so $SIGBUS_LIB"; do
        for only in true nobody; do
            run env LD_PRELOAD="$order" SIGBUS_ONLY=$only /bin/true
            assert_success
            assert_output constructed
        done
    done
}

@test "loading: loaded by dlopen() it leaves everything alone" {
    run_bare loading late ''
    assert_line 'own handler ran'
    bare_output=$output
    run --separate-stderr "$PROGS/loading" late "$SIGBUS_LIB"
    assert_equal "$output" "${bare_output/not loaded/loaded}"
    assert_reports 0
    run --separate-stderr env SIGBUS_LOG=stderr "$PROGS/loading" late "$SIGBUS_LIB"
    assert_equal "$output" "${bare_output/not loaded/loaded}"
    assert_reports 1
    [[ $stderr == *'loaded behind the C library'* ]]
}

@test "loading: linked in behind the C library it leaves everything alone" {
    "$CC" -o "$BATS_TEST_TMPDIR/late" -x c - -x none -lc "$SIGBUS_LIB" -Wl,--no-as-needed \
        -I"$top_srcdir/include" <<<'
            #include <sigbus/sigbus.h>
            int main(void)
            {
                struct sigbus_owner *owner;
                return -sigbus_owner_create("late", 0, 0, &owner);
            }' || skip "$CC cannot link"
    readelf -d "$BATS_TEST_TMPDIR/late" | grep NEEDED | head -1 | grep -q libc || skip "link order"
    run env LD_LIBRARY_PATH="$(dirname "$SIGBUS_LIB")" "$BATS_TEST_TMPDIR/late"
    assert_failure 38 # ENOSYS
}

@test "loading: of two copies one works and the other keeps out of its way" {
    cp "$SIGBUS_LIB" "$BATS_TEST_TMPDIR/libsigbus.so.0.copy"
    for order in "$BATS_TEST_TMPDIR/libsigbus.so.0.copy $SIGBUS_LIB" \
        "$SIGBUS_LIB $BATS_TEST_TMPDIR/libsigbus.so.0.copy"; do
        run --separate-stderr env LD_PRELOAD="$order" "$PROGS/loading" late ''
        assert_line 'own handler ran'
        assert_line --partial 'blocked: 1, 64 blocked: 0, own handler: 1'
        refute [ "${stderr/killed by SIGBUS/}" != "$stderr" ]
    done
}

@test "loading: a program that may lock 8 MiB can still lock all its memory" {
    skip_unless_root
    run_bare loading lock
    assert_output locked
    run_with loading lock
    assert_output locked
}

@test "loading: a program with 16 MB of address space is protected" {
    run bash -c "ulimit -v 16000; SIGBUS_LOG=stderr+start LD_PRELOAD='$SIGBUS_LIB' /bin/true"
    assert_success
    assert_output --partial 'active in true'
}
