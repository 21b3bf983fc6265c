/* SPDX-License-Identifier: BSD-2-Clause */
/* egress.h - the tc programs of an interface with their constants, on shared tables. */
#ifndef SEG_EGRESS_H
#define SEG_EGRESS_H

#include "error.h"
#include "failsafe.h"
#include "tables.h"

struct egress_bpf;

/* The programs with these constants. NULL: failed. */
struct egress_bpf *seg_egress_load(const struct seg_tables *tables,
				   const struct seg_constants *constants,
				   const struct seg_failsafe_set *failsafe,
				   const struct seg_port *port, struct seg_error *err);

/* seg_egress, for what leaves; seg_beside, for what arrives with a tag beside the frame. */
int seg_egress_fd(const struct egress_bpf *egress);
int seg_egress_beside_fd(const struct egress_bpf *egress);

/* Its map seg_replay, for SEG_FEATURE_REPLAY. */
int seg_egress_replay(const struct egress_bpf *egress);
void seg_egress_free(struct egress_bpf *egress);

#endif
