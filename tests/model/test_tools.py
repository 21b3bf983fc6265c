# SPDX-License-Identifier: BSD-2-Clause
"""The comparer and the generator."""
import os
import random
import stat
import sys

import capture
import compare
import generate
import packet
from build import echo, ethernet, ip4, udp_packet
from case import A, B, S, Folder
from judge import Judge
from policy import Policy


FAKE = """#!{python}
import io, json, sys
sys.path.insert(0, {folder!r})
import model
out = io.StringIO()
arguments = [one for one in sys.argv[2:] if one not in ("--json", "--packets")]
model.replay(model.arguments(arguments), out)
items = [json.loads(line) for line in out.getvalue().splitlines()]
{tamper}
for item in items:
    print(json.dumps(item))
"""


class Compare(Folder):
    """A product that is the model, tampered with."""

    def run_with(self, tamper, *more):
        here = os.path.dirname(os.path.abspath(__file__))
        fake = self.file("fake", FAKE.format(python=sys.executable, folder=here, tamper=tamper))
        os.chmod(fake, stat.S_IRWXU)
        policy = self.file(
            "policy.yaml", "version: 1\nrules: [{id: dns, service: udp/53, action: allow}]"
        )
        path = os.path.join(self.folder, "x.pcap")
        frames = [
            udp_packet(A, B, 9, 53),
            udp_packet(B, A, 53, 9),
            echo(A, B, 1),
            ip4(A, B, 17, bytes(8), ttl=0),
        ]
        capture.write(path, [(number * S, ethernet(one)) for number, one in enumerate(frames)])
        output, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
        try:
            return compare.main(["--xdpseg", fake, "--policy", policy, *more, path])
        finally:
            sys.stdout.close()
            sys.stdout = output

    def test_equal(self):
        self.assertEqual(self.run_with(""), 0)
        self.assertEqual(self.run_with("", "--local", "10.0.0.1"), 0)

    def test_guard_reason_may_differ(self):
        self.assertEqual(
            self.run_with("items[3]['reason'] = 'bad-checksum'; items[3]['src'] = None"), 0
        )

    def test_every_difference_is_found(self):
        for tamper in (
            "items[0]['verdict'] = 'deny'",
            "items[0]['rule'] = 'default'",
            "items[1]['path'] = 'slow'",
            "items[1]['reason'] = 'session-deny'",
            "items[3]['verdict'] = 'allow'",
            "items[3]['rule'] = 'dns'",
            "items[1]['state'] = 'established'",
            "items[1]['src'] = '10.0.0.9'",
            "items[1]['sport'] = 54",
            "items[2]['proto'] = 'icmpv6'",
            "items[1]['n'] = 3",
            "del items[3]",
            "items.insert(0, items[0])",
            "items[4]['summary']['packets'] = 5",
            "items[4]['summary']['verdicts']['allow'] = 3",
            "del items[4]",
            "sys.exit(1)",
            "print('no JSON')",
        ):
            with self.subTest(tamper):
                self.assertEqual(self.run_with(tamper), 1)


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Generate(Folder):
    def test_same_seed_same_files(self):
        def made(folder):
            os.mkdir(folder)
            for seed in (1, 2, 3):
                generate.generate(folder, seed, 60)
            return {
                name: content(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
            }

        self.assertEqual(made(os.path.join(self.folder, "a")), made(os.path.join(self.folder, "b")))

    def test_every_reason_comes(self):
        """A generator that no longer reaches a check would say nothing about it."""
        reasons = set()
        for seed in range(40):
            policy, path, local = generate.generate(self.folder, seed, 300)
            judge = Judge(Policy(policy), local.strip("-").split(",") if local != "-" else ())
            answers = [judge.judge(record) for record in capture.read(path)]
            judge.end()
            reasons |= {answer.reason for answer in answers}
        self.assertEqual(
            reasons,
            {
                "arp",
                "bad-checksum",
                "bad-header",
                "bad-l4-checksum",
                "dhcp",
                "egress-allow",
                "egress-learned",
                "extension-headers",
                "failsafe",
                "fragment-length",
                "fragment-overlap",
                "fragment-timeout",
                "fragment-tiny",
                "icmp-mtu",
                "icmp-quote",
                "icmp-related",
                "icmp-type",
                "icmp-unasked",
                "icmp-unrelated",
                "ip-options",
                "martian",
                "multicast-listener",
                "neighbour-discovery",
                "non-ip",
                "off-link",
                "rule-allow",
                "rule-deny",
                "session-allow",
                "session-deny",
                "tcp-header",
                "tcp-midflow",
                "tcp-window",
                "truncated",
                "ttl-zero",
                "udp-length",
                "vlan-unknown",
            },
        )

    def test_noise_crashes_nothing(self):
        rng = random.Random(1)
        for _ in range(3000):
            frame = bytearray(rng.randbytes(rng.randrange(120)))
            if len(frame) > 15 and rng.random() < 0.9:
                frame[12:14], frame[14] = rng.choice([(b"\x08\0", 0x45), (b"\x86\xdd", 0x60)])
            packet.parse(bytes(frame))
