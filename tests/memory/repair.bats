# SPDX-License-Identifier: MIT
#
# What zero replaces, and what it never touches. The program pages tells how to read its output.

load ../harness/helper

setup() {
    policy="program:pages=zero"
    cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
    cd / || return
    if [ -e "$BATS_TEST_TMPDIR/hugepages" ]; then
        cat "$BATS_TEST_TMPDIR/hugepages" >/proc/sys/vm/nr_hugepages
    fi
}

@test "repair: zero that declines says why" {
    run_with --policy "*=zero" pages open:memfd size:4 fill map:4,shared,rx size:0 read:1
    assert_equal "$status" "$bus_error"
    [[ $stderr == *'killed by SIGBUS; hint: the page is executable, and such a one is never replaced' ]]
    run_with --policy "*=zero" pages "open:$BATS_TEST_TMPDIR/code" size:4 fill map:4,private,rx \
        size:0 read:1
    assert_equal "$status" "$bus_error"
    [[ $stderr == *'killed by SIGBUS; hint: a program or library was overwritten in place while in use: '*'; the page is executable, and such a one is never replaced' ]]
}

@test "repair: without us the first access kills" {
    run_bare pages open:memfd "${lost_half[@]}" show read:5
    assert_equal "$status" "$bus_error"
    assert_lines "show 0-3:= 4-7:!"
}

@test "repair: lost pages of any kind of file become zero pages of the same protection" {
    local file sharing

    for file in memfd /dev/shm/sigbus-test-$$ "$BATS_TEST_TMPDIR/file"; do
        for sharing in shared private; do
            rm -f "/dev/shm/sigbus-test-$$"
            run_with --policy "$policy" pages "open:$file" size:8 fill "map:8,$sharing,rw" size:4 \
                read:6 show perms \
                write:6 write:1 read:6 show
            rm -f "/dev/shm/sigbus-test-$$"
            assert_success
            assert_line "read 6 00"
            assert_line "show 0-3:= 4-7:0"
            assert_line --regexp '^perms( [0-9]-[0-9]:rw-[sp])+$'
            assert_line "read 6 77"
            assert_line "show 0-0:= 1-1:w= 2-3:= 4-5:0 6-6:w0 7-7:0"
            assert_reports 1
            [[ $stderr == *"${file##*/}"* || $file == memfd && $stderr == */memfd:pages* ]]

            run_with --policy "$policy" pages "open:$file" size:8 fill "map:8,$sharing,ro" size:4 \
                read:6 show perms write:6
            rm -f "/dev/shm/sigbus-test-$$"
            assert_equal "$status" "$segv"
            assert_line "show 0-3:= 4-7:0"
            assert_line --regexp '^perms( [0-9]-[0-9]:r--[sp])+$'
        done
    done
}

@test "repair: a lost page that is written first" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" write:7 show
    assert_success
    assert_lines "write 7" "show 0-3:= 4-6:0 7-7:w0"
}

@test "repair: truncation takes private pages that were written, and only lost ones are replaced" {
    run_with --policy "$policy" pages open:memfd size:8 fill map:8,private,rw write:1 write:5 \
        size:4 read:5 show
    assert_success
    assert_lines "write 1" "write 5" "read 5 00" "show 0-0:= 1-1:w= 2-3:= 4-7:0"
}

@test "repair: the partial last page is not lost and keeps its bytes" {
    printf '%06000d' 7 | tr 07 AA >file
    run_with --policy "$policy" pages open:file map:4,shared,rw read:0 read:1 read:2 peek:1 read:3
    assert_success
    assert_lines "read 0 41" "read 1 41" "read 2 00" "peek 1 41 41 41 41 00" "read 3 00"
    assert_reports 1
}

@test "repair: at most 2 MiB around the fault" {
    run_with --policy "$policy" pages open:memfd size:4096 map:4096,shared,rw size:0 read:2000 count
    assert_success
    [[ $output =~ zero=([0-9]+)\ lost=([0-9]+) ]]
    assert_equal "${BASH_REMATCH[1]}" 512
    assert_equal $((BASH_REMATCH[1] + BASH_REMATCH[2])) 4096
}

@test "repair: all of a lost extent of less than 2 MiB, wherever it lies" {
    run_with --policy "$policy" pages open:memfd size:520 fill map:520,shared,rw size:10 read:300 \
        count
    assert_success
    assert_lines "read 300 00" "count zero=510 lost=0 data=10"
    run_with --policy "$policy" pages open:file size:520 fill map:520,shared,rw size:10 read:519 \
        count
    assert_success
    assert_lines "read 519 00" "count zero=510 lost=0 data=10"
    # Exactly so much.
    run_with --policy "$policy" pages open:memfd size:522 fill map:522,shared,rw size:10 read:10 \
        count
    assert_success
    assert_lines "read 10 00" "count zero=512 lost=0 data=10"
}

@test "repair: in a file in memory with holes only what lies behind its end is replaced" {
    run_with --policy "$policy" pages open:memfd size:1024 map:1024,shared,rw write:3 write:900 \
        size:600 read:700 perms
    assert_success
    assert_line "read 700 00"
    # "perms 0-599:rw-s 600-815:rw-p 816-1023:rw-s", where a 2 MiB border lies
    [[ $output =~ perms\ 0-([0-9]+):rw-s\ ([0-9]+)-([0-9]+):rw-p ]]
    [ "${BASH_REMATCH[2]}" -ge 600 ] && [ "${BASH_REMATCH[2]}" -le 700 ]
    [ $((BASH_REMATCH[3] - BASH_REMATCH[2])) -ge 200 ]
}

@test "repair: zero(page) replaces one page" {
    run_with --policy "program:pages=zero(page)" pages open:memfd "${lost_half[@]}" read:5 show \
        write:6 show
    assert_success
    assert_lines "read 5 00" "show 0-3:= 4-4:! 5-5:0 6-7:!" "write 6" \
        "show 0-3:= 4-4:! 5-5:0 6-6:w0 7-7:!"
    assert_reports 2
}

@test "repair: zero(range) replaces all lost pages of the mapping" {
    run_with --policy "program:pages=zero(range)" pages open:memfd size:4096 fill \
        map:4096,shared,rw \
        size:9 read:2000 count
    assert_success
    assert_lines "read 2000 00" "count zero=4087 lost=0 data=9"
    assert_reports 1
}

@test "repair: zero(range) gives a sparse file no memory" {
    local file=/dev/shm/sigbus-repair-$$

    run_with --policy "program:pages=zero(range)" pages open:$file size:8192 map:8192,shared,rw \
        size:4096 \
        read:6000 read:4096 read:8191
    run du -k $file
    rm $file
    assert_success
    (($(cut -f1 <<<"$output") <= 64)) # of 16 MiB
    assert_equal "$(grep -c "fault 1 of this range" <<<"$stderr")" 1
    assert_reports 1
    [[ $stderr == *"zero, 4096 pages" ]]
}

@test "repair: readable pages between lost ones are not replaced" {
    local extent

    for extent in "" "(page)" "(range)"; do
        run_with --policy "program:pages=zero$extent" pages open:memfd "${lost_half[@]}" anon:6-6 \
            read:5 read:7 show
        assert_success
        assert_line "read 5 00"
        assert_line "read 7 00"
        assert_line --regexp '6-6:c 7-7:0$'
    done
}

@test "repair: mprotect after mmap is respected" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" protect:0-7,ro read:5 perms \
        write:5
    assert_equal "$status" "$segv"
    assert_line --regexp '^perms( [0-9]-[0-9]:r--[sp])+$'

    run_with --policy "$policy" pages open:memfd size:8 fill map:8,shared,ro protect:0-7,rw \
        size:4 write:5 show
    assert_success
    assert_line "show 0-3:= 4-4:0 5-5:w0 6-7:0"
}

@test "repair: neighbours of another protection keep theirs" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" protect:6-6,ro \
        protect:7-7,none read:4 read:6 write:5 \
        perms write:6
    assert_equal "$status" "$segv"
    assert_line "read 4 00"
    assert_line "read 6 00"
    assert_line --regexp ' 6-6:r--[sp] 7-7:---[sp]$'
}

@test "repair: a lost page of code is not replaced" {
    run_both --policy "$policy" pages open:memfd size:8 map:8,shared,rx size:4 exec:5
    assert_equal "$status" "$bus_error"
    run_both --policy "$policy" pages open:memfd size:8 map:8,shared,rx handler:exit \
        size:4 exec:5
    assert_lines "caught code=2 page=5"
    run_both --policy "$policy" pages open:memfd size:8 map:8,shared,rx size:4 read:5
    assert_equal "$status" "$bus_error"
}

@test "repair: only pages that are code now count as code" {
    run_both --policy "$policy" pages open:memfd size:8 map:8,shared,rw protect:4-5,rx \
        size:4 exec:5
    assert_equal "$status" "$bus_error"
    run_both --policy "$policy" pages open:memfd size:8 map:8,shared,rw protect:4-5,rx \
        size:4 read:4
    assert_equal "$status" "$bus_error"
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,rw protect:4-5,rx size:4 read:6
    assert_success
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,rw protect:4-5,rx \
        protect:4-5,rw size:4 read:5
    assert_success
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,rx protect:0-7,rw size:4 \
        write:5
    assert_success
}

@test "repair: an alignment fault is not repaired, and goes to the program" {
    run_both --policy "$policy" pages open:memfd size:4 fill map:4,shared,rw align:2
    assert_equal "$status" "$bus_error"
    run_both --policy "$policy" pages open:memfd size:4 fill map:4,shared,rw handler:exit \
        align:2
    assert_lines "caught code=1 page=-1"
    run_with --policy "$policy" pages open:memfd size:4 fill map:4,shared,rw read:0 handler:exit \
        align:2
    assert_reports 1
}

@test "repair: a signal that was sent is never repaired" {
    local how

    for how in send:kill send:tgkill send:sigqueue send:odd forge:5 forge:5,ao forge:5,ar forge:5,obj; do
        run_both --policy "$policy" pages open:memfd "${lost_half[@]}" "$how"
        assert_equal "$status" "$bus_error"
        run_both --policy "$policy" pages open:memfd "${lost_half[@]}" handler:note \
            "$how" show
        assert_success
        assert_line "show 0-3:= 4-7:!"
    done
}

@test "repair: after a signal that was sent faults are repaired" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" handler:note send:kill forge:1 \
        forge:5 read:5 show
    assert_success
    assert_lines "caught code=0 page=-1" "caught code=2 page=1" "caught code=2 page=5" "read 5 00" \
        "show 0-3:= 4-7:0"
}

@test "repair: hugetlb pages of 2 MiB" {
    local free

    skip_unless_root
    [ -w /proc/sys/vm/nr_hugepages ] || skip "nr_hugepages can't be written"
    cat /proc/sys/vm/nr_hugepages >hugepages
    echo $(($(cat hugepages) + 8)) >/proc/sys/vm/nr_hugepages || skip "no huge pages"
    free=$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)
    [ "$free" -ge 4 ] || skip "only $free huge pages free"
    run_bare pages open:hugetlb size:4 fill map:4,shared,rw size:2 show read:3
    assert_equal "$status" "$bus_error"
    run_with --policy "$policy" pages open:hugetlb size:4 fill map:4,shared,rw size:2 read:3 \
        write:3 write:0 read:2 show
    assert_success
    assert_line "show 0-0:w= 1-1:= 2-2:0 3-3:w0"
}

@test "repair: a full tmpfs: what can be read stays, the hole becomes zero" {
    skip_unless_root
    mkdir small
    cat >in-mount <<'END'
mount -t tmpfs -o size=32k none small || exit 77
"$PROGS/pages" open:small/file size:4 fill size:8 || exit 77
dd if=/dev/zero of=small/rest bs=4k 2>/dev/null
exec env ${preload:+LD_PRELOAD="$preload"} SIGBUS_POLICY=program:pages=zero \
    "$PROGS/pages" open:small/file map:8,shared,rw read:1 write:1 read:6 write:5 show
END
    PROGS=$PROGS preload='' run --separate-stderr limited unshare -m sh in-mount
    [ "$status" != 77 ] && [ "$status" != 1 ] || skip "no tmpfs can be mounted"
    assert_equal "$status" "$bus_error"
    PROGS=$PROGS preload=$SIGBUS_LIB run --separate-stderr limited unshare -m sh in-mount
    assert_success
    assert_line "read 6 00"
    assert_line "show 0-0:= 1-1:w= 2-3:= 4-4:0 5-5:w0 6-7:0"
}

@test "repair: a full disk: a page that can't be written any more keeps its bytes" {
    skip_unless_root
    skip_without mkfs.ext4
    mkdir disk
    # Blocks of 1 KiB: the first quarter of the page has one, the others would need some.
    truncate -s 2M image
    mkfs.ext4 -q -b 1024 -m 0 -O ^has_journal image || skip "mkfs.ext4 failed"
    cat >in-mount <<'END'
mount -o loop,nodelalloc image disk || exit 77
head -c 1024 /dev/zero | tr '\0' A >disk/file
truncate -s 8192 disk/file
cat /dev/zero >disk/rest 2>/dev/null
# A fault may take what the file system keeps in reserve: use that up too.
"$PROGS/pages" open:disk/reserve size:256 map:256,shared,rw $(seq -f write:%.0f 0 255) \
    >/dev/null 2>&1
env ${preload:+LD_PRELOAD="$preload"} SIGBUS_POLICY=program:pages=zero \
    "$PROGS/pages" open:disk/file map:2,shared,rw read:0 read:1 write:0 peek:0 write:1 peek:1
status=$?
umount disk
exit $status
END
    PROGS=$PROGS preload='' run --separate-stderr limited unshare -m sh in-mount
    [ "$status" != 77 ] || skip "no loop device can be mounted"
    assert_equal "$status" "$bus_error"
    assert_lines "read 0 41" "read 1 00"
    PROGS=$PROGS preload=$SIGBUS_LIB run --separate-stderr limited unshare -m sh in-mount
    assert_success
    assert_lines "read 0 41" "read 1 00" "write 0" "peek 0 77 41 41 00 00" "write 1" \
        "peek 1 77 00 00 00 00"
}

@test "repair: mremap of a repaired mapping that grows: all of it is still there" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" write:5 remap:64 show
    assert_success
    assert_line "mremap ok"
    assert_line --regexp '^show 0-3:= 4-4:0 5-5:w0 6-7:0 8-63:!$'
}

@test "repair: the new tail of a mapping that grew shows the file" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" write:5 size:12 fill remap:12 \
        show
    assert_success
    assert_line "mremap ok"
    assert_line "show 0-3:= 4-4:0 5-5:w0 6-7:0 8-11:="
}

@test "repair: a wholly repaired mapping grows with its file, not with anonymous memory" {
    run_with --policy "$policy" pages open:memfd size:4 map:4,shared,rw size:0 write:1 size:8 \
        fill remap:8 show
    assert_success
    assert_lines "write 1" "mremap ok" "show 0-0:0 1-1:w0 2-3:0 4-7:="
}

@test "repair: mremap that shrinks, then faults again" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" write:5 remap:6 show size:2 \
        write:3 show
    assert_success
    assert_lines "write 5" "mremap ok" "show 0-3:= 4-4:0 5-5:w0" "write 3" \
        "show 0-1:= 2-2:0 3-3:w0 4-4:0 5-5:w0"
}

@test "repair: mremap with MREMAP_FIXED moves the repaired pages too" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" write:5 move:8 show read:6 \
        size:2 read:3 show
    assert_success
    assert_lines "write 5" "mremap ok" "show 0-3:= 4-4:0 5-5:w0 6-7:0" "read 6 00" "read 3 00" \
        "show 0-1:= 2-4:0 5-5:w0 6-7:0"
}

@test "repair: mremap of a mapping with nothing repaired is as without us" {
    run_both --policy "$policy" pages open:memfd size:8 fill map:8,shared,rw remap:16 show \
        remap:4 show move:4 show
    assert_success
    run_both --policy "$policy" pages open:memfd size:8 fill map:8,shared,rw unmap:3-3 \
        remap:16
    assert_lines "mremap EFAULT"
}

@test "repair: a grown mapping that is lost later is repaired" {
    run_with --policy "$policy" pages open:memfd size:8 fill map:8,shared,rw remap:16 read:12 show
    assert_success
    assert_lines "mremap ok" "read 12 00" "show 0-7:= 8-15:0"
}

@test "repair: what is mapped at the address of repaired or lost pages is never replaced" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" read:5 unmap:4-5 file:4-5 \
        anon:6-6 show read:4 read:7
    assert_success
    assert_line "show 0-3:= 4-5:f 6-6:c 7-7:0"
    assert_line "read 4 66"
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" anon:5-5 file:6-6 read:4 \
        read:7 read:5 read:6 show
    assert_success
    assert_line "show 0-3:= 4-4:0 5-5:c 6-6:f 7-7:0"
}

@test "repair: a fork child keeps everything, and its repairs are its own" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" fork read:5 write:6 show
    assert_success
    assert_lines "read 5 00" "write 6" "show 0-3:= 4-5:0 6-6:w0 7-7:0" "child exit 0"
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" write:5 fork show fork size:2 \
        write:3 show
    assert_success
    assert_lines "write 5" "show 0-3:= 4-4:0 5-5:w0 6-7:0" "write 3" \
        "show 0-1:= 2-2:0 3-3:w0 4-4:0 5-5:w0 6-7:0" "child exit 0" "child exit 0"
}

@test "repair: a blocked SIGBUS does not kill, whoever blocked it and when" {
    local how

    for how in sigprocmask pthread; do
        run_with --policy "$policy" pages open:memfd "${lost_half[@]}" "block:$how" mask read:5 mask
        assert_success
        assert_lines "mask blocked blocked" "read 5 00" "mask blocked blocked"
        run_with --policy "$policy" pages open:memfd "${lost_half[@]}" thread "block:$how" mask \
            read:5 mask
        assert_success
        assert_lines "mask blocked blocked" "read 5 00" "mask blocked blocked"
        run_with --policy "$policy" pages open:memfd "${lost_half[@]}" "block:$how" thread mask \
            read:5 mask unblock mask
        assert_success
        assert_lines "mask blocked blocked" "read 5 00" "mask blocked blocked" "mask open open"
        run_with --policy "$policy" pages open:memfd "${lost_half[@]}" "block:$how" fork mask \
            read:5 mask
        assert_success
        assert_lines "mask blocked blocked" "read 5 00" "mask blocked blocked" "child exit 0"
    done
}

@test "repair: a SIGBUS sent while blocked stays pending, and the thread protected" {
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" handler:note block:pthread \
        send:kill read:5 \
        mask unblock mask
    assert_success
    assert_lines "read 5 00" "mask blocked blocked" "caught code=0 page=-1" "mask open open"
}

@test "repair: a blocked SIGBUS that nothing answers kills as without us" {
    run_both pages open:memfd "${lost_half[@]}" block:pthread read:5
    assert_equal "$status" "$bus_error"
    run_both --policy "*=chain" pages open:memfd "${lost_half[@]}" handler:note \
        block:sigprocmask read:5
    assert_equal "$status" "$bus_error"
    assert_lines ""
}

@test "repair: rules by owner, path, kind, program and map" {
    local rule

    for rule in owner:pages 'owner:p?ges' 'path:/memfd:*' kind:memfd program:pages map:shared \
        map:rw 'kind:memfd&map:shared&program:pages' '*'; do
        run_with --policy "$rule=zero" pages open:memfd "${lost_half[@]}" read:5
        assert_success
        assert_lines "read 5 00"
    done
    for rule in owner:other 'path:/dev/*' kind:shm kind:file program:other map:private map:ro \
        'kind:memfd&map:private'; do
        run_with --policy "$rule=zero" pages open:memfd "${lost_half[@]}" read:5
        assert_equal "$status" "$bus_error"
    done
}

@test "repair: kinds and paths of files" {
    local shm=/dev/shm/sigbus-test-$$

    run_with --policy "kind:shm&path:$shm=zero" pages "open:$shm" "${lost_half[@]}" read:5
    rm -f "$shm"
    assert_success
    run_with --policy "kind:file&path:$PWD/*=zero" pages open:file "${lost_half[@]}" read:5
    assert_success
    run_with --policy "kind:file&path:$PWD/*=zero" pages "open:$shm" "${lost_half[@]}" read:5
    rm -f "$shm"
    assert_equal "$status" "$bus_error"
}

@test "repair: the first rule that matches decides" {
    run_with --policy "path:/memfd:other=chain,path:/memfd:pages=zero,*=chain" pages open:memfd \
        "${lost_half[@]}" read:5
    assert_success
    run_with --policy "kind:memfd=abort,program:pages=zero" pages open:memfd "${lost_half[@]}" \
        handler:exit read:5
    assert_equal "$status" "$bus_error"
    assert_lines ""
}

# ---- what the kernel refuses, and is not lost ----

@test "repair: healthy neighbours stay as they are: guard pages, other protections, userfaultfd" {
    local mapping kind action seen=0

    for mapping in shared private; do
        for kind in guard none ro uffd; do
            for action in zero ones "zero(page)" "zero(range)"; do
                run_with --log off --policy "*=$action" healthy "$mapping" "$kind"
                [ "$status" != 77 ] || continue
                seen=$((seen + 1))
                assert_success
                [[ $action == ones ]] && assert_line "read 4: -1" || assert_line "read 4: 0"
                case $kind in
                guard | none)
                    assert_line "read 2: signal 11"
                    assert_line "read 3: signal 11"
                    assert_line "read 6: signal 11"
                    ;;
                ro)
                    assert_line "read 2: 120"
                    assert_line "write 3: signal 11"
                    # One page alone has the protection that the hooks saw.
                    [[ $action == "zero(page)" ]] || assert_line "write 6: signal 11"
                    ;;
                uffd)
                    assert_line "file 120"
                    assert_line "mapped 4"
                    ;;
                esac
            done
        done
    done
    [ "$seen" -ge 16 ]
}

# ---- as large as they come ----

@test "repair: a mapping of 1 and of 16 TiB has its owner, is repaired, and goes" {
    local size action

    [ "$(getconf LONG_BIT)" = 64 ] || skip "there are no such addresses"
    for size in 1024 16384; do
        for action in zero "zero(range)" "zero(page)"; do
            run_with --log off --policy "owner:extremes=$action" extremes long "$size"
            [ "$status" != 77 ] || skip "no such mapping can be had here"
            assert_success
            assert_line "read: 0 0 0"
            assert_line "munmap: 0, mapped 0"
        done
    done
}

@test "repair: the kernel's own bounds of huge pages, whatever length was asked for" {
    local size

    for size in 4096 1048576 2097152; do
        run_with --log off --policy "*=zero" extremes huge "$size"
        [ "$status" != 77 ] || skip "no huge pages here (vm.nr_overcommit_hugepages)"
        assert_success
        assert_line "read: 0 0"
        assert_line "munmap: 0, mapped 0"
    done
}

@test "repair: shmdt() of a segment whose pages were replaced" {
    run_with --log off --policy "*=zero" extremes shm
    [ "$status" != 77 ] || skip "no segment of huge pages can be had here"
    assert_success
    assert_line "shmdt: 0, mapped 0"
}

# ---- what a fault may cost ----

# Of 1 GiB that is lost as a whole. *longest is in bytes, of what is populated or looked at in one call.
calls_of_a_fault() { # POLICY STEP
    strace -o trace -e trace=madvise,mincore env SIGBUS_LOG=off SIGBUS_POLICY="$1" LD_PRELOAD="$SIGBUS_LIB" \
        "$PROGS/pages" open:memfd map:262144,shared,rw "$2" >/dev/null
    calls=$(grep -cE '^(madvise|mincore)' trace)
    longest=$(sed -nE 's/^(madvise|mincore)\([^,]*, ([0-9]+),.*/\2/p' trace | sort -n | tail -n 1)
}

@test "repair: a fault populates and looks at 2 MiB at most, however much is lost" {
    local action step

    skip_without strace
    cd "$BATS_TEST_TMPDIR" || return
    for step in read:131072 write:131072; do
        for action in 'zero(range)' zero 'zero(page)' 'ones(range)' ones; do
            calls_of_a_fault "*=$action" "$step"
            echo "$action $step: $calls calls, $longest bytes at once"
            [ "$longest" -le $((2 << 20)) ]
            # Each page of 2 MiB once where it is and once in a second view of the file.
            [ "$calls" -le $((2 * 512 + 16)) ]
        done
        calls_of_a_fault '*=zero(range)' "$step"
        [ "$calls" -le 32 ] # where mincore() tells of many pages at once
    done
}

# ---- which file it is ----

@test "repair: a file that got the inode of stderr's is not written to" {
    cat >inode.c <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
	struct stat was, is = {0};
	int lost = memfd_create("lost", 0);
	volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, lost, 0);

	fstat(2, &was);
	unlink("stderr");
	close(2);
	for (int i = 0; i < 200 && is.st_ino != was.st_ino; i++) {
		char name[32];

		if (i) {
			fcntl(2, F_DUPFD, 10); /* its inode stays in use */
			close(2);
		}
		snprintf(name, sizeof(name), "data-%d", i);
		if (open(name, O_RDWR | O_CREAT, 0600) != 2)
			return 2;
		fstat(2, &is);
	}
	(void)page[0];
	fstat(2, &is);
	return printf("%s inode, %d bytes\n", is.st_ino == was.st_ino ? "same" : "another",
		       (int)is.st_size) < 0;
}
END
    $CC -o inode inode.c
    run sh -c 'SIGBUS_POLICY="*=zero" LD_PRELOAD="$1" ./inode 2>stderr' - "$SIGBUS_LIB"
    assert_success
    [ "$output" = "same inode, 0 bytes" ] || [ "$output" = "another inode, 0 bytes" ]
    [ "$output" = "same inode, 0 bytes" ] || skip "no file gets that inode here"
}
