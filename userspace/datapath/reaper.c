/* SPDX-License-Identifier: BSD-2-Clause */
#include "reaper.h"

#include <errno.h>
#include <stdlib.h>

#include "age.h"
#include "cleanup.h"
#include "clock.h"
#include "learned.h"
#include "session.h"
#include "table_reap.h"

bool seg_session_rule(struct seg_session *session, const struct seg_rulebook *book, uint32_t *entry)
{
	uint64_t verdict = seg_load(seg_verdict_slot(session, book->generation));

	if (!seg_verdict_action(verdict) ||
	    seg_verdict_generation(verdict) != (uint16_t)book->generation)
		return false;
	verdict = seg_learned_verdict(session, book->image, verdict);
	*entry = seg_rulebook_entry(book, seg_verdict_rule(verdict));
	return true;
}

static void credit_shadow(struct seg_session *session, const struct seg_rulebook *book,
			  uint64_t packets, struct seg_rule_count *rules)
{
	uint32_t rule = seg_shadow_rule(seg_session_shadow(session, book->generation));

	if (rule < book->entries - 1)
		__atomic_fetch_add(&rules[rule].shadow, packets, __ATOMIC_RELAXED);
}

struct seg_count seg_session_credit(const struct seg_account *account, struct seg_session *session,
				    uint32_t slot, const struct seg_rulebook *book,
				    struct seg_rule_count *rules)
{
	struct seg_count credit;
	uint32_t entry;

	if (!seg_session_rule(session, book, &entry))
		return (struct seg_count){0};
	credit = seg_account_credit(account, session, slot);
	__atomic_fetch_add(&rules[entry].count.packets, credit.packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&rules[entry].count.bytes, credit.bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&rules[entry].sessions, 1, __ATOMIC_RELAXED);
	credit_shadow(session, book, credit.packets, rules);
	return credit;
}

/* --- kill -------------------------------------------------------------------------------- */

static void age(struct seg_reaper *reaper, uint32_t slot, uint32_t now)
{
	struct seg_session *session = &reaper->tables->table.slots[slot];
	uint64_t state = seg_load(&session->state);

	if (seg_state_life(state) != SEG_LIFE_LIVE)
		return;
	if (seg_age_left(seg_image_defaults(reaper->book->image), session->key.proto, state, now))
		seg_account_harvest(reaper->account, session, slot);
	else
		reaper->killed += seg_table_kill(session, state);
}

static void age_slice(struct seg_reaper *reaper, uint32_t now)
{
	const struct seg_table *table = &reaper->tables->table;
	uint32_t slot = reaper->next;

	for (uint32_t i = 0; i < SEG_REAP_SLICE; i++, slot++) {
		slot = seg_table_next(table, slot);
		if (slot == SEG_SLOT_NONE)
			break;
		age(reaper, slot, now);
	}
	reaper->next = slot == SEG_SLOT_NONE ? 0 : slot;
}

static bool came_by(const struct seg_session *session, uint32_t iface)
{
	return session->iface[0] == iface + 1 || session->iface[1] == iface + 1;
}

void seg_reaper_kill_iface(struct seg_reaper *reaper, uint32_t iface)
{
	const struct seg_table *table = &reaper->tables->table;

	seg_for_each_slot (slot, table) {
		struct seg_session *session = &table->slots[slot];
		uint64_t state = seg_load(&session->state);

		while (seg_state_life(state) == SEG_LIFE_LIVE && came_by(session, iface)) {
			reaper->killed += seg_table_kill(session, state);
			state = seg_load(&session->state);
		}
	}
}

/* --- wait until nobody holds the dead ----------------------------------------------------- */

/*
 * Workers hold pointers while `batches` is odd. One that stands still there, or
 * died there, may come back to them: until it moves nothing is freed.
 */
static void note_batches(const struct seg_reaper *reaper, uint64_t batches[SEG_QUEUES_MAX])
{
	for (size_t i = 0; i < SEG_QUEUES_MAX; i++)
		batches[i] = seg_load(&reaper->tables->queues[i].batches);
}

static bool workers_moved_on(const struct seg_reaper *reaper,
			     const uint64_t batches[SEG_QUEUES_MAX])
{
	for (size_t i = 0; i < SEG_QUEUES_MAX; i++)
		if (batches[i] & 1 && seg_load(&reaper->tables->queues[i].batches) == batches[i])
			return false;
	return true;
}

/* --- free ------------------------------------------------------------------------------------ */

/* A claim that was given up has no key and was never counted anywhere. */
static void free_slot(struct seg_reaper *reaper, uint32_t slot)
{
	struct seg_session *session = &reaper->tables->table.slots[slot];

	if (session->key.family) {
		seg_session_credit(reaper->account, session, slot, reaper->book,
				   reaper->book->rules);
		seg_quota_give(reaper->tables->quota, seg_state_class(seg_load(&session->state)));
	}
	seg_account_clear(reaper->account, slot);
	seg_reap_free(&reaper->tables->table, slot);
	reaper->freed++;
}

void seg_reaper_free(struct seg_reaper *reaper, uint32_t slot)
{
	const struct seg_session *session = &reaper->tables->table.slots[slot];

	if (seg_state_life(seg_load(&session->state)) == SEG_LIFE_DEAD)
		free_slot(reaper, slot);
}

int64_t seg_reaper_round(struct seg_reaper *reaper, uint64_t now)
{
	_cleanup_free_ uint32_t *dead = malloc(SEG_REAP_BATCH * sizeof(*dead));
	uint64_t batches[SEG_QUEUES_MAX];
	uint32_t position = 0, n;
	int r;

	age_slice(reaper, seg_clock_tick(now));
	n = dead ? seg_reap_collect(&reaper->tables->table, &position, dead, SEG_REAP_BATCH) : 0;
	if (!n)
		return 0;
	note_batches(reaper, batches);
	r = reaper->grace(reaper->tables);
	if (r)
		return r;
	if (!workers_moved_on(reaper, batches))
		return 0;
	for (uint32_t i = 0; i < n; i++)
		free_slot(reaper, dead[i]);
	return n;
}

bool seg_reaper_needed(const struct seg_reaper *reaper)
{
	return seg_table_next(&reaper->tables->table, 0) != SEG_SLOT_NONE;
}

/* --- a policy retires ------------------------------------------------------------------------ */

static void retire_session(struct seg_reaper *reaper, const struct seg_rulebook *old, uint32_t slot)
{
	struct seg_session *session = &reaper->tables->table.slots[slot];
	struct seg_count credit;

	if (seg_state_life(seg_load(&session->state)) == SEG_LIFE_FILLING)
		return;
	credit = seg_session_credit(reaper->account, session, slot, old, old->rules);
	seg_account_settle(reaper->account, slot, &credit);
}

void seg_reaper_retire(struct seg_reaper *reaper, const struct seg_rulebook *old,
		       struct seg_history **history)
{
	seg_for_each_slot (slot, &reaper->tables->table)
		retire_session(reaper, old, slot);
	for (uint32_t i = 0; i < old->entries; i++)
		seg_history_add(history, seg_rulebook_id(old, i), &old->rules[i]);
}
