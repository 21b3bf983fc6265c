/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publish.h - what a decided packet leaves in the session table: verdict, class,
 * state, counters, and an open gate once nothing waits behind it.
 *
 * Everything here may be cut short by death and be called again with the same
 * outcome. What sets (verdict, class) is done again; what adds (counters,
 * `handled`) is done at most once, so that a count is short by one packet at the
 * worst, and a gate never opens early. A gate that misses one opens through the
 * gap list, as those do whose packets the kernel lost.
 */
#ifndef SEG_PUBLISH_H
#define SEG_PUBLISH_H

#include "decide.h"

#define SEG_GAPS_MAX 256 /* a power of two */
#define SEG_GAP_NS   20000000ull

/*
 * Gates that stayed closed after their packet, by slot. A newer one takes an
 * older one's place: that flow's next packet goes up and is noted again. In
 * shared memory; single writer: the queue's worker.
 */
struct seg_gaps {
	uint32_t used; /* may count too many, never too few */
	uint32_t spare;
	struct {
		uint64_t gate;  /* as last seen; 0: no entry */
		uint64_t since; /* ns, CLOCK_MONOTONIC */
		uint32_t slot;
		uint32_t incarnation;
	} at[SEG_GAPS_MAX];
};

struct seg_publisher {
	struct seg_table table;
	const struct seg_constants *constants;
	struct seg_quota *quota;
	struct seg_rule_count *rules; /* rule_count + 1 entries, the last is the default's */
	uint32_t rule_count;
	uint32_t denied_max;
	bool under_way; /* frames that were handed on may not have arrived: their gates stay closed
			 */
	struct seg_gaps *gaps;
};

/*
 * What an outcome sets, before its packet is handed on: the stack may answer at once, and that
 * is judged by what the packet did to its flow. now: ns, CLOCK_MONOTONIC.
 */
void seg_publish_settle(const struct seg_publisher *publisher, const struct seg_outcome *outcome,
			uint64_t now);

/* What it adds, behind that: *done is set to `index` + 1 before. */
void seg_publish_account(struct seg_publisher *publisher, const struct seg_outcome *outcome,
			 uint32_t *done, uint32_t index, uint64_t now);

/* A predecessor died somewhere in this outcome's publishing: its gate may miss one. */
void seg_publish_doubt(struct seg_publisher *publisher, const struct seg_outcome *outcome,
		       uint64_t now);

/* The ring is empty: open what has been closed and unchanged for SEG_GAP_NS. Returns the gaps left.
 */
uint32_t seg_publish_gaps(struct seg_publisher *publisher, uint16_t generation, uint64_t now);

#endif
