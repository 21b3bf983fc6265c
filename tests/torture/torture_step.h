/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * torture_step.h - one step of the torture: look a random key up, check and
 * count what is found, insert what is not, kill now and then.
 */
#ifndef SEG_TORTURE_STEP_H
#define SEG_TORTURE_STEP_H

#define SEG_HOOKS "torture.h"

#include "table.h"

#define TORTURE_HIT (1ull << 40 | 100) /* a packet of 100 bytes */

static __always_inline void torture_key(struct seg_key *key, __u32 n)
{
	*key = (struct seg_key){.addr = {{0, 0, 0, n}, {0, 0, 0, ~n}}, .proto = 6, .family = 4};
}

static __always_inline __u32 torture_mix(__u32 n)
{
	n *= 0x9e3779b1u;
	return n ^ n >> 15;
}

/* Its upper half follows from its lower one and the key. */
static __always_inline __u64 torture_verdict(__u32 n, __u32 random)
{
	return random | (__u64)torture_mix(random ^ n) << 32;
}

static __always_inline void torture_set_verdict(__u64 *verdict, __u64 value)
{
#ifdef TORTURE_TORN_VERDICT
	__u32 *half = (__u32 *)verdict;

	seg_store(&half[0], (__u32)value);
	torture_delay();
	seg_store(&half[1], (__u32)(value >> 32));
#else
	seg_store(verdict, value);
#endif
}

static __always_inline bool torture_whole(const __u64 *verdict, __u32 n)
{
	__u64 value = seg_load(verdict);

	return value == torture_verdict(n, (__u32)value);
}

static __always_inline bool torture_right(const struct seg_session *session, __u32 n)
{
	return session->key.addr[0][3] == n && session->key.addr[1][3] == ~n &&
	       session->window[0].edge == torture_mix(n) &&
	       session->window[1].edge == torture_mix(~n) && session->shadow[1] == (__u16)n;
}

static __always_inline void torture_fill(struct seg_session *session, __u32 n)
{
	session->verdict[0] = torture_verdict(n, 0);
	session->window[0].edge = torture_mix(n);
	torture_delay();
	session->window[1].edge = torture_mix(~n);
	session->shadow[1] = (__u16)n;
}

static __always_inline void torture_insert(const struct seg_table *table,
					   struct torture_record *record, enum torture_side side,
					   const struct seg_key *key, const struct seg_hash *hash,
					   __u32 n)
{
	struct torture_truth *truth = &record->truth[n];
	struct seg_session *session;
	__u32 slot;

	switch (seg_table_claim(table, key, hash, &session, &slot)) {
	case SEG_CLAIM_CLAIMED:
		torture_fill(session, n);
		seg_table_publish(session, (__u64)n << SEG_STATE_SEEN_SHIFT);
		seg_add(&truth->inserted, 1);
		seg_add(&record->did[side].inserts, 1);
		if ((__s64)seg_fetch_add(&truth->alive, 1) > 0)
			seg_add(&record->found[TORTURE_DUPLICATE], 1);
		return;
	case SEG_CLAIM_EXISTS:
		seg_add(&record->did[side].exists, 1);
		if (session->key.addr[0][3] != n)
			seg_add(&record->found[TORTURE_WRONG_READ], 1);
		return;
	case SEG_CLAIM_BUSY:
		seg_add(&record->did[side].busy, 1);
		return;
	case SEG_CLAIM_FULL:
		seg_add(&record->did[side].full, 1);
		return;
	}
}

static __always_inline void torture_kill(struct torture_record *record, enum torture_side side,
					 struct seg_session *session, __u32 n)
{
	struct torture_truth *truth = &record->truth[n];

	seg_fetch_add(&truth->alive, -1ull);
	if (seg_table_kill(session, seg_load(&session->state))) {
		seg_add(&truth->killed, 1);
		seg_add(&record->did[side].kills, 1);
	} else {
		seg_fetch_add(&truth->alive, 1);
	}
}

static __always_inline void torture_hit(struct torture_record *record, enum torture_side side,
					struct seg_session *session, __u32 n)
{
	torture_delay();
	if (!torture_right(session, n))
		seg_add(&record->found[TORTURE_WRONG_READ], 1);
	if (!torture_whole(&session->verdict[0], n))
		seg_add(&record->found[TORTURE_TORN], 1);
	seg_add(&session->count[0], TORTURE_HIT);
	seg_add(&record->truth[n].hits, TORTURE_HIT);
	seg_add(&record->did[side].hits, 1);
}

static __always_inline void torture_step(const struct seg_table *table,
					 const volatile struct seg_constants *constants,
					 struct torture_record *record, enum torture_side side)
{
	__u32 random = torture_random();
	__u32 n = random % (random & 1 << 26 ? 64 : TORTURE_KEYS); /* half of all meet at a few */
	struct seg_session *session;
	struct seg_hash hash;
	struct seg_key key;
	__u32 slot;

	torture_key(&key, n);
	hash = seg_hash_key(&key, constants);
	session = seg_table_find(table, &key, &hash, &slot);
	if (!session) {
		torture_insert(table, record, side, &key, &hash, n);
		return;
	}
	torture_hit(record, side, session, n);
	if (random >> 30 == 0)
		torture_set_verdict(&session->verdict[0], torture_verdict(n, random));
	if (random >> 28 == 15)
		torture_kill(record, side, session, n);
}

#endif
