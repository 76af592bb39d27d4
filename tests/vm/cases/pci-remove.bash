# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='NVMe disk under a mapped file, PCI remove'
expect_with='goes on: read 1500 ff'
devices=(-device nvme,drive=scratch,serial=scratch,addr=10)

case_run() {
    local status output

    load nvme
    await 30 test -b /dev/nvme0n1 || cannot 'no /dev/nvme0n1'
    make_disk /dev/nvme0n1
    policy='path:/tmp/disk/*&cause:device=ones'
    output=$(run "$progs/loss-victim" open:/tmp/disk/file map:2048,shared,rw read:0 \
        'sh:echo 1 >/sys/bus/pci/devices/0000:00:10.0/remove' read:0 read:1500)
    status=$?
    judge_victim $status "$output" /tmp/disk/file device
}
