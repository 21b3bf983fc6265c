/* SPDX-License-Identifier: BSD-2-Clause */
#include "sessions.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "age.h"
#include "clock.h"
#include "session.h"
#include "session_key.h"
#include "table_reap.h"
#include "text.h"

/* --- one -------------------------------------------------------------------------------------- */

static const char *iface_name(const struct seg_keeper *keeper, const struct seg_session *session)
{
	uint32_t index = session->iface[0] ? session->iface[0] : session->iface[1];

	if (!index || index > SEG_IFACES_MAX || !keeper->ifaces[index - 1])
		return "-";
	return keeper->ifaces[index - 1]->link.name;
}

static const char *rule_id(const struct seg_keeper *keeper, struct seg_session *session)
{
	uint32_t entry;

	if (!seg_session_rule(session, &keeper->book, &entry))
		return "-";
	return seg_rulebook_id(&keeper->book, entry);
}

static void set_ends(struct seg_session_facts *facts, const struct seg_key *key, unsigned int who)
{
	for (unsigned int i = 0; i < 2; i++) {
		memcpy(&facts->address[i], key->addr[i ^ who], sizeof(facts->address[i]));
		facts->port[i] = be16toh(key->port[i ^ who]);
	}
	facts->proto = key->proto;
	facts->family = key->family;
	if (seg_is_icmp(key->proto) && key->port[0] != key->port[1])
		facts->port[1] = 0; /* of an echo only who asks has a number */
}

bool seg_sessions_look(const struct seg_keeper *keeper, uint32_t slot, uint32_t now,
		       struct seg_session_facts *facts)
{
	struct seg_session *session = &keeper->tables.table.slots[slot];
	uint64_t state = seg_load(&session->state);
	unsigned int who = seg_state_originator(state);

	if (seg_state_life(state) != SEG_LIFE_LIVE)
		return false;
	set_ends(facts, &session->key, who);
	facts->verdict = seg_verdict_now(session, keeper->book.generation);
	facts->l4 = seg_state_l4(state);
	facts->rule = rule_id(keeper, session);
	facts->iface = iface_name(keeper, session);
	facts->age_ns = seg_clock_since(seg_gate_created(seg_load(&session->gate)), now);
	facts->idle_ns = seg_clock_since(seg_state_seen(state), now);
	facts->expires_ns =
		seg_age_left(seg_image_defaults(keeper->book.image), facts->proto, state, now);
	for (unsigned int i = 0; i < 2; i++)
		facts->count[i] = seg_account_total(&keeper->account, session, slot, i ^ who);
	return true;
}

/* --- which ------------------------------------------------------------------------------------ */

static int no_such(const char *what, const struct seg_nearest *nearest, struct seg_error *err)
{
	seg_error_set(err, ENOENT, "there is no %s '%s'", what, nearest->text);
	if (nearest->best)
		seg_error_mend(err, "did you mean '%s'?", nearest->best);
	else
		seg_error_mend(err, "`xdpseg stats` shows what there is");
	return -ENOENT;
}

static int check_rule(const struct seg_keeper *keeper, const char *id, struct seg_error *err)
{
	struct seg_nearest nearest = {.text = id, .len = strlen(id)};

	if (strcmp(id, "-") == 0)
		return 0;
	for (uint32_t i = 0; i < keeper->book.entries; i++) {
		if (strcmp(seg_rulebook_id(&keeper->book, i), id) == 0)
			return 0;
		seg_nearest_offer(&nearest, seg_rulebook_id(&keeper->book, i));
	}
	return no_such("rule", &nearest, err);
}

static int check_iface(const struct seg_keeper *keeper, const char *name, struct seg_error *err)
{
	struct seg_nearest nearest = {.text = name, .len = strlen(name)};

	seg_for_each_iface(iface, keeper)
	{
		if (strcmp(iface->link.name, name) == 0)
			return 0;
		seg_nearest_offer(&nearest, iface->link.name);
	}
	return no_such("attached interface", &nearest, err);
}

/* Keys whose values name something of the daemon's. */
static const struct {
	const char *key;
	int (*check)(const struct seg_keeper *keeper, const char *name, struct seg_error *err);
} NAMES[] = {{"rule", check_rule}, {"iface", check_iface}};

static int check_names(const struct seg_keeper *keeper,
		       const struct seg_filter_condition *condition, struct seg_error *err)
{
	int r = 0;

	for (size_t i = 0; i < SEG_ARRAY_SIZE(NAMES); i++)
		if (strcmp(condition->key->name, NAMES[i].key) == 0)
			for (size_t j = 0; j < condition->values_n && !r; j++)
				r = NAMES[i].check(keeper, condition->values[j].text, err);
	return r;
}

int seg_sessions_filter(const struct seg_keeper *keeper, const json_t *body,
			struct seg_session_filter *filter, struct seg_error *err)
{
	int r = seg_session_filter_open(filter, json_object_get(body, "filter"), err);

	for (size_t i = 0; i < filter->n && !r && keeper->open; i++)
		r = check_names(keeper, &filter->conditions[i], err);
	return r;
}

/* --- all of them ----------------------------------------------------------------------------- */

static bool is_meant(const struct seg_keeper *keeper, const struct seg_session_filter *filter,
		     uint32_t slot, uint32_t now)
{
	struct seg_session_facts facts;

	return seg_sessions_look(keeper, slot, now, &facts) &&
	       seg_session_filter_matches(filter, &facts);
}

uint64_t seg_sessions_count(const struct seg_keeper *keeper,
			    const struct seg_session_filter *filter)
{
	uint32_t now = seg_clock_tick(seg_clock_now());
	uint64_t count = 0;

	if (!keeper->open)
		return 0;
	seg_for_each_slot (slot, &keeper->tables.table)
		count += is_meant(keeper, filter, slot, now);
	return count;
}

/* A packet that comes meanwhile changes the state's word: asked again until the session is dead. */
static bool end_session(struct seg_keeper *keeper, uint32_t slot)
{
	struct seg_session *session = &keeper->tables.table.slots[slot];
	uint64_t state;

	while (seg_state_life(state = seg_load(&session->state)) == SEG_LIFE_LIVE)
		if (seg_table_kill(session, state))
			return true;
	return false;
}

/*
 * The dead hold their slots and their quota until they are freed: not left to the clock, or
 * there would be no room for what comes next. Where a worker still holds them, the clock goes on.
 */
static void free_dead(struct seg_keeper *keeper, uint64_t dead)
{
	for (uint64_t i = 0; i <= dead / SEG_REAP_BATCH; i++)
		if (seg_reaper_round(&keeper->reaper, seg_clock_now()) <= 0)
			return;
}

uint64_t seg_sessions_delete(struct seg_keeper *keeper, const struct seg_session_filter *filter)
{
	uint32_t now = seg_clock_tick(seg_clock_now());
	uint64_t ended = 0;

	if (!keeper->open)
		return 0;
	seg_for_each_slot (slot, &keeper->tables.table)
		if (is_meant(keeper, filter, slot, now))
			ended += end_session(keeper, slot);
	keeper->reaper.killed += ended;
	free_dead(keeper, ended);
	seg_keeper_wake(keeper);
	return ended;
}
