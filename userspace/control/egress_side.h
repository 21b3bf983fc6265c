/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * egress_side.h - the tc side of an interface: the programs for what leaves and for tags
 * beside the frame; and where the policy does not let everything out, the asking pair, by
 * which packets reach a worker: outer end ─ inner end, XDP ─ the worker's socket. What it
 * lets out goes by the internal pair, marked, to the interface.
 */
#ifndef SEG_EGRESS_SIDE_H
#define SEG_EGRESS_SIDE_H

#include <net/if.h>

#include "abi.h"
#include "error.h"
#include "tc.h"

struct seg_iface;
struct seg_failsafe_set;
struct seg_rulebook;
struct egress_bpf;

struct seg_egress_side {
	struct seg_constants constants;
	struct egress_bpf *programs;
	struct seg_tc out, in;
	char outer[IFNAMSIZ]; /* of the asking pair; empty: there is none */
	char inner[IFNAMSIZ];
	int link; /* XDP of its inner end */
};

void seg_egress_side_clear(struct seg_egress_side *side);

/* Load and attach the programs, as seg_egress_side_constants() has them. */
int seg_egress_side_attach(struct seg_iface *iface, struct seg_error *err);
void seg_egress_side_detach(struct seg_iface *iface);

/* What a predecessor attached; programs come by seg_egress_side_arm(). Half an asking pair goes. */
int seg_egress_side_adopt(struct seg_iface *iface, struct seg_error *err);

/* Has somebody to be asked about what leaves, under this policy? */
bool seg_egress_side_asks(const struct seg_rulebook *book);

/* The asking pair, and a worker behind it; nothing if they are there. */
int seg_egress_side_open_asking(struct seg_iface *iface, struct seg_error *err);
void seg_egress_side_close_asking(struct seg_iface *iface);

/* While the interface learns, all is learned and all goes on. */
struct seg_constants seg_egress_side_constants(const struct seg_iface *iface,
					       const struct seg_rulebook *book);

/* Programs that go by a policy; not attached. NULL: failed. */
struct egress_bpf *seg_egress_side_load(const struct seg_iface *iface,
					const struct seg_constants *constants,
					const struct seg_failsafe_set *failsafe,
					struct seg_error *err);

/* Have both hooks run these programs. 0, or -errno: the old ones run. */
int seg_egress_side_run(struct seg_iface *iface, const struct egress_bpf *programs);

/* Go from learning to the policy in force. */
int seg_egress_side_arm(struct seg_iface *iface, struct seg_error *err);

#endif
