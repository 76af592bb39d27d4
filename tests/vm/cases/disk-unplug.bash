# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='virtio disk under a mapped file, unplugged'
expect_with='goes on: read 1500 ff'
devices=(-device pcie-root-port,id=rp1,chassis=1
    -device virtio-blk-pci,id=disk,drive=scratch,bus=rp1)

case_run() {
    local status output

    await 20 test -b /dev/vdc || cannot 'no /dev/vdc'
    make_disk /dev/vdc
    policy='path:/tmp/disk/*&cause:device=ones'
    output=$(run "$progs/loss-victim" open:/tmp/disk/file map:2048,shared,rw read:0 \
        'sh:/mnt/vm/ask unplug disk' read:0 read:1500)
    status=$?
    judge_victim $status "$output" /tmp/disk/file device
}
