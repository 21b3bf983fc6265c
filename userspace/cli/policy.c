/* SPDX-License-Identifier: BSD-2-Clause */
/* policy.c - `xdpseg policy`: the table of its subverbs, a file each. */
#include <stddef.h>

#include "cli.h"

static const struct seg_verb PATCH = {
	.name = "policy patch",
	.later = "change the file and `xdpseg policy apply` it",
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
	&seg_verb_policy_confirm,
	&seg_verb_policy_rollback,
	&PATCH,
	&DIFF,
	&HISTORY,
	NULL,
};

const struct seg_verb seg_verb_policy = {
	.name = "policy",
	.synopsis = "check|apply|confirm|rollback|show [OPTION]... [FILE]",
	.summary = "check a policy, put it in force, show it",
	.verbs = SUBVERBS,
};
