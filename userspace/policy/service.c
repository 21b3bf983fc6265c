/* SPDX-License-Identifier: BSD-2-Clause */
#include "service.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "cleanup.h"

struct icmp_type {
	const char *name;
	uint8_t type;
};

/* Names as in nftables. */
static const struct icmp_type ICMP_TYPES[] = {
	{"echo-reply", 0},           {"destination-unreachable", 3},
	{"source-quench", 4},        {"redirect", 5},
	{"echo-request", 8},         {"router-advertisement", 9},
	{"router-solicitation", 10}, {"time-exceeded", 11},
	{"parameter-problem", 12},   {"timestamp-request", 13},
	{"timestamp-reply", 14},     {"info-request", 15},
	{"info-reply", 16},          {"address-mask-request", 17},
	{"address-mask-reply", 18},  {NULL, 0},
};

static const struct icmp_type ICMPV6_TYPES[] = {
	{"destination-unreachable", 1}, {"packet-too-big", 2},
	{"time-exceeded", 3},           {"parameter-problem", 4},
	{"echo-request", 128},          {"echo-reply", 129},
	{"mld-listener-query", 130},    {"mld-listener-report", 131},
	{"mld-listener-done", 132},     {"nd-router-solicit", 133},
	{"nd-router-advert", 134},      {"nd-neighbor-solicit", 135},
	{"nd-neighbor-advert", 136},    {"nd-redirect", 137},
	{"mld2-listener-report", 143},  {NULL, 0},
};

struct protocol {
	const char *name;
	int (*read)(const struct protocol *protocol, const char *text, size_t len,
		    struct seg_service *out, struct seg_nearest *nearest);
	const struct icmp_type *types;
	uint8_t proto, family;
	bool ports;
};

static int range_order(uint64_t first, uint64_t last)
{
	return first <= last ? 0 : -ERANGE;
}

int seg_ports_parse(const char *text, size_t len, uint16_t *first, uint16_t *last)
{
	const char *dash = memchr(text, '-', len);
	size_t head = dash ? (size_t)(dash - text) : len;
	uint64_t low, high;
	int r = seg_number_parse(text, head, UINT16_MAX, &low);

	high = low;
	if (!r && dash)
		r = seg_number_parse(dash + 1, len - head - 1, UINT16_MAX, &high);
	if (!r)
		r = range_order(low, high);
	if (r)
		return r;
	*first = (uint16_t)low;
	*last = (uint16_t)high;
	return 0;
}

static int read_ports(const struct protocol *protocol, const char *text, size_t len,
		      struct seg_service *out, struct seg_nearest *nearest)
{
	(void)protocol;
	(void)nearest;
	return seg_ports_parse(text, len, &out->first, &out->last);
}

static int type_of(const struct protocol *protocol, const char *text, size_t len, uint64_t *type,
		   struct seg_nearest *nearest)
{
	int r = seg_number_parse(text, len, UINT8_MAX, type);

	if (r != -EINVAL)
		return r;
	*nearest = (struct seg_nearest){.text = text, .len = len};
	for (const struct icmp_type *t = protocol->types; t->name; t++) {
		seg_nearest_offer(nearest, t->name);
		if (seg_text_is(text, len, t->name)) {
			*type = t->type;
			return 0;
		}
	}
	return -ESRCH;
}

static int read_icmp(const struct protocol *protocol, const char *text, size_t len,
		     struct seg_service *out, struct seg_nearest *nearest)
{
	const char *slash = memchr(text, '/', len);
	size_t head = slash ? (size_t)(slash - text) : len;
	uint64_t type, code = 0;
	int r = type_of(protocol, text, head, &type, nearest);

	if (!r && slash)
		r = seg_number_parse(slash + 1, len - head - 1, UINT8_MAX, &code);
	if (r)
		return r;
	out->first = (uint16_t)(type << 8 | code);
	out->last = (uint16_t)(slash ? out->first : type << 8 | 0xff);
	return 0;
}

static const uint8_t PORT_PROTOCOLS[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_UDPLITE,
					 IPPROTO_DCCP};

size_t seg_port_protocols(const uint8_t **protos)
{
	*protos = PORT_PROTOCOLS;
	return sizeof(PORT_PROTOCOLS);
}

static int read_number(const struct protocol *protocol, const char *text, size_t len,
		       struct seg_service *out, struct seg_nearest *nearest)
{
	uint64_t proto;
	int r = seg_number_parse(text, len, UINT8_MAX, &proto);

	(void)protocol;
	(void)nearest;
	if (r)
		return r;
	out->proto = (uint8_t)proto;
	out->ports = memchr(PORT_PROTOCOLS, out->proto, sizeof(PORT_PROTOCOLS)) != NULL;
	return 0;
}

static const struct protocol PROTOCOLS[] = {
	{"tcp", read_ports, NULL, IPPROTO_TCP, 0, true},
	{"udp", read_ports, NULL, IPPROTO_UDP, 0, true},
	{"sctp", read_ports, NULL, IPPROTO_SCTP, 0, true},
	{"udplite", read_ports, NULL, IPPROTO_UDPLITE, 0, true},
	{"dccp", read_ports, NULL, IPPROTO_DCCP, 0, true},
	{"icmp", read_icmp, ICMP_TYPES, IPPROTO_ICMP, 4, false},
	{"icmpv6", read_icmp, ICMPV6_TYPES, IPPROTO_ICMPV6, 6, false},
	{"proto", read_number, NULL, 0, 0, false},
};

static const struct protocol *protocol_of(const char *text, size_t len, struct seg_nearest *nearest)
{
	*nearest = (struct seg_nearest){.text = text, .len = len};
	for (size_t i = 0; i < SEG_ARRAY_SIZE(PROTOCOLS); i++) {
		if (seg_text_is(text, len, PROTOCOLS[i].name))
			return &PROTOCOLS[i];
		seg_nearest_offer(nearest, PROTOCOLS[i].name);
	}
	return NULL;
}

int seg_service_parse(const char *text, size_t len, struct seg_service *out,
		      struct seg_nearest *nearest)
{
	const char *slash = memchr(text, '/', len);
	size_t head = slash ? (size_t)(slash - text) : len;
	struct seg_service service = {.last = UINT16_MAX};
	const struct protocol *protocol;
	int r = 0;

	if (seg_text_is(text, len, "any")) {
		service.any = true;
		*out = service;
		return 0;
	}
	protocol = protocol_of(text, head, nearest);
	if (!protocol)
		return -ENOENT;
	service.proto = protocol->proto;
	service.family = protocol->family;
	service.ports = protocol->ports;
	if (slash)
		r = protocol->read(protocol, slash + 1, len - head - 1, &service, nearest);
	else if (protocol->read == read_number)
		r = -EINVAL;
	if (!r)
		*out = service;
	return r;
}
