# SPDX-License-Identifier: MIT
#
# Compositors written in Rust with Smithay, which do not start without a graphics card: programs that
# do about SIGBUS what these do, under their names and @compositor.

load ../harness/helper

setup() {
    mkdir "$BATS_TEST_TMPDIR/bin"
}

# COMPILED, in C or in Rust, as the compositor NAME, bare and with us.
compositor() { # COMPILED NAME STEP...
    cp "$1" "$BATS_TEST_TMPDIR/bin/$2"
    shift
    bare="$(limited "$BATS_TEST_TMPDIR/bin/$1" "${@:2}" 2>/dev/null || :)"
    run --separate-stderr limited env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY=@compositor \
        "$BATS_TEST_TMPDIR/bin/$1" "${@:2}"
    echo "# bare: $bare"
    echo "# with us: $output"
}

all_steps() { # COMPILED
    local name

    for name in niri cosmic-comp; do
        # A pool that is read under guard: the error that the client is told of is Smithay's, as bare.
        compositor "$1" $name pool pool
        assert_success
        assert_output "$bare"
        assert_line -n 1 "pool: read 0, noticed"
        # A keymap is not guarded. It does not switch the guard of pools off.
        compositor "$1" $name keymap pool
        assert_equal "$bare" ""
        assert_success
        assert_output "keymap: read 0, not noticed"$'\n'"pool: read 0, noticed"
        # Nor is a pool always, for a copy of the screen.
        compositor "$1" $name open-pool
        assert_equal "$bare" ""
        assert_success
        assert_output "open-pool: read 0, not noticed"
    done
}

@test "smithay: guarded pools keep their error, keymaps read as zeroes" {
    all_steps "$PROGS/smithay-like"
}

@test "smithay: the same with the run time of Rust" {
    skip_without rustc
    run limited rustc --edition 2021 -O -o "$BATS_TEST_TMPDIR/rust" "$top_srcdir/tests/progs/smithay-like.rs"
    [ "$status" = 0 ] || skip "rustc cannot compile it: ${lines[0]}"
    all_steps "$BATS_TEST_TMPDIR/rust"
}
