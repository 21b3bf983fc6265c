# SPDX-License-Identifier: BSD-2-Clause
"""Programs that run while a host is being protected: each starts, stops, and says what it missed.

    start(lab)   returns when it is at work
    seen()       a number that grows as long as the program gets on; None: it shows only at the end
    stop()       ends it in its own way; may be called once
    verdict()    after stop(): None, or what went wrong

A program never tries again what the filter has cut: one error is an error.
"""
import contextlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time

from lab import CLIENT, INET, SERVER
from system import SLOW, check, descendants, run, slow, until

STILL_SECONDS = 2.0  # so long nothing may come


class App:
    """`inbound`: the host under test is who is called, else it calls."""

    def __init__(self, family, inbound, port):
        self.family, self.inbound, self.port = family, inbound, port
        self.wrong, self.servers = None, []

    def __str__(self):
        return f"{type(self).__name__} {'in' if self.inbound else 'out'} {self.port}"

    def ends(self, lab):
        """(who calls, who is called, the address that is called)."""
        if self.inbound:
            return lab.client, lab.server, SERVER[self.family]
        return lab.server, lab.client, CLIENT[self.family]

    def fails(self, what):
        """The first error is the one to know."""
        self.wrong = self.wrong or what

    def run(self, lab, space, *argv, **options):
        """A process in a namespace, ended with the lab at the latest."""
        process = lab.enter_context(subprocess.Popen(space.command(*argv), text=True, **options))
        lab.callback(process.kill)
        return process

    def serve(self, lab, space, *argv, kind="t"):
        """Who is called: a process that listens on the port until stop()."""
        self.servers.append(self.run(lab, space, *argv, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL))
        until(f"{argv[0]} to listen", lambda: f":{self.port} " in space.run("ss", f"-Hln{kind}"))

    def seen(self):
        return None

    def stop(self):
        for process in self.servers:
            process.kill()
            process.wait()

    def verdict(self):
        return self.wrong and f"{self}: {self.wrong}"


# --- iperf3 -------------------------------------------------------------------------------------

class Iperf(App):
    """A stream at an even rate, which its client measures every 200 ms."""
    EACH = 0.2
    RATE = str(int(20e6 / SLOW))
    ENDED = "interrupt - the client has terminated"

    def start(self, lab):
        caller, called, address = self.ends(lab)
        self.serve(lab, called, "iperf3", "-s", "-p", str(self.port))
        self.client = self.run(
            lab, caller, "iperf3", "-J", "-c", address, "-p", str(self.port), "-t", "600",
            "-i", str(self.EACH), "-b", self.RATE, "-l", "8K", stdout=subprocess.PIPE)
        until("its two connections", lambda: caller.run(
            "ss", "-Htn", "state", "established", "dport", f":{self.port}").count("\n") == 2)

    def stop(self):
        self.client.send_signal(signal.SIGINT)
        said, _ = self.client.communicate(timeout=slow(10))
        super().stop()
        result = json.loads(said)
        if result.get("error") != self.ENDED:
            self.fails(result.get("error", "it ended by itself"))
        self.check_intervals([each["sum"] for each in result["intervals"]])

    def check_intervals(self, intervals):
        still = longest = 0.0
        for each in intervals:
            still = 0.0 if each["bytes"] else still + each["seconds"]
            longest = max(longest, still)
        if longest > slow(STILL_SECONDS) or not intervals:
            self.fails(f"nothing was sent for {longest:.1f} s, {len(intervals)} intervals")


# --- ssh ----------------------------------------------------------------------------------------

SSHD = """\
Port {port}
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/user_key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
"""

# A numbered line every 0.2 s until one comes in.
COUNTING = "bash -c 'i=0; until read -r -t 0.2 _; do echo $((i++)); done; echo end'"


class Ssh(App):
    """A session that prints numbered lines, with OpenSSH's own keep-alives."""

    def serve_sessions(self, lab, space):
        """sshd wants its folder in /run, which this one has for itself."""
        self.dir = f"{lab.dir}/ssh-{self.port}"
        os.mkdir(self.dir, 0o700)
        for name in ("host_key", "user_key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.dir}/{name}")
        config = lab.write(f"sshd-{self.port}", SSHD.format(port=self.port, dir=self.dir))
        self.serve(lab, space, "unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run && "
                   f"mkdir /run/sshd && exec /usr/sbin/sshd -D -q -f {config}")

    def start(self, lab):
        caller, called, address = self.ends(lab)
        self.lines, self.late = [], 0.0
        self.serve_sessions(lab, called)
        self.client = self.run(
            lab, caller, "ssh", "-F", "none", "-i", f"{self.dir}/user_key", "-p", str(self.port),
            "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o",
            "LogLevel=ERROR", f"root@{address}", COUNTING, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        until("the session's lines", self.seen, 10)

    def read(self):
        last = time.monotonic()
        for line in self.client.stdout:
            now = time.monotonic()
            self.late = max(self.late, now - last) if self.lines else 0.0
            last = now
            self.lines.append(line.strip())

    def seen(self):
        return len(self.lines)

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self.client.stdin.write("stop\n")
            self.client.stdin.flush()
        self.reader.join(slow(10))
        until("sshd's session to end", lambda: not descendants(self.servers[0].pid))
        super().stop()
        if self.lines != [*map(str, range(len(self.lines) - 1)), "end"]:
            self.fails(f"its lines end with {self.lines[-3:]}")
        if self.late > slow(STILL_SECONDS):
            self.fails(f"no line came for {self.late:.1f} s")


# --- DNS ----------------------------------------------------------------------------------------

def question(number):
    """RFC 1035: A of nNUMBER.lab."""
    name = f"n{number}".encode()
    return (struct.pack("!HHHHHH", number & 0xffff, 0x100, 1, 0, 0, 0) +
            bytes([len(name)]) + name + b"\x03lab\0" + struct.pack("!HH", 1, 1))


class Dns(App):
    """A question every 50 ms, each by a socket of its own; dnsmasq answers."""
    ANSWER = "192.0.2.53"

    def start(self, lab):
        self.caller, called, self.address = self.ends(lab)
        self.serve(lab, called, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
                   "--no-resolv", "--no-hosts", "--pid-file=", "--user=root",
                   f"--port={self.port}", f"--address=/lab/{self.ANSWER}", kind="u")
        self.answered, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self.ask_all, daemon=True)
        self.thread.start()
        until("an answer", self.seen)

    def ask_all(self):
        with self.caller.entered():
            while not self.over.wait(slow(0.05)) and not self.wrong:
                self.ask(self.answered)

    def ask(self, number):
        asked = question(number)
        with socket.socket(INET[self.family], socket.SOCK_DGRAM) as sock:
            sock.settimeout(slow(STILL_SECONDS))
            sock.connect((self.address, self.port))
            try:
                sock.send(asked)
                said = sock.recv(512)
            except OSError as error:
                self.fails(f"question {number}: {error}")
                return
        if said[:2] != asked[:2] or socket.inet_aton(self.ANSWER) not in said:
            self.fails(f"question {number}: the answer is {said!r}")
        self.answered += 1

    def seen(self):
        return self.answered

    def stop(self):
        self.over.set()
        self.thread.join(slow(10))
        super().stop()


# --- TCP of our own -----------------------------------------------------------------------------

class Tcp(App):
    """One connection: self.caller and self.called are its ends."""

    def start(self, lab):
        caller, called, address = self.ends(lab)
        listener = lab.enter_context(called.socket(INET[self.family], socket.SOCK_STREAM))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, self.port))
        listener.listen()
        self.caller = lab.enter_context(caller.socket(INET[self.family], socket.SOCK_STREAM))
        self.caller.settimeout(slow(5))
        self.caller.connect((address, self.port))
        self.called = lab.enter_context(listener.accept()[0])
        self.called.settimeout(slow(5))


class Idle(Tcp):
    """Says nothing until it is told to, as a mount that nobody uses."""

    def speak(self):
        for speaker, hearer in ((self.called, self.caller), (self.caller, self.called)):
            try:
                speaker.sendall(b"still here")
                said = hearer.recv(64)
            except OSError as error:
                self.fails(f"it spoke: {error}")
                return
            if said != b"still here":
                self.fails(f"it heard {said!r}")

    def stop(self):
        self.speak()


class Chat(Tcp):
    """Frames of random lengths at random times, both ways, as over a WebSocket."""
    seed = time.time_ns()

    def start(self, lab):
        super().start(lab)
        self.over, self.heard = threading.Event(), [0, 0]
        pairs = (0, self.caller, self.called), (1, self.called, self.caller)
        self.threads = [threading.Thread(target=way, args=pair, daemon=True)
                        for pair in pairs for way in (self.talk, self.listen)]
        for thread in self.threads:
            thread.start()
        until("frames both ways", self.seen)

    def frame(self, way, number):
        """Its content follows from its number: who hears it knows what was said."""
        dice = random.Random(f"{self.seed} {self} {way} {number}")
        return dice.randbytes(dice.choice((2, 125, 1400, 5000))), dice.random() * slow(0.2)

    def talk(self, way, speaker, _):
        number, over = 0, False
        try:
            while not over:
                body, pause = self.frame(way, number)
                speaker.sendall(struct.pack("!I", len(body)) + body)
                number += 1
                over = self.over.wait(pause)
            speaker.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.fails(f"sending frame {number}, seed {self.seed}: {error}")

    def listen(self, way, _, hearer):
        try:
            while head := self.read(hearer, 4):
                body = self.read(hearer, struct.unpack("!I", head)[0])
                if body != self.frame(way, self.heard[way])[0]:
                    self.fails(f"frame {self.heard[way]} is another, seed {self.seed}")
                self.heard[way] += 1
        except OSError as error:
            self.fails(f"hearing frame {self.heard[way]}, seed {self.seed}: {error}")

    @staticmethod
    def read(sock, count):
        """So many bytes, fewer at the end only."""
        said = b""
        while len(said) < count and (more := sock.recv(count - len(said))):
            said += more
        return said

    def seen(self):
        return min(self.heard)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(slow(10))
            check(not thread.is_alive(), f"{self}: a thread does not end")


# --- all of them --------------------------------------------------------------------------------

def all_get_on(apps, steps=10):
    """Wait until each has got so far from here; whoever failed is not waited for."""
    before = {app: app.seen() for app in apps}
    for app, seen in before.items():
        if seen is not None:
            until(f"{app} to get on", lambda: app.wrong or app.seen() >= seen + steps, 10)


def resent(lab):
    """TCP segments that both ends sent again."""
    return sum(json.loads(space.run("nstat", "-asj", "TcpRetransSegs"))["kernel"].get(
        "TcpRetransSegs", 0) for space in (lab.client, lab.server))
