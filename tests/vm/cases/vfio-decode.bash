# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='vfio device stops decoding memory, comes back'
expect_with='goes on: on again: 5a 5a, told 1, lost 0'
append='intel_iommu=on'
devices=(-device intel-iommu -object memory-backend-ram,id=shared,size=1M
    -device ivshmem-plain,memdev=shared,addr=10)

case_run() {
    local status output device=0000:00:10.0

    use_vfio $device
    policy='owner:driver=owner|ones'
    output=$(run "$progs/vm-vfio" $device)
    status=$?
    if [ "${with:-}" ] && ! grep -qx 'off: ff ff, told 1, lost 4' <<<"$output"; then
        echo "$output"
        result "$(grep '^off' <<<"$output")"
    fi
    judge_victim $status "$output" 'anon_inode:.vfio-device.' device
}
