/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * session_state.h - the parts of a session's state word (abi.h, SEG_STATE_*).
 */
#ifndef SEG_SESSION_STATE_H
#define SEG_SESSION_STATE_H

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

#endif
