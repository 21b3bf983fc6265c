/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_rollback.c - `xdpseg policy rollback`: the policy before the last change. */
#include "cli.h"
#include "client.h"
#include "view.h"

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	if (cli->operands_n)
		return seg_usage(err, &seg_verb_policy_rollback,
				 "policy rollback takes no operand");
	return seg_policy_change(cli, "/v1/policy/rollback", NULL, seg_view_applied, err);
}

const struct seg_verb seg_verb_policy_rollback = {
	.name = "policy rollback",
	.synopsis = "",
	.summary = "put the policy in force again that was there before the last change",
	.details = "Does at once what --confirm of `policy apply` does when its time is over. "
		   "Twice in "
		   "a row\nit changes nothing: what it left is then what was before.",
	.run = run,
};
