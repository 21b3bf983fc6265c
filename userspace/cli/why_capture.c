/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "columns.h"
#include "datagrams.h"
#include "explain.h"
#include "frame.h"
#include "view.h"
#include "why.h"
#include "words.h"

/* --- the flows that were met ---------------------------------------------------- */

struct name {
	struct seg_key key;
	uint16_t vlan[2];
};

struct met {
	struct name name;
	bool judged; /* the rules were asked; else it was refused as what begins no flow */
	UT_hash_handle hh;
};

struct walk {
	struct seg_question *question;
	uint64_t begun, now; /* ns: the first packet's, and the latest's: a clock never goes back */
	uint8_t *frame;
	struct libscols_table *table; /* NULL: JSON */
	struct met *met;
	struct seg_datagrams *datagrams;
};

static struct name name_of(const struct seg_first_packet *first)
{
	struct name name = {.key = first->key};

	memcpy(name.vlan, first->flow.vlan, sizeof(name.vlan));
	return name;
}

/* Without memory a flow is explained more than once. */
static void remember(struct walk *w, const struct name *name, bool judged)
{
	struct met *met = calloc(1, sizeof(*met));

	if (!met)
		return;
	met->name = *name;
	met->judged = judged;
	HASH_ADD(hh, w->met, name, sizeof(met->name), met);
}

static void forget(struct walk *w)
{
	struct met *met, *next;

	HASH_ITER (hh, w->met, met, next) {
		HASH_DEL(w->met, met);
		free(met);
	}
}

/* It begins a flow, or is denied as what does not; an ICMP error belongs to a known flow. */
static bool has_news(struct walk *w, const struct seg_first_packet *first)
{
	struct name name = name_of(first);
	struct met *met;

	if (!first->keyed)
		return SEG_REASON_ROWS[first->reason].verdict != SEG_VERDICT_ALLOW;
	HASH_FIND(hh, w->met, &name, sizeof(name), met);
	if (first->error || (met && (met->judged || !first->judged)))
		return !met;
	if (met)
		met->judged = true;
	else
		remember(w, &name, first->judged);
	return true;
}

/* --- shown ------------------------------------------------------------------------ */

static const struct seg_column COLUMNS[] = {
	{"PACKET", true}, {"VERDICT", false}, {"RULE", false},
	{"PATH", false},  {"REASON", false},  {"FLOW", false},
};

static void add_row(struct libscols_table *table, uint32_t number, const json_t *why)
{
	static const char *const KEYS[] = {"verdict", "rule", "path", "reason", "flow"};
	struct libscols_line *row =
		seg_columns_row(table, seg_view_colour(seg_view_text(why, "verdict")));

	seg_columns_set(row, 0, "%" PRIu32, number);
	for (size_t i = 0; i < SEG_ARRAY_SIZE(KEYS); i++)
		seg_columns_set(row, i + 1, "%s", seg_view_text(why, KEYS[i]));
}

static int show(struct walk *w, uint32_t number, const json_t *why)
{
	json_auto_t *line = NULL;

	if (w->table) {
		add_row(w->table, number, why);
		return 0;
	}
	line = json_pack("{s:i}", "n", (int)number);
	json_object_update(line, (json_t *)why);
	return json_dumpf(line, stdout, JSON_COMPACT) || putchar('\n') == EOF ? -EIO : 0;
}

static int tell(struct walk *w, uint32_t number, const struct seg_first_packet *first)
{
	json_auto_t *why = NULL;

	if (!has_news(w, first))
		return 0;
	why = seg_explain(w->question->policy, w->question->name, first);
	return show(w, number, why);
}

static int tell_whole(void *to, uint32_t number, const uint8_t *datagram, uint32_t size,
		      const uint16_t vlan[2])
{
	struct walk *w = to;
	struct seg_first_packet first;

	seg_question_read_whole(w->question, datagram, size, vlan, &first);
	return tell(w, number, &first);
}

static int tell_refused(void *to, const struct seg_fragment_packet *packet, int reason)
{
	struct walk *w = to;
	struct seg_first_packet first;

	seg_question_read(w->question, packet->frame, packet->size, &first);
	first.reason = reason;
	return tell(w, packet->number, &first);
}

static int gather(struct walk *w, const struct seg_capture_packet *packet, uint32_t size)
{
	const struct seg_fragment_packet fragment = {packet->number, packet->length < size, size,
						     w->frame};

	return seg_datagrams_add(w->datagrams, &fragment, w->now);
}

static int look_at(struct walk *w, const struct seg_capture_packet *packet)
{
	struct seg_question *q = w->question;
	uint32_t size = seg_frame_lay_out(w->frame, packet);
	struct seg_first_packet first;
	int r;

	if (packet->time > w->now)
		w->now = packet->time;
	q->rules.pickup = w->now - w->begun < q->pickup_ns;
	r = seg_datagrams_expire(w->datagrams, w->now);
	if (r)
		return r;
	seg_question_read(q, w->frame, size, &first);
	if (first.reason == SEG_REASON_FRAGMENT && !seg_explain_unknown_vlan(q->policy, &first))
		return gather(w, packet, size);
	return tell(w, packet->number, &first);
}

/* 0 at the end; -EIO: what is explained cannot be printed; -ENOMEM. */
static int look_at_all(struct walk *w, struct seg_capture *capture, struct seg_error *err)
{
	struct seg_capture_packet packet;
	int r, failed = 0;

	while (!failed && (r = seg_capture_next(capture, &packet, err)) > 0) {
		if (packet.number == 1)
			w->begun = w->now = packet.time;
		failed = look_at(w, &packet);
	}
	if (!failed)
		failed = seg_datagrams_expire(w->datagrams, UINT64_MAX);
	return failed ? seg_error_set(err, -failed, "cannot explain packet %" PRIu32 ": %s",
				      packet.number, strerror(-failed))
		      : r;
}

static int walk(struct walk *w, struct seg_capture *capture, struct seg_error *err)
{
	const struct seg_datagrams_told told = {tell_whole, tell_refused, w};
	int r;

	w->frame = malloc(SEG_REPLAY_FRAME_MAX);
	w->datagrams = seg_datagrams_new(&told, w->question->rules.vlans);
	r = w->frame && w->datagrams ? look_at_all(w, capture, err)
				     : seg_error_set(err, ENOMEM, "out of memory");
	seg_datagrams_free(w->datagrams);
	free(w->frame);
	forget(w);
	return r;
}

int seg_why_capture(struct seg_question *question, struct seg_capture *capture,
		    struct seg_error *err)
{
	const struct seg_cli *cli = question->cli;
	struct walk w = {.question = question};
	int r, printed = 0;

	question->rules.checksums = true;
	question->rules.two_sided = true;
	if (!cli->global.json)
		w.table = seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), stdout, cli->colour);
	r = walk(&w, capture, err);
	if (w.table)
		printed = seg_columns_print(w.table);
	return printed && !r ? seg_error_set(err, EIO, "cannot print") : r;
}
