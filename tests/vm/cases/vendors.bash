# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='two vendors and a file, a device removed'
expect_without='ends with status 50' # a handler was asked about memory of somebody else
expect_with='goes on: without the file: vendors 1 0, file 1 zero'
append='intel_iommu=on'
devices=(-device intel-iommu -device bochs-display,addr=10 -device virtio-gpu-pci,addr=11
    -object memory-backend-ram,id=first,size=1M -device ivshmem-plain,memdev=first,addr=12
    -object memory-backend-ram,id=second,size=1M -device ivshmem-plain,memdev=second,addr=13)

card() { # DEVICE
    local card

    for card in /sys/bus/pci/devices/"$1"/{,virtio*/}drm/card*; do
        [ ! -e "$card" ] || echo "/dev/dri/${card##*/}"
    done
}

case_run() {
    local status output first second bus=/sys/bus/pci

    coldplug
    first=$(card 0000:00:10.0) second=$(card 0000:00:11.0)
    [ "$first" ] && [ "$second" ] || cannot "not two cards: $(echo /dev/dri/*)"
    use_vfio 0000:00:12.0 0000:00:13.0
    output=$(run "$progs/vm-vendors" "$progs/vendor-a.so" "$first" 0000:00:12.0 \
        "$progs/vendor-b.so" "$second" 0000:00:13.0 /tmp/file \
        "echo 1 >$bus/devices/0000:00:10.0/remove")
    status=$?
    judge_victim $status "$output" 'anon_inode:.vfio-device.' device
}
