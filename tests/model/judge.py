# SPDX-License-Identifier: BSD-2-Clause
"""One packet after the other: guard, session, policy, in this order."""
import ipaddress
import struct
from collections import Counter

from checksum import good_checksum
from connection import read_segment
from fragments import Fragment, Reassembly
from packet import (
    ACK, ECHO_REPLY, ECHO_REQUEST, FIN, ICMP, ICMPV6, RST, SCTP, SYN, TCP, UDP, UDPLITE, Guard,
    parse, transport
)
from policy import LOOSE
from session import Session

# A filter that writes "last seen" lazily may be off by this much.
LAZY = 300 * 10**6


class Answer:
    """What becomes of a packet. `session` is the one it belongs to, or None. A fragment's is filled
    in when that of its datagram is known: until then its verdict is None."""

    __slots__ = ("packet", "verdict", "rule", "path", "reason", "session", "state")

    def become(self, other):
        """The same, of another packet."""
        for name in self.__slots__[1:]:
            setattr(self, name, getattr(other, name))

    @property
    def shadow(self):
        """The rule of stage shadow that would have decided, or None."""
        return self.session and self.session.shadow

    def __init__(self, packet, verdict, rule, path, reason, session=None):
        self.packet, self.verdict, self.rule, self.path, self.reason = (
            packet,
            verdict,
            rule,
            path,
            reason,
        )
        self.session = session
        self.state = session and session.state  # after this packet


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
        self.free = policy.lets_all_out()
        self.reassembly = Reassembly(settle)

    def end(self):
        """No packet comes any more: what waits is out of time."""
        self.reassembly.expire(float("inf"))

    def judge(self, record):
        self.start = record.time if self.start is None else self.start
        self.now = max(self.now, record.time)
        packet = parse(record.frame, record.cut, bool(self.policy.vlans))
        self.reassembly.expire(self.now)
        leaves = packet.family and self.direction(packet) == "egress"
        free, whole = leaves and self.free, packet.reason != "fragment"
        if free and not whole:
            unfragment(packet)
        elif not whole:
            return self.hold(packet)
        if leaves and asks_dhcp(packet):
            packet.verdict, packet.reason = "allow", "dhcp"
        if packet.vlan and packet.vlan not in self.policy.vlans and packet.verdict != "deny":
            return guard(packet, "vlan-unknown")
        if packet.verdict:
            path = "wildcard" if packet.reason == "egress-allow" else "guard"
            return Answer(packet, packet.verdict, "-", path, packet.reason)
        if whole and self.never_cut(packet):
            return Answer(packet, "allow", "-", "guard", "failsafe")
        if packet.quote:
            return self.related(packet, free)
        if packet.proto == TCP:
            read_segment(packet, packet.data)
        session = self.find(packet.key(), packet.vlan)
        if session and session.is_other_denial(packet) and not free:
            return self.beside(session, packet)
        if session and (session.is_over(packet) or session.is_other_denial(packet)):
            del self.sessions[packet.key(), packet.vlan]
            session = None
        if session is None:
            return self.learn(packet) if free else self.first(packet)
        refused = session.see(
            packet, self.now, lambda: leaves or packet.proto == SCTP or good_checksum(packet)
        )
        if refused:
            return guard(packet, refused, "session" if refused == "tcp-window" else "guard")
        return Answer(
            packet, session.verdict, session.rule, "session", "session-" + session.verdict, session
        )

    def hold(self, packet):
        """A fragment gets what its datagram gets."""
        if packet.vlan and packet.vlan not in self.policy.vlans:
            return guard(packet, "vlan-unknown")
        answer = Answer(packet, None, "-", "guard", "fragment")
        fragment = Fragment(packet, self.direction(packet))
        try:
            fragment.check()
        except Guard as wrong:
            return guard(packet, wrong.reason)
        done = self.reassembly.add(self.now, fragment, answer)
        if done:
            whole, answers = done
            result = self.judge_whole(whole)
            for waiting in answers:
                waiting.become(result)
        return answer

    def judge_whole(self, packet):
        """As any packet, but that a worker answers, also where a session knows it."""
        if packet.verdict:
            return Answer(packet, packet.verdict, "-", "guard", packet.reason)
        if self.never_cut(packet):
            return Answer(packet, "allow", "-", "guard", "failsafe")
        if packet.quote:
            answer = self.related(packet, False)
            answer.rule, answer.session, answer.state = "-", None, None
            return answer
        if packet.proto == TCP:
            read_segment(packet, packet.data)
        session = self.find(packet.key(), packet.vlan)
        if session and session.is_other_denial(packet):
            answer = self.beside(session, packet)
            answer.state = answer.state if answer.verdict == "allow" else None
            return answer
        if session and session.is_over(packet):
            del self.sessions[packet.key(), packet.vlan]
            session = None
        if not good_checksum(packet):
            return guard(packet, "bad-l4-checksum", "slow")
        if session is None:
            return self.first(packet)
        refused = session.see(packet, self.now, lambda: True)
        if refused:
            return guard(packet, refused, "session" if refused == "tcp-window" else "guard")
        return Answer(
            packet, session.verdict, session.rule, "slow", "rule-" + session.verdict, session
        )

    def never_cut(self, packet):
        """A failsafe service, or an ICMP error that quotes a packet of the way back. A capture
        without directions holds both ways."""
        quoted = packet.quoted is not None
        ways = {"ingress": [quoted], "egress": [not quoted], "forward": []}[self.direction(packet)]
        return any(
            self.policy.never_cut(packet.quoted or packet, answers)
            for answers in (ways if self.local else (False, True))
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

    def learn(self, packet):
        """Sent by this host, where all may leave: known from now on, if it may be answered."""
        ends = packet.proto == TCP and packet.flags & (RST | FIN)
        icmp = packet.proto in (ICMP, ICMPV6)
        if ends or icmp and packet.type != ECHO_REQUEST[packet.family]:
            return Answer(packet, "allow", "-", "wildcard", "egress-allow")
        verdict, rule, shadow = self.policy.decide(packet, "egress", self.iface)
        session = self.keep(packet, verdict, rule, shadow)
        return Answer(packet, verdict, rule, "wildcard", "egress-learned", session)

    def keep(self, packet, verdict, rule, shadow):
        self.sessions[packet.key(), packet.vlan] = session = Session(
            verdict, rule, shadow, packet, self.now, self.policy.pickup == LOOSE
        )
        self.made += 1
        return session

    def related(self, packet, free):
        """An ICMP error: does its flow live here, and is it allowed? It does not keep it alive."""
        session = self.sessions.get((packet.quote, packet.vlan))
        meant = session and session.verdict == "allow" and session.has_sent(packet.quoted)
        if not meant or not self.find(packet.quote, packet.vlan):
            if free:
                return Answer(packet, "allow", "-", "wildcard", "egress-allow")
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
        verdict, rule, shadow = self.policy.decide(packet, self.direction(packet), self.iface)
        if midflow and verdict != "allow":
            return guard(packet, "tcp-midflow")
        session = self.keep(packet, verdict, rule, shadow)
        return Answer(packet, verdict, rule, "slow", "rule-" + verdict, session)

    def beside(self, denial, packet):
        """What the other side of a denied flow begins: the denial stays, until this is allowed."""
        del self.sessions[packet.key(), packet.vlan]
        made = self.made
        answer = self.first(packet)
        if answer.verdict == "deny":
            self.sessions[packet.key(), packet.vlan] = denial
            self.made, answer.state = made, denial.state
        return answer

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


def settle(answer, reason):
    """This fragment's datagram is not judged any more."""
    answer.verdict, answer.reason, answer.path = "deny", reason, "guard"


def unfragment(packet):
    """The first fragment of what leaves has the transport header, and is a packet like others; the
    rest follow it."""
    packet.verdict = packet.reason = None
    if packet.later:
        packet.verdict, packet.reason = "allow", "egress-allow"
        return
    try:
        if packet.proto not in (UDP, UDPLITE):
            transport(packet, packet.data, packet.ttl)
        elif packet.end - packet.at < 8:
            raise Guard("truncated")
        else:  # its length is the datagram's
            packet.sport, packet.dport = struct.unpack_from("!HH", packet.data, packet.at)
    except Guard as answer:
        packet.verdict, packet.reason = answer.verdict, answer.reason


def asks_dhcp(packet):
    """The client's side of DHCP: a host without it has no address."""
    ports = {4: (68, 67), 6: (546, 547)}
    return (
        packet.verdict is None
        and packet.proto == UDP
        and (packet.sport, packet.dport) == ports[packet.family]
    )


def to_many(packet):
    """Multicast or limited broadcast."""
    if packet.family == 4:
        return packet.dst >> 28 == 14 or packet.dst == 0xFFFFFFFF
    return packet.dst >> 120 == 0xFF


class Summary:
    """What a replay adds up to."""

    def __init__(self):
        self.packets = self.bytes = 0
        self.verdicts, self.paths, self.reasons = Counter(), Counter(), Counter()
        self.rules, self.shadows = Counter(), Counter()

    def add(self, record, answer):
        self.packets += 1
        self.bytes += len(record.frame)
        self.verdicts[answer.verdict] += 1
        self.paths[answer.path] += 1
        self.reasons[answer.reason] += 1
        self.rules[answer.rule] += 1
        self.shadows[answer.shadow] += 1

    def report(self, judge):
        return {
            "packets": self.packets,
            "bytes": self.bytes,
            "sessions": judge.made,
            "verdicts": {verdict: self.verdicts[verdict] for verdict in ("allow", "deny")},
            "paths": {path: self.paths[path] for path in ("session", "wildcard", "slow", "guard")},
            "reasons": dict(sorted(self.reasons.items())),
            "rules": {
                rule: {"packets": self.rules[rule], "shadow": self.shadows[rule]}
                for rule in sorted({*self.rules, *self.shadows} - {"-", None})
            },
        }
