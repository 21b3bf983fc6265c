# SPDX-License-Identifier: BSD-2-Clause
"""What arrives is what was sent: every byte, whatever its size and however many flows."""
import hashlib
import os
import random
import selectors
import socket

from lab import INET, OPEN_TCP, OPEN_UDP, SERVER, Lab
from system import check, check_equal

FLOWS = 4
BULK = 8 << 20
BURST = 32
MTU_PAYLOAD = {4: 1472, 6: 1452}


class Transfer:
    """One TCP connection, both ends driven by a selector; hashes of what went in and came out."""

    def __init__(self, lab, listener, family):
        self.data = os.urandom(BULK)
        self.at = 0
        self.got = hashlib.sha256()
        self.out = lab.enter_context(lab.client.socket(INET[family], socket.SOCK_STREAM))
        self.out.connect((SERVER[family], OPEN_TCP))
        listener.setblocking(True)
        self.end = lab.enter_context(listener.accept()[0])
        self.out.setblocking(False)

    def push(self):
        """True once all is sent."""
        self.at += self.out.send(memoryview(self.data)[self.at:self.at + 65536])
        if self.at < BULK:
            return False
        self.out.shutdown(socket.SHUT_WR)
        return True

    def pull(self):
        """True once all has come."""
        part = self.end.recv(1 << 18)
        self.got.update(part)
        return not part


def drive(transfers):
    with selectors.DefaultSelector() as selector:
        for transfer in transfers:
            selector.register(transfer.out, selectors.EVENT_WRITE, transfer.push)
            selector.register(transfer.end, selectors.EVENT_READ, transfer.pull)
        while selector.get_map():
            events = selector.select(10)
            check(events, "a TCP transfer stands still")
            for key, _ in events:
                if key.data():
                    selector.unregister(key.fileobj)


def check_bulk(family):
    with Lab() as lab:
        lab.merged = True
        listener = lab.listener(family, OPEN_TCP)
        lab.attach()
        transfers = [Transfer(lab, listener, family) for _ in range(FLOWS)]
        drive(transfers)
        for transfer in transfers:
            check_equal(transfer.got.hexdigest(), hashlib.sha256(transfer.data).hexdigest(),
                        "hash of what arrived")


def test_tcp_bulk_ipv4():
    check_bulk(4)


def test_tcp_bulk_ipv6():
    check_bulk(6)


def check_datagrams(family):
    """Every size from nothing to the MTU, each burst spread over new and known flows."""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    with Lab() as lab:
        server = lab.receiver(family, OPEN_UDP)
        lab.attach()
        senders = [lab.sender(family, OPEN_UDP) for _ in range(FLOWS)]
        for size in range(0, MTU_PAYLOAD[family] + 1, BURST):
            burst = sorted(rng.randbytes(min(size + i, MTU_PAYLOAD[family])) for i in range(BURST))
            for i, payload in enumerate(burst):
                senders[i % FLOWS].send(payload)
            came = sorted(server.recv(2048) for _ in burst)
            check(came == burst, f"datagrams of {size}..{size + BURST} bytes changed, seed {seed}")


def test_udp_sizes_ipv4():
    check_datagrams(4)


def test_udp_sizes_ipv6():
    check_datagrams(6)
