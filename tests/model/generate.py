#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random policies and random captures that meet: few addresses and ports, so that rules
overlap and flows hit them.

    tests/model/generate.py DIR FIRST[-LAST] [--packets N] [--plain]

Writes DIR/SEED.yaml and DIR/SEED.pcap and prints `SEED.yaml SEED.pcap LOCAL` a seed, LOCAL
being what --local takes, or `-`. The same seed gives the same files. --plain: only the
keys that need no other file and judge neither flags nor DSCP nor in shadow.
"""
import argparse
import os
import random
import struct

import capture
from build import ethernet, refit
from policy import Policy
from random_flows import Talk
from random_policy import PolicyMaker

LOCAL = ["-", "-", "10.0.0.0/24,2001:db8::/64", "10.0.0.0/16,2001:db8:0:1::/64", "10.0.0.1"]
STACKS = [(100,), (200,), (100, 200), (200, 100), (4094,)]
ODD_STACKS = [(0,), (0, 100), (100, 0), (0, 0), (300,), (100, 200, 300), (4095,)]
EDGE = 10**9  # how near to a timeout a pause may come


class CaptureMaker:
    """Flows that interleave, with a clock that jumps and packets that break."""

    def __init__(self, rng, policy):
        self.rng, self.talk, self.active = rng, Talk(rng), []
        self.time = 1_700_000_000 * 10**9
        self.timeouts = sorted(set(policy.timeouts.values()))
        self.tagged = 0.35 if policy.vlans else 0.02
        self.stacks = sorted(policy.vlans) * 3 + STACKS

    def next_packet(self):
        """(packet, its VLAN tags)"""
        while True:
            if len(self.active) < 4 or self.rng.random() < 0.1:
                self.active.append((self.talk.draw(), self.tags()))
            flow, tags = self.rng.choice(self.active)
            packet = next(flow, None)
            if packet is not None:
                self.talk.heard.append(packet)
                return packet, tags
            self.active.remove((flow, tags))

    def tags(self):
        if self.rng.random() < 0.05:
            return self.rng.choice(ODD_STACKS)
        return self.rng.choice(self.stacks) if self.rng.random() < self.tagged else ()

    def tick(self):
        way, rng = self.rng.random(), self.rng
        if way < 0.6:
            step = rng.randrange(1000, 10**6)
        elif way < 0.85:
            step = rng.randrange(10**6, 10**8)
        elif way < 0.95:
            step = rng.randrange(10**8, 3 * 10**9)
        elif way < 0.99:
            step = max(0, rng.choice(self.timeouts) + rng.randrange(-EDGE, EDGE))
        else:
            step = -rng.randrange(10**9)
        self.time += step

    def broken(self, packet):
        """Bits flipped, with checksums made right again or not; or cut."""
        rng, data = self.rng, bytearray(packet)
        way = rng.random()
        if way < 0.25:
            return bytes(data[: rng.randrange(len(data) + 1)])
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            at = rng.randrange(min(len(data), 64)) if data else 0
            data[at : at + 1] = bytes((data[at] ^ 1 << rng.randrange(8),))
        return refit(bytes(data)) if way < 0.7 else bytes(data)

    def frame(self):
        """An Ethernet frame."""
        rng = self.rng
        if rng.random() < 0.02:
            return self.no_ip()
        packet, tags = self.next_packet()
        kind = 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800
        if packet and rng.random() < 0.06:
            packet = self.broken(packet)
        frame = ethernet(
            packet, tags, kind, rng.choice([(0x88A8, 0x8100), (0x8100, 0x8100), (0x88A8, 0x88A8)])
        )
        if rng.random() < 0.1:
            frame += bytes(rng.choice([1, 4, 18]))
        if rng.random() < 0.005:
            frame = frame[: rng.randrange(len(frame))]
        return frame

    def no_ip(self):
        rng, tags = self.rng, self.tags()
        return rng.choice(
            [
                ethernet(bytes(28), tags, 0x0806),
                ethernet(bytes(27), tags, 0x0806),
                ethernet(bytes(46), tags, 0x88CC),
                ethernet(bytes(46), tags, 46),
                ethernet(bytes(46), tags, 0x8847),
            ]
        )

    def packets(self, count):
        for _ in range(count):
            self.tick()
            yield self.time, self.frame()


def stripped(link, frames):
    """Frames as a capture of `link` has them; what it cannot carry is left out."""
    for time, frame in frames:
        ethertype = frame[12:14]
        if link == capture.ETHERNET:
            yield time, frame
        elif len(frame) < 14:
            continue
        elif link == capture.SLL:
            yield time, struct.pack("!HHH8s", 0, 1, 6, frame[6:12]) + frame[12:]
        elif ethertype == (b"\x08\0" if frame[14:15] and frame[14] >> 4 != 6 else b"\x86\xdd"):
            yield time, frame[14:]


def generate(folder, seed, packets=400, plain=False):
    """(policy, capture, local or "-") of a seed."""
    rng = random.Random(f"xdpseg {seed}")
    policy = PolicyMaker(rng, folder, str(seed), plain).write()
    path = os.path.join(folder, f"{seed}.pcap")
    link = rng.choice([capture.ETHERNET] * 8 + [101, capture.SLL])
    snap = rng.choice([262144] * 9 + [rng.randrange(40, 120)])
    frames = CaptureMaker(rng, Policy(policy)).packets(packets)
    capture.write(path, stripped(link, frames), link, snap)
    return policy, path, rng.choice(LOCAL)


def seed_range(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("seeds", type=seed_range, metavar="FIRST[-LAST]")
    parser.add_argument("--packets", type=int, default=400)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    for seed in options.seeds:
        print(*generate(options.folder, seed, options.packets, options.plain))


if __name__ == "__main__":
    main()
