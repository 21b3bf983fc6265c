# SPDX-License-Identifier: BSD-2-Clause
"""Sessions: what is remembered of a flow, how packets move it, when it is forgotten."""
from connection import BEGINS_ANEW, COUNTS, HARMLESS, REFUSED, Connection
from packet import ACK, ECHO_REPLY, FIN, ICMP, ICMPV6, RST, SYN, TCP, UDP, UDPLITE

OPENING, ESTABLISHED, CLOSING, TIME_WAIT, CLOSED = (
    "opening",
    "established",
    "closing",
    "time-wait",
    "closed",
)

TCP_TIMEOUT = {
    OPENING: "tcp-syn",
    ESTABLISHED: "tcp-established",
    CLOSING: "tcp-fin",
    TIME_WAIT: "tcp-time-wait",
    CLOSED: "tcp-time-wait",
}


class Session:
    """One flow. `origin` is who spoke first."""

    __slots__ = (
        "verdict", "rule", "shadow", "proto", "origin", "state", "replied", "fins", "last", "connection"
    )

    def __init__(self, verdict, rule, shadow, packet, now, loose=False):
        self.verdict, self.rule, self.shadow, self.proto = verdict, rule, shadow, packet.proto
        self.origin = (packet.src, packet.sport)
        self.state, self.replied, self.fins, self.last = OPENING, False, frozenset(), now
        self.connection = Connection(loose)
        if verdict == "allow":
            self.begin(packet)

    def begin(self, packet):
        """Of the first packet a FIN or RST counts, too: a flow may be taken up at its end."""
        if self.proto == TCP:
            self.connection.ends[True].introduce(packet)
            if packet.flags & ACK:  # an answer to what was not seen
                self.connection.ends[True].opened = False
            if self.word(packet) == COUNTS:
                self.state, self.replied, self.fins = self.moved_tcp(packet, True)

    def timeout(self):
        """The name of the time that it may be idle."""
        if self.proto == TCP:
            return TCP_TIMEOUT[self.state]
        if self.proto in (UDP, UDPLITE):
            return "udp-stream" if self.state == ESTABLISHED else "udp"
        return "icmp" if self.proto in (ICMP, ICMPV6) else "other"

    def by_origin(self, packet):
        return (packet.src, packet.sport) == self.origin

    def word(self, packet):
        """What a TCP segment is to its connection (connection.py)."""
        return self.connection.judge(
            packet,
            self.by_origin(packet),
            self.state == OPENING,
            self.replied,
            self.state in (CLOSING, TIME_WAIT, CLOSED),
            self.state in (TIME_WAIT, CLOSED),
        )

    def see(self, packet, now, good):
        """A packet of the flow: None, or the reason that refuses it. `good()`: its checksum is right,
        which is asked for where it would change anything. What was denied goes nowhere."""
        if self.verdict != "allow":
            self.last = now
            return None
        word = self.word(packet) if self.proto == TCP else COUNTS
        if word == REFUSED:
            return "tcp-window"
        moved = self.state, self.replied, self.fins
        if word != HARMLESS:
            moved = self.moved(packet, word)
        if moved != (self.state, self.replied, self.fins) and not good():
            return "bad-checksum"
        if self.proto == TCP:
            self.connection.take(packet, self.by_origin(packet), word, self.state == OPENING)
        if word != HARMLESS:
            self.last = now
        self.state, self.replied, self.fins = moved
        return None

    def moved(self, packet, word):
        """(state, replied, fins) after a packet that counts."""
        if word == BEGINS_ANEW:
            return OPENING, True, frozenset()
        by_origin = self.by_origin(packet)
        return self.moved_tcp(packet, by_origin) if self.proto == TCP else self.opened(by_origin)

    def has_sent(self, quoted):
        """What an ICMP error quotes, as far as that can be told."""
        if self.proto != TCP:
            return True
        return self.connection.sent_lately(self.by_origin(quoted), quoted.seq)

    def is_over(self, packet):
        """A SYN that finds the rest of a connection begins another (RFC 9293 3.6.1)."""
        return (
            self.proto == TCP
            and packet.flags & (SYN | ACK) == SYN
            and self.state in (TIME_WAIT, CLOSED)
        )

    def is_other_denial(self, packet):
        """A denial is of what one side began: what the other side begins is a flow of its own."""
        begins = (
            packet.flags & (SYN | ACK) == SYN
            if packet.proto == TCP
            else packet.proto not in (ICMP, ICMPV6) or packet.type != ECHO_REPLY[packet.family]
        )
        return self.verdict == "deny" and begins and not self.by_origin(packet)

    def opened(self, by_origin):
        """Assured once the originator speaks after a reply: it hears what is sent to it."""
        if self.state == OPENING and by_origin and self.replied:
            return ESTABLISHED, True, self.fins
        return self.state, self.replied or not by_origin, self.fins

    def moved_tcp(self, packet, by_origin):
        """RFC 9293 3.3.2, as far as one who only looks on can tell."""
        flags = packet.flags
        if flags & RST:
            return CLOSED, self.replied, self.fins
        if self.state not in (OPENING, ESTABLISHED, CLOSING):
            return self.state, self.replied, self.fins
        if flags & FIN:
            fins = self.fins | {by_origin}
            return TIME_WAIT if len(fins) == 2 else CLOSING, True, fins
        if self.state == OPENING and not flags & SYN:
            return self.opened(by_origin)
        return self.state, self.replied or not by_origin, self.fins
