/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_check.c - `xdpseg policy check`: is the file a policy? Needs no daemon and no privilege.
 */
#include <inttypes.h>

#include "cleanup.h"
#include "cli.h"
#include "policy_file.h"
#include "policy_open.h"
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

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	json_auto_t *check = NULL;
	int r;

	if (cli->operands_n != 1)
		return seg_usage(err, &seg_verb_policy_check, "name one file");
	r = seg_policy_file_open(cli->operands[0], &files, &policy, err);
	if (r)
		return r;
	check = describe(&files, policy);
	if (cli->global.json || !cli->global.quiet)
		r = seg_show_reply(cli, check, seg_view_check, err);
	seg_policy_warn(cli, &files, policy, false);
	return r;
}

const struct seg_verb seg_verb_policy_check = {
	.name = "policy check",
	.synopsis = "FILE",
	.summary = "say whether a file is a policy, and what apply would refuse",
	.details = "Reads FILE ('-': standard input) and the files that it names, with the "
		   "caller's rights.\nNeeds no daemon and no privilege. What this version does "
		   "not enforce is a warning here;\nattach and apply refuse it.",
	.run = run,
};
