# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The same program bare and with us, at the same time: all that it prints and its status.

: "${SIGBUS_LIB:?load helper first}"

# In a directory of its own, for core dumps.
run_in() { # NAME COMMAND [ARG...]
    local file=$BATS_TEST_TMPDIR/$1 status=0

    mkdir -p "$file-run"
    # The shell's own words about who was killed hold a process id: they are not kept.
    (cd "$file-run" && exec timeout -k 5 "$SIGBUS_TEST_LIMIT" "${@:2}" >"$file" 2>&1) 2>/dev/null || status=$?
    echo "status $status" >>"$file"
}

# Into the files bare and us. $others are preloads of both runs; $preloads, of ours, if not we first.
run_both() { # COMMAND [ARG...]
    local -a command=("${emulator[@]}" "$(prog_path "$1")" "${@:2}")
    local preloads=${preloads:-$SIGBUS_LIB${others:+:$others}}

    run_in bare env ${others:+"$preload_variable=$others"} "${command[@]}" &
    run_in us env "$preload_variable=$preloads" SIGBUS_LOG=off "${command[@]}"
    wait $!
    rm -rf "$BATS_TEST_TMPDIR"/*-run
    [ "$(tail -n 1 "$BATS_TEST_TMPDIR/bare")" != "status 77" ] || skip "$(head -n 1 "$BATS_TEST_TMPDIR/bare")"
}

# No line differs, but those that match one of the patterns: known differences.
assert_no_difference() { # [PATTERN...]
    local run

    for run in bare us; do
        grep -Ev -f <(printf '%s\n' '^$' "$@") "$BATS_TEST_TMPDIR/$run" \
            >"$BATS_TEST_TMPDIR/$run.left"
    done
    run diff "$BATS_TEST_TMPDIR/bare.left" "$BATS_TEST_TMPDIR/us.left"
    echo "${output:0:4000}"
    [ "$status" = 0 ]
    [ -s "$BATS_TEST_TMPDIR/bare.left" ]
}

assert_prints() { # LINES [STATUS]: what came from the bare run
    assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/bare")" "$(($1 + 1))"
    assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/bare")" "status ${2:-0}"
}
