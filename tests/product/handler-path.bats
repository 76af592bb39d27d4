# SPDX-License-Identifier: MIT
#
# What the signal handler can reach, from the code as it was built, against what it may.

load ../harness/helper

# Of other objects: _dl_find_object() takes no lock.
functions='_dl_find_object'

# Of every fault; of an answer; of a rule or a report (readlinkat: of the action reserve, which asks
# rules too); of what is done in a borrowed child.
system_calls='rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigtimedwait
    rt_tgsigqueueinfo tgkill getpid gettid geteuid nanosleep clock_gettime
    madvise mincore futex mmap mprotect mremap munmap munlock pread64 process_vm_writev
    openat openat2 name_to_handle_at close read readlinkat fcntl ioctl fstat fstatfs statx faccessat sysinfo
    memfd_create write writev pwritev2 ppoll sendmsg socket prctl
    prlimit64 clone close_range execveat exit kill wait4 pipe2 dup3 capget getresuid getresgid
    getsockopt getsockname getpeername shutdown
    sigaltstack rt_sigreturn'

# Calls through pointers: to functions of the table's env, to visitors and facts that the caller
# names (they are reached by that), to the program's handlers and callbacks, and to two of libc that only
# read memory: __errno_location() and clock_gettime() of a coarse clock, in report_count().
through_pointers='node_new chunk_take chunk_ready record_take record_first_use
    split_visit walk_settled finish_whole finish_long insert_slowly
    take_out give_up share_anchor put_back_part walk_at walk_first walk_all each_visit range_each
    policy_match match_holds ask_name visit_mounts visit_text
    add_outcome report_add_value add_part add_frame report_json report_journal
    __errno_location report_count
    aside child start_child
    sigbus_entry sigbus_restorer elsewhere call_handler run_handler run_callback add_object'
env='table_memory range_cut_release range_forked repair_hold repair_let_go repair_wait track_lost anchor_share'

setup_file() {
    command -v python3 >/dev/null && command -v objdump >/dev/null || return 0
    case $(uname -m) in x86_64) ;; *) return 0 ;; esac
    # shellcheck disable=SC2086
    "$top_srcdir/tests/product/handler-path" "$top_builddir/.libs/libsigbus.so" $env \
        >"$BATS_FILE_TMPDIR/path"
}

setup() {
    path=$BATS_FILE_TMPDIR/path
    [ -e "$path" ] || skip "reading the code needs python3 and objdump, and is for x86-64"
    grep -E '^CFLAGS = .*(-fsanitize|--coverage|-fprofile)' "$top_builddir/Makefile" &&
        skip "built with instruments, which call what they like"
    [ "$(grep -c '^function ' "$path")" -gt 100 ] # else nothing was read
}

# The facts of a kind that are not in a list.
beyond() { # KIND LIST
    awk -v kind="$1" '$1 == kind { print $2 }' "$path" | sort -u |
        comm -23 - <(tr -s ' \n' '\n' <<<"$2" | sort -u)
}

@test "handler: of libc it reaches a few pure functions only" {
    run beyond libc "$functions"
    assert_output ''
}

@test "handler: it makes these system calls only" {
    ${CC:-cc} -E -dM -include sys/syscall.h -x c /dev/null |
        sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/\2 \1/p' >"$BATS_TEST_TMPDIR/names"
    awk 'NR == FNR { name[$1] = $2; next }
        $1 == "system-call" { print $1, $2 in name ? name[$2] : $2 " in " $3 }' \
        "$BATS_TEST_TMPDIR/names" "$path" >"$BATS_TEST_TMPDIR/path"
    path=$BATS_TEST_TMPDIR/path
    grep -q '^system-call madvise$' "$path"
    run beyond system-call "$system_calls"
    assert_output ''
}

@test "handler: it calls through pointers in these places only" {
    run beyond indirect "$through_pointers"
    assert_output ''
}

@test "handler: what it reaches is marked [H] where it is declared" {
    awk -f "$top_srcdir/tests/product/handler-marks.awk" \
        $(find "$top_srcdir/src" -name '*.h' ! -path '*/tools/*') >"$BATS_TEST_TMPDIR/marks"
    awk '$1 == "function" { print $2 }' "$path" | sort -u >"$BATS_TEST_TMPDIR/reached"
    marks() {
        awk -v kind="$1" '$1 == kind { print $2 }' "$BATS_TEST_TMPDIR/marks" | sort -u
    }
    run comm -12 "$BATS_TEST_TMPDIR/reached" <(marks unmarked)
    assert_output ''
    [ "$(marks marked | comm -12 "$BATS_TEST_TMPDIR/reached" - | wc -l)" -gt 50 ]
    # A marked function that is not reached, though it is there (the compiler may have put it into
    # its callers), has a mark that is no longer true.
    readelf -W -s "$top_builddir/.libs/libsigbus.so" |
        awk '$4 == "FUNC" { sub(/[.@].*/, "", $8); print $8 }' | sort -u >"$BATS_TEST_TMPDIR/there"
    run comm -13 "$BATS_TEST_TMPDIR/reached" <(marks marked | comm -12 - "$BATS_TEST_TMPDIR/there")
    assert_output ''
}

@test "handler: all is bound before it runs, and its thread variables are the loader's" {
    run readelf -W -d "$top_builddir/.libs/libsigbus.so"
    assert_output --partial BIND_NOW
    run readelf -W -r "$top_builddir/.libs/libsigbus.so"
    assert_output --partial TPOFF64
    refute_output --regexp 'DTPMOD|DTPOFF|TLSDESC|IRELATIV'
}
