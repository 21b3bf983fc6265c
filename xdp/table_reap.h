/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * table_reap.h - what user space does to the whole session table: go through
 * it, and free what is dead.
 *
 * One thread frees, and nobody else writes a DEAD slot's state. It goes:
 *
 *   1. seg_reap_collect   the dead
 *   2. a grace period     until no BPF program that ran in step 1 still runs
 *                         (the update of a map in a map waits for RCU), and no
 *                         other thread holds a session that it found before
 *   3. harvest and free   each of them: seg_reap_free
 *
 * Without step 2 a program that found the session late writes its counters into
 * the slot's next tenant.
 */
#ifndef SEG_TABLE_REAP_H
#define SEG_TABLE_REAP_H

#include "table.h"

/*
 * The first slot in use from `slot` on, or SEG_SLOT_NONE at the end. In use: its
 * tag is set, so it is FILLING, LIVE or DEAD. Costs a load for eight free slots.
 */
static inline __u32 seg_table_next(const struct seg_table *table, __u32 slot)
{
	__u32 words = table->buckets * (SEG_BUCKET_SLOTS / 8);

	for (__u32 i = slot / 8; i < words; i++, slot = i * 8) {
		const struct seg_tags *tags = &table->tags[i / 2];
		__u64 rest = seg_load(&tags->word[i % 2]) >> slot % 8 * 8;

		if (rest)
			return slot + (__u32)__builtin_ctzll(rest) / 8;
	}
	return SEG_SLOT_NONE;
}

#define seg_for_each_slot(slot, table)                                                             \
	for (__u32 slot = seg_table_next(table, 0); slot != SEG_SLOT_NONE;                         \
	     slot = seg_table_next(table, slot + 1))

/*
 * Dead slots from *position on into `slots`, at most `max`. Returns how many, and
 * moves *position to where the next call goes on (0 when the table is done).
 */
static inline __u32 seg_reap_collect(const struct seg_table *table, __u32 *position, __u32 *slots,
				     __u32 max)
{
	__u32 count = 0;
	__u32 slot = *position;

	while (count < max && (slot = seg_table_next(table, slot)) != SEG_SLOT_NONE) {
		if (seg_state_life(seg_load(&table->slots[slot].state)) == SEG_LIFE_DEAD)
			slots[count++] = slot;
		slot++;
	}
	*position = slot == SEG_SLOT_NONE ? 0 : slot;
	return count;
}

/*
 * What `owner`, a process that has ended, claimed and did not publish becomes
 * DEAD. Returns how many. A slot that has a tag but no owner yet may be its own
 * or a living claimer's, which then gets BUSY and loses nothing.
 */
static inline __u32 seg_reap_owner(const struct seg_table *table, __u32 owner)
{
	__u32 count = 0;

	seg_for_each_slot (slot, table) {
		__u64 *word = &table->slots[slot].state;
		__u64 state = seg_load(word);
		__u8 life = seg_state_life(state);

		if (life == SEG_LIFE_FREE ||
		    (life == SEG_LIFE_FILLING && seg_state_seen(state) == owner))
			count += seg_cas(word, state, seg_state_set_life(state, SEG_LIFE_DEAD)) ==
				 state;
	}
	return count;
}

/* Free a dead slot after the grace period: all zero, but for the next incarnation. */
static inline void seg_reap_free(const struct seg_table *table, __u32 slot)
{
	struct seg_session *session = &table->slots[slot];
	__u8 next = (__u8)(seg_state_incarnation(session->state) + 1);

	seg_zero(session, __builtin_offsetof(struct seg_session, state));
	seg_zero(&session->verdict,
		 sizeof(*session) - __builtin_offsetof(struct seg_session, verdict));
	seg_store(&session->state, (__u64)next << SEG_STATE_INCARNATION_SHIFT);
	SEG_HOOK(FREE, session);
	seg_tag_clear(&table->tags[slot / SEG_BUCKET_SLOTS], slot % SEG_BUCKET_SLOTS);
}

#endif
