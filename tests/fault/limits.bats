# SPDX-License-Identifier: MIT
#
# Nothing is left of what the library needs, and the kernel refuses what it asks for: it falls down
# the list of actions in bounded time, fails open, and says so. See progs/pages-limits.c.

load ../harness/helper

lost=(open:memfd "${lost_half[@]}")

setup() {
    policy="program:pages=zero"
    [ -z "$(grep Seccomp_filters /proc/self/status)" ] && skip "no seccomp filters here"
    return 0
}

# Without a way to answer it dies as without us, after one line.
assert_dies() {
    assert_equal "$status" "$bus_error"
    [[ $stderr == *"no handler answered: killed by SIGBUS"* ]]
}

@test "limits: RLIMIT_DATA counts private memory: shared memory takes the place" {
    run_with --policy "$policy" pages "${lost[@]}" limit:data read:5 write:6 show
    assert_success
    assert_line "show 0-3:= 4-5:0 6-6:w0 7-7:0"
    run_with --policy "program:pages=ones" pages "${lost[@]}" limit:data read:5
    assert_success
    assert_lines "read 5 ff"
}

@test "limits: no address space is left" {
    run_with --policy "$policy" pages "${lost[@]}" limit:as read:5 write:6 show
    assert_success
    assert_line "show 0-3:= 4-5:0 6-6:w0 7-7:0"
    # What has to be filled first has a place that was ours from the start.
    run_with --policy "program:pages=ones" pages "${lost[@]}" limit:as read:5
    assert_success
    assert_lines "read 5 ff"
}

@test "limits: what the table has no memory for is passed on as it is, and counted" {
    run_with --policy "$policy" pages open:memfd size:8 "refuse:mprotect,12,2&0x2" \
        limit:pieces+60000
    assert_success
    assert_lines "pieces all"
    [[ $stderr =~ ([0-9]+)" mappings that could not be tracked" ]]
    [ "${BASH_REMATCH[1]}" -ge 10000 ]
    run_with --policy "$policy" pages open:memfd size:8 "refuse:mprotect,12,2&0x2" \
        limit:pieces+60000 map:8,shared,rw size:4 read:5
    assert_dies
    assert_lines "pieces all"
}

@test "limits: no mapping is left" {
    local every_second=() page

    # A few mappings of our own are given up; then it is told.
    run_with --policy "program:pages=zero(page)" pages "${lost[@]}" limit:maps read:5
    assert_success
    assert_lines "read 5 00"
    for page in {1..199..2}; do every_second+=("read:$page"); done
    run_with --policy "program:pages=zero(page)" pages open:memfd size:200 map:200,shared,rw \
        size:0 limit:maps \
        "${every_second[@]}"
    assert_dies
    [ "${#lines[@]}" -ge 5 ]
    [[ $stderr == *"killed by SIGBUS; hint: the kernel gave no memory or no mapping"* ]]
    run_with --policy "program:pages=zero(page)|abort" pages open:memfd size:200 \
        map:200,shared,rw size:0 limit:maps \
        "${every_second[@]}"
    assert_equal "$status" "$bus_error"
    [[ $stderr == *": abort"* ]]
    # What needs no new one works on.
    run_with --policy "program:pages=zero" pages open:memfd size:8 map:8,shared,rw size:0 \
        limit:maps read:5 write:6
    assert_success
    assert_lines "read 5 00" "write 6"
}

@test "limits: no place is left to keep a file that is lost" {
    run_with --policy "$policy" pages "${lost[@]}" limit:anchors write:5 move:8 show read:6
    assert_success
    assert_line "show 0-3:= 4-4:0 5-5:w0 6-7:0"
    assert_line "read 6 00"
    refute_output --partial anchors
}

@test "limits: no descriptor is left" {
    run_with --policy "$policy" pages "${lost[@]}" limit:files read:5 write:6 show
    assert_success
    assert_line "read 5 00"
    run_with --policy "$policy" pages "${lost[@]}" protect:6-6,ro limit:files read:5 write:5 write:6
    assert_equal "$status" "$segv"
    assert_lines "read 5 00" "write 5"
    # What our hooks have not seen cannot be looked up: it is left alone.
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,rw,raw size:4 limit:files \
        read:5
    assert_dies
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,rw,raw size:4 read:5
    assert_success
}

@test "limits: mmap() is refused, private or at all" {
    run_with --policy "$policy" pages "${lost[@]}" "refuse:mmap,12,3&0x22" write:5 perms
    assert_success
    assert_line --regexp '^perms.*-7:rw-s$'
    run_with --policy "program:pages=ones" pages "${lost[@]}" "refuse:mmap,12,3&0x22" write:5 perms
    assert_success
    assert_line --regexp '^perms.*-7:rw-s$'
    run_with --policy "$policy" pages "${lost[@]}" "refuse:mmap,12,3&0x20" write:5
    assert_dies
    [[ $stderr == *"hint: the kernel gave no memory or no mapping for it, see vm.max_map_count and RLIMIT_DATA" ]]
    run_with --policy "$policy" pages "${lost[@]}" "refuse:mmap,22,3&0x20" write:5
    assert_dies
    [[ $stderr == *"hint: only a whole huge page can be replaced, and this mapping has a part of it" ]]
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,ro size:4 \
        "refuse:mmap,1,3&0x20" read:5
    assert_dies
    [[ $stderr == *"hint: the mapping is sealed, or a system call filter refused it" ]]
    run_with --policy "$policy" pages "${lost[@]}" "refuse:mmap,38,3&0x20" read:5
    assert_dies
    [[ $stderr == *"hint: a system call filter refuses mmap()" ]]
}

@test "limits: a filter that refuses what tells whether a page is lost is named, once" {
    local errno

    for errno in 1 38; do
        run_with --policy "$policy" pages "${lost[@]}" "refuse:madvise,$errno" "refuse:futex,$errno" read:5
        assert_dies
        [[ $stderr == *"hint: a system call filter refuses madvise() and futex(), which tell whether the page is lost" ]]
        assert_equal "$(grep -c "filter" <<<"$stderr")" 1
    done
    # One of them is enough.
    run_with --policy "$policy" pages "${lost[@]}" refuse:madvise,1 read:5
    assert_success
}

@test "limits: pages that have to be filled: no scratch, no move, no protection" {
    local refused

    policy="program:pages=ones"
    for refused in "mmap,12,3&0x20" "mremap,12,3&2"; do
        run_with --policy "$policy" pages "${lost[@]}" "refuse:$refused" read:5
        assert_dies
        run_with --policy "program:pages=ones|zero" pages "${lost[@]}" "refuse:mremap,12,3&2" \
            read:5 show
        assert_success
        assert_lines "read 5 00" "show 0-3:= 4-7:0"
        policy="program:pages=ones"
    done
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,ro size:4 read:5 perms
    assert_success
    assert_line --regexp '4-7:r--[sp]$'
    # Never a page that may be written and was not to be.
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,ro size:4 refuse:mprotect,12 \
        read:5
    assert_dies
}

@test "limits: the kernel does not say whether a page is lost" {
    local refused

    # A sandbox that a program has entered: other ways to ask are left.
    for refused in 1 38 13; do
        run_with --policy "$policy" pages "${lost[@]}" "refuse:madvise,$refused" read:5 write:6 show
        assert_success
        assert_line "read 5 00"
        run_with --policy "program:pages=owner|zero" pages "${lost[@]}" "refuse:madvise,$refused" \
            read:5
        assert_success
        policy="program:pages=zero"
    done
    # None is left: it is not taken for a page that is back, again and again.
    for policy in "program:pages=zero" "program:pages=wait(1)|zero"; do
        run_with --policy "$policy" pages "${lost[@]}" refuse:madvise,1 refuse:futex,1 write:5
        assert_dies
    done
    policy="program:pages=owner|zero"
    run_with --policy "$policy" pages "${lost[@]}" handler:note refuse:madvise,1 refuse:futex,1 \
        write:5
    assert_equal "$status" "$bus_error"
}

@test "limits: the protection is not known where mprotect() was" {
    run_with --policy "$policy" pages "${lost[@]}" protect:5-5,ro refuse:openat,13 read:5 write:6 \
        perms
    assert_success
    assert_line "read 5 00"
    run_with --policy "$policy" pages "${lost[@]}" protect:5-5,ro refuse:openat,13 read:5 write:5
    assert_equal "$status" "$segv"
}

@test "limits: /proc cannot be asked, or not in the new way" {
    run_with --policy "$policy" pages "${lost[@]}" refuse:ioctl,1 read:5
    assert_success
    [[ $stderr == *'"/memfd:pages" (deleted) is lost'* ]]
    for refused in openat,13 read,5; do
        run_with --policy "$policy" pages "${lost[@]}" "refuse:$refused" read:5
        assert_success
        assert_reports 1
    done
    run_with --policy "$policy" pages open:memfd size:8 map:8,shared,rw,raw size:4 \
        refuse:ioctl,25 read:5
    assert_success
    # Which pages were replaced cannot be told then, so the mapping cannot be moved.
    run_with --policy "$policy" pages "${lost[@]}" read:5 refuse:openat,13 remap:16
    assert_line "mremap ENOMEM"
    [[ $stderr == *"hint: pages were replaced there, and the kernel does not say which: is there no /proc?" ]]
}

@test "limits: a report that cannot be written is counted, not waited for" {
    run_with --policy "$policy" --log $BATS_TEST_TMPDIR/log pages "${lost[@]}" refuse:openat,24 \
        read:5
    assert_success
    run_with --policy "$policy" --log stderr pages "${lost[@]}" refuse:write,28 limit:pieces+1 \
        read:5
    assert_success
}

@test "limits: no clock, and wait ends" {
    run_with --policy "program:pages=wait(1)|zero" pages "${lost[@]}" refuse:clock,1 read:5
    assert_success
    assert_lines "read 5 00"
}

# leave COUNT: leaves our mremap() by siglongjmp(), then touches a lost page that no hook has seen COUNT
# times, with a mapping replaced before each.
compile_leave() {
    cat >leave-mremap.c <<'END'
#define _GNU_SOURCE
#include <setjmp.h>
#include <sys/mman.h>
extern sigjmp_buf leave_to;
void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	(void)old, (void)old_size, (void)size, (void)flags;
	siglongjmp(leave_to, 1);
}
END
    cat >leave.c <<'END'
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
sigjmp_buf leave_to;
static sigjmp_buf env;
static void handler(int signo)
{
	(void)signo;
	siglongjmp(env, 1);
}
int main(int argc, char **argv)
{
	int fd = memfd_create("left", 0);
	char *page = (char *)syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	char *other = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	volatile int caught = 0;

	(void)argc;
	signal(SIGBUS, handler);
	if (!sigsetjmp(leave_to, 1))
		mremap(other, 4096, 8192, MREMAP_MAYMOVE);
	for (volatile int i = 0; i < atoi(argv[1]); i++) {
		mmap(other, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
		if (sigsetjmp(env, 1))
			caught++;
		else
			(void)*(volatile char *)page;
	}
	return printf("caught %d\n", caught) < 0;
}
END
    $CC -shared -fPIC -o leave-mremap.so leave-mremap.c && $CC -rdynamic -o leave leave.c
}

naps() { # COUNT
    run strace -f -o trace -e trace=nanosleep,clock_nanosleep env SIGBUS_LOG=off \
        LD_PRELOAD="$SIGBUS_LIB $PWD/leave-mremap.so" "$PWD/leave" "$1"
    assert_output "caught $1"
    naps=$(grep -c nanosleep trace) || :
}

@test "limits: a call of ours that a handler left by siglongjmp() is waited for once" {
    local once

    skip_without strace
    cd "$BATS_TEST_TMPDIR" || return
    compile_leave
    naps 1
    once=$naps
    [ "$once" -gt 1 ]
    naps 5
    assert_equal "$naps" "$once"
}

@test "limits: a process that is forked while another thread locks all memory has what is reserved" {
    cd "$BATS_TEST_TMPDIR" || return
    cat >fork-in-mlockall.c <<'END'
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* The C library's, for our hook: what a thread that forks just now makes of it. */
int mlockall(int flags)
{
	char line[4096];
	unsigned long start, end, most = 0;
	int status;

	(void)flags;
	if (fork() == 0) {
		FILE *maps = fopen("/proc/self/maps", "r");

		while (fgets(line, sizeof(line), maps))
			if (sscanf(line, "%lx-%lx", &start, &end) == 2 &&
				strstr(line, " ---p ") && end - start > most)
				most = end - start;
		_exit(most >= 2ul << 20 ? 0 : 1);
	}
	wait(&status);
	return printf("reserved: %s\n", status ? "no" : "yes") < 0;
}
END
    cat >lock.c <<'END'
#include <sys/mman.h>
int main(void)
{
	return mlockall(MCL_CURRENT);
}
END
    $CC -shared -fPIC -o fork-in-mlockall.so fork-in-mlockall.c && $CC -o lock lock.c
    run_with --preload "$SIGBUS_LIB $PWD/fork-in-mlockall.so" "$PWD/lock"
    assert_success
    assert_output "reserved: yes"
}
