# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='bad memory, as the kernel tells of it'
expect_with='goes on: bytes 0-3:= 4-4:0 5-7:='

case_run() {
    local status output

    policy='cause:hwpoison=zero'
    output=$(run "$progs/loss-victim" open:memfd size:8 fill map:8,shared,rw read:4 bad:4 read:4 bytes)
    status=$?
    judge_victim $status "$output" /memfd:pages hwpoison
}
