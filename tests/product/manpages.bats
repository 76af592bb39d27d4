#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The manual pages say all that the programs know, and nothing that they do not. (The words of
# policies are in policy-words.bats.)

load ../harness/helper

man=$top_srcdir/man
src=$top_srcdir/src
EXPLAIN=${SIGBUS_INSTALLED:-$top_builddir}/sigbus-explain
STAT=${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat

setup() {
    [ -e "$man/sigbus-run.1" ] || skip 'the source is not here'
    cd "$BATS_TEST_TMPDIR" || return
}

# A section or subsection of a page, without its heading.
section() { # PAGE HEADING
    awk -v sh=".Sh $2" -v ss=".Ss $2" '
        $0 == sh || $0 == ss { inside = 1; next }
        /^\.S[sh] / { inside = 0 }
        inside' "$man/$1"
}

# The words of its list items that have the given macro: ".It Li pid , tid".
items() { # MACRO
    sed -n "s/^\.It $1 //p" | sed 's/ No .*//; s/ Ns .*//; s/ , /\n/g' | sort -u
}

# Options in a text, without values.
options() {
    grep -o -- '--[a-z][a-z-]*' | sort -u
}

page_options() { # PAGE
    sed 's/Fl Fl /--/g' "$man/$1" | options
}

assert_same() { # EXPECTED ACTUAL, a line each word
    assert [ -n "$1" ]
    assert_equal "$2" "$1"
}

@test "the manual pages have no warnings" {
    skip_without mandoc
    run mandoc -T lint -W warning "$man"/*.[1-8]
    assert_output ''
    skip_without man
    for page in "$man"/*.[1-8]; do
        run env LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page"
        assert_success
        refute_output --partial 'warning:'
    done
}

@test "every page is there, names its subject, and refers to pages that are" {
    assert_equal "$(cd "$man" && echo ./*)" \
        './libsigbus.3 ./libsigbus.7 ./sigbus-explain.1 ./sigbus-policy.7 ./sigbus-run.1 ./sigbus-stat.1'
    for page in "$man"/*; do
        grep -q '^\.Nd ' "$page"
        grep '^\.Xr \(lib\)\?sigbus' "$page" | awk '{ print $2 "." $3 }' | sort -u >refs
        [ -s refs ]
        while read -r other; do
            assert [ -e "$man/$other" ]
        done <refs
    done
}

@test "options of sigbus-run: the parser, --help and the page have the same" {
    parser=$(sed -n '/^} run_options\[\] = {/,/^};/s/^\t{"\([a-z]*\)",.*/--\1/p' \
        "$src/tools/run/main.c" | sort)
    assert_same "$parser" "$("$SIGBUS_RUN" --help | options)"
    assert_same "$parser" "$(page_options sigbus-run.1)"
}

@test "options of sigbus-stat: the same" {
    parser=$(grep -oE '\{"[a-z-]+", (no|required|optional)_argument' "$src/tools/stat/main.c" |
        sed 's/^{"/--/' | options)
    assert_same "$parser" "$("$STAT" --help | options)"
    assert_same "$parser" "$(page_options sigbus-stat.1)"
}

@test "options and keys of sigbus-explain: the same" {
    [ -x "$EXPLAIN" ] || skip "sigbus-explain is not built"
    parser=$(grep -oE '\{"[a-z-]+", (no|required|optional)_argument' "$src/tools/explain/main.c" |
        sed 's/^{"/--/' | options)
    assert_same "$parser" "$("$EXPLAIN" --help | options)"
    assert_same "$parser" "$(page_options sigbus-explain.1)"
    keys=$(grep -oE '\{"[a-z_]+", [a-z]' "$src/tools/explain/json-view.c" | sed 's/.*"\(.*\)".*/\1/' | sort -u)
    page=$(section sigbus-explain.1 JSON | sed -n -E 's/^\.(It )?Li //p' | tr ', .' '\n' |
        grep -xE '[a-z_]+' | grep -vx null | sort -u)
    assert_same "$keys" "$(comm -12 <(echo "$keys") <(echo "$page"))"
    [ "$(wc -l <<<"$page")" -le $(($(wc -l <<<"$keys") + 3)) ] # and "text", "name", "interrupted" of objects
}

@test "destinations of reports: those that sigbus-run takes" {
    section sigbus-run.1 REPORTS | sed '/^\.El/,$d' >list
    assert_equal "$(items Li <list | paste -sd' ')" 'fd: journal json: off stderr'
    for dest in stderr off journal fd:2 /tmp/x ./x json:stderr json:fd:2 json:/tmp/x journal+start \
        stderr+backtrace+start; do
        run "$SIGBUS_RUN" --check --log $dest
        assert_success
    done
    run "$SIGBUS_RUN" --check --log syslog
    assert_failure 2
}

@test "keys of a report in JSON, and so the fields of the journal" {
    table=$(sed -n '/^#define FIELDS(X)/,/[^\\]$/s/^\tX(\([a-z_]*\),.*/\1/p' "$src/report/fields.c" |
        sort)
    assert_same "$table" "$(section sigbus-run.1 JSON | items Li | grep -vx backtrace)"
}

@test "the journal's own fields" {
    code=$(grep -ho '"[A-Z_]*=\|journal_begin([a-z]*, "", "[A-Z_]*"\|"PRIORITY\|"SYSLOG_IDENTIFIER' \
        "$src/report/journal.c" "$src/report/journal-report.c" | grep -o '[A-Z][A-Z_]*' | grep -v '^SIGBUS_' |
        sort -u)
    assert_same "$code" "$(section sigbus-run.1 Journal | sed -n 's/^\.Li \([A-Z_]*\)$/\1/p' |
        grep -v '^SIGBUS_' | sort -u)"
}

@test "keys of sigbus-stat --json" {
    counters=$(sed -n '/^#define COUNTERS(X)/,/[^\\]$/s/^\tX(\([a-z_]*\),.*/\1/p' "$src/kernel/process.h")
    [ -n "$counters" ]
    code=$({
        grep -o 'put_[a-z_]*("[a-z_]*"' "$src/tools/stat/json-view.c" | sed 's/.*"\(.*\)"/\1/'
        echo "$counters"
    } | sort -u)
    page=$(section sigbus-stat.1 JSON | sed -n -E 's/^\.(It |Pq )?Li //p' | sed 's/ No .*//' |
        tr ' ' '\n' | grep -xE '[a-z_]+' | grep -vxE 'null|active|default|ignore|r|w|rw' | sort -u)
    assert_same "$code" "$page"
}

@test "variables of the environment" {
    read=$(sed -n '/^static const char variable_names/,/;$/p' "$src"/start/init.c | grep -o '"[A-Z_]*"' | tr -d '"' | sort -u)
    assert_same "$read" \
        "$(section sigbus-run.1 ENVIRONMENT | grep -oE '(SIGBUS|XDG)_[A-Z_]*' | sort -u)"
}

@test "static probes" {
    code=$(sed -n -E 's/.*PROBE\(([a-z]+), [a-z]+, .*/\1/p' "$src/base/tracepoints.h" | grep -vx name | sort -u)
    assert_same "$code" "$(section sigbus-run.1 PROBES | items Cm)"
}

@test "functions of the C API: the header and the page" {
    header=$(grep -o '\bsigbus_[a-z_]*(' "$top_srcdir/include/sigbus/sigbus.h" | tr -d '(' | sort -u)
    assert_same "$header" "$(sed -n 's/^\.Nm \(sigbus_[a-z_]*\).*/\1/p' "$man/libsigbus.3" | sort -u)"
    assert_same "$header" \
        "$(section libsigbus.3 SYNOPSIS | sed -n 's/^\.F[no] "*\(sigbus_[a-z_]*\).*/\1/p' | sort -u)"
}

@test "who protects a session names the programs in which it is active" {
    run grep -nE 'sigbus-run .*@compositor' "$top_srcdir/README" "$man"/*.[137]
    assert_success
    refute_line --regexp 'sigbus-run (.*[^y] )?--policy @compositor( --log journal)?( --)? [a-z]'
}
