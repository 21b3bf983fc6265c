# SPDX-License-Identifier: BSD-2-Clause
"""Random flows: handshakes, answers, errors, neighbours, and what nobody should send.

Every flow is a Python generator of whole IP packets.
"""
import ipaddress
import struct

from build import (
    ACK,
    FIN,
    MLD_ALERT,
    PSH,
    ROUTER_ALERT4,
    RST,
    SYN,
    URG,
    auth_header,
    chain,
    checksum,
    echo,
    fragment_header,
    icmp,
    icmp_packet,
    ip,
    ip4,
    ip6,
    options_header,
    packed,
    pseudo,
    routing_header,
    tcp,
    tcp_packet,
    udp,
    udp_packet,
)
from random_policy import PORTS, V4, V6

NUMBERED = [2, 47, 50, 59, 89, 103, 112, 255]  # protocols without ports


class Ends:
    """Sequence numbers, windows and options of both ends; mostly right, else near a bound, or nowhere."""

    def __init__(self, rng):
        self.rng, self.scale = rng, [rng.choice([None, 0, 2, 7, 14, 15]) for _ in range(2)]
        self.window = [rng.choice([0, 1, 100, 8192, 65535]) for _ in range(2)]
        self.next = [0, 0]
        self.begin_again()

    def begin_again(self):
        self.next = [self.rng.choice([1, 2**31, 2**32 - 3, self.rng.randrange(2**32)]) for _ in range(2)]

    def reach(self, side):
        return self.window[side] << min(self.scale[side] or 0, 14)

    def says(self, by_first, flags, data):
        """Keywords of build.tcp; what is said counts as sent if it is in order."""
        rng, own, other = self.rng, int(not by_first), int(by_first)
        seq, ack = self.next[own], self.next[other]
        occupied = len(data) + bool(flags & (SYN | FIN))
        if rng.random() < 0.85:
            self.next[own] = (seq + occupied) % 2**32
        else:
            seq += self.astray(other, own)
        if rng.random() < 0.1:
            ack += self.astray(own, other)
        if flags & (RST | ACK) == RST:
            ack = 0
        window = self.window[own] if rng.random() < 0.8 else rng.choice([0, 1, 500, 65535])
        options = self.options(own) if flags & SYN else rng.choice([b"", b"", b"\1\1\1\1", b"\3\3\7"])
        return {"seq": seq, "ack": ack, "window": window, "options": options}

    def astray(self, receiver, sender):
        """How far off: about a bound, or anywhere."""
        rng, reach = self.rng, self.reach(receiver)
        near = [reach, -reach, 66000, -66000, 1, -1, -10, 0, 65535, -65535, self.reach(sender)]
        return rng.choice(near) + rng.choice([-1, 0, 0, 1]) if rng.random() < 0.9 else rng.randrange(2**32)

    def options(self, side):
        """Maximum segment size, no-ops, and where it scales, by how much."""
        rng, scale = self.rng, self.scale[side]
        found = rng.choice([b"", b"\2\4\5\xb4", b"\1", b"\4\2", b"\x22\x0eabcdefghijkl"])
        if scale is not None:
            found += rng.choice([b"\3\3", b"\1\3\3"]) + bytes((scale,))
        return found + rng.choice([b"", b"", b"\0\3\3\1", b"\5\1", b"\x22\x28"])


class Talk:
    """The few who talk, and what they say. Every generator yields whole IP packets."""

    def __init__(self, rng):
        self.rng, self.heard = rng, []

    def pair(self):
        """Two ends of one family; rarely the whole world or a group."""
        ends = self.rng.sample(V4 if self.rng.random() < 0.55 else V6, 2)
        if self.rng.random() < 0.03:
            ends[1] = (
                "ff02::fb"
                if ":" in ends[0]
                else self.rng.choice(["224.0.0.251", "255.255.255.255"])
            )
        if self.rng.random() < 0.01:
            ends[1] = ends[0]  # LAND
        return ends

    def port(self):
        return self.rng.choice(PORTS)

    def head(self):
        """Some DSCP."""
        return self.rng.choice([0, 0, 0, 8, 10, 46, 63])

    def send(self, src, dst, proto, body):
        """The packet; IPv6 may carry extension headers."""
        if ":" not in src:
            return ip4(src, dst, proto, body, tos=self.head() << 2 | self.rng.choice([0, 1]))
        headers = self.extensions() if self.rng.random() < 0.15 else []
        return chain(src, dst, headers, proto, body, dscp=self.head())

    def extensions(self):
        rng = self.rng
        good = [
            (60, options_header),
            (60, lambda following: options_header(following, b"\5\2\0\0\1\0")),
            (60, lambda following: options_header(following, b"\x1e\5abcde" + b"\0" * 3)),
            (43, routing_header),
            (44, fragment_header),
            (51, auth_header),
        ]
        bad = [
            (60, lambda following: options_header(following, b"\xc2\4\0\1\0\0")),
            (60, lambda following: options_header(following, b"\x1e\x20ab")),
            (60, lambda following: options_header(following, units=200)),
            (43, lambda following: routing_header(following, 0)),
            (43, lambda following: routing_header(following, 4, 1)),
            (44, lambda following: fragment_header(following, 0, 1)),
            (44, lambda following: fragment_header(following, 9, 0)),
            (51, lambda following: auth_header(following, 3)),
            (51, lambda following: auth_header(following, 0)),
            (0, options_header),
        ]
        found = [(0, options_header)] if rng.random() < 0.4 else []
        if rng.random() < 0.05:
            found = [(0, lambda following: options_header(following, MLD_ALERT))]
        count = rng.choice([0, 1, 1, 2, 3, 7, 8, 9]) if found else rng.choice([1, 1, 2, 3, 8, 9])
        found += [rng.choice(good) for _ in range(count)]
        if rng.random() < 0.25:
            found.insert(rng.randrange(len(found) + 1), rng.choice(bad))
        return found

    def tcp_flow(self):
        rng, (one, two) = self.rng, self.pair()
        a, b = self.port(), self.port()
        sides = Ends(rng)

        def says(by_first, flags, data=b""):
            ends = (one, two, a, b) if by_first else (two, one, b, a)
            flags |= rng.choice([0, 0, 0, PSH, 64, 128])
            return self.send(*ends[:2], 6, tcp(*ends, flags, data, **sides.says(by_first, flags, data)))

        yield from self.opening(says)
        for _ in range(rng.randint(0, 6)):
            by_first = rng.random() < 0.5
            yield says(
                by_first,
                rng.choice([ACK, ACK, ACK, ACK | URG, SYN, SYN | ACK, RST, rng.randrange(64)]),
                rng.choice([b"", b"x", b"data" * 9]),
            )
        yield from self.closing(says)
        if rng.random() < 0.3:
            sides.begin_again()
            by_first = rng.random() < 0.8
            yield says(by_first, SYN)
            yield says(not by_first, SYN | ACK)
            yield says(by_first, ACK)

    def opening(self, says):
        way = self.rng.random()
        if way < 0.1:
            return  # mid-flow
        if way > 0.95:
            yield says(True, self.rng.randrange(64))
        yield says(True, SYN)
        if way < 0.2:
            yield says(False, SYN)  # both at once
        if way < 0.85:
            yield says(False, SYN | ACK)
            yield says(True, ACK)

    def closing(self, says):
        way, first = self.rng.random(), self.rng.random() < 0.5
        if way < 0.3:
            return
        if way < 0.5:
            yield says(first, self.rng.choice([RST, RST | ACK]))
            return
        yield says(first, FIN | ACK)
        yield says(not first, ACK)
        if way < 0.9:
            yield says(not first, FIN | ACK)
            yield says(first, ACK)

    def port_flow(self, proto):
        rng, (one, two) = self.rng, self.pair()
        a, b = self.port(), self.port()
        for by_first in [True] + [rng.random() < 0.5 for _ in range(rng.randint(0, 6))]:
            ends = (one, two, a, b) if by_first else (two, one, b, a)
            yield self.send(ends[0], ends[1], proto, self.datagram(proto, ends))

    def datagram(self, proto, ends):
        rng, data = self.rng, bytes(self.rng.randrange(24))
        if proto in (132, 33):
            return struct.pack("!HH", ends[2], ends[3]) + bytes(rng.choice([8, 8, 8, 12, 7]))
        if proto == 136:
            return udp(*ends, data, rng.choice([None, 8, 8 + len(data), 7, 1, 99]), proto=136)
        check = rng.choice([None] * 8 + [0, partial(ends[0], ends[1], 17, 8 + len(data))])
        return udp(*ends, data, rng.choice([None] * 9 + [8, 7, 8 + len(data) + 1]), check)

    def echo_flow(self):
        rng, (one, two) = self.rng, self.pair()
        ident = rng.randrange(3)
        for way in [0] + [rng.choice([0, 1, 1]) for _ in range(rng.randint(0, 5))]:
            by_first = way == 0 or rng.random() < 0.1
            src, dst = (one, two) if by_first else (two, one)
            yield echo(src, dst, ident, reply=way == 1)

    def other_icmp(self):
        rng, (one, two) = self.rng, self.pair()
        kinds = [2, 40, 127, 144, 151, 200] if ":" in one else [1, 9, 10, 42, 43, 5, 13, 30, 255]
        kind, code = rng.choice(kinds), rng.choice([0, 0, 1])
        for by_first in [True] + [rng.random() < 0.5 for _ in range(rng.randint(0, 3))]:
            yield icmp_packet(*((one, two) if by_first else (two, one)), kind, code)

    def numbered(self):
        rng, (one, two) = self.rng, self.pair()
        proto = rng.choice(NUMBERED + [1, 58, 0])
        for by_first in [True] + [rng.random() < 0.5 for _ in range(rng.randint(0, 4))]:
            yield ip(
                *((one, two) if by_first else (two, one)), proto, bytes(rng.choice([0, 4, 20]))
            )

    def error(self):
        """About something that was said, by anybody to its sender."""
        rng = self.rng
        if not self.heard:
            return
        quote = rng.choice(self.heard[-12:])
        family = quote[0] >> 4
        if family not in (4, 6) or len(quote) < (20 if family == 4 else 40):
            return
        sender = str(ipaddress.ip_address(quote[12:16] if family == 4 else quote[8:24]))
        others = V4 if family == 4 else V6
        if rng.random() < 0.1:
            sender = rng.choice(others)
        router = rng.choice([other for other in others if other != sender] or others)
        quote = quote[: rng.choice([len(quote)] * 6 + [28, 27, 48, 47, 64, 8])]
        if family == 4:
            kind, code = rng.choice([(3, 1), (3, 3), (3, 4), (11, 0), (12, 0)])
            rest = struct.pack("!HH", 0, rng.choice([1400, 1280, 576, 68, 67, 0]))
        else:
            kind, code = rng.choice([(1, 0), (1, 4), (2, 0), (3, 0), (4, 1)])
            rest = struct.pack("!I", rng.choice([1400, 1280, 1280, 1279, 0x10500]))
        yield icmp_packet(router, sender, kind, code, rest, quote)

    def fragments(self):
        """A datagram in pieces, in any order, and what a bad network makes of them."""
        (one, two), rng = self.pair(), self.rng
        proto = rng.choice([17, 17, 1 if "." in one else 58, 6, 47])
        body = self.body_in_pieces(one, two, proto)
        size = rng.choice([8, 16, 24, 24, 32])
        cuts = [
            (at, body[at : at + size], at + size < len(body)) for at in range(0, len(body), size)
        ]
        if rng.random() < 0.5:
            rng.shuffle(cuts)
        if rng.random() < 0.4:
            self.disturb(cuts)
        ident = rng.choice([1, 7, rng.randrange(1 << 16)])
        for at, piece, more in cuts:
            yield self.fragment(one, two, proto, ident, at, piece, more)

    def body_in_pieces(self, one, two, proto):
        rng = self.rng
        if proto == 17:
            return udp(one, two, self.port(), self.port(), bytes(rng.choice([32, 40, 64])))
        if proto == 6:
            return tcp(one, two, self.port(), self.port(), SYN, b"data" * 8)
        if proto == 47:
            return bytes(rng.randrange(16, 64))
        kind = rng.choice([8, 0, 3] if proto == 1 else [128, 129, 1, 135])
        return icmp(one, two, kind, 0, struct.pack("!HH", 7, 1), bytes(32))

    def disturb(self, cuts):
        rng = self.rng
        at, piece, more = rng.choice(cuts)
        rng.choice(
            [
                lambda: cuts.append((at, piece, more)),
                lambda: cuts.append((at, bytes(len(piece)), more)),
                lambda: cuts.append((at + 8, piece, more)),
                lambda: cuts.append((at, piece, not more)),
                lambda: cuts.append((at, piece[:-1], True)),
                lambda: cuts.append((0xFFF0, piece, more)),
                lambda: cuts.append((at + 64, b"", False)),
                lambda: cuts.remove((at, piece, more)),
            ]
        )()

    def fragment(self, one, two, proto, ident, at, piece, more):
        if "." in one:
            word = more << 13 | at // 8 | self.rng.choice([0, 0, 0x4000])
            return ip4(one, two, proto, piece, fragment=word, ident=ident & 0xFFFF)
        chain_of = [(44, lambda following: fragment_header(following, at // 8, more, ident))]
        if self.rng.random() < 0.2:
            chain_of.insert(self.rng.choice([0, 1]), (60, options_header))
        return chain(one, two, chain_of, proto, piece)

    def link_only(self):
        """Neighbours, listeners, DHCP: right and wrong."""
        rng = self.rng
        yield rng.choice([self.neighbour, self.listener, self.igmp, self.dhcp])()

    def neighbour(self):
        rng = self.rng
        kind = rng.choice([133, 134, 135, 135, 136, 137])
        src = rng.choice(["fe80::1", "fe80::2", "2001:db8::1", "::"])
        dst = rng.choice(["ff02::1", "ff02::2", "ff02::1:ff00:1", "2001:db8::2"])
        rest = bytes({133: 0, 134: 8}.get(kind, 16)) if rng.random() < 0.9 else b""
        headers = [(0, options_header)] if rng.random() < 0.1 else []
        body = icmp(src, dst, kind, rng.choice([0] * 9 + [1]), bytes(4), rest)
        return chain(src, dst, headers, 58, body, hops=rng.choice([255] * 6 + [254, 1, 64]))

    def listener(self):
        rng = self.rng
        kind = rng.choice([130, 131, 132, 143])
        src = rng.choice(["fe80::1", "fe80::1", "::", "2001:db8::1"])
        alert = rng.choice([MLD_ALERT] * 6 + [b"\5\2\0\1\1\0", b"\1\4\0\0\0\0", MLD_ALERT * 2])
        headers = (
            [(0, lambda following: options_header(following, alert))] if rng.random() < 0.9 else []
        )
        body = icmp(src, "ff02::16", kind, 0, bytes(4), bytes(rng.choice([16, 16, 16, 0])))
        return chain(src, "ff02::16", headers, 58, body, hops=rng.choice([1] * 8 + [2, 255]))

    def igmp(self):
        rng = self.rng
        options = rng.choice(
            [b"", ROUTER_ALERT4, ROUTER_ALERT4, b"\x94\4\0\1", b"\x83\3\4\0", ROUTER_ALERT4 * 2]
        )
        src = rng.choice(["10.0.0.1", "10.0.0.1", "0.0.0.0"])
        body = bytes((0x16, 0, 0, 0)) + packed("224.0.0.251")
        return ip4(
            src,
            "224.0.0.251",
            2,
            body[: rng.choice([8] * 6 + [7])],
            ttl=rng.choice([1] * 6 + [2, 64]),
            options=options,
        )

    def dhcp(self):
        rng = self.rng
        if rng.random() < 0.5:
            ends = rng.choice(
                [
                    ("0.0.0.0", "255.255.255.255", 68, 67),
                    ("10.0.0.1", "10.0.0.2", 67, 68),
                    ("10.0.0.1", "255.255.255.255", 67, 68),
                    ("0.0.0.0", "10.0.0.1", 68, 69),
                ]
            )
        else:
            ends = rng.choice(
                [
                    ("fe80::1", "ff02::1:2", 546, 547),
                    ("fe80::2", "fe80::1", 547, 546),
                    ("fe80::2", "2001:db8::1", 547, 546),
                ]
            )
        return udp_packet(*ends, bytes(rng.randrange(40)))

    def stray(self):
        """What nobody should send."""
        rng, (one, two) = self.rng, self.pair()
        if ":" in one:
            one = rng.choice([one, "::1", "::", "ff02::1", "::ffff:10.0.0.1", two])
            two = rng.choice([two, "ff00::1", "ff01::1", "::1", "::ffff:10.0.0.2"])
        else:
            one = rng.choice(
                [
                    one,
                    "127.0.0.1",
                    "0.1.2.3",
                    "0.0.0.0",
                    "224.0.0.1",
                    "255.255.255.255",
                    "240.0.0.1",
                    two,
                ]
            )
            two = rng.choice(
                [two, "127.0.0.1", "0.0.0.0", "250.0.0.1", "255.255.255.255", "224.0.0.5"]
            )
        yield rng.choice(
            [
                lambda: tcp_packet(one, two, self.port(), self.port(), rng.randrange(256)),
                lambda: udp_packet(one, two, self.port(), self.port()),
                lambda: self.odd_header(one, two),
            ]
        )()

    def odd_header(self, one, two):
        rng, body = self.rng, tcp(
            one, two, self.port(), self.port(), SYN, offset=self.rng.choice([4, 5, 6, 15])
        )
        if ":" in one:
            return ip6(
                one,
                two,
                6,
                body,
                **rng.choice([{"hops": 0}, {"version": 5}, {"length": 0}, {"length": 999}, {}])
            )
        odd = rng.choice(
            [
                {"ttl": 0},
                {"total": 19},
                {"total": 999},
                {"total": 30},
                {"first": 0x44},
                {"first": 0x55},
                {"first": 0x4F},
                {"check": 0},
                {"options": b"\1\1\1\0"},
                {"options": bytes(40)},
                {},
            ]
        )
        return ip4(one, two, 6, body, **odd)

    KINDS = [
        (tcp_flow, 8),
        (echo_flow, 3),
        (other_icmp, 1),
        (numbered, 1),
        (error, 4),
        (fragments, 3),
        (link_only, 2),
        (stray, 1),
    ]

    def draw(self):
        """A new flow."""
        make = self.rng.choices(
            [kind for kind, _ in self.KINDS] + [None], [weight for _, weight in self.KINDS] + [7]
        )[0]
        if make:
            return make(self)
        return self.port_flow(self.rng.choice([17, 17, 17, 17, 132, 33, 136]))


def partial(src, dst, proto, length):
    """What a sender leaves to its hardware: the pseudo-header's sum, not complemented."""
    return ~checksum(pseudo(src, dst, proto, length)) & 0xFFFF
