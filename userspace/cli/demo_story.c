/* SPDX-License-Identifier: BSD-2-Clause */
/* demo_story.c - what `xdpseg demo` does and tells, a step a row. */
#include "cleanup.h"
#include "demo.h"

#define POLICY                                                                                     \
	"version: 1\n"                                                                             \
	"name: demo\n"                                                                             \
	"defaults: {ingress: deny, egress: allow}\n"                                               \
	"groups:\n"                                                                                \
	"  clients: [10.99.0.0/24, \"2001:db8:99::/64\"]\n"                                        \
	"services:\n"                                                                              \
	"  ping: [icmp/echo-request, icmpv6/echo-request]\n"                                       \
	"rules:                       # the first match decides\n"                                 \
	"  - {id: no-telnet, direction: ingress, service: tcp/23, action: deny}\n"                 \
	"  - {id: web, direction: ingress, from: clients, service: tcp/80, action: allow}\n"       \
	"  - {id: dns, direction: ingress, from: clients, service: udp/53, action: allow}\n"       \
	"  - {id: ping, direction: ingress, service: ping, action: allow}\n"
#define MORE "  - {id: alt-web, direction: ingress, service: tcp/8080, action: allow}\n"

#define HEAD(TEXT)                                                                                 \
	{                                                                                          \
		.act = SEG_DEMO_HEAD, .text = (TEXT)                                               \
	}
#define SAY(TEXT)                                                                                  \
	{                                                                                          \
		.act = SEG_DEMO_SAY, .text = (TEXT)                                                \
	}
#define RUN(COMMAND, HAS)                                                                          \
	{                                                                                          \
		.act = SEG_DEMO_RUN, .command = (COMMAND), .text = (HAS)                           \
	}
#define CALL(ACT, TEXT, BY, FROM, FAMILY, PORT, ...)                                               \
	{                                                                                          \
		.act = SEG_DEMO_##ACT, .text = (TEXT), .by = seg_traffic_##BY,                     \
		.call = {SEG_LAB_##FROM, AF_##FAMILY, (PORT)}, __VA_ARGS__                         \
	}
#define AGAIN(TEXT, SLOT, ...)                                                                     \
	{                                                                                          \
		.act = SEG_DEMO_AGAIN, .text = (TEXT), .slot = (SLOT), __VA_ARGS__                 \
	}
#define SILENT .silent = true

enum { DROPPED, TELNET, WEB, OWN };

const struct seg_demo_step SEG_DEMO_STORY[] = {
	HEAD("1. A host and a client, without a filter"),
	SAY("Two network namespaces with a cable between them. No interface of this machine is "
	    "touched."),
	SAY("  client 10.99.0.1, 2001:db8:99::1 ---- wan: host 10.99.0.2, 2001:db8:99::2"),
	SAY("Nothing protects the host yet: the client reaches whatever listens there."),
	CALL(TRY, "web, tcp/80", tcp, CLIENT, INET, 80),
	CALL(TRY, "telnet, tcp/23; this connection stays open", tcp, CLIENT, INET, 23,
	     .slot = TELNET),

	HEAD("2. A policy"),
	SAY("What may come in, and nothing else; what the host itself opens may leave."),
	{.act = SEG_DEMO_FILE, .file = "policy.yaml", .content = POLICY},
	SAY("Is it a policy? This needs no daemon and no privilege."),
	RUN("xdpseg policy check policy.yaml", "demo"),
	SAY("What would it say to telnet?"),
	RUN("xdpseg why --policy policy.yaml 'tcp 10.99.0.1:4321 > 10.99.0.2:23'",
	    "deny: rule no-telnet"),

	HEAD("3. The host is protected"),
	SAY("For a second it only learns what runs (5 s without --learn), then it enforces."),
	RUN("xdpseg attach wan --policy policy.yaml --learn 1s", "wan"),
	SAY("The client tries what the policy allows:"),
	CALL(TRY, "web, tcp/80; this connection stays open", tcp, CLIENT, INET, 80, .slot = WEB),
	CALL(TRY, "web over IPv6", tcp, CLIENT, INET6, 80),
	CALL(TRY, "a question and its answer, udp/53", udp, CLIENT, INET, 53),
	CALL(TRY, "ping", ping, CLIENT, INET, 0),
	CALL(TRY, "ping over IPv6", ping, CLIENT, INET6, 0),
	SAY("and what it denies:"),
	CALL(TRY, "telnet, tcp/23: rule no-telnet", tcp, CLIENT, INET, 23, SILENT),
	CALL(TRY, "tcp/8080 over IPv6: no rule allows it", tcp, CLIENT, INET6, 8080, SILENT),
	CALL(TRY, "udp/9999: no rule allows it", udp, CLIENT, INET, 9999, SILENT),
	SAY("Attaching cuts nothing that ran before, whatever the policy says of it:"),
	AGAIN("the telnet connection of before", TELNET),
	SAY("No rule lets this in, but the host asked for it, so the answers are let in:"),
	CALL(TRY, "the host opens tcp/443 at the client", tcp, HOST, INET, 443, .slot = OWN),

	HEAD("4. What it knows"),
	SAY("Who talks to whom, and which rule decided (default: none matched):"),
	RUN("xdpseg sessions", "no-telnet"),
	SAY("Every packet is counted once, by verdict, by who answered and by why. Known flows are "
	    "answered\nby one lookup (session); only a flow's first packet needs the rules "
	    "(slow)."),
	RUN("xdpseg stats", "no-telnet"),
	SAY("Why is there no answer on port 8080?"),
	RUN("xdpseg why 'tcp 10.99.0.1:4321 > 10.99.0.2:8080'", "deny: no rule matches"),

	HEAD("5. The policy changes while packets flow"),
	SAY("new.yaml has all of policy.yaml, and one rule more:"),
	{.act = SEG_DEMO_FILE, .file = "new.yaml", .content = POLICY MORE, .shown = MORE},
	SAY("On trial: it goes back by itself unless it is confirmed, in case it cuts you off."),
	RUN("xdpseg policy apply new.yaml --confirm 5s", "demo"),
	CALL(TRY, "tcp/8080, which is allowed now", tcp, CLIENT, INET6, 8080),
	AGAIN("the web connection of before", WEB),
	AGAIN("the telnet connection: a change judges it", TELNET, SILENT),
	SAY("Nobody confirms. A few seconds later:"),
	CALL(AWAIT, "tcp/8080, denied again", tcp, CLIENT, INET6, 8080, SILENT),
	SAY("Once more, and this time it is confirmed:"),
	RUN("xdpseg policy apply new.yaml --confirm 1m", "demo"),
	RUN("xdpseg policy confirm", NULL),
	CALL(TRY, "tcp/8080, allowed for good", tcp, CLIENT, INET6, 8080),

	{.act = SEG_DEMO_PAUSE},
	HEAD("6. The end of it"),
	SAY("With the last interface the daemon goes, and all that it made:"),
	RUN("xdpseg detach --all", NULL),
	{.act = SEG_DEMO_GONE, .text = "no process, pin or interface of xdpseg"},
	CALL(TRY, "telnet, tcp/23, unprotected again", tcp, CLIENT, INET, 23),
};

const size_t SEG_DEMO_STEPS = SEG_ARRAY_SIZE(SEG_DEMO_STORY);
