#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Completion in bash, zsh and fish, as a user has it: a shell on a terminal, keys are typed, and what it
# shows is read.

load ../harness/helper

completions=$top_srcdir/completions

setup() {
    [ -d "$completions" ] || skip 'the source is not here'
    cd "$BATS_TEST_TMPDIR" || return
    PATH=${SIGBUS_INSTALLED:-$top_builddir}:$PATH
    victim=''
}

teardown() {
    [ -z "$victim" ] || kill -9 "$victim" 2>/dev/null
}

# Types a line in a shell and waits until all of the words are shown.
types() { # SHELL LINE WORD...
    skip_without python3
    skip_without "$1"
    cat >types.py <<'END'
import os, pty, select, sys, time

shell, directory, line, words = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
limit = time.monotonic() + float(os.environ["SIGBUS_TEST_LIMIT"])
setup = {
    "bash": ["bash --norc --noprofile -i", "PS1='re''ady> '; bind 'set show-all-if-ambiguous on'; "
        "bind 'set bell-style none'; bind 'set page-completions off'; . %s/sigbus.bash" % directory],
    "zsh": ["zsh -f -i", "PS1='re''ady> '; fpath=(%s $fpath); autoload -U compinit; "
        "compinit -u -d ./dump; setopt auto_list no_list_ambiguous no_beep" % directory],
}[shell]
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "dumb"
    os.execvp(setup[0].split()[0], setup[0].split())
seen = b""

def shown():
    """What is read on the screen: a backspace takes the sign in front of it away."""
    signs = []
    for sign in seen.decode(errors="replace"):
        if sign == "\b":
            del signs[-1:]
        else:
            signs.append(sign)
    return "".join(signs)

def wait(*wanted, again=b""):
    """Until all that is wanted is shown; again is typed when nothing new comes."""
    global seen
    while not all(word in shown() for word in wanted):
        if time.monotonic() > limit:
            sys.exit("not shown: %s\n%s" % (wanted, shown()))
        if select.select([fd], [], [], 0.5)[0]:
            seen += os.read(fd, 65536)
        else:
            os.write(fd, again)

os.write(fd, setup[1].encode() + b"\n")
wait("ready> ")
seen = b""
os.write(fd, line.encode())
wait(line)
os.write(fd, b"\t")
wait(*words, again=b"\t") # a shell lists nothing while there is more to be read
os.write(fd, b"\x03exit\n")
END
    run python3 types.py "$1" "$completions" "$2" "${@:3}"
    assert_success
}

start_victim() {
    env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG=off "$PROGS/stat-victim" "$LIBS" >ready 2>errors 3>&- &
    victim=$!
    disown $victim
    wait_for file_says ready ready
}

@test "completion: bash" {
    types bash 'sigbus-run --' --policy --log --only --check --force --list --version
    types bash 'sigbus-run --policy @' @compositor @container @diagnose
    types bash 'sigbus-run --policy @comp' 'sigbus-run --policy @compositor'
    types bash "sigbus-run --policy 'path:/x=" reserve abort chain
    types bash "sigbus-run --policy 'kind:" memfd hugetlb
    types bash "sigbus-run --policy 'path:/x&ca" 'path:/x&cause:'
    types bash 'sigbus-run --log jou' 'sigbus-run --log journal'
    types bash 'sigbus-stat --me' 'sigbus-stat --metrics'
    types bash 'sigbus-run --policy @diagnose sigbus-st' 'sigbus-stat'
    start_victim
    types bash "sigbus-stat ${victim%?}" "$victim"
    types bash 'sigbus-stat stat-v' 'stat-victim'
}

@test "completion: zsh" {
    types zsh 'sigbus-run --' --policy --log --only --check --force --list --version
    types zsh 'sigbus-run --policy @' @compositor @container @diagnose
    types zsh "sigbus-run --policy path:/x=re" 'path:/x=reserve'
    types zsh 'sigbus-run --policy kind:hug' 'kind:hugetlb'
    types zsh 'sigbus-run --log jou' 'sigbus-run --log journal'
    types zsh 'sigbus-stat --me' 'sigbus-stat --metrics'
    start_victim
    types zsh 'sigbus-stat stat-v' 'stat-victim'
}

fish_completes() { # LINE WORD...
    run fish -c 'source $argv[1]; complete -C $argv[2]' "$completions/sigbus.fish" "$1"
    assert_success
    local word
    for word in "${@:2}"; do
        assert_line --regexp "^$word($|[[:blank:]])"
    done
}

@test "completion: fish" {
    skip_without fish
    export HOME=$PWD
    fish_completes 'sigbus-run --' --policy --log --only --check --force --list --version
    fish_completes 'sigbus-run --policy @' @compositor @container @diagnose
    fish_completes "sigbus-run --policy 'path:/x=" path:/x=reserve path:/x=zero
    fish_completes 'sigbus-run --policy kind:' kind:memfd kind:hugetlb
    fish_completes 'sigbus-run --log j' journal json:
    fish_completes 'sigbus-stat --' --metrics --watch --json
    fish_completes 'sigbus-run --policy @diagnose ls --al' --all
    start_victim
    fish_completes 'sigbus-stat ' "$victim" stat-victim
    fish_completes 'sigbus-explain ' "$victim"
}

@test "completion: what each of them completes is what the programs say" {
    local words
    words=$(bash -c '. "$1"; _sigbus_list keys; _sigbus_list actions; _sigbus_list presets' \
        bash "$completions/sigbus.bash")
    for word in owner: path: cause: zero 'wait(' reserve @compositor; do
        grep -qxF "$word" <<<"$words" || fail "$word is not among: $words"
    done
    # Whatever has a list of values in --list can be completed.
    run bash -c '. "$1"; _sigbus_values cause' bash "$completions/sigbus.bash"
    assert_line truncated
    assert_line unknown
}
