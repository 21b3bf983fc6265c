/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * torture.h - what the BPF program and the threads of the table's torture test
 * do and check alike. Before including it a side defines torture_random(), 32
 * bits, and torture_delay(), which now and then takes its time.
 *
 * Each key has a number, and all that a session holds follows from it, so that
 * any reader can tell a wrong read. The truth about each number is kept beside
 * the table, by atomics.
 */
#ifndef SEG_TORTURE_H
#define SEG_TORTURE_H

#include "abi.h"

#define TORTURE_KEYS    1024
#define TORTURE_BUCKETS 150

/* By key number. `alive` never exceeds the number of live sessions: it goes up
 * after a publish, and down before a kill. */
struct torture_truth {
	__u64 alive;
	__u64 inserted;
	__u64 killed;
	__u64 hits;
	__u64 harvested; /* by the reaper only */
	__u64 spare[3];
};

enum torture_side { TORTURE_BPF, TORTURE_USER, TORTURE_SIDES };

#define TORTURE_FINDINGS(X)                                                                        \
	X(WRONG_READ, "a session held another key's value")                                        \
	X(TORN, "a verdict was half of one and half of another")                                   \
	X(DUPLICATE, "two sessions of one key lived")                                              \
	X(LOST, "an insert that succeeded was not found")                                          \
	X(COUNTER, "a counter did not add up")                                                     \
	X(LEAK, "a slot in use was neither live nor dead")

enum torture_finding {
#define X(id, text) TORTURE_##id,
	TORTURE_FINDINGS(X)
#undef X
		TORTURE_FINDING_MAX
};

struct torture_record {
	struct torture_truth truth[TORTURE_KEYS];
	__u64 found[TORTURE_FINDING_MAX];
	struct {
		__u64 hits;
		__u64 inserts;
		__u64 busy;
		__u64 full;
		__u64 exists;
		__u64 kills;
	} did[TORTURE_SIDES];
};

/*
 * The protocol, broken on purpose: what happens at a hook instead of a delay
 * only. Each is a mistake that somebody might make in table.h.
 */
#define TORTURE_AT_MATCH_TAG(at)
#define TORTURE_AT_MATCH_STATE(at)
#define TORTURE_AT_CLAIM_OWN(at)
#define TORTURE_AT_PUBLISH(at)
#define TORTURE_AT_KILL(at)
#define TORTURE_AT_FREE(at)

#ifdef TORTURE_PLAIN_TAG
#define TORTURE_AT_TAG_PUT(word)                                                                   \
	seg_store(word, old | (__u64)tag << shift);                                                \
	return true
#else
#define TORTURE_AT_TAG_PUT(word)
#endif

#ifdef TORTURE_NO_RESCAN
#define TORTURE_AT_CLAIM_RESCAN(own)                                                               \
	(own)->key = *key;                                                                         \
	*session = own;                                                                            \
	*slot = own_slot;                                                                          \
	return SEG_CLAIM_CLAIMED
#else
#define TORTURE_AT_CLAIM_RESCAN(own)
#endif

#ifdef TORTURE_LIVE_BEFORE_FILL
#define TORTURE_AT_CLAIM_FILL(own)                                                                 \
	(own)->key = *key;                                                                         \
	seg_xchg(&(own)->state, seg_state_set_life((own)->state, SEG_LIFE_LIVE))
#else
#define TORTURE_AT_CLAIM_FILL(own)
#endif

#define SEG_HOOK(name, at)                                                                         \
	do {                                                                                       \
		torture_delay();                                                                   \
		TORTURE_AT_##name(at);                                                             \
	} while (0)

#endif
