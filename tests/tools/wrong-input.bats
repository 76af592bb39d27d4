#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Wrong input, as people write it: one line that says what was probably meant, status 2, and nothing
# is started. What the line proposes is right in itself.

load ../harness/helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    echo '*=zero' >mypolicy
}

# The line about the input holds the words; where it proposes something, that is accepted.
table() { # OPTION, rows "INPUT -> WORDS" on standard input
    local input words line meant rows=0

    while IFS= read -r line; do
        input=${line%% -> *} words=${line##* -> }
        run "$SIGBUS_RUN" "$1" "$input" touch started
        assert_equal "$status" 2
        assert_equal "${#lines[@]}" 1
        assert_output --partial "$words"
        [ ! -e started ]
        meant=$(sed -n "s/.*did you mean ['\"]\(.*\)['\"]?$/\1/p" <<<"$output")
        if [[ $1 == --policy && $meant == [a-z]*:* ]]; then # a match
            meant+==chain
        fi
        if [[ -n $meant && ($1 != --policy || $meant == *=* || $meant == @*) ]]; then
            run "$SIGBUS_RUN" "$1" "$meant" true
            assert_success
        fi
        rows=$((rows + 1))
    done
    [ $rows -ge 4 ]
}

@test "wrong input: policies" {
    table --policy <<'END'
compositor -> did you mean '@compositor'?
Compositor -> did you mean '@compositor'?
composito -> did you mean '@compositor'?
zero -> did you mean '*=zero'?
owner|zero -> did you mean '*=owner|zero'?
wait(60)+quiet -> did you mean '*=wait(60)+quiet'?
@mypolicy -> unknown preset (files are named with a '/') 'mypolicy', did you mean '@./mypolicy'?
@compositr -> did you mean 'compositor'?
@my.policy -> (files are named with a '/')
path:/a,b=zero -> not 'path:/a': a comma in a glob is written '\,'
path:/a -> expected MATCH=ACTION, @NAME or strict, not 'path:/a'
/dev/shm/*=zero -> did you mean 'path:/dev/shm/*'?
kind:tmpfs=zero -> did you mean 'fs:tmpfs'?
kind:truncated=zero -> did you mean 'cause:truncated'?
tmpfs=zero -> did you mean 'fs:tmpfs'?
hugetlb=reserve -> did you mean 'kind:hugetlb'?
path:/x=zero;*=chain -> column 13: rules are separated by ',', not by ';'
path:/x=zero; *=chain -> rules are separated by ',', not by ';'
path:/x=zeros -> did you mean 'zero'?
pth:/x=zero -> did you mean 'path'?
path=/x -> no ':' and glob after 'path'
*=wait -> no '(SECONDS)' after 'wait'
END
}

@test "wrong input: places for reports" {
    table --log <<'END'
mylog.txt -> did you mean "./mylog.txt"?
json -> did you mean "json:stderr"?
json:log.json -> did you mean "json:./log.json"?
stderr,+start -> did you mean "stderr+start"?
jounal -> did you mean "journal"?
stdrr+start -> did you mean "stderr+start"?
syslog -> unknown destination "syslog"; valid are stderr
END
}

@test "wrong input: programs to be active in" {
    table --only <<'END'
[a -> --only: '[a'
/usr/bin/sway -> did you mean 'sway'?
,, -> no program is named
a,[b- -> --only: '[b-'
END
}

@test "wrong input: options" {
    for words in '--polcy x:did you mean --policy?' '--lst:did you mean --list?' \
        '--policy:--policy needs a value' '-x:-x: unknown option' '--check=1:takes no value'; do
        # shellcheck disable=SC2086
        run "$SIGBUS_RUN" ${words%%:*}
        assert_equal "$status" 2
        assert_output --partial "${words#*:}"
    done
}
