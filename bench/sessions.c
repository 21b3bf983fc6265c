/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sessions.c - `xdpseg sessions` at a million of them: the keeper's own code over a
 * table filled in memory, without interfaces or workers. A line a request: ms in
 * the keeper, bytes of the reply.
 *
 * Usage: bench-sessions [--sessions N] [--serve FOLDER]
 *   --serve: answer on FOLDER/control.sock until it is killed, for `xdpseg --runtime-dir FOLDER`
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "policy.h"
#include "server.h"
#include "session.h"
#include "sessions.h"

#define SESSIONS 1000000u
#define FIVE_SIX 6 /* one of six is IPv6 */

static struct seg_keeper keeper;

static int grace(struct seg_tables *tables)
{
	(void)tables;
	return 0;
}

/* --- filled ------------------------------------------------------------------ */

static void put(uint32_t n, uint32_t slot, uint32_t now)
{
	struct seg_session *s = &keeper.tables.table.slots[slot];
	struct seg_tags *tags = &keeper.tables.table.tags[slot / SEG_BUCKET_SLOTS];
	bool six = n % FIVE_SIX == 0;

	tags->word[slot % SEG_BUCKET_SLOTS / 8] |= 1ull << slot % 8 * 8;
	s->key.family = six ? 6 : 4;
	s->key.proto = n % 4 ? IPPROTO_TCP : IPPROTO_UDP;
	for (unsigned int i = 0; i < 2; i++) {
		s->key.addr[i][0] = six ? htonl(0x20010db8) : 0;
		s->key.addr[i][2] = six ? htonl(n) : htonl(0xffff);
		s->key.addr[i][3] = htonl(0x0a000000 + (i ? 1 : n));
		s->key.port[i] = htons((uint16_t)(i ? 443 : 1024 + n % 60000));
	}
	s->state = seg_state_make(SEG_LIFE_LIVE, SEG_L4_ESTABLISHED, 0, 1, now - n % 4096);
	s->verdict[keeper.book.generation & 1] =
		seg_verdict_make(SEG_VERDICT_ALLOW, 0, keeper.book.generation, n % 2);
	s->gate = SEG_GATE_OPEN | (now - n % 65536);
	s->count[0] = seg_count_pack(n % 1000, (uint64_t)n * 100);
	s->count[1] = seg_count_pack(n % 500, (uint64_t)n * 10);
}

static void fill(uint32_t sessions)
{
	static const char TEXT[] = "version: 1\nname: bench\nrules:\n"
				   "  - {id: web, service: tcp/443, action: allow}\n"
				   "  - {id: rest, action: allow}\n";
	const struct seg_policy_file file = {"bench.yaml", TEXT, strlen(TEXT)};
	uint32_t buckets = sessions / SEG_BUCKET_SLOTS * 100 / SEG_TABLE_LOAD + 1;
	uint32_t slots = buckets * SEG_BUCKET_SLOTS, now = seg_clock_tick(seg_clock_now());
	struct seg_image *image = NULL;

	keeper.tables.table = (struct seg_table){
		.tags = calloc(buckets, sizeof(struct seg_tags)),
		.slots = aligned_alloc(128, (size_t)slots * sizeof(struct seg_session)),
		.buckets = buckets};
	keeper.tables.queues = calloc(SEG_QUEUES_MAX, sizeof(*keeper.tables.queues));
	keeper.tables.quota = calloc(1, sizeof(*keeper.tables.quota));
	keeper.book = (struct seg_rulebook){.entries = 3, .generation = 7};
	keeper.book.rules = calloc(3, sizeof(*keeper.book.rules));
	memset(keeper.tables.table.slots, 0, (size_t)slots * sizeof(struct seg_session));
	if (seg_policy_compile(&file, NULL, &image, NULL) ||
	    seg_account_open(&keeper.account, -1, slots, NULL))
		abort();
	keeper.book.image = image;
	for (uint32_t n = 0; n < sessions; n++)
		put(n, (uint32_t)((uint64_t)n * slots / sessions), now);
	keeper.reaper =
		(struct seg_reaper){&keeper.tables, &keeper.account, &keeper.book, grace, 0, 0, 0};
	keeper.open = keeper.stay = true;
	keeper.clock.fd = -1;
}

/* --- asked ------------------------------------------------------------------- */

static double ms_since(uint64_t begun)
{
	return (double)(seg_clock_now() - begun) / 1e6;
}

/* Pieces as the server asks for them; the longest is what other work of the keeper waits. */
static void list(const char *text)
{
	static char to[SEG_PIECE_SIZE];
	json_auto_t *body = json_loads(text, 0, NULL);
	struct seg_stream stream;
	uint64_t begun = seg_clock_now(), piece;
	double longest = 0;
	size_t bytes = 0;
	ssize_t n;

	if (seg_report_sessions(&keeper, body, &stream, NULL))
		abort();
	do {
		piece = seg_clock_now();
		n = stream.piece(&stream, to, sizeof(to));
		longest = ms_since(piece) > longest ? ms_since(piece) : longest;
		bytes += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	stream.close(&stream);
	printf("%8.0f ms %11zu bytes, longest piece %6.1f ms  list %s\n", ms_since(begun), bytes,
	       longest, text);
}

static void call(const char *name, seg_verb verb, const char *text)
{
	json_auto_t *body = json_loads(text, 0, NULL);
	uint64_t begun = seg_clock_now();
	json_auto_t *reply = verb(&keeper, body, NULL);
	char *said = json_dumps(reply, JSON_COMPACT);

	printf("%8.0f ms %s %s %s\n", ms_since(begun), name, text, said);
	free(said);
}

static int serve(const char *folder)
{
	struct seg_error err = {0};

	if (seg_loop_open(&keeper.loop) || seg_runtime_open(&keeper.runtime, folder, &err) ||
	    seg_server_open(&keeper.server, &keeper, &err)) {
		seg_error_print(&err, stderr, 0);
		return 1;
	}
	puts("serving");
	fflush(stdout);
	return seg_loop_run(&keeper.loop) != 0;
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {{"sessions", required_argument, NULL, 'n'},
						{"serve", required_argument, NULL, 's'},
						{0}};
	const char *folder = NULL;
	uint32_t sessions = SESSIONS;
	int option;

	while ((option = getopt_long(argc, argv, "n:s:", OPTIONS, NULL)) != -1) {
		if (option == 'n')
			sessions = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 's')
			folder = optarg;
		else
			return 2;
	}
	fill(sessions);
	if (folder)
		return serve(folder);
	list("{}");
	list("{\"filter\":{\"src\":[\"10.0.0.0/28\"]}}");
	list("{\"filter\":{\"dport\":[\"80\"],\"rule\":[\"web\"],\"older\":[\"1m\"]}}");
	list("{\"sort\":\"bytes\",\"limit\":10}");
	list("{\"sort\":\"bytes\"}");
	call("count", seg_verb_sessions_count, "{\"filter\":{\"proto\":[\"udp\"]}}");
	call("delete", seg_verb_sessions_delete, "{\"filter\":{\"proto\":[\"udp\"]}}");
	call("flush", seg_verb_sessions_flush, "{}");
	return 0;
}
