# SPDX-License-Identifier: MIT
#
# What can be lost because something below a file goes away, and comes back: bad memory, a loop
# device, a server. scripts/check --vm does the same with devices, in a guest.

load ../harness/helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir mount
    server=
    loop=
}

teardown() {
    cd / || return
    [ -z "$server" ] || kill "$server" 2>/dev/null
    umount -l "$BATS_TEST_TMPDIR/mount" 2>/dev/null
    [ -z "$loop" ] || losetup -d "$loop"
}

skip_if_it_cannot() {
    [ "$status" != 77 ] || skip "${stderr##*loss-victim: }"
}

# ---- bad memory ----

poisoned=(open:memfd size:8 fill map:8,shared,rw poison:5)

@test "devices: bad memory ends a program as without us, and the report says why" {
    local access

    for access in read:5 write:5; do
        run_bare loss-victim "${poisoned[@]}" $access
        skip_if_it_cannot
        run_both loss-victim "${poisoned[@]}" $access
        assert_equal "$status" "$bus_error"
        assert_reports 1
        # Kernels without CONFIG_MEMORY_FAILURE say BUS_ADRERR.
        [[ $stderr == *'page of "/memfd:pages" (deleted) is lost (BUS_'@(MCEERR_AR|ADRERR)', hwpoison) at '* ]]
        [[ $stderr == *"; rule *=owner|chain (built-in): no handler answered: killed by SIGBUS"* ]]
        run_both loss-victim "${poisoned[@]}" handler:exit $access
        assert_equal "$status" 40
    done
}

@test "devices: bad memory is replaced if a rule says so, and only that page" {
    run_bare loss-victim "${poisoned[@]}"
    skip_if_it_cannot
    run_with --policy "cause:hwpoison=zero" loss-victim "${poisoned[@]}" read:5 bytes lost:0-7
    assert_success
    assert_lines "read 5 00" "bytes 0-4:= 5-5:0 6-7:=" "lost 1"
    run_with --policy "cause:hwpoison=ones" loss-victim "${poisoned[@]}" write:5 bytes
    assert_success
    assert_line "bytes 0-4:= 5-5:w 6-7:="
    run_with --policy "cause:truncated=zero,cause:unknown=zero" loss-victim "${poisoned[@]}" read:5
    assert_equal "$status" "$bus_error"
}

@test "devices: the file that bad memory was mapped of can be put back" {
    run_bare loss-victim "${poisoned[@]}"
    skip_if_it_cannot
    run_with --policy "cause:hwpoison=zero" loss-victim "${poisoned[@]}" read:5 restore:0-7 bytes \
        lost:0-7
    assert_success
    assert_lines "read 5 00" "restore 1" "bytes 0-7:=" "lost 0"
}

@test "devices: bad memory that is only announced is the program's business" {
    local rest

    run_bare loss-victim "${poisoned[@]}"
    skip_if_it_cannot
    for rest in "" handler:note handler:exit; do
        run_both --policy "cause:hwpoison=zero,*=zero" loss-victim "${poisoned[@]}" $rest \
            forge:5,ao show
    done
}

# ---- a disk ----

# A disk of eight pages, of which the last four are gone: the file behind it was truncated.
attach_disk() {
    skip_unless_root
    skip_without losetup
    truncate -s 32K image
    "$PROGS/pages" open:image fill
    loop=$(losetup --find --show image) || skip "no loop device is to be had"
    truncate -s 16K image
    blockdev --flushbufs "$loop" # whoever looked at the new disk has read it
    run_bare loss-victim "open:$loop" map:8,shared,ro read:5
    [ "$status" != 0 ] || skip "this kernel reads zeroes behind the end of a loop device's file"
    blockdev --flushbufs "$loop"
}

@test "devices: a loop device whose file was truncated" {
    attach_disk
    run_both loss-victim "open:$loop" map:8,shared,ro read:3 read:5
    assert_equal "$status" "$bus_error"
    assert_reports 1
    [[ $stderr == *"page of \"$loop\" is lost (BUS_ADRERR, device) at "* ]]
    run_with --policy "cause:unknown=abort,path:/dev/loop*=ones" loss-victim "open:$loop" \
        map:8,shared,ro read:3 read:5 bytes
    assert_success
    assert_lines "read 3 44" "read 5 ff" "bytes 0-3:= 4-7:f"
}

@test "devices: a loop device whose file comes back can be put back" {
    attach_disk
    "$PROGS/pages" open:whole size:8 fill
    run_with --policy "path:/dev/loop*=ones" loss-victim "open:$loop" map:8,shared,ro read:3 \
        read:5 \
        lost:0-7 "sh:cat whole >image" restore:0-7 bytes lost:0-7
    assert_success
    assert_lines "read 3 44" "read 5 ff" "lost 4" "restore 1" "bytes 0-7:=" "lost 0"
}

# It would never end on a disk that is gone.
@test "devices: before Linux 6.9 no page is looked at by MADV_POPULATE" {
    local steps=(open:file size:8 fill map:8,shared,rw size:4 read:5 bytes)

    [ "$(stat -f -c %T .)" != tmpfs ] || skip "memory is never read from a disk"
    skip_without strace
    skip_without setarch
    trace() { # [COMMAND...]
        run strace -f -qq -o trace -e trace=madvise "$@" env \
            LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="cause:truncated=zero" "$PROGS/loss-victim" \
            "${steps[@]}"
        [[ $output != *ptrace* ]] || skip "strace cannot trace here"
        assert_success
        assert_line "bytes 0-3:= 4-7:0"
    }
    trace
    trace setarch --uname-2.6
    run ! grep -Eq '(POPULATE|0x1[67]).*EFAULT' trace # as the kernel says of a lost page
}

# ---- a server ----

start_server() {
    skip_unless_root
    [ -c /dev/fuse ] || skip "no /dev/fuse"
    run --separate-stderr "$PROGS/loss-fuse" mount 8 4 back
    [ "$status" != 77 ] || skip "$stderr"
    assert_success
    server=$output
}

@test "devices: the file of a server that returns can be put back" {
    start_server
    run_with --policy "fs:fuse=zero" loss-victim open:mount/file map:8,shared,rw read:3 read:5 \
        lost:0-7 \
        "sh:kill -USR1 $server" bytes restore:0-7 bytes lost:0-7
    assert_success
    assert_lines "read 3 44" "read 5 00" "lost 4" "bytes 0-3:= 4-7:0" "restore 1" "bytes 0-7:=" \
        "lost 0"
}

@test "devices: a server that returns is waited for" {
    start_server
    (wait_for file_says ": wait" log && kill -USR1 "$server") &
    run_with --log $PWD/log --policy "fs:fuse=wait(86400)|zero" loss-victim open:mount/file \
        map:8,shared,rw read:5 bytes
    assert_success
    assert_lines "read 5 46" "bytes 0-7:="
    assert_equal "$(reports log | wc -l)" 2
}
