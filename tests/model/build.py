# SPDX-License-Identifier: BSD-2-Clause
"""Packets from their fields, for the generator and the tests. Whatever is left out is right;
whatever is given is taken as it is. Shares no code with the parser."""
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ROUTER_ALERT4 = b"\x94\x04\0\0"
MLD_ALERT = b"\5\2\0\0\1\0"  # RFC 2711 and a PadN


def packed(address):
    return ipaddress.ip_address(address).packed


def checksum(data):
    """RFC 1071, word by word."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, proto, length):
    if ":" in src:
        return packed(src) + packed(dst) + struct.pack("!II", length, proto)
    return packed(src) + packed(dst) + struct.pack("!BBH", 0, proto, length)


# --- network -----------------------------------------------------------------------


def ip4(
    src,
    dst,
    proto,
    body=b"",
    ttl=64,
    tos=0,
    ident=1,
    fragment=0,
    options=b"",
    first=None,
    total=None,
    check=None,
):
    size = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH4s4s",
        first if first is not None else 0x40 | size // 4,
        tos,
        size + len(body) if total is None else total,
        ident,
        fragment,
        ttl,
        proto,
        0,
        packed(src),
        packed(dst),
    )
    head += options
    value = checksum(head) if check is None else check
    return head[:10] + struct.pack("!H", value) + head[12:] + body


def ip6(src, dst, proto, body=b"", hops=64, dscp=0, version=6, length=None):
    first = version << 28 | dscp << 22
    size = len(body) if length is None else length
    return struct.pack("!IHBB", first, size, proto, hops) + packed(src) + packed(dst) + body


def ip(src, dst, proto, body, **more):
    return (ip6 if ":" in src else ip4)(src, dst, proto, body, **more)


def options_header(following, options=b"\1\4\0\0\0\0", units=None):
    """Hop-by-hop or destination options, padded to eight bytes."""
    body = options + b"\0" * (-(len(options) + 2) % 8)
    return bytes((following, (len(body) + 2) // 8 - 1 if units is None else units)) + body


def routing_header(following, kind=2, left=0):
    return bytes((following, 2, kind, left)) + bytes(20)


def fragment_header(following, offset=0, more=0, ident=7):
    return struct.pack("!BBHI", following, 0, offset << 3 | more, ident)


def auth_header(following, units=4):
    """As long as `units` says."""
    return (struct.pack("!BBHII", following, units, 0, 1, 1) + bytes(units * 4))[: (units + 2) * 4]


def chain(src, dst, headers, proto, body, **more):
    """IPv6 with extension headers: [(kind, function of what follows)]."""
    for kind, make in reversed(headers):
        body, proto = make(proto) + body, kind
    return ip6(src, dst, proto, body, **more)


# --- transport ---------------------------------------------------------------------


def tcp(
    src,
    dst,
    sport,
    dport,
    flags,
    data=b"",
    offset=None,
    check=None,
    seq=1,
    ack=1,
    window=8192,
    options=b"",
):
    """`options` are padded; a header of more words than that (`offset`) is filled with no-ops."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack(
        "!HHIIBBHHH",
        sport,
        dport,
        seq & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        words << 4,
        flags,
        window,
        0,
        0,
    )
    head += options + b"\1" * max((words - 5) * 4 - len(options), 0)
    whole = head + data
    value = checksum(pseudo(src, dst, 6, len(whole)) + whole) if check is None else check
    return whole[:16] + struct.pack("!H", value) + whole[18:]


def udp(src, dst, sport, dport, data=b"", length=None, check=None, proto=17):
    """UDP, or UDP-Lite (136) where `length` is the coverage."""
    size = 8 + len(data)
    said = (size if proto == 17 else 0) if length is None else length
    whole = struct.pack("!HHHH", sport, dport, said, 0) + data
    covered = whole[:said] if proto == 136 and said else whole
    value = (
        (checksum(pseudo(src, dst, proto, size) + covered) or 0xFFFF) if check is None else check
    )
    return whole[:6] + struct.pack("!H", value) + whole[8:]


def icmp(src, dst, kind, code=0, rest=bytes(4), data=b"", check=None):
    """ICMP or ICMPv6 by the addresses."""
    whole = struct.pack("!BBH", kind, code, 0) + rest + data
    before = pseudo(src, dst, 58, len(whole)) if ":" in src else b""
    value = checksum(before + whole) if check is None else check
    return whole[:2] + struct.pack("!H", value) + whole[4:]


# --- whole packets -----------------------------------------------------------------


def tcp_packet(src, dst, sport, dport, flags, data=b"", **more):
    return ip(src, dst, 6, tcp(src, dst, sport, dport, flags, data), **more)


def udp_packet(src, dst, sport, dport, data=b"", **more):
    return ip(src, dst, 17, udp(src, dst, sport, dport, data), **more)


def icmp_packet(src, dst, kind, code=0, rest=bytes(4), data=b"", **more):
    return ip(src, dst, 58 if ":" in src else 1, icmp(src, dst, kind, code, rest, data), **more)


def echo(src, dst, ident, reply=False, **more):
    kind = (129 if reply else 128) if ":" in src else (0 if reply else 8)
    return icmp_packet(src, dst, kind, 0, struct.pack("!HH", ident, 1), b"ping", **more)


def ethernet(packet, vlans=(), ethertype=None, tpids=(0x88A8, 0x8100)):
    """A frame, its tags outer first. Without `ethertype`, the packet's first nibble tells it."""
    kind = ethertype or (0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800)
    tags = b"".join(
        struct.pack("!HH", tpids[1] if number == len(vlans) else tpids[0], vid)
        for number, vid in enumerate(vlans, 1)
    )
    return b"\2\0\0\0\0\2" + b"\2\0\0\0\0\1" + tags + struct.pack("!H", kind) + packet


def refit(packet):
    """The packet with right checksums, where its headers still lead to them."""
    if len(packet) >= 20 and packet[0] >> 4 == 4 and (packet[0] & 15) * 4 in range(20, len(packet)):
        size = (packet[0] & 15) * 4
        packet = packet[:10] + b"\0\0" + packet[12:]
        packet = packet[:10] + struct.pack("!H", checksum(packet[:size])) + packet[12:]
        src, dst, proto = packet[12:16], packet[16:20], packet[9]
    elif len(packet) >= 40 and packet[0] >> 4 == 6:
        src, dst, proto, size = packet[8:24], packet[24:40], packet[6], 40
    else:
        return packet
    at = {6: 16, 17: 6, 1: 2, 58: 2}.get(proto)
    body = packet[size:]
    if at is None or len(body) < at + 2:
        return packet
    body = body[:at] + b"\0\0" + body[at + 2 :]
    before = (
        b""
        if proto == 1
        else pseudo(
            str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), proto, len(body)
        )
    )
    return packet[:size] + body[:at] + struct.pack("!H", checksum(before + body)) + body[at + 2 :]
