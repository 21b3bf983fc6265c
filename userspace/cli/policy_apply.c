/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_apply.c - `xdpseg policy apply`: returns when the policy is in force. */
#include <errno.h>
#include <inttypes.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "policy_file.h"
#include "view.h"

static const struct seg_option OPTIONS[] = {
	{"confirm", 0, SEG_OPTION_LATER, 0, NULL,
	 "leave it out: the policy stays in force until another is applied", 0},
	{"force", 0, SEG_OPTION_LATER, 0, NULL, "leave it out: nothing is held back", 0},
	{0},
};

int seg_view_applied(const struct seg_view *view, const json_t *applied)
{
	uint64_t rules = seg_view_number(applied, "rules");

	fprintf(view->to, "revision %" PRIu64 "%s in force%s: %s, %" PRIu64 " rule%s%s\n",
		seg_view_number(applied, "revision"),
		json_is_false(json_object_get(applied, "changed")) ? " is" : "",
		json_is_false(json_object_get(applied, "changed")) ? " already" : "",
		seg_view_text(applied, "name"), rules, rules == 1 ? "" : "s",
		json_is_true(json_object_get(applied, "observe")) ? ", only observed" : "");
	return 0;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	json_auto_t *request = NULL, *reply = NULL;
	json_t *policy;
	int r;

	if (cli->operands_n != 1)
		return seg_usage(err, &seg_verb_policy_apply, "name one file");
	r = seg_policy_file_pack(cli->operands[0], &policy, err);
	if (r)
		return r;
	request = json_pack("{s:o}", "policy", policy);
	r = seg_client_call(cli->global.runtime_dir, "/v1/policy", request, &reply, err);
	if (r || (cli->global.quiet && !cli->global.json))
		return r;
	return seg_show_reply(cli, reply, seg_view_applied, err);
}

const struct seg_verb seg_verb_policy_apply = {
	.name = "policy apply",
	.synopsis = "FILE",
	.summary = "put a policy in force on every interface; returns when it is",
	.details = "Sends FILE ('-': standard input) and the files that it names. What fails "
		   "leaves the policy\nthat is in force as it was. Flows that are known go on if "
		   "the new policy allows them. Where\nthe daemon only observes, it goes on "
		   "observing.",
	.options = OPTIONS,
	.run = run,
};
