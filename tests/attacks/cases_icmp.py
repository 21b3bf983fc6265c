# SPDX-License-Identifier: BSD-2-Clause
"""ICMP and ICMPv6: echoes by their identifier, errors by the packet that they quote."""
import struct

import build
from stage import (
    ACK, FIN, HOST, PEER, ROUTER, RST, SYN, H, P, Case, Packet, client, connected, host, peer, server, talk,
    wait
)

resolver, stub = talk(53, 40000)
router = peer.at(src=ROUTER)
ASKED = (stub.udp(), "allow egress-learned")
RELATED = "allow icmp-related"
UNRELATED = "deny icmp-unrelated"

CASES = [
    Case("echo", "RFC 792; RFC 5508 4.2", [
        (peer.echo(7), "allow rule-allow opening"),
        (host.echo(7, True), "allow session-allow opening"),
        (peer.echo(7), "allow session-allow established"),
    ]),
    Case("echo-of-our-own", "RFC 5508 4.2", [
        (host.echo(7), "allow egress-learned opening"),
        (peer.echo(7, True), "allow session-allow opening"),
    ]),
    *(Case(f"echo-{mine}-asked-back-{yours}", "a question of the other side's is another flow", [
        (host.echo(mine), "allow egress-learned opening"),
        (peer.echo(yours, True), "allow session-allow opening" if mine == yours else "deny icmp-unasked"),
        (peer.echo(yours), "deny rule-deny opening"),
    ], policy="closed") for mine in (0, 1, 0xFFFF) for yours in (0, 1, 0xFFFF)),
    Case("echo-reply-unasked", "RFC 5508 4.2", [(peer.echo(7, True), "deny icmp-unasked")]),
    Case("echo-reply-of-another-id", "RFC 5508 4.2", [
        (host.echo(7), "allow egress-learned"),
        (peer.echo(8, True), "deny icmp-unasked"),
        (peer.echo(7, True), "allow session-allow"),
    ]),
    Case("echo-reply-from-another", "RFC 5508 4.2", [
        (host.echo(7), "allow egress-learned"),
        (router.echo(7, True), "deny icmp-unasked"),
    ]),
    Case("echo-asked-back-with-our-id", "RFC 5508 3.1: the identifier is who asks's", [
        (host.echo(7), "allow egress-learned"),
        (peer.echo(7), "deny rule-deny"),
        (peer.echo(7, True), "allow session-allow"),
    ], policy="closed"),
    Case("echo-answered-by-who-asked", "RFC 5508 3.1", [
        (peer.echo(7), "allow rule-allow"),
        (peer.echo(7, True), "deny icmp-unasked"),
    ]),
    Case("echo-ends", "timeouts.icmp, 10 s", [
        (host.echo(7), "allow egress-learned"),
        wait(9),
        (peer.echo(7, True), "allow session-allow"),
        wait(11),
        (peer.echo(7, True), "deny icmp-unasked"),
    ]),
    Case("echo-lasts-by-the-same-id", "RFC 5508 4.2", [
        (host.echo(7), "allow egress-learned"),
        wait(8),
        (host.echo(7), "allow session-allow"),
        wait(8),
        (peer.echo(7, True), "allow session-allow"),
    ]),
    Case("echo-cut-short", "RFC 792", [
        (peer.ip({4: 1, 6: 58}, {4: b"\10\0\0\0\0\0\0", 6: b"\200\0\0\0\0\0\0"}), "deny truncated"),
    ]),
]
# What hosts must not act on.
CASES += [
    Case(f"{name}-{kind}", why, [(peer.icmp(kind, 0, bytes(4), bytes(28)), "deny icmp-type")], families=(4,))
    for name, kind, why in (
        ("source-quench", 4, "RFC 6633"), ("redirect", 5, "RFC 1122 3.2.2.2"),
        ("alternate-host", 6, "RFC 6918"), ("timestamp", 13, "RFC 6192; CVE-1999-0524"),
        ("timestamp-reply", 14, "CVE-1999-0524"), ("information", 15, "RFC 6918"),
        ("information-reply", 16, "RFC 6918"), ("mask", 17, "RFC 6918"),
        ("mask-reply", 18, "RFC 6918"), ("traceroute", 30, "RFC 6918"),
        ("conversion", 31, "RFC 6918"), ("mobile-redirect", 32, "RFC 6918"),
        ("where-are-you", 33, "RFC 6918"), ("domain-name", 37, "RFC 6918"),
        ("skip", 39, "RFC 6918"),
    )
]
CASES += [
    Case(f"v6-{name}-{kind}", why, [(peer.icmp(kind, 0, bytes(4), bytes(40)), "deny icmp-type")], families=(6,))
    for name, kind, why in (
        ("redirect", 137, "RFC 4861 8.1: the router's own advertisements suffice"),
        ("renumbering", 138, "RFC 2894; RFC 4890 4.3"), ("reserved", 0, "RFC 4443 2.1"),
        ("unknown-error", 5, "RFC 4443 2.1"), ("unknown-error-end", 127, "RFC 4443 2.1"),
    )
]
# Errors about what the host has said: each kind, from the other end and from somebody on the way.
CASES += [
    Case(f"error-{name}-{who}", "RFC 5508 7; RFC 4890 4.3.1", [ASKED, (by.error(name, stub.udp()), RELATED)])
    for name in ("unreachable", "port", "prohibited", "time", "parameter", "too-big")
    for who, by in (("end", resolver), ("router", router))
]
CASES += [
    Case(f"error-{name}-unasked", "RFC 5508 7", [(router.error(name, stub.udp()), UNRELATED)])
    for name in ("unreachable", "port", "prohibited", "time", "parameter", "too-big")
]
# Quotes cut short: IP header and eight bytes are promised (RFC 792), as much as fits (RFC 4443 2.4).
CASES += [
    Case(f"quote-of-{cut}", "RFC 792", [ASKED, (router.error("port", stub.udp(), cut=cut), said)], families=(4,))
    for cut, said in ((0, "deny icmp-quote"), (1, "deny icmp-quote"), (19, "deny icmp-quote"),
                      (20, "deny icmp-quote"), (27, "deny icmp-quote"), (28, RELATED))
]
CASES += [
    Case(f"v6-quote-of-{cut}", "RFC 4443 2.4 (c)", [ASKED, (router.error("port", stub.udp(), cut=cut), said)], families=(6,))
    for cut, said in ((0, "deny icmp-quote"), (39, "deny icmp-quote"), (40, "deny icmp-quote"),
                      (47, "deny icmp-quote"), (48, RELATED))
]
# The MTU that is claimed.
CASES += [
    Case(f"mtu-{mtu}", "RFC 791 3.2; RFC 5927 7.2", [ASKED, (router.error("too-big", stub.udp(), mtu=mtu), said)], families=(4,))
    for mtu, said in ((0, "deny icmp-mtu"), (67, "deny icmp-mtu"), (68, RELATED), (1400, RELATED))
]
CASES += [
    Case(f"v6-mtu-{mtu}", "RFC 8201 4", [ASKED, (router.error("too-big", stub.udp(), mtu=mtu), said)], families=(6,))
    for mtu, said in ((0, "deny icmp-mtu"), (1279, "deny icmp-mtu"), (1280, RELATED), (1500, RELATED))
]


def altered(packet, at, value):
    """The packet with one byte of its IP header set ({4: offset, 6: offset})."""

    def make(family):
        whole = bytearray(packet.ip(family))
        whole[at[family]] = value
        return bytes(whole)

    return Packet(packet.by, make)


def error_within(packet):
    """An error that quotes an error."""
    return resolver.error("port", packet)


CASES += [
    Case("quote-not-of-the-receiver", "RFC 5927 4: it is sent to whom the quote is from", [
        ASKED, (router.error("port", resolver.udp()), "deny icmp-quote"),
    ]),
    Case("quote-of-another-port", "RFC 5927 4.1", [
        ASKED, (router.error("port", stub.at(sport=40001).udp()), UNRELATED),
    ]),
    Case("quote-of-another-peer", "RFC 5927 4.1", [
        ASKED, (router.error("port", stub.at(dst=ROUTER).udp()), UNRELATED),
    ]),
    Case("quote-of-a-later-fragment", "RFC 792: it has no ports", [
        ASKED, (router.error("port", Packet("host", lambda family: build.ip4(
            HOST[4], PEER[4], 17, build.udp(HOST[4], PEER[4], 40000, 53, b"data"), fragment=1))),
            "deny icmp-quote"),
    ], families=(4,)),
    Case("quote-of-an-error", "RFC 1122 3.2.2: no error about an error", [
        ASKED, (router.error("port", host.error("port", resolver.udp())), "deny icmp-quote"),
    ]),
    Case("quote-of-an-echo", "RFC 5508 5", [
        (host.echo(7), "allow egress-learned"),
        (router.error("time", host.echo(7)), RELATED),
        (router.error("time", host.echo(8)), UNRELATED),
    ]),
    Case("quote-of-another-version", "RFC 791", [
        ASKED, (router.error("port", altered(stub.udp(), {4: 0, 6: 0}, 0x25)), "deny icmp-quote"),
    ]),
    Case("quote-header-too-short", "RFC 791 3.1", [
        ASKED, (router.error("port", altered(stub.udp(), {4: 0}, 0x44)), "deny icmp-quote"),
    ], families=(4,)),
    Case("error-ends-nothing", "RFC 5927 5: hard errors are soft in a connection", [
        *connected(),
        (router.error("port", client.tcp(ACK, H + 1, P + 1)), RELATED),
        (server.tcp(ACK, P + 1, H + 1), "allow session-allow established"),
    ]),
    Case("error-keeps-nothing-alive", "RFC 5508 7.1: it refreshes no session", [
        ASKED, wait(20), (router.error("port", stub.udp()), RELATED),
        wait(15), (resolver.udp(), "deny rule-deny"),
    ]),
    Case("error-about-a-denied-flow", "RFC 5927 4.1", [
        (peer.at(dport=9999).udp(), "deny rule-deny"),
        (router.error("port", host.at(sport=9999).udp()), UNRELATED),
    ]),
    Case("error-of-the-host", "RFC 1122 3.2.2.1: what it says about what it heard", [
        (peer.at(dport=53).udp(), "allow rule-allow"),
        (host.error("port", peer.at(dport=53).udp()), RELATED),
    ]),
    Case("error-after-the-end", "timeouts.udp", [ASKED, wait(31), (router.error("port", stub.udp()), UNRELATED)]),
]
