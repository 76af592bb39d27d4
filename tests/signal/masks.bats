# SPDX-License-Identifier: MIT
#
# A program that blocks SIGBUS reads that back and waits as without us, though SIGBUS is never
# blocked for real.

load ../harness/helper
load ../harness/differences

# Known: what cannot be equal while the kernel runs our handler for a SIGBUS that the program
# ignores or blocks.
known=(
    # Calls that the kernel never restarts end with EINTR ...
    '^(poll|nanosleep|pause|ppoll\(NULL\)) (ignored|[^ ]* blocked) .* during:'
    '^(sigsuspend|ppoll|pselect|epoll_pwait2?)\(\{\}\) ignored '
    # ... and others too if the program's handler lacks SA_RESTART: the kernel looks at the flag
    # before anybody knows that the thread blocks SIGBUS.
    '^(read|sem_wait) handler blocked .* during:'
    # Ignored is dropped when it is sent, so a signalfd does not see it.
    '^signalfd ignored unblocked '
)

@test "masks: the library is loaded" {
    assert_loaded
}

@test "masks: what each function that sets or shows a mask returns and leaves" {
    run_both mask-readback
    assert_prints 349
    assert_no_difference
}

@test "masks: what ends a wait, what is delivered, what stays pending" {
    run_both mask-wait
    assert_prints 864
    assert_no_difference "${known[@]}"
}

@test "masks: a lost page that a rule answers for does not kill, whoever has blocked SIGBUS" {
    SIGBUS_POLICY='*=zero' run_both mask-protect
    assert_prints 20
    run grep -v ': dies$' "$BATS_TEST_TMPDIR/bare"
    assert_output 'status 0'
    run grep -v ': lives$' "$BATS_TEST_TMPDIR/us"
    assert_output 'status 0'
}
