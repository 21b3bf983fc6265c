/* SPDX-License-Identifier: BSD-2-Clause */
#include "reassembly.h"

#include <stdlib.h>
#include <string.h>

#include "whole.h"

/* One run over a batch. */
struct run {
	struct seg_hold *hold;
	const struct seg_judge *judge;
	struct seg_flows *flows;
	struct seg_batch *batch;
	uint64_t now;
	uint32_t extra; /* outcomes of fragments that waited */
};

struct seg_hold *seg_hold_new(uint32_t capacity, uintptr_t base, struct seg_quota *quota)
{
	struct seg_hold *hold = calloc(1, sizeof(*hold));

	if (!hold)
		return NULL;
	hold->base = base;
	hold->quota = quota;
	hold->gather.capacity = capacity;
	return hold;
}

void seg_hold_free(struct seg_hold *hold)
{
	free(hold);
}

/* --- outcomes ---------------------------------------------------------------------- */

/* Where the outcome of the packet at `address` goes: arrival `i`, or one that waited. */
static struct seg_outcome *place_of(struct run *run, uint32_t i, uint64_t address)
{
	if (i < run->batch->taken && run->batch->outcome[i].address == address)
		return &run->batch->outcome[i];
	return &run->hold->extra[run->extra++];
}

static void put(struct seg_outcome *at, const struct seg_outcome *o, uint64_t address,
		uint32_t length)
{
	*at = *o;
	at->address = address;
	at->length = length;
	at->flags |= SEG_OUTCOME_FRAGMENT;
}

static void put_shed(struct run *run, uint32_t i)
{
	const struct seg_shed *shed = &run->hold->shed;

	for (uint32_t n = 0; n < shed->count; n++) {
		struct seg_outcome o =
			seg_answered_by(shed->piece[n].reason, run->judge->generation);
		uint64_t address = shed->piece[n].address;

		put(place_of(run, i, address), &o, address, shed->piece[n].length);
	}
}

/* In order: the first takes the place of the one that came last. */
static void put_whole(struct run *run, uint32_t i, const struct seg_datagram *d,
		      const struct seg_outcome *whole)
{
	const struct seg_piece *piece = seg_gather_pieces(&run->hold->gather, d);
	struct seg_outcome rest = *whole;

	rest.flags &= SEG_OUTCOME_PASS | SEG_OUTCOME_REPLY | SEG_OUTCOME_COUNT;
	rest.flags |= SEG_OUTCOME_FOLLOWS;
	put(&run->batch->outcome[i], whole, piece->address, piece->length);
	for (uint32_t n = 1; n < d->count; n++)
		put(&run->hold->extra[run->extra++], &rest, piece[n].address, piece[n].length);
}

/* --- a datagram ------------------------------------------------------------------------ */

static struct seg_outcome judge_whole(struct run *run, const struct seg_datagram *d,
				      struct seg_packet *packet)
{
	struct seg_hold *hold = run->hold;
	const struct seg_piece *pieces = seg_gather_pieces(&hold->gather, d);
	uint32_t size = seg_datagram_join(pieces, d->count, hold->joined);
	const struct seg_whole whole = {
		.judge = run->judge,
		.flows = run->flows,
		.quota = hold->quota,
		.data = hold->joined,
		.end = hold->joined + size,
		.now = run->now,
	};
	int reason = seg_packet_parse_whole(whole.data, whole.end, packet);

	if (reason != SEG_PARSED)
		return seg_answered_by((enum seg_reason)reason, run->judge->generation);
	if (hold->look)
		hold->look(hold->look_data, pieces, d->count, hold->joined, packet);
	return seg_whole_judge(&whole, packet);
}

/* --- a fragment -------------------------------------------------------------------------- */

static const uint8_t *frame_at(const struct seg_hold *hold, uint64_t address)
{
	/* Replay's frames are anywhere: there the base is 0. */
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	return (const uint8_t *)(hold->base + (uintptr_t)address);
}

/* SEG_PARSED, or what answers it by itself. */
static int read_fragment(const struct seg_hold *hold, const struct seg_judge *judge,
			 uint64_t address, uint32_t length, struct seg_packet *packet,
			 struct seg_fragment *out)
{
	const uint8_t *frame = frame_at(hold, address);
	int reason = seg_judge_parse(judge, frame, length, packet);

	if (reason != SEG_REASON_FRAGMENT)
		return reason == SEG_PARSED ? SEG_REASON_BAD_HEADER : reason;
	reason = seg_fragment_read(frame, length, address, packet, out);
	out->key.way = judge->constants->direction;
	return reason;
}

static void take_one(struct run *run, uint32_t i)
{
	struct seg_outcome *o = &run->batch->outcome[i], answer;
	struct seg_hold *hold = run->hold;
	struct seg_fragment fragment = {.key = {.id = 0}};
	struct seg_packet packet;
	struct seg_datagram *d;
	int reason = read_fragment(hold, run->judge, o->address, o->length, &packet, &fragment);

	if (reason != SEG_PARSED) {
		answer = seg_answered_by((enum seg_reason)reason, run->judge->generation);
		put(o, &answer, o->address, o->length);
		return;
	}
	switch (seg_gather_add(&hold->gather, &fragment, run->now, &hold->shed, &d)) {
	case SEG_GATHERED_WHOLE:
		answer = judge_whole(run, d, &packet);
		put_whole(run, i, d, &answer);
		seg_gather_done(&hold->gather, d);
		break;
	case SEG_GATHERED_HELD:
		o->flags = SEG_OUTCOME_HELD | SEG_OUTCOME_FRAGMENT;
		break;
	case SEG_GATHERED_SHED:
		break;
	}
	put_shed(run, i);
}

/* --- a batch ------------------------------------------------------------------------------- */

static void expire(struct run *run)
{
	struct seg_hold *hold = run->hold;

	while (run->extra + SEG_PIECES_MAX <= run->batch->limit - SEG_SHED_MAX &&
	       seg_gather_expire(&hold->gather, run->now, &hold->shed))
		put_shed(run, run->batch->taken);
}

/* Whatever this fragment drags along has room; what comes behind may have to wait. */
static bool has_room(const struct run *run, uint32_t i)
{
	return i + 1 + run->extra + SEG_SHED_MAX <= run->batch->limit;
}

static void cut(struct run *run, uint32_t least)
{
	struct seg_batch *batch = run->batch;
	uint32_t room = batch->limit - run->extra;

	if (batch->taken > room)
		batch->taken = room > least ? room : least;
}

void seg_hold_take(struct seg_hold *hold, const struct seg_judge *judge, struct seg_flows *flows,
		   struct seg_batch *batch, uint64_t now)
{
	struct run run = {hold, judge, flows, batch, now, 0};

	expire(&run);
	cut(&run, 0);
	for (uint32_t i = 0; i < batch->taken; i++) {
		if (batch->outcome[i].reason != SEG_REASON_FRAGMENT)
			continue;
		if (!has_room(&run, i)) {
			batch->taken = i;
			break;
		}
		take_one(&run, i);
		cut(&run, i + 1);
	}
	memcpy(&batch->outcome[batch->taken], hold->extra, run.extra * sizeof(*hold->extra));
	batch->total = batch->taken + run.extra;
}

/* --- a successor ------------------------------------------------------------------------------ */

bool seg_hold_adopt(struct seg_hold *hold, const struct seg_judge *judge, uint64_t address,
		    uint32_t length, uint64_t since)
{
	struct seg_fragment fragment = {.key = {.id = 0}};
	struct seg_packet packet;
	struct seg_datagram *d;

	if (read_fragment(hold, judge, address, length, &packet, &fragment) != SEG_PARSED ||
	    seg_gather_add(&hold->gather, &fragment, since, &hold->shed, &d) != SEG_GATHERED_HELD ||
	    hold->shed.count)
		return false;
	if (since + SEG_GATHER_NS < d->until)
		d->until = since + SEG_GATHER_NS;
	return true;
}
