/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdicts.c - every TCP segment that matters, to every state: the whole verdict function
 * as a table that can be read, compared with tests/golden/state/tcp.txt.
 *
 * Rows are flags and where the segment lies; columns are states. A cell is what becomes of
 * the segment, by the originator and by the other side: `.` it counts and the state stays,
 * a state's name where it changes, `-` it is passed on and moves nothing, `x` it is refused,
 * `new` it begins a session of its own.
 *
 * unit-verdicts --print prints the table as it is now.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

#define LINE_MAX_BYTES 256

/* Numbers of either side: next to be sent, and the other's so far. */
#define ISN    1000u
#define WINDOW 8192u

static const struct {
	const char *name;
	__u8 flags;
} kinds[] = {
	{"ack", SEG_TCP_ACK},
	{"data", SEG_TCP_ACK},
	{"fin", SEG_TCP_FIN | SEG_TCP_ACK},
	{"syn", SEG_TCP_SYN},
	{"syn+ack", SEG_TCP_SYN | SEG_TCP_ACK},
	{"rst", SEG_TCP_RST},
	{"rst+ack", SEG_TCP_RST | SEG_TCP_ACK},
};

/* Where a segment begins, and what it acknowledges, beside what is right. */
static const struct {
	const char *name;
	__s32 seq, ack;
} places[] = {
	{"exact", 0, 0},        {"in the window", 1000, 0},
	{"old", -1000, 0},      {"beyond", 8193 + 1000, 0},
	{"far", 1000000, 0},    {"acks unsent", 0, 1},
	{"acks old", 0, -1000},
};

static const char *const names[SEG_L4_MAX] = {
	[SEG_L4_NEW] = "new",
	[SEG_L4_OPENING] = "opening",
	[SEG_L4_ANSWERED] = "answered",
	[SEG_L4_ESTABLISHED] = "established",
	[SEG_L4_CLOSING] = "closing",
	[SEG_L4_CLOSING_BACK] = "closing-back",
	[SEG_L4_TIME_WAIT] = "time-wait",
	[SEG_L4_CLOSED] = "closed",
};

/* A session in a state, as it is when both have said what leads there. */
static void make_session(struct seg_session *s, enum seg_l4_state l4)
{
	const __u8 both = SEG_WINDOW_SPOKEN | SEG_WINDOW_SYN | SEG_WINDOW_ACKED;
	const struct seg_side known = {.sent = ISN, .acked = ISN, .window = WINDOW, .flags = both};
	struct seg_side asker = known;

	*s = (struct seg_session){.state = seg_state_make(SEG_LIFE_LIVE, (__u8)l4, 0, 0, 0)};
	if (l4 <= SEG_L4_OPENING)
		asker.flags &= (__u8)~SEG_WINDOW_ACKED;
	seg_side_store(&s->window[0], &asker);
	if (l4 > SEG_L4_OPENING)
		seg_side_store(&s->window[1], &known);
}

static struct seg_segment make_segment(size_t kind, size_t place)
{
	struct seg_segment segment = {
		.seq = ISN + (__u32)places[place].seq,
		.ack = kinds[kind].flags & SEG_TCP_ACK ? ISN + (__u32)places[place].ack : 0,
		.window = WINDOW,
		.flags = kinds[kind].flags,
		.scale = SEG_SCALE_NONE,
	};

	segment.end = segment.seq + (kinds[kind].flags & (SEG_TCP_SYN | SEG_TCP_FIN) ? 1 : 0) +
		      (strcmp(kinds[kind].name, "data") ? 0 : 10);
	return segment;
}

/* seg_session_flow() does what the long way does to an established connection, or nothing. */
static bool is_short_way_right(struct seg_session s, const struct seg_segment *segment,
			       unsigned int direction)
{
	struct seg_session by_flow = s;
	struct seg_judged judged;
	bool flows = seg_session_flow(&by_flow, segment, direction);

	seg_session_judge(&s, segment, direction, false, &judged);
	if (flows)
		seg_session_advance(&s, segment, direction, &judged);
	return !memcmp(&s, &by_flow, sizeof(s)) &&
	       (!flows || seg_event_judged(segment, judged.fit) == SEG_EVENT_DATA);
}

static const char *answer(enum seg_l4_state l4, size_t kind, size_t place, unsigned int direction)
{
	struct seg_segment segment = make_segment(kind, place);
	struct seg_judged judged;
	struct seg_session s;
	__u8 after;

	make_session(&s, l4);
	if (seg_state_is_over(s.state, segment.flags, 0))
		return "new";
	if (l4 == SEG_L4_ESTABLISHED && !is_short_way_right(s, &segment, direction))
		return "short way!";
	seg_session_judge(&s, &segment, direction, false, &judged);
	if (judged.fit == SEG_FIT_OUT)
		return "x";
	if (judged.fit == SEG_FIT_IDLE)
		return "-";
	after = seg_l4_after((__u8)l4, seg_event_judged(&segment, judged.fit), IPPROTO_TCP,
			     (int)direction, 0);
	return after == l4 ? "." : names[after];
}

/* Wide enough, but for the last. */
static int column(int l4)
{
	return l4 + 1 < SEG_L4_MAX ? 25 : 0;
}

static void print_row(FILE *out, size_t kind, size_t place)
{
	fprintf(out, "%-8s %-14s", kinds[kind].name, places[place].name);
	for (int l4 = SEG_L4_OPENING; l4 < SEG_L4_MAX; l4++) {
		char cell[LINE_MAX_BYTES];

		snprintf(cell, sizeof(cell), "%s/%s", answer((enum seg_l4_state)l4, kind, place, 0),
			 answer((enum seg_l4_state)l4, kind, place, 1));
		fprintf(out, " %-*s", column(l4), cell);
	}
	fputc('\n', out);
}

static void print_table(FILE *out)
{
	fprintf(out, "%-23s", "segment");
	for (int l4 = SEG_L4_OPENING; l4 < SEG_L4_MAX; l4++)
		fprintf(out, " %-*s", column(l4), names[l4]);
	fputc('\n', out);
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(*kinds); kind++)
		for (size_t place = 0; place < sizeof(places) / sizeof(*places); place++)
			print_row(out, kind, place);
}

/* Compares line by line; how many differ. */
static unsigned int compare(FILE *now, FILE *golden, unsigned int *lines)
{
	char is[4 * LINE_MAX_BYTES], should[4 * LINE_MAX_BYTES];
	unsigned int wrong = 0;

	while (fgets(is, sizeof(is), now)) {
		const char *expected = fgets(should, sizeof(should), golden) ? should : "(end)\n";

		++*lines;
		if (!strcmp(is, expected))
			continue;
		printf("is     %sgolden %s", is, expected);
		wrong++;
	}
	return wrong + (fgets(should, sizeof(should), golden) != NULL);
}

int main(int argc, char **argv)
{
	FILE *golden = fopen(SEG_GOLDEN_DIR "/state/tcp.txt", "r");
	FILE *now = tmpfile();
	unsigned int lines = 0, wrong;

	if (argc > 1 && !strcmp(argv[1], "--print")) {
		print_table(stdout);
		return 0;
	}
	if (!golden || !now)
		return 1;
	print_table(now);
	rewind(now);
	wrong = compare(now, golden, &lines);
	printf("%u passed, %u failed\n", lines - wrong, wrong);
	return wrong || !lines;
}
