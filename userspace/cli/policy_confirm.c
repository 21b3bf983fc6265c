/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_confirm.c - `xdpseg policy confirm`: the policy on trial stays. */
#include <inttypes.h>

#include "cli.h"
#include "client.h"
#include "view.h"

int seg_view_confirmed(const struct seg_view *view, const json_t *policy)
{
	fprintf(view->to, "revision %" PRIu64 " stays in force: %s\n",
		seg_view_number(policy, "revision"), seg_view_text(policy, "name"));
	return 0;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	if (cli->operands_n)
		return seg_usage(err, &seg_verb_policy_confirm, "policy confirm takes no operand");
	return seg_policy_change(cli, "/v1/policy/confirm", NULL, seg_view_confirmed, err);
}

const struct seg_verb seg_verb_policy_confirm = {
	.name = "policy confirm",
	.synopsis = "",
	.summary = "keep the policy that was applied with --confirm",
	.run = run,
};
