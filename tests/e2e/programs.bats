# SPDX-License-Identifier: MIT
#
# Unmodified programs whose file is truncated as soon as they have mapped it (truncate-after-mmap.so
# does that): without a policy they end as without us, but not without a word.

load ../harness/helper

offset_and_toucher=', offset (0x[0-9a-f]+), read by [^ ]+[+]0x[0-9a-f]+; '
mapping_and_mapper='; mapping 0x[0-9a-f]+-0x[0-9a-f]+ r.-[sp] made by [^ ]+[+]0x[0-9a-f]+, '

setup() {
    export HOME=$BATS_TEST_TMPDIR
    cd "$BATS_TEST_TMPDIR" || return
}

# Runs PROGRAM while FILE, an absolute path, shrinks to SIZE bytes. The file is as before afterwards.
truncated() { # bare|with [OPTION...] FILE SIZE PROGRAM [ARG...]
    local settings preload apart edit but used truncate=$LIBS/truncate-after-mmap.so

    read_options "${@:2}"
    preload=$preload:$truncate
    [ "$1" = with ] || preload=$truncate
    shift $((used + 1))
    local file=$1 size=$2
    cp "$file" kept
    run --separate-stderr limited env LD_PRELOAD="$preload" TRUNCATE_PATH="$file" \
        TRUNCATE_SIZE="$size" "${settings[@]}" "${@:3}"
    cat kept >"$file"
}

# The end without us, but for lines of ours: the last one tells all.
is_explained() { # NAME FILE SIZE PROGRAM [ARG...]
    local name=$1 file=$2 size=$3 bare_status bare_output bare_stderr line
    shift 3

    truncated bare "$file" "$size" "$@"
    assert_equal "$status" "$bus_error"
    bare_status=$status bare_output=$output bare_stderr=$stderr
    truncated with "$file" "$size" "$@"
    assert_equal "$status" "$bare_status"
    assert_equal "$output" "$bare_output"
    assert_equal "$(grep -v '^libsigbus: ' <<<"$stderr")" "$bare_stderr"

    line=$(tail -n 1 <<<"$stderr")
    [[ $line == "libsigbus: SIGBUS in $name"*"], thread "* ]]
    [[ $line == *"page of \"$file\" is lost (BUS_ADRERR, truncated, file size $size) at 0x"* ]]
    [[ $line =~ $offset_and_toucher ]]
    ((BASH_REMATCH[1] >= size))
    [[ $line =~ $mapping_and_mapper ]]
    [[ $line == *"(built-in): no handler answered: killed by SIGBUS" ]]
}

@test "programs: python3" {
    local python

    skip_without python3
    python=$(python3 -c 'import sys; print(sys.executable)')
    head -c 8192 /dev/zero >data
    cat >read.py <<'END'
import mmap
file = open("data", "rb")
print(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[5000])
END
    is_explained "${python##*/}" "$PWD/data" 100 "$python" read.py
    assert_reports 1
    [[ $stderr == *"made by mmap."* || $stderr == *"made by ${python##*/}"* ]]
}

@test "programs: python3 that truncates its file itself" {
    local python

    skip_without python3
    python=$(python3 -c 'import sys; print(sys.executable)')
    cat >both.py <<'END'
import mmap, os
os.truncate("data", 8192)
file = open("data", "r+b")
memory = mmap.mmap(file.fileno(), 0)
os.truncate("data", 100)
print(memory[5000])
END
    : >data
    run_both "$python" both.py
    assert_equal "$status" "$bus_error"
    assert_reports 1
    [[ $stderr == *"page of \"$PWD/data\" is lost (BUS_ADRERR, truncated, file size 100) at "* ]]
    [[ $stderr == *", offset 0x1388, read by "* ]]
}

@test "programs: sqlite3" {
    skip_without sqlite3
    sqlite3 data 'create table t(a); with recursive c(x) as (select 1 union all select x + 1 from c
        where x < 3000) insert into t select hex(randomblob(20)) from c;'
    is_explained sqlite3 "$PWD/data" 8192 sqlite3 -cmd 'pragma mmap_size = 1000000' data \
        'select sum(length(a)) from t'
    assert_reports 1
    [[ $stderr == *"read by libsqlite3.so"*" made by libsqlite3.so"* || $stderr != *libsqlite3* ]]
}

# It has a handler for its own stack overflows: first that is asked, then it takes itself out.
@test "programs: rg --mmap" {
    skip_without rg
    seq 1 100000 >data
    is_explained rg "$PWD/data" 4096 rg --mmap -c 99999 data
    [[ ${stderr%%$'\n'*} == *"no handler answered"* || ${stderr%%$'\n'*} == *"handed to the handler"* ]]
}

@test "programs: rg --mmap goes on if a rule says so" {
    skip_without rg
    seq 1 100000 >data
    truncated with --policy "path:$PWD/*&map:ro=zero(range)" "$PWD/data" 4096 rg -a --mmap -c 7 data
    assert_success
    assert_output "$(head -c 4096 data | grep -c 7)"
    assert_reports 1
}

@test "programs: git cat-file" {
    local pack

    skip_without git
    git init -q repository
    head -c 200000 /dev/urandom | base64 >repository/file
    git -C repository add file
    git -C repository -c user.name=x -c user.email=x@example.org commit -q -m x
    git -C repository repack -adq
    chmod u+w repository/.git/objects/pack/*
    pack=$(echo "$PWD"/repository/.git/objects/pack/*.pack)
    is_explained git "$pack" 4096 git -C repository cat-file blob HEAD:file
    is_explained git "$pack" 8192 git -C repository -c core.packedGitWindowSize=16384 cat-file blob \
        HEAD:file
    is_explained git "${pack%.pack}.idx" 0 git -C repository cat-file blob HEAD:file
    assert_reports 1
}

@test "programs: mdb_dump" {
    skip_without mdb_dump
    mkdir data
    {
        printf '%s\n' VERSION=3 format=print type=btree mapsize=1048576 HEADER=END
        for ((i = 0; i < 2000; i++)); do
            printf ' key%d\n value\n' "$i"
        done
        echo DATA=END
    } | mdb_load data
    is_explained mdb_dump "$PWD/data/data.mdb" 8192 mdb_dump data
    assert_reports 1
}
