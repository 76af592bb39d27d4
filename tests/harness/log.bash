# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Reading what a program with SIGBUS_LOG says.

# Each line of a file has to be JSON; prints the value of a Python expression on the list of them.
json() { # FILE EXPRESSION
    skip_without python3
    python3 - "$@" <<'END'
import json, re, sys

def plain(text):
    """Undoes the escapes of a name: bytes."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), text.encode())

def once(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)

with open(sys.argv[1], "rb") as file:
    text = file.read()
assert text.endswith(b"\n"), text
lines = [json.loads(line.decode(), object_pairs_hook=once) for line in text[:-1].split(b"\n")]
reports = [line for line in lines if "note" not in line]
print(eval(sys.argv[2]))
END
}

skip_without_namespaces() {
    unshare -m true 2>/dev/null || skip "needs a mount namespace (root)"
}

# Runs a program where a socket of ours is the journal's; prints each message as sorted lines.
journal() { # [OPTION...] PROG [ARG...]
    local settings preload apart edit but used

    read_options --log journal "$@"
    shift $((used - 2))
    skip_without python3
    skip_without_namespaces
    cat >journal.py <<'END'
import os, socket, struct, subprocess, sys

os.makedirs("/run/systemd/journal")
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("/run/systemd/journal/socket")
status = subprocess.call(sys.argv[1:])
server.setblocking(False)
try:
    while True:
        message = server.recv(1 << 20)
        fields = []
        while message:
            name, message = message.split(b"\n", 1)
            length = struct.unpack("<Q", message[:8])[0]
            assert message[8 + length:9 + length] == b"\n"
            fields.append(name.decode() + "=" + message[8:8 + length].decode())
            message = message[9 + length:]
        print("\n".join(fields), "\n--")
except BlockingIOError:
    pass
sys.exit(status)
END
    run --separate-stderr unshare -m sh -c 'mount -t tmpfs none /run && exec python3 journal.py "$@"' \
        sh env LD_PRELOAD="$preload" "${settings[@]}" "$(prog_path "$1")" "${@:2}"
}
