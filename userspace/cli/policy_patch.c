/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_patch.c - `xdpseg policy patch`: one rule of the policy in force. The daemon changes it
 * there if it can. Else it is sent the whole policy, with the hash of the one that was patched:
 * nothing is lost that came in between.
 */
#include "patch.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "guard.h"
#include "policy_open.h"
#include "view.h"

struct patch_options {
	const char *remove, *before, *after, *confirm;
	bool force;
};

#define OPTION(member) offsetof(struct patch_options, member)

static const struct seg_option OPTIONS[] = {
	{"remove", 0, SEG_OPTION_TEXT, OPTION(remove), "ID", "take this rule out", 0},
	{"before", 0, SEG_OPTION_TEXT, OPTION(before), "ID", "put it before this rule", 0},
	{"after", 0, SEG_OPTION_TEXT, OPTION(after), "ID", "put it behind this rule", 0},
	{"confirm", 0, SEG_OPTION_TEXT, OPTION(confirm), "DURATION",
	 "on trial: goes back unless `policy confirm` is said in time", 0},
	{"force", 0, SEG_OPTION_FLAG, OPTION(force), NULL,
	 "also where the policy would lock out your own SSH session", 0},
	{0},
};

/* The policy in force, before and after. */
struct patched {
	struct seg_policy_files files, next;
	struct seg_policy *policy, *patched;
	json_t *about;
	char *text;
};

static void patched_free(struct patched *p)
{
	seg_policy_free(p->policy);
	seg_policy_free(p->patched);
	seg_policy_files_free(&p->files);
	seg_policy_files_free(&p->next);
	json_decref(p->about);
	free(p->text);
}

static int check_usage(const struct seg_cli *cli, struct seg_error *err)
{
	const struct patch_options *options = cli->values;

	if (cli->operands_n + (options->remove != NULL) != 1)
		return seg_usage(err, &seg_verb_policy_patch, "give one rule, or --remove ID");
	if ((options->before != NULL) + (options->after != NULL) + (options->remove != NULL) > 1)
		return seg_usage(err, &seg_verb_policy_patch,
				 "--before, --after and --remove exclude each other");
	return 0;
}

/* Under the name of the policy's own file, which is what it stands for. */
static int make_next(const struct seg_cli *cli, struct patched *p, char id[SEG_NAME_MAX],
		     struct seg_error *err)
{
	const struct patch_options *options = cli->values;
	const struct seg_patch patch = {cli->operands_n ? cli->operands[0] : NULL, options->remove,
					options->before, options->after};
	int r = seg_policy_patch(p->policy, &patch, &p->text, id, err);

	if (r)
		return r;
	r = seg_policy_files_add(&p->next, p->files.item[0].name, p->text, strlen(p->text));
	return r ? seg_error_set(err, ENOMEM, "out of memory")
		 : seg_policy_files_open(&p->next, &p->patched, err);
}

static int put_next(const struct seg_cli *cli, const struct patched *p, const char *id,
		    struct seg_error *err)
{
	const struct patch_options *options = cli->values;
	char what[SEG_NAME_MAX + 32];

	snprintf(what, sizeof(what), "patch: %s %s", options->remove ? "remove" : "set",
		 *id ? id : "a rule without an id");
	return seg_policy_put(cli,
			      &(struct seg_policy_put){
				      .verb = &seg_verb_policy_patch,
				      .files = &p->next,
				      .policy = p->patched,
				      .confirm = options->confirm,
				      .force = options->force,
				      .what = what,
				      .replaces = seg_view_text(p->about, "hash"),
			      },
			      err);
}

/* The daemon patches what it has compiled already, and says if it cannot. Who has a session to lose
 * has to look at the whole policy first. */
static int patch_there(const struct seg_cli *cli, bool *done, struct seg_error *err)
{
	const struct patch_options *options = cli->values;
	json_auto_t *asks = NULL, *reply = NULL;
	uint64_t confirm_ns;
	int r = seg_policy_confirm_read(&seg_verb_policy_patch, options->confirm, &confirm_ns, err);

	if (r || (!options->force && !options->confirm && seg_guard_concerns()))
		return r;
	asks = json_pack("{s:s*, s:s*, s:s*, s:s*}", "rule",
			 cli->operands_n ? cli->operands[0] : NULL, "remove", options->remove,
			 "before", options->before, "after", options->after);
	if (!asks)
		return seg_error_set(err, ENOMEM, "out of memory");
	if (confirm_ns)
		json_object_set_new(asks, "confirm_ns", json_integer((json_int_t)confirm_ns));
	r = seg_client_call(cli->global.runtime_dir, "/v1/policy/patch", asks, &reply, err);
	*done = !r && !json_object_get(reply, "patched");
	if (!*done || (cli->global.quiet && !cli->global.json))
		return r;
	return seg_show_reply(cli, reply, seg_view_applied, err);
}

static int patch_here(const struct seg_cli *cli, struct seg_error *err)
{
	_cleanup_(patched_free) struct patched p = {0};
	char id[SEG_NAME_MAX];
	int r = seg_policy_in_force(cli, &p.about, &p.files, &p.policy, err);

	if (!r)
		r = make_next(cli, &p, id, err);
	return r ? r : put_next(cli, &p, id, err);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	bool done = false;
	int r = check_usage(cli, err);

	if (!r)
		r = patch_there(cli, &done, err);
	return r || done ? r : patch_here(cli, err);
}

const struct seg_verb seg_verb_policy_patch = {
	.name = "policy patch",
	.synopsis = "RULE [--before ID | --after ID] | --remove ID [--confirm DURATION] [--force]",
	.summary = "add, change, move or remove one rule of the policy in force",
	.details =
		"RULE is a rule as it stands in a policy: '{id: web, service: tcp/80, action: "
		"allow}'. It takes\nthe place of the one of its id, or comes last. The files that "
		"the policy came from are not\nchanged.",
	.options = OPTIONS,
	.values_size = sizeof(struct patch_options),
	.run = run,
};
