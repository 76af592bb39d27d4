# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='sway, virtio-gpu unbound'
expect_without=
expect_with=same
devices=(-device virtio-gpu-pci)

case_run() {
    . /mnt/vm/compositors.bash
    start_sway
    unbind_card /sys/bus/virtio/drivers/virtio_gpu no-new-window
}
