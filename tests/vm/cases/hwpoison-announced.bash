# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='bad memory that is only announced'
expect_with=same
expect_without='caught code=5 page=0,show 0-0:! 1-7:='

# The kernel sends BUS_MCEERR_AO to who wants to know early; no rule has a say in that.
case_run() {
    local output

    policy='cause:hwpoison=zero,*=zero'
    output=$(run "$progs/loss-victim" open:memfd size:8 fill map:8,shared,rw read:0 handler:note \
        early 'sh:/mnt/progs/vm-poison $PPID /memfd:pages 8 >&2' show)
    echo "$output"
    result "$(grep -e caught -e show <<<"$output" | paste -sd,)"
}
