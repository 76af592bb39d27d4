# SPDX-License-Identifier: MIT
#
# What a careful reader of the source could break: unusual arguments, unusual moments, crowds.

load ../harness/helper
load ../harness/scenario

@test "review: the library is loaded" {
    assert_loaded
}

# ---- when and how we are loaded ----

@test "review: hooks work for a constructor that runs before ours" {
    for order in "$SIGBUS_LIB $LIBS/rev-first.so" "$LIBS/rev-first.so $SIGBUS_LIB"; do
        for only in true nobody; do
            run env LD_PRELOAD="$order" SIGBUS_ONLY=$only /bin/true
            assert_success
            assert_output constructed
        done
    done
}

@test "review: loaded by dlopen() it leaves everything alone" {
    without_us rev-load late ''
    assert_line 'own handler ran'
    bare_output=$output
    run --separate-stderr "$PROGS/rev-load" late "$SIGBUS_LIB"
    assert_equal "$output" "${bare_output/not loaded/loaded}"
    assert_reports 0
    run --separate-stderr env SIGBUS_LOG=stderr "$PROGS/rev-load" late "$SIGBUS_LIB"
    assert_equal "$output" "${bare_output/not loaded/loaded}"
    assert_reports 1
    [[ $stderr == *'loaded behind the C library'* ]]
}

@test "review: linked in behind the C library it leaves everything alone" {
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

@test "review: of two copies one works and the other keeps out of its way" {
    cp "$SIGBUS_LIB" "$BATS_TEST_TMPDIR/libsigbus.so.0.copy"
    for order in "$BATS_TEST_TMPDIR/libsigbus.so.0.copy $SIGBUS_LIB" \
        "$SIGBUS_LIB $BATS_TEST_TMPDIR/libsigbus.so.0.copy"; do
        run --separate-stderr env LD_PRELOAD="$order" "$PROGS/rev-load" late ''
        assert_line 'own handler ran'
        assert_line --partial 'blocked: 1, 64 blocked: 0, own handler: 1'
        refute [ "${stderr/killed by SIGBUS/}" != "$stderr" ]
    done
}

@test "review: a program that may lock 8 MiB can still lock all its memory" {
    skip_unless_root
    without_us rev-load lock
    assert_output locked
    us rev-load lock
    assert_output locked
}

@test "review: a program with 16 MB of address space is protected" {
    run bash -c "ulimit -v 16000; SIGBUS_LOG=stderr+start LD_PRELOAD='$SIGBUS_LIB' /bin/true"
    assert_success
    assert_output --partial 'active in true'
}

@test "review: an object at the place of another one has its own name" {
    cp "$LIBS/rev-plugin.so" "$BATS_TEST_TMPDIR/plugin-a.so"
    cp "$LIBS/rev-plugin.so" "$BATS_TEST_TMPDIR/plugin-b.so"
    policy='owner:plugin-*=zero'
    us rev-load reopen "$BATS_TEST_TMPDIR/plugin-a.so" "$BATS_TEST_TMPDIR/plugin-b.so"
    assert_success
    assert_equal "${lines[0]}" "${lines[1]}" # the same address, else this proves nothing
    assert_reports 2
    assert_equal "$(grep -o 'made by plugin-[ab]' <<<"$stderr")" \
        "$(printf 'made by plugin-a\nmade by plugin-b')"
}

@test "review: looking through a wrapper leaves no file open" {
    skip_without python3
    local program='
import mmap, os
fd = os.memfd_create("wrapped")
os.ftruncate(fd, 8192)
map = mmap.mmap(fd, 0)
print(sorted(name for name in os.listdir("/proc/self/fd") if int(name) < 64))'

    without_us python3 -c "$program"
    bare_output=$output
    policy='owner:*python*=zero'
    us python3 -c "$program"
    assert_success
    assert_equal "$output" "$bare_output"
    us python3 -c "$program"'
os.truncate(fd, 0)
print(map[5000])'
    assert_line 0
    [[ $stderr =~ made\ by\ (lib)?python ]]
}

# ---- signals ----

@test "review: what the C library does not look at is not looked at" {
    same_as_bare rev-signals arguments
    assert_success
}

@test "review: a vfork() child of a fork() child does not change its parent" {
    policy='*=zero'
    us rev-signals vfork
    assert_lines 'child: handler' 'child: default' 'child: the page was replaced' \
        'status 0, parent: handler'
}

@test "review: threads that end with a SIGBUS pending cost nobody the protection" {
    policy='*=zero'
    us rev-signals pending
    assert_output protected
}

# ---- many at once ----

@test "review: a rule about paths answers a crowd" {
    policy='path:/memfd:crowd=zero(page)'
    us rev-crowd
    assert_success
    assert_output 'all live'
}

# ---- mappings ----

@test "review: mapping functions say the same to right and wrong arguments" {
    for seed in 1 2 3 4 5 6 7 8; do
        same_as_bare rev-maps calls $seed
        assert_success
        assert_equal "${#lines[@]}" 400
    done
}

@test "review: mremap() that is refused does no harm to a range with a replaced page" {
    without_us rev-maps refused
    bare_output=$output
    policy='*=zero'
    us rev-maps refused lose
    assert_equal "$output" "$bare_output"
    assert_line 'x x'
    assert_reports 1
}

@test "review: mappings that move together keep their own protection" {
    policy='*=zero'
    us rev-maps several
    [[ $output != *'one mapping at a time'* ]] || skip "$output"
    assert_lines '1 0' 'Bad address'
}

@test "review: mmap() left by siglongjmp() does not slow down unknown faults" {
    SIGBUS_LOG=off us rev-maps left
    assert_output "no naps"
}
