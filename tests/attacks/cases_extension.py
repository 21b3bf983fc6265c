# SPDX-License-Identifier: BSD-2-Clause
"""IPv6 extension headers: those that steer, that are too many, or contradict themselves."""
import build
from stage import SYN, Case, Packet, peer

LET_IN = "allow rule-allow"
BAD = "deny extension-headers"
CUT = "deny truncated"
DNS = peer.at(dport=53)
HOP, ROUTING, FRAGMENT, ESP, AUTH, NONE, OPTIONS = 0, 43, 44, 50, 51, 59, 60


def chained(headers, proto=17, body=None, who=DNS, **more):
    def make(family):
        src, dst = who.ends(family)
        inner = build.udp(src, dst, who.sport, who.dport, b"data") if body is None else body(src, dst)
        return build.chain(src, dst, headers, proto, inner, **more)

    return Packet("peer", make)


def case(name, why, headers, words, **more):
    return Case(name, why, [(chained(headers, **more), words)], families=(6,))


def options(content, units=None):
    return lambda following: build.options_header(following, content, units)


def routing(kind, left=0):
    return ROUTING, lambda following: build.routing_header(following, kind, left)


def listener(kind, headers, src="fe80::5", hops=1, size=20):
    """MLD from a neighbour; `size`: bytes behind the first four."""
    who = peer.at(src={6: src}, dst={6: "ff02::16"})
    return Packet("peer", lambda family: build.chain(
        *who.ends(family), headers, 58, build.icmp(*who.ends(family), kind, 0, bytes(4), bytes(size - 4)), hops=hops,
    ))


DEST, PLAIN = (OPTIONS, build.options_header), (HOP, build.options_header)
ALERT = (HOP, options(build.MLD_ALERT))
NODES = {6: "ff02::1"}

CASES = [
    case("each-once", "RFC 8200 4.1", [PLAIN, DEST, routing(2), (FRAGMENT, build.fragment_header),
                                       (AUTH, build.auth_header), DEST], LET_IN),
    case("in-another-order", "RFC 8200 4.1: receivers attempt any", [routing(2), DEST, (AUTH, build.auth_header)],
         LET_IN),
    case("eight", "RFC 8504 5.3", [DEST] * 8, LET_IN),
    case("nine", "attacks E3", [DEST] * 9, BAD),
    case("sixteen", "attacks E3", [DEST] * 16, BAD),
    case("tcp-behind", "RFC 8200 4", [DEST], LET_IN, proto=6, who=peer,
         body=lambda src, dst: build.tcp(src, dst, 40000, 80, SYN)),
    case("closed-port-behind", "policy", [DEST], "deny rule-deny", who=peer.at(dport=54)),
]

# --- routing ---------------------------------------------------------------------------------

CASES += [
    case("routing-0", "RFC 5095; attacks E1", [routing(0)], BAD),
    case("routing-0-segments-left", "RFC 5095; attacks E1", [routing(0, 1)], BAD),
    case("routing-0-behind-others", "RFC 5095", [PLAIN, DEST, routing(0)], BAD),
    case("routing-2-arrived", "RFC 6275 6.4", [routing(2)], LET_IN),
    case("routing-2-on-its-way", "RFC 6275 6.4: it leads past this filter", [routing(2, 1)], BAD),
    case("routing-3-on-its-way", "RFC 6554", [routing(3, 2)], BAD),
    case("routing-4-on-its-way", "RFC 8754", [routing(4, 1)], BAD),
    case("routing-4-arrived", "RFC 8754 4.3.1.1", [routing(4)], LET_IN),
    case("routing-253", "RFC 4727: unknown, no segments left: ignored (RFC 8200 4.4)", [routing(253)], LET_IN),
]

# --- hop-by-hop ------------------------------------------------------------------------------

CASES += [
    case(f"hop-by-hop-{name}", why, [(HOP, options(content))], words)
    for name, why, content, words in (
        ("pad1", "RFC 8200 4.2", b"\0" * 6, LET_IN),
        ("padn", "RFC 8200 4.2", b"\1\4\0\0\0\0", LET_IN),
        ("padn-none", "RFC 8200 4.2", b"\1\0\1\2\0\0", LET_IN),
        ("padn-over-7", "RFC 4942 2.1.9.5: a covert channel", b"\1\14" + bytes(12), BAD),
        ("eight-options", "RFC 8504 5.3", b"\1\0" * 6 + b"\0\0", LET_IN),
        ("nine-options", "RFC 8504 5.3", b"\1\0" * 5 + b"\0\0\0\0", BAD),
        ("unknown-to-be-skipped", "attacks E4", b"\x1e\4\0\0\0\0", BAD),
        ("unknown-to-be-dropped", "RFC 8200 4.2; attacks E4", b"\x5e\4\0\0\0\0", BAD),
        ("unknown-to-be-answered", "RFC 8200 4.2; attacks E4", b"\x9e\4\0\0\0\0", BAD),
        ("jumbo-payload", "RFC 2675", b"\xc2\4\0\1\0\0", BAD),
        ("quick-start", "RFC 4782", b"\x26\4\0\0\0\0", BAD),
        ("rpl", "RFC 6553", b"\x63\4\0\0\0\0", BAD),
        ("length-beyond", "attacks E4", b"\1\7\0\0\0\0", BAD),
        ("length-missing", "attacks E4", b"\0\0\0\0\0\1", BAD),
        ("router-alert", "RFC 2711: nothing that listens", b"\5\2\0\0\1\0", BAD),
        ("router-alert-rsvp", "RFC 2711 2.1", b"\5\2\0\1\1\0", BAD),
        ("router-alert-long", "RFC 2711 2.1", b"\5\4\0\0\0\0", BAD),
    )
]
CASES += [
    case("hop-by-hop-second", "RFC 8200 4.1: first, or not at all", [DEST, PLAIN], BAD),
    case("hop-by-hop-twice", "RFC 8200 4.1", [PLAIN, PLAIN], BAD),
    case("hop-by-hop-beyond-the-packet", "RFC 8200 4.3", [(HOP, options(b"\1\4\0\0\0\0", 200))], CUT),
    case("jumbogram", "RFC 2675: no length at all", [(HOP, options(b"\xc2\4\0\1\0\0"))], "deny", length=0),
]

# --- destination options: the receiver's business -------------------------------------------------

CASES += [
    case(f"options-{name}", why, [(OPTIONS, options(content))], LET_IN)
    for name, why, content in (
        ("unknown", "RFC 8200 4.2: the destination answers", b"\x1e\4\0\0\0\0"),
        ("home-address", "RFC 6275 6.3", b"\xc9\x10" + bytes(16)),
        ("tunnel-limit", "RFC 2473 4.1.1", b"\4\1\4\1\1\0"),
        ("pdm", "RFC 8250 3.1", b"\x0f\x0a" + bytes(10)),
    )
]
CASES += [
    case("options-beyond-the-packet", "RFC 8200 4.6", [(OPTIONS, options(b"\1\4\0\0\0\0", 255))], CUT),
    case("auth", "RFC 4302 2.2", [(AUTH, build.auth_header)], LET_IN),
    case("auth-too-short", "RFC 4302 2.2", [(AUTH, lambda f: bytes((f, 0)) + bytes(6))], BAD),
    case("auth-no-multiple-of-8", "RFC 4302 3.3.3.2.1", [(AUTH, lambda f: build.auth_header(f, 3))], BAD),
    case("auth-beyond-the-packet", "RFC 4302 2.2", [(AUTH, lambda f: bytes((f, 255)) + bytes(14))], CUT),
    case("nothing-behind", "RFC 8200 4.7: by its number", [DEST], "deny rule-deny", proto=NONE, body=lambda *_: b""),
    case("esp-behind", "RFC 4303: by its number", [DEST], "deny rule-deny", proto=ESP, body=lambda *_: bytes(32)),
    case("mobility", "RFC 6275 6.1: by its number", [], "deny rule-deny", proto=135, body=lambda *_: bytes(16)),
    case("shim6", "RFC 5533 5.1: by its number", [], "deny rule-deny", proto=140, body=lambda *_: bytes(16)),
    case("unknown-header", "RFC 8200 4: a protocol nobody knows", [], "deny rule-deny", proto=254,
         body=lambda *_: bytes(16)),
    case("chain-to-the-end", "RFC 8200 4", [DEST], CUT, body=lambda *_: b""),
    case("chain-cut", "RFC 8200 4", [DEST, (OPTIONS, lambda f: bytes((f, 0, 1)))], CUT, body=lambda *_: b""),
    case("icmp-of-ipv4-behind", "RFC 792", [DEST], "deny bad-header", proto=1, body=lambda *_: bytes(16)),
    case("igmp-behind", "RFC 3376", [DEST], "deny bad-header", proto=2, body=lambda *_: bytes(16)),
]

# --- those who listen -----------------------------------------------------------------------------

HEARD, FAR = "allow multicast-listener", "deny off-link"
CASES += [
    Case(f"mld-{name}", why, [(listener(*what, **more), words)], families=(6,), local="")
    for name, why, what, more, words in (
        ("query", "RFC 2710 3; attacks E5", (130, [ALERT]), {}, HEARD),
        ("report", "RFC 2710 3; attacks E5", (131, [ALERT]), {}, HEARD),
        ("done", "RFC 2710 3; attacks E5", (132, [ALERT]), {}, HEARD),
        ("report-2", "RFC 3810 5.2; attacks E5", (143, [ALERT]), {"size": 8}, HEARD),
        ("report-from-nobody-yet", "RFC 3810 5.2.13", (143, [ALERT]), {"src": "::"}, HEARD),
        ("query-from-nobody-yet", "RFC 3810 5.1.14", (130, [ALERT]), {"src": "::"}, "deny"),
        ("from-afar", "RFC 3810 5.1.14", (130, [ALERT]), {"src": "2001:db8:f::2"}, FAR),
        ("without-alert", "RFC 3810 5.1", (130, []), {}, FAR),
        ("with-padding-only", "RFC 3810 5.1", (130, [PLAIN]), {}, FAR),
        ("alert-for-rsvp", "RFC 2711 2.1", (130, [(HOP, options(b"\5\2\0\1\1\0"))]), {}, BAD),
        ("alert-twice", "RFC 2711 2.1", (130, [(HOP, options(b"\5\2\0\0\5\2\0\0"))]), {}, BAD),
        ("alert-and-unknown", "attacks E5: any other option", (130, [(HOP, options(b"\5\2\0\0\x1e\0"))]), {}, BAD),
        ("hop-limit-2", "RFC 3810 5", (130, [ALERT]), {"hops": 2}, FAR),
        ("hop-limit-255", "RFC 3810 5", (130, [ALERT]), {"hops": 255}, FAR),
        ("cut-short", "RFC 2710 3", (130, [ALERT]), {"size": 16}, CUT),
    )
]
