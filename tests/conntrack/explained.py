# SPDX-License-Identifier: BSD-2-Clause
"""Why nf_conntrack may say otherwise of a packet: [(why, applies to a Difference)], first match.

The kernel's side is `kernel`: new, orig, reply, related, untracked, invalid, or None (the stack
had dropped it before conntrack). Ours is `answer`, of `replay --json --packets`.
"""
from checksum import good_checksum, ones_sum, pseudo_header
from packet import TCP, UDP

GUARDED = {
    "martian": "an address that no sender has (RFC 6890): conntrack leaves that to routing",
    "vlan-unknown": "a VLAN that the policy does not name; its interface would be another one there",
    "ttl-zero": "a TTL of 0 (RFC 1122 3.2.1.7): the kernel looks when it forwards",
    "ip-options": "IPv4 options (RFC 7126): conntrack does not look",
    "extension-headers": "IPv6 extension headers (RFC 5095, 7045): conntrack does not look",
    "off-link": "neighbour discovery or MLD from another link (RFC 4861): conntrack does not look",
    "icmp-type": "an ICMP type that nobody needs: conntrack knows no policy",
    "truncated": "shorter than its headers say: conntrack asks for less",
    "icmp-mtu": "an MTU below the least that there may be (RFC 8200 5): conntrack does not look",
    "icmp-quote": "an ICMP error that quotes what nobody could have sent: conntrack looks less",
    "icmp-unasked": "an answer to what was refused in another VLAN",
    "land": "source and destination are the same",
    "bad-header": "an IP header that contradicts itself",
}
ANSWERED = {
    "dhcp": "DHCP belongs to the link: answered without a session",
    "multicast-listener": "IGMP or MLD: answered without a session",
    "neighbour-discovery": "neighbour discovery: answered without a session",
}


def refused_for(reason):
    return lambda d: d.ours == "refused" and d.reason == reason


def answered_as(reason):
    return lambda d: d.answer["path"] == "guard" and d.reason == reason


def has_wrong_sum(d):
    """Of a packet that the parser knows; also one that a sender's hardware was to fill in."""
    packet = d.packet
    if not packet.at:
        return False
    data = packet.data[packet.at : packet.end]
    if packet.proto in (TCP, UDP) and len(data) >= 8:
        return ones_sum(pseudo_header(packet, len(data)) + data) != 0xFFFF
    return not good_checksum(packet)


# Seconds that a flow is kept without a packet, by the capture's clock, which conntrack does not know.
PATIENCE = {"tcp": 7200, "udp": 30, "icmp": 10, "icmpv6": 10}
AFTER_FIN = 30
FIN, SYN, RST, ACK, SACK = 1, 2, 4, 16, 5


def was_over(d):
    return d.gap >= PATIENCE.get(d.answer["proto"], 60) or (
        d.reason == "tcp-midflow" and d.gap >= AFTER_FIN
    )


def tcp_options(packet):
    data = packet.data[packet.at + 20 : packet.at + (packet.data[packet.at + 12] >> 4) * 4]
    while data and data[0]:
        length = 1 if data[0] == 1 else data[1] if len(data) > 1 else 0
        if length < 1:
            return
        yield data[0]
        data = data[length:]


def too_strict(*protocols):
    """Of flows that conntrack calls invalid whatever rules say."""
    return lambda d: d.kernel == "invalid" and d.ours == "new" and d.answer["proto"] in protocols


def tcp(kernel, ours, mask, flags):
    return lambda d: (
        d.packet.at
        and d.answer["proto"] == "tcp"
        and d.kernel in kernel
        and d.ours == ours
        and d.packet.flags & mask == flags
    )


ACCEPTS = ("orig", "reply")

EXPLAINED = [
    *((why, refused_for(reason)) for reason, why in GUARDED.items()),
    *((why, answered_as(reason)) for reason, why in ANSWERED.items()),
    (
        "a wrong transport checksum on a packet that changes no state is the receiver's to drop",
        lambda d: d.kernel == "invalid" and d.ours == "known" and has_wrong_sum(d),
    ),
    (
        "a transport checksum that was left to the sender's hardware: the capture is older than it",
        lambda d: too_strict("tcp", "udp")(d) and has_wrong_sum(d) and good_checksum(d.packet),
    ),
    (
        "cut by the capture: what is missing is zeros, and no checksum is right",
        lambda d: d.kernel == "invalid" and d.packet.cut,
    ),
    (
        "longer than any cable takes: it was not sent",
        lambda d: d.kernel is None and len(d.packet.data) > 65535,
    ),
    (
        "its flow had timed out by the capture's clock",
        lambda d: d.kernel in ACCEPTS and d.ours != "known" and was_over(d),
    ),
    (
        "an ICMP message that is neither request nor error: a rule may allow it here",
        too_strict("icmp", "icmpv6"),
    ),
    ("a protocol without ports or payload (no next header): a rule may allow it", too_strict("proto/59")),
    (
        "SCTP's chunks, and DCCP's types where Linux still knew them: conntrack follows them, here "
        "both are flows with ports",
        lambda d: d.kernel == "invalid" and d.answer["proto"] in ("sctp", "dccp"),
    ),
    (
        "a reset within the window, or a second one: for the receiver to answer (RFC 5961 3.2)",
        tcp(("invalid",), "known", RST, RST),
    ),
    (
        "a selective acknowledgement of what was not seen: only the acknowledgement counts here",
        lambda d: tcp(("invalid",), "known", SYN | RST, 0)(d) and SACK in tcp_options(d.packet),
    ),
    (
        "a reset in answer to a SYN that it does not acknowledge (RFC 9293 3.10.7.3)",
        tcp(ACCEPTS, "refused", SYN | RST, RST),
    ),
    (
        "a SYN+ACK of an earlier attempt: conntrack lets it pass and takes no notice",
        tcp(ACCEPTS, "refused", SYN | RST | ACK, SYN | ACK),
    ),
    (
        "after a reset: the end that has closed answers to nobody any more",
        lambda d: tcp(("invalid",), "known", SYN | RST, 0)(d) and d.answer["state"] == "closed",
    ),
    (
        "fragments that overlap: the kernel keeps those that repeat a place, whatever they say, "
        "and takes up again what comes later; here the datagram is refused (RFC 5722)",
        refused_for("fragment-overlap"),
    ),
    (
        "acknowledges what was not seen, or comes before its SYN+ACK: conntrack lets it pass "
        "and takes no notice (RFC 5961 5.2)",
        lambda d: tcp(ACCEPTS, "refused", SYN | RST, 0)(d) and d.reason == "tcp-window",
    ),
]
