/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.h - the crash protocol: a worker killed between any two instructions
 * loses no packet, hands none on twice, and passes none that was not allowed.
 *
 * A batch stays in the rx ring until it is settled. What was decided is written
 * into the ledger and armed by one store; from then on every step can be found
 * out from shared memory and done again or left alone:
 *
 *   settle    what publish.h sets in sessions: may be done twice
 *   hand on   committed() of the way: the tx ring's producer, or seg_live.next
 *   count     and open gates: journal.published, see publish.h
 *   frames    owners are set, and what is held is written down: may be done twice
 *   account   absolute values, made beside the ones in force (two buffers): may be done twice
 *   release   the rx ring's consumer, an absolute value
 *   retire    ledger.done, one store: the journal is empty, the other buffer in force
 *
 * Before arming nothing has happened, and the packets are still in the ring:
 * a successor decides them anew. Queue counters are exact; a session's, or a
 * rule's, may lack the one packet at which its worker died.
 *
 * Single writer of the ledger: the queue's worker.
 */
#ifndef SEG_JOURNAL_H
#define SEG_JOURNAL_H

#include "decide.h"
#include "frames.h"
#include "handover.h"
#include "inject.h"
#include "publish.h"
#include "reassembly.h"

#define SEG_LEDGER_VERSION 2

/* The worker's part of seg_queue, as it should be. */
struct seg_account {
	__u64 consumed;
	__u64 batches;
	struct seg_count exit[SEG_REASON_MAX];
};

struct seg_journal {
	__u64 batch;        /* ledger.done + 1: a batch is in hand */
	uint32_t count;     /* of outcome: of what was taken from the rx ring, and of what waited */
	uint32_t taken;     /* from the rx ring */
	uint32_t rx_until;  /* its consumer afterwards */
	uint32_t published; /* outcomes whose session has its account */
	struct seg_intent intent;
	struct seg_outcome outcome[SEG_BATCH_MAX];
};

/* The LEDGER memfd; zero at first. */
struct seg_ledger {
	uint32_t version; /* 0: nobody was here before */
	uint32_t frames;
	__u64 done; /* batches; account[done & 1] is in force */
	struct seg_account account[2];
	struct seg_gaps gaps;
	struct seg_journal journal;
	struct seg_book book;
	struct seg_held held[SEG_FRAMES_MAX]; /* of frames whose owner is HELD */
};

_Static_assert(sizeof(struct seg_ledger) <= SEG_LEDGER_SIZE, "the ledger fits its memfd");

/* A queue as its worker holds it. */
struct seg_lane {
	struct seg_ledger *ledger;
	struct seg_queue *queue;
	struct seg_ring rx, fill, tx, completion;
	struct seg_frames frames;
	struct seg_inject inject;
	struct seg_publisher publisher;
	struct seg_hold *hold; /* private memory; NULL: nothing was ever held */
};

/* Take a ledger over: check it, or begin it. -EPROTO: another version's, or another UMEM's. */
int seg_ledger_open(struct seg_ledger *ledger, uint32_t frames);

/* A turn begins: the worker holds sessions from here to seg_journal_settle() or _idle(). */
void seg_journal_begin(struct seg_lane *lane);

/* The turn ends with nothing in the ring; `sent`: seg_queue.sent, read before looking. */
void seg_journal_idle(struct seg_lane *lane, uint64_t sent);

/*
 * The journal's first `count` outcomes are decided; arm it. Settles nothing. The first `taken` are
 * the rx ring's packets in their order, the others were held; the tx ring has room for all.
 */
void seg_journal_arm(struct seg_lane *lane, uint32_t taken, uint32_t count);

/* Carry out what is armed, whoever armed it; nothing if nothing is. now: ns, CLOCK_MONOTONIC. */
void seg_journal_settle(struct seg_lane *lane, uint64_t now);

/* Put what a predecessor held into lane->hold, after seg_lane_recover(). What cannot be is freed.
 */
void seg_lane_adopt(struct seg_lane *lane, const struct seg_judge *judge, uint64_t now);

/*
 * A worker's first act: settle what a predecessor left, then find all frames.
 * -ENODEV: it handed on by live frames, and the handover has none.
 */
int seg_lane_recover(struct seg_lane *lane, uint64_t now);

#endif
