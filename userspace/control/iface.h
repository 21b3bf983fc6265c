/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iface.h - an interface under protection, and the transaction that brings it
 * there: steps in a table, each with what undoes it. Whatever fails, all that was
 * done is undone, the last thing first; detach undoes the same steps.
 */
#ifndef SEG_IFACE_H
#define SEG_IFACE_H

#include <limits.h>

#include "ingress.h"
#include "link.h"
#include "program.h"
#include "rulebook.h"
#include "rxq.h"
#include "tables.h"
#include "workers.h"
#include "zones.h"

struct seg_iface {
	struct seg_link link; /* as found at attach; the name follows a rename */
	enum seg_mode mode;
	char mode_why[128]; /* why generic; empty: as wished */
	uint32_t index;     /* in seg_counts */
	uint32_t queue_base;
	uint32_t queues;
	uint16_t zone;
	char outer[IFNAMSIZ]; /* of the internal pair: workers send here... */
	char inner[IFNAMSIZ]; /* ...and here it arrives */
	int hook;             /* link of the XDP program, pinned */
	char pin[PATH_MAX];
	struct seg_return back;
	struct seg_constants constants;
	struct ingress_bpf *ingress;
	struct seg_rxq *rxqs; /* `queues` of them */
	uint64_t attached;    /* ns, CLOCK_MONOTONIC */
	size_t steps;         /* done */
	struct seg_keeper *keeper;
};

struct seg_attach_options {
	enum seg_mode mode;
	uint32_t queues_max; /* 0: all */
};

/*
 * Protect an interface. *out is the caller's: seg_iface_detach(). On failure
 * everything is as before, err says which check or step it was.
 */
int seg_iface_attach(struct seg_keeper *keeper, const char *name,
		     const struct seg_attach_options *options, struct seg_iface **out,
		     struct seg_error *err);

/* Undo; frees it. An interface that was deleted is no trouble. */
void seg_iface_detach(struct seg_iface *iface);

/* The constants that its program has under a policy. */
struct seg_constants seg_iface_constants(const struct seg_iface *iface,
					 const struct seg_rulebook *book);

/* Wait until all its workers decide by this generation. */
int seg_iface_wait(struct seg_iface *iface, uint32_t generation, struct seg_error *err);

/* For tests: asked before each step of the transaction; not 0: this step fails. */
int seg_attach_fault(const char *step);

#endif
