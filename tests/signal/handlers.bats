# SPDX-License-Identifier: MIT
#
# Handlers: how they are left, what they do to SIGBUS meanwhile, and where they run. What the bare
# program does is the measure, unless a rule answers.

load ../harness/helper

# How many losses were told, with one line each.
assert_told() { # COUNT
    assert_equal "$(grep -c ' is lost (' <<<"$stderr")" "$1"
}

ways='siglongjmp longjmp _longjmp setcontext swapcontext'
# With 32 bits the latter two do not carry whether SIGBUS is blocked: it stays so behind the first one.
[[ $CC != *-m32* ]] || ways='siglongjmp longjmp _longjmp'

@test "handlers: nine losses are nine lines, in whichever way the handler leaves" {
    local way

    for way in $ways; do
        for policy in '*=owner|zero' '*=owner|chain' '*=chain'; do
            run_both --policy "$policy" handlers departures "$way"
            assert_output "left 9 times"
            assert_told 9
        done
    done
}

@test "handlers: after a departure a deeper call is outside, whatever is on the stack" {
    local way what

    for way in $ways; do
        for what in action raise; do
            for policy in '*=owner|zero' '*=owner|chain'; do
                run_both --policy "$policy" handlers stale "$way" "$what"
            done
        done
    done
}

@test "handlers: the stack of a handler that left may be gone" {
    local way

    for way in $ways; do
        for policy in '*=owner|zero' '*=owner|chain'; do
            run_both --policy "$policy" handlers coroutine "$way"
            assert_success
        done
    done
}

@test "handlers: one whose context is switched and resumed, in another thread too" {
    local how

    for how in same thread; do
        for policy in '*=owner|zero' '*=owner|chain'; do
            run_both --policy "$policy" handlers swapped "$how"
            assert_success
        done
    done
}

@test "handlers: what is lost is told before a handler that ends the thread or the process" {
    local how

    for how in abort _exit exit kill exec pause pthread_exit; do
        for policy in '*=owner|zero' '*=owner|chain'; do
            run_both --policy "$policy" handlers ends "$how"
            case $how in pthread_exit) assert_told 2 ;; *) assert_told 1 ;; esac
        done
    done
    run_both --policy '*=owner|zero' handlers ends later # it has returned once
    assert_told 2
    run_both --policy '*=owner|zero+quiet' handlers ends abort
    assert_equal "$stderr" ""
}

@test "handlers: one that a vfork() child has left by its end is not running in the parent" {
    for policy in '*=owner|zero' '*=owner|chain'; do
        run_both --policy "$policy" handlers borrowed
    done
}

@test "handlers: a second stage, or the default action, and then another fault" {
    local how

    for how in same other thread return cede-same cede-other cede-thread deferred-same \
        deferred-cede-other deferred-thread; do
        run_both handlers stages "$how"
        run_both --policy '*=chain' handlers stages "$how"
    done
}

@test "handlers: the second stage of an owner is asked before the rule goes on" {
    run_with --policy '*=owner|zero' handlers stages return
    assert_equal "$status" 3
    assert_lines first second
}

@test "handlers: each way to decline, on each stack, with each mask" {
    local stack flags unblock

    for stack in '' alternate alternate-onstack; do
        for flags in '' nodefer full; do
            for unblock in '' unblock pthread late; do
                run_both handlers declines "$stack-$flags-$unblock-abort"
                run_with --policy '*=owner|zero' handlers declines "$stack-$flags-$unblock"
                assert_success
                assert_output --regexp $'^(behind raise\\(\\)\n)?read 0\naction installed$'
            done
        done
    done
}

@test "handlers: raise() does not return where it would not, once the fault is answered" {
    for how in nodefer unblock full-unblock alternate-nodefer; do
        run_with --policy '*=owner|zero' handlers declines "$how"
        refute_line "behind raise()"
        assert_line "read 0"
    done
    for how in '' full plain; do # blocked: bare it would come with the return
        run_with --policy '*=owner|zero' handlers declines "$how"
        assert_line "behind raise()"
        assert_line "read 0"
    done
}

@test "handlers: a SIGBUS that was pending before is no raise() of the handler" {
    run_with handlers pending
    assert_success
    assert_lines fault sent unblocked end
}

@test "handlers: a raise() that is blocked in the handler acts in a wait that unblocks it" {
    local wait

    for wait in sigsuspend ppoll pselect epoll_pwait; do
        run_both --policy '*=chain' handlers waits "$wait"
        run_both --policy '*=chain' handlers waits "default:$wait"
        run_with --policy '*=owner|zero' handlers waits "default:$wait"
        assert_success
        assert_output 'end, 1 calls' # nothing of the handler behind the wait: bare it dies there
        run_with --policy '*=owner|zero' handlers waits "$wait"
        assert_success
        assert_line "$wait: -1 0 Interrupted system call"
        assert_line 'pending: 0'
    done
}

@test "handlers: a raise() that is blocked in the handler is pending, and can be waited for" {
    local wait

    for wait in sigwait sigwaitinfo sigtimedwait sigpending; do
        for policy in '*=chain' '*=owner|chain'; do
            run_both --policy "$policy" handlers waits "$wait"
        done
    done
    for wait in sigwait sigwaitinfo sigtimedwait; do
        run_both --policy '*=owner|zero' handlers waits "$wait"
    done
    run_with --policy '*=owner|zero' handlers waits sigpending
    assert_line 'sigpending: 1 0 '
}

@test "handlers: each of 200 threads with a SIGBUS pending is protected, and gets it once" {
    run_with --policy '*=zero' handlers crowd 200
    assert_success
    assert_output 'protected 200, delivered 200'
}

@test "handlers: no count ends the program's own" {
    run_both --log stderr+all handlers patient 300
    assert_told 300
    run_both handlers patient 30000
    assert_output "tries 30000"
    grep -q 'fault 1 of this range' <<<"$stderr" # and of the others as many as the limits allow
}

@test "handlers: nothing is written below an alternate stack, from the kernel's smallest on" {
    local how policy sizes

    skip_in_emulator "does not look whether its frame fits"
    run_bare handlers small siglongjmp onstack
    assert_success
    sizes=${output%taken}
    [[ $sizes =~ ^from\ [1-9][0-9]*\ bytes\ on,\ [1-9][0-9]+\ sizes:\ $ ]]
    for how in siglongjmp return unhandled; do
        for policy in '*=owner|zero' '*=owner|chain'; do
            [ "$how $policy" != 'unhandled *=owner|chain' ] || continue
            run_with --policy "$policy" handlers small "$how"
            assert_output "${sizes}0 times something was written below"
        done
    done
}

@test "handlers: one that overflows its alternate stack ends as bare, and is not run without end" {
    skip_in_emulator "dies otherwise on an alternate stack"
    for policy in '*=owner|chain' '*=chain'; do
        run_both --policy "$policy" handlers overflow
        assert_equal "$status" "$bus_error"
    done
}

# ---- the restorer ----

@test "handlers: a query shows the C library's restorer, and flags as the program gave them" {
    skip_in_emulator "has a restorer of its own, which no query shows"
    run_both handlers restorer
    assert_success
}

@test "handlers: unwinders go through a handler that was jumped to, or asked" {
    local how

    for how in backtrace unwind; do
        for policy in '*=owner|zero' '*=owner|chain'; do
            run_both --policy "$policy" handlers "$how"
            assert_output "through the handler to main"
        done
    done
}

@test "handlers: so does libunwind, step by step" {
    printf '#include <libunwind.h>\n' | $CC -E - >/dev/null 2>&1 || skip "there is no libunwind.h"
    [[ "$CC ${emulator[*]}" != *-m32* && ${#emulator[@]} = 0 ]] || skip "libunwind is another machine's"
    cat >"$BATS_TEST_TMPDIR/step.c" <<'END'
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
static char *lost;
static int frames, signals, found;
static void handler(int signo, siginfo_t *info, void *uc)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t offset;
	char name[64];

	unw_getcontext(&context);
	unw_init_local(&cursor, &context);
	do {
		frames++;
		signals += unw_is_signal_frame(&cursor) > 0;
		if (unw_get_proc_name(&cursor, name, sizeof(name), &offset) == 0)
			found += !strcmp(name, "reader") || !strcmp(name, "main");
	} while (frames < 50 && unw_step(&cursor) > 0);
	mmap(lost, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}
__attribute__((noinline)) int reader(void)
{
	return *(volatile char *)lost + 1;
}
int main(void)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
	lost = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd_create("lost", 0), 0);
	reader();
	printf("%d frames, %d of a signal, %d known\n", frames, signals, found);
}
END
    $CC -O1 -rdynamic -D_GNU_SOURCE -o "$BATS_TEST_TMPDIR/step" "$BATS_TEST_TMPDIR/step.c" -lunwind ||
        skip "libunwind cannot be linked with"
    run "$BATS_TEST_TMPDIR/step"
    local bare=$output
    [[ $bare == *", 1 of a signal, 2 known" ]]
    for policy in '*=owner|zero' '*=owner|chain'; do
        run env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG=off SIGBUS_POLICY="$policy" "$BATS_TEST_TMPDIR/step"
        assert_output "$bare"
    done
}

@test "handlers: a debugger's backtrace goes through, too" {
    skip_without gdb
    [ ${#emulator[@]} = 0 ] || skip "gdb needs the machine itself"
    for policy in '*=owner|zero' '*=owner|chain'; do
        run limited gdb -batch -nx -ex 'set startup-with-shell off' \
            -ex "set environment LD_PRELOAD $SIGBUS_LIB" \
            -ex "set environment SIGBUS_POLICY $policy" -ex 'set environment SIGBUS_LOG off' \
            -ex 'handle SIGBUS nostop noprint pass' -ex 'set breakpoint pending on' \
            -ex 'break stop_here' -ex run -ex bt --args "$PROGS/handlers" backtrace
        [[ $output == *"stop_here"*"<signal handler called>"*"touch"*"main"* ]]
    done
}

@test "handlers: an exception that leaves a handler ends it" {
    [ -x "$PROGS/throw" ] || skip "there is no C++ compiler"
    [[ "$CC ${emulator[*]}" != *-m32* && ${#emulator[@]} = 0 ]] || skip "the compiler is another machine's"
    for policy in '*=owner|zero' '*=owner|chain'; do
        run_both --policy "$policy" throw
        assert_success
        assert_told 9
    done
}
