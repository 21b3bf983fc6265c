# SPDX-License-Identifier: BSD-2-Clause
"""TCP: how a connection opens, runs and ends, and what does not belong to it."""
from stage import (
    ACK, FIN, PSH, RST, SYN, H, P, Case, client, connected, host, opened, peer, scale, server, wait
)

OPENING = "allow session-allow opening"
RUNS = "allow session-allow established"
MIDFLOW = "deny tcp-midflow"

# --- how it opens --------------------------------------------------------------------------

CASES = [
    Case("opened", "RFC 9293 3.5", [*opened(), (host.tcp(ACK, H + 1, P + 1, 100), RUNS)]),
    Case("connected", "RFC 9293 3.5", [*connected(), (server.tcp(ACK, P + 1, H + 1, 100), RUNS)]),
    Case("closed-port", "policy", [(peer.at(dport=81).tcp(SYN, P), "deny rule-deny")]),
    Case("syn-again", "RFC 9293 3.8.1: sent again", [
        (peer.tcp(SYN, P), "allow rule-allow opening"),
        wait(1),
        (peer.tcp(SYN, P), OPENING),
        (host.tcp(SYN | ACK, H, P + 1), OPENING),
        (host.tcp(SYN | ACK, H, P + 1), OPENING),
        (peer.tcp(ACK, P + 1, H + 1), RUNS),
    ]),
    Case("data-with-the-syn", "RFC 7413 (TCP Fast Open)", [
        (peer.tcp(SYN, P, 0, b"hello"), "allow rule-allow opening"),
        (host.tcp(SYN | ACK, H, P + 6), OPENING),
        (peer.tcp(ACK, P + 6, H + 1), RUNS),
    ]),
    Case("refused", "RFC 9293 3.10.7.1", [
        (peer.tcp(SYN, P), "allow rule-allow opening"),
        (host.tcp(RST | ACK, 0, P + 1), "allow session-allow closed"),
    ]),
    Case("simultaneous", "RFC 9293 3.5, figure 8", [
        (client.tcp(SYN, H), "allow egress-learned opening"),
        (server.tcp(SYN, P), OPENING),
        (client.tcp(SYN | ACK, H, P + 1), OPENING),
        (server.tcp(SYN | ACK, P, H + 1), OPENING),
        (client.tcp(ACK, H + 1, P + 1), RUNS),
        (server.tcp(ACK, P + 1, H + 1, 10), RUNS),
    ]),
]

# --- what belongs to no connection ---------------------------------------------------------

CASES += [
    Case(f"midflow-{name}", why, [(peer.tcp(flags, P, H, data), MIDFLOW)])
    for name, flags, data, why in (
        ("ack", ACK, 0, "RFC 9293 3.10.7.1; nftables takes it for new"),
        ("data", ACK | 8, 10, "RFC 9293 3.10.7.1"),
        ("fin", FIN | ACK, 0, "RFC 9293 3.10.7.1"),
        ("rst", RST, 0, "RFC 9293 3.10.7.1"),
        ("rst-ack", RST | ACK, 0, "RFC 9293 3.10.7.1"),
        ("syn-ack", SYN | ACK, 0, "RFC 9293 3.10.7.1"),
    )
]
CASES += [
    Case("midflow-of-the-host", "what the host sends goes out, and is answered", [
        (client.tcp(ACK, H, P, 10), "allow egress-learned"),
        (server.tcp(ACK, P, H + 10), "allow session-allow"),
    ]),
    Case("loose-picks-up", "pickup: loose", [
        (peer.tcp(ACK, P, H, 10), "allow rule-allow"),
        (host.tcp(ACK, H, P + 10), "allow session-allow"),
        (peer.tcp(ACK, P + 10, H, 10), RUNS),
    ], policy="loose"),
    Case("picked-up-behind-what-was-missed", "who scales is not known yet: by up to 2^14 (RFC 7323 2.3)", [
        (client.tcp(ACK, H, P, 10, window=256), "allow egress-learned"),
        (server.tcp(ACK, P + 1460, H + 10, 112), OPENING),
        (client.tcp(ACK, H + 10, P + 1572), RUNS),
    ]),
    Case("picked-up-by-what-is-sent-again", "what was on its way before is acknowledged, too", [
        (client.tcp(ACK, H, P, 1000), "allow egress-learned"),
        (server.tcp(ACK, P, H + 50000), OPENING),
        (client.tcp(ACK, H + 50000, P, 1000), RUNS),
        (server.tcp(ACK, P, H + 51000 + 2**30), "deny tcp-window"),
    ]),
    Case("picked-up-by-a-keepalive", "RFC 9293 3.8.4: it begins one too low", [
        (client.tcp(ACK, H - 1, P), "allow egress-learned"),
        (server.tcp(ACK, P, H), OPENING),
        (client.tcp(ACK, H, P, 10), RUNS),
    ]),
    Case("loose-not-what-is-denied", "pickup: loose", [
        (peer.at(dport=81).tcp(ACK, P, H, 10), MIDFLOW),
    ], policy="loose"),
    Case("other-ports", "RFC 9293 3.4", [*connected(), (server.at(sport=444).tcp(ACK, P + 1, H + 1), MIDFLOW)]),
]

OUT = "deny tcp-window"
CLOSES = "allow session-allow closed"

# --- answers that are none (RFC 9293 3.10.7.3) -----------------------------------------------

ASKED = (client.tcp(SYN, H), "allow egress-learned opening")

CASES += [
    Case("stale-syn-ack", "RFC 9293 3.5, figure 9: an old SYN+ACK, then the right one", [
        ASKED,
        (server.tcp(SYN | ACK, P, H - 100), OUT),
        (server.tcp(SYN | ACK, P, H + 1), OPENING),
        (client.tcp(ACK, H + 1, P + 1), RUNS),
    ]),
    Case("syn-ack-of-the-future", "RFC 9293 3.10.7.3", [ASKED, (server.tcp(SYN | ACK, P, H + 2), OUT)]),
    Case("syn-ack-without-the-syn", "RFC 9293 3.10.7.3", [ASKED, (server.tcp(SYN | ACK, P, H), OUT)]),
    Case("syn-ack-from-another-cookie", "RFC 4987 3.6: a server without memory answers anew", [
        ASKED,
        (server.tcp(SYN | ACK, P, H + 1), OPENING),
        wait(1),
        (client.tcp(SYN, H), OPENING),
        (server.tcp(SYN | ACK, P + 10**6, H + 1), OPENING),
        (client.tcp(ACK, H + 1, P + 10**6 + 1), RUNS),
        (server.tcp(ACK | PSH, P + 10**6 + 1, H + 1, 100), RUNS),
    ]),
    Case("data-for-an-answer", "RFC 9293 3.10.7.3", [ASKED, (server.tcp(ACK | PSH, P, H + 1, 10), OUT)]),
    Case("fin-for-an-answer", "RFC 9293 3.10.7.3", [ASKED, (server.tcp(FIN | ACK, P, H + 1), OUT)]),
    Case("rst-for-an-answer", "RFC 9293 3.10.7.3", [ASKED, (server.tcp(RST | ACK, 0, H + 1), CLOSES)]),
    Case("rst-blind-answer", "RFC 9293 3.10.7.3; RFC 5961 3", [
        ASKED,
        (server.tcp(RST | ACK, 0, H + 1000), OUT),
        (server.tcp(RST, 0), OUT),
        (server.tcp(SYN | ACK, P, H + 1), OPENING),
    ]),
    Case("half-open-found", "RFC 9293 3.5.1, figure 10: the other end still has the old connection", [
        ASKED,
        (server.tcp(ACK, 300000, 100000), OPENING),
        (client.tcp(RST, 100000), OPENING),
        wait(1),
        (client.tcp(SYN, H), OPENING),
        (server.tcp(SYN | ACK, P, H + 1), OPENING),
        (client.tcp(ACK, H + 1, P + 1), RUNS),
    ]),
    Case("one-side-only", "asymmetric routing: only by `pickup: loose`", [
        (peer.tcp(SYN, P), "allow rule-allow opening"),
        (peer.tcp(ACK, P + 1, H + 1), OUT),
        (peer.tcp(ACK | PSH, P + 1, H + 1, 10), OUT),
    ]),
    Case("one-side-only-loose", "pickup: loose", [
        (peer.tcp(SYN, P), "allow rule-allow opening"),
        (peer.tcp(ACK, P + 1, H + 1), OPENING),
        (peer.tcp(ACK | PSH, P + 1, H + 1, 10), OPENING),
    ], policy="loose"),
    Case("forged-last-ack", "a spoofed source cannot answer what it does not hear", [
        (peer.tcp(SYN, P), "allow rule-allow opening"),
        (host.tcp(SYN | ACK, H, P + 1), OPENING),
        (peer.tcp(ACK, P + 1, H), OUT),
        (peer.tcp(ACK, P + 1, H + 1000), OUT),
        (peer.tcp(ACK, P + 1, H - 1000), OUT),
        (peer.tcp(ACK, P + 1, H + 1), RUNS),
    ]),
    Case("fast-open-answered-with-data", "RFC 7413 3", [
        (client.tcp(SYN, H, 0, 100), "allow egress-learned opening"),
        (server.tcp(SYN | ACK, P, H + 101), OPENING),
        (server.tcp(ACK | PSH, P + 1, H + 101, 1000), OPENING),
        (client.tcp(ACK, H + 101, P + 1001), RUNS),
    ]),
    Case("fast-open-data-refused", "RFC 7413 3: the SYN alone is acknowledged", [
        (client.tcp(SYN, H, 0, 100), "allow egress-learned opening"),
        (server.tcp(SYN | ACK, P, H + 1), OPENING),
        (client.tcp(ACK | PSH, H + 1, P + 1, 100), RUNS),
    ]),
    Case("simultaneous-from-outside", "RFC 9293 3.5, figure 8", [
        (peer.tcp(SYN, P), "allow rule-allow opening"),
        (host.tcp(SYN, H), OPENING),
        (host.tcp(SYN | ACK, H, P + 1), OPENING),
        (peer.tcp(SYN | ACK, P, H + 1), OPENING),
        (peer.tcp(ACK, P + 1, H + 1), RUNS),
    ]),
    Case("spoofed-simultaneous", "RFC 5961: a forged SYN in the midst of opening", [
        ASKED,
        (server.tcp(SYN, 777777), OPENING),
        (server.tcp(SYN | ACK, P, H + 1), OPENING),
        (client.tcp(ACK, H + 1, P + 1), RUNS),
    ]),
]

# --- resets (RFC 5961 3) -------------------------------------------------------------------------

CASES += [
    Case("rst-blind-four-times-then-exact", "RFC 5961 3.2", [
        *connected(),
        (server.tcp(RST, P + 1 + 100000), OUT),
        (server.tcp(RST, P + 1 + 2**31), OUT),
        (server.tcp(RST, P - 1000), OUT),
        (server.tcp(RST, 0), OUT),
        (client.tcp(ACK, H + 1, P + 1), RUNS),
        (server.tcp(RST, P + 1), CLOSES),
    ]),
    Case("rst-in-the-window", "RFC 5961 3.2 (2): a challenge answers, and the exact one follows", [
        *connected(),
        (server.tcp(RST, P + 1 + 1000), RUNS),
        (client.tcp(ACK, H + 1, P + 1), RUNS),
        (server.tcp(RST, P + 1), CLOSES),
    ]),
    Case("rst-at-the-window's-end", "RFC 5961 3.2", [
        *connected(),
        (server.tcp(RST, P + 1 + 8192), RUNS),
        (server.tcp(RST, P + 1 + 8193), OUT),
    ]),
    Case("rst-of-the-client", "RFC 5961 3.2", [
        *connected(),
        (client.tcp(RST, H + 1 + 8193), OUT),
        (client.tcp(RST, H + 1), CLOSES),
    ]),
    Case("rst-behind-data-not-acknowledged", "RFC 9293 3.10.4: SND.NXT", [
        *connected(),
        (server.tcp(ACK | PSH, P + 1, H + 1, 1000), RUNS),
        (server.tcp(RST | ACK, P + 1001, H + 1), CLOSES),
    ]),
    Case("rst-to-what-was-acknowledged", "RFC 9293 3.10.7.1: SEG.SEQ = SEG.ACK of what it answers", [
        *connected(),
        (server.tcp(ACK | PSH, P + 1, H + 1, 1000), RUNS),
        (client.tcp(ACK | PSH, H + 1, P + 501, 10), RUNS),
        (server.tcp(RST, P + 501), CLOSES),
    ]),
    Case("rst-inexact-after-fin", "pf and nf_conntrack: a stack that has closed knows less", [
        *connected(),
        (server.tcp(ACK | PSH, P + 1, H + 1, 1000), RUNS),
        (client.tcp(ACK, H + 1, P + 1001), RUNS),
        (client.tcp(FIN | ACK, H + 1, P + 1001), "allow session-allow closing"),
        (server.tcp(RST, P + 501), CLOSES),
    ]),
    Case("rst-blind-after-fin", "RFC 5961 3.2: one side still speaks", [
        *connected(),
        (client.tcp(FIN | ACK, H + 1, P + 1), "allow session-allow closing"),
        (server.tcp(RST, P + 1 + 100000), OUT),
        (server.tcp(ACK | PSH, P + 1, H + 2, 100), "allow session-allow closing"),
    ]),
    Case("rst-after-both-fins", "RFC 1337: it ends what is ended", [
        *connected(),
        (client.tcp(FIN | ACK, H + 1, P + 1), "allow session-allow closing"),
        (server.tcp(FIN | ACK, P + 1, H + 2), "allow session-allow time-wait"),
        (client.tcp(RST, 12345), CLOSES),
    ]),
    Case("rst-into-what-is-half-known", "a connection taken up mid-flow", [
        (client.tcp(ACK, H, P, 10), "allow egress-learned opening"),
        (server.tcp(RST, 99), OUT),
        (server.tcp(RST, P + 5), OPENING),
        (server.tcp(RST, P), CLOSES),
    ]),
]

# --- SYNs into a connection (RFC 5961 4) --------------------------------------------------------

CASES += [
    Case("syn-into-a-connection", "RFC 5961 4.2: a challenge answers, nothing moves", [
        *opened(),
        (peer.tcp(SYN, 99999), RUNS),
        (host.tcp(ACK, H + 1, P + 1), RUNS),
        (peer.tcp(ACK | PSH, P + 1, H + 1, 100), RUNS),
    ]),
    Case("syn-after-a-crash", "RFC 9293 3.5.1, figure 10", [
        *opened(),
        (peer.tcp(SYN, 99999), RUNS),
        (host.tcp(ACK, H + 1, P + 1), RUNS),
        (peer.tcp(RST, H + 1 - H + P), CLOSES),
        wait(1),
        (peer.tcp(SYN, 99999), "allow rule-allow opening"),
        (host.tcp(SYN | ACK, 777, 100000), OPENING),
        (peer.tcp(ACK, 100000, 778), RUNS),
    ]),
    Case("syn-after-both-crashed", "both have forgotten: the answer tells", [
        *opened(),
        (peer.tcp(SYN, 99999), RUNS),
        (host.tcp(SYN | ACK, 777, 100000), OPENING),
        (peer.tcp(ACK, 100000, 778), RUNS),
        (host.tcp(ACK | PSH, 778, 100000, 100), RUNS),
        (peer.tcp(ACK | PSH, P + 1, H + 1, 100), OUT),
    ]),
    Case("syn-of-the-other-side-opens-nothing", "what begins there is the policy's to judge", [
        *connected(),
        (server.tcp(SYN, 99999), RUNS),
        (client.tcp(SYN | ACK, 777, 100000), OUT),
        (server.tcp(ACK, P + 1, H + 1, 10), RUNS),
    ]),
    Case("syn-does-not-keep-it-alive", "RFC 5961 4: it moves nothing", [
        *opened(),
        wait(7000),
        (peer.tcp(SYN, 99999), RUNS),
        wait(300),
        (host.tcp(ACK, H + 1, P + 1, 10), "allow egress-learned"),
    ]),
    Case("syn-ack-again", "RFC 9293 3.8.1: the last ACK was lost", [
        *connected(),
        (server.tcp(SYN | ACK, P, H + 1), RUNS),
        (client.tcp(ACK, H + 1, P + 1), RUNS),
    ]),
    Case("syn-ack-blind", "RFC 5961 4", [*connected(), (server.tcp(SYN | ACK, 99999, 88888), OUT)]),
]

# --- data and acknowledgements (RFC 5961 5, RFC 9293 3.10.7.4) ------------------------------------

FIRST = P + 1, H + 1  # what the peer sends next, and acknowledges
W = 8192


def sent(name, why, said, seq=0, ack=0, data=0, flags=ACK | PSH, **more):
    """The peer's segment in a fresh connection, offsets from what comes next."""
    return Case(name, why, [
        *opened(**more),
        (host.tcp(ACK, H + 1, P + 1), RUNS),  # offers its window, scaled
        (peer.tcp(flags, FIRST[0] + seq, FIRST[1] + ack, data), said),
    ])


CASES += [
    sent("data", "RFC 9293 3.10.7.4", RUNS, data=1000),
    sent("data-at-the-window's-end", "RFC 9293 3.10.7.4", RUNS, seq=W - 1, data=1),
    sent("probe-of-a-full-window", "RFC 9293 3.8.6.1", RUNS, seq=W, data=1),
    sent("data-beyond-the-window", "RFC 9293 3.10.7.4", OUT, seq=W + 1, data=1),
    sent("data-far-beyond", "RFC 5961 5", OUT, seq=10**6, data=10),
    sent("data-half-a-circle-away", "RFC 9293 3.4", OUT, seq=2**31, data=10),
    sent("keepalive", "RFC 9293 3.8.4", RUNS, seq=-1, flags=ACK),
    sent("keepalive-with-a-byte", "RFC 1122 4.2.3.6", RUNS, seq=-1, data=1, flags=ACK),
    sent("old-by-a-window", "sent again", RUNS, seq=-66000, flags=ACK),
    sent("older-than-that", "RFC 9293 3.10.7.4", OUT, seq=-66001, flags=ACK),
    sent("acknowledges-what-was-not-sent", "RFC 5961 5.2", OUT, ack=1),
    sent("acknowledges-far-ahead", "RFC 5961 5.2", OUT, ack=10**6, data=10),
    sent("acknowledges-the-past", "RFC 5961 5.2: SND.UNA - MAX.SND.WND", RUNS, ack=-66000, flags=ACK),
    sent("acknowledges-the-far-past", "RFC 5961 5.2", OUT, ack=-66001, data=10),
    sent("fin-beyond-the-window", "RFC 5961: a blind FIN", OUT, seq=10**6, flags=FIN | ACK),
    sent("fin-at-the-window's-end", "out of order", "allow session-allow closing", seq=W - 1, flags=FIN | ACK),
    sent("merged-segments", "GRO, GSO: one frame of many segments", RUNS, data=8192),
    sent("merged-beyond-the-window", "a receiver takes what fits (RFC 9293 3.10.7.4)", RUNS, seq=8000, data=8192),
    sent("scaled-window", "RFC 7323 2.2", RUNS, seq=8192 << 7, data=10, options=scale(7)),
    sent("beyond-a-scaled-window", "RFC 7323 2.2", OUT, seq=(8192 << 7) + 1, data=10, options=scale(7)),
    sent("scale-of-0", "RFC 7323 2.3", OUT, seq=8193, data=10, options=scale(0)),
    sent("scale-of-14", "RFC 7323 2.3", RUNS, seq=8192 << 14, data=10, options=scale(14)),
    sent("scale-of-15", "RFC 7323 2.3: 14 is the most", OUT, seq=8192 << 15, data=10, options=scale(15)),
]


def half_scaled():
    """Only the peer offers to scale: nobody does (RFC 7323 2.2)."""
    return [
        (peer.tcp(SYN, P, options=scale(7)), "allow rule-allow opening"),
        (host.tcp(SYN | ACK, H, P + 1), OPENING),
        (peer.tcp(ACK, P + 1, H + 1), RUNS),
    ]


CASES += [
    Case("scale-of-one-side", "RFC 7323 2.2", [
        *half_scaled(),
        (host.tcp(ACK, H + 1 + 8193, P + 1, 10), OUT),
        (host.tcp(ACK, H + 1 + 8192, P + 1, 10), RUNS),
    ]),
    Case("window-of-a-syn-is-not-scaled", "RFC 7323 2.2", [
        (peer.tcp(SYN, P, options=scale(4), window=1600), "allow rule-allow opening"),
        (host.tcp(SYN | ACK, H, P + 1, options=scale(4), window=1600), OPENING),
        (peer.tcp(ACK, P + 1, H + 1, window=100), RUNS),
        (peer.tcp(ACK, P + 1 + 1600, H + 1, 10, window=100), RUNS),
        (peer.tcp(ACK, P + 1 + 1601, H + 1, 10, window=100), OUT),
    ]),
    Case("scale-behind-other-options", "RFC 9293 3.1", [
        *opened(options=b"\2\4\5\xb4\4\2\x08\x0a" + bytes(8) + b"\1\3\3\7"),
        (host.tcp(ACK, H + 1, P + 1), RUNS),
        (peer.tcp(ACK, P + 1 + (8192 << 7), H + 1, 10), RUNS),
    ]),
    Case("scale-behind-the-end-of-options", "RFC 9293 3.1: kind 0", [
        *opened(options=b"\2\4\5\xb4\0\3\3\7"),
        (peer.tcp(ACK, P + 1 + 8193, H + 1, 10), OUT),
    ]),
    Case("options-cut-short", "RFC 9293 3.1: a length beyond the header", [
        *opened(options=b"\2\x28\3\3\7\0\0\0"),
        (peer.tcp(ACK, P + 1 + 8193, H + 1, 10), OUT),
    ]),
    Case("options-of-length-0", "a parser's endless loop", [
        *opened(options=b"\5\0\3\3\7\0\0\0"),
        (peer.tcp(ACK, P + 1 + 8193, H + 1, 10), OUT),
    ]),
    Case("window-opens", "RFC 9293 3.8.6", [
        *opened(),
        (peer.tcp(ACK, P + 1 + 20000, H + 1, 10), OUT),
        (host.tcp(ACK, H + 1, P + 1, window=30000), RUNS),
        (peer.tcp(ACK, P + 1 + 20000, H + 1, 10), RUNS),
    ]),
    Case("window-of-0", "RFC 9293 3.8.6.1: probes, and then it opens", [
        *opened(),
        (peer.tcp(ACK, P + 1, H + 1, 8192), RUNS),
        (host.tcp(ACK, H + 1, P + 8193, window=0), RUNS),
        (peer.tcp(ACK, P + 8193, H + 1, 1), RUNS),
        (host.tcp(ACK, H + 1, P + 8193, window=0), RUNS),
        (host.tcp(ACK, H + 1, P + 8194, window=8192), RUNS),
    ]),
    Case("sent-again-behind-a-hole", "RFC 2018: SACK; what was lost before us comes again", [
        *opened(),
        (peer.tcp(ACK, P + 1001, H + 1, 1000), RUNS),
        (host.tcp(ACK, H + 1, P + 1, options=b"\1\1\5\x0a" + bytes(8)), RUNS),
        (peer.tcp(ACK, P + 1, H + 1, 1000), RUNS),
        (host.tcp(ACK, H + 1, P + 2001), RUNS),
        (peer.tcp(ACK, P + 1, H + 1, 1000), RUNS),
    ]),
    Case("sequence-numbers-wrap", "RFC 9293 3.4", [
        (peer.tcp(SYN, 2**32 - 5), "allow rule-allow opening"),
        (host.tcp(SYN | ACK, 2**32 - 1, 2**32 - 4), OPENING),
        (peer.tcp(ACK, 2**32 - 4, 0), RUNS),
        (peer.tcp(ACK, 2**32 - 4, 0, 100), RUNS),
        (host.tcp(ACK, 0, 96, 50), RUNS),
        (peer.tcp(ACK, 96, 50, 10), RUNS),
        (peer.tcp(RST, 106), CLOSES),
    ]),
    Case("acks-cross", "out of order by a window", [
        *opened(),
        (host.tcp(ACK, H + 1, P + 1, 4000), RUNS),
        (host.tcp(ACK, H + 4001, P + 1, 4000), RUNS),
        (peer.tcp(ACK, P + 1, H + 8001), RUNS),
        (peer.tcp(ACK, P + 1, H + 4001), RUNS),
        (peer.tcp(ACK, P + 1, H + 1), RUNS),
    ]),
    Case("refused-data-moves-nothing", "RFC 5961 5", [
        *opened(),
        (peer.tcp(ACK, P + 1 + 10**6, H + 1, 10), OUT),
        (peer.tcp(ACK, P + 1, H + 1, 10), RUNS),
        (host.tcp(ACK, H + 1, P + 11), RUNS),
    ]),
]

# --- how it ends -------------------------------------------------------------------------------

ENDED = [
    *opened(),
    (peer.tcp(FIN | ACK, P + 1, H + 1), "allow session-allow closing"),
    (host.tcp(FIN | ACK, H + 1, P + 2), "allow session-allow time-wait"),
    (peer.tcp(ACK, P + 2, H + 2), "allow session-allow time-wait"),
]

CASES += [
    Case("closed-by-both", "RFC 9293 3.6", ENDED),
    Case("closed-at-once", "RFC 9293 3.6, figure 13", [
        *opened(),
        (peer.tcp(FIN | ACK, P + 1, H + 1), "allow session-allow closing"),
        (host.tcp(FIN | ACK, H + 1, P + 1), "allow session-allow time-wait"),
        (peer.tcp(ACK, P + 2, H + 2), "allow session-allow time-wait"),
        (host.tcp(ACK, H + 2, P + 2), "allow session-allow time-wait"),
    ]),
    Case("half-closed", "RFC 9293 3.6: the other side may go on", [
        *opened(),
        (peer.tcp(FIN | ACK, P + 1, H + 1), "allow session-allow closing"),
        (host.tcp(ACK | PSH, H + 1, P + 2, 1000), "allow session-allow closing"),
        (peer.tcp(ACK, P + 2, H + 1001), "allow session-allow closing"),
        (host.tcp(FIN | ACK, H + 1001, P + 2), "allow session-allow time-wait"),
    ]),
    Case("fin-again", "RFC 9293 3.8.1", [
        *opened(),
        (peer.tcp(FIN | ACK, P + 1, H + 1), "allow session-allow closing"),
        (peer.tcp(FIN | ACK, P + 1, H + 1), "allow session-allow closing"),
    ]),
    Case("used-again", "RFC 9293 3.6.1: the same ports, judged anew", [
        *ENDED,
        (peer.tcp(SYN, P + 100000), "allow rule-allow opening"),
        (host.tcp(SYN | ACK, H + 100000, P + 100001), OPENING),
        (peer.tcp(ACK, P + 100001, H + 100001), RUNS),
    ]),
    Case("used-again-after-rst", "RFC 9293 3.10.7.1", [
        *opened(),
        (peer.tcp(RST, P + 1), CLOSES),
        (peer.tcp(SYN, 42), "allow rule-allow opening"),
    ]),
    Case("used-again-by-the-other-side", "the policy is asked: it may not come in", [
        *connected(),
        (client.tcp(FIN | ACK, H + 1, P + 1), "allow session-allow closing"),
        (server.tcp(FIN | ACK, P + 1, H + 2), "allow session-allow time-wait"),
        (server.tcp(SYN, P + 100000), "deny rule-deny"),
    ]),
    Case("syn-into-what-is-half-closed", "RFC 5961 4: one side still speaks", [
        *opened(),
        (peer.tcp(FIN | ACK, P + 1, H + 1), "allow session-allow closing"),
        (peer.tcp(SYN, 99999), "allow session-allow closing"),
        (host.tcp(ACK | PSH, H + 1, P + 2, 1000), "allow session-allow closing"),
    ]),
    Case("data-after-rst", "on its way when it came", [
        *opened(),
        (peer.tcp(RST, P + 1), CLOSES),
        (host.tcp(ACK | PSH, H + 1, P + 1, 100), CLOSES),
    ]),
    Case("opening-ends", "timeouts.tcp-syn, 30 s", [
        (peer.tcp(SYN, P), "allow rule-allow opening"),
        wait(29), (peer.tcp(SYN, P), OPENING),
        wait(31), (host.tcp(SYN | ACK, H, P + 1), "allow egress-learned"),
    ]),
    Case("established-lasts", "timeouts.tcp-established, 2 h; RFC 5382 REQ-5 asks for 2 h 4 min of a NAT", [
        *opened(), wait(7199), (peer.tcp(ACK, P + 1, H + 1), RUNS), wait(7201), (peer.tcp(ACK, P + 1, H + 1), MIDFLOW),
    ]),
    Case("half-closed-ends", "timeouts.tcp-fin, 30 s", [
        *opened(), (peer.tcp(FIN | ACK, P + 1, H + 1), "allow session-allow closing"),
        wait(29), (peer.tcp(ACK, P + 2, H + 1), "allow session-allow closing"), wait(31), (peer.tcp(ACK, P + 2, H + 1), MIDFLOW),
    ]),
    Case("time-wait-ends", "timeouts.tcp-time-wait, 30 s", [*ENDED, wait(31), (peer.tcp(ACK, P + 2, H + 2), MIDFLOW)]),
]

# --- checksums of what changes a state (RFC 9293 3.1) -----------------------------------------------

BAD = {"check": 0x1234}
CASES += [
    Case("bad-sum-fin", "C: only the receiver would notice", [
        *opened(), (peer.tcp(FIN | ACK, P + 1, H + 1, **BAD), "deny bad-checksum"),
        (peer.tcp(ACK, P + 1, H + 1, 10), RUNS)]),
    Case("bad-sum-rst", "RFC 9293 3.1", [
        *opened(), (peer.tcp(RST, P + 1, **BAD), "deny bad-checksum"), (peer.tcp(ACK, P + 1, H + 1, 10), RUNS)]),
    Case("bad-sum-syn-ack", "RFC 9293 3.1", [
        ASKED, (server.tcp(SYN | ACK, P, H + 1, **BAD), "deny bad-checksum"),
        (server.tcp(SYN | ACK, P + 9, H + 1), OPENING)]),
    Case("bad-sum-last-ack", "RFC 9293 3.1", [
        (peer.tcp(SYN, P), "allow rule-allow opening"), (host.tcp(SYN | ACK, H, P + 1), OPENING),
        (peer.tcp(ACK, P + 1, H + 1, **BAD), "deny bad-checksum"), (peer.tcp(ACK, P + 1, H + 1), RUNS)]),
    Case("bad-sum-syn", "RFC 9293 3.1", [(peer.tcp(SYN, P, **BAD), "deny bad-l4-checksum"), (peer.tcp(SYN, P), "allow rule-allow")]),
    Case("bad-sum-data", "nothing changes: the receiver's to notice", [*opened(), (peer.tcp(ACK, P + 1, H + 1, 10, **BAD), RUNS)]),
]

# --- errors about a connection (RFC 5927 4.1) -------------------------------------------------------

CASES += [
    Case(f"error-about-{name}", "RFC 5927 4.1: SND.UNA =< SEG.SEQ < SND.NXT, with some room", [
        *connected(),
        (client.tcp(ACK | PSH, H + 1, P + 1, 100), RUNS),
        (server.error("too-big", client.tcp(ACK | PSH, seq, P + 1, 100)), said),
    ])
    for name, seq, said in (
        ("what-was-sent", H + 1, "allow icmp-related"), ("the-next", H + 101, "allow icmp-related"),
        ("what-was-not-sent", H + 102, "deny icmp-unrelated"), ("a-blind-guess", 12345678, "deny icmp-unrelated"),
        ("the-far-past", H + 101 - 66001, "deny icmp-unrelated"),
    )
]
