/* SPDX-License-Identifier: BSD-2-Clause */
#include "apply.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "compat.h"

/*
 * In this order: programs and zones are made ready beside those in use; workers
 * are replaced by ones that know only the new policy, and what these publish is of
 * a generation that no program asks for yet; programs change; then the
 * generation is stored. Up to the last step each can be taken back.
 *
 * Workers are replaced, not told: what they are given (image, counters, limits,
 * VLANs) is one handover, and a death at any instruction loses nothing anyway.
 */
struct change {
	struct seg_keeper *keeper;
	struct seg_rulebook *next;
	struct {
		struct seg_constants constants;
		struct ingress_bpf *ingress; /* NULL: the old one will do */
		bool armed;
	} at[SEG_IFACES_MAX];
};

static int check_room(const struct change *change, struct seg_error *err)
{
	const struct seg_tables *tables = &change->keeper->tables;
	uint64_t room = (uint64_t)tables->table.buckets * SEG_BUCKET_SLOTS * SEG_TABLE_LOAD / 100;
	uint64_t wanted = seg_rulebook_sessions(change->next);

	if (wanted <= room)
		return 0;
	seg_error_set(err, EFBIG, "the policy's limits ask for %llu sessions; the table has %llu",
		      (unsigned long long)wanted, (unsigned long long)room);
	seg_error_mend(err, "detach and attach to have a larger table; its sessions are lost");
	seg_error_exit(err, SEG_EXIT_PROTECTED);
	return -EFBIG;
}

static int load(struct change *change, struct seg_iface *iface, struct seg_error *err)
{
	struct seg_constants constants = seg_iface_constants(iface, change->next);

	change->at[iface->index].constants = constants;
	if (!memcmp(&constants, &iface->constants, sizeof(constants)))
		return 0;
	change->at[iface->index].ingress = seg_ingress_load(&change->keeper->tables, &constants,
							    seg_ingress_xsks(iface->ingress), err);
	return change->at[iface->index].ingress ? 0 : -EIO;
}

static int prepare(struct change *change, struct seg_iface *iface, struct seg_error *err)
{
	int r = load(change, iface, err);

	return r ? r : seg_keeper_add_zones(change->keeper, iface->zone, change->next, err);
}

static int hand_over(struct seg_iface *iface, const struct seg_rulebook *book,
		     const struct seg_constants *constants, struct seg_error *err)
{
	seg_for_each_rxq(rxq, iface)
	{
		int r = seg_rxq_prepare(iface, rxq, book, constants, err);

		if (!r)
			r = seg_remote_set_policy(&rxq->worker, rxq->fds);
		if (r)
			return seg_error_set(err, -r, "cannot tell the workers of %s: %s",
					     iface->link.name, strerror(-r));
	}
	return 0;
}

static int change_workers(struct change *change, struct seg_iface *iface, struct seg_error *err)
{
	const struct seg_constants *constants = &change->at[iface->index].constants;
	int r = hand_over(iface, change->next, constants, err);

	return r ? r : seg_iface_wait(iface, change->next->generation, err);
}

static int arm(struct change *change, struct seg_iface *iface, struct seg_error *err)
{
	const struct ingress_bpf *ingress = change->at[iface->index].ingress;
	int r = ingress ? seg_hook_set(iface->hook, seg_ingress_fd(ingress)) : 0;

	if (r)
		return seg_error_set(err, -r, "%s does not take the program: %s", iface->link.name,
				     strerror(-r));
	change->at[iface->index].armed = ingress != NULL;
	return 0;
}

static int (*const steps[])(struct change *change, struct seg_iface *iface,
			    struct seg_error *err) = {prepare, change_workers, arm};

/* Workers that already know the new policy learn the old one again. */
static void take_back(struct change *change)
{
	struct seg_keeper *keeper = change->keeper;

	seg_for_each_iface(iface, keeper)
	{
		if (change->at[iface->index].armed)
			seg_hook_set(iface->hook, seg_ingress_fd(iface->ingress));
		seg_ingress_free(change->at[iface->index].ingress);
		seg_zones_prune(&keeper->tables, iface->zone, keeper->book.image);
		hand_over(iface, &keeper->book, &iface->constants, NULL);
	}
}

static void keep_programs(struct change *change)
{
	seg_for_each_iface(iface, change->keeper)
	{
		iface->constants = change->at[iface->index].constants;
		if (!change->at[iface->index].ingress)
			continue;
		seg_ingress_free(iface->ingress);
		iface->ingress = change->at[iface->index].ingress;
	}
}

static void commit(struct change *change)
{
	struct seg_keeper *keeper = change->keeper;
	struct seg_config *config = keeper->tables.config;
	struct seg_rulebook old = keeper->book;

	__atomic_store_n(&config->generation, change->next->generation, __ATOMIC_RELEASE);
	seg_store(&config->armed, !change->next->observe);
	keeper->book = *change->next;
	*change->next = (struct seg_rulebook){.image_fd = -1, .rules_fd = -1};
	keep_programs(change);
	seg_tables_grace(&keeper->tables);
	seg_reaper_retire(&keeper->reaper, &old, &keeper->history);
	seg_for_each_iface(iface, keeper)
		seg_zones_prune(&keeper->tables, iface->zone, keeper->book.image);
	seg_rulebook_close(&old);
}

int seg_apply(struct seg_keeper *keeper, struct seg_rulebook *next, struct seg_error *err)
{
	struct change change = {.keeper = keeper, .next = next};
	int r = check_room(&change, err);

	if (r)
		return r;
	for (size_t i = 0; i < SEG_ARRAY_SIZE(steps) && !r; i++)
		seg_for_each_iface(iface, keeper) if (!r) r = steps[i](&change, iface, err);
	if (r)
		take_back(&change);
	else
		commit(&change);
	return r;
}
