/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iface.h - an interface under protection, and the transaction that brings it
 * there: steps in a table, each with what undoes it. Whatever fails, all that was
 * done is undone, the last thing first; detach undoes the same steps.
 */
#ifndef SEG_IFACE_H
#define SEG_IFACE_H

#include <limits.h>

#include "device.h"
#include "egress_side.h"
#include "hook.h"
#include "ingress.h"
#include "link.h"
#include "program.h"
#include "rulebook.h"
#include "runtime.h"
#include "rxq.h"
#include "seed.h"
#include "tables.h"
#include "workers.h"
#include "zones.h"

struct seg_iface {
	struct seg_device link; /* as found at attach; the name follows a rename */
	enum seg_mode mode;
	char mode_why[128]; /* why generic; empty: as wished */
	uint32_t index;     /* in seg_counts */
	uint32_t queue_base;
	uint32_t queues; /* RX queues that are served */
	uint16_t zone;
	char outer[IFNAMSIZ];  /* of the internal pair: workers send here... */
	char inner[IFNAMSIZ];  /* ...and here it arrives */
	char pinned[IFNAMSIZ]; /* the name that its pins have */
	struct seg_hook hook;
	struct seg_return back;
	struct seg_constants constants;
	struct ingress_bpf *ingress;
	struct seg_rxq *rxqs; /* one a queue, and room for one more, by which egress asks */
	uint32_t rxqs_n;      /* that are in use */
	struct seg_egress_side egress;
	uint64_t learns_until; /* ns, CLOCK_MONOTONIC: enforced from then on; 0: now */
	uint64_t attached;     /* ns, CLOCK_MONOTONIC */
	struct seg_seeded seeded;
	char seeded_why[128]; /* what the kernel could not tell; empty: nothing */
	size_t steps;         /* done */
	struct seg_keeper *keeper;
};

struct seg_attach_options {
	enum seg_mode mode;
	uint32_t queues_max; /* 0: all */
	bool shared;         /* the XDP hook, with other programs */
	uint64_t learn_ns;   /* watch for so long before the policy is enforced */
};

/*
 * Protect an interface. *out is the caller's: seg_iface_detach(). On failure
 * everything is as before, err says which check or step it was.
 */
int seg_iface_attach(struct seg_keeper *keeper, const char *name,
		     const struct seg_attach_options *options, struct seg_iface **out,
		     struct seg_error *err);

/*
 * -EOPNOTSUPP: VLANs matter here, to this policy or to the host, and the driver takes the tags off
 * the frames before XDP sees them. (What a veth's peer leaves beside the frame tc sees to.)
 */
int seg_iface_check_tags(const struct seg_iface *iface, const struct seg_rulebook *book,
			 struct seg_error *err);

/* The policy in force is enforced from now on. */
int seg_iface_arm(struct seg_iface *iface, struct seg_error *err);

/*
 * Take over what a predecessor attached: what there is, then (when all interfaces are known)
 * workers and programs of the policy in force, without a packet between them. held[]: what the
 * spawner holds; what is taken is -1 there. On failure it is the caller's to detach.
 */
struct seg_held;
int seg_iface_adopt(struct seg_keeper *keeper, const struct seg_state_iface *entry,
		    struct seg_held *held, size_t held_n, struct seg_iface **out,
		    struct seg_error *err);
int seg_iface_resume(struct seg_iface *iface, struct seg_error *err);

/* A file in bpffs for what is pinned of it. Returns `to`. */
const char *seg_iface_pin(const struct seg_iface *iface, const char *prefix, char to[PATH_MAX]);

/* Write down what it is by now; complete: a next life may take it over. 0 or -errno. */
int seg_iface_note(const struct seg_iface *iface, bool complete, struct seg_error *err);

/* Prefixes of all its pins; ends with NULL. */
extern const char *const seg_iface_pins[];

/* Undo; frees it. An interface that was deleted is no trouble. */
void seg_iface_detach(struct seg_iface *iface);

/* The constants that its program has under a policy. */
struct seg_constants seg_iface_constants(const struct seg_iface *iface,
					 const struct seg_rulebook *book);

/* Wait until all its workers decide by this generation. */
int seg_iface_wait(struct seg_iface *iface, uint32_t generation, struct seg_error *err);

/* For those that make one (iface.c, iface_adopt.c): empty, without a hook; room for its queues; how
 * many steps one has done that is attached. */
struct seg_iface *seg_iface_new(struct seg_keeper *keeper);
int seg_iface_make_rxqs(struct seg_iface *iface, uint32_t queues, struct seg_error *err);
extern const size_t seg_iface_steps;

/* For tests: asked before each step of the transaction; not 0: this step fails. */
int seg_attach_fault(const char *step);

#endif
