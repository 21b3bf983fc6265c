# SPDX-License-Identifier: BSD-2-Clause
"""The parser, against answers worked out by hand. A source stands beside each table."""
import struct
import unittest

import build
import packet
from build import (
    ACK,
    FIN,
    MLD_ALERT,
    PSH,
    ROUTER_ALERT4,
    RST,
    SYN,
    URG,
    chain,
    echo,
    ethernet,
    fragment_header,
    icmp,
    icmp_packet,
    ip4,
    ip6,
    options_header,
    routing_header,
    tcp,
    tcp_packet,
    udp,
    udp_packet,
)
from case import A, B, C, A6, B6, C6, L6, quoting


def answer(frame, **more):
    """The parser's word about a frame or an IP packet: its reason, or `go on`."""
    found = packet.parse(frame, **more)
    return found.reason or "go on"


def of_ip(data, **more):
    return answer(ethernet(data), **more)


class Parser(unittest.TestCase):
    def table(self, rows):
        for what, data, expected in rows:
            with self.subTest(what):
                self.assertEqual(of_ip(data), expected)

    def test_ethernet(self):
        """IEEE 802.3, 802.1Q, 802.1ad; RFC 826."""
        syn = tcp_packet(A, B, 1, 2, SYN)
        for what, frame, expected in (
            ("13 bytes", bytes(13), "truncated"),
            ("14 bytes of no protocol", bytes(14), "non-ip"),
            ("a length, LLC", ethernet(b"\x42\x42\3" + bytes(40), (), 43), "non-ip"),
            ("MPLS", ethernet(bytes(40), (), 0x8847), "non-ip"),
            ("RARP", ethernet(bytes(28), (), 0x8035), "non-ip"),
            ("ARP", ethernet(bytes(28), (), 0x0806), "arp"),
            ("ARP cut", ethernet(bytes(27), (), 0x0806), "truncated"),
            ("ARP in VLAN 5", ethernet(bytes(28), (5,), 0x0806), "arp"),
            ("priority tag", ethernet(syn, (0,)), "go on"),
            ("one tag", ethernet(syn, (5,)), "go on"),
            ("two tags", ethernet(syn, (5, 6)), "go on"),
            ("three tags", ethernet(syn, (5, 6, 7)), "vlan-unknown"),
            ("three tags, all priority", ethernet(syn, (0, 0, 0)), "vlan-unknown"),
            ("0x9100 is no tag here", ethernet(syn, (5,), None, (0, 0x9100)), "non-ip"),
            ("tag cut", ethernet(b"", (5,), 0x0800)[:17], "truncated"),
            ("tag, then nothing", ethernet(b"", (5,), 0x0800), "truncated"),
            ("tag, then nothing of no protocol", ethernet(b"", (5,), 0x88CC), "non-ip"),
        ):
            with self.subTest(what):
                self.assertEqual(answer(frame), expected)

    def test_vlan_stack(self):
        syn = tcp_packet(A, B, 1, 2, SYN)
        for tags, stack in (
            ((), ()),
            ((0,), ()),
            ((5,), (5,)),
            ((5, 6), (5, 6)),
            ((0, 6), (6,)),
            ((5, 0), (5,)),
            ((0xABC,), (0xABC,)),
        ):
            self.assertEqual(packet.parse(ethernet(syn, tags)).vlan, stack)
        self.assertEqual(packet.parse(ethernet(syn, (0xE000 | 5,))).vlan, (5,))  # PCP and DEI

    def test_no_vlan_is_known(self):
        bad = ethernet(b"\x45", (5,), 0x0800)
        self.assertEqual(answer(bad, names_vlans=False), "vlan-unknown")
        self.assertEqual(answer(bad), "truncated")
        self.assertEqual(
            answer(ethernet(tcp_packet(A, B, 1, 2, SYN), (0,)), names_vlans=False), "go on"
        )

    def test_ipv4_header(self):
        """RFC 791 3.1, RFC 1122 3.2.1, RFC 7126."""
        body = udp(A, B, 1, 2)
        nop = b"\1\1\1\0"
        self.table(
            (
                ("right", ip4(A, B, 17, body), "go on"),
                ("Ethernet padding", ip4(A, B, 17, body) + bytes(18), "go on"),
                ("19 bytes", ip4(A, B, 17)[:19], "truncated"),
                ("version 6 by IPv4's type", b"\x65" + ip4(A, B, 17, body)[1:], "truncated"),
                ("IHL 4", ip4(A, B, 17, body, first=0x44), "bad-header"),
                ("IHL beyond the frame", ip4(A, B, 17, b"", first=0x46), "truncated"),
                ("bad checksum", ip4(A, B, 17, body, check=1), "bad-checksum"),
                (
                    "bad checksum with options",
                    ip4(A, B, 2, bytes(8), options=ROUTER_ALERT4, check=1),
                    "bad-checksum",
                ),
                ("NOPs", ip4(A, B, 17, body, options=nop), "ip-options"),
                ("loose source route", ip4(A, B, 17, body, options=b"\x83\3\4\0"), "ip-options"),
                (
                    "long options, bad checksum",
                    ip4(A, B, 17, body, options=nop * 2, check=1),
                    "ip-options",
                ),
                (
                    "router alert without IGMP",
                    ip4(A, B, 17, body, options=ROUTER_ALERT4),
                    "ip-options",
                ),
                (
                    "router alert with IGMP",
                    ip4(A, B, 2, bytes(8), ttl=1, options=ROUTER_ALERT4),
                    "multicast-listener",
                ),
                (
                    "router alert of another value",
                    ip4(A, B, 2, bytes(8), ttl=1, options=b"\x94\4\0\1"),
                    "ip-options",
                ),
                ("total length below the header", ip4(A, B, 17, body, total=19), "bad-header"),
                ("total length beyond the frame", ip4(A, B, 17, body, total=29), "truncated"),
                ("total length ends within UDP", ip4(A, B, 17, body, total=27), "truncated"),
                ("TTL 0", ip4(A, B, 17, body, ttl=0), "ttl-zero"),
                ("more fragments", ip4(A, B, 17, body, fragment=0x2000), "fragment"),
                ("later fragment", ip4(A, B, 17, body, fragment=1), "fragment"),
                ("do not fragment", ip4(A, B, 17, body, fragment=0x4000), "go on"),
                ("ICMPv6 in IPv4", ip4(A, B, 58, bytes(8)), "bad-header"),
            )
        )

    def test_version_by_ethertype(self):
        self.assertEqual(
            answer(ethernet(b"\x65" + ip4(A, B, 17, udp(A, B, 1, 2))[1:], (), 0x0800)), "bad-header"
        )
        self.assertEqual(
            answer(ethernet(ip6(A6, B6, 59, b"", version=4), (), 0x86DD)), "bad-header"
        )

    def test_ipv4_martians(self):
        """RFC 6890, RFC 1122 3.2.1.3, RFC 2131 4.1."""
        for src, dst, expected in (
            ("0.1.2.3", B, "martian"),
            ("127.0.0.1", B, "martian"),
            ("224.0.0.1", B, "martian"),
            ("239.9.9.9", B, "martian"),
            ("240.0.0.1", B, "go on"),
            ("255.255.255.255", B, "martian"),
            (A, "0.0.0.0", "martian"),
            (A, "0.9.9.9", "martian"),
            (A, "127.0.0.1", "martian"),
            (A, "240.0.0.1", "go on"),
            (A, "255.255.255.254", "go on"),
            (A, A, "martian"),
            (A, "255.255.255.255", "go on"),
            (A, "224.0.0.251", "go on"),
            ("223.255.255.255", B, "go on"),
            ("1.0.0.0", B, "go on"),
            ("126.255.255.255", "128.0.0.0", "go on"),
            ("0.0.0.0", B, "martian"),
        ):
            with self.subTest(f"{src} > {dst}"):
                self.assertEqual(of_ip(udp_packet(src, dst, 1, 2)), expected)

    def test_from_nowhere(self):
        everybody = "255.255.255.255"
        self.table(
            (
                ("DHCP client", udp_packet("0.0.0.0", everybody, 68, 67), "go on"),
                ("DHCP client to itself", udp_packet("0.0.0.0", "0.0.0.0", 68, 67), "martian"),
                ("another port", udp_packet("0.0.0.0", everybody, 68, 68), "martian"),
                ("TCP", tcp_packet("0.0.0.0", B, 68, 67, SYN), "martian"),
                ("too short for ports", ip4("0.0.0.0", everybody, 17, b"\0\x44\0\x43"), "martian"),
                ("IGMP", ip4("0.0.0.0", "224.0.0.22", 2, bytes(8), ttl=1), "multicast-listener"),
            )
        )

    def test_ipv6_header(self):
        """RFC 8200 3."""
        body = udp(A6, B6, 1, 2)
        self.table(
            (
                ("right", ip6(A6, B6, 17, body), "go on"),
                ("padding behind", ip6(A6, B6, 17, body) + bytes(9), "go on"),
                ("39 bytes", ip6(A6, B6, 17)[:39], "truncated"),
                ("payload beyond the frame", ip6(A6, B6, 17, body, length=9), "truncated"),
                ("payload cut within UDP", ip6(A6, B6, 17, body, length=7), "truncated"),
                ("hop limit 0", ip6(A6, B6, 17, body, hops=0), "ttl-zero"),
                ("ICMPv4 in IPv6", ip6(A6, B6, 1, bytes(8)), "bad-header"),
                ("no next header", ip6(A6, B6, 59), "go on"),
                ("ESP", ip6(A6, B6, 50, bytes(8)), "go on"),
                ("IGMP is IPv4's", ip6(A6, B6, 2, bytes(8)), "bad-header"),
            )
        )

    def test_ipv6_martians(self):
        """RFC 4291 2.5, 2.7; RFC 7346 2; RFC 4861 7.1.1; RFC 3590."""
        for src, dst, expected in (
            ("::1", B6, "martian"),
            ("ff02::1", B6, "martian"),
            ("::", B6, "martian"),
            (A6, "::", "martian"),
            (A6, "::1", "martian"),
            (A6, A6, "martian"),
            ("::ffff:10.0.0.1", B6, "martian"),
            (A6, "::ffff:10.0.0.1", "martian"),
            (A6, "ff00::1", "martian"),
            (A6, "ff01::1", "martian"),
            (A6, "ff11::1", "martian"),
            (A6, "ff02::1", "go on"),
            (A6, "ff0f::1", "go on"),
            ("::2", B6, "go on"),
            ("::fffe:10.0.0.1", B6, "go on"),
            (L6, B6, "go on"),
        ):
            with self.subTest(f"{src} > {dst}"):
                self.assertEqual(of_ip(udp_packet(src, dst, 1, 2)), expected)

    def test_ipv6_from_nowhere(self):
        solicited = "ff02::1:ff00:1"
        mld = [(0, lambda following: options_header(following, MLD_ALERT))]
        self.table(
            (
                (
                    "DAD",
                    icmp_packet("::", solicited, 135, data=bytes(16), hops=255),
                    "neighbour-discovery",
                ),
                (
                    "solicitation to all",
                    icmp_packet("::", "ff02::1", 135, data=bytes(16), hops=255),
                    "martian",
                ),
                (
                    "router solicitation",
                    icmp_packet("::", "ff02::2", 133, hops=255),
                    "neighbour-discovery",
                ),
                (
                    "router advertisement",
                    icmp_packet("::", "ff02::1", 134, data=bytes(8), hops=255),
                    "martian",
                ),
                (
                    "neighbour advertisement",
                    icmp_packet("::", "ff02::1", 136, data=bytes(16), hops=255),
                    "martian",
                ),
                ("echo", echo("::", B6, 1), "martian"),
                (
                    "MLDv2 report",
                    chain("::", "ff02::16", mld, 58, icmp("::", "ff02::16", 143), hops=1),
                    "multicast-listener",
                ),
                (
                    "MLDv1 report",
                    chain(
                        "::", "ff02::1", mld, 58, icmp("::", "ff02::1", 131, data=bytes(16)), hops=1
                    ),
                    "multicast-listener",
                ),
                (
                    "MLDv1 done",
                    chain(
                        "::", "ff02::2", mld, 58, icmp("::", "ff02::2", 132, data=bytes(16)), hops=1
                    ),
                    "multicast-listener",
                ),
                (
                    "MLD query",
                    chain(
                        "::", "ff02::1", mld, 58, icmp("::", "ff02::1", 130, data=bytes(16)), hops=1
                    ),
                    "martian",
                ),
                (
                    "error",
                    quoting(ip6("::", B6, 17, udp("::", B6, 1, 2)), (1, 0), to=A6, router="::"),
                    "martian",
                ),
            )
        )

    def walk(self, *headers, proto=17, body=None):
        return of_ip(chain(A6, B6, headers, proto, udp(A6, B6, 1, 2) if body is None else body))

    def test_extension_headers(self):
        """RFC 8200 4, RFC 5095, RFC 6946, RFC 4302, RFC 2711, RFC 7045."""
        hop, dest, auth = (0, options_header), (60, options_header), (51, build.auth_header)
        route = (43, routing_header)

        def options(value, kind=60, **more):
            return kind, lambda following: options_header(following, value, **more)

        def fragment(*what):
            return 44, lambda following: fragment_header(following, *what)

        for what, headers, expected in (
            ("each once", (hop, dest, route, fragment(), auth, dest), "go on"),
            ("eight", (hop,) + (dest,) * 7, "go on"),
            ("nine", (hop,) + (dest,) * 8, "extension-headers"),
            ("eight without the first", (dest,) * 8, "go on"),
            ("nine without the first", (dest,) * 9, "extension-headers"),
            ("hop-by-hop second", (dest, hop), "extension-headers"),
            ("hop-by-hop twice", (hop, hop), "extension-headers"),
            ("atomic fragment", (fragment(0, 0),), "go on"),
            ("first fragment", (fragment(0, 1),), "fragment"),
            ("later fragment", (fragment(1, 0),), "fragment"),
            (
                "fragment's reserved bits",
                ((44, lambda following: fragment_header(following, 0, 6)),),
                "go on",
            ),
            (
                "routing 0",
                ((43, lambda following: routing_header(following, 0, 0)),),
                "extension-headers",
            ),
            (
                "segments left",
                ((43, lambda following: routing_header(following, 4, 1)),),
                "extension-headers",
            ),
            ("segments done", ((43, lambda following: routing_header(following, 4, 0)),), "go on"),
            ("hop-by-hop option to skip", (options(b"\x1e\2ab\0\0", 0),), "extension-headers"),
            ("hop-by-hop padding of 8", (options(b"\1\6" + bytes(12), 0),), "extension-headers"),
            ("nine hop-by-hop options", (options(bytes(14), 0),), "extension-headers"),
            ("hop-by-hop option beyond its header", (options(b"\1\5abcd", 0),), "extension-headers"),
            ("option to skip", (options(b"\x1e\2ab\0\0"),), "go on"),
            ("option to discard", (options(b"\x5e\2ab\0\0"),), "go on"),
            ("option to report", (options(b"\x9e\2ab\0\0"),), "go on"),
            ("jumbo", (options(b"\xc2\4\0\1\0\0", 0),), "extension-headers"),
            ("home address", (options(b"\xc9\x10" + bytes(16)),), "go on"),
            (
                "option to discard behind one to skip",
                (options(b"\x1e\0\x5e\0\0\0"),),
                "go on",
            ),
            ("two options to skip", (options(b"\x1e\1\x5e\x1e\1\x5e"),), "go on"),
            ("fragment far behind", (fragment(0x1000, 0),), "fragment"),
            ("option beyond its header", (options(b"\x1e\5abcd"),), "go on"),
            ("option without a length", (options(b"\0\0\0\0\0\x1e"),), "go on"),
            ("only Pad1", (options(bytes(6)),), "go on"),
            ("header beyond the datagram", (options(b"\1\4\0\0\0\0", units=9),), "truncated"),
            ("router alert without MLD", (options(MLD_ALERT, 0),), "extension-headers"),
            ("type 5 as a destination option", (options(MLD_ALERT),), "go on"),
            (
                "AH of 8 bytes",
                ((51, lambda following: build.auth_header(following, 0)),),
                "extension-headers",
            ),
            (
                "AH of 20 bytes",
                ((51, lambda following: build.auth_header(following, 3)),),
                "extension-headers",
            ),
        ):
            with self.subTest(what):
                self.assertEqual(self.walk(*headers), expected)

    def test_extension_headers_end(self):
        self.assertEqual(self.walk((60, options_header), proto=59, body=b""), "go on")
        self.assertEqual(of_ip(ip6(A6, B6, 60, bytes(7))), "truncated")
        self.assertEqual(
            of_ip(chain(A6, B6, [(51, build.auth_header)], 6, tcp(A6, B6, 1, 2, SYN))), "go on"
        )

    def test_tcp_flags(self):
        """RFC 9293 3.1 and 3.10: of all 64 sets these 8, each with and without PSH."""
        sane = {flags for flags in range(64) if of_ip(tcp_packet(A, B, 1, 2, flags)) == "go on"}
        bases = {SYN, SYN | ACK, RST, RST | ACK, ACK, ACK | URG, FIN | ACK, FIN | ACK | URG}
        self.assertEqual(sane, bases | {base | PSH for base in bases})
        self.assertEqual(of_ip(tcp_packet(A, B, 1, 2, SYN | 0xC0)), "go on")  # RFC 3168

    def test_transport_lengths(self):
        """RFC 9293 3.1, RFC 768, RFC 3828 3.1, RFC 9260 3, RFC 4340 5.1."""

        def tcp_of(offset, cut=None):
            return ip4(A, B, 6, tcp(A, B, 1, 2, SYN, offset=offset)[:cut])

        def udp_of(length, proto=17):
            return ip4(A, B, proto, udp(A, B, 1, 2, b"12345", length, proto=proto))

        self.table(
            (
                ("19 bytes of TCP", tcp_of(5, 19), "truncated"),
                ("offset 4", tcp_of(4), "tcp-header"),
                ("offset 15", tcp_of(15), "go on"),
                ("offset beyond", tcp_of(15, 59), "tcp-header"),
                ("7 bytes of UDP", ip4(A, B, 17, bytes(7)), "truncated"),
                ("UDP length 7", udp_of(7), "udp-length"),
                ("UDP length 8", udp_of(8), "go on"),
                ("UDP length all", udp_of(13), "go on"),
                ("UDP length of 308", udp_packet(A, B, 1, 2, bytes(300)), "go on"),
                (
                    "UDP length of 308 in 64",
                    ip4(A, B, 17, udp(A, B, 1, 2, bytes(56), 308)),
                    "udp-length",
                ),
                ("UDP length beyond", udp_of(14), "udp-length"),
                ("UDP-Lite 0", udp_of(0, 136), "go on"),
                ("UDP-Lite 1", udp_of(1, 136), "udp-length"),
                ("UDP-Lite 7", udp_of(7, 136), "udp-length"),
                ("UDP-Lite 8", udp_of(8, 136), "go on"),
                ("UDP-Lite beyond", udp_of(14, 136), "udp-length"),
                ("SCTP", ip4(A, B, 132, bytes(12)), "go on"),
                ("SCTP short", ip4(A, B, 132, bytes(11)), "truncated"),
                ("DCCP", ip4(A, B, 33, bytes(12)), "go on"),
                ("DCCP short", ip4(A, B, 33, bytes(11)), "truncated"),
                ("GRE of nothing", ip4(A, B, 47), "go on"),
                ("ICMP short", ip4(A, B, 1, b"\x08" + bytes(6)), "truncated"),
            )
        )

    def test_dhcp(self):
        """RFC 2131 4.1, RFC 8415 7.2."""
        self.table(
            (
                ("answer", udp_packet(A, B, 67, 68), "dhcp"),
                ("broadcast answer", udp_packet(A, "255.255.255.255", 67, 68), "dhcp"),
                ("question", udp_packet(A, B, 68, 67), "go on"),
                ("from 67 to another", udp_packet(A, B, 67, 69), "go on"),
                ("from another to 68", udp_packet(A, B, 66, 68), "go on"),
                ("IPv6 answer", udp_packet(L6, "fe80::2", 547, 546), "dhcp"),
                ("IPv6 answer from afar", udp_packet(A6, "fe80::2", 547, 546), "dhcp"),
                ("IPv6 answer to no link-local", udp_packet(L6, B6, 547, 546), "go on"),
                ("IPv4's ports in IPv6", udp_packet(L6, "fe80::2", 67, 68), "go on"),
            )
        )

    def test_icmp_types(self):
        """Which types go on to a session, of 256; errors are judged by their quote."""

        def went_on(src, dst):
            return {kind for kind in range(256) if of_ip(icmp_packet(src, dst, kind)) == "go on"}

        refused = {4, 5, 6, 13, 14, 15, 16, 17, 18} | set(range(30, 40))
        self.assertEqual(went_on(A, B), set(range(256)) - refused - {3, 11, 12})
        refused = {0, 137, 138} | set(range(5, 128))
        self.assertEqual(
            went_on(A6, B6),
            set(range(256)) - refused - {1, 2, 3, 4, 130, 131, 132, 133, 134, 135, 136, 143},
        )

    def test_igmp(self):
        """RFC 2236 2, RFC 3376 4."""
        self.table(
            (
                ("TTL 1", ip4(A, "224.0.0.22", 2, bytes(8), ttl=1), "multicast-listener"),
                ("TTL 2", ip4(A, "224.0.0.22", 2, bytes(8), ttl=2), "off-link"),
                ("short", ip4(A, "224.0.0.22", 2, bytes(7), ttl=1), "truncated"),
            )
        )

    def mld(self, kind=143, src=L6, hops=1, options=MLD_ALERT, data=bytes(16)):
        headers = [(0, lambda following: options_header(following, options))] if options else []
        return of_ip(
            chain(src, "ff02::16", headers, 58, icmp(src, "ff02::16", kind, data=data), hops=hops)
        )

    def test_mld(self):
        """RFC 2710 3, RFC 3810 5, RFC 2711 2.1."""
        for kind in (130, 131, 132, 143):
            self.assertEqual(self.mld(kind), "multicast-listener")
        self.assertEqual(self.mld(hops=2), "off-link")
        self.assertEqual(self.mld(src=A6), "off-link")
        self.assertEqual(self.mld(options=b""), "off-link")
        self.assertEqual(self.mld(options=b"\1\4\0\0\0\0"), "off-link")
        self.assertEqual(self.mld(options=b"\5\2\0\1\1\0"), "extension-headers")  # RSVP's alert
        self.assertEqual(self.mld(options=MLD_ALERT * 2), "extension-headers")
        self.assertEqual(self.mld(options=b"\5\1\0\1\1\0"), "extension-headers")
        self.assertEqual(self.mld(144), "extension-headers")
        self.assertEqual(self.mld(130, data=bytes(15)), "truncated")
        self.assertEqual(self.mld(143, data=b""), "multicast-listener")

    def test_neighbours(self):
        """RFC 4861 6.1, 7.1; RFC 6980."""
        shortest = {133: 0, 134: 8, 135: 16, 136: 16}
        for kind, size in shortest.items():

            def nd(src=L6, hops=255, code=0, data=bytes(size), kind=kind):
                return of_ip(icmp_packet(src, B6, kind, code, data=data, hops=hops))

            self.assertEqual(nd(), "neighbour-discovery")
            self.assertEqual(nd(hops=254), "off-link")
            self.assertEqual(nd(code=1), "off-link")
            self.assertEqual(nd(src=A6), "off-link" if kind == 134 else "neighbour-discovery")
            if size:
                self.assertEqual(nd(data=bytes(size - 1)), "truncated")
            for header in ((60, options_header), (44, fragment_header)):
                body = icmp(L6, B6, kind, data=bytes(size))
                self.assertEqual(of_ip(chain(L6, B6, [header], 58, body, hops=255)), "off-link")

    def test_errors(self):
        """RFC 792, RFC 4443 3, RFC 1191 4, RFC 8201 4, RFC 5927."""
        about, six = udp_packet(A, B, 5, 6, b"data"), udp_packet(A6, B6, 5, 6, b"data")
        first = ip4(A, B, 17, udp(A, B, 5, 6), fragment=0x2000)
        inner = chain(
            A6,
            B6,
            [(60, options_header), (44, lambda f: fragment_header(f, 0, 1))],
            17,
            udp(A6, B6, 5, 6),
        )
        later = chain(A6, B6, [(44, lambda f: fragment_header(f, 1, 0))], 17, udp(A6, B6, 5, 6))
        to6 = {"to": A6, "router": C6}
        self.table(
            (
                ("unreachable", quoting(about), "go on"),
                ("eight bytes of UDP", quoting(about[:28]), "go on"),
                ("seven", quoting(about[:27]), "icmp-quote"),
                (
                    "quote with options",
                    quoting(ip4(A, B, 17, udp(A, B, 5, 6), options=b"\1\1\1\0")),
                    "go on",
                ),
                (
                    "options cut",
                    quoting(ip4(A, B, 17, udp(A, B, 5, 6), options=b"\1\1\1\0")[:31]),
                    "icmp-quote",
                ),
                ("sent by another", quoting(about, to=B), "icmp-quote"),
                ("quote of IPv6", quoting(six), "icmp-quote"),
                ("no quote", quoting(b""), "icmp-quote"),
                ("first fragment", quoting(first), "go on"),
                (
                    "later fragment",
                    quoting(ip4(A, B, 17, udp(A, B, 5, 6), fragment=1)),
                    "icmp-quote",
                ),
                ("error about an error", quoting(quoting(about, to=B, router=A)), "icmp-quote"),
                ("error about a redirect", quoting(icmp_packet(A, B, 5)), "icmp-quote"),
                ("error about echo", quoting(echo(A, B, 1)), "go on"),
                ("MTU 68", quoting(about, (3, 4), b"\0\0\0\x44"), "go on"),
                ("MTU 67", quoting(about, (3, 4), b"\0\0\0\x43"), "icmp-mtu"),
                ("MTU 256", quoting(about, (3, 4), b"\0\0\1\0"), "go on"),
                ("MTU of another code", quoting(about, (3, 3), b"\0\0\0\x43"), "go on"),
                ("IPv6", quoting(six, (1, 4), **to6), "go on"),
                ("IPv6 cut", quoting(six[:47], (1, 4), **to6), "icmp-quote"),
                ("IPv6 eight bytes", quoting(six[:48], (1, 4), **to6), "go on"),
                ("IPv6 sent by another", quoting(six, (1, 4), to=B6, router=C6), "icmp-quote"),
                ("IPv6 with headers", quoting(inner, (1, 4), **to6), "go on"),
                ("IPv6 later fragment", quoting(later, (1, 4), **to6), "icmp-quote"),
                (
                    "IPv6 error about an error",
                    quoting(quoting(six, (1, 0), to=B6, router=A6), (1, 4), **to6),
                    "icmp-quote",
                ),
                (
                    "IPv6 far fragment",
                    quoting(
                        chain(
                            A6,
                            B6,
                            [(44, lambda f: fragment_header(f, 0x1000, 0))],
                            17,
                            udp(A6, B6, 5, 6),
                        ),
                        (1, 4),
                        **to6,
                    ),
                    "icmp-quote",
                ),
                ("IPv6 MTU 1280", quoting(six, (2, 0), struct.pack("!I", 1280), **to6), "go on"),
                ("IPv6 MTU 1279", quoting(six, (2, 0), struct.pack("!I", 1279), **to6), "icmp-mtu"),
            )
        )

    def test_what_cannot_be_quoted(self):
        """RFC 1122 3.2.2 and RFC 4443 2.4 (e): no error about an error; nor about what is refused."""
        quotable = {
            kind for kind in range(256) if of_ip(quoting(icmp_packet(A, B, kind))) == "go on"
        }
        refused = {3, 4, 5, 6, 11, 12, *range(13, 19), *range(30, 40)}
        self.assertEqual(quotable, set(range(256)) - refused)
        quotable = {
            kind
            for kind in range(256)
            if of_ip(quoting(icmp_packet(A6, B6, kind), (1, 0), to=A6, router=C6)) == "go on"
        }
        self.assertEqual(quotable, set(range(128, 256)))

    def test_quoted_headers(self):
        for count, expected in ((8, "go on"), (9, "icmp-quote")):
            about = chain(A6, B6, [(60, options_header)] * count, 17, udp(A6, B6, 5, 6))
            self.assertEqual(of_ip(quoting(about, (1, 0), to=A6, router=C6)), expected)

    def test_quoted_flow(self):
        for about in (
            udp_packet(A, B, 5, 6),
            tcp_packet(A, B, 7, 8, ACK),
            echo(A, B, 9),
            ip4(A, B, 47, bytes(8)),
            icmp_packet(A, B, 9, 3),
        ):
            self.assertEqual(
                packet.parse(ethernet(quoting(about))).quote, packet.parse(ethernet(about)).key()
            )

    def test_key(self):
        """Both directions of a flow, and nothing else, have one key."""

        def key(data):
            return packet.parse(ethernet(data)).key()

        self.assertEqual(key(udp_packet(A, B, 5, 6)), key(udp_packet(B, A, 6, 5)))
        self.assertEqual(key(echo(A, B, 5)), key(echo(B, A, 5, reply=True)))
        self.assertEqual(
            key(icmp_packet(A, B, 9, 1)), key(icmp_packet(B, A, 9, 1, b"some", b"thing else"))
        )
        self.assertEqual(key(echo(A, B, 0x1234))[3] & 0xFFFF, 0x1234)
        flows = (
            udp_packet(A, B, 5, 6),
            udp_packet(A, B, 6, 5),
            tcp_packet(A, B, 5, 6, SYN),
            echo(A, B, 5),
            echo(A, B, 6),
            icmp_packet(A, B, 9, 1),
            icmp_packet(A, B, 9, 2),
            icmp_packet(A, B, 10, 1),
            udp_packet(A, C, 5, 6),
            udp_packet("::a00:1", "::a00:2", 5, 6),
        )
        self.assertEqual(len(set(map(key, flows))), len(flows))

    def test_dscp(self):
        self.assertEqual(packet.parse(ethernet(ip4(A, B, 47, tos=0xB9))).dscp, 46)
        self.assertEqual(packet.parse(ethernet(ip6(A6, B6, 59, dscp=46))).dscp, 46)
