/* SPDX-License-Identifier: BSD-2-Clause */
#include "guard_rows.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"

#define TYPES(first, last)                                                                         \
	{                                                                                          \
		(first) << 8, (last) << 8 | 0xff                                                   \
	}

const struct seg_guard SEG_GUARDS[SEG_GUARDS_N] = {
	/* RFC 1122 3.2.1.3, RFC 6890 */
	{"a loopback source", 4, -1, {0}, "127.0.0.0/8", NULL},
	{"a loopback destination", 4, -1, {0}, NULL, "127.0.0.0/8"},
	{"a multicast source", 4, -1, {0}, "224.0.0.0/4", NULL},
	{"a broadcast source", 4, -1, {0}, "255.255.255.255", NULL},
	{"a destination in 0.0.0.0/8", 4, -1, {0}, NULL, "0.0.0.0/8"},
	{"a source in 0.0.0.0/8", 4, -1, {0}, "0.0.0.1-0.255.255.255", NULL},
	/* RFC 4291 2.5, 2.7 */
	{"a multicast source", 6, -1, {0}, "ff00::/8", NULL},
	{"the loopback address", 6, -1, {0}, "::1", NULL},
	{"the loopback address", 6, -1, {0}, NULL, "::1"},
	{"the unspecified address", 6, -1, {0}, NULL, "::"},
	/* errors belong to the session that they quote */
	{"an ICMP error", 4, IPPROTO_ICMP, TYPES(3, 3), NULL, NULL},
	{"an ICMP error", 4, IPPROTO_ICMP, TYPES(11, 12), NULL, NULL},
	{"an ICMPv6 error", 6, IPPROTO_ICMPV6, TYPES(0, 127), NULL, NULL},
	/* RFC 6633, RFC 6918, redirects */
	{"an ICMP source quench", 4, IPPROTO_ICMP, TYPES(4, 4), NULL, NULL},
	{"an ICMP redirect", 4, IPPROTO_ICMP, TYPES(5, 5), NULL, NULL},
	{"a retired ICMP type", 4, IPPROTO_ICMP, TYPES(6, 6), NULL, NULL},
	{"an ICMP timestamp", 4, IPPROTO_ICMP, TYPES(13, 14), NULL, NULL},
	{"a retired ICMP type", 4, IPPROTO_ICMP, TYPES(15, 18), NULL, NULL},
	{"a retired ICMP type", 4, IPPROTO_ICMP, TYPES(30, 39), NULL, NULL},
	/* RFC 4861, RFC 3810, RFC 2894 */
	{"multicast listener discovery", 6, IPPROTO_ICMPV6, TYPES(130, 132), NULL, NULL},
	{"neighbour discovery", 6, IPPROTO_ICMPV6, TYPES(133, 136), NULL, NULL},
	{"an ICMPv6 redirect", 6, IPPROTO_ICMPV6, TYPES(137, 137), NULL, NULL},
	{"router renumbering", 6, IPPROTO_ICMPV6, TYPES(138, 138), NULL, NULL},
	{"multicast listener discovery", 6, IPPROTO_ICMPV6, TYPES(143, 143), NULL, NULL},
	/* RFC 3376 */
	{"IGMP", 4, IPPROTO_IGMP, {0}, NULL, NULL},
	{"an IPv6 address of scope 0 or 1", 6, -1, {0}, NULL, "ff00::/16"},
	{"an IPv6 address of scope 0 or 1", 6, -1, {0}, NULL, "ff01::/16"},
};

static struct seg_wide wide_of(const struct seg_address *address)
{
	uint64_t half[2];

	memcpy(half, address->byte, sizeof(half));
	return (struct seg_wide){be64toh(half[0]), be64toh(half[1])};
}

bool seg_guard_interval(const char *range, struct seg_interval *out)
{
	struct seg_range parsed;

	if (!range || seg_range_parse(range, strlen(range), &parsed))
		return false;
	*out = (struct seg_interval){wide_of(&parsed.first), wide_of(&parsed.last)};
	return true;
}
