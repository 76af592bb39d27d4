#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The launcher, as sigbus-run(1) describes it.

load ../harness/helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

sigbus_run() {
    "$SIGBUS_RUN" "$@"
}

preload_of() { # PRELOAD: what the program gets as LD_PRELOAD
    LD_PRELOAD=$1 "$SIGBUS_RUN" printenv LD_PRELOAD
}

our_path() {
    sigbus_run printenv LD_PRELOAD
}

# A program that prints whether it has us, linked with the given options.
compile_probe() { # FILE COMPILER [OPTION...]
    local file=$1
    shift
    cat >probe.c <<'END'
#include <stdio.h>
#include <string.h>
int main(void)
{
	char line[4096];
	FILE *maps = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "libsigbus"))
			return puts("loaded") < 0;
	return puts("absent") < 0;
}
END
    "$@" -o "$file" probe.c
}

# ---- running ----

@test "the program runs with the library loaded" {
    run sigbus_run cat /proc/self/maps
    assert_success
    assert_output --partial libsigbus.so
}

@test "the process id stays the same" {
    run bash -c "echo \$\$; exec '$SIGBUS_RUN' sh -c 'echo \$\$'"
    assert_success
    assert_equal "${lines[0]}" "${lines[1]}"
}

@test "the program's status is the status" {
    run sigbus_run sh -c 'exit 42'
    assert_failure 42
    run sigbus_run sh -c 'kill -TERM $$'
    assert_failure 143
}

@test "arguments arrive as they are" {
    run sigbus_run printf '<%s>' 'a b' '' '*' "it's" '"$x"' '\n' -- --policy 'new
line'
    assert_success
    assert_output "<a b><><*><it's><\"\$x\"><\\n><--><--policy><new
line>"
}

@test "options end at the command and at --" {
    run sigbus_run printf '%s.' --help --policy
    assert_output -- '--help.--policy.'
    run sigbus_run --log off -- printf '%s.' --log x
    assert_output -- '--log.x.'
}

@test "standard input and output are the program's" {
    run bash -c "echo text | '$SIGBUS_RUN' cat"
    assert_output text
}

@test "the environment stays as it is but for what was asked" {
    env -i PATH="$PATH" status=1 found=2 library=3 IFS=x option=4 CDPATH=/ PWD="$PWD" _=x \
        sh -c env | grep -v -e '^_=' -e '^OLDPWD=' | sort >bare
    env -i PATH="$PATH" status=1 found=2 library=3 IFS=x option=4 CDPATH=/ PWD="$PWD" _=x \
        "$SIGBUS_RUN" sh -c env | grep -v -e '^_=' -e '^OLDPWD=' | sort >with
    run diff bare with
    assert_output --regexp $'^[0-9a]+\n> LD_PRELOAD=[^\n]*$'
}

@test "the program has its environment and its name under every kind of rule" {
    cat >name.c <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
	return printf("%s %s\n", program_invocation_short_name, getenv("NAME")) < 0;
}
END
    "$CC" -o name name.c
    for policy in '*=owner|chain' 'owner:x=zero' 'path:/x=zero' @compositor; do
        NAME=value run sigbus_run --policy "$policy" ./name
        assert_output 'name value'
    done
}

@test "--policy, --log and --only become variables, in both forms" {
    show='echo "$SIGBUS_POLICY|$SIGBUS_LOG|$SIGBUS_ONLY"'
    run sigbus_run --policy 'path:/x y/*=zero' --log off --only 'a*,b' sh -c "$show"
    assert_output 'path:/x y/*=zero|off|a*,b'
    run sigbus_run --policy='*=chain' --log=off --only='a,b' sh -c "$show"
    assert_output '*=chain|off|a,b'
}

@test "relative files are found from another directory too" {
    cd "$BATS_TEST_TMPDIR"
    mkdir sub
    echo '*=abort' >rules
    run sigbus_run --policy '@./rules,*=zero' --log json:./log sh -c \
        "cd sub; echo \"\$SIGBUS_POLICY|\$SIGBUS_LOG\""
    assert_output "@$PWD/./rules,*=zero|json:$PWD/./log"
}

@test "what was checked is what runs, byte for byte" {
    show='printf "<%s>" "$SIGBUS_POLICY"'
    for policy in 'path:/a\,@b=zero' 'path:/a\,@b/c=zero,*=chain' $'*=zero\n' 'path:/x\\y=zero , *=chain' \
        ' @compositor , *=chain ' 'path:* ;&=zero'; do
        run sigbus_run --policy "$policy" sh -c "$show"
        [ "$status" = 2 ] || assert_output "<$policy>"
    done
    # The directory is named so that its name alone would add rules, or end the policy.
    mkdir 'a,*=abort,b' 'c+quiet&d\e=f' $'g\nh'
    for directory in 'a,*=abort,b' 'c+quiet&d\e=f'; do
        cd "$BATS_TEST_TMPDIR/$directory"
        echo 'path:/x=zero' >rules
        run sigbus_run --policy @./rules sh -c "$show; cd /; SIGBUS_LOG=stderr+start cat /dev/null"
        assert_success
        assert_output --regexp '^<@/.*/\./rules>.*, rules: 2$'
    done
    cd "$BATS_TEST_TMPDIR"/$'g\nh'
    cp ../a*/rules .
    run sigbus_run --policy @./rules echo started
    assert_failure 2
    assert_output --regexp '^sigbus-run: the name of the current directory holds a newline.*/g\\x0ah$'
    run sigbus_run --policy @"$BATS_TEST_TMPDIR/a\\,*=abort\\,b/rules" echo started
    assert_output started
    run sigbus_run --policy @"$BATS_TEST_TMPDIR/a,*=abort,b/rules" echo started
    assert_failure 2
}

@test "a command with the name of an option of exec" {
    for name in -c -a -l; do
        printf '#!/bin/sh\necho "<$0>"\n' >./"$name"
        chmod +x ./"$name"
        PATH=$PWD:$PATH run sigbus_run -- "$name"
        assert_success
        assert_output "<$PWD/$name>"
    done
}

@test "what is no program and no script is given to the shell" {
    echo 'echo "text $1"' >plain
    chmod +x plain
    run sigbus_run ./plain x
    assert_output 'text x'
}

@test "a wrong --log starts nothing" {
    for log in out.log fd: fd:9x fd:99999999999 json: json:off journal+strat stderr+start+start \
        http:./x json:json:./x ./%d; do
        run sigbus_run --log "$log" echo started
        assert_equal "$status" 2
        assert_output --partial "sigbus-run: --log: "
        assert_output --partial " \"$log\"; valid are stderr, off, journal"
        refute_output --partial started
    done
    SIGBUS_LOG=x run sigbus_run echo started
    assert_equal "$status" 2
    assert_output --partial 'SIGBUS_LOG: unknown destination "x"'
}

@test "options that are not given leave their variables alone" {
    run env SIGBUS_POLICY='*=chain' SIGBUS_LOG=off SIGBUS_ONLY=x "$SIGBUS_RUN" env
    assert_line 'SIGBUS_POLICY=*=chain'
    assert_line 'SIGBUS_LOG=off'
    assert_line 'SIGBUS_ONLY=x'
    run env -i PATH="$PATH" "$SIGBUS_RUN" env
    assert_line --partial LD_PRELOAD=
    refute_output --partial SIGBUS_
}

@test "a preset is found" {
    run sigbus_run --policy @compositor sh -c 'echo started'
    assert_success
    assert_output started
}

# ---- LD_PRELOAD ----

@test "LD_PRELOAD of the caller is kept, behind us" {
    run preload_of 'libm.so.6 libdl.so.2'
    assert_output "$(our_path):libm.so.6:libdl.so.2"
}

@test "a pattern in LD_PRELOAD is not expanded" {
    touch one.so two.so
    run --separate-stderr preload_of './*.so'
    assert_output "$(our_path):./*.so"
}

@test "nothing but the program is started" {
    cat >name.c <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
__attribute__((constructor)) static void name(void)
{
	FILE *file = fopen("names", "a");

	fprintf(file, "%s\n", program_invocation_short_name);
	fclose(file);
}
END
    "$CC" -shared -fPIC -o name.so name.c
    LD_PRELOAD=$PWD/name.so run sigbus_run --policy '*=chain' true
    assert_success
    run cat names
    assert_output $'sigbus-run\ntrue'
}

@test "we are in LD_PRELOAD once" {
    run preload_of "$(our_path)"
    assert_output "$(our_path)"
    run preload_of "libm.so.6:$(our_path)"
    assert_output "$(our_path):libm.so.6"
    run sigbus_run "$SIGBUS_RUN" printenv LD_PRELOAD
    assert_output "$(our_path)"
}

@test "a sanitizer's library stays first" {
    echo >empty.c
    for name in asan lsan tsan ubsan; do # the real ones stop the shell
        "$CC" -shared -fPIC -o lib$name.so.8 empty.c
        run preload_of "$PWD/lib$name.so.8:libm.so.6"
        assert_output "$PWD/lib$name.so.8:libm.so.6:$(our_path)"
    done
}

@test "libjsig stays in front of us; a program linked with it is told" {
    echo >empty.c
    "$CC" -shared -fPIC -Wl,-soname,libjsig.so -o libjsig.so empty.c
    run preload_of "libm.so.6:$PWD/libjsig.so"
    assert_output "libm.so.6:$PWD/libjsig.so:$(our_path)"
    compile_probe probe "$CC" -Wl,--no-as-needed -L. -ljsig
    LD_LIBRARY_PATH=$PWD run sigbus_run --check ./probe
    assert_success
    assert_line --regexp '^./probe: note: linked with libjsig, which would come behind libsigbus .*; way out: LD_PRELOAD='
    compile_probe probe "$CC"
    run sigbus_run --check ./probe
    refute_output --partial libjsig
}

@test "a program that is linked with a sanitizer's library is told, unless that is preloaded" {
    local name

    echo >empty.c
    for name in asan tsan; do
        "$CC" -shared -fPIC -Wl,-soname,lib$name.so.8 -o lib$name.so.8 empty.c
        ln -sf lib$name.so.8 lib$name.so
        compile_probe probe "$CC" -Wl,--no-as-needed -L. -l$name
        LD_LIBRARY_PATH=$PWD run sigbus_run --check ./probe
        assert_failure 1
        assert_output --regexp "^./probe: linked with lib$name.so, which has to be the first library.*; way out: LD_PRELOAD="
        LD_LIBRARY_PATH=$PWD run --separate-stderr sigbus_run ./probe
        assert_success
        [[ $stderr == *"warning: ./probe: linked with lib$name.so, "* ]]
        LD_PRELOAD=$PWD/lib$name.so.8 LD_LIBRARY_PATH=$PWD run sigbus_run --check ./probe
        assert_success
    done
}

@test "an ASan program runs with us behind libasan" {
    asan=$("$CC" -print-file-name=libasan.so)
    [ "$asan" != libasan.so ] || skip 'libasan is not installed'
    compile_probe probe "$CC" -fsanitize=address || skip 'no -fsanitize=address'
    run env ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$(readlink -f "$asan")" "$SIGBUS_RUN" ./probe
    assert_success
    assert_output loaded
}

# ---- refusing ----

@test "127: the command is not found" {
    run -127 sigbus_run no-such-command
    assert_output 'sigbus-run: no-such-command: not found'
    run -127 sigbus_run ./no-such-command
}

@test "126: the command cannot be executed" {
    echo data >data
    run sigbus_run ./data
    assert_failure 126
    assert_output 'sigbus-run: ./data: cannot be executed'
    run sigbus_run /
    assert_failure 126
}

@test "2: usage" {
    run sigbus_run
    assert_failure 2
    assert_line --index 0 --partial usage:
    run sigbus_run --no-such-option true
    assert_failure 2
    assert_output 'sigbus-run: --no-such-option: unknown option (see sigbus-run --help)'
    for option in --policy --log --only; do
        run sigbus_run $option
        assert_failure 2
        assert_output --partial "$option needs a value"
    done
    run sigbus_run --check=yes true
    assert_failure 2
    assert_output 'sigbus-run: --check=yes: this option takes no value (see sigbus-run --help)'
    run sigbus_run --polcy x true
    assert_failure 2
    assert_output 'sigbus-run: --polcy: unknown option, did you mean --policy?'
    run sigbus_run --check -xh true
    assert_failure 2
    assert_output 'sigbus-run: -x: unknown option (see sigbus-run --help)'
}

@test "2: a bad policy gives one line and nothing starts" {
    run sigbus_run --policy '*=nonsense' touch started
    assert_failure 2
    assert_equal "${#lines[@]}" 1
    assert_output --partial nonsense
    run env SIGBUS_POLICY='*=nonsense' "$SIGBUS_RUN" touch started
    assert_failure 2
    run sigbus_run --policy @no-such-preset touch started
    assert_failure 2
    [ ! -e started ]
}

# A copy of the launcher that takes the given file for its library.
launcher_with() { # LIBRARY DIRECTORY
    mkdir -p "$2/.libs"
    cp "$SIGBUS_RUN" "$2/sigbus-run"
    cp "$1" "$2/.libs/libsigbus.so"
}

@test "2: the library cannot be read, or is none; --force starts all the same" {
    as_nobody
    launcher_with "$SIGBUS_LIB" here
    chmod 0600 here/.libs/libsigbus.so
    run "${as_user[@]}" ./here/sigbus-run echo started
    assert_failure 2
    assert_output "sigbus-run: $PWD/here/.libs/libsigbus.so: the library is missing or cannot be read"
    run "${as_user[@]}" ./here/sigbus-run --force printenv LD_PRELOAD
    assert_failure 1
    assert_output --regexp '^sigbus-run: warning: /.*/printenv: started without libsigbus: .* cannot be read$'
    echo text >text
    launcher_with text there
    run ./there/sigbus-run echo started
    assert_failure 2
    assert_output --partial 'is not a shared library; way out: install libsigbus again'
}

@test "2: a blank or a colon in the library's path" {
    for name in 'a b' a:b; do
        launcher_with "$SIGBUS_LIB" "$name"
        run "./$name/sigbus-run" echo started
        assert_failure 2
        assert_output --regexp "^sigbus-run: $PWD/$name/.*: LD_PRELOAD cannot hold a path with a blank or a colon"
        run --separate-stderr "./$name/sigbus-run" --force echo started
        assert_success
        assert_output started
        [[ $stderr == *'started without libsigbus'* ]]
    done
}

# ---- telling ----

@test "--help, --version and --list" {
    run sigbus_run --help
    assert_success
    for option in policy log only check force list help version; do
        assert_output --partial " --$option"
    done
    assert_equal "$(sigbus_run -h)" "$output"
    for option in --version -V; do
        run sigbus_run $option
        assert_success
        assert_output --regexp '^sigbus-run \(libsigbus\) [0-9.]+$'
    done
    run sigbus_run --list
    assert_success
    for word in owner zero chain abort path kind compositor; do
        assert_output --partial "$word"
    done
}

# ---- --check ----

@test "--check: a policy alone" {
    run sigbus_run --check --policy '*=owner|zero'
    assert_success
    assert_output ''
    run sigbus_run --check --policy '*=nonsense'
    assert_failure 2
}

@test "--check: all is well, and nothing is run" {
    run sigbus_run --check touch started
    assert_success
    assert_output --regexp '^/.*/touch: libsigbus can work in it, but not in what it opens with RTLD_DEEPBIND$'
    [ ! -e started ]
}

@test "--check: a program that --only does not name is no obstacle, but is told" {
    ln -s "$(command -v touch)" other
    for only in touch 't*' 'x,other'; do
        run sigbus_run --check --only "$only" ./other
        assert_success
        refute_output --partial dormant
    done
    run sigbus_run --check --only 'x,?ouch?' ./other
    assert_success
    assert_line --regexp "^.*/other: note: dormant in it, for 'x,\?ouch\?' does not name it"
    assert_line --partial 'libsigbus can work in it'
}

@test "--check: not found, not executable" {
    run -127 sigbus_run --check no-such-command
    echo data >data
    run sigbus_run --check ./data
    assert_failure 126
}

# What --check says is what happens: the named program, run, does not have us.
assert_ineffective() { # PROGRAM REGEXP
    run "${as_user[@]}" "$SIGBUS_RUN" --check "$1"
    assert_failure 1
    assert_equal "${#lines[@]}" 1
    assert_output --regexp "$2"
    assert_output --regexp 'ways? out'
    run "${as_user[@]}" "$SIGBUS_RUN" "$1"
    assert_failure 2
    assert_equal "${#lines[@]}" 1
    assert_output --regexp "^sigbus-run: .*$2"
    assert_output --regexp 'ways? out.* \(--force starts it all the same\)$'
    run --separate-stderr "${as_user[@]}" "$SIGBUS_RUN" --force "$1"
    assert_line absent
    [[ $stderr == 'sigbus-run: warning: '*': started without libsigbus: '* ]]
}

assert_effective() { # PROGRAM
    run "${as_user[@]}" "$SIGBUS_RUN" --check "$1"
    assert_success
    run "${as_user[@]}" "$SIGBUS_RUN" "$1"
    assert_output loaded
}

# Where another user can reach our files: those below /tmp and the library.
as_nobody() {
    skip_unless_root
    as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    "${as_user[@]}" test -r "$SIGBUS_LIB" || skip 'another user cannot read the build tree'
    "${as_user[@]}" test -x "$PWD" || chmod a+x . .. ../.. 2>/dev/null
    "${as_user[@]}" test -x "$PWD" || skip 'another user cannot reach the test directory'
}

@test "--check: a plain program" {
    compile_probe probe "$CC"
    assert_effective ./probe
}

@test "--check: setuid, and not for its owner" {
    skip_unless_root
    compile_probe probe "$CC"
    chmod 4755 probe
    run sigbus_run --check ./probe
    assert_success
    assert_output --partial 'note: not for this user, but for others: setuid'
    chown 65534 probe
    chmod 4755 probe
    assert_ineffective ./probe ': setuid: .*mode 4755'
}

@test "--check: setgid" {
    skip_unless_root
    compile_probe probe "$CC"
    chgrp 65534 probe
    chmod 2755 probe
    assert_ineffective ./probe ': setgid: .*mode 4755'
}

@test "--check: file capabilities, and not for root" {
    as_nobody
    skip_without setcap
    compile_probe probe "$CC"
    setcap cap_chown=ep probe || skip 'no file capabilities here'
    assert_ineffective ./probe ': file capabilities \(setcap -r.*mode 4755'
    as_user=()
    run sigbus_run --check ./probe
    assert_success
    assert_output --partial 'note: not for this user, but for others: file capabilities '
    run sigbus_run ./probe
    assert_output loaded
}

@test "--check: file capabilities that are inherited, and only by who has some" {
    as_nobody
    skip_without setcap
    compile_probe probe "$CC"
    setcap cap_chown=i probe || skip 'no file capabilities here'
    assert_effective ./probe
    as_user+=(--inh-caps +chown)
    "${as_user[@]}" true || skip 'no inheritable capabilities here'
    assert_ineffective ./probe ': file capabilities \(setcap -r.*mode 4755'
}

@test "--check: statically linked" {
    compile_probe probe "$CC" -static || skip 'no static libc'
    assert_ineffective ./probe 'statically linked'
    compile_probe probe "$CC" -static-pie
    assert_ineffective ./probe 'statically linked'
}

@test "a program that takes LD_PRELOAD from what it starts: the right order is told" {
    skip_unless_root
    compile_probe starter "$CC"
    chgrp 65534 starter
    chmod 2755 starter
    run sigbus_run --policy @compositor -- ./starter -t 3600 true 'a b'
    assert_failure 2
    assert_equal "${#lines[@]}" 1
    assert_output --regexp "^sigbus-run: ./starter: setgid: .*removes it for what the program starts.*; for what it starts the right order is: ./starter -t 3600 sigbus-run --policy @compositor -- true 'a b'$"
    skip_without ssh-agent
    [ -g "$(command -v ssh-agent)" ] || skip 'ssh-agent is not set-group-ID here'
    run sigbus_run --policy @compositor -- ssh-agent true
    assert_failure 2
    assert_output --partial 'the right order is: ssh-agent sigbus-run --policy @compositor -- true'
}

@test "with no_new_privs a set-group-ID program is as any other" {
    skip_unless_root
    skip_without setpriv
    compile_probe probe "$CC"
    chgrp 65534 probe
    chmod 2755 probe
    run setpriv --no-new-privs "$SIGBUS_RUN" ./probe
    assert_success
    assert_output loaded
}

@test "--check: a Go program is told, by its note" {
    cat >note.s <<'END'
.section .note.go.buildid,"a",@note
.long 4, 4, 4
.asciz "Go\0"
.long 0
END
    printf 'int main(void){return 0;}' >main.c
    "$CC" -o go main.c note.s
    run sigbus_run --check ./go
    assert_success
    assert_line --regexp '^./go: note: a Go program: it maps files by raw system calls'
    run sigbus_run ./go
    assert_success
    assert_output ''
}

@test "the dynamic linker itself is no static program" {
    loader=$(readelf -l "$(type -P cat)" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
    compile_probe probe "$CC"
    run sigbus_run "$loader" ./probe
    assert_output loaded
    run sigbus_run --check "$loader"
    assert_success
    assert_line --partial 'note: a dynamic linker'
}

@test "--check: musl" {
    skip_without musl-gcc
    compile_probe probe musl-gcc
    run sigbus_run --check ./probe
    assert_failure 1
    assert_output --regexp 'linked with musl.*way out'
    run --separate-stderr sigbus_run ./probe
    assert_success
    [[ $stderr == 'sigbus-run: warning: ./probe: linked with musl'* ]]
}

@test "--check: another class, another machine" {
    compile_probe probe "$CC"
    printf '\001' | dd of=probe bs=1 seek=4 conv=notrunc status=none
    run sigbus_run --check ./probe
    assert_failure 1
    assert_output --regexp 'a 32-bit program, and libsigbus is 64-bit; way out'
    printf '\002' | dd of=probe bs=1 seek=4 conv=notrunc status=none
    printf '\363\000' | dd of=probe bs=1 seek=18 conv=notrunc status=none
    run sigbus_run --check ./probe
    assert_failure 1
    assert_output --regexp 'for another machine \(ELF number 243, .*way out'
}

@test "--check: a missing dynamic linker" {
    compile_probe probe "$CC" -Wl,--dynamic-linker=/no/such/ld.so
    run sigbus_run --check ./probe
    assert_failure 1
    assert_output --regexp 'its dynamic linker /no/such/ld.so is missing; way out'
}

@test "--check: a script's interpreter is looked at" {
    printf '#!/bin/sh\n' >script
    chmod +x script
    run sigbus_run --check ./script
    assert_success
    assert_output '/bin/sh: libsigbus can work in it, but not in what it opens with RTLD_DEEPBIND'
    compile_probe probe "$CC" -static || skip 'no static libc'
    printf '#! %s -x\n' "$PWD/probe" >script
    assert_ineffective ./script '/probe: statically linked'
    printf '#!/usr/bin/env -S A=1 probe -x\n' >script
    PATH=$PWD:$PATH run sigbus_run --check ./script
    assert_failure 1
    assert_output --partial 'probe: statically linked'
}

@test "--check: what is no regular file is not opened" {
    mkfifo pipe
    printf '#!%s\n' "$PWD/pipe" >script
    chmod +x script
    run sigbus_run --check ./script
    assert_failure 1
    assert_output --partial '/pipe: cannot be read, so it was not checked: not a regular file'
}

@test "--check: neither ELF nor script" {
    echo data >data
    chmod +x data
    run sigbus_run --check ./data
    assert_failure 1
    assert_output './data: neither an ELF program nor a script with #!'
}

@test "--check: a file that cannot be read" {
    as_nobody
    compile_probe probe "$CC"
    chmod 711 probe
    run "${as_user[@]}" "$SIGBUS_RUN" --check ./probe
    assert_failure 1
    assert_output --partial 'cannot be read, so it was not checked'
}

@test "sigbus-run: a log file that cannot be is said before it is needed" {
    local dest

    ln -sf /dev/null "$BATS_TEST_TMPDIR/link"
    for dest in "$BATS_TEST_TMPDIR/none/log" json:./none/log+start "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/link"; do
        run --separate-stderr "$SIGBUS_RUN" --log "$dest" true
        assert_success
        [[ $stderr == "sigbus-run: warning: reports will be lost: '"* ]]
    done
    for dest in "$BATS_TEST_TMPDIR/log" fd:2 fd:2+start json:fd:1; do
        run --separate-stderr "$SIGBUS_RUN" --log "$dest" true
        assert_success
        refute [ "${stderr#*lost}" != "$stderr" ]
    done
    run --separate-stderr "$SIGBUS_RUN" --log fd:77 true
    assert_equal "$stderr" "sigbus-run: warning: reports will be lost: 'fd:77': is not open"
}

@test "sigbus-run: a log file that another user has is said before it is needed" {
    as_nobody
    : >"$BATS_TEST_TMPDIR/theirs"
    mkdir -m 755 "$BATS_TEST_TMPDIR/directory"
    run --separate-stderr "${as_user[@]}" "$SIGBUS_RUN" --log "$BATS_TEST_TMPDIR/theirs" true
    assert_success
    assert_equal "$stderr" \
        "sigbus-run: warning: reports will be lost: '$BATS_TEST_TMPDIR/theirs': may not be written"
    run --separate-stderr "${as_user[@]}" "$SIGBUS_RUN" --log "$BATS_TEST_TMPDIR/directory/log" true
    assert_success
    [[ $stderr == *"': may not be made in $BATS_TEST_TMPDIR/directory/" ]]
}

@test "sigbus-run: --only that no program can match is an error" {
    local only

    for bad in '[a' 'x,[b-' 'a\'; do
        run "$SIGBUS_RUN" --only "$bad" true
        assert_failure 2
        assert_output --partial "sigbus-run: --only: '"
    done
    for only in '' , ,,; do
        run "$SIGBUS_RUN" --only "$only" true
        assert_failure 2
        assert_output --partial "--only: no program is named"
    done
    # Blanks do not count, and a variable that is empty is as one that is unset.
    for only in 'x, true' ' true ,x' '' ' '; do
        SIGBUS_ONLY=$only run "$SIGBUS_RUN" --log stderr+start true
        assert_success
        assert_output --partial 'libsigbus: active in true['
        SIGBUS_ONLY=$only run "$SIGBUS_RUN" --check true
        refute_output --partial dormant
    done
    SIGBUS_ONLY=a,/bin/true run "$SIGBUS_RUN" true
    assert_failure 2
    assert_output "sigbus-run: SIGBUS_ONLY: '/bin/true': programs are named without their directory, did you mean 'true'?"
}
