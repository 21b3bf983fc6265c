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
	SEG_EVENT_NONE, /* it is not even seen: its receiver is to answer it (RFC 5961) */
	SEG_EVENT_SEEN, /* seen, and no more: a denied flow has no state */
	SEG_EVENT_DATA,
	SEG_EVENT_SYN,
	SEG_EVENT_SYN_ACK,
	SEG_EVENT_FIN,
	SEG_EVENT_RST,
	SEG_EVENT_RESTART, /* SYN+ACK: both ends have forgotten the connection before */
	SEG_EVENT_MAX
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

/*
 * The state after a packet, by state and event: {of the originator, of the other side}.
 *
 * Every protocol opens by the first column (RFC 4787 4.3: what comes back keeps nothing
 * open by itself); the rest is TCP, RFC 9293 3.3.2 as one who stands between the two sees
 * it. Which packets count is window.h's to say.
 */
#define OP SEG_L4_OPENING
#define AN SEG_L4_ANSWERED
#define ES SEG_L4_ESTABLISHED
#define CL SEG_L4_CLOSING
#define CB SEG_L4_CLOSING_BACK
#define TW SEG_L4_TIME_WAIT
#define CD SEG_L4_CLOSED
/* clang-format off */
static const __u8 seg_l4_next[SEG_L4_MAX][SEG_EVENT_MAX][2] = {
	/*                                          DATA      SYN       SYN_ACK   FIN       RST       RESTART */
	[SEG_L4_NEW]          = {[SEG_EVENT_DATA] = {OP, AN}, {OP, AN}, {OP, AN}, {CL, CB}, {CD, CD}, {OP, AN}},
	[SEG_L4_OPENING]      = {[SEG_EVENT_DATA] = {OP, AN}, {OP, AN}, {OP, AN}, {CL, CB}, {CD, CD}, {OP, AN}},
	[SEG_L4_ANSWERED]     = {[SEG_EVENT_DATA] = {ES, AN}, {AN, AN}, {AN, AN}, {CL, CB}, {CD, CD}, {AN, AN}},
	[SEG_L4_ESTABLISHED]  = {[SEG_EVENT_DATA] = {ES, ES}, {ES, ES}, {ES, ES}, {CL, CB}, {CD, CD}, {AN, AN}},
	[SEG_L4_CLOSING]      = {[SEG_EVENT_DATA] = {CL, CL}, {CL, CL}, {CL, CL}, {CL, TW}, {CD, CD}, {AN, AN}},
	[SEG_L4_CLOSING_BACK] = {[SEG_EVENT_DATA] = {CB, CB}, {CB, CB}, {CB, CB}, {TW, CB}, {CD, CD}, {AN, AN}},
	[SEG_L4_TIME_WAIT]    = {[SEG_EVENT_DATA] = {TW, TW}, {TW, TW}, {TW, TW}, {TW, TW}, {CD, CD}, {AN, AN}},
	[SEG_L4_CLOSED]       = {[SEG_EVENT_DATA] = {CD, CD}, {CD, CD}, {CD, CD}, {CD, CD}, {CD, CD}, {AN, AN}},
};
/* clang-format on */
#undef OP
#undef AN
#undef ES
#undef CL
#undef CB
#undef TW
#undef CD

_Static_assert(SEG_L4_MAX == 8 && SEG_EVENT_MAX == 8, "both are masked by 7");

/* "Seen" is refreshed only this often: a busy flow need not write a word for every packet. */
#define SEG_SEEN_STEP 128 /* ticks: 134 ms */

static __always_inline __u64 seg_state_set_l4(__u64 state, __u8 l4)
{
	return (state & ~(0xffull << SEG_STATE_L4_SHIFT)) | (__u64)l4 << SEG_STATE_L4_SHIFT;
}

/* Where replies are not seen (`one_sided`: no egress program here), TCP passes for answered. */
static __always_inline __u8 seg_l4_after(__u8 l4, enum seg_event event, __u8 proto, int reply,
					 int one_sided)
{
	if (event < SEG_EVENT_DATA)
		return l4;
	if (seg_unlikely(one_sided) && proto == IPPROTO_TCP && l4 == SEG_L4_OPENING)
		l4 = SEG_L4_ANSWERED;
	return seg_l4_next[l4 & 7][event & 7][reply ? 1 : 0];
}

/* The state after a packet, without its class. `reply`: it comes from the side that did not begin.
 */
static __always_inline __u64 seg_state_after(__u64 state, enum seg_event event, __u8 proto,
					     int reply, int one_sided, __u32 now)
{
	__u32 since = now - seg_state_seen(state);

	if (event == SEG_EVENT_NONE)
		return state;
	if (since >= SEG_SEEN_STEP && (__s32)since > 0)
		state = seg_state_set_seen(state, now);
	return seg_state_set_l4(state,
				seg_l4_after(seg_state_l4(state), event, proto, reply, one_sided));
}

/*
 * What begins a connection where the one before is over has a session of its own, and
 * the policy is asked again: it may come from the other side (RFC 9293 3.6.1). While
 * one side can still speak, a SYN ends nothing (RFC 5961 4).
 */
static __always_inline bool seg_state_is_over(__u64 state, __u8 tcp_flags, int one_sided)
{
	__u8 syn = SEG_TCP_SYN | (one_sided ? 0 : SEG_TCP_ACK);

	return (tcp_flags & syn) == SEG_TCP_SYN && seg_state_l4(state) >= SEG_L4_TIME_WAIT;
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
