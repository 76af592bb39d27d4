# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Running one test program bare and with us, and comparing what came out.

bus_error=135 # what a shell says of a process that SIGBUS killed
segv=139

# The policy of the next us; unset: the built-in one.
unset policy

# Runs a test program with us: $status, $output (without our reports) and $stderr.
us() { # PROG [ARG...]
    local prog
    prog=$(prog_path "$1")
    shift
    run --separate-stderr limited env "$preload_variable=$SIGBUS_LIB" \
        ${policy+SIGBUS_POLICY="$policy"} "${emulator[@]}" "$prog" "$@"
    skip_if_not_here
}

without_us() { # PROG [ARG...]
    local prog
    prog=$(prog_path "$1")
    shift
    run --separate-stderr limited "${emulator[@]}" "$prog" "$@"
    skip_if_not_here
}

# A program that cannot do its part here prints why, and its status is 77.
skip_if_not_here() {
    [ "$status" != 77 ] || skip "${lines[0]}"
}

# The same program both ways: status and output have to be the same.
same_as_bare() { # PROG [ARG...]
    local bare_status bare_output

    without_us "$@"
    bare_status=$status bare_output=$output
    us "$@"
    assert_equal "$output" "$bare_output"
    assert_equal "$status" "$bare_status"
}

# $output is these lines and no others.
assert_lines() { # LINE...
    assert_equal "$output" "$(printf '%s\n' "$@")"
}

# How many lines of $stderr are ours, without the summary at the end.
assert_reports() { # COUNT
    assert_equal "$(grep '^libsigbus: ' <<<"$stderr" | grep -vc '^libsigbus: summary of ')" "$1"
}

# Without us and with us it goes on for ever: that is told by a second of processor time.
assert_loops() { # PROG [ARG...]
    local prog preload
    prog=$(prog_path "$1")
    shift
    for preload in '' "$SIGBUS_LIB"; do
        # shellcheck disable=SC2016
        run limited bash -c 'ulimit -S -t 1; ulimit -c 0; exec env "$@"' - \
            ${preload:+"$preload_variable=$preload"} SIGBUS_LOG=off "${emulator[@]}" "$prog" "$@"
        assert_equal "$status" 152 # SIGXCPU
    done
}
