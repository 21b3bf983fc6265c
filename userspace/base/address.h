/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address.h - IPv4 and IPv6 addresses in one form: 16 bytes in network order,
 * IPv4 as ::ffff:a.b.c.d, as struct seg_key and struct seg_flow hold them.
 * Byte order is then number order: memcmp() compares.
 */
#ifndef SEG_ADDRESS_H
#define SEG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seg_address {
	uint8_t byte[16];
};

/* A closed range of one family. */
struct seg_range {
	struct seg_address first, last;
	uint8_t family; /* 4 or 6 */
};

#define SEG_ADDRESS_TEXT_MAX  48 /* with the NUL: a full IPv6 address, or a prefix */
#define SEG_ENDPOINT_TEXT_MAX 56 /* "[2001:db8::1]:65535" */
#define SEG_RANGE_TEXT_MAX    96 /* "first-last" */

/* 4 for ::ffff:0:0/96, else 6. */
uint8_t seg_address_family(const struct seg_address *address);

/* 127/8 or ::1. */
bool seg_address_is_loopback(const struct seg_address *address);

/* Parse one address ("10.0.0.1", "2001:db8::1"). -EINVAL; no zone index, no ::ffff:a.b.c.d. */
int seg_address_parse(const char *text, size_t len, struct seg_address *out);

/*
 * Parse an address, a prefix ("10.0.0.0/8") or a range ("10.0.0.5-10.0.0.9").
 * -EINVAL: no such thing; -ERANGE: the prefix is too long, has host bits set,
 * or the range runs backwards or across families.
 */
int seg_range_parse(const char *text, size_t len, struct seg_range *out);

/* Print as RFC 5952 / dotted quad. Return `to`, of SEG_*_TEXT_MAX bytes. Ports in host order. */
const char *seg_address_print(const struct seg_address *address, char *to);
const char *seg_endpoint_print(const struct seg_address *address, uint16_t port, char *to);

/* Shortest form that seg_range_parse() reads back: address, prefix or range. */
const char *seg_range_print(const struct seg_range *range, char *to);

#endif
