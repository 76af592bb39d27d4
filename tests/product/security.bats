# SPDX-License-Identifier: MIT
#
# SECURITY: each promise of its table names a test, and that test is there.

load ../harness/helper

# "NAME", "NAME (words of a test's name, of another)" or "FOLDER/PROGRAM".
names_tests() { # COLUMN
    local part name file words

    while read -r part; do
        name=${part%% (*}
        if [[ $name == */* ]]; then
            ls "$top_srcdir/tests/$name"* >/dev/null || return
            continue
        fi
        [ "$name" != model ] || continue
        file=$(find "$top_srcdir"/tests -name "$name.bats")
        [ -f "$file" ] || fail "SECURITY: there is no $name.bats"
        [[ $part == *"("* ]] || continue
        words=${part#* (}
        while read -r words; do
            grep '^@test' "$file" | grep -qF -- "$words" || fail "SECURITY: no test of $name says '$words'"
        done < <(sed 's/)$//; s/, /\n/g' <<<"$words")
    done < <(sed 's/), /)\n/g; :a; s/^\([^(]*\), /\1\n/; ta' <<<"$1" | sed ':a; s/^\([^(]*\), /\1\n/; ta')
}

@test "security: each promise names a test that is there" {
    local rows=0 who what promise tests

    while IFS='|' read -r _ who what promise tests _; do
        [ -n "${promise// /}" ] || fail "no promise: $who"
        rows=$((rows + 1))
        names_tests "$(sed 's/^ *//; s/ *$//' <<<"$tests")"
    done < <(grep '^|' "$top_srcdir/SECURITY" | tail -n +3)
    [ "$rows" -gt 20 ]
}
