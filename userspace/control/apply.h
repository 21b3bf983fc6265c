/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply.h - a policy takes another one's place while packets flow: all
 * interfaces from one store on (invariant 2), or none.
 */
#ifndef SEG_APPLY_H
#define SEG_APPLY_H

#include "keeper.h"

/*
 * Put `next` in force; on success it is the keeper's. On failure the policy
 * before it is in force everywhere, as it was, and `next` stays the caller's.
 */
int seg_apply(struct seg_keeper *keeper, struct seg_rulebook *next, struct seg_error *err);

#endif
