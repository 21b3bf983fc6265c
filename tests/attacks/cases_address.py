# SPDX-License-Identifier: BSD-2-Clause
"""Addresses that cannot be on a wire, as source or destination."""
from stage import HOST, PEER, SYN, Case, host, peer

ALLOW = "allow rule-allow opening"
UNASKED = "deny rule-deny"  # the policy's word: no such service


def source(name, address, said, why="RFC 6890 2.2.2"):
    family = 6 if ":" in address else 4
    one = peer.at(src={family: address})
    return [
        Case(f"source-{name}-syn", why, [(one.tcp(SYN, 1), said)], families=(family,)),
        Case(f"source-{name}-udp", why, [(one.at(dport=53).udp(), said)], families=(family,)),
    ]


def destination(name, address, said, why="RFC 6890 2.2.2"):
    """A capture without directions: what is not the host's address would be forwarded."""
    family = 6 if ":" in address else 4
    one = peer.at(dst={family: address})
    return [Case(f"to-{name}", why, [(one.tcp(SYN, 1), said)], families=(family,), local="")]


CASES = [
    *source("this-network", "0.0.0.1", "deny martian", "RFC 1122 3.2.1.3 (b)"),
    *source("unspecified", "0.0.0.0", "deny martian", "RFC 1122 3.2.1.3 (a)"),
    *source("loopback", "127.0.0.1", "deny martian", "RFC 1122 3.2.1.3 (g)"),
    *source("loopback-end", "127.255.255.254", "deny martian", "RFC 1122 3.2.1.3 (g)"),
    *source("multicast", "224.0.0.1", "deny martian", "RFC 1112 7.2"),
    *source("multicast-end", "239.255.255.255", "deny martian", "RFC 1112 7.2"),
    *source("broadcast", "255.255.255.255", "deny martian", "RFC 1122 3.2.1.3 (c)"),
    *source("before-loopback", "126.255.255.255", ALLOW),
    *source("after-loopback", "128.0.0.1", ALLOW),
    *source("after-this-network", "1.0.0.1", ALLOW),
    *source("before-multicast", "223.255.255.255", ALLOW),
    *source("private", "10.1.2.3", ALLOW, "RFC 1918: whether it is let in is the policy's to say"),
    *source("link-local", "169.254.1.1", ALLOW, "RFC 3927 7: it is on this link"),
    *source("benchmark", "198.18.0.1", ALLOW, "RFC 2544: the policy's to say"),
    *source("v6-unspecified", "::", "deny martian", "RFC 4291 2.5.2"),
    *source("v6-loopback", "::1", "deny martian", "RFC 4291 2.5.3"),
    *source("v6-mapped", "::ffff:10.0.0.1", "deny martian", "RFC 4942 2.2"),
    *source("v6-multicast", "ff02::1", "deny martian", "RFC 4291 2.7"),
    *source("v6-multicast-global", "ff0e::1", "deny martian", "RFC 4291 2.7"),
    *source("v6-link-local", "fe80::5", ALLOW, "RFC 4291 2.5.6: it is on this link"),
    *source("v6-unique-local", "fd00::5", ALLOW, "RFC 4193: the policy's to say"),
    *source("v6-after-loopback", "::2", ALLOW, "RFC 4291 2.5.3: ::1 alone"),
    *destination("unspecified", "0.0.0.0", "deny martian", "RFC 1122 3.2.1.3 (a)"),
    *destination("loopback", "127.0.0.1", "deny martian", "RFC 1122 3.2.1.3 (g)"),
    *destination("v6-unspecified", "::", "deny martian", "RFC 4291 2.5.2"),
    *destination("v6-loopback", "::1", "deny martian", "RFC 4291 2.5.3"),
    *destination("v6-mapped", "::ffff:10.0.0.1", "deny martian", "RFC 4942 2.2"),
    *destination("v6-interface-local", "ff01::1", "deny martian", "RFC 7346 2"),
    *destination("v6-reserved-scope", "ff00::1", "deny martian", "RFC 7346 2"),
    *destination("multicast", "224.0.0.251", ALLOW),
    *destination("broadcast", "255.255.255.255", ALLOW),
    *destination("v6-link-local-group", "ff02::fb", ALLOW),
    Case("land", "CVE-1999-0016", [(peer.at(src=HOST, sport=80).tcp(SYN, 1), "deny martian")]),
    Case("land-other-port", "CVE-1999-0016", [(peer.at(src=HOST).tcp(SYN, 1), "deny martian")]),
    Case("land-udp", "CVE-1999-0016", [(peer.at(src=HOST, dport=53).udp(), "deny martian")]),
    Case("land-echo", "CVE-1999-0016", [(peer.at(src=HOST).echo(1), "deny martian")]),
    Case("land-of-another", "CVE-1999-0016", [(host.at(src=PEER, dst=PEER).tcp(SYN, 1), "deny martian")]),
]
