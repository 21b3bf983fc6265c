/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rings.h - the four rings of AF_XDP, mapped from an inherited socket. Before Linux 6.4
 * that has to be done before it is bound: EBUSY.
 *
 * No private copy of an index is kept: what the shared words say is all there
 * is, so a successor that maps the same rings stands where its predecessor
 * fell (Documentation/networking/af_xdp.rst). We write the consumer of rx and
 * completion and the producer of fill and tx; the kernel writes the others.
 *
 * Indices run freely in 32 bits; entries are found by `index & mask`.
 */
#ifndef SEG_RINGS_H
#define SEG_RINGS_H

#include <linux/if_xdp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum seg_ring_kind { SEG_RING_RX, SEG_RING_TX, SEG_RING_FILL, SEG_RING_COMPLETION, SEG_RING_KINDS };

struct seg_ring {
	uint32_t *producer;
	uint32_t *consumer;
	uint32_t *flags;
	union {
		struct xdp_desc *desc; /* rx, tx */
		uint64_t *addr;        /* fill, completion */
	};
	uint32_t mask;
	void *map; /* NULL: not ours to unmap */
	size_t map_size;
};

/* Map one ring of the socket `fd`, `entries` long (a power of two). 0 or -errno. */
int seg_ring_map(struct seg_ring *ring, int fd, enum seg_ring_kind kind, uint32_t entries);
void seg_ring_unmap(struct seg_ring *ring);

/* Entries between consumer and producer. */
static inline uint32_t seg_ring_used(const struct seg_ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

static inline uint32_t seg_ring_room(const struct seg_ring *ring)
{
	return ring->mask + 1 - seg_ring_used(ring);
}

/* Consumer's side: give the entries before `consumer` back. */
static inline void seg_ring_release(struct seg_ring *ring, uint32_t consumer)
{
	__atomic_store_n(ring->consumer, consumer, __ATOMIC_RELEASE);
}

/* Producer's side: make the entries before `producer` visible. */
static inline void seg_ring_submit(struct seg_ring *ring, uint32_t producer)
{
	__atomic_store_n(ring->producer, producer, __ATOMIC_RELEASE);
}

/*
 * Whether the kernel asks to be called. On a driver that fetches by itself, the
 * flag is set by it after it looked at the ring; our entries must be visible
 * before we look at the flag.
 */
static inline bool seg_ring_wants_wakeup(const struct seg_ring *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(ring->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

#endif
