# SPDX-License-Identifier: BSD-2-Clause
"""Sequences of packets, and what the judge says to each."""

import capture
from build import ACK, FIN, PSH, RST, SYN, echo, ethernet, ip4, tcp, tcp_packet, udp, udp_packet
from case import A, B, C, A6, B6, C6, S, Folder, quoting
from judge import Judge, Summary
from model import as_object


class Replay(Folder):
    """Sequences: what the judge says to each packet."""

    ALLOW = "defaults: {ingress: allow}"

    def setUp(self):
        super().setUp()
        self.next = [1000, 5000]

    def start(self, text=ALLOW, local=(), oracle=None):
        self.clock = 1000 * S
        self.judge = Judge(self.policy(text), local, oracle=oracle)
        self.next = [1000, 5000]

    def after(self, seconds):
        self.clock += round(seconds * S)

    def send(self, data, vlan=(), cut=False):
        return self.judge.judge(capture.Record(self.clock, ethernet(data, vlan), cut))

    def reason(self, data, **more):
        return self.send(data, **more).reason

    def whole(self, data, **more):
        found = self.send(data, **more)
        return (
            found.verdict,
            found.rule,
            found.path,
            found.reason,
            found.session and found.session.state,
        )

    def syn(self, flags=SYN, back=False, data=b""):
        """The next segment of A to B, or back."""
        seq, ack = self.next[back], self.next[not back]
        self.next[back] += len(data) + bool(flags & (SYN | FIN))
        ends = (B, A, 80, 9) if back else (A, B, 9, 80)
        return ip4(*ends[:2], 6, tcp(*ends, flags, data, seq=seq, ack=ack if flags & ACK else 0))

    def states(self, *flags):
        """The state after each: (flags, by the originator)."""
        return [self.send(self.syn(one, not first)).session.state for one, first in flags]

    def test_the_first_and_the_rest(self):
        self.start("rules: [{id: web, service: tcp/80, action: allow}]")
        self.assertEqual(self.whole(self.syn()), ("allow", "web", "slow", "rule-allow", "opening"))
        self.assertEqual(
            self.whole(self.syn(SYN | ACK, True)),
            ("allow", "web", "session", "session-allow", "opening"),
        )
        self.assertEqual(
            self.whole(self.syn(ACK)), ("allow", "web", "session", "session-allow", "established")
        )
        one = udp_packet(A, B, 5, 6)
        self.assertEqual(self.whole(one), ("deny", "default", "slow", "rule-deny", "opening"))
        self.assertEqual(self.whole(one), ("deny", "default", "session", "session-deny", "opening"))
        self.assertEqual(self.whole(one)[4], "opening")  # what is denied moves nowhere
        # a denial is of the side that began
        self.assertEqual(self.whole(udp_packet(B, A, 6, 5))[3], "rule-deny")
        self.assertEqual(self.whole(udp_packet(B, A, 6, 5))[3], "rule-deny")
        self.assertEqual(self.whole(one)[3], "session-deny")
        self.assertEqual(self.whole(ethernet(b"")[:13])[:4], ("deny", "-", "guard", "truncated"))

    def test_handshake_and_close(self):
        self.start()
        self.assertEqual(
            self.states(
                (SYN, 1),
                (SYN, 1),
                (SYN | ACK, 0),
                (SYN | ACK, 0),
                (ACK, 1),
                (ACK, 0),
                (FIN | ACK, 0),
                (ACK, 1),
                (FIN | ACK, 0),
                (FIN | ACK, 1),
                (ACK, 0),
            ),
            ["opening"] * 4 + ["established"] * 2 + ["closing"] * 3 + ["time-wait"] * 2,
        )

    def test_no_answer_no_assurance(self):
        self.start()
        self.assertEqual(
            [self.whole(self.syn(flags, back))[3:] for flags, back in (
                (SYN, False), (ACK, False), (ACK, True), (FIN | ACK, True), (RST | ACK, False)
            )],
            [("rule-allow", "opening"), ("tcp-window", None), ("session-allow", "opening"),
             ("tcp-window", None), ("session-allow", "closed")],
        )

    def test_simultaneous_open(self):
        """RFC 9293 3.5, figure 7."""
        self.start()
        self.assertEqual(
            self.states((SYN, 1), (SYN, 0), (SYN | ACK, 1), (SYN | ACK, 0), (ACK, 1)),
            ["opening"] * 4 + ["established"],
        )

    def test_reset(self):
        self.start()
        self.assertEqual(
            self.states(
                (SYN, 1),
                (RST | ACK, 0),
                (ACK, 1),
                (FIN | ACK, 1),
                (SYN, 1),
                (SYN | ACK, 0),
                (ACK, 1),
                (RST, 1),
            ),
            ["opening"] + ["closed"] * 3 + ["opening"] * 2 + ["established", "closed"],
        )

    def test_opened_again(self):
        self.start()
        close = ((SYN, 1), (SYN | ACK, 0), (ACK, 1), (FIN | ACK, 1), (FIN | ACK, 0))
        self.assertEqual(self.states(*close)[-1], "time-wait")
        self.assertEqual(self.whole(self.syn())[3:], ("rule-allow", "opening"))  # judged anew
        self.assertEqual(self.states(*close[1:])[1:], ["established", "closing", "time-wait"])
        self.assertEqual(self.whole(self.syn(back=True))[3:], ("rule-allow", "opening"))
        self.assertEqual(self.states((SYN | ACK, 1), (ACK, 0)), ["opening", "established"])

    def test_fin_at_once(self):
        self.start()
        self.assertEqual(
            self.states((SYN, 1), (SYN | ACK, 0), (FIN | ACK, 1), (FIN | ACK, 1), (SYN, 1)),
            ["opening", "opening", "closing", "closing", "closing"],
        )

    def test_midflow(self):
        self.start("defaults: {ingress: allow, pickup: 0}")
        for flags in (SYN | ACK, ACK, FIN | ACK, RST, RST | ACK):
            self.assertEqual(
                self.whole(self.syn(flags)), ("deny", "-", "guard", "tcp-midflow", None)
            )
        self.assertEqual(self.reason(self.syn(SYN | PSH)), "rule-allow")

    def test_pickup(self):
        text = "defaults: {pickup: 5s}\nrules: [{id: web, service: tcp/80, action: allow}]"
        self.start(text)
        self.send(udp_packet(A, B, 1, 1))
        self.after(4.9)
        self.assertEqual(self.reason(self.syn(ACK, True)), "tcp-midflow")  # to port 9: not allowed
        self.assertEqual(
            self.whole(self.syn(ACK)), ("allow", "web", "slow", "rule-allow", "opening")
        )
        self.assertEqual(self.states((ACK, 0), (ACK, 1)), ["opening", "established"])
        self.after(0.2)
        self.assertEqual(self.reason(tcp_packet(A, B, 10, 80, ACK)), "tcp-midflow")
        self.start(text.replace("5s", "loose"))
        self.after(9999)
        self.assertEqual(self.reason(self.syn(RST)), "rule-allow")
        self.assertEqual(self.send(self.syn(ACK)).session.state, "closed")

    def test_echo(self):
        self.start(
            "rules: [{id: ping, service: [icmp/echo-request, icmpv6/echo-request], action: allow}]"
        )
        for one, two in ((A, B), (A6, B6)):
            self.assertEqual(
                self.whole(echo(one, two, 1, reply=True)),
                ("deny", "-", "slow", "icmp-unasked", None),
            )
            self.assertEqual(
                self.whole(echo(one, two, 1))[:4], ("allow", "ping", "slow", "rule-allow")
            )
            self.assertEqual(
                self.whole(echo(two, one, 1, reply=True))[3:], ("session-allow", "opening")
            )
            self.assertEqual(self.whole(echo(one, two, 1))[3:], ("session-allow", "established"))
            self.assertEqual(self.reason(echo(two, one, 2, reply=True)), "icmp-unasked")

    def test_bad_checksum_makes_no_session(self):
        self.start()
        bad = ip4(A, B, 17, udp(A, B, 1, 2, check=5))
        self.assertEqual(self.whole(bad), ("deny", "-", "slow", "bad-l4-checksum", None))
        self.assertEqual(self.reason(udp_packet(A, B, 1, 2)), "rule-allow")
        self.assertEqual(self.reason(bad), "session-allow")
        self.start()
        self.assertEqual(self.reason(bad, cut=True), "rule-allow")

    def test_errors(self):
        self.start("rules: [{id: dns, service: udp/53, action: allow}]")
        dns, other = udp_packet(A, B, 9, 53), udp_packet(A, B, 9, 54)
        self.assertEqual(self.whole(quoting(dns))[:4], ("deny", "-", "session", "icmp-unrelated"))
        self.send(dns)
        self.send(other)
        self.assertEqual(self.whole(quoting(dns))[:4], ("allow", "dns", "session", "icmp-related"))
        self.assertEqual(self.whole(quoting(udp_packet(B, A, 53, 9), to=B))[3], "icmp-related")
        self.assertEqual(self.whole(quoting(other))[:4], ("deny", "-", "session", "icmp-unrelated"))

    def test_an_error_keeps_nothing_alive(self):
        self.start()
        dns = udp_packet(A, B, 9, 53)
        self.send(dns)
        self.after(20)
        self.assertEqual(self.reason(quoting(dns)), "icmp-related")
        self.after(11)
        self.assertEqual(self.reason(dns), "rule-allow")

    def idle(self, *packets):
        """The seconds after which the flow of `packets` is forgotten, to a hundredth."""
        low, high = 0.0, 20000.0
        while high - low > 0.01:
            self.start()
            for one in packets:
                self.send(one)
            self.after((low + high) / 2)
            known = self.send(packets[-1]).path == "session"
            low, high = ((low + high) / 2, high) if known else (low, (low + high) / 2)
        return round(low)

    def test_timeouts(self):
        """The contract's defaults."""
        open_ = [self.syn(), self.syn(SYN | ACK, True), self.syn(ACK)]
        rst, fin, nif = self.syn(RST), self.syn(FIN | ACK), self.syn(FIN | ACK, True)
        ask, answered = udp_packet(A, B, 5, 6), udp_packet(B, A, 6, 5)
        for packets, seconds in (
            (open_[:1], 30),
            (open_[:2], 30),
            (open_, 7200),
            (open_ + [fin], 30),
            (open_ + [fin, nif], 30),
            (open_ + [rst], 30),
            ([ask], 30),
            ([ask, answered], 30),
            ([ask, answered, ask], 120),
            ([echo(A, B, 1)], 10),
            ([ip4(A, B, 47)], 60),
            ([ip4(A, B, 132, bytes(12))], 60),
        ):
            self.assertEqual(self.idle(*packets), seconds)

    def test_each_timeout_has_its_name(self):
        names = [
            "tcp-syn",
            "tcp-established",
            "tcp-fin",
            "tcp-time-wait",
            "udp",
            "udp-stream",
            "icmp",
            "other",
        ]
        self.ALLOW = "defaults: {ingress: allow, timeouts: {%s}}" % ", ".join(
            f"{name}: {number}m" for number, name in enumerate(names, 1)
        )
        self.start = lambda: Replay.start(self, self.ALLOW)
        open_ = [self.syn(), self.syn(SYN | ACK, True), self.syn(ACK)]
        rst = self.syn(RST)
        ask, answered = udp_packet(A, B, 5, 6), udp_packet(B, A, 6, 5)
        for number, packets in enumerate(
            (
                open_[:1],
                open_,
                open_ + [self.syn(FIN | ACK)],
                open_ + [rst],
                [ask],
                [ask, answered, ask],
                [echo(A6, B6, 1)],
                [ip4(A, B, 47)],
            ),
            1,
        ):
            self.assertEqual(self.idle(*packets), number * 60)

    def test_gone_when_idle_for_longer(self):
        one = udp_packet(A, B, 5, 6)
        for nanoseconds, reason in ((0, "session-allow"), (1, "rule-allow")):
            self.start()
            self.send(one)
            self.clock += 30 * S + nanoseconds
            self.assertEqual(self.reason(one), reason)

    def test_summary(self):
        self.start(
            "rules: [{id: soon, stage: shadow, service: udp/53, action: deny},"
            "{id: dns, service: udp/53, action: allow}]"
        )
        summary = Summary()
        for data in (
            udp_packet(A, B, 9, 53),
            udp_packet(A, B, 9, 53),
            udp_packet(A, B, 9, 54),
            ip4(A, B, 47, ttl=0),
        ):
            record = capture.Record(self.clock, ethernet(data), False)
            summary.add(record, self.judge.judge(record))
        self.assertEqual(
            summary.report(self.judge),
            {
                "packets": 4,
                "bytes": 42 * 3 + 34,
                "sessions": 2,
                "verdicts": {"allow": 2, "deny": 2},
                "paths": {"session": 1, "wildcard": 0, "slow": 2, "guard": 1},
                "reasons": {"rule-allow": 1, "rule-deny": 1, "session-allow": 1, "ttl-zero": 1},
                "rules": {
                    "default": {"packets": 1, "shadow": 0},
                    "dns": {"packets": 2, "shadow": 0},
                    "soon": {"packets": 0, "shadow": 2},
                },
            },
        )

    def test_any_packet_of_the_flow_keeps_it(self):
        self.start()
        self.send(udp_packet(A, B, 5, 6))
        for _ in range(3):
            self.after(29)
            self.assertEqual(self.reason(udp_packet(B, A, 6, 5)), "session-allow")

    def test_time_never_goes_back(self):
        self.start()
        self.send(udp_packet(A, B, 5, 6))
        self.after(100)
        self.send(ip4(A, B, 47))
        self.after(-100)
        self.assertEqual(self.reason(udp_packet(A, B, 5, 6)), "rule-allow")

    def test_oracle(self):
        asked = []

        def says(question):
            asked.append(question)
            return True

        self.start("defaults: {ingress: allow}", oracle=says)
        self.send(udp_packet(A, B, 5, 6))
        self.after(29.6)
        self.assertEqual(self.reason(udp_packet(A, B, 5, 6)), "session-allow")
        self.after(29.8)
        self.assertEqual(self.reason(udp_packet(A, B, 5, 6)), "rule-allow")
        self.assertEqual(asked, ["expired"])
        self.start("defaults: {ingress: allow}", oracle=says)
        self.send(udp_packet(A, B, 5, 6))
        self.after(4.9)
        self.assertEqual(self.reason(self.syn(ACK)), "tcp-midflow")
        self.assertEqual(asked, ["expired", "pickup"])

    def test_zones(self):
        self.start(
            "defaults: {ingress: deny}\nrules: [{id: v, vlan: 5, service: udp, action: allow},"
            "{id: all, service: tcp, action: allow}]"
        )
        one = udp_packet(A, B, 5, 6)
        self.assertEqual(self.reason(one), "rule-deny")
        self.assertEqual(self.reason(one, vlan=(5,)), "rule-allow")
        self.assertEqual(self.reason(one, vlan=(0, 5)), "session-allow")
        self.assertEqual(self.reason(one, vlan=(0,)), "session-deny")
        for stack in ((6,), (5, 6), (4095,)):
            self.assertEqual(self.reason(one, vlan=stack), "vlan-unknown")
            self.assertEqual(self.reason(udp_packet(A, B, 67, 68), vlan=stack), "vlan-unknown")
            self.assertEqual(self.reason(quoting(one), vlan=stack), "vlan-unknown")
            self.assertEqual(self.reason(ip4(A, B, 17, bytes(8), ttl=0), vlan=stack), "ttl-zero")
        self.assertEqual(self.reason(self.syn(), vlan=(5,)), "rule-allow")
        self.assertEqual(self.reason(self.syn()), "rule-allow")
        self.assertEqual(self.reason(quoting(one), vlan=(5,)), "icmp-related")
        self.assertEqual(self.reason(quoting(one)), "icmp-unrelated")

    def test_directions(self):
        self.start(
            "rules: [{id: in, direction: ingress, action: allow}, {id: out, direction: egress, action: allow},"
            "{id: through, direction: forward, action: allow}]",
            ["10.0.0.0/24", "2001:db8::/64"],
        )
        for src, dst, rule in (
            (A, B, "in"),
            (C, A, "in"),
            (A, C, "out"),
            (C, "192.0.2.8", "through"),
            (C, "224.0.0.251", "in"),
            (C, "255.255.255.255", "in"),
            (A, "224.0.0.251", "out"),
            (A6, C6, "out"),
            (C6, A6, "in"),
            (C6, "2001:db8:f::8", "through"),
            (C6, "ff02::1", "in"),
        ):
            with self.subTest(f"{src} > {dst}"):
                self.assertEqual(self.send(udp_packet(src, dst, 1, 2)).rule, rule)
        self.assertEqual(
            self.whole(udp_packet("192.0.2.8", C, 2, 1))[1:4],
            ("through", "session", "session-allow"),
        )

    def test_answer_as_object(self):
        self.start()
        self.assertEqual(
            as_object(3, self.send(tcp_packet(A6, B6, 9, 80, SYN))),
            {
                "n": 3,
                "verdict": "allow",
                "rule": "default",
                "path": "slow",
                "reason": "rule-allow",
                "proto": "tcp",
                "src": A6,
                "sport": 9,
                "dst": B6,
                "dport": 80,
                "state": "opening",
                "shadow": None,
            },
        )
        self.assertEqual(as_object(4, self.send(ip4(A, B, 47)))["proto"], "47")
        self.assertIsNone(as_object(5, self.send(b""))["proto"])
