# SPDX-License-Identifier: MIT
# What the tests of progs/interleave.c share.

setup() {
    [ "$(uname -m)" = x86_64 ] || skip "knows the instructions of x86-64 only"
    export SIGBUS_LOG=off
}

# The first party was held at each point, and the other let in between; where it is another thread,
# it was done at some points before the first went on.
assert_explored() { # --policy POLICY FIRST SECOND thread|signal STRIDE
    run_with "$1" "$2" interleave "${@:3}"
    echo "$*: $output"
    assert_success
    [[ $output =~ ^points=([0-9]+)\ early=([0-9]+)$ ]]
    [ "${BASH_REMATCH[1]}" -ge 3 ]
    [ "$5" = signal ] || [ "${BASH_REMATCH[2]}" -ge 2 ]
}
