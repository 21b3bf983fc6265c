/* SPDX-License-Identifier: BSD-2-Clause */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

uint8_t seg_address_family(const struct seg_address *address)
{
	return memcmp(address->byte, MAPPED, sizeof(MAPPED)) == 0 ? 4 : 6;
}

bool seg_address_is_loopback(const struct seg_address *address)
{
	static const struct seg_address ip6 = {.byte = {[15] = 1}};

	if (seg_address_family(address) == 4)
		return address->byte[12] == 127;
	return memcmp(address, &ip6, sizeof(ip6)) == 0;
}

int seg_address_parse(const char *text, size_t len, struct seg_address *out)
{
	struct seg_address address;
	char word[SEG_ADDRESS_TEXT_MAX];

	if (len >= sizeof(word) || memchr(text, '\0', len))
		return -EINVAL;
	memcpy(word, text, len);
	word[len] = '\0';
	memcpy(address.byte, MAPPED, sizeof(MAPPED));
	if (inet_pton(AF_INET, word, address.byte + sizeof(MAPPED)) != 1 &&
	    (inet_pton(AF_INET6, word, address.byte) != 1 || seg_address_family(&address) == 4))
		return -EINVAL;
	*out = address;
	return 0;
}

/* Bits of the 16 bytes that a family's addresses share. */
static unsigned int family_bits(uint8_t family)
{
	return family == 4 ? 96 : 0;
}

/* The bits from `length` on: are they all `bit` (0 or 1)? */
static bool tail_is(const struct seg_address *address, unsigned int length, unsigned int bit)
{
	for (unsigned int i = length; i < 128; i++)
		if ((address->byte[i / 8] >> (7 - i % 8) & 1u) != bit)
			return false;
	return true;
}

static void tail_set(struct seg_address *address, unsigned int length)
{
	for (unsigned int i = length; i < 128; i++)
		address->byte[i / 8] = (uint8_t)(address->byte[i / 8] | 0x80u >> i % 8);
}

static int prefix_parse(const char *text, size_t len, size_t slash, struct seg_range *range)
{
	uint64_t length;
	int r = seg_address_parse(text, slash, &range->first);

	if (r)
		return r;
	range->family = seg_address_family(&range->first);
	r = seg_number_parse(text + slash + 1, len - slash - 1, 128 - family_bits(range->family),
			     &length);
	if (r)
		return r;
	length += family_bits(range->family);
	if (!tail_is(&range->first, (unsigned int)length, 0))
		return -ERANGE;
	range->last = range->first;
	tail_set(&range->last, (unsigned int)length);
	return 0;
}

static int pair_parse(const char *text, size_t len, size_t dash, struct seg_range *range)
{
	int r = seg_address_parse(text, dash, &range->first);

	if (!r)
		r = seg_address_parse(text + dash + 1, len - dash - 1, &range->last);
	if (r)
		return r;
	range->family = seg_address_family(&range->first);
	if (range->family != seg_address_family(&range->last))
		return -ERANGE;
	return memcmp(&range->first, &range->last, sizeof(range->first)) > 0 ? -ERANGE : 0;
}

int seg_range_parse(const char *text, size_t len, struct seg_range *out)
{
	const char *slash = memchr(text, '/', len), *dash = memchr(text, '-', len);
	struct seg_range range = {0};
	int r;

	if (slash) {
		r = prefix_parse(text, len, (size_t)(slash - text), &range);
	} else if (dash) {
		r = pair_parse(text, len, (size_t)(dash - text), &range);
	} else {
		r = seg_address_parse(text, len, &range.first);
		range.last = range.first;
		range.family = seg_address_family(&range.first);
	}
	if (r)
		return r;
	*out = range;
	return 0;
}

const char *seg_address_print(const struct seg_address *address, char *to)
{
	if (seg_address_family(address) == 4)
		inet_ntop(AF_INET, address->byte + sizeof(MAPPED), to, SEG_ADDRESS_TEXT_MAX);
	else
		inet_ntop(AF_INET6, address->byte, to, SEG_ADDRESS_TEXT_MAX);
	return to;
}

const char *seg_endpoint_print(const struct seg_address *address, uint16_t port, char *to)
{
	char text[SEG_ADDRESS_TEXT_MAX];
	const char *format = seg_address_family(address) == 4 ? "%s:%u" : "[%s]:%u";

	snprintf(to, SEG_ENDPOINT_TEXT_MAX, format, seg_address_print(address, text), port);
	return to;
}

/* The length of the prefix that is exactly this range, or -1. */
static int prefix_length(const struct seg_range *range)
{
	unsigned int length = family_bits(range->family);

	while (length < 128 &&
	       !(tail_is(&range->first, length, 0) && tail_is(&range->last, length, 1)))
		length++;
	for (unsigned int i = 0; i < length; i++)
		if ((range->first.byte[i / 8] ^ range->last.byte[i / 8]) & 0x80u >> i % 8)
			return -1;
	return (int)(length - family_bits(range->family));
}

const char *seg_range_print(const struct seg_range *range, char *to)
{
	int length = prefix_length(range), whole = (int)(128 - family_bits(range->family));
	char first[SEG_ADDRESS_TEXT_MAX], last[SEG_ADDRESS_TEXT_MAX];

	seg_address_print(&range->first, first);
	if (length == whole)
		snprintf(to, SEG_RANGE_TEXT_MAX, "%s", first);
	else if (length >= 0)
		snprintf(to, SEG_RANGE_TEXT_MAX, "%s/%d", first, length);
	else
		snprintf(to, SEG_RANGE_TEXT_MAX, "%s-%s", first,
			 seg_address_print(&range->last, last));
	return to;
}
