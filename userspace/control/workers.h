/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers.h - the keeper's side of spawner and workers: what it tells them, and
 * what it knows of them.
 */
#ifndef SEG_WORKERS_H
#define SEG_WORKERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"
#include "handover.h"
#include "loop.h"

enum seg_remote_state {
	SEG_REMOTE_NONE,
	SEG_REMOTE_STARTING, /* runs, but has not said that it is ready */
	SEG_REMOTE_READY,
	SEG_REMOTE_ENDED,  /* the spawner is about to start another one */
	SEG_REMOTE_ORPHAN, /* the spawner is gone, and so is it */
};

struct seg_workers;

/* One queue's worker. In its place from start to stop. */
struct seg_remote {
	struct seg_watch doorbell; /* the keeper's end */
	struct seg_workers *all;
	uint32_t queue_index;
	enum seg_remote_state state;
	pid_t pid;
	int status;          /* of the last one that ended, as wait() gives it */
	uint32_t deaths;     /* of this queue's workers so far */
	uint32_t generation; /* of the policy that it says it decides by */
	uint64_t since;      /* ns, CLOCK_MONOTONIC: of this state */
	bool deaf; /* another keeper's worker: it has our doorbell only once it is replaced */
	struct seg_doorbell
		said; /* the last that a worker said of its policy, this one or another */
};

struct seg_workers {
	struct seg_watch spawner; /* fd -1: gone */
	struct seg_loop *loop;
	void (*awake)(struct seg_workers *workers); /* a worker rang: packets came */
	struct seg_remote *at[SEG_QUEUES_MAX];
};

/* Takes the socket over. 0 or -errno. */
int seg_workers_open(struct seg_workers *workers, struct seg_loop *loop, int spawner,
		     void (*awake)(struct seg_workers *workers));

/* Tell the spawner to end, with all workers. */
void seg_workers_close(struct seg_workers *workers);

/*
 * Start a worker; fds[] in the order of enum seg_worker_fd, -1 for an absent
 * one, SEG_FD_DOORBELL filled in here. They stay the caller's.
 */
int seg_remote_start(struct seg_workers *workers, struct seg_remote *worker, uint32_t queue_index,
		     int fds[SEG_FD_MAX], struct seg_error *err);

/*
 * Have the spawner map a socket's rings before it is bound: SEG_SPAWN_RX_RINGS or _TX_RINGS.
 * Before start, and only where a worker cannot map them itself: it will be a fork.
 */
int seg_remote_map_rings(struct seg_workers *workers, uint32_t queue_index, uint32_t kind,
			 int socket);

/* What the spawner holds of a queue whose keeper died. */
struct seg_held {
	uint32_t queue_index;
	pid_t pid;
	int fds[SEG_FD_MAX]; /* the caller's; who takes one leaves -1 */
	struct seg_handover handover;
};

/* Ask for all of it; at most SEG_QUEUES_MAX. *n of them are the caller's: seg_held_close(). */
int seg_workers_ask_held(struct seg_workers *workers, struct seg_held *held, size_t *n);
void seg_held_close(struct seg_held *held);

/* Take a worker over that runs: it has a doorbell again when it is replaced. */
int seg_remote_adopt(struct seg_workers *workers, struct seg_remote *worker,
		     const struct seg_held *held, struct seg_error *err);

/* Nobody wants it: end it. */
void seg_workers_drop_held(struct seg_workers *workers, const struct seg_held *held);

/* End it, and wait until it has. Idempotent. */
void seg_remote_stop(struct seg_remote *worker);

/* It hangs: end it; the spawner starts another one. */
void seg_remote_replace(struct seg_remote *worker);

/*
 * It decides by what stands in fds[] under SEG_POLICY_FDS (-1: absent) as soon as it hears of it,
 * and its successors from their start; one that cannot hear is replaced by the first of them.
 */
int seg_remote_set_policy(struct seg_remote *worker, const int fds[SEG_FD_MAX]);

/*
 * Wait until these workers decide by `generation`; who is silent for a while is replaced.
 * -ETIMEDOUT; -ECHILD: one ends again and again. Only workers and spawner are listened to
 * meanwhile.
 */
int seg_workers_wait(struct seg_remote *const *which, size_t n, uint32_t generation, int timeout_ms,
		     struct seg_error *err);

const char *seg_remote_state_name(enum seg_remote_state state);

#endif
