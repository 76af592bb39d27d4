# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='sigbus-explain, from cores of programs without us'
expect_without='device hwpoison nospace nospace'
expect_with=same
devices=(-device pcie-root-port,id=rp1,chassis=1
    -device virtio-blk-pci,id=disk,drive=scratch,bus=rp1)

causes=()

# The cause that the core of a program has, and what is said of it.
explained() { # PROGRAM [STEP...]
    rm -f core
    (ulimit -c unlimited && "$@")
    [ -s core ] || cannot "no core of $*"
    sigbus-explain core >&2
    causes+=("$(sigbus-explain --json core | sed 's/.*"cause":"\([a-z]*\)".*/\1/')")
}

in_group() { # PROGRAM [STEP...]
    echo $BASHPID >/sys/fs/cgroup/limited/cgroup.procs
    exec "$@"
}

case_run() {
    sigbus-explain --version >/dev/null 2>&1 || cannot 'sigbus-explain is not built, or lacks its libraries'
    echo core >/proc/sys/kernel/core_pattern
    mkdir /tmp/cores && cd /tmp/cores || cannot 'no place for cores'

    await 20 test -b /dev/vdc || cannot 'no /dev/vdc'
    make_disk /dev/vdc
    explained "$progs/loss-victim" open:/tmp/disk/file map:2048,shared,rw read:0 \
        'sh:/mnt/vm/ask unplug disk' read:0 read:1500

    explained "$progs/loss-victim" open:memfd size:8 fill map:8,shared,rw read:4 bad:4 read:4

    # Huge pages that are free, and a control group that may have none of them; then none are free.
    echo 4 >/proc/sys/vm/nr_hugepages
    mount -t cgroup2 none /sys/fs/cgroup &&
        echo +hugetlb >/sys/fs/cgroup/cgroup.subtree_control && mkdir /sys/fs/cgroup/limited &&
        echo 0 >/sys/fs/cgroup/limited/hugetlb.2MB.max || cannot 'no control group for huge pages'
    explained in_group "$progs/loss-victim" huge:anon write:0
    explained "$progs/loss-victim" huge:anon write:4
    result "${causes[*]}"
}
