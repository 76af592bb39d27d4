# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='sway, bochs unbound'
expect_without=
expect_with=same
devices=(-device bochs-display)

case_run() {
    . /mnt/vm/compositors.bash
    start_sway
    unbind_card /sys/bus/pci/drivers/bochs-drm
}
