/* SPDX-License-Identifier: BSD-2-Clause */
/* stats_table.c - counters as tables, with what was counted a second if that is known. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "columns.h"
#include "humanise.h"
#include "view.h"

#define HEADING_MAX 32
#define COLUMNS_MAX 16

/* A counter is a number of packets, or {"packets", "bytes"}. */
static uint64_t packets_of(const json_t *count)
{
	return json_is_object(count) ? seg_view_number(count, "packets")
				     : (uint64_t)json_integer_value(count);
}

/* Any scalar as a cell: numbers humanised. */
static void set_cell(struct libscols_line *row, size_t column, const json_t *value)
{
	char text[SEG_HUMAN_MAX];

	if (json_is_integer(value))
		seg_columns_set(row, column, "%s",
				seg_human_count((uint64_t)json_integer_value(value), text));
	else if (json_is_boolean(value))
		seg_columns_set(row, column, "%s", json_is_true(value) ? "yes" : "no");
	else
		seg_columns_set(row, column, "%s",
				json_is_string(value) ? json_string_value(value) : "-");
}

/* A rate as a cell. */
static void set_rate(struct libscols_line *row, size_t column, const json_t *rate)
{
	char text[SEG_HUMAN_MAX];

	seg_columns_set(row, column, "%s",
			rate ? seg_human_rate(json_real_value(rate), text) : "-");
}

static void set_rates(struct libscols_line *row, size_t column, const json_t *rates)
{
	set_rate(row, column, json_object_get(rates, "packets"));
	set_rate(row, column + 1, json_object_get(rates, "bytes"));
}

/*
 * A group of counters, named in its first row; those of 0 are left out unless
 * all are asked for, those of `others` always.
 */
static void add_counts(const struct seg_view *view, struct libscols_table *table, const char *group,
		       json_t *counts, const json_t *others, const json_t *rates)
{
	const char *name;
	json_t *count;

	json_object_foreach (counts, name, count) {
		struct libscols_line *row;
		char text[SEG_HUMAN_MAX];

		if ((!packets_of(count) && !view->all) || json_object_get(others, name))
			continue;
		row = seg_columns_row(table, seg_view_colour(name));
		seg_columns_set(row, 0, "%s", group);
		seg_columns_set(row, 1, "%s", name);
		seg_columns_set(row, 2, "%s", seg_human_count(packets_of(count), text));
		set_cell(row, 3, json_object_get(count, "bytes"));
		if (rates)
			set_rates(row, 4, json_object_get(rates, name));
		group = "";
	}
}

/* `rates`: of this interface; NULL: none are known. */
static int print_counts(const struct seg_view *view, const json_t *iface, const json_t *rates)
{
	static const struct seg_column COLUMNS[] = {{"BY", false},       {"", false},
						    {"PACKETS", true},   {"BYTES", true},
						    {"PACKETS/S", true}, {"BYTES/S", true}};
	static const struct {
		const char *name, *key;
	} GROUPS[] = {{"verdict", "verdicts"},
		      {"path", "paths"},
		      {"reason", "reasons"},
		      {"loss", "losses"}};
	const json_t *losses = json_object_get(iface, "losses");
	struct libscols_table *table = seg_columns_new(
		COLUMNS, SEG_ARRAY_SIZE(COLUMNS) - (rates ? 0 : 2), view->to, view->colour);

	for (size_t i = 0; i < SEG_ARRAY_SIZE(GROUPS); i++) {
		json_t *counts = json_object_get(iface, GROUPS[i].key);

		add_counts(view, table, GROUPS[i].name, counts, counts == losses ? NULL : losses,
			   json_object_get(rates, GROUPS[i].key));
	}
	return seg_columns_print(table);
}

/* "frames_lost" as the heading "FRAMES LOST". */
static const char *heading_of(const char *key, char *to)
{
	size_t i;

	for (i = 0; key[i] && i < HEADING_MAX - 1; i++)
		to[i] = key[i] == '_' ? ' ' : (char)toupper((unsigned char)key[i]);
	to[i] = '\0';
	return to;
}

/* A table whose columns are the first row's scalar members. */
struct grid {
	const char *keys[COLUMNS_MAX];
	char headings[COLUMNS_MAX][HEADING_MAX];
	struct seg_column columns[COLUMNS_MAX + 3];
	size_t n;
	size_t all; /* with the first one, and those for rates */
};

static void grid_make(struct grid *grid, const char *first, json_t *row, bool rates)
{
	const char *key;
	json_t *value;

	*grid = (struct grid){.columns = {{first, false}}};
	json_object_foreach (row, key, value) {
		if (grid->n == COLUMNS_MAX || json_is_object(value) || json_is_array(value))
			continue;
		grid->keys[grid->n] = key;
		grid->columns[grid->n + 1].name = heading_of(key, grid->headings[grid->n]);
		grid->columns[grid->n + 1].number = json_is_number(value);
		grid->n++;
	}
	grid->all = grid->n + 1;
	if (!rates)
		return;
	grid->columns[grid->all++] = (struct seg_column){"PACKETS/S", true};
	grid->columns[grid->all++] = (struct seg_column){"BYTES/S", true};
}

static void grid_add(const struct grid *grid, struct libscols_table *table, const char *first,
		     const json_t *object, const json_t *rates)
{
	struct libscols_line *row = seg_columns_row(table, NULL);

	seg_columns_set(row, 0, "%s", first);
	for (size_t i = 0; i < grid->n; i++)
		set_cell(row, i + 1, json_object_get(object, grid->keys[i]));
	if (grid->all > grid->n + 1)
		set_rates(row, grid->n + 1, rates);
}

/* A rule's name is cut where a terminal is narrow. */
static const unsigned char NARROW[] = {SEG_COLUMN_CUT | 0};

static int print_rules(const struct seg_view *view, json_t *rules, const json_t *rates)
{
	void *first = json_object_iter(rules);
	struct libscols_table *table;
	struct grid grid;
	const char *id;
	json_t *rule;

	if (!first)
		return 0;
	grid_make(&grid, "RULE", json_object_iter_value(first), rates != NULL);
	table = seg_columns_new(grid.columns, grid.all, view->to, view->colour);
	json_object_foreach (rules, id, rule)
		grid_add(&grid, table, id, rule, json_object_get(rates, id));
	seg_columns_fit(table, view->width, NARROW, SEG_ARRAY_SIZE(NARROW));
	fputc('\n', view->to);
	return seg_columns_print(table);
}

static int print_queues(const struct seg_view *view, const json_t *queues)
{
	struct libscols_table *table;
	struct grid grid;
	json_t *queue;
	size_t i;

	if (!json_array_size(queues))
		return 0;
	grid_make(&grid, "SLOW PATH", json_array_get(queues, 0), false);
	table = seg_columns_new(grid.columns, grid.all, view->to, view->colour);
	json_array_foreach (queues, i, queue)
		grid_add(&grid, table, "", queue, NULL);
	return seg_columns_print(table);
}

static void print_interface_rates(const struct seg_view *view, const json_t *rates)
{
	char packets[SEG_HUMAN_MAX], bytes[SEG_HUMAN_MAX];

	if (json_object_get(rates, "packets"))
		fprintf(view->to, "; %s packets/s, %s bytes/s",
			seg_human_rate(json_real_value(json_object_get(rates, "packets")), packets),
			seg_human_rate(json_real_value(json_object_get(rates, "bytes")), bytes));
	fputc('\n', view->to);
}

/* What came by one way. */
static int print_traffic(const struct seg_view *view, const char *title, const json_t *traffic,
			 const json_t *rates)
{
	char packets[SEG_HUMAN_MAX], bytes[SEG_HUMAN_MAX];

	fprintf(view->to, "\n%s, %s packets, %s bytes", title,
		seg_human_count(seg_view_number(traffic, "packets"), packets),
		seg_human_count(seg_view_number(traffic, "bytes"), bytes));
	print_interface_rates(view, rates);
	return print_counts(view, traffic, rates);
}

static int print_interface(const struct seg_view *view, const char *name, const json_t *iface,
			   const json_t *rates)
{
	const json_t *egress = json_object_get(iface, "egress");
	char title[64];
	int r;

	snprintf(title, sizeof(title), "%s: %s", name, seg_view_text(iface, "mode"));
	r = print_traffic(view, title, iface, rates);
	snprintf(title, sizeof(title), "%s: leaving", name);
	if (!r && (seg_view_number(egress, "packets") || (egress && view->all)))
		r = print_traffic(view, title, egress, json_object_get(rates, "egress"));
	return r ? r : print_queues(view, json_object_get(iface, "queues"));
}

static void print_head(const struct seg_view *view, const json_t *stats)
{
	const json_t *sessions = json_object_get(stats, "sessions");
	char up[SEG_HUMAN_MAX], numbers[4][SEG_HUMAN_MAX];

	fprintf(view->to, "up %s, policy generation %" PRIu64 "\n",
		seg_human_seconds(seg_view_number(stats, "uptime_s"), up),
		seg_view_number(stats, "generation"));
	if (json_is_true(json_object_get(stats, "observe")))
		fputs("only observing: everything passes, what is denied here would be if the "
		      "policy "
		      "were enforced\n",
		      view->to);
	fprintf(view->to, "sessions: %s established, %s half-open, %s denied, of %s at most\n",
		seg_human_count(seg_view_number(sessions, "established"), numbers[0]),
		seg_human_count(seg_view_number(sessions, "half_open"), numbers[1]),
		seg_human_count(seg_view_number(sessions, "denied"), numbers[2]),
		seg_human_count(seg_view_number(sessions, "max"), numbers[3]));
}

int seg_view_stats(const struct seg_view *view, const json_t *stats)
{
	json_t *interfaces = json_object_get(stats, "interfaces"), *iface;
	const json_t *rates = json_object_get(stats, "rates");
	const char *name;
	int r = 0;

	print_head(view, stats);
	json_object_foreach (interfaces, name, iface) {
		r = print_interface(view, name, iface,
				    json_object_get(json_object_get(rates, "interfaces"), name));
		if (r)
			return r;
	}
	return print_rules(view, json_object_get(stats, "rules"), json_object_get(rates, "rules"));
}
