# SPDX-License-Identifier: BSD-2-Clause
"""UDP and protocols without a handshake: who may answer, when a flow is assured, when it ends."""
from stage import PEER, ROUTER, Case, peer, talk, wait

asker, service = talk(40000, 53)  # from outside, to the host's DNS
resolver, stub = talk(53, 40000)  # the host asks
one, another = talk(40000, 9999)  # neither may
wrong, right = talk(53, 9999)  # only the answering side may ask
OTHER = {4: "198.51.100.3", 6: "2001:db8:f::3"}

ASSURED = [
    (stub.udp(), "allow egress-learned opening"),
    (resolver.udp(), "allow session-allow opening"),
    (stub.udp(), "allow session-allow established"),
]

CASES = [
    Case("asked-and-answered", "RFC 4787 4.3", ASSURED),
    Case("answer-from-another-port", "RFC 4787 5 (address and port-dependent filtering)", [
        (stub.udp(), "allow"),
        (resolver.at(sport=54).udp(), "deny rule-deny"),
        (resolver.udp(), "allow session-allow"),
    ]),
    Case("answer-from-another-address", "RFC 4787 5", [
        (stub.udp(), "allow"),
        (resolver.at(src=OTHER).udp(), "deny rule-deny"),
    ]),
    Case("answer-to-another-port", "RFC 4787 5", [
        (stub.udp(), "allow"),
        (resolver.at(dport=40001).udp(), "deny rule-deny"),
    ]),
    Case("answer-nobody-asked-for", "RFC 4787 5", [(resolver.udp(), "deny rule-deny")]),
    Case("question-let-in", "policy", [
        (asker.udp(), "allow rule-allow opening"),
        (service.udp(), "allow session-allow opening"),
        (asker.udp(), "allow session-allow established"),
    ]),
    Case("assured-by-the-originator-alone", "RFC 4787 4.3; nf_conntrack's ASSURED", [
        (asker.udp(), "allow rule-allow opening"),
        (asker.udp(), "allow session-allow opening"),
        (asker.udp(), "allow session-allow opening"),
    ]),
    Case("answers-alone-assure-nothing", "spoofed questions to a service that answers", [
        (asker.udp(), "allow rule-allow opening"),
        (service.udp(), "allow session-allow opening"),
        (service.udp(), "allow session-allow opening"),
    ]),
    Case("unassured-ends", "timeouts.udp, 30 s", [
        (stub.udp(), "allow"),
        (resolver.udp(), "allow session-allow opening"),
        wait(29),
        (resolver.udp(), "allow session-allow opening"),
        wait(31),
        (resolver.udp(), "deny rule-deny"),
    ]),
    Case("assured-lasts", "RFC 4787 4.3 REQ-5: 2 minutes", [
        *ASSURED,
        wait(118),
        (resolver.udp(), "allow session-allow established"),
        wait(121),
        (resolver.udp(), "deny rule-deny"),
    ]),
    Case("denied-is-remembered", "policy", [
        (peer.at(dport=9999).udp(), "deny rule-deny"),
        (peer.at(dport=9999).udp(), "deny session-deny"),
    ]),
    Case("denial-cuts-no-one-else", "a packet nobody asked for must not have the host's own denied", [
        (resolver.udp(), "deny rule-deny"),
        (stub.udp(), "allow egress-learned opening"),
        (resolver.udp(), "allow session-allow opening"),
    ]),
    Case("denials-in-turn", "two sides that are both denied must not use up a bucket of the table", [
        (one.udp(), "deny rule-deny"),
        *[(another.udp(), "deny rule-deny"), (one.udp(), "deny session-deny")] * 40,
    ], local=""),
    Case("allowed-beside-a-denial", "a denial is of what one side began", [
        (wrong.udp(), "deny rule-deny"),
        (right.udp(), "allow rule-allow opening"),
        (wrong.udp(), "allow session-allow opening"),
        (right.udp(), "allow session-allow established"),
    ], local=""),
    Case("empty-datagram", "RFC 768: length 8", [(asker.udp(b""), "allow rule-allow")]),
    Case("from-port-0", "RFC 768: the source port is optional", [
        (asker.at(sport=0).udp(), "allow rule-allow"),
        (service.at(dport=0).udp(), "allow session-allow"),
    ]),
    Case("echo-loop-ports", "CVE-1999-0103: the policy's to say", [
        (asker.at(sport=7, dport=19).udp(), "deny rule-deny"),
    ]),
    Case("sctp-by-its-ports", "RFC 9260 3", [
        (peer.ip(132, bytes((0x9C, 0x40, 0, 36)) + bytes(8)), "deny rule-deny"),
        (peer.ip(132, bytes((0x9C, 0x40, 0, 36)) + bytes(8)), "deny session-deny"),
    ]),
    Case("sctp-cut-short", "RFC 9260 3", [(peer.ip(132, bytes(11)), "deny truncated")]),
    Case("dccp-cut-short", "RFC 4340 5.1", [(peer.ip(33, bytes(11)), "deny truncated")]),
    Case("gre-by-its-protocol", "RFC 2784: judged by the outer header", [
        (peer.ip(47, bytes(4) + bytes(40)), "allow rule-allow opening"),
        (peer.ip(47, bytes(4) + bytes(40)), "allow session-allow opening"),
    ]),
    Case("gre-from-another", "RFC 2784", [
        (peer.ip(47, bytes(8)), "allow rule-allow opening"),
        (peer.at(src=ROUTER).ip(47, bytes(8)), "allow rule-allow opening"),
    ]),
    Case("ipip-by-its-protocol", "RFC 2003", [
        (peer.ip({4: 4, 6: 41}, bytes(40)), "deny rule-deny opening"),
    ]),
    Case("esp-by-its-protocol", "RFC 4303", [(peer.ip(50, bytes(16)), "deny rule-deny opening")]),
    Case("esp-answered", "RFC 4303", [
        (stub.ip(50, bytes(16)), "allow egress-learned opening"),
        (resolver.ip(50, bytes(16)), "allow session-allow opening"),
        (stub.ip(50, bytes(16)), "allow session-allow established"),
    ]),
    Case("vxlan-by-its-outer-header", "RFC 7348 5: what is in it is not looked at", [
        (asker.at(dport=4789).udp(bytes(8) + bytes(60)), "deny rule-deny"),
    ]),
    Case("other-ends", "timeouts.other, 60 s", [
        (stub.ip(50, bytes(16)), "allow"),
        wait(59),
        (resolver.ip(50, bytes(16)), "allow session-allow"),
        wait(61),
        (resolver.ip(50, bytes(16)), "deny rule-deny"),
    ]),
    Case("dhcp-answer", "RFC 2131 4.1", [
        (peer.at(sport=67, dport=68).udp(bytes(240)), "allow dhcp"),
    ], families=(4,)),
    Case("dhcp6-answer", "RFC 8415 7.2", [
        (peer.at(sport=547, dport=546, src={6: "fe80::1"}, dst={6: "fe80::2"}).udp(bytes(40)), "allow dhcp"),
    ], families=(6,), local="fe80::2"),
    Case("dhcp6-answer-from-far", "RFC 8415 7.2: to a link-local address only", [
        (peer.at(sport=547, dport=546, src=PEER).udp(bytes(40)), "deny rule-deny"),
    ], families=(6,)),
]
