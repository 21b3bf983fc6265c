# SPDX-License-Identifier: BSD-2-Clause
"""Sessions: what is remembered of a flow, how packets move it, when it is forgotten."""
from packet import ACK, FIN, ICMP, ICMPV6, RST, SYN, TCP, UDP, UDPLITE

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

    __slots__ = ("verdict", "rule", "proto", "origin", "state", "replied", "fins", "last")

    def __init__(self, verdict, rule, packet, now):
        self.verdict, self.rule, self.proto = verdict, rule, packet.proto
        self.origin = (packet.src, packet.sport)
        self.state, self.replied, self.fins, self.last = OPENING, False, set(), now
        self.see(packet, now)

    def timeout(self):
        """The name of the time that it may be idle."""
        if self.proto == TCP:
            return TCP_TIMEOUT[self.state]
        if self.proto in (UDP, UDPLITE):
            return "udp-stream" if self.state == ESTABLISHED else "udp"
        return "icmp" if self.proto in (ICMP, ICMPV6) else "other"

    def see(self, packet, now):
        """A packet of the flow. What was denied goes nowhere."""
        self.last = now
        if self.verdict == "allow":
            by_origin = (packet.src, packet.sport) == self.origin
            (self.move_tcp if self.proto == TCP else self.move)(packet, by_origin)

    def move(self, _, by_origin):
        """Assured once the originator speaks after a reply: it hears what is sent to it."""
        if by_origin and self.replied:
            self.state = ESTABLISHED
        self.replied = self.replied or not by_origin

    def move_tcp(self, packet, by_origin):
        """RFC 9293 3.3.2, as far as one who only looks on can tell."""
        flags = packet.flags
        if flags & RST:
            self.state = CLOSED
        elif (
            flags & (SYN | ACK) == SYN and by_origin and self.state in (CLOSING, TIME_WAIT, CLOSED)
        ):
            self.state, self.replied, self.fins = OPENING, False, set()
        elif self.state in (OPENING, ESTABLISHED, CLOSING):
            if self.state == OPENING and not flags & SYN:
                self.move(packet, by_origin)
            if flags & FIN:
                self.fins.add(by_origin)
                self.state = TIME_WAIT if len(self.fins) == 2 else CLOSING
        self.replied = self.replied or not by_origin
