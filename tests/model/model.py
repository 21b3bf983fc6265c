#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""An independent answer to `xdpseg replay PCAP... --policy FILE --json --packets`.

    tests/model/model.py PCAP... --policy FILE [--local PREFIX,...] [--iface NAME]

One JSON object a packet, then the summary. Nothing here is taken from the product's
code: packets from the RFCs, the policy from its description.
"""
import argparse
import functools
import json
import socket
import sys

import capture
from judge import Judge, Summary
from policy import Policy, PolicyError

PROTO_NAMES = {
    1: "icmp",
    6: "tcp",
    17: "udp",
    33: "dccp",
    58: "icmpv6",
    132: "sctp",
    136: "udplite",
}


@functools.lru_cache(maxsize=1 << 16)
def address_text(family, address):
    if family == 4:
        return socket.inet_ntop(socket.AF_INET, address.to_bytes(4, "big"))
    return socket.inet_ntop(socket.AF_INET6, address.to_bytes(16, "big"))


def as_object(number, answer):
    """The object of one packet; what it has not is null."""
    packet = answer.packet
    family, proto = packet.family, packet.proto
    return {
        "n": number,
        "verdict": answer.verdict,
        "rule": answer.rule,
        "path": answer.path,
        "reason": answer.reason,
        "proto": PROTO_NAMES.get(proto, None if proto is None else str(proto)),
        "src": family and address_text(family, packet.src),
        "sport": packet.sport if family else None,
        "dst": family and address_text(family, packet.dst),
        "dport": packet.dport if family else None,
        "state": answer.state,
        "shadow": answer.shadow,
    }


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captures", nargs="+", metavar="PCAP")
    parser.add_argument("--policy", required=True)
    parser.add_argument("--local", default="", metavar="PREFIX,...")
    parser.add_argument("--iface", metavar="NAME", help="rules with this iface match")
    return parser.parse_args(argv)


def tell(waiting, summary, out):
    """In the order of the packets: a fragment waits for its datagram, what follows for it."""
    while waiting and waiting[0][1].verdict:
        record, answer = waiting.pop(0)
        summary.add(record, answer)
        out.write(json.dumps(as_object(summary.packets, answer)) + "\n")


def replay(options, out):
    judge = Judge(Policy(options.policy), filter(None, options.local.split(",")), options.iface)
    summary, waiting = Summary(), []
    for path in options.captures:
        for record in capture.read(path):
            waiting.append((record, judge.judge(record)))
            tell(waiting, summary, out)
    judge.end()
    tell(waiting, summary, out)
    out.write(json.dumps({"summary": summary.report(judge)}) + "\n")


def main(argv=None):
    try:
        replay(arguments(argv), sys.stdout)
    except (PolicyError, capture.CaptureError, OSError, ValueError) as error:
        print(f"model: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
