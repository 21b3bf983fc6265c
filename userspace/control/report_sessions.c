/* SPDX-License-Identifier: BSD-2-Clause */
/* report_sessions.c - GET /v1/sessions: a row a live session, streamed. */
#include <arpa/inet.h>
#include <string.h>

#include "age.h"
#include "clock.h"
#include "keeper.h"
#include "server.h"
#include "session.h"
#include "table_reap.h"
#include "words.h"

#define ROW_MAX 1024

static const char *address(const struct seg_key *key, unsigned int end, char to[INET6_ADDRSTRLEN])
{
	const __be32 *words = key->addr[end];

	if (key->family == 4)
		return inet_ntop(AF_INET, &words[3], to, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, words, to, INET6_ADDRSTRLEN);
}

static const char *iface_name(const struct seg_keeper *keeper, const struct seg_session *session)
{
	uint32_t index = session->iface[0] ? session->iface[0] : session->iface[1];

	if (!index || index > SEG_IFACES_MAX || !keeper->ifaces[index - 1])
		return "-";
	return keeper->ifaces[index - 1]->link.name;
}

static json_t *count(const struct seg_keeper *keeper, const struct seg_session *session,
		     uint32_t slot, unsigned int direction)
{
	struct seg_count total = seg_account_total(&keeper->account, session, slot, direction);

	return json_pack("{s:I, s:I}", "packets", (json_int_t)total.packets, "bytes",
			 (json_int_t)total.bytes);
}

static json_t *row(const struct seg_keeper *keeper, uint32_t slot, uint32_t now)
{
	struct seg_session *session = &keeper->tables.table.slots[slot];
	const struct seg_defaults *policy = seg_image_defaults(keeper->book.image);
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], proto[SEG_PROTO_WORD_MAX];
	uint64_t state = seg_load(&session->state);
	uint8_t l4 = seg_state_l4(state),
		verdict = seg_verdict_now(session, keeper->book.generation);
	unsigned int who = seg_state_originator(state);
	const struct seg_key *key = &session->key;
	uint32_t entry;

	if (seg_state_life(state) != SEG_LIFE_LIVE)
		return NULL;
	return json_pack(
		"{s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:s}", "proto",
		seg_proto_word(key->proto, proto), "src", address(key, who, from), "sport",
		ntohs(key->port[who]), "dst", address(key, !who, to), "dport",
		ntohs(key->port[!who]), "verdict", seg_verdict_word(verdict), "rule",
		seg_session_rule(session, &keeper->book, &entry)
			? seg_rulebook_id(&keeper->book, entry)
			: "-",
		"state", seg_state_word(l4), "orig", count(keeper, session, slot, who), "reply",
		count(keeper, session, slot, !who), "age_s",
		(json_int_t)(seg_clock_since(seg_gate_created(seg_load(&session->gate)), now) /
			     SEG_NS_PER_S),
		"expires_s",
		(json_int_t)(seg_age_left(policy, key->proto, state, now) / SEG_NS_PER_S), "iface",
		iface_name(keeper, session));
}

/* One row, or none if the session is gone by now. */
static size_t print_row(struct seg_stream *stream, uint32_t slot, char *to, uint32_t now)
{
	json_auto_t *json = row(stream->keeper, slot, now);
	size_t n = 0;

	if (!json)
		return 0;
	if (stream->begun)
		to[n++] = ',';
	stream->begun = true;
	return n + json_dumpb(json, to + n, ROW_MAX - 2, JSON_COMPACT);
}

static size_t print_rows(struct seg_stream *stream, char *to, size_t size)
{
	const struct seg_keeper *keeper = stream->keeper;
	uint32_t now = seg_clock_tick(seg_clock_now());
	size_t used = 0;

	while (stream->position != SEG_SLOT_NONE && used + ROW_MAX <= size) {
		if (!keeper->open)
			stream->position = SEG_SLOT_NONE;
		else
			stream->position = seg_table_next(&keeper->tables.table, stream->position);
		if (stream->position != SEG_SLOT_NONE)
			used += print_row(stream, stream->position++, to + used, now);
	}
	return used;
}

size_t seg_report_sessions(struct seg_stream *stream, char *to, size_t size)
{
	size_t used = 0;

	if (stream->ended || size < ROW_MAX + 2)
		return 0;
	if (!stream->position && !stream->begun)
		to[used++] = '[';
	used += print_rows(stream, to + used, size - used - 1);
	if (stream->position == SEG_SLOT_NONE) {
		to[used++] = ']';
		stream->ended = true;
	}
	return used;
}
