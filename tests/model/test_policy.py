# SPDX-License-Identifier: BSD-2-Clause
"""The policy language, a rule and a packet at a time."""

import packet
import policy
from build import (
    ACK,
    PSH,
    RST,
    SYN,
    echo,
    ethernet,
    icmp_packet,
    ip4,
    ip6,
    tcp_packet,
    udp,
    udp_packet,
)
from case import A, B, C, A6, B6, MS, S, Folder
from policy import PolicyError


class Language(Folder):
    def rule(self, body, data, head="", direction="ingress", iface=None, vlan=()):
        """Whether a rule with `body` takes the packet."""
        made = self.policy(
            f"{head}\ndefaults: {{ingress: deny, egress: deny}}\nrules: [{{id: r, {body} action: allow}}]"
        )
        parsed = packet.parse(ethernet(data, vlan))
        self.assertIsNone(parsed.verdict, parsed.reason)
        return made.decide(parsed, direction, iface) == ("allow", "r", None)

    def yes(self, body, *data, **more):
        for one in data:
            self.assertTrue(self.rule(body, one, **more), body)

    def no(self, body, *data, **more):
        for one in data:
            self.assertFalse(self.rule(body, one, **more), body)

    def test_first_match_wins(self):
        made = self.policy(
            "rules: [{id: a, service: tcp/80, action: allow}, {id: b, service: tcp, action: deny},"
            "{id: c, action: allow}]"
        )
        for port, expected in ((80, ("allow", "a", None)), (81, ("deny", "b", None))):
            self.assertEqual(
                made.decide(packet.parse(ethernet(tcp_packet(A, B, 1, port, SYN))), "ingress"),
                expected,
            )
        self.assertEqual(
            made.decide(packet.parse(ethernet(udp_packet(A, B, 1, 80))), "ingress"),
            ("allow", "c", None),
        )

    def test_defaults(self):
        parsed = packet.parse(ethernet(udp_packet(A, B, 1, 2)))
        made = self.policy("name: x")
        self.assertEqual(
            [made.decide(parsed, way) for way in ("ingress", "egress", "forward")],
            [("deny", "default", None), ("allow", "default", None), ("deny", "default", None)],
        )
        self.assertEqual(made.pickup, 5 * S)
        self.assertEqual(made.timeouts["tcp-established"], 7200 * S)
        made = self.policy("defaults: {forward: allow, pickup: loose, timeouts: {udp: 1500ms}}")
        self.assertEqual(made.decide(parsed, "forward"), ("allow", "default", None))
        self.assertEqual(
            (made.pickup, made.timeouts["udp"], made.timeouts["icmp"]), ("loose", 1500 * MS, 10 * S)
        )

    def test_names_without_id(self):
        made = self.policy("rules: [{action: allow}, {id: x, action: deny}, {action: deny}]")
        self.assertEqual([rule.id for rule in made.rules], ["rule-1", "x", "rule-3"])

    def test_addresses(self):
        one, six = udp_packet(A, C, 1, 2), udp_packet(A6, B6, 1, 2)
        self.yes("from: 10.0.0.1,", one)
        self.no("from: 10.0.0.2,", one)
        self.no("to: 10.0.0.1,", one)
        self.yes("to: 192.0.2.0/29,", one)
        self.no("to: 192.0.2.0/30,", one)
        self.yes("from: 10.0.0.0-10.0.0.1,", one)
        self.no("from: 10.0.0.2-10.0.0.9,", one)
        self.yes("from: '2001:db8::/32', to: '2001:db8::2',", six)
        self.no("from: 0.0.0.0/0,", six)
        self.no("from: '::/0',", one)
        self.yes("from: any,", one, six)
        self.yes("from: [10.9.9.9, '2001:db8::1', 10.0.0.1],", one, six)

    def test_not(self):
        one, two, six = udp_packet(A, C, 1, 2), udp_packet(B, C, 1, 2), udp_packet(A6, B6, 1, 2)
        self.no("from: [not: 10.0.0.1],", one)
        self.yes("from: [not: 10.0.0.1],", two, six)
        self.no("from: [10.0.0.0/24, not: 10.0.0.1],", one, six)
        self.yes("from: [10.0.0.0/24, not: 10.0.0.1],", two)
        self.yes("from: [not: 10.0.0.1, 10.0.0.0/24],", two)
        self.no("from: [not: 10.0.0.1, not: 10.0.0.2],", one, two)

    def test_groups(self):
        head = (
            "groups: {a: [10.0.0.1, b], b: ['2001:db8::1'], c: {include: [a, 10.0.0.2], except: [b, 10.0.0.1]},"
            " d: {file: list.txt, except: [10.0.0.2]}}"
        )
        self.file("list.txt", "# bad ones\n10.0.0.0/30  # four\n\n2001:db8::1\n")
        one, two, six = udp_packet(A, C, 1, 2), udp_packet(B, C, 1, 2), udp_packet(A6, B6, 1, 2)
        self.yes("from: a,", one, six, head=head)
        self.no("from: a,", two, head=head)
        self.yes("from: c,", two, head=head)
        self.no("from: c,", one, six, head=head)
        self.yes("from: d,", one, six, head=head)
        self.no("from: d,", two, head=head)
        self.yes("from: [a, not: b],", one, head=head)
        self.no("from: [a, not: b],", six, head=head)

    def test_services(self):
        web, dns = tcp_packet(A, B, 9, 80, SYN), udp_packet(A, B, 9, 53)
        six = tcp_packet(A6, B6, 9, 80, SYN)
        ping, ping6 = echo(A, B, 1), echo(A6, B6, 1)
        self.yes("service: tcp/80,", web, six)
        self.no("service: tcp/80,", dns, tcp_packet(A, B, 80, 9, SYN), udp_packet(A, B, 9, 80))
        self.yes("service: tcp/79-80,", web)
        self.yes("service: tcp,", web)
        self.yes("service: [udp/53, tcp/80],", web, dns)
        self.yes("service: any,", web, dns, ping, ping6, ip4(A, B, 47))
        self.yes("service: proto/47,", ip4(A, B, 47), ip6(A6, B6, 47))
        self.yes("service: proto/0x2f,", ip4(A, B, 47))
        self.yes("service: proto/6,", web)
        self.yes("service: x,", web, head="services: {x: [y], y: [tcp/80]}")
        self.yes(
            "service: [sctp/5, udplite/6, dccp/7],",
            ip4(A, B, 132, b"\0\1\0\5" + bytes(8)),
            ip4(A, B, 136, udp(A, B, 1, 6, proto=136)),
            ip4(A, B, 33, b"\0\1\0\7" + bytes(8)),
        )

    def test_icmp_services(self):
        ping, ping6, advert = echo(A, B, 1), echo(A6, B6, 1), icmp_packet(A, B, 9, 16)
        self.yes("service: icmp/echo-request,", ping)
        self.no("service: icmp/echo-request,", ping6, advert)
        self.yes("service: icmpv6/128,", ping6)
        self.no("service: icmpv6/128,", ping)
        self.yes("service: icmp,", ping, advert)
        self.no("service: icmp,", ping6)
        self.yes("service: icmp/router-advertisement,", advert)
        self.yes("service: icmp/9/16,", advert)
        self.no("service: icmp/9/0,", advert)
        self.yes("service: icmp/8/0,", ping)

    def test_source_port(self):
        self.yes(
            "source-port: 1024-65535,", tcp_packet(A, B, 1024, 80, SYN), udp_packet(A, B, 65535, 1)
        )
        self.no(
            "source-port: 1024-65535,",
            tcp_packet(A, B, 1023, 80, SYN),
            echo(A, B, 2000),
            ip4(A, B, 47),
        )
        self.yes("source-port: [53, 99], service: udp/53,", udp_packet(A, B, 99, 53))
        self.no("source-port: [53, 99], service: udp/53,", udp_packet(A, B, 98, 53))

    def test_flags_and_dscp(self):
        syn = tcp_packet(A, B, 1, 2, SYN)
        self.yes("tcp-flags: syn/syn+ack,", syn, tcp_packet(A, B, 1, 2, SYN | PSH))
        self.no(
            "tcp-flags: syn/syn+ack,", tcp_packet(A, B, 1, 2, SYN | ACK), udp_packet(A, B, 1, 2)
        )
        self.no("tcp-flags: syn+ece/syn+ece,", syn)
        self.yes("tcp-flags: syn,", syn, tcp_packet(A, B, 1, 2, SYN | ACK))
        self.yes("tcp-flags: [rst, syn/syn+psh],", syn, tcp_packet(A, B, 1, 2, RST))
        self.no("tcp-flags: [rst, syn/syn+psh],", tcp_packet(A, B, 1, 2, SYN | PSH))
        self.yes("dscp: ef,", ip4(A, B, 47, tos=46 << 2 | 1))
        self.yes("dscp: [af11, 46],", ip4(A, B, 47, tos=10 << 2), ip6(A6, B6, 47, dscp=46))
        self.no("dscp: [af11, 46],", ip4(A, B, 47))
        self.yes("dscp: cs0,", ip4(A, B, 47))

    def test_spans(self):
        self.yes("service: tcp/80-90,", *(tcp_packet(A, B, 1, port, SYN) for port in (80, 85, 90)))
        self.no("service: tcp/80-90,", *(tcp_packet(A, B, 1, port, SYN) for port in (79, 91)))
        self.yes("source-port: 0-65535,", udp_packet(A, B, 0, 1), udp_packet(A, B, 65535, 1))
        self.yes("service: proto/255,", ip4(A, B, 255))
        self.yes("service: icmpv6/255/255,", icmp_packet(A6, B6, 255, 255))

    def test_sets(self):
        some = {4: [(5, 9), (0, 3), (7, 8), (10, 12), (20, 21)], 6: [(1, 1)]}
        self.assertEqual(
            policy.Addresses(some).spans, {4: [(0, 3), (5, 12), (20, 21)], 6: [(1, 1)]}
        )
        left = policy.Addresses(some) - policy.Addresses({4: [(2, 5), (8, 8), (12, 30)]})
        self.assertEqual(left.spans, {4: [(0, 1), (6, 7), (9, 11)], 6: [(1, 1)]})
        self.assertEqual(policy.EVERYWHERE.spans, {4: [(0, 2**32 - 1)], 6: [(0, 2**128 - 1)]})
        self.assertNotIn((4, 13), policy.Addresses(some))
        self.assertFalse(policy.Addresses(some) - policy.EVERYWHERE)

    def test_words(self):
        """RFC 2474 4.2.2, 2597 6, 3246, 5865, 8622; RFC 9293 3.1, 3168; IANA's ICMP parameters."""
        af = {"af11": 10, "af12": 12, "af13": 14, "af21": 18, "af22": 20, "af23": 22}
        af |= {"af31": 26, "af32": 28, "af33": 30, "af41": 34, "af42": 36, "af43": 38}
        cs = {"cs0": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56}
        rest = {"be": 0, "df": 0, "le": 1, "lephb": 1, "va": 44, "ef": 46}
        self.assertEqual(policy.DSCP, af | cs | rest)
        self.assertEqual(
            policy.tcp_flags("fin+rst+ack/fin+syn+rst+psh+ack+urg+ece+cwr"), (0x15, 0xFF)
        )
        self.assertEqual(policy.tcp_flags("urg+cwr/urg+cwr+psh+ece"), (0xA0, 0xE8))
        numbers = [sorted(policy.ICMP_TYPES[head].values()) for head in ("icmp", "icmpv6")]
        self.assertEqual(numbers[0], [0, 3, 4, 5, *range(8, 19)])
        self.assertEqual(
            numbers[1], [1, 2, 3, 4, *range(128, 133), *range(132, 139), 141, 142, 143]
        )
        units = [policy.duration(text) for text in ("3ms", "3s", "3m", "3h", "3d")]
        self.assertEqual(units, [3 * MS, 3 * S, 180 * S, 10800 * S, 259200 * S])

    def test_where(self):
        one = udp_packet(A, B, 1, 2)
        self.yes("direction: ingress,", one)
        self.no("direction: egress,", one)
        self.yes("direction: egress,", one, direction="egress")
        self.yes("direction: any,", one, direction="egress")
        self.no("iface: eth0,", one)
        self.yes("iface: eth0,", one, iface="eth0")
        self.yes("vlan: 5,", one, vlan=(5,))
        self.no("vlan: 5,", one)
        self.no("vlan: 5,", one, vlan=(5, 6))
        self.yes("vlan: 5/6,", one, vlan=(5, 6))
        self.no("vlan: 5/6,", one, vlan=(6, 5))
        self.no("stage: shadow,", one)
        self.yes("stage: enforce,", one)

    def test_shadow(self):
        made = self.policy(
            "defaults: {ingress: deny}\n"
            "rules: [{id: a, stage: shadow, service: udp/1, action: allow},"
            "{id: b, stage: shadow, service: udp/1-2, action: deny},"
            "{id: c, service: udp/1-3, action: allow}, {id: d, stage: shadow, action: allow}]"
        )
        for port, wanted in (
            (1, ("allow", "c", "a")),
            (2, ("allow", "c", "b")),
            (3, ("allow", "c", None)),
            (4, ("deny", "default", "d")),
        ):
            parsed = packet.parse(ethernet(udp_packet(A, B, 9, port)))
            self.assertEqual(made.decide(parsed, "ingress"), wanted)

    def test_lets_all_out(self):
        asked = "defaults: {egress: allow}\nrules: [{id: a, direction: %s, action: %s%s}]"
        for direction, action, more, all_out in (
            ("egress", "allow", "", True),
            ("any", "allow", ", log: false", True),
            ("egress", "allow", ", log: true", False),
            ("egress", "allow", ", stage: shadow", False),
            ("egress", "allow", ", vlan: 7", False),
            ("egress", "deny", "", False),
            ("ingress", "deny", "", True),
            ("ingress", "allow", ", log: true", True),
        ):
            text = asked % (direction, action, more)
            self.assertEqual(self.policy(text).lets_all_out(), all_out, text)

    def test_include(self):
        self.file(
            "base.yaml",
            "version: 1\ndefaults: {ingress: allow, forward: allow}\ngroups: {g: [10.0.0.1]}\n"
            "rules: [{id: base, from: g, action: deny}]",
        )
        made = self.policy(
            "include: [base.yaml]\ndefaults: {forward: deny}\nrules: [{id: own, to: g, action: allow}]"
        )
        self.assertEqual([rule.id for rule in made.rules], ["base", "own"])
        self.assertEqual(made.verdicts, {"ingress": "allow", "egress": "allow", "forward": "deny"})

    def test_refused(self):
        for text in (
            "rule: []",
            "defaults: {ingres: deny}",
            "rules: [{action: drop}]",
            "rules: [{from: x, action: deny}]",
            "rules: [{service: tcp/99999, action: deny}]",
            "rules: [{service: tcp/9-1, action: deny}]",
            "rules: [{service: tcp/1-2-3, action: deny}]",
            "rules: [{service: proto/256, action: deny}]",
            "rules: [{service: tcp/65536, action: deny}]",
            "rules: [{service: icmp/256, action: deny}]",
            "rules: [{service: icmp/8/256, action: deny}]",
            "rules: [{source-port: 65536, action: deny}]",
            "rules: [{tcp-flags: syn/syn/syn, action: deny}]",
            "rules: [{service: icmp/nope, action: deny}]",
            "rules: [{vlan: 4095, action: deny}]",
            "rules: [{vlan: 1/2/3, action: deny}]",
            "rules: [{vlan: 0, action: deny}]",
            "rules: [{from: [], action: deny}]",
            "rules: [{from: [not: any], action: deny}]",
            "rules: [{from: 10.0.0.5/24, action: deny}]",
            "rules: [{to: '::ffff:10.0.0.1', action: deny}]",
            "rules: [{service: icmp, source-port: 5, action: deny}]",
            "groups: {a: [b], b: [a]}",
            "rules: [{id: a, id: b, action: deny}]",
            "rules: [{id: a, action: deny}, {id: a, action: deny}]",
            "services: {a: [a]}",
            "rules: [{dscp: 64, action: deny}]",
            "rules: [{tcp-flags: syn/ack, action: deny}]",
            "defaults: {pickup: 5}",
            "defaults: {timeouts: {udp: 30}}",
            "include: [policy.yaml]",
            "include: [none.yaml]",
        ):
            with self.assertRaises(PolicyError, msg=text):
                self.policy(text)
