/* SPDX-License-Identifier: BSD-2-Clause */
#include "session_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "columns.h"
#include "humanise.h"
#include "session_row.h"

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

_Static_assert(IFACE + 1 == SEG_SESSION_COLUMNS, "session_table.h counts the columns");

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
static const char *endpoint(const char *const *field, enum seg_row_field address,
			    enum seg_row_field port, char *to)
{
	bool six = strchr(field[address], ':') != NULL;
	char *at = to;

	if (strcmp(field[port], "0") == 0 || strncmp(field[SEG_ROW_PROTO], "icmp", 4) == 0)
		return field[address];
	at = stpcpy(stpcpy(at, six ? "[" : ""), field[address]);
	stpcpy(stpcpy(at, six ? "]:" : ":"), field[port]);
	return to;
}

/* What a row says. */
struct cells {
	const char *text[SEG_SESSION_COLUMNS];
	char source[ENDPOINT_MAX], destination[ENDPOINT_MAX];
	char number[SEG_SESSION_COLUMNS][SEG_HUMAN_MAX];
};

/* Columns that are a number for people. */
static const struct {
	unsigned char column;
	enum seg_row_field field;
	const char *(*print)(uint64_t number, char *to);
} NUMBERS[] = {
	{SENT, SEG_ROW_ORIG_PACKETS, seg_human_count},
	{SENT_BYTES, SEG_ROW_ORIG_BYTES, seg_human_count},
	{REPLIED, SEG_ROW_REPLY_PACKETS, seg_human_count},
	{REPLIED_BYTES, SEG_ROW_REPLY_BYTES, seg_human_count},
	{AGE, SEG_ROW_AGE, seg_human_seconds},
	{IDLE, SEG_ROW_IDLE, seg_human_seconds},
	{EXPIRES, SEG_ROW_EXPIRES, seg_human_seconds},
};

static void set_cells(struct cells *cells, const char *const *field)
{
	cells->text[PROTO] = field[SEG_ROW_PROTO];
	cells->text[STATE] = field[SEG_ROW_STATE];
	cells->text[SOURCE] = endpoint(field, SEG_ROW_SRC, SEG_ROW_SPORT, cells->source);
	cells->text[DESTINATION] = endpoint(field, SEG_ROW_DST, SEG_ROW_DPORT, cells->destination);
	cells->text[VERDICT] = field[SEG_ROW_VERDICT];
	cells->text[RULE] = field[SEG_ROW_RULE];
	cells->text[IFACE] = field[SEG_ROW_IFACE];
	for (size_t i = 0; i < SEG_ARRAY_SIZE(NUMBERS); i++) {
		size_t column = NUMBERS[i].column;
		uint64_t number = strtoull(field[NUMBERS[i].field], NULL, 10);

		cells->text[column] = NUMBERS[i].print(number, cells->number[column]);
	}
}

/* Each end in a column, or one below the other. */
static void add_session(struct libscols_table *table, const char *const *field, bool stacked)
{
	struct libscols_line *row = seg_columns_row(table, seg_view_colour(field[SEG_ROW_VERDICT]));
	struct cells cells;

	set_cells(&cells, field);
	for (size_t i = 0; i < SEG_SESSION_COLUMNS; i++)
		if (!stacked || (i != SOURCE && i != DESTINATION))
			seg_columns_set(row, i, "%s", cells.text[i]);
	if (stacked)
		seg_columns_set(row, SOURCE, "%s\n> %s", cells.text[SOURCE],
				cells.text[DESTINATION]);
}

static struct libscols_table *make_table(const struct seg_view *view,
					 const struct seg_session_lines *lines, bool stacked)
{
	struct libscols_table *table =
		seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	const char *field[SEG_ROW_FIELDS], *next = lines->text.item;

	if (stacked) {
		scols_column_set_flags(scols_table_get_column(table, DESTINATION), SCOLS_FL_HIDDEN);
		seg_columns_stack(table, SOURCE);
	}
	for (uint32_t i = 0; i < lines->n; i++) {
		next = seg_row_fields(next, field);
		add_session(table, field, stacked);
	}
	return table;
}

/* Where a terminal is too narrow for two IPv6 addresses, they stand one below the other. */
static struct libscols_table *fitting_table(const struct seg_view *view,
					    const struct seg_session_lines *lines)
{
	struct libscols_table *table = make_table(view, lines, false);

	if (seg_columns_fit(table, view->width, HIDE, SEG_ARRAY_SIZE(HIDE)))
		return table;
	scols_unref_table(table);
	table = make_table(view, lines, true);
	seg_columns_fit(table, view->width, HIDE, SEG_ARRAY_SIZE(HIDE));
	return table;
}

/* --- straight to a pipe -------------------------------------------------------------- */

/* A row's cells as bytes and columns of a terminal. */
struct extents {
	size_t bytes[SEG_SESSION_COLUMNS], width[SEG_SESSION_COLUMNS];
	size_t all; /* bytes of the row, blanks and newline included */
};

static void measure(struct extents *extents, const struct cells *cells,
		    struct seg_session_widths *widths)
{
	extents->all = 0;
	for (size_t i = 0; i < SEG_SESSION_COLUMNS; i++) {
		extents->bytes[i] = strlen(cells->text[i]);
		extents->width[i] = seg_columns_text_width(cells->text[i]);
		if (extents->width[i] > widths->of[i])
			widths->of[i] = extents->width[i];
		extents->all += extents->bytes[i] + widths->of[i] - extents->width[i] + 1;
	}
}

static char *put_blanks(char *to, size_t n)
{
	memset(to, ' ', n);
	return to + n;
}

/* No blanks at the end of the line, where a name is. */
static char *put_row(char *to, const struct cells *cells, const struct extents *extents,
		     const struct seg_session_widths *widths)
{
	for (size_t i = 0; i < SEG_SESSION_COLUMNS; i++) {
		size_t blanks = widths->of[i] - extents->width[i];

		to = put_blanks(to, COLUMNS[i].number ? blanks : 0);
		to = mempcpy(to, cells->text[i], extents->bytes[i]);
		to = put_blanks(to, i == IFACE ? 0 : 1 + (COLUMNS[i].number ? 0 : blanks));
	}
	*to = '\n';
	return to + 1;
}

/* A library's table costs 20 us a row: half a minute for what a busy gateway has. */
static int print_rows(FILE *to, const struct seg_session_lines *lines,
		      struct seg_session_widths *widths)
{
	const char *field[SEG_ROW_FIELDS], *next = lines->text.item;
	SEG_VECTOR(char) text = {0};
	struct extents extents;
	struct cells cells;
	int r = 0;

	for (uint32_t i = 0; i < lines->n && !r; i++) {
		next = seg_row_fields(next, field);
		set_cells(&cells, field);
		measure(&extents, &cells, widths);
		r = extents.all > UINT32_MAX ? -EFBIG : SEG_ROOM(&text, (uint32_t)extents.all);
		if (!r && text.item) /* there is a newline, at least */
			text.n = (uint32_t)(put_row(text.item + text.n, &cells, &extents, widths) -
					    text.item);
	}
	if (!r && text.n && fwrite(text.item, 1, text.n, to) != text.n)
		r = -EIO;
	free(text.item);
	return r;
}

/* --- lines, however shown --------------------------------------------------------------- */

int seg_session_lines_add(struct seg_session_lines *lines, char *line, size_t len)
{
	if (!seg_row_split(line))
		return -EPROTO;
	if (len >= UINT32_MAX || SEG_ROOM(&lines->text, (uint32_t)len + 1))
		return -ENOMEM;
	memcpy(lines->text.item + lines->text.n, line, len + 1);
	lines->text.n += (uint32_t)len + 1;
	lines->n++;
	return 0;
}

void seg_session_lines_clear(struct seg_session_lines *lines)
{
	lines->text.n = lines->n = 0;
}

void seg_session_lines_free(struct seg_session_lines *lines)
{
	free(lines->text.item);
	*lines = (struct seg_session_lines){0};
}

int seg_view_session_rows(const struct seg_view *view, const struct seg_session_lines *lines,
			  struct seg_session_widths *widths)
{
	struct libscols_table *table;

	if (widths->known && !view->colour && !view->width)
		return print_rows(view->to, lines, widths);
	table = fitting_table(view, lines);
	for (size_t i = 0; i < SEG_SESSION_COLUMNS; i++)
		widths->of[i] = seg_columns_width(table, i);
	scols_table_enable_noheadings(table, widths->known);
	widths->known = true;
	return seg_columns_print(table);
}

int seg_view_sessions(const struct seg_view *view, const struct seg_session_lines *lines)
{
	struct seg_session_widths widths = {0};

	if (lines->n)
		return seg_view_session_rows(view, lines, &widths);
	fputs("no sessions\n", view->to);
	return 0;
}
