/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy_open.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "client.h"
#include "policy_file.h"
#include "policy_json.h"
#include "progress.h"
#include "text.h"
#include "view.h"

static int report_none(struct seg_error *err)
{
	seg_error_set(err, ENOENT, "no policy is in force: everything passes and is counted");
	seg_error_mend(err, "name a file, or put one in force by `xdpseg policy apply FILE`");
	return -ENOENT;
}

static int open_source(const json_t *source, struct seg_policy_files *files,
		       struct seg_policy **policy, struct seg_error *err)
{
	int r = seg_policy_from_json(source, files);

	if (r)
		return seg_error_set(err, -r, "the daemon does not say what its policy is");
	return seg_policy_files_open(files, policy, err);
}

int seg_policy_in_force(const struct seg_cli *cli, json_t **about, struct seg_policy_files *files,
			struct seg_policy **policy, struct seg_error *err)
{
	json_auto_t *reply = NULL;
	json_t *said;
	int r = seg_client_call(cli->global.runtime_dir, "/v1/policy", NULL, &reply, err);

	if (r)
		return r;
	said = json_object_get(reply, "policy");
	if (!json_is_object(said))
		return report_none(err);
	r = open_source(json_object_get(said, "source"), files, policy, err);
	if (r)
		return r;
	json_object_del(said, "source");
	*about = json_incref(said);
	return 0;
}

/* Who types it knows why it takes long. */
int seg_policy_file_read(const struct seg_cli *cli, const char *path,
			 struct seg_policy_files *files, struct seg_policy **policy,
			 struct seg_error *err)
{
	struct seg_progress progress = {0};
	int r;

	if (strcmp(path, "-") != 0)
		seg_progress_begin(&progress, cli, "reading", path);
	r = seg_policy_file_open(path, files, policy, err);
	seg_progress_end(&progress);
	return r;
}

static const char *file_of(const struct seg_need *need, const struct seg_policy_files *files)
{
	return *need->file ? need->file : files->item[0].name;
}

json_t *seg_policy_refused(const struct seg_policy_files *files, const struct seg_policy *policy)
{
	json_t *list = json_array();
	struct seg_need need;

	for (uint32_t i = 0; !seg_image_need(seg_policy_image(policy), i, &need); i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:i}", "what",
						      need.what, "mend", need.mend, "file",
						      file_of(&need, files), "line", (int)need.line,
						      "column", (int)need.column));
	return list;
}

static void warn_each(const struct seg_policy_files *files, const struct seg_policy *policy)
{
	struct seg_need need;

	for (uint32_t i = 0; !seg_image_need(seg_policy_image(policy), i, &need); i++) {
		seg_text_print(file_of(&need, files), stderr);
		fprintf(stderr, ":%u:%u: warning: apply would refuse '%s': not enforced yet\n",
			need.line, need.column, need.what);
	}
}

static void warn_briefly(const struct seg_policy_files *files, const struct seg_policy *policy)
{
	struct seg_need first, need;
	uint32_t n = 0;

	if (seg_image_need(seg_policy_image(policy), 0, &first))
		return;
	while (!seg_image_need(seg_policy_image(policy), n, &need))
		n++;
	seg_text_print(files->item[0].name, stderr);
	fprintf(stderr,
		": warning: apply would refuse '%s'%s: `xdpseg policy check` says what and "
		"where\n",
		first.what, n > 1 ? " and more" : "");
}

void seg_policy_warn(const struct seg_cli *cli, const struct seg_policy_files *files,
		     const struct seg_policy *policy, bool brief)
{
	if (cli->global.json || cli->global.quiet)
		return;
	fflush(stdout);
	if (brief)
		warn_briefly(files, policy);
	else
		warn_each(files, policy);
}
