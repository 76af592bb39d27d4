# SPDX-License-Identifier: MIT
#
# Every call that changes mappings does to what was replaced what the kernel does to a healthy mapping:
# the program calls-after-loss prints, for each call and each part of a mapping, its result and what is
# there afterwards. Without us the pages have their content from the file, with us from a repair.

load ../harness/helper
load ../harness/huge-pages

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export SIGBUS_LOG=off
}

teardown() {
    cd / || return
    give_huge_pages_back
}

calls() { # [VARIABLE=VALUE...] KIND CONTENT...
    local variables=()

    while [[ $1 == *=* ]]; do
        variables+=("$1")
        shift
    done
    status=0
    limited env "${variables[@]}" "${emulator[@]}" "$PROGS/calls-after-loss" "$@" >out || status=$?
    [ "$status" != 77 ] || skip "$(tail -n 1 out)"
    # Of huge pages: what is not to be had without a second mapping of them, and advice without effect.
    [ "$1" != huge ] || sed -i -e '/^remap_file_pages/d' -e '/^madvise COLD/d' out
}

# Each STATE is a policy and what the pages contain then.
assert_as_healthy() { # KIND STATE...
    local kind=$1 state content lose action all

    shift
    for state; do
        content=zero lose=lose action=$state all=
        case $state in
        healthy) action=zero lose= ;;
        ones) content=ones ;;
        all) action=zero all=all ;;
        esac
        calls "$kind" "$content" $all
        assert_equal "$status" 0
        mv out "healthy.$content"
        calls "$preload_variable=$SIGBUS_LIB" "SIGBUS_POLICY=*=$action" "$kind" "$content" $lose $all
        echo "$kind $state: status $status"
        diff "healthy.$content" out
        assert_equal "$status" 0
    done
}

every_state=(healthy zero 'zero(page)' 'zero(range)' ones all)

@test "calls: without us the first lost page kills" {
    calls shared zero lose
    assert_equal "$status" "$bus_error"
}

@test "calls: on a shared file in memory" {
    assert_loaded
    assert_as_healthy shared "${every_state[@]}"
}

@test "calls: on a private mapping of one" {
    assert_as_healthy private "${every_state[@]}"
}

@test "calls: on a shared file that may only be read" {
    assert_as_healthy read-only healthy zero ones all
}

@test "calls: on a file, shared and private" {
    assert_as_healthy file healthy zero ones all
    assert_as_healthy private-file healthy zero ones all
}

@test "calls: on anonymous memory" {
    assert_as_healthy anonymous healthy
    skip_unless_root # to cut it off, by /proc/self/map_files
    assert_as_healthy shared-anonymous healthy zero ones all
}

@test "calls: on a segment of shmat()" {
    skip_unless_root
    assert_as_healthy shm healthy zero ones all
}

@test "calls: on huge pages" {
    skip_in_emulator "has no huge pages"
    require_huge_pages 16
    assert_as_healthy huge zero ones
}
