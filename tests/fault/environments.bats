# SPDX-License-Identifier: MIT
#
# Losses where the handler lacks something: no /proc, no free descriptor, another root, another user,
# system calls that are refused, little memory, little stack; and as the first process of a namespace.

load ../harness/helper

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    through=()
}

teardown() {
    rm -f "/dev/shm/sigbus-environments-$$"
}

# Runs loss-victim in the environment that the command through makes.
victim() { # [OPTION...] STEP...
    local settings preload apart edit but used

    read_options "$@"
    run --separate-stderr limited "${through[@]}" env ${preload:+LD_PRELOAD="$preload"} \
        "${settings[@]}" "$PROGS/loss-victim" "${@:used+1}"
    [ "$status" != 77 ] || skip "$stderr"
}

# FILE and CAUSE as the report has them.
assert_explained() { # FILE CAUSE
    [[ $stderr == *": page of $1 is lost (BUS_ADRERR, $2) at 0x"* ]]
    [[ $stderr == *" read by loss-victim+0x"*"; mapping 0x"*" made by loss-victim+0x"* ]]
}

# Without a rule it ends as without us, and explained; with one it is repaired.
explains_and_repairs() { # RULE FILE CAUSE STEP...
    local rule=$1 file=$2 cause=$3 bare_output
    shift 3

    victim --preload '' "$@" read:5
    assert_equal "$status" "$bus_error"
    bare_output=$output
    victim "$@" read:5
    assert_equal "$status" "$bus_error"
    assert_equal "$output" "$bare_output"
    assert_reports 1
    assert_explained "$file" "$cause"
    [[ $stderr == *"no handler answered: killed by SIGBUS"* ]]

    victim --policy $rule=zero "$@" read:5 write:7 bytes
    assert_success
    assert_lines "read 5 00" "write 7" "bytes 0-3:= 4-6:0 7-7:w"
    # Whether neighbours can be proved to be lost, too, depends on what may be asked there.
    [ "$(grep -c '^libsigbus: SIGBUS in' <<<"$stderr")" -ge 1 ]
    assert_explained "$file" "$cause"
    victim --policy $rule=ones "$@" read:5 bytes
    assert_success
    assert_lines "read 5 ff" "bytes 0-3:= 4-7:f"
    victim --policy "$rule=chain" "$@" handler:exit read:5
    assert_equal "$status" 40
    assert_lines "caught code=2 page=5"
}

truncated="truncated, file size 16384"

@test "environments: no /proc" {
    skip_unless_root
    through=(unshare -m sh -c 'umount -l /proc || exit 77; exec "$@"' -)
    explains_and_repairs "owner:loss-victim" "unknown memory" "cause unknown" \
        open:file "${lost_half[@]}"
}

@test "environments: no free descriptor" {
    explains_and_repairs "owner:loss-victim" "unknown memory" "cause unknown" \
        open:file "${lost_half[@]}" no-descriptors
}

@test "environments: in a chroot, with /proc" {
    skip_unless_root
    mkdir -p jail/proc
    cat >enter <<'END'
mount --bind /proc jail/proc || exit 77
exec "$@"
END
    through=(unshare -m sh enter)
    explains_and_repairs 'path:*/file' '"/file"' "$truncated" root:jail open:/file "${lost_half[@]}"
    # A file outside has no name there that leads to it.
    victim --policy "program:loss-victim=zero" open:outside "${lost_half[@]}" \
        root:jail read:5 bytes
    assert_success
    assert_lines "read 5 00" "bytes 0-3:= 4-7:0"
    [[ $stderr == *"outside\" is lost (BUS_ADRERR, "* ]]
}

@test "environments: in a chroot without /proc" {
    skip_unless_root
    mkdir jail
    explains_and_repairs "owner:loss-victim" "unknown memory" "cause unknown" \
        root:jail open:/file "${lost_half[@]}"
}

# Only the record of the mapping, or /proc, tells it then.
protections_are_kept() {
    victim --policy "*=zero" open:memfd size:8 fill map:8,shared,rw protect:6-6,ro \
        size:4 write:5 read:6 perms size:8 fill restore:0-7 perms bytes
    assert_success
    assert_line --regexp '^perms 0-3:rw-s 4-5:rw-p 6-6:r--p 7-7:rw-[sp]$'
    assert_line "perms 0-5:rw-s 6-6:r--s 7-7:rw-s"
    assert_line "bytes 0-7:="
    victim --policy "*=zero" open:memfd size:8 fill map:8,shared,ro protect:0-7,rw \
        size:4 write:5 write:7 bytes
    assert_success
    assert_line "bytes 0-3:= 4-4:0 5-5:w 6-6:0 7-7:w"
}

# What is not proved without these calls is not claimed.
@test "environments: under a filter that refuses unknown system calls" {
    local errno

    run "$PROGS/loss-filter"
    [ "$status" != 77 ] || skip "$output"
    for errno in 1 38; do # EPERM, ENOSYS
        # Without statx() a regular file as standard error cannot be known again: through a pipe.
        # shellcheck disable=SC2016
        through=(bash -c '{ "$@" 2>&1 >&3 | cat >&2; exit "${PIPESTATUS[0]}"; } 3>&1' -
            "$PROGS/loss-filter" "$errno")
        explains_and_repairs "path:$PWD/*" "\"$PWD/file\"" "cause unknown" open:file "${lost_half[@]}"
        explains_and_repairs "kind:memfd" '"/memfd:pages" (deleted)' "cause unknown" open:memfd \
            "${lost_half[@]}"
    done
    victim --policy "*=wait(1)|zero" open:memfd "${lost_half[@]}" read:5
    assert_success
    assert_lines "read 5 00"
    protections_are_kept
}

# Each mount makes the kernel say of one look in a hundred that it would have to wait.
@test "environments: while somebody mounts all the time" {
    through=("$PROGS/loss-again")
    explains_and_repairs "path:$PWD/*&cause:truncated" "\"$PWD/file\"" "$truncated" open:file \
        "${lost_half[@]}"
    skip_unless_root
    mkdir mount
    mount -t tmpfs -o size=16k none mount || skip "no file system can be mounted"
    victim --policy "cause:nospace=zero" open:mount/file size:8 map:8,shared,rw write:0 write:1 \
        write:2 write:3 write:5
    umount -l mount
    assert_success
    [[ $stderr == *"mount/file\" is lost (BUS_ADRERR, nospace on tmpfs, 0 bytes free)"* ]]
}

@test "environments: after setuid()" {
    local shared=/dev/shm/sigbus-environments-$$

    skip_unless_root
    explains_and_repairs "path:$shared&cause:truncated" "\"$shared\"" "$truncated" "open:$shared" \
        "${lost_half[@]}" user:65534
    explains_and_repairs "cause:truncated" '"/memfd:pages" (deleted)' "$truncated" open:memfd \
        "${lost_half[@]}" user:65534
    # Its directory is closed to that user.
    chmod 700 .
    explains_and_repairs "path:$PWD/*" "\"$PWD/file\"" "cause unknown" open:file \
        "${lost_half[@]}" user:65534
}

@test "environments: as the first process of a pid namespace" {
    skip_unless_root
    through=(unshare -pf --mount-proc)
    victim --preload '' open:file
    [ "$status" = 0 ] || skip "no pid namespace can be made"
    explains_and_repairs "path:$PWD/*&cause:truncated" "\"$PWD/file\"" "$truncated" open:file \
        "${lost_half[@]}"
    [[ $stderr == *"in loss-victim[1], thread 1 "* ]]
}

@test "environments: no more address space" {
    local half=(open:file "${lost_half[@]}" no-addresses)

    victim "${half[@]}" read:5
    assert_equal "$status" "$bus_error"
    assert_explained "\"$PWD/file\"" "$truncated"
    victim --policy "cause:truncated=zero" "${half[@]}" read:5 write:7 bytes
    assert_success
    assert_lines "read 5 00" "write 7" "bytes 0-3:= 4-6:0 7-7:w"
    # What is filled has its place from the start.
    victim --policy "*=ones" "${half[@]}" read:5 bytes
    assert_success
    assert_lines "read 5 ff" "bytes 0-3:= 4-7:f"
}

@test "environments: no more memory for data" {
    explains_and_repairs "cause:truncated" "\"$PWD/file\"" "$truncated" open:file "${lost_half[@]}" \
        no-data
}

@test "environments: little address space from the start" {
    through=(prlimit --as=16777216)
    explains_and_repairs "cause:truncated" "\"$PWD/file\"" "$truncated" open:file "${lost_half[@]}"
    victim --policy "*=zero" open:file "${lost_half[@]}" read:5 size:8 restore:0-7 \
        bytes
    assert_success
    assert_lines "read 5 00" "restore EOPNOTSUPP" "bytes 0-3:= 4-7:0"
}

@test "environments: a small stack" {
    through=(prlimit --stack=65536)
    explains_and_repairs "cause:truncated" "\"$PWD/file\"" "$truncated" open:file "${lost_half[@]}"
}

@test "environments: a small alternate stack" {
    explains_and_repairs "path:*" "\"$PWD/file\"" "$truncated" altstack:2048 open:file \
        "${lost_half[@]}"
    explains_and_repairs "fs:*&cause:truncated" "\"$PWD/file\"" "$truncated" altstack:4096 open:file \
        "${lost_half[@]}"
}

# 77: there was not even room to load env or the program.
with_addresses() { # BYTES STEP...
    local size=$1
    shift

    run --separate-stderr sh -c '"$@"; status=$?; case $status in 12[567]) status=77 ;; esac; exit $status' - \
        prlimit --as="$size" env LD_PRELOAD="$SIGBUS_LIB" "$PROGS/pages" "$@"
}

@test "environments: what is inactive under valgrind says so once, and why" {
    skip_without valgrind
    run --separate-stderr env LD_PRELOAD="$SIGBUS_LIB" valgrind -q "$(type -P true)"
    assert_success
    assert_equal "$(grep -c inactive <<<"$stderr")" 1
    [[ $stderr =~ ^libsigbus:\ inactive\ in\ true\[[0-9]+\]:\ signal\ 64\ cannot\ be\ had\ \(valgrind\?\)$ ]]
}

@test "environments: started through /proc or a descriptor, a program has the name of its file" {
    skip_in_emulator "has programs of its own"
    cat >self.c <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char *again[] = {"x", "y", NULL};

	if (argc > 1)
		return 0;
	if (strcmp(argv[0], "fd") == 0)
		fexecve(open("/proc/self/exe", O_RDONLY), again, environ);
	return execv("/proc/self/exe", again);
}
END
    $CC -o self self.c
    for name in self fd; do
        run env LD_PRELOAD="$SIGBUS_LIB" SIGBUS_LOG=stderr+start \
            bash -c 'exec -a "$1" ./self' - "$name"
        [ "$(grep -c 'active in self\[' <<<"$output")" = 2 ]
    done
}

# Where there is not enough for us it is as without us.
@test "environments: hardly any address space from the start" {
    local size inactive=0

    for ((size = 2 << 20; size < 64 << 20; size += 1 << 19)); do
        with_addresses $size send:kill
        [ "$status" != 77 ] || continue
        assert_equal "$status" "$bus_error"
        [[ $stderr != *"libsigbus: SIGBUS in"* ]] || break
        [[ $stderr != *"libsigbus: inactive in pages["*"]: there is no address space for its tables (ulimit -v)"* ]] || inactive=$((inactive + 1))
        with_addresses $size open:memfd size:1 map:1,shared,rw size:0 handler:exit read:0
        assert_equal "$status" 40
        assert_output "caught code=2 page=0"
    done
    [ $inactive -ge 1 ] && [ $size -lt $((64 << 20)) ]
}
