# SPDX-License-Identifier: MIT
#
# The repair protocol, one instruction at a time: see progs/interleave.c. What stress runs meet by
# chance is met here each time: tests/mutants breaks the protocol and sees these tests fail.

load ../harness/helper
load ../harness/scenario

operations="write adopt unmap overlay again move shift map protect protect-again fork"

setup() {
    [ "$(uname -m)" = x86_64 ] || skip "knows the instructions of x86-64 only"
    export SIGBUS_LOG=off
}

# The first party was held at each point, and the other let in between; where it is another thread,
# it was done at some points before the first went on.
assert_explored() { # FIRST SECOND thread|signal STRIDE
    us interleave "$@"
    echo "$* (${policy}): $output"
    assert_success
    [[ $output =~ ^points=([0-9]+)\ early=([0-9]+)$ ]]
    [ "${BASH_REMATCH[1]}" -ge 3 ]
    [ "$3" = signal ] || [ "${BASH_REMATCH[2]}" -ge 2 ]
}

@test "interleave: without us it dies at once" {
    without_us interleave write write thread 0
    assert_failure
    assert_output --partial "Bus error"
}

@test "interleave: two threads fault on one page, or on one extent" {
    for policy in "*=zero" "*=zero(page)" "*=ones"; do
        assert_explored write write thread 0
    done
}

@test "interleave: pages next to a repair are taken away" {
    for policy in "*=zero" "*=ones"; do
        assert_explored write unmap thread 0
    done
    policy="*=zero(range)" assert_explored write overlay thread 0
}

@test "interleave: pages next to a repair are mapped again, moved, and protected" {
    policy="*=zero"
    assert_explored write again thread 0
    assert_explored write renew thread 0
    assert_explored write move thread 0
    assert_explored write protect thread 0
    assert_explored write protect-again thread 0
}

@test "interleave: a repair next to pages that are being taken away, or protected" {
    policy="*=zero"
    assert_explored unmap write thread 0
    assert_explored overlay write thread 0
    assert_explored protect write thread 0
    assert_explored protect-again write thread 0
}

@test "interleave: a mapping that no hook saw, and what others do to it" {
    local second

    policy="*=zero"
    for second in adopt unmap again protect; do
        assert_explored adopt "$second" thread 0
    done
    assert_explored adopt unmap signal 0
}

@test "interleave: a range that moves piece by piece leaves no hole that is unmapped later" {
    policy="*=zero(page)" assert_explored shift map thread 0
}

@test "interleave: two threads cut one range" {
    policy="*=zero"
    assert_explored unmap unmap thread 0
}

@test "interleave: fork() in the middle of a repair, and of an unmapping" {
    policy="*=zero"
    assert_explored write fork thread 0
    assert_explored unmap fork thread 0
}

@test "interleave: a signal handler on top that faults, and that unmaps" {
    policy="*=zero"
    assert_explored unmap write signal 0
    assert_explored write unmap signal 0
    assert_explored move write signal 0
}

# In scripts/check --full each against each, in both ways; else only in a ring.
@test "interleave: everything against everything" {
    local first second others ring="$operations ${operations%% *}"

    for first in $operations; do
        ring=${ring#* }
        others=${ring%% *}
        [ -z "${SIGBUS_FULL:-}" ] || others=$operations
        for second in $others; do
            case $first-$second in
            unmap-map | move-map | map-unmap | map-move) continue ;; # they may take each other's place
            esac
            for policy in "*=zero" ${SIGBUS_FULL:+"*=owner|ones(range)"}; do
                assert_explored "$first" "$second" thread 0
                [ -z "${SIGBUS_FULL:-}" ] || assert_explored "$first" "$second" signal 0
            done
        done
    done
}
