# SPDX-License-Identifier: MIT
#
# Programs in secure mode (AT_SECURE): who starts them must not tell us anything. All of it happens
# in a mount namespace of its own: nothing of the system is changed.

load ../harness/helper

# The program says on what it stands and loses a page; then it dies, or reads a zero.
victim=(open:memfd size:4 fill map:4,shared,rw size:2 read:3)
ours_says='libsigbus: SIGBUS in victim\['

setup_file() {
    [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || return 0
    command -v setpriv setcap >/dev/null || return 0
    # Where the library looks for the administrator's policy, and the loader for trusted libraries.
    policy_file=$(grep -ao '/[[:print:]]*/libsigbus\.policy' "$SIGBUS_LIB" | head -n 1)
    libraries=$(dirname "$(readlink -f "$(ldd "$SIGBUS_LIB" | awk '$1 ~ /^libc\.so/ { print $3 }')")")
    cat >"$BATS_FILE_TMPDIR/stage" <<END
set -e
work=$BATS_FILE_TMPDIR/work
mkdir -p "\$work" "$(dirname "$policy_file")"
mount -t tmpfs -o mode=0755 tmpfs "\$work"
mkdir "\$work/upper" "\$work/inner"
mount -t overlay -o "lowerdir=$libraries,upperdir=\$work/upper,workdir=\$work/inner" \
    overlay "$libraries"
mount -t tmpfs -o mode=0755 tmpfs "$(dirname "$policy_file")"
install -m 4755 "$SIGBUS_LIB" "$libraries/libsigbus.so.0"
policy=$policy_file
victim=\${policy%/*}/victim # where anybody may look
install -m 0755 "$PROGS/pages" "\$victim"
# As somebody else, with an environment that would help the program if it were read.
start() { # PROGRAM [ARG...]
    local program=\$1
    shift
    cd /
    setpriv --reuid 65534 --regid 65534 --clear-groups env LD_PRELOAD=libsigbus.so.0 \
        SIGBUS_POLICY="*=zero" SIGBUS_LOG=off SIGBUS_ONLY=\${only:-victim} "\$program" "\$@"
}
END
    unshare -m bash -c ". '$BATS_FILE_TMPDIR/stage'; start /bin/true" 2>"$BATS_FILE_TMPDIR/error" &&
        touch "$BATS_FILE_TMPDIR/works"
}

setup() {
    [ -e "$BATS_FILE_TMPDIR/works" ] ||
        skip "no mount namespace with an overlay can be made: $(cat "$BATS_FILE_TMPDIR/error" 2>&1)"
}

# SCRIPT makes the program secure and perhaps writes $policy.
secure() { # SCRIPT
    run --separate-stderr unshare -m bash -c \
        ". '$BATS_FILE_TMPDIR/stage'; $1"'; start "${program:-$victim}" "$@"' bash "${victim[@]}"
    output=$output$stderr
}

# The environment has no say: the built-in policy, and the report on stderr.
assert_dies() {
    assert_equal "$status" 135
    assert_output --regexp "$ours_says.* rule \*=owner\|chain \(built-in\): .*killed by SIGBUS"
}

@test "secure: a program that is not secure believes the environment" {
    secure :
    assert_success
    refute_output --partial libsigbus
}

@test "secure: set-user-ID: the environment has no say" {
    secure 'chmod 4755 $victim'
    assert_dies
    secure 'chmod 4755 $victim; only=nobody'
    assert_dies
}

@test "secure: set-group-ID" {
    secure 'chmod 2755 $victim'
    assert_dies
}

@test "secure: file capabilities" {
    secure 'setcap cap_kill=ep $victim'
    assert_dies
}

@test "secure: the administrator's file gives the policy, and may include files of root's" {
    secure 'chmod 4755 $victim; printf "# ours\nprogram:victim = zero\n" >$policy'
    assert_success
    assert_output --regexp "$ours_says.* rule program:victim = zero \(item 2, line 2\): zero, 2 pages"
    secure 'chmod 4755 $victim; echo "program:victim=zero" >${policy%/*}/other
        echo "@${policy%/*}/other" >$policy'
    assert_success
    assert_output --regexp "$ours_says.* \(item 1, line 1\): zero, 2 pages"
}

@test "secure: nothing that others than root can write is believed" {
    for how in 'chmod 0664 $policy' 'chmod 0646 $policy' 'chown 65534 $policy'; do
        secure 'chmod 4755 $victim; echo "*=zero" >$policy; '"$how"
        assert_dies
        assert_output --partial "libsigbus.policy is not used: others than root can write it, or"
    done
    secure 'chmod 4755 $victim; echo "*=zero" >${policy%/*}/other; chown 65534 ${policy%/*}/other
        echo "@${policy%/*}/other" >$policy'
    assert_dies
    assert_output --partial 'others than root can write it'
    secure 'chmod 4755 $victim; mkfifo $policy'
    assert_dies
    assert_output --partial 'libsigbus.policy cannot be read'
}

@test "secure: a mistake in the file is told with its place" {
    secure 'chmod 4755 $victim; printf "*=zero\nowner:x=zreo\n" >$policy'
    assert_dies
    assert_output --regexp "libsigbus\.policy: line 2, column 9: unknown action '\.\.\.', one of owner, zero"
    secure 'chmod 4755 $victim; printf "*=zero\nstrikt\n" >$policy'
    assert_dies
    assert_output --regexp 'libsigbus\.policy: line 2, column 1: expected MATCH=ACTION'
}

@test "secure: nothing of a text that the user may not read is shown" {
    secure 'chmod 4755 $victim; file=${policy%/*}/shadow
        echo "root:secret:1::" >$file; chmod 600 $file; printf "\n@$file\n" >$policy'
    assert_dies
    assert_output --regexp 'libsigbus\.policy: line 2, column 1: expected MATCH=ACTION.* in what is included there'
    refute_output --partial secret
    refute_output --partial shadow
    secure 'chmod 4755 $victim; echo "owner:secret" >$policy; chmod 600 $policy'
    assert_dies
    assert_output --partial libsigbus.policy
    refute_output --partial secret
}

@test "secure: only a file that root alone can choose is included" {
    local dir='chmod 4755 $victim; dir=${policy%/*}/dir; mkdir -m 755 $dir; echo "*=zero" >$dir/rules
        echo "@$dir/rules" >$policy'

    secure "$dir"
    assert_success
    for how in 'chown 65534 $dir' 'chmod 1777 $dir' 'chmod 775 $dir'; do
        secure "$dir; $how"
        assert_dies
        assert_output --partial "others than root can write it, or a directory that leads to it"
    done
    for how in 'mv $dir $dir.real; ln -s $dir.real $dir' \
        'mv $dir/rules $dir/real; ln -s $dir/real $dir/rules'; do
        secure "$dir; $how"
        assert_dies
        assert_output --partial "a symbolic link leads to it"
    done
    # Found from the user's current directory.
    for name in ./rules dir/../rules; do
        secure "$dir"'; echo "@'"$name"'" >$policy'
        assert_dies
        assert_output --partial "the name of a file begins with '/'"
    done
    secure "$dir"'; mv $policy $dir/policy; ln -s $dir/policy $policy'
    assert_dies
    assert_output --partial "libsigbus.policy is not used: a symbolic link leads to it"
    # A preset needs no file.
    secure "$dir"'; echo "@container,*=zero" >$policy'
    assert_success
}

# In the text of a report that tells all but that.
@test "secure: who starts it does not learn where its memory is" {
    secure 'chmod 4755 $victim; echo "*=zero" >$policy'
    assert_success
    assert_output --regexp "$ours_says.*: page of .* at \(hidden\), offset 0x[0-9a-f]+, read by victim\+0x"
    assert_output --regexp "; mapping \(hidden\)-\(hidden\) rw-s made by victim\+0x"
    refute_output --partial 0x7
}

@test "secure: a link with another name is no other program" {
    secure 'chmod 4755 $victim; echo "program:sway=zero" >$policy; ln -s $victim ${victim%/*}/sway
        program=${victim%/*}/sway'
    assert_dies
}

@test "secure: the file is for secure programs only" {
    secure 'echo "*=abort" >$policy'
    assert_success
}
