# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams beyond the MTU: held until they are whole, judged whole, in both directions."""
import contextlib
import os
import random
import signal
import socket

import packets as p
from lab import CLIENT, IFACE, INET, OPEN_TCP, OPEN_UDP, POLICY, SERVER, SHUT_UDP, Lab, packets_of
from system import Failed, check, check_equal, slow, until
from test_frames import address, packet_socket

UDP, FRAGMENT = 17, 44
BIG = bytes(range(256)) * 32  # 8 KiB: six fragments
LET_OUT = """\
  - {id: out, direction: egress, service: [udp/9000-9099, icmp/echo-request, icmpv6/echo-request], action: allow}
"""
ASKING = POLICY.replace("egress: allow", "egress: deny") + LET_OUT
VLAN = POLICY + "  - {id: red, direction: ingress, vlan: 66, service: tcp/1, action: deny}\n"


def pieces_of(family, payload, ident=77, size=1024, ports=(4000, OPEN_UDP), bad=0):
    """The packets of one datagram, in order."""
    src, dst = CLIENT[family], SERVER[family]
    body = p.udp(src, dst, *ports, payload, bad=bad)
    for offset in range(0, len(body), size):
        more = offset + size < len(body)
        yield piece(family, body[offset:offset + size], offset, more, ident)


def piece(family, body, offset, more, ident=77, proto=UDP):
    src, dst = CLIENT[family], SERVER[family]
    if family == 4:
        return p.ipv4(src, dst, proto, body, fragment=more << 13 | offset // 8, ident=ident)
    head = bytes([proto, 0]) + (offset | more).to_bytes(2, "big") + ident.to_bytes(4, "big")
    return p.ipv6(src, dst, FRAGMENT, head + body)


class Wire:
    """The client's end, for frames made by hand."""

    def __init__(self, lab):
        self.sock = packet_socket(lab)
        self.ends = address(lab.client, "c0"), address(lab.server, IFACE)

    def send(self, family, packets, tags=()):
        for packet in packets:
            self.sock.send(p.ethernet(*self.ends, family, packet, tags))


def nothing_more(sock):
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        raise Failed(f"a datagram came: {len(sock.recv(65535))} bytes")


def echo(receiver, sender, payload):
    sender.send(payload)
    got, peer = receiver.recvfrom(65535)
    check(got == payload, "the datagram is another one")
    receiver.sendto(payload, peer)
    check(sender.recv(65535) == payload, "the answer is another one")


def ping(space, there, size):
    space.run("ping", "-c", "3", "-i", "0.05", "-W", str(int(slow(5))), "-s", str(size), there)


def test_both_ways():
    """The client's datagrams and the host's answers, the host's own and the client's answers."""
    with Lab() as lab:
        receivers = {family: lab.receiver(family, OPEN_UDP) for family in (4, 6)}
        lab.attach()
        for family in (4, 6):
            sender = lab.sender(family, OPEN_UDP)
            sender.settimeout(5)
            echo(receivers[family], sender, BIG)
            echo(receivers[family], sender, BIG * 7 + b"!")
            ping(lab.client, SERVER[family], 4000)
            ping(lab.server, CLIENT[family], 4000)
        until("no fragment to be left", lambda: lab.held() == 0)


def test_what_the_host_sends_is_asked_for():
    """Where the policy does not let all out, what leaves is held and judged as well."""
    with Lab() as lab:
        lab.attach(ASKING)
        for family in (4, 6):
            with contextlib.ExitStack() as stack:
                there = stack.enter_context(lab.client.socket(INET[family], socket.SOCK_DGRAM))
                there.bind((CLIENT[family], OPEN_UDP))
                there.settimeout(5)
                here = stack.enter_context(lab.server.socket(INET[family], socket.SOCK_DGRAM))
                here.connect((CLIENT[family], OPEN_UDP))
                here.settimeout(5)
                echo(there, here, BIG)
                shut = stack.enter_context(lab.server.socket(INET[family], socket.SOCK_DGRAM))
                shut.connect((CLIENT[family], SHUT_UDP))
                before = denied_out(lab)
                shut.send(BIG)
                until("the host's datagram to be denied", lambda n=before: denied_out(lab) == n + 6)
            ping(lab.server, CLIENT[family], 4000)


def denied_out(lab):
    reasons = lab.stats()["interfaces"][IFACE]["egress"]["reasons"]
    return packets_of(reasons.get("rule-deny", 0))


def test_the_verdict_is_the_datagrams():
    with Lab() as lab:
        opened, shut = lab.receiver(4, OPEN_UDP), lab.receiver(4, SHUT_UDP)
        lab.attach()
        wire = Wire(lab)
        wire.send(4, pieces_of(4, BIG, ports=(4000, SHUT_UDP)))
        until("nine to be denied", lambda: lab.exits()["rule-deny"] == 9)
        wire.send(4, pieces_of(4, BIG, ident=78, bad=1))
        until("a bad sum to be noticed", lambda: lab.exits()["bad-l4-checksum"] == 9)
        wire.send(4, pieces_of(4, BIG, ident=79))
        check(opened.recv(65535) == BIG, "another datagram")
        until("nine of the rule", lambda: lab.stats()["rules"]["udp"]["packets"] == 9)
        nothing_more(opened)
        nothing_more(shut)


def test_in_any_order_and_in_vlans():
    rng = random.Random(7)
    with Lab() as lab:
        receivers = {family: lab.receiver(family, OPEN_UDP) for family in (4, 6)}
        lab.attach(VLAN)
        wire = Wire(lab)
        for family in (4, 6):
            for ident in range(20):
                packets = list(pieces_of(family, BIG, ident))
                rng.shuffle(packets)
                wire.send(family, packets)
                check(receivers[family].recv(65535) == BIG, f"datagram {ident}")
        before = lab.delivered()
        wire.send(4, pieces_of(4, BIG, 99), tags=(66,))
        until("the VLAN's fragments to be delivered", lambda: lab.delivered() == before + 9)
        check_equal(lab.exits()["vlan-beside"], 0, "dropped for their tags")
        wire.send(4, pieces_of(4, BIG, 99), tags=(67,))
        until("another VLAN's to be dropped", lambda: lab.exits()["vlan-unknown"] == 9)


def test_held_fragments_survive_the_worker():
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach()
        wire, rng = Wire(lab), random.Random(3)
        for ident in range(20):
            packets = list(pieces_of(4, BIG, ident))
            rng.shuffle(packets)
            wire.send(4, packets[:5])
            until("five to be held", lambda: lab.held() == 5)
            pid = lab.worker()
            os.kill(pid, signal.SIGKILL)
            until("another worker", lambda p=pid: lab.workers()[0][0] not in (p, 0))
            wire.send(4, packets[5:])
            check(receiver.recv(65535) == BIG, f"datagram {ident}")
        until("no fragment to be left", lambda: lab.held() == 0)


def test_what_is_never_whole_goes():
    with Lab() as lab:
        lab.attach()
        wire = Wire(lab)
        packets = list(pieces_of(4, BIG))
        wire.send(4, packets[1:])
        until("eight to be held", lambda: lab.held() == 8)
        until("them to be out of time", lambda: lab.exits()["fragment-timeout"] == 8, 15)
        until("no fragment to be left", lambda: lab.held() == 0)


def test_contradictions_are_refused_by_name():
    """RFC 1858, 3128, 5722, 7112: each by its reason; nothing of it reaches the stack."""
    with Lab() as lab:
        receivers = [lab.receiver(family, OPEN_UDP) for family in (4, 6)]
        lab.attach()
        wire = Wire(lab)
        before = lab.delivered()
        for family in (4, 6):
            known = lab.exits()
            packets = list(pieces_of(family, BIG))
            wire.send(family, packets[:2])
            wire.send(family, [piece(family, bytes(1024), 1016, True)])
            wire.send(family, packets)  # sent again under the same name
            expect(lab, known, {"fragment-overlap": 12})
            wire.send(family, [piece(family, bytes(8), 0, True, 1, 6)])
            wire.send(family, [piece(family, bytes(16), 8, True, 1, 6)])
            wire.send(family, [piece(family, bytes(20), 0, True, 2)])
            wire.send(family, [piece(family, bytes(64), 65528, False, 3)])
            expect(lab, known, {"fragment-tiny": 2, "fragment-length": 2})
            for n in range(66):
                wire.send(family, [piece(family, bytes(8), n * 8, True, 4, 47)])
            expect(lab, known, {"fragment-excess": 66})
        check_equal(lab.delivered(), before, "delivered")
        for receiver in receivers:
            nothing_more(receiver)


def expect(lab, before, changes):
    def came():
        now = lab.exits()
        return {name: now[name] - before[name] for name in changes} == changes
    try:
        until("exits", came)
    except Failed:
        now = lab.exits()
        raise Failed(f"{ {n: c - before[n] for n, c in now.items() if c != before[n]} }, "
                     f"not {changes}") from None


def test_a_flood_of_names_is_bounded():
    """Datagrams that are never whole: memory is bounded, and others' still get through."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach()
        wire = Wire(lab)
        for ident in range(3000):
            wire.send(4, [piece(4, bytes(64), 64, True, ident)])
        until("the excess to be counted", lambda: lab.exits()["fragment-excess"] >= 3000 - 64)
        check_equal(lab.held(), 64, "fragments that one source may hold")
        lab.sender(4, OPEN_UDP).send(BIG)
        check(receiver.recv(65535) == BIG, "another datagram")
        wire.send(4, [p.ipv4(f"10.77.{n // 256}.{n % 256}", SERVER[4], UDP, bytes(64),
                             fragment=0x2008) for n in range(256, 3000)])
        until("the store to be full", lambda: lab.held() >= 255)
        lab.sender(4, OPEN_UDP).send(BIG)
        check(receiver.recv(65535) == BIG, "another datagram")


def syn_with_options():
    """40 bytes of header: the least that makes two fragments, none of which begins in its first 20."""
    head = p.tcp(CLIENT[4], SERVER[4], 4000, OPEN_TCP, 2, offset=10)
    head = head[:16] + bytes(4) + b"\1" * 20
    total = p.checksum(p.pseudo(CLIENT[4], SERVER[4], 6, len(head)) + head)
    return head[:16] + total.to_bytes(2, "big") + head[18:]


def test_a_tcp_header_is_not_cut():
    """RFC 1858, 7112: not even where the ports are in the first fragment; data may be."""
    with Lab() as lab:
        lab.listener(4, OPEN_TCP)
        lab.attach()
        wire, syn = Wire(lab), syn_with_options()
        wire.send(4, [piece(4, syn[24:], 24, False, 1, 6), piece(4, syn[:24], 0, True, 1, 6)])
        until("the cut header to be refused", lambda: lab.exits()["fragment-tiny"] == 1)
        whole = p.tcp(CLIENT[4], SERVER[4], 4001, OPEN_TCP, 2)
        data = p.checksum(p.pseudo(CLIENT[4], SERVER[4], 6, 32) + whole[:16] + bytes(4) + b"data" * 3)
        whole = whole[:16] + data.to_bytes(2, "big") + bytes(2) + b"data" * 3
        wire.send(4, [piece(4, whole[24:], 24, False, 2, 6), piece(4, whole[:24], 0, True, 2, 6)])
        until("the SYN to open its flow",
              lambda: [s["dport"] for s in lab.sessions()] == [OPEN_TCP])
        check_equal(lab.stats()["rules"]["web"]["sessions"], 1, "sessions of the rule")
