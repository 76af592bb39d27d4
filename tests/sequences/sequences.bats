# SPDX-License-Identifier: MIT
#
# Random programs that install, cede, raise, jump and fault, in two threads and up to three shared
# objects: what they see with the library is held against the bare run, or against a model of the
# rules (see sequences/README). What differs is shown as the shortest C program that does.
#
# SIGBUS_SEQUENCES: how many of each kind; SIGBUS_TEST_SEED: which (the same ones by default, so that a
# test that fails fails again; "date +%s" is good for others).

load ../harness/helper

sequences() { # KIND...
    skip_in_emulator "has signal frames of its own"
    run "$top_builddir/tests/sequences/sequences" -d "$top_builddir/tests/sequences" \
        -n "${SIGBUS_SEQUENCES:-1000}" -s "${SIGBUS_TEST_SEED:-20261128}" "$@"
    echo "$output"
    assert_success
    sed -n 's/^ok [0-9]* - /# figures: /p; s/^# seed/# figures: seed/p' <<<"$output" >&3
}

@test "sequences: the model agrees with the kernel and the C library" {
    sequences bare-one bare
}

@test "sequences: under *=chain three objects are as bare" {
    sequences chain
}

@test "sequences: without a policy one object is as bare" {
    sequences one
}

@test "sequences: what blocks SIGBUS, and several objects, are as the rules say" {
    sequences blocked owners mixed
}

@test "sequences: under *=owner|zero, too, and each loss is told once" {
    sequences zero told
}
