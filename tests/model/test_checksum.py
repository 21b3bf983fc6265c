# SPDX-License-Identifier: BSD-2-Clause
"""Checksums, against sums made by hand."""
import unittest

import build
import checksum
import packet
from build import SYN, ethernet, icmp, icmp_packet, ip4, tcp, tcp_packet, udp, udp_packet
from case import A, A6, B, B6


class Checksum(unittest.TestCase):
    def test_rfc_1071(self):
        """RFC 1071 3: the sum of 0001 f203 f4f5 f6f7 is ddf2."""
        self.assertEqual(checksum.ones_sum(bytes.fromhex("0001f203f4f5f6f7")), 0xDDF2)
        self.assertEqual(checksum.ones_sum(b"\xff\xff"), 0xFFFF)
        self.assertEqual(checksum.ones_sum(b"\0\0"), 0)
        self.assertEqual(checksum.ones_sum(b"\1"), 0x0100)

    def test_known_header(self):
        """The header 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7, summed by hand: ffff."""
        header = bytes.fromhex("450000730000400040 11b861c0a80001c0a800c7")
        self.assertEqual(checksum.ones_sum(header), 0xFFFF)
        self.assertEqual(build.checksum(header[:10] + b"\0\0" + header[12:]), 0xB861)

    def good(self, data, **more):
        return checksum.good_checksum(packet.parse(ethernet(data), **more))

    def test_transport(self):
        for src, dst in ((A, B), (A6, B6)):
            for data in (b"", b"odd", b"even"):
                self.assertTrue(self.good(tcp_packet(src, dst, 1, 2, SYN, data)))
                self.assertFalse(
                    self.good(build.ip(src, dst, 6, tcp(src, dst, 1, 2, SYN, data, check=1)))
                )
                self.assertTrue(self.good(udp_packet(src, dst, 1, 2, data)))
                self.assertFalse(
                    self.good(build.ip(src, dst, 17, udp(src, dst, 1, 2, data, check=1)))
                )
                self.assertTrue(self.good(icmp_packet(src, dst, 200, data=data)))
                self.assertFalse(
                    self.good(
                        build.ip(src, dst, 58 if ":" in src else 1, icmp(src, dst, 200, check=1))
                    )
                )
            for data in (b"", b"data"):
                self.assertTrue(self.good(build.ip(src, dst, 17, udp(src, dst, 1, 2, data, check=0))))
            self.assertTrue(self.good(udp_packet(src, dst, 1, 2, bytes(range(256)) * 2)))

    def test_udp_behind_its_length(self):
        right = udp(A, B, 1, 2, b"data")
        self.assertTrue(self.good(ip4(A, B, 17, right + b"behind")))

    def test_sctp(self):
        """RFC 3720 B.4: of 32 zeros it is 8a9136aa."""
        self.assertEqual(self.sctp(bytes(32))[8:12].hex(), "aa36918a")
        for data in (bytes(32), b"\0\1\0\2" + bytes(12)):
            right = self.sctp(data)
            self.assertTrue(self.good(ip4(A, B, 132, right)))
            self.assertTrue(self.good(ip4(A, B, 132, right[:8] + bytes(4) + right[12:])))
            self.assertFalse(self.good(ip4(A, B, 132, right[:-1] + b"\1")))

    @staticmethod
    def sctp(data):
        """RFC 9260 appendix A, a bit at a time."""
        crc = 0xFFFFFFFF
        data = data[:8] + bytes(4) + data[12:]
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        return data[:8] + (crc ^ 0xFFFFFFFF).to_bytes(4, "little") + data[12:]

    def test_udplite(self):
        """RFC 3828 3.1."""
        for coverage in (None, 8, 10, 12):
            body = udp(A, B, 1, 2, b"data", coverage, proto=136)
            self.assertTrue(self.good(ip4(A, B, 136, body)))
            self.assertEqual(self.good(ip4(A, B, 136, body[:-1] + b"?")), coverage in (8, 10))
            self.assertFalse(
                self.good(ip4(A, B, 136, udp(A, B, 1, 2, b"data", coverage, 0, proto=136)))
            )

    def test_udplite_long(self):
        body = udp(A, B, 1, 2, bytes(range(250)) * 2, 300, proto=136)
        self.assertTrue(self.good(ip4(A, B, 136, body)))
        self.assertTrue(self.good(ip4(A, B, 136, body[:300] + b"?" + body[301:])))
        self.assertFalse(self.good(ip4(A, B, 136, body[:299] + b"?" + body[300:])))

    def test_udplite_zero(self):
        """Even where zero is what the sum says, it is not allowed."""
        for data in (b"x", b"more"):
            zero = next(
                port
                for port in range(65536)
                if udp(A, B, port, 2, data, proto=136)[6:8] == b"\xff\xff"
            )
            self.assertTrue(self.good(ip4(A, B, 136, udp(A, B, zero, 2, data, proto=136))))
            self.assertFalse(
                self.good(ip4(A, B, 136, udp(A, B, zero, 2, data, check=0, proto=136)))
            )

    def test_partial(self):
        """What is left to the hardware: 10.0.0.1 + 10.0.0.2 + 17 + 9 = 0a00+1+0a00+2+11+9 = 141d."""
        self.assertTrue(self.good(ip4(A, B, 17, udp(A, B, 1, 2, b"x", check=0x141D))))
        self.assertFalse(self.good(ip4(A, B, 17, udp(A, B, 1, 2, b"x", check=0x141E))))
        self.assertTrue(
            self.good(ip4(A, B, 6, tcp(A, B, 1, 2, SYN, check=0x141D)))
        )  # + 6 + 20: the same
        self.assertFalse(self.good(ip4(A, B, 6, tcp(A, B, 1, 2, SYN, check=0x141E))))

    def test_cut_packets_are_right(self):
        self.assertTrue(self.good(ip4(A, B, 6, tcp(A, B, 1, 2, SYN, check=1)), cut=True))

    def test_unchecked(self):
        self.assertTrue(self.good(ip4(A, B, 132, bytes(12))))
