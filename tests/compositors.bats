# SPDX-License-Identifier: MIT
#
# Unmodified compositors and clients that take memory away from them. Each attack is made on the
# bare compositor and on one with us: that shows what we change, and that the attack is a real one.

load helper
load compositor

huge_pages=/proc/sys/vm/nr_hugepages
bus_error=135 # the wait status of a process that SIGBUS killed

setup() {
    WL_HOSTILE=$PROGS/wl-hostile
    [ -x "$WL_HOSTILE" ] || skip "wl-hostile is not built: no wayland-client, wayland-protocols"
    compositor_setup
}

teardown() {
    if [ -n "$COMPOSITOR_BASE" ]; then
        tail -n 5 "$COMPOSITOR_BASE"/log-* 2>/dev/null || : # shown if the test failed
        compositor_cleanup
    fi
    if [ -n "${huge_pages_before:-}" ]; then
        echo "$huge_pages_before" >"$huge_pages"
    fi
}

require() { # COMPOSITOR
    local missing

    missing=$(compositor_missing "$1")
    [ -z "$missing" ] || skip "$missing"
}

# Four of them, kept from other tests that change the number until the end of this one.
require_huge_pages() {
    [ -w "$huge_pages" ] || skip "only root can reserve huge pages"
    exec 8<"$huge_pages"
    flock -w 20 8 || skip "another test has the huge pages"
    huge_pages_before=$(cat "$huge_pages")
    echo $((huge_pages_before + 4)) >"$huge_pages"
    [ "$(cat "$huge_pages")" -eq $((huge_pages_before + 4)) ] ||
        skip "this machine has no huge pages to give"
}

require_small_tmpfs() {
    [ "$(id -u)" = 0 ] || skip "only root can mount a small tmpfs"
    mount_small_tmpfs || skip "this system does not let root mount a tmpfs"
}

start_bare() { # COMPOSITOR [VAR=VALUE...]
    start_compositor "$@"
    if compositor_loaded; then
        return 1
    fi
}

start_with_us() { # COMPOSITOR [VAR=VALUE...]
    start_compositor "$1" LD_PRELOAD="$(readable_copy "$SIGBUS_LIB")" \
        SIGBUS_POLICY="$(compositor_policy)" "${@:2}"
    compositor_loaded
}

next_client_works() {
    run_attack good
    [ "$SEEN" = alive ]
    [ "$OUTCOME" = alive ]
}

# An attack on the running compositor, with us.
withstands() { # BARE_SEEN ATTACK [OPTION...]
    local bare_seen=$1

    shift
    run_attack "$@"
    echo "# $*: bare: $bare_seen; with us: $SEEN, compositor: $OUTCOME"
    [ "$OUTCOME" = alive ]
    client_content "$bare_seen"
    next_client_works
}

# BARE is what the attack does to the bare compositor, its wait status or "alive"; BARE_SEEN, what
# the client sees of it.
bare_outcome() { # BARE BARE_SEEN ATTACK [OPTION...]
    run_attack "${@:3}"
    echo "# ${*:3}: bare: $SEEN, compositor: $OUTCOME"
    [ "$OUTCOME" = "$1" ]
    [ "$SEEN" = "$2" ]
}

attack() { # COMPOSITOR BARE BARE_SEEN ATTACK [OPTION...]
    require "$1"
    start_bare "$1"
    bare_outcome "${@:2}"
    stop_compositor

    start_with_us "$1"
    withstands "${@:3}"
    [ "$3" = alive ] || reports "$COMPOSITOR_LOG"
    stop_compositor
}

# The same, from files with names that a client can choose.
attack_with_files() { # COMPOSITOR BARE BARE_SEEN ATTACK
    local file

    require "$1"
    for file in runtime home shm; do
        compositor_alive || start_bare "$1"
        bare_outcome "${@:2}" --file $file
    done
    stop_compositor

    start_with_us "$1"
    for file in runtime home shm; do
        withstands "${@:3}" --file $file
    done
    for file in "$XDG_RUNTIME_DIR" "$HOME" /dev/shm; do
        reports "$COMPOSITOR_LOG" | grep -F "\"$file/wl-hostile-"
    done
    stop_compositor
}

# The bare compositor dies of it ...
kills() { # COMPOSITOR ATTACK [OPTION...]
    attack "$1" $bus_error "connection closed" "${@:2}"
}

# ... or tells the client.
is_an_error() { # COMPOSITOR ATTACK [OPTION...]
    attack "$1" alive "$shm_error" "${@:2}"
}

shm_error="protocol error 2 on wl_buffer: error accessing SHM buffer"

@test "sway: truncated after the commit" { is_an_error sway truncate-after-commit; }
@test "cage: truncated after the commit" { is_an_error cage truncate-after-commit; }
@test "weston: truncated after the commit" { is_an_error weston truncate-after-commit; }

@test "sway: truncated after wl_buffer.destroy" { kills sway truncate-after-destroy; }
@test "cage: truncated after wl_buffer.destroy" { kills cage truncate-after-destroy; }
@test "weston: truncated after wl_buffer.destroy" {
    attack weston alive alive truncate-after-destroy
}

@test "sway: fd shorter than the pool" { is_an_error sway short-fd; }
@test "cage: fd shorter than the pool" { is_an_error cage short-fd; }
@test "weston: fd shorter than the pool" { is_an_error weston short-fd; }

@test "sway: pool resized beyond its file" { is_an_error sway resize-beyond; }
@test "cage: pool resized beyond its file" { is_an_error cage resize-beyond; }
@test "weston: pool resized beyond its file" { is_an_error weston resize-beyond; }

@test "sway: two bad pools in one frame" { is_an_error sway two-pools; }
@test "cage: two bad pools in one frame" { is_an_error cage two-pools; }
@test "weston: two bad pools in one frame" { is_an_error weston two-pools; }

@test "sway: truncated cursor" { kills sway cursor; }
@test "sway: keymap fd shorter than the keymap" { kills sway short-keymap; }

@test "sway: pools and keymaps in other files" {
    attack_with_files sway $bus_error "connection closed" truncate-after-destroy
    attack_with_files sway alive "$shm_error" truncate-after-commit
    attack_with_files sway $bus_error "connection closed" short-keymap
}

@test "cage: pools in other files" {
    attack_with_files cage $bus_error "connection closed" truncate-after-destroy
    attack_with_files cage alive "$shm_error" truncate-after-commit
}

@test "weston: pools in other files" {
    attack_with_files weston alive "$shm_error" truncate-after-commit
}

@test "sway: pool of huge pages" {
    require sway
    require_huge_pages
    is_an_error sway truncate-after-commit --file hugetlb
    kills sway truncate-after-destroy --file hugetlb
}

@test "weston: pool of huge pages" {
    require weston
    require_huge_pages
    is_an_error weston truncate-after-commit --file hugetlb
    is_an_error weston two-pools --file hugetlb
}

full_tmpfs() { # COMPOSITOR
    require "$1"
    require_small_tmpfs
    is_an_error "$1" full-tmpfs --directory "$COMPOSITOR_BASE/full"
}

@test "sway: pool on a full tmpfs" { full_tmpfs sway; }
@test "cage: pool on a full tmpfs" { full_tmpfs cage; }
@test "weston: pool on a full tmpfs" { full_tmpfs weston; }

@test "sway: one compositor withstands all attacks, one after the other" {
    require sway
    start_with_us sway
    for attack in truncate-after-commit short-fd resize-beyond two-pools; do
        withstands "$shm_error" $attack
    done
    for attack in truncate-after-destroy cursor short-keymap; do
        withstands "connection closed" $attack
    done
    withstands "$shm_error" truncate-after-commit
}

# Another library takes SIGBUS a moment after the start. libwayland's handler must be there before,
# as it is after the first client, for that library to win.
late_handler() { # COMPOSITOR
    local late

    require "$1"
    late=$(readable_copy "$LIBS/late-handler.so")
    start_bare "$1" LD_PRELOAD="$late"
    next_client_works
    late_handler_installed
    run_attack truncate-after-commit
    [ "$OUTCOME" = 99 ]
    [ "$SEEN" = "connection closed" ]

    start_compositor "$1" LD_PRELOAD="$(readable_copy "$SIGBUS_LIB"):$late" \
        SIGBUS_POLICY="$(compositor_policy)"
    compositor_loaded
    next_client_works
    late_handler_installed
    withstands "$shm_error" truncate-after-commit
}

late_handler_installed() {
    for ((tries = 0; tries < 200; tries++)); do
        ! grep -q 'late-handler: installed' "$COMPOSITOR_LOG" || return 0
        sleep 0.02
    done
    return 1
}

@test "sway: another library installs its handler later" { late_handler sway; }
@test "cage: another library installs its handler later" { late_handler cage; }
@test "weston: another library installs its handler later" { late_handler weston; }

# Preloaded without a policy: the outcome is the bare one, and explained.
explains() { # COMPOSITOR OUTCOME SEEN ATTACK
    require "$1"
    start_compositor "$1" LD_PRELOAD="$(readable_copy "$SIGBUS_LIB")"
    compositor_loaded
    run_attack "$4"
    [ "$OUTCOME" = "$2" ]
    [ "$SEEN" = "$3" ]
    reports "$COMPOSITOR_LOG"
    stop_compositor
}

@test "without a policy compositors end as they do without us, with a report" {
    explains sway $bus_error "connection closed" truncate-after-destroy
    explains sway $bus_error "connection closed" short-keymap
    explains cage $bus_error "connection closed" truncate-after-destroy
    explains weston alive "$shm_error" truncate-after-commit
}
