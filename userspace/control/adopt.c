/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins hold tables, programs' links and rules' counters; the spawner sockets, memory and ledgers;
 * files in the runtime folder the policy and the sessions' accounts.
 */
#include "adopt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "compat.h"
#include "keeper.h"
#include "record.h"
#include "spawner.h"
#include "table_reap.h"
#include "watch.h"

struct adoption {
	struct seg_keeper *keeper;
	struct seg_state state; /* as it was found */
	struct seg_record record;
	struct seg_held held[SEG_QUEUES_MAX];
	size_t held_n;
};

/* --- may it be? ------------------------------------------------------------------------------ */

static bool has_complete(const struct seg_state *state)
{
	for (size_t i = 0; i < state->ifaces_n; i++)
		if (state->ifaces[i].complete)
			return true;
	return false;
}

static bool has_shared(const struct seg_state *state)
{
	for (size_t i = 0; i < state->ifaces_n; i++)
		if (state->ifaces[i].slot)
			return true;
	return false;
}

static int check(const struct seg_state *state, struct seg_error *err)
{
	_cleanup_close_ int spawner = -1;

	if (state->abi != seg_state_abi())
		return seg_error_set(err, EPROTO, "it was of another version");
	if (state->netns != seg_runtime_netns())
		return seg_error_set(err, EXDEV, "it was in another network namespace");
	spawner = seg_process_open(&state->spawner);
	return spawner < 0 ? seg_error_set(err, ECHILD, "its spawner is gone") : 0;
}

/* --- what all interfaces share --------------------------------------------------------------- */

static int open_workers(struct adoption *adoption, struct seg_error *err)
{
	struct seg_keeper *keeper = adoption->keeper;
	int socket = seg_spawner_connect(keeper->runtime.path);
	int r = socket < 0 ? socket : 0;

	if (!r)
		r = seg_workers_open(&keeper->workers, &keeper->loop, socket, seg_watch_rung);
	if (!r)
		r = seg_workers_ask_held(&keeper->workers, adoption->held, &adoption->held_n);
	if (!r && !adoption->held_n)
		r = -ENOENT;
	return r ? seg_error_set(err, -r, "its spawner holds nothing: %s", strerror(-r)) : 0;
}

static int open_tables(struct adoption *adoption, struct seg_error *err)
{
	struct seg_keeper *keeper = adoption->keeper;
	_cleanup_close_ int accounts = seg_runtime_accounts(&keeper->runtime, false);
	uint64_t seed[6];
	int r;

	if (accounts < 0)
		return seg_error_set(err, -accounts, "the sessions' accounts: %s",
				     strerror(-accounts));
	memcpy(seed, adoption->held[0].handover.constants.seed, sizeof(seed));
	r = seg_tables_adopt(&keeper->tables, keeper->runtime.pins, seed, err);
	if (r)
		return r;
	keeper->open = true;
	return seg_account_open(&keeper->account, accounts,
				keeper->tables.table.buckets * SEG_BUCKET_SLOTS, err);
}

static int open_book(struct adoption *adoption, struct seg_error *err)
{
	struct seg_keeper *keeper = adoption->keeper;
	const struct seg_record *record = &adoption->record;
	struct seg_policy_text text = {0};
	struct seg_rulebook book;
	char pin[PATH_MAX];
	int r = seg_record_load(&keeper->runtime, &adoption->record);

	if (r)
		return seg_error_set(err, -r, "its policy cannot be read");
	text.files = record->given ? &record->files : NULL;
	text.observe = record->observe;
	r = seg_rulebook_open(&book, &text, record->generation, record->revision, err);
	if (r)
		return r;
	seg_keeper_rules_pin(keeper, record->generation, pin);
	r = seg_rulebook_adopt_rules(&book, pin, err);
	if (r)
		seg_rulebook_close(&book);
	else
		seg_keeper_use(keeper, &book);
	return r;
}

static void restore(struct adoption *adoption)
{
	struct seg_keeper *keeper = adoption->keeper;

	keeper->revision = adoption->record.revision;
	keeper->history = TAKE(adoption->record.history);
	keeper->revisions = TAKE(adoption->record.revisions);
	keeper->trial.before = adoption->record.before;
	keeper->trial.ends = adoption->record.trial_ends;
	adoption->record.before = (struct seg_policy_files){0};
}

/* None that lives, in a session or in the policy, is given again. */
static void restore_zones(struct seg_keeper *keeper)
{
	const struct seg_table *table = &keeper->tables.table;
	uint16_t last = seg_zones_last(&keeper->tables);

	seg_for_each_iface(iface, keeper) if (iface->zone > last) last = iface->zone;
	seg_for_each_slot (slot, table)
		if (table->slots[slot].key.zone > last)
			last = table->slots[slot].key.zone;
	keeper->zones.last = last;
}

/* --- interfaces ------------------------------------------------------------------------------ */

/* Whatever there is of it; what there is not is no trouble. */
static void undo(struct seg_keeper *keeper, const struct seg_state_iface *entry)
{
	char path[PATH_MAX], name[IFNAMSIZ];

	if (entry->slot)
		seg_sharer_detach(&keeper->sharer, entry->ifindex, entry->slot, NULL);
	for (const char *const *prefix = seg_iface_pins; *prefix; prefix++)
		unlink(seg_runtime_pin(&keeper->runtime, *prefix, entry->name, path));
	snprintf(name, sizeof(name), SEG_PAIR_OUTER, entry->ifindex % 1000000000);
	seg_link_delete(name);
	snprintf(name, sizeof(name), SEG_ASKING_OUTER, entry->ifindex % 1000000000);
	seg_link_delete(name);
	seg_tc_clean(entry->ifindex, entry->qdisc);
	if (entry->index < SEG_IFACES_MAX && !keeper->ifaces[entry->index])
		seg_reaper_kill_iface(&keeper->reaper, entry->index);
}

static void forget(struct seg_keeper *keeper, uint32_t ifindex)
{
	struct seg_state *state = &keeper->state;
	struct seg_state_iface *entry = seg_state_find(state, ifindex);

	if (entry)
		*entry = state->ifaces[--state->ifaces_n];
	seg_state_save(&keeper->runtime, state, NULL);
}

static void give_up(struct seg_keeper *keeper, struct seg_iface *iface,
		    const struct seg_state_iface *entry, const struct seg_error *err)
{
	fprintf(stderr, "xdpsegd: %s cannot be taken over: %s\n", entry->name, err->what);
	seg_again_add(&keeper->again, entry);
	if (iface)
		seg_iface_detach(iface);
	undo(keeper, entry);
	forget(keeper, entry->ifindex);
}

static void adopt_iface(struct adoption *adoption, const struct seg_state_iface *entry)
{
	struct seg_keeper *keeper = adoption->keeper;
	struct seg_error err = {.what = "its daemon died before it was attached"};
	struct seg_iface *iface = NULL;

	if (!entry->complete ||
	    seg_iface_adopt(keeper, entry, adoption->held, adoption->held_n, &iface, &err))
		give_up(keeper, iface, entry, &err);
}

static void resume_iface(struct adoption *adoption, const struct seg_state_iface *entry)
{
	struct seg_keeper *keeper = adoption->keeper;
	struct seg_error err = {0};

	seg_for_each_iface(iface, keeper)
	{
		if (iface->link.ifindex != entry->ifindex || !seg_iface_resume(iface, &err))
			continue;
		give_up(keeper, iface, entry, &err);
		break;
	}
}

static void drop_unclaimed(struct adoption *adoption)
{
	for (size_t i = 0; i < adoption->held_n; i++) {
		struct seg_held *held = &adoption->held[i];

		if (!adoption->keeper->workers.at[held->queue_index])
			seg_workers_drop_held(&adoption->keeper->workers, held);
		seg_held_close(held);
	}
	adoption->held_n = 0;
}

static void adopt_ifaces(struct adoption *adoption)
{
	struct seg_keeper *keeper = adoption->keeper;
	struct seg_config *config = keeper->tables.config;

	for (size_t i = 0; i < adoption->state.ifaces_n; i++)
		adopt_iface(adoption, &adoption->state.ifaces[i]);
	drop_unclaimed(adoption);
	restore_zones(keeper);
	for (size_t i = 0; i < adoption->state.ifaces_n; i++)
		resume_iface(adoption, &adoption->state.ifaces[i]);
	__atomic_store_n(&config->generation, keeper->book.generation, __ATOMIC_RELEASE);
	seg_store(&config->armed, !keeper->book.observe);
}

/* --- the whole ------------------------------------------------------------------------------- */

static int adopt(struct adoption *adoption, struct seg_error *err)
{
	struct seg_keeper *keeper = adoption->keeper;
	int r = check(&adoption->state, err);

	if (!r)
		r = open_workers(adoption, err);
	if (!r)
		r = open_tables(adoption, err);
	if (!r)
		r = open_book(adoption, err);
	if (r)
		return r;
	keeper->state = adoption->state;
	keeper->state.sharer = (struct seg_process){0}; /* it went with its keeper */
	if (has_shared(&adoption->state) && (r = seg_keeper_start_sharer(keeper, err)))
		return r;
	keeper->runtime.made |= adoption->state.made;
	restore(adoption);
	keeper->again.n = 0; /* but for those that cannot */
	adopt_ifaces(adoption);
	if (!keeper->ifaces_n)
		seg_keeper_close_all(keeper);
	return 0;
}

/* Nothing of it is ended here: leftover.h does, by what the files say. */
static void abandon(struct seg_keeper *keeper)
{
	if (keeper->open) {
		seg_account_close(&keeper->account);
		seg_tables_close(&keeper->tables);
		keeper->open = false;
	}
	if (!keeper->workers.loop)
		return;
	seg_loop_remove(&keeper->loop, &keeper->workers.spawner);
	seg_closep(&keeper->workers.spawner.fd);
	keeper->workers = (struct seg_workers){0};
}

int seg_adopt(struct seg_keeper *keeper)
{
	static struct adoption adoption;
	struct seg_error err = {0};
	int r;

	adoption.keeper = keeper;
	if (seg_state_load(&keeper->runtime, &adoption.state) || !has_complete(&adoption.state))
		return -ENOENT;
	r = adopt(&adoption, &err);
	if (r)
		fprintf(stderr,
			"xdpsegd: what a daemon that died left cannot be taken over, it "
			"is ended: %s\n",
			err.what);
	while (adoption.held_n)
		seg_held_close(&adoption.held[--adoption.held_n]);
	seg_record_free(&adoption.record);
	if (r)
		abandon(keeper);
	return r;
}
