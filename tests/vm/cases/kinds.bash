# SPDX-License-Identifier: MIT
# shellcheck shell=bash
title="what make check loses, under the guest's kernel"
expect_without='10 killed, 0 repaired'
expect_with='0 killed, 10 repaired'

killed=0 repaired=0

lose() { # LAST-LINE STEP...
    local status output expected=$1
    shift

    output=$(run timeout 60 "$progs/loss-victim" "$@")
    status=$?
    echo "$output"
    [ $status != 77 ] || cannot "$*: this kernel does not have it"
    if [ $status = 135 ]; then
        killed=$((killed + 1))
    elif [ $status = 0 ] && [ "$(tail -n 1 <<<"$output")" = "$expected" ]; then
        repaired=$((repaired + 1))
    fi
}

lose_server() { # MODE
    mkdir "/tmp/$1"
    "$progs/loss-fuse" "/tmp/$1" 8 4 "$1" || cannot 'no FUSE file system can be mounted'
    lose 'bytes 0-3:= 4-7:0' "open:/tmp/$1/file" map:8,shared,rw read:0 read:1 read:2 read:3 \
        read:5 bytes
}

case_run() {
    local half=(size:8 fill map:8,shared,rw size:4) mode

    policy='program:loss-victim=zero'
    load fuse
    lose 'bytes 0-3:= 4-7:0' open:memfd "${half[@]}" read:5 bytes
    lose 'bytes 0-3:= 4-4:0 5-5:w 6-7:0' open:memfd "${half[@]}" write:5 bytes
    lose 'bytes 0-3:= 4-4:0 5-5:w 6-7:0' open:/root/file "${half[@]}" write:5 bytes
    lose 'bytes 0-0:= 1-1:w 2-3:= 4-7:0' open:/root/file size:8 fill map:8,private,rw write:1 \
        write:5 size:4 read:5 bytes
    mkdir /tmp/full
    mount -t tmpfs -o size=32k none /tmp/full
    "$progs/pages" open:/tmp/full/file size:4 fill size:8
    dd if=/dev/zero of=/tmp/full/rest bs=4k status=none 2>/dev/null
    lose 'bytes 0-3:= 4-7:0' open:/tmp/full/file map:8,shared,rw read:6 bytes
    echo 4 >/proc/sys/vm/nr_hugepages
    lose 'bytes 0-3:= 4-4:w' huge:file write:4 bytes
    for mode in eio exit abort back; do
        lose_server $mode
    done
    result "$killed killed, $repaired repaired"
}
