/* SPDX-License-Identifier: BSD-2-Clause */
#include "frames.h"

#include <errno.h>
#include <stdlib.h>

#include "compat.h"

int seg_frames_init(struct seg_frames *frames, struct seg_book *book, struct seg_ring *fill,
		    struct seg_ring *completion, uint32_t count, uint32_t frame_size)
{
	uint32_t *free;

	if (!count || count > SEG_FRAMES_MAX || !frame_size || frame_size & (frame_size - 1))
		return -EINVAL;
	free = calloc(count, sizeof(*free));
	if (!free)
		return -ENOMEM;
	*frames = (struct seg_frames){
		.book = book,
		.fill = fill,
		.completion = completion,
		.count = count,
		.shift = (uint32_t)__builtin_ctz(frame_size),
		.free = free,
	};
	return 0;
}

void seg_frames_exit(struct seg_frames *frames)
{
	free(frames->free);
	*frames = (struct seg_frames){0};
}

/* Addresses come from the kernel, which checked them; the mask keeps a broken one inside the book.
 */
static uint8_t *owner_of(const struct seg_frames *frames, uint64_t address)
{
	return &frames->book->owner[(address >> frames->shift) & (SEG_FRAMES_MAX - 1)];
}

void seg_frames_own(struct seg_frames *frames, uint64_t address, enum seg_owner owner)
{
	__atomic_store_n(owner_of(frames, address), (uint8_t)owner, __ATOMIC_RELEASE);
}

void seg_frames_reuse(struct seg_frames *frames, uint64_t address)
{
	if (*owner_of(frames, address) == SEG_OWNER_FREE && frames->free_count < frames->count)
		frames->free[frames->free_count++] = (uint32_t)(address >> frames->shift);
}

/* --- completion ----------------------------------------------------------- */

static void drain_completion(struct seg_frames *frames)
{
	struct seg_ring *ring = frames->completion;
	uint32_t from = *ring->consumer, count = seg_ring_used(ring);

	if (!count)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t address = ring->addr[(from + i) & ring->mask];

		seg_frames_own(frames, address, SEG_OWNER_FREE);
		seg_frames_reuse(frames, address);
	}
	SEG_HOOK(COMPLETION_OWNED, NULL);
	seg_ring_release(ring, from + count);
}

/* --- fill ----------------------------------------------------------------- */

/* What is written into the fill ring up to book->fill_until becomes the kernel's. May run twice. */
static void finish_fill(struct seg_frames *frames)
{
	struct seg_ring *ring = frames->fill;

	for (uint32_t i = *ring->producer; i != frames->book->fill_until; i++)
		seg_frames_own(frames, ring->addr[i & ring->mask], SEG_OWNER_RX);
	SEG_HOOK(FILL_OWNED, NULL);
	seg_ring_submit(ring, frames->book->fill_until);
}

static uint32_t refill(struct seg_frames *frames)
{
	struct seg_ring *ring = frames->fill;
	uint32_t room = seg_ring_room(ring), from = *ring->producer;
	uint32_t count = frames->free_count < room ? frames->free_count : room;

	if (!count)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		ring->addr[(from + i) & ring->mask] = (uint64_t)frames->free[--frames->free_count]
						      << frames->shift;
	SEG_HOOK(FILL_WRITTEN, NULL);
	__atomic_store_n(&frames->book->fill_until, from + count, __ATOMIC_RELEASE);
	SEG_HOOK(FILL_MEANT, NULL);
	finish_fill(frames);
	return count;
}

uint32_t seg_frames_cycle(struct seg_frames *frames)
{
	drain_completion(frames);
	return refill(frames);
}

/* --- recovery ------------------------------------------------------------- */

/* The frames that a ring holds, whose owner must be `owner`: put right what is not, count it. */
static uint32_t claim_ring(struct seg_frames *frames, const struct seg_ring *ring, bool descriptors,
			   enum seg_owner owner)
{
	uint32_t from = *ring->consumer, count = seg_ring_used(ring), wrong = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (from + i) & ring->mask;
		uint64_t address = descriptors ? ring->desc[at].addr : ring->addr[at];

		wrong += *owner_of(frames, address) != owner;
		seg_frames_own(frames, address, owner);
	}
	return wrong;
}

static void collect_free(struct seg_frames *frames)
{
	frames->free_count = 0;
	for (uint32_t i = 0; i < frames->count; i++)
		if (frames->book->owner[i] == SEG_OWNER_FREE)
			frames->free[frames->free_count++] = i;
}

/*
 * A predecessor never had more than the fill ring's room in mind: a fill_until
 * that is further away was never written by one.
 */
static void recover_fill(struct seg_frames *frames)
{
	struct seg_ring *ring = frames->fill;

	if (frames->book->fill_until - *ring->producer <= seg_ring_room(ring))
		finish_fill(frames);
	else
		frames->book->fill_until = *ring->producer;
}

uint32_t seg_frames_recover(struct seg_frames *frames, const struct seg_ring *rx,
			    const struct seg_ring *tx)
{
	uint32_t wrong;

	recover_fill(frames);
	drain_completion(frames);
	wrong = claim_ring(frames, frames->fill, false, SEG_OWNER_RX);
	wrong += claim_ring(frames, rx, true, SEG_OWNER_RX);
	wrong += claim_ring(frames, tx, true, SEG_OWNER_TX);
	collect_free(frames);
	return wrong;
}

/* --- census --------------------------------------------------------------- */

void seg_frames_census(const struct seg_frames *frames, const struct seg_ring *rx, uint32_t in_hand,
		       struct seg_census *out)
{
	uint32_t owned[SEG_OWNERS] = {0};
	uint32_t received = seg_ring_used(rx), sent = seg_ring_used(frames->completion);

	for (uint32_t i = 0; i < frames->count; i++)
		owned[frames->book->owner[i] % SEG_OWNERS]++;
	*out = (struct seg_census){
		.fill = owned[SEG_OWNER_RX] - received,
		.rx = received - in_hand,
		.worker = in_hand,
		.held = owned[SEG_OWNER_HELD],
		.tx = owned[SEG_OWNER_TX] - sent,
		.completion = sent,
		.free = owned[SEG_OWNER_FREE],
	};
}
