# SPDX-License-Identifier: MIT
#
# A program that blocks SIGBUS reads that back and waits as without us, though SIGBUS is never
# blocked for real.

load ../harness/helper

# Known: what cannot be equal while the kernel runs our handler for a SIGBUS that the program
# ignores or blocks.
known=(
    # Calls that the kernel never restarts end with EINTR ...
    --but '^(poll|nanosleep|pause|ppoll\(NULL\)) (ignored|[^ ]* blocked) .* during:'
    --but '^(sigsuspend|ppoll|pselect|epoll_pwait2?)\(\{\}\) ignored '
    # ... and others too if the program's handler lacks SA_RESTART: the kernel looks at the flag
    # before anybody knows that the thread blocks SIGBUS.
    --but '^(read|sem_wait) handler blocked .* during:'
    # Ignored is dropped when it is sent, so a signalfd does not see it.
    --but '^signalfd ignored unblocked '
)

@test "masks: the library is loaded" {
    assert_loaded
}

@test "masks: what each function that sets or shows a mask returns and leaves" {
    run_both --apart mask-readback
    assert_prints 349
}

@test "masks: what ends a wait, what is delivered, what stays pending" {
    run_both --apart "${known[@]}" mask-wait
    assert_prints 864
}

@test "masks: a lost page that a rule answers for does not kill, whoever has blocked SIGBUS" {
    run_bare mask-protect
    assert_success
    assert_equal "${#lines[@]}" 20
    refute_line --regexp ': lives$'
    run_with --policy '*=zero' --log off mask-protect
    assert_success
    assert_equal "${#lines[@]}" 20
    refute_line --regexp ': dies$'
}
