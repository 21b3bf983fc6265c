#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Short sequences over few endpoints, product against model: where state machines go wrong.

    tests/model/sequences.py --xdpseg PATH [--count N] [--seed S] [--jobs N] [--keep DIR]

Each sequence is up to 20 packets of at most two conversations between two hosts, every kind of
segment in every order, sequence numbers right, at a bound, or anywhere. Many are in one capture,
so far apart in time that nothing of one is left for the next. One that differs is shrunk to the
packets that it takes, shown, and kept as a capture. A batch has a seed of its own, printed where it
differs: --seed S --count 1000 makes it again.
"""
import argparse
import concurrent.futures
import os
import random
import sys
import tempfile

import capture
from build import ACK, FIN, PSH, RST, SYN, echo, ethernet, icmp_packet, ip, tcp, udp_packet
from compare import Comparison, Product, difference
from judge import Judge
from model import as_object
from policy import Policy
from random_flows import Ends

BATCH = 1000  # sequences of a capture
GAP = 20000 * 10**9  # longer than any timeout
HOSTS = {4: ("10.0.0.1", "198.51.100.9"), 6: ("2001:db8::1", "2001:db8:ffff::9")}
LOCAL = "10.0.0.0/24,2001:db8::/64"
KINDS = [SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, ACK | PSH, ACK | PSH, FIN | ACK, RST, RST | ACK]
POLICIES = [
    "defaults: {ingress: allow, egress: allow, pickup: 0}",
    "defaults: {ingress: deny, egress: allow, pickup: 0}\nrules: [{id: web, service: tcp/80, action: allow}]",
    "defaults: {ingress: allow, egress: deny, pickup: loose}\nrules: [{id: out, direction: egress, service: any, action: allow}]",
    "defaults: {ingress: deny, egress: allow, pickup: loose}\nrules: [{id: no, service: tcp/443, action: deny}]",
]


class Conversation:
    """Two ends that say anything; a good part of it in order."""

    def __init__(self, rng, family):
        self.rng, self.family = rng, family
        self.proto = rng.choice(["tcp"] * 8 + ["udp", "echo"])
        self.hosts = HOSTS[family] if rng.random() < 0.5 else HOSTS[family][::-1]
        self.ports = rng.choice([(40000, 80), (40000, 443), (80, 40000)])
        self.ends, self.heard, self.script = Ends(rng), [], [SYN, SYN | ACK, ACK, ACK | PSH]

    def says(self):
        """One IP packet."""
        rng = self.rng
        if self.heard and rng.random() < 0.05:
            return self.error(rng.choice(self.heard))
        packet = getattr(self, self.proto)()
        self.heard.append(packet)
        return packet

    def tcp(self):
        rng = self.rng
        if self.script and rng.random() < 0.8:
            flags = self.script.pop(0)
            by_first = flags != SYN | ACK
        else:
            flags, by_first = rng.choice(KINDS), rng.random() < 0.5
        if rng.random() < 0.05:
            self.ends.begin_again()
        data = rng.choice([b"", b"x", b"data" * 30]) if flags & (PSH | FIN | SYN) and rng.random() < 0.6 else b""
        one, two = self.hosts if by_first else self.hosts[::-1]
        sport, dport = self.ports if by_first else self.ports[::-1]
        more = self.ends.says(by_first, flags, data)
        if rng.random() < 0.03:
            more["check"] = rng.randrange(65536)
        return ip(one, two, 6, tcp(one, two, sport, dport, flags, data, **more))

    def udp(self):
        by_first = self.rng.random() < 0.6
        one, two = self.hosts if by_first else self.hosts[::-1]
        return udp_packet(one, two, *(self.ports if by_first else self.ports[::-1]), b"data")

    def echo(self):
        by_first = self.rng.random() < 0.6
        one, two = self.hosts if by_first else self.hosts[::-1]
        return echo(one, two, 7, reply=self.rng.random() < 0.5)

    def error(self, about):
        """About a packet, to its sender."""
        sender = self.hosts[0] if about in self.heard and self.from_first(about) else self.hosts[1]
        router = "203.0.113.9" if self.family == 4 else "2001:db8:e::9"
        kind = (3, 1) if self.family == 4 else (1, 3)
        return icmp_packet(router, sender, *kind, bytes(4), about[: self.rng.choice([28, 48, 60, 200])])

    def from_first(self, packet):
        at = packet.find(packed(self.hosts[0]))
        return at in (12, 8)


def packed(address):
    import ipaddress  # pylint: disable=import-outside-toplevel

    return ipaddress.ip_address(address).packed


def sequence(rng):
    """[(ns since it began, frame)]"""
    family = rng.choice([4, 4, 6])
    talks = [Conversation(rng, family) for _ in range(rng.choice([1, 1, 1, 2]))]
    now, found = 0, []
    for _ in range(rng.randint(1, 20)):
        found.append((now, ethernet(rng.choice(talks).says())))
        now += rng.choice([10**6] * 12 + [10**9, 10 * 10**9, 31 * 10**9, 7201 * 10**9])
    return found


def batch_of(seed):
    """(policy's text, local, sequences) of a seed."""
    rng = random.Random(f"sequences {seed}")
    text, local = "version: 1\n" + rng.choice(POLICIES), rng.choice([LOCAL, LOCAL, ""])
    return text, local, [sequence(rng) for _ in range(BATCH)]


class Arena:
    """Where sequences are played: a folder with a policy."""

    def __init__(self, folder, xdpseg, text, local):
        self.xdpseg, self.local = xdpseg, local
        self.policy, self.capture = os.path.join(folder, "policy.yaml"), os.path.join(folder, "a.pcap")
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write(text)

    def differences(self, sequences):
        """Numbers of the sequences in which product and model differ, and what they say."""
        places, packets = [], []
        for number, steps in enumerate(sequences):
            places += [number] * len(steps)
            packets += [(10**12 + number * GAP + time, frame) for time, frame in steps]
        capture.write(self.capture, packets)
        product = Product(self.xdpseg, self.capture, self.policy, self.local)
        comparison = Comparison(product, Policy(self.policy), self.local, 0)
        if len(product.answers) != len(packets):
            return {places[len(product.answers)]: ("no answer", product.errors)}
        wrong = {}
        for index, record in enumerate(capture.read(self.capture)):
            comparison.answer = product.answers[index]
            answer = comparison.judge.judge(record)
            said = as_object(index + 1, answer)
            kind = difference(product.answers[index], said)
            if kind and kind != "guard reason":
                wrong.setdefault(places[index], (product.answers[index], said))
        return wrong

    def shrink(self, steps):
        """The least of a sequence that still differs: one packet after the other is left out."""
        again = True
        while again:
            again = False
            for index in range(len(steps)):
                fewer = steps[:index] + steps[index + 1 :]
                if fewer and self.differences([fewer]):
                    steps, again = fewer, True
                    break
        return steps


def tell(arena, seed, number, steps, keep):
    """Show a sequence that differs, at its least."""
    least = arena.shrink(steps)
    answers = arena.differences([least]).get(0, ("", ""))
    path = os.path.join(keep, f"sequence-{seed}-{number}.pcap")
    capture.write(path, [(10**12 + time, frame) for time, frame in least])
    print(f"\nseed {seed}, sequence {number}, {len(least)} packets: {path}, local {arena.local or '-'}")
    print(open(arena.policy, encoding="utf-8").read())
    for time, frame in least:
        print(f"  {time / 1e9:10.3f} {frame[14:].hex()}")
    print(f"  product {answers[0]}\n  model   {answers[1]}", flush=True)


def run_batch(xdpseg, seed, keep):
    """(sequences, those that differ) of a seed."""
    text, local, sequences = batch_of(seed)
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(folder, xdpseg, text, local)
        wrong = arena.differences(sequences)
        for number in list(wrong)[:2]:
            tell(arena, seed, number, sequences[number], keep)
    return len(sequences), len(wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xdpseg", required=True, metavar="PATH")
    parser.add_argument("--count", type=int, default=10000, help="sequences, in thousands of one seed")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", default=tempfile.gettempdir(), metavar="DIR")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + -(-options.count // BATCH))
    played = wrong = 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(run_batch, options.xdpseg, seed, options.keep) for seed in seeds]
        for job in concurrent.futures.as_completed(jobs):
            more, differ = job.result()
            played, wrong = played + more, wrong + differ
    print(f"seeds {seeds[0]}-{seeds[-1]}: {played} sequences")
    print(f"{played - wrong} passed, {wrong} failed")
    return 1 if wrong or not played else 0


if __name__ == "__main__":
    sys.exit(main())
