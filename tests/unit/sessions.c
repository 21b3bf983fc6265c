/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper's list of sessions in pieces, and an end to them, over a table in memory. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "cleanup.h"
#include "clock.h"
#include "json_text.h"
#include "policy.h"
#include "server.h"
#include "session.h"
#include "session_row.h"
#include "sessions.h"
#include "table_reap.h"
#include "text.h"

#define BUCKETS 12288
#define SLOTS   (BUCKETS * SEG_BUCKET_SLOTS)
#define SMALL   2100 /* a piece that has room for one row */

static struct seg_keeper keeper;
static struct seg_iface iface = {.link.name = "a\"b", .keeper = &keeper};
static int graces;

static int grace(struct seg_tables *tables)
{
	(void)tables;
	graces++;
	return 0;
}

static void begin(void)
{
	static const char TEXT[] = "version: 1\nname: x\nrules: [{id: one, action: allow}]\n";
	const struct seg_policy_file file = {"x", TEXT, strlen(TEXT)};
	struct seg_image *image = NULL;

	graces = 0;
	keeper = (struct seg_keeper){
		.tables.table = {calloc(BUCKETS, sizeof(struct seg_tags)),
				 calloc(SLOTS, sizeof(struct seg_session)), BUCKETS, 0},
		.tables.queues = calloc(SEG_QUEUES_MAX, sizeof(struct seg_queue)),
		.tables.quota = calloc(1, sizeof(struct seg_quota)),
		.book = {.entries = 2, .generation = 7},
		.clock.fd = -1,
		.open = true,
	};
	keeper.book.rules = calloc(2, sizeof(*keeper.book.rules));
	check_eq(seg_policy_compile(&file, NULL, &image, NULL), 0);
	keeper.book.image = image;
	check_eq(seg_account_open(&keeper.account, -1, SLOTS, NULL), 0);
	keeper.reaper =
		(struct seg_reaper){&keeper.tables, &keeper.account, &keeper.book, grace, 0, 0, 0};
	keeper.ifaces[0] = &iface;
}

static void end(void)
{
	free(keeper.tables.table.tags);
	free(keeper.tables.table.slots);
	free(keeper.tables.queues);
	free(keeper.tables.quota);
	free(keeper.book.rules);
	seg_image_free((struct seg_image *)keeper.book.image);
	seg_account_close(&keeper.account);
}

/* udp 10.0.0.n:1000 > 192.0.2.1:53, n packets of 100 bytes each way, by rule one. */
static struct seg_session *put(uint32_t slot, uint16_t n)
{
	struct seg_session *s = &keeper.tables.table.slots[slot];
	uint32_t now = seg_clock_tick(seg_clock_now() - SEG_NS_PER_S / 2);

	keeper.tables.table.tags[slot / SEG_BUCKET_SLOTS].word[slot % SEG_BUCKET_SLOTS / 8] |=
		1ull << slot % 8 * 8;
	s->key.family = 4;
	s->key.proto = IPPROTO_UDP;
	s->key.addr[0][2] = s->key.addr[1][2] = htonl(0xffff);
	s->key.addr[0][3] = htonl(0x0a000000u + n);
	s->key.addr[1][3] = htonl(0xc0000201);
	s->key.port[0] = htons(1000);
	s->key.port[1] = htons(53);
	s->state = seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING, 0, 1, now);
	s->verdict[1] = seg_verdict_make(SEG_VERDICT_ALLOW, 0, 7, 0);
	s->gate = SEG_GATE_OPEN | now;
	s->count[0] = s->count[1] = seg_count_pack(n, n * 100u);
	s->iface[0] = 1;
	keeper.tables.quota->class[SEG_CLASS_HALF_OPEN].used++;
	return s;
}

/* --- the list ----------------------------------------------------------------- */

struct stream {
	struct seg_stream stream;
	char text[1 << 20];
	size_t used;
	unsigned int pieces, empty;
};

static void open_list(struct stream *stream, const char *request)
{
	json_auto_t *body = json_loads(request, 0, NULL);

	check(body != NULL);
	*stream = (struct stream){.used = 0};
	check_eq(seg_report_sessions(&keeper, body, &stream->stream, NULL), 0);
}

static bool read_piece(struct stream *stream, size_t size)
{
	ssize_t n = stream->stream.piece(&stream->stream, stream->text + stream->used, size);

	check(n >= 0 && (size_t)n <= size);
	stream->pieces++;
	stream->empty += n == 1 && stream->text[stream->used] == '\n';
	stream->used += (size_t)n;
	return n > 0;
}

static void read_to_end(struct stream *stream, size_t size)
{
	while (read_piece(stream, size))
		;
	check(!read_piece(stream, size)); /* and it stays at its end */
	stream->stream.close(&stream->stream);
}

/* All that is left of it, as JSON. */
static json_t *rest_of(struct stream *stream, size_t size)
{
	json_t *json;

	read_to_end(stream, size);
	json = json_loadb(stream->text, stream->used, 0, NULL);
	check_that(json_is_array(json), "no JSON: %.*s", (int)stream->used, stream->text);
	return json;
}

static json_t *list(const char *request, size_t size)
{
	static struct stream stream;

	open_list(&stream, request);
	return rest_of(&stream, size);
}

static json_int_t packets(const json_t *rows, size_t i)
{
	return json_integer_value(
		json_object_get(json_object_get(json_array_get(rows, i), "orig"), "packets"));
}

TEST(list, is_json_however_it_is_cut)
{
	static const char ROW[] =
		"{\"proto\":\"udp\",\"src\":\"10.0.0.3\",\"sport\":1000,\"dst\":\"192.0.2.1\","
		"\"dport\":53,\"verdict\":\"allow\",\"rule\":\"one\",\"state\":\"opening\",\"orig\""
		":{\"packets\":3,\"bytes\":300},\"reply\":{\"packets\":3,\"bytes\":300},\"age_s\":0"
		",\"idle_s\":0,\"expires_s\":29,\"iface\":\"a\\\"b\"}";

	begin();
	for (size_t n = 0; n < 40; n++) {
		json_auto_t *small = list("{}", SMALL), *large = list("{}", SEG_PIECE_SIZE);

		check_eq(json_array_size(small), n);
		check(json_equal(small, large));
		put((uint32_t)(n * 97), (uint16_t)n);
	}
	json_auto_t *rows = list("{}", SMALL);
	json_auto_t *expected = json_loads(ROW, 0, NULL);

	check(json_equal(json_array_get(rows, 3), expected));
	end();
}

/* A number, or text, of a row in either form. */
static void check_field(const json_t *member, const char *field)
{
	char number[24];

	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(member));
	check_str_eq(field, json_is_string(member) ? json_string_value(member) : number);
}

/* The n-th member in JSON's order, that of "orig" and "reply" being their own members'. */
static void check_fields(const json_t *row, const char *const *field)
{
	const char *name;
	json_t *member, *count;

	json_object_foreach ((json_t *)row, name, member) {
		if (!json_is_object(member)) {
			check_field(member, *field++);
			continue;
		}
		json_object_foreach (member, name, count)
			check_field(count, *field++);
	}
}

TEST(list, is_the_same_between_tabs)
{
	static struct stream stream;
	const char *field[SEG_ROW_FIELDS];
	size_t i = 0;

	begin();
	for (size_t n = 0; n < 40; n++)
		put((uint32_t)(n * 97), (uint16_t)n);
	json_auto_t *rows = list("{}", SMALL);
	open_list(&stream, "{\"form\":\"tabbed\"}");
	read_to_end(&stream, SMALL);
	stream.text[stream.used] = '\0';
	for (char *line = strtok(stream.text, "\n"); line; line = strtok(NULL, "\n"), i++) {
		check(seg_row_split(line));
		seg_row_fields(line, field);
		check_fields(json_array_get(rows, i), field);
	}
	check_eq(i, 40);
	end();
}

/* The other end began: it is the source, and what it sent is "orig". */
TEST(list, the_source_is_who_began)
{
	static const char FILTER[] = "{\"filter\":{\"src\":[\"192.0.2.1\"],\"sport\":[\"53\"]}}";
	struct seg_session *s;

	begin();
	s = put(0, 3);
	s->state |= (uint64_t)SEG_SESSION_ORIGINATOR << SEG_STATE_FLAGS_SHIFT;
	s->count[0] = seg_count_pack(7, 700);
	json_auto_t *rows = list(FILTER, SMALL);

	check_eq(json_array_size(rows), 1);
	check_eq(packets(rows, 0), 3);
	check_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "dst")),
		     "10.0.0.3");
	end();
}

TEST(list, filters_and_limits)
{
	begin();
	for (uint16_t n = 0; n < 20; n++)
		put(n * 5u, n);
	json_auto_t *some = list("{\"filter\":{\"packets\":[\"20\"]}}", SMALL);
	json_auto_t *few = list("{\"filter\":{\"packets\":[\"20\"]},\"limit\":3}", SMALL);
	json_auto_t *none = list("{\"filter\":{\"dport\":[\"54\"]}}", SMALL);

	check_eq(json_array_size(some), 10); /* both ways together */
	check_eq(json_array_size(few), 3);
	json_auto_t *at_once = list("{\"limit\":3}", SEG_PIECE_SIZE);
	check_eq(json_array_size(at_once), 3);
	check_eq(json_array_size(none), 0);
	end();
}

TEST(list, is_sorted)
{
	static const uint16_t ORDER[] = {5, 900, 3, 77, 78, 1};

	begin();
	for (uint32_t i = 0; i < SEG_ARRAY_SIZE(ORDER); i++)
		put(i, ORDER[i]);
	json_auto_t *rows = list("{\"sort\":\"bytes\"}", SMALL);
	json_auto_t *first = list("{\"sort\":\"bytes\",\"limit\":2}", SMALL);

	check_eq(json_array_size(rows), 6);
	for (size_t i = 1; i < 6; i++)
		check(packets(rows, i - 1) > packets(rows, i));
	check_eq(json_array_size(first), 2);
	check_eq(packets(first, 1), 78);
	end();
}

/* Another tenant of a slot that was ranked is not the one that is meant. */
TEST(list, who_ended_meanwhile_is_left_out)
{
	static struct stream stream;

	begin();
	for (uint16_t n = 0; n < 10; n++)
		put(n, n);
	open_list(&stream, "{\"sort\":\"packets\"}");
	while (((char *)memchr(stream.text, '[', stream.used)) == NULL || stream.pieces < 3)
		check(read_piece(&stream, SMALL));
	seg_reap_free(&keeper.tables.table, 0);
	put(0, 500)->state += 1ull << SEG_STATE_INCARNATION_SHIFT;
	json_auto_t *rows = rest_of(&stream, SMALL);

	for (size_t i = 0; i < json_array_size(rows); i++)
		check(packets(rows, i) < 10);
	check_eq(json_array_size(rows), 9);
	end();
}

/* A long way without a row: the keeper is let go in between. */
TEST(list, a_search_in_vain_comes_in_pieces)
{
	static struct stream stream;

	begin();
	put(0, 1);
	for (uint32_t slot = 1; slot < SLOTS; slot++)
		put(slot, 2);
	open_list(&stream, "{\"filter\":{\"src\":[\"10.0.0.1\"]}}");
	json_auto_t *rows = rest_of(&stream, SEG_PIECE_SIZE);

	check_eq(json_array_size(rows), 1);
	check_eq(stream.empty, SLOTS / 65536 - 2); /* but for the first, and the last */
	end();
}

TEST(list, what_is_refused)
{
	static const char *const WRONG[] = {
		"{\"sort\":\"name\"}",
		"{\"sort\":7}",
		"{\"limit\":0}",
		"{\"limit\":\"x\"}",
		"{\"form\":\"xml\"}",
		"{\"form\":7}",
		"{\"filter\":{\"rule\":[\"two\"]}}",
		"{\"filter\":{\"iface\":[\"eth0\"]}}",
		"{\"filter\":7}",
		"{\"later\":true}",
	};

	begin();
	for (size_t i = 0; i < SEG_ARRAY_SIZE(WRONG); i++) {
		json_auto_t *body = json_loads(WRONG[i], 0, NULL);
		struct seg_stream stream;
		struct seg_error err = {0};

		check_that(seg_report_sessions(&keeper, body, &stream, &err) < 0, "%s", WRONG[i]);
		check(*err.what);
	}
	end();
}

/* --- an end ------------------------------------------------------------------------ */

static json_int_t deleted(seg_verb verb, const char *request)
{
	json_auto_t *body = json_loads(request, 0, NULL), *reply = verb(&keeper, body, NULL);

	return reply ? json_integer_value(json_object_get(reply, "deleted")) : -1;
}

TEST(end, those_meant_and_no_others)
{
	const struct seg_quota *quota;

	begin();
	quota = keeper.tables.quota;
	for (uint16_t n = 0; n < 20; n++)
		put(n * 5u, n);
	check_eq(deleted(seg_verb_sessions_delete, "{\"filter\":{\"src\":[\"10.0.0.4\"]}}"), 1);
	check_eq(keeper.book.rules[0].count.packets, 8); /* credited as if it had aged */
	check_eq(keeper.book.rules[0].count.bytes, 800);
	check_eq(keeper.book.rules[0].sessions, 1);
	check_eq(quota->class[SEG_CLASS_HALF_OPEN].used, 19);
	json_auto_t *rows = list("{}", SMALL);
	check_eq(json_array_size(rows), 19);
	for (size_t i = 0; i < 19; i++)
		check(packets(rows, i) != 4);
	check_eq(deleted(seg_verb_sessions_delete, "{\"filter\":{\"src\":[\"10.0.0.4\"]}}"), 0);
	end();
}

TEST(end, a_filter_is_needed)
{
	begin();
	put(0, 1);
	check_eq(deleted(seg_verb_sessions_delete, "{}"), -1);
	check_eq(deleted(seg_verb_sessions_delete, "{\"filter\":{}}"), -1);
	check_eq(deleted(seg_verb_sessions_flush, "{\"filter\":true}"), -1);
	check_eq(deleted(seg_verb_sessions_flush, "{}"), 1);
	end();
}

/* More than a round frees: all places are there again at once. */
TEST(end, many_are_freed_at_once)
{
	begin();
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		put(slot, 1);
	check_eq(deleted(seg_verb_sessions_flush, "{}"), SLOTS);
	check_eq(keeper.tables.quota->class[SEG_CLASS_HALF_OPEN].used, 0);
	check_eq(seg_table_next(&keeper.tables.table, 0), SEG_SLOT_NONE);
	check_eq(keeper.book.rules[0].sessions, SLOTS);
	check_eq(graces, SLOTS / SEG_REAP_BATCH);
	end();
}

/* Nothing that a worker may hold is freed; it is dead all the same, and the clock frees it. */
TEST(end, workers_are_not_waited_for)
{
	begin();
	put(0, 1);
	keeper.tables.queues[3].batches = 5;
	check_eq(deleted(seg_verb_sessions_flush, "{}"), 1);
	check_eq(seg_state_life(keeper.tables.table.slots[0].state), SEG_LIFE_DEAD);
	check_eq(keeper.book.rules[0].sessions, 0);
	json_auto_t *rows = list("{}", SMALL);
	check_eq(json_array_size(rows), 0);
	keeper.tables.queues[3].batches = 6;
	check_eq(seg_reaper_round(&keeper.reaper, seg_clock_now()), 1);
	check_eq(keeper.book.rules[0].sessions, 1);
	end();
}

/* --- the text ------------------------------------------------------------------------- */

TEST(json, text_is_escaped)
{
	static const char *const TEXTS[] = {"",   "plain",    "\"",
					    "\\", "a\nb\x01", "gr\xc3\xbc\xc3\x9f"};
	char to[256];

	for (size_t i = 0; i < SEG_ARRAY_SIZE(TEXTS); i++) {
		*seg_json_put_string(to, TEXTS[i]) = '\0';
		json_auto_t *json = json_loads(to, JSON_DECODE_ANY, NULL);

		check_that(json_is_string(json), "%s", to);
		check_str_eq(json_string_value(json), TEXTS[i]);
	}
	*seg_number_put(to, 0) = '\0';
	check_str_eq(to, "0");
	*seg_number_put(to, UINT64_MAX) = '\0';
	check_str_eq(to, "18446744073709551615");
}
