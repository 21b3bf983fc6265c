/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as frames that come one after the other: what is a fragment goes into the
 * store. Nothing outside of a frame is read, pieces of a datagram are in order and do not
 * overlap, every piece comes out once, bounds hold, and a whole datagram can be parsed.
 * The input is [length, then so many bytes]...; IPv4 header checksums are mended.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gather.h"

#define CAPACITY   96
#define FRAMES_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static struct seg_gather store;
static struct seg_shed shed;
static uint8_t *frames[FRAMES_MAX];
static uint8_t joined[SEG_DATAGRAM_MAX];

static void give_back(uint64_t number)
{
	require(frames[number]);
	free(frames[number]);
	frames[number] = NULL;
}

static void give_back_shed(void)
{
	for (uint32_t i = 0; i < shed.count; i++)
		give_back(shed.piece[i].address);
}

static void use_whole(struct seg_datagram *d)
{
	const struct seg_piece *piece = seg_gather_pieces(&store, d);
	struct seg_packet packet = {.zone = 1};
	uint32_t at = 0, length;

	for (uint32_t i = 0; i < d->count; i++) {
		require(piece[i].offset == at);
		at += piece[i].size;
	}
	require(at == d->size);
	length = seg_datagram_join(piece, d->count, joined);
	if (seg_packet_parse_whole(joined, joined + length, &packet) == SEG_PARSED) {
		require(packet.l4 <= packet.end);
		require(packet.end <= length);
	}
	for (uint32_t i = 0; i < d->count; i++)
		give_back(piece[i].address);
	seg_gather_done(&store, d);
}

static void use(uint32_t number, uint8_t *frame, uint32_t length, uint64_t now)
{
	struct seg_fragment fragment;
	struct seg_packet packet;
	struct seg_datagram *d;
	enum seg_gathered what;

	if (seg_packet_parse(frame, frame + length, 0, SEG_FEATURE_VLAN, 1, &packet) !=
		    SEG_REASON_FRAGMENT ||
	    seg_fragment_read(frame, length, number, &packet, &fragment) != SEG_PARSED) {
		give_back(number);
		return;
	}
	what = seg_gather_add(&store, &fragment, now, &shed, &d);
	give_back_shed();
	if (what == SEG_GATHERED_WHOLE)
		use_whole(d);
	require((what == SEG_GATHERED_HELD) == (frames[number] != NULL));
	require(store.held <= CAPACITY && store.used <= SEG_DATAGRAMS_MAX);
}

static void mend_ip4(uint8_t *frame, uint32_t length)
{
	struct seg_ip4 *ip = (struct seg_ip4 *)(frame + sizeof(struct seg_eth));

	if (length < sizeof(struct seg_eth) + sizeof(*ip) || ip->version_ihl != 0x45)
		return;
	ip->checksum = 0;
	ip->checksum = (__u16)~seg_fold(seg_ip4_sum(ip));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t now = 1;

	memset(&store, 0, sizeof(store));
	store.capacity = CAPACITY;
	for (uint32_t n = 0; n < FRAMES_MAX && size > 1; n++) {
		uint32_t length = *data++;

		size--;
		length = length < size ? length : (uint32_t)size;
		frames[n] = malloc(length ? length : 1);
		memcpy(frames[n], data, length);
		mend_ip4(frames[n], length);
		use(n, frames[n], length, now);
		data += length;
		size -= length;
		now += length == 255 ? SEG_GATHER_NS / 4 : 1;
		while (seg_gather_expire(&store, now, &shed))
			give_back_shed();
	}
	while (seg_gather_expire(&store, UINT64_MAX, &shed))
		give_back_shed();
	for (uint32_t n = 0; n < FRAMES_MAX; n++)
		require(!frames[n]);
	return 0;
}
