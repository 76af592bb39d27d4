# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='USB stick under a mapped file, unplugged'
expect_with='goes on: read 1500 ff'
devices=(-device qemu-xhci -device usb-storage,id=stick,drive=scratch)

case_run() {
    local status output

    coldplug
    load xhci_pci usb_storage sd_mod
    await 30 test -b /dev/sda || cannot 'no /dev/sda'
    make_disk /dev/sda
    policy='path:/tmp/disk/*&cause:device=ones'
    output=$(run "$progs/loss-victim" open:/tmp/disk/file map:2048,shared,rw read:0 \
        'sh:/mnt/vm/ask unplug stick; while [ -e /sys/block/sda ]; do sleep 0.1; done' read:0 read:1500)
    status=$?
    judge_victim $status "$output" /tmp/disk/file device
}
