/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * session.h - what a session answers to a packet, and how it comes to know.
 *
 * Life of a session: XDP claims a slot on a miss, with the gate closed and one
 * packet queued; every packet that meets a closed gate is queued behind it; the
 * worker hands the queue on, stores the verdict, and opens the gate when nothing
 * is queued any more. From then on the verdict answers. A new policy generation
 * makes the verdict stale: the first packet that notices closes the gate again.
 *
 * No locks. `verdict` is one store by a worker; `gate` and `state` change by
 * atomic add and CAS, from any CPU. Loads need no order among themselves: a
 * verdict is believed only if it is whole, of the current generation, and the
 * gate is open, and each of the three words says so by itself.
 */
#ifndef SEG_SESSION_H
#define SEG_SESSION_H

#include "abi.h"
#include "compat.h"
#include "state.h"
#include "window.h"

enum seg_answer {
	SEG_ANSWER_ALLOW = SEG_VERDICT_ALLOW,
	SEG_ANSWER_DENY = SEG_VERDICT_DENY,
	SEG_ANSWER_UP,       /* queued: send it to the worker */
	SEG_ANSWER_FULL,     /* too many are queued already */
	SEG_ANSWER_UNCACHED, /* overtaken again and again: to the worker, behind no gate */
};

/* --- verdict -------------------------------------------------------------- */

static __always_inline __u64 seg_verdict_make(__u8 action, __u8 flags, __u32 generation, __u32 rule)
{
	return action | (__u64)flags << 8 | (__u64)(generation & 0xffff) << 16 | (__u64)rule << 32;
}

static __always_inline __u8 seg_verdict_action(__u64 verdict)
{
	return (__u8)verdict;
}

static __always_inline __u8 seg_verdict_flags(__u64 verdict)
{
	return (__u8)(verdict >> 8);
}

static __always_inline __u16 seg_verdict_generation(__u64 verdict)
{
	return (__u16)(verdict >> 16);
}

static __always_inline __u32 seg_verdict_rule(__u64 verdict)
{
	return (__u32)(verdict >> 32);
}

static __always_inline __u64 *seg_verdict_slot(struct seg_session *s, __u32 generation)
{
	return &s->verdict[generation & 1];
}

static __always_inline __u16 seg_shadow_make(__u32 rule)
{
	return rule < SEG_SHADOW_MAX ? (__u16)(rule + 1) : 0;
}

/* The rule, or SEG_RULE_DEFAULT: none. */
static __always_inline __u32 seg_shadow_rule(__u16 shadow)
{
	return shadow ? shadow - 1u : SEG_RULE_DEFAULT;
}

/* Which rule of stage shadow would have decided, for whoever read the verdict of this generation
 * before. */
static __always_inline __u16 seg_session_shadow(struct seg_session *s, __u32 generation)
{
	return seg_load(&s->shadow[generation & 1]);
}

/* The verdict of this generation, or SEG_VERDICT_NONE. */
static __always_inline __u8 seg_verdict_now(struct seg_session *s, __u32 generation)
{
	__u64 verdict = seg_load(seg_verdict_slot(s, generation));

	if (seg_verdict_generation(verdict) != (__u16)generation)
		return SEG_VERDICT_NONE;
	return seg_verdict_action(verdict);
}

/* --- gate ----------------------------------------------------------------- */

static __always_inline __u64 seg_gate_first(__u32 created)
{
	return created | SEG_GATE_QUEUED_ONE;
}

static __always_inline __u32 seg_gate_created(__u64 gate)
{
	return (__u32)gate;
}

static __always_inline __u32 seg_gate_queued(__u64 gate)
{
	return (gate / SEG_GATE_QUEUED_ONE) & SEG_GATE_COUNT_MASK;
}

static __always_inline __u32 seg_gate_handled(__u64 gate)
{
	return (gate / SEG_GATE_HANDLED_ONE) & SEG_GATE_COUNT_MASK;
}

/* Queue this packet behind a closed gate. UP, FULL, or 0: it is open after all. */
static __always_inline int seg_gate_queue(struct seg_session *s, __u64 gate)
{
	if (seg_gate_queued(gate) >= SEG_GATE_QUEUED_CAP)
		return SEG_ANSWER_FULL;
	SEG_HOOK(GATE_BEFORE_QUEUE, s);
	/* What an add leaves on an open gate is wiped when it is closed again. */
	return seg_fetch_add(&s->gate, SEG_GATE_QUEUED_ONE) & SEG_GATE_OPEN ? 0 : SEG_ANSWER_UP;
}

/* Close an open gate with this packet as the first behind it. UP, or 0: somebody was faster. */
static __always_inline int seg_gate_close(struct seg_session *s, __u64 gate)
{
	SEG_HOOK(GATE_BEFORE_CLOSE, s);
	return seg_cas(&s->gate, gate, seg_gate_first(seg_gate_created(gate))) == gate
		       ? SEG_ANSWER_UP
		       : 0;
}

/* Worker: `count` queued packets were handed on. Returns the gate as it is then; opens nothing. */
static __always_inline __u64 seg_gate_handle(struct seg_session *s, __u32 count)
{
	__u64 add = count * SEG_GATE_HANDLED_ONE;

	return seg_fetch_add(&s->gate, add) + add;
}

/*
 * Worker: the same, and they are where they were going. Opens the gate if they
 * were all there was; the verdict must be stored before. 1: open now.
 */
static __always_inline int seg_gate_pass(struct seg_session *s, __u32 count)
{
	__u64 gate = seg_gate_handle(s, count);

	SEG_HOOK(GATE_BEFORE_OPEN, s);
	if (gate & SEG_GATE_OPEN || seg_gate_queued(gate) != seg_gate_handled(gate))
		return 0;
	return seg_cas(&s->gate, gate, SEG_GATE_OPEN | seg_gate_created(gate)) == gate;
}

/*
 * Worker: what is queued but was never handed on is lost (the ring was full) and
 * nothing is on its way: open, unless another packet was queued since `gate` was
 * read. 1: open now.
 */
static __always_inline int seg_gate_give_up(struct seg_session *s, __u64 gate)
{
	if (gate & SEG_GATE_OPEN)
		return 0;
	return seg_cas(&s->gate, gate, SEG_GATE_OPEN | seg_gate_created(gate)) == gate;
}

/* --- the answer ----------------------------------------------------------- */

/* The verdict, if it answers for a packet now: whole, current, nothing waiting. Else NONE. */
static __always_inline __u8 seg_session_verdict(struct seg_session *s, __u32 generation)
{
	__u64 gate = seg_load(&s->gate);
	__u8 verdict = seg_verdict_now(s, generation);

	return gate & SEG_GATE_OPEN ? verdict : SEG_VERDICT_NONE;
}

/* A gate moves under a packet only when another CPU, or the worker, got somewhere. */
#define SEG_ANSWER_TRIES 3

/* Queue a packet that found no verdict: what becomes of it. Changes the gate. */
static __always_inline int seg_session_queue(struct seg_session *s, __u32 generation)
{
	for (int i = 0; i < SEG_ANSWER_TRIES; i++) {
		__u64 gate = seg_load(&s->gate);
		__u8 verdict = seg_verdict_now(s, generation);
		int answer;

		if (seg_likely(gate & SEG_GATE_OPEN && verdict))
			return verdict;
		answer = gate & SEG_GATE_OPEN ? seg_gate_close(s, gate) : seg_gate_queue(s, gate);
		if (answer)
			return answer;
	}
	return SEG_ANSWER_UNCACHED;
}

/* --- account -------------------------------------------------------------- */

#define SEG_COUNT_PACKET_SHIFT 40

static __always_inline __u64 seg_count_pack(__u64 packets, __u64 bytes)
{
	return packets << SEG_COUNT_PACKET_SHIFT | bytes;
}

static __always_inline __u64 seg_count_packets(__u64 count)
{
	return count >> SEG_COUNT_PACKET_SHIFT;
}

static __always_inline __u64 seg_count_bytes(__u64 count)
{
	return count & ((1ull << SEG_COUNT_PACKET_SHIFT) - 1);
}

static __always_inline void seg_session_count(struct seg_session *s, unsigned int direction,
					      __u32 bytes)
{
	seg_add(&s->count[direction & 1], seg_count_pack(1, bytes));
}

/* --- state ----------------------------------------------------------------- */

/* What seg_session_touch needs to know beside the packet. */
struct seg_touch {
	struct seg_quota *quota;
	__u32 established_max;
	__u32 now;     /* ticks */
	int one_sided; /* replies are not seen here */
};

/* The state after the packet, class included; stays half-open where there is no room for more. */
static __always_inline __u64 seg_session_next(__u64 old, enum seg_event event, __u8 proto,
					      int reply, const struct seg_touch *touch)
{
	__u64 new = seg_state_after(old, event, proto, reply, touch->one_sided, touch->now);
	enum seg_class class = seg_class_of(new);

	if (seg_likely(class == seg_state_class(old)))
		return new;
	if (!seg_quota_take(touch->quota, class, touch->established_max))
		return old;
	return seg_state_set_class(new, class);
}

/* Live, established, and counted as such: more of the same changes nothing but when it was seen. */
static __always_inline bool seg_session_is_steady(__u64 state)
{
	const __u64 of = 0xff | 0xffull << SEG_STATE_L4_SHIFT |
			 3ull << (SEG_STATE_FLAGS_SHIFT + SEG_SESSION_CLASS_SHIFT);
	const __u64 steady = SEG_LIFE_LIVE | (__u64)SEG_L4_ESTABLISHED << SEG_STATE_L4_SHIFT |
			     (__u64)SEG_CLASS_ESTABLISHED
				     << (SEG_STATE_FLAGS_SHIFT + SEG_SESSION_CLASS_SHIFT);

	return (state & of) == steady;
}

/* What seg_session_touch() does to a steady one. A lost race is left out: somebody else saw it. */
static __always_inline void seg_session_saw(struct seg_session *s, __u64 state, __u32 now)
{
	if (seg_unlikely((__s32)(now - seg_state_seen(state)) >= SEG_SEEN_STEP))
		seg_cas(&s->state, state, seg_state_set_seen(state, now));
}

#define SEG_TOUCH_TRIES 4

/*
 * Account for a packet in the session's state. 1: done; 0: the session died
 * meanwhile, the packet met none. A touch that loses SEG_TOUCH_TRIES races is
 * left out: as many others did the same work.
 */
static __always_inline int seg_session_touch(struct seg_session *s, enum seg_event event,
					     __u8 proto, unsigned int direction,
					     const struct seg_touch *touch)
{
	for (int i = 0; i < SEG_TOUCH_TRIES; i++) {
		__u64 old = seg_load(&s->state), new;

		if (seg_state_life(old) != SEG_LIFE_LIVE)
			return 0;
		new = seg_session_next(old, event, proto, direction != seg_state_originator(old),
				       touch);
		if (seg_likely(new == old))
			return 1;
		SEG_HOOK(TOUCH_BEFORE_CAS, s);
		if (seg_cas(&s->state, old, new) == old) {
			if (seg_state_class(new) != seg_state_class(old))
				seg_quota_give(touch->quota, seg_state_class(old));
			return 1;
		}
		if (seg_state_class(new) != seg_state_class(old))
			seg_quota_give(touch->quota, seg_state_class(new));
	}
	return 1;
}

/* --- TCP -------------------------------------------------------------------- */

/* What a segment means to its session. */
struct seg_judged {
	struct seg_side own, other; /* of who sent it, and of who is to get it */
	struct seg_fit_by by;
	enum seg_fit fit;
};

/* Judge a segment by a session; changes nothing. `loose`: one direction may be all that is seen. */
static __always_inline void seg_session_judge(struct seg_session *s,
					      const struct seg_segment *segment,
					      unsigned int direction, bool loose,
					      struct seg_judged *judged)
{
	__u64 state = seg_load(&s->state);

	judged->by.l4 = seg_state_l4(state);
	judged->by.reply = direction != seg_state_originator(state);
	judged->by.loose = loose;
	judged->by.spare = 0;
	seg_side_load(&s->window[direction & 1], &judged->own);
	seg_side_load(&s->window[!(direction & 1)], &judged->other);
	judged->fit = seg_fit(&judged->own, &judged->other, segment, &judged->by);
}

static __always_inline enum seg_event seg_event_judged(const struct seg_segment *segment,
						       enum seg_fit fit)
{
	if (seg_likely(fit == SEG_FIT_IN))
		return seg_event_of(IPPROTO_TCP, segment->flags);
	return fit == SEG_FIT_RESTART ? SEG_EVENT_RESTART : SEG_EVENT_NONE;
}

/* Account for a judged segment in the windows, after seg_session_touch() took its event. */
static __always_inline void seg_session_advance(struct seg_session *s,
						const struct seg_segment *segment,
						unsigned int direction, struct seg_judged *judged)
{
	seg_side_take(&judged->own, &judged->other, segment, judged->fit, &judged->by);
	SEG_HOOK(ADVANCE_BEFORE_STORE, s);
	if (seg_unlikely(judged->fit == SEG_FIT_RESTART ||
			 (judged->fit == SEG_FIT_IN && seg_side_catch_up(&judged->other, segment))))
		seg_side_store(&s->window[!(direction & 1)], &judged->other);
	seg_side_store(&s->window[direction & 1], &judged->own);
}

/*
 * The common case of the two above in a few words: of an established connection, a segment that
 * fits, and neither begins nor ends anything. True: it is accounted for in the windows, and its
 * event is SEG_EVENT_DATA. False: nothing was done.
 */
static __always_inline bool
seg_session_flow(struct seg_session *s, const struct seg_segment *segment, unsigned int direction)
{
	struct seg_side own, other;

	if (seg_unlikely((segment->flags &
			  (SEG_TCP_ACK | SEG_TCP_SYN | SEG_TCP_FIN | SEG_TCP_RST)) != SEG_TCP_ACK))
		return false;
	seg_side_load(&s->window[direction & 1], &own);
	seg_side_load(&s->window[!(direction & 1)], &other);
	if (seg_unlikely(!(own.flags & SEG_WINDOW_SPOKEN) ||
			 !seg_is_within(&own, &other, segment) ||
			 seg_side_catch_up(&other, segment)))
		return false;
	seg_side_advance(&own, segment);
	SEG_HOOK(ADVANCE_BEFORE_STORE, s);
	seg_side_store(&s->window[direction & 1], &own);
	return true;
}

/* The windows of a session that is not published yet, by the segment that began it. An answer to
 * what was not seen proves nothing of its own opening. */
static __always_inline void
seg_session_begin(struct seg_session *s, const struct seg_segment *segment, unsigned int direction)
{
	struct seg_side own;

	seg_side_begin(&own, segment);
	if (segment->flags & SEG_TCP_ACK)
		own.flags &= (__u8)~SEG_WINDOW_SYN;
	seg_side_store(&s->window[direction & 1], &own);
}

#endif
