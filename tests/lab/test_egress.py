# SPDX-License-Identifier: BSD-2-Clause
"""What leaves: learned where the policy lets everything out, asked for where it does not."""
import contextlib
import socket

from lab import CLIENT, IFACE, INET, Lab, packets_of
from system import Failed, check, check_equal, slow, until

OPEN, SHUT = 5000, 5001

LEARNS = """\
version: 1
name: learns
defaults: {ingress: deny, egress: allow, pickup: 0}
rules: []
"""
ASKS = """\
version: 1
name: asks
defaults: {ingress: deny, egress: deny, pickup: 0}
rules:
  - {id: out, direction: egress, service: [tcp/5000, udp/5000], action: allow}
  - {id: ping, direction: egress, service: [icmp/echo-request, icmpv6/echo-request], action: allow}
"""
UDP_SEGMENT = 103


def out(lab):
    """{reason: packets} of what left."""
    egress = lab.stats()["interfaces"][IFACE]["egress"]
    return {name: packets_of(count) for name, count in egress["reasons"].items()
            if packets_of(count)}


def serve(lab, family, kind, port):
    sock = lab.enter_context(lab.client.socket(INET[family], kind))
    sock.bind((CLIENT[family], port))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    sock.settimeout(slow(3))
    return sock


def reaches(lab, family, port):
    """Does a TCP connection of the host get through?"""
    with lab.server.socket(INET[family], socket.SOCK_STREAM) as sock:
        sock.settimeout(slow(0.7))
        try:
            sock.connect((CLIENT[family], port))
        except TimeoutError:
            return False
        return True


def asks_dns(lab, family, port):
    """A datagram of the host, and its answer."""
    server = serve(lab, family, socket.SOCK_DGRAM, port)
    with lab.server.socket(INET[family], socket.SOCK_DGRAM) as sock:
        sock.settimeout(slow(3))
        sock.connect((CLIENT[family], port))
        sock.send(b"question")
        question, host = server.recvfrom(100)
        server.sendto(b"answer to " + question, host)
        check_equal(sock.recv(100), b"answer to question", "the answer")


def ping(lab, family):
    lab.server.run("ping", f"-{family}", "-c", "2", "-i", "0.05", "-W", str(int(slow(2))), CLIENT[family])


def test_all_may_leave_and_is_answered():
    """TCP, UDP and pings of the host, both families, with ingress denied: no worker is asked."""
    with Lab() as lab:
        for family in (4, 6):
            serve(lab, family, socket.SOCK_STREAM, OPEN)
        lab.attach(LEARNS)
        for family in (4, 6):
            check(reaches(lab, family, OPEN), f"TCP over IPv{family}")
            asks_dns(lab, family, OPEN)
            ping(lab, family)
        check(out(lab)["egress-learned"] >= 6, f"learned: {out(lab)}")
        check_equal(lab.stats()["interfaces"][IFACE]["egress"]["slow_path"]["packets"], 0, "asked")
        rules = lab.stats()["rules"]
        check(rules["default"]["sessions"] >= 6, f"the default's sessions: {rules}")


def test_a_learned_flow_counts_for_its_rule():
    """The program knows no rules; the session's key tells by which one it went."""
    rule = '  - {id: web, service: tcp/5000, to: [10.77.0.0/24, "fd77::/64"], action: allow}\n'
    with Lab() as lab:
        serve(lab, 4, socket.SOCK_STREAM, OPEN)
        serve(lab, 4, socket.SOCK_STREAM, SHUT)
        lab.attach(LEARNS.replace("rules: []\n", "rules:\n" + rule))
        check(reaches(lab, 4, OPEN) and reaches(lab, 4, SHUT), "TCP")
        check_equal(sorted(s["rule"] for s in lab.sessions() if s["proto"] == "tcp"),
                    ["default", "web"], "rules of the sessions")
        rules = lab.stats()["rules"]
        check_equal((rules["web"]["sessions"], rules["default"]["sessions"]), (1, 1), "sessions")


def test_only_what_the_policy_lets_out_leaves():
    """Denied egress: the worker judges, what it lets out comes back answered, the rest dies."""
    with Lab() as lab:
        for family in (4, 6):
            serve(lab, family, socket.SOCK_STREAM, OPEN)
            serve(lab, family, socket.SOCK_STREAM, SHUT)
        lab.attach(ASKS)
        for family in (4, 6):
            check(reaches(lab, family, OPEN), f"TCP over IPv{family}")
            check(not reaches(lab, family, SHUT), f"TCP over IPv{family} to a port that is shut")
            asks_dns(lab, family, OPEN)
            ping(lab, family)
        check(out(lab)["rule-deny"] >= 2, f"denied: {out(lab)}")
        check_equal(lab.status()["interfaces"][IFACE]["egress"]["new_flows"], "judged", "egress")
        until("both rules' sessions",
              lambda: [lab.stats()["rules"][rule]["sessions"] for rule in ("out", "ping")] == [4, 2])


def test_a_gso_frame_is_cut_before_it_is_judged():
    """UDP_SEGMENT on a flow that nobody knows: the first frame of it is many packets."""
    with Lab() as lab:
        server = serve(lab, 4, socket.SOCK_DGRAM, OPEN)
        lab.attach(ASKS)
        with lab.server.socket(INET[4], socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 100)
            sock.connect((CLIENT[4], OPEN))
            sock.send(b"x" * 1000)
            for _ in range(10):
                check_equal(len(server.recv(2000)), 100, "a datagram")
        until("all to be counted", lambda: out(lab).get("rule-allow") == 10)


def test_bulk_both_ways():
    """iperf3 with its offloads, host as client, while ingress is denied."""
    for policy in (LEARNS, ASKS.replace("tcp/5000", "tcp/5201")):
        with Lab() as lab:
            lab.merged = True
            server = lab.client.start("iperf3", "-s", "-1", "-p", "5201")
            until("iperf3 listens", lambda: lab.client.run("ss", "-Hlnt", "sport = :5201"))
            lab.attach(policy)
            lab.server.run("iperf3", "-c", CLIENT[4], "-t", "1", "--bidir")
            server.wait(10)


def test_the_policy_changes_under_a_flow():
    """From "all may leave" to "this may" and back, and the connection speaks on."""
    with Lab() as lab:
        listener = serve(lab, 4, socket.SOCK_STREAM, OPEN)
        lab.attach(LEARNS)
        sock = lab.enter_context(lab.server.socket(INET[4], socket.SOCK_STREAM))
        sock.settimeout(slow(3))
        sock.connect((CLIENT[4], OPEN))
        peer = lab.enter_context(listener.accept()[0])
        peer.settimeout(slow(3))
        for policy in (ASKS, LEARNS, ASKS, LEARNS):
            lab.xdpseg("policy", "apply", lab.write("next.yaml", policy))
            for one, other in ((sock, peer), (peer, sock)):
                one.send(b"still here")
                check_equal(other.recv(100), b"still here", f"under {policy[:30]!r}")
        serve(lab, 4, socket.SOCK_STREAM, SHUT)
        check(reaches(lab, 4, SHUT), "all may leave again")


def test_a_denial_is_not_the_hosts_own():
    """Who is denied on a tuple cannot keep the host from using it the other way."""
    with Lab() as lab:
        serve(lab, 4, socket.SOCK_STREAM, OPEN)
        lab.attach(LEARNS)
        with lab.client.socket(INET[4], socket.SOCK_DGRAM) as sock:
            sock.bind((CLIENT[4], OPEN))
            sock.connect(("10.77.0.2", 6000))
            sock.send(b"unasked")
        until("the denial", lambda: lab.stats()["sessions"]["denied"] == 1)
        server = serve(lab, 4, socket.SOCK_DGRAM, OPEN)
        with lab.server.socket(INET[4], socket.SOCK_DGRAM) as sock:
            sock.bind(("10.77.0.2", 6000))
            sock.connect((CLIENT[4], OPEN))
            sock.settimeout(slow(3))
            sock.send(b"question")
            server.sendto(b"answer", server.recvfrom(100)[1])
            check_equal(sock.recv(100), b"answer", "the answer")


def test_fragments_leave_and_are_answered():
    """A datagram beyond the MTU leaves in fragments; its answer is known by the first."""
    with Lab() as lab:
        server = serve(lab, 4, socket.SOCK_DGRAM, OPEN)
        lab.attach(LEARNS)
        with lab.server.socket(INET[4], socket.SOCK_DGRAM) as sock:
            sock.settimeout(slow(3))
            sock.connect((CLIENT[4], OPEN))
            sock.send(b"x" * 4000)
            data, host = server.recvfrom(5000)
            check_equal(len(data), 4000, "bytes")
            server.sendto(b"answer", host)
            check_equal(sock.recv(100), b"answer", "the answer")


def filters(lab):
    return lab.server.run("tc", "filter", "show", "dev", IFACE, "egress")


def test_it_stands_beside_other_tc_programs():
    """A clsact qdisc with filters of the user's is used by them as before, and stays."""
    with Lab() as lab:
        lab.server.run("tc", "qdisc", "add", "dev", IFACE, "clsact")
        lab.server.run("tc", "filter", "add", "dev", IFACE, "egress", "prio", "7", "protocol", "ip",
                       "u32", "match", "ip", "dport", "5001", "0xffff", "flowid", "1:1")
        lab.retake()
        users = filters(lab)
        serve(lab, 4, socket.SOCK_STREAM, OPEN)
        lab.attach(LEARNS)
        check(reaches(lab, 4, OPEN), "TCP")
        lab.xdpseg("detach", IFACE)
        check_equal(filters(lab), users, "the user's filters")


def test_with_the_worker_dead_all_may_leave_still():
    """Learning needs nobody: worker and keeper killed, the host's own connections go on."""
    with Lab() as lab:
        serve(lab, 4, socket.SOCK_STREAM, OPEN)
        lab.attach(LEARNS)
        lab.kill_all()
        check(reaches(lab, 4, OPEN), "TCP")
        lab.attach(LEARNS)  # a new daemon tidies up after the dead one
        lab.xdpseg("detach", IFACE)


def test_attach_learns_first():
    """It returns when the policy is enforced, which is not before the time to learn is over."""
    with Lab() as lab:
        status = lab.xdpseg("attach", IFACE, "--policy", lab.write("policy.yaml", LEARNS),
                            "--learn", "600ms").json
        check("learns_ms" not in status["interfaces"][IFACE], "it still learns")
        with contextlib.suppress(Failed):
            lab.client.run("ping", "-c", "1", "-W", "0.2", "10.77.0.2")
        until("the denial", lambda: lab.exits()["rule-deny"] >= 1)
