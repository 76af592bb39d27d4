#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The C API: preloaded, linked in whatever order, dormant and missing; copies that end where a page
# is lost.

load ../harness/helper

# ---- where it works, and what it says where it does not ----

active=("active 1" "create 0" "add 0" "fd 1" "begin 0" "end 0" "copy 0" "copied 8 content"
    "copy lost EFAULT" "copied 4" "copy to lost EFAULT" "lost 0" "restore ENOENT" "remove 0" "destroy 0")
# The library is there, so the kernel copies.
inactive=("active 0" "create ENOSYS" "add ENOSYS" "fd ENOSYS" "begin ENOSYS" "end ENOSYS" "copy 0"
    "copied 8 content" "copy lost EFAULT" "copied 4" "copy to lost EFAULT" "lost ENOSYS"
    "restore ENOSYS" "remove ENOSYS" "destroy ENOSYS")
missing=("active 0" "create ENOSYS" "add ENOSYS" "fd ENOSYS" "begin ENOSYS" "end ENOSYS"
    "copy ENOSYS" "copied 0 " "copy lost ENOSYS" "copied 0" "copy to lost ENOSYS" "lost ENOSYS"
    "restore ENOSYS" "remove ENOSYS" "destroy ENOSYS")

# Builds api-states as $BATS_TEST_TMPDIR/states.
build() { # OPTION...
    run $CC -D_GNU_SOURCE= -I"$top_srcdir/include" -o "$BATS_TEST_TMPDIR/states" \
        "$top_srcdir/tests/progs/api-states.c" "$@"
    [ "$status" = 0 ] || skip "$CC cannot: $output"
}

linked() { # [VARIABLE=VALUE...]
    run --separate-stderr limited env LD_LIBRARY_PATH="$(dirname "$SIGBUS_LIB"):$BATS_TEST_TMPDIR" \
        "$@" "$BATS_TEST_TMPDIR/states"
}

# -lsigbus finds the library of the build tree, or the installed one.
link_options() {
    echo "-L$(dirname "$SIGBUS_LIB") -Wl,--no-as-needed"
}

@test "api: preloaded into a program that uses it if it is there" {
    run_with api-states
    assert_success
    assert_lines "${active[@]}"
    assert_equal "$stderr" ""
}

@test "api: the same program without it" {
    run_bare api-states
    assert_success
    assert_lines "${missing[@]}"
}

@test "api: the same program compiled in other ways" {
    local options

    for options in "-O2 -no-pie -fno-pie" "-O2 -fPIE -pie" "-O0 -fPIC"; do
        build $options
        linked
        assert_success
        assert_lines "${missing[@]}"
        linked LD_PRELOAD="$SIGBUS_LIB"
        assert_success
        assert_lines "${active[@]}"
    done
    build -static
    linked LD_PRELOAD="$SIGBUS_LIB"
    assert_success
    assert_lines "${missing[@]}"
}

@test "api: linked" {
    build -DLINKED $(link_options) -lsigbus
    linked
    assert_success
    assert_lines "${active[@]}"
    linked LD_PRELOAD="$SIGBUS_LIB"
    assert_lines "${active[@]}"
    linked SIGBUS_POLICY='*=abort'
    assert_lines "${active[@]}"
}

@test "api: linked behind the C library: the kernel copies, all else says ENOSYS" {
    build -DLINKED $(link_options) -lc -lsigbus
    linked
    assert_success
    assert_lines "${inactive[@]}"
    linked LD_PRELOAD="$SIGBUS_LIB"
    assert_lines "${active[@]}"
}

@test "api: linked to a library of the program only, which comes behind the C library" {
    printf 'int sigbus_active(void); int middle(void) { return sigbus_active(); }\n' |
        $CC -shared -fPIC -x c - -x none -o "$BATS_TEST_TMPDIR/libmiddle.so" \
            $(link_options) -lsigbus || skip "$CC cannot link"
    build $(link_options) -L"$BATS_TEST_TMPDIR" -lmiddle -Wl,--allow-shlib-undefined
    linked
    assert_success
    assert_lines "${inactive[@]}"
    assert_equal "$stderr" ""
    linked SIGBUS_LOG=stderr
    assert_lines "${inactive[@]}"
    [[ $stderr == *"loaded behind the C library"* ]]
    linked LD_PRELOAD="$SIGBUS_LIB"
    assert_lines "${active[@]}"
    build $(link_options) -lsigbus -L"$BATS_TEST_TMPDIR" -lmiddle
    linked
    assert_lines "${active[@]}"
}

@test "api: dormant" {
    run_with --only another api-states
    assert_success
    assert_lines "${inactive[@]}"
}

@test "api: a bad policy is told, and the built-in one holds; with strict nothing starts" {
    build -DLINKED $(link_options) -lsigbus
    linked SIGBUS_POLICY=nonsense
    assert_success
    assert_lines "${active[@]}"
    [[ $stderr == *SIGBUS_POLICY* ]]
    linked SIGBUS_POLICY=strict,nonsense
    assert_failure 2
    assert_output ""
}

# ---- copies ----

copy_modes=(exact blocked threads errors)
all_copied=("exact: ok" "blocked: ok" "threads: ok" "errors: ok")

@test "api: a copy ends at the exact byte, in any thread, with SIGBUS blocked, and asks no policy" {
    local policy

    for policy in "*=owner|chain" "*=abort" "*=zero"; do
        run_with --policy "$policy" api-copy "${copy_modes[@]}"
        assert_success
        assert_lines "${all_copied[@]}"
        assert_equal "$stderr" ""
    done
}

@test "api: a copy in a handler of SIGBUS" {
    run_with api-copy nested
    assert_success
    assert_lines "nested: ok"
    assert_reports 1
}

@test "api: a copy by the kernel, where the library is dormant" {
    run_with --only another api-copy "${copy_modes[@]}"
    assert_success
    assert_lines "${all_copied[@]}"
}

# ---- used wrongly, and where it is hard to use ----

ok() { # [OPTION...] MODE
    run_with "${@:1:$#-1}" api-misuse "${@: -1}"
    assert_success
    assert_lines "${*: -1}: ok"
}

@test "api: arguments, ranges and owners that are none" {
    ok arguments
    ok ranges
    ok --policy "*=owner|chain+quiet" owners
}

@test "api: the descriptor of an owner, and whatever else gets its number" {
    ok event
}

@test "api: brackets, crossed, left and ended twice" {
    ok brackets
}

@test "api: what a callback may answer, and do" {
    run --separate-stderr limited env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/api-misuse" answers
    assert_success
    assert_output "answers: ok"
    # Each of the five that decline is explained.
    assert_equal "$(grep -c 'killed by SIGBUS' <<<"$stderr")" 5
}

@test "api: in a fork child" {
    ok fork
}

@test "api: a range of terabytes" {
    ok long
}

@test "api: in a handler, and in threads" {
    ok handler
    ok threads
}

@test "api: threads that use it at random, with owners destroyed in use and forks" {
    local SIGBUS_LOG=off seed

    export SIGBUS_LOG
    policy='*=owner|zero'
    for seed in 1 2 3; do
        run_with --policy "$policy" "$top_builddir/tests/fuzz/drive-api" 2000 $seed
        assert_success
        assert_lines "2000 operations"
    done
}

@test "api: no callback of an owner begins after it was destroyed, nor that of who got its place" {
    policy='*=wait(1)|owner|zero'
    run_with --policy "$policy" api-destroy
    assert_success
    assert_lines "done"
}

@test "api: a fault while its range is added and removed finds one of the two owners" {
    ok --policy "owner:api-misuse=zero(page)+quiet,owner:misuse=zero(page)+quiet" window
}

@test "api: random operations against a model" {
    local seed

    for seed in 1 2 3; do
        run_with --policy "*=owner|zero+quiet" api-model "$seed" 4000
        assert_success
        assert_output --partial ok
    done
}

@test "api: random calls, most of them wrong, are refused and change nothing" {
    local seed steps=20000

    [ -z "${SIGBUS_FULL:-}" ] || steps=1000000
    for seed in 1 2 3; do
        run_with --log off --policy "program:api-wrong=owner|zero(page)" api-wrong $steps $seed
        echo "$output"
        assert_success
        assert_lines "steps $steps"
    done
}
