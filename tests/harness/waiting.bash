# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Waiting, for the tests and for scripts/demo: for conditions only. The limit is for what hangs.

: "${SIGBUS_TEST_LIMIT:=$("$(dirname "${BASH_SOURCE[0]}")/limit")}"
export SIGBUS_TEST_LIMIT

limited() { # COMMAND...
    timeout -k 5 "$SIGBUS_TEST_LIMIT" "$@"
}

# Until the command succeeds.
wait_for() { # COMMAND...
    local end=$((SECONDS + SIGBUS_TEST_LIMIT))

    until "$@"; do
        if [ $SECONDS -ge $end ]; then
            echo "waited $SIGBUS_TEST_LIMIT s for: $*"
            return 1
        fi
        sleep 0.02
    done
}

file_says() { # TEXT FILE
    grep -qsF -- "$1" "$2"
}

has_ended() { # PID: it may be a zombie
    ! grep -qs '^State:.[^ZX]' "/proc/$1/status"
}
