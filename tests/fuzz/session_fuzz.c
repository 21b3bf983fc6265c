/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any segments of one connection, 20 at most, as the datapath takes them: nothing outside a
 * frame is read, what is refused moves nothing, and what RFC 5961 protects holds whatever
 * went before: only an exact reset closes what is established, only the acknowledgement of
 * a SYN establishes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "session.h"

#define SEGMENTS_MAX 20
#define HEADERS      (14 + 20 + 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* A segment as the input has it. */
struct spoken {
	uint8_t from; /* its lowest bit: endpoint; 2: 2^31 is added to seq */
	uint8_t flags;
	uint8_t seq, ack; /* near what would be right */
	uint8_t window[2];
	uint8_t options; /* bytes, of what follows */
	uint8_t data;    /* bytes */
};

struct table_of_one {
	struct seg_session session;
	struct seg_quota quota;
	__u32 next[2];
};

/* The next segment as a frame, in memory of exactly its size. NULL: the input is at its end. */
static __u8 *make_frame(struct table_of_one *t, const uint8_t **input, const uint8_t *end,
			size_t *size, unsigned int *from)
{
	const __u8 ip[] = {0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 198, 51, 100, 2, 192, 0, 2, 1};
	struct spoken spoken;
	struct seg_tcp *tcp;
	struct seg_ip4 *ip4;
	__u32 options;
	__u8 *frame;

	if ((size_t)(end - *input) < sizeof(spoken) + 40)
		return NULL;
	memcpy(&spoken, *input, sizeof(spoken));
	*input += sizeof(spoken);
	options = spoken.options % 11 * 4u;
	*from = spoken.from & 1;
	*size = HEADERS + options + spoken.data;
	frame = calloc(1, *size);
	require(frame);
	frame[12] = 8;
	memcpy(frame + 14, ip, sizeof(ip));
	ip4 = (struct seg_ip4 *)(frame + 14);
	ip4->total = SEG_BE16(*size - 14);
	ip4->checksum = (__u16)~seg_fold(seg_ip4_sum(ip4));
	tcp = (struct seg_tcp *)(frame + 34);
	tcp->seq = SEG_BE32(t->next[*from] + (__u32)(__s8)spoken.seq * 1031u +
			    (spoken.from & 2 ? 1u << 31 : 0));
	tcp->ack = SEG_BE32(t->next[!*from] + (__u32)(__s8)spoken.ack * 1031u);
	tcp->offset = (__u8)((5 + options / 4) << 4);
	tcp->flags = spoken.flags;
	memcpy(&tcp->window, spoken.window, sizeof(tcp->window));
	memcpy(tcp + 1, *input, options);
	*input += options;
	return frame;
}

static void check_rfc5961(const struct seg_session *before, const struct seg_session *after,
			  const struct seg_segment *segment, unsigned int from)
{
	__u8 was = seg_state_l4(before->state), is = seg_state_l4(after->state);
	struct seg_side own, other;

	seg_side_load((struct seg_window *)&before->window[from], &own);
	seg_side_load((struct seg_window *)&before->window[!from], &other);
	if (was == SEG_L4_ESTABLISHED && is == SEG_L4_CLOSED)
		require(segment->seq == own.sent || segment->seq == other.acked);
	if (was == SEG_L4_ANSWERED && is == SEG_L4_ESTABLISHED && other.flags & SEG_WINDOW_SYN)
		require(seg_acks_syn(&other, segment));
	if (was == SEG_L4_OPENING && other.flags & SEG_WINDOW_SYN && is == SEG_L4_CLOSED && from)
		require(own.flags & SEG_WINDOW_SPOKEN || seg_acks_syn(&other, segment));
}

/* The short way of a flow that goes on is a part of the long one. */
static void check_short_way(struct seg_session before, const struct seg_session *after,
			    const struct seg_segment *segment, unsigned int from, enum seg_fit fit)
{
	if (seg_state_l4(before.state) != SEG_L4_ESTABLISHED ||
	    !seg_session_flow(&before, segment, from))
		return;
	require(fit == SEG_FIT_IN);
	require(!memcmp(before.window, after->window, sizeof(before.window)));
	require(seg_state_l4(after->state) == SEG_L4_ESTABLISHED);
}

static void take(struct table_of_one *t, const struct seg_segment *segment, unsigned int from)
{
	const struct seg_touch touch = {.quota = &t->quota, .established_max = 1, .now = 1};
	struct seg_session before = t->session;
	struct seg_judged judged;

	seg_session_judge(&t->session, segment, from, false, &judged);
	require(!memcmp(&before, &t->session, sizeof(before)));
	if (judged.fit == SEG_FIT_OUT)
		return check_short_way(before, &before, segment, from, judged.fit);
	require(seg_session_touch(&t->session, seg_event_judged(segment, judged.fit), IPPROTO_TCP,
				  from, &touch));
	seg_session_advance(&t->session, segment, from, &judged);
	require(seg_state_l4(t->session.state) < SEG_L4_MAX);
	require(judged.fit != SEG_FIT_IDLE || t->session.state == before.state);
	check_rfc5961(&before, &t->session, segment, from);
	check_short_way(before, &t->session, segment, from, judged.fit);
	if (judged.fit == SEG_FIT_IN)
		t->next[from] = segment->end;
}

/* A first segment begins the session; the rest meets it. */
static void speak(struct table_of_one *t, const __u8 *frame, size_t size, unsigned int from,
		  bool first)
{
	struct seg_segment segment;
	struct seg_packet packet;

	if (seg_packet_parse(frame, frame + size, 0, 0, 1, &packet) != SEG_PARSED)
		return;
	require(seg_segment_read(frame, frame + size, &packet, &segment));
	if (segment.flags & SEG_TCP_SYN)
		segment.scale = seg_scale_option(frame, frame + size, &packet);
	require(segment.scale <= SEG_SCALE_MAX || segment.scale == SEG_SCALE_NONE);
	if (first)
		seg_session_begin(&t->session, &segment, from);
	else
		take(t, &segment, from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct table_of_one t = {
		.session.state = seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING, 0, 0, 0),
		.quota.class[SEG_CLASS_HALF_OPEN].used = 1,
		.next = {0xfffffff0, 1u << 31},
	};
	const uint8_t *end = data + size;

	for (int i = 0; i < SEGMENTS_MAX; i++) {
		unsigned int from;
		size_t length;
		__u8 *frame = make_frame(&t, &data, end, &length, &from);

		if (!frame)
			break;
		speak(&t, frame, length, i ? from : 0, !i);
		free(frame);
	}
	return 0;
}
