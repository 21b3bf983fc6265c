# SPDX-License-Identifier: BSD-2-Clause
"""Attaching never cuts what runs: flows that were there before go on, whatever the policy says."""
import socket
import subprocess

from lab import CLIENT, IFACE, INET, OPEN_TCP, POLICY, SERVER, SHUT_TCP, SHUT_UDP, Lab
from system import check, check_equal, run, slow, until

# Nothing is picked up: what goes on, goes on because it was known when xdpseg came.
STRICT = POLICY.replace("ingress: deny", "ingress: deny, pickup: 0")
DENY_ALL = "version: 1\nname: none\ndefaults: {ingress: deny, egress: allow, pickup: 0}\n"

# conntrack looks only where somebody asks for its states.
TRACK = """\
table inet track {
  chain in { type filter hook input priority 0; ct state established accept; }
  chain out { type filter hook output priority 0; ct state established accept; }
}
"""


def pair(lab, family, port, listens, connects, address):
    """(end of who connected, end of who listened, the listener) of a TCP connection."""
    listener = lab.enter_context(listens.socket(INET[family], socket.SOCK_STREAM))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address[family], port))
    listener.listen()
    caller = lab.enter_context(connects.socket(INET[family], socket.SOCK_STREAM))
    caller.connect((address[family], port))
    answerer = lab.enter_context(listener.accept()[0])
    for end in (caller, answerer):
        end.settimeout(10)
    return caller, answerer, listener


def inbound(lab, family, port):
    """(client's end, server's end, listener) of a connection that the client opened."""
    return pair(lab, family, port, lab.server, lab.client, SERVER)


def outbound(lab, family, port):
    """(client's end, server's end, listener) of a connection that the server's host opened."""
    caller, answerer, listener = pair(lab, family, port, lab.client, lab.server, CLIENT)
    return answerer, caller, listener


def check_talks(ends, what):
    """Both ways, the client first: nothing of the server's can have opened the way."""
    client, server = ends[:2]
    for speaker, hearer, text in ((client, server, b"in"), (server, client, b"out")):
        speaker.send(text)
        try:
            check_equal(hearer.recv(16), text, what)
        except TimeoutError:
            check(False, f"{what}: nothing came")


def session_of(lab, sport, dport):
    """The session of a flow, by the ports of who began and of whom."""
    found = [row for row in lab.sessions() if (row["sport"], row["dport"]) == (sport, dport)]
    check_equal(len(found), 1, f"sessions {sport} > {dport} among {lab.sessions()}")
    return found[0]


def seeded(lab):
    return lab.iface()["seeded"]


def test_own_connection_goes_on():
    """Begun by this host, idle, and nothing of it is picked up."""
    for family in (4, 6):
        with Lab() as lab:
            lab.merged = True
            ends = outbound(lab, family, 5000)
            lab.attach(STRICT)
            check_equal(seeded(lab)["sockets"], 1, "sockets")
            check_talks(ends, f"own connection, IPv{family}")
            session = session_of(lab, ends[1].getsockname()[1], 5000)
            check_equal((session["verdict"], session["state"], session["src"]),
                        ("allow", "established", SERVER[family]), "the session")
            check_equal(session["iface"], IFACE, "its interface")
            said = run(*lab.command("-v", "status"))
            check(f"{IFACE}: of what ran before, 1 known by sockets" in said, said)


def test_inbound_connections_go_on():
    """On an allowed port by its rule, on a denied one by the default's account."""
    for family in (4, 6):
        with Lab() as lab:
            lab.merged = True
            allowed = inbound(lab, family, OPEN_TCP)
            denied = inbound(lab, family, SHUT_TCP)
            lab.attach(STRICT)
            check_equal(seeded(lab)["sockets"], 2, "sockets")
            for ends, port, rule in ((allowed, OPEN_TCP, "web"), (denied, SHUT_TCP, "default")):
                check_talks(ends, f"connection to port {port}, IPv{family}")
                session = session_of(lab, ends[0].getsockname()[1], port)
                check_equal((session["verdict"], session["rule"], session["state"]),
                            ("allow", rule, "established"), "the session")
                check_equal(session["src"], CLIENT[family], "who began")


def test_new_connections_are_judged():
    """A flow that runs opens the way to no other."""
    with Lab() as lab:
        lab.merged = True
        ends = inbound(lab, 4, SHUT_TCP)
        lab.attach(STRICT)
        check_talks(ends, "the old connection")
        other = lab.enter_context(lab.client.socket(socket.AF_INET, socket.SOCK_STREAM))
        other.settimeout(0.3)
        try:
            other.connect((SERVER[4], SHUT_TCP))
        except TimeoutError:
            return
        check(False, "a new connection to the denied port")


def test_v4_mapped():
    """IPv4 by a socket of both families."""
    with Lab() as lab:
        lab.merged = True
        listener = lab.enter_context(lab.server.socket(socket.AF_INET6, socket.SOCK_STREAM))
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", SHUT_TCP))
        listener.listen()
        client = lab.enter_context(lab.client.socket(socket.AF_INET, socket.SOCK_STREAM))
        client.connect((SERVER[4], SHUT_TCP))
        server = lab.enter_context(listener.accept()[0])
        for end in (client, server):
            end.settimeout(10)
        lab.attach(STRICT)
        check_talks((client, server), "IPv4 over an IPv6 socket")


def test_address_on_lo():
    """What lo has besides loopback addresses is reached by every interface."""
    with Lab() as lab:
        lab.merged = True
        lab.server.ip("addr", "add", "10.99.0.1/32", "dev", "lo")
        lab.client.ip("route", "add", "10.99.0.1/32", "via", SERVER[4])
        lab.retake()
        ends = pair(lab, 4, SHUT_TCP, lab.server, lab.client, {4: "10.99.0.1"})
        lab.attach(STRICT)
        check_talks(ends, "connection to an address on lo")


def test_not_of_this_interface():
    """What is within the host, or comes by another interface, has no session here."""
    with Lab() as lab:
        lab.merged = True
        pair(lab, 4, SHUT_TCP, lab.server, lab.server, {4: "127.0.0.1"})
        pair(lab, 4, SHUT_TCP + 1, lab.server, lab.server, SERVER)
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.server.ip("link", "set", "d0", "up")
        lab.retake()
        ends = inbound(lab, 4, OPEN_TCP)
        lab.attach(STRICT)
        check_equal(seeded(lab)["sockets"], 1, "sockets")
        lab.xdpseg("attach", "d0")
        check_equal(lab.status()["interfaces"]["d0"]["seeded"]["sockets"], 0, "sockets of d0")
        check_equal(len(lab.sessions()), 1, "sessions")
        check_talks(ends, "the connection")
        lab.xdpseg("detach", "d0")


def test_connected_udp():
    """Answers to a connected socket come in, and what nobody is connected to does not."""
    for family in (4, 6):
        with Lab() as lab:
            client = lab.enter_context(lab.client.socket(INET[family], socket.SOCK_DGRAM))
            client.bind((CLIENT[family], 5000))
            server = lab.receiver(family, SHUT_UDP)
            server.connect((CLIENT[family], 5000))
            client.settimeout(10)
            client.connect((SERVER[family], SHUT_UDP))
            lab.attach(DENY_ALL)
            check_equal(seeded(lab)["sockets"], 1, "sockets")
            check_talks((client, server), f"connected UDP, IPv{family}")


def test_known_to_conntrack_only():
    """UDP of a socket that is not connected: only conntrack knows who speaks."""
    with Lab() as lab:
        lab.merged = True
        lab.server.run("nft", "-f", "-", stdin=TRACK)
        lab.retake()
        server = lab.receiver(4, SHUT_UDP)
        client = lab.sender(4, SHUT_UDP)
        client.settimeout(10)
        client.send(b"question")
        text, peer = server.recvfrom(16)
        server.sendto(b"answer", peer)
        check_equal((text, client.recv(16)), (b"question", b"answer"), "before")
        lab.attach(DENY_ALL)
        check_equal(seeded(lab)["sockets"], 0, "sockets")
        check_equal(seeded(lab)["conntrack"], 1, "conntrack")
        client.send(b"more")
        check_equal(server.recv(16), b"more", "after")
        session = session_of(lab, client.getsockname()[1], SHUT_UDP)
        check_equal((session["src"], session["verdict"], session["rule"]),
                    (CLIENT[4], "allow", "default"), "the session")


def test_conntrack_and_sockets_agree():
    """What both know is one flow."""
    with Lab() as lab:
        lab.merged = True
        lab.server.run("nft", "-f", "-", stdin=TRACK)
        lab.retake()
        ends = inbound(lab, 4, SHUT_TCP), outbound(lab, 4, 5000)
        lab.attach(STRICT)
        found = seeded(lab)
        check_equal((found["sockets"], found["conntrack"]), (1, 1), "sockets, conntrack")
        for each in ends:
            check_talks(each, "the connection")
        check_equal({row["src"] for row in lab.sessions()}, {CLIENT[4], SERVER[4]}, "who began")


def test_apply_judges_again():
    """What only the attach let live, the next policy may end."""
    with Lab() as lab:
        lab.merged = True
        ends = inbound(lab, 4, SHUT_TCP)
        own = outbound(lab, 4, 5000)
        lab.attach(STRICT)
        check_talks(ends, "before")
        lab.xdpseg("policy", "apply", lab.write("next.yaml", DENY_ALL))
        check_talks(own, "the host's own connection after")
        ends[0].settimeout(0.5)
        ends[0].send(b"again")
        until("the denial to be counted",
              lambda: lab.stats()["rules"]["default"]["packets"] and
              session_of(lab, ends[0].getsockname()[1], SHUT_TCP)["verdict"] == "deny")


def test_quota_full():
    """What has no room is counted, and attach goes on."""
    with Lab() as lab:
        lab.merged = True
        ends = [inbound(lab, 4, SHUT_TCP + i) for i in range(3)]
        lab.attach(STRICT.replace("pickup: 0", "pickup: 0, limits: {sessions: 2}"))
        found = seeded(lab)
        check_equal((found["sockets"], found["refused"]), (2, 1), "seeded, refused")
        check_equal(lab.stats()["sessions"]["established"], 2, "established")
        check_equal(len(ends), 3, "connections")


def test_what_begins_while_attach_learns():
    """An inbound connection that only the answers of this host showed is by who began it."""
    patient = STRICT.replace("pickup: 0", "pickup: 0, timeouts: {tcp-syn: 10m}")  # longer than it learns
    with Lab() as lab:
        lab.merged = True
        path = lab.write("policy.yaml", patient)
        argv = lab.command("--json", "attach", IFACE, "--policy", path, "--learn", f"{round(slow(3))}s")
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as attach:
            until("it to learn", lambda: lab.attached() and "learns_ms" in lab.iface())
            ends = inbound(lab, 4, SHUT_TCP)
            check_talks(ends, "while it learns")
            row = session_of(lab, SHUT_TCP, ends[0].getsockname()[1])
            check_equal(row["src"], SERVER[4], "who seems to have begun")
            said = attach.communicate(timeout=slow(20))
            check_equal(attach.returncode, 0, f"attach: {said}")
        check_talks(ends, "enforced")
        row = session_of(lab, ends[0].getsockname()[1], SHUT_TCP)
        check_equal((row["src"], row["state"], row["rule"]), (CLIENT[4], "established", "default"),
                    "the session")
        check_equal(seeded(lab)["sockets"], 0, "new ones")
        lab.xdpseg("detach", "--all")  # what passed while it learned nobody counted: no balance


def test_attach_with_another_policy():
    """Policy and interface are new at once: what runs there goes on under that policy."""
    with Lab() as lab:
        lab.merged = True
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.server.ip("link", "set", "d0", "up")
        lab.retake()
        lab.xdpseg("attach", "d0", "--policy", lab.write("first.yaml", STRICT))
        ends = inbound(lab, 4, SHUT_TCP)
        lab.attach(DENY_ALL)
        check_talks(ends, "under the second policy")
        lab.xdpseg("detach", "d0")
