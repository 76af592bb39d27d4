# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='weston, bochs unbound'
expect_without=
expect_with=same
devices=(-device bochs-display)

case_run() {
    . /mnt/vm/compositors.bash
    start_weston
    unbind_card /sys/bus/pci/drivers/bochs-drm
}
