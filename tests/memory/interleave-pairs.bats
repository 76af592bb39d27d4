# SPDX-License-Identifier: MIT
#
# Each operation of progs/interleave.c beside another: in a ring, so that each is the first once and the
# second once; with SIGBUS_FULL=1 (scripts/check --full) each beside each, in both ways.

load ../harness/helper
load ../harness/interleave

explore() { # FIRST SECOND
    local second others=$2

    [ -z "${SIGBUS_FULL:-}" ] ||
        others="write adopt unmap overlay again move shift map protect protect-again fork"
    for second in $others; do
        case $1-$second in
        unmap-map | move-map | map-unmap | map-move) continue ;; # they may take each other's place
        esac
        assert_explored --policy "*=zero" "$1" "$second" thread 0
        [ "${SIGBUS_FULL:-}" ] || continue
        assert_explored --policy "*=zero" "$1" "$second" signal 0
        assert_explored --policy "*=owner|ones(range)" "$1" "$second" thread 0
        assert_explored --policy "*=owner|ones(range)" "$1" "$second" signal 0
    done
}

@test "interleave: write and adopt" {
    explore write adopt
}

@test "interleave: adopt and unmap" {
    explore adopt unmap
}

@test "interleave: unmap and overlay" {
    explore unmap overlay
}

@test "interleave: overlay and again" {
    explore overlay again
}

@test "interleave: again and move" {
    explore again move
}

@test "interleave: move and shift" {
    explore move shift
}

@test "interleave: shift and map" {
    explore shift map
}

@test "interleave: map and protect" {
    explore map protect
}

@test "interleave: protect and protect-again" {
    explore protect protect-again
}

@test "interleave: protect-again and fork" {
    explore protect-again fork
}

@test "interleave: fork and write" {
    explore fork write
}
