# SPDX-License-Identifier: BSD-2-Clause
"""Every combination of TCP's six flags, outside a connection and within one.

RFC 9293 3.10 says what a TCP sends: SYN, RST, each alone or with ACK; ACK; FIN with ACK; URG
with ACK of those; PSH with each. All else is made to tell stacks apart or to slip by filters
(null, FIN alone, XMAS, SYN+FIN, SYN+RST).
"""
from stage import ACK, FIN, PSH, RST, SYN, URG, H, P, Case, Packet, opened, peer

NAMES = ((SYN, "syn"), (FIN, "fin"), (RST, "rst"), (PSH, "psh"), (ACK, "ack"), (URG, "urg"))
SENT = {SYN, SYN | ACK, RST, RST | ACK, ACK, ACK | URG, FIN | ACK, FIN | ACK | URG}


def name(flags):
    return "+".join(text for bit, text in NAMES if flags & bit) or "null"


def outside(flags):
    if flags & ~PSH not in SENT:
        return "deny tcp-header"
    return "allow rule-allow opening" if flags & ~PSH == SYN else "deny tcp-midflow"


def within(flags):
    return "deny tcp-header" if flags & ~PSH not in SENT else WITHIN[flags & ~PSH & ~URG]


# Of the right sequence numbers, in an established connection. A SYN is answered by a challenge
# (RFC 5961 4), so it goes on; it moves nothing.
WITHIN = {
    SYN: "allow session-allow established",
    SYN | ACK: "allow session-allow established",
    RST: "allow session-allow closed",
    RST | ACK: "allow session-allow closed",
    ACK: "allow session-allow established",
    FIN | ACK: "allow session-allow closing",
}

CASES = [
    Case("outside-" + name(flags), "RFC 9293 3.10", [(peer.tcp(flags, P, H), outside(flags))])
    for flags in range(64)
]
CASES += [
    Case(
        "within-" + name(flags),
        "RFC 9293 3.10",
        [*opened(), (peer.tcp(flags, P + 1, H + 1), within(flags))],
    )
    for flags in range(64)
]
# ECE, CWR and AE (RFC 3168, RFC 9768) go with any of them.
CASES += [
    Case(
        f"ecn-{more:03x}-syn",
        "RFC 3168 6.1.1",
        [(peer.tcp(SYN | more, P), "allow rule-allow opening")],
    )
    for more in (0x40, 0x80, 0xC0)
]
CASES += [
    Case(
        "data-offset-" + str(words),
        "RFC 9293 3.1",
        [(peer.tcp(SYN, P, offset=words, options=b""), said)],
    )
    for words, said in (
        (0, "deny tcp-header"),
        (4, "deny tcp-header"),
        (5, "allow"),
        (6, "allow"),
        (15, "allow"),
    )
]


def past_the_end(words):
    """A header that claims more than the segment has."""
    made = peer.tcp(SYN, P)

    def make(family):
        whole = bytearray(made.ip(family))
        whole[(20 if family == 4 else 40) + 12] = words << 4
        return bytes(whole)

    return Packet("peer", make)


CASES += [
    Case(f"data-offset-{words}-of-5", "RFC 9293 3.1", [(past_the_end(words), "deny tcp-header")])
    for words in (6, 8, 15)
]
