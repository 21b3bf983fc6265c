/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * table.h - the session table: one source for the BPF programs and user space.
 *
 * Two buckets of 16 one-byte tags may hold a key; a tag's place is its session's
 * slot, and nothing ever moves. There is no lock and nobody waits:
 *
 *   claim    CAS the tag into a free byte, then look through both buckets for a
 *            rival: of two inserts of one key at least one sees the other, and
 *            gives up. BUSY and FULL mean "not cached", never "wait" or "drop".
 *   publish  state FILLING to LIVE, after everything else was written.
 *   find     tag, state LIVE, key, in this order.
 *   kill     CAS of the state, LIVE to DEAD, by anybody.
 *   free     table_reap.h: user space, after a grace period.
 *
 * The key is immutable from LIVE until the slot is free. A slot's number means
 * nothing to another program or a later moment unless the incarnation in its
 * state is compared first.
 *
 * Every reader is either a BPF program (RCU) or a thread that the grace period
 * of table_reap.h waits for.
 *
 * Loops count in 64 bits: of a counter that is spilled as 32 the verifier
 * forgets the value, and with it that the loop ends.
 */
#ifndef SEG_TABLE_H
#define SEG_TABLE_H

#include "abi.h"
#include "compat.h"
#include "hash.h"
#include "state.h"

/* --- one bucket's tags --------------------------------------------------- */

/*
 * A set of bytes of a bucket, one bit each in one word: byte i of word 0 is bit
 * 8 * i + 7, of word 1 bit 8 * i + 3. BPF has neither vectors nor a count of
 * trailing zeros; this needs no more than a multiplication.
 */
typedef __u64 seg_tag_set;

#define SEG_TAG_ONES 0x0101010101010101ull

/* Bytes of `word` that equal `tag`, as their top bits; exact. */
static __always_inline __u64 seg_tag_match_word(__u64 word, __u8 tag)
{
	const __u64 low = 0x7f * SEG_TAG_ONES;
	__u64 x = word ^ tag * SEG_TAG_ONES;

	return ~(((x & low) + low) | x | low);
}

static __always_inline seg_tag_set seg_tag_match(const struct seg_tags *tags, __u8 tag)
{
	return seg_tag_match_word(seg_load(&tags->word[0]), tag) |
	       seg_tag_match_word(seg_load(&tags->word[1]), tag) >> 4;
}

static __always_inline __u32 seg_tag_count(seg_tag_set set)
{
	return (__u32)(((set >> 7 & SEG_TAG_ONES) + (set >> 3 & SEG_TAG_ONES)) * SEG_TAG_ONES >>
		       56);
}

/* The lowest bit of a set that is not empty: a multiplication by 2^(4 * n) brings nibble 15 - n of
 * the constant to the top. */
static __always_inline __u32 seg_tag_first(seg_tag_set set)
{
	return (__u32)(((set & -set) >> 3) * 0x8091a2b3c4d5e6f7ull >> 60);
}

static __always_inline seg_tag_set seg_tag_rest(seg_tag_set set)
{
	return set & (set - 1);
}

/* False: somebody else changed this word. `% 2` is the bound that the verifier wants. */
static __always_inline bool seg_tag_put(struct seg_tags *tags, __u32 byte, __u8 tag)
{
	__u64 *word = &tags->word[byte / 8 % 2];
	__u32 shift = byte % 8 * 8;
	__u64 old = seg_load(word);

	SEG_HOOK(TAG_PUT, word);
	return !(old >> shift & 0xff) && seg_cas(word, old, old | (__u64)tag << shift) == old;
}

static __always_inline void seg_tag_clear(struct seg_tags *tags, __u32 byte)
{
	seg_fetch_and(&tags->word[byte / 8 % 2], ~(0xffull << byte % 8 * 8));
}

/* --- where things are ---------------------------------------------------- */

struct seg_table;

#ifdef __bpf__

#include "table_maps.bpf.h"

/* BPF reaches the maps by name and passes NULL for every `table`. NULL never comes back for an
 * index below the maps' sizes, but the verifier wants it asked. */
static __always_inline struct seg_tags *seg_table_tags(const struct seg_table *table, __u32 bucket)
{
	(void)table;
	return bpf_map_lookup_elem(&seg_tags, &bucket);
}

static __always_inline struct seg_session *seg_table_slot(const struct seg_table *table, __u32 slot)
{
	(void)table;
	return bpf_map_lookup_elem(&seg_slots, &slot);
}

static __always_inline __u32 seg_table_owner(const struct seg_table *table)
{
	(void)table;
	return 0;
}

#else

/* The mapped maps. `owner` marks what this process claims and has not published, so that its
 * claims can be freed when it dies: 0 for BPF, which cannot die half-way. */
struct seg_table {
	struct seg_tags *tags;
	struct seg_session *slots;
	__u32 buckets;
	__u32 owner;
};

static __always_inline struct seg_tags *seg_table_tags(const struct seg_table *table, __u32 bucket)
{
	return &table->tags[bucket];
}

static __always_inline struct seg_session *seg_table_slot(const struct seg_table *table, __u32 slot)
{
	return &table->slots[slot];
}

static __always_inline __u32 seg_table_owner(const struct seg_table *table)
{
	return table->owner;
}

#endif

/* --- find ---------------------------------------------------------------- */

/* Branch-free: behind an equal tag a key is nearly always equal too. */
static __always_inline bool seg_key_equal(const struct seg_key *a, const struct seg_key *b)
{
	typedef __u64 __attribute__((may_alias)) word;
	const word *x = (const word *)a;
	const word *y = (const word *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

/* What a slot with the right tag is to a key. */
enum seg_match { SEG_MATCH_NONE, SEG_MATCH_FILLING, SEG_MATCH_LIVE };

/* On LIVE all loads through *session come after that of its state. */
static __always_inline enum seg_match seg_session_match(struct seg_session **session,
							const struct seg_key *key)
{
	__u64 state;

	SEG_HOOK(MATCH_TAG, *session);
	state = seg_load(&(*session)->state);
	if (seg_state_life(state) == SEG_LIFE_DEAD)
		return SEG_MATCH_NONE;
	if (seg_state_life(state) != SEG_LIFE_LIVE)
		return SEG_MATCH_FILLING;
	*session = seg_order(*session, state);
	SEG_HOOK(MATCH_STATE, *session);
	return seg_key_equal(&(*session)->key, key) ? SEG_MATCH_LIVE : SEG_MATCH_NONE;
}

/*
 * Look for `key` in one bucket, slot `own` left out. Returns LIVE with *session and *slot set, or
 * NONE; FILLING, if `rivals` count, for a slot whose key cannot be known yet.
 */
static __always_inline enum seg_match seg_bucket_find(const struct seg_table *table,
						      const struct seg_key *key, __u32 bucket,
						      __u8 tag, __u32 own, bool rivals,
						      struct seg_session **session, __u32 *slot)
{
	const struct seg_tags *tags = seg_table_tags(table, bucket);
	seg_tag_set set;

	if (!tags)
		return SEG_MATCH_NONE;
	set = seg_tag_match(tags, tag);
	for (__u64 i = 0; i < SEG_BUCKET_SLOTS && set; i++, set = seg_tag_rest(set)) {
		__u32 candidate = bucket * SEG_BUCKET_SLOTS + seg_tag_first(set);
		struct seg_session *found = seg_table_slot(table, candidate);
		enum seg_match match;

		if (!found)
			return SEG_MATCH_NONE;
		if (candidate == own)
			continue;
		match = seg_session_match(&found, key);
		if (match == SEG_MATCH_NONE || (match == SEG_MATCH_FILLING && !rivals))
			continue;
		*session = found;
		*slot = candidate;
		return match;
	}
	return SEG_MATCH_NONE;
}

/* The same in both buckets, in one loop: as fast as twice the code, and a third smaller. */
static __always_inline enum seg_match seg_table_match(const struct seg_table *table,
						      const struct seg_key *key,
						      const struct seg_hash *hash, __u32 own,
						      bool rivals, struct seg_session **session,
						      __u32 *slot)
{
	enum seg_match match = SEG_MATCH_NONE;
	__u32 bucket = hash->bucket[0];

	SEG_ROLLED
	for (__u64 i = 0; i < 2 && match == SEG_MATCH_NONE; i++) {
		match = seg_bucket_find(table, key, bucket, hash->tag, own, rivals, session, slot);
		bucket = hash->bucket[1];
	}
	return match;
}

/*
 * The live session of `key`, or NULL. Anybody may call, any number at once.
 * Loads through the result come after the load of its state. The session may
 * die at any time, but its slot is not reused before the caller's RCU section,
 * or its turn in the user-space grace period, ends. `slot` is set on success.
 */
static __always_inline struct seg_session *seg_table_find(const struct seg_table *table,
							  const struct seg_key *key,
							  const struct seg_hash *hash, __u32 *slot)
{
	struct seg_session *session;

	if (seg_table_match(table, key, hash, SEG_SLOT_NONE, false, &session, slot) !=
	    SEG_MATCH_LIVE)
		return NULL;
	return session;
}

/* --- insert -------------------------------------------------------------- */

enum seg_claim {
	SEG_CLAIM_CLAIMED, /* yours: fill it, then publish or abandon */
	SEG_CLAIM_EXISTS,  /* somebody's, live */
	SEG_CLAIM_BUSY,    /* somebody is inserting, perhaps this key: do without */
	SEG_CLAIM_FULL,    /* both buckets are: do without */
};

#define SEG_CLAIM_TRIES 4 /* CAS of a tag word that others change */

/*
 * Give up a claim that was not published, filled or not. Its slot goes the way
 * of the dead; what frees it knows by the missing key (family 0) that it never
 * lived. Clearing the tag here would be a second way to free, at odds with the
 * reaper's.
 */
static __always_inline void seg_table_abandon(struct seg_session *session)
{
	session->key.family = 0;
	seg_xchg(&session->state, seg_state_set_life(session->state, SEG_LIFE_DEAD));
}

/*
 * The first bucket while it has room to spare, else the emptier one. Simulated:
 * 84 % of the sessions sit in their first bucket at 78 % load (always the
 * emptier: 67 %), and with 5.6 M slots the first FULL comes at 82 % (84 %).
 * Measured by bench-table: hits take 4 to 7 % less time.
 */
#ifndef SEG_BUCKET_SPARE
#define SEG_BUCKET_SPARE 6
#endif

static __always_inline bool seg_prefer_second(seg_tag_set first, seg_tag_set second)
{
	__u32 free = seg_tag_count(first);

	return free <= SEG_BUCKET_SPARE && seg_tag_count(second) > free;
}

/* Put the tag into a free byte. BUSY: lost a race, another byte may be free. */
static __always_inline enum seg_claim seg_table_take(const struct seg_table *table,
						     const struct seg_hash *hash, __u32 *slot)
{
	struct seg_tags *first = seg_table_tags(table, hash->bucket[0]);
	struct seg_tags *second = seg_table_tags(table, hash->bucket[1]);
	struct seg_tags *tags = first;
	__u32 bucket = hash->bucket[0];
	seg_tag_set free;
	seg_tag_set other;

	if (!first || !second)
		return SEG_CLAIM_FULL;
	free = seg_tag_match(first, 0);
	other = seg_tag_match(second, 0);
	if (seg_prefer_second(free, other)) {
		free = other;
		tags = second;
		bucket = hash->bucket[1];
	}
	if (!free)
		return SEG_CLAIM_FULL;
	*slot = bucket * SEG_BUCKET_SLOTS + seg_tag_first(free);
	return seg_tag_put(tags, seg_tag_first(free), hash->tag) ? SEG_CLAIM_CLAIMED
								 : SEG_CLAIM_BUSY;
}

/* FREE to FILLING. False: the reaper took a claim that it held for a dead process's. */
static __always_inline bool seg_table_own(const struct seg_table *table,
					  struct seg_session *session)
{
	__u64 state = seg_load(&session->state);
	__u64 filling =
		state | SEG_LIFE_FILLING | (__u64)seg_table_owner(table) << SEG_STATE_SEEN_SHIFT;

	return seg_state_life(state) == SEG_LIFE_FREE &&
	       seg_cas(&session->state, state, filling) == state;
}

/*
 * Claim a slot for `key`, after seg_table_find did not find it. Anybody may
 * call, any number at once.
 * CLAIMED: *session holds the key and is zero otherwise, but for its state
 * (FILLING); it is invisible until published. EXISTS: *session is the live one.
 * Both set *slot. BUSY and FULL leave nothing that may be used.
 */
static __always_inline enum seg_claim seg_table_claim(const struct seg_table *table,
						      const struct seg_key *key,
						      const struct seg_hash *hash,
						      struct seg_session **session, __u32 *slot)
{
	enum seg_claim result = SEG_CLAIM_BUSY;
	struct seg_session *own;
	enum seg_match rival;
	__u32 own_slot = 0;

	for (__u64 i = 0; i < SEG_CLAIM_TRIES && result == SEG_CLAIM_BUSY; i++)
		result = seg_table_take(table, hash, &own_slot);
	if (result != SEG_CLAIM_CLAIMED)
		return result;
	own = seg_table_slot(table, own_slot);
	SEG_HOOK(CLAIM_OWN, own);
	if (!own || !seg_table_own(table, own))
		return SEG_CLAIM_BUSY;
	seg_fence_after_cas();
	SEG_HOOK(CLAIM_RESCAN, own);
	rival = seg_table_match(table, key, hash, own_slot, true, session, slot);
	if (rival != SEG_MATCH_NONE) {
		seg_table_abandon(own);
		return rival == SEG_MATCH_LIVE ? SEG_CLAIM_EXISTS : SEG_CLAIM_BUSY;
	}
	SEG_HOOK(CLAIM_FILL, own);
	own->key = *key;
	*session = own;
	*slot = own_slot;
	return SEG_CLAIM_CLAIMED;
}

/*
 * FILLING to LIVE: everything written before is visible to whoever finds it.
 * The claimer only. `state` gives L4 state, flags and seen; life and
 * incarnation are set here.
 */
static __always_inline void seg_table_publish(struct seg_session *session, __u64 state)
{
	const __u64 given = ~(0xffull | 0xffull << SEG_STATE_INCARNATION_SHIFT);

	SEG_HOOK(PUBLISH, session);
	seg_xchg(&session->state,
		 (state & given) | seg_state_keep_incarnation(session->state) | SEG_LIFE_LIVE);
}

/* --- remove -------------------------------------------------------------- */

/*
 * LIVE to DEAD, if the state word is still `expected`: a packet that came since
 * has changed it. Anybody may call. True: this call ended the session; its slot
 * is free once table_reap.h has seen it.
 */
static __always_inline bool seg_table_kill(struct seg_session *session, __u64 expected)
{
	SEG_HOOK(KILL, session);
	return seg_state_life(expected) == SEG_LIFE_LIVE &&
	       seg_cas(&session->state, expected, seg_state_set_life(expected, SEG_LIFE_DEAD)) ==
		       expected;
}

#endif
