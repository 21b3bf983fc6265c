/* SPDX-License-Identifier: BSD-2-Clause */
/* stats.c - `xdpseg stats`: where every packet went, and why. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "rates.h"
#include "repeat.h"
#include "text.h"
#include "view.h"

/* --- asked ------------------------------------------------------------------- */

struct stats_options {
	const char *watch; /* NULL: once */
};

static const struct seg_option OPTIONS[] = {
	{"watch", 'w', SEG_OPTION_MAYBE, offsetof(struct stats_options, watch), "SECONDS",
	 "again and again, every second or every SECONDS, with rates", 0},
	{0},
};

static int report_unattached(const char *name, json_t *interfaces, struct seg_error *err)
{
	struct seg_nearest nearest = {.text = name, .len = strlen(name)};
	const char *other;
	json_t *iface;

	json_object_foreach (interfaces, other, iface)
		seg_nearest_offer(&nearest, other);
	seg_error_set(err, ENOENT, "%s is not attached", name);
	if (nearest.best)
		seg_error_mend(err, "did you mean '%s'?", nearest.best);
	else
		seg_error_mend(err, "`xdpseg status` shows what is");
	seg_error_exit(err, SEG_EXIT_NOT_ATTACHED);
	return -ENOENT;
}

/* Only the interfaces that are named. */
static int choose(const struct seg_cli *cli, json_t *stats, struct seg_error *err)
{
	json_t *all = json_object_get(stats, "interfaces"), *chosen;

	if (!cli->operands_n)
		return 0;
	chosen = json_object();
	for (size_t i = 0; i < cli->operands_n; i++) {
		json_t *iface = json_object_get(all, cli->operands[i]);

		if (!iface) {
			json_decref(chosen);
			return report_unattached(cli->operands[i], all, err);
		}
		json_object_set(chosen, cli->operands[i], iface);
	}
	json_object_set_new(stats, "interfaces", chosen);
	if (!cli->global.json)
		json_object_del(stats, "rules"); /* of all interfaces */
	return 0;
}

static int ask(const struct seg_cli *cli, json_t **stats, struct seg_error *err)
{
	int r = seg_client_call(cli->global.runtime_dir, "/v1/stats", NULL, stats, err);

	return r ? r : choose(cli, *stats, err);
}

/* data: the reply before, NULL at first. */
static int round_of_stats(const struct seg_cli *cli, const struct seg_view *view, void *data,
			  struct seg_error *err)
{
	json_t **before = data;
	json_auto_t *stats = NULL;
	int r = ask(cli, &stats, err);

	if (r)
		return r;
	seg_rates_add(stats, *before);
	if (!cli->global.json && !view->width && *before)
		fputc('\n', view->to);
	r = cli->global.json ? seg_view_json_line(stats, view->to) : seg_view_stats(view, stats);
	json_decref(*before);
	*before = TAKE(stats);
	return r ? seg_error_set(err, -r, "cannot print: %s", strerror(-r)) : 0;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	const struct stats_options *options = cli->values;
	json_auto_t *stats = NULL;
	int r;

	if (options->watch)
		return seg_repeat(cli, options->watch, round_of_stats, &stats, err);
	r = ask(cli, &stats, err);
	return r ? r : seg_show_reply(cli, stats, seg_view_stats, err);
}

const struct seg_verb seg_verb_stats = {
	.name = "stats",
	.synopsis = "[IFACE]... [--watch [SECONDS]]",
	.operand = "IFACE",
	.summary = "count packets by verdict, path, reason and rule",
	.details = "Counters of 0 are left out; -v shows them. Rates are those since the counts "
		   "before,\nmeasured by the daemon's clock.",
	.options = OPTIONS,
	.values_size = sizeof(struct stats_options),
	.run = run,
};
