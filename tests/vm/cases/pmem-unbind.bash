# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='pmem DAX file, driver unbound'
expect_with='goes on: bytes 0-0:w 1-1499:0 1500-1500:w 1501-2047:0'
append='memmap=64M!512M'

case_run() {
    local status output

    load nd_e820 nd_pmem
    await 20 test -b /dev/pmem0 || cannot "no /dev/pmem0: $(dmesg | grep -i pmem | tail -n 1)"
    make_disk /dev/pmem0 -o dax=always
    policy='path:/tmp/disk/*&cause:device=zero(range)'
    output=$(run "$progs/loss-victim" open:/tmp/disk/file map:2048,shared,rw read:0 \
        'sh:echo namespace0.0 >/sys/bus/nd/drivers/nd_pmem/unbind' write:1500 read:5 write:0 bytes)
    status=$?
    judge_victim $status "$output" /tmp/disk/file device
}
