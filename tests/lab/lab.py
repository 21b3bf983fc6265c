# SPDX-License-Identifier: BSD-2-Clause
"""A lab: two namespaces joined by a veth pair with its default offloads.

    client  c0 10.77.0.1, fd77::1 ─── s0 10.77.0.2, fd77::2  server: xdpseg is attached to s0

Leaving the lab without a failure checks what must hold after every test: every
packet has one exit (balance), and detaching leaves nothing behind.
"""
import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import tempfile

import snapshot
from system import (Failed, Namespace, check, descendants, process_status, reap, until)

BUILD = os.environ.get("XDPSEG_BUILD", "build")
XDPSEG = os.path.abspath(f"{BUILD}/userspace/cli/xdpseg")

CLIENT = {4: "10.77.0.1", 6: "fd77::1"}
SERVER = {4: "10.77.0.2", 6: "fd77::2"}
IFACE = "s0"
SO_RCVBUFFORCE = 33  # linux: asm-generic/socket.h

# tcp/8080 and udp/9000-9099 are open, ping too; nothing else is.
POLICY = """\
version: 1
name: lab
defaults: {ingress: deny, egress: allow, on-worker-loss: sessions}
rules:
  - {id: web, direction: ingress, service: tcp/8080, action: allow}
  - {id: udp, direction: ingress, service: udp/9000-9099, action: allow}
  - {id: ping, direction: ingress, service: [icmp/echo-request, icmpv6/echo-request], action: allow}
"""
OPEN_TCP, SHUT_TCP, OPEN_UDP, SHUT_UDP = 8080, 8081, 9000, 9900

# Witness of what reached the server's stack, before any of its own rules.
WITNESS = """\
table netdev lab {
  counter delivered { }
  chain in { type filter hook ingress device s0 priority -500; counter name "delivered"; }
}
"""

INET = {4: socket.AF_INET, 6: socket.AF_INET6}

# The stack's own messages would come whenever they like, also while the program is being attached.
QUIET = """\
table ip6 quiet {
  chain out {
    type filter hook output priority 0;
    icmpv6 type { mld-listener-report, mld2-listener-report, mld-listener-done, nd-router-solicit } drop
  }
}
"""


@dataclasses.dataclass
class Answer:
    """What one run of xdpseg said."""
    code: int
    out: str
    error: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def failure(self):
        """The error's members, of a run with --json."""
        return json.loads(self.error)["error"]


class Lab(contextlib.ExitStack):
    def __init__(self, queues=1, mtu=1500):
        super().__init__()
        self.name = f"lab-{os.getpid()}"
        self.client = Namespace(f"{self.name}-c")
        self.server = Namespace(f"{self.name}-s")
        self.queues, self.mtu = queues, mtu
        self.merged = False  # the stack may merge TCP segments: deliveries cannot be counted
        self.observing = False  # what the policy denies is delivered too
        self.before = None

    # --- life --------------------------------------------------------------

    def __enter__(self):
        super().__enter__()
        self.dir = self.enter_context(tempfile.TemporaryDirectory(prefix=f"{self.name}-"))
        os.chmod(self.dir, 0o755)
        self.runtime = f"{self.dir}/run"
        self.enter_context(self.client)
        self.enter_context(self.server)
        self.callback(self._end_processes)
        self._join()
        self.before = snapshot.take(self)
        self.server.run("nft", "-f", "-", stdin=WITNESS)
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.check_balance()
                self.check_detached()
        finally:
            super().__exit__(kind, error, trace)

    def _join(self):
        size = str(self.queues)
        self.client.ip("link", "add", "c0", "mtu", str(self.mtu), "numrxqueues", size,
                       "numtxqueues", size, "type", "veth", "peer", "name", IFACE, "mtu",
                       str(self.mtu), "numrxqueues", size, "numtxqueues", size, "netns",
                       self.server.name)
        ends = (self.client, "c0"), (self.server, IFACE)
        self.client.run("nft", "-f", "-", stdin=QUIET)
        for (space, name), own in zip(ends, (CLIENT, SERVER)):
            space.sysctl(f"net/ipv6/conf/{name}/accept_ra", 0)
            space.sysctl(f"net/ipv6/conf/{name}/router_solicitations", 0)
            space.sysctl("net/ipv4/ip_unprivileged_port_start", 0)
            space.ip("addr", "add", f"{own[4]}/24", "dev", name)
            space.ip("addr", "add", f"{own[6]}/64", "dev", name, "nodad")
            space.ip("link", "set", name, "addrgenmode", "none", "up")
        until("carrier", lambda: all(map(self.has_carrier, *zip(*ends))))

    @staticmethod
    def has_carrier(space, name):
        return "NO-CARRIER" not in space.ip("link", "show", name)

    def retake(self):
        """The test changed the system itself: that is how it must be left."""
        self.before = snapshot.take(self)

    def processes(self):
        """{pid: state} of what xdpseg left running: the daemon and all below it."""
        return descendants(os.getpid())

    def _end_processes(self):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        until("the daemon's processes to end", self._none_left)

    def _none_left(self):
        reap(self.processes())
        return not self.processes()

    # --- xdpseg ------------------------------------------------------------

    def command(self, *argv):
        return self.server.command(XDPSEG, "--runtime-dir", self.runtime, *argv)

    def xdpseg(self, *argv, code=0, prefix=(), **options):
        """Run it with --json; `code` is the exit code it must have."""
        argv = [*prefix, *self.command("--json", *argv)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60,
                              **options)
        check(done.returncode == code,
              f"{' '.join(argv)}: exit {done.returncode}, not {code}: {done.stderr.strip()}")
        return Answer(done.returncode, done.stdout, done.stderr)

    def write(self, name, text):
        """A file of the lab; its path."""
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def attach(self, policy=POLICY, *options):
        return self.xdpseg("attach", IFACE, "--policy", self.write("policy.yaml", policy),
                           *options).json

    def status(self):
        return self.xdpseg("status").json

    def stats(self):
        return self.xdpseg("stats").json

    def sessions(self):
        return self.xdpseg("sessions").json

    def attached(self):
        return self.xdpseg_code("status") == 0

    def xdpseg_code(self, *argv):
        return subprocess.run(self.command(*argv), capture_output=True, check=False).returncode

    def workers(self):
        """[(pid, state)] by queue of s0."""
        queues = self.status()["interfaces"][IFACE]["queues"]
        return [(queue["worker"]["pid"], queue["worker"]["state"]) for queue in queues]

    def worker(self):
        """pid of queue 0's worker, once it runs."""
        def running():
            pid, state = self.workers()[0]
            return pid if state == "ready" and pid else None
        return until("a running worker", running)

    def exits(self):
        """{reason: packets} of s0: everything but `to-worker`, which is no exit."""
        iface = self.stats()["interfaces"][IFACE]
        found = {**iface["reasons"], **iface["losses"]}
        found.pop("to-worker", None)
        return {name: packets_of(count) for name, count in found.items()}

    # --- sockets -----------------------------------------------------------

    def listener(self, family, port):
        """A listening TCP socket of the server."""
        sock = self.enter_context(self.server.socket(INET[family], socket.SOCK_STREAM))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((SERVER[family], port))
        sock.listen(4096)
        sock.setblocking(False)
        return sock

    def receiver(self, family, port):
        """A bound UDP socket of the server that holds what a burst brings."""
        sock = self.enter_context(self.server.socket(INET[family], socket.SOCK_DGRAM))
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        sock.bind((SERVER[family], port))
        sock.settimeout(5)
        return sock

    def sender(self, family, port):
        """A UDP socket of the client, connected: its own flow."""
        sock = self.enter_context(self.client.socket(INET[family], socket.SOCK_DGRAM))
        sock.connect((SERVER[family], port))
        return sock

    # --- what must hold after every test ------------------------------------

    def queue_packets(self):
        """What the driver gave to the XDP program, by queue."""
        lines = self.server.run("ethtool", "-S", IFACE).splitlines()
        pairs = (line.strip().partition(": ") for line in lines)
        return [int(value) for name, _, value in pairs if name.endswith("_xdp_packets")]

    def link(self, space, name):
        return space.run_json("ip", "-j", "-s", "link", "show", name)[0]["stats64"]

    def delivered(self):
        counters = self.server.run_json("nft", "-j", "list", "counters")["nftables"]
        return next(entry["counter"]["packets"] for entry in counters if "counter" in entry)

    def imbalance(self):
        """What does not add up, in words; None if all does."""
        iface = self.stats()["interfaces"][IFACE]
        exits = {**iface["reasons"], **iface["losses"]}
        exits.pop("to-worker", None)
        verdicts = {name: packets_of(count) for name, count in iface["verdicts"].items()}
        sums = [
            ("packets", iface["packets"], "the driver's packets", sum(self.queue_packets())),
            ("sum of exits", sum(map(packets_of, exits.values())), "packets", iface["packets"]),
            ("sum of verdicts", sum(verdicts.values()), "packets", iface["packets"]),
        ]
        if not self.merged:
            backlog = self.link(self.server, IFACE)["rx"]["dropped"]
            passed = verdicts["allow"] + (verdicts["deny"] if self.observing else 0)
            sums.append(("passed", passed, "delivered + dropped by the backlog",
                         self.delivered() + backlog))
        wrong = [f"{a} {x} != {b} {y}" for a, x, b, y in sums if x != y]
        return "; ".join(wrong) or None

    def check_balance(self):
        """rx = sum of exits, once what is on its way has arrived."""
        if not self.attached():
            return
        with contextlib.suppress(Failed):
            until("balance", lambda: self.imbalance() is None, 3)
        wrong = self.imbalance()
        if wrong:
            exits = {name: count for name, count in self.exits().items() if count}
            raise Failed(f"balance: {wrong}; exits {exits}")

    def check_detached(self):
        """Detach everything, and find the system as it was."""
        objects = snapshot.bpf_objects_of(self.processes())
        if self.attached():
            self.xdpseg("detach", "--all")
        check(self._none_left(), f"processes are left: {self.processes()}")
        snapshot.check_gone(objects)
        changed = snapshot.differences(self.before, snapshot.take(self))
        check(not changed, f"the system after detach: {changed}")


def packets_of(count):
    return count["packets"] if isinstance(count, dict) else count


def worker_privileges(pid):
    """What /proc says of a worker's rights."""
    status = process_status(pid)
    return {key: status[key].split()[0] for key in
            ("Uid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")}
