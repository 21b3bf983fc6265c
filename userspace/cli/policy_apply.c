/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_apply.c - `xdpseg policy apply`: returns when the policy is in force. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "policy_file.h"
#include "text.h"
#include "view.h"

#define CONFIRM_MAX_NS (86400ull * 1000000000)

struct apply_options {
	const char *confirm;
};

static const struct seg_option OPTIONS[] = {
	{"confirm", 0, SEG_OPTION_TEXT, offsetof(struct apply_options, confirm), "DURATION",
	 "on trial: goes back unless `policy confirm` is said in time", 0},
	{"force", 0, SEG_OPTION_LATER, 0, NULL, "leave it out: nothing is held back", 0},
	{0},
};

void seg_view_trial(const struct seg_view *view, const json_t *policy)
{
	uint64_t left = seg_view_number(policy, "confirm_s");

	if (left)
		fprintf(view->to,
			"the policy before it comes back in %" PRIu64
			" s unless you say `xdpseg policy confirm`\n",
			left);
}

int seg_view_applied(const struct seg_view *view, const json_t *applied)
{
	uint64_t rules = seg_view_number(applied, "rules");

	fprintf(view->to, "revision %" PRIu64 "%s in force%s: %s, %" PRIu64 " rule%s%s\n",
		seg_view_number(applied, "revision"),
		json_is_false(json_object_get(applied, "changed")) ? " is" : "",
		json_is_false(json_object_get(applied, "changed")) ? " already" : "",
		seg_view_text(applied, "name"), rules, rules == 1 ? "" : "s",
		json_is_true(json_object_get(applied, "observe")) ? ", only observed" : "");
	seg_view_trial(view, applied);
	return 0;
}

int seg_policy_change(const struct seg_cli *cli, const char *path, json_t *request,
		      struct seg_error *err)
{
	json_auto_t *asks = request ? request : json_object(), *reply = NULL;
	int r = seg_client_call(cli->global.runtime_dir, path, asks, &reply, err);

	if (r || (cli->global.quiet && !cli->global.json))
		return r;
	return seg_show_reply(cli, reply, seg_view_applied, err);
}

/* ns; 0 where it is not asked for. */
static int read_confirm(const struct apply_options *options, uint64_t *ns, struct seg_error *err)
{
	const char *text = options->confirm;

	*ns = 0;
	if (!text)
		return 0;
	if (seg_duration_parse(text, strlen(text), ns) || !*ns || *ns > CONFIRM_MAX_NS)
		return seg_usage(err, &seg_verb_policy_apply,
				 "--confirm: '%s' is no time of up to a day, as 30s or 5m", text);
	return 0;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	json_t *policy, *request;
	uint64_t confirm_ns;
	int r;

	if (cli->operands_n != 1)
		return seg_usage(err, &seg_verb_policy_apply, "name one file");
	r = read_confirm(cli->values, &confirm_ns, err);
	if (!r)
		r = seg_policy_file_pack(cli->operands[0], &policy, err);
	if (r)
		return r;
	request = json_pack("{s:o}", "policy", policy);
	if (request && confirm_ns)
		json_object_set_new(request, "confirm_ns", json_integer((json_int_t)confirm_ns));
	return seg_policy_change(cli, "/v1/policy", request, err);
}

const struct seg_verb seg_verb_policy_apply = {
	.name = "policy apply",
	.synopsis = "FILE [--confirm DURATION]",
	.summary = "put a policy in force on every interface; returns when it is",
	.details = "Sends FILE ('-': standard input) and the files that it names. What fails "
		   "leaves the policy\nthat is in force as it was. Flows that are known go on if "
		   "the new policy allows them. Where\nthe daemon only observes, it goes on "
		   "observing.",
	.options = OPTIONS,
	.values_size = sizeof(struct apply_options),
	.run = run,
};
