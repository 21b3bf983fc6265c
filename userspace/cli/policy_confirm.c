/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_confirm.c - `xdpseg policy confirm`: the policy on trial stays. */
#include "cli.h"
#include "client.h"
#include "view.h"

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	if (cli->operands_n)
		return seg_usage(err, &seg_verb_policy_confirm, "policy confirm takes no operand");
	return seg_policy_change(cli, "/v1/policy/confirm", NULL, err);
}

const struct seg_verb seg_verb_policy_confirm = {
	.name = "policy confirm",
	.synopsis = "",
	.summary = "keep the policy that was applied with --confirm",
	.run = run,
};
