# SPDX-License-Identifier: MIT
#
# The repair protocol, one instruction at a time: see progs/interleave.c. What stress runs meet by
# chance is met here each time: tests/mutants breaks the protocol and sees these tests fail.

load ../harness/helper

operations="write adopt unmap overlay again move shift map protect protect-again fork"

setup() {
    [ "$(uname -m)" = x86_64 ] || skip "knows the instructions of x86-64 only"
    export SIGBUS_LOG=off
}

# The first party was held at each point, and the other let in between; where it is another thread,
# it was done at some points before the first went on.
assert_explored() { # --policy POLICY FIRST SECOND thread|signal STRIDE
    run_with "$1" "$2" interleave "${@:3}"
    echo "$*: $output"
    assert_success
    [[ $output =~ ^points=([0-9]+)\ early=([0-9]+)$ ]]
    [ "${BASH_REMATCH[1]}" -ge 3 ]
    [ "$5" = signal ] || [ "${BASH_REMATCH[2]}" -ge 2 ]
}

@test "interleave: without us it dies at once" {
    run_bare interleave write write thread 0
    assert_failure
    assert_output --partial "Bus error"
}

@test "interleave: two threads fault on one page, or on one extent" {
    for policy in "*=zero" "*=zero(page)" "*=ones"; do
        assert_explored --policy "$policy" write write thread 0
    done
}

@test "interleave: pages next to a repair are taken away" {
    for policy in "*=zero" "*=ones"; do
        assert_explored --policy "$policy" write unmap thread 0
    done
    assert_explored --policy "*=zero(range)" write overlay thread 0
}

@test "interleave: pages next to a repair are mapped again, moved, and protected" {
    assert_explored --policy "*=zero" write again thread 0
    assert_explored --policy "*=zero" write renew thread 0
    assert_explored --policy "*=zero" write move thread 0
    assert_explored --policy "*=zero" write protect thread 0
    assert_explored --policy "*=zero" write protect-again thread 0
}

@test "interleave: a repair next to pages that are being taken away, or protected" {
    assert_explored --policy "*=zero" unmap write thread 0
    assert_explored --policy "*=zero" overlay write thread 0
    assert_explored --policy "*=zero" protect write thread 0
    assert_explored --policy "*=zero" protect-again write thread 0
}

@test "interleave: a mapping that no hook saw, and what others do to it" {
    local second

    for second in adopt unmap again protect; do
        assert_explored --policy "*=zero" adopt "$second" thread 0
    done
    assert_explored --policy "*=zero" adopt unmap signal 0
}

@test "interleave: a range that moves piece by piece leaves no hole that is unmapped later" {
    assert_explored --policy "*=zero(page)" shift map thread 0
}

@test "interleave: two threads cut one range" {
    assert_explored --policy "*=zero" unmap unmap thread 0
}

@test "interleave: fork() in the middle of a repair, and of an unmapping" {
    assert_explored --policy "*=zero" write fork thread 0
    assert_explored --policy "*=zero" unmap fork thread 0
}

@test "interleave: a signal handler on top that faults, and that unmaps" {
    assert_explored --policy "*=zero" unmap write signal 0
    assert_explored --policy "*=zero" write unmap signal 0
    assert_explored --policy "*=zero" move write signal 0
}

# In scripts/check --full each against each, in both ways; else only in a ring.
@test "interleave: everything against everything" {
    local first second policy others ring="$operations ${operations%% *}"

    for first in $operations; do
        ring=${ring#* }
        others=${ring%% *}
        [ -z "${SIGBUS_FULL:-}" ] || others=$operations
        for second in $others; do
            case $first-$second in
            unmap-map | move-map | map-unmap | map-move) continue ;; # they may take each other's place
            esac
            for policy in "*=zero" ${SIGBUS_FULL:+"*=owner|ones(range)"}; do
                assert_explored --policy "$policy" "$first" "$second" thread 0
                [ -z "${SIGBUS_FULL:-}" ] ||
                    assert_explored --policy "$policy" "$first" "$second" signal 0
            done
        done
    done
}
