/* SPDX-License-Identifier: BSD-2-Clause */
/* policy.c - `xdpseg policy`: the table of its subverbs, a file each. */
#include <stddef.h>

#include "cli.h"

static const struct seg_verb PATCH = {
	.name = "policy patch",
	.later = "change the file and `xdpseg policy apply` it",
};
static const struct seg_verb CONFIRM = {
	.name = "policy confirm",
	.later = "a policy that was applied stays: nothing waits to be confirmed",
};
static const struct seg_verb ROLLBACK = {
	.name = "policy rollback",
	.later = "apply the file that was in force before",
};
static const struct seg_verb DIFF = {
	.name = "policy diff",
	.later = "compare what `xdpseg policy show FILE` prints of each",
};
static const struct seg_verb HISTORY = {
	.name = "policy history",
	.later = "`xdpseg policy show` has the one in force",
};

static const struct seg_verb *const SUBVERBS[] = {
	&seg_verb_policy_check,
	&seg_verb_policy_apply,
	&seg_verb_policy_show,
	&PATCH,
	&CONFIRM,
	&ROLLBACK,
	&DIFF,
	&HISTORY,
	NULL,
};

const struct seg_verb seg_verb_policy = {
	.name = "policy",
	.synopsis = "check|apply|show [OPTION]... [FILE]",
	.summary = "check a policy, put it in force, show it",
	.verbs = SUBVERBS,
};
