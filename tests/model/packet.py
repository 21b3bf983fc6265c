# SPDX-License-Identifier: BSD-2-Clause
"""One frame: what it is, or why it is refused before any flow is looked up.

Written from the RFCs that stand beside each check, so that it can contradict the
datapath. The first fault found is the answer.
"""
import struct

TCP, UDP, ICMP, IGMP, DCCP, ICMPV6, SCTP, UDPLITE = 6, 17, 1, 2, 33, 58, 132, 136
WITH_PORTS = frozenset((TCP, UDP, DCCP, SCTP, UDPLITE))

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
# RFC 9293: what a TCP sends; PSH goes with each, ECE, CWR and AE say nothing here.
SANE_FLAGS = frozenset(
    base | push
    for base in (SYN, SYN | ACK, RST, RST | ACK, ACK, ACK | URG, FIN | ACK, FIN | ACK | URG)
    for push in (0, PSH)
)

ERRORS = {4: frozenset((3, 11, 12)), 6: frozenset((1, 2, 3, 4))}  # RFC 792, 4443
# What must not be answered by an error, so cannot be quoted: RFC 1122 3.2.2, RFC 4443 2.4.
# Redirects, obsolete and informational types that tell or steer more than they serve.
REFUSED = {
    4: frozenset((4, 5, 6, *range(13, 19), *range(30, 40))),
    6: frozenset((0, *range(5, 128), 137, 138)),
}
UNQUOTABLE = {4: frozenset((3, 11, 12)) | frozenset(REFUSED[4]), 6: frozenset(range(128))}
ECHO_REQUEST, ECHO_REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
MLD = {130: 24, 131: 24, 132: 24, 143: 8}  # shortest: RFC 2710 3, RFC 3810 5.2
ND = {133: 8, 134: 16, 135: 24, 136: 24}  # shortest: RFC 4861 6.1, 7.1

HOP_BY_HOP, ROUTING, FRAGMENT, AH, DEST_OPTIONS = 0, 43, 44, 51, 60
EXTENSIONS = frozenset((HOP_BY_HOP, ROUTING, FRAGMENT, AH, DEST_OPTIONS))
MOST_EXTENSIONS = 8
LINK_LOCAL = 0xFE80 >> 6  # the first ten bits

IP4 = struct.Struct("!BBHHHBBHII")
IP6 = struct.Struct("!IHBB16s16s")
PORTS = struct.Struct("!HH")


class Guard(Exception):
    """The parser's own answer: verdict and reason."""

    def __init__(self, reason, verdict="deny"):
        super().__init__(reason)
        self.reason, self.verdict = reason, verdict


def allow(reason):
    return Guard(reason, "allow")


class Packet:
    """What the judge needs. Addresses are integers; `at` and `end` bound the transport
    header and what it carries in `data`."""

    verdict = reason = None
    family = proto = src = dst = None
    sport = dport = 0
    kind = 0  # of ICMP that is no echo: 1 + type and code, part of the flow's key
    vlan = ()
    dscp = flags = type = code = at = end = 0
    alert = any_alert = extended = cut = False
    partial = later = False  # a fragment; not the first
    network = fragment_at = ttl = 0  # where the IP header begins, and what a fragment is about
    whole = False  # it came in fragments
    quoted = None  # the packet that an ICMP error is about, as far as it is quoted
    quote = None  # key without zone of its flow

    def key(self):
        """The flow, the same from both sides, without its zone."""
        return flow_key(
            self.family, self.proto, self.kind, self.src, self.sport, self.dst, self.dport
        )


def flow_key(family, proto, kind, src, sport, dst, dport):
    one, two = src << 16 | sport, dst << 16 | dport
    return (family, proto, kind, one, two) if one < two else (family, proto, kind, two, one)


def parse(frame, cut=False, names_vlans=True):
    """A Packet. Its verdict is None where a session or the policy has to answer.
    `names_vlans`: whether the policy knows any VLAN; if not, the first tag is the end."""
    packet = Packet()
    packet.data, packet.cut = frame, cut
    try:
        ethernet(packet, frame, names_vlans)
    except Guard as answer:
        packet.verdict, packet.reason = answer.verdict, answer.reason
    return packet


def ethernet(packet, data, names_vlans):
    if len(data) < 14:
        raise Guard("truncated")
    at, ethertype, tags = 14, data[12] << 8 | data[13], 0
    while ethertype in (0x8100, 0x88A8):  # IEEE 802.1Q, 802.1ad
        tags += 1
        if tags > 2:
            raise Guard("vlan-unknown")
        if len(data) < at + 4:
            raise Guard("truncated")
        vid = (data[at] << 8 | data[at + 1]) & 0xFFF
        if vid:  # 0: a priority tag, as if absent
            packet.vlan += (vid,)
            if not names_vlans:
                raise Guard("vlan-unknown")
        ethertype = data[at + 2] << 8 | data[at + 3]
        at += 4
    if ethertype == 0x0800:
        ipv4(packet, data, at)
    elif ethertype == 0x86DD:
        ipv6(packet, data, at)
    elif ethertype == 0x0806:  # RFC 826: 8 bytes and two pairs of 6 and 4
        raise allow("arp") if len(data) >= at + 28 else Guard("truncated")
    else:
        raise allow("non-ip")


# --- IPv4: RFC 791 -----------------------------------------------------------------


def ipv4(packet, data, at):
    if len(data) < at + 20:
        raise Guard("truncated")
    first, tos, total, _, fragment, ttl, proto, _, src, dst = IP4.unpack_from(data, at)
    packet.family, packet.proto, packet.src, packet.dst, packet.dscp = 4, proto, src, dst, tos >> 2
    header = (first & 15) * 4
    if first >> 4 != 4 or header < 20:
        raise Guard("bad-header")
    if len(data) < at + header:
        raise Guard("truncated")
    if header > 24:
        raise Guard("ip-options")
    if int.from_bytes(data[at : at + header], "big") % 0xFFFF:
        raise Guard("bad-checksum")
    # RFC 2113: router alert; RFC 7126 about the others.
    if header == 24 and (proto != IGMP or data[at + 20 : at + 24] != b"\x94\x04\0\0"):
        raise Guard("ip-options")
    if total < header:
        raise Guard("bad-header")
    if len(data) < at + total:
        raise Guard("truncated")
    if ttl == 0:
        raise Guard("ttl-zero")
    packet.at, packet.end = at + header, at + total
    packet.network, packet.fragment_at, packet.ttl = at, packet.at, ttl
    if martian4(src, dst) or src == 0 and not from_nowhere(packet, data, fragment):
        raise Guard("martian")
    if fragment & 0x3FFF:  # MF or an offset
        packet.later = fragment & 0x1FFF != 0
        raise Guard("fragment")
    transport(packet, data, ttl)


def martian4(src, dst):
    """RFC 6890, RFC 1122 3.2.1.3; source = destination is LAND. Source 0.0.0.0 is the caller's."""
    return (
        (src >> 24 == 0 and src != 0)
        or src >> 24 == 127
        or src >> 28 == 14
        or src == 0xFFFFFFFF
        or dst >> 24 in (0, 127)
        or src == dst
    )


def from_nowhere(packet, data, fragment):
    """Who may send from 0.0.0.0: a DHCP client (RFC 2131 4.1), IGMP (RFC 3376 4.2.13)."""
    if packet.proto == IGMP:
        return True
    whole = packet.proto == UDP and not fragment & 0x1FFF and packet.end - packet.at >= 8
    return whole and PORTS.unpack_from(data, packet.at) == (68, 67)


# --- IPv6: RFC 8200 ----------------------------------------------------------------


def ipv6(packet, data, at):
    if len(data) < at + 40:
        raise Guard("truncated")
    first, length, following, hops, src, dst = IP6.unpack_from(data, at)
    packet.family, packet.proto, packet.dscp = 6, following, first >> 22 & 63
    packet.src, packet.dst = src, dst = int.from_bytes(src, "big"), int.from_bytes(dst, "big")
    if first >> 28 != 6:
        raise Guard("bad-header")
    packet.end = at + 40 + length
    if len(data) < packet.end:
        raise Guard("truncated")
    if hops == 0:
        raise Guard("ttl-zero")
    if martian6(src, dst):
        raise Guard("martian")
    packet.network, packet.ttl = at, hops
    try:
        extensions(packet, data, at + 40)
    except Guard as answer:
        if packet.partial and answer.reason == "truncated":  # RFC 7112 5
            raise Guard("fragment-tiny") from None
        raise
    if packet.partial:
        raise Guard("fragment")
    if packet.proto != ICMPV6:
        if src == 0:
            raise Guard("martian")
        if packet.any_alert:
            raise Guard("extension-headers")
    transport(packet, data, hops)


def martian6(src, dst):
    """RFC 4291 2.5-2.7, RFC 7346 2 (scopes), RFC 6890. Source :: is judged with what it carries."""
    return (
        src == 1
        or dst in (0, 1)
        or src == dst
        or src >> 120 == 0xFF
        or src >> 32 == 0xFFFF
        or dst >> 32 == 0xFFFF
        or (dst >> 120 == 0xFF and (dst >> 112 & 15) < 2)
    )


def extensions(packet, data, at):
    """Walks to the transport header; packet.proto says what it is."""
    kind, count = packet.proto, 0
    while kind in EXTENSIONS:
        count += 1
        if count > MOST_EXTENSIONS or (kind == HOP_BY_HOP and count > 1):
            raise Guard("extension-headers")
        if packet.end < at + 8:
            raise Guard("truncated")
        length = extension_length(kind, data[at + 1])
        if packet.end < at + length:
            raise Guard("truncated")
        extension(packet, data, kind, at, length)
        kind, at = data[at], at + length
    packet.proto, packet.at, packet.extended = kind, at, count > 0


def extension_length(kind, units):
    if kind == FRAGMENT:
        return 8
    return (units + 2) * 4 if kind == AH else (units + 1) * 8


def extension(packet, data, kind, at, length):
    if kind == HOP_BY_HOP:
        hop_by_hop(packet, data, at + 2, at + length)
    elif kind == ROUTING:
        if data[at + 2] == 0 or data[at + 3]:  # RFC 5095; segments left: a way not yet gone
            raise Guard("extension-headers")
    elif kind == AH:
        if length < 12 or length % 8:  # RFC 4302 2.2
            raise Guard("extension-headers")
    elif kind == FRAGMENT and (packet.partial or packet.whole):  # RFC 8200 4.1: at most one
        raise Guard("extension-headers")
    elif kind == FRAGMENT and not (data[at + 2] << 8 | data[at + 3]) & 0xFFF9:  # RFC 6946
        packet.whole = True
    elif kind == FRAGMENT:
        packet.partial = True
        packet.fragment_at = at + length
        packet.later = (data[at + 2] << 8 | data[at + 3]) & 0xFFF8 != 0
        packet.proto, packet.at = data[at], at + length
        if packet.later:  # behind it there is no header
            raise Guard("fragment")


def hop_by_hop(packet, data, at, end):
    """Padding (RFC 8200 4.2; at most 7 bytes, RFC 4942 2.1.9.5) and router alert; eight options at
    most (RFC 8504 5.3). What every node on the way would have to look at is refused otherwise.
    Destination options are the receiver's business."""
    options = 0
    while at < end:
        option = data[at]
        options += 1
        if options > 8:
            raise Guard("extension-headers")
        if option == 0:
            at += 1
            continue
        if end - at < 2 or end - at < 2 + data[at + 1]:
            raise Guard("extension-headers")
        if option == 5:
            router_alert(packet, data, at)
        elif option != 1 or data[at + 1] > 5:
            raise Guard("extension-headers")
        at += 2 + data[at + 1]


def router_alert(packet, data, at):
    """RFC 2711 2.1: two bytes, once; 0 is MLD."""
    if data[at + 1] != 2 or packet.any_alert:
        raise Guard("extension-headers")
    if data[at + 2 : at + 4] != b"\0\0":
        raise Guard("extension-headers")
    packet.any_alert = packet.alert = True


# --- transport ---------------------------------------------------------------------


def transport(packet, data, hops):
    proto = packet.proto
    if proto == TCP:
        tcp(packet, data)
    elif proto in (UDP, UDPLITE):
        udp(packet, data)
    elif proto in (ICMP, ICMPV6):
        icmp(packet, data, hops)
    elif proto in (SCTP, DCCP):  # RFC 9260 3, RFC 4340 5.1
        with_ports(packet, data, 12)
    elif proto == IGMP:
        igmp(packet, hops)


def with_ports(packet, data, shortest):
    if packet.end - packet.at < shortest:
        raise Guard("truncated")
    packet.sport, packet.dport = PORTS.unpack_from(data, packet.at)


def tcp(packet, data):
    with_ports(packet, data, 20)
    at = packet.at
    header = (data[at + 12] >> 4) * 4
    packet.flags = flags = data[at + 13]
    if header < 20 or header > packet.end - at or flags & 63 not in SANE_FLAGS:
        raise Guard("tcp-header")


def udp(packet, data):
    with_ports(packet, data, 8)
    at, size = packet.at, packet.end - packet.at
    length = data[at + 4] << 8 | data[at + 5]
    if packet.proto == UDPLITE and length == 0:  # RFC 3828 3.1: the coverage; 0 is all of it
        return
    if length < 8 or length > size:
        raise Guard("udp-length")
    if packet.proto == UDP and is_dhcp_answer(packet):
        raise allow("dhcp")


def is_dhcp_answer(packet):
    """RFC 2131 4.1, RFC 8415 7.2: what a client that has no session hears."""
    if packet.family == 4:
        return packet.sport == 67 and packet.dport == 68
    return packet.sport == 547 and packet.dport == 546 and packet.dst >> 118 == LINK_LOCAL


def igmp(packet, hops):
    """RFC 2236 2, RFC 3376 4: eight bytes at least, and never forwarded; IPv6 has MLD."""
    if packet.family == 6:
        raise Guard("bad-header")
    if packet.end - packet.at < 8:
        raise Guard("truncated")
    raise allow("multicast-listener") if hops == 1 else Guard("off-link")


# --- ICMP --------------------------------------------------------------------------


def icmp(packet, data, hops):
    family = packet.family
    if packet.proto != (ICMP if family == 4 else ICMPV6):
        raise Guard("bad-header")
    at = packet.at
    if packet.end - at < 8:
        raise Guard("truncated")
    packet.type, packet.code = data[at], data[at + 1]
    if family == 6:
        icmpv6(packet, data, hops)
    if packet.type in REFUSED[family]:
        raise Guard("icmp-type")
    if packet.type in ERRORS[family]:
        error(packet, data)
        return
    packet.kind, packet.sport, packet.dport = icmp_ends(family, data, at)


def icmp_ends(family, data, at):
    """(kind, source's port, destination's) of the flow: an echo's id is the port of who asks, the
    next number the other's."""
    number = data[at + 4] << 8 | data[at + 5]
    if data[at] == ECHO_REQUEST[family]:
        return 0, number, number + 1 & 0xFFFF
    if data[at] == ECHO_REPLY[family]:
        return 0, number + 1 & 0xFFFF, number
    return 1 + (data[at] << 8 | data[at + 1]), 0, 0


def icmpv6(packet, data, hops):
    """What only IPv6 has: listeners, neighbours, and who may speak from ::."""
    kind = packet.type
    if packet.src == 0 and kind not in (131, 132, 143, 133, 135):
        raise Guard("martian")
    if packet.any_alert and kind not in MLD:
        raise Guard("extension-headers")
    if kind in MLD:
        listener(packet, hops)
    if kind in ND:
        neighbour(packet, hops)


def listener(packet, hops):
    """RFC 2710 3, RFC 3810 5, RFC 3590 (reports from ::)."""
    if packet.end - packet.at < MLD[packet.type]:
        raise Guard("truncated")
    here = packet.src >> 118 == LINK_LOCAL or packet.src == 0
    raise allow("multicast-listener") if hops == 1 and packet.alert and here else Guard("off-link")


def neighbour(packet, hops):
    """RFC 4861 6.1 and 7.1, RFC 6980 (never fragmented)."""
    kind = packet.type
    if packet.end - packet.at < ND[kind]:
        raise Guard("truncated")
    if packet.src == 0 and kind == 135 and packet.dst >> 24 != 0xFF0200000000000000000001FF:
        raise Guard("martian")
    far = hops != 255 or packet.code or packet.extended or packet.whole
    if far or (kind == 134 and packet.src >> 118 != LINK_LOCAL):
        raise Guard("off-link")
    raise allow("neighbour-discovery")


def error(packet, data):
    """An ICMP error is judged by what it quotes: RFC 5927 4.1, RFC 1812 4.3.2.3."""
    at = packet.at + 8
    quote = (quoted4 if packet.family == 4 else quoted6)(data, at, packet.end, packet.dst)
    if not quote:
        raise Guard("icmp-quote")
    packet.quoted, packet.quote = quote, quote.key()
    if packet.family == 4 and (packet.type, packet.code) == (3, 4):
        if data[at - 2] << 8 | data[at - 1] < 68:  # RFC 791 3.2, RFC 1191 4
            raise Guard("icmp-mtu")
    elif packet.family == 6 and packet.type == 2:
        if int.from_bytes(data[at - 4 : at], "big") < 1280:  # RFC 8200 5, RFC 8201 4
            raise Guard("icmp-mtu")


def quoted4(data, at, end, receiver):
    if end - at < 20:
        return None
    first, _, _, _, fragment, _, proto, _, src, dst = IP4.unpack_from(data, at)
    header = (first & 15) * 4
    if (
        first >> 4 != 4
        or header < 20
        or end - at < header + 8
        or fragment & 0x1FFF
        or src != receiver
    ):
        return None
    return quoted_flow(4, proto, data, at + header, src, dst)


def quoted6(data, at, end, receiver):
    if end - at < 40:
        return None
    first, _, kind, _, src, dst = IP6.unpack_from(data, at)
    src, dst = int.from_bytes(src, "big"), int.from_bytes(dst, "big")
    if first >> 28 != 6 or src != receiver:
        return None
    at, fragments = at + 40, 0
    for place in range(MOST_EXTENSIONS + 1):
        fragments += kind == FRAGMENT
        if end - at < 8 or fragments > 1:  # RFC 8200 4.1
            return None
        if kind not in EXTENSIONS:
            return quoted_flow(6, kind, data, at, src, dst)
        length = extension_length(kind, data[at + 1])
        if end - at < length or not could_be_sent(data, kind, at, length, place):
            return None
        kind, at = data[at], at + length
    return None


def could_be_sent(data, kind, at, length, place):
    """Whether a quoted packet with this header would have been let out; a first fragment may quote."""
    if kind == FRAGMENT:
        return not (data[at + 2] << 8 | data[at + 3]) & 0xFFF8
    try:
        extension(Packet(), data, kind, at, length)
    except Guard:
        return False
    return kind != HOP_BY_HOP or place == 0


def quoted_flow(family, proto, data, at, src, dst):
    """What was sent; at least eight bytes stand at `at`."""
    found = Packet()
    found.family, found.proto, found.src, found.dst = family, proto, src, dst
    if proto in WITH_PORTS:
        found.sport, found.dport = PORTS.unpack_from(data, at)
        found.seq = int.from_bytes(data[at + 4 : at + 8], "big")  # of TCP
    elif proto == (ICMP if family == 4 else ICMPV6):
        if data[at] in UNQUOTABLE[family]:
            return None
        found.type, found.code = data[at], data[at + 1]
        found.kind, found.sport, found.dport = icmp_ends(family, data, at)
    elif proto in (ICMP, ICMPV6):
        return None
    return found
