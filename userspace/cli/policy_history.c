/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_history.c - `xdpseg policy history`: what was in force, since when, by whom. */
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "cli.h"
#include "columns.h"
#include "view.h"

#define HASH_SHOWN 12 /* digits */

enum { REVISION, SINCE, POLICY, RULES, HASH, BY, WHAT };

static const struct seg_column COLUMNS[] = {
	[REVISION] = {"REVISION", true}, [SINCE] = {"SINCE", false}, [POLICY] = {"POLICY", false},
	[RULES] = {"RULES", true},       [HASH] = {"HASH", false},   [BY] = {"BY", false},
	[WHAT] = {"WHAT", false},
};

static void set_since(struct libscols_line *row, const json_t *entry)
{
	time_t since = (time_t)seg_view_number(entry, "time");
	struct tm when;
	char text[32] = "-";

	if (localtime_r(&since, &when))
		strftime(text, sizeof(text), "%F %T", &when);
	seg_columns_set(row, SINCE, "%s", text);
}

/* The daemon itself, where nobody is named. */
static void set_by(struct libscols_line *row, const json_t *by)
{
	uid_t uid = (uid_t)seg_view_number(by, "uid");
	const struct passwd *user = by ? getpwuid(uid) : NULL;

	if (!by)
		seg_columns_set(row, BY, "xdpsegd");
	else if (user)
		seg_columns_set(row, BY, "%s (%s)", user->pw_name, seg_view_text(by, "program"));
	else
		seg_columns_set(row, BY, "uid %u (%s)", uid, seg_view_text(by, "program"));
}

static void add_entry(struct libscols_table *table, const json_t *entry)
{
	struct libscols_line *row = seg_columns_row(table, NULL);

	seg_columns_set(row, REVISION, "%" PRIu64, seg_view_number(entry, "revision"));
	set_since(row, entry);
	seg_columns_set(row, POLICY, "%s%s", seg_view_text(entry, "name"),
			json_is_true(json_object_get(entry, "observe")) ? " (observed)" : "");
	seg_columns_set(row, RULES, "%" PRIu64, seg_view_number(entry, "rules"));
	seg_columns_set(row, HASH, "%.*s", HASH_SHOWN, seg_view_text(entry, "hash"));
	set_by(row, json_object_get(entry, "by"));
	seg_columns_set(row, WHAT, "%s", seg_view_text(entry, "what"));
}

int seg_view_history(const struct seg_view *view, const json_t *history)
{
	const json_t *entries = json_object_get(history, "revisions"), *entry;
	struct libscols_table *table =
		seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	size_t i;

	json_array_foreach (entries, i, entry)
		add_entry(table, entry);
	return seg_columns_print(table);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	if (cli->operands_n)
		return seg_usage(err, &seg_verb_policy_history, "policy history takes no operand");
	return seg_show(cli, "/v1/policy/history", seg_view_history, err);
}

const struct seg_verb seg_verb_policy_history = {
	.name = "policy history",
	.synopsis = "",
	.summary = "list what was in force, since when, and who put it there",
	.details = "The last 100 changes that the daemon knows, the newest last.",
	.run = run,
};
