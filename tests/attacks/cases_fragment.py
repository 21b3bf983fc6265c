# SPDX-License-Identifier: BSD-2-Clause
"""Fragments: each gets what its datagram gets, once that is whole; contradictions never get there."""
import itertools
import struct

import build
from stage import ACK, FIN, HOST, ROUTER, SYN, Case, Packet, host, peer, talk, wait

PORTS = {"udp": 17, "tcp": 6, "icmp": {4: 1, 6: 58}, "gre": 47}
LET_IN = "allow rule-allow"
DENIED = "deny rule-deny"
LATE = "deny fragment-timeout"
OVERLAP = "deny fragment-overlap"
TINY = "deny fragment-tiny"
LENGTH = "deny fragment-length"
EXCESS = "deny fragment-excess"

dns = peer.at(dport=53)
resolver, stub = talk(53, 40000)


class Datagram:
    """One that is to be cut: `body(src, dst)` is what its IP header carries."""

    def __init__(self, who, proto, body, ident=77, headers=(), **more):
        self.who, self.proto, self.body, self.ident = who, proto, body, ident
        self.headers, self.more = headers, more  # IPv6, before the fragment header; IP fields

    def named(self, ident):
        return Datagram(self.who, self.proto, self.body, ident, self.headers, **self.more)

    def part(self, begin, end, more=None, at=None, spoil=0):
        """Bytes `begin` to `end` of it; `at`: where they claim to be; `spoil`: one byte is another."""

        def make(family):
            src, dst = self.who.ends(family)
            body = self.body(src, dst)
            piece = bytearray(body[begin:end])
            if spoil:
                piece[-1] ^= spoil
            follows = end < len(body) if more is None else more
            return self.wrap(family, bytes(piece), begin if at is None else at, follows)

        return Packet(self.who.by, make)

    def wrap(self, family, piece, at, follows):
        src, dst = self.who.ends(family)
        proto = self.proto[family] if isinstance(self.proto, dict) else self.proto
        if family == 4:
            word = follows << 13 | at // 8 | self.more.get("flags", 0)
            more = {name: value for name, value in self.more.items() if name != "flags"}
            return build.ip4(src, dst, proto, piece, fragment=word, ident=self.ident, **more)
        header = lambda following: build.fragment_header(following, at // 8, follows, self.ident)
        return build.chain(src, dst, [*self.headers, (44, header)], proto, piece, **self.more)

    def cut(self, size, length):
        return [self.part(at, min(at + size, length)) for at in range(0, length, size)]


def udp(who, length=64, ident=77, **more):
    """`length`: of the UDP datagram."""
    return Datagram(
        who, 17, lambda src, dst: build.udp(src, dst, who.sport, who.dport, bytes(i % 256 for i in range(length - 8)), **more), ident
    )


def tcp(who, flags, data=44, seq=1000, ack=0, **more):
    return Datagram(
        who, 6,
        lambda src, dst: build.tcp(src, dst, who.sport, who.dport, flags, bytes(data), seq=seq, ack=ack, **more),
    )


def icmp(who, kind, rest=struct.pack("!HH", 7, 1), data=bytes(48)):
    """kind: {4: (type, code), 6: (type, code)}"""

    def body(src, dst):
        return build.icmp(src, dst, *kind[6 if ":" in src else 4], rest, data(src, dst) if callable(data) else data)

    return Datagram(who, PORTS["icmp"], body)


def said(packets, words):
    return [(packet, words) for packet in packets]


A = udp(dns)
ONE, TWO, THREE = A.cut(24, 64)
ECHO, REPLY = {4: (8, 0), 6: (128, 0)}, {4: (0, 0), 6: (129, 0)}

# --- put together in any order ----------------------------------------------------------------

CASES = [
    Case("two", "RFC 791 3.2; RFC 8200 4.5", said(A.cut(32, 64), LET_IN + " opening")),
    Case("of-any-size", "RFC 791 3.2", said([A.part(0, 8), A.part(8, 56), A.part(56, 64)], LET_IN)),
    Case("udp-denied", "policy", said(udp(peer.at(dport=54)).cut(24, 64), DENIED)),
    Case("tcp-denied", "policy", said(tcp(peer.at(dport=81), SYN).cut(24, 64), DENIED)),
    Case("tcp-syn-with-data", "RFC 9293 3.10.7.2", said(tcp(peer, SYN).cut(24, 64), LET_IN + " opening")),
    Case("echo", "RFC 792; RFC 4443 4.1", said(icmp(peer, ECHO).cut(24, 56), LET_IN + " opening")),
    Case("gre", "RFC 2784: by its number", said(Datagram(peer, 47, lambda *_: bytes(64)).cut(24, 64), LET_IN)),
    Case("sixty-four", "RFC 791 3.2: 64 fragments are held", said(udp(dns, 264).cut(8, 264), LET_IN)),
    Case("do-not-fragment-yet-more", "RFC 791 3.1: a sender that wants no further ones",
         said(Datagram(dns, 17, A.body, flags=0x4000).cut(32, 64), LET_IN), families=(4,)),
    Case("two-at-once", "RFC 791 3.2: by their names", [
        (ONE, LET_IN), (udp(dns, 64, 78).part(0, 24), LET_IN), (TWO, LET_IN),
        (udp(dns, 64, 78).part(24, 64), LET_IN), (THREE, LET_IN),
    ]),
    Case("next-header-of-the-first-counts", "RFC 8200 4.5", [
        (A.part(0, 32), LET_IN), (Datagram(dns, 6, A.body).part(32, 64), LET_IN),
    ], families=(6,)),
    Case("nine-seconds", "held for 10 s", [(ONE, LET_IN), (TWO, LET_IN), wait(9), (THREE, LET_IN)]),
    Case("eleven-seconds", "RFC 791 3.2; RFC 8200 4.5", [
        (ONE, LATE), (TWO, LATE), wait(11), (THREE, LATE),
    ]),
]
CASES += [
    Case("order-" + "-".join(map(str, order)), "RFC 791 3.2; RFC 8200 4.5",
         said([(ONE, TWO, THREE)[i - 1] for i in order], LET_IN + " opening"))
    for order in itertools.permutations((1, 2, 3))
]

# --- what it is makes no difference to what is judged --------------------------------------------

CASES += [
    Case(f"whole-{name}", why, said(datagram.cut(size, length), words), families=families)
    for name, why, datagram, size, length, words, families in (
        ("syn-fin", "RFC 9293 3.10", tcp(peer, SYN | FIN), 32, 64, "deny tcp-header", (4, 6)),
        ("null", "RFC 9293 3.10", tcp(peer, 0), 32, 64, "deny tcp-header", (4, 6)),
        ("midflow", "RFC 9293 3.10.7.1", tcp(peer, ACK), 32, 64, "deny tcp-midflow", (4, 6)),
        ("tcp-sum", "RFC 9293 3.1", tcp(peer, SYN, check=1), 32, 64, "deny bad-l4-checksum", (4, 6)),
        ("udp-sum", "RFC 768", udp(dns, check=1), 32, 64, "deny bad-l4-checksum", (4, 6)),
        ("udp-no-sum", "RFC 768", udp(dns, check=0), 32, 64, LET_IN, (4,)),
        ("udp-length-beyond", "RFC 768",
         Datagram(dns, 17, lambda src, dst: build.udp(src, dst, 40000, 53, bytes(56), length=65, check=0)), 32, 64,
         "deny udp-length", (4, 6)),
        ("redirect", "RFC 1122 3.2.2.2", icmp(peer, {4: (5, 1), 6: (137, 0)}, bytes(4)), 24, 56,
         "deny icmp-type", (4,)),
        ("reply-unasked", "RFC 5508 4.2", icmp(peer, REPLY), 24, 56, "deny icmp-unasked", (4, 6)),
        ("timestamp", "CVE-1999-0524", icmp(peer, {4: (13, 0)}), 24, 56, "deny icmp-type", (4,)),
        ("neighbour-solicitation", "RFC 6980",
         Datagram(peer, 58, lambda src, dst: build.icmp(src, dst, 135, 0, bytes(4), bytes(40)), hops=255), 24, 48,
         "deny off-link", (6,)),
        ("router-advertisement", "RFC 6980",
         Datagram(peer.at(src={6: "fe80::5"}), 58,
                  lambda src, dst: build.icmp(src, dst, 134, 0, bytes(4), bytes(40)), hops=255), 24, 48,
         "deny off-link", (6,)),
        ("dhcp-answer", "RFC 2131 4.1", udp(peer.at(sport=67, dport=68)), 32, 64, "allow dhcp", (4,)),
        ("destination-options-within", "RFC 8200 4.6",
         Datagram(dns, 60, lambda src, dst: build.options_header(17) + A.body(src, dst)), 40, 72,
         LET_IN, (6,)),
    )
]

# What the first fragment shows already is refused there.
CASES += [
    Case(f"first-{name}", why, [(datagram.part(0, 40), "deny extension-headers"), (datagram.part(40, 72), LATE)],
         families=(6,))
    for name, why, datagram in (
        ("fragment-header", "RFC 8200 4.1",
         Datagram(dns, 44, lambda src, dst: build.fragment_header(17, 0, 1) + A.body(src, dst))),
        ("hop-by-hop", "RFC 8200 4.1: first, or not at all",
         Datagram(dns, 0, lambda src, dst: build.options_header(17) + A.body(src, dst))),
        ("routing-0", "RFC 5095",
         Datagram(dns, 43, lambda src, dst: build.routing_header(17, 0) + A.body(src, dst))),
    )
]

# --- sessions --------------------------------------------------------------------------------------

CASES += [
    Case("answered", "one session, whichever way", [
        *said(A.cut(32, 64), LET_IN + " opening"),
        (dns.at(by="host", sport=53, dport=40000, src=HOST, dst=peer.src).udp(), "allow session-allow"),
        *said(A.named(78).cut(32, 64), LET_IN + " established"),
        (dns.udp(), "allow session-allow established"),
    ]),
    Case("answer-of-a-resolver", "a reply belongs to its session", [
        (stub.udp(), "allow egress-learned"),
        *said(udp(resolver, 800).cut(400, 800), LET_IN + " opening"),
    ]),
    Case("answer-from-another-port", "RFC 5452 9.1", [
        (stub.udp(), "allow egress-learned"),
        *said(udp(resolver.at(sport=54)).cut(32, 64), DENIED),
    ]),
    Case("the-hosts-own", "what leaves is learned by its first fragment", [
        (udp(stub).part(0, 32), "allow egress-learned"), (udp(stub).part(32, 64), "allow egress-allow"),
        *said(udp(resolver).cut(32, 64), LET_IN),
    ]),
    Case("the-hosts-own-echo", "ping -s 4000", [
        (icmp(host, ECHO).part(0, 32), "allow egress-learned"),
        (icmp(host, ECHO).part(32, 56), "allow egress-allow"),
        *said(icmp(peer, REPLY).cut(32, 56), LET_IN),
    ]),
    Case("the-hosts-own-asked-for", "where the policy does not let all out, what leaves is held too",
         said(udp(stub).cut(24, 64), LET_IN), policy="strict"),
    Case("the-hosts-own-reversed", "held, judged, in order",
         said(udp(stub).cut(24, 64)[::-1], LET_IN), policy="strict"),
    Case("error-related", "RFC 5508 7", [
        (stub.udp(), "allow egress-learned"),
        *said(icmp(peer.at(src=ROUTER), {4: (3, 1), 6: (1, 3)}, bytes(4),
                   lambda src, dst: stub.udp(bytes(40)).ip(6 if ":" in src else 4)).cut(40, 76), "allow icmp-related"),
    ], families=(4,)),
    Case("error-unrelated", "RFC 5508 7", said(
        icmp(peer.at(src=ROUTER), {4: (3, 1)}, bytes(4),
             lambda src, dst: stub.udp(bytes(40)).ip(4)).cut(40, 76), "deny icmp-unrelated"), families=(4,)),
]

# --- never whole -------------------------------------------------------------------------------------

CASES += [
    Case("later-alone", "RFC 3128; attacks F1", [(TWO, LATE)]),
    Case("first-alone", "RFC 791 3.2", [(ONE, LATE)]),
    Case("no-last", "RFC 791 3.2", [(ONE, LATE), (TWO, LATE)]),
    Case("no-middle", "RFC 791 3.2", [(ONE, LATE), (THREE, LATE)]),
    Case("another-id", "RFC 791 3.2", [(ONE, LATE), (A.named(78).part(24, 64), LATE)]),
    Case("another-protocol", "RFC 791 3.2", [
        (A.part(0, 32), LATE), (Datagram(dns, 47, A.body).part(32, 64), LATE),
    ], families=(4,)),
    Case("another-source", "RFC 791 3.2", [
        (A.part(0, 32), LATE), (udp(dns.at(src=ROUTER)).part(32, 64), LATE),
    ]),
    Case("another-destination", "RFC 791 3.2", [
        (A.part(0, 32), LATE), (udp(dns.at(dst={4: "192.0.2.2", 6: "2001:db8::2"})).part(32, 64), LATE),
    ], local=""),
]

# --- contradictions -----------------------------------------------------------------------------------

B = udp(dns.at(dport=54))
CASES += [
    Case("a-copy", "RFC 8200 4.5: delivered twice", [
        (ONE, LET_IN), (ONE, OVERLAP), (TWO, LET_IN), (THREE, LET_IN),
    ]),
    Case("a-copy-of-the-last", "RFC 8200 4.5", [
        (THREE, LET_IN), (TWO, LET_IN), (THREE, OVERLAP), (ONE, LET_IN),
    ]),
    Case("two-firsts", "attacks F3: port 53, then 54", [
        (A.part(0, 24), OVERLAP), (B.part(0, 24), OVERLAP), (TWO, OVERLAP), (THREE, OVERLAP),
    ]),
    Case("two-firsts-the-other-way", "attacks F3: port 54, then 53", [
        (B.part(0, 24), OVERLAP), (A.part(0, 24), OVERLAP), (TWO, OVERLAP), (THREE, OVERLAP),
    ]),
    Case("two-lasts", "RFC 5722 3", [
        (THREE, OVERLAP), (A.part(48, 56, False), OVERLAP), (ONE, OVERLAP), (TWO, OVERLAP),
    ]),
    Case("one-byte-of-another-value", "RFC 5722 3", [
        (TWO, OVERLAP), (A.part(24, 48, spoil=1), OVERLAP), (ONE, OVERLAP), (THREE, OVERLAP),
    ]),
    Case("eight-bytes", "RFC 1858 4; attacks F4", [
        (ONE, OVERLAP), (A.part(16, 48), OVERLAP), (THREE, OVERLAP),
    ]),
    Case("eight-bytes-at-the-end", "RFC 5722 3", [
        (TWO, OVERLAP), (A.part(0, 32), OVERLAP), (THREE, OVERLAP),
    ]),
    Case("contained", "RFC 5722 3; nftables passes the datagram", [
        (A.part(0, 48), OVERLAP), (A.part(16, 32), OVERLAP), (THREE, OVERLAP),
    ]),
    Case("containing", "RFC 5722 3", [(A.part(16, 32), OVERLAP), (A.part(8, 40), OVERLAP), (THREE, OVERLAP)]),
    Case("the-tcp-header-again", "RFC 3128 4.2: a bland first one, then its flags", [
        (tcp(peer, ACK).part(0, 24), OVERLAP), (tcp(peer, SYN).part(0, 24, spoil=1), OVERLAP),
        (tcp(peer, ACK).part(24, 64), OVERLAP),
    ]),
    Case("beyond-the-last", "RFC 791 3.2: the last one says the length", [
        (THREE, OVERLAP), (A.part(0, 24, True, at=64), OVERLAP), (ONE, OVERLAP),
    ]),
    Case("a-last-before-others", "teardrop, CVE-1997-0014", [
        (ONE, OVERLAP), (THREE, OVERLAP), (A.part(24, 40, False), OVERLAP), (TWO, OVERLAP),
    ]),
    Case("sent-again", "RFC 5722 4; attacks F6, F7", [
        (ONE, OVERLAP), (A.part(16, 48), OVERLAP),
        *said([ONE, TWO, THREE], OVERLAP), wait(11), *said([ONE, TWO, THREE], LET_IN),
    ]),
    Case("another-one-is-not-touched", "RFC 5722 4: the datagram, not the flow", [
        (ONE, OVERLAP), (A.part(16, 48), OVERLAP), *said(A.named(78).cut(32, 64), LET_IN),
    ]),
    Case("after-it-was-whole", "a name that is free again", [
        *said([ONE, TWO, THREE], LET_IN), *said([THREE, TWO, ONE], LET_IN),
    ]),
]

# --- too small, too long, too many -----------------------------------------------------------------------

CASES += [
    Case("eight-bytes-of-tcp", "RFC 1858 3; attacks F2", [
        (tcp(peer, SYN).part(0, 8), TINY), (tcp(peer, SYN).part(8, 64), TINY),
    ]),
    Case("sixteen-bytes-of-tcp", "RFC 1858 3", [
        (tcp(peer, SYN).part(0, 16), TINY), (tcp(peer, SYN).part(16, 64), TINY),
    ]),
    Case("tcp-options-cut", "RFC 7112 5", [
        (tcp(peer, SYN, offset=10).part(0, 24), TINY), (tcp(peer, SYN, offset=10).part(24, 84), LATE),
    ]),
    Case("offset-one", "RFC 3128 4.1", [(tcp(peer, SYN).part(8, 64), TINY)]),
    Case("offset-three", "RFC 3128: behind the header", [(tcp(peer, SYN).part(24, 64), LATE)]),
    Case("no-transport-header", "RFC 7112 5; attacks F9", [
        (Datagram(dns, 60, lambda *_: build.options_header(17, bytes(14)) + bytes(32)).part(0, 8), TINY),
    ], families=(6,)),
    Case("options-but-no-transport-header", "RFC 7112 5; attacks F9", [
        (Datagram(dns, 60, lambda *_: build.options_header(17) + bytes(32)).part(0, 8), TINY),
    ], families=(6,)),
    Case("no-multiple-of-eight", "RFC 8200 4.5", [(A.part(0, 20), LENGTH)]),
    Case("empty", "RFC 791 3.2: nothing at all", [(A.part(0, 0, True), LENGTH), (A.part(64, 64, False), LENGTH)]),
    Case("beyond-65535", "RFC 791 3.1; RFC 8200 4.5", [(A.part(0, 24, False, at=65512), LENGTH)]),
    Case("ping-of-death", "CVE-1996-0128 and the like", [
        (icmp(peer, ECHO, data=bytes(500)).part(0, 400, False, at=65528), LENGTH),
    ]),
    Case("sixty-five", "attacks F12", [
        *said([udp(dns, 1024).part(at, at + 8) for at in range(0, 520, 8)], EXCESS),
        (udp(dns, 1024).part(520, 528), EXCESS),
    ]),
    Case("flood-of-names", "attacks F12: 64 datagrams of one source are held", [
        *said([A.named(ident).part(24, 48) for ident in range(6)], EXCESS),
        *said([A.named(ident).part(24, 48) for ident in range(6, 69)], LATE),
        *said(A.named(500).cut(32, 64), LET_IN),
    ]),
]

# --- the header around it ----------------------------------------------------------------------------------

CASES += [
    Case("ttl-0", "RFC 1812 4.2.2.9", [(Datagram(dns, 17, A.body, ttl=0).part(0, 32), "deny ttl-zero")],
         families=(4,)),
    Case("land", "CVE-1999-0016", [(udp(dns.at(src=HOST)).part(32, 64), "deny martian")]),
    Case("from-loopback", "RFC 6890", [
        (udp(dns.at(src={4: "127.0.0.1", 6: "::1"})).part(32, 64), "deny martian"),
    ]),
    Case("source-route", "RFC 7126 4.3", [
        (Datagram(dns, 17, A.body, options=b"\x83\3\4\0").part(0, 32), "deny ip-options"),
        (Datagram(dns, 17, A.body, options=b"\x83\3\4\0").part(32, 64), "deny ip-options"),
    ], families=(4,)),
    Case("header-sum", "RFC 791 3.1", [(Datagram(dns, 17, A.body, check=1).part(0, 32), "deny bad-checksum")],
         families=(4,)),
    Case("options-before", "RFC 8200 4.5: the unfragmentable part",
         said(Datagram(dns, 17, A.body, headers=((60, build.options_header),)).cut(32, 64), LET_IN), families=(6,)),
    Case("hop-by-hop-before", "RFC 8200 4.5: the unfragmentable part",
         said(Datagram(dns, 17, A.body, headers=((0, build.options_header),)).cut(32, 64), LET_IN), families=(6,)),
    Case("routing-0-before", "RFC 5095",
         said(Datagram(dns, 17, A.body, headers=((43, lambda f: build.routing_header(f, 0)),)).cut(32, 64),
              "deny extension-headers"), families=(6,)),
    Case("two-fragment-headers", "RFC 8200 4.1: each at most once",
         [(Datagram(dns, 17, A.body, headers=((44, lambda f: build.fragment_header(f, 0, 1)),)).part(0, 32),
           "deny extension-headers")], families=(6,)),
    Case("atomic-then-fragment-header", "RFC 8200 4.1", [
        (Datagram(dns, 17, A.body, headers=((44, build.fragment_header),)).part(0, 32), "deny extension-headers"),
    ], families=(6,)),
]

# --- atomic ones ---------------------------------------------------------------------------------------------

CASES += [
    Case("atomic-" + name, "RFC 6946; attacks F10", [(datagram.part(0, length), words)], families=(6,))
    for name, datagram, length, words in (
        ("udp", A, 64, LET_IN + " opening"),
        ("tcp", tcp(peer, SYN, 0), 20, LET_IN + " opening"),
        ("echo", icmp(peer, ECHO), 56, LET_IN + " opening"),
        ("denied", B, 64, DENIED),
        ("neighbour-solicitation",
         Datagram(peer, 58, lambda src, dst: build.icmp(src, dst, 135, 0, bytes(4), bytes(16)), hops=255), 24,
         "deny off-link"),
        ("cut-short", Datagram(dns, 17, lambda *_: bytes(6)), 6, "deny truncated"),
    )
]
CASES += [
    Case("atomic-among-fragments", "RFC 6946 4: of no other datagram", [
        (ONE, LET_IN), (A.part(0, 64), LET_IN), (TWO, LET_IN), (THREE, LET_IN),
    ], families=(6,)),
]

# --- VLANs -----------------------------------------------------------------------------------------------------

SSH = tcp(peer.at(dport=22), SYN).cut(32, 64)
CASES += [
    Case("in-a-vlan", "attacks F13", said([part.tagged(100) for part in SSH], LET_IN), policy="vlan"),
    Case("in-a-vlan-reversed", "attacks F13", said([part.tagged(100) for part in SSH[::-1]], LET_IN), policy="vlan"),
    Case("not-in-a-vlan", "attacks V1", said(SSH, DENIED), policy="vlan"),
    Case("in-an-unknown-vlan", "attacks V1", said([part.tagged(101) for part in SSH], "deny vlan-unknown"),
         policy="vlan"),
    Case("in-qinq", "attacks F13, V1", said([part.tagged(100, 200) for part in SSH], "deny vlan-unknown"),
         policy="vlan"),
    Case("of-two-vlans", "IEEE 802.1Q: a network each", [
        (SSH[0].tagged(100), LATE), (SSH[1], LATE), (SSH[1].tagged(101), "deny vlan-unknown"),
    ], policy="vlan"),
    Case("where-none-is-named", "attacks V1", said([part.tagged(100) for part in SSH], "deny vlan-unknown")),
]
