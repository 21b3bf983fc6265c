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

enum { IFACE, MODE, ATTACH, EGRESS, QUEUE, XSK, WORKER, PID, RESTARTS, UP };

static const struct seg_column COLUMNS[] = {
	[IFACE] = {"IFACE", false},   [MODE] = {"MODE", false},  [ATTACH] = {"ATTACH", false},
	[EGRESS] = {"EGRESS", false}, [QUEUE] = {"QUEUE", true}, [XSK] = {"XSK", false},
	[WORKER] = {"WORKER", false}, [PID] = {"PID", true},     [RESTARTS] = {"RESTARTS", true},
	[UP] = {"UP", true},
};

/* What a narrow terminal does without, the first first. */
static const unsigned char HIDE[] = {UP, RESTARTS, EGRESS, SEG_COLUMN_CUT | IFACE};

/* A worker's row, without its queue. */
static struct libscols_line *add_worker(struct libscols_table *table, const char *name,
					const json_t *iface, const json_t *worker)
{
	struct libscols_line *row =
		seg_columns_row(table, seg_view_colour(seg_view_text(worker, "state")));
	char up[SEG_HUMAN_MAX];

	seg_columns_set(row, IFACE, "%s", name);
	seg_columns_set(row, MODE, "%s", seg_view_text(iface, "mode"));
	seg_columns_set(row, ATTACH, "%s", seg_view_text(iface, "attach"));
	seg_columns_set(row, EGRESS, "%s",
			seg_view_text(json_object_get(iface, "egress"), "new_flows"));
	seg_columns_set(row, WORKER, "%s", seg_view_text(worker, "state"));
	seg_columns_set(row, PID, "%" PRIu64, seg_view_number(worker, "pid"));
	seg_columns_set(row, RESTARTS, "%" PRIu64, seg_view_number(worker, "restarts"));
	seg_columns_set(row, UP, "%s", seg_human_seconds(seg_view_number(iface, "uptime_s"), up));
	return row;
}

/* The worker that is asked about what leaves has a queue of its own, if there is one. */
static void add_iface(struct libscols_table *table, const char *name, const json_t *iface)
{
	const json_t *out = json_object_get(json_object_get(iface, "egress"), "worker"), *queue;
	struct libscols_line *row;
	size_t i;

	json_array_foreach (json_object_get(iface, "queues"), i, queue) {
		row = add_worker(table, name, iface, json_object_get(queue, "worker"));
		seg_columns_set(row, QUEUE, "%" PRIu64, seg_view_number(queue, "queue"));
		seg_columns_set(row, XSK, "%s", seg_view_text(queue, "xsk"));
	}
	if (!out)
		return;
	row = add_worker(table, name, iface, out);
	seg_columns_set(row, QUEUE, "egress");
	seg_columns_set(row, XSK, "-");
}

/* Not enforced yet. */
static void print_learns(const struct seg_view *view, const char *name, const json_t *iface)
{
	if (json_object_get(iface, "learns_ms"))
		fprintf(view->to, "%s: learns for %.1f s more, enforced then\n", name,
			(double)seg_view_number(iface, "learns_ms") / 1000);
}

/* Why an interface is served another way than it could be. */
static void print_why(const struct seg_view *view, const char *name, const json_t *iface)
{
	const char *why = json_string_value(json_object_get(iface, "mode_why"));

	if (why)
		fprintf(view->to, "%s: %s mode, %s\n", name, seg_view_text(iface, "mode"), why);
	if (json_is_false(json_object_get(iface, "dispatcher")))
		fprintf(view->to, "%s: shared, but no other program can come: %s\n", name,
			seg_view_text(iface, "attach_why"));
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

static void print_seeded_at(const struct seg_view *view, const char *name, const json_t *seeded)
{
	const char *why = json_string_value(json_object_get(seeded, "why"));
	uint64_t refused = seg_view_number(seeded, "refused");

	fprintf(view->to,
		"%s: of what ran before, %" PRIu64 " known by sockets, %" PRIu64 " by conntrack",
		name, seg_view_number(seeded, "sockets"), seg_view_number(seeded, "conntrack"));
	if (refused)
		fprintf(view->to, ", %" PRIu64 " without room", refused);
	if (why)
		fprintf(view->to, "; %s", why);
	fputc('\n', view->to);
}

static void print_seeded(const struct seg_view *view, const json_t *ifaces)
{
	const json_t *seeded;
	const char *name;
	json_t *iface;

	json_object_foreach ((json_t *)ifaces, name, iface)
		if ((seeded = json_object_get(iface, "seeded")))
			print_seeded_at(view, name, seeded);
}

int seg_view_status(const struct seg_view *view, const json_t *status)
{
	json_t *ifaces = json_object_get(status, "interfaces"), *iface;
	struct libscols_table *table =
		seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	const char *name;
	int r;

	print_head(view, status);
	json_object_foreach (ifaces, name, iface)
		add_iface(table, name, iface);
	seg_columns_fit(table, view->width, HIDE, SEG_ARRAY_SIZE(HIDE));
	r = seg_columns_print(table);
	json_object_foreach (ifaces, name, iface) {
		print_why(view, name, iface);
		print_learns(view, name, iface);
	}
	if (view->all && !r)
		print_seeded(view, ifaces);
	return r;
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
