/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * datagrams.h - the fragments of a capture put together, as a worker does it (reassembly.h), for
 * who wants to look at datagrams without judging them.
 */
#ifndef SEG_DATAGRAMS_H
#define SEG_DATAGRAMS_H

#include <stdbool.h>
#include <stdint.h>

struct seg_datagrams;

/* A packet of the capture, laid out (frame.h). */
struct seg_fragment_packet {
	uint32_t number;
	bool cut; /* the capture has not all of it */
	uint32_t size;
	const uint8_t *frame;
};

/* Who is told. Each returns 0, or what ends the reading. */
struct seg_datagrams_told {
	/* `number`: of the packet that completed it. The datagram begins with its IP header. */
	int (*whole)(void *to, uint32_t number, const uint8_t *datagram, uint32_t size,
		     const uint16_t vlan[2]);
	/* A fragment that is in none. reason: enum seg_reason. */
	int (*refused)(void *to, const struct seg_fragment_packet *packet, int reason);
	void *to;
};

/* `vlans`: the policy names some. NULL: out of memory. */
struct seg_datagrams *seg_datagrams_new(const struct seg_datagrams_told *told, bool vlans);
void seg_datagrams_free(struct seg_datagrams *datagrams);

/* A packet that the parser calls a fragment. now: ns of a clock that never goes back. -ENOMEM, or
 * what was returned by who was told. */
int seg_datagrams_add(struct seg_datagrams *datagrams, const struct seg_fragment_packet *packet,
		      uint64_t now);

/* What is out of time; UINT64_MAX: all that still wait. */
int seg_datagrams_expire(struct seg_datagrams *datagrams, uint64_t now);

#endif
