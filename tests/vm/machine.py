#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""machine.py LOG SECONDS QEMU [ARG...]: runs one guest, whose console goes to LOG.

On its second serial port the guest asks for one thing a line, and gets one line as answer:

  unplug ID        device_del; the answer comes when the guest has let it go
  screen           a digest of what the (first) screen shows, and how many colours it has
  move             the pointer moves a little
  result TEXT      what the case came to: printed here; the guest goes down then
  cannot TEXT      why it came to nothing: printed here, the status is 77
"""
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time


class Lines:
    """Lines from a socket, until a deadline."""

    def __init__(self, connection, deadline):
        self.connection, self.deadline, self.rest = connection, deadline, b""

    def next(self):
        """None: the other side is gone, or time is over."""
        while b"\n" not in self.rest:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.connection], [], [], left)[0]:
                return None
            try:
                data = self.connection.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def send(self, text):
        try:
            self.connection.sendall(text.encode() + b"\n")
        except OSError:
            pass


class Monitor:
    """QEMU's monitor."""

    def __init__(self, lines):
        self.lines, self.events = lines, []
        self.lines.next()  # the greeting
        self.command("qmp_capabilities")

    def message(self):
        line = self.lines.next()
        return None if line is None else json.loads(line)

    def command(self, name, **arguments):
        """None if all went well, else the error."""
        self.lines.send(json.dumps({"execute": name, "arguments": arguments}))
        while (message := self.message()) is not None:
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                return message["error"]["desc"]
            else:
                return None
        return "the machine is gone"

    def wait_deleted(self, device):
        while True:
            for event in self.events:
                if event["event"] == "DEVICE_DELETED" and event["data"].get("device") == device:
                    return None
            if (message := self.message()) is None:
                return "the guest does not let it go"
            self.events.append(message)


def unplug(monitor, device):
    return monitor.command("device_del", id=device) or monitor.wait_deleted(device) or "ok"


def screen(monitor):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "screen.ppm")
        error = monitor.command("screendump", filename=path)
        if error:
            return "error " + error
        with open(path, "rb") as file:
            data = file.read()
    pixels = data.split(b"\n", 3)[3]
    colours = {pixels[i : i + 3] for i in range(0, len(pixels), 3)}
    return f"{hashlib.sha256(pixels).hexdigest()[:16]} {len(colours)}"


def move(monitor):
    events = [{"type": "rel", "data": {"axis": axis, "value": 20}} for axis in ("x", "y")]
    return monitor.command("input-send-event", events=events) or "ok"


def answer(monitor, request):
    word, _, argument = request.partition(" ")
    if word == "unplug":
        return unplug(monitor, argument)
    if word == "screen":
        return screen(monitor)
    if word == "move":
        return move(monitor)
    return "error unknown request"


def serve(monitor, guest):
    """The exit status, after what is to be said about the case."""
    while (request := guest.next()) is not None:
        word, _, text = request.partition(" ")
        if word in ("result", "cannot"):
            print(text)
            return 77 if word == "cannot" else 0
        guest.send(answer(monitor, request))
    print("the guest did not finish" if time.monotonic() > guest.deadline else "the guest died")
    return 1


def main():
    log, seconds, *command = sys.argv[1:]
    deadline = time.monotonic() + int(seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    command = ["setpriv", "--pdeathsig", "KILL"] + command  # no guest outlives us
    ours, theirs = zip(socket.socketpair(), socket.socketpair())
    qmp, port = (end.fileno() for end in theirs)
    command += ["-display", "none", "-serial", "file:" + log, "-chardev"]
    command += [f"socket,id=port,fd={port}", "-serial", "chardev:port", "-chardev"]
    command += [f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"]
    with subprocess.Popen(command, pass_fds=(qmp, port), stdin=subprocess.DEVNULL) as machine:
        for end in theirs:
            end.close()
        try:
            monitor = Monitor(Lines(ours[0], deadline))
            status = serve(monitor, Lines(ours[1], deadline))
        finally:
            machine.kill()
    sys.exit(status)


main()
