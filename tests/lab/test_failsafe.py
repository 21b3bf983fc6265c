# SPDX-License-Identifier: BSD-2-Clause
"""failsafe: a service that is never cut off, whoever is dead and whatever is full."""
import contextlib
import socket

from lab import CLIENT, IFACE, INET, SERVER, Lab
from system import check, check_equal, stopped, until

SAFE, OTHER = 2222, 8080
STRANGER = {4: "10.77.0.3", 6: "fd77::3"}
FRIEND = {4: CLIENT[4], 6: CLIENT[6]}

POLICY = """\
version: 1
name: safe
defaults: {ingress: deny, egress: %s, on-worker-loss: %s, limits: {sessions: 1, half-open: 1, denied: 1}}
failsafe: [tcp/2222 from friends%s]
groups: {friends: [%s, "fd77::/127"]}
rules:
  - {id: no, service: tcp/2222, action: deny}
  - {id: web, direction: ingress, service: tcp/8080, action: allow}
"""


def policy(egress="allow", loss="drop", more="", friends="10.77.0.0-10.77.0.1"):
    return POLICY % (egress, loss, more, friends)


def connected(lab, family, source, port=SAFE, seconds=5):
    """A connection, or None."""
    sock = lab.enter_context(lab.client.socket(INET[family], socket.SOCK_STREAM))
    sock.settimeout(seconds)
    sock.bind((source[family], 0))
    try:
        sock.connect((SERVER[family], port))
    except TimeoutError:
        return None
    return sock


def serve(lab, listener, sock):
    """One line there and back: the connection carries data."""
    own = sock.getsockname()[:2]

    def accepted():
        with contextlib.suppress(BlockingIOError):
            other, peer = listener.accept()
            return other if peer[:2] == own else None
        return None

    other = until("the connection", accepted)
    other.settimeout(5)
    sock.send(b"hello")
    check_equal(other.recv(16), b"hello", "there")
    other.send(b"and back")
    check_equal(sock.recv(16), b"and back", "back")
    other.close()


def check_safe(lab):
    """From the group it works, from others not."""
    for family in (4, 6):
        listener = lab.listener_of[family]
        sock = connected(lab, family, FRIEND)
        check(sock, f"IPv{family}: cut off")
        serve(lab, listener, sock)
        sock.close()
        check(not connected(lab, family, STRANGER, seconds=0.5), f"IPv{family}: a stranger is in")


@contextlib.contextmanager
def safe(**options):
    with Lab() as lab:
        lab.merged = True
        for family, length, more in ((4, 24, ()), (6, 64, ("nodad",))):
            lab.client.ip("addr", "add", f"{STRANGER[family]}/{length}", "dev", "c0", *more)
        lab.retake()
        lab.listener_of = {family: lab.listener(family, SAFE) for family in (4, 6)}
        lab.attach(policy(**options))
        yield lab


def test_known_by_its_packets():
    with safe() as lab:
        check_safe(lab)
        exits = lab.exits()
        check(exits["failsafe"] >= 8, f"exits: {exits}")
        check(not [s for s in lab.sessions() if s["verdict"] == "allow"], "it has a session")


def test_with_what_leaves_denied():
    with safe(egress="deny") as lab:
        check_safe(lab)


def test_with_everybody_dead():
    """No keeper, no spawner, no worker, and on-worker-loss: drop."""
    with safe() as lab:
        before = connected(lab, 4, FRIEND)
        lab.kill_all()
        serve(lab, lab.listener_of[4], before)
        check_safe(lab)
        lab.attach(policy())  # a new daemon tidies up after the dead one
        lab.xdpseg("detach", IFACE)


def test_with_everybody_standing_still():
    """The worker is lost by name, and sessions are full."""
    with safe() as lab:
        lab.listener(4, OTHER)
        with stopped(*lab.processes()):
            for _ in range(3):
                check(not connected(lab, 4, FRIEND, OTHER, 0.3), "somebody works")
            check_safe(lab)
        exits = lab.exits()
        check(exits.get("sessions-full", 0) + exits.get("worker-lost", 0) > 0, f"exits: {exits}")


def test_a_policy_takes_it_back_and_gives_it():
    """A new policy's services and addresses hold at once; a connection goes on while it may."""
    with safe() as lab:
        kept = connected(lab, 4, FRIEND)
        for text, holds in ((policy(more=", tcp/99"), True), (policy(friends="10.77.0.9"), False),
                            (policy(friends="10.77.0.1"), True), (policy(), True)):
            lab.xdpseg("policy", "apply", lab.write("applied.yaml", text))
            sock = connected(lab, 4, FRIEND, seconds=5 if holds else 0.5)
            check_equal(sock is not None, holds, text)
        serve(lab, lab.listener_of[4], kept)
        check(connected(lab, 6, FRIEND), "IPv6: cut off")
