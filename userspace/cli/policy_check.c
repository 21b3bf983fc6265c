/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_check.c - `xdpseg policy check`: is the file a policy? Needs no daemon and no privilege.
 */
#include <errno.h>
#include <inttypes.h>

#include "cleanup.h"
#include "cli.h"
#include "policy_file.h"
#include "policy_findings.h"
#include "policy_open.h"
#include "progress.h"
#include "view.h"

static void print_count(const struct seg_view *view, const json_t *check, const char *key,
			const char *one)
{
	uint64_t n = seg_view_number(check, key);

	fprintf(view->to, ", %" PRIu64 " %s%s", n, one, n == 1 ? "" : "s");
}

int seg_view_check(const struct seg_view *view, const json_t *check)
{
	fprintf(view->to, "%s", seg_view_text(check, "name"));
	print_count(view, check, "rules", "rule");
	print_count(view, check, "groups", "group");
	print_count(view, check, "services", "service");
	print_count(view, check, "vlans", "VLAN");
	fprintf(view->to, ", hash %s\n", seg_view_text(check, "hash"));
	return 0;
}

static json_t *describe(const struct seg_policy_files *files, const struct seg_policy *policy)
{
	const struct seg_image *image = seg_policy_image(policy);
	const struct seg_vlan *vlans;

	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:o}", "name", seg_image_name(image),
			 "hash", seg_image_hash(image), "rules", (int)seg_image_rules(image),
			 "groups", (int)seg_policy_groups(policy), "services",
			 (int)seg_policy_services(policy), "vlans",
			 (int)seg_image_vlans(image, &vlans), "refused",
			 seg_policy_refused(files, policy));
}

struct check_options {
	bool strict;
};

static const struct seg_option OPTIONS[] = {
	{"strict", 0, SEG_OPTION_FLAG, offsetof(struct check_options, strict), NULL,
	 "fail where there is a warning", 0},
	{0},
};

/* Only with --strict is a warning a failure. */
static int judge(const struct seg_cli *cli, const json_t *check, struct seg_error *err)
{
	const struct check_options *options = cli->values;
	unsigned int n = seg_policy_findings_count(json_object_get(check, "findings"), "warning") +
			 (unsigned int)json_array_size(json_object_get(check, "refused"));

	if (!options->strict || !n)
		return 0;
	seg_error_set(err, EINVAL, "%u warning%s, and --strict", n, n == 1 ? "" : "s");
	seg_error_mend(err, "change the rules that are named above, or leave out --strict");
	seg_error_exit(err, SEG_EXIT_FAILED);
	return -EINVAL;
}

static int show(const struct seg_cli *cli, const struct seg_policy_files *files,
		const struct seg_policy *policy, const json_t *check, struct seg_error *err)
{
	int r = 0;

	if (cli->global.json || !cli->global.quiet)
		r = seg_show_reply(cli, check, seg_view_check, err);
	seg_policy_warn(cli, files, policy, false);
	seg_policy_findings_print(cli, json_object_get(check, "findings"));
	return r ? r : judge(cli, check, err);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	json_auto_t *check = NULL;
	struct seg_progress progress;
	json_t *findings;
	int r;

	if (cli->operands_n != 1)
		return seg_usage(err, &seg_verb_policy_check, "name one file");
	r = seg_policy_file_read(cli, cli->operands[0], &files, &policy, err);
	if (r)
		return r;
	seg_progress_begin(&progress, cli, "comparing the rules of", files.item[0].name);
	findings = seg_policy_findings_json(&files, policy);
	seg_progress_end(&progress);
	if (!findings)
		return seg_error_set(err, ENOMEM, "out of memory");
	check = describe(&files, policy);
	json_object_set_new(check, "findings", findings);
	return show(cli, &files, policy, check, err);
}

const struct seg_verb seg_verb_policy_check = {
	.name = "policy check",
	.synopsis = "FILE [--strict]",
	.operand = "FILE",
	.summary = "say whether a file is a policy, what is odd in it, and what apply would refuse",
	.details = "Reads FILE ('-': standard input) and the files that it names, with the "
		   "caller's rights.\nNeeds no daemon and no privilege. Warnings: rules that never "
		   "match, are shadowed or redundant,\nor deny what failsafe lets in. Notes: rules "
		   "that contradict earlier ones. What this version\ndoes not enforce is a warning "
		   "too; attach and apply refuse it.",
	.options = OPTIONS,
	.values_size = sizeof(struct check_options),
	.run = run,
};
