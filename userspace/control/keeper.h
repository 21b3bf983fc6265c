/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper.h - the daemon's own process: what it holds, and the three things that
 * change it. One thread.
 */
#ifndef SEG_KEEPER_H
#define SEG_KEEPER_H

#include "account.h"
#include "again.h"
#include "iface.h"
#include "learn.h"
#include "loop.h"
#include "notify.h"
#include "reaper.h"
#include "revisions.h"
#include "rings.h"
#include "rulebook.h"
#include "runtime.h"
#include "sharer.h"
#include "tables.h"
#include "trial.h"
#include "workers.h"

struct seg_server;

struct seg_keeper {
	struct seg_loop loop;
	struct seg_runtime runtime;
	struct seg_state state;
	struct seg_again again;
	struct seg_workers workers;
	struct seg_sharer sharer;
	struct seg_server *server;
	struct seg_watch signals;
	struct seg_watch clock; /* timer: runs only while there is something to look after */
	struct seg_watch links;
	struct mnl_socket *monitor;
	struct seg_notify notify;
	struct seg_cause cause; /* of what is being done */
	json_t *revisions;      /* seg_revisions_note() */
	uint64_t started;       /* ns, CLOCK_MONOTONIC */
	bool stay;              /* without an interface too */
	bool hands_over;        /* ends without detaching: another one takes over */

	/* While an interface is attached: */
	bool open;
	struct seg_tables tables;
	struct seg_account account;
	struct seg_reaper reaper;
	struct seg_rulebook book;    /* the policy in force */
	struct seg_rulebook retired; /* the one before, until nothing looks at it any more */
	struct seg_history *history;
	struct seg_zones zones;
	int zones_fd; /* list of them for workers; -1: the policy names no VLAN */
	struct seg_iface *ifaces[SEG_IFACES_MAX];
	uint32_t ifaces_n;
	uint32_t revision;
	uint32_t taken_back; /* changes since the last that came about */
	struct seg_trial trial;
	struct seg_learn learn;
	uint64_t reaped; /* ns: last round */
};

/* What `attach` asks for. */
struct seg_attach_request {
	const char *const *names;
	size_t names_n;
	struct seg_attach_options options;
	bool learn_default; /* for as long as the policy says (attach-learn) */
	struct seg_policy_text policy;
};

/*
 * Protect interfaces, and put the policy in force everywhere. Returns when it
 * is; on failure everything is as before.
 */
int seg_keeper_attach(struct seg_keeper *keeper, const struct seg_attach_request *request,
		      struct seg_error *err);

/*
 * Put a policy in force on every interface, observed as the one before it was;
 * returns when it is. trial_ns: unless it is confirmed within that time, the one
 * before it comes back; 0: it stays. *changes: it was not in force already. -ENOENT:
 * nothing is attached, or there is none before it. On failure everything is as before.
 */
int seg_keeper_apply(struct seg_keeper *keeper, const struct seg_policy_files *files,
		     uint64_t trial_ns, bool *changes, struct seg_error *err);

/* The same of one rule of the policy in force. -EAGAIN, without err: patch its text, and apply
 * that, which says what is wrong as well. */
int seg_keeper_patch(struct seg_keeper *keeper, const struct seg_patch *patch, uint64_t trial_ns,
		     bool *changes, struct seg_error *err);

/* Stop protecting these. -ENOENT: one of them is not attached; then nothing is changed. */
int seg_keeper_detach(struct seg_keeper *keeper, const char *const *names, size_t names_n,
		      struct seg_error *err);
void seg_keeper_detach_all(struct seg_keeper *keeper);

struct seg_iface *seg_keeper_find(const struct seg_keeper *keeper, const char *name);

#define seg_for_each_iface(iface, keeper)                                                          \
	for (uint32_t iface##_i = 0; iface##_i < SEG_IFACES_MAX; iface##_i++)                      \
		for (struct seg_iface *iface = (keeper)->ifaces[iface##_i]; iface; iface = NULL)

#define seg_for_each_rxq(rxq, iface)                                                               \
	for (struct seg_rxq *rxq = (iface)->rxqs; rxq && rxq < (iface)->rxqs + (iface)->rxqs_n;    \
	     rxq++)

/* What a next life is to know of the policy in force (record.h), or of one that comes now. */
int seg_keeper_record(struct seg_keeper *keeper, struct seg_error *err);
int seg_keeper_record_book(const struct seg_keeper *keeper, const struct seg_rulebook *book,
			   const struct seg_policy_files *before, uint64_t trial_ends,
			   struct seg_error *err);

/* The counters of a book's rules outlive this process while they are pinned. */
int seg_keeper_pin_rules(const struct seg_keeper *keeper, const struct seg_rulebook *book,
			 struct seg_error *err);
void seg_keeper_unpin_rules(const struct seg_keeper *keeper, const struct seg_rulebook *book);
const char *seg_keeper_rules_pin(const struct seg_keeper *keeper, uint32_t generation,
				 char to[PATH_MAX]);

/* Take a book over as the one in force, once tables are open; close it all. */
void seg_keeper_use(struct seg_keeper *keeper, struct seg_rulebook *book);
void seg_keeper_close_all(struct seg_keeper *keeper);

/* Something moves: look after sessions and workers until nothing is left to do. */
void seg_keeper_wake(struct seg_keeper *keeper);

/* An interface's zones under a policy, and the workers' list of all. */
int seg_keeper_add_zones(struct seg_keeper *keeper, uint16_t zone, const struct seg_rulebook *book,
			 struct seg_error *err);

struct seg_keeper_options {
	const char *runtime_dir;
	const char *worker; /* path of xdpseg-worker; NULL: beside this program */
	int ready_fd;       /* one byte is written there when it serves; -1: none */
	bool foreground;
	bool shared; /* may share interfaces with other XDP programs */
	int (*worker_code)(const struct seg_ring mapped[SEG_RING_KINDS]); /* seg_worker_live() */
};

/* What seg_keeper_run() says when it ended at SIGUSR2: all that it attached goes on, and its
 * successor takes it over (adopt.h). */
#define SEG_KEEPER_HANDS_OVER 1

/* Become the keeper; returns when the daemon ends. 0, SEG_KEEPER_HANDS_OVER or -errno. */
int seg_keeper_run(const struct seg_keeper_options *options, struct seg_error *err);

/* The process that shares hooks, while this is still root's; written down. 0 or -errno. */
int seg_keeper_start_sharer(struct seg_keeper *keeper, struct seg_error *err);

#endif
