#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The words of the policy language are the same in the table of the source, in --list and in
# sigbus-policy(7).

load ../harness/helper

page=$top_srcdir/man/sigbus-policy.7

# The rows of a part of --list: "actions:", "keys:" or "presets:".
listed() { # PART
    "$SIGBUS_RUN" --list | sed -n "/^$1:/,/^[a-z]*:/ s/^  \([^ ]*\).*/\1/p"
}

# Also the words behind the help of a row: its values.
listed_values() { # KEY
    "$SIGBUS_RUN" --list | sed -n "/^keys:/,\$ s/^  $1:GLOB .*: //p" | tr -d , | tr ' ' '\n'
}

# The text of a section of the page.
section() { # NAME
    awk -v start=".Ss $1" '/^\.S[sh] /{ inside = $0 == start } inside' "$page"
}

# The words that the section has items for: without arguments, one a line.
documented() { # SECTION
    section "$1" | sed -n 's/^\.It Cm //p' | sed 's/ : .*//; s/ Ns .*//; s/ , .*//; s/(.*)//' |
        sort -u
}

source_rows() { # TABLE
    sed -n "/^const struct policy_word $1\[\]/,/^};/p" "$top_srcdir/src/policy/match.c" |
        sed -n 's/.*\.word = "\([^"]\{1,\}\)".*/\1/p' | sort
}

setup() {
    [ -e "$page" ] || skip 'the source is not here'
}

@test "actions" {
    actions=$(listed actions | sed 's/(.*//' | sort)
    [ "$(wc -l <<<"$actions")" -ge 7 ]
    assert_equal "$actions" "$(source_rows policy_actions)"
    assert_equal "$(documented Actions)" "$actions"
}

@test "keys" {
    keys=$(listed keys | sed 's/:.*//' | sort)
    [ "$(wc -l <<<"$keys")" -ge 8 ]
    assert_equal "$keys" "$(source_rows policy_keys)"
    assert_equal "$(documented Keys)" "$keys"
}

@test "the values of kind, map and cause" {
    for key in kind map cause; do
        values=$(listed_values $key)
        [ "$(wc -l <<<"$values")" -ge 4 ]
        for value in $values; do
            section Keys | sed -n "/^\.It Cm $key /,/^\.It/p" | grep -Eq "[ ]$value( |$)"
        done
    done
    assert_equal "$(documented Causes)" "$(listed_values cause | sort)"
}

@test "presets" {
    presets=$(listed presets | sort)
    assert_equal "$presets" $'@compositor\n@container\n@diagnose\n@hugetlb'
    assert_equal "$(documented Presets)" "$presets"
}

@test "each word is accepted, alone and with what it is listed with" {
    for action in $("$SIGBUS_RUN" --list | sed '/^keys:/,$d' | grep -Eo '(^  [a-z]*(\(SECONDS\))?|[a-z]+\([a-z]+\))'); do
        run "$SIGBUS_RUN" --check --policy "*=${action/SECONDS/60}"
        assert_success
    done
    while read -r key; do
        run "$SIGBUS_RUN" --check --policy "${key/GLOB/*}=zero"
        assert_success
    done < <(listed keys)
    for preset in $(listed presets); do
        run "$SIGBUS_RUN" --check --policy "$preset"
        assert_success
    done
}

@test "the examples of the page are right" {
    examples=$(sed -n 's/^\.Dl //p' "$page" | grep '=')
    [ "$(wc -l <<<"$examples")" -ge 4 ]
    while read -r example; do
        run "$SIGBUS_RUN" --check --policy "$example"
        assert_success
        assert_output ''
    done <<<"$examples"
    run "$SIGBUS_RUN" --check --policy '*=zreo'
    assert_failure 2
}
