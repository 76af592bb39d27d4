# SPDX-License-Identifier: MIT
#
# The real libwayland-server, its own SIGBUS handler, and what else happens in a process. A bad
# client is one whose pool lost its file; where libwayland handles the fault it is told "error 2 on
# wl_buffer".

load ../harness/helper

told=("access 00" "error 2 on wl_buffer")

setup() {
    [ -x "$PROGS/wayland-pools" ] || skip "wayland-pools is not built: no wayland-server"
}

@test "libwayland: alone it handles its faults, with us as without us" {
    run_both wayland-pools good access error client access error client access error
    assert_success
    assert_lines "access 00" "error none" "${told[@]}" "${told[@]}"
}

@test "libwayland: (a) the program's sigaction after libwayland's" {
    local steps=(client access error handler client access error client access error calls)

    run_bare wayland-pools "${steps[@]}"
    assert_equal "$status" 33
    assert_lines "${told[@]}"
    run_with wayland-pools "${steps[@]}"
    assert_success
    assert_lines "${told[@]}" "${told[@]}" "${told[@]}" "calls fault=0 sent=0"
}

@test "libwayland: (b) the program handles a SIGBUS of its own in between" {
    local steps=(handler client access error own client access error calls)

    run_bare wayland-pools "${steps[@]}"
    assert_equal "$status" 33
    assert_lines "${told[@]}" "own 00"
    run_with wayland-pools "${steps[@]}"
    assert_success
    assert_lines "${told[@]}" "own 00" "${told[@]}" "calls fault=1 sent=0"
}

@test "libwayland: (b) the same, and the program's handler is the later one" {
    local steps=(client access error handler own client access error own client access error calls)

    run_bare wayland-pools "${steps[@]}"
    assert_equal "$status" 33
    run_with wayland-pools "${steps[@]}"
    assert_success
    assert_lines "${told[@]}" "own 00" "${told[@]}" "own 00" "${told[@]}" "calls fault=2 sent=0"
}

@test "libwayland: (c) SIGBUS blocked in the thread that reads the pool" {
    local steps=(client thread error client thread error client access error)

    run_bare wayland-pools "${steps[@]}"
    assert_equal "$status" "$bus_error"
    run_with wayland-pools "${steps[@]}"
    assert_success
    assert_lines "${told[@]}" "${told[@]}" "${told[@]}"
}

@test "libwayland: (d) access without begin_access" {
    local steps=(client access error client raw error client access error client raw error calls)

    run_bare wayland-pools "${steps[@]}"
    assert_equal "$status" "$bus_error"
    assert_lines "${told[@]}"
    run_with --policy "owner:libwayland-server*=owner|zero" wayland-pools "${steps[@]}"
    assert_success
    assert_lines "${told[@]}" "raw 00" "error none" "${told[@]}" "raw 00" "error none" \
        "calls fault=0 sent=0"
    [[ $stderr == *libwayland-server* && $stderr == *zero* ]]
}

@test "libwayland: (d) access without begin_access dies without a policy, as without us" {
    run_both wayland-pools client access error client raw
    assert_equal "$status" "$bus_error"
    run_both wayland-pools client raw
    assert_equal "$status" "$bus_error"
}

@test "libwayland: (e) a stray SIGBUS first" {
    local steps=(handler client access error kill client access error client access error calls)

    run_bare wayland-pools "${steps[@]}"
    assert_equal "$status" 33
    run_with wayland-pools "${steps[@]}"
    assert_success
    assert_lines "${told[@]}" "${told[@]}" "${told[@]}" "calls fault=0 sent=1"
}

@test "libwayland: (e) a stray SIGBUS with libwayland's handler alone kills as without us" {
    run_both wayland-pools client access error kill
    assert_equal "$status" "$bus_error"
}

@test "libwayland: all of it in one process" {
    run_with --policy "owner:libwayland-server*=owner|zero" wayland-pools client access error \
        handler own \
        kill client raw error client thread error own kill client access error calls
    assert_success
    assert_lines "${told[@]}" "own 00" "raw 00" "error none" "${told[@]}" "own 00" "${told[@]}" \
        "calls fault=2 sent=2"
}
