/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * state.h - the state word of a session: life of the slot, state of the flow,
 * when it was last seen, and which quota it is counted in.
 *
 * Everybody changes it by CAS only. Whoever wins the CAS that changes the class
 * moves the quota.
 */
#ifndef SEG_STATE_H
#define SEG_STATE_H

#include <linux/in.h>

#include "abi.h"
#include "compat.h"

static __always_inline __u8 seg_state_life(__u64 state)
{
	return (__u8)state;
}

static __always_inline __u8 seg_state_l4(__u64 state)
{
	return (__u8)(state >> SEG_STATE_L4_SHIFT);
}

static __always_inline __u8 seg_state_flags(__u64 state)
{
	return (__u8)(state >> SEG_STATE_FLAGS_SHIFT);
}

static __always_inline __u8 seg_state_incarnation(__u64 state)
{
	return (__u8)(state >> SEG_STATE_INCARNATION_SHIFT);
}

static __always_inline __u32 seg_state_seen(__u64 state)
{
	return (__u32)(state >> SEG_STATE_SEEN_SHIFT);
}

static __always_inline __u64 seg_state_make(__u8 life, __u8 l4, __u8 flags, __u8 incarnation,
					    __u32 seen)
{
	return life | (__u64)l4 << SEG_STATE_L4_SHIFT | (__u64)flags << SEG_STATE_FLAGS_SHIFT |
	       (__u64)incarnation << SEG_STATE_INCARNATION_SHIFT |
	       (__u64)seen << SEG_STATE_SEEN_SHIFT;
}

static __always_inline enum seg_class seg_state_class(__u64 state)
{
	return (enum seg_class)(seg_state_flags(state) >> SEG_SESSION_CLASS_SHIFT);
}

/* The direction that began: 0 if endpoint 0 did. */
static __always_inline unsigned int seg_state_originator(__u64 state)
{
	return seg_state_flags(state) & SEG_SESSION_ORIGINATOR ? 1 : 0;
}

static __always_inline __u64 seg_state_set_class(__u64 state, enum seg_class class)
{
	return (state & ~(3ull << (SEG_STATE_FLAGS_SHIFT + SEG_SESSION_CLASS_SHIFT))) |
	       (__u64) class << (SEG_STATE_FLAGS_SHIFT + SEG_SESSION_CLASS_SHIFT);
}

static __always_inline __u64 seg_state_set_life(__u64 state, __u8 life)
{
	return (state & ~0xffull) | life;
}

static __always_inline __u64 seg_state_set_seen(__u64 state, __u32 tick)
{
	return (__u32)state | (__u64)tick << SEG_STATE_SEEN_SHIFT;
}

/* What is left of `state` when its slot changes hands. */
static __always_inline __u64 seg_state_keep_incarnation(__u64 state)
{
	return state & 0xffull << SEG_STATE_INCARNATION_SHIFT;
}

/* --- what a packet does to it --------------------------------------------- */

/* What a packet means to its flow; TCP's by its flags, RST before SYN before FIN. */
enum seg_event {
	SEG_EVENT_NONE,
	SEG_EVENT_DATA,
	SEG_EVENT_SYN,
	SEG_EVENT_SYN_ACK,
	SEG_EVENT_FIN,
	SEG_EVENT_RST
};

#define SEG_TCP_FIN 0x01
#define SEG_TCP_SYN 0x02
#define SEG_TCP_RST 0x04
#define SEG_TCP_ACK 0x10

static __always_inline enum seg_event seg_event_of(__u8 proto, __u8 tcp_flags)
{
	if (proto != IPPROTO_TCP || !(tcp_flags & (SEG_TCP_RST | SEG_TCP_SYN | SEG_TCP_FIN)))
		return SEG_EVENT_DATA;
	if (tcp_flags & SEG_TCP_RST)
		return SEG_EVENT_RST;
	if (tcp_flags & SEG_TCP_SYN)
		return tcp_flags & SEG_TCP_ACK ? SEG_EVENT_SYN_ACK : SEG_EVENT_SYN;
	return SEG_EVENT_FIN;
}

/* "Seen" is refreshed only this often: a busy flow need not write a word for every packet. */
#define SEG_SEEN_STEP 128 /* ticks: 134 ms */

static __always_inline __u8 seg_l4_after_fin(__u8 flags)
{
	const __u8 both = SEG_SESSION_FIN_0 | SEG_SESSION_FIN_1;

	return (flags & both) == both ? SEG_L4_TIME_WAIT : SEG_L4_CLOSING;
}

/*
 * The state after a packet, without its class. `reply`: it comes from the side
 * that did not begin. A flow is ESTABLISHED when its originator speaks again
 * after a reply; where replies are not seen (`one_sided`: no egress program
 * here), TCP is once its originator acknowledges, and nothing else ever is.
 */
static __always_inline __u64 seg_state_after(__u64 state, enum seg_event event, __u8 proto,
					     int reply, int one_sided, __u32 now)
{
	__u8 l4 = seg_state_l4(state), flags = seg_state_flags(state);
	__u32 seen = seg_state_seen(state);

	if (now - seen >= SEG_SEEN_STEP && (__s32)(now - seen) > 0)
		seen = now;
	if (reply && event)
		flags |= SEG_SESSION_REPLIED;
	switch (event) {
	case SEG_EVENT_NONE: /* seen, and no more: a denied flow has no state */
		break;
	case SEG_EVENT_DATA:
		if (l4 == SEG_L4_OPENING && !reply &&
		    (flags & SEG_SESSION_REPLIED || (one_sided && proto == IPPROTO_TCP)))
			l4 = SEG_L4_ESTABLISHED;
		break;
	case SEG_EVENT_SYN:
	case SEG_EVENT_SYN_ACK: /* no opening but an answer to one, unless that was not seen */
		if (event == SEG_EVENT_SYN_ACK && !one_sided)
			break;
		if (l4 >= SEG_L4_CLOSING && !reply) { /* the ports are used again */
			l4 = SEG_L4_OPENING;
			flags &= (__u8) ~(SEG_SESSION_REPLIED | SEG_SESSION_FIN_0 |
					  SEG_SESSION_FIN_1);
		}
		break;
	case SEG_EVENT_FIN:
		flags |= (reply ? 1 : 0) == (flags & SEG_SESSION_ORIGINATOR) ? SEG_SESSION_FIN_0
									     : SEG_SESSION_FIN_1;
		if (l4 < SEG_L4_CLOSED)
			l4 = seg_l4_after_fin(flags);
		break;
	case SEG_EVENT_RST:
		l4 = SEG_L4_CLOSED;
		break;
	}
	return seg_state_make(seg_state_life(state), l4, flags, seg_state_incarnation(state), seen);
}

/* The class that a state asks for. Denied sessions stay what they are. */
static __always_inline enum seg_class seg_class_of(__u64 state)
{
	if (seg_state_class(state) == SEG_CLASS_DENIED)
		return SEG_CLASS_DENIED;
	return seg_state_l4(state) == SEG_L4_ESTABLISHED ? SEG_CLASS_ESTABLISHED
							 : seg_state_class(state);
}

/* --- quotas ---------------------------------------------------------------- */

/* Count one more session in `class`: 1, or 0 and nothing changed if it is full. Units: sessions. */
static __always_inline int seg_quota_take(struct seg_quota *quota, enum seg_class class, __u32 max)
{
	if (seg_fetch_add(&quota->class[class].used, 1) < max)
		return 1;
	seg_add(&quota->class[class].used, (__u64)-1);
	seg_add(&quota->class[class].refused, 1);
	return 0;
}

static __always_inline void seg_quota_give(struct seg_quota *quota, enum seg_class class)
{
	seg_add(&quota->class[class].used, (__u64)-1);
}

#endif
