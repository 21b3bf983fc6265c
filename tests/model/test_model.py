#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The model itself, against answers worked out by hand. A source stands beside each table."""
import os
import random
import stat
import struct
import sys
import tempfile
import unittest

import build
import capture
import compare
import generate
import packet
from build import (ACK, FIN, MLD_ALERT, PSH, ROUTER_ALERT4, RST, SYN, URG, chain, echo, ethernet, fragment_header,
                   icmp, icmp_packet, ip4, ip6, options_header, routing_header, tcp, tcp_packet, udp,
                   udp_packet)  # fmt: skip
from judge import Judge
from model import as_object
from policy import Policy, PolicyError

A, B, C = "10.0.0.1", "10.0.0.2", "192.0.2.7"
A6, B6, C6, L6 = "2001:db8::1", "2001:db8::2", "2001:db8:f::7", "fe80::1"
MS, S = 10**6, 10**9


class Folder(unittest.TestCase):
    """A test that writes files."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def policy(self, text):
        return Policy(self.file("policy.yaml", "version: 1\n" + text))


# --- captures ----------------------------------------------------------------------


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


class CaptureTest(Folder):
    """draft-ietf-opsawg-pcap 4 and 5, draft-ietf-opsawg-pcapng 4."""

    def read(self, content):
        return [(one.time, one.frame, one.cut) for one in capture.read(self.file("x.pcap", content))]

    def pcap(self, magic, order, link, packets, extra=b""):
        head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
        return head + b"".join(
            struct.pack(order + "IIII", 5, 7, len(data), wire) + extra + data for data, wire in packets
        )

    def test_pcap_in_every_order(self):
        for order in "<>":
            for magic, time, extra in ((0xA1B2C3D4, 7000, b""), (0xA1B23C4D, 7, b""), (0xA1B2CD34, 7000, bytes(8))):
                found = self.read(self.pcap(magic, order, 1, [(b"abc", 3)], extra))
                self.assertEqual(found, [(5 * S + time, b"abc", False)])

    def test_cut_packets_are_padded(self):
        found = self.read(self.pcap(0xA1B2C3D4, "<", 1, [(b"abc", 5)]))
        self.assertEqual(found, [(5 * S + 7000, b"abc\0\0", True)])

    def test_padding_is_bounded(self):
        found = self.read(self.pcap(0xA1B2C3D4, "<", 1, [(b"abc", 0xFFFFFFFF)]))
        self.assertEqual(len(found[0][1]), capture.LONGEST)

    def test_link_types(self):
        v4, v6 = b"\x45abc", b"\x60abc"
        for link, data, ethertype, rest in (
            (101, v4, "0800", v4), (101, v6, "86dd", v6), (12, v6, "86dd", v6),
            (228, v6, "0800", v6), (229, v4, "86dd", v4),
            (0, b"\2\0\0\0" + v4, "0800", v4), (0, b"\0\0\0\x1e" + v6, "86dd", v6), (0, b"\7\0\0\0" + v4, "0000", v4),
            (108, b"\0\0\0\2" + v4, "0800", v4), (108, b"\0\0\0\x18" + v6, "86dd", v6),
            (113, bytes(14) + b"\x86\xdd" + v6, "86dd", v6), (276, b"\x08\x06" + bytes(18) + v4, "0806", v4),
        ):  # fmt: skip
            frame = self.read(self.pcap(0xA1B2C3D4, "<", link, [(data, len(data))]))[0][1]
            self.assertEqual((frame[12:14].hex(), frame[14:]), (ethertype, rest), link)

    def test_cooked_cut_short(self):
        for link in (113, 276, 0):
            frame = self.read(self.pcap(0xA1B2C3D4, "<", link, [(b"\0\0\0", 3)]))[0][1]
            self.assertLess(len(frame), 14)

    def test_pcapng(self):
        for order in "<>":
            iface = struct.pack(order + "HHI", 1, 0, 0)
            nano = iface + struct.pack(order + "HHB3xHHqHH", 9, 1, 9, 14, 8, 2, 0, 0)
            enhanced = struct.pack(order + "IIIII", 1, 1, 5, 3, 3) + b"abc"
            old = struct.pack(order + "HHIIII", 0, 0, 0, 4, 3, 4) + b"abc"
            simple = struct.pack(order + "I", 3) + b"xyz"
            data = section(order) + b"".join(
                block(kind, body, order) for kind, body in ((1, iface), (1, nano), (6, enhanced), (2, old), (5, b""), (3, simple))
            )
            self.assertEqual(self.read(data), [
                ((1 << 32) + 5 + 2 * S, b"abc", False), (4000, b"abc\0", True), (0, b"xyz", False)])  # fmt: skip

    def test_binary_resolution(self):
        iface = struct.pack("<HHIHHB3x", 1, 0, 0, 9, 1, 0x8A)
        data = section() + block(1, iface) + block(6, struct.pack("<IIIII", 0, 0, 512, 1, 1) + b"a")
        self.assertEqual(self.read(data)[0][0], S // 2)

    def test_broken_files(self):
        good = self.pcap(0xA1B2C3D4, "<", 1, [(b"abc", 3)])
        for content in (b"", b"junk", good[:-1], good[:30], good[:20], section() + block(1, b"\1\0"),
                        section() + block(6, b""), section()[:-2], self.pcap(0xA1B2C3D4, "<", 9, []),
                        section() + block(6, struct.pack("<IIIII", 0, 0, 0, 1, 1) + b"a")):  # fmt: skip
            with self.assertRaises(capture.CaptureError, msg=content):
                self.read(content)

    def test_written_is_read(self):
        path = os.path.join(self.folder, "w.pcap")
        capture.write(path, [(3 * S + 1, b"abcd"), (4 * S, b"x")], snap=3)
        found = [(one.time, one.frame, one.cut) for one in capture.read(path)]
        self.assertEqual(found, [(3 * S + 1, b"abc\0", True), (4 * S, b"x", False)])


# --- parser ------------------------------------------------------------------------


def answer(frame, **more):
    """The parser's word about a frame or an IP packet: its reason, or `go on`."""
    found = packet.parse(frame, **more)
    return found.reason or "go on"


def of_ip(data, **more):
    return answer(ethernet(data), **more)


def quoting(about, kind=(3, 1), rest=bytes(4), to=A, router=C):
    return icmp_packet(router, to, *kind, rest, about)


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
        ):  # fmt: skip
            with self.subTest(what):
                self.assertEqual(answer(frame), expected)

    def test_vlan_stack(self):
        syn = tcp_packet(A, B, 1, 2, SYN)
        for tags, stack in (((), ()), ((0,), ()), ((5,), (5,)), ((5, 6), (5, 6)), ((0, 6), (6,)), ((5, 0), (5,))):
            self.assertEqual(packet.parse(ethernet(syn, tags)).vlan, stack)
        self.assertEqual(packet.parse(ethernet(syn, (0xE000 | 5,))).vlan, (5,))  # PCP and DEI

    def test_no_vlan_is_known(self):
        bad = ethernet(b"\x45", (5,), 0x0800)
        self.assertEqual(answer(bad, names_vlans=False), "vlan-unknown")
        self.assertEqual(answer(bad), "truncated")
        self.assertEqual(answer(ethernet(tcp_packet(A, B, 1, 2, SYN), (0,)), names_vlans=False), "go on")

    def test_ipv4_header(self):
        """RFC 791 3.1, RFC 1122 3.2.1, RFC 7126."""
        body = udp(A, B, 1, 2)
        nop = b"\1\1\1\0"
        self.table((
            ("right", ip4(A, B, 17, body), "go on"),
            ("Ethernet padding", ip4(A, B, 17, body) + bytes(18), "go on"),
            ("19 bytes", ip4(A, B, 17)[:19], "truncated"),
            ("version 6 by IPv4's type", b"\x65" + ip4(A, B, 17, body)[1:], "truncated"),
            ("IHL 4", ip4(A, B, 17, body, first=0x44), "bad-header"),
            ("IHL beyond the frame", ip4(A, B, 17, b"", first=0x46), "truncated"),
            ("bad checksum", ip4(A, B, 17, body, check=1), "bad-checksum"),
            ("bad checksum with options", ip4(A, B, 2, bytes(8), options=ROUTER_ALERT4, check=1), "bad-checksum"),
            ("NOPs", ip4(A, B, 17, body, options=nop), "ip-options"),
            ("loose source route", ip4(A, B, 17, body, options=b"\x83\3\4\0"), "ip-options"),
            ("long options, bad checksum", ip4(A, B, 17, body, options=nop * 2, check=1), "ip-options"),
            ("router alert without IGMP", ip4(A, B, 17, body, options=ROUTER_ALERT4), "ip-options"),
            ("router alert with IGMP", ip4(A, B, 2, bytes(8), ttl=1, options=ROUTER_ALERT4), "multicast-listener"),
            ("router alert of another value", ip4(A, B, 2, bytes(8), ttl=1, options=b"\x94\4\0\1"), "ip-options"),
            ("total length below the header", ip4(A, B, 17, body, total=19), "bad-header"),
            ("total length beyond the frame", ip4(A, B, 17, body, total=29), "truncated"),
            ("total length ends within UDP", ip4(A, B, 17, body, total=27), "truncated"),
            ("TTL 0", ip4(A, B, 17, body, ttl=0), "ttl-zero"),
            ("more fragments", ip4(A, B, 17, body, fragment=0x2000), "fragment"),
            ("later fragment", ip4(A, B, 17, body, fragment=1), "fragment"),
            ("do not fragment", ip4(A, B, 17, body, fragment=0x4000), "go on"),
            ("ICMPv6 in IPv4", ip4(A, B, 58, bytes(8)), "bad-header"),
        ))  # fmt: skip

    def test_version_by_ethertype(self):
        self.assertEqual(answer(ethernet(b"\x65" + ip4(A, B, 17, udp(A, B, 1, 2))[1:], (), 0x0800)), "bad-header")
        self.assertEqual(answer(ethernet(ip6(A6, B6, 59, b"", version=4), (), 0x86DD)), "bad-header")

    def test_ipv4_martians(self):
        """RFC 6890, RFC 1122 3.2.1.3, RFC 2131 4.1."""
        for src, dst, expected in (
            ("0.1.2.3", B, "martian"), ("127.0.0.1", B, "martian"), ("224.0.0.1", B, "martian"),
            ("239.9.9.9", B, "martian"), ("240.0.0.1", B, "martian"), ("255.255.255.255", B, "martian"),
            (A, "0.0.0.0", "martian"), (A, "0.9.9.9", "martian"), (A, "127.0.0.1", "martian"),
            (A, "240.0.0.1", "martian"), (A, "255.255.255.254", "martian"), (A, A, "martian"),
            (A, "255.255.255.255", "go on"), (A, "224.0.0.251", "go on"), ("223.255.255.255", B, "go on"),
            ("1.0.0.0", B, "go on"), ("126.255.255.255", "128.0.0.0", "go on"), ("0.0.0.0", B, "martian"),
        ):  # fmt: skip
            with self.subTest(f"{src} > {dst}"):
                self.assertEqual(of_ip(udp_packet(src, dst, 1, 2)), expected)

    def test_from_nowhere(self):
        everybody = "255.255.255.255"
        self.table((
            ("DHCP client", udp_packet("0.0.0.0", everybody, 68, 67), "go on"),
            ("DHCP client to itself", udp_packet("0.0.0.0", "0.0.0.0", 68, 67), "martian"),
            ("another port", udp_packet("0.0.0.0", everybody, 68, 68), "martian"),
            ("TCP", tcp_packet("0.0.0.0", B, 68, 67, SYN), "martian"),
            ("too short for ports", ip4("0.0.0.0", everybody, 17, b"\0\x44\0\x43"), "martian"),
            ("IGMP", ip4("0.0.0.0", "224.0.0.22", 2, bytes(8), ttl=1), "multicast-listener"),
        ))  # fmt: skip

    def test_ipv6_header(self):
        """RFC 8200 3."""
        body = udp(A6, B6, 1, 2)
        self.table((
            ("right", ip6(A6, B6, 17, body), "go on"),
            ("padding behind", ip6(A6, B6, 17, body) + bytes(9), "go on"),
            ("39 bytes", ip6(A6, B6, 17)[:39], "truncated"),
            ("payload beyond the frame", ip6(A6, B6, 17, body, length=9), "truncated"),
            ("payload cut within UDP", ip6(A6, B6, 17, body, length=7), "truncated"),
            ("hop limit 0", ip6(A6, B6, 17, body, hops=0), "ttl-zero"),
            ("ICMPv4 in IPv6", ip6(A6, B6, 1, bytes(8)), "bad-header"),
            ("no next header", ip6(A6, B6, 59), "go on"),
            ("ESP", ip6(A6, B6, 50, bytes(8)), "go on"),
            ("protocol 2 is no IGMP here", ip6(A6, B6, 2, b""), "go on"),
        ))  # fmt: skip

    def test_ipv6_martians(self):
        """RFC 4291 2.5, 2.7; RFC 7346 2; RFC 4861 7.1.1; RFC 3590."""
        for src, dst, expected in (
            ("::1", B6, "martian"), ("ff02::1", B6, "martian"), ("::", B6, "martian"), (A6, "::", "martian"),
            (A6, "::1", "martian"), (A6, A6, "martian"), ("::ffff:10.0.0.1", B6, "martian"),
            (A6, "::ffff:10.0.0.1", "martian"), (A6, "ff00::1", "martian"), (A6, "ff01::1", "martian"),
            (A6, "ff11::1", "martian"), (A6, "ff02::1", "go on"), (A6, "ff0f::1", "go on"),
            ("::2", B6, "go on"), ("::fffe:10.0.0.1", B6, "go on"), (L6, B6, "go on"),
        ):  # fmt: skip
            with self.subTest(f"{src} > {dst}"):
                self.assertEqual(of_ip(udp_packet(src, dst, 1, 2)), expected)

    def test_ipv6_from_nowhere(self):
        solicited = "ff02::1:ff00:1"
        mld = [(0, lambda following: options_header(following, MLD_ALERT))]
        self.table((
            ("DAD", icmp_packet("::", solicited, 135, data=bytes(16), hops=255), "neighbour-discovery"),
            ("solicitation to all", icmp_packet("::", "ff02::1", 135, data=bytes(16), hops=255), "martian"),
            ("router solicitation", icmp_packet("::", "ff02::2", 133, hops=255), "neighbour-discovery"),
            ("router advertisement", icmp_packet("::", "ff02::1", 134, data=bytes(8), hops=255), "martian"),
            ("neighbour advertisement", icmp_packet("::", "ff02::1", 136, data=bytes(16), hops=255), "martian"),
            ("echo", echo("::", B6, 1), "martian"),
            ("MLDv2 report", chain("::", "ff02::16", mld, 58, icmp("::", "ff02::16", 143), hops=1), "multicast-listener"),
            ("MLD query", chain("::", "ff02::1", mld, 58, icmp("::", "ff02::1", 130, data=bytes(16)), hops=1), "martian"),
            ("error", quoting(ip6("::", B6, 17, udp("::", B6, 1, 2)), (1, 0), to=A6, router="::"), "martian"),
        ))  # fmt: skip

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
            ("fragment's reserved bits", ((44, lambda following: fragment_header(following, 0, 6)),), "go on"),
            ("routing 0", ((43, lambda following: routing_header(following, 0, 0)),), "extension-headers"),
            ("segments left", ((43, lambda following: routing_header(following, 4, 1)),), "extension-headers"),
            ("segments done", ((43, lambda following: routing_header(following, 4, 0)),), "go on"),
            ("option to skip", (options(b"\x1e\2ab\0\0"),), "go on"),
            ("option to discard", (options(b"\x5e\2ab\0\0"),), "extension-headers"),
            ("option to report", (options(b"\x9e\2ab\0\0"),), "extension-headers"),
            ("jumbo", (options(b"\xc2\4\0\1\0\0", 0),), "extension-headers"),
            ("home address", (options(b"\xc9\x10" + bytes(16)),), "extension-headers"),
            ("option beyond its header", (options(b"\x1e\5abcd"),), "extension-headers"),
            ("option without a length", (options(b"\0\0\0\0\0\x1e"),), "extension-headers"),
            ("only Pad1", (options(bytes(6)),), "go on"),
            ("header beyond the datagram", (options(b"\1\4\0\0\0\0", units=9),), "truncated"),
            ("router alert without MLD", (options(MLD_ALERT, 0),), "extension-headers"),
            ("type 5 as a destination option", (options(MLD_ALERT),), "go on"),
            ("AH of 8 bytes", ((51, lambda following: build.auth_header(following, 0)),), "extension-headers"),
            ("AH of 20 bytes", ((51, lambda following: build.auth_header(following, 3)),), "extension-headers"),
        ):  # fmt: skip
            with self.subTest(what):
                self.assertEqual(self.walk(*headers), expected)

    def test_extension_headers_end(self):
        self.assertEqual(self.walk((60, options_header), proto=59, body=b""), "go on")
        self.assertEqual(of_ip(ip6(A6, B6, 60, bytes(7))), "truncated")
        self.assertEqual(of_ip(chain(A6, B6, [(51, build.auth_header)], 6, tcp(A6, B6, 1, 2, SYN))), "go on")

    def test_tcp_flags(self):
        """RFC 9293 3.1 and 3.10: all 64 sets; the sane ones counted by hand: 8, each with and without PSH."""
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

        self.table((
            ("19 bytes of TCP", tcp_of(5, 19), "truncated"),
            ("offset 4", tcp_of(4), "tcp-header"),
            ("offset 15", tcp_of(15), "go on"),
            ("offset beyond", tcp_of(15, 59), "tcp-header"),
            ("7 bytes of UDP", ip4(A, B, 17, bytes(7)), "truncated"),
            ("UDP length 7", udp_of(7), "udp-length"),
            ("UDP length 8", udp_of(8), "go on"),
            ("UDP length all", udp_of(13), "go on"),
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
        ))  # fmt: skip

    def test_dhcp(self):
        """RFC 2131 4.1, RFC 8415 7.2."""
        self.table((
            ("answer", udp_packet(A, B, 67, 68), "dhcp"),
            ("broadcast answer", udp_packet(A, "255.255.255.255", 67, 68), "dhcp"),
            ("question", udp_packet(A, B, 68, 67), "go on"),
            ("IPv6 answer", udp_packet(L6, "fe80::2", 547, 546), "dhcp"),
            ("IPv6 answer from afar", udp_packet(A6, "fe80::2", 547, 546), "dhcp"),
            ("IPv6 answer to no link-local", udp_packet(L6, B6, 547, 546), "go on"),
            ("IPv4's ports in IPv6", udp_packet(L6, "fe80::2", 67, 68), "go on"),
        ))  # fmt: skip

    def test_icmp_types(self):
        """Which types go on to a session, of 256; errors are judged by their quote."""
        def went_on(src, dst):
            return {kind for kind in range(256) if of_ip(icmp_packet(src, dst, kind)) == "go on"}

        refused = {4, 5, 6, 13, 14, 15, 16, 17, 18} | set(range(30, 40))
        self.assertEqual(went_on(A, B), set(range(256)) - refused - {3, 11, 12})
        refused = {0, 137, 138} | set(range(5, 128))
        self.assertEqual(went_on(A6, B6), set(range(256)) - refused - {1, 2, 3, 4, 130, 131, 132, 133, 134, 135, 136, 143})

    def test_igmp(self):
        """RFC 2236 2, RFC 3376 4."""
        self.table((
            ("TTL 1", ip4(A, "224.0.0.22", 2, bytes(8), ttl=1), "multicast-listener"),
            ("TTL 2", ip4(A, "224.0.0.22", 2, bytes(8), ttl=2), "off-link"),
            ("short", ip4(A, "224.0.0.22", 2, bytes(7), ttl=1), "truncated"),
        ))  # fmt: skip

    def mld(self, kind=143, src=L6, hops=1, options=MLD_ALERT, data=bytes(16)):
        headers = [(0, lambda following: options_header(following, options))] if options else []
        return of_ip(chain(src, "ff02::16", headers, 58, icmp(src, "ff02::16", kind, data=data), hops=hops))

    def test_mld(self):
        """RFC 2710 3, RFC 3810 5, RFC 2711 2.1."""
        for kind in (130, 131, 132, 143):
            self.assertEqual(self.mld(kind), "multicast-listener")
        self.assertEqual(self.mld(hops=2), "off-link")
        self.assertEqual(self.mld(src=A6), "off-link")
        self.assertEqual(self.mld(options=b""), "off-link")
        self.assertEqual(self.mld(options=b"\1\4\0\0\0\0"), "off-link")
        self.assertEqual(self.mld(options=b"\5\2\0\1\1\0"), "off-link")  # RSVP's alert
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
        inner = chain(A6, B6, [(60, options_header), (44, lambda f: fragment_header(f, 0, 1))], 17, udp(A6, B6, 5, 6))
        later = chain(A6, B6, [(44, lambda f: fragment_header(f, 1, 0))], 17, udp(A6, B6, 5, 6))
        to6 = {"to": A6, "router": C6}
        self.table((
            ("unreachable", quoting(about), "go on"),
            ("eight bytes of UDP", quoting(about[:28]), "go on"),
            ("seven", quoting(about[:27]), "icmp-quote"),
            ("quote with options", quoting(ip4(A, B, 17, udp(A, B, 5, 6), options=b"\1\1\1\0")), "go on"),
            ("options cut", quoting(ip4(A, B, 17, udp(A, B, 5, 6), options=b"\1\1\1\0")[:31]), "icmp-quote"),
            ("sent by another", quoting(about, to=B), "icmp-quote"),
            ("quote of IPv6", quoting(six), "icmp-quote"),
            ("no quote", quoting(b""), "icmp-quote"),
            ("first fragment", quoting(first), "go on"),
            ("later fragment", quoting(ip4(A, B, 17, udp(A, B, 5, 6), fragment=1)), "icmp-quote"),
            ("error about an error", quoting(quoting(about, to=B, router=A)), "icmp-quote"),
            ("error about a redirect", quoting(icmp_packet(A, B, 5)), "icmp-quote"),
            ("error about echo", quoting(echo(A, B, 1)), "go on"),
            ("MTU 68", quoting(about, (3, 4), b"\0\0\0\x44"), "go on"),
            ("MTU 67", quoting(about, (3, 4), b"\0\0\0\x43"), "icmp-mtu"),
            ("MTU of another code", quoting(about, (3, 3), b"\0\0\0\x43"), "go on"),
            ("IPv6", quoting(six, (1, 4), **to6), "go on"),
            ("IPv6 cut", quoting(six[:47], (1, 4), **to6), "icmp-quote"),
            ("IPv6 eight bytes", quoting(six[:48], (1, 4), **to6), "go on"),
            ("IPv6 sent by another", quoting(six, (1, 4), to=B6, router=C6), "icmp-quote"),
            ("IPv6 with headers", quoting(inner, (1, 4), **to6), "go on"),
            ("IPv6 later fragment", quoting(later, (1, 4), **to6), "icmp-quote"),
            ("IPv6 error about an error", quoting(quoting(six, (1, 0), to=B6, router=A6), (1, 4), **to6), "icmp-quote"),
            ("IPv6 MTU 1280", quoting(six, (2, 0), struct.pack("!I", 1280), **to6), "go on"),
            ("IPv6 MTU 1279", quoting(six, (2, 0), struct.pack("!I", 1279), **to6), "icmp-mtu"),
        ))  # fmt: skip

    def test_quoted_flow(self):
        for about in (udp_packet(A, B, 5, 6), tcp_packet(A, B, 7, 8, ACK), echo(A, B, 9), ip4(A, B, 47, bytes(8)),
                      icmp_packet(A, B, 9, 3)):  # fmt: skip
            self.assertEqual(packet.parse(ethernet(quoting(about))).quote, packet.parse(ethernet(about)).key())

    def test_key(self):
        """Both directions of a flow, and nothing else, have one key."""
        def key(data):
            return packet.parse(ethernet(data)).key()

        self.assertEqual(key(udp_packet(A, B, 5, 6)), key(udp_packet(B, A, 6, 5)))
        self.assertEqual(key(echo(A, B, 5)), key(echo(B, A, 5, reply=True)))
        self.assertEqual(key(icmp_packet(A, B, 9, 1)), key(icmp_packet(B, A, 9, 1)))
        flows = (udp_packet(A, B, 5, 6), udp_packet(A, B, 6, 5), tcp_packet(A, B, 5, 6, SYN), echo(A, B, 5),
                 echo(A, B, 6), icmp_packet(A, B, 9, 1), icmp_packet(A, B, 9, 2), icmp_packet(A, B, 10, 1),
                 udp_packet(A, C, 5, 6), udp_packet("::a00:1", "::a00:2", 5, 6))  # fmt: skip
        self.assertEqual(len(set(map(key, flows))), len(flows))

    def test_dscp(self):
        self.assertEqual(packet.parse(ethernet(ip4(A, B, 47, tos=0xB9))).dscp, 46)
        self.assertEqual(packet.parse(ethernet(ip6(A6, B6, 59, dscp=46))).dscp, 46)


class Checksum(unittest.TestCase):
    def test_rfc_1071(self):
        """RFC 1071 3: the sum of 0001 f203 f4f5 f6f7 is ddf2."""
        self.assertEqual(packet.ones_sum(bytes.fromhex("0001f203f4f5f6f7")), 0xDDF2)
        self.assertEqual(packet.ones_sum(b"\xff\xff"), 0xFFFF)
        self.assertEqual(packet.ones_sum(b"\0\0"), 0)
        self.assertEqual(packet.ones_sum(b"\1"), 0x0100)

    def test_known_header(self):
        """The header 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7, summed by hand: ffff."""
        header = bytes.fromhex("450000730000400040 11b861c0a80001c0a800c7")
        self.assertEqual(packet.ones_sum(header), 0xFFFF)
        self.assertEqual(build.checksum(header[:10] + b"\0\0" + header[12:]), 0xB861)

    def good(self, data, **more):
        return packet.good_checksum(packet.parse(ethernet(data), **more))

    def test_transport(self):
        for src, dst in ((A, B), (A6, B6)):
            for data in (b"", b"odd", b"even"):
                self.assertTrue(self.good(tcp_packet(src, dst, 1, 2, SYN, data)))
                self.assertFalse(self.good(build.ip(src, dst, 6, tcp(src, dst, 1, 2, SYN, data, check=1))))
                self.assertTrue(self.good(udp_packet(src, dst, 1, 2, data)))
                self.assertFalse(self.good(build.ip(src, dst, 17, udp(src, dst, 1, 2, data, check=1))))
                self.assertTrue(self.good(icmp_packet(src, dst, 200, data=data)))
                self.assertFalse(self.good(build.ip(src, dst, 58 if ":" in src else 1, icmp(src, dst, 200, check=1))))
            self.assertEqual(self.good(build.ip(src, dst, 17, udp(src, dst, 1, 2, check=0))), src == A)

    def test_udp_behind_its_length(self):
        right = udp(A, B, 1, 2, b"data")
        self.assertTrue(self.good(ip4(A, B, 17, right + b"behind")))

    def test_udplite(self):
        """RFC 3828 3.1."""
        for coverage in (None, 8, 10, 12):
            body = udp(A, B, 1, 2, b"data", coverage, proto=136)
            self.assertTrue(self.good(ip4(A, B, 136, body)))
            self.assertEqual(self.good(ip4(A, B, 136, body[:-1] + b"?")), coverage in (8, 10))
            self.assertFalse(self.good(ip4(A, B, 136, udp(A, B, 1, 2, b"data", coverage, 0, proto=136))))

    def test_partial(self):
        """What is left to the hardware: 10.0.0.1 + 10.0.0.2 + 17 + 9 = 0a00+1+0a00+2+11+9 = 141d."""
        self.assertTrue(self.good(ip4(A, B, 17, udp(A, B, 1, 2, b"x", check=0x141D))))
        self.assertFalse(self.good(ip4(A, B, 17, udp(A, B, 1, 2, b"x", check=0x141E))))
        self.assertTrue(self.good(ip4(A, B, 6, tcp(A, B, 1, 2, SYN, check=0x141D))))  # + 6 + 20: the same
        self.assertFalse(self.good(ip4(A, B, 6, tcp(A, B, 1, 2, SYN, check=0x141E))))

    def test_cut_packets_are_right(self):
        self.assertTrue(self.good(ip4(A, B, 6, tcp(A, B, 1, 2, SYN, check=1)), cut=True))

    def test_unchecked(self):
        self.assertTrue(self.good(ip4(A, B, 132, bytes(12))))


# --- policy ------------------------------------------------------------------------


class Language(Folder):
    def rule(self, body, data, head="", direction="ingress", iface=None, vlan=()):
        """Whether a rule with `body` takes the packet."""
        policy = self.policy(f"{head}\ndefaults: {{ingress: deny, egress: deny}}\nrules: [{{id: r, {body} action: allow}}]")
        parsed = packet.parse(ethernet(data, vlan))
        self.assertIsNone(parsed.verdict, parsed.reason)
        return policy.decide(parsed, direction, iface) == ("allow", "r")

    def yes(self, body, *data, **more):
        for one in data:
            self.assertTrue(self.rule(body, one, **more), body)

    def no(self, body, *data, **more):
        for one in data:
            self.assertFalse(self.rule(body, one, **more), body)

    def test_first_match_wins(self):
        policy = self.policy("rules: [{id: a, service: tcp/80, action: allow}, {id: b, service: tcp, action: deny},"
                             "{id: c, action: allow}]")  # fmt: skip
        for port, expected in ((80, ("allow", "a")), (81, ("deny", "b"))):
            self.assertEqual(policy.decide(packet.parse(ethernet(tcp_packet(A, B, 1, port, SYN))), "ingress"), expected)
        self.assertEqual(policy.decide(packet.parse(ethernet(udp_packet(A, B, 1, 80))), "ingress"), ("allow", "c"))

    def test_defaults(self):
        parsed = packet.parse(ethernet(udp_packet(A, B, 1, 2)))
        policy = self.policy("name: x")
        self.assertEqual([policy.decide(parsed, way) for way in ("ingress", "egress", "forward")],
                         [("deny", "default"), ("allow", "default"), ("deny", "default")])  # fmt: skip
        self.assertEqual(policy.pickup, 5 * S)
        self.assertEqual(policy.timeouts["tcp-established"], 7200 * S)
        policy = self.policy("defaults: {forward: allow, pickup: loose, timeouts: {udp: 1500ms}}")
        self.assertEqual(policy.decide(parsed, "forward"), ("allow", "default"))
        self.assertEqual((policy.pickup, policy.timeouts["udp"], policy.timeouts["icmp"]), ("loose", 1500 * MS, 10 * S))

    def test_names_without_id(self):
        policy = self.policy("rules: [{action: allow}, {id: x, action: deny}, {action: deny}]")
        self.assertEqual([rule.id for rule in policy.rules], ["rule-1", "x", "rule-3"])

    def test_addresses(self):
        one, six = udp_packet(A, C, 1, 2), udp_packet(A6, B6, 1, 2)
        self.yes("from: 10.0.0.1,", one)
        self.no("from: 10.0.0.2,", one)
        self.no("to: 10.0.0.1,", one)
        self.yes("to: 192.0.2.0/29,", one)
        self.no("to: 192.0.2.0/30,", one)
        self.yes("from: 10.0.0.0-10.0.0.1,", one)
        self.no("from: 10.0.0.2-10.0.0.9,", one)
        self.yes("from: '2001:db8::/32', to: '2001:db8::2',", six)
        self.no("from: 0.0.0.0/0,", six)
        self.no("from: '::/0',", one)
        self.yes("from: any,", one, six)
        self.yes("from: [10.9.9.9, '2001:db8::1', 10.0.0.1],", one, six)

    def test_not(self):
        one, two, six = udp_packet(A, C, 1, 2), udp_packet(B, C, 1, 2), udp_packet(A6, B6, 1, 2)
        self.no("from: [not: 10.0.0.1],", one)
        self.yes("from: [not: 10.0.0.1],", two, six)
        self.no("from: [10.0.0.0/24, not: 10.0.0.1],", one, six)
        self.yes("from: [10.0.0.0/24, not: 10.0.0.1],", two)
        self.yes("from: [not: 10.0.0.1, 10.0.0.0/24],", two)
        self.no("from: [not: 10.0.0.1, not: 10.0.0.2],", one, two)

    def test_groups(self):
        head = ("groups: {a: [10.0.0.1, b], b: ['2001:db8::1'], c: {include: [a, 10.0.0.2], except: [b, 10.0.0.1]},"
                " d: {file: list.txt, except: [10.0.0.2]}}")  # fmt: skip
        self.file("list.txt", "# bad ones\n10.0.0.0/30  # four\n\n2001:db8::1\n")
        one, two, six = udp_packet(A, C, 1, 2), udp_packet(B, C, 1, 2), udp_packet(A6, B6, 1, 2)
        self.yes("from: a,", one, six, head=head)
        self.no("from: a,", two, head=head)
        self.yes("from: c,", two, head=head)
        self.no("from: c,", one, six, head=head)
        self.yes("from: d,", one, six, head=head)
        self.no("from: d,", two, head=head)
        self.yes("from: [a, not: b],", one, head=head)
        self.no("from: [a, not: b],", six, head=head)

    def test_services(self):
        web, dns = tcp_packet(A, B, 9, 80, SYN), udp_packet(A, B, 9, 53)
        six = tcp_packet(A6, B6, 9, 80, SYN)
        ping, ping6 = echo(A, B, 1), echo(A6, B6, 1)
        self.yes("service: tcp/80,", web, six)
        self.no("service: tcp/80,", dns, tcp_packet(A, B, 80, 9, SYN), udp_packet(A, B, 9, 80))
        self.yes("service: tcp/79-80,", web)
        self.yes("service: tcp,", web)
        self.yes("service: [udp/53, tcp/80],", web, dns)
        self.yes("service: any,", web, dns, ping, ping6, ip4(A, B, 47))
        self.yes("service: proto/47,", ip4(A, B, 47), ip6(A6, B6, 47))
        self.yes("service: proto/0x2f,", ip4(A, B, 47))
        self.yes("service: proto/6,", web)
        self.yes("service: x,", web, head="services: {x: [y], y: [tcp/80]}")
        self.yes("service: [sctp/5, udplite/6, dccp/7],", ip4(A, B, 132, b"\0\1\0\5" + bytes(8)),
                 ip4(A, B, 136, udp(A, B, 1, 6, proto=136)), ip4(A, B, 33, b"\0\1\0\7" + bytes(8)))  # fmt: skip

    def test_icmp_services(self):
        ping, ping6, advert = echo(A, B, 1), echo(A6, B6, 1), icmp_packet(A, B, 9, 16)
        self.yes("service: icmp/echo-request,", ping)
        self.no("service: icmp/echo-request,", ping6, advert)
        self.yes("service: icmpv6/128,", ping6)
        self.no("service: icmpv6/128,", ping)
        self.yes("service: icmp,", ping, advert)
        self.no("service: icmp,", ping6)
        self.yes("service: icmp/router-advertisement,", advert)
        self.yes("service: icmp/9/16,", advert)
        self.no("service: icmp/9/0,", advert)
        self.yes("service: icmp/8/0,", ping)

    def test_source_port(self):
        self.yes("source-port: 1024-65535,", tcp_packet(A, B, 1024, 80, SYN), udp_packet(A, B, 65535, 1))
        self.no("source-port: 1024-65535,", tcp_packet(A, B, 1023, 80, SYN), echo(A, B, 2000), ip4(A, B, 47))
        self.yes("source-port: [53, 99], service: udp/53,", udp_packet(A, B, 99, 53))
        self.no("source-port: [53, 99], service: udp/53,", udp_packet(A, B, 98, 53))

    def test_flags_and_dscp(self):
        syn = tcp_packet(A, B, 1, 2, SYN)
        self.yes("tcp-flags: syn/syn+ack,", syn, tcp_packet(A, B, 1, 2, SYN | PSH))
        self.no("tcp-flags: syn/syn+ack,", tcp_packet(A, B, 1, 2, SYN | ACK), udp_packet(A, B, 1, 2))
        self.no("tcp-flags: syn+ece/syn+ece,", syn)
        self.yes("dscp: ef,", ip4(A, B, 47, tos=46 << 2 | 1))
        self.yes("dscp: [af11, 46],", ip4(A, B, 47, tos=10 << 2), ip6(A6, B6, 47, dscp=46))
        self.no("dscp: [af11, 46],", ip4(A, B, 47))
        self.yes("dscp: cs0,", ip4(A, B, 47))

    def test_where(self):
        one = udp_packet(A, B, 1, 2)
        self.yes("direction: ingress,", one)
        self.no("direction: egress,", one)
        self.yes("direction: egress,", one, direction="egress")
        self.yes("direction: any,", one, direction="egress")
        self.no("iface: eth0,", one)
        self.yes("iface: eth0,", one, iface="eth0")
        self.yes("vlan: 5,", one, vlan=(5,))
        self.no("vlan: 5,", one)
        self.no("vlan: 5,", one, vlan=(5, 6))
        self.yes("vlan: 5/6,", one, vlan=(5, 6))
        self.no("vlan: 5/6,", one, vlan=(6, 5))
        self.no("stage: shadow,", one)
        self.yes("stage: enforce,", one)

    def test_include(self):
        self.file("base.yaml", "version: 1\ndefaults: {ingress: allow, forward: allow}\ngroups: {g: [10.0.0.1]}\n"
                               "rules: [{id: base, from: g, action: deny}]")  # fmt: skip
        policy = self.policy("include: [base.yaml]\ndefaults: {forward: deny}\nrules: [{id: own, to: g, action: allow}]")
        self.assertEqual([rule.id for rule in policy.rules], ["base", "own"])
        self.assertEqual(policy.verdicts, {"ingress": "allow", "egress": "allow", "forward": "deny"})

    def test_refused(self):
        for text in ("rule: []", "defaults: {ingres: deny}", "rules: [{action: drop}]", "rules: [{from: x, action: deny}]",
                     "rules: [{service: tcp/99999, action: deny}]", "rules: [{service: tcp/9-1, action: deny}]",
                     "rules: [{service: icmp/nope, action: deny}]", "rules: [{vlan: 4095, action: deny}]",
                     "rules: [{vlan: 1/2/3, action: deny}]", "rules: [{vlan: 0, action: deny}]",
                     "rules: [{from: [], action: deny}]", "rules: [{from: [not: any], action: deny}]",
                     "rules: [{from: 10.0.0.5/24, action: deny}]", "rules: [{to: '::ffff:10.0.0.1', action: deny}]",
                     "rules: [{service: icmp, source-port: 5, action: deny}]", "groups: {a: [b], b: [a]}",
                     "rules: [{id: a, id: b, action: deny}]", "rules: [{id: a, action: deny}, {id: a, action: deny}]",
                     "services: {a: [a]}", "rules: [{dscp: 64, action: deny}]", "rules: [{tcp-flags: syn, action: deny}]",
                     "defaults: {pickup: 5}", "defaults: {timeouts: {udp: 30}}", "include: [policy.yaml]",
                     "include: [none.yaml]"):  # fmt: skip
            with self.assertRaises(PolicyError, msg=text):
                self.policy(text)


# --- sessions ----------------------------------------------------------------------


class Replay(Folder):
    """Sequences: what the judge says to each packet."""

    ALLOW = "defaults: {ingress: allow}"

    def start(self, text=ALLOW, local=(), oracle=None):
        self.clock = 1000 * S
        self.judge = Judge(self.policy(text), local, oracle=oracle)

    def after(self, seconds):
        self.clock += round(seconds * S)

    def send(self, data, vlan=(), cut=False):
        return self.judge.judge(capture.Record(self.clock, ethernet(data, vlan), cut))

    def reason(self, data, **more):
        return self.send(data, **more).reason

    def whole(self, data, **more):
        found = self.send(data, **more)
        return found.verdict, found.rule, found.path, found.reason, found.session and found.session.state

    def syn(self, flags=SYN, back=False, data=b""):
        return tcp_packet(B, A, 80, 9, flags, data) if back else tcp_packet(A, B, 9, 80, flags, data)

    def states(self, *flags):
        """The state after each: (flags, by the originator)."""
        return [self.send(self.syn(one, not first)).session.state for one, first in flags]

    def test_the_first_and_the_rest(self):
        self.start("rules: [{id: web, service: tcp/80, action: allow}]")
        self.assertEqual(self.whole(self.syn()), ("allow", "web", "slow", "rule-allow", "opening"))
        self.assertEqual(self.whole(self.syn(SYN | ACK, True)), ("allow", "web", "session", "session-allow", "opening"))
        self.assertEqual(self.whole(self.syn(ACK)), ("allow", "web", "session", "session-allow", "established"))
        one = udp_packet(A, B, 5, 6)
        self.assertEqual(self.whole(one), ("deny", "default", "slow", "rule-deny", "opening"))
        self.assertEqual(self.whole(one), ("deny", "default", "session", "session-deny", "opening"))
        self.assertEqual(self.whole(udp_packet(B, A, 6, 5))[3], "session-deny")
        self.assertEqual(self.whole(one)[4], "opening")  # what is denied moves nowhere
        self.assertEqual(self.whole(ethernet(b"")[:13])[:4], ("deny", "-", "guard", "truncated"))

    def test_handshake_and_close(self):
        self.start()
        self.assertEqual(
            self.states((SYN, 1), (SYN, 1), (SYN | ACK, 0), (SYN | ACK, 0), (ACK, 1), (ACK, 0), (FIN | ACK, 0), (ACK, 1),
                        (FIN | ACK, 0), (FIN | ACK, 1), (ACK, 0)),
            ["opening"] * 4 + ["established"] * 2 + ["closing"] * 3 + ["time-wait"] * 2,
        )  # fmt: skip

    def test_no_answer_no_assurance(self):
        self.start()
        self.assertEqual(self.states((SYN, 1), (ACK, 1), (ACK, 1), (ACK, 0), (ACK, 0), (ACK, 1)),
                         ["opening"] * 5 + ["established"])  # fmt: skip

    def test_simultaneous_open(self):
        """RFC 9293 3.5, figure 7."""
        self.start()
        self.assertEqual(self.states((SYN, 1), (SYN, 0), (SYN | ACK, 1), (SYN | ACK, 0), (ACK, 1)),
                         ["opening"] * 4 + ["established"])  # fmt: skip

    def test_reset(self):
        self.start()
        self.assertEqual(self.states((SYN, 1), (RST | ACK, 0), (ACK, 1), (FIN | ACK, 1), (SYN, 0), (SYN, 1), (ACK, 1),
                                     (SYN | ACK, 0), (ACK, 1), (RST, 1)),
                         ["opening"] + ["closed"] * 4 + ["opening"] * 3 + ["established", "closed"])  # fmt: skip

    def test_opened_again(self):
        self.start()
        close = ((SYN, 1), (SYN | ACK, 0), (ACK, 1), (FIN | ACK, 1), (FIN | ACK, 0))
        self.assertEqual(self.states(*close)[-1], "time-wait")
        self.assertEqual(self.states((SYN, 0), (SYN, 1)), ["time-wait", "opening"])
        self.assertEqual(self.states(*close[1:])[1:], ["established", "closing", "time-wait"])

    def test_fin_at_once(self):
        self.start()
        self.assertEqual(self.states((SYN, 1), (FIN | ACK, 1), (FIN | ACK, 1), (SYN, 1)),
                         ["opening", "closing", "closing", "opening"])  # fmt: skip

    def test_midflow(self):
        self.start("defaults: {ingress: allow, pickup: 0}")
        for flags in (SYN | ACK, ACK, FIN | ACK, RST, RST | ACK):
            self.assertEqual(self.whole(self.syn(flags)), ("deny", "-", "guard", "tcp-midflow", None))
        self.assertEqual(self.reason(self.syn(SYN | PSH)), "rule-allow")

    def test_pickup(self):
        text = "defaults: {pickup: 5s}\nrules: [{id: web, service: tcp/80, action: allow}]"
        self.start(text)
        self.send(udp_packet(A, B, 1, 1))
        self.after(4.9)
        self.assertEqual(self.reason(self.syn(ACK, True)), "tcp-midflow")  # to port 9: not allowed
        self.assertEqual(self.whole(self.syn(ACK)), ("allow", "web", "slow", "rule-allow", "opening"))
        self.assertEqual(self.states((ACK, 0), (ACK, 1)), ["opening", "established"])
        self.after(0.2)
        self.assertEqual(self.reason(tcp_packet(A, B, 10, 80, ACK)), "tcp-midflow")
        self.start(text.replace("5s", "loose"))
        self.after(9999)
        self.assertEqual(self.reason(self.syn(RST)), "rule-allow")
        self.assertEqual(self.send(self.syn(ACK)).session.state, "closed")

    def test_echo(self):
        self.start("rules: [{id: ping, service: [icmp/echo-request, icmpv6/echo-request], action: allow}]")
        for one, two in ((A, B), (A6, B6)):
            self.assertEqual(self.whole(echo(one, two, 1, reply=True)), ("deny", "-", "slow", "icmp-unasked", None))
            self.assertEqual(self.whole(echo(one, two, 1))[:4], ("allow", "ping", "slow", "rule-allow"))
            self.assertEqual(self.whole(echo(two, one, 1, reply=True))[3:], ("session-allow", "opening"))
            self.assertEqual(self.whole(echo(one, two, 1))[3:], ("session-allow", "established"))
            self.assertEqual(self.reason(echo(two, one, 2, reply=True)), "icmp-unasked")

    def test_bad_checksum_makes_no_session(self):
        self.start()
        bad = ip4(A, B, 17, udp(A, B, 1, 2, check=5))
        self.assertEqual(self.whole(bad), ("deny", "-", "slow", "bad-l4-checksum", None))
        self.assertEqual(self.reason(udp_packet(A, B, 1, 2)), "rule-allow")
        self.assertEqual(self.reason(bad), "session-allow")
        self.start()
        self.assertEqual(self.reason(bad, cut=True), "rule-allow")

    def test_errors(self):
        self.start("rules: [{id: dns, service: udp/53, action: allow}]")
        dns, other = udp_packet(A, B, 9, 53), udp_packet(A, B, 9, 54)
        self.assertEqual(self.whole(quoting(dns))[:4], ("deny", "-", "session", "icmp-unrelated"))
        self.send(dns)
        self.send(other)
        self.assertEqual(self.whole(quoting(dns))[:4], ("allow", "dns", "session", "icmp-related"))
        self.assertEqual(self.whole(quoting(udp_packet(B, A, 53, 9), to=B))[3], "icmp-related")
        self.assertEqual(self.whole(quoting(other))[:4], ("deny", "-", "session", "icmp-unrelated"))

    def test_an_error_keeps_nothing_alive(self):
        self.start()
        dns = udp_packet(A, B, 9, 53)
        self.send(dns)
        self.after(20)
        self.assertEqual(self.reason(quoting(dns)), "icmp-related")
        self.after(11)
        self.assertEqual(self.reason(dns), "rule-allow")

    def idle(self, *packets):
        """The seconds after which the flow of `packets` is forgotten, to a hundredth."""
        low, high = 0.0, 20000.0
        while high - low > 0.01:
            self.start()
            for one in packets:
                self.send(one)
            self.after((low + high) / 2)
            known = self.send(packets[0]).path == "session"
            low, high = ((low + high) / 2, high) if known else (low, (low + high) / 2)
        return round(low)

    def test_timeouts(self):
        """The contract's defaults."""
        open_ = [self.syn(), self.syn(SYN | ACK, True), self.syn(ACK)]
        fin, nif = self.syn(FIN | ACK), self.syn(FIN | ACK, True)
        ask, answered = udp_packet(A, B, 5, 6), udp_packet(B, A, 6, 5)
        for packets, seconds in ((open_[:1], 30), (open_[:2], 30), (open_, 7200), (open_ + [fin], 30),
                                 (open_ + [fin, nif], 30), (open_ + [self.syn(RST)], 30), ([ask], 30),
                                 ([ask, answered], 30), ([ask, answered, ask], 120), ([echo(A, B, 1)], 10),
                                 ([ip4(A, B, 47)], 60), ([ip4(A, B, 132, bytes(12))], 60)):  # fmt: skip
            self.assertEqual(self.idle(*packets), seconds)

    def test_each_timeout_has_its_name(self):
        names = ["tcp-syn", "tcp-established", "tcp-fin", "tcp-time-wait", "udp", "udp-stream", "icmp", "other"]
        self.ALLOW = "defaults: {ingress: allow, timeouts: {%s}}" % ", ".join(
            f"{name}: {number}m" for number, name in enumerate(names, 1)
        )
        self.start = lambda: Replay.start(self, self.ALLOW)
        open_ = [self.syn(), self.syn(SYN | ACK, True), self.syn(ACK)]
        ask, answered = udp_packet(A, B, 5, 6), udp_packet(B, A, 6, 5)
        for number, packets in enumerate((open_[:1], open_, open_ + [self.syn(FIN | ACK)], open_ + [self.syn(RST)],
                                          [ask], [ask, answered, ask], [echo(A6, B6, 1)], [ip4(A, B, 47)]), 1):  # fmt: skip
            self.assertEqual(self.idle(*packets), number * 60)

    def test_any_packet_of_the_flow_keeps_it(self):
        self.start()
        self.send(udp_packet(A, B, 5, 6))
        for _ in range(3):
            self.after(29)
            self.assertEqual(self.reason(udp_packet(B, A, 6, 5)), "session-allow")

    def test_time_never_goes_back(self):
        self.start()
        self.send(udp_packet(A, B, 5, 6))
        self.after(100)
        self.send(ip4(A, B, 47))
        self.after(-100)
        self.assertEqual(self.reason(udp_packet(A, B, 5, 6)), "rule-allow")

    def test_oracle(self):
        asked = []

        def says(question):
            asked.append(question)
            return True

        self.start("defaults: {ingress: allow}", oracle=says)
        self.send(udp_packet(A, B, 5, 6))
        self.after(29.6)
        self.assertEqual(self.reason(udp_packet(A, B, 5, 6)), "session-allow")
        self.after(29.8)
        self.assertEqual(self.reason(udp_packet(A, B, 5, 6)), "rule-allow")
        self.assertEqual(asked, ["expired"])
        self.start("defaults: {ingress: allow}", oracle=says)
        self.send(udp_packet(A, B, 5, 6))
        self.after(4.9)
        self.assertEqual(self.reason(self.syn(ACK)), "tcp-midflow")
        self.assertEqual(asked, ["expired", "pickup"])

    def test_zones(self):
        self.start("defaults: {ingress: deny}\nrules: [{id: v, vlan: 5, service: udp, action: allow},"
                   "{id: all, service: tcp, action: allow}]")  # fmt: skip
        one = udp_packet(A, B, 5, 6)
        self.assertEqual(self.reason(one), "rule-deny")
        self.assertEqual(self.reason(one, vlan=(5,)), "rule-allow")
        self.assertEqual(self.reason(one, vlan=(0, 5)), "session-allow")
        self.assertEqual(self.reason(one, vlan=(0,)), "session-deny")
        for stack in ((6,), (5, 6), (4095,)):
            self.assertEqual(self.reason(one, vlan=stack), "vlan-unknown")
            self.assertEqual(self.reason(udp_packet(A, B, 67, 68), vlan=stack), "vlan-unknown")
            self.assertEqual(self.reason(quoting(one), vlan=stack), "vlan-unknown")
            self.assertEqual(self.reason(ip4(A, B, 17, bytes(8), ttl=0), vlan=stack), "ttl-zero")
        self.assertEqual(self.reason(self.syn(), vlan=(5,)), "rule-allow")
        self.assertEqual(self.reason(self.syn()), "rule-allow")
        self.assertEqual(self.reason(quoting(one), vlan=(5,)), "icmp-related")
        self.assertEqual(self.reason(quoting(one)), "icmp-unrelated")

    def test_directions(self):
        self.start("rules: [{id: in, direction: ingress, action: allow}, {id: out, direction: egress, action: allow},"
                   "{id: through, direction: forward, action: allow}]", ["10.0.0.0/24", "2001:db8::/64"])  # fmt: skip
        for src, dst, rule in ((A, B, "in"), (C, A, "in"), (A, C, "out"), (C, "192.0.2.8", "through"),
                               (C, "224.0.0.251", "in"), (C, "255.255.255.255", "in"), (A, "224.0.0.251", "out"),
                               (A6, C6, "out"), (C6, A6, "in"), (C6, "2001:db8:f::8", "through"), (C6, "ff02::1", "in")):  # fmt: skip
            with self.subTest(f"{src} > {dst}"):
                self.assertEqual(self.send(udp_packet(src, dst, 1, 2)).rule, rule)
        self.assertEqual(self.whole(udp_packet("192.0.2.8", C, 2, 1))[1:4], ("through", "session", "session-allow"))

    def test_answer_as_object(self):
        self.start()
        self.assertEqual(as_object(3, self.send(tcp_packet(A6, B6, 9, 80, SYN))), {
            "n": 3, "verdict": "allow", "rule": "default", "path": "slow", "reason": "rule-allow", "proto": "tcp",
            "src": A6, "sport": 9, "dst": B6, "dport": 80, "state": "opening"})  # fmt: skip
        self.assertEqual(as_object(4, self.send(ip4(A, B, 47)))["proto"], "47")
        self.assertIsNone(as_object(5, self.send(b""))["proto"])


# --- tools -------------------------------------------------------------------------

FAKE = """#!{python}
import io, json, sys
sys.path.insert(0, {folder!r})
import model
out = io.StringIO()
arguments = [one for one in sys.argv[2:] if one not in ("--json", "--packets")]
model.replay(model.arguments(arguments), out)
items = [json.loads(line) for line in out.getvalue().splitlines()]
{tamper}
for item in items:
    print(json.dumps(item))
"""


class Compare(Folder):
    """A product that is the model, tampered with."""

    def run_with(self, tamper, *more):
        here = os.path.dirname(os.path.abspath(__file__))
        fake = self.file("fake", FAKE.format(python=sys.executable, folder=here, tamper=tamper))
        os.chmod(fake, stat.S_IRWXU)
        policy = self.file("policy.yaml", "version: 1\nrules: [{id: dns, service: udp/53, action: allow}]")
        path = os.path.join(self.folder, "x.pcap")
        frames = [udp_packet(A, B, 9, 53), udp_packet(B, A, 53, 9), echo(A, B, 1), ip4(A, B, 17, bytes(8), ttl=0)]
        capture.write(path, [(number * S, ethernet(one)) for number, one in enumerate(frames)])
        output, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
        try:
            return compare.main(["--xdpseg", fake, "--policy", policy, *more, path])
        finally:
            sys.stdout.close()
            sys.stdout = output

    def test_equal(self):
        self.assertEqual(self.run_with(""), 0)
        self.assertEqual(self.run_with("", "--local", "10.0.0.1"), 0)

    def test_guard_reason_may_differ(self):
        self.assertEqual(self.run_with("items[3]['reason'] = 'bad-checksum'; items[3]['src'] = None"), 0)

    def test_every_difference_is_found(self):
        for tamper in ("items[0]['verdict'] = 'deny'", "items[0]['rule'] = 'default'", "items[1]['path'] = 'slow'",
                       "items[1]['reason'] = 'session-deny'", "items[3]['verdict'] = 'allow'", "items[3]['rule'] = 'dns'",
                       "items[1]['state'] = 'established'", "items[1]['src'] = '10.0.0.9'", "items[1]['sport'] = 54",
                       "items[2]['proto'] = 'icmpv6'", "items[1]['n'] = 3", "del items[3]", "items.insert(0, items[0])",
                       "items[4]['summary']['packets'] = 5", "items[4]['summary']['verdicts']['allow'] = 3",
                       "del items[4]", "sys.exit(1)", "print('no JSON')"):  # fmt: skip
            with self.subTest(tamper):
                self.assertEqual(self.run_with(tamper), 1)


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Generate(Folder):
    def test_same_seed_same_files(self):
        def made(folder):
            os.mkdir(folder)
            for seed in (1, 2, 3):
                generate.generate(folder, seed, 60)
            return {name: content(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}

        self.assertEqual(made(os.path.join(self.folder, "a")), made(os.path.join(self.folder, "b")))

    def test_every_reason_comes(self):
        """A generator that no longer reaches a check would say nothing about it."""
        reasons = set()
        for seed in range(40):
            policy, path, local = generate.generate(self.folder, seed, 300)
            judge = Judge(Policy(policy), local.strip("-").split(",") if local != "-" else ())
            reasons |= {judge.judge(record).reason for record in capture.read(path)}
        self.assertEqual(reasons, {
            "arp", "bad-checksum", "bad-header", "bad-l4-checksum", "dhcp", "extension-headers", "fragment", "icmp-mtu",
            "icmp-quote", "icmp-related", "icmp-type", "icmp-unasked", "icmp-unrelated", "ip-options", "martian",
            "multicast-listener", "neighbour-discovery", "non-ip", "off-link", "rule-allow", "rule-deny",
            "session-allow", "session-deny", "tcp-header", "tcp-midflow", "truncated", "ttl-zero", "udp-length",
            "vlan-unknown"})  # fmt: skip

    def test_noise_crashes_nothing(self):
        rng = random.Random(1)
        for _ in range(3000):
            frame = bytearray(rng.randbytes(rng.randrange(120)))
            if len(frame) > 15 and rng.random() < 0.9:
                frame[12:14], frame[14] = rng.choice([(b"\x08\0", 0x45), (b"\x86\xdd", 0x60)])
            packet.parse(bytes(frame))


def main():
    """Runs all; the last line is what tests/suite counts."""
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
