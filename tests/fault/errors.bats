# SPDX-License-Identifier: MIT
#
# What only a failure, a full table or a race makes the handler do: signals that cannot be queued,
# handlers that answer late, a kernel that says little. limits.bats has what the process runs out of.

load ../harness/helper

lost=(open:memfd "${lost_half[@]}")

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

require_filters() {
    grep -q Seccomp_filters /proc/self/status || skip "no seccomp filters here"
}

# ---- signals that were sent ----

@test "errors: more threads with a waiting SIGBUS than there are places for" {
    run_both pages crowd:70
    assert_success
    assert_lines "crowd 70"
}

@test "errors: a signal of the program's own that has the number of the stand-in" {
    run_both pages send:last
    assert_lines "caught 64 code=-1 value=7" "caught 64 code=-6 value=0"
    run_both pages send:once
    assert_equal "$status" $((128 + 64))
    # While SIGBUS is blocked it waits too.
    run_with pages handler:note block:pthread send:kill send:last unblock
    assert_success
    assert_line "caught code=0 page=-1"
    assert_line "caught 64 code=-1 value=7"
    assert_line "caught 64 code=-6 value=0"
}

@test "errors: a SIGBUS that waits, where no more siginfo is kept" {
    local how

    for how in kill tgkill sigqueue; do
        run_both pages handler:note limit:signals block:pthread "send:$how" unblock
        assert_success
        assert_line --regexp "^caught code="
        run_both pages limit:signals "send:$how"
        assert_equal "$status" "$bus_error"
    done
}

@test "errors: a SIGBUS that waits or kills, where a filter lets nobody queue signals" {
    require_filters
    run_both pages handler:note block:pthread refuse:sigqueue,1 send:kill unblock
    assert_lines "caught code=0 page=-1"
    run_both pages handler:note block:pthread refuse:tgsigqueue,1 send:tgkill unblock
    assert_lines "caught code=-6 page=-1"
    run_both pages refuse:tgsigqueue,1 send:kill
    assert_equal "$status" "$bus_error"
}

@test "errors: a signalfd, and a waiting SIGBUS that cannot be taken for it" {
    require_filters
    run_both pages handler:note block:pthread send:kill refuse:sigtimedwait,1 signalfd \
        unblock
    assert_success
    assert_lines "signalfd made" "caught code=0 page=-1"
}

# ---- handlers ----

@test "errors: a handler that gives up after very many faults" {
    run_both pages "${lost[@]}" handler:late read:5
    assert_equal "$status" "$bus_error"
    run_both loss-victim altstack:65536 "${lost[@]}" handler:late read:5
    assert_equal "$status" "$bus_error"
}

@test "errors: a handler that does nothing, on a stack that is not its own" {
    assert_loops loss-victim altstack:65536 "${lost[@]}" handler:idle read:5
}

@test "errors: a handler that was put in our place unseen, and calls what was there" {
    run_both pages "${lost[@]}" handler:exit forward read:5
    assert_equal "$status" 40
    assert_lines "caught code=2 page=5"
}

# What was an action before can be one again.
@test "errors: no memory is left for one more action of SIGBUS" {
    run_with pages "${lost[@]}" limit:as handlers:20000 send:kill forward handlers:2 send:kill \
        handler:exit read:5
    assert_equal "$status" 40
    # There may be room for all of them in what was reserved at the start.
    assert_line --index 0 --regexp '^handlers (ENOMEM|all)$'
    assert_equal "$(tail -n +2 <<<"$output")" \
        $'caught code=0 page=-1\nhandlers all\ncaught code=0 page=-1\ncaught code=2 page=5'
}

@test "errors: a handler that restores the default and leaves by siglongjmp" {
    run_both scenario "$LIBS" a.install:cede-jump a.map a.truncate a.touch query
    assert_lines "a.touch jumped" "query dfl"
    run_with --policy "*=owner|zero" scenario "$LIBS" a.install:cede-jump a.map a.truncate \
        a.touch query \
        a.touch
    assert_success
    assert_lines "a.touch jumped" "query dfl" "a.touch 00"
}

@test "errors: a handler that is sent a SIGBUS by another process says nothing by that" {
    run_with --policy "*=owner|zero" pages "${lost[@]}" handler:foreign read:5
    assert_success
    assert_line "read 5 00"
    assert_line "caught code=0"
}

# ---- the page is back when it is looked at ----

@test "errors: a page that is as it should be again is left alone" {
    for policy in "*=zero" "*=ones" "*=wait(1)|zero" "cause:hwpoison=zero"; do
        run_with --policy "$policy" pages "${lost[@]}" late:1,ar show
        assert_success
        assert_lines "late 1,ar" "show 0-3:= 4-7:!"
        assert_reports 0
    done
    run_with --policy "*=wait(1)|zero" pages "${lost[@]}" unmap:1-1 late:1,ar
    assert_lines "late 1,ar"
    run_with --policy "cause:hwpoison=zero" pages "${lost[@]}" late:5,ar show
    assert_lines "late 5,ar" "show 0-3:= 4-7:0"
    [[ $stderr == *"BUS_MCEERR_AR, hwpoison"* ]]
    run_with --policy "cause:unknown=zero" pages "${lost[@]}" late:5,obj show
    assert_lines "late 5,obj" "show 0-3:= 4-7:0"
    [[ $stderr == *"BUS_OBJERR, cause unknown"* ]]
}

@test "errors: an address that no memory can have" {
    run_both --policy "*=zero" pages open:memfd size:1 map:1,shared,rw handler:note \
        late:1099511627776,ar
    assert_success
    assert_lines "caught code=4 page=-1" "late 1099511627776,ar"
}

@test "errors: no handler is asked for a page that is back" {
    run_with --policy "*=owner|zero" pages "${lost[@]}" handler:note late:1,ar
    assert_success
    assert_lines "late 1,ar"
}

@test "errors: a process that was to die and found its page again is protected again" {
    run_with --policy "cause:hwpoison=chain,*=zero" pages "${lost[@]}" late:1,ar handler:idle read:5
    assert_success
    assert_lines "late 1,ar" "read 5 00"
}

# ---- what the kernel says of the page ----

@test "errors: the text of /proc, of a file whose name has a line end in it" {
    require_filters
    run_with --policy 'path:*/a?b=zero' pages open:$'./a\nb' size:8 fill map:8,shared,rw size:4 \
        refuse:ioctl,25 read:5
    assert_success
    [[ $stderr == *"/a\\x0ab\" is lost (BUS_ADRERR, truncated, file size 16384)"* ]]
}

@test "errors: /proc can be opened, but not read" {
    local errno

    require_filters
    for errno in 5 0; do # EIO, or the end comes too early
        run_with --policy "path:*=abort,*=zero" pages "${lost[@]}" refuse:ioctl,25 \
            "refuse:read,$errno,2&0x80" read:5
        assert_success
        assert_lines "read 5 00"
        [[ $stderr == *"page of unknown memory is lost (BUS_ADRERR, cause unknown)"* ]]
    done
    run_with --policy "fs:*=abort,map:ro=abort,*=zero" pages open:./file size:8 fill \
        map:8,shared,rw size:4 \
        "refuse:read,5,2&0x200" read:5
    assert_success
    assert_lines "read 5 00"
}

# What a rule asks of a mapping that nobody has made.
@test "errors: a mapping without an owner" {
    run_with --policy "owner:*=abort,*=zero" pages open:memfd size:8 map:8,shared,rw,raw size:4 \
        read:5
    assert_success
    assert_lines "read 5 00"
    [[ $stderr == *" made by unknown, "* ]]
}

@test "errors: a mapping that no hook saw, between some that they did" {
    run_with --policy "owner:pages=ones,*=zero" pages open:memfd size:8 fill map:8,shared,rw,raw \
        own:0-1 \
        own:6-7 size:4 read:5 read:7 perms
    assert_success
    assert_lines "read 5 00" "read 7 ff" "perms 0-3:rw-s 4-7:rw-p"
}

# With standard error as a pipe: without statx() a regular file there cannot be known again.
piped() { # COMMAND...
    # shellcheck disable=SC2016
    run --separate-stderr limited bash -c '{ "$@" 2>&1 >&3 | cat >&2; exit "${PIPESTATUS[0]}"; } 3>&1' - "$@"
    skip_if_not_here
}

with_piped() { # PROG [ARG...]
    piped env "$preload_variable=$SIGBUS_LIB" SIGBUS_POLICY='*=zero' "${emulator[@]}" \
        "$(prog_path "$1")" "${@:2}"
}

# The end of the file, from what can be read: see cause.c.
@test "errors: why a page is lost is not claimed where something could not be asked" {
    local known=(open:memfd size:1 map:1,shared,rw size:0 read:0) # what memfds are on is known then
    local refused

    require_filters
    with_piped pages "${known[@]}" "${lost[@]}" refuse:statx,1 read:6 show
    assert_line "show 0-3:= 4-7:0"
    [[ $stderr == *"truncated, file size at most 16384)"* ]]
    with_piped pages "${known[@]}" open:memfd size:40 fill map:40,shared,rw size:4 refuse:statx,1 read:30
    [[ $stderr == *"truncated, file size at most 16384)"* ]]
    # The mode of commitments; a page before this one; one behind it; swap.
    for refused in "read,5,2&1" "madvise,12,0=5" "madvise,0,0=7" sysinfo,1; do
        with_piped pages "${known[@]}" "${lost[@]}" refuse:statx,1 "refuse:$refused" read:6
        assert_success
        assert_line "read 6 00"
        [[ $stderr == *$'\n'*"(BUS_ADRERR, cause unknown)"* ]]
    done
}

@test "errors: a mapping that is too long to look for the end of the file in it" {
    require_filters
    # Without statx() a regular file as standard error is not known again: through a pipe.
    # shellcheck disable=SC2016
    run env SIGBUS_POLICY="*=zero" bash -c 'LD_PRELOAD=$SIGBUS_LIB "$PROGS/pages" "$@" 2>&1 | cat
        exit "${PIPESTATUS[0]}"' - open:memfd size:1 map:1,shared,rw size:0 read:0 \
        open:memfd size:4 fill map:70000,shared,rw refuse:statx,1 read:6
    assert_success
    assert_line --partial "(BUS_ADRERR, cause unknown)"
}

@test "errors: what memfds are on cannot be found out, or in the old way only" {
    require_filters
    run_with --policy "fs:tmpfs=zero,*=ones" pages "${lost[@]}" "refuse:memfd_create,22,1&8" read:5
    assert_lines "read 5 00"
    run_with --policy "fs:tmpfs=zero,*=ones" pages "${lost[@]}" refuse:memfd_create,1 read:5
    assert_lines "read 5 ff"
}

@test "errors: a rule for private mappings" {
    run_with --policy "map:private=zero,*=abort" pages open:./file size:8 fill map:8,private,rw \
        size:4 read:5
    assert_lines "read 5 00"
}

@test "errors: the kernel's settings cannot be read" {
    local known=(open:memfd size:1 map:1,shared,rw size:0 read:0)

    require_filters
    unshare -m true 2>/dev/null || skip "needs a mount namespace (root)"
    piped unshare -m sh -c 'mount -t tmpfs none /proc/sys && exec "$@"' - \
        env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY='*=zero' "$PROGS/pages" "${known[@]}" "${lost[@]}" \
        refuse:statx,1 read:6
    assert_success
    [[ $stderr == *$'\n'*"(BUS_ADRERR, cause unknown)"* ]]
}

# ---- what is replaced ----

@test "errors: more than one repair takes, most of it below the page" {
    run_with --policy "*=zero" pages open:memfd size:2000 map:2000,shared,rw unmap:1500-1999 \
        size:0 \
        read:1499 count read:700
    assert_success
    assert_line "read 1499 00"
    assert_line "read 700 00"
    [[ $output =~ zero=([0-9]+)\ lost=([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -ge 1 ] && [ "${BASH_REMATCH[1]}" -le 512 ]
    assert_equal $((BASH_REMATCH[1] + BASH_REMATCH[2])) 1500
}

@test "errors: swap may be used, for all that is known: page by page" {
    require_filters
    run_with --policy "*=zero" pages open:memfd size:100 map:100,shared,rw size:0 \
        refuse:sysinfo,1 read:50 count
    assert_success
    assert_lines "read 50 00" "count zero=100 lost=0 data=0"
}

@test "errors: nothing can be found out of a protection" {
    require_filters
    run_with --policy "*=zero" pages refuse:uname,1 again "${lost[@]}" protect:5-5,ro \
        refuse:openat,13 \
        read:5 write:6
    assert_success
    assert_lines "read 5 00" "write 6"
}

# ---- buffers ----

# Each of the threads has one, and waits for ever: for the name of the file. (statx() is what tells the
# program's standard error from another file, so nobody may wait there.)
@test "errors: no buffer is free: no rule about the file, no report, but an answer" {
    local log

    require_filters
    for log in stderr ./log; do
        run_with --log $log --policy "cause:truncated=ones,program:pages=zero" pages open:./lost \
            size:8 \
            fill map:8,shared,rw size:4 refuse:nanosleep,0 hang:openat2,64 "${lost[@]}" read:5
        assert_success
        assert_lines "hang 64" "read 5 00"
        if [ "$log" = stderr ]; then
            [[ $stderr == *"summary of pages["*" 1 line lost" ]]
        else
            assert_equal "$stderr" ""
            [ ! -e log ]
        fi
    done
}
