/* SPDX-License-Identifier: BSD-2-Clause */
/* policy.c - `xdpseg policy`: the table of its subverbs, a file each. */
#include <stddef.h>

#include "cli.h"

static const struct seg_verb *const SUBVERBS[] = {
	&seg_verb_policy_check,    &seg_verb_policy_diff,    &seg_verb_policy_apply,
	&seg_verb_policy_patch,    &seg_verb_policy_show,    &seg_verb_policy_confirm,
	&seg_verb_policy_rollback, &seg_verb_policy_history, NULL,
};

const struct seg_verb seg_verb_policy = {
	.name = "policy",
	.synopsis = "check|diff|apply|patch|confirm|rollback|history|show [OPTION]... [FILE]",
	.summary = "check policies, compare them, put one in force, show it",
	.verbs = SUBVERBS,
};
