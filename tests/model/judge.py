# SPDX-License-Identifier: BSD-2-Clause
"""One packet after the other: guard, session, policy, in this order."""
import ipaddress
from collections import Counter

from checksum import good_checksum
from packet import ACK, ECHO_REPLY, FIN, ICMP, ICMPV6, RST, SYN, TCP, parse
from policy import LOOSE
from session import Session

# A filter that writes "last seen" lazily may be off by this much.
LAZY = 300 * 10**6


class Answer:
    """What becomes of a packet. `session` is the one it belongs to, or None."""

    __slots__ = ("packet", "verdict", "rule", "path", "reason", "session")

    def __init__(self, packet, verdict, rule, path, reason, session=None):
        self.packet, self.verdict, self.rule, self.path, self.reason = (
            packet,
            verdict,
            rule,
            path,
            reason,
        )
        self.session = session


def guard(packet, reason, path="guard"):
    return Answer(packet, "deny", "-", path, reason)


class Judge:
    """The state of one replay.

    `oracle(question)`: asked "expired" or "pickup" where a lazy clock may see it either
    way; its True or False is taken, None leaves it to the exact time.
    """

    def __init__(self, policy, local=(), iface=None, oracle=None):
        self.policy, self.iface = policy, iface
        self.oracle = oracle or (lambda question: None)
        self.local = [ipaddress.ip_network(prefix) for prefix in local]
        self.local = [
            (net.version, int(net.network_address), int(net.netmask)) for net in self.local
        ]
        self.sessions, self.now, self.start = {}, 0, None
        self.made = 0

    def judge(self, record):
        self.start = record.time if self.start is None else self.start
        self.now = max(self.now, record.time)
        packet = parse(record.frame, record.cut, bool(self.policy.vlans))
        if packet.vlan and packet.vlan not in self.policy.vlans and packet.verdict != "deny":
            return guard(packet, "vlan-unknown")
        if packet.verdict:
            return Answer(packet, packet.verdict, "-", "guard", packet.reason)
        if packet.quote:
            return self.related(packet)
        session = self.find(packet.key(), packet.vlan)
        if session is None:
            return self.first(packet)
        session.see(packet, self.now)
        return Answer(
            packet, session.verdict, session.rule, "session", "session-" + session.verdict, session
        )

    def find(self, key, zone):
        """The live session, or None; one that has been idle for too long is forgotten."""
        session = self.sessions.get((key, zone))
        if session is None:
            return None
        late = self.now - session.last - self.policy.timeouts[session.timeout()]
        if self.either("expired", late):
            del self.sessions[key, zone]
            return None
        return session

    def either(self, question, late):
        """Whether `late` ns is late, asking where that is too close to call."""
        said = self.oracle(question) if abs(late) <= LAZY else None
        return late > 0 if said is None else said

    def related(self, packet):
        """An ICMP error: does its flow live here, and is it allowed? It does not keep it alive."""
        session = self.sessions.get((packet.quote, packet.vlan))
        if session is None or session.verdict != "allow" or not self.find(packet.quote, packet.vlan):
            return guard(packet, "icmp-unrelated", "session")
        return Answer(packet, "allow", session.rule, "session", "icmp-related", session)

    def first(self, packet):
        """No session knows it."""
        midflow = packet.proto == TCP and packet.flags & (SYN | ACK | RST | FIN) != SYN
        if midflow and not self.picks_up():
            return guard(packet, "tcp-midflow")
        if not good_checksum(packet):
            return guard(packet, "bad-l4-checksum", "slow")
        if packet.proto in (ICMP, ICMPV6) and packet.type == ECHO_REPLY[packet.family]:
            return guard(packet, "icmp-unasked", "slow")
        verdict, rule = self.policy.decide(packet, self.direction(packet), self.iface)
        if midflow and verdict != "allow":
            return guard(packet, "tcp-midflow")
        self.sessions[packet.key(), packet.vlan] = session = Session(
            verdict, rule, packet, self.now
        )
        self.made += 1
        return Answer(packet, verdict, rule, "slow", "rule-" + verdict, session)

    def picks_up(self):
        pickup = self.policy.pickup
        if pickup in (LOOSE, 0):
            return pickup == LOOSE
        return not self.either("pickup", self.now - self.start - pickup)

    def direction(self, packet):
        if not self.local:
            return "ingress"
        if self.is_local(packet.family, packet.src):
            return "ingress" if self.is_local(packet.family, packet.dst) else "egress"
        return (
            "ingress" if self.is_local(packet.family, packet.dst) or to_many(packet) else "forward"
        )

    def is_local(self, family, address):
        return any(family == version and address & mask == net for version, net, mask in self.local)


def to_many(packet):
    """Multicast or limited broadcast."""
    if packet.family == 4:
        return packet.dst >> 28 == 14 or packet.dst == 0xFFFFFFFF
    return packet.dst >> 120 == 0xFF


class Summary:
    """What a replay adds up to."""

    def __init__(self):
        self.packets = self.bytes = 0
        self.verdicts, self.paths, self.reasons, self.rules = (
            Counter(),
            Counter(),
            Counter(),
            Counter(),
        )

    def add(self, record, answer):
        self.packets += 1
        self.bytes += len(record.frame)
        self.verdicts[answer.verdict] += 1
        self.paths[answer.path] += 1
        self.reasons[answer.reason] += 1
        self.rules[answer.rule] += 1

    def report(self, judge):
        return {
            "packets": self.packets,
            "bytes": self.bytes,
            "sessions": judge.made,
            "verdicts": {verdict: self.verdicts[verdict] for verdict in ("allow", "deny")},
            "paths": {path: self.paths[path] for path in ("session", "wildcard", "slow", "guard")},
            "reasons": dict(sorted(self.reasons.items())),
            "rules": {
                rule: {"packets": count}
                for rule, count in sorted(self.rules.items())
                if rule != "-"
            },
        }
