/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_sessions.c - /v1/sessions: a line a live session, streamed. GET: all of them;
 * POST {"filter", "sort", "limit", "form"}: those that are meant, in order.
 *
 * Nothing is held but where it is. An order needs all that are meant at once: 16
 * bytes each, then they are looked at again as they are printed. Between two pieces
 * the keeper does its other work, so a piece that finds nothing ends too, as an empty line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "server.h"
#include "session_row.h"
#include "sessions.h"
#include "table_reap.h"

#define SLICE     65536
#define LIMIT_MAX UINT32_MAX

/* A session that is meant, and its place in the order. */
struct ranked {
	uint64_t rank;
	uint32_t slot;
	uint32_t incarnation;
};

struct listing {
	struct seg_session_filter filter;
	const struct form *form;
	seg_session_sort sort; /* NULL: as they come */
	uint64_t limit;
	uint64_t printed;
	uint32_t position; /* slot, or SEG_SLOT_NONE */
	struct ranked *ranked;
	size_t ranked_n, ranked_max, ranked_next;
	bool begun, ended;
};

/* --- how it is written --------------------------------------------------------------------------
 */

struct form {
	const char *name, *type;
	const char *begin, *between, *end; /* of the list; rows are on lines of their own */
	char *(*put)(char *to, const struct seg_session_facts *facts);
};

static const struct form FORMS[] = {
	{"json", SEG_TYPE_JSON, "[", ",\n", "\n]\n", seg_row_put_json},
	{"tabbed", "text/tab-separated-values", "", "\n", "\n", seg_row_put_tabbed},
};

static const struct form *form_find(const char *name)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(FORMS); i++)
		if (strcmp(name, FORMS[i].name) == 0)
			return &FORMS[i];
	return NULL;
}

static char *put_session(struct listing *listing, char *to, const struct seg_session_facts *facts)
{
	to = stpcpy(to, listing->printed++ ? listing->form->between : "\n");
	return listing->form->put(to, facts);
}

/* --- as they come ---------------------------------------------------------------------------- */

/* The next slot in use, within a slice that ends at `end`; SEG_SLOT_NONE: no more in the table. */
static bool next_slot(const struct seg_keeper *keeper, struct listing *listing, uint32_t end)
{
	listing->position = seg_table_next(&keeper->tables.table, listing->position);
	return listing->position != SEG_SLOT_NONE && listing->position < end;
}

static bool is_meant(const struct seg_keeper *keeper, const struct listing *listing, uint32_t slot,
		     uint32_t now, struct seg_session_facts *facts)
{
	return seg_sessions_look(keeper, slot, now, facts) &&
	       seg_session_filter_matches(&listing->filter, facts);
}

static char *put_found(const struct seg_keeper *keeper, struct listing *listing, char *to,
		       const char *stop)
{
	uint32_t now = seg_clock_tick(seg_clock_now()), end = listing->position + SLICE;
	struct seg_session_facts facts;

	while (to + SEG_ROW_MAX <= stop && listing->printed < listing->limit &&
	       next_slot(keeper, listing, end))
		if (is_meant(keeper, listing, listing->position++, now, &facts))
			to = put_session(listing, to, &facts);
	if (listing->printed == listing->limit)
		listing->position = SEG_SLOT_NONE;
	listing->ended = listing->position == SEG_SLOT_NONE;
	return to;
}

/* --- in order -------------------------------------------------------------------------------- */

static bool make_room(struct listing *listing)
{
	size_t max = listing->ranked_max ? 2 * listing->ranked_max : 1024;
	struct ranked *more;

	if (listing->ranked_n < listing->ranked_max)
		return true;
	more = reallocarray(listing->ranked, max, sizeof(*more));
	if (!more)
		return false;
	listing->ranked = more;
	listing->ranked_max = max;
	return true;
}

static uint32_t incarnation_of(const struct seg_keeper *keeper, uint32_t slot)
{
	return seg_state_incarnation(seg_load(&keeper->tables.table.slots[slot].state));
}

static int by_rank(const void *one, const void *other)
{
	const struct ranked *a = one, *b = other;

	return a->rank == b->rank ? (a->slot > b->slot) - (a->slot < b->slot)
				  : (a->rank < b->rank) - (a->rank > b->rank);
}

/* False: no memory. */
static bool collect(const struct seg_keeper *keeper, struct listing *listing)
{
	uint32_t now = seg_clock_tick(seg_clock_now()), end = listing->position + SLICE;
	struct seg_session_facts facts;

	while (next_slot(keeper, listing, end)) {
		uint32_t slot = listing->position++;

		if (!is_meant(keeper, listing, slot, now, &facts))
			continue;
		if (!make_room(listing))
			return false;
		listing->ranked[listing->ranked_n++] =
			(struct ranked){listing->sort(&facts), slot, incarnation_of(keeper, slot)};
	}
	if (listing->position == SEG_SLOT_NONE && listing->ranked_n)
		qsort(listing->ranked, listing->ranked_n, sizeof(*listing->ranked), by_rank);
	return true;
}

/* Those that ended since they were ranked are left out. */
static char *put_ranked(const struct seg_keeper *keeper, struct listing *listing, char *to,
			const char *stop)
{
	uint32_t now = seg_clock_tick(seg_clock_now());
	uint64_t slots = (uint64_t)keeper->tables.table.buckets * SEG_BUCKET_SLOTS;
	struct seg_session_facts facts;

	for (; to + SEG_ROW_MAX <= stop && listing->ranked_next < listing->ranked_n &&
	       listing->printed < listing->limit;
	     listing->ranked_next++) {
		const struct ranked *next = &listing->ranked[listing->ranked_next];

		if (next->slot < slots && incarnation_of(keeper, next->slot) == next->incarnation &&
		    seg_sessions_look(keeper, next->slot, now, &facts))
			to = put_session(listing, to, &facts);
	}
	listing->ended =
		listing->ranked_next == listing->ranked_n || listing->printed == listing->limit;
	return to;
}

/* --- the stream ------------------------------------------------------------------------------ */

static char *put_rows(const struct seg_keeper *keeper, struct listing *listing, char *to,
		      const char *stop)
{
	if (!keeper->open) {
		listing->ended = true;
		return to;
	}
	if (!listing->sort)
		return put_found(keeper, listing, to, stop);
	if (listing->position == SEG_SLOT_NONE)
		return put_ranked(keeper, listing, to, stop);
	return collect(keeper, listing) ? to : NULL;
}

static ssize_t piece(struct seg_stream *stream, char *to, size_t size)
{
	struct listing *listing = stream->data;
	char *at = to;

	if (listing->ended && listing->begun)
		return 0;
	if (size < SEG_ROW_MAX + 8)
		return -ENOBUFS;
	if (!listing->begun)
		at = stpcpy(at, listing->form->begin);
	listing->begun = true;
	at = put_rows(stream->keeper, listing, at, to + size - 4);
	if (!at)
		return -ENOMEM;
	if (listing->ended)
		at = stpcpy(at, listing->form->end);
	else if (at == to)
		at = stpcpy(at, "\n");
	return at - to;
}

static void close_listing(struct seg_stream *stream)
{
	struct listing *listing = stream->data;

	seg_session_filter_close(&listing->filter);
	free(listing->ranked);
	free(listing);
}

static int read_form(const json_t *body, struct seg_stream *stream, struct seg_error *err)
{
	const json_t *asked = json_object_get(body, "form");
	const char *name = asked ? json_string_value(asked) : FORMS[0].name;
	const struct form *form = name ? form_find(name) : NULL;
	struct listing *listing = stream->data;

	if (!form)
		return seg_request_usage("sessions list", "'form' is json or tabbed", err);
	listing->form = form;
	stream->type = form->type;
	return 0;
}

static int read_order(const json_t *body, struct listing *listing, struct seg_error *err)
{
	const json_t *sort = json_object_get(body, "sort"), *limit = json_object_get(body, "limit");

	listing->limit = UINT64_MAX;
	listing->sort = seg_session_sort_find(json_string_value(sort));
	if (sort && !listing->sort)
		return seg_request_usage("sessions list", "'sort' is one of " SEG_SESSION_SORTS,
					 err);
	if (limit && (json_integer_value(limit) < 1 || json_integer_value(limit) > LIMIT_MAX))
		return seg_request_usage("sessions list", "'limit' is a number from 1 on", err);
	if (limit)
		listing->limit = (uint64_t)json_integer_value(limit);
	return 0;
}

int seg_report_sessions(struct seg_keeper *keeper, const json_t *body, struct seg_stream *stream,
			struct seg_error *err)
{
	static const char *const known[] = {"filter", "sort", "limit", "form", NULL};
	struct listing *listing = calloc(1, sizeof(*listing));
	int r;

	if (!listing)
		return seg_error_set(err, ENOMEM, "out of memory");
	*stream = (struct seg_stream){keeper, piece, close_listing, listing, NULL};
	r = seg_request_keys(body, "sessions list", known, err);
	if (!r)
		r = seg_sessions_filter(keeper, body, &listing->filter, err);
	if (!r)
		r = read_form(body, stream, err);
	if (!r)
		r = read_order(body, listing, err);
	if (r)
		close_listing(stream);
	return r;
}
