/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "address.h"
#include "field.h"
#include "packet.h"
#include "service.h"
#include "session_key.h"
#include "words.h"

#define EXAMPLE "tcp 10.0.0.1:4321 > 10.0.0.2:22"

struct parser {
	const char *text;
	const char *word; /* that is looked at: `len` bytes, 0 at the end */
	size_t len;
	struct seg_service proto; /* protocol and family of the first word */
	struct seg_flow *flow;
	unsigned int assumed;
	unsigned int read; /* bit i: PARTS[i] was here */
	struct seg_error *err;
};

static void next(struct parser *p)
{
	p->word += p->len;
	p->word += strspn(p->word, " \t\n");
	p->len = *p->word == '>' ? 1 : strcspn(p->word, " \t\n>");
}

static bool is(const struct parser *p, const char *word)
{
	return seg_text_is(p->word, p->len, word);
}

/* --- errors ----------------------------------------------------------------- */

static unsigned int column_of(const struct parser *p, const char *at)
{
	unsigned int column = 1;

	for (const char *c = p->text; c < at; c++)
		column += ((unsigned char)*c & 0xc0) != 0x80;
	return column;
}

/* What is wrong with the flow at `at`. */
__attribute__((format(printf, 3, 4))) static int fault(struct parser *p, const char *at,
						       const char *format, ...)
{
	char what[sizeof(p->err->what)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	seg_error_set(p->err, EINVAL, "%s", what);
	seg_error_place(p->err, "flow", 1, column_of(p, at), p->text);
	seg_error_exit(p->err, SEG_EXIT_USAGE);
	seg_error_mend(p->err, "write it like '" EXAMPLE "'");
	return -EINVAL;
}

static void mend_nearest(struct parser *p, const struct seg_nearest *nearest, const char *prefix)
{
	if (nearest->best)
		seg_error_mend(p->err, "did you mean '%s%s'?", prefix, nearest->best);
}

/* --- protocol ----------------------------------------------------------------- */

static int read_proto(struct parser *p)
{
	const char *slash = memchr(p->word, '/', p->len);
	struct seg_nearest nearest = {0};
	int r = seg_service_parse(p->word, p->len, &p->proto, &nearest);

	if (r == -ENOENT || !p->len) {
		mend_nearest(p, &nearest, "");
		return fault(p, p->word, p->len ? "'%.*s' is no protocol" : "no protocol%.*s",
			     (int)p->len, p->word);
	}
	if (slash && strncmp(p->word, "proto/", 6) != 0) {
		seg_error_mend(p->err, "ports stand behind the addresses: " EXAMPLE);
		return fault(p, slash, "a flow begins with its protocol alone");
	}
	if (r || p->proto.any) {
		seg_error_mend(p->err,
			       "one of tcp, udp, icmp, icmpv6, sctp, or proto/0 to proto/255");
		return fault(p, p->word, "'%.*s' is not one protocol", (int)p->len, p->word);
	}
	p->flow->proto = p->proto.proto;
	next(p);
	return 0;
}

/* --- endpoints ------------------------------------------------------------------ */

/* An endpoint's address and port, each a part of the text; port NULL: none. */
struct parts {
	const char *address, *port;
	size_t address_len, port_len;
};

/* "[2001:db8::1]:80", "10.0.0.1:80", or an address alone. */
static struct parts split(const struct parser *p)
{
	struct parts parts = {.address = p->word, .address_len = p->len};
	const char *close = memchr(p->word, ']', p->len), *colon = NULL;

	if (*p->word == '[' && close && (close[1] == ':' || close + 1 == p->word + p->len)) {
		parts.address = p->word + 1;
		parts.address_len = (size_t)(close - parts.address);
		colon = close[1] == ':' ? close + 1 : NULL;
	} else if (memchr(p->word, '.', p->len)) {
		colon = memrchr(p->word, ':', p->len);
		parts.address_len = colon ? (size_t)(colon - p->word) : p->len;
	}
	if (colon) {
		parts.port = colon + 1;
		parts.port_len = (size_t)(p->word + p->len - parts.port);
	}
	return parts;
}

static int read_port(struct parser *p, const struct parts *parts, __be16 *port)
{
	uint64_t number;

	if (!p->proto.ports) {
		seg_error_mend(p->err, "leave it out: icmp 10.0.0.1 > 10.0.0.2 echo-request");
		return fault(p, parts->port, "this protocol has no ports");
	}
	if (seg_number_parse(parts->port, parts->port_len, UINT16_MAX, &number)) {
		seg_error_mend(p->err, "a port is a number from 0 to %u", UINT16_MAX);
		return fault(p, parts->port, "'%.*s' is no port", (int)parts->port_len,
			     parts->port);
	}
	*port = htons((uint16_t)number);
	return 0;
}

/* Returns 1 if a port was given. */
static int read_endpoint(struct parser *p, const char *which, __be32 to[4], __be16 *port)
{
	struct parts parts = split(p);
	struct seg_address address;
	uint8_t family;
	int r;

	if (!p->len || *p->word == '>')
		return fault(p, p->word, "no %s address", which);
	if (seg_address_parse(parts.address, parts.address_len, &address))
		return fault(p, p->word, "'%.*s' is no address", (int)parts.address_len,
			     parts.address);
	family = seg_address_family(&address);
	if (p->proto.family && p->proto.family != family) {
		seg_error_mend(p->err, "between these it is %s", family == 4 ? "icmp" : "icmpv6");
		return fault(p, p->word, "%s is a protocol of IPv%u",
			     p->proto.family == 4 ? "icmp" : "icmpv6", p->proto.family);
	}
	if (p->flow->family && p->flow->family != family) {
		seg_error_mend(p->err, "a flow has two addresses of one family");
		return fault(p, p->word, "from IPv%u to IPv%u", p->flow->family, family);
	}
	p->flow->family = family;
	memcpy(to, &address, sizeof(address));
	r = parts.port ? read_port(p, &parts, port) : 0;
	if (!r)
		next(p);
	return r ? r : parts.port != NULL;
}

static int read_source(struct parser *p)
{
	int r = read_endpoint(p, "source", p->flow->src, &p->flow->sport);

	if (r || !p->proto.ports)
		return r < 0 ? r : 0;
	p->assumed |= SEG_ASSUMED_SOURCE_PORT;
	p->flow->sport = htons(SEG_SOURCE_PORT_ASSUMED);
	return 0;
}

static int read_destination(struct parser *p)
{
	const char *at;
	int r;

	if (!is(p, ">"))
		return fault(p, p->word, "'>' and the destination are missing");
	next(p);
	at = p->word;
	r = read_endpoint(p, "destination", p->flow->dst, &p->flow->dport);
	if (r || !p->proto.ports)
		return r < 0 ? r : 0;
	seg_error_mend(p->err, "write it as 10.0.0.2:22 or [2001:db8::2]:22");
	return fault(p, at, "a destination without a port");
}

/* --- what may follow ---------------------------------------------------------------- */

static int read_vlan(struct parser *p)
{
	const char *slash = memchr(p->word, '/', p->len);
	size_t len[2] = {slash ? (size_t)(slash - p->word) : p->len, 0};
	const char *part[2] = {p->word, slash ? slash + 1 : NULL};
	unsigned int n = 0;

	len[1] = slash ? p->len - len[0] - 1 : 0;
	for (unsigned int i = 0; i < 2 && part[i]; i++) {
		uint64_t id;

		if (seg_number_parse(part[i], len[i], 4094, &id)) {
			seg_error_mend(p->err, "an id from 0 to 4094, or two: vlan 100/200");
			return fault(p, part[i], "'%.*s' is no VLAN id", (int)len[i], part[i]);
		}
		if (id) /* VID 0 carries priority only (IEEE 802.1Q) */
			p->flow->vlan[n++] = (uint16_t)(SEG_VLAN_PRESENT | id);
	}
	return 0;
}

static int read_flags(struct parser *p)
{
	struct seg_nearest nearest = {0};
	struct seg_tcp_match match = {0};
	int r = is(p, "none") ? 0
		: memchr(p->word, '/', p->len)
			? -EINVAL
			: seg_tcp_match_parse(p->word, p->len, &match, &nearest);

	if (p->flow->proto != IPPROTO_TCP) {
		seg_error_mend(p->err, "leave 'flags' and its value out");
		return fault(p, p->word, "only TCP has flags");
	}
	if (r) {
		mend_nearest(p, &nearest, "");
		seg_error_mend(p->err, "flags are joined by '+': syn, syn+ack");
		return fault(p, p->word, "'%.*s' are no TCP flags", (int)p->len, p->word);
	}
	p->flow->tcp_flags = match.value;
	p->assumed &= ~(unsigned int)SEG_ASSUMED_TCP_FLAGS;
	return 0;
}

static int read_dscp(struct parser *p)
{
	struct seg_nearest nearest = {0};

	if (!seg_dscp_parse(p->word, p->len, &p->flow->dscp, &nearest))
		return 0;
	mend_nearest(p, &nearest, "");
	seg_error_mend(p->err, "a number from 0 to 63, or a class: af11, cs1, ef");
	return fault(p, p->word, "'%.*s' is no DSCP", (int)p->len, p->word);
}

static const struct {
	const char *name;
	int (*read)(struct parser *p);
} PARTS[] = {{"vlan", read_vlan}, {"flags", read_flags}, {"dscp", read_dscp}};

/* "echo-request", "3/4": as behind "icmp/" in a service. */
static int read_icmp_type(struct parser *p)
{
	const char *icmp = p->flow->proto == IPPROTO_ICMP ? "icmp/" : "icmpv6/";
	struct seg_nearest nearest = {0};
	struct seg_service service;
	char text[64];
	int len = snprintf(text, sizeof(text), "%s%.*s", icmp, (int)p->len, p->word);

	if (len >= (int)sizeof(text) || seg_service_parse(text, (size_t)len, &service, &nearest)) {
		mend_nearest(p, &nearest, "");
		seg_error_mend(p->err, "a name, or numbers of type and code: echo-request, 3/1");
		return fault(p, p->word, "'%.*s' is no ICMP type", (int)p->len, p->word);
	}
	p->flow->icmp_type = (uint8_t)(service.first >> 8);
	p->flow->icmp_code = (uint8_t)service.first;
	p->assumed &= ~(unsigned int)SEG_ASSUMED_ICMP_TYPE;
	next(p);
	return 0;
}

/* The word here, if it begins one of PARTS, and its value. */
static int read_part(struct parser *p)
{
	struct seg_nearest nearest = {.text = p->word, .len = p->len};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(PARTS); i++) {
		int r;

		seg_nearest_offer(&nearest, PARTS[i].name);
		if (!is(p, PARTS[i].name))
			continue;
		if (p->read & 1u << i)
			return fault(p, p->word, "a second '%s'", PARTS[i].name);
		p->read |= 1u << i;
		next(p);
		if (!p->len)
			return fault(p, p->word, "'%s' needs a value", PARTS[i].name);
		r = PARTS[i].read(p);
		if (!r)
			next(p);
		return r;
	}
	if (p->assumed & SEG_ASSUMED_ICMP_TYPE)
		return read_icmp_type(p);
	mend_nearest(p, &nearest, "");
	seg_error_mend(p->err, "what may follow: vlan, flags, dscp, for ICMP its type");
	return fault(p, p->word, "'%.*s' means nothing here", (int)p->len, p->word);
}

/* --- all of it ---------------------------------------------------------------------- */

static void assume(struct parser *p)
{
	if (p->flow->proto == IPPROTO_TCP) {
		p->flow->tcp_flags = SEG_TCP_SYN;
		p->assumed |= SEG_ASSUMED_TCP_FLAGS;
	}
	if (seg_is_icmp(p->flow->proto)) {
		p->flow->icmp_type =
			p->flow->proto == IPPROTO_ICMP ? SEG_ICMP_ECHO : SEG_ICMP6_ECHO;
		p->assumed |= SEG_ASSUMED_ICMP_TYPE;
	}
}

int seg_flow_parse(const char *text, struct seg_flow *flow, unsigned int *assumed,
		   struct seg_error *err)
{
	struct seg_flow read = {0};
	struct parser p = {.text = text, .word = text, .flow = &read, .err = err};
	int r;

	next(&p);
	r = read_proto(&p);
	if (!r)
		r = read_source(&p);
	if (!r)
		r = read_destination(&p);
	assume(&p);
	while (!r && p.len)
		r = read_part(&p);
	if (r)
		return r;
	*flow = read;
	*assumed = p.assumed;
	return 0;
}

/* --- printed ------------------------------------------------------------------------- */

static void add(char *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *to, const char *format, ...)
{
	size_t used = strlen(to);
	va_list args;

	va_start(args, format);
	vsnprintf(to + used, SEG_FLOW_TEXT_MAX - used, format, args);
	va_end(args);
}

static void add_endpoint(char *to, bool ports, const __be32 addr[4], __be16 port)
{
	char text[SEG_ENDPOINT_TEXT_MAX];
	struct seg_address address;

	memcpy(&address, addr, sizeof(address));
	add(to, "%s",
	    ports ? seg_endpoint_print(&address, ntohs(port), text)
		  : seg_address_print(&address, text));
}

static bool has_ports(uint8_t proto)
{
	const uint8_t *protos;
	size_t n = seg_port_protocols(&protos);

	return memchr(protos, proto, n) != NULL;
}

static void add_vlans(char *to, const uint16_t vlan[2])
{
	if (vlan[0])
		add(to, " vlan %u", vlan[0] & 0xfffu);
	if (vlan[1])
		add(to, "/%u", vlan[1] & 0xfffu);
}

const char *seg_flow_print(const struct seg_flow *flow, char *to)
{
	char word[SEG_PROTO_WORD_MAX], flags[SEG_TCP_FLAGS_TEXT_MAX];
	bool ports = has_ports(flow->proto);

	*to = '\0';
	add(to, "%s ", seg_proto_word(flow->proto, word));
	add_endpoint(to, ports, flow->src, flow->sport);
	add(to, " > ");
	add_endpoint(to, ports, flow->dst, flow->dport);
	if (seg_is_icmp(flow->proto))
		add(to, " %u/%u", flow->icmp_type, flow->icmp_code);
	if (flow->proto == IPPROTO_TCP)
		add(to, " flags %s",
		    flow->tcp_flags ? seg_tcp_flags_print(flow->tcp_flags, flags) : "none");
	add_vlans(to, flow->vlan);
	if (flow->dscp)
		add(to, " dscp %u", flow->dscp);
	return to;
}
