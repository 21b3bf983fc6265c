# SPDX-License-Identifier: BSD-2-Clause
"""Captures in and out: pcap and pcapng, any byte order, as Ethernet frames.

A link type without an Ethernet header gets one, so that the parser knows one
beginning only. Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng and the
link types of www.tcpdump.org/linktypes.html.
"""
import struct

# Beyond what an IP datagram fills with its link headers, padding tells nothing.
LONGEST = 65535 + 40 + 22

ETHERNET, NULL, LOOP, SLL, SLL2 = 1, 0, 108, 113, 276
RAW = {12: None, 14: None, 101: None, 228: 0x0800, 229: 0x86DD}
IPV6_FAMILIES = (10, 24, 28, 30)  # AF_INET6 of Linux, NetBSD, FreeBSD, Darwin
NSEC = 10**9


class CaptureError(Exception):
    """The file is no capture, breaks off, or has a link type that carries no IP we know."""


class Record:
    """One packet: time in ns, the Ethernet frame padded to its wire length, and whether
    the capture had cut it."""

    __slots__ = ("time", "frame", "cut")

    def __init__(self, time, frame, cut):
        self.time, self.frame, self.cut = time, frame, cut


def ethernet(ethertype):
    """The header that a frame without one is given."""
    return bytes(12) + struct.pack("!H", ethertype)


def with_ethernet(link, data, order):
    """`data` of link type `link` as an Ethernet frame. `order`: the file's, '<' or '>'."""
    if link == ETHERNET:
        return data
    if link in RAW:
        fixed = RAW[link]
        return ethernet(fixed or (0x86DD if data[:1] and data[0] >> 4 == 6 else 0x0800)) + data
    if link in (NULL, LOOP):
        return from_null(data, order if link == NULL else ">")
    return from_cooked(link, data)


def from_null(data, order):
    if len(data) < 4:
        return data
    family = struct.unpack(order + "I", data[:4])[0]
    if family > 0xFFFF:  # written by a machine of the other byte order
        family = struct.unpack("<I", struct.pack(">I", family))[0]
    return ethernet(0x0800 if family == 2 else 0x86DD if family in IPV6_FAMILIES else 0) + data[4:]


def from_cooked(link, data):
    length, at = (16, 14) if link == SLL else (20, 0)
    if len(data) < length:
        return data[:13]
    return bytes(12) + data[at : at + 2] + data[length:]


def record(link, time, data, wire, order):
    """A Record of what the file holds; what the snap length cut off is zeros."""
    frame = with_ethernet(link, data, order)
    missing = min(wire - len(data), LONGEST - len(frame))
    if missing <= 0:
        return Record(time, frame, False)
    return Record(time, frame + bytes(missing), True)


def known(link):
    """`link` if frames of it can be judged."""
    if link not in (ETHERNET, NULL, LOOP, SLL, SLL2) and link not in RAW:
        raise CaptureError(f"link type {link} carries no IP that is known here")
    return link


# --- pcap --------------------------------------------------------------------------

PCAP = {  # magic: (nanoseconds a unit of the fraction, bytes behind a record's header)
    0xA1B2C3D4: (1000, 0),
    0xA1B23C4D: (1, 0),
    0xA1B2CD34: (1000, 8),
}


def pcap_order(head):
    for order in "<>":
        if len(head) >= 4 and struct.unpack(order + "I", head[:4])[0] in PCAP:
            return order
    return None


def read_pcap(data, order):
    if len(data) < 24:
        raise CaptureError("the file ends within its header")
    magic, link = (
        struct.unpack(order + "I", data[:4])[0],
        struct.unpack(order + "I", data[20:24])[0],
    )
    unit, extra = PCAP[magic]
    if struct.unpack(order + "HH", data[4:8]) not in ((2, 2), (2, 3), (2, 4)):
        raise CaptureError("an unknown version of pcap")
    snap = struct.unpack(order + "I", data[16:20])[0] or len(data)
    link = known(link & 0x03FFFFFF)
    head = struct.Struct(order + "IIII")
    at, end = 24, len(data)
    while at < end:
        if end - at < 16 + extra:
            raise CaptureError("the file ends within a packet's header")
        seconds, fraction, captured, wire = head.unpack_from(data, at)
        at += 16 + extra
        if captured > 0x7FFFFFFF or captured > end - at:
            raise CaptureError("the file ends within a packet")
        kept = data[at : at + min(captured, snap)]  # as libpcap reads what its writer forgot to cut
        within = fraction * unit if fraction * unit < NSEC else 0
        yield record(link, seconds * NSEC + within, kept, max(wire, captured), order)
        at += captured


# --- pcapng ------------------------------------------------------------------------

SECTION, INTERFACE, OLD_PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6


def options(order, body):
    """{code: value} of a block's options; a later one of the same code wins."""
    found, at = {}, 0
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        if code == 0:
            break
        found[code] = body[at + 4 : at + 4 + length]
        at += 4 + (length + 3 & ~3)
    return found


class Interface:
    def __init__(self, order, body):
        if len(body) < 8:
            raise CaptureError("an interface's block is too short")
        link, _, self.snap = struct.unpack_from(order + "HHI", body)
        self.link = known(link)
        more = options(order, body[8:])
        resolution = more.get(9, b"\6")[0]
        self.units = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
        self.offset = (
            struct.unpack(order + "q", more[14])[0] * NSEC if len(more.get(14, b"")) == 8 else 0
        )

    def time(self, high, low):
        return (high << 32 | low) * NSEC // self.units + self.offset


def blocks(data):
    """(byte order, type, body) of every block; a section sets the order of what follows."""
    at, order = 0, None
    while at < len(data):
        if len(data) - at < 12:
            raise CaptureError("the file ends within a block's header")
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(data[at + 8 : at + 12])
        if not order:
            raise CaptureError("no pcapng section")
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < 12 or length % 4 or length > len(data) - at:
            raise CaptureError("a block's length is wrong, or the file ends within it")
        if struct.unpack_from(order + "I", data, at + length - 4)[0] != length:
            raise CaptureError("a block has two lengths")
        if kind == SECTION and struct.unpack_from(order + "HH", data, at + 12) not in ((1, 0), (1, 2)):
            raise CaptureError("an unknown version of pcapng")
        yield order, kind, data[at + 8 : at + length - 4]
        at += length


def packet_of(order, kind, body, interfaces):
    """The Record of a packet's block."""
    if kind == SIMPLE:
        (wire,), iface = struct.unpack_from(order + "I", body), interfaces[0]
        captured = min(wire, iface.snap or wire, len(body) - 4)
        return record(iface.link, 0, body[4 : 4 + captured], wire, order)
    number, high, low, captured, wire = struct.unpack_from(
        order + ("IIIII" if kind == ENHANCED else "HxxIIII"), body
    )
    if captured > len(body) - 20:
        raise CaptureError("a packet is longer than its block")
    iface = interfaces[number]
    return record(iface.link, iface.time(high, low), body[20 : 20 + captured], wire, order)


def read_pcapng(data):
    interfaces = []
    for order, kind, body in blocks(data):
        if kind == SECTION:
            interfaces = []
        elif kind == INTERFACE:
            interfaces.append(Interface(order, body))
        elif kind in (SIMPLE, ENHANCED, OLD_PACKET):
            try:
                yield packet_of(order, kind, body, interfaces)
            except (IndexError, struct.error):
                raise CaptureError("a packet's block is too short, or of no interface") from None


def read(path):
    """Yields a Record a packet, in file order; CaptureError where the file goes wrong."""
    with open(path, "rb") as file:
        data = file.read()
    order = pcap_order(data)
    if order:
        yield from read_pcap(data, order)
    elif data[:4] == b"\x0a\x0d\x0d\x0a":
        yield from read_pcapng(data)
    else:
        raise CaptureError("neither pcap nor pcapng")


# --- writing -----------------------------------------------------------------------


def write(path, packets, link=ETHERNET, snap=262144):
    """A pcap with nanoseconds. `packets`: (time in ns, bytes of link type `link`)."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, link))
        for time, data in packets:
            kept = data[:snap]
            file.write(struct.pack("<IIII", time // NSEC, time % NSEC, len(kept), len(data)) + kept)
