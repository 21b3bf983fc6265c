/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor.c - `xdpseg doctor`: what is well, what is not, and how to mend it. */
#include "doctor.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "text.h"
#include "view.h"

/* --- what the daemon says ---------------------------------------------------------------- */

static enum seg_daemon_state state_of(int r)
{
	static const struct {
		int r;
		enum seg_daemon_state state;
	} STATES[] = {
		{0, SEG_DAEMON_RUNS},
		{-ECONNREFUSED, SEG_DAEMON_NONE},
		{-EACCES, SEG_DAEMON_CLOSED},
		{-EPERM, SEG_DAEMON_CLOSED},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(STATES); i++)
		if (STATES[i].r == r)
			return STATES[i].state;
	return SEG_DAEMON_SILENT;
}

static void take_status(struct seg_facts *facts, const json_t *status)
{
	const json_t *policy = json_object_get(status, "policy");
	const json_t *ifaces = json_object_get(status, "interfaces");
	struct seg_daemon_facts *daemon = &facts->daemon;

	snprintf(daemon->version, sizeof(daemon->version), "%s",
		 seg_view_text(json_object_get(status, "daemon"), "version"));
	if (json_is_object(policy))
		snprintf(daemon->policy, sizeof(daemon->policy), "%s",
			 seg_view_text(policy, "name"));
	daemon->revision = seg_view_number(policy, "revision");
	daemon->observes = json_is_true(json_object_get(policy, "observe"));
	for (uint32_t i = 0; i < facts->devices.n; i++) {
		struct seg_device_facts *of = &facts->devices.item[i];
		const json_t *iface = json_object_get(ifaces, of->device.name);

		of->attached = iface != NULL;
		of->generic = iface && !strcmp(seg_view_text(iface, "mode"), "generic");
	}
}

/* Of the first queue that has sent something up. */
static int meta_of(const json_t *iface)
{
	const json_t *queue;
	size_t i;

	json_array_foreach (json_object_get(iface, "queues"), i, queue)
		if (seg_view_number(queue, "sent") &&
		    json_is_integer(json_object_get(queue, "queue")))
			return !strcmp(seg_view_text(queue, "meta"), "carried");
	return SEG_UNKNOWN;
}

static void take_stats(struct seg_facts *facts)
{
	struct seg_error none = {0};
	json_auto_t *stats = NULL;

	if (seg_client_call(facts->daemon.runtime_dir, "/v1/stats", NULL, &stats, &none))
		return;
	for (uint32_t i = 0; i < facts->devices.n; i++) {
		struct seg_device_facts *of = &facts->devices.item[i];

		of->meta = meta_of(
			json_object_get(json_object_get(stats, "interfaces"), of->device.name));
	}
}

static void ask_daemon(struct seg_facts *facts)
{
	struct seg_daemon_facts *daemon = &facts->daemon;
	struct seg_error why = {0};
	json_auto_t *status = NULL;

	daemon->state =
		state_of(seg_client_call(daemon->runtime_dir, "/v1/status", NULL, &status, &why));
	if (daemon->state != SEG_DAEMON_NONE)
		daemon->leftover = 0;
	if (status) {
		take_status(facts, status);
		take_stats(facts);
	}
}

/* --- what is shown ------------------------------------------------------------------------- */

static json_t *to_json(const struct seg_findings *findings)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < findings->list.n; i++) {
		const struct seg_finding *at = &findings->list.item[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "check",
						      at->check, "subject", at->subject, "level",
						      seg_level_word(at->level), "what", at->what,
						      "mend", at->mend));
	}
	return json_pack("{s:o, s:s}", "findings", list, "worst",
			 seg_level_word(seg_findings_worst(findings)));
}

static const char *colour_of(enum seg_level level)
{
	static const char *const colours[] = {
		[SEG_LEVEL_OK] = "\033[32m",
		[SEG_LEVEL_NOTE] = "\033[36m",
		[SEG_LEVEL_WARNING] = "\033[33m",
		[SEG_LEVEL_ERROR] = "\033[1;31m",
	};

	return colours[level];
}

static void print_one(const struct seg_cli *cli, const struct seg_finding *finding)
{
	printf("%s%s%s: %s: ", cli->colour ? colour_of(finding->level) : "",
	       seg_level_word(finding->level), cli->colour ? "\033[0m" : "", finding->subject);
	seg_text_print(finding->what, stdout);
	if (*finding->mend && finding->level > SEG_LEVEL_OK) {
		fputs("\n  mend: ", stdout);
		seg_text_print(finding->mend, stdout);
	}
	putchar('\n');
}

static enum seg_level least(const struct seg_cli *cli)
{
	if (cli->global.quiet)
		return SEG_LEVEL_ERROR;
	return cli->global.verbose ? SEG_LEVEL_OK : SEG_LEVEL_NOTE;
}

static void print_summary(const struct seg_findings *findings)
{
	uint32_t n[SEG_LEVEL_MAX] = {0};

	for (uint32_t i = 0; i < findings->list.n; i++)
		n[findings->list.item[i].level]++;
	printf("%u error%s, %u warning%s, %u note%s, %u ok\n", n[SEG_LEVEL_ERROR],
	       n[SEG_LEVEL_ERROR] == 1 ? "" : "s", n[SEG_LEVEL_WARNING],
	       n[SEG_LEVEL_WARNING] == 1 ? "" : "s", n[SEG_LEVEL_NOTE],
	       n[SEG_LEVEL_NOTE] == 1 ? "" : "s", n[SEG_LEVEL_OK]);
}

static void print_findings(const struct seg_cli *cli, const struct seg_findings *findings)
{
	for (uint32_t i = 0; i < findings->list.n; i++)
		if (findings->list.item[i].level >= least(cli))
			print_one(cli, &findings->list.item[i]);
	if (!cli->global.quiet)
		print_summary(findings);
}

static int show(const struct seg_cli *cli, const struct seg_findings *findings,
		struct seg_error *err)
{
	json_auto_t *json = cli->global.json ? to_json(findings) : NULL;

	if (!cli->global.json)
		print_findings(cli, findings);
	else if (seg_view_json(json, stdout))
		return seg_error_set(err, EIO, "cannot print");
	return seg_cli_flush(err);
}

static int refuse(struct seg_error *err)
{
	seg_error_set(err, EBADE, "attach would fail, or packets would be lost");
	seg_error_mend(err, "mend what is marked as an error above, and ask again");
	return -EBADE;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	_cleanup_findings_ struct seg_findings findings = {0};
	_cleanup_facts_ struct seg_facts facts = {0};
	int r = seg_facts_get(cli->operands, cli->operands_n, cli->global.runtime_dir, &facts);

	if (r)
		return seg_error_set(err, -r, "cannot list the interfaces: %s", strerror(-r));
	ask_daemon(&facts);
	seg_doctor_judge(&facts, &findings);
	if (findings.failed)
		return seg_error_set(err, ENOMEM, "out of memory");
	r = show(cli, &findings, err);
	if (r)
		return r;
	return seg_findings_worst(&findings) == SEG_LEVEL_ERROR ? refuse(err) : 0;
}

const struct seg_verb seg_verb_doctor = {
	.name = "doctor",
	.synopsis = "[IFACE]...",
	.summary = "look for what would hinder, and say how to mend it",
	.details =
		"Looks at the kernel, this installation, and the interfaces named (all that are "
		"up\n"
		"without any), attached or not. Changes nothing, needs no daemon; what only root\n"
		"can see is left out for others, and that is said. Notes and worse are shown,\n"
		"with -v also what is well. Exit status 1 if attach would fail or packets would\n"
		"be lost, 0 if nothing is worse than a warning.",
	.run = run,
};
