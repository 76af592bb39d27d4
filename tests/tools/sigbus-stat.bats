#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# sigbus-stat: what it shows of another process, and what it says when it cannot.

load ../harness/helper

STAT=${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    victims=()
    # The file of most victims: four pages.
    head -c 16384 /dev/zero >file
    export SIGBUS_LOG=off
}

teardown() {
    [ ${#victims[@]} = 0 ] || kill -9 "${victims[@]}" 2>/dev/null || :
}

# Starts a program that prints "ready" when it is; $pid.
start() { # COMMAND [ARG...]
    "$@" >ready 2>errors 3>&- &
    pid=$!
    disown "$pid"
    victims+=("$pid")
    wait_for ready_or_end
    file_says ready ready
}

ready_or_end() {
    file_says ready ready || has_ended "$pid"
}

# Its options are those of run_with.
start_with() { # [OPTION...] STEP...
    local settings preload apart edit but used

    read_options "$@"
    rm -f ready
    start env ${preload:+LD_PRELOAD="$preload"} "${settings[@]}" "$PROGS/stat-victim" "$LIBS" "${@:used+1}" || {
        cat errors >&2
        return 1
    }
}

start_bare() { # STEP...
    start_with --preload '' "$@"
}

stat_of() { # [OPTION...]
    run limited "$STAT" "$@" "$pid"
}

# What jq finds in the JSON of the victim.
assert_json() { # FILTER VALUE
    local found

    found=$("$STAT" --json "$pid" | jq -c "$1")
    assert_equal "$found" "$2"
}

@test "stat: ranges with owner, file, faults and replaced pages" {
    start_with --policy 'path:*/file=zero(page)' "file:$PWD/file" "cut:$PWD/file" read:1 store:2
    stat_of
    assert_success
    assert_line --regexp "^stat-victim\[$pid\]: libsigbus is active, .* handler: default$"
    assert_line --regexp \
        "^[0-9a-f]+-[0-9a-f]+ +rw-s +16K +2 +2 +stat-victim\+0x[0-9a-f]+ +0x0 +$PWD/file$"
    assert_line --regexp '^ +1 +2 +stat-victim +none$'
}

@test "stat: the same in JSON" {
    skip_without jq
    start_with --policy 'path:*/file=zero(page)' "file:$PWD/file" "cut:$PWD/file" read:1 store:2
    assert_json '[.pid, .program, .state, .reason]' "[$pid,\"stat-victim\",\"active\",null]"
    assert_json '.ranges | length' 1
    assert_json '.ranges[0] | [.path, .offset, .map_prot, .owner, .faults, .replaced, .registered,
        .mapped, .deleted]' "[\"$PWD/file\",\"0x0\",\"rw-s\",\"stat-victim\",2,2,false,true,false]"
    assert_json '.ranges[0].mapped_by | test("^stat-victim[+]0x[0-9a-f]+$")' true
    assert_json '.ranges[0].inode' "$(command stat -c %i file)"
    assert_json '.disposition' '{"handler":"default","flags":"0x0","mask":"0x0"}'
    assert_json '[.skipped, (.users | length)]' '[0,0]'
}

@test "stat: counters" {
    skip_without jq
    start_with --policy 'path:*/file=zero(page)' "file:$PWD/file" "cut:$PWD/file" read:1 store:2
    stat_of
    assert_success
    assert_line "Counted since the process started"
    assert_line --regexp '^ +2  faults, the last one [0-9]+ s ago$'
    assert_line --regexp '^ +2  pages replaced$'
    refute_line --partial "could not be tracked"
    assert_json '.counters | [.faults, .reported, .repaired_pages, .repaired_ranges, .chained, .fatal,
        .untracked, .refused, .failed_open]' '[2,0,2,1,0,0,0,0,0]'
}

@test "stat: a range of which every page was replaced still has its file" {
    skip_without jq
    start_with --policy 'path:*/file=zero' "file:$PWD/file" "cut:$PWD/file" store:0 read:1
    assert_json '.ranges[0] | [.path, .offset, .replaced]' "[\"$PWD/file\",\"0x0\",3]"
    : >file
    kill -9 "$pid"
    head -c 16384 /dev/zero >file
    start_with --policy '*=zero' a.map a.truncate:0 a.touch:0
    assert_json '.ranges[0] | [.path, .offset, .deleted, .map_prot, .replaced]' \
        '["/memfd:actor","0x0",true,"rw-s",2]'
}

@test "stat: the file of what is left of a range, all of whose pages were replaced" {
    skip_without jq
    local how

    # The first page, which has not been replaced, goes. Of private pages a lost one keeps the file.
    for how in file private; do
        head -c 16384 /dev/zero >file
        start_with --policy '*=zero(page)' "$how:$PWD/file" "cut:$PWD/file" read:2 read:1 read:3 unmap:0
        assert_json '.ranges[] | [.path, .offset, .replaced]' "[\"$PWD/file\",\"0x1000\",3]"
        kill -9 "$pid"
    done
}

@test "stat: the newest handler of each owner, and the program's own" {
    skip_without jq
    start_with a.install:exit a.install:repair p.install:nothing a.map
    assert_json '[.owners[] | select(.handlers | length > 0) | [.owner, (.handlers | length)]]
        | sort' '[["actor-a.so",1],["stat-victim",1]]'
    assert_json '.disposition.handler | test("^stat-victim[+]0x[0-9a-f]+$")' true
    assert_json '.disposition.flags' '"0x4000004"'
    assert_json '.disposition.handler == (.owners[] | select(.owner == "stat-victim").handlers[0])' \
        true
    local newest
    newest=$("$STAT" --json "$pid" | jq -r '.owners[] | select(.owner == "actor-a.so").handlers[0]')
    nm "$LIBS/actor-a.so" | grep " on_repair$" | grep -qi "${newest#*+0x} "
    stat_of
    assert_line --regexp "^ +1 +0 +actor-a.so +${newest//+/\\+}$"
}

@test "stat: a registered owner" {
    skip_without jq
    start_with "file:$PWD/file" register:reg-x
    assert_json '.owners[] | select(.registered) | [.owner, .ranges, .handlers,
        (.callback | test("^stat-victim[+]0x"))]' '["reg-x",1,[],true]'
    assert_json '.ranges[0] | [.owner, .mapped_by, .registered, .mapped]' \
        '["reg-x","reg-x",true,true]'
    stat_of
    assert_line --regexp '^ +1 +0 +reg-x \(registered\) +callback stat-victim\+0x[0-9a-f]+$'
}

@test "stat: hits of each rule" {
    skip_without jq
    start_with --policy 'path:/nowhere=chain,path:*/file=zero(page)' "file:$PWD/file" \
        "cut:$PWD/file" read:1 store:2 a.map
    assert_json '[.rules[] | [.rule, .item, .hits]]' \
        '[["path:/nowhere=chain",1,0],["path:*/file=zero(page)",2,2],["*=owner|chain",0,0]]'
    stat_of
    assert_line --regexp '^ +2 +path:\*/file=zero\(page\)$'
    assert_line --regexp '^ +0 +\*=owner\|chain \(built-in\)$'
}

@test "stat: other processes that have the same file, by mapping and by descriptor" {
    skip_without jq
    start_bare "file:$PWD/file"
    local mapper=$pid
    start_bare "open:$PWD/file"
    local opener=$pid
    start_bare # has neither
    start_with "file:$PWD/file"
    assert_json '[.users[] | [.pid, .name, .path, .map_prot, .fd_access]] | sort' \
        "$(jq -nc "[[$mapper,\"stat-victim\",\"$PWD/file\",\"rw-s\",\"rw\"],
            [$opener,\"stat-victim\",\"$PWD/file\",null,\"rw\"]] | sort")"
    stat_of
    assert_line --regexp "^ *$mapper +\"stat-victim\" +rw-s +[0-9]+ rw +$PWD/file$"
    assert_line --regexp "^ *$opener +\"stat-victim\" +- +[0-9]+ rw +$PWD/file$"
}

@test "stat: a file that somebody removed and then held on to" {
    skip_without jq
    start_with "file:$PWD/file" "open:$PWD/file"
    local first=$pid
    start_with "file:$PWD/file"
    rm file
    assert_json '.users[] | [.pid, .path, .deleted]' "[$first,\"$PWD/file\",true]"
}

@test "stat: hostile file names" {
    skip_without jq
    local name=$'a\e[31m"b\\c\nd\xff'
    cp file "$name"
    start_with "file:$PWD/$name"
    stat_of
    assert_success
    refute_output --partial $'\e'
    assert_line --partial 'a\x1b[31m\x22b\x5cc\x0ad'
    assert_json '.ranges[0].path | endswith("a\\x1b[31m\\x22b\\x5cc\\x0ad\\xff")' true
}

@test "stat: a dormant process" {
    start_with --only other,program
    stat_of
    assert_success
    assert_output "stat-victim[$pid]: libsigbus is dormant: SIGBUS_ONLY names other programs"
    stat_of --json
    assert_success
    assert_output --partial '"state":"dormant","reason":"SIGBUS_ONLY names other programs"'
}

@test "stat: a process without us" {
    start_bare
    stat_of
    assert_success
    assert_output --partial "libsigbus is absent: not preloaded"
    stat_of --json
    assert_output --partial '"state":"absent","reason":"not preloaded'
}

@test "stat: a library that the dynamic linker did not find" {
    start_with --preload /nowhere/libsigbus.so.0
    stat_of
    assert_success
    assert_output --partial "LD_PRELOAD names it, but the dynamic linker did not load it"
}

@test "stat: a static program" {
    printf '%s\n' '#include <unistd.h>' \
        'int main(void) { return write(1, "ready\n", 6) != 6 || pause(); }' >static.c
    "$CC" -static -o static static.c 2>/dev/null || skip "no static C library"
    start env LD_PRELOAD="$SIGBUS_LIB" ./static
    stat_of
    assert_success
    assert_output --partial "statically linked: nothing can be preloaded"
}

@test "stat: a program in secure mode" {
    skip_unless_root
    skip_without setpriv
    cp "$(command -v sleep)" sleep
    chmod 4755 sleep
    chmod 711 . ..
    setpriv --reuid=65534 --regid=65534 --clear-groups \
        env LD_PRELOAD="$SIGBUS_LIB" ./sleep "$SIGBUS_TEST_LIMIT" 3>&- &
    pid=$!
    disown "$pid"
    victims+=("$pid")
    sleeps() {
        has_ended "$pid" || [ "$(cat "/proc/$pid/comm")" = sleep ]
    }
    wait_for sleeps
    grep -q . "/proc/$pid/maps" || skip "setuid programs cannot be run here"
    stat_of
    assert_success
    assert_output --partial "secure mode (AT_SECURE"
}

@test "stat: a thread of the kernel" {
    grep -q kthreadd /proc/2/comm 2>/dev/null || skip "none to be seen here"
    skip_unless_root
    pid=2 stat_of
    assert_success
    assert_output --partial "a thread of the kernel"
}

@test "stat: another user's process, and one that is not dumpable" {
    skip_unless_root
    skip_without setpriv
    local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    "${nobody[@]}" test -x "$STAT" || skip "nobody can't execute sigbus-stat here"
    start_with
    run "${nobody[@]}" "$STAT" "$pid"
    assert_equal "$status" 3
    assert_output --partial "$pid: no access: it runs as another user, root (uid 0)"
    rm ready
    start "${nobody[@]}" env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/stat-victim" "$LIBS"
    run "${nobody[@]}" "$STAT" "$pid"
    [[ $status$output == 0*"libsigbus is active"* || $status$output == 3*ptrace_scope* ]]
    rm ready
    start "${nobody[@]}" "$PROGS/stat-victim" "$LIBS" nodump
    run "${nobody[@]}" "$STAT" "$pid"
    assert_equal "$status" 3
    assert_output --partial "no access"
    [[ $output == *"not dumpable"* || $output == *ptrace_scope* ]]
}

@test "stat: no such process" {
    local pid
    pid=$(bash -c 'echo $$')
    stat_of
    assert_equal "$status" 1
    assert_output "sigbus-stat: $pid: no such process"
    stat_of --watch
    assert_equal "$status" 1
}

@test "stat: a zombie" {
    # Its parent is a sleep before it ends, which waits for nobody.
    # shellcheck disable=SC2016
    bash -c '(until grep -qx sleep /proc/$$/comm; do sleep 0.01; done) & echo $! >zombie
        exec sleep "$0"' "$SIGBUS_TEST_LIMIT" 3>&- &
    victims+=($!)
    disown $!
    wait_for test -s zombie
    pid=$(cat zombie)
    wait_for grep -q '^State:.Z' "/proc/$pid/status"
    stat_of
    assert_equal "$status" 1
    assert_output "sigbus-stat: $pid: has ended (a zombie)"
}

@test "stat: usage" {
    local arguments
    for arguments in "--metrics --json" "--metrics --watch" "--nonsense 1" "0" "-5" "12x" "99999999999999999999"; do
        # shellcheck disable=SC2086 # words are meant
        run "$STAT" $arguments
        assert_equal "$status" 2
    done
    run "$STAT" ''
    assert_equal "$status" 2
    run "$STAT" --help
    assert_success
    assert_line --partial "usage: sigbus-stat"
    run "$STAT" --version
    assert_success
    assert_output --partial "libsigbus"
}

@test "stat: watches until the process ends" {
    skip_without jq
    start_with "file:$PWD/file"
    limited "$STAT" --watch --json "$pid" >looks 2>end 3>&- &
    local watcher=$!
    two_looks() {
        [ "$(wc -l <looks)" -ge 2 ] || has_ended $watcher
    }
    wait_for two_looks
    kill -9 "$pid"
    wait "$watcher"
    assert_equal "$(cat end)" "sigbus-stat: $pid has ended"
    [ "$(wc -l <looks)" -ge 2 ]
    [ "$(jq -s 'length' looks)" -ge 2 ]
    assert_equal "$(jq -c '[.state, (.ranges | length)]' looks | sort -u)" '["active",1]'
}

@test "stat: plain when piped, headings and a clean screen on a terminal" {
    skip_without script
    start_with "file:$PWD/file"
    stat_of
    refute_output --partial $'\e'
    run script -qec "stty cols 40; exec '$STAT' $pid" /dev/null </dev/null
    assert_success
    assert_output --partial $'\e[1m'
    local line plain
    while IFS= read -r line; do
        plain=$(sed $'s/\e\\[[0-9]*m//g; s/\r//g' <<<"$line")
        [ ${#plain} -le 40 ] || [[ $plain == *"libsigbus is active"* ]] ||
            [[ $plain == *"could not be looked at"* ]]
    done <<<"$output"
    limited script -qec "exec '$STAT' --watch $pid" /dev/null </dev/null >screen 3>&- &
    wait_for file_says $'\e[H\e[2J' screen
    kill -9 "$pid"
    wait $! || : # it says that the process has ended
}

@test "stat: a library without symbols, removed since it was loaded" {
    skip_without strip
    skip_without jq
    cp "$SIGBUS_LIB" libsigbus.so.0
    strip -s libsigbus.so.0
    start_with --preload $PWD/libsigbus.so.0 "file:$PWD/file"
    rm libsigbus.so.0
    assert_json '[.state, .ranges[0].path]' "[\"active\",\"$PWD/file\"]"
}

@test "stat: a fork child" {
    skip_without jq
    mkfifo fifo
    start env LD_PRELOAD="$SIGBUS_LIB" bash -c '(read -r line <fifo; :) & echo $! >child
        echo ready; wait'
    pid=$(cat child)
    victims+=("$pid")
    assert_json '[.pid, .program, .state]' "[$pid,\"bash\",\"active\"]"
}

@test "stat: many ranges, and ranges that come and go" {
    skip_without jq
    start_with "file:$PWD/file" many:5000
    assert_json '[(.ranges | length), .skipped]' '[5001,0]'
    start_with "file:$PWD/file" churn
    for _ in 1 2 3 4 5; do
        assert_json '[.state, (.ranges | length) >= 1, (.ranges | length) <= 3]' \
            '["active",true,true]'
    done
    kill -0 "$pid"
}

@test "stat: nothing of it stops or changes the process" {
    start_with "file:$PWD/file"
    local before after
    wait_for grep -q '^State:.S' "/proc/$pid/status" # it has nothing left to do
    before=$(grep -E '^(voluntary|nonvoluntary|State|TracerPid)' "/proc/$pid/status")
    for _ in 1 2 3 4 5; do
        stat_of
        assert_success
    done
    after=$(grep -E '^(voluntary|nonvoluntary|State|TracerPid)' "/proc/$pid/status")
    assert_equal "$after" "$before"
}

@test "stat: another version, a damaged root" {
    local how
    for how in version size; do
        start env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/stat-garbage" $how
        stat_of
        assert_equal "$status" 1
        assert_output --partial "use the one that came with that library"
        rm ready
    done
    start env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/stat-garbage" magic
    stat_of
    assert_equal "$status" 1
    assert_output --partial "damaged"
}

@test "stat: garbage behind the root neither crashes nor hangs it" {
    local how status

    # Megabytes come of some: into a file.
    for how in "noise 1" "noise 2" "tables 1" counts; do
        # shellcheck disable=SC2086
        start env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/stat-garbage" $how
        for option in "" --json; do
            status=0
            limited "$STAT" $option "$pid" >shown 2>&1 || status=$?
            [ "$status" = 0 ] || [ "$status" = 1 ]
            run grep "took longer than" shown
            assert_output ""
        done
        kill -9 "$pid"
        rm ready
    done
}

@test "stat: no page of a file is read" {
    start env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/stat-garbage" file
    stat_of
    assert_success
    refute_output --partial "*=owner|chain"
    assert_line "Entries that could not be read, or were changing: 1"
}

@test "stat: memory that never answers ends the look" {
    start env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/stat-garbage" wait || skip "no userfaultfd here"
    stat_of
    assert_equal "$status" 1
    assert_output --partial "took longer than"
}

# ---- several processes ----

@test "stat: several processes, by number and by name; the status is the worst" {
    start_with "file:$PWD/file"
    local first=$pid
    start_with a.map
    local second=$pid
    run "$STAT" "$first" "$second"
    assert_success
    assert_line --partial "stat-victim[$first]: libsigbus is active"
    assert_line --partial "stat-victim[$second]: libsigbus is active"
    cp "$PROGS/stat-victim" ./7-by-name
    rm ready
    start env LD_PRELOAD="$SIGBUS_LIB" ./7-by-name "$LIBS"
    run "$STAT" "$first" 7-by-name
    assert_success
    assert_line --partial "stat-victim[$first]: libsigbus is active"
    assert_line --partial "7-by-name[$pid]: libsigbus is active"
    run --separate-stderr "$STAT" no-such-program "$first"
    assert_equal "$status" 1
    assert_equal "$stderr" "sigbus-stat: no-such-program: no process has this name"
    assert_line --partial "stat-victim[$first]: libsigbus is active"
    kill -9 "$second"
    run --separate-stderr "$STAT" --json "$second" "$first"
    assert_equal "$status" 1
    assert_equal "$(jq -c '[.pid, .state]' <<<"$output")" "[$first,\"active\"]"
}

@test "stat: without an argument, a line for each process that has the library" {
    start_with --policy 'path:*/file=zero(page)' "file:$PWD/file" "cut:$PWD/file" read:1 store:2
    local first=$pid
    start_with --only other
    # Other tests may run other builds of it.
    run --separate-stderr "$STAT"
    assert_line --regexp "^ *PID +PROGRAM +STATE +RANGES +FAULTS +AGO +LAST LOSS$"
    assert_line --regexp "^ *$first +stat-victim +active +1 +2 +[0-9]+ s +$PWD/file$"
    assert_line --regexp "^ *$pid +stat-victim +dormant +0 +0$"
    run --separate-stderr "$STAT" --json
    assert_equal "$(jq -c "select(.pid == $first) | [.program, .state, .ranges, .faults, .last_loss,
        (.last_loss_seconds | type)]" <<<"$output")" \
        "[\"stat-victim\",\"active\",1,2,\"$PWD/file\",\"number\"]"
    assert_equal "$(jq "select(.pid == $pid) | .last_loss_seconds" <<<"$output")" null
}

@test "stat: faults by answer, cause and file system; the last one" {
    skip_without jq
    start_with --log /dev/null --policy 'path:*/file=zero(page)' "file:$PWD/file" "cut:$PWD/file" \
        read:1 store:2
    local fs
    fs=$(stat -f -c %T file)
    assert_json '[.faults_by[] | [.action, .cause, .count]]' '[["zero","truncated",2]]'
    [ "$fs" != ext2/ext3 ] || assert_json '.faults_by[0].fs' '"ext4"'
    assert_json '.last_fault | [(.addr | startswith("0x")), .path]' "[true,\"$PWD/file\"]"
    # It was after the process had started.
    assert_json ".last_fault.seconds <= $(ps -o etimes= -p "$pid") + 1" true
}

@test "stat: refused mappings are counted" {
    skip_without jq
    skip_without python3
    skip_unless_root
    unshare -m true || skip "no mount namespace"
    cat >asks.py <<'END'
import mmap, time
with open("mount/file", "r+b") as file:
    file.truncate(1 << 20)
    try:
        mmap.mmap(file.fileno(), 0)
    except OSError:
        print("ready", flush=True)
time.sleep(100)
END
    mkdir mount
    start unshare -m sh -c 'mount -t tmpfs -o size=8k none mount && : >mount/file && exec env \
        LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="fs:tmpfs=reserve" python3 asks.py' ||
        skip "$(cat errors)"
    assert_json .counters.refused 1
    metrics out
    grep -q '^sigbus_refused_total{program="python3[0-9.]*"} 1$' out
}

# ---- metrics ----

metrics() { # OUT: of our own victims only
    "$STAT" --metrics "${victims[@]}" >"$1"
}

@test "stat: metrics" {
    start_with --log /dev/null --policy 'path:*/file=zero(page)' "file:$PWD/file" "cut:$PWD/file" \
        read:1 store:2
    start_with a.map
    cp "$PROGS/stat-victim" $'a"b\\c\nd'
    rm ready
    start env LD_PRELOAD="$SIGBUS_LIB" $'./a"b\\c\nd' "$LIBS"
    metrics out
    run cat out
    assert_line --regexp '^sigbus_faults_total\{program="stat-victim",action="zero",cause="truncated",fs="[a-z0-9]+"\} 2$'
    assert_line 'sigbus_pages_replaced_total{program="stat-victim"} 2'
    assert_line 'sigbus_refused_total{program="stat-victim"} 0'
    assert_line 'sigbus_ranges{program="stat-victim"} 2'
    assert_line 'sigbus_processes{program="stat-victim"} 2'
    assert_line 'sigbus_processes{program="a\\x22b\\x5cc\\x0ad"} 1'
    assert_equal "$(tail -n 1 out)" "# EOF"
    # Each family is told once, with its type.
    assert_equal "$(grep -c '^# TYPE' out)" "$(grep '^# TYPE' out | sort -u | wc -l)"
}

@test "stat: metrics of more programs than are told apart, one of which is called as the rest is" {
    local name
    for name in other {1..101}; do
        ln -s "$(type -P sleep)" "$name"
        LD_PRELOAD=$SIGBUS_LIB "./$name" 300 3>&- &
        victims+=($!)
        disown
    done
    all_loaded() { metrics out 2>/dev/null && [ "$(grep -c '^sigbus_processes{' out)" = 100 ]; }
    wait_for all_loaded
    run grep '^sigbus_processes{program="other"}' out
    assert_output 'sigbus_processes{program="other"} 3'
}

@test "stat: metrics are what promtool and a node exporter take" {
    start_with --log /dev/null --policy 'path:*/file=zero(page)' "file:$PWD/file" "cut:$PWD/file" \
        read:1 store:2
    metrics out.prom
    skip_without promtool
    run promtool check metrics <out.prom
    assert_success
    assert_output ""
    skip_without prometheus-node-exporter
    skip_without python3
    mkdir textfiles
    mv out.prom textfiles
    local port
    port=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    prometheus-node-exporter --web.listen-address="127.0.0.1:$port" --collector.disable-defaults \
        --collector.textfile --collector.textfile.directory="$PWD/textfiles" >exporter 2>&1 3>&- &
    victims+=($!)
    disown $!
    python3 - "$port" >scraped <<'END'
import sys, time, urllib.request
for i in range(200):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:%s/metrics" % sys.argv[1]).read().decode())
        break
    except OSError:
        time.sleep(0.1)
END
    grep -q 'node_textfile_scrape_error 0' scraped
    grep -q 'sigbus_faults_total{.*action="zero".*program="stat-victim"} 2' scraped
    skip_without prometheus
    local other
    other=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf '%s\n' 'global: {scrape_interval: 1s}' 'scrape_configs:' '- job_name: sigbus' \
        "  static_configs: [{targets: ['127.0.0.1:$port']}]" >prometheus.yml
    prometheus --config.file=prometheus.yml --storage.tsdb.path="$PWD/tsdb" \
        --web.listen-address="127.0.0.1:$other" >prometheus.log 2>&1 3>&- &
    victims+=($!)
    disown $!
    run python3 - "$other" <<'END'
import json, sys, time, urllib.parse, urllib.request
query = urllib.parse.quote('sum by (program) (sigbus_faults_total)')
for i in range(300):
    try:
        answer = json.load(urllib.request.urlopen(
            "http://127.0.0.1:%s/api/v1/query?query=%s" % (sys.argv[1], query)))
        if answer["data"]["result"]:
            print(answer["data"]["result"][0]["metric"], answer["data"]["result"][0]["value"][1])
            break
    except OSError:
        pass
    time.sleep(0.1)
END
    assert_output "{'program': 'stat-victim'} 2"
}

# ---- a terminal ----

@test "stat: on a terminal rules without hits are one line, losses come first" {
    skip_without script
    start_with --policy 'path:/a=zero,path:/b=zero,path:*/file=zero(page)' a.map "file:$PWD/file" \
        "cut:$PWD/file" read:1
    run script -qec "stty cols 200 rows 50; exec '$STAT' $pid" /dev/null </dev/null
    assert_output --partial "0  (3 rules without a hit)"
    refute_output --partial "path:/a=zero"
    stat_of
    assert_output --partial "path:/a=zero"
    run awk '/^Ranges/ { getline; getline; print; exit }' <<<"$output"
    assert_output --partial "$PWD/file"
}

@test "stat: --watch fits the height of the screen" {
    skip_without script
    start_with "file:$PWD/file" many:200
    local screens look clear=$'\e[H\e[2J'
    limited script -qec "stty cols 100 rows 12; exec '$STAT' --watch $pid" /dev/null </dev/null \
        >screen 3>&- &
    two_screens() {
        [ "$(grep -oF "$clear" screen | wc -l)" -ge 2 ]
    }
    wait_for two_screens
    kill -9 "$pid"
    wait $! || : # it says that the process has ended
    screens=$(tr -d '\r' <screen)
    look=${screens#*"$clear"}
    look=${look%%"$clear"*}
    [ "$(wc -l <<<"$look")" -le 12 ]
    [[ $look == *"more lines do not fit)"* ]]
}

@test "stat: a hostile process is read in bounded memory" {
    local how
    for how in "noise 1" "tables 1" counts; do
        # shellcheck disable=SC2086
        start env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/stat-garbage" $how
        run python3 - "$STAT" "$pid" <<'END'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
END
        assert_success
        [ "$output" -le 80 ] # MiB; 64 of data, the program itself, and libraries
        kill -9 "$pid"
        rm ready
    done
}
