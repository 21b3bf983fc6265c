/* SPDX-License-Identifier: BSD-2-Clause */
/* status.c - `xdpseg status`: what is attached, how, and who does the work. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "columns.h"
#include "humanise.h"
#include "view.h"

static const struct seg_column COLUMNS[] = {
	{"IFACE", false}, {"MODE", false},   {"ATTACH", false}, {"QUEUE", true},
	{"XSK", false},   {"WORKER", false}, {"PID", true},
};

static void add_queue(struct libscols_table *table, const char *name, const json_t *iface,
		      const json_t *queue)
{
	const json_t *worker = json_object_get(queue, "worker");
	struct libscols_line *row =
		seg_columns_row(table, seg_view_colour(seg_view_text(worker, "state")));

	seg_columns_set(row, 0, "%s", name);
	seg_columns_set(row, 1, "%s", seg_view_text(iface, "mode"));
	seg_columns_set(row, 2, "%s", seg_view_text(iface, "attach"));
	seg_columns_set(row, 3, "%" PRIu64, seg_view_number(queue, "queue"));
	seg_columns_set(row, 4, "%s", seg_view_text(queue, "xsk"));
	seg_columns_set(row, 5, "%s", seg_view_text(worker, "state"));
	seg_columns_set(row, 6, "%" PRIu64, seg_view_number(worker, "pid"));
}

static void print_head(const struct seg_view *view, const json_t *status)
{
	const json_t *daemon = json_object_get(status, "daemon");
	const json_t *policy = json_object_get(status, "policy");
	char up[SEG_HUMAN_MAX];

	fprintf(view->to, "daemon: pid %" PRIu64 ", version %s, up %s\n",
		seg_view_number(daemon, "pid"), seg_view_text(daemon, "version"),
		seg_human_seconds(seg_view_number(daemon, "uptime_s"), up));
	if (!json_is_object(policy)) {
		fputs("policy: none, only observing\n", view->to);
		return;
	}
	fprintf(view->to, "policy: %s, revision %" PRIu64 ", hash %.16s%s\n",
		seg_view_text(policy, "name"), seg_view_number(policy, "revision"),
		seg_view_text(policy, "hash"),
		json_is_true(json_object_get(policy, "observe")) ? ", only observing" : "");
	seg_view_trial(view, policy);
}

int seg_view_status(const struct seg_view *view, const json_t *status)
{
	json_t *iface, *queue;
	struct libscols_table *table;
	const char *name;
	size_t i;

	print_head(view, status);
	table = seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	json_object_foreach (json_object_get(status, "interfaces"), name, iface)
		json_array_foreach (json_object_get(iface, "queues"), i, queue)
			add_queue(table, name, iface, queue);
	return seg_columns_print(table);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	if (cli->operands_n)
		return seg_usage(err, &seg_verb_status, "status takes no operand");
	return seg_show(cli, "/v1/status", seg_view_status, err);
}

const struct seg_verb seg_verb_status = {
	.name = "status",
	.synopsis = "",
	.summary = "say what is attached, how, and who does the work",
	.run = run,
};
