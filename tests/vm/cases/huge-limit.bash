# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title='huge pages, and a control group that may have none'
expect_with='goes on: bytes 0-4:w'

# Four pages are free in the pool; the group, below the one with the limit, may have none of them.
case_run() {
    local limited=/sys/fs/cgroup/limited output

    echo 4 >/proc/sys/vm/nr_hugepages
    mount -t cgroup2 none /sys/fs/cgroup && echo +hugetlb >/sys/fs/cgroup/cgroup.subtree_control &&
        mkdir -p $limited/inner && echo 0 >$limited/hugetlb.2MB.max ||
        cannot 'no control group for huge pages'
    policy='kind:hugetlb&cause:nospace=zero'
    output=$(
        echo $BASHPID >$limited/inner/cgroup.procs
        run "$progs/loss-victim" huge:anon write:0 write:1 write:2 write:3 write:4 bytes
    )
    status=$?
    if [ "${with:-}" ] && ! reported 'hint: the limit of the control group is reached'; then
        result 'the limit is not named'
    fi
    judge_victim $status "$output" /anon_hugepage nospace
}
