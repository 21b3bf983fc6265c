# SPDX-License-Identifier: BSD-2-Clause
"""Captures, from bytes put together by hand."""
import os
import struct

import capture
from case import S, Folder


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


class CaptureTest(Folder):
    """draft-ietf-opsawg-pcap 4 and 5, draft-ietf-opsawg-pcapng 4."""

    def read(self, content):
        return [
            (one.time, one.frame, one.cut) for one in capture.read(self.file("x.pcap", content))
        ]

    def pcap(self, magic, order, link, packets, extra=b""):
        head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
        return head + b"".join(
            struct.pack(order + "IIII", 5, 7, len(data), wire) + extra + data
            for data, wire in packets
        )

    def test_pcap_in_every_order(self):
        for order in "<>":
            for magic, time, extra in (
                (0xA1B2C3D4, 7000, b""),
                (0xA1B23C4D, 7, b""),
                (0xA1B2CD34, 7000, bytes(8)),
            ):
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
            (101, v4, "0800", v4),
            (101, v6, "86dd", v6),
            (12, v6, "86dd", v6),
            (228, v6, "0800", v6),
            (229, v4, "86dd", v4),
            (0, b"\2\0\0\0" + v4, "0800", v4),
            (0, b"\0\0\0\x1e" + v6, "86dd", v6),
            (0, b"\7\0\0\0" + v4, "0000", v4),
            (0, b"\x0a\0\0\0" + v6, "86dd", v6),
            (0, b"\x1c\0\0\0" + v6, "86dd", v6),
            (14, v6, "86dd", v6),
            (0, b"\2\0\0\0", "0800", b""),
            (108, b"\0\0\0\2" + v4, "0800", v4),
            (108, b"\0\0\0\x18" + v6, "86dd", v6),
            (113, bytes(14) + b"\x86\xdd" + v6, "86dd", v6),
            (276, b"\x08\x06" + bytes(18) + v4, "0806", v4),
        ):
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
                block(kind, body, order)
                for kind, body in (
                    (1, iface),
                    (1, nano),
                    (6, enhanced),
                    (2, old),
                    (5, b""),
                    (3, simple),
                )
            )
            self.assertEqual(
                self.read(data),
                [
                    ((1 << 32) + 5 + 2 * S, b"abc", False),
                    (4000, b"abc\0", True),
                    (0, b"xyz", False),
                ],
            )

    def test_binary_resolution(self):
        iface = struct.pack("<HHIHHB3x", 1, 0, 0, 9, 1, 0x8A)
        data = section() + block(1, iface) + block(6, struct.pack("<IIIII", 0, 0, 512, 1, 1) + b"a")
        self.assertEqual(self.read(data)[0][0], S // 2)

    def test_broken_files(self):
        good = self.pcap(0xA1B2C3D4, "<", 1, [(b"abc", 3)])
        for content in (
            b"",
            b"junk",
            good[:-1],
            good[:30],
            good[:20],
            section() + block(1, b"\1\0"),
            section() + block(6, b""),
            section()[:-2],
            self.pcap(0xA1B2C3D4, "<", 9, []),
            section() + block(6, struct.pack("<IIIII", 0, 0, 0, 1, 1) + b"a"),
        ):
            with self.assertRaises(capture.CaptureError, msg=content):
                self.read(content)

    def test_written_is_read(self):
        path = os.path.join(self.folder, "w.pcap")
        capture.write(path, [(3 * S + 1, b"abcd"), (4 * S, b"x")], snap=3)
        found = [(one.time, one.frame, one.cut) for one in capture.read(path)]
        self.assertEqual(found, [(3 * S + 1, b"abc\0", True), (4 * S, b"x", False)])
