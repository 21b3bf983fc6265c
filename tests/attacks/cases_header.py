# SPDX-License-Identifier: BSD-2-Clause
"""What stands around the transport header: Ethernet, VLANs, IP, lengths, sums, tunnels, jumbo."""
import struct

import build
from stage import ACK, SYN, H, P, Case, Packet, host, opened, peer

LET_IN = "allow rule-allow"
CUT = "deny truncated"
HEADER = "deny bad-header"
OPTIONS = "deny ip-options"
UNKNOWN = "deny vlan-unknown"
DNS = peer.at(dport=53)


def raw(make, vlans=(), ethertype=None):
    return Packet("peer", make, vlans, ethertype)


def odd_udp(data, **wrong):
    return raw(lambda family: build.ip(*DNS.ends(family), 17, build.udp(*DNS.ends(family), 40000, 53, data, **wrong)))


def ip4(name, why, words, body=None, proto=17, who=DNS, **more):
    """A UDP datagram for an open port, with something wrong around it."""

    def make(family):
        src, dst = who.ends(family)
        inner = build.udp(src, dst, who.sport, who.dport, b"data") if body is None else body
        return build.ip4(src, dst, proto, inner, **more)

    return Case(name, why, [(raw(make), words)], families=(4,))


def ip6(name, why, words, body=None, proto=17, who=DNS, **more):
    def make(family):
        src, dst = who.ends(family)
        inner = build.udp(src, dst, who.sport, who.dport, b"data") if body is None else body
        return build.ip6(src, dst, proto, inner, **more)

    return Case(name, why, [(raw(make), words)], families=(6,))


# --- IPv4 ------------------------------------------------------------------------------------

CASES = [
    ip4("version-5", "RFC 791 3.1", HEADER, first=0x55),
    ip4("ihl-4", "RFC 1122 3.2.1; attacks C1", HEADER, first=0x44),
    ip4("ihl-0", "RFC 1122 3.2.1; attacks C1", HEADER, first=0x40),
    ip4("ihl-beyond", "RFC 791 3.1", "deny", first=0x4F),
    ip4("header-sum", "RFC 1122 3.2.1.2; attacks C1", "deny bad-checksum", check=0x1234),
    ip4("header-sum-0", "RFC 1122 3.2.1.2", "deny bad-checksum", check=0),
    ip4("total-0", "RFC 791 3.1; attacks C4", HEADER, total=0),
    ip4("total-below-the-header", "RFC 791 3.1; attacks C4", HEADER, total=19),
    ip4("total-is-the-header", "RFC 768", CUT, total=20),
    ip4("total-beyond", "attacks C4", CUT, total=1000),
    ip4("total-cuts-udp", "RFC 768", "deny udp-length", total=30),
    ip4("ttl-0", "RFC 1812 4.2.2.9; attacks C4", "deny ttl-zero", ttl=0),
    ip4("ttl-1", "RFC 791 3.1: it has arrived", LET_IN, ttl=1),
    ip4("reserved-bit", "RFC 3514: nothing to go by", LET_IN, fragment=0x8000),
    ip4("do-not-fragment", "RFC 791 3.1", LET_IN, fragment=0x4000),
    ip4("id-0", "RFC 6864 4.1", LET_IN, ident=0, fragment=0x4000),
    ip4("any-dscp", "RFC 2474 3", LET_IN, tos=0xFF),
    ip4("nothing-in-it", "RFC 768", CUT, body=b""),
    ip4("icmpv6-in-ipv4", "RFC 4443 1", HEADER, body=bytes(16), proto=58),
    ip4("hop-by-hop-in-ipv4", "RFC 8200 4: by its number", "deny rule-deny", body=bytes(16), proto=0),
]
CASES += [
    ip4(f"option-{name}", why, OPTIONS, options=options)
    for name, why, options in (
        ("loose-source-route", "RFC 7126 4.3; attacks O1", b"\x83\7\4\xc0\0\2\1\0"),
        ("strict-source-route", "RFC 7126 4.4; attacks O1", b"\x89\7\4\xc0\0\2\1\0"),
        ("loose-source-route-gone", "RFC 7126 4.3", b"\x83\3\4\0"),
        ("source-route-behind-no-ops", "RFC 7126 4.3", b"\1\1\1\1\x83\7\4\xc0\0\2\1\0"),
        ("source-route-behind-the-end", "RFC 7126 4.1: nothing is", b"\0\0\0\0\x83\7\4\xc0\0\2\1\0"),
        ("record-route", "RFC 7126 4.5", b"\7\7\4" + bytes(5)),
        ("stream-id", "RFC 7126 4.6", b"\x88\4\0\0"),
        ("timestamp", "RFC 7126 4.7", b"\x44\x0c\5\0" + bytes(8)),
        ("router-alert", "RFC 7126 4.8: nothing that listens", b"\x94\4\0\0"),
        ("probe-mtu", "RFC 7126 4.9", b"\x0b\4\0\0"),
        ("traceroute", "RFC 7126 4.11", b"\x52\x0c" + bytes(10)),
        ("security", "RFC 7126 4.12", b"\x82\x0b" + bytes(10)),
        ("extended-security", "RFC 7126 4.13", b"\x85\3\0\0"),
        ("cipso", "RFC 7126 4.14", b"\x86\6\0\0\0\0\0\0"),
        ("quick-start", "RFC 7126 4.22", b"\x19\4\0\0"),
        ("experiment", "RFC 7126 4.23", b"\x9e\4\0\0"),
        ("no-ops", "RFC 7126 4.2", b"\1\1\1\1"),
        ("end", "RFC 7126 4.1", b"\0\0\0\0"),
        ("length-0", "RFC 791 3.1", b"\7\0\0\0"),
        ("length-beyond", "RFC 791 3.1", b"\7\x40\4\0"),
        ("forty-bytes", "RFC 791 3.1", b"\1" * 40),
    )
]


def igmp(name, why, words, src="198.51.100.2", **more):
    who = peer.at(src={4: src}, dst={4: "224.0.0.1"})
    return Case(name, why, [(raw(lambda family: build.ip4(
        *who.ends(family), 2, b"\x11\x64" + struct.pack("!H", build.checksum(b"\x11\x64" + bytes(6))) + bytes(4),
        **more)), words)], families=(4,), local="")


CASES += [
    igmp("igmp-with-alert", "RFC 3376 4; attacks E5", "allow multicast-listener", ttl=1, options=b"\x94\4\0\0"),
    igmp("igmp-without-alert", "RFC 1112 appendix I", "allow multicast-listener", ttl=1),
    igmp("igmp-from-nobody-yet", "RFC 3376 4.2.13", "allow multicast-listener", src="0.0.0.0", ttl=1),
    igmp("igmp-from-afar", "RFC 3376 4", "deny off-link", ttl=64),
    igmp("igmp-alert-of-another-value", "RFC 2113 2.1; attacks E5", OPTIONS, ttl=1, options=b"\x94\4\0\1"),
    igmp("igmp-with-no-op", "attacks E5: any other option", OPTIONS, ttl=1, options=b"\1\1\1\1"),
    igmp("igmp-with-alert-and-no-op", "attacks E5", OPTIONS, ttl=1, options=b"\x94\4\0\0\1\1\1\1"),
    igmp("igmp-source-routed", "attacks E5", OPTIONS, ttl=1, options=b"\x83\3\4\0"),
]

# --- IPv6 ------------------------------------------------------------------------------------

CASES += [
    ip6("v6-version-5", "RFC 8200 3", HEADER, version=5),
    ip6("v6-hop-limit-0", "RFC 8200 3; attacks C4", "deny ttl-zero", hops=0),
    ip6("v6-hop-limit-1", "RFC 8200 3: it has arrived", LET_IN, hops=1),
    ip6("v6-payload-beyond", "attacks C4", CUT, length=1000),
    ip6("v6-payload-0", "RFC 768", CUT, length=0),
    ip6("v6-payload-cuts-udp", "RFC 768", "deny udp-length", length=10),
    ip6("v6-icmp-in-ipv6", "RFC 792", HEADER, body=bytes(16), proto=1),
    ip6("v6-igmp-in-ipv6", "RFC 3376", HEADER, body=bytes(16), proto=2),
    ip6("v6-no-next-header", "RFC 8200 4.7", "deny rule-deny", body=b"", proto=59),
]

# --- Ethernet and VLANs --------------------------------------------------------------------------

ARP = bytes.fromhex("0001080006040001") + bytes(20)


def other(name, why, words, content, ethertype, vlans=(), policy="host"):
    return Case(name, why, [(raw(lambda family: content, vlans, ethertype), words)], policy, families=(4,))


PADDED = raw(lambda family: DNS.udp(b"").ip(family) + bytes(18))
SSH = peer.at(dport=22)
CASES += [
    Case("ethernet-padding", "IEEE 802.3 3.2.7", [(PADDED, LET_IN)]),
    Case("ipv4-as-ipv6", "RFC 8200 3", [(raw(lambda family: DNS.udp().ip(family) + bytes(20), (), 0x86DD), HEADER)],
         families=(4,)),
    Case("ipv6-as-ipv4", "RFC 791 3.1", [(raw(lambda family: DNS.udp().ip(family), (), 0x0800), HEADER)],
         families=(6,)),
    other("arp", "RFC 826", "allow arp", ARP, 0x0806),
    other("arp-cut-short", "RFC 826", CUT, ARP[:-1], 0x0806),
    other("arp-in-an-unknown-vlan", "attacks V1", UNKNOWN, ARP, 0x0806, (66,), "vlan"),
    other("arp-in-a-vlan", "RFC 826", "allow arp", ARP, 0x0806, (100,), "vlan"),
    other("lldp", "host mode passes what is no IP", "allow non-ip", bytes(46), 0x88CC),
    other("pppoe", "host mode passes what is no IP", "allow non-ip", bytes(46), 0x8864),
    other("802.3-length", "IEEE 802.3 3.2.6", "allow non-ip", bytes(46), 46),
    Case("vlan-named", "attacks V1", [(SSH.tcp(SYN, 1).tagged(100), LET_IN)], "vlan"),
    Case("vlan-named-other-port", "attacks V1", [(SSH.at(dport=23).tcp(SYN, 1).tagged(100), "deny rule-deny")], "vlan"),
    Case("vlan-named-untagged", "attacks V1", [(SSH.tcp(SYN, 1), "deny rule-deny")], "vlan"),
    Case("vlan-unknown", "attacks V1", [(SSH.tcp(SYN, 1).tagged(101), UNKNOWN)], "vlan"),
    Case("vlan-4095", "IEEE 802.1Q 9.6", [(SSH.tcp(SYN, 1).tagged(4095), UNKNOWN)], "vlan"),
    Case("vlan-priority", "IEEE 802.1Q 9.6: VID 0 is untagged", [(DNS.udp().tagged(0), LET_IN)], "vlan"),
    Case("vlan-priority-in-a-vlan", "IEEE 802.1Q 9.6", [(SSH.tcp(SYN, 1).tagged(0, 100), LET_IN)], "vlan"),
    Case("qinq", "attacks V1", [(SSH.tcp(SYN, 1).tagged(100, 100), UNKNOWN)], "vlan"),
    Case("qinq-outer-unknown", "attacks V1", [(SSH.tcp(SYN, 1).tagged(66, 100), UNKNOWN)], "vlan"),
    Case("three-tags", "attacks V1", [(SSH.tcp(SYN, 1).tagged(100, 100, 100), UNKNOWN)], "vlan"),
    Case("three-priority-tags", "attacks V1", [(DNS.udp().tagged(0, 0, 0), UNKNOWN)], "vlan"),
    Case("vlan-where-none-is-named", "attacks V1", [(DNS.udp().tagged(100), UNKNOWN)]),
    Case("vlan-is-part-of-the-flow", "attacks V1: an untagged session lets nothing into a VLAN", [
        *opened(), (peer.tcp(ACK, P + 1, H + 1, b"data").tagged(100), "deny tcp-midflow"),
        (peer.tcp(ACK, P + 1, H + 1, b"data").tagged(101), UNKNOWN),
        (peer.tcp(ACK, P + 1, H + 1, b"data"), "allow session-allow"),
    ], "vlan"),
]

# --- transport headers, sums and lengths ----------------------------------------------------------

CASES += [
    Case(f"data-offset-{words}", "RFC 9293 3.1; attacks T15", [(peer.tcp(SYN, 1, offset=words), "deny tcp-header")])
    for words in (0, 1, 4)
]
CASES += [
    Case("data-offset-past-the-end", "RFC 9293 3.1; attacks T15", [
        (raw(lambda family: cut_header(family, 15, 20)), "deny tcp-header"),
    ]),
    Case("data-offset-just-past-the-end", "RFC 9293 3.1; attacks T15", [
        (raw(lambda family: cut_header(family, 6, 20)), "deny tcp-header"),
    ]),
    Case("data-offset-15", "RFC 9293 3.1", [(peer.tcp(SYN, 1, offset=15), LET_IN)]),
    Case("tcp-header-cut", "RFC 9293 3.1", [(raw(lambda family: cut_header(family, 5, 19)), CUT)]),
    Case("tcp-sum", "RFC 9293 3.1; attacks C2: it opens nothing", [
        (peer.tcp(SYN, P, check=1), "deny bad-l4-checksum"),
        (host.tcp(SYN | ACK, H, P + 1), "allow egress-learned"),
    ]),
    Case("tcp-sum-then-right", "RFC 9293 3.1; attacks C2", [
        (peer.tcp(SYN, P, check=1), "deny bad-l4-checksum"), *opened(),
    ]),
    Case("udp-sum", "RFC 768; attacks C2", [(odd_udp(bytes(8), check=1), "deny bad-l4-checksum"), (DNS.udp(), LET_IN)]),
    Case("udp-no-sum", "RFC 768", [(odd_udp(bytes(8), check=0), LET_IN)]),
    Case("udp-length-8", "RFC 768", [(DNS.udp(b""), LET_IN)]),
    Case("udp-length-7", "RFC 768", [(odd_udp(b"data", length=7, check=0), "deny udp-length")]),
    Case("udp-length-0", "RFC 2675 4: no jumbogram", [(odd_udp(b"data", length=0, check=0), "deny udp-length")]),
    Case("udp-length-beyond", "RFC 768", [(odd_udp(b"data", length=13, check=0), "deny udp-length")]),
]


def cut_header(family, words, size):
    src, dst = peer.ends(family)
    return build.ip(src, dst, 6, build.tcp(src, dst, 40000, 80, SYN, offset=words)[:size])


# --- what carries something else -----------------------------------------------------------------------

def carried(family, head=b""):
    return head + SSH.tcp(SYN, 1).ip(family)


def tunnel(name, why, proto, words, head=b"", policy="host"):
    return Case(name, why, [(raw(lambda family: build.ip(*peer.ends(family), proto, carried(family, head))), words)],
                policy)


CASES += [
    tunnel("gre", "RFC 2784; attacks G1: by the outer protocol", 47, LET_IN, b"\0\0\x08\0"),
    tunnel("ip-in-ip", "RFC 2003; attacks G1", 4, "deny rule-deny"),
    tunnel("ip-in-ip-open", "RFC 2003; attacks G1", 4, LET_IN, policy="open"),
    tunnel("ipv6-in-ip", "RFC 4213; attacks G1", 41, "deny rule-deny"),
    tunnel("esp", "RFC 4303; attacks G1", 50, "deny rule-deny", bytes(8)),
    tunnel("esp-open", "RFC 4303; attacks G1", 50, LET_IN, bytes(8), "open"),
    tunnel("etherip", "RFC 3378; attacks G1", 97, "deny rule-deny", b"\x30\0"),
    tunnel("l2tp", "RFC 3931; attacks G1", 115, "deny rule-deny", bytes(4)),
    Case("vxlan", "RFC 7348; attacks G2: the outer port", [
        (peer.at(dport=4789).udp(b"\x08" + bytes(7) + bytes(14) + b"inner"), "deny rule-deny"),
    ]),
    Case("vxlan-to-an-open-port", "RFC 7348; attacks G2: the outer header alone", [
        (DNS.udp(b"\x08" + bytes(7) + bytes(14) + b"inner"), LET_IN),
    ]),
]

# --- long frames -------------------------------------------------------------------------------------------

CASES += [
    Case("jumbo", "attacks J1", [(DNS.udp(bytes(8900)), LET_IN), (DNS.udp(bytes(8900)), "allow session-allow")]),
    Case("jumbo-denied", "attacks J1", [(peer.at(dport=54).udp(bytes(8900)), "deny rule-deny")]),
    Case("jumbo-bad-sum", "attacks J1", [(odd_udp(bytes(8900), check=1), "deny bad-l4-checksum")]),
    Case("gso", "attacks J1: merged on its way", [
        *opened(window=65535), (peer.tcp(ACK, P + 1, H + 1, 60000), "allow session-allow established"),
    ]),
]
