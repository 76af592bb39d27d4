# SPDX-License-Identifier: MIT
#
# Each kind of loss, made for real: what the report says of it, what each action does to the data,
# byte by byte, and that without a rule the program ends as without us. loss-victim tells how to read
# its output.

load ../harness/helper
load ../harness/huge-pages

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir mount
    server=
}

teardown() {
    cd / || return
    [ -z "$server" ] || kill "$server" 2>/dev/null
    umount -l "$BATS_TEST_TMPDIR/mount" 2>/dev/null
    rm -f "/dev/shm/sigbus-loss-$$"
    give_huge_pages_back
}

# Makes the file system or file that the next run loses pages of.
prepare() {
    :
}

skip_if_it_cannot() {
    [ "$status" != 77 ] || skip "${stderr##*loss-victim: }"
}

# The line names the file (a pattern), the cause and what belongs to it, the mapper and the toucher.
assert_explained() { # FILE CAUSE [MAPPER]
    local file=$1 cause=$2 mapper=${3:-loss-victim+0x}

    # No space: on which file system, and how much there is.
    [[ $cause != nospace ]] || cause='nospace*([^()])'
    # shellcheck disable=SC2053
    [[ $stderr == *"page of "$file" is lost (BUS_ADRERR, "$cause") at 0x"* ]]
    [[ $stderr == *" by loss-victim+0x"*"; mapping 0x"*" made by $mapper"* ]]
}

json_is_known() {
    run_with --log json:$PWD/log true
    [[ $stderr != *"unknown destination"* ]]
}

# The same facts as in the text.
assert_json() { # PATH CAUSE ACTION
    run --separate-stderr python3 - log "$@" <<'END'
import json, sys

log, path, cause, action = sys.argv[1:]
for line in open(log):
    report = json.loads(line)
    if "cause" in report and report["action"] == action:
        break
else:
    sys.exit("no such report")
assert report["path"] == path, report["path"]
assert report["cause"] == cause, report["cause"]
assert report["code"] == "BUS_ADRERR", report["code"]
for field in ("time pid tid thread addr offset map_start map_end map_prot owner mapped_by"
              " touched_by pc rule pages count").split():
    assert field in report, field
END
    assert_success
}

# Everything that can become of one loss. STEPs lead to it, TOUCH meets it; PAGE is where.
loses() { # FILE CAUSE MAPPER TOUCH PAGE ZERO ONES STEP...
    local file=$1 cause=$2 mapper=$3 touch=$4 page=$5 zero=$6 ones=$7
    local bare_status bare_output word
    shift 7

    prepare
    run_bare loss-victim "$@" "$touch"
    skip_if_it_cannot
    assert_equal "$status" "$bus_error"
    bare_status=$status bare_output=$output

    prepare
    run_with loss-victim "$@" "$touch"
    assert_equal "$status" "$bare_status"
    assert_equal "$output" "$bare_output"
    assert_reports 1
    assert_explained "$file" "$cause" "$mapper"
    [[ $stderr == *"; rule *=owner|chain (built-in): no handler answered: killed by SIGBUS"* ]]

    prepare
    run_with loss-victim "$@" handler:exit "$touch"
    assert_equal "$status" 40
    assert_line "caught code=2 page=$page"
    assert_explained "$file" "$cause" "$mapper"
    [[ $stderr == *"handed to the handler at loss-victim+0x"* ]]

    prepare
    run_with --policy "program:loss-victim=abort" loss-victim "$@" handler:exit "$touch"
    assert_equal "$status" "$bus_error"
    assert_equal "$output" "$bare_output"
    assert_explained "$file" "$cause" "$mapper"
    [[ $stderr == *"abort: killed by SIGBUS"* ]]

    prepare
    # "cause unknown" in a line is unknown in a rule.
    word=${cause#cause } word=${word%%,*}
    run_with --policy "cause:$word=zero" loss-victim "$@" "$touch" bytes
    assert_success
    assert_line "bytes $zero"
    assert_explained "$file" "$cause" "$mapper"
    [[ $stderr == *"(item 1): zero, "* ]]

    prepare
    run_with --policy "program:loss-victim=ones|zero" loss-victim "$@" "$touch" bytes
    assert_success
    assert_line "bytes $ones"
    assert_explained "$file" "$cause" "$mapper"
}

loses_in_json() { # PATH CAUSE TOUCH STEP...
    local path=$1 cause=$2 touch=$3
    shift 3

    json_is_known || return 0
    prepare
    rm -f log
    run_with --log json:$PWD/log --policy "program:loss-victim=zero" loss-victim "$@" "$touch"
    assert_success
    assert_equal "$stderr" ""
    assert_json "$path" "$cause" zero
}

# ---- truncation ----

truncated="truncated, file size 16384"

truncates() { # PATH
    loses "\"$1\"" "$truncated" loss-victim+0x read:5 5 "0-3:= 4-7:0" "0-3:= 4-7:f" \
        "open:$1" "${lost_half[@]}"
    [[ $stderr == *", offset 0x5000, read by "* ]]
    loses_in_json "$1" truncated read:5 "open:$1" "${lost_half[@]}"
    loses "\"$1\"" "$truncated" loss-victim+0x write:5 5 "0-3:= 4-4:0 5-5:w 6-7:0" \
        "0-3:= 4-4:f 5-5:w 6-7:f" "open:$1" "${lost_half[@]}"
    [[ $stderr == *", offset 0x5000, written by "* ]]
}

make_ext4() {
    skip_unless_root
    skip_without mkfs.ext4
    truncate -s 2M image
    # Blocks of 1 KiB: the first quarter of a page has one, the others would need some.
    mkfs.ext4 -q -F -b 1024 -m 0 -O ^has_journal image || skip "mkfs.ext4 failed"
    mount -o loop,nodelalloc image mount || skip "no loop device can be mounted"
}

make_tmpfs() { # SIZE
    skip_unless_root
    mount -t tmpfs -o "size=$1" none mount || skip "no tmpfs can be mounted"
}

@test "losses: a file that was truncated, in /dev/shm" {
    truncates "/dev/shm/sigbus-loss-$$"
}

@test "losses: a file that was truncated, on a tmpfs of its own" {
    make_tmpfs 1m
    truncates "$PWD/mount/file"
}

@test "losses: a file that was truncated, on ext4" {
    make_ext4
    truncates "$PWD/mount/file"
}

@test "losses: a memfd that was truncated" {
    loses '"/memfd:pages" (deleted)' "$truncated" loss-victim+0x read:5 5 "0-3:= 4-7:0" \
        "0-3:= 4-7:f" open:memfd "${lost_half[@]}"
    loses_in_json /memfd:pages truncated read:5 open:memfd "${lost_half[@]}"
}

@test "losses: private pages, written ones too" {
    loses "\"$PWD/file\"" "$truncated" loss-victim+0x read:5 5 "0-0:= 1-1:w 2-3:= 4-7:0" \
        "0-0:= 1-1:w 2-3:= 4-7:f" open:file size:8 fill map:8,private,rw write:1 write:5 size:4
    [[ $stderr == *" rw-p made by "* ]]
    loses_in_json "$PWD/file" truncated read:5 open:file size:8 fill map:8,private,rw write:5 size:4
}

@test "losses: shared anonymous memory whose file was truncated" {
    skip_unless_root
    loses '"/dev/zero" (deleted)' "$truncated" unknown read:5 5 "0-3:= 4-7:0" "0-3:= 4-7:f" \
        shared-anon:8 cut:4
    run_with --policy "kind:anon&map:shared=zero" loss-victim shared-anon:8 cut:4 read:5
    assert_success
}

# ---- no space ----

# Pages 4-7 of the file are a hole that nothing can fill any more.
fill_tmpfs() {
    rm -f mount/file mount/rest mount/reserve
    "$PROGS/pages" open:mount/file size:4 fill size:8
    dd if=/dev/zero of=mount/rest bs=4k 2>/dev/null || :
}

@test "losses: a full tmpfs, by reading a hole" {
    make_tmpfs 32k
    prepare() {
        fill_tmpfs
    }
    loses "\"$PWD/mount/file\"" nospace loss-victim+0x read:6 6 "0-3:= 4-7:0" "0-3:= 4-7:f" \
        open:mount/file map:8,shared,rw read:0
    loses_in_json "$PWD/mount/file" nospace read:6 open:mount/file map:8,shared,rw
    assert_equal "$(stat -c %s mount/file)" 32768
    run_with --policy "fs:tmpfs&cause:nospace=zero" loss-victim open:mount/file map:8,shared,rw \
        write:6 bytes
    assert_success
    assert_line "bytes 0-3:= 4-5:0 6-6:w 7-7:0"
    prepare
    # Not even of which mount it is.
    run_with --policy "cause:nospace=abort,*=zero" loss-victim open:mount/file map:8,shared,rw \
        refuse:statx,1 \
        write:6
    assert_success
}

# Its file has none any more: no hint could help.
@test "losses: a full tmpfs whose name has blanks in it" {
    local place=$'a \\b'

    skip_unless_root
    mkdir "$place"
    mount -t tmpfs -o size=32k none "$place" || skip "no tmpfs can be mounted"
    "$PROGS/pages" "open:$place/file" size:4 fill size:8
    dd if=/dev/zero of="$place/rest" bs=4k 2>/dev/null || :
    run_with --policy "fs:tmpfs&cause:nospace=zero" loss-victim "open:$place/file" map:8,shared,rw \
        sh:'rm a*/file' read:6
    umount -l "$place"
    assert_success
    assert_lines "read 6 00"
    [[ $stderr == *"nospace on tmpfs, 0 bytes free"* ]]
    [[ $stderr != *hint* ]]
}

# As most programs share memory: the file has no name and no descriptor any more, and who lost the
# page may not look at /proc/self/map_files.
nameless() { # SIZE OF THE TMPFS, STEP
    skip_unless_root
    skip_without python3
    mkdir -p mount
    mount -t tmpfs -o "size=$1,mode=1777" none mount || skip "no tmpfs can be mounted"
    cat >nameless.py <<'END'
import mmap, os, sys
fd = os.open("mount/file", os.O_RDWR | os.O_CREAT)
os.truncate(fd, 8 * 4096)
memory = mmap.mmap(fd, 8 * 4096)
os.unlink("mount/file")
if sys.argv[1] == "truncated":
    os.pwrite(fd, b"x" * 4096 * 8, 0)
    os.ftruncate(fd, 4 * 4096)
elif sys.argv[1] == "hole":
    os.pwrite(fd, b"x" * 4096 * 4, 0)
    os.pwrite(fd, b"x" * 4096 * 2, 6 * 4096)
if sys.argv[1] != "truncated":
    rest = os.open("mount/rest", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(rest, bytes(4096)):
            pass
    except OSError:
        pass
    os.close(rest)
# mmap has a descriptor of its own.
for number in range(3, 20):
    try:
        os.close(number)
    except OSError:
        pass
memory[5 * 4096] = 1
END
    chmod a+rx . .. ../.. ../../.. 2>/dev/null
    as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    "${as_user[@]}" test -r "$SIGBUS_LIB" -a -r nameless.py || skip "another user cannot get here"
    run --separate-stderr "${as_user[@]}" env LD_PRELOAD="$SIGBUS_LIB" /usr/bin/python3 nameless.py "$2"
    umount -l mount
    assert_equal "$status" "$bus_error"
    assert_reports 1
}

@test "losses: a file without a name on a tmpfs, for an ordinary user" {
    nameless 4m truncated
    [[ $stderr == *'mount/file" (deleted) is lost (BUS_ADRERR, truncated, file size at most 16384)'* ]]
    nameless 128k hole
    [[ $stderr == *'mount/file" (deleted) is lost (BUS_ADRERR, nospace on tmpfs, 0 bytes free)'* ]]
    nameless 128k empty
    [[ $stderr == *'mount/file" (deleted) is lost (BUS_ADRERR, cause unknown)'*'hint: its file system is full: there was no space, if the file was not truncated'* ]]
}

@test "losses: a full tmpfs and a truncated file on it are told apart" {
    make_tmpfs 32k
    prepare() {
        fill_tmpfs
    }
    prepare
    run_with loss-victim open:mount/file map:8,shared,rw size:4 read:6
    assert_equal "$status" "$bus_error"
    assert_explained "\"$PWD/mount/file\"" "$truncated"
}

# Pages 1-3 of the file are a hole, but for a quarter of page 1. A fault may take what ext4 keeps in
# reserve: that is used up too.
fill_ext4() {
    rm -f mount/file mount/rest mount/reserve
    "$PROGS/pages" open:mount/file size:1 fill size:4
    printf '%01024d' 0 | tr 0 B | dd of=mount/file bs=1k seek=4 conv=notrunc status=none
    cat /dev/zero >mount/rest 2>/dev/null || :
    "$PROGS/pages" open:mount/reserve size:256 map:256,shared,rw \
        $(seq -f write:%.0f 0 255) >/dev/null 2>&1 || :
}

@test "losses: a full disk, by writing to a hole; what can be read is kept" {
    make_ext4
    prepare() {
        fill_ext4
    }
    loses "\"$PWD/mount/file\"" nospace loss-victim+0x write:2 2 "0-0:= 1-1:? 2-2:w 3-3:0" \
        "0-0:= 1-1:? 2-2:w 3-3:0" open:mount/file map:4,shared,rw read:0 read:2
    loses_in_json "$PWD/mount/file" nospace write:2 open:mount/file map:4,shared,rw
    run_with --policy "*=zero" loss-victim open:mount/file map:4,shared,rw write:2 write:3 peek:1 \
        peek:3
    assert_success
    assert_lines "write 2" "write 3" "peek 1 42 42 42 00 00" "peek 3 77 00 00 00 00"
    assert_reports 1
}

# Then mprotect() was there: what the page may be is asked, not remembered.
@test "losses: a full disk, a page that was protected and is not any more" {
    make_ext4
    fill_ext4
    run_with --policy "*=zero" loss-victim open:mount/file map:4,shared,rw protect:1-2,ro \
        protect:1-2,rw \
        write:2 write:1 peek:1
    assert_success
    assert_lines "write 2" "write 1" "peek 1 77 42 42 00 00"
}

@test "losses: a full disk, and what can be read cannot be copied" {
    make_ext4
    fill_ext4
    run_with --policy "*=zero" loss-victim open:mount/file map:4,shared,rw refuse:writev,1 write:2
    assert_equal "$status" "$bus_error"
    [[ $stderr == *"no handler answered: killed by SIGBUS"* ]]
    run_with --policy "*=zero" loss-victim open:mount/file map:4,shared,rw refuse:writev,1 read:2
    assert_success
}

# That a disk is gone, or of what size it is, is told by /sys: STATE makes that, for $device.
full_disk_with_sys() { # STATE CAUSE
    fill_ext4
    cat >in-mount <<'END'
device=/sys/dev/block/$(stat -c %Hd:%Ld mount/file)
eval "$1" || exit 77
exec env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY='*=zero' "$PROGS/loss-victim" open:mount/file \
    map:4,shared,rw write:2
END
    run --separate-stderr limited unshare -m sh in-mount "$1"
    [ "$status" != 77 ] || skip "no other /sys can be made: $stderr"
    assert_success
    [[ $stderr == *"file\" is lost (BUS_ADRERR, $2"* ]]
}

@test "losses: a full disk, and /sys says that it is gone" {
    make_ext4
    unshare -m true || skip "no mount namespace"
    full_disk_with_sys 'mount --bind /sys/kernel/mm /sys/dev/block' device
    full_disk_with_sys 'mount --bind "$(grep -lx 0 /sys/block/*/size | head -n 1)" "$device/size"' device
}

# Then everybody who can write there could say it.
@test "losses: a full disk, and what is at /sys is not the kernel's" {
    make_ext4
    unshare -m true || skip "no mount namespace"
    full_disk_with_sys 'mount -t tmpfs none /sys' nospace
    full_disk_with_sys 'mount -t tmpfs none /sys && mkdir -p "$device" && echo 0 >"$device/size"' nospace
    full_disk_with_sys 'mount -t tmpfs none /sys && mkdir -p /sys/dev/block' nospace
    full_disk_with_sys 'mount -t tmpfs none /sys && mkdir -p "$device" && : >"$device/size"' nospace
}

# ---- huge pages ----

@test "losses: huge pages of a file that was truncated" {
    require_huge_pages 4
    loses '"/memfd:pages" (deleted)' "truncated, file size 4194304" loss-victim+0x read:3 3 \
        "0-1:= 2-3:0" "0-1:= 2-3:f" open:hugetlb size:4 fill map:4,shared,rw size:2
    run_with --policy "*=zero(page)" loss-victim open:hugetlb size:4 fill map:4,shared,rw size:2 \
        read:3 show
    assert_success
    assert_lines "read 3 00" "show 0-1:= 2-2:! 3-3:0"
    loses_in_json /memfd:pages truncated read:3 open:hugetlb size:4 fill map:4,shared,rw size:2
}

@test "losses: no huge page is free" {
    local file free last kind

    require_huge_pages 4
    [ "$(cat /proc/sys/vm/nr_overcommit_hugepages)" = 0 ] ||
        skip "this machine makes huge pages when there are none (nr_overcommit_hugepages)"
    grep -q '^HugePages_Rsvd: *0$' /proc/meminfo ||
        skip "somebody has reserved huge pages: how many can be had is not known"
    for kind in file anon; do
        [ "$kind" = file ] && file='"/memfd:huge" (deleted)' || file='"/anon_hugepage" (deleted)'
        run_with loss-victim "huge:$kind"
        skip_if_it_cannot
        free=$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)
        last=$((free - 1))
        loses "$file" nospace loss-victim+0x "write:$free" "$free" "0-$last:= $free-$free:w" \
            "0-$last:= $free-$free:w" "huge:$kind"
    done
}

# The group below the one with the limit is full, too; who may not read the file's size is told as well.
@test "losses: huge pages are free, but not for this control group" {
    local user

    require_huge_pages 4
    skip_without setpriv
    chmod a+rx . .. ../.. ../../.. 2>/dev/null
    cp -L "$SIGBUS_LIB" "$PROGS/loss-victim" .
    chmod a+rx libsigbus.so* loss-victim
    for user in 0 65534; do
        run --separate-stderr "$top_srcdir/tests/harness/huge-group" setpriv --reuid $user --clear-groups \
            env LD_PRELOAD="$PWD/${SIGBUS_LIB##*/}" "$PWD/loss-victim" huge:anon
        [ "$status" != 77 ] || skip "there is no control group for huge pages"
        assert_equal "$status" "$bus_error"
        [[ $stderr == *'page of "/anon_hugepage" (deleted) is lost (BUS_ADRERR, nospace'*'hint: the limit of the control group is reached, hugetlb.*.max against hugetlb.*.current; @hugetlb makes'* ]]
    done
}

# ---- userfaultfd ----

@test "losses: a page that userfaultfd watches is not lost, and not replaced" {
    local action

    for action in zero ones "zero(page)" "zero(range)"; do
        run_with --policy "*=$action" loss-victim uffd:4 read:3
        assert_equal "$status" "$bus_error"
        [[ $stderr == *"killed by SIGBUS; hint: userfaultfd watches this memory: the page is not lost"* ]]
    done
}

# ---- FUSE ----

require_fuse() {
    skip_unless_root
    [ -c /dev/fuse ] || skip "no /dev/fuse"
}

start_server() { # MODE
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    umount -l mount 2>/dev/null || :
    rm -f asked
    run --separate-stderr "$PROGS/loss-fuse" mount 8 4 "$1"
    [ "$status" != 77 ] || skip "$stderr"
    assert_success
    server=$output
}

fuse_file() { # MODE KEPT LOST
    local mode=$1

    require_fuse
    prepare() {
        start_server "$mode"
    }
    # What was read before is in the page cache and stays.
    loses "\"$PWD/mount/file\"" "cause unknown" loss-victim+0x read:5 5 "0-3:= 4-7:0" \
        "0-3:= 4-7:f" open:mount/file map:8,shared,rw read:0 read:1 read:2 read:3
    loses_in_json "$PWD/mount/file" unknown read:5 open:mount/file map:8,shared,rw
    start_server "$mode"
    run_with --policy "fs:nfs=abort,fs:fuse=zero" loss-victim open:mount/file map:8,private,rw \
        read:0 write:5
    assert_success
}

@test "losses: a FUSE server that was killed" {
    fuse_file exit
}

@test "losses: a FUSE connection that was aborted" {
    fuse_file abort
}

@test "losses: a FUSE server that answers with an error" {
    fuse_file eio
}

# The report asks nobody who might not answer. The access is tried again to die of it, and waits then.
@test "losses: a FUSE server that fails once and then hangs is reported at once" {
    local killer rule

    require_fuse
    for rule in "*=owner|chain" "cause:unknown&fs:fuse=abort"; do
        start_server stop
        (wait_for file_says "killed by SIGBUS" log && kill "$server" && touch killed) &
        killer=$! # bats may have children too
        run_with --log $PWD/log --policy $rule loss-victim open:mount/file map:8,shared,rw read:5
        wait "$killer"
        assert_equal "$status" "$bus_error"
        [ -e killed ]
        stderr=$(cat log)
        assert_explained "\"$PWD/mount/file\"" "cause unknown"
        rm log killed
    done
}

# As without us the access waits, until the server ends.
@test "losses: a FUSE server that hangs, then is killed" {
    require_fuse
    start_server hang
    (wait_for test -e asked && kill "$server") &
    run_with --policy "fs:fuse=zero" loss-victim open:mount/file map:8,shared,rw read:3 read:5 \
        peek:3
    assert_success
    assert_lines "read 3 44" "read 5 00" "peek 3 44 44 44 44 44"
    assert_explained "\"$PWD/mount/file\"" "cause unknown"
}

# ---- several faults ----

@test "losses: a lost page of each kind in one program is one line each" {
    run_with --policy "kind:memfd=zero,path:$PWD/*=ones" loss-victim open:memfd "${lost_half[@]}" \
        read:5 \
        bytes open:file "${lost_half[@]}" read:5 bytes
    assert_success
    assert_lines "read 5 00" "bytes 0-3:= 4-7:0" "read 5 ff" "bytes 0-3:= 4-7:f"
    assert_reports 2
}
