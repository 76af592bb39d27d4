# SPDX-License-Identifier: MIT
#
# Where reports go (SIGBUS_LOG), what they say in each format, and what the program sees of it: nothing.

load ../harness/helper
load ../harness/log

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    policy='*=zero'
    log=$BATS_TEST_TMPDIR/log
}

teardown() {
    cd / || return
    rm -f "/dev/shm/sigbus-reports-$$"
}

# ---- JSON ----

@test "reports: JSON has the documented keys in their order, and nothing else" {
    run_with --policy "$policy" --log "json:$log" pages open:memfd "${lost_half[@]}" read:5
    assert_success
    assert_equal "$stderr" ""
    run json "$log" "' '.join(reports[0])"
    assert_success
    assert_output "event time pid tid thread code addr cause path offset map_start map_end map_prot owner \
mapped_by touched_by pc rule action pages count program access deleted file_size \
file_size_is_bound fs free_bytes wanted handler sender_pid sender_name sender_uid sender_others hangup waited hint"
}

@test "reports: JSON tells the facts of a repaired page" {
    run_with --policy "$policy" --log "json:$log" pages open:./data size:8 fill map:8,private,rw \
        size:4 write:6
    assert_success
    run json "$log" "(len(reports), *(reports[0][key] for key in ('code', 'cause', 'offset', \
        'map_prot', 'owner', 'rule', 'action', 'pages', 'count', 'access', 'file_size', 'thread')))"
    assert_output "(1, 'BUS_ADRERR', 'truncated', 24576, 'rw-p', 'pages', '*=zero', 'zero', 4, 1, 'written', 16384, 'pages')"
    run json "$log" "reports[0]['path'] == '$BATS_TEST_TMPDIR/data', \
        int(reports[0]['map_end'], 16) - int(reports[0]['map_start'], 16), \
        int(reports[0]['addr'], 16) - int(reports[0]['map_start'], 16), \
        reports[0]['mapped_by'].startswith('pages+0x'), \
        reports[0]['touched_by'].startswith('pages+0x')"
    assert_output "(True, 32768, 24576, True, True)"
}

@test "reports: the time is now, in UTC" {
    TZ=Asia/Tokyo run_with --policy "$policy" --log "json:$log" pages open:memfd \
        "${lost_half[@]}" read:5
    run json "$log" "all(abs(__import__('datetime').datetime.strptime(line['time'], \
        '%Y-%m-%dT%H:%M:%S.%fZ').replace(tzinfo=__import__('datetime').timezone.utc).timestamp() \
        - __import__('time').time()) < 20 for line in lines)"
    assert_output True
}

@test "reports: any file name can be had back from JSON" {
    local name=$'a "b" \\ \\x41 \n\t\x7f \xff\xc3 \xc3\xa9 \xe2\x80\xae {},'

    run_with --policy "$policy" --log "json:$log" pages "open:$BATS_TEST_TMPDIR/$name" size:8 \
        fill map:8,shared,rw size:4 \
        read:6
    assert_success
    run json "$log" "plain(reports[0]['path']) == open('expected', 'rb').read()"
    assert_failure # no such file yet: the comparison is a real one
    printf %s "$BATS_TEST_TMPDIR/$name" >expected
    run json "$log" "plain(reports[0]['path']) == open('expected', 'rb').read()"
    assert_output True
}

@test "reports: a long name keeps its end, and the line stays JSON" {
    local directory=$BATS_TEST_TMPDIR

    for _ in 1 2 3 4 5 6; do directory+=/$(printf '\\%.0s' {1..100}); done
    mkdir -p "$directory"
    run_with --policy "$policy" --log "json:$log" pages "open:$directory/the-end" size:8 fill \
        map:8,shared,rw size:4 read:6
    assert_success
    run json "$log" "reports[0]['path'].startswith('...'), reports[0]['path'].endswith('/the-end')"
    assert_output "(True, True)"
}

@test "reports: a program whose name is very long, a rule that is, memory that nobody knows" {
    local name rule

    name=$(printf '\001%.0s' {1..250})
    cp "$PROGS/pages" "./$name"
    run_with --policy "$policy" --log stderr "$PWD/$name" open:memfd "${lost_half[@]}" read:5
    assert_output "read 5 00"
    [[ $stderr == *'SIGBUS in \x01\x01'*'\x01...['*'], thread '*": zero, 4 pages" ]]
    rule=program:page$(printf '*%.0s' {1..1100})
    run_with --log json:fd:7 --policy "$rule=zero" pages open:memfd "${lost_half[@]}" limit:files \
        read:5 7>"$log"
    assert_output "read 5 00"
    run json "$log" "reports[0]['rule'].endswith('...'), reports[0]['path'], reports[0]['cause']"
    assert_output "(True, None, 'unknown')"
}

@test "reports: a sent signal has no address but a sender" {
    run_with --log "json:$log" pages send:kill
    assert_equal "$status" "$bus_error"
    run json "$log" "(*(reports[0][key] for key in ('code', 'addr', 'cause', 'path', 'map_start', \
        'rule', 'action', 'count', 'sender_uid')), reports[0]['sender_pid'] == reports[0]['pid'])"
    assert_output "('SI_USER', None, None, None, None, None, 'default', None, $(id -u), True)"
}

@test "reports: JSON to stderr and to a descriptor; notes are JSON too" {
    run_with --policy "$policy" --log json:stderr+start pages open:memfd "${lost_half[@]}" read:5
    printf '%s\n' "$stderr" >"$log"
    run json "$log" "len(lines), len(reports), lines[0]['note'].startswith('active in pages['), \
        sorted(lines[0])"
    assert_output "(2, 1, True, ['note', 'pid', 'time'])"

    run_with --policy "$policy" --log json:fd:7 pages open:memfd "${lost_half[@]}" read:5 7>"$log"
    assert_equal "$stderr" ""
    run json "$log" "len(reports)"
    assert_output 1
}

@test "reports: who mapped is told too where the owner's handler ended the range" {
    local by_zero

    run_with --policy "$policy" scenario "$LIBS" a.install:repair a.map a.truncate a.touch
    by_zero=$(grep -o 'made by actor-a.so+0x[0-9a-f]*' <<<"$stderr")
    [ "$by_zero" ]
    run_with --policy '*=owner|zero' scenario "$LIBS" a.install:repair a.map a.truncate a.touch
    [[ $stderr == *"$by_zero, "*"handed to the handler at actor-a.so"* ]]
}

# ---- how many ----

# One fault in each of many mappings: twenty lines, and two for each second that the machine takes.
@test "reports: a process tells twenty faults at once, or with +all each" {
    local steps=() i lines

    for ((i = 0; i < 120; i++)); do
        steps+=(open:memfd size:1 fill map:1,shared,rw size:0 read:0)
    done
    run_with --policy '*=zero' pages "${steps[@]}"
    assert_success
    lines=$(grep -c 'is lost' <<<"$stderr")
    [ "$lines" -ge 20 ] && [ "$lines" -lt 120 ]
    [[ $stderr == *" 120 faults, 120 pages replaced in 120 ranges, $((120 - lines)) faults not reported, 0 lines lost" ]]
    run_with --log stderr+all --policy '*=zero' pages "${steps[@]}"
    assert_equal "$(grep -c 'is lost' <<<"$stderr")" 120
    refute_line --partial "summary of"
}

@test "reports: a range is told of less and less often, the summary tells the rest" {
    policy='*=zero(page)'
    # shellcheck disable=SC2046
    run_with --policy "$policy" pages open:memfd size:40 fill map:40,shared,rw size:0 \
        $(printf 'read:%d ' {0..39})
    assert_success
    assert_equal "$(grep -o 'fault [0-9]* of this range' <<<"$stderr" | tr -dc '0-9\n' | xargs)" \
        "1 2 3 4 5 6 7 8 9 10 16 32"
    assert_equal "$(grep -c 'summary of' <<<"$stderr")" 1
    [[ $stderr == *" 40 faults, 40 pages replaced in 1 range, 28 faults not reported, 0 lines lost" ]]
}

@test "reports: +quiet is only counted" {
    policy='*=zero+quiet'
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" read:5
    assert_success
    assert_equal "$stderr" ""
}

@test "reports: no summary where each fault has its line" {
    policy='*=zero'
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" read:5
    assert_success
    assert_reports 1
    [[ $stderr != *summary* ]]
    run_with pages open:memfd size:1 fill map:1,shared,rw read:0
    assert_success
    assert_equal "$stderr" ""
    run_with pages open:memfd "${lost_half[@]}" handler:exit read:5
    assert_equal "$status" 40
    assert_reports 1
    [[ $stderr != *summary* ]]
}

@test "reports: a fork child does not tell its parent's summary again" {
    skip_without python3
    cat >both.py <<'END'
import ctypes, mmap, os, sys
with open("data", "w+b") as file:
    file.truncate(81920)
    view = mmap.mmap(file.fileno(), 81920)
    file.truncate(0)
for page in range(20):
    value = view[4096 * page]
print(value, flush=True)
child = os.fork()
if child:
    os.waitpid(child, 0)
sys.exit(0)
END
    policy='*=zero(page)'
    run_with --policy "$policy" python3 both.py
    assert_success
    assert_output 0
    assert_equal "$(grep -c 'summary of' <<<"$stderr")" 1
}

# ---- destinations that fail ----

@test "reports: no destination that fails changes what the program does" {
    local dest

    touch plain
    ln -s plain link
    for dest in /nonexistent/directory/log ./plain/log ./link /dev/full fd:999 json:fd:999 \
        json:/nonexistent/log "$BATS_TEST_TMPDIR" "./$(printf 'x%.0s' {1..300})"; do
        run_with --policy "$policy" --log "$dest" pages open:memfd "${lost_half[@]}" read:5 show
        assert_success
        assert_lines "read 5 00" "show 0-3:= 4-7:0"
        assert_equal "$dest $(grep -v ': there is no directory ' <<<"$stderr")" "$dest "
    done
    assert_equal "$(cat plain)" ""
}

@test "reports: a word that is no destination is said once, then stderr is used" {
    local dest

    for dest in nonsense json:nonsense journal:x later:./x fd:x fd:1234567890 /tmp/%d stderr+strat; do
        run_with --policy "$policy" --log "$dest" pages open:memfd "${lost_half[@]}" read:5
        assert_success
        assert_output "read 5 00"
        assert_equal "$(grep -c '^libsigbus: SIGBUS_LOG: ' <<<"$stderr")" 1
        [[ $stderr == *"\"$dest\"; valid are stderr, off, journal, fd:N, and a path"* ]]
        [[ $stderr == *"libsigbus: SIGBUS in pages["* ]]
    done
}

@test "reports: a path that is too long, or that is relative to no directory" {
    run_with --policy "$policy" --log "/$(printf 'x%.0s' {1..4100})" pages open:memfd \
        "${lost_half[@]}" read:5
    assert_output "read 5 00"
    [[ $stderr == *'SIGBUS_LOG: path is too long: "/xxxx'*'..."; valid are '* ]]
    mkdir gone
    cd gone
    rmdir ../gone
    run_with --policy "$policy" --log ./log pages open:memfd "${lost_half[@]}" read:5
    assert_output "read 5 00"
    [[ $stderr == *'SIGBUS_LOG: no current directory for "./log"; valid are '* ]]
}

@test "reports: a path in a directory that does not exist is told at the start" {
    run_with --policy "$policy" --log "$PWD/missing/log" pages open:memfd
    [[ $stderr == "libsigbus: SIGBUS_LOG: there is no directory "*"/missing"*": reports are lost until it is made" ]]
}

@test "reports: a path with the process id and a percent sign" {
    run_with --policy "$policy" --log ./%%-%p-log pages open:memfd "${lost_half[@]}" read:5
    assert_output "read 5 00"
    run cat %-*-log
    [[ $output == *"SIGBUS in pages[$(echo %-*-log | tr -dc 0-9)]"* ]]
}

# As much of the line as there was room for is ended before the next one.
@test "reports: a line that was cut in the middle by a full file system" {
    local room=$BATS_TEST_TMPDIR/room

    skip_without_namespaces
    mkdir room
    mount -t tmpfs -o size=8k none room || skip "no tmpfs can be mounted"
    head -c 4096 /dev/zero >room/filler
    head -c 4000 /dev/zero | tr '\0' '#' >room/log
    run_with --policy "$policy" --log room/./log loss-victim open:memfd "${lost_half[@]}" read:5 \
        sh:"rm $room/filler" open:memfd "${lost_half[@]}" \
        read:5
    cp room/log log
    umount -l room
    assert_success
    assert_equal "$(sed -n '1s/^#*//p' log | cut -c 1-19)" "libsigbus: SIGBUS i"
    assert_equal "$(sed -n 2p log)" "libsigbus: 1 line lost"
    [[ $(sed -n 3p log) == "libsigbus: SIGBUS in "*": zero, 4 pages" ]]
    assert_equal "$(wc -l <log)" 4 # and the summary
}

@test "reports: a full file system loses the line, not the program" {
    skip_without_namespaces
    cat >full.sh <<'END'
mount -t tmpfs -o size=4k none mnt
head -c 4096 /dev/zero >mnt/filler
SIGBUS_LOG=$PWD/mnt/log LD_PRELOAD=$SIGBUS_LIB "$@" || exit
stat -c %s mnt/log
END
    mkdir mnt
    export SIGBUS_LIB
    SIGBUS_POLICY='*=zero' run unshare -m sh full.sh "$PROGS/pages" open:memfd "${lost_half[@]}" read:5
    assert_success
    assert_lines "read 5 00" 0
}

@test "reports: lost lines are told when the destination is back" {
    skip_without python3
    cat >lines.py <<'END'
import mmap, os, sys
for i in range(3):
    if i == 2:
        os.mkdir("later")
    with open("data", "w+b") as file:
        file.truncate(4096)
        view = mmap.mmap(file.fileno(), 4096)
        file.truncate(0)
    view[0]
if os.fork() > 0:
    os.wait()
sys.exit(0)
END
    run_with --policy "$policy" --log ./later/log python3 lines.py
    assert_success
    assert_equal "$(grep -v ': there is no directory ' <<<"$stderr")" ""
    assert_equal "$(head -n 1 later/log)" "libsigbus: 2 lines lost"
    [[ $(sed -n 2p later/log) == *"page of \"$BATS_TEST_TMPDIR/data\" is lost"* ]]
    [[ $(sed -n 3p later/log) == *" 3 pages replaced in 3 ranges, 0 faults not reported, 2 lines lost" ]]
    assert_equal "$(wc -l <later/log)" 3 # the child says nothing
}

under_ulimit() { # ULIMIT-OPTIONS PROG [ARG...]
    cat >limited.sh <<'END'
exec 3>&- 4>&-
ulimit $1
shift
exec env LD_PRELOAD="$SIGBUS_LIB" "$@"
END
    SIGBUS_POLICY='*=zero' run --separate-stderr bash limited.sh "$@"
}

@test "reports: without a free descriptor" {
    under_ulimit "-n 4" "$PROGS/pages" open:memfd "${lost_half[@]}" read:5 show
    assert_success
    assert_lines "read 5 00" "show 0-3:= 4-4:. 5-5:0 6-7:."
    [[ $stderr == *"page of unknown memory is lost (BUS_ADRERR, cause unknown)"*"; hint: no file descriptor is free, "* ]]
}

@test "reports: without /proc" {
    skip_without_namespaces
    cat >no-proc.sh <<'END'
mount -t tmpfs none /proc
exec env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY='*=zero' SIGBUS_LOG=stderr+backtrace "$@"
END
    run --separate-stderr unshare -m sh no-proc.sh "$PROGS/pages" open:memfd "${lost_half[@]}" read:5
    assert_success
    assert_output "read 5 00"
    [[ $stderr == *"page of unknown memory is lost (BUS_ADRERR, cause unknown)"* ]]
    [[ $stderr == *"no backtrace: "*"/proc is missing"* ]]
}

# ---- journal ----

@test "reports: the journal gets a message and the facts as fields" {
    journal --policy "$policy" pages open:$'./a\nb' size:8 fill map:8,shared,rw size:4 read:5
    assert_success
    assert_equal "$stderr" ""
    assert_line SYSLOG_IDENTIFIER=libsigbus
    assert_line PRIORITY=4
    assert_line --regexp '^MESSAGE=SIGBUS in pages\[[0-9]+\], thread .* is lost .*: zero, 4 pages$'
    assert_line "SIGBUS_PATH=$BATS_TEST_TMPDIR/a\\x0ab"
    assert_line SIGBUS_CAUSE=truncated
    assert_line SIGBUS_PAGES=4
    assert_line --regexp '^SIGBUS_TOUCHED_BY=pages\+0x'
    refute_line --partial SIGBUS_HINT
}

@test "reports: the death of a program is an error in the journal" {
    policy='*=chain'
    journal --policy "$policy" pages open:memfd "${lost_half[@]}" read:5
    assert_line PRIORITY=3
    assert_line SIGBUS_ACTION=default
}

@test "reports: without a journal the program goes on" {
    skip_without_namespaces
    run --separate-stderr unshare -m sh -c 'mount -t tmpfs none /run && exec "$@"' sh \
        env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="$policy" SIGBUS_LOG=journal \
        "$PROGS/pages" open:memfd "${lost_half[@]}" read:5
    assert_success
    assert_output "read 5 00"
    assert_equal "$stderr" ""
}

# ---- hints ----

@test "reports: places are what addr2line takes, also in a program that is not PIE" {
    skip_without addr2line
    cat >places.c <<'END'
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
	int fd = memfd_create("places", 0);
	volatile char *at;

	at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0); /* line 9 */
	return *at; /* line 10 */
}
END
    policy='*=chain'
    for kind in -pie -no-pie; do
        $CC -g -O0 -fPIE $kind -o places places.c || skip "no $kind here"
        run_with --policy "$policy" "$PWD/places"
        assert_equal "$status" "$bus_error"
        [[ $stderr =~ read\ by\ places\+(0x[0-9a-f]+)\;.*made\ by\ places\+(0x[0-9a-f]+), ]]
        touched=${BASH_REMATCH[1]} mapped=${BASH_REMATCH[2]}
        [[ $(addr2line -e places "$touched") == *places.c:10* ]]
        [[ $(addr2line -e places $((mapped - 1))) == *places.c:9* ||
            $(addr2line -e places "$(printf %x $((mapped - 1)))") == *places.c:9* ]]
    done
}

@test "reports: a full runtime directory" {
    skip_without_namespaces
    mkdir -p runtime
    # shellcheck disable=SC2016
    run --separate-stderr unshare -m sh -c 'mount -t tmpfs -o size=64k none runtime && exec "$@"' - \
        env LD_PRELOAD="$SIGBUS_LIB" XDG_RUNTIME_DIR="$PWD/runtime" "$PROGS/pages" open:runtime/x \
        size:64 map:64,shared,rw $(printf 'write:%d ' $(seq 0 63))
    [[ $stderr == *"hint: XDG_RUNTIME_DIR is full; @container makes it an error of mmap()"* ]]
}

@test "reports: reserve that could not act, for nobody saw the mapping" {
    skip_without_namespaces
    skip_without python3
    cat >raw.py <<'END'
import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
fd = os.open("small/file", os.O_RDWR | os.O_CREAT)
os.truncate(fd, 1 << 20)
at = libc.syscall(ctypes.c_long(9), None, ctypes.c_long(1 << 20), 3, 1, fd, ctypes.c_long(0))
ctypes.memset(at, 1, 1 << 20)
END
    [ "$(uname -m)" = x86_64 ] || skip 'the number of mmap() is that of x86-64'
    mkdir small
    # shellcheck disable=SC2016
    run --separate-stderr unshare -m sh -c 'mount -t tmpfs -o size=64k none small && exec "$@"' - \
        env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY='fs:tmpfs=reserve' python3 raw.py
    assert_equal "$status" "$bus_error"
    [[ $stderr == *"hint: reserve could not act: the mapping was made by a raw system call"* ]]
}

@test "reports: a full /dev/shm, and the way out" {
    skip_without_namespaces
    cat >shm.sh <<'END'
mount -t tmpfs -o size=64k none /dev/shm
exec env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG="$1" "$PROGS/pages" open:/dev/shm/x size:64 map:64,shared,rw \
    $(printf 'write:%d ' $(seq 0 63))
END
    run --separate-stderr unshare -m sh shm.sh stderr
    assert_equal "$status" "$bus_error"
    assert_output --partial "write 15"
    [[ $stderr == *'"/dev/shm/x" is lost (BUS_ADRERR, nospace on tmpfs, 0 bytes free)'* ]]
    [[ $stderr == *"hint: /dev/shm is full; in a container: docker run --shm-size=SIZE, in Kubernetes an emptyDir of medium Memory; @container makes it an error of mmap()" ]]
    run --separate-stderr unshare -m sh shm.sh "json:$log"
    run json "$log" "reports[0]['cause'], reports[0]['fs'], reports[0]['free_bytes'], \
        reports[0]['hint'][:16]"
    assert_output "('nospace', 'tmpfs', 0, '/dev/shm is full')"
}
