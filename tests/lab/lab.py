# SPDX-License-Identifier: BSD-2-Clause
"""A lab: two namespaces joined by a veth pair with its default offloads, or by two network
cards with a cable between them (use_cards).

    client  c0 10.77.0.1, fd77::1 ─── s0 10.77.0.2, fd77::2  server: xdpseg is attached to s0

Leaving the lab without a failure checks what must hold after every test: every
packet has one exit (balance), and detaching leaves nothing behind.
"""
import contextlib
import dataclasses
import http.client
import json
import os
import socket
import subprocess
import tempfile

import snapshot
from system import (IFF_RUNNING, Failed, Namespace, check, descendants, process_status, reap, run, slow,
                    until)

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

# Names of two cards that take the veth's place, if any; they go back when the lab ends.
CARDS = []

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


def use_cards(driver):
    """Every lab of this process is joined by the cards of this driver: a guest's (scripts/vm/run)."""
    run("modprobe", driver)
    found = sorted(name for name in os.listdir("/sys/class/net") if driver_of(name) == driver)
    check(len(found) == 2, f"cards of {driver}: {found}, not two with a cable between them")
    CARDS[:] = found


def driver_of(name):
    return os.path.basename(os.path.realpath(f"/sys/class/net/{name}/device/driver"))


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
    mode = None  # of what attaches and does not say so itself

    def __init__(self, queues=1, mtu=1500):
        super().__init__()
        self.name = f"lab-{os.getpid()}"
        self.client = Namespace(f"{self.name}-c")
        self.server = Namespace(f"{self.name}-s")
        self.queues, self.mtu = queues, mtu
        self.merged = False  # the stack may merge TCP segments: deliveries cannot be counted
        self.observing = False  # what the policy denies is delivered too
        self.forged = False  # what leaves is made by the test, not by a stack
        self.unseen = 0  # packets that came before the attach
        self.learned = 0  # and while it learned, when nothing is counted: an ARP probe
        self.before = None

    # --- life --------------------------------------------------------------

    def __enter__(self):
        super().__enter__()
        self.dir = self.enter_context(tempfile.TemporaryDirectory(prefix=f"{self.name}-"))
        os.chmod(self.dir, 0o755)
        self.runtime = f"{self.dir}/run"
        self.enter_context(self.client)
        self.enter_context(self.server)
        self.callback(self.kill_all)
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

    def _take_cards(self):
        for space, name, own in zip((self.client, self.server), ("c0", IFACE), CARDS):
            run("ip", "link", "set", own, "netns", space.name)
            # Promiscuous: a card may filter VLANs that the stack has not named, unlike a veth.
            space.ip("link", "set", own, "name", name, "promisc", "on")
            self.callback(self._give_card_back, space, name, own)

    @staticmethod
    def _give_card_back(space, name, own):
        space.ip("link", "set", name, "promisc", "off", "down")
        space.ip("link", "set", name, "name", own)
        space.ip("link", "set", own, "netns", "1")

    def _make_veth(self):
        size = str(self.queues)
        self.client.ip("link", "add", "c0", "mtu", str(self.mtu), "numrxqueues", size,
                       "numtxqueues", size, "type", "veth", "peer", "name", IFACE, "mtu",
                       str(self.mtu), "numrxqueues", size, "numtxqueues", size, "netns",
                       self.server.name)

    def _join(self):
        if CARDS:
            self._take_cards()
        else:
            self._make_veth()
        ends = (self.client, "c0"), (self.server, IFACE)
        self.client.run("nft", "-f", "-", stdin=QUIET)
        for (space, name), own in zip(ends, (CLIENT, SERVER)):
            space.sysctl(f"net/ipv6/conf/{name}/accept_ra", 0)
            space.sysctl(f"net/ipv6/conf/{name}/router_solicitations", 0)
            space.sysctl("net/ipv4/ip_unprivileged_port_start", 0)
            # In one command it would come up before it hears of its address: a card speaks then.
            space.ip_all(f"addr add {own[4]}/24 dev {name}", f"addr add {own[6]}/64 dev {name} nodad",
                         f"link set {name} addrgenmode none", f"link set {name} up")
        until("carrier", lambda: all(map(self.has_carrier, *zip(*ends))))

    @staticmethod
    def kernel():
        return tuple(map(int, os.uname().release.split(".")[:2]))

    @staticmethod
    def has_carrier(space, name):
        return space.link_flags(name) & IFF_RUNNING

    def retake(self):
        """The test changed the system itself: that is how it must be left."""
        self.before = snapshot.take(self)

    def processes(self):
        """{pid: state} of what xdpseg left running: the daemon and all below it."""
        return descendants(os.getpid())

    def kill_all(self):
        """Keeper, spawner and workers, without a word."""
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
        if argv[0] == "attach" and "--learn" not in argv:
            argv = [*argv, "--learn", "0s"]  # nothing runs in a new lab
        if argv[0] == "attach" and self.mode and "--mode" not in argv:
            argv = [*argv, "--mode", self.mode]
        if argv[0] == "attach" and IFACE in argv:
            self.unseen = self.link(self.server, IFACE)["rx"]["packets"]
        argv = [*prefix, *self.command("--json", *argv)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=slow(60),
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
        attached = self.xdpseg("attach", IFACE, "--policy", self.write("policy.yaml", policy),
                               *options).json
        if "--learn" not in options and not self.learned:
            given = sum(self.queue_packets())
            self.learned = max(given - self.stats()["interfaces"][IFACE]["packets"], 0)
        return attached

    def ask(self, what):
        """The daemon's answer, without the client, which takes a while to start; None: no answer."""
        connection = http.client.HTTPConnection("xdpsegd", timeout=slow(60))
        with contextlib.closing(connection), socket.socket(socket.AF_UNIX) as connection.sock:
            try:
                connection.sock.connect(f"{self.runtime}/control.sock")
                connection.request("GET", f"/v1/{what}")
                reply = connection.getresponse()
                return json.loads(reply.read()) if reply.status == 200 else None
            except (OSError, http.client.HTTPException):
                return None

    def status(self):
        return self.ask("status") or self.xdpseg("status").json

    def iface(self):
        """s0's part of the status."""
        return self.status()["interfaces"][IFACE]

    def stats(self):
        return self.ask("stats") or self.xdpseg("stats").json

    def sessions(self):
        return self.xdpseg("sessions").json

    def attached(self):
        return bool(self.ask("status")) or self.xdpseg_code("status") == 0

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

    def held(self, wanted=lambda queue: True):
        """Fragments that wait for the rest of their datagram: they have no exit yet."""
        queues = self.stats()["interfaces"][IFACE]["queues"]
        return sum(queue["held"] for queue in queues if wanted(queue["queue"]))

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
        sock.settimeout(slow(5))
        return sock

    def sender(self, family, port):
        """A UDP socket of the client, connected: its own flow."""
        sock = self.enter_context(self.client.socket(INET[family], socket.SOCK_DGRAM))
        sock.connect((SERVER[family], port))
        return sock

    # --- what must hold after every test ------------------------------------

    def queue_packets(self):
        """What the driver gave to the XDP program, by queue; in generic mode, to the stack."""
        if CARDS:  # theirs count twice, and since they were made
            return []
        if self.status()["interfaces"][IFACE]["mode"] == "generic":
            return [self.link(self.server, IFACE)["rx"]["packets"] - self.unseen]
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
        egress = iface["egress"]
        out = {**egress["reasons"], **egress["losses"]}
        out.pop("to-worker", None)
        exits.pop("vlan-beside", None)  # a second look, at what XDP had counted as allowed
        verdicts = {name: packets_of(count) for name, count in iface["verdicts"].items()}
        held = self.held(lambda queue: queue != "egress")
        sums = [
            ("sum of exits", held + sum(map(packets_of, exits.values())), "packets",
             iface["packets"]),
            ("sum of exits, out", self.held(lambda queue: queue == "egress") +
             sum(map(packets_of, out.values())), "packets, out", egress["packets"]),
            ("sum of verdicts", held + sum(verdicts.values()), "packets", iface["packets"]),
        ]
        if not self.forged:
            sums.append(("sent out of turn", packets_of(out["tcp-window"]), "by a real stack", 0))
        if self.queue_packets():
            sums.append(("packets", iface["packets"], "the driver's packets",
                         sum(self.queue_packets()) - self.learned))
        if not self.merged:
            # A card has no backlog, and counts there what XDP dropped.
            backlog = 0 if CARDS else self.link(self.server, IFACE)["rx"]["dropped"]
            passed = verdicts["allow"] + (verdicts["deny"] if self.observing else 0)
            sums.append(("passed", passed, "delivered + dropped by the backlog",
                         self.delivered() + backlog))
        wrong = [f"{a} {x} != {b} {y}" for a, x, b, y in sums if x != y]
        return "; ".join(wrong) or None

    def check_balance(self):
        """rx = sum of exits, once what is on its way has arrived."""
        if not self.attached():
            return
        wrong = None

        def balanced():
            nonlocal wrong
            wrong = self.imbalance()
            return wrong is None

        with contextlib.suppress(Failed):
            until("balance", balanced, 10)
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
