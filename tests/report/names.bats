#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Names that others chose, in every place that prints one: nothing of them reaches a terminal as a
# control character, and no name looks like a line of ours.

load ../harness/helper
load ../harness/log

# ESC, BEL, DEL, C1 as UTF-8 and as a byte, what is no UTF-8, and a line that looks like ours.
evil=$'e\e[31m\a\x7f\xc2\x9b\x9b\xff\nlibsigbus: forged'
shown='e\x1b[31m\x07\x7f\xc2\x9b\x9b\xff\x0alibsigbus: forged'
STAT=${SIGBUS_INSTALLED:-$top_builddir}/sigbus-stat

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# The output of a command, as bytes, is plain and shows the name; nothing is forged.
plain() { # COMMAND [ARG...]
    "$@" >out 2>&1 || :
    assert [ -s out ]
    if LC_ALL=C grep -naP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\x9b|\xff' out; then
        printf 'raw bytes from: %q\n' "$*"
        return 1
    fi
    if grep -n '^libsigbus: forged' out; then
        printf 'a forged line from: %q\n' "$*"
        return 1
    fi
}

showing() { # COMMAND [ARG...]
    plain "$@"
    grep -qF -e "${expected:-$shown}" out || {
        printf 'the name is not shown: %q\n' "$*"
        cat out
        return 1
    }
}

compiled() { # FILE [OPTION...]
    local file=$1
    shift
    echo 'int main(void) { return 0; }' >main.c
    "$CC" -o "$file" main.c "$@"
}

@test "names: sigbus-run: commands and options" {
    echo data >"$evil"
    showing "$SIGBUS_RUN" "no-such-$evil"
    showing "$SIGBUS_RUN" "./no-such-$evil"
    showing "$SIGBUS_RUN" "./$evil"
    showing "$SIGBUS_RUN" "--$evil"
    showing "$SIGBUS_RUN" "--check=$evil"
    expected='-\x1b' showing "$SIGBUS_RUN" $'-\e'
    expected='-\xff' showing "$SIGBUS_RUN" $'-\xff'
}

@test "names: sigbus-run: policies, logs and programs to be active in" {
    expected='\x1b' showing "$SIGBUS_RUN" --policy "*=$evil" true
    expected='\x1b' showing "$SIGBUS_RUN" --policy "$evil:x=zero" true
    expected='\x1b' showing "$SIGBUS_RUN" --policy "@$evil" true
    expected='\x1b' showing "$SIGBUS_RUN" --policy $'@./e\e[31m\xff' true
    printf '*=\e[31m\xff\n' >$'f\e\xff'
    expected='f\x1b\xff: line 1, column 3: unknown action '\''\x1b[31m\xff' showing "$SIGBUS_RUN" --policy $'@./f\e\xff' true
    showing "$SIGBUS_RUN" --log "$evil" true
    showing "$SIGBUS_RUN" --log "./none/$evil" true
    mkdir "$evil"
    showing "$SIGBUS_RUN" --log "./$evil" true
    showing "$SIGBUS_RUN" --only "$evil/" true
    showing "$SIGBUS_RUN" --only "[$evil" true
    showing "$SIGBUS_RUN" --check --only "$evil" cat
}

@test "names: sigbus-run: directories" {
    mkdir -p "$evil/.libs"
    echo '*=zero' >"$evil/rules"
    cp "$SIGBUS_RUN" "$evil/sigbus-run"
    echo text >"$evil/.libs/libsigbus.so"
    showing "./$evil/sigbus-run" true
    cd "$evil"
    showing "$SIGBUS_RUN" --policy @./rules true
}

@test "names: sigbus-run --check" {
    compiled "$evil"
    showing "$SIGBUS_RUN" --check "./$evil"
    compiled linker -Wl,--dynamic-linker=/no/such/0123456789
    sed -i 's|/no/such/0123456789|/no/\x1b\x07\x7f\xc2\x9b\xff/ld-musl|' linker
    expected='/no/\x1b\x07\x7f\xc2\x9b\xff' showing "$SIGBUS_RUN" --check ./linker
    printf '#!/no/\e\a\x7f\xc2\x9b\xff x\n' >script
    chmod +x script
    expected='/no/\x1b\x07\x7f\xc2\x9b\xff: ' showing "$SIGBUS_RUN" --check ./script
    printf '#!\n' >"$evil-script"
    chmod +x "$evil-script"
    showing "$SIGBUS_RUN" --check "./$evil-script"
}

@test "names: sigbus-run: the right order" {
    skip_unless_root
    compiled starter
    compiled "$evil"
    chgrp 65534 starter
    chmod 2755 starter
    showing "$SIGBUS_RUN" --policy @compositor ./starter -t "$evil" "./$evil" "$evil"
}

@test "names: the library: mistakes in the environment, and its start line" {
    cp "$(type -P cat)" "$evil"
    expected='\x1b' showing env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_POLICY="*=$evil" cat /dev/null
    showing env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG="$evil" cat /dev/null
    showing env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG=stderr+start "./$evil" /dev/null
}

@test "names: the library: a report of a program, thread, file and owner of such names" {
    local dest json=${shown//\\/\\\\}
    cp "$PROGS/pages" "$evil"
    for dest in stderr json:./log ./log stderr+backtrace; do
        rm -f log
        [ "$dest" != json:./log ] || local expected=$json
        SIGBUS_LOG=$dest showing sh -c '"$@"; cat log 2>/dev/null; :' sh env LD_PRELOAD="$SIGBUS_LIB" \
            SIGBUS_POLICY='*=zero' "./$evil" "open:$PWD/f$evil" size:8 fill map:8,shared,rw size:4 read:6
        grep -qF "f${expected:-$shown}" out
        unset expected
    done
    # What is fatal has a rule and a summary, too.
    SIGBUS_POLICY="program:$(printf 'e\e*')=abort" showing env LD_PRELOAD="$SIGBUS_LIB" "./$evil" \
        "open:$PWD/f$evil" size:8 fill map:8,shared,rw size:4 read:6
}

@test "names: the library: the journal's fields" {
    cp "$PROGS/pages" "$evil"
    journal --policy '*=zero' "$PWD/$evil" "open:$PWD/f$evil" size:8 fill map:8,shared,rw size:4 \
        read:6
    printf '%s' "$output$stderr" >printed
    expected="f$shown" showing cat printed
}

@test "names: sigbus-stat" {
    plain "$STAT" "$evil"
    plain "$STAT" "--$evil"
    plain "$STAT" $'-\e'
    cp "$PROGS/stat-victim" "$evil"
    head -c 16384 /dev/zero >"f$evil"
    LD_PRELOAD=$SIGBUS_LIB SIGBUS_LOG=off "./$evil" "$LIBS" "file:f$evil" p.install:nothing \
        >ready 3>&- &
    local pid=$!
    wait_for file_says ready ready
    showing "$STAT" "$pid"
    grep -qF "f$shown" out
    expected=${shown//\\/\\\\} showing "$STAT" --json "$pid"
    kill -KILL "$pid"
}
