#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Bad policies, as a user meets them: one line, and the program runs with the built-in policy, or,
# with "strict" or from sigbus-run, not at all.

load ../harness/helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# Preloaded: the line and the program. Soon, whatever the policy is.
starts_with_line() { # POLICY REGEXP
    run limited env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="$1" echo started
    assert_success
    assert_line --index 0 --regexp "^libsigbus: $2"
    assert_line --index 1 started
    assert_equal "${#lines[@]}" 2
}

refused() { # POLICY REGEXP
    starts_with_line "$1" "$2"
    run limited env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="strict,$1" echo started
    assert_failure 2
    refute_line started
    run limited "$SIGBUS_RUN" --policy "$1" echo started
    assert_failure 2
    assert_equal "${#lines[@]}" 1
    assert_output --regexp "^libsigbus: $2"
}

accepted() { # POLICY
    run limited env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="$1" echo started
    assert_success
    assert_output started
    run limited "$SIGBUS_RUN" --policy "$1" echo started
    assert_success
    assert_output started
}

@test "an empty policy, and blanks, are none" {
    accepted ''
    accepted ' '
    accepted $' \t\n '
    accepted strict
}

@test "blanks around words" {
    accepted ' fs : tmpfs & map:rw = wait ( 5 ) | reserve | zero + quiet , *= chain '
}

@test "a comma too many" {
    refused '*=zero,' 'SIGBUS_POLICY: item 2, column 8: empty item'
    refused ',*=zero' 'SIGBUS_POLICY: item 1, column 1: empty item'
}

@test "seconds" {
    for bad in -1 1e9 0 86401 5s; do
        refused "*=wait($bad)" \
            "SIGBUS_POLICY: item 1, column 8: expected whole seconds from 1 to 86400, not '$bad'"
    done
    refused '*=wait()' 'SIGBUS_POLICY: item 1, column 8: expected whole seconds from 1 to 86400'
    refused '*=wait' "SIGBUS_POLICY: item 1, column 7: no '\(SECONDS\)' after 'wait'"
    accepted '*=wait(1)|wait(86400)'
}

@test "words that are none" {
    refused 'fsx:tmpfs=zero' "SIGBUS_POLICY: item 1, column 1: unknown key 'fsx', did you mean 'fs'"
    refused '*=onse' "SIGBUS_POLICY: item 1, column 3: unknown action 'onse', did you mean 'ones'"
    refused 'cause:trunc=zero' "SIGBUS_POLICY: item 1, column 7: unknown cause 'trunc'"
    refused @contaner 'SIGBUS_POLICY: item 1, column 2: unknown preset .contaner.'
}

@test "a file that is none" {
    mkfifo fifo
    refused @"$PWD" "SIGBUS_POLICY: item 1, column 1: cannot read .*: is a directory"
    refused @./fifo "SIGBUS_POLICY: item 1, column 1: cannot read '@./fifo': not a regular file"
    refused @/dev/zero ".*: cannot read '@/dev/zero': not a regular file"
    refused @./none "SIGBUS_POLICY: item 1, column 1: cannot read '@./none': not found"
}

@test "a file that cannot be read" {
    echo '*=zero' >secret
    chmod 0 secret
    if [ "$(id -u)" = 0 ]; then
        chmod a+x . .. ../.. ../../..
        as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        "${as_user[@]}" test -r "$SIGBUS_LIB" -a -d "$PWD" || skip 'another user cannot get here'
    fi
    run "${as_user[@]}" env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY=@"$PWD/secret" echo started
    assert_success
    assert_line --index 0 --regexp "^libsigbus: .*cannot read .*: permission denied$"
    assert_line --index 1 started
}

@test "1 MiB, and 10,000 rules" {
    yes 'path:/some/where/* & fs:ext4 = owner | wait(5) | zero(page)' | head -n 10000 >rules
    accepted @./rules
    head -c 1048576 /dev/zero | tr '\0' ' ' >blank
    accepted @./blank
    echo >>blank
    refused @./blank "SIGBUS_POLICY: item 1, column 1: cannot read '@./blank': larger than 1 MiB"
}

@test "the line names the item and column in a file" {
    printf '%s\n' '# comment' '' '  *=owner, *=wait(x)' >rules
    refused @./rules "@./rules: line 3, column 19: expected whole seconds .*, not 'x'"
}
