#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The examples for containers, as far as they can be tried without docker and Kubernetes: their entry
# point and their environment, in a container of bubblewrap with a small /dev/shm; and the drop-in of
# a service. Images of Debian are made by scripts/check-package.

load ../harness/helper

examples=$top_srcdir/examples

setup() {
    [ -d "$examples/container" ] || skip 'the source is not here'
    skip_without python3
    cd "$BATS_TEST_TMPDIR" || return
    cat >program.py <<'END'
import mmap, sys
with open("/dev/shm/object", "w+b") as file:
    file.truncate(1 << 20)
    try:
        memory = mmap.mmap(file.fileno(), 1 << 20)
    except OSError as error:
        print("refused:", error.strerror)
        sys.exit(7)
    memory[:] = b"x" * (1 << 20)
print("done")
END
}

contained() { # SIZE OF /dev/shm, COMMAND...
    local size=$1
    shift
    skip_without bwrap
    bwrap --ro-bind / / --dev /dev --size 1 --tmpfs /mnt true 2>/dev/null ||
        skip "bubblewrap can make no container here"
    run --separate-stderr bwrap --ro-bind / / --proc /proc --dev /dev --size "$size" \
        --tmpfs /dev/shm --unshare-pid --die-with-parent "$@"
}

# The words of an instruction in the Dockerfile.
instruction() { # NAME
    python3 - "$examples/container/Dockerfile" "$1" <<'END'
import json, sys
for line in open(sys.argv[1]):
    if line.startswith(sys.argv[2] + " "):
        print("\n".join(json.loads(line.split(" ", 1)[1])))
END
}

@test "containers: without us a full /dev/shm is a bus error" {
    contained 65536 python3 program.py
    # bubblewrap passes on 128 and the signal's number.
    assert_equal "$status" 135
}

@test "containers: the entry point of the Dockerfile" {
    local -a entry
    mapfile -t entry < <(instruction ENTRYPOINT)
    assert_equal "${entry[0]}" sigbus-run
    contained 65536 "$SIGBUS_RUN" "${entry[@]:1}" python3 program.py
    assert_equal "$status" 7
    assert_equal "$output" "refused: Cannot allocate memory"
    contained 2097152 "$SIGBUS_RUN" "${entry[@]:1}" python3 program.py
    assert_success
    assert_output "done"
    # It starts what we cannot be loaded into, too.
    printf '%s\n' 'int main(void) { return 9; }' >static.c
    "$CC" -static -o static static.c 2>/dev/null || return 0
    contained 65536 "$SIGBUS_RUN" "${entry[@]:1}" "$PWD/static"
    assert_equal "$status" 9
}

@test "containers: the environment and the volumes of kubernetes.yaml" {
    python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"
    python3 - "$examples/container/kubernetes.yaml" >environment <<'END'
import sys, yaml
pod = yaml.safe_load(open(sys.argv[1]))["spec"]
volumes = {v["name"] for v in pod["volumes"]}
mounts = {m["name"]: m["mountPath"] for c in pod["containers"] + pod["initContainers"]
          for m in c["volumeMounts"]}
assert set(mounts) == volumes, (mounts, volumes)
assert mounts["shm"] == "/dev/shm"
for variable in pod["containers"][0]["env"]:
    print(variable["name"] + "=" + variable["value"])
END
    local library
    library=$(sed -n 's/^LD_PRELOAD=//p' environment)
    assert_equal "$library" /libsigbus/libsigbus.so.0
    mkdir volume
    cp -L "$SIGBUS_LIB" volume/libsigbus.so.0
    contained 65536 --tmpfs /srv --bind volume /srv \
        env $(sed 's|/libsigbus/|/srv/|' environment) python3 program.py
    assert_equal "$status" 7
    assert_equal "$output" "refused: Cannot allocate memory"
}

@test "containers: the drop-in of a service" {
    skip_without systemd-analyze
    mkdir -p units/some.service.d
    printf '[Service]\nExecStart=/bin/true\n' >units/some.service
    cp "$examples/systemd/service.conf" units/some.service.d/libsigbus.conf
    run env SYSTEMD_UNIT_PATH="$PWD/units:" systemd-analyze --man=no verify some.service
    assert_success
    refute_output --partial libsigbus.conf
    run "$SIGBUS_RUN" --check --policy "$(sed -n 's/^Environment=SIGBUS_POLICY=//p' \
        "$examples/systemd/service.conf")"
    assert_success
}

# It is started by a systemd of its own, on a disk that is full.
@test "containers: a service with the drop-in waits until there is space" {
    local session

    skip_unless_root
    session=$(mktemp -d)
    chmod 0755 "$session"
    mkdir "$session/lib"
    cp -L "$SIGBUS_LIB" "$session/lib/libsigbus.so.0"
    cat >"$session/writer.py" <<'END'
import mmap, os, sys
with open(sys.argv[1], "w+b") as file:
    os.truncate(sys.argv[1], 1 << 20)
    memory = mmap.mmap(file.fileno(), 1 << 20)
    for at in range(0, 1 << 20, 4096):
        memory[at] = 1
END
    chmod -R a+rX "$session"
    export top_srcdir
    run env SIGBUS_LIB="$session/lib/libsigbus.so.0" \
        "$top_srcdir/tests/e2e/user-session" "$session" "$top_srcdir/tests/e2e/service" "$session/writer.py"
    rm -rf "$session"
    [ "$status" != 77 ] || skip "$output"
    assert_success
    assert_line "without: signal"
    assert_line "with: success"
    assert_line recovered
}
