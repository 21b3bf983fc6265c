/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply.h - a policy takes another one's place while packets flow: all
 * interfaces from one store on (invariant 2), or none.
 */
#ifndef SEG_APPLY_H
#define SEG_APPLY_H

#include "keeper.h"

/*
 * Put `next` in force; on success it is the keeper's, and what ends of the one before it ends
 * behind the answer (seg_loop_put_off()). On failure the policy
 * before it is in force everywhere, as it was, and `next` stays the caller's. trial_ns: what a
 * next life is to know of its trial.
 */
int seg_apply(struct seg_keeper *keeper, struct seg_rulebook *next, uint64_t trial_ns,
	      struct seg_error *err);

#endif
