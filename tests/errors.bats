# SPDX-License-Identifier: MIT
#
# What only a failure, a full table or a race makes the handler do: signals that cannot be queued,
# handlers that answer late, a kernel that says little. limits.bats has what the process runs out of.

load helper
load scenario

lost=(open:memfd size:8 fill map:8,shared,rw size:4) # pages 4-7 are lost

setup() {
    unset policy
    cd "$BATS_TEST_TMPDIR" || return
}

require_filters() {
    grep -q Seccomp_filters /proc/self/status || skip "no seccomp filters here"
}

# ---- signals that were sent ----

@test "errors: more threads with a waiting SIGBUS than there are places for" {
    same_as_bare pages crowd:70
    assert_success
    assert_lines "crowd 70"
}

@test "errors: a signal of the program's own that has the number of the stand-in" {
    same_as_bare pages send:last
    assert_line "caught SIGRTMAX code=-1 value=7"
    same_as_bare pages handler:note block:pthread send:kill send:last unblock
    assert_success
}

@test "errors: a SIGBUS that waits, where no more siginfo is kept" {
    local how

    for how in kill tgkill sigqueue; do
        same_as_bare pages handler:note limit:signals block:pthread "send:$how" unblock
        assert_success
        assert_line --regexp "^caught code="
        same_as_bare pages limit:signals "send:$how"
        assert_equal "$status" "$bus_error"
    done
}

@test "errors: a SIGBUS that waits or kills, where a filter lets nobody queue signals" {
    local how refused

    require_filters
    for how in kill tgkill; do
        for refused in tgsigqueue sigqueue; do
            same_as_bare pages handler:note block:pthread "refuse:$refused,1" "send:$how" unblock
            assert_success
            assert_line --regexp "^caught code="
            same_as_bare pages "refuse:$refused,1" "send:$how"
            assert_equal "$status" "$bus_error"
        done
    done
}

@test "errors: a signalfd, and a waiting SIGBUS that cannot be taken for it" {
    require_filters
    same_as_bare pages handler:note block:pthread send:kill refuse:sigtimedwait,1 signalfd unblock
    assert_success
    assert_lines "signalfd made" "caught code=0 page=-1"
}

# ---- handlers ----

@test "errors: a handler that gives up after very many faults" {
    same_as_bare pages "${lost[@]}" handler:late read:5
    assert_equal "$status" "$bus_error"
    same_as_bare loss-victim altstack:65536 "${lost[@]}" handler:late read:5
    assert_equal "$status" "$bus_error"
}

@test "errors: a handler that does nothing, on a stack that is not its own" {
    us loss-victim altstack:65536 "${lost[@]}" handler:idle read:5
    assert_equal "$status" "$bus_error"
    [[ $stderr == *"no handler answered: killed by SIGBUS"* ]]
}

@test "errors: a handler that restores the default and leaves by siglongjmp" {
    same_as_bare scenario "$LIBS" a.install:cede-jump a.map a.truncate a.touch query
    assert_lines "a.touch jumped" "query dfl"
    policy="*=owner|zero" us scenario "$LIBS" a.install:cede-jump a.map a.truncate a.touch query \
        a.touch
    assert_success
    assert_lines "a.touch jumped" "query dfl" "a.touch 00"
}

# ---- the page is back when it is looked at ----

@test "errors: a page that is as it should be again is left alone" {
    for policy in "*=zero" "*=ones" "*=wait(1)|zero" "cause:hwpoison=zero"; do
        us pages "${lost[@]}" late:1,ar show
        assert_success
        assert_lines "late 1,ar" "show 0-3:= 4-7:!"
        assert_reports 0
    done
    policy="cause:hwpoison=zero" us pages "${lost[@]}" late:5,ar show
    assert_lines "late 5,ar" "show 0-3:= 4-7:0"
    [[ $stderr == *"BUS_MCEERR_AR, hwpoison"* ]]
    policy="cause:unknown=zero" us pages "${lost[@]}" late:5,obj show
    assert_lines "late 5,obj" "show 0-3:= 4-7:0"
    [[ $stderr == *"BUS_OBJERR, cause unknown"* ]]
}

@test "errors: no handler is asked for a page that is back" {
    policy="*=owner|zero" us pages "${lost[@]}" handler:note late:1,ar
    assert_success
    assert_lines "late 1,ar"
}

@test "errors: a process that was to die and found its page again is protected again" {
    policy="cause:hwpoison=chain,*=zero" us pages "${lost[@]}" late:1,ar handler:idle read:5
    assert_success
    assert_lines "late 1,ar" "read 5 00"
}
