#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Each row of "EXAMPLES BY SYMPTOM" in sigbus-policy(7): the real program, or the smallest that does
# the same, bare and with the policy of the page. (That of the X server is run by xvfb.bats.)

load ../harness/helper

page=$top_srcdir/man/sigbus-policy.7

setup() {
    [ -e "$page" ] || skip 'the source is not here'
    cd "$BATS_TEST_TMPDIR" || return
    mkdir mount
    server=
}

teardown() {
    cd / || return
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    umount -l "$BATS_TEST_TMPDIR/mount" 2>/dev/null || :
    [ -z "${loop:-}" ] || losetup --detach "$loop" || :
}

# The N-th policy of the row whose symptom begins so.
policy_of() { # SYMPTOM [N]
    local found
    found=$(awk -v symptom=".It Sy $1" -v n="${2:-1}" '
        index($0, ".It Sy ") == 1 { inside = index($0, symptom) == 1 }
        inside && sub(/^\.Dl /, "") && ++count == n' "$page")
    [ -n "$found" ] && printf '%s\n' "$found"
}

# A program bare: $status, $output.
bare_run() { # COMMAND...
    run --separate-stderr limited "$@"
}

under() { # POLICY COMMAND...
    local rules=$1
    shift
    run --separate-stderr limited "$SIGBUS_RUN" --policy "$rules" "$@"
}

in_small() { # DIRECTORY SIZE COMMAND...: a file system in memory on the directory, for it alone
    # shellcheck disable=SC2016
    unshare -m sh -c 'mount -t tmpfs -o "size=$2" none "$1" && shift 2 && exec "$@"' - "$@"
}

writer() {
    skip_without python3
    cat >writer.py <<'EOF'
import mmap, os, sys
with open(sys.argv[1], "w+b") as file:
    os.truncate(sys.argv[1], 1 << 20)
    try:
        memory = mmap.mmap(file.fileno(), 1 << 20)
    except OSError as error:
        sys.exit("mmap: " + error.strerror)
    for at in range(0, 1 << 20, 4096):
        memory[at] = 1
print("written")
EOF
}

@test "symptoms: the page has these rows, README the same policies, and each is tried" {
    rows=$(sed -n 's/^\.It Sy \([^:]*\) :.*/\1/p' "$page")
    [ "$(wc -l <<<"$rows")" = 11 ]
    while read -r row; do
        [ "$row" = X ] || grep -q "policy_of '$row" "$BATS_TEST_FILENAME"
    done <<<"$rows"
    [ -e "$top_srcdir/README" ] || return 0
    sed -n '/^\.Sh EXAMPLES BY/,/^\.Ss/s/^\.Dl //p' "$page" | grep -v -e '^\*=' -e '=reserve$' |
        while read -r row; do
            sed -n '/^Which rule/,/^When not/p' "$top_srcdir/README" | grep -qF -e "$row"
        done
}

@test "symptoms: /dev/shm is full" {
    skip_without python3
    skip_unless_root
    rule=$(policy_of '/dev/shm is full')
    cat >share.py <<'EOF'
from multiprocessing import shared_memory
import os, sys
try:
    memory = shared_memory.SharedMemory(create=True, size=1 << 20)
except OSError as error:
    print("OSError", error.errno)
    sys.stdout.flush()
    os._exit(3)
memory.buf[0:1 << 20] = bytes(1 << 20)
os._exit(0)
EOF
    bare_run unshare -m sh -c 'mount -t tmpfs -o size=64k none /dev/shm && exec python3 share.py'
    assert_equal "$status" "$bus_error"
    # shellcheck disable=SC2016
    run --separate-stderr unshare -m sh -c 'mount -t tmpfs -o size=64k none /dev/shm &&
        exec "$1" --policy "$2" python3 share.py' - "$SIGBUS_RUN" "$rule"
    assert_equal "$status" 3
    assert_output 'OSError 12'
    [[ $stderr == *'mapping refused in python3'*'1048576 bytes of "/dev/shm/'*'65536 bytes free'*'--shm-size'* ]]
}

@test "symptoms: the runtime directory is full" {
    skip_unless_root
    writer
    export XDG_RUNTIME_DIR=$PWD/mount
    run --separate-stderr in_small "$PWD/mount" 64k python3 writer.py mount/buffer
    assert_equal "$status" "$bus_error"
    run --separate-stderr in_small "$PWD/mount" 64k "$SIGBUS_RUN" --policy @container \
        python3 writer.py mount/buffer
    assert_equal "$status" 1
    [[ $stderr == *'mapping refused in python3'*'mmap: Cannot allocate memory'* ]]
}

@test "symptoms: the disk is full: wait" {
    writer
    skip_unless_root
    rule=$(policy_of 'The disk is full')
    mount -t tmpfs -o size=64k none mount
    bare_run python3 writer.py mount/file
    assert_equal "$status" "$bus_error"
    rm mount/file
    SIGBUS_LOG=$PWD/log "$SIGBUS_RUN" --policy "$rule" python3 writer.py mount/file >out &
    wait_for file_says 'wait: trying again' log
    mount -o remount,size=4m mount
    wait $!
    assert_equal "$(cat out)" written
}

@test "symptoms: the disk is full: reserve" {
    skip_unless_root
    writer
    rule=$(policy_of 'The disk is full' 2)
    run --separate-stderr in_small "$PWD/mount" 64k \
        "$SIGBUS_RUN" --policy "${rule//\/srv\/data/$PWD/mount}" python3 writer.py mount/file
    assert_equal "$status" 1
    [[ $stderr == *'mapping refused in python3'*'mmap: Cannot allocate memory'* ]]
}

@test "symptoms: a file is truncated while it is read" {
    skip_without rg
    rule=$(policy_of 'A file is truncated while it is read')
    export TRUNCATE_PATH=$PWD/log TRUNCATE_SIZE=100
    yes 'hello world' | head -c 400000 >log
    bare_run env LD_PRELOAD="$LIBS/truncate-after-mmap.so" rg --mmap -c world log
    assert_equal "$status" "$bus_error"
    yes 'hello world' | head -c 400000 >log
    LD_PRELOAD=$LIBS/truncate-after-mmap.so under "${rule//\/var\/log/$PWD}" rg --mmap -c -a world log
    assert_success
    assert_output 8
    [[ $stderr == *'truncated, file size 100'*': zero, '* ]]
}

@test "symptoms: huge pages" {
    skip_unless_root
    rule=$(policy_of 'Huge pages')
    [ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null)" = 0 ] &&
        [ "$(cat /proc/sys/vm/nr_overcommit_hugepages)" = 0 ] || skip "huge pages are to be had here"
    # What a data base with huge_pages=try does; that the pool is short shows later, as with a limit.
    cat >base.c <<'EOF'
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
static char *map(int flags)
{
	return mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | flags, -1, 0);
}
int main(void)
{
	char *memory = map(MAP_HUGETLB | MAP_NORESERVE);
	const char *kind = memory == MAP_FAILED ? "ordinary" : "huge";

	if (memory == MAP_FAILED)
		memory = map(0);
	memory[0] = memory[3 << 20] = 1;
	return printf("%s pages\n", kind) < 0;
}
EOF
    $CC -o base base.c
    bare_run ./base
    assert_equal "$status" "$bus_error"
    under "$rule" ./base
    assert_success
    assert_output 'ordinary pages'
    [[ $stderr == *'mapping refused in base['*'anon_hugepage'* ]]
}

@test "symptoms: a library was overwritten while in use" {
    rule=$(policy_of 'A program or library was overwritten while in use')
    echo 'int number(void) { return 1; }' >plugin.c
    $CC -shared -fPIC -o plugin.so plugin.c
    cat >host.c <<'EOF'
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
	void *plugin = dlopen("./plugin.so", RTLD_NOW);
	int (*number)(void) = (int (*)(void))dlsym(plugin, "number");

	if (argc < 2 || system(argv[1]) != 0)
		return 2;
	return printf("%d\n", number()) < 0;
}
EOF
    $CC -o host host.c -ldl
    cp plugin.so whole.so
    bare_run ./host ': >plugin.so'
    assert_equal "$status" "$bus_error"
    cp whole.so plugin.so
    under "$rule" ./host ': >plugin.so'
    assert_equal "$status" "$bus_error"
    [[ $stderr == *'/plugin.so" is lost '*'executed by plugin.so+0x'*'hint: a program or library was overwritten in place'* ]]
    cp whole.so plugin.so
    bare_run ./host 'cp plugin.so new.so && mv new.so plugin.so' # by rename
    assert_success
    assert_output 1
}

@test "symptoms: NFS, SSHFS" {
    skip_unless_root
    [ -c /dev/fuse ] || skip "no /dev/fuse"
    rule=$(policy_of 'NFS, SSHFS, another file system of a server')
    start() {
        run --separate-stderr "$PROGS/loss-fuse" mount 8 4 back
        [ "$status" != 77 ] || skip "$stderr"
        server=$output
    }
    start
    run_bare loss-victim open:mount/file map:8,shared,rw read:5
    assert_equal "$status" "$bus_error"
    (wait_for file_says 'wait: trying again' log; kill -USR1 "$server") 3>&- &
    SIGBUS_LOG=$PWD/log under "$rule" "$PROGS/loss-victim" open:mount/file map:8,shared,rw read:5
    assert_success
    assert_output "read 5 46"
}

@test "symptoms: Wayland" {
    rule=$(policy_of 'Wayland')
    [ -x "$PROGS/wl-hostile" ] || skip 'there is no client: libwayland was missing'
    load ../e2e/compositor
    [ -z "$(compositor_missing sway)" ] || skip "$(compositor_missing sway)"
    WL_HOSTILE=$PROGS/wl-hostile
    compositor_setup
    start_compositor sway
    run_attack truncate-after-destroy
    bare=$OUTCOME
    stop_compositor
    start_compositor sway LD_PRELOAD="$(readable_copy "$SIGBUS_LIB")" SIGBUS_POLICY="$rule"
    compositor_loaded
    run_attack truncate-after-destroy
    with=$OUTCOME
    stop_compositor
    compositor_cleanup
    [ "$bare" != alive ] || skip 'this sway withstands the attack by itself'
    assert_equal "$with" alive
}

@test "symptoms: Java" {
    skip_without javac
    rule=$(policy_of 'Java')
    cat >Spin.java <<'EOF'
public class Spin {
    public static void main(String[] arguments) throws Exception {
        java.io.File stop = new java.io.File("stop");
        new java.io.File("ready").createNewFile();
        while (!stop.exists())
            Thread.sleep(20);
        Thread.sleep(300); // the counters are written each 50 milliseconds
        System.out.println("done");
    }
}
EOF
    javac Spin.java
    ulimit -c 0
    spin() { # COMMAND...
        local pid
        rm -f ready stop out
        "$@" java -Xmx64m -XX:+UsePerfData Spin >out 2>err 3>&- &
        pid=$!
        wait_for test -e ready
        : >"/tmp/hsperfdata_$(id -un)/$pid"
        touch stop
        wait $pid
    }
    run spin env
    assert_equal "$status" 134
    run spin "$SIGBUS_RUN" --policy '*=owner|zero'
    assert_equal "$status" 134
    run spin "$SIGBUS_RUN" --policy "$rule"
    assert_success
    assert_equal "$(cat out)" done
}

@test "symptoms: data bases" {
    skip_without python3
    python3 -c 'import sqlite3' || skip 'python3 has no sqlite3'
    rule=$(policy_of 'Data bases')
    cat >base.py <<'EOF'
import os, sqlite3
for name in ("t.db", "t.db-wal", "t.db-shm"):
    if os.path.exists(name):
        os.unlink(name)
base = sqlite3.connect("t.db")
base.execute("pragma journal_mode=wal")
base.execute("create table t(a)")
base.commit()
os.truncate("t.db-shm", 0)
base.execute("insert into t values(1)")
base.commit()
print(base.execute("select count(*) from t").fetchone()[0])
EOF
    bare_run python3 base.py
    assert_equal "$status" "$bus_error"
    under "$rule" python3 base.py
    assert_equal "$status" "$bus_error"
    [[ $stderr == *'/t.db-shm" is lost (BUS_ADRERR, truncated, file size 0)'*'killed by SIGBUS'* ]]
}

@test "symptoms: a device is gone" {
    skip_unless_root
    skip_without losetup
    rule=$(policy_of 'A device is gone')
    truncate -s 32K image
    "$PROGS/pages" open:image fill
    loop=$(losetup --find --show image) || skip "no loop device is to be had"
    truncate -s 16K image
    blockdev --flushbufs "$loop"
    run_bare loss-victim "open:$loop" map:8,shared,ro read:5
    [ "$status" != 0 ] || skip "this kernel reads zeroes behind the end of a loop device's file"
    assert_equal "$status" "$bus_error"
    blockdev --flushbufs "$loop"
    under "$rule" "$PROGS/loss-victim" "open:$loop" map:8,shared,ro read:3 read:5
    assert_success
    assert_output $'read 3 44\nread 5 ff'
}
