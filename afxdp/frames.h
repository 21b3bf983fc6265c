/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frames.h - whose each UMEM frame is (invariant 5).
 *
 * The book, in shared memory, says whose a frame is; the rings say where. A
 * frame changes hands in an order that a successor can finish from these two:
 *
 *   fill        entries, book->fill_until, owner RX, the ring's producer
 *   completion  owner FREE, the ring's consumer
 *   rx          owner TX or FREE, the ring's consumer (journal.c)
 *   tx          the ring's producer, owner TX (journal.c)
 *
 * Single writer: the queue's worker.
 */
#ifndef SEG_FRAMES_H
#define SEG_FRAMES_H

#include <stdint.h>

#include "rings.h"

#define SEG_FRAMES_MAX 65536

enum seg_owner {
	SEG_OWNER_FREE, /* ours, empty: what a book of zeros says */
	SEG_OWNER_RX,   /* given for reception: fill ring, kernel, rx ring, or a batch in hand */
	SEG_OWNER_TX,   /* given to be sent: tx ring, kernel, completion ring */
	SEG_OWNER_HELD, /* ours, a packet that waits */
	SEG_OWNERS
};

struct seg_book {
	uint32_t fill_until; /* fill ring: entries before this are meant to be in it */
	uint8_t owner[SEG_FRAMES_MAX];
};

struct seg_frames {
	struct seg_book *book;
	struct seg_ring *fill;       /* of the receiving socket */
	struct seg_ring *completion; /* of the sending one */
	uint32_t count;
	uint32_t shift; /* a frame is 1 << shift bytes */
	uint32_t *free; /* stack of free frames: in private memory, made anew from the book */
	uint32_t free_count;
};

/* Where frames are; what is on its way inside the kernel counts as fill or tx. */
struct seg_census {
	uint32_t fill, rx, worker, held, tx, completion, free;
};

/* frame_size: a power of two. -EINVAL: it is none, or too many frames. Free with seg_frames_exit().
 */
int seg_frames_init(struct seg_frames *frames, struct seg_book *book, struct seg_ring *fill,
		    struct seg_ring *completion, uint32_t count, uint32_t frame_size);
void seg_frames_exit(struct seg_frames *frames);

/*
 * Take the book over from a predecessor that ended at any instruction, after its
 * journal was settled. Returns the frames whose owner contradicted the rings: 0
 * unless something else wrote there; the rings are believed.
 */
uint32_t seg_frames_recover(struct seg_frames *frames, const struct seg_ring *rx,
			    const struct seg_ring *tx);

/* Write down whose the frame of this address is. */
void seg_frames_own(struct seg_frames *frames, uint64_t address, enum seg_owner owner);

/* Put the frame of this address on the stack of free ones, if it is one. Once for each that became
 * so. */
void seg_frames_reuse(struct seg_frames *frames, uint64_t address);

/* What was sent becomes free; all that is free goes to the fill ring. Returns the frames put there.
 */
uint32_t seg_frames_cycle(struct seg_frames *frames);

/* in_hand: entries of the rx ring that the worker looks at. */
void seg_frames_census(const struct seg_frames *frames, const struct seg_ring *rx, uint32_t in_hand,
		       struct seg_census *out);

#endif
