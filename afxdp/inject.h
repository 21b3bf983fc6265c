/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inject.h - hand a batch of frames back to the stack, as if received on the
 * real interface. Two ways, one interface:
 *
 *   veth  AF_XDP Tx on an internal veth whose other end redirects to the
 *         interface's ingress (seg_reinject): the same price for each frame
 *   live  BPF_PROG_RUN with live frames (seg_live): a call is dear, a frame in
 *         it cheap
 *
 * choose, begin, stage each frame, write the intent where a successor finds it,
 * commit. A commit has one point before which nothing, and after which all that
 * committed() counts was handed on, whenever the process dies: it can be called
 * again by a successor with the same intent and does what is left.
 *
 * Single writer: the queue's worker.
 */
#ifndef SEG_INJECT_H
#define SEG_INJECT_H

#include <stdint.h>

#include "live.h"
#include "rings.h"

#define SEG_BATCH_MAX SEG_LIVE_FRAMES /* packets of one batch */

enum seg_way { SEG_WAY_VETH, SEG_WAY_LIVE, SEG_WAYS };

/* What is to be handed on. In shared memory. */
struct seg_intent {
	uint32_t way;     /* enum seg_way */
	uint32_t count;   /* of desc */
	uint32_t skip;    /* veth: the first ones went by the other way */
	uint32_t tx_from; /* veth: the tx ring's producer before */
	struct xdp_desc desc[SEG_BATCH_MAX];
};

struct seg_inject {
	const uint8_t *umem;
	struct seg_ring *tx;
	int tx_fd;
	struct seg_live *live; /* this queue's; NULL: there is only the veth */
	int live_fd;
	uint32_t ifindex;  /* the real interface... */
	uint32_t queue;    /* ...and the RX queue that live frames claim to come from */
	uint32_t live_min; /* live from this many frames on */
};

/*
 * The batch from which on live frames are cheaper. bench/inject, medians of 41
 * interleaved runs on a loaded 2-core machine, as a part of the veth's price for
 * one frame in a large batch (1.0):
 *
 *   frames       1     8    16    20    24    32    64   128   256
 *   veth       1.7   1.1   1.0   1.0   1.0   1.0   1.0   1.0   1.0
 *   live      12     1.8   1.1   0.9   0.8   0.7   0.5   0.4   0.35
 */
#define SEG_LIVE_BATCH_MIN 20

/* The way for `count` frames, the longest `longest` bytes. `in_flight`: frames that the veth still
 * has. */
enum seg_way seg_inject_choose(const struct seg_inject *inject, uint32_t count, uint32_t longest,
			       uint32_t in_flight);

/* An empty intent. */
void seg_inject_begin(struct seg_inject *inject, struct seg_intent *intent, enum seg_way way);

/* Add a frame: at most SEG_BATCH_MAX, and by the veth at most seg_ring_room(tx). */
void seg_inject_stage(struct seg_inject *inject, struct seg_intent *intent, struct xdp_desc desc);

/* Hand on. 0, or -errno: what committed() leaves out was not handed on; -ENOMEM: of what it counts,
 * the kernel's last run of live frames is lost. */
int seg_inject_commit(struct seg_inject *inject, struct seg_intent *intent);

/* How many of the intent's first frames were handed on. */
uint32_t seg_inject_committed(const struct seg_inject *inject, const struct seg_intent *intent);

/* The live way failed: what it left, at most seg_ring_room(tx), is the veth's now. */
void seg_inject_fall_back(struct seg_inject *inject, struct seg_intent *intent);

/* Make the kernel send what waits in the tx ring. 0, or -errno: some still waits. */
int seg_inject_kick(struct seg_inject *inject);

/* One way: inject_veth.c, inject_live.c. */
struct seg_way_ops {
	void (*begin)(struct seg_inject *inject, struct seg_intent *intent);
	void (*stage)(struct seg_inject *inject, uint32_t index, struct xdp_desc desc);
	int (*commit)(struct seg_inject *inject, struct seg_intent *intent);
	uint32_t (*committed)(const struct seg_inject *inject, const struct seg_intent *intent);
};

extern const struct seg_way_ops seg_way_veth, seg_way_live;

#endif
