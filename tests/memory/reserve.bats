# SPDX-License-Identifier: MIT
#
# Space that is had before it is needed (reserve) or comes back (wait), and files that come back
# (sigbus_range_restore). loss-victim tells how to read its output.

load ../harness/helper
load ../harness/log

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir mount
}

teardown() {
    cd / || return
    umount -l "$BATS_TEST_TMPDIR/mount" 2>/dev/null || :
    rm -f "/dev/shm/sigbus-reserve-$$"
}

# A tmpfs of 16 pages with 8 free ones, and a file without any.
make_tmpfs() {
    skip_unless_root
    mount -t tmpfs -o size=64k none mount || skip "no tmpfs can be mounted"
    head -c 32768 /dev/zero >mount/rest
}

make_ext4() {
    skip_unless_root
    skip_without mkfs.ext4
    truncate -s 1M image
    mkfs.ext4 -q -F -m 0 -O ^has_journal image || skip "mkfs.ext4 failed"
    mount -o loop image mount || skip "no loop device can be mounted"
}

free_blocks() {
    stat -f -c %f mount
}

# What the program says, and the line of ours before it.
assert_refusal() {
    assert_equal "$(grep -v '^libsigbus' <<<"$stderr")" "pages: mmap: Cannot allocate memory"
    assert_equal "$(grep -c '^libsigbus: mapping refused in loss-victim\[' <<<"$stderr")" 1
}

refused() { # STEP...
    run_with --policy "path:$PWD/mount/*=reserve" loss-victim "$@"
    assert_equal "$status" 99
    assert_equal "$output" ""
    assert_refusal
}

# ---- reserve ----

@test "reserve: what is to be done for a cause is of no account before there is one" {
    make_tmpfs
    run_with --policy "cause:*=zero,path:$PWD/mount/*=reserve" loss-victim open:mount/file size:12 \
        map:12,shared,rw
    assert_equal "$status" 99
    assert_refusal
}

@test "reserve: mmap() fails instead of a SIGBUS later, and takes nothing" {
    local free

    make_tmpfs
    run_bare loss-victim open:mount/bare size:12 map:12,shared,rw $(seq -f write:%.0f 0 11)
    assert_equal "$status" "$bus_error"
    rm mount/bare

    free=$(free_blocks)
    assert_equal "$free" 8
    refused open:mount/file size:12 map:12,shared,rw
    refused open:mount/file size:12 map:12,shared,ro
    assert_equal "$(free_blocks)" "$free"
    assert_equal "$(stat -c '%s %b' mount/file)" "49152 0"
}

@test "reserve: a refusal is told, counted and a hit of its rule" {
    make_tmpfs
    run_with --policy "program:x=zero,path:$PWD/mount/*=reserve|chain" loss-victim \
        open:mount/file size:12 \
        map:12,shared,rw
    [[ $stderr =~ ^libsigbus:\ mapping\ refused\ in\ loss-victim\[[0-9]+\],\ thread\ .*:\ 49152\ bytes\ of\ \"$PWD/mount/file\"\ cannot\ be\ had\ \(nospace\ on\ tmpfs,\ 32768\ bytes\ free\):\ mmap\(\)\ fails\ with\ ENOMEM\;\ asked\ for\ by\ loss-victim\+0x[0-9a-f]+\;\ rule\ path:.*=reserve\|chain\ \(item\ 2\):\ reserve:\ refused ]]
    run_with --log json:$PWD/log --policy "path:$PWD/mount/*=reserve" loss-victim open:mount/file \
        size:12 map:12,shared,rw
    assert_equal "$stderr" "pages: mmap: Cannot allocate memory"
    run json log "(len(lines), *(lines[0][key] for key in ('event', 'cause', 'wanted', 'free_bytes', \
        'fs', 'owner', 'action', 'addr', 'code', 'touched_by', 'rule')))"
    assert_output "(1, 'refused', 'nospace', 49152, 32768, 'tmpfs', 'loss-victim', 'reserve', None, None, None, 'path:$PWD/mount/*=reserve')"
}

@test "reserve: refusals are limited as reports of faults are, and +quiet ones are only counted" {
    skip_without python3
    make_tmpfs
    cat >many.py <<'END'
import mmap, os
fd = os.open("mount/file", os.O_RDWR | os.O_CREAT)
os.truncate(fd, 49152)
for i in range(100):
    try:
        mmap.mmap(fd, 49152)
    except OSError:
        pass
END
    run --separate-stderr env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="path:$PWD/mount/*=reserve" \
        python3 many.py
    assert_equal "$(grep -c 'mapping refused' <<<"$stderr")" 13 # 1 to 10, 16, 32, 64
    assert_equal "$(grep -c '^libsigbus: summary of python3.*, 100 mappings refused$' <<<"$stderr")" 1
    run --separate-stderr env LD_PRELOAD="$SIGBUS_LIB" python3 -c 'print(1)'
    run --separate-stderr env LD_PRELOAD="$SIGBUS_LIB" \
        SIGBUS_POLICY="path:$PWD/mount/*=reserve+quiet" python3 many.py
    assert_equal "$stderr" ""
}

# huge-pages KIND [ro]: maps 4 MiB of huge pages, and writes to them.
compile_huge_pages() {
    cat >huge.c <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>
#define SIZE (4 << 20)
static char *map(const char *kind, int prot)
{
	int fd, id;
	char *at;

	if (!strcmp(kind, "anonymous"))
		return mmap(NULL, SIZE, prot,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);
	if (!strcmp(kind, "segment")) {
		id = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600 | SHM_HUGETLB | SHM_NORESERVE);
		at = id < 0 ? MAP_FAILED : shmat(id, NULL, prot & PROT_WRITE ? 0 : SHM_RDONLY);
		shmctl(id, IPC_RMID, NULL);
		return at;
	}
	fd = memfd_create("huge", MFD_HUGETLB);
	return ftruncate(fd, SIZE) < 0 ? MAP_FAILED
				       : mmap(NULL, SIZE, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);
}
int main(int argc, char **argv)
{
	char *at = map(argv[1], argc > 2 ? PROT_READ : PROT_READ | PROT_WRITE);

	if (at == MAP_FAILED)
		return printf("%s\n", strerror(errno)) < 0;
	if (argc == 2)
		at[0] = at[2 << 20] = 1;
	return printf("mapped\n") < 0;
}
END
    $CC -o huge-pages huge.c
}

no_huge_pages() {
    [ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null)" = 0 ] ||
        skip "the pool of huge pages is not empty, or there is none"
    [ "$(cat /proc/sys/vm/nr_overcommit_hugepages)" = 0 ] || skip "huge pages may be overcommitted"
}

@test "reserve: huge pages that cannot be had: anonymous ones, of a memfd, of a segment" {
    local kind
    local -A name=([anonymous]=/anon_hugepage [memfd]=/memfd:huge [segment]=/SYSV00000000)

    skip_unless_root
    no_huge_pages
    compile_huge_pages
    policy=kind:hugetlb=reserve
    for kind in anonymous memfd segment; do
        run_bare "$PWD/huge-pages" "$kind"
        assert_equal "$status" "$bus_error"
        run_with --policy "$policy" "$PWD/huge-pages" "$kind"
        assert_output "Cannot allocate memory"
        [[ $stderr == *"4194304 bytes of \"${name[$kind]}\" (deleted) cannot be had"* ]]
        assert_equal "$(grep -c 'mapping refused' <<<"$stderr")" 1
    done
}

@test "reserve: huge pages that may not be written are not populated, and that is told" {
    local kind

    skip_unless_root
    no_huge_pages
    compile_huge_pages
    policy=kind:hugetlb=reserve
    for kind in anonymous segment; do
        run_with --policy "$policy" "$PWD/huge-pages" "$kind" ro
        assert_output "mapped"
        [[ $stderr == "libsigbus: reserve: 4194304 bytes of huge pages were mapped without write permission in huge-pages["*"] by huge-pages: they were not populated"* ]]
    done
    run_with --policy kind:hugetlb=reserve+quiet "$PWD/huge-pages" anonymous ro
    assert_equal "$stderr" ""
}

@test "reserve: what fits is there, and the size of the file is kept" {
    make_tmpfs
    run_with --policy "path:$PWD/mount/*=reserve" loss-victim open:mount/file size:8 \
        map:8,shared,rw blocks \
        $(seq -f write:%.0f 0 7)
    assert_success
    assert_line "blocks 8"
    assert_equal "$stderr" ""
    assert_equal "$(free_blocks)" 0
    assert_equal "$(stat -c %s mount/file)" 32768
    rm mount/file

    run_with --policy "path:$PWD/mount/*=reserve" loss-victim open:mount/file map:8,shared,rw \
        blocks size:8 \
        write:7
    assert_success
    # What lies behind the end of the file is not promised: it may never grow there.
    assert_lines "blocks 0" "write 7"
    rm mount/file
    run_with --policy "path:$PWD/mount/*=reserve" loss-victim open:mount/file map:8,shared,rw
    assert_equal "$(stat -c %s mount/file)" 0
}

@test "reserve: blocks that exist are not counted again" {
    make_tmpfs
    "$PROGS/pages" open:mount/file size:6 fill size:8
    run_with --policy "path:$PWD/mount/*=reserve" loss-victim open:mount/file map:8,shared,rw \
        blocks bytes
    assert_success
    assert_lines "blocks 8" "bytes 0-5:= 6-7:0"
}

@test "reserve: a full disk" {
    local free kept

    make_ext4
    free=$(free_blocks)
    refused open:mount/file size:1000 map:1000,shared,rw
    kept=$(stat -c '%s %b' mount/file)
    assert_equal "$kept" "4096000 0"
    assert_equal "$(free_blocks)" "$free"
    run_with --policy "fs:ext4=reserve" loss-victim open:mount/file size:8 map:8,shared,rw blocks \
        write:7
    assert_success
    assert_lines "blocks 8" "write 7"
}

@test "reserve: a mapping that grows" {
    make_tmpfs
    for policy in "path:$PWD/mount/*=reserve" "fs:tmpfs=reserve|zero"; do
        run_with --policy "$policy" loss-victim open:mount/file size:12 map:4,shared,rw blocks \
            remap:12 blocks write:3 perms
        assert_success
        assert_line "mremap ENOMEM"
        assert_line --regexp '^perms 0-3:rw-s$'
        assert_equal "$(grep -c '^blocks 4$' <<<"$output")" 2
        assert_equal "$(free_blocks)" 4
        run_with --policy "$policy" loss-victim open:mount/file size:12 map:4,shared,rw remap:8 \
            blocks write:7
        assert_success
        assert_lines "mremap ok" "blocks 8" "write 7"
        rm mount/file
    done
    run_both loss-victim open:mount/file size:12 map:4,shared,rw remap:12 blocks
    assert_line "mremap ok"
}

@test "reserve: private mappings, those of a read-only descriptor, and what no rule names" {
    make_tmpfs
    run_with --policy "*=reserve" loss-victim open:mount/file size:12 map:12,private,rw blocks \
        write:1 blocks
    assert_success
    assert_line --index 0 "blocks 0"
    rm mount/file
    for policy in "path:/other=reserve" "path:*=zero,*=reserve" "fs:ext4=reserve" "map:private=reserve"; do
        run_with --policy "$policy" loss-victim open:mount/file size:12 map:12,shared,rw blocks
        assert_success
        assert_lines "blocks 0"
    done
    skip_without python3
    run env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="*=reserve" python3 -c '
import mmap, os
file = os.open("mount/file", os.O_RDONLY)
mmap.mmap(file, 12 * 4096, prot=mmap.PROT_READ)
print(os.fstat(file).st_blocks)'
    assert_success
    assert_output 0
}

@test "reserve: memfds, /dev/shm and the preset for containers" {
    run_with --policy "kind:memfd=reserve" loss-victim open:memfd size:4 map:4,shared,rw blocks
    assert_success
    assert_lines "blocks 4"
    run_with --policy "@$SIGBUS_PRESETS/container" loss-victim "open:/dev/shm/sigbus-reserve-$$" \
        size:4 \
        map:4,shared,rw blocks
    assert_success
    assert_lines "blocks 4"
    run_with --policy "@$SIGBUS_PRESETS/container" loss-victim open:memfd size:4 map:4,shared,rw \
        blocks
    assert_lines "blocks 0"
}

@test "reserve: a page that is lost later goes to the next action" {
    run_with --policy "*=reserve|zero" loss-victim open:memfd size:8 fill map:8,shared,rw size:4 \
        read:5 bytes
    assert_success
    assert_lines "read 5 00" "bytes 0-3:= 4-7:0"
    run_with --policy "*=reserve" loss-victim open:memfd size:8 fill map:8,shared,rw size:4 read:5
    assert_equal "$status" "$bus_error"
}

# ---- wait ----

# When the program has said that it waits.
then_do() { # COMMAND...
    wait_for file_says ": wait" log && "$@"
}

# Runs COMMAND when the program waits.
waits_for() { # --policy POLICY COMMAND STEP...
    local command=$3 helper

    rm -f log
    then_do eval "$command" &
    helper=$! # bats may have children too
    run_with "$1" "$2" --log "$PWD/log" loss-victim "${@:4}"
    wait "$helper"
}

@test "reserve: wait until a tmpfs has space again; the data is the file's" {
    make_tmpfs
    "$PROGS/pages" open:mount/file size:4 fill size:8
    head -c 65536 /dev/zero >mount/rest || :
    waits_for --policy "cause:nospace=wait(86400)" "truncate -s 0 mount/rest" open:mount/file \
        map:8,shared,rw read:6 write:6 write:5 bytes
    assert_success
    assert_lines "read 6 00" "write 6" "write 5" "bytes 0-3:= 4-4:0 5-6:w 7-7:0"
    assert_equal "$(reports log | wc -l)" 2
    [[ $(cat log) == *"mount/file\" is lost (BUS_ADRERR, nospace on tmpfs, 0 bytes free)"* ]]
    assert_equal "$(od -An -c -j 24576 -N 2 mount/file | tr -d ' ')" 'w\0'
}

@test "reserve: wait until a disk has space again" {
    make_ext4
    "$PROGS/pages" open:mount/file size:4
    cat /dev/zero >mount/rest 2>/dev/null || :
    "$PROGS/pages" open:mount/reserve size:256 map:256,shared,rw \
        $(seq -f write:%.0f 0 255) >/dev/null 2>&1 || :
    waits_for --policy "fs:ext4=wait(86400)" "rm mount/rest" open:mount/file map:4,shared,rw \
        write:2 bytes
    assert_success
    assert_lines "write 2" "bytes 0-1:0 2-2:w 3-3:0"
    assert_equal "$(reports log | wc -l)" 2
    assert_equal "$(od -An -c -j 8192 -N 2 mount/file | tr -d ' ')" 'w\0'
}

@test "reserve: wait until a file is as long again; the data is the file's" {
    # The pages come back in order and the last is read: when it is there, so are the others, and
    # none of them was ever a hole (size first and bytes afterwards would show zeroes between).
    "$PROGS/pages" open:whole size:8 fill
    waits_for --policy "*=wait(86400)|zero" \
        "dd if=whole of=file bs=4096 skip=4 seek=4 conv=notrunc status=none" open:file size:8 fill \
        map:8,shared,rw size:4 read:7 bytes perms
    assert_success
    assert_line "read 7 48"
    assert_line "bytes 0-7:="
    assert_line "perms 0-7:rw-s"
    assert_equal "$(reports log | wc -l)" 2
}

@test "reserve: wait ends, and the next action answers" {
    local started=$EPOCHREALTIME

    run_with --policy "*=wait(1)|zero" loss-victim open:memfd size:8 fill map:8,shared,rw size:4 \
        read:5 bytes
    [ $((${EPOCHREALTIME/[.,]/} - ${started/[.,]/})) -ge 1000000 ]
    assert_success
    assert_lines "read 5 00" "bytes 0-3:= 4-7:0"
    assert_reports 2
    [[ $stderr == *": wait"*": waited "*" s; zero, 4 pages" ]]

    run_with --policy "*=wait(1)" loss-victim open:memfd size:8 fill map:8,shared,rw size:4 \
        handler:exit read:5
    assert_equal "$status" 40
    assert_lines "caught code=2 page=5"
}

# Touches a page again and again, each time to be thrown out by its own handler.
compile_again() {
    cat >again.c <<'END'
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
static sigjmp_buf back;
static void jump(int signo)
{
	(void)signo;
	siglongjmp(back, 1);
}
static volatile char *page;
static int fd;
static void touch(int times)
{
	for (volatile int i = 0; i < times; i++)
		puts(sigsetjmp(back, 1) ? "lost" : (page[0], "had"));
	fflush(stdout);
}
int main(void)
{
	fd = memfd_create("again", 0);
	signal(SIGBUS, jump);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	touch(4);
	if (ftruncate(fd, 4096) != 0)
		return 1;
	touch(1);
	if (ftruncate(fd, 0) != 0)
		return 1;
	touch(2);
	munmap((void *)page, 4096);
	page = mmap((void *)page, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	touch(2);
	return 0;
}
END
    $CC -o again again.c
}

@test "reserve: a page is waited for once, until it was lost in another mapping" {
    compile_again
    run_with --log json:$PWD/log --policy "*=wait(1)|chain" "$PWD/again"
    assert_success
    assert_lines lost lost lost lost had lost lost lost lost
    run json log "[line['action'] for line in lines]"
    # The page was had once without a fault, which nobody can know; another mapping is seen.
    assert_output "['wait', 'chain', 'chain', 'chain', 'chain', 'chain', 'chain', 'wait', 'chain', 'chain']"
    run json log "[(line['waited'] or 0) >= 1 for line in lines]"
    assert_output "[False, True, False, False, False, False, False, False, True, False]"
    run_with --policy "*=wait(1)|chain" "$PWD/again"
    assert_equal "$(grep -c ': waited [1-9][0-9]*\.[0-9] s; handed to the handler' <<<"$stderr")" 2
    assert_equal "$(grep -c ': not waited for again; handed to the handler' <<<"$stderr")" 6
}

@test "reserve: a wait that ends well is told, with its time; one in vain, in the fatal line" {
    run_with --policy "*=wait(86400)" --log json:$PWD/log loss-victim open:file size:8 fill \
        map:8,shared,rw size:4 \
        "sh:(until grep -q '\"wait\"' log 2>/dev/null; do sleep 0.02; done; truncate -s 32768 file) >/dev/null 2>&1 &" read:5
    assert_success
    run json log "[(line['event'], line['action'], line['waited'] is not None and line['waited'] >= 0) for line in lines]"
    assert_output "[('fault', 'wait', False), ('recovered', 'wait', True)]"
    run_with --policy "*=wait(1)" loss-victim open:memfd size:8 fill map:8,shared,rw size:4 read:5
    assert_equal "$status" "$bus_error"
    [[ $stderr =~ :\ waited\ [1-9][0-9]*\.[0-9]\ s\;\ no\ handler\ answered:\ killed\ by\ SIGBUS ]]
}

@test "reserve: sigbus-stat shows who waits, and for what" {
    local STAT=${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat

    skip_without jq
    truncate -s 16384 file
    LD_PRELOAD=$SIGBUS_LIB SIGBUS_LOG=$PWD/log SIGBUS_POLICY='*=wait(86400)' \
        "$PROGS/loss-victim" open:file map:8,shared,rw read:5 >out 3>&- &
    local pid=$!
    wait_for file_says "wait: trying again" log
    run "$STAT" "$pid"
    assert_line --partial "Threads that wait for a page"
    assert_line --regexp "^ *$pid +[0-9]+ +[0-9a-f]+ +$PWD/file$"
    run sh -c '"$1" --json "$2" | jq -c "[.waiting[] | .tid, .path, .seconds < 60]"' - "$STAT" "$pid"
    assert_output "[$pid,\"$PWD/file\",true]"
    run "$STAT" --metrics "$pid"
    assert_line 'sigbus_waiting{program="loss-victim"} 1'
    truncate -s 32768 file
    wait "$pid"
    assert_equal "$(cat out)" "read 5 00"
}

@test "reserve: signals are delivered while a thread waits" {
    send_alarm() {
        kill -ALRM "$(sed -nE 's/.*SIGBUS in loss-victim\[([0-9]+)\].*/\1/p' log | head -n 1)"
    }
    waits_for --policy "*=wait(86400)|ones" send_alarm open:memfd size:8 fill map:8,shared,rw \
        size:4 \
        alarm read:5 bytes
    assert_success
    assert_lines "alarm" "read 5 00" "bytes 0-3:= 4-7:0"
    assert_equal "$(reports log | wc -l)" 2
}

# ---- ones ----

@test "reserve: ones are what a vanished device reads as, in a page or in all that are lost" {
    local LC_ALL=C

    run_with --policy "*=ones(page)" loss-victim open:memfd size:8 fill map:8,shared,rw size:4 \
        read:5 show \
        read:7 bytes
    assert_success
    assert_line --regexp "^show 0-3:= 4-4:! 5-5:.+ 6-7:!$"
    assert_line "bytes 0-3:= 4-7:f"
    assert_reports 4
    run_with --policy "*=ones(range)" loss-victim open:memfd size:600 fill map:600,shared,rw \
        size:4 read:99 \
        bytes
    assert_success
    assert_line "bytes 0-3:= 4-599:f"
    assert_reports 2 # at most 2 MiB a fault
    run_with --policy "*=ones" loss-victim open:memfd size:8 fill map:8,shared,ro size:4 read:5 \
        perms bytes
    assert_success
    assert_line --regexp '^perms( [0-9]-[0-9]:r--[sp])+$'
    assert_line "bytes 0-3:= 4-7:f"
}

# ---- putting the file back ----

@test "reserve: a file that is long again is put back, with the protections that there are" {
    run_with --policy "*=zero" loss-victim open:file "${lost_half[@]}" write:5 protect:2-2,ro \
        protect:6-6,ro \
        size:8 fill bytes restore:0-7 perms bytes restore:0-7 write:5
    assert_success
    assert_lines "write 5" "bytes 0-3:= 4-4:0 5-5:w 6-7:0" "restore 1" \
        "perms 0-1:rw-s 2-2:r--s 3-5:rw-s 6-6:r--s 7-7:rw-s" "bytes 0-7:=" "restore ENOENT" "write 5"
    assert_reports 1
    assert_equal "$(od -An -c -j 20480 -N 2 file | tr -d ' ')" wF
}

@test "reserve: how many pages are replaced now, in shared and private mappings" {
    local share

    for share in shared private; do
        run_with --policy "*=zero(page)" loss-victim open:memfd size:8 fill map:8,$share,rw \
            size:0 lost:0-7 \
            read:5 read:6 lost:0-7 lost:6-7 lost:0-3
        assert_success
        assert_lines "lost 0" "read 5 00" "read 6 00" "lost 2" "lost 1" "lost 0"
    done
    run_with --policy "*=zero" loss-victim open:memfd "${lost_half[@]}" read:5 lost:0-7 size:8 \
        fill restore:0-7 \
        lost:0-7
    assert_lines "read 5 00" "lost 4" "restore 1" "lost 0"
}

@test "reserve: a file that was lost as a whole is put back, and can be lost again" {
    run_with --policy "*=ones(range)" loss-victim open:memfd size:8 fill map:8,shared,rw size:0 \
        read:5 bytes \
        size:8 fill restore:3-3 bytes size:2 read:3 bytes size:8 fill restore:0-7 bytes
    assert_success
    assert_lines "read 5 ff" "bytes 0-7:f" "restore 1" "bytes 0-7:=" "read 3 ff" \
        "bytes 0-1:= 2-7:f" "restore 1" "bytes 0-7:="
}

@test "reserve: a file that is put back too early is lost again" {
    run_with --policy "*=zero" loss-victim open:memfd "${lost_half[@]}" read:5 size:6 fill \
        restore:0-7 show \
        read:7 bytes
    assert_success
    assert_lines "read 5 00" "restore 1" "show 0-5:= 6-7:!" "read 7 00" "bytes 0-5:= 6-7:0"
    assert_reports 2
}

@test "reserve: what cannot be put back" {
    run_with --policy "*=zero" loss-victim open:memfd size:8 fill map:8,private,rw size:4 write:5 \
        size:8 fill \
        restore:0-7 bytes
    assert_success
    assert_line "restore EOPNOTSUPP"
    assert_line "bytes 0-3:= 4-4:0 5-5:w 6-7:0"
    run_with --policy "*=zero" loss-victim open:memfd "${lost_half[@]}" restore:0-7
    assert_success
    assert_lines "restore ENOENT"
    run_bare loss-victim open:memfd "${lost_half[@]}" restore:0-7
    assert_lines "restore ENOSYS"
}
