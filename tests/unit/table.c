/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The session table, single-threaded: what each call means, how full it gets,
 * and each race of its protocol, forced at the hook where it can happen.
 */
#define SEG_HOOKS "table_hooks.h"

#include "check.h"
#include "random.h"
#include "table_reap.h"

#define BUCKETS 1000 /* no power of two */

static struct seg_constants constants = {.buckets = BUCKETS};
static struct seg_table table = {.buckets = BUCKETS, .owner = 7};

/* A new, empty table with a new secret. */
static void setup(void)
{
	static __u64 seed;

	if (!seed)
		seed = seg_random_seed();
	for (int i = 0; i < 6; i++)
		constants.seed[i] = seg_random(&seed);
	free(table.tags);
	free(table.slots);
	table.tags = calloc(BUCKETS, sizeof(*table.tags));
	table.slots = calloc(BUCKETS * SEG_BUCKET_SLOTS, sizeof(*table.slots));
	check(table.tags && table.slots);
	memset(on_hook, 0, sizeof(on_hook));
}

static struct seg_key key_of(__u32 n)
{
	return (struct seg_key){.addr = {{0, 0, 0, n}, {0, 0, 0, 1u << 31}},
				.port = {80, 4000},
				.proto = 6,
				.family = 4};
}

static struct seg_session *find(__u32 n)
{
	struct seg_key key = key_of(n);
	struct seg_hash hash = seg_hash_key(&key, &constants);
	__u32 slot;

	return seg_table_find(&table, &key, &hash, &slot);
}

static enum seg_claim claim(__u32 n, struct seg_session **session)
{
	struct seg_key key = key_of(n);
	struct seg_hash hash = seg_hash_key(&key, &constants);
	__u32 slot = 0;

	return seg_table_claim(&table, &key, &hash, session, &slot);
}

/* The verdict says which key it belongs to. */
static enum seg_claim insert(__u32 n)
{
	struct seg_session *session;
	enum seg_claim result = claim(n, &session);

	if (result != SEG_CLAIM_CLAIMED)
		return result;
	session->verdict[0] = n;
	seg_table_publish(session, (__u64)n << SEG_STATE_SEEN_SHIFT);
	return result;
}

static bool kill_one(__u32 n)
{
	struct seg_session *session = find(n);

	return session && seg_table_kill(session, session->state);
}

static __u32 reap(void)
{
	__u32 slots[64];
	__u32 position = 0;
	__u32 freed = 0;

	do {
		__u32 count = seg_reap_collect(&table, &position, slots, 64);

		for (__u32 i = 0; i < count; i++)
			seg_reap_free(&table, slots[i]);
		freed += count;
	} while (position);
	return freed;
}

static __u32 used(void)
{
	__u32 count = 0;

	seg_for_each_slot (slot, &table)
		count++;
	return count;
}

/* --- tags ---------------------------------------------------------------- */

TEST(tags, match_is_exact)
{
	struct seg_tags tags = {{0, 0}};
	seg_tag_set set;
	__u32 found = 0;

	check_eq(seg_tag_count(seg_tag_match(&tags, 0)), SEG_BUCKET_SLOTS);
	for (__u32 i = 0; i < SEG_BUCKET_SLOTS; i++)
		check(seg_tag_put(&tags, i, i % 2 ? 0x80 : 0x81));
	check(!seg_tag_put(&tags, 3, 9));
	set = seg_tag_match(&tags, 0x80);
	check_eq(seg_tag_count(set), SEG_BUCKET_SLOTS / 2);
	for (; set; set = seg_tag_rest(set))
		found |= 1u << seg_tag_first(set);
	check_eq(found, 0xaaaa);
	seg_tag_clear(&tags, 15);
	check_eq(seg_tag_first(seg_tag_match(&tags, 0)), 15);
	check_eq(seg_tag_count(seg_tag_match(&tags, 1)), 0);
}

/* --- what each call means ------------------------------------------------ */

TEST(table, finds_only_what_was_published)
{
	struct seg_session *session;

	setup();
	check(!find(1));
	check_eq(claim(1, &session), SEG_CLAIM_CLAIMED);
	check(!find(1));
	check_eq(seg_state_life(session->state), SEG_LIFE_FILLING);
	check_eq(seg_state_seen(session->state), table.owner);
	session->verdict[0] = 1;
	seg_table_publish(session, SEG_LIFE_DEAD | SEG_L4_ESTABLISHED << SEG_STATE_L4_SHIFT |
					   0xffull << SEG_STATE_INCARNATION_SHIFT |
					   99ull << SEG_STATE_SEEN_SHIFT);
	check(find(1) == session);
	check(!find(2));
	check_eq(seg_state_life(session->state), SEG_LIFE_LIVE);
	check_eq(seg_state_l4(session->state), SEG_L4_ESTABLISHED);
	check_eq(seg_state_incarnation(session->state), 0);
	check_eq(seg_state_seen(session->state), 99);
}

TEST(table, second_insert_exists)
{
	struct seg_session *session;

	setup();
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check_eq(claim(1, &session), SEG_CLAIM_EXISTS);
	check(session == find(1));
	check_eq(reap(), 1); /* the claim that was given up */
	check_eq(used(), 1);
}

TEST(table, abandoned_claim_never_lived)
{
	struct seg_session *session;

	setup();
	check_eq(claim(1, &session), SEG_CLAIM_CLAIMED);
	seg_table_abandon(session);
	check_eq(session->key.family, 0);
	check(!find(1));
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check_eq(reap(), 1);
	check(find(1) != NULL);
}

TEST(table, dead_is_not_found_and_slot_is_reused_clean)
{
	struct seg_session *session;

	setup();
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	session = find(1);
	session->count[1] = 5;
	check(!seg_table_kill(session, session->state ^ 1ull << SEG_STATE_SEEN_SHIFT));
	check(kill_one(1));
	check(!find(1));
	check(!kill_one(1));
	check(!seg_table_kill(session, session->state));
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check(find(1) != session);
	check_eq(reap(), 1);
	check_eq(used(), 1);
	check_eq(seg_state_incarnation(session->state), 1);
	check_eq(session->count[1], 0);
	check_eq(session->key.family, 0);
}

TEST(table, owner_that_ended_loses_its_claims)
{
	struct seg_session *session;
	struct seg_session *other;

	setup();
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check_eq(claim(2, &session), SEG_CLAIM_CLAIMED);
	table.owner = 8;
	check_eq(claim(3, &other), SEG_CLAIM_CLAIMED);
	check_eq(seg_reap_owner(&table, 7), 1);
	table.owner = 7;
	check_eq(reap(), 1);
	check_eq(insert(2), SEG_CLAIM_CLAIMED);
	seg_table_publish(other, 0);
	check(find(3) == other);
}

TEST(table, fills_to_80_percent_and_finds_everything)
{
	__u32 n = 0;

	setup();
	while (insert(n) == SEG_CLAIM_CLAIMED)
		n++;
	fprintf(stderr, "first FULL at %.1f %%\n", 100.0 * n / (BUCKETS * SEG_BUCKET_SLOTS));
	check_eq(insert(n), SEG_CLAIM_FULL);
	check(n >= BUCKETS * SEG_BUCKET_SLOTS / 100 * 80);
	check_eq(used(), n);
	for (__u32 i = 0; i < n; i++)
		check(find(i) && find(i)->verdict[0] == i);
	for (__u32 i = n; i < 2 * n; i++)
		check(!find(i));
	for (__u32 i = 0; i < n; i++)
		check(kill_one(i));
	check_eq(reap(), n);
	check_eq(used(), 0);
}

TEST(table, sweep_takes_every_slot_once)
{
	setup();
	table.tags[0].word[0] = 0x01ull << 56 | 0x80;
	table.tags[BUCKETS - 1].word[1] = 0xffull << 56;
	check_eq(seg_table_next(&table, 0), 0);
	check_eq(seg_table_next(&table, 1), 7);
	check_eq(seg_table_next(&table, 8), BUCKETS * SEG_BUCKET_SLOTS - 1);
	check_eq(seg_table_next(&table, BUCKETS * SEG_BUCKET_SLOTS), SEG_SLOT_NONE);
	check_eq(used(), 3);
}

/* Another key with the first bucket and the tag of key 1. */
static __u32 namesake(void)
{
	struct seg_key key = key_of(1);
	struct seg_hash hash = seg_hash_key(&key, &constants);

	for (__u32 n = 2;; n++) {
		struct seg_key other = key_of(n);
		struct seg_hash its = seg_hash_key(&other, &constants);

		if (its.tag == hash.tag && its.bucket[0] == hash.bucket[0])
			return n;
	}
}

/* --- races --------------------------------------------------------------- */

static enum seg_claim rival;

static void rival_inserts(void)
{
	rival = insert(1);
}

/* Neither sees the other live: the later one gives up, the first goes on. */
TEST(race, insert_meets_claim)
{
	setup();
	on_hook[SEG_HOOK_CLAIM_RESCAN] = rival_inserts;
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check_eq(rival, SEG_CLAIM_BUSY);
	check_eq(reap(), 1);
	check_eq(used(), 1);
}

/* Another tag came into the word of ours: the CAS fails, the next free byte does. */
static void rival_in_same_word(void)
{
	check_eq(insert(namesake()), SEG_CLAIM_CLAIMED);
}

TEST(race, two_tags_into_one_word)
{
	setup();
	on_hook[SEG_HOOK_TAG_PUT] = rival_in_same_word;
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check(find(1) && find(namesake()));
	check_eq(used(), 2);
}

/* Our tag is set, but not yet our state. */
TEST(race, insert_meets_tag)
{
	setup();
	on_hook[SEG_HOOK_CLAIM_OWN] = rival_inserts;
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check_eq(rival, SEG_CLAIM_BUSY);
}

static void rival_finds_nothing(void)
{
	check(!find(1));
	check_eq(insert(1), SEG_CLAIM_BUSY);
}

TEST(race, find_while_filling)
{
	setup();
	on_hook[SEG_HOOK_CLAIM_FILL] = rival_finds_nothing;
	on_hook[SEG_HOOK_PUBLISH] = rival_finds_nothing;
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check_eq(find(1)->verdict[0], 1);
}

static void rival_kills(void)
{
	check(kill_one(1));
}

TEST(race, kill_before_state_is_read)
{
	setup();
	insert(1);
	on_hook[SEG_HOOK_MATCH_TAG] = rival_kills;
	check(!find(1));
}

/* What was live when it was found may be used until the grace period ends. */
TEST(race, kill_after_state_is_read)
{
	struct seg_session *session;

	setup();
	insert(1);
	on_hook[SEG_HOOK_MATCH_STATE] = rival_kills;
	session = find(1);
	check(session != NULL);
	check_eq(session->verdict[0], 1);
	check_eq(seg_state_life(session->state), SEG_LIFE_DEAD);
}

static void rival_is_seen(void)
{
	struct seg_session *session = find(1);

	seg_store(&session->state, seg_state_set_seen(session->state, 1000));
}

TEST(race, ageing_loses_to_a_packet)
{
	struct seg_session *session;

	setup();
	insert(1);
	session = find(1);
	on_hook[SEG_HOOK_KILL] = rival_is_seen;
	check(!seg_table_kill(session, session->state));
	check(find(1) == session);
	check(seg_table_kill(session, session->state));
}

/* Until its tag is clear, a slot that is being freed is nobody's. */
TEST(race, find_and_insert_while_freeing)
{
	setup();
	insert(1);
	check(kill_one(1));
	on_hook[SEG_HOOK_FREE] = rival_finds_nothing;
	check_eq(reap(), 1);
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
	check_eq(reap(), 1);
	check_eq(used(), 1);
}

static void rival_reuses(void)
{
	check(kill_one(1));
	check_eq(reap(), 1);
	check_eq(insert(namesake()), SEG_CLAIM_CLAIMED);
}

TEST(race, slot_reused_between_tag_and_state)
{
	struct seg_session *session;

	setup();
	insert(1);
	session = find(1);
	on_hook[SEG_HOOK_MATCH_TAG] = rival_reuses;
	check(!find(1));
	check(find(namesake()) == session);
	check_eq(seg_state_incarnation(session->state), 1);
}

TEST(race, namesakes_do_not_meet)
{
	setup();
	insert(1);
	check_eq(insert(namesake()), SEG_CLAIM_CLAIMED);
	check_eq(find(1)->verdict[0], 1);
	check_eq(find(namesake())->verdict[0], namesake());
	check(kill_one(1));
	check(!find(1));
	check(find(namesake()) != NULL);
}

static void rival_buries(void)
{
	check_eq(seg_reap_owner(&table, 8), 1);
}

/* A living process between tag and state looks like a dead one: it loses its claim, no more. */
TEST(race, reaper_takes_claim_without_owner)
{
	setup();
	on_hook[SEG_HOOK_CLAIM_OWN] = rival_buries;
	check_eq(insert(1), SEG_CLAIM_BUSY);
	check(!find(1));
	check_eq(reap(), 1);
	check_eq(insert(1), SEG_CLAIM_CLAIMED);
}
