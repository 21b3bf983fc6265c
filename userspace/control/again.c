/* SPDX-License-Identifier: BSD-2-Clause */
#include "again.h"

#include <net/if.h>
#include <stdio.h>

#include "cleanup.h"
#include "keeper.h"

void seg_again_add(struct seg_again *again, const struct seg_state_iface *entry)
{
	char name[IFNAMSIZ];

	if (entry->complete && again->n < SEG_IFACES_MAX && if_indextoname(entry->ifindex, name))
		again->ifaces[again->n++] = *entry;
}

void seg_again_read(struct seg_again *again, const struct seg_runtime *runtime)
{
	struct seg_state state;

	if (seg_record_load(runtime, &again->record))
		again->record = (struct seg_record){0};
	if (seg_state_load(runtime, &state) || state.netns != seg_runtime_netns())
		return;
	for (size_t i = 0; i < state.ifaces_n; i++)
		seg_again_add(again, &state.ifaces[i]);
}

bool seg_again_shared(const struct seg_again *again)
{
	for (size_t i = 0; i < again->n; i++)
		if (again->ifaces[i].slot)
			return true;
	return false;
}

/* Nothing is learned first: what runs is known by its sockets, and all passes meanwhile. */
static int attach(struct seg_keeper *keeper, const struct seg_state_iface *entry,
		  const struct seg_policy_text *policy, struct seg_error *err)
{
	char name[IFNAMSIZ];
	const char *names[] = {if_indextoname(entry->ifindex, name)};
	const struct seg_attach_request request = {
		.names = names,
		.names_n = 1,
		.options = {.mode = (enum seg_mode)entry->mode,
			    .queues_max = entry->queues,
			    .shared = entry->slot != 0},
		.policy = *policy,
	};

	if (!names[0])
		return seg_error_set(err, ENODEV, "it is gone");
	return seg_keeper_attach(keeper, &request, err);
}

static void attach_each(struct seg_keeper *keeper, const struct seg_policy_text *policy)
{
	for (size_t i = 0; i < keeper->again.n; i++) {
		const struct seg_state_iface *entry = &keeper->again.ifaces[i];
		struct seg_error err = {0};

		if (attach(keeper, entry, policy, &err))
			fprintf(stderr, "xdpsegd: %s is not protected any more: %s\n", entry->name,
				err.what);
		else
			fprintf(stderr, "xdpsegd: %s is attached again, its sessions are lost\n",
				entry->name);
	}
}

/* Takes the record over as the policy that comes next; false: there is none. */
static bool use_record(struct seg_keeper *keeper, struct seg_policy_text *policy)
{
	const struct seg_record *record = &keeper->again.record;

	if (!record->generation)
		return false;
	policy->files = record->given ? &record->files : NULL;
	policy->observe = record->observe;
	keeper->revision = record->revision - 1; /* it is counted again */
	return true;
}

void seg_again_attach(struct seg_keeper *keeper)
{
	struct seg_again *again = &keeper->again;
	struct seg_policy_text policy = {0};

	if (again->n && !keeper->open && !use_record(keeper, &policy))
		fprintf(stderr,
			"xdpsegd: the policy of a daemon that died cannot be read: %s and %zu "
			"more are not protected any more\n",
			again->ifaces[0].name, again->n - 1);
	else
		attach_each(keeper, &policy);
	seg_record_free(&again->record);
	again->n = 0;
}
