/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * touch.bpf.h - what a packet does to its session, as functions of their own: the verifier
 * follows each of them once, not once for every way that leads there.
 *
 * Such a function takes the context and memory of known size, and nothing else; it asks
 * for NULL because the verifier does.
 */
#ifndef SEG_TOUCH_BPF_H
#define SEG_TOUCH_BPF_H

#include "checksum.h"
#include "session.h"

/* What the functions below are told beside. */
enum seg_touch_how {
	SEG_TOUCH_DIRECTION = 1 << 0, /* endpoint 1 speaks */
	SEG_TOUCH_ONE_SIDED = 1 << 1,
	SEG_TOUCH_LOOSE = 1 << 2,   /* one direction may be all that is seen */
	SEG_TOUCH_PARTIAL = 1 << 3, /* a device may have to finish its checksum */
	SEG_TOUCH_SUMMED = 1 << 4,  /* its checksum is right */
	SEG_TOUCH_PASSES = 1 << 5,  /* whatever is decided: what is out is where things go on */
};

#define SEG_TOUCH_NOW_SHIFT 32 /* above these: the time, in ticks */

/* Not done yet: the event would change the session's state, so the checksum has to be right. */
#define SEG_TOUCH_UNSUMMED 0x100

/* 1 unless the checksum is wrong, as far as it can be read here. */
SEG_GLOBAL int seg_touch_sum(seg_context *ctx, const struct seg_packet *packet, __u32 how)
{
	if (!packet)
		return 0;
	return seg_checksum_l4_passes((void *)(long)ctx->data, (void *)(long)ctx->data_end, packet,
				      how & SEG_TOUCH_PARTIAL);
}

/* The window scale option of a SYN. */
SEG_GLOBAL int seg_touch_scale(seg_context *ctx, const struct seg_packet *packet)
{
	if (!packet)
		return SEG_SCALE_NONE;
	return seg_scale_option((void *)(long)ctx->data, (void *)(long)ctx->data_end, packet);
}

static __always_inline bool seg_touch_read(seg_context *ctx, const struct seg_packet *packet,
					   struct seg_segment *segment)
{
	if (!seg_segment_read((void *)(long)ctx->data, (void *)(long)ctx->data_end, packet,
			      segment))
		return false;
	if (seg_unlikely(segment->flags & SEG_TCP_SYN))
		segment->scale = (__u8)seg_touch_scale(ctx, packet);
	return true;
}

static __always_inline bool seg_touch_changes(struct seg_session *s, enum seg_event event,
					      __u8 proto, __u32 how)
{
	__u64 state = seg_load(&s->state);
	__u8 l4 = seg_state_l4(state);
	bool reply = (how & SEG_TOUCH_DIRECTION) != seg_state_originator(state);

	return l4 != seg_l4_after(l4, event, proto, reply, how & SEG_TOUCH_ONE_SIDED);
}

/*
 * Judge a TCP segment of an allowed session and account for it in the windows. Returns
 * the enum seg_event that is left to be done; minus the reason that refuses it; or
 * SEG_TOUCH_UNSUMMED, and has done nothing.
 */
SEG_GLOBAL int seg_touch_tcp(seg_context *ctx, const struct seg_packet *packet,
			     struct seg_session *s, __u32 how)
{
	struct seg_segment segment;
	struct seg_judged on_stack, *judged = &on_stack;
	enum seg_event event;

	SEG_OPAQUE(judged); /* in memory once, instead of there and in spilled registers */
	if (!packet || !s || !seg_touch_read(ctx, packet, &segment))
		return -SEG_REASON_TRUNCATED;
	seg_session_judge(s, &segment, how & SEG_TOUCH_DIRECTION,
			  how & (SEG_TOUCH_LOOSE | SEG_TOUCH_ONE_SIDED), judged);
	if (seg_unlikely(judged->fit == SEG_FIT_OUT)) {
		if (how & SEG_TOUCH_PASSES)
			seg_session_begin(s, &segment, how & SEG_TOUCH_DIRECTION);
		return -SEG_REASON_TCP_WINDOW;
	}
	event = seg_event_judged(&segment, judged->fit);
	if (!(how & SEG_TOUCH_SUMMED) &&
	    seg_unlikely(seg_touch_changes(s, event, IPPROTO_TCP, how)))
		return SEG_TOUCH_UNSUMMED;
	seg_session_advance(s, &segment, how & SEG_TOUCH_DIRECTION, judged);
	return (int)event;
}

/*
 * Account for an event (enum seg_event) in the session's state, and for the packet in its
 * counter, to which `count` is added. how: with the time above SEG_TOUCH_NOW_SHIFT. 1, or
 * 0: the session died while we looked, and the packet met none.
 */
SEG_GLOBAL int seg_touch_state(struct seg_session *s, __u32 event, __u32 proto, __u64 how,
			       __u64 count)
{
	__u32 zero = 0;
	const struct seg_touch touch = {
		.quota = bpf_map_lookup_elem(&seg_quota, &zero),
		.established_max = seg_constants.established_max,
		.now = (__u32)(how >> SEG_TOUCH_NOW_SHIFT),
		.one_sided = how & SEG_TOUCH_ONE_SIDED,
	};

	if (!s || !touch.quota ||
	    !seg_session_touch(s, (enum seg_event)event, (__u8)proto, how & SEG_TOUCH_DIRECTION,
			       &touch))
		return 0;
	seg_add(&s->count[how & SEG_TOUCH_DIRECTION], count);
	return 1;
}

/* seg_window_sent() of a session. */
SEG_GLOBAL int seg_touch_quoted(struct seg_session *s, __u32 speaker, __u32 seq)
{
	return s && seg_window_sent(s->window, speaker & 1, seq);
}

/* The windows of a flow that begins with this packet, in a slot that nobody sees yet. */
SEG_GLOBAL int seg_touch_first(seg_context *ctx, const struct seg_packet *packet,
			       struct seg_session *s, __u32 how)
{
	struct seg_segment segment;

	if (!packet || !s || !seg_touch_read(ctx, packet, &segment))
		return 0;
	seg_session_begin(s, &segment, how & SEG_TOUCH_DIRECTION);
	return 1;
}

#endif
