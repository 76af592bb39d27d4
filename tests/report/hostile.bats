# SPDX-License-Identifier: MIT
#
# Names that somebody hostile chose, and descriptors that come and go: no report is forged or
# garbled, no line of sigbus-stat either, and nothing of the program's is touched.

load ../harness/helper
load ../harness/log

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    # shellcheck disable=SC2034
    policy='*=zero'
    victim=
}

teardown() {
    [ -z "$victim" ] || kill -9 "$victim" 2>/dev/null || :
}

# A line feed and a line of ours; escape codes; quotes; no UTF-8; a change of direction; a long one.
names=($'x\nlibsigbus: SIGBUS in init[1], forged' $'\e[2J\e]0;title\a\r' '", "pid": 1, "path": "'
    $'\xff\xfe\xc0\xaf\xed\xa0\x80' $'\xe2\x80\xae\xe2\x80\xa8\xc2\x85' '%s%n${x}`y`\n\x41'
    "$(printf '%0235d' 0)")

# Runs as a program of that name, with a thread of that name, and loses a page of a memfd of it.
write_victim() {
    skip_without python3
    python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
    cat >victim.py <<'END'
import ctypes, mmap, os, signal, sys

name = os.fsencode(sys.argv[1])
libc = ctypes.CDLL(None)
libc.prctl(15, name[:15], 0, 0, 0)
fd = libc.memfd_create(name[:240], 0)
os.ftruncate(fd, 8192)
pages = mmap.mmap(fd, 8192)
os.ftruncate(fd, 0)
print(pages[4096], flush=True)
if sys.argv[2:]:
    signal.pause()
END
}

# $1 as the name of the program too, as far as a file can have it.
as_named() { # NAME
    mkdir -p bin
    file=$(printf 'bin/%.200s' "${1//\//_}")
    ln -sf "$python" "$file"
}

# Only what a terminal shows as text, in UTF-8, in lines of ours.
assert_plain() { # FILE
    iconv -f UTF-8 -t UTF-8 "$1" >/dev/null
    run grep -naP '[\x00-\x08\x0b-\x1f\x7f]' "$1"
    assert_output ''
    run grep -naP '\xe2\x80[\xa8-\xae]|\xc2[\x80-\x9f]' "$1"
    assert_output ''
}

@test "hostile: names in a report" {
    write_victim
    for name in "${names[@]}"; do
        as_named "$name"
        run_with --policy "$policy" --log ./text "$PWD/$file" victim.py "$name"
        assert_output 0
        assert_plain text
        assert_equal "$(grep -c '' text)" "$(grep -c '^libsigbus: ' text)"
        run grep -c '^libsigbus: SIGBUS in init' text
        assert_output 0
        rm text
    done
}

@test "hostile: names in JSON" {
    skip_without jq
    write_victim
    for name in "${names[@]}"; do
        as_named "$name"
        run_with --policy "$policy" --log json:./log "$PWD/$file" victim.py "$name"
        assert_output 0
        assert_plain log
        run jq -e -s 'length == 1 and .[0].pid != 1 and .[0].pages == 2 and
            (.[0].path | startswith("/memfd:")) and .[0].cause == "truncated"' log
        assert_output true
        rm log
    done
}

@test "hostile: names in the journal's fields" {
    write_victim
    skip_without_namespaces
    for name in "${names[@]}"; do
        journal --policy "$policy" "$python" victim.py "$name"
        assert_success # a field that is not as long as it says, or no UTF-8, fails there
        printf '%s\n' "$output" >fields
        assert_plain fields
        assert_equal "$(grep -c '^SIGBUS_PID=' fields)" 1
        [ "$(grep -c '^SIGBUS_PID=1$' fields)" = 0 ]
        assert_equal "$(grep -c '^MESSAGE=' fields)" 1
        run grep -vE '^([A-Z_]+=|--$|0$)' fields
        assert_output ''
    done
}

@test "hostile: names in sigbus-stat" {
    skip_without jq
    write_victim
    for name in "${names[@]}"; do
        as_named "$name"
        rm -f out
        env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="$policy" SIGBUS_LOG=off \
            "$PWD/$file" victim.py "$name" wait >out 3>&- &
        victim=$!
        wait_for test -s out
        "${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat" $victim >table
        "${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat" $victim --json >json
        kill -9 $victim
        assert_plain table
        assert_plain json
        grep -q memfd: table
        run grep -c '^libsigbus:' table
        assert_output 0
        run jq -e --argjson pid $victim '.pid == $pid' json
        assert_output true
    done
}

@test "hostile: a log file is no link, is private, and is not inherited" {
    ln -s elsewhere link
    run_with --policy "$policy" --log ./link fd-closer 1
    assert_line 'zeroes: 1'
    [ ! -e elsewhere ]
    run_with --policy "$policy" --log ./log fd-closer 1
    assert_equal "$(stat -c %a log)" 600
    skip_without strace
    run env SIGBUS_LOG=./log SIGBUS_POLICY="$policy" strace -f -e trace=openat,openat2,socket,memfd_create \
        -E LD_PRELOAD="$SIGBUS_LIB" "$PROGS/fd-closer" 1
    grep -q 'openat2\?(.*"[^"]*/log", .*O_NOFOLLOW.*O_CLOEXEC.*0600' <<<"$output"
    # Once it runs, each descriptor of ours is closed by exec().
    run grep -E '(openat2?|socket|memfd_create)\(.*= [0-9]+$' \
        <<<"$(sed '1,/before:/d; /after:/,$d' <<<"$output" | grep -v CLOEXEC)"
    assert_output ''
}

@test "hostile: the program's descriptors are as they were" {
    for dest in ./log json:./log journal stderr ./log+backtrace; do
        run_with --policy "$policy" --log "$dest" fd-closer 20 3>&-
        assert_line 'zeroes: 20'
        assert_equal "$(sed -n 's/^before://p' <<<"$output")" "$(sed -n 's/^after://p' <<<"$output")"
    done
}

@test "hostile: a thread that closes all descriptors all the time" {
    local told lost

    run_with --policy "$policy" --log ./log+all fd-closer 400 close 3>&-
    assert_success
    assert_line 'zeroes: 400'
    assert_plain log
    # Each line is whole, and none is missing without being counted.
    run grep -vE '^libsigbus: (SIGBUS in fd-closer\[.* zero, 1 page|[0-9]+ lines? lost|summary of .*)$' log
    assert_output ''
    told=$(grep -c '^libsigbus: SIGBUS' log || true)
    lost=$(sed -n 's/^libsigbus: .*[^0-9]\([0-9]*\) lines\? lost$/\1/p' log | tail -n 1)
    [ $((told + ${lost:-0})) -ge 400 ]
}

@test "hostile: a file that grows and is cut while its page is looked at" {
    for policy in '*=zero' '*=ones' 'owner:toggle=owner|zero' '*=zero(page)' '*=zero(range)'; do
        run_with --policy "$policy" toggle 50
        assert_success
    done
    policy='*=zero'
    run_with --policy "$policy" toggle 50
    assert_lines "00 77"
}

@test "hostile: a page that can always be read and never be copied is not tried for ever" {
    policy='*=zero|chain'
    run_with --policy "$policy" toggle 1000000
    assert_equal "$status" "$bus_error"
}

@test "hostile: a log is not written in another root" {
    skip_unless_root
    local log=$BATS_TEST_TMPDIR/logs/log

    mkdir -p logs "jail$BATS_TEST_TMPDIR/logs"
    for step in chroot:jail pivot:"$BATS_TEST_TMPDIR/jail"; do
        run_with --policy "$policy" --log "$log" pages open:memfd "${lost_half[@]}" "$step" read:5
        assert_success
        [ ! -e "jail$log" ]
        [ ! -e "$log" ]
    done
    run_with --policy "$policy" --log "$log" pages open:memfd "${lost_half[@]}" read:5
    [ -e "$log" ]
}

@test "hostile: a link that is put in the place of a log's directory is not followed" {
    mkdir real other
    ln -s real link
    run_with --policy "$policy" --log ./link/log pages open:memfd "${lost_half[@]}" read:5 # at the start it is
    assert_success
    [ -e real/log ]
    run_with --policy "$policy" --log ./real/log2 pages open:memfd "${lost_half[@]}" \
        run:'mv real away; ln -s other real' read:5
    assert_success
    [ ! -e other/log2 ]
}

@test "hostile: a log that somebody else has put there is not written" {
    skip_unless_root
    : >theirs
    chown 65534 theirs
    run_with --policy "$policy" --log ./theirs pages open:memfd "${lost_half[@]}" read:5
    assert_success
    [ ! -s theirs ]
    mkfifo pipe
    chown 65534 pipe
    timeout 10 cat pipe >read &
    reader=$!
    exec 9<>pipe # else neither end opens without the other
    run_with --policy "$policy" --log ./pipe pages open:memfd "${lost_half[@]}" read:5
    assert_success
    exec 9>&-
    kill $reader 2>/dev/null || true
    wait $reader 2>/dev/null || true
    [ ! -s read ]
    : >ours
    run_with --policy "$policy" --log ./ours pages open:memfd "${lost_half[@]}" read:5
    [ -s ours ]
}

@test "hostile: a log that has a second name is not written" {
    : >elsewhere
    ln elsewhere log
    run_with --policy "$policy" --log ./log pages open:memfd "${lost_half[@]}" read:5
    assert_success
    [ ! -s elsewhere ]
}

@test "hostile: the journal of another root gets no line" {
    journal --policy "$policy" pages open:memfd "${lost_half[@]}" read:5
    assert_success
    assert_line --partial "is lost"
    journal --policy "$policy" pages open:memfd "${lost_half[@]}" \
        run:'mkdir jail && mount --rbind / jail || exit 99' \
        chroot:jail read:5
    assert_success
    assert_line "read 5 00"
    refute_line --partial "is lost"
}

# What the owner of a new root writes below proc/ decides nothing there.
lie() { # in the process, before it changes its root
    mkdir -p jail/proc/thread-self
    : >jail/file
    device=0x$(stat -c %D jail/file)
    printf '%s rw-s 00000000 %02x:%02x %d /file\n' "$(sed -n 's/ .*memfd:pages.*//p' "/proc/$PPID/maps")" \
        $((device >> 8)) $((device & 255)) "$(stat -c %i jail/file)" >jail/proc/thread-self/maps
    truncate -s 1T jail/proc/thread-self/pagemap
}

@test "hostile: nobody believes a file where another root has no /proc" {
    skip_unless_root
    policy='*=zero(range)'
    run_with --policy "$policy" pages open:memfd size:8 fill map:8,shared,rw size:6 \
        run:"$(declare -f lie); lie" chroot:jail read:6 \
        peek:0 peek:5
    assert_success
    assert_line "read 6 00"
    assert_line "peek 0 41 41 41 41 41"
    assert_line "peek 5 46 46 46 46 46"
    refute_line --partial '/file'
}

@test "hostile: nobody waits for a FIFO where another root has no /proc" {
    skip_unless_root
    mkdir -p jail/proc/self jail/proc/thread-self jail/proc/sys/vm
    mkfifo jail/proc/thread-self/{maps,mountinfo,pagemap,smaps} jail/proc/self/{maps,mountinfo,pagemap,smaps} \
        jail/proc/sys/vm/overcommit_memory
    run_with --policy "$policy" pages open:memfd "${lost_half[@]}" chroot:jail read:5
    assert_success
    assert_line "read 5 00"
    run_with --policy "$policy" sent client:hostile send chroot:jail recv map close truncate read
    assert_success
    assert_line "read 00"
}
