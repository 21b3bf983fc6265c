/* SPDX-License-Identifier: BSD-2-Clause */
/* session_table.c - sessions as a table, on terminals of every width. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "columns.h"
#include "humanise.h"
#include "view.h"

#define ENDPOINT_MAX 64

enum {
	PROTO,
	STATE,
	SOURCE,
	DESTINATION,
	VERDICT,
	RULE,
	SENT,
	SENT_BYTES,
	REPLIED,
	REPLIED_BYTES,
	AGE,
	IDLE,
	EXPIRES,
	IFACE
};

_Static_assert(IFACE + 1 == SEG_SESSION_COLUMNS, "view.h counts the columns");

static const struct seg_column COLUMNS[] = {
	[PROTO] = {"PROTO", false},     [STATE] = {"STATE", false},
	[SOURCE] = {"SOURCE", false},   [DESTINATION] = {"DESTINATION", false},
	[VERDICT] = {"VERDICT", false}, [RULE] = {"RULE", false},
	[SENT] = {"SENT", true},        [SENT_BYTES] = {"BYTES", true},
	[REPLIED] = {"REPLIED", true},  [REPLIED_BYTES] = {"BYTES", true},
	[AGE] = {"AGE", true},          [IDLE] = {"IDLE", true},
	[EXPIRES] = {"EXPIRES", true},  [IFACE] = {"IFACE", false},
};

/* What a narrow terminal does without, the first first. */
static const unsigned char HIDE[] = {
	IDLE,       EXPIRES, AGE,  IFACE, REPLIED_BYTES, REPLIED, SEG_COLUMN_CUT | RULE,
	SENT_BYTES, SENT,    STATE};

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

/* What a row says, but for its ends. */
struct cells {
	const char *text[SEG_SESSION_COLUMNS];
	char source[ENDPOINT_MAX], destination[ENDPOINT_MAX];
	char number[SEG_SESSION_COLUMNS][SEG_HUMAN_MAX];
};

static void set_direction(struct cells *cells, size_t column, const json_t *count)
{
	cells->text[column] =
		seg_human_count(seg_view_number(count, "packets"), cells->number[column]);
	column++;
	cells->text[column] =
		seg_human_count(seg_view_number(count, "bytes"), cells->number[column]);
}

static void set_time(struct cells *cells, size_t column, const json_t *session, const char *key)
{
	cells->text[column] =
		seg_human_seconds(seg_view_number(session, key), cells->number[column]);
}

static void set_cells(struct cells *cells, const json_t *session)
{
	cells->text[PROTO] = seg_view_text(session, "proto");
	cells->text[STATE] = seg_view_text(session, "state");
	cells->text[SOURCE] = endpoint(session, "src", "sport", cells->source);
	cells->text[DESTINATION] = endpoint(session, "dst", "dport", cells->destination);
	cells->text[VERDICT] = seg_view_text(session, "verdict");
	cells->text[RULE] = seg_view_text(session, "rule");
	set_direction(cells, SENT, json_object_get(session, "orig"));
	set_direction(cells, REPLIED, json_object_get(session, "reply"));
	set_time(cells, AGE, session, "age_s");
	set_time(cells, IDLE, session, "idle_s");
	set_time(cells, EXPIRES, session, "expires_s");
	cells->text[IFACE] = seg_view_text(session, "iface");
}

/* Each end in a column, or one below the other. */
static void add_session(struct libscols_table *table, const json_t *session, bool stacked)
{
	struct libscols_line *row =
		seg_columns_row(table, seg_view_colour(seg_view_text(session, "verdict")));
	struct cells cells;

	set_cells(&cells, session);
	for (size_t i = 0; i < SEG_SESSION_COLUMNS; i++)
		if (!stacked || (i != SOURCE && i != DESTINATION))
			seg_columns_set(row, i, "%s", cells.text[i]);
	if (stacked)
		seg_columns_set(row, SOURCE, "%s\n> %s", cells.source, cells.destination);
}

static struct libscols_table *make_table(const struct seg_view *view, const json_t *sessions,
					 bool stacked)
{
	struct libscols_table *table =
		seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	const json_t *session;
	size_t i;

	if (stacked) {
		scols_column_set_flags(scols_table_get_column(table, DESTINATION), SCOLS_FL_HIDDEN);
		seg_columns_stack(table, SOURCE);
	}
	json_array_foreach (sessions, i, session)
		add_session(table, session, stacked);
	return table;
}

/* Where a terminal is too narrow for two IPv6 addresses, they stand one below the other. */
static struct libscols_table *fitting_table(const struct seg_view *view, const json_t *sessions)
{
	struct libscols_table *table = make_table(view, sessions, false);

	if (seg_columns_fit(table, view->width, HIDE, SEG_ARRAY_SIZE(HIDE)))
		return table;
	scols_unref_table(table);
	table = make_table(view, sessions, true);
	seg_columns_fit(table, view->width, HIDE, SEG_ARRAY_SIZE(HIDE));
	return table;
}

static void print_cell(FILE *to, const char *text, bool right, size_t *widest)
{
	size_t width = seg_columns_text_width(text);
	int blanks;

	if (width > *widest)
		*widest = width;
	blanks = (int)(*widest - width);
	fprintf(to, "%*s%s%*s ", right ? blanks : 0, "", text, right ? 0 : blanks, "");
}

static void print_row(FILE *to, const json_t *session, struct seg_session_widths *widths)
{
	struct cells cells;

	set_cells(&cells, session);
	for (size_t i = 0; i < IFACE; i++)
		print_cell(to, cells.text[i], COLUMNS[i].number, &widths->of[i]);
	fprintf(to, "%s\n", cells.text[IFACE]);
}

/* A library's table costs 20 us a row: a minute for what a busy gateway has. */
static void print_rows(FILE *to, const json_t *sessions, struct seg_session_widths *widths)
{
	const json_t *session;
	size_t i;

	json_array_foreach (sessions, i, session)
		print_row(to, session, widths);
}

int seg_view_session_rows(const struct seg_view *view, const json_t *sessions,
			  struct seg_session_widths *widths)
{
	struct libscols_table *table;

	if (widths->known && !view->colour && !view->width) {
		print_rows(view->to, sessions, widths);
		return ferror(view->to) ? -EIO : 0;
	}
	table = fitting_table(view, sessions);
	for (size_t i = 0; i < SEG_SESSION_COLUMNS; i++)
		widths->of[i] = seg_columns_width(table, i);
	scols_table_enable_noheadings(table, widths->known);
	widths->known = true;
	return seg_columns_print(table);
}

int seg_view_sessions(const struct seg_view *view, const json_t *sessions)
{
	struct seg_session_widths widths = {0};

	if (json_array_size(sessions))
		return seg_view_session_rows(view, sessions, &widths);
	fputs("no sessions\n", view->to);
	return 0;
}
