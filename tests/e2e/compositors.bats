# SPDX-License-Identifier: MIT
#
# Unmodified compositors and clients that take memory away from them. Each attack is made first on the
# bare compositor and then on one with us. What the bare one does, which its release decides, is
# measured and said; with us it lives, its client is told at least what it is told bare, and the next
# client is served.

load ../harness/helper
load compositor

huge_pages=/proc/sys/vm/nr_hugepages
shm_error="error accessing SHM buffer" # what libwayland's handler tells a client

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
    flock -w "$SIGBUS_TEST_LIMIT" 8 || skip "another test has the huge pages"
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

start_with() { # COMPOSITOR [VAR=VALUE...]
    start_compositor "$1" LD_PRELOAD="$(readable_copy "$SIGBUS_LIB")" \
        SIGBUS_POLICY="$(compositor_policy)" "${@:2}"
    compositor_loaded
}

next_client_works() {
    run_attack good
    [ "$SEEN" = alive ]
    [ "$OUTCOME" = alive ]
}

say() { # WHO ATTACK...
    echo "# $1: ${*:2}: compositor: $OUTCOME, client: $SEEN"
}

# An attack on the bare compositor, which may be dead afterwards: BARE and BARE_SEEN.
attack_bare() { # ATTACK [OPTION...]
    run_attack "$@"
    say bare "$@"
    [[ $SEEN != skipped:* ]] || skip "${SEEN#skipped: }"
    [[ $SEEN != failed:* ]]
    BARE=$OUTCOME BARE_SEEN=$SEEN
    [ "$BARE" = alive ] || echo "# $COMPOSITOR without us: killed by $*" >&3
}

# The same on the running compositor with us.
withstands() { # ATTACK [OPTION...]
    run_attack "$@"
    say "with us" "$@"
    [ "$OUTCOME" = alive ]
    client_content "$BARE_SEEN"
    next_client_works
}

# What would have killed, and what a handler has told the client, is reported.
reported() {
    if [ "$BARE" != alive ] || [[ $BARE_SEEN = *"$shm_error"* ]]; then
        reports "$COMPOSITOR_LOG"
    fi
}

attack() { # COMPOSITOR ATTACK [OPTION...]
    require "$1"
    start_bare "$1"
    attack_bare "${@:2}"
    stop_compositor

    start_with "$1"
    withstands "${@:2}"
    reported
    stop_compositor
}

# The same, from files with names that a client can choose.
attack_with_files() { # COMPOSITOR ATTACK
    local file directory

    require "$1"
    for file in runtime home shm; do
        start_bare "$1"
        attack_bare "$2" --file $file
        stop_compositor

        start_with "$1"
        withstands "$2" --file $file
        case $file in
        runtime) directory=$XDG_RUNTIME_DIR ;;
        home) directory=$HOME ;;
        shm) directory=/dev/shm ;;
        esac
        [ "$BARE" = alive ] || reports "$COMPOSITOR_LOG" | grep -F "\"$directory/wl-hostile-"
        stop_compositor
    done
}

@test "sway: truncated after the commit" { attack sway truncate-after-commit; }
@test "cage: truncated after the commit" { attack cage truncate-after-commit; }
@test "weston: truncated after the commit" { attack weston truncate-after-commit; }

@test "sway: truncated after wl_buffer.destroy" { attack sway truncate-after-destroy; }
@test "cage: truncated after wl_buffer.destroy" { attack cage truncate-after-destroy; }
@test "weston: truncated after wl_buffer.destroy" { attack weston truncate-after-destroy; }

# Who did it is named, and disconnected with +hangup; the next client is served. Which attack it is that
# no handler answers, the release decides.
hangs_up() { # COMPOSITOR
    local attack

    require "$1"
    start_with "$1"
    for attack in short-keymap truncate-after-destroy; do
        run_attack $attack
        say "with us" $attack
        [ "$OUTCOME" = alive ]
        ! reports "$COMPOSITOR_LOG" | grep -q ': zero, ' || break
    done
    reports "$COMPOSITOR_LOG" | grep ': zero, '
    reports "$COMPOSITOR_LOG" | grep -F 'sent by "wl-hostile"['
    [[ $(cat "$COMPOSITOR_LOG") != *"connection closed"* ]]
    stop_compositor

    start_with "$1" SIGBUS_POLICY="$(compositor_policy)+hangup"
    run_attack $attack
    say "with +hangup" $attack
    [ "$OUTCOME" = alive ]
    [ "$SEEN" != alive ]
    reports "$COMPOSITOR_LOG" | grep -F 'sent by "wl-hostile"['
    reports "$COMPOSITOR_LOG" | grep '; connection closed$'
    next_client_works
    stop_compositor
}

@test "sway: +hangup" { hangs_up sway; }
@test "cage: +hangup" { hangs_up cage; }
@test "phoc: +hangup" { hangs_up phoc; }
@test "labwc: +hangup" { hangs_up labwc; }
@test "mir: +hangup" { hangs_up mir; }

# Where the owner's handler has told the client, which ends the connection anyway, there is no more to do.
tells_anyway() { # COMPOSITOR
    require "$1"
    start_with "$1" SIGBUS_POLICY="$(compositor_policy)+hangup"
    run_attack truncate-after-commit
    say "with +hangup" truncate-after-commit
    [ "$OUTCOME" = alive ]
    [[ $SEEN = *"$shm_error" ]]
    reports "$COMPOSITOR_LOG" | grep -F 'sent by "wl-hostile"['
    [[ $(cat "$COMPOSITOR_LOG") != *"connection closed"* ]]
    next_client_works
    stop_compositor
}

@test "weston: +hangup" { tells_anyway weston; }
@test "mutter: +hangup" { tells_anyway mutter; }

@test "sway: fd shorter than the pool" { attack sway short-fd; }
@test "cage: fd shorter than the pool" { attack cage short-fd; }
@test "weston: fd shorter than the pool" { attack weston short-fd; }

@test "sway: pool resized beyond its file" { attack sway resize-beyond; }
@test "cage: pool resized beyond its file" { attack cage resize-beyond; }
@test "weston: pool resized beyond its file" { attack weston resize-beyond; }

@test "sway: two bad pools in one frame" { attack sway two-pools; }
@test "cage: two bad pools in one frame" { attack cage two-pools; }
@test "weston: two bad pools in one frame" { attack weston two-pools; }

@test "sway: truncated cursor" { attack sway cursor; }
@test "sway: keymap fd shorter than the keymap" { attack sway short-keymap; }
@test "sway: keymap fd of an empty file" { attack sway empty-keymap; }

@test "sway: pools in other files, released" { attack_with_files sway truncate-after-destroy; }
@test "sway: pools in other files" { attack_with_files sway truncate-after-commit; }
@test "sway: keymaps in other files" { attack_with_files sway short-keymap; }
@test "cage: pools in other files, released" { attack_with_files cage truncate-after-destroy; }
@test "cage: pools in other files" { attack_with_files cage truncate-after-commit; }
@test "weston: pools in other files" { attack_with_files weston truncate-after-commit; }

@test "sway: pool of huge pages" {
    require sway
    require_huge_pages
    attack sway truncate-after-commit --file hugetlb
    attack sway truncate-after-destroy --file hugetlb
}

@test "weston: pool of huge pages" {
    require weston
    require_huge_pages
    attack weston truncate-after-commit --file hugetlb
    attack weston two-pools --file hugetlb
}

full_tmpfs() { # COMPOSITOR
    require "$1"
    require_small_tmpfs
    attack "$1" full-tmpfs --directory "$COMPOSITOR_BASE/full"
}

@test "sway: pool on a full tmpfs" { full_tmpfs sway; }
@test "cage: pool on a full tmpfs" { full_tmpfs cage; }
@test "weston: pool on a full tmpfs" { full_tmpfs weston; }

@test "sway: one compositor withstands all attacks, one after the other" {
    local -A seen
    local attack attacks="truncate-after-commit short-fd resize-beyond two-pools
        truncate-after-destroy cursor short-keymap empty-keymap"

    require sway
    for attack in $attacks; do
        compositor_alive || start_bare sway
        attack_bare $attack
        seen[$attack]=$SEEN
    done
    stop_compositor
    start_with sway
    for attack in $attacks truncate-after-commit; do
        BARE_SEEN=${seen[$attack]}
        withstands $attack
    done
}

# Another library takes SIGBUS whenever the event loop goes round. It comes first in LD_PRELOAD.
late_handler() { # COMPOSITOR
    local late

    require "$1"
    late=$(readable_copy "$LIBS/late-handler.so")
    start_bare "$1" LD_PRELOAD="$late"
    next_client_works
    late_handler_installed
    attack_bare truncate-after-commit
    stop_compositor

    start_compositor "$1" LD_PRELOAD="$late:$(readable_copy "$SIGBUS_LIB")" \
        SIGBUS_POLICY="$(compositor_policy)"
    compositor_loaded
    next_client_works
    late_handler_installed
    withstands truncate-after-commit
    reported
}

@test "sway: another library installs its handler later" { late_handler sway; }
@test "cage: another library installs its handler later" { late_handler cage; }
@test "weston: another library installs its handler later" { late_handler weston; }

# A library gives every thread an alternate stack, as Rust's run time does; and another one takes SIGBUS
# later. libwayland's handler and wlroots' do not ask for that stack.
alternate_stacks() { # COMPOSITOR
    local stacks late attack attacks=truncate-after-destroy

    require "$1"
    # cage before 0.1.5 takes no keymap from a client.
    ! grep -q wlr_virtual_keyboard_manager_v1_create "$(type -P "$1")" || attacks+=' short-keymap'
    stacks=$(readable_copy "$LIBS/alternate-stack.so")
    late=$(readable_copy "$LIBS/late-handler.so")
    for late in '' "$late:"; do
        for attack in $attacks; do
            start_bare "$1" LD_PRELOAD="$late$stacks"
            attack_bare "$attack"
            stop_compositor
            start_compositor "$1" LD_PRELOAD="$late$stacks:$(readable_copy "$SIGBUS_LIB")" \
                SIGBUS_POLICY="$(compositor_policy)"
            compositor_loaded
            withstands "$attack"
            stop_compositor
        done
    done
}

@test "sway: an alternate stack in every thread" { alternate_stacks sway; }
@test "cage: an alternate stack in every thread" { alternate_stacks cage; }
@test "phoc: an alternate stack in every thread" { alternate_stacks phoc; }

# Preloaded without a policy: the outcome is the bare one, and explained.
explains() { # COMPOSITOR ATTACK
    require "$1"
    start_bare "$1"
    attack_bare "$2"
    stop_compositor

    start_compositor "$1" LD_PRELOAD="$(readable_copy "$SIGBUS_LIB")"
    compositor_loaded
    run_attack "$2"
    say "with us" "$2"
    [ "$OUTCOME" = "$BARE" ]
    [ "$SEEN" = "$BARE_SEEN" ]
    reported
    stop_compositor
}

@test "without a policy compositors end as they do without us, with a report" {
    explains sway truncate-after-destroy
    explains sway short-keymap
    explains cage truncate-after-destroy
    explains weston truncate-after-commit
}
