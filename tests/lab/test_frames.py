# SPDX-License-Identifier: BSD-2-Clause
"""Frames that no stack would send: each is dropped, and counted under its reason."""
import socket

import packets as p
from lab import CLIENT, IFACE, OPEN_UDP, POLICY, SERVER, Lab
from system import Failed, check_equal, until

C4, S4, C6, S6 = CLIENT[4], SERVER[4], CLIENT[6], SERVER[6]
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, ACK = 1, 2, 4, 16
EACH = 3

GOOD4 = p.udp(C4, S4, 4000, OPEN_UDP)
GOOD6 = p.udp(C6, S6, 4000, OPEN_UDP)
QUOTE = p.ipv4(S4, C4, UDP, p.udp(S4, C4, 1, 2))


def v4(body, proto=UDP, src=C4, dst=S4, **wrong):
    return 4, p.ipv4(src, dst, proto, body, **wrong), ()


def v6(body, proto=UDP, src=C6, dst=S6, **wrong):
    return 6, p.ipv6(src, dst, proto, body, **wrong), ()


def tcp4(flags, **wrong):
    return v4(p.tcp(C4, S4, 4000, 8080, flags, **wrong), TCP)


def tagged(frame, *tags):
    return frame[0], frame[1], tags


# (what, expected reason, (family, packet, VLAN tags))
FRAMES = (
    ("cut in the IP header", "truncated", (4, p.ipv4(C4, S4, UDP, b"")[:12], ())),
    ("total length beyond the frame", "truncated", v4(GOOD4, length=1000)),
    ("UDP header cut", "truncated", v4(GOOD4[:4])),
    ("IHL 4", "bad-header", v4(GOOD4, ihl=4)),
    ("IPv4 header checksum", "bad-checksum", v4(GOOD4, bad=1)),
    ("loose source route", "ip-options", v4(GOOD4, options=b"\x83\x07\x04\x0a\x4d\0\x02\0")),
    ("nine extension headers", "extension-headers",
     v6(b"".join(b"\x3c" + bytes(7) for _ in range(8)) + b"\x11" + bytes(7) + GOOD6, 60)),
    ("routing header type 0", "extension-headers", v6(b"\x11\0\0\0" + bytes(4) + GOOD6, 43)),
    ("IPv6 fragment that ends in its headers", "fragment-tiny",
     v6(b"\x3c\0\0\x01" + bytes(4) + b"\x11\1" + bytes(6), 44)),
    ("unknown VLAN", "vlan-unknown", tagged(v4(GOOD4), 66)),
    ("QinQ, unknown", "vlan-unknown", tagged(v4(GOOD4), 66, 67)),
    ("three tags", "vlan-unknown", tagged(v4(GOOD4), 66, 67, 68)),
    ("LAND", "martian", v4(p.udp(S4, S4, 9, 9), src=S4)),
    ("source 127.0.0.1", "martian", v4(p.udp("127.0.0.1", S4, 9, 9), src="127.0.0.1")),
    ("source multicast", "martian", v4(p.udp("224.0.0.9", S4, 9, 9), src="224.0.0.9")),
    ("source ::1", "martian", v6(p.udp("::1", S6, 9, 9), src="::1")),
    ("TTL 0", "ttl-zero", v4(GOOD4, ttl=0)),
    ("hop limit 0", "ttl-zero", v6(GOOD6, hops=0)),
    ("data offset 4", "tcp-header", tcp4(SYN, offset=4)),
    ("data offset past the end", "tcp-header", tcp4(SYN, offset=15)),
    ("null flags", "tcp-header", tcp4(0)),
    ("SYN and FIN", "tcp-header", tcp4(SYN | FIN)),
    ("SYN and RST", "tcp-header", tcp4(SYN | RST)),
    ("FIN alone", "tcp-header", tcp4(FIN)),
    ("XMAS", "tcp-header", tcp4(0x29)),
    ("cut quote", "icmp-quote", v4(p.icmp(3, 3, bytes(4) + QUOTE[:12]), ICMP)),
    ("quote of no session", "icmp-unrelated", v4(p.icmp(3, 3, bytes(4) + QUOTE), ICMP)),
    ("redirect", "icmp-type", v4(p.icmp(5, 1, bytes(4) + QUOTE), ICMP)),
    ("bare ACK", "tcp-midflow", tcp4(ACK)),
    ("RST, no session", "tcp-midflow", tcp4(RST)),
    ("UDP checksum", "bad-l4-checksum", v4(p.udp(C4, S4, 4001, OPEN_UDP, bad=1))),
    ("TCP checksum", "bad-l4-checksum", tcp4(SYN, bad=1)),
)


# Mid-flow TCP is taken up for a while after attaching; not here.
STRICT = POLICY.replace("egress: allow", "egress: allow, pickup: 0")


def address(space, name):
    return bytes.fromhex(space.run_json("ip", "-j", "link", "show", name)[0]["address"]
                         .replace(":", ""))


def packet_socket(lab):
    with lab.client.entered():
        sock = lab.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        sock.bind(("c0", 0))
    return sock


def counted(lab, reason, before):
    """The reason has EACH more; other exits may have ARP or ND, nothing else."""
    return lab.exits().get(reason, 0) == before.get(reason, 0) + EACH


def changed(lab, before):
    after = lab.exits()
    return {name: count - before.get(name, 0) for name, count in after.items()
            if count != before.get(name, 0)}


def send_each(lab, sock, ends, frame):
    family, packet, tags = frame
    for _ in range(EACH):
        sock.send(p.ethernet(*ends, family, packet, tags))


def test_bad_frames_are_counted_under_their_reasons():
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach(STRICT)
        sock = packet_socket(lab)
        ends = address(lab.client, "c0"), address(lab.server, IFACE)
        wrong = []
        for what, reason, frame in FRAMES:
            before = lab.exits()
            send_each(lab, sock, ends, frame)
            try:
                until(reason, lambda: counted(lab, reason, before), 0.5)
            except Failed:
                wrong.append(f"{what}: {changed(lab, before)}, not {reason}")
        check_equal(wrong, [], "counted elsewhere")
        receiver.setblocking(False)
        try:
            raise Failed(f"a bad frame came through: {receiver.recv(64)!r}")
        except BlockingIOError:
            pass


def test_good_frames_pass():
    """The same builders make frames that do pass: the test above is not blind."""
    with Lab() as lab:
        receivers = {family: lab.receiver(family, OPEN_UDP) for family in (4, 6)}
        lab.attach()
        sock = packet_socket(lab)
        ends = address(lab.client, "c0"), address(lab.server, IFACE)
        for frame in (v4(GOOD4), v6(GOOD6), v6(b"\x11\0\0\0" + bytes(4) + GOOD6, 44)):
            send_each(lab, sock, ends, frame)
            for _ in range(EACH):
                check_equal(receivers[frame[0]].recv(64), b"x" * 16, "payload")


def test_named_vlan_is_judged_by_its_rule():
    policy = """\
version: 1
name: vlan
defaults: {ingress: deny, egress: allow}
rules:
  - {id: tagged, direction: ingress, vlan: 66, service: udp/9000, action: allow}
"""
    with Lab() as lab:
        lab.attach(policy)
        sock = packet_socket(lab)
        ends = address(lab.client, "c0"), address(lab.server, IFACE)
        send_each(lab, sock, ends, tagged(v4(GOOD4), 66))
        until("rule tagged", lambda: lab.stats()["rules"]["tagged"]["packets"] == EACH)
        check_equal(lab.exits()["rule-allow"] + lab.exits()["session-allow"], EACH, "allowed")
        send_each(lab, sock, ends, v4(GOOD4))
        until("the default", lambda: lab.stats()["rules"]["default"]["packets"] == EACH)
