# SPDX-License-Identifier: MIT
#
# What scripts/check --clean says where it cannot make a system. What it does in one takes minutes,
# and is the second command of .ci/run.

load ../harness/helper

setup() {
    cd "$top_srcdir" || return
    [ -e .git ] && [ -w . ] || skip "not in a git checkout"
    unset http_proxy https_proxy
}

# The status; the output is one line.
one_line() { # STATUS TEXT
    assert_equal "$status" "$1"
    assert_equal "${#lines[@]}" 1
    assert_output --partial "$2"
}

@test "clean: a name that no release has is refused" {
    run scripts/check --clean ../bookworm
    one_line 2 'check: --clean: "../bookworm" is not the name of a Debian release'
}

@test "clean: other options do not go with it" {
    run scripts/check --full --clean
    assert_failure 2
    assert_output --partial "usage: scripts/check"
}

@test "clean: without a network: one line, and status 75" {
    skip_unless_root
    [ -x /usr/lib/apt/apt-helper ] || skip "not a Debian system"
    echo 'Acquire::http::Proxy "http://127.0.0.1:9"; Acquire::https::Proxy "http://127.0.0.1:9";' \
        >"$BATS_TEST_TMPDIR/apt.conf"
    APT_CONFIG=$BATS_TEST_TMPDIR/apt.conf run scripts/check --clean bookworm
    [[ $output != *"running already"* && $output != *skipped:* ]] || skip "$output"
    one_line 75 "check: --clean needs a network: "
}

@test "clean: who is not root is told so, and nothing failed" {
    local as_nobody=()

    if [ "$(id -u)" = 0 ]; then
        as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        "${as_nobody[@]}" test -x scripts/check-clean || skip "the user nobody cannot read this tree"
    fi
    run "${as_nobody[@]}" scripts/check --clean
    assert_success
    assert_equal "${lines[0]}" "check: --clean: skipped: only root can make the root of another system"
    assert_equal "${lines[1]}" "0 passed, 0 failed, 1 skipped"
}
