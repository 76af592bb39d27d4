# SPDX-License-Identifier: MIT
#
# The repair protocol, one instruction at a time: see progs/interleave.c. What stress runs meet by
# chance is met here each time: tests/mutants breaks the protocol and sees these tests fail.

load ../harness/helper
load ../harness/interleave

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
