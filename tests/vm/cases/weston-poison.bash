# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='weston, bad memory in a wl_shm pool'
expect_with='goes on drawing'
devices=(-device bochs-display)

case_run() {
    local count

    . /mnt/vm/compositors.bash
    policy=@compositor
    start_weston
    await 60 grep -q weston-shared /proc/$compositor/maps ||
        cannot 'weston has no pool for its background'
    start_client
    is_drawing || cannot 'weston draws nothing'
    stop_client
    sleep 2
    # Every eighth row of it. Windows that come and go uncover it.
    count=$("$progs/vm-poison" $compositor weston-shared 8 2>&1) || cannot "$count"
    echo "poisoned: $count"
    for ((i = 0; i < 5; i++)); do
        start_client
        sleep 2
        stop_client
    done
    start_client
    if [ "${with:-}" ] && ! reported 'page of "/memfd:weston-shared" .*\(BUS_MCEERR_AR, hwpoison\)'; then
        result 'no report of it'
    fi
    result "$(fate)"
}
