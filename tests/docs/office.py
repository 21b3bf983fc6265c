# SPDX-License-Identifier: BSD-2-Clause
"""The capture that the manual's examples are about: a few seconds of a small office's server.

198.51.100.1 serves ssh and the web; 192.0.2.10 is its administrator, 203.0.113.9 nobody.
"""
import os
import sys

sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/../model")

from build import ACK, FIN, PSH, SYN, echo, ethernet, ip, tcp, tcp_packet, udp_packet  # noqa: E402
from capture import write as write_pcap  # noqa: E402

SERVER, ADMIN, NOBODY, RESOLVER = "198.51.100.1", "192.0.2.10", "203.0.113.9", "198.51.100.53"
START = 1_700_000_000 * 10**9


def talk(client, sport, dport):
    """A short conversation, opened by the client and closed by both."""
    ends = {True: (client, SERVER, sport, dport), False: (SERVER, client, dport, sport)}
    sent = {True: 1000, False: 5000}

    def say(is_client, flags, data=b""):
        seq, ack = sent[is_client], sent[not is_client] if flags & ACK else 0
        sent[is_client] += len(data) + (flags & (SYN | FIN) != 0)
        src, dst, *ports = ends[is_client]
        return ip(src, dst, 6, tcp(src, dst, *ports, flags, data, seq=seq, ack=ack))

    return [
        say(True, SYN), say(False, SYN | ACK), say(True, ACK),
        say(True, ACK | PSH, b"hello"), say(False, ACK | PSH, b"hello"),
        say(True, ACK | FIN), say(False, ACK | FIN), say(True, ACK),
    ]


def frames():
    yield ethernet(bytes(28), ethertype=0x0806)
    packets = talk(ADMIN, 50000, 22) + [tcp_packet(NOBODY, SERVER, 40001, 22, SYN)] * 2
    packets += talk(NOBODY, 40002, 443) + [echo(ADMIN, SERVER, 7), tcp_packet(NOBODY, SERVER, 40003, 80, 0)]
    packets += [udp_packet(SERVER, RESOLVER, 41000, 53, b"?"), udp_packet(RESOLVER, SERVER, 53, 41000, b"!")]
    for packet in packets:
        yield ethernet(packet)


def write(path):
    write_pcap(path, [(START + 6 * 10**9 * (n > 0) + n * 10**7, frame) for n, frame in enumerate(frames())])
