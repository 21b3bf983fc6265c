# SPDX-License-Identifier: BSD-2-Clause
"""What a case is, and who speaks in it.

A case is a row of a table: a name, its source (an RFC's section, or who asks for it), and
steps. A step is a packet and what must come of it; `wait(seconds)` lets time pass. Tables
are lists named CASES in files named cases_*.py beside this one; a new table is a new file.

    Case("syn-ack-unasked", "RFC 9293 3.10.7.1", [
        (peer.tcp(SYN | ACK, 5000, 1001), "deny tcp-midflow"),
    ])

What must come of it: a verdict, then, if the case cares, the reason (xdp/reasons.h), then the
session's state: "deny", "deny tcp-header", "allow session-allow established".

Who speaks: `peer`, from outside, to a service of `host`'s, the protected one; `server` and
`client` are the same two where the protected one asks and is answered. Each says tcp(), udp(),
echo(), icmp(), error(about a packet), ip(anything over IP) and frame(whole frames), each in
IPv4 and IPv6: a case is played in both unless `families` says otherwise.

Policies by name are POLICIES; each case begins with an empty table and no session.
"""
import struct
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "model"))

import build  # pylint: disable=wrong-import-position
from build import ACK, FIN, PSH, RST, SYN, URG  # pylint: disable=wrong-import-position,unused-import

PEER = {4: "198.51.100.2", 6: "2001:db8:f::2"}
HOST = {4: "192.0.2.1", 6: "2001:db8::1"}
ROUTER = {4: "203.0.113.9", 6: "2001:db8:e::9"}  # somebody on the way
LOCAL = ",".join(HOST.values())

SERVICES = """
rules:
  - {id: web, direction: ingress, service: tcp/80, action: allow}
  - {id: dns, direction: ingress, service: udp/53, action: allow}
  - {id: ping, direction: ingress, service: [icmp/echo-request, icmpv6/echo-request], action: allow}
  - {id: gre, direction: ingress, service: proto/47, action: allow}
"""
DEFAULTS = "version: 1\ndefaults: {ingress: deny, egress: allow, "
POLICIES = {
    # The usual host: a few services, everything may leave; no mid-flow pick-up.
    "host": DEFAULTS + "pickup: 0}" + SERVICES,
    # The same, and TCP of an allowed tuple is taken up mid-flow at any time.
    "loose": DEFAULTS + "pickup: loose}" + SERVICES,
    # Outbound asks the worker, too.
    "strict": "version: 1\ndefaults: {ingress: deny, egress: deny, pickup: 0}"
    + SERVICES
    + "  - {id: out, direction: egress, service: any, action: allow, log: true}\n",
    # With VLANs, one named.
    "vlan": DEFAULTS
    + "pickup: 0}"
    + SERVICES
    + "  - {id: tagged, direction: ingress, vlan: 100, service: tcp/22, action: allow}\n",
    # Nothing is served.
    "closed": DEFAULTS + "pickup: 0}\nrules: []\n",
    "open": "version: 1\ndefaults: {ingress: allow, egress: allow, pickup: 0}",
}

# Errors by name: type and code in each family.
ERRORS = {
    "unreachable": {4: (3, 1), 6: (1, 3)},
    "port": {4: (3, 3), 6: (1, 4)},
    "prohibited": {4: (3, 13), 6: (1, 1)},
    "too-big": {4: (3, 4), 6: (2, 0)},
    "time": {4: (11, 0), 6: (3, 0)},
    "parameter": {4: (12, 0), 6: (4, 1)},
}


class Case:
    """One row. `policy` is a name of POLICIES, `local` the protected prefixes ("": a capture that
    says nothing of directions)."""

    def __init__(self, name, source, steps, policy="host", families=(4, 6), local=LOCAL):
        self.name, self.source, self.steps = name, source, steps
        self.policy, self.families, self.local = policy, families, local

    def play(self, family):
        """[(ns since the case began, who sent it, frame, expected words)]"""
        now, played = 0, []
        for step in self.steps:
            if isinstance(step, wait):
                now += step.ns
                continue
            packet, expected = step
            played.append((now, packet.by, packet.make(family), expected.split()))
            now += 10**6
        return played


class wait:  # pylint: disable=invalid-name,too-few-public-methods
    """Time passes."""

    def __init__(self, seconds):
        self.ns = round(seconds * 10**9)


class Packet:  # pylint: disable=too-few-public-methods
    """A frame yet to be made, for either family. `by`: "peer" or "host" sends it."""

    def __init__(self, by, make, vlans=(), ethertype=None):
        self.by, self.content, self.vlans, self.ethertype = by, make, vlans, ethertype

    def ip(self, family):
        return self.content(family)

    def make(self, family):
        return build.ethernet(self.content(family), self.vlans, self.ethertype)

    def tagged(self, *vlans):
        """The same packet in these VLANs, outer first."""
        return Packet(self.by, self.content, vlans, self.ethertype)


class Speaker:
    """One end of a conversation. `by`: "peer" or "host"; ports are its own and the other's."""

    def __init__(self, by, sport, dport, src=None, dst=None):
        ends = (PEER, HOST) if by == "peer" else (HOST, PEER)
        self.by, self.sport, self.dport = by, sport, dport
        self.src, self.dst = src or ends[0], dst or ends[1]

    def at(self, **ends):
        """The same with other `sport`, `dport`, `src` or `dst` ({4: ..., 6: ...})."""
        known = {name: getattr(self, name) for name in ("by", "sport", "dport", "src", "dst")}
        return Speaker(**{**known, **ends})

    def ends(self, family):
        return self.src[family], self.dst[family]

    def ip(self, proto, body=b"", **more):
        """`proto` over IP; `proto` and `body` may be {4: ..., 6: ...}; more: see build.ip4, ip6."""
        return Packet(
            self.by,
            lambda family: build.ip(
                *self.ends(family), of(proto, family), of(body, family), **more
            ),
        )

    def frame(self, make, vlans=(), ethertype=None):
        """Whatever `make(src, dst)` returns behind an Ethernet header."""
        return Packet(self.by, lambda family: make(*self.ends(family)), vlans, ethertype)

    def tcp(self, flags, seq=0, ack=0, data=b"", **more):
        """data: bytes, or how many. more: window, options (bytes), offset, check."""
        data = bytes(data) if isinstance(data, int) else data
        return self.frame(
            lambda src, dst: build.ip(
                src,
                dst,
                6,
                build.tcp(
                    src, dst, self.sport, self.dport, flags, data, seq=seq, ack=ack, **more
                ),
            )
        )

    def udp(self, data=b"data", **more):
        return self.frame(
            lambda src, dst: build.udp_packet(src, dst, self.sport, self.dport, data, **more)
        )

    def echo(self, ident, reply=False, **more):
        return self.frame(lambda src, dst: build.echo(src, dst, ident, reply, **more))

    def icmp(self, kind, code=0, rest=bytes(4), data=b"", **more):
        return self.frame(
            lambda src, dst: build.icmp_packet(src, dst, kind, code, rest, data, **more)
        )

    def error(self, name, about, cut=None, mtu=1400, **more):
        """An ICMP error of ERRORS that quotes the Packet `about`, `cut` to so many bytes."""

        def make(src, dst):
            family = 6 if ":" in src else 4
            rest = {4: struct.pack("!HH", 0, mtu), 6: struct.pack("!I", mtu)}[family]
            kind, code = ERRORS[name][family]
            return build.icmp_packet(
                src,
                dst,
                kind,
                code,
                rest if name == "too-big" else bytes(4),
                about.ip(family)[:cut],
                **more,
            )

        return self.frame(make)


def of(value, family):
    return value[family] if isinstance(value, dict) else value


def talk(peer_port, host_port):
    """(the peer, the host) of one conversation."""
    return Speaker("peer", peer_port, host_port), Speaker("host", host_port, peer_port)


peer, host = talk(40000, 80)  # the peer asks
server, client = talk(443, 40000)  # the host asks


# --- TCP conversations: sequence numbers of one end and of the other -------------------

P, H = 1000, 5000  # initial ones: of whoever is outside, and of the protected one


def scale(shift):
    """SYN options: a window's scale (RFC 7323 2.2)."""
    return b"\x01\x03\x03" + bytes((shift,))


def opened(options=b"", window=8192):
    """The peer opens a connection: three steps, established. Next: P + 1, H + 1."""
    more = {"options": options, "window": window}
    return [
        (peer.tcp(SYN, P, 0, **more), "allow rule-allow opening"),
        (host.tcp(SYN | ACK, H, P + 1, **more), "allow session-allow opening"),
        (peer.tcp(ACK, P + 1, H + 1, window=window), "allow session-allow established"),
    ]


def connected(options=b"", window=8192):
    """The protected one opens it: three steps, established."""
    more = {"options": options, "window": window}
    return [
        (client.tcp(SYN, H, 0, **more), "allow egress-learned opening"),
        (server.tcp(SYN | ACK, P, H + 1, **more), "allow session-allow opening"),
        (client.tcp(ACK, H + 1, P + 1, window=window), "allow session-allow established"),
    ]
