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
*=wait 60 -> did you mean 'wait(60)'?
*=wait(10s) -> expected whole seconds from 1 to 86400, not '10s'
path:/x=zero quiet -> did you mean 'zero+quiet'?
*=zero,owner -> '|' stands between actions, ',' between rules
*=zero&chain -> '|' stands between actions
*=zero||chain -> one '|' stands between actions
*=chain|zero -> nothing can follow 'chain'
path:/x&&map:rw=zero -> one '&' stands between matches
map:rw,shared=zero -> '&' stands between matches
path:/x=zero # why -> a comment can only be in a file
"*=zero" -> quotes are the shell's, and no part of a policy
'path:/x=zero' -> quotes are the shell's, and no part of a policy
*=ignore -> did you mean 'zero'?
*=kill -> did you mean 'abort'?
*=retry -> did you mean 'wait(60)'?
file:/x=zero -> did you mean 'path'?
library:libfoo.so*=zero -> did you mean 'owner'?
fstype:tmpfs=zero -> did you mean 'fs'?
process:sway=zero -> did you mean 'program'?
map:write=zero -> did you mean 'rw'?
cause:full=wait(60) -> did you mean 'nospace'?
cause:enospc=wait(60) -> did you mean 'nospace'?
PATH:/x=zero -> did you mean 'path'?
path:/x=Zero -> did you mean 'zero'?
*=zero(2) -> unknown argument '2', one of page, range
path:/x=zero(range -> no ')' after '('
path:[a=zero -> no ']' after '['
@/etc/nothere -> cannot read '@/etc/nothere': not found
@/etc -> cannot read '@/etc': is a directory
*=chain,strict -> only the first item of SIGBUS_POLICY can be 'strict'
END
}

# What is right in form and can do nothing is told, and the program is started all the same.
@test "wrong input: rules that can never match" {
    local rule meant

    while IFS= read -r rule; do
        meant=${rule##* -> } rule=${rule%% -> *}
        run "$SIGBUS_RUN" --policy "$rule" true
        assert_success
        assert_output --partial "'$rule' can never match: "
        assert_output --partial "did you mean '$meant'?"
        run "$SIGBUS_RUN" --policy "$meant=zero" true
        assert_success
        assert_output ''
    done <<'END'
program:/usr/bin/sway=zero -> program:sway
owner:/usr/lib/libfoo.so*=zero -> owner:libfoo.so*
path:data=zero -> path:*/data
path:~/data=zero -> path:*/data
path:$HOME/data=zero -> path:*/data
END
    run "$SIGBUS_RUN" --policy 'path:$XDG_RUNTIME_DIR/*=zero,path:*.db=chain,path:anon_inode:*=zero' true
    assert_output ''
}

@test "wrong input: rules whose actions can never act" {
    run "$SIGBUS_RUN" --policy 'cause:nospace=reserve|wait(1)' true
    assert_success
    assert_output --partial "'cause:nospace=reserve|wait(1)' cannot act: reserve acts when a file is mapped"
    run "$SIGBUS_RUN" --policy '*=chain+hangup' true
    assert_success
    assert_output --partial "'*=chain+hangup' cannot act: +hangup acts where zero or ones has answered"
    run "$SIGBUS_RUN" --policy 'fs:tmpfs=reserve,*=owner|zero+hangup,@compositor+hangup,*=wait(1)|ones+hangup' true
    assert_output ''
}

@test "wrong input: places for reports" {
    table --log <<'END'
mylog.txt -> did you mean "./mylog.txt"?
json -> did you mean "json:stderr"?
json:log.json -> did you mean "json:./log.json"?
stderr,+start -> did you mean "stderr+start"?
jounal -> did you mean "journal"?
stdrr+start -> did you mean "stderr+start"?
syslog -> did you mean "journal"?
stdout -> did you mean "fd:1"?
none -> did you mean "off"?
- -> did you mean "stderr"?
fd:x -> no number of a file descriptor in "fd:x"
standard -> unknown destination "standard"; valid are stderr
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

# Rows of a command and the words of the one line that it is refused with.
assert_rows_refused() {
    local row

    while IFS= read -r row; do
        # shellcheck disable=SC2086
        run $tools/${row%% -> *}
        [ "$status" != 0 ]
        assert_equal "${#lines[@]}" 1
        assert_output --partial "${row##* -> }"
    done
}

@test "wrong input: commands, processes and cores" {
    local tools=${SIGBUS_INSTALLED:-$top_builddir}

    assert_rows_refused <<'END'
sigbus-run @compositor true -> @compositor: not found; did you mean --policy '@compositor'?
sigbus-run path:/x=zero true -> did you mean --policy 'path:/x=zero'?
sigbus-run --policy @compositor -> no command is named
sigbus-run nosuchcommand -> nosuchcommand: not found
sigbus-run /etc/passwd -> /etc/passwd: cannot be executed
sigbus-stat nosuchname -> no process has this name
sigbus-stat 12ab -> not a process id
sigbus-stat 0 -> not a process id
sigbus-stat -p 1 -> -p: unknown option
sigbus-stat --metrics --json -> leave --json and --watch out
END
    [ -x "$tools/sigbus-explain" ] || return 0
    assert_rows_refused <<'END'
sigbus-explain nosuch -> nosuch: No such file
sigbus-explain 0 -> a file of that name is ./0
sigbus-explain /etc/passwd -> neither a core nor a log in JSON
sigbus-explain /bin/true -> a program or a library, not a core
sigbus-explain /tmp -> not a regular file
sigbus-explain a b -> one core, log or process at a time
sigbus-explain --jsn core -> --jsn: unknown option
END
}
