/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather.h - fragments held until their datagram is whole. Pure: no clock, no frames,
 * no allocation; what is dropped is given back with its reason.
 *
 * A datagram's life: it begins with whichever fragment comes first, and is whole,
 * refused, or out of time after SEG_GATHER_NS. A refused one drops what it has and
 * whatever comes under its name until its time is up (RFC 5722 4, RFC 8200 4.5).
 *
 * Bounded: by SEG_PIECES_MAX a datagram, SEG_DATAGRAMS_MAX datagrams, `capacity`
 * fragments, and by what one source (an IPv4 address, an IPv6 /64) may hold of either.
 * Who exceeds the latter loses its oldest datagram; where all is full the oldest of all
 * goes: complete ones stay for milliseconds, so it is a flood's own that goes.
 *
 * Single writer.
 */
#ifndef SEG_GATHER_H
#define SEG_GATHER_H

#include "fragment.h"

#define SEG_DATAGRAMS_MAX    256
#define SEG_DATAGRAMS_SOURCE 64 /* of one source */
#define SEG_GATHER_NS        10000000000ull

struct seg_datagram {
	struct seg_datagram_key key;
	uint64_t until;  /* ns; 0: there is none */
	uint32_t size;   /* of the payload; 0: the last fragment has not come */
	uint32_t have;   /* of it */
	uint32_t count;  /* pieces */
	uint8_t refused; /* enum seg_reason, of what still comes; 0: gathering */
};

struct seg_gather {
	uint32_t capacity;                               /* pieces */
	uint32_t held;                                   /* pieces */
	uint32_t used;                                   /* datagrams, refused ones included */
	struct seg_datagram datagram[SEG_DATAGRAMS_MAX]; /* together, as all are looked through */
	struct seg_piece piece[SEG_DATAGRAMS_MAX][SEG_PIECES_MAX]; /* of each, by offset */
};

/* What is dropped at one time: another datagram for want of room, twice, and the newcomer. */
#define SEG_SHED_MAX (2 * SEG_PIECES_MAX + 1)

struct seg_shed {
	uint32_t count;
	struct {
		uint64_t address;
		uint32_t length;
		uint8_t reason; /* enum seg_reason */
	} piece[SEG_SHED_MAX];
};

enum seg_gathered {
	SEG_GATHERED_HELD,  /* it waits */
	SEG_GATHERED_WHOLE, /* it was the last one missing */
	SEG_GATHERED_SHED,  /* it is among what is shed */
};

/* Zero is an empty store, but for its capacity. */

/*
 * Add a fragment. now: ns of any clock that never goes back. What is dropped, the fragment
 * itself or others, is put into `shed`, which is emptied first. WHOLE: *whole has all pieces;
 * give it back by seg_gather_done().
 */
enum seg_gathered seg_gather_add(struct seg_gather *gather, const struct seg_fragment *fragment,
				 uint64_t now, struct seg_shed *shed, struct seg_datagram **whole);

/* The pieces of one, by offset. */
static inline struct seg_piece *seg_gather_pieces(struct seg_gather *gather,
						  const struct seg_datagram *datagram)
{
	return gather->piece[datagram - gather->datagram];
}

/* The caller has its pieces: forget the datagram. */
void seg_gather_done(struct seg_gather *gather, struct seg_datagram *datagram);

/* One datagram that is out of time goes, and what it held is shed. False: there is none. */
bool seg_gather_expire(struct seg_gather *gather, uint64_t now, struct seg_shed *shed);

/* When the next one will be; 0: nothing is held. */
uint64_t seg_gather_next(const struct seg_gather *gather);

#endif
