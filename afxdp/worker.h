/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - one RX queue's slow path: takes batches from the rx ring, decides,
 * settles, hands on, counts. Single-threaded; sleeps in poll() whenever it can.
 *
 * open (everything mapped, nothing touched), confine (confine.h), start (a predecessor's
 * batch finished, rings filled), run (for ever); between two batches it may be told of another
 * policy (handover.h).
 */
#ifndef SEG_WORKER_H
#define SEG_WORKER_H

#include "journal.h"
#include "worker_policy.h"

struct seg_worker {
	struct seg_worker_policy policy; /* decides now */
	struct seg_worker_policy next;   /* is being checked */
	struct seg_worker_policy past;   /* is being let go */
	int fd_first;                    /* descriptors: fd_first + enum seg_worker_fd */
	struct seg_lane lane;
	struct seg_judge judge;
	struct seg_flows flows;
	const struct seg_config *config;
	uint8_t *umem;
	int32_t pid;
	int doorbell;         /* -1: the keeper is gone; we go on */
	uint32_t acknowledge; /* generation to acknowledge once the tx ring is empty; 0: none */
	bool keeper_waits;    /* ...as READY, not as ACK */
	bool may_sleep;       /* the last look found nothing to do, and XDP was told */
};

/*
 * Map all that the handover names, but rings only if they are not `mapped` already. 0, or -errno
 * with what is wrong in `err` and how to end in *how. Nothing is released on failure: the process
 * ends.
 */
int seg_worker_open(struct seg_worker *worker, int fd_first,
		    const struct seg_ring mapped[SEG_RING_KINDS], enum seg_worker_exit *how,
		    struct seg_error *err);

/* Finish what a predecessor left, fill the rings, tell the keeper. */
int seg_worker_start(struct seg_worker *worker, enum seg_worker_exit *how, struct seg_error *err);

/* One wake-up: wait at most `timeout` ms (-1: as long as needed), then work until nothing is left,
 * or for a while. Returns 0, or -errno with `err` and *how set: the worker must end. */
int seg_worker_turn(struct seg_worker *worker, int timeout, enum seg_worker_exit *how,
		    struct seg_error *err);

#endif
