/* SPDX-License-Identifier: BSD-2-Clause */
/* sessions.c - `xdpseg sessions`: who talks to whom, and who allowed it. */
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "columns.h"
#include "humanise.h"
#include "view.h"

#define ENDPOINT_MAX 64

static const struct seg_column COLUMNS[] = {
	{"PROTO", false},   {"STATE", false}, {"SOURCE", false}, {"DESTINATION", false},
	{"VERDICT", false}, {"RULE", false},  {"SENT", true},    {"BYTES", true},
	{"REPLIED", true},  {"BYTES", true},  {"AGE", true},     {"EXPIRES", true},
	{"IFACE", false},
};

/* "10.0.0.1:80", "[2001:db8::1]:80"; without a port where the protocol has none. */
static const char *endpoint(const json_t *session, const char *address_key, const char *port_key,
			    char *to)
{
	const char *address = seg_view_text(session, address_key);
	uint64_t port = seg_view_number(session, port_key);
	bool six = strchr(address, ':') != NULL;

	if (port && strncmp(seg_view_text(session, "proto"), "icmp", 4) != 0)
		snprintf(to, ENDPOINT_MAX, six ? "[%s]:%" PRIu64 : "%s:%" PRIu64, address, port);
	else
		snprintf(to, ENDPOINT_MAX, "%s", address);
	return to;
}

static void set_direction(struct libscols_line *row, size_t column, const json_t *count)
{
	char text[SEG_HUMAN_MAX];

	seg_columns_set(row, column, "%s",
			seg_human_count(seg_view_number(count, "packets"), text));
	seg_columns_set(row, column + 1, "%s",
			seg_human_count(seg_view_number(count, "bytes"), text));
}

static void add_session(struct libscols_table *table, const json_t *session)
{
	struct libscols_line *row =
		seg_columns_row(table, seg_view_colour(seg_view_text(session, "verdict")));
	char end[ENDPOINT_MAX], time[SEG_HUMAN_MAX];

	seg_columns_set(row, 0, "%s", seg_view_text(session, "proto"));
	seg_columns_set(row, 1, "%s", seg_view_text(session, "state"));
	seg_columns_set(row, 2, "%s", endpoint(session, "src", "sport", end));
	seg_columns_set(row, 3, "%s", endpoint(session, "dst", "dport", end));
	seg_columns_set(row, 4, "%s", seg_view_text(session, "verdict"));
	seg_columns_set(row, 5, "%s", seg_view_text(session, "rule"));
	set_direction(row, 6, json_object_get(session, "orig"));
	set_direction(row, 8, json_object_get(session, "reply"));
	seg_columns_set(row, 10, "%s", seg_human_seconds(seg_view_number(session, "age_s"), time));
	seg_columns_set(row, 11, "%s",
			seg_human_seconds(seg_view_number(session, "expires_s"), time));
	seg_columns_set(row, 12, "%s", seg_view_text(session, "iface"));
}

int seg_view_sessions(const struct seg_view *view, const json_t *sessions)
{
	struct libscols_table *table;
	const json_t *session;
	size_t i;

	if (!json_array_size(sessions)) {
		fputs("no sessions\n", view->to);
		return 0;
	}
	table = seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	json_array_foreach (sessions, i, session)
		add_session(table, session);
	return seg_columns_print(table);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	if (cli->operands_n > 1 || (cli->operands_n && strcmp(cli->operands[0], "list") != 0))
		return seg_usage(err, &seg_verb_sessions, "sessions: '%s' is not supported yet",
				 cli->operands[cli->operands_n - 1]);
	return seg_show(cli, "/v1/sessions", seg_view_sessions, err);
}

const struct seg_verb seg_verb_sessions = {
	.name = "sessions",
	.synopsis = "[list]",
	.summary = "list the sessions that are known",
	.details = "SOURCE is who began. SENT counts what came from there, REPLIED what went back.",
	.run = run,
};
