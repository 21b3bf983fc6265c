/* SPDX-License-Identifier: BSD-2-Clause */
#include "apply.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "compat.h"
#include "egress.h"

/*
 * In this order: programs and zones are made ready beside those in use; workers
 * decide by the new policy, and what they publish is of a generation that no program asks
 * for yet; programs change; then the generation is stored. Up to the last step each can be
 * taken back; a generation that workers knew is no other policy's then.
 *
 * Workers are told, not replaced: to begin with a table of a million sessions takes 25 ms,
 * half of it to let the old one's go, in which unknown flows wait.
 */
struct change {
	struct seg_keeper *keeper;
	struct seg_rulebook *next;
	struct {
		struct seg_constants constants;
		struct ingress_bpf *ingress; /* NULL: the old one will do */
		struct seg_constants out_constants;
		struct egress_bpf *egress; /* NULL: the old one will do */
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

/* A program has its failsafe services, and the map of their addresses, for life. */
static bool has_other_failsafe(const struct change *change)
{
	return memcmp(&change->keeper->book.failsafe.rows, &change->next->failsafe.rows,
		      sizeof(change->next->failsafe.rows)) != 0;
}

static int load(struct change *change, struct seg_iface *iface, struct seg_error *err)
{
	struct seg_constants constants = seg_iface_constants(iface, change->next);

	change->at[iface->index].constants = constants;
	if (!memcmp(&constants, &iface->constants, sizeof(constants)) &&
	    !has_other_failsafe(change))
		return 0;
	seg_notify_alive();
	change->at[iface->index].ingress =
		seg_ingress_load(&change->keeper->tables, &constants, &change->next->failsafe,
				 seg_ingress_xsks(iface->ingress), err);
	return change->at[iface->index].ingress ? 0 : -EIO;
}

static int load_egress(struct change *change, struct seg_iface *iface, struct seg_error *err)
{
	struct seg_constants constants = seg_egress_side_constants(iface, change->next);

	change->at[iface->index].out_constants = constants;
	if (!memcmp(&constants, &iface->egress.constants, sizeof(constants)) &&
	    !has_other_failsafe(change))
		return 0;
	change->at[iface->index].egress =
		seg_egress_side_load(iface, &constants, &change->next->failsafe, err);
	return change->at[iface->index].egress ? 0 : -EIO;
}

/* An asking pair that no policy needs any more stays until the interface is detached. */
static int prepare(struct change *change, struct seg_iface *iface, struct seg_error *err)
{
	int r = seg_iface_check_tags(iface, change->next, err);

	if (!r && seg_egress_side_asks(change->next))
		r = seg_egress_side_open_asking(iface, err);
	if (!r)
		r = load(change, iface, err);
	if (!r)
		r = load_egress(change, iface, err);
	return r ? r : seg_keeper_add_zones(change->keeper, iface->zone, change->next, err);
}

static int hand_over(struct seg_iface *iface, const struct seg_rulebook *book,
		     struct seg_error *err)
{
	seg_for_each_rxq(rxq, iface)
	{
		int r = seg_rxq_prepare(iface, rxq, book, err);

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
	int r = hand_over(iface, change->next, err);

	return r ? r : seg_iface_wait(iface, change->next->generation, err);
}

/* One that still learns has another program at its hook. */
static bool runs(const struct seg_iface *iface)
{
	return !iface->learns_until;
}

static int arm(struct change *change, struct seg_iface *iface, struct seg_error *err)
{
	const struct egress_bpf *egress = change->at[iface->index].egress;
	const struct ingress_bpf *ingress = change->at[iface->index].ingress;
	int r = egress ? seg_egress_side_run(iface, egress) : 0;

	change->at[iface->index].armed = true;
	if (!r && ingress && runs(iface))
		r = seg_hook_run(&iface->hook, seg_ingress_fd(ingress));
	if (r)
		return seg_error_set(err, -r, "%s does not take the program: %s", iface->link.name,
				     strerror(-r));
	return 0;
}

static void disarm(struct change *change, struct seg_iface *iface)
{
	if (change->at[iface->index].egress)
		seg_egress_side_run(iface, iface->egress.programs);
	if (change->at[iface->index].ingress && runs(iface))
		seg_hook_run(&iface->hook, seg_ingress_fd(iface->ingress));
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
			disarm(change, iface);
		seg_ingress_free(change->at[iface->index].ingress);
		seg_egress_free(change->at[iface->index].egress);
		seg_zones_prune(&keeper->tables, iface->zone, keeper->book.image);
		hand_over(iface, &keeper->book, NULL);
	}
	seg_keeper_unpin_rules(keeper, change->next);
	keeper->taken_back++;
}

static void keep_programs(struct change *change)
{
	seg_for_each_iface(iface, change->keeper)
	{
		struct ingress_bpf *ingress = change->at[iface->index].ingress;
		struct egress_bpf *egress = change->at[iface->index].egress;

		iface->constants = change->at[iface->index].constants;
		iface->egress.constants = change->at[iface->index].out_constants;
		if (ingress) {
			seg_ingress_free(iface->ingress);
			iface->ingress = ingress;
		}
		if (egress) {
			seg_egress_free(iface->egress.programs);
			iface->egress.programs = egress;
		}
	}
}

/* From here on a next life goes on with the next policy, and ends what is begun here. */
static int record(const struct change *change, uint64_t trial_ns, struct seg_error *err)
{
	struct seg_keeper *keeper = change->keeper;
	uint64_t ends = trial_ns ? seg_clock_now() + trial_ns : 0;
	int r = seg_keeper_pin_rules(keeper, change->next, err);

	return r ? r
		 : seg_keeper_record_book(keeper, change->next, seg_trial_next(keeper, trial_ns),
					  ends, err);
}

/* The policy before goes, once no program looks at it any more; its rules' counts are kept. */
static void retire(void *data)
{
	struct seg_keeper *keeper = data;

	seg_tables_grace(&keeper->tables);
	seg_reaper_retire(&keeper->reaper, &keeper->retired, &keeper->history);
	seg_for_each_iface(iface, keeper)
		seg_zones_prune(&keeper->tables, iface->zone, keeper->book.image);
	seg_keeper_unpin_rules(keeper, &keeper->retired);
	seg_rulebook_close(&keeper->retired);
	seg_keeper_record(keeper, NULL); /* it is there; with those counts */
}

static void commit(struct change *change)
{
	struct seg_keeper *keeper = change->keeper;
	struct seg_config *config = keeper->tables.config;

	__atomic_store_n(&config->generation, change->next->generation, __ATOMIC_RELEASE);
	seg_store(&config->armed, !change->next->observe);
	keeper->retired = keeper->book;
	keeper->book = *change->next;
	keeper->taken_back = 0;
	*change->next = SEG_RULEBOOK_NONE;
	keep_programs(change);
	seg_loop_put_off(&keeper->loop, retire, keeper);
}

int seg_apply(struct seg_keeper *keeper, struct seg_rulebook *next, uint64_t trial_ns,
	      struct seg_error *err)
{
	struct change change = {.keeper = keeper, .next = next};
	int r = check_room(&change, err);

	if (r)
		return r;
	seg_loop_catch_up(&keeper->loop);
	for (size_t i = 0; i < SEG_ARRAY_SIZE(steps) && !r; i++)
		seg_for_each_iface(iface, keeper) if (!r) r = steps[i](&change, iface, err);
	if (!r)
		r = record(&change, trial_ns, err);
	if (r)
		take_back(&change);
	else
		commit(&change);
	return r;
}
