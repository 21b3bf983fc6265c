/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a frame: nothing outside of it is read, offsets are in order and
 * inside, a checksum that was completed is good. The IPv4 header checksum is
 * mended first where the last byte says so, or little would get past it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void mend_ip4(__u8 *frame, size_t size)
{
	struct seg_ip4 *ip = (struct seg_ip4 *)(frame + sizeof(struct seg_eth));

	if (size < sizeof(struct seg_eth) + sizeof(*ip))
		return;
	ip->checksum = 0;
	ip->checksum = (__u16)~seg_fold(seg_ip4_sum(ip));
}

static void in_order(const struct seg_packet *packet, size_t size)
{
	require(packet->l3 < packet->l4);
	require(packet->l4 <= packet->end);
	require(packet->end <= size);
}

static void use_quote(const __u8 *frame, const __u8 *end, const struct seg_packet *error)
{
	struct seg_packet quote;
	__be32 addr[2][4];

	if (seg_quote_parse(frame, end, error, &quote) != SEG_PARSED)
		return;
	require(error->l4 < quote.l3);
	in_order(&quote, (size_t)(end - frame));
	require(seg_packet_addresses(frame, end, &quote, addr));
}

static void use(__u8 *frame, __u8 *end, const struct seg_packet *packet)
{
	__be32 addr[2][4];

	in_order(packet, (size_t)(end - frame));
	require(seg_packet_addresses(frame, end, packet, addr));
	if (packet->flags & SEG_PACKET_ICMP_ERROR)
		use_quote(frame, end, packet);
	if (seg_checksum_l4_verify(frame, end, packet) != SEG_CHECKSUM_PARTIAL)
		return;
	require(!seg_checksum_complete(frame, end, packet));
	require(seg_checksum_l4_verify(frame, end, packet) == SEG_CHECKSUM_GOOD);
}

/* What the plain way takes apart, the whole parser takes apart alike. */
static void check_plain(const __u8 *frame, const __u8 *end, int reason,
			const struct seg_packet *packet)
{
	struct seg_packet plain;

	if (seg_packet_parse_plain(frame, end, 0, 1, &plain) != SEG_PARSED)
		return;
	require(reason == SEG_PARSED);
	require(!memcmp(&plain, packet, sizeof(plain)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how = size ? data[--size] : 0;
	__u8 *memory = malloc(size + (how & 1)), *frame = memory + (how & 1); /* no slack behind */
	struct seg_packet packet;
	int reason;

	if (!memory)
		return 0;
	memcpy(frame, data, size);
	if (how & 2)
		mend_ip4(frame, size);
	reason = seg_packet_parse(frame, frame + size, 0, how & 4 ? SEG_FEATURE_VLAN : 0, 1,
				  &packet);
	check_plain(frame, frame + size, reason, &packet);
	if (reason == SEG_PARSED)
		use(frame, frame + size, &packet);
	free(memory);
	return 0;
}
