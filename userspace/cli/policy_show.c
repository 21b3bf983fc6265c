/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_show.c - `xdpseg policy show`: a policy in its normal form. */
#include <errno.h>

#include "cleanup.h"
#include "cli.h"
#include "policy_file.h"
#include "policy_open.h"
#include "view.h"

/* What the normal form is, all files in one; the caller frees it. */
static char *text_of(const struct seg_policy *policy)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	int r = to ? seg_policy_print(policy, to) : -ENOMEM;

	if (to && fclose(to))
		r = -ENOMEM;
	if (!r)
		return text;
	free(text);
	return NULL;
}

int seg_view_policy(const struct seg_view *view, const json_t *policy)
{
	fputs(seg_view_text(policy, "text"), view->to);
	return 0;
}

static int open_it(const struct seg_cli *cli, json_t **about, struct seg_policy_files *files,
		   struct seg_policy **policy, struct seg_error *err)
{
	const struct seg_image *image;
	int r;

	if (!cli->operands_n)
		return seg_policy_in_force(cli, about, files, policy, err);
	r = seg_policy_file_read(cli, cli->operands[0], files, policy, err);
	if (r)
		return r;
	image = seg_policy_image(*policy);
	*about = json_pack("{s:s, s:s}", "name", seg_image_name(image), "hash",
			   seg_image_hash(image));
	return 0;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	_cleanup_free_ char *text = NULL;
	json_auto_t *about = NULL;
	int r;

	if (cli->operands_n > 1)
		return seg_usage(err, &seg_verb_policy_show, "name one file, or none");
	r = open_it(cli, &about, &files, &policy, err);
	if (r)
		return r;
	text = text_of(policy);
	if (!text)
		return seg_error_set(err, ENOMEM, "out of memory");
	json_object_set_new(about, "text", json_string(text));
	return seg_show_reply(cli, about, seg_view_policy, err);
}

const struct seg_verb seg_verb_policy_show = {
	.name = "policy show",
	.synopsis = "[FILE]",
	.operand = "FILE",
	.summary = "print the policy in force, or a file, in its normal form",
	.details = "The normal form says the same with every default, and with the files that "
		   "it includes.\nWith FILE neither daemon nor privilege is needed.",
	.run = run,
};
