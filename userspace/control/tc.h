/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tc.h - a program at an interface's tc hook, beside those of others: by tcx (Linux 6.6),
 * where the link is pinned and lives as long as the pin, else as a filter of a clsact qdisc.
 * Either way it is asked after the programs that were there, and what it lets pass goes on to
 * those that come later.
 */
#ifndef SEG_TC_H
#define SEG_TC_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"

enum seg_tc_side { SEG_TC_IN, SEG_TC_OUT };

struct seg_tc {
	uint32_t ifindex; /* 0: nothing is attached */
	enum seg_tc_side side;
	int link; /* tcx; -1: clsact */
	char pin[PATH_MAX];
	bool made_qdisc; /* the clsact qdisc is ours */
};

/* Nothing is attached yet. */
void seg_tc_clear(struct seg_tc *tc);

/* Attach; `pin`: where a tcx link is pinned. -errno with the interface named. */
int seg_tc_attach(struct seg_tc *tc, uint32_t ifindex, enum seg_tc_side side, int program,
		  const char *pin, struct seg_error *err);

/* What a predecessor attached: its link by the pin, else its filter. `qdisc`: that is ours too.
 * 0 or -errno. */
int seg_tc_adopt(struct seg_tc *tc, uint32_t ifindex, enum seg_tc_side side, const char *pin,
		 bool qdisc);

/* From the next packet on this program. 0 or -errno. */
int seg_tc_replace(struct seg_tc *tc, int program);

/* Undo, if there is anything; the qdisc too, if it is ours and nobody else uses it. */
void seg_tc_detach(struct seg_tc *tc);

/* Remove what a dead daemon's clsact filters left. `qdisc`: it was ours. */
void seg_tc_clean(uint32_t ifindex, bool qdisc);

/* What the filters before it leave of what comes to a device goes on as if it came to another,
 * by act_mirred. The device has a clsact qdisc. 0 or -errno; -ENOENT: the kernel has none. */
int seg_tc_redirect(uint32_t ifindex, uint16_t priority, uint32_t to);

/* "tcx" or "clsact". */
const char *seg_tc_way(const struct seg_tc *tc);

/* For tests: not to be tried. Weak; false. */
bool seg_tc_without_tcx(void);

#endif
