/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * reasons.h - every way a packet can leave the filter, one row each.
 *
 * A packet takes exactly one exit and is counted once, under one reason
 * (invariant 1). The enum, the names in JSON and `stats`, and the reference
 * table in the docs all come from these rows: a new reason is a new row.
 *
 *   X(ID, "name", verdict, path, "what it means to an administrator")
 *
 * verdict: ALLOW  the packet went on
 *          DENY   the packet was dropped on purpose
 *          LOSS   the packet was lost although nobody wanted that
 *          UP     XDP handed it to the worker, which counts its real exit
 * path:    who answered: GUARD (parser, sanity checks, ARP/ND/DHCP),
 *          SESSION (one lookup), WILDCARD (all of its kind has this verdict), SLOW (the
 *          worker)
 */
#ifndef SEG_REASONS_H
#define SEG_REASONS_H

#define SEG_REASONS(X)                                                                             \
	/* answered by one lookup */                                                               \
	X(SESSION_ALLOW, "session-allow", ALLOW, SESSION, "a known flow that the policy allows")   \
	X(SESSION_DENY, "session-deny", DENY, SESSION, "a known flow that the policy denies")      \
	X(TCP_WINDOW, "tcp-window", DENY, SESSION,                                                 \
	  "TCP outside its connection's sequence window, or out of turn")                          \
	X(ICMP_RELATED, "icmp-related", ALLOW, SESSION,                                            \
	  "an ICMP error that quotes a live session")                                              \
	X(ICMP_UNRELATED, "icmp-unrelated", DENY, SESSION,                                         \
	  "an ICMP error that quotes no session, or nothing that it sent")                         \
	/* what this host sends, where the policy allows all of that */                            \
	X(EGRESS_LEARNED, "egress-learned", ALLOW, WILDCARD,                                       \
	  "a flow that this host opens: its answers are known from now on")                        \
	X(EGRESS_ALLOW, "egress-allow", ALLOW, WILDCARD,                                           \
	  "sent by this host, and no session is made of it")                                       \
	/* passed before any lookup */                                                             \
	X(ARP, "arp", ALLOW, GUARD, "ARP")                                                         \
	X(ND, "neighbour-discovery", ALLOW, GUARD, "IPv6 neighbour discovery, hop limit 255")      \
	X(DHCP, "dhcp", ALLOW, GUARD, "a DHCP server's answer to this host")                       \
	X(MULTICAST_LISTENER, "multicast-listener", ALLOW, GUARD,                                  \
	  "IGMP, or MLD with router alert")                                                        \
	X(FAILSAFE, "failsafe", ALLOW, GUARD, "a service that is never cut off")                   \
	X(NON_IP, "non-ip", ALLOW, GUARD, "an Ethertype other than IP, ARP or VLAN")               \
	/* dropped before any lookup */                                                            \
	X(TRUNCATED, "truncated", DENY, GUARD, "a header or length beyond the frame or datagram")  \
	X(BAD_HEADER, "bad-header", DENY, GUARD,                                                   \
	  "an IP header whose fields contradict each other")                                       \
	X(BAD_CHECKSUM, "bad-checksum", DENY, GUARD, "a wrong IPv4 or L4 checksum")                \
	X(IP_OPTIONS, "ip-options", DENY, GUARD, "an IPv4 option other than router alert")         \
	X(EXTENSION_HEADERS, "extension-headers", DENY, GUARD,                                     \
	  "an IPv6 extension header that is malformed, deprecated or one too many")                \
	X(FRAGMENT, "fragment", DENY, GUARD, "an IP fragment, where none can be held")             \
	X(FRAGMENT_TINY, "fragment-tiny", DENY, GUARD,                                             \
	  "a fragment that cuts the L4 header, or the IPv6 headers before it, in two")             \
	X(FRAGMENT_LENGTH, "fragment-length", DENY, GUARD,                                         \
	  "a fragment that is empty, no multiple of 8 long, or ends beyond 65,535")                \
	X(FRAGMENT_OVERLAP, "fragment-overlap", DENY, GUARD,                                       \
	  "a fragment that came before, or of a datagram whose fragments contradict each other")   \
	X(FRAGMENT_EXCESS, "fragment-excess", DENY, GUARD,                                         \
	  "a fragment of a datagram in over 64, or of more than may be held")                      \
	X(FRAGMENT_TIMEOUT, "fragment-timeout", DENY, GUARD,                                       \
	  "a fragment whose datagram was not complete after 10 s")                                 \
	X(VLAN_UNKNOWN, "vlan-unknown", DENY, GUARD,                                               \
	  "a VLAN that no rule names, or over two tags")                                           \
	X(VLAN_BESIDE, "vlan-beside", DENY, GUARD,                                                 \
	  "a VLAN tag that came beside the frame: XDP, which passed it, took it for untagged")     \
	X(MARTIAN, "martian", DENY, GUARD, "an address that cannot be on a wire, or LAND")         \
	X(TTL_ZERO, "ttl-zero", DENY, GUARD, "TTL or hop limit 0")                                 \
	X(TCP_HEADER, "tcp-header", DENY, GUARD,                                                   \
	  "a TCP data offset or flag combination that is none")                                    \
	X(UDP_LENGTH, "udp-length", DENY, GUARD,                                                   \
	  "a UDP length or UDP-Lite coverage that cannot be")                                      \
	X(ICMP_QUOTE, "icmp-quote", DENY, GUARD,                                                   \
	  "an ICMP error whose quote is cut short, or of a packet its receiver did not send")      \
	X(ICMP_MTU, "icmp-mtu", DENY, GUARD,                                                       \
	  "an ICMP error with a path MTU that no link may have")                                   \
	X(OFF_LINK, "off-link", DENY, GUARD,                                                       \
	  "ND, MLD or IGMP that did not start on this link: hop limit, source, router alert")      \
	X(ICMP_TYPE, "icmp-type", DENY, GUARD,                                                     \
	  "an ICMP type that hosts must not act on: redirect")                                     \
	/* on the way to the worker */                                                             \
	X(UP, "to-worker", UP, SLOW, "handed to the worker, which counts the exit")                \
	X(NO_SOCKET, "no-socket", LOSS, SLOW, "this queue has no AF_XDP socket")                   \
	X(NO_SOCKET_PASS, "no-socket-pass", ALLOW, SLOW,                                           \
	  "this queue has no AF_XDP socket; on-worker-loss: pass")                                 \
	X(WORKER_LOST, "worker-lost", LOSS, SLOW, "the worker took nothing for 200 ms")            \
	X(WORKER_LOST_PASS, "worker-lost-pass", ALLOW, SLOW,                                       \
	  "the worker took nothing for 200 ms; on-worker-loss: pass")                              \
	X(PENDING_FULL, "pending-full", LOSS, SLOW,                                                \
	  "too many packets of one flow wait for its verdict")                                     \
	X(SESSIONS_FULL, "sessions-full", LOSS, SLOW, "no room for a new session")                 \
	/* the worker's exits */                                                                   \
	X(RULE_ALLOW, "rule-allow", ALLOW, SLOW, "a rule, or the default, allows")                 \
	X(RULE_DENY, "rule-deny", DENY, SLOW, "a rule, or the default, denies")                    \
	X(TCP_MIDFLOW, "tcp-midflow", DENY, GUARD, "TCP of no known flow that does not open one")  \
	X(ICMP_UNASKED, "icmp-unasked", DENY, SLOW, "an ICMP reply that nobody asked for")         \
	X(BAD_L4_CHECKSUM, "bad-l4-checksum", DENY, SLOW,                                          \
	  "a wrong L4 checksum on a flow's first packets")                                         \
	X(INJECT_FULL, "inject-full", LOSS, SLOW, "the way back to the stack did not take it")     \
	X(OVERSIZE, "oversize", LOSS, SLOW, "longer than a UMEM frame")                            \
	X(WORKER_RESTART, "worker-restart", LOSS, SLOW, "in a worker's hands when it died")        \
	/* the kernel's losses on the way up: XDP_STATISTICS of the socket */                      \
	X(RX_RING_FULL, "rx-ring-full", LOSS, SLOW, "the worker's ring was full")                  \
	X(FILL_RING_EMPTY, "fill-ring-empty", LOSS, SLOW, "no free UMEM frame for it")             \
	X(RX_DROPPED, "rx-dropped", LOSS, SLOW, "the socket did not take it for another reason")

#endif
