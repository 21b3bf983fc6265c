/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trial.h - the way back from a policy: what was in force before the last change
 * is kept, and where the change was made on trial, comes back by itself unless it
 * is confirmed in time. Keeper's thread only.
 */
#ifndef SEG_TRIAL_H
#define SEG_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "files.h"
#include "loop.h"

struct seg_keeper;

#define SEG_TRIAL_MAX_NS (86400ull * 1000000000) /* a day */

struct seg_trial {
	struct seg_watch timer;
	struct seg_policy_files before; /* n = 0: there was none */
	uint64_t ends;                  /* ns, CLOCK_MONOTONIC; 0: nothing is on trial */
};

int seg_trial_open(struct seg_keeper *keeper, struct seg_error *err);
void seg_trial_close(struct seg_keeper *keeper);

/* Forget it all: nothing is in force any more. */
void seg_trial_forget(struct seg_keeper *keeper);

/*
 * The policy was changed; `before`, which is taken, was in force until then. ns: for how
 * long it is on trial; 0: it is not. What one trial goes back to, a second one on
 * top of it goes back to as well.
 */
void seg_trial_changed(struct seg_keeper *keeper, struct seg_policy_files *before, uint64_t ns);

/* What a change on trial for `ns` would go back to. */
const struct seg_policy_files *seg_trial_next(const struct seg_keeper *keeper, uint64_t ns);

/* Go on with what a predecessor had on trial (trial->ends): the timer of that. */
void seg_trial_resume(struct seg_keeper *keeper);

/* The policy in force stays. -ENOENT: nothing is on trial. */
int seg_trial_confirm(struct seg_keeper *keeper, struct seg_error *err);

/* Put what was before in force again. -ENOENT: there is none. */
int seg_trial_rollback(struct seg_keeper *keeper, struct seg_error *err);

#endif
