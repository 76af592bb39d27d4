# SPDX-License-Identifier: MIT
#
# The table of compositors in the README. tests/e2e/check, which measures what is in it, takes minutes.

load ../harness/helper

matrix=$top_srcdir/tests/e2e/matrix

@test "e2e: the README's table is made of the matrix" {
    "$top_srcdir/tests/e2e/table" "$matrix" | sed 's/^/    /' >"$BATS_TEST_TMPDIR/table"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/table")" -gt 10 ]
    grep -xF -f "$BATS_TEST_TMPDIR/table" "$top_srcdir/README" >"$BATS_TEST_TMPDIR/found"
    run diff "$BATS_TEST_TMPDIR/table" "$BATS_TEST_TMPDIR/found"
    assert_success
}

@test "e2e: no attack ended a compositor with us, and its sender is named" {
    run awk -F '\t' '$6 != "lives" || $8 != "lives" || $10 !~ /^(-|wl-hostile|xshm-truncate)$/ ||
        ($4 == "SIGBUS" && $10 == "-")' "$matrix"
    assert_output ''
}

@test "e2e: the client is told with us what it is told without, but by Mir" {
    run awk -F '\t' '$2 !~ /^mir / && $5 ~ /^(protocol error|Bad)/ && $7 != $5' "$matrix"
    assert_output ''
}
