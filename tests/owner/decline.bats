# SPDX-License-Identifier: MIT
#
# Every way in which an owner's handler can say "not mine": the next action of the policy follows,
# and the handler is asked again for the next fault.

load ../harness/helper

zero="owner:actor-a.so=owner|zero"
two_faults=(a.map a.map a.truncate:0 a.truncate:1 a.touch:0 query a.touch:1 query)

# Both faults were answered with byte; the handler was asked both times and is still the action.
assert_two_answers() { # MODE BYTE [LINE...]
    local mode=$1 byte=$2

    shift 2
    assert_success
    assert_lines "a.touch $byte" "query a $mode" "a.touch $byte" "query a $mode" \
        "a.calls:$mode 2" "$@"
}

@test "decline: each way, then zero" {
    local mode

    for mode in restore restore-raise raise cede cede-plain cede-raise nothing; do
        run_with --policy $zero scenario "$LIBS" "a.install:$mode" "${two_faults[@]}" \
            "a.calls:$mode"
        assert_two_answers "$mode" 00
        assert_reports 4 # each fault, and that the handler declined
        assert_equal "$(grep -c ' is lost .*: handed to the handler at actor-a.so' <<<"$stderr")" 2
        assert_equal "$(grep -c '^libsigbus: handler of actor-a.so declined: zero, 2 pages$' \
            <<<"$stderr")" 2
    done
}

@test "decline: each way with SA_NODEFER, then zero" {
    local mode

    for mode in restore restore-raise raise cede cede-raise nothing; do
        run_with --policy $zero scenario "$LIBS" "a.install:$mode,nodefer" "${two_faults[@]}" \
            "a.calls:$mode"
        assert_two_answers "$mode" 00
    done
}

@test "decline: each way with the program's handler installed before, then zero" {
    local mode

    for mode in restore restore-raise raise cede cede-plain cede-raise nothing; do
        run_with --policy $zero scenario "$LIBS" p.install:exit "a.install:$mode" \
            "${two_faults[@]}" \
            "a.calls:$mode" p.calls:exit
        assert_two_answers "$mode" 00 "p.calls:exit 0"
    done
}

@test "decline: each way with the program's handler installed later, then zero" {
    local mode

    for mode in restore restore-raise raise cede cede-plain cede-raise nothing; do
        run_with --policy $zero scenario "$LIBS" "a.install:$mode" p.install:exit \
            "${two_faults[@]}" \
            "a.calls:$mode" p.calls:exit
        assert_success
        assert_lines "a.touch 00" "query p exit" "a.touch 00" "query p exit" "a.calls:$mode 2" \
            "p.calls:exit 0"
    done
}

@test "decline: by default a handler that gives up ends as without us" {
    local mode

    for mode in restore restore-raise cede cede-plain cede-raise restore,nodefer \
        restore-raise,nodefer cede,nodefer cede-raise,nodefer; do
        run_both scenario "$LIBS" "a.install:$mode" "${two_faults[@]}"
        assert_equal "$status" "$bus_error"
        [[ $stderr == *"killed by SIGBUS"* ]]
    done
}

@test "decline: a handler that does nothing loops as without us" {
    assert_loops scenario "$LIBS" a.install:nothing "${two_faults[@]}"
}

@test "decline: by default the program's later handler is next" {
    local mode

    for mode in restore restore-raise raise cede cede-plain cede-raise nothing raise,nodefer; do
        run_with scenario "$LIBS" "a.install:$mode" p.install:repair "${two_faults[@]}" \
            "a.calls:${mode%,*}" p.calls:repair
        assert_success
        assert_lines "a.touch f0" "query p repair" "a.touch f0" "query p repair" \
            "a.calls:${mode%,*} 2" "p.calls:repair 2"
    done
}

@test "decline: by default the program's earlier handler is next, and the owner has given up" {
    local mode

    for mode in restore restore-raise restore,nodefer; do
        run_both scenario "$LIBS" p.install:repair "a.install:$mode" "${two_faults[@]}" \
            "a.calls:${mode%,*}" p.calls:repair
        assert_success
        assert_line "a.calls:${mode%,*} 1"
        assert_line "p.calls:repair 2"
    done
}

@test "decline: a handler that declined is not asked again for the same fault" {
    run_with --policy "owner:actor-a.so=owner|owner" scenario "$LIBS" p.install:repair \
        a.install:restore \
        a.map a.truncate a.touch a.calls:restore p.calls:repair
    assert_success
    assert_lines "a.touch f0" "a.calls:restore 1" "p.calls:repair 1"
}

@test "decline: a saved old handler is called by its caller, and only by it" {
    run_with scenario "$LIBS" p.install:repair a.install:old "${two_faults[@]}" a.calls:old \
        p.calls:repair
    assert_two_answers old f0 "p.calls:repair 2"

    run_with --policy $zero scenario "$LIBS" p.install:nothing a.install:old "${two_faults[@]}" \
        a.calls:old p.calls:nothing
    assert_two_answers old 00 "p.calls:nothing 2"
}

@test "decline: calling a saved SIG_DFL or SIG_IGN crashes as without us" {
    local mode old

    for mode in old old-plain; do
        for old in dfl ign; do
            run_both scenario "$LIBS" "p.uninstall:$old" "a.install:$mode" \
                "${two_faults[@]}"
            assert_equal "$status" "$segv"
            run_with --policy $zero scenario "$LIBS" "p.uninstall:$old" "a.install:$mode" \
                "${two_faults[@]}"
            assert_equal "$status" "$segv"
        done
    done
}

# In front of us, as sanitizers are: by its call alone nobody sees who has said so.
@test "decline: who takes its handler back through a library that hands sigaction() on" {
    cat >"$BATS_TEST_TMPDIR/hand-on.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
int sigaction(int signo, const struct sigaction *new, struct sigaction *old)
{
	int (*next)(int, const struct sigaction *, struct sigaction *);

	next = (int (*)(int, const struct sigaction *, struct sigaction *))dlsym(RTLD_NEXT, "sigaction");
	return next(signo, new, old) + 0 * signo;
}
END
    $CC -shared -fPIC -O0 -o "$BATS_TEST_TMPDIR/hand-on.so" "$BATS_TEST_TMPDIR/hand-on.c"
    run_with --policy '*=owner|zero' --preload "$BATS_TEST_TMPDIR/hand-on.so $SIGBUS_LIB" \
        scenario "$LIBS" p.install:repair a.install:repair a.uninstall:old,repair a.map a.truncate a.touch \
        a.calls:repair
    assert_success
    assert_lines "a.touch 00" "a.calls:repair 0"
}

@test "decline: SIG_IGN restored for a fault: it dies as without us, or gets its zero page" {
    skip_in_emulator "faults for ever where a fault is ignored"
    run_both scenario "$LIBS" p.uninstall:ign a.install:restore "${two_faults[@]}"
    assert_equal "$status" "$bus_error"
    run_with --policy $zero scenario "$LIBS" p.uninstall:ign a.install:restore "${two_faults[@]}" \
        a.calls:restore
    assert_two_answers restore 00
}

@test "decline: left by siglongjmp, again and again" {
    local -a steps=(a.install:jump a.map a.truncate)

    steps+=(a.touch a.touch a.touch query a.calls:jump)
    run_both scenario "$LIBS" "${steps[@]}"
    assert_success
    assert_lines "a.touch jumped" "a.touch jumped" "a.touch jumped" "query a jump" "a.calls:jump 3"
    run_both --policy $zero scenario "$LIBS" "${steps[@]}"
}

@test "decline: after a siglongjmp a raise outside any handler is a signal like others" {
    run_both scenario "$LIBS" p.install:nothing a.install:jump a.map a.truncate a.touch \
        p.install:nothing raise p.sent a.install:jump a.touch p.install:nothing raise kill \
        p.sent query
    assert_success
    assert_line "p.sent 3"
}

@test "decline: raise inside a handler acts at once with SA_NODEFER, else after it" {
    run_both scenario "$LIBS" a.install:cede-raise-exit "${two_faults[@]}"
    assert_equal "$status" 42
    run_both scenario "$LIBS" a.install:cede-raise-exit,nodefer "${two_faults[@]}"
    assert_equal "$status" "$bus_error"
}

@test "decline: SA_RESETHAND: one fault, then the default action" {
    local mode

    for mode in repair,resethand repair-plain,resethand repair-plain,sysv; do
        run_both scenario "$LIBS" "a.install:$mode" "${two_faults[@]}"
        assert_equal "$status" "$bus_error"
        assert_lines "a.touch a1" "query dfl"
        run_with --policy $zero scenario "$LIBS" "a.install:$mode" "${two_faults[@]}" \
            "a.calls:${mode%,*}"
        assert_success
        assert_lines "a.touch a1" "query dfl" "a.touch 00" "query dfl" "a.calls:${mode%,*} 1"
    done
}

@test "decline: handlers with one argument that repair" {
    local mode

    for mode in repair-plain repair-plain,signal repair-plain,nodefer; do
        run_both scenario "$LIBS" "a.install:$mode" "${two_faults[@]}" a.calls:repair-plain
        assert_two_answers repair-plain a1
        run_both --policy $zero scenario "$LIBS" "a.install:$mode" "${two_faults[@]}"
        assert_success
    done
}

@test "decline: a handler that installs itself again inside" {
    local how

    for how in reinstall reinstall,signal reinstall,sysv; do
        run_both scenario "$LIBS" "a.install:$how" "${two_faults[@]}" a.calls:reinstall
        assert_two_answers reinstall a1
        run_both --policy $zero scenario "$LIBS" "a.install:$how" "${two_faults[@]}"
        assert_success
    done
}

@test "decline: of two handlers in one object the newer runs" {
    run_with scenario "$LIBS" a.install:exit a.install:repair "${two_faults[@]}" a.calls:repair
    assert_two_answers repair a1
    run_with --policy $zero scenario "$LIBS" a.install:repair a.install:nothing "${two_faults[@]}" \
        a.calls:nothing a.calls:repair
    assert_two_answers nothing 00 "a.calls:repair 0"
}

@test "decline: of two handlers in one object the older runs if the newer calls it" {
    run_with scenario "$LIBS" a.install:repair a.install:old p.install:exit a.map a.truncate \
        a.touch \
        a.calls:old a.calls:repair
    assert_success
    assert_lines "a.touch a1" "a.calls:old 1" "a.calls:repair 1"
}

@test "decline: an object that puts its own older handler back" {
    run_with scenario "$LIBS" a.install:repair a.install:exit a.uninstall:old,exit \
        "${two_faults[@]}" \
        a.calls:repair
    assert_two_answers repair a1
}

@test "decline: a stray SIGBUS goes to the program's handler and leaves the owners' alone" {
    local mode signal

    for mode in restore restore-raise cede nothing; do
        for signal in kill raise; do
            run_with --policy $zero scenario "$LIBS" "a.install:$mode" p.install:exit a.map a.map \
                a.truncate:0 a.truncate:1 "$signal" a.touch:0 "$signal" a.touch:1 query \
                a.sent p.sent "a.calls:$mode"
            assert_success
            assert_lines "a.touch 00" "a.touch 00" "query p exit" "a.sent 0" "p.sent 2" \
                "a.calls:$mode 2"
        done
    done
}

@test "decline: a stray SIGBUS that the owner re-raises goes on to the program" {
    run_with --policy $zero scenario "$LIBS" p.install:nothing a.install:restore-raise kill \
        a.sent p.sent \
        a.map a.truncate a.touch a.calls:restore-raise p.calls:nothing
    assert_success
    assert_lines "a.sent 1" "p.sent 1" "a.touch 00" "a.calls:restore-raise 1" "p.calls:nothing 0"
}

@test "decline: a stray SIGBUS with nobody behind the owner kills as without us" {
    run_both scenario "$LIBS" a.install:restore-raise kill query
    assert_equal "$status" "$bus_error"
    run_both scenario "$LIBS" a.install:nothing kill kill a.sent
    assert_success
    run_both scenario "$LIBS" kill
    assert_equal "$status" "$bus_error"
}
