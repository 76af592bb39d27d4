#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# sigbus-explain: each cause is made for real in a program that has nothing preloaded, and its core is
# explained; logs and live processes that have us; what cannot be explained is said in one line.

load ../harness/helper

EXPLAIN=${SIGBUS_INSTALLED:-$top_builddir}/sigbus-explain
huge_pages=/proc/sys/vm/nr_hugepages

setup() {
    [ -x "$EXPLAIN" ] || skip 'sigbus-explain is not built: no elfutils or jansson'
    skip_without jq
    cd "$BATS_TEST_TMPDIR" || return
    mkdir mount
    server='' victim=''
}

teardown() {
    cd / || return
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null
    [ -z "$victim" ] || kill -9 "$victim" 2>/dev/null
    umount -l "$BATS_TEST_TMPDIR/mount" 2>/dev/null
    if [ -n "${huge_pages_before:-}" ]; then
        echo "$huge_pages_before" >"$huge_pages"
    fi
}

# The core of a program that dies of SIGBUS, as ./core: from the kernel, or where it gives cores to
# somebody else from gdb.
core_of() { # PROG [ARG...]
    local prog pattern uses_pid
    prog=$(prog_path "$1")
    shift
    pattern=$(cat /proc/sys/kernel/core_pattern) uses_pid=$(cat /proc/sys/kernel/core_uses_pid)
    rm -f core core.*
    if [[ $pattern == core ]]; then
        (ulimit -c unlimited && exec env -u LD_PRELOAD "$prog" "$@") >core.out 2>core.err || :
        [ "$uses_pid" = 0 ] || mv core.[0-9]* core
    else
        skip_without gdb
        gdb -nx -q -batch -ex run -ex 'generate-core-file core' --args "$prog" "$@" \
            >core.out 2>core.err || :
    fi
    [ -s core ] || {
        grep -q 'can.t be\|cannot' core.err && skip "$(head -n 1 core.err)"
        skip "no core could be had here: $(head -c 200 core.err)"
    }
}

explain() { # [ARG...]
    run --separate-stderr limited "$EXPLAIN" "$@"
}

# What jq finds in the explanation.
assert_json() { # FILTER VALUE
    assert_equal "$("$EXPLAIN" --json core | jq -c "$1")" "$2"
}

# One line that names the file, and status 1.
assert_refused() { # FILE WHAT
    explain "$1"
    assert_equal "$status" 1
    assert_equal "$output" ""
    assert_equal "${#stderr_lines[@]}" 1
    [[ $stderr == "sigbus-explain: $1: $2"* ]] || fail "$stderr"
}

# ---- causes ----

@test "explain: a file that was truncated" {
    core_of pages "open:$PWD/file" "${lost_half[@]}" read:5
    explain core
    assert_success
    assert_equal "$stderr" ""
    local text="${output//$'\n'/ }"
    [[ $text == "pages["*", thread "*" got SIGBUS (BUS_ADRERR) at pages+0x"*" in do_read(), because a page of \"$PWD/file\" could not be had, offset 20480, address 0x"*", mapping 0x"*" rw-?. The file is 16384 bytes long now; the fault was at offset 20480. It was not changed since the core was written. So the file was truncated. "* ]]
    [[ $output == *"sigbus-run --policy 'path:$PWD/file=zero' COMMAND"* ]]
    [[ $text == *"Never for a file that must be right"* ]]
    [[ $output == *" pages+0x"*" main"* ]]
    assert_json '[.event,.program,.code,.cause,.path,.offset,.file_size_now,.policy,(.possible|length)]' \
        "[\"fault\",\"pages\",\"BUS_ADRERR\",\"truncated\",\"$PWD/file\",20480,16384,\"path:$PWD/file=zero\",1]"
    assert_json '[.backtrace[].symbol] | index("main") > 0' true
}

# Who makes such a file takes its name away when it fails, as Python's resource tracker does.
@test "explain: shared memory whose name is gone: space before truncation, and no rule for that name" {
    local file=/dev/shm/sigbus-explain-$BATS_SUITE_TEST_NUMBER-$$

    core_of pages "open:$file" "${lost_half[@]}" read:5
    rm -f "$file"
    explain core
    assert_success
    [[ ${output//$'\n'/ } == *"Most likely no space was left on the tmpfs file system"*"Less likely: the file was truncated"* ]]
    assert_line "    sigbus-run --policy '@container' COMMAND"
}

@test "explain: the policy is what the program needs" {
    core_of pages "open:$PWD/a,b &[1]=*'x'" "${lost_half[@]}" read:5
    local policy
    policy=$("$EXPLAIN" --json core | jq -r .policy)
    run_with --policy "$policy" --log off pages "open:$PWD/a,b &[1]=*'x'" "${lost_half[@]}" \
        read:5
    assert_success
    # As it is printed, for a shell.
    explain core
    policy=$(sed -n "s/^    sigbus-run --policy \(.*\) COMMAND$/\1/p" <<<"$output")
    run_with --policy "$(eval "printf %s $policy")" --log off pages \
        "open:$PWD/a,b &[1]=*'x'" "${lost_half[@]}" read:5
    assert_success
}

@test "explain: the place is what addr2line takes" {
    skip_without addr2line
    core_of pages "open:$PWD/file" "${lost_half[@]}" read:5
    local place
    place=$("$EXPLAIN" --json core | jq -r .touched_by)
    run addr2line -f -e "$PROGS/pages" "${place##*+}"
    assert_line --index 0 do_read
    # Not as PIE: addresses of the file are those of the process.
    printf '%s\n' '#include <sys/mman.h>' '#include <unistd.h>' '#include <fcntl.h>' \
        'int main(void) { int fd = open("short", O_RDWR | O_CREAT, 0600);' \
        'return *(char *)mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0); }' >fixed.c
    "$CC" -no-pie -fno-pie -g -o fixed fixed.c || skip "no programs that are not PIE"
    core_of ./fixed
    place=$("$EXPLAIN" --json core | jq -r .touched_by)
    run addr2line -f -e fixed "${place##*+}"
    assert_line --index 0 main
}

@test "explain: memory without a name that was truncated" {
    core_of pages open:memfd "${lost_half[@]}" read:5
    assert_json '[.cause,.path,.deleted,.policy]' \
        '["truncated","/memfd:pages",true,"path:/memfd:pages=zero"]'
}

@test "explain: a file that is gone, one that was replaced, one that grew again" {
    core_of pages "open:$PWD/file" "${lost_half[@]}" read:5
    rm file
    explain core
    assert_success
    [[ ${output//$'\n'/ } == *"No file has this name now. Most likely the file was truncated at that time. Less likely: "* ]]
    sleep 0.1
    head -c 100000 /dev/zero >file
    explain core
    assert_success
    [[ ${output//$'\n'/ } == *"The file that has this name now was made later: how long the old one was is unknown."* ]]
    assert_json '[.file_size_now, (.possible | map(.cause) | index("truncated") != null)]' '[null,true]'
    rm file
    core_of pages "open:$PWD/file" "${lost_half[@]}" read:5
    sleep 0.1
    truncate -s 100000 file
    explain core
    [[ ${output//$'\n'/ } == *"The file is 100000 bytes long now; the fault was at offset 20480. "* ]]
    refute_output --partial "not changed"
    assert_json '.possible | map(.cause) | index("truncated") != null' true
}

@test "explain: who has the file open for writing now" {
    core_of pages "open:$PWD/file" "${lost_half[@]}" read:5
    sleep 100 3>>file &
    victim=$!
    disown $victim
    explain core
    [[ ${output//$'\n'/ } == *"It is open for writing now in sleep[$victim]."* ]]
    assert_json '.writers_now' "[{\"pid\":$victim,\"name\":\"sleep\"}]"
}

make_tmpfs() { # SIZE
    skip_unless_root
    mount -t tmpfs -o "size=$1" none mount || skip "no tmpfs can be mounted"
}

@test "explain: no space on a tmpfs" {
    make_tmpfs 32k
    core_of pages "open:$PWD/mount/file" size:32 map:32,shared,rw $(seq -f write:%.0f 0 31)
    assert_json '[.cause,.fs,.policy,.possible[0].cause,(.possible | map(.cause) | index("unknown"))]' \
        "[\"nospace\",\"tmpfs\",\"path:$PWD/mount/file=reserve\",\"nospace\",null]"
    explain core
    [[ ${output//$'\n'/ } == *"no space was left on the tmpfs file system, and there is none now (0 bytes)"* ]]
    [[ ${output//$'\n'/ } == *"mmap() then fails with ENOMEM"* ]]
}

@test "explain: no space in /dev/shm is for @container" {
    skip_unless_root
    unshare -m true || skip "no mount namespace"
    cat >small-shm <<'END'
mount -t tmpfs -o size=32k none /dev/shm || exit 77
ulimit -c unlimited
"$PROGS/pages" open:/dev/shm/file size:32 map:32,shared,rw $(seq -f write:%.0f 0 31)
[ -s core ] || mv core.* core
"$1" --json core >explained
END
    [[ $(cat /proc/sys/kernel/core_pattern) == core ]] || skip "cores do not come here"
    run unshare -m bash small-shm "$EXPLAIN"
    [ "$status" != 77 ] || skip "no tmpfs can be mounted"
    run jq -c '[.cause,.policy]' explained
    assert_output '["nospace","@container"]'
}

@test "explain: no space on a disk" {
    skip_unless_root
    skip_without mkfs.ext4
    truncate -s 2M image
    mkfs.ext4 -q -F -b 1024 -m 0 -O ^has_journal image || skip "mkfs.ext4 failed"
    mount -o loop,nodelalloc image mount || skip "no loop device can be mounted"
    cat /dev/zero >mount/rest 2>/dev/null || :
    core_of pages "open:$PWD/mount/file" size:512 map:512,shared,rw $(seq -f write:%.0f 0 511)
    assert_json '[.cause,.fs,.policy,.possible[0].cause]' \
        "[\"nospace\",\"ext4\",\"path:$PWD/mount/file&cause:nospace=wait(60)\",\"nospace\"]"
}

@test "explain: huge pages" {
    [ -w "$huge_pages" ] || skip "only root can reserve huge pages"
    exec 8>"${BATS_RUN_TMPDIR:-/tmp}/huge-pages.lock"
    flock -w "$SIGBUS_TEST_LIMIT" 8 || skip "another test has the huge pages"
    printf '%s\n' '#include <sys/mman.h>' '#include <string.h>' 'int main(void) {' \
        'char *p = mmap(0, 64 << 20, PROT_READ | PROT_WRITE,' \
        'MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);' \
        'if (p == MAP_FAILED) return 77;' 'memset(p, 1, 64 << 20); return 0; }' >huge.c
    "$CC" -o huge huge.c
    core_of ./huge
    assert_json '[.cause,.path,.policy]' '["nospace","/anon_hugepage","@hugetlb"]'
    explain core
    [[ ${output//$'\n'/ } == *"pool of huge pages was empty, or the control group at its limit (hugetlb.*.max)"* ]]
}

@test "explain: a FUSE server that is gone" {
    skip_unless_root
    [ -c /dev/fuse ] || skip "no /dev/fuse"
    run --separate-stderr "$PROGS/loss-fuse" mount 8 4 exit
    [ "$status" != 77 ] || skip "$stderr"
    server=$output
    core_of pages "open:$PWD/mount/file" map:8,private,ro read:0 read:5
    assert_json '[.cause,(.fs | startswith("fuse")),.policy]' '["unknown",true,null]'
    explain core
    [[ ${output//$'\n'/ } == *"The file cannot be looked at now: Transport endpoint is not connected."* ]]
    [[ ${output//$'\n'/ } == *"the server of the fuse"*" file system does not answer"* ]]
}

@test "explain: a file system that does not answer" {
    skip_unless_root
    [ -c /dev/fuse ] || skip "no /dev/fuse"
    # It answers as long as the program lives, whose end waits for it.
    run --separate-stderr "$PROGS/loss-fuse" mount 8 4 eio
    [ "$status" != 77 ] || skip "$stderr"
    server=$output
    core_of pages "open:$PWD/mount/file" map:8,private,ro read:0 read:5
    kill -STOP "$server"
    explain core
    kill -CONT "$server"
    assert_success
    [[ ${output//$'\n'/ } == *"The file cannot be looked at now: Connection timed out."* ]]
    [[ ${output//$'\n'/ } == *"the server of the fuse"*" file system does not answer, now either"* ]]
}

@test "explain: a library that was overwritten in place" {
    printf '%s\n' 'int deep(int x) { return x + 1; }' 'char space[20000] = {1};' >plug.c
    "$CC" -shared -fPIC -Wl,--build-id -o plug.so plug.c
    printf '%s\n' '#include <dlfcn.h>' '#include <unistd.h>' 'int main(void) {' \
        'void *h = dlopen("./plug.so", RTLD_NOW); int (*f)(int) = (int (*)(int))dlsym(h, "deep");' \
        'if (!f || truncate("plug.so", 0)) return 77; return f(1); }' >user.c
    "$CC" -o user user.c -ldl
    core_of ./user
    "$CC" -shared -fPIC -Wl,--build-id -DOTHER -o plug.so plug.c # cp over it: the other half
    explain core
    assert_success
    [[ ${output//$'\n'/ } == *"Most likely the file was overwritten in place while it was in use."* ]]
    [[ ${output//$'\n'/ } == *"code cannot be replaced by zeroes. Put a new file in the old one's place by renaming it (install, mv)"* ]]
    assert_json '[.cause,.policy]' '["truncated",null]'
}

@test "explain: a data base gets no zeroes" {
    core_of pages "open:$PWD/data.mdb" "${lost_half[@]}" read:5
    assert_json '[.cause,.policy]' '["truncated",null]'
}

@test "explain: a signal that was sent, to itself too; alignment" {
    core_of sh -c 'kill -BUS $$'
    assert_json '[.code,.path,.sender_pid == .pid,.policy]' '["SI_USER",null,true,null]'
    explain core
    assert_success
    [[ ${output//$'\n'/ } == *"got a SIGBUS that was sent (SI_USER)"*"No memory is lost. It sent the signal to itself"* ]]
    core_of sh -c 'exec env --default-signal=BUS timeout -s BUS 0.2 sleep 30' # timeout kills itself too
    explain core
    assert_success
    [[ ${output//$'\n'/ } == *"that was sent (SI_USER)"* ]]
    [[ $(uname -m) == x86_64 ]] || return 0
    core_of pages open:memfd size:1 map:1,shared,rw align:0
    assert_json '[.code,.cause,.policy]' '["BUS_ADRALN",null,null]'
    explain core
    assert_success
    [[ ${output//$'\n'/ } == *"is not aligned as that instruction needs it."* ]]
}

# As libwayland's does: the core has the second signal, the stack the first.
@test "explain: a handler that hands the signal on" {
    [[ $(uname -m) == x86_64 ]] || skip "not on this machine"
    printf '%s\n' '#include <fcntl.h>' '#include <signal.h>' '#include <sys/mman.h>' \
        '#include <unistd.h>' 'static void hand_on(int n) { signal(n, SIG_DFL);' \
        'if (access("now", F_OK) == 0) { sigset_t s; sigemptyset(&s); sigprocmask(SIG_SETMASK, &s, 0); }' \
        'raise(n); }' \
        '__attribute__((noinline)) int touch(volatile char *p) { return *p + 1; }' \
        'int main(void) { int fd = open("short", O_RDWR | O_CREAT, 0600); signal(SIGBUS, hand_on);' \
        'return touch(mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0)); }' >user.c
    "$CC" -g -O0 -o user user.c
    # The second one comes when the handler returns; then while it runs.
    for _ in 1 2; do
        core_of ./user
        assert_json '[.access,.cause,.path,.symbol,.policy]' \
            "[\"read\",\"truncated\",\"$PWD/short\",\"touch\",\"path:$PWD/short=zero\"]"
        : >now
    done
    explain core
    [[ ${output//$'\n'/ } == *"Its own handler did not answer and sent the signal again."* ]]
    assert_output --partial "(a signal)"
}

@test "explain: broken memory" {
    core_of pages open:memfd size:4 map:4,shared,rw forge:2,ar
    assert_json '[.code,.cause,.policy]' '["BUS_MCEERR_AR","hwpoison",null]'
    explain core
    [[ ${output//$'\n'/ } == *"The cause is hwpoison."*"what was in that memory is lost"* ]]
}

@test "explain: of many threads, the one that was hit" {
    core_of pages "open:$PWD/file" "${lost_half[@]}" thread read:5
    assert_json '[.pid != .tid, (.touched_by | test("^pages[+]0x"))] | all' true
}

@test "explain: names cannot look like the rest" {
    local name=$'a\e[31m\n"x\xff'
    core_of pages "open:$PWD/$name" "${lost_half[@]}" read:5
    explain core
    assert_success
    refute_output --partial $'\e'
    [[ $output == *'/a\x1b[31m\x0a\x22x\xff"'* ]]
    [[ $output == *'/a?\[31m????=zero'* || $output == *"/a?\\[31m"* ]]
    assert_json '.path | endswith("/a\\x1b[31m\\x0a\\x22x\\xff")' true
    local policy
    policy=$("$EXPLAIN" --json core | jq -r .policy)
    run_with --policy "$policy" --log off pages "open:$PWD/$name" "${lost_half[@]}" read:5
    assert_success
}

@test "explain: debuginfod is never asked" {
    skip_without python3
    skip_without strip
    cp "$PROGS/pages" pages
    strip pages
    cat >server.py <<'END'
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True)
s.accept(); open("asked", "w")
END
    python3 server.py >port 3>&- &
    victim=$!
    disown $victim
    wait_for test -s port
    core_of ./pages "open:$PWD/file" "${lost_half[@]}" read:5
    DEBUGINFOD_URLS=http://127.0.0.1:$(cat port) explain core
    assert_success
    [ ! -e asked ]
}

# ---- what cannot be explained ----

@test "explain: one line for what is none, and status 1" {
    assert_refused nothing "No such file or directory"
    : >empty
    assert_refused empty "empty"
    echo hello >text
    assert_refused text "neither a core nor a log in JSON"
    echo 'libsigbus: SIGBUS in x' >text
    assert_refused text "neither a core nor a log in JSON"
    mkfifo fifo
    assert_refused fifo "not a regular file"
    assert_refused mount "not a regular file"
    cp "$PROGS/pages" program
    assert_refused program "a program or a library, not a core"
    printf '\x28\xb5\x2f\xfd123456' >stored.zst
    assert_refused stored.zst "compressed, and not one of coredumpctl's"
    printf '\x7fELF' >short
    assert_refused short "damaged"
}

@test "explain: cores of other signals, cut, damaged and foreign ones" {
    core_of sh -c 'kill -SEGV $$'
    assert_refused core "SIGSEGV killed this program, not SIGBUS"
    core_of pages "open:$PWD/file" "${lost_half[@]}" read:5
    head -c 20000 core >cut
    assert_refused cut "cut, or damaged: 20000 of $(stat -c %s core) bytes are there"
    head -c 100 core >cut
    assert_refused cut "damaged"
    cp core foreign
    printf '\xb7' | dd of=foreign bs=1 seek=18 conv=notrunc status=none
    assert_refused foreign "a core of an aarch64 machine (64 bits): this sigbus-explain is for "
    cp core damaged
    dd if=/dev/urandom of=damaged bs=1 seek=64 count=4000 conv=notrunc status=none
    assert_refused damaged ""
}

@test "explain: a core is read with limits of memory and of time" {
    core_of pages "open:$PWD/file" "${lost_half[@]}" read:5
    # A look at the child, which waits for its answer about a file at a server that is stopped.
    run strace -f -e trace=prlimit64,alarm -o trace "$EXPLAIN" core
    [ -s trace ] || skip "strace does not work here"
    grep -q 'RLIMIT_DATA, {rlim_cur=1048576\*1024' trace
    grep -q 'RLIMIT_CPU, {rlim_cur=30' trace
    grep -q '^[0-9]* *alarm(60)' trace
}

# ---- without an argument ----

fake_coredumpctl() { # SHELL COMMANDS
    mkdir -p bin
    printf '#!/bin/sh\necho "$*" >>asked\n%s\n' "$1" >bin/coredumpctl
    chmod +x bin/coredumpctl
}

@test "explain: the newest core that coredumpctl has, a compressed one by its name" {
    core_of pages "open:$PWD/file" "${lost_half[@]}" read:5
    mv core stored
    fake_coredumpctl "cat '$PWD/stored'"
    PATH=$PWD/bin:$PATH explain
    assert_success
    assert_output --partial "path:$PWD/file=zero"
    assert_equal "$(cat asked)" "--quiet dump COREDUMP_SIGNAL=7"
    printf '\x28\xb5\x2f\xfd123456' >core.zst
    PATH=$PWD/bin:$PATH explain core.zst
    assert_success
    assert_output --partial "path:$PWD/file=zero"
    assert_equal "$(tail -n 1 asked)" "--quiet dump COREDUMP_FILENAME=$PWD/core.zst"
}

@test "explain: no core, and what to do" {
    fake_coredumpctl "exit 1"
    PATH=$PWD/bin:$PATH explain
    assert_equal "$status" 1
    assert_equal "$output" ""
    [[ $stderr == *"coredumpctl has no core of a SIGBUS any more"*"sigbus-run PROGRAM"* ]]
    : >core.123
    PATH=$PWD/bin:$PATH explain
    [[ $stderr == *'There is a file "core.123" here: sigbus-explain core.123'* ]]
    explain core
    assert_equal "$status" 1
    assert_equal "$stderr" "sigbus-explain: core: No such file or directory; there is a file core.123"
    : >core
    PATH=$PWD/bin:$PATH explain
    [[ $stderr == *'There is a file "core" here: sigbus-explain core'* ]]
}

# ---- logs ----

@test "explain: a log, grouped, with counts" {
    local i
    for i in 1 2 3; do
        run_with --policy 'path:*/file=zero(page)' --log "json:$PWD/log" pages \
            "open:$PWD/file" "${lost_half[@]}" read:4 read:5 read:6
        assert_success
    done
    run_with --log "json:$PWD/log" pages open:memfd "${lost_half[@]}" read:5
    run_with --log "json:$PWD/log" sh -c 'kill -BUS $$'
    echo '{"time":"x","pid":1,"note":"a note"}' >>log
    explain log
    assert_success
    assert_equal "$stderr" ""
    run jq -c '[.program,.cause,.path,.count,.processes,.action,.policy]' <("$EXPLAIN" --json log)
    assert_line --index 0 "[\"pages\",\"truncated\",\"$PWD/file\",9,3,\"zero\",\"path:$PWD/file=zero\"]"
    assert_line --index 1 '["pages","truncated","/memfd:pages",1,1,"default","path:/memfd:pages=zero"]'
    assert_equal "${#lines[@]}" 3
}

@test "explain: who sent the file, that the connection was closed, how long was waited" {
    local one='"hostile"\[[0-9]+\], uid '$(id -u)

    run_with --policy '*=wait(1)|zero+hangup' --log "json:$PWD/log" sent client:hostile send recv \
        map close truncate read
    assert_success
    explain log
    assert_success
    [[ ${output//$'\n'/ } =~ \ The\ file\ was\ sent\ by\ $one\;\ the\ connection\ was\ closed\.\  ]]
    [[ ${output//$'\n'/ } =~ 'decided: zero, waited 1.'[0-9]' s, ' ]]
    run jq -c '[.sender_name,.sender_pid>1,.sender_uid,.sender_others,.hangup,.waited>=1]' \
        <("$EXPLAIN" --json log)
    assert_line "[\"hostile\",true,$(id -u),null,true,true]"
    # Reports of one kind about files of several clients: one is named.
    for name in other third; do
        run_with --policy '*=zero' --log "json:$PWD/log" sent client:$name send recv map close \
            truncate read
    done
    explain log
    [[ ${output//$'\n'/ } =~ ' The file was sent by "other"['[0-9]+'], uid '[0-9]+', and others. ' ]]
}

@test "explain: mappings that were refused" {
    skip_without python3
    make_tmpfs 32k
    cat >asks.py <<'END'
import mmap
with open("mount/file", "w+b") as file:
    file.truncate(1 << 20)
    try:
        mmap.mmap(file.fileno(), 0)
    except OSError:
        pass
END
    run_with --policy 'fs:tmpfs=reserve' --log "json:$PWD/log" python3 asks.py
    explain log
    assert_success
    [[ ${output//$'\n'/ } == *" was refused a mapping of 1048576 bytes of \"$PWD/mount/file\""*"The cause is nospace. The rule fs:tmpfs=reserve decided: reserve."* ]]
    [[ ${output//$'\n'/ } == *"Make room on that file system"* ]]
    run jq -c '[.event,.wanted,.policy]' <("$EXPLAIN" --json log)
    assert_output '["refused",1048576,null]'
}

@test "explain: more faults than lines" {
    run_with --policy 'path:*/file=zero(page)' --log "json:$PWD/log" pages \
        "open:$PWD/file" size:40 map:40,shared,rw size:0 $(seq -f read:%.0f 0 39)
    assert_success
    explain log
    assert_success
    [[ ${output//$'\n'/ } == *" could not be had when it was read 32 times (12 lines), "* ]]
}

@test "explain: logs that others wrote" {
    run_with --log "json:$PWD/log" pages open:memfd "${lost_half[@]}" read:5
    { echo 'not ours'; echo '{"a":1}'; echo '{"broken'; head -c 100000 /dev/zero | tr '\0' x; echo; } >>log
    explain log
    assert_success
    assert_line "Lines that are no reports of libsigbus: 4."
    printf '%s\n' '{"event":"fault","pid":1,"code":"BUS_ADRERR","path":"/x\u001b[31m\u202e","cause":"no\u0007","rule":7}' \
        >hostile
    explain hostile
    assert_success
    refute_output --partial $'\e'
    assert_output --partial '"/x\x1b[31m\xe2\x80\xae"'
    jq -nc '{event:"fault",pid:1,code:"BUS_ADRERR",path:("/p" + (range(3000) | tostring))}' >many
    explain many
    assert_success
    assert_line "Reports of other kinds that are not listed: 2000"
    printf '{"time":"x","pid":1,"note":"active"}\n' >quiet
    assert_refused quiet "a log of libsigbus in which no fault is reported"
}

# ---- a process ----

start_victim() { # STEP...
    env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG=off SIGBUS_POLICY="*=zero(page)" \
        "$PROGS/stat-victim" "$LIBS" "$@" >ready 2>errors 3>&- &
    victim=$!
    disown $victim
    ready_or_end() {
        file_says ready ready || has_ended $victim
    }
    wait_for ready_or_end
    file_says ready ready
}

@test "explain: a process that has us" {
    head -c 16384 /dev/zero >file
    start_victim "file:$PWD/file" "cut:$PWD/file" read:1 store:2
    explain $victim
    assert_success
    [[ ${output//$'\n'/ } == "stat-victim[$victim] got SIGBUS, because a page of \"$PWD/file\" could not be had 2 times, mapping 0x"*"2 faults since it started, 2 pages replaced"* ]]
    run jq -c '[.pid,.path,.count,.pages,.cause]' <("$EXPLAIN" --json $victim)
    assert_output "[$victim,\"$PWD/file\",2,2,\"truncated\"]"
}

@test "explain: a process without a fault, without us, none at all; a file of digits" {
    start_victim
    explain $victim
    assert_success
    assert_output --partial "libsigbus is active, and there was no fault."
    kill -9 $victim
    sleep 100 3>&- &
    victim=$!
    disown $victim
    explain $victim
    assert_equal "$status" 1
    [[ $stderr == "sigbus-explain: $victim: libsigbus is absent there: not preloaded"* ]]
    explain 4194304999
    assert_equal "$status" 2
    explain "$(bash -c 'echo $$')"
    assert_equal "$status" 1
    [[ $stderr == "sigbus-explain: "*": no such process" ]]
    echo hello >123
    explain ./123
    [[ $stderr == "sigbus-explain: ./123: neither a core"* ]]
}

@test "explain: usage" {
    for arguments in "a b" "--nonsense" "--json a b"; do
        # shellcheck disable=SC2086 # words are meant
        explain $arguments
        assert_equal "$status" 2
    done
    explain --help
    assert_success
    assert_line --partial "usage: sigbus-explain"
    explain --version
    assert_success
    assert_output --partial "(libsigbus)"
}
