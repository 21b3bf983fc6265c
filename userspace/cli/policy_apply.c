/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_apply.c - `xdpseg policy apply`: returns when the policy is in force. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "guard.h"
#include "policy_file.h"
#include "policy_json.h"
#include "policy_open.h"
#include "progress.h"
#include "text.h"
#include "view.h"

#define CONFIRM_MAX_NS (86400ull * 1000000000)

struct apply_options {
	const char *confirm;
	bool force;
};

static const struct seg_option OPTIONS[] = {
	{"confirm", 0, SEG_OPTION_TEXT, offsetof(struct apply_options, confirm), "DURATION",
	 "on trial: goes back unless `policy confirm` is said in time", 0},
	{"force", 0, SEG_OPTION_FLAG, offsetof(struct apply_options, force), NULL,
	 "also where the policy would lock out your own SSH session", 0},
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

int seg_policy_change(const struct seg_cli *cli, const char *path, json_t *request, seg_print print,
		      struct seg_error *err)
{
	json_auto_t *asks = request ? request : json_object(), *reply = NULL;
	struct seg_progress progress;
	int r;

	seg_progress_begin(&progress, cli, "waiting for xdpsegd", NULL);
	r = seg_client_call(cli->global.runtime_dir, path, asks, &reply, err);
	seg_progress_end(&progress);
	if (r || (cli->global.quiet && !cli->global.json))
		return r;
	return seg_show_reply(cli, reply, print, err);
}

int seg_policy_confirm_read(const struct seg_verb *verb, const char *text, uint64_t *ns,
			    struct seg_error *err)
{
	*ns = 0;
	if (!text)
		return 0;
	if (seg_duration_parse(text, strlen(text), ns) || !*ns || *ns > CONFIRM_MAX_NS)
		return seg_usage(err, verb,
				 "--confirm: '%s' is no time of up to a day, as 30s or 5m", text);
	return 0;
}

/* What goes back by itself locks nobody out for long. */
static int guard(const struct seg_cli *cli, const struct seg_policy_put *put, struct seg_error *err)
{
	struct seg_guarded what = {
		.image = seg_policy_image(put->policy),
		.files = put->files,
		.ways_out = "try it by --confirm 1m, ",
		.keeps_observing = true,
	};

	return put->force || put->confirm ? 0 : seg_guard(cli, &what, err);
}

int seg_policy_put(const struct seg_cli *cli, const struct seg_policy_put *put,
		   struct seg_error *err)
{
	uint64_t confirm_ns;
	json_t *request;
	int r = seg_policy_confirm_read(put->verb, put->confirm, &confirm_ns, err);

	if (!r)
		r = guard(cli, put, err);
	if (r)
		return r;
	request = json_pack("{s:o*, s:s*, s:s*}", "policy", seg_policy_to_json(put->files), "what",
			    put->what, "replaces", put->replaces);
	if (!request)
		return seg_error_set(err, ENOMEM, "out of memory");
	if (confirm_ns)
		json_object_set_new(request, "confirm_ns", json_integer((json_int_t)confirm_ns));
	return seg_policy_change(cli, "/v1/policy", request, seg_view_applied, err);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	const struct apply_options *options = cli->values;
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	struct seg_policy_put put = {.verb = &seg_verb_policy_apply,
				     .files = &files,
				     .confirm = options->confirm,
				     .force = options->force};
	int r;

	if (cli->operands_n != 1)
		return seg_usage(err, &seg_verb_policy_apply, "name one file");
	r = seg_policy_file_read(cli, cli->operands[0], &files, &policy, err);
	put.policy = policy;
	return r ? r : seg_policy_put(cli, &put, err);
}

const struct seg_verb seg_verb_policy_apply = {
	.name = "policy apply",
	.synopsis = "FILE [--confirm DURATION] [--force]",
	.operand = "FILE",
	.summary = "put a policy in force on every interface; returns when it is",
	.details = "Sends FILE ('-': standard input) and the files that it names. What fails "
		   "leaves the policy\nthat is in force as it was. Flows that are known go on if "
		   "the new policy allows them. Where\nthe daemon only observes, it goes on "
		   "observing.",
	.options = OPTIONS,
	.values_size = sizeof(struct apply_options),
	.run = run,
};
