/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - the keeper's clock: sessions that age, workers that hang. It stands
 * while there is neither session nor packet under way (no wake-up at idle). What
 * comes then starts it again: the worker that takes it rings; where that one
 * hangs, its RX socket stays readable, and is watched.
 */
#ifndef SEG_WATCH_H
#define SEG_WATCH_H

#include "keeper.h"

int seg_watch_open(struct seg_keeper *keeper, struct seg_error *err);

/* A daemon that nobody asks to attach anything within this time ends, unless it is to stay. */
#define SEG_UNUSED_NS (30 * 1000000000ull)
void seg_watch_start(struct seg_keeper *keeper);

void seg_watch_close(struct seg_keeper *keeper);

/* A worker rang. */
void seg_watch_rung(struct seg_workers *workers);

/* The worker of this queue has taken nothing for SEG_WORKER_LOST_NS although packets wait: what XDP
 * sees too. */
bool seg_queue_stalled(const struct seg_queue *queue, uint64_t now);

/* Its queue stalls, though it has had time: once ready as much as any, and to start this long, for
 * a machine that is slow, or has much else to do. */
#define SEG_WORKER_START_NS (10 * 1000000000ull)
bool seg_worker_hangs(const struct seg_remote *worker, const struct seg_queue *queue, uint64_t now);

#endif
