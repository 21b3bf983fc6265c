# SPDX-License-Identifier: BSD-2-Clause
"""What `why` and `replay` say of a flow is what its first packet meets.

Policies of each kind are applied; for each probe `why --json` is asked by the policy in
force, then the frame is sent. Three witnesses have to agree: the exit's reason, the rule's
counter, and whether the server's stack was given the frame. In the end `replay` is given
all that was sent, and has to say the same of each.
"""
import dataclasses
import json
import struct

import packets as p
from lab import IFACE, Lab
from system import check, check_equal, stat_fields, stopped, until
from test_frames import STRICT, address, packet_socket

TCP, UDP, ICMP, ICMP6, GRE, SCTP, UDPLITE = 6, 17, 1, 58, 47, 132, 136
SYN, ACK, ECE, CWR = 2, 16, 64, 128
NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "icmpv6", GRE: "proto/47", SCTP: "sctp",
         UDPLITE: "udplite"}
FLAGS = {SYN: "syn", ACK: "ack", ECE: "ece", CWR: "cwr"}


@dataclasses.dataclass(frozen=True)
class Probe:
    """A flow's first packet. Its source is on no link, so that nobody answers it."""
    proto: int
    dport: int = 0
    src: str = "203.0.113.1"
    dst: str = "10.77.0.2"
    sport: int = 4000
    icmp: tuple = (8, 0)
    flags: int = SYN
    vlan: tuple = ()
    dscp: int = 0

    @property
    def family(self):
        return 6 if ":" in self.src else 4

    def body(self):
        ends = self.src, self.dst, self.sport, self.dport
        rest = struct.pack("!HH", self.sport, 1) + b"x" * 8
        return {
            TCP: lambda: p.tcp(*ends, self.flags),
            UDP: lambda: p.udp(*ends),
            UDPLITE: lambda: p.udplite(*ends),
            SCTP: lambda: p.sctp(self.sport, self.dport),
            ICMP: lambda: p.icmp(*self.icmp, rest),
            ICMP6: lambda: p.icmp6(self.src, self.dst, *self.icmp, rest),
            GRE: lambda: bytes(8),
        }[self.proto]()

    def frame(self, ends):
        make = p.ipv4 if self.family == 4 else p.ipv6
        packet = make(self.src, self.dst, self.proto, self.body(), tos=self.dscp << 2)
        return p.ethernet(*ends, self.family, packet, self.vlan)

    def end(self, host, port):
        if self.proto in (ICMP, ICMP6, GRE):
            return host
        return f"[{host}]:{port}" if self.family == 6 else f"{host}:{port}"

    def flow(self):
        """As `why` wants it."""
        words = [NAMES[self.proto], self.end(self.src, self.sport), ">",
                 self.end(self.dst, self.dport)]
        if self.proto in (ICMP, ICMP6):
            words.append("{}/{}".format(*self.icmp))
        if self.proto == TCP:
            words += ["flags", "+".join(n for bit, n in FLAGS.items() if self.flags & bit)]
        if self.vlan:
            words += ["vlan", "/".join(map(str, self.vlan))]
        if self.dscp:
            words += ["dscp", str(self.dscp)]
        return words


class Range:
    """A lab in which probes are fired; each has a source port, or id, of its own."""

    def __init__(self, lab):
        self.lab = lab
        self.sock = packet_socket(lab)
        self.ends = address(lab.client, "c0"), address(lab.server, IFACE)
        self.sport = 5000
        self.met = []  # (frame, verdict, rule, reason) of each probe

    def state(self):
        stats = self.lab.stats()
        iface = stats["interfaces"][IFACE]
        exits = {**iface["reasons"], **iface["losses"]}
        exits.pop("to-worker", None)
        return ({name: count["packets"] for name, count in exits.items()},
                {rule: count["packets"] for rule, count in stats["rules"].items()})

    def change(self, before):
        """What has been counted since, {reason: n} and {rule: n}; None until it is one packet."""
        exits, rules = (
            {name: n - old.get(name, 0) for name, n in new.items() if n != old.get(name, 0)}
            for old, new in zip(before, self.state()))
        return (exits, rules) if sum(exits.values()) == 1 else None

    def fire(self, probe):
        """(verdict, rule, reason) by the witnesses."""
        before, delivered = self.state(), self.lab.delivered()
        self.sock.send(probe.frame(self.ends))
        exits, rules = until("the packet to be counted", lambda: self.change(before))
        reason, rule = next(iter(exits)), next(iter(rules), "-")
        if reason in ("rule-allow",):
            until("delivery", lambda: self.lab.delivered() > delivered)
        passed = self.lab.delivered() - delivered
        return ("allow" if passed else "deny"), rule, reason

    def check(self, probe, rule):
        """`rule` is the one that this test is about: who writes it down is the fourth witness."""
        self.sport += 1
        if not probe.sport or probe.sport == 4000:
            probe = dataclasses.replace(probe, sport=self.sport)
        why = self.lab.xdpseg("why", "--iface", IFACE, *probe.flow()).json
        said = why["verdict"], why["rule"], why["reason"]
        check_equal(why["rule"], rule, f"rule for {' '.join(probe.flow())}")
        check_equal(self.fire(probe), said, f"what {' '.join(probe.flow())} met")
        self.met.append((probe.frame(self.ends), *said))

    def replay(self, policy):
        """The same frames, long after the time in which flows are picked up."""
        path = f"{self.lab.dir}/probes.pcap"
        start = p.ethernet(*self.ends, 4, b"")
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for second, frame in enumerate([start] + [met[0] for met in self.met]):
                out.write(struct.pack("<IIII", 60 * second, 0, len(frame), len(frame)) + frame)
        out = self.lab.xdpseg("replay", path, "--policy", policy, "--iface", IFACE, "--packets").out
        lines = [json.loads(line) for line in out.splitlines()]
        for (_, *met), line in zip(self.met, lines[1:], strict=False):
            check_equal([line["verdict"], line["rule"], line["reason"]], met,
                        f"what replay says of {line}")
        check_equal(len(lines), len(self.met) + 2, "lines of replay")


def check_policy(text, probes, unhandled=False, **files):
    """Apply it; each probe (rule, Probe) has to meet what `why` says, and say `rule`.

    unhandled: the stack drops some of what it is given, and counts it as dropped by the device.
    """
    with Lab() as lab:
        lab.merged = unhandled
        lab.attach(STRICT)
        for name, content in files.items():
            lab.write(name.replace("_", "."), content)
        lab.xdpseg("policy", "apply", lab.write("policy.yaml", text))
        field = Range(lab)
        for rule, probe in probes:
            field.check(probe, rule)
        field.replay(f"{lab.dir}/policy.yaml")
        check(len({rule for rule, _ in probes}) > 1, "the probes are all alike")


def test_groups():
    """Prefixes, ranges, include, except, not, a list file, an included file; both families."""
    text = """\
version: 1
name: groups
include: [more.yaml]
defaults: {ingress: deny, egress: allow}
groups:
  web: {include: [dmz], except: [10.0.1.66]}
  bad: {file: bad.txt}
rules:
  - {id: bad, from: bad, action: deny}
  - {id: ssh, from: [not: admins], to: web, service: tcp/22, action: deny}
  - {id: web, to: web, service: [tcp/22, tcp/80], action: allow}
  - {id: six, from: "2001:db8:1::/48", to: "2001:db8:2::/64", service: udp, action: allow}
"""
    more = """\
version: 1
groups:
  admins: [192.0.2.10, 198.51.100.5-198.51.100.9]
  dmz: [10.0.1.0/24]
"""
    check_policy(text, [
        ("bad", Probe(TCP, 80, src="192.0.2.66", dst="10.0.1.9")),
        ("bad", Probe(UDP, 9, src="2001:db8:bad::7", dst="2001:db8:2::1")),
        ("web", Probe(TCP, 80, dst="10.0.1.9")),
        ("default", Probe(TCP, 80, dst="10.0.1.66")),
        ("default", Probe(TCP, 80, dst="10.0.2.1")),
        ("web", Probe(TCP, 22, src="192.0.2.10", dst="10.0.1.9")),
        ("web", Probe(TCP, 22, src="198.51.100.9", dst="10.0.1.9")),
        ("ssh", Probe(TCP, 22, src="198.51.100.10", dst="10.0.1.9")),
        ("ssh", Probe(TCP, 22, src="192.0.2.11", dst="10.0.1.9")),
        ("six", Probe(UDP, 9, src="2001:db8:1::7", dst="2001:db8:2::1")),
        ("default", Probe(UDP, 9, src="2001:db8:3::7", dst="2001:db8:2::1")),
    ], bad_txt="192.0.2.66 # known\n2001:db8:bad::/48\n", more_yaml=more)


def test_services():
    text = """\
version: 1
name: services
defaults: {ingress: deny, egress: allow}
services:
  web: [tcp/80, tcp/443, udp/443]
  high: [tcp/1024-65535]
rules:
  - {id: web, service: web, action: allow}
  - {id: from-low, service: high, source-port: 1-1023, action: deny}
  - {id: high, service: high, source-port: [2000-2999, 4000-9999], action: allow}
  - {id: gre, service: proto/47, action: allow}
  - {id: sctp, service: sctp/36412, action: allow}
  - {id: lite, service: udplite/1000-1999, action: allow}
  - {id: ping, service: [icmp/echo-request, icmpv6/128], action: allow}
  - {id: router, service: icmp/10/0, action: allow}
  - {id: no-icmp, service: icmp, action: deny}
"""
    check_policy(text, [
        ("web", Probe(TCP, 80)), ("web", Probe(UDP, 443)), ("default", Probe(UDP, 80)),
        ("default", Probe(TCP, 81)), ("from-low", Probe(TCP, 1024, sport=1023)),
        ("high", Probe(TCP, 65535)), ("high", Probe(TCP, 1024, sport=2999)),
        ("default", Probe(TCP, 1024, sport=3000)), ("default", Probe(TCP, 1023)),
        ("gre", Probe(GRE)), ("sctp", Probe(SCTP, 36412)), ("default", Probe(SCTP, 80)),
        ("lite", Probe(UDPLITE, 1000)), ("default", Probe(UDPLITE, 2000)),
        ("ping", Probe(ICMP)), ("ping", Probe(ICMP6, src="2001:db8::1", dst="fd77::2",
                                              icmp=(128, 0))),
        ("router", Probe(ICMP, icmp=(10, 0))), ("no-icmp", Probe(ICMP, icmp=(10, 1))),
        ("-", Probe(ICMP, icmp=(5, 1))), ("-", Probe(TCP, 80, flags=ACK)),
        ("-", Probe(UDP, 443, src="127.0.0.1")),
        ("default", Probe(ICMP6, src="2001:db8::1", dst="fd77::2", icmp=(200, 0))),
    ])


def test_vlans():
    text = """\
version: 1
name: vlans
defaults: {ingress: deny, egress: allow}
rules:
  - {id: both, vlan: 100/200, service: udp/53, action: allow}
  - {id: one, vlan: 100, service: udp/53, action: allow}
  - {id: any, service: udp/54, action: allow}
"""
    check_policy(text, [
        ("one", Probe(UDP, 53, vlan=(100,))), ("both", Probe(UDP, 53, vlan=(100, 200))),
        ("default", Probe(UDP, 53)), ("any", Probe(UDP, 54)), ("any", Probe(UDP, 54, vlan=(100,))),
        ("-", Probe(UDP, 54, vlan=(101,))), ("-", Probe(UDP, 53, vlan=(200, 100))),
        ("default", Probe(TCP, 53, vlan=(100,))),
    ], unhandled=True)


def test_ifaces():
    text = f"""\
version: 1
name: ifaces
defaults: {{ingress: deny, egress: allow}}
rules:
  - {{id: elsewhere, iface: eth9, action: allow}}
  - {{id: here, iface: {IFACE}, service: tcp/80, action: allow}}
  - {{id: anywhere, iface: [eth9, {IFACE}], service: tcp/81, action: allow}}
"""
    check_policy(text, [("here", Probe(TCP, 80)), ("anywhere", Probe(TCP, 81)),
                        ("default", Probe(TCP, 82))])


def test_tcp_flags_and_dscp():
    text = """\
version: 1
name: fields
defaults: {ingress: deny, egress: allow}
rules:
  - {id: ecn, service: tcp/80, tcp-flags: syn+ece+cwr, action: deny}
  - {id: plain, service: tcp/80, tcp-flags: syn/syn+ack, action: allow}
  - {id: af, service: udp, dscp: [af11, 46], action: allow}
  - {id: best-effort, service: udp/9, dscp: 0, action: allow}
"""
    check_policy(text, [
        ("plain", Probe(TCP, 80)), ("ecn", Probe(TCP, 80, flags=SYN | ECE | CWR)),
        ("plain", Probe(TCP, 80, flags=SYN | ECE)), ("default", Probe(TCP, 81)),
        ("af", Probe(UDP, 53, dscp=10)), ("af", Probe(UDP, 53, dscp=46)),
        ("default", Probe(UDP, 53, dscp=12)), ("best-effort", Probe(UDP, 9)),
        ("af", Probe(UDP, 9, dscp=46, src="2001:db8::1", dst="fd77::2")),
    ])


def test_default_allow_and_log():
    text = """\
version: 1
name: open
defaults: {ingress: allow, egress: allow}
rules:
  - {id: no-smb, direction: any, service: [tcp/445, udp/137-139], action: deny, log: true}
  - {id: seen, direction: ingress, service: tcp/80, action: allow, log: true}
  - {id: through, direction: forward, service: tcp/81, action: deny}
"""
    check_policy(text, [("no-smb", Probe(TCP, 445)), ("no-smb", Probe(UDP, 138)),
                        ("seen", Probe(TCP, 80)), ("default", Probe(TCP, 81)),
                        ("default", Probe(UDP, 136)), ("default", Probe(GRE))])


LOSS = """\
version: 1
name: loss-{0}
defaults: {{ingress: deny, egress: allow, on-worker-loss: {0}}}
rules:
  - {{id: open, service: udp/9000, action: allow}}
"""


def test_on_worker_loss_follows_the_policy_applied():
    """With the worker stopped, what becomes of unknown flows is what was applied last."""
    exits = {"pass": "worker-lost-pass", "sessions": "worker-lost", "drop": "worker-lost"}
    for wish, reason in exits.items():
        with Lab() as lab:
            lab.attach(LOSS.format("sessions" if wish != "sessions" else "pass"))
            lab.xdpseg("policy", "apply", lab.write("policy.yaml", LOSS.format(wish)))
            field = Range(lab)
            worker = lab.worker()
            with stopped(stat_fields(worker)[1], worker):  # or the spawner replaces it at once
                def lost():
                    field.sport += 1
                    probe = Probe(UDP, 9000, sport=field.sport)
                    field.sock.send(probe.frame(field.ends))
                    return lab.exits().get(reason)
                until(f"{reason} with on-worker-loss: {wish}", lost)
