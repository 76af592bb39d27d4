# SPDX-License-Identifier: MIT
#
# Who sent the file of a lost page: a peer of a Unix socket, by SCM_RIGHTS; and +hangup, which ends
# the connection that it came over.

load ../harness/helper
load ../harness/log

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    # shellcheck disable=SC2034
    policy='*=zero'
}

lost=(map close truncate read) # what a test does with the descriptor that came

# The only report names this sender; "": none.
assert_sent_by() { # TEXT
    assert_success
    assert_line "read 00"
    assert_reports 1
    if [ -n "$1" ]; then
        [[ $stderr == *" of this range; sent by $1; rule "* ]] || fail "$stderr"
    else
        [[ $stderr == *"is lost"* && $stderr != *"sent by"* ]] || fail "$stderr"
    fi
}

uid=$(id -u)

@test "senders: the line names the process, its number and its user" {
    run_with --policy "$policy" sent client:hostile send recv "${lost[@]}"
    [[ $stderr =~ 'sent by "hostile"['([0-9]+)'], uid ' ]]
    assert_sent_by "\"hostile\"[${BASH_REMATCH[1]}], uid $uid"
    run_with --policy "$policy" sent client:hostile send recvmmsg "${lost[@]}"
    [[ $stderr =~ 'sent by "hostile"['([0-9]+)'], uid ' ]]
    assert_sent_by "\"hostile\"[${BASH_REMATCH[1]}], uid $uid"
}

@test "senders: JSON and the journal have the same" {
    run_with --policy "$policy" --log json:"$BATS_TEST_TMPDIR/log" sent client:hostile send recv \
        "${lost[@]}"
    assert_success
    run json log "[(r['sender_name'], r['sender_uid'] == $uid, r['sender_pid'] > 1, 'hangup' in r) for r in reports]"
    assert_output "[('hostile', True, True, True)]"
    run json log "reports[0]['hangup']"
    assert_output None
    journal --policy "$policy" sent client:hostile send recv "${lost[@]}"
    assert_success
    assert_line --regexp '^SIGBUS_SENDER_NAME=hostile ?$'
    assert_line --regexp "^SIGBUS_SENDER_UID=$uid ?\$"
    assert_line --regexp '^SIGBUS_SENDER_PID=[0-9]+$'
}

@test "senders: a name is escaped, and is that of when the file came" {
    run_with --policy "$policy" sent client:$'x\n\e[2J"' send recv map close rename truncate read
    [[ $stderr == *'sent by "x\x0a\x1b[2J\x22"['* ]]
    assert_reports 1
}

@test "senders: copies of the descriptor, and a fork child" {
    for copy in dup dup2 dup3 fcntl; do
        run_with --policy "$policy" sent client:hostile send recv "$copy" "${lost[@]}"
        [[ $stderr == *'sent by "hostile"['* ]] || fail "$copy: $stderr"
    done
    run_with --policy "$policy" sent client:hostile send recv map close fork truncate read
    [[ $stderr == *'sent by "hostile"['* ]]
    run_with --policy "$policy" sent client:hostile send recv fork "${lost[@]}"
    [[ $stderr == *'sent by "hostile"['* ]]
}

@test "senders: a number that another file has by now names nobody" {
    run_with --policy "$policy" sent client:hostile send recv close own map cut-own read
    assert_sent_by ""
}

@test "senders: nor one whose file has got the inode of the one that was sent" {
    steps=(disk:. client:hostile send-closed recv inode close own inode map cut-own read check)
    run_bare sent "${steps[@]::8}"
    assert_success
    [ "${lines[0]}" = "${lines[1]}" ] || skip "this file system does not use an inode again at once"
    policy='*=zero+hangup'
    run_with --policy "$policy" sent "${steps[@]}"
    assert_success
    assert_line "open open"
    assert_equal "${lines[0]}" "${lines[1]}"
    [[ $stderr == *"is lost"* && $stderr != *"sent by"* ]] || fail "$stderr"
    # What a child that shares the memory closes stays open here.
    run_with --policy '*=zero' sent client:hostile send recv close-borrowed "${lost[@]}"
    [[ $stderr == *'sent by "hostile"['* ]] || fail "$stderr"
}

@test "senders: we ourselves are nobody: a socket pair" {
    run_with --policy "$policy" sent pair:child send recv "${lost[@]}"
    assert_sent_by ""
}

@test "senders: who is not among the processes that we can see is nobody" {
    [ "$(id -u)" = 0 ] || skip "only root can make a name space of processes"
    run_with --policy "$policy" sent client:hostile send space recv "${lost[@]}"
    assert_sent_by ""
}

@test "senders: who lives in a name space of its own has the number that we see" {
    [ "$(id -u)" = 0 ] || skip "only root can make a name space of processes"
    run_with --policy "$policy" sent inside:boxed send recv "${lost[@]}"
    assert_success
    [[ $stderr =~ 'sent by "boxed"['([0-9]+)'], uid ' ]] || fail "$stderr"
    [ "${BASH_REMATCH[1]}" -gt 1 ]
}

@test "senders: what comes by raw system calls has no sender" {
    run_with --policy "$policy" sent client:hostile send raw "${lost[@]}"
    assert_sent_by ""
}

@test "senders: a file that is handed on is of who handed it on" {
    run_with --policy "$policy" sent client:proxy relay recv "${lost[@]}"
    [[ $stderr =~ 'sent by "proxy"['([0-9]+)'], uid ' ]]
    assert_sent_by "\"proxy\"[${BASH_REMATCH[1]}], uid $uid"
}

@test "senders: a process that had ended when its file came has no name" {
    run_with --policy "$policy" sent client:gone send end recv map close cut-own read
    # What it sent cannot be taken away by it any more: its own file is looked at through ours.
    run_with --policy "$policy" sent client:gone shared end recv map cut-own read
    [[ $stderr == *"sent by unknown["*"], uid $uid; rule "* ]] || fail "$stderr"
}

@test "senders: a number that another process has by now does not give the sender its name" {
    [ "$(id -u)" = 0 ] || skip "only root can choose the number of a process"
    skip_without python3
    python3 -c 'import socket; socket.socketpair()[0].getsockopt(1, 77)' 2>/dev/null ||
        skip "this kernel has no SO_PEERPIDFD"
    # It had ended, and its number was used again, when its first file came.
    run_with --policy "$policy" sent client:gone shared end reuse:thief recv map cut-own read
    [[ $status != 99 || $stderr != *clone3* ]] || skip "$stderr"
    assert_success
    [[ $stderr == *"sent by unknown["*"], uid $uid; rule "* ]] || fail "$stderr"
    # It was known by then: what comes later is its own, too.
    run_with --policy "$policy" sent client:gone shared shared recv close end reuse:thief recv map \
        cut-own read
    assert_success
    [[ $stderr == *'sent by "gone"['*"], uid $uid; rule "* ]] || fail "$stderr"
}

@test "senders: a file that two have sent" {
    run_with --policy "$policy" sent client:one shared recv map close client:two shared recv \
        close truncate read
    assert_success
    [[ $stderr == *'sent by "one"['*"], uid $uid and others; rule "* ]]
    run_with --policy "$policy" sent client:one shared recv map close shared recv close truncate \
        read
    [[ $stderr == *'sent by "one"['*"], uid $uid; rule "* ]]
}

@test "senders: who is mapped stays known whatever others send, and memory does not grow" {
    run_with --policy "$policy" sent client:one send recv map close client:two flood:100000 \
        flood-mapped:3000 first truncate read
    assert_success
    [[ $stderr == *'sent by "one"['* ]]
}

@test "senders: who floods the log does not hide another" {
    skip_without python3
    # Each range has its own limit: a client of many ranges has one of its own, too.
    steps=(client:flood)
    for i in {1..400}; do steps+=(send recv map close truncate read unmap); done
    run_with --policy "$policy" --log "json:$BATS_TEST_TMPDIR/log" sent "${steps[@]}" \
        client:other send recv "${lost[@]}"
    assert_success
    run json log "(len([r for r in reports if r['sender_name'] == 'flood']) < 120, [r['sender_name'] for r in reports][-1])"
    assert_output "(True, 'other')"
}

@test "senders: no system call for a message without descriptors, two for one with, eight more once" {
    skip_without strace
    skip_in_emulator "has no strace"
    # Of the process itself; the closes behind are the program's.
    calls() { # STEP...: how many system calls of ours follow each recvmsg
        strace -o trace -e 'trace=!write,mmap,munmap' -E LD_PRELOAD="$SIGBUS_LIB" \
            "$PROGS/sent" "$@" || return
        awk '/^recvmsg/ { if (n++) print count; count = -2; next } # read (an answer), close
            n { count++ }' trace
    }
    run calls client:one send recv close send recv close send recv close
    assert_success
    [[ ${lines[*]} = "10 2" || ${lines[*]} = "8 2" ]] || fail "$(cat trace)" # 8: no SO_PEERPIDFD
    # A socket is never mapped: it costs the one look that says so.
    run calls client:one socket recv close send recv close send recv close
    assert_success
    [[ ${lines[*]} = "1 10" || ${lines[*]} = "1 8" ]] || fail "$(cat trace)"
    run calls client:one text recv-text text recv-text text recv-text
    assert_success
    [[ ${lines[*]} = "-1 -1" ]] || fail "$(cat trace)"
}

@test "senders: sigbus-stat has them, and the mapper beside" {
    skip_without jq
    env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY='*=zero' "$PROGS/sent" client:hostile send recv map close \
        report wait >out 2>err 3>&- &
    wait_for file_says ready out
    run "${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat" --json "$(head -n 1 out)"
    kill $!
    run jq -r '.ranges[] | select(.sender_name) | .sender_name, (.mapped_by | test("^sent.0x[0-9a-f]+$"))' <<<"$output"
    assert_output $'hostile\ntrue'
}

# ---- +hangup ----

@test "senders: +hangup closes the connection once, both ways, and says so" {
    policy='*=zero+hangup'
    run_with --policy "$policy" sent client:hostile send recv map close truncate read check
    assert_success
    assert_lines "read 00" "closed closed"
    [[ $stderr == *"zero, 4 pages; connection closed" ]]
    policy='*=ones+hangup'
    run_with --policy "$policy" sent client:hostile send recv map close send recv map truncate \
        read check first read check
    assert_success
    assert_line "read ff"
    assert_equal "$(grep -c 'connection closed' <<<"$stderr")" 1
    run_with --policy "$policy" --log json:"$BATS_TEST_TMPDIR/log" sent client:hostile send recv \
        "${lost[@]}"
    run json log "reports[0]['hangup']"
    assert_output True
}

@test "senders: +hangup acts without a report, too" {
    policy='*=zero+quiet+hangup'
    run_with --policy "$policy" sent client:hostile send recv "${lost[@]}" check
    assert_lines "read 00" "closed closed"
    assert_reports 0
    policy='*=zero+hangup'
    run_with --policy "$policy" --log off sent client:hostile send recv "${lost[@]}" check
    assert_lines "read 00" "closed closed"
}

@test "senders: without +hangup, and for what no zeroes answered, the connection stays" {
    run_with --policy "$policy" sent client:hostile send recv "${lost[@]}" check
    assert_lines "read 00" "open open"
    policy='*=chain+hangup'
    run_with --policy "$policy" sent client:hostile send recv "${lost[@]}" check
    assert_equal "$status" "$bus_error"
    [[ $stderr != *"connection closed"* ]]
}

@test "senders: a connection that the program made is never touched, as to a bus" {
    policy='*=zero+hangup'
    for how in pair bus bound-bus; do
        run_with --policy "$policy" sent "$how:bus" send recv "${lost[@]}" check
        assert_success
        assert_lines "read 00" "open open"
        [[ $stderr == *"is lost"* && $stderr != *"connection closed"* ]]
    done
}

@test "senders: +hangup ends the client that did it, nobody else" {
    policy='*=zero+hangup'
    run_with --policy "$policy" sent client:good send recv map close client:bad send recv \
        "${lost[@]}" check first check
    assert_success
    assert_lines "read 00" "closed closed" "open open"
}

@test "senders: a file that did not come over a socket closes nothing" {
    policy='*=zero+hangup'
    run_with --policy "$policy" sent client:hostile send recv close own map cut-own read check
    assert_lines "read 00" "open open"
}

@test "senders: an included text with +hangup has it in each of its rules" {
    policy='@compositor+hangup'
    cp "$PROGS/sent" sway
    run_with --policy "$policy" ./sway client:hostile send recv "${lost[@]}" check
    assert_lines "read 00" "closed closed"
    echo 'program:sent = zero' >rules+x
    policy='@./rules+x + quiet + hangup'
    run_with --policy "$policy" sent client:hostile send recv "${lost[@]}" check
    assert_lines "read 00" "closed closed"
    assert_reports 0
    # It holds for that text alone.
    echo 'program:other=zero' >other
    policy='@./other+hangup,*=zero'
    run_with --policy "$policy" sent client:hostile send recv "${lost[@]}" check
    assert_lines "read 00" "open open"
}

@test "senders: a process that confines itself is asked nothing" {
    run_bare sent client:hostile send confine recv map close
    assert_success
    run_with --policy "$policy" sent client:hostile send confine recv "${lost[@]}"
    assert_sent_by ""
    # A child that shares the memory speaks for itself.
    run_with --policy "$policy" sent client:hostile send borrow recv "${lost[@]}"
    [[ $stderr == *'sent by "hostile"['* ]] || fail "$stderr"
}
