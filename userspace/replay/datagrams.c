/* SPDX-License-Identifier: BSD-2-Clause */
#include "datagrams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "gather.h"

/* A fragment that waits. */
struct kept {
	struct seg_fragment_packet packet;
	uint8_t frame[];
};

struct seg_datagrams {
	struct seg_datagrams_told told;
	uint32_t features;
	struct seg_gather gather;
	struct seg_shed shed;
	uint8_t joined[SEG_DATAGRAM_MAX + 1];
};

static struct kept *kept_of(uint64_t address)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): addresses are pointers here */
	return (struct kept *)(uintptr_t)address;
}

struct seg_datagrams *seg_datagrams_new(const struct seg_datagrams_told *told, bool vlans)
{
	struct seg_datagrams *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->told = *told;
	d->features = vlans ? SEG_FEATURE_VLAN : 0;
	d->gather.capacity = SEG_REPLAY_HELD_MAX;
	return d;
}

void seg_datagrams_free(struct seg_datagrams *d)
{
	if (!d)
		return;
	while (seg_gather_expire(&d->gather, UINT64_MAX, &d->shed))
		for (uint32_t i = 0; i < d->shed.count; i++)
			free(kept_of(d->shed.piece[i].address));
	free(d);
}

/* --- told ------------------------------------------------------------------------------- */

static int refuse(struct seg_datagrams *d, struct kept *kept, int reason)
{
	int r = d->told.refused(d->told.to, &kept->packet, reason);

	free(kept);
	return r;
}

static int refuse_shed(struct seg_datagrams *d)
{
	int r = 0;

	for (uint32_t i = 0; i < d->shed.count; i++) {
		int told = refuse(d, kept_of(d->shed.piece[i].address), d->shed.piece[i].reason);

		r = r ? r : told;
	}
	return r;
}

/* Where the capture has not all of a fragment, nobody can tell what the checksum was. */
static void mend(struct seg_datagrams *d, uint32_t size)
{
	struct seg_packet packet = {.l3 = 0};

	if (seg_packet_parse_whole(d->joined, d->joined + size, &packet) == SEG_PARSED)
		seg_frame_mend(d->joined, &packet);
}

static int tell_whole(struct seg_datagrams *d, struct seg_datagram *whole, uint32_t number,
		      const uint16_t vlan[2])
{
	struct seg_piece *pieces = seg_gather_pieces(&d->gather, whole);
	uint32_t size = seg_datagram_join(pieces, whole->count, d->joined);
	bool cut = false;

	for (uint32_t i = 0; i < whole->count; i++) {
		struct kept *kept = kept_of(pieces[i].address);

		cut |= kept->packet.cut;
		free(kept);
	}
	seg_gather_done(&d->gather, whole);
	if (cut)
		mend(d, size);
	return d->told.whole(d->told.to, number, d->joined, size, vlan);
}

/* --- a fragment --------------------------------------------------------------------------- */

static struct kept *keep(const struct seg_fragment_packet *packet)
{
	struct kept *kept = malloc(sizeof(*kept) + packet->size);

	if (!kept)
		return NULL;
	kept->packet = *packet;
	kept->packet.frame = memcpy(kept->frame, packet->frame, packet->size);
	return kept;
}

int seg_datagrams_add(struct seg_datagrams *d, const struct seg_fragment_packet *packet,
		      uint64_t now)
{
	struct kept *kept = keep(packet);
	struct seg_fragment fragment = {.key = {.id = 0}};
	struct seg_datagram *whole = NULL;
	enum seg_gathered gathered;
	struct seg_packet outer;
	int reason, r;

	if (!kept)
		return -ENOMEM;
	seg_packet_parse(kept->frame, kept->frame + packet->size, 0, d->features, 0, &outer);
	reason = seg_fragment_read(kept->frame, packet->size, (uintptr_t)kept, &outer, &fragment);
	if (reason != SEG_PARSED)
		return refuse(d, kept, reason);
	gathered = seg_gather_add(&d->gather, &fragment, now, &d->shed, &whole);
	r = refuse_shed(d);
	if (!r && gathered == SEG_GATHERED_WHOLE)
		r = tell_whole(d, whole, packet->number, outer.vlan);
	return r;
}

int seg_datagrams_expire(struct seg_datagrams *d, uint64_t now)
{
	int r = 0;

	while (!r && seg_gather_expire(&d->gather, now, &d->shed))
		r = refuse_shed(d);
	return r;
}
