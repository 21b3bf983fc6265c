# SPDX-License-Identifier: BSD-2-Clause
"""Frames made by hand, right or wrong in one place."""
import ipaddress
import struct

ETHERTYPE = {4: 0x0800, 6: 0x86dd}


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pack(address):
    return ipaddress.ip_address(address).packed


def pseudo(src, dst, proto, length):
    """The pseudo header of either family."""
    if len(pack(src)) == 4:
        return pack(src) + pack(dst) + struct.pack("!BBH", 0, proto, length)
    return pack(src) + pack(dst) + struct.pack("!IHBB", length, 0, 0, proto)


def udp(src, dst, sport, dport, payload=b"x" * 16, bad=0):
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    total = checksum(pseudo(src, dst, 17, 8 + len(payload)) + head + payload) or 0xffff
    return head[:6] + struct.pack("!H", total ^ bad) + payload


def tcp(src, dst, sport, dport, flags, offset=5, bad=0):
    head = struct.pack("!HHIIBBHHH", sport, dport, 1000, 0, offset << 4, flags, 65535, 0, 0)
    total = checksum(pseudo(src, dst, 6, len(head)) + head)
    return head[:16] + struct.pack("!H", total ^ bad) + head[18:]


def udplite(src, dst, sport, dport, payload=b"x" * 16):
    """RFC 3828, all of it summed."""
    head = struct.pack("!HHHH", sport, dport, 0, 0)
    total = checksum(pseudo(src, dst, 136, 8 + len(payload)) + head + payload) or 0xffff
    return head[:6] + struct.pack("!H", total) + payload


def crc32c(data):
    """RFC 9260, appendix A."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def sctp(sport, dport):
    """A common header with an INIT chunk's."""
    head, chunk = struct.pack("!HHI", sport, dport, 0), struct.pack("!BBHIIHHI", 1, 0, 20, 1, 1500,
                                                                    1, 1, 1)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


def icmp6(src, dst, kind, code, rest):
    body = struct.pack("!BBH", kind, code, 0) + rest
    total = checksum(pseudo(src, dst, 58, len(body)) + body)
    return body[:2] + struct.pack("!H", total) + body[4:]


def icmp(kind, code, rest):
    body = struct.pack("!BBH", kind, code, 0) + rest
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def ipv4(src, dst, proto, body, *, ihl=None, length=None, ttl=64, fragment=0, options=b"", bad=0,
         tos=0, ident=7):
    ihl = 5 + len(options) // 4 if ihl is None else ihl
    length = 20 + len(options) + len(body) if length is None else length
    head = struct.pack("!BBHHHBBH4s4s", 4 << 4 | ihl, tos, length, ident, fragment, ttl, proto, 0,
                       pack(src), pack(dst)) + options
    return head[:10] + struct.pack("!H", checksum(head) ^ bad) + head[12:] + body


def ipv6(src, dst, proto, body, hops=64, tos=0):
    return struct.pack("!IHBB", 6 << 28 | tos << 20, len(body), proto, hops) + pack(src) + pack(dst) + body


def ethernet(src, dst, family, body, tags=()):
    """`tags`: VLAN ids, the outer first, in band."""
    head = dst + src
    for tag in tags:
        head += struct.pack("!HH", 0x8100, tag)
    return head + struct.pack("!H", ETHERTYPE[family]) + body


def pcap(frames):
    """A capture; a frame that is a pair is (what was kept, its length on the wire)."""
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    for frame in frames:
        kept, wire = frame if isinstance(frame, tuple) else (frame, len(frame))
        out += struct.pack("<IIII", 0, 0, len(kept), wire) + kept
    return out
