/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * window.h - does a TCP segment belong to its connection? Sequence windows as one
 * who stands in between can know them (van Rooij, Real Stateful TCP Packet Filtering
 * in IP Filter, 2001), and RFC 5961 for what would end or restart a connection.
 *
 * Of each side: how far it has sent, how far it has acknowledged, the largest window
 * it has offered. A segment fits if it
 *
 *   1. begins no further than the largest window behind what its receiver acknowledged,
 *   2. ends no further back than that, or 66,000 bytes, before what its sender has sent,
 *   3. acknowledges nothing that was not sent (RFC 5961 5); of a side whose SYN was not seen,
 *      up to a window more, since what was seen first may have been sent again,
 *   4. and nothing so far back.
 *
 * Bounds are the widest that a lawful sender may need: segments re-sent, lost before us,
 * out of order, or merged (GRO, GSO) fit. SACK moves no bound: it speaks of what lies
 * between. What is not known yet is not asked for: a side is taken from the first
 * segment that is seen of it, and one whose SYN was not seen may scale by 2^14.
 *
 * Pure. A window's two words change by CAS; a lost race leaves a bound a segment behind,
 * which the next one mends.
 */
#ifndef SEG_WINDOW_H
#define SEG_WINDOW_H

#include "abi.h"
#include "compat.h"
#include "packet.h"
#include "state.h"

/* --- a segment ---------------------------------------------------------------- */

#define SEG_SCALE_NONE 0xff
#define SEG_SCALE_MAX  14 /* RFC 7323 2.3 */

/* What a TCP header says; machine order. */
struct seg_segment {
	__u32 seq;
	__u32 ack;
	__u32 end;    /* seq + data, SYN and FIN: the next one's seq */
	__u16 window; /* as it stands there */
	__u8 flags;
	__u8 scale; /* of a SYN: its window scale option, or SEG_SCALE_NONE: seg_scale_option() */
};

SEG_ASSERT_SIZE(struct seg_segment, 16);

#define SEG_TCP_OPTIONS_MAX 40

/*
 * The window scale among a SYN's options (RFC 9293 3.1, RFC 7323 2.2), or SEG_SCALE_NONE. Where
 * options begin is a set of bits, of which the verifier learns nothing that would multiply its
 * ways.
 */
SEG_INLINE __u8 seg_scale_option(const void *data, const void *data_end,
				 const struct seg_packet *packet)
{
	__u32 at = seg_l4(packet) + (__u32)sizeof(struct seg_tcp);
	const struct seg_tcp *tcp = seg_at(data, data_end, seg_l4(packet), sizeof(*tcp));
	__u32 end = seg_l4(packet) + (tcp ? (tcp->offset >> 4) * 4u : 0);
	__u64 begins = 1;

	for (__u32 i = 0; i < SEG_TCP_OPTIONS_MAX - 2; i++) {
		const __u8 *option = seg_at(data, data_end, (at + i) & SEG_OFFSET_MASK, 3);
		__u8 length;

		if (!option || at + i + 3 > end)
			break;
		if (!(begins >> i & 1))
			continue;
		if (option[0] == 3)
			return option[2] < SEG_SCALE_MAX ? option[2] : SEG_SCALE_MAX;
		length = option[0] == 1 ? 1 : option[1];
		if (!option[0] || !length || length >= SEG_TCP_OPTIONS_MAX - i)
			break;
		begins |= 1ull << ((i + length) & 63);
	}
	return SEG_SCALE_NONE;
}

/* The segment of a parsed TCP packet, but for its scale. False: not in this frame. */
SEG_INLINE bool seg_segment_read(const void *data, const void *data_end,
				 const struct seg_packet *packet, struct seg_segment *out)
{
	__u32 l4 = seg_l4(packet), header, occupies;
	const struct seg_tcp *tcp = seg_at(data, data_end, l4, sizeof(*tcp));

	if (!tcp)
		return false;
	header = (tcp->offset >> 4) * 4u;
	occupies = packet->end - l4 - header;
	out->seq = SEG_BE32(tcp->seq);
	out->ack = SEG_BE32(tcp->ack);
	out->window = SEG_BE16(tcp->window);
	out->flags = packet->tcp_flags;
	out->scale = SEG_SCALE_NONE;
	if (seg_unlikely(out->flags & (SEG_TCP_SYN | SEG_TCP_FIN)))
		occupies++;
	out->end = out->seq + occupies;
	return true;
}

/* --- a side -------------------------------------------------------------------- */

/* A window, taken apart. */
struct seg_side {
	__u32 sent;  /* next sequence number after what it has sent */
	__u32 acked; /* highest that it has acknowledged */
	__u16 window;
	__u8 scale;
	__u8 flags; /* enum seg_window_flag */
};

static __always_inline __u64 seg_window_edge(__u32 sent, __u32 acked)
{
	return sent | (__u64)acked << 32;
}

static __always_inline __u64 seg_window_traits(__u16 window, __u8 scale, __u8 flags)
{
	return window | (__u64)scale << 16 | (__u64)flags << 24;
}

/* A flag is stored behind what it vouches for, and loaded before it. */
static __always_inline void seg_side_load(struct seg_window *window, struct seg_side *side)
{
	__u64 traits = seg_load(&window->traits), edge;

	window = seg_order(window, traits);
	edge = seg_load(&window->edge);
	side->sent = (__u32)edge;
	side->acked = (__u32)(edge >> 32);
	side->window = (__u16)traits;
	side->scale = (__u8)(traits >> 16);
	side->flags = (__u8)(traits >> 24);
}

static __always_inline void seg_side_store(struct seg_window *window, const struct seg_side *side)
{
	__u64 edge = seg_window_edge(side->sent, side->acked), old = seg_load(&window->edge);
	__u64 traits = seg_window_traits(side->window, side->scale, side->flags), before;

	if (edge != old)
		seg_cas(&window->edge, old, edge);
	before = seg_load(&window->traits);
	traits |= before & ~0xffffffffull;
	if (seg_unlikely(traits != before))
		seg_cas(&window->traits, before, traits);
}

static __always_inline bool seg_is_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* Bytes of the largest window that `side` offered; both have to scale (RFC 7323 2.2), or one may
 * while the other was not heard. */
static __always_inline __s32 seg_side_reach(const struct seg_side *side,
					    const struct seg_side *other)
{
	__u8 unheard = other->flags & SEG_WINDOW_SPOKEN ? 0 : SEG_WINDOW_SCALES;
	__u8 scales = side->flags & (other->flags | unheard) & SEG_WINDOW_SCALES;

	return side->window << (scales ? side->scale & 15 : 0); /* below 2^30 */
}

#define SEG_BACK_MIN 66000 /* as nf_conntrack: a whole window without scaling, and some more */

static __always_inline __s32 seg_back(__s32 reach)
{
	return reach > SEG_BACK_MIN ? reach : SEG_BACK_MIN;
}

/* The window field of a SYN is not scaled (RFC 7323 2.2): in units of its own scale, rounded up. */
static __always_inline __u16 seg_segment_window(const struct seg_segment *segment)
{
	__u8 scale = segment->scale;

	if (!(segment->flags & SEG_TCP_SYN) || scale > SEG_SCALE_MAX)
		return segment->window;
	return (__u16)((segment->window + (1u << scale) - 1) >> scale);
}

/* What is known of a side by the first segment that is seen of it. */
static __always_inline void seg_side_begin(struct seg_side *side, const struct seg_segment *segment)
{
	bool syn = segment->flags & SEG_TCP_SYN, scales = !syn || segment->scale <= SEG_SCALE_MAX;

	*side = (struct seg_side){
		.sent = segment->end,
		.acked = segment->ack,
		.window = seg_segment_window(segment),
		.scale = !syn     ? SEG_SCALE_MAX
			 : scales ? segment->scale
				  : 0,
		.flags = (__u8)(SEG_WINDOW_SPOKEN | (scales ? SEG_WINDOW_SCALES : 0) |
				(segment->flags & SEG_TCP_ACK ? SEG_WINDOW_ACKED : 0) |
				(syn ? SEG_WINDOW_SYN : 0)),
	};
	if (syn && segment->end != segment->seq + 1)
		side->flags |= SEG_WINDOW_EARLY;
	if (segment->end == segment->seq && /* a keepalive begins one too low (RFC 9293 3.8.4) */
	    !(segment->flags & SEG_TCP_RST))
		side->sent++;
}

/* And by every one that follows. */
static __always_inline void seg_side_advance(struct seg_side *side,
					     const struct seg_segment *segment)
{
	__u16 window = seg_segment_window(segment);

	if (seg_is_after(segment->end, side->sent))
		side->sent = segment->end;
	if (segment->flags & SEG_TCP_ACK &&
	    (!(side->flags & SEG_WINDOW_ACKED) || seg_is_after(segment->ack, side->acked)))
		side->acked = segment->ack;
	if (segment->flags & SEG_TCP_ACK)
		side->flags |= SEG_WINDOW_ACKED;
	if (window > side->window)
		side->window = window;
}

/* --- does it fit? ---------------------------------------------------------------- */

enum seg_fit {
	SEG_FIT_OUT,     /* not of this connection */
	SEG_FIT_IDLE,    /* its receiver will answer it (RFC 5961), and it moves nothing */
	SEG_FIT_IN,      /* it counts */
	SEG_FIT_RESTART, /* both ends have forgotten the old connection, and begin another */
};

/* Acknowledges a SYN that was sent, with what data it had: what a blind sender cannot guess. */
static __always_inline bool seg_acks_syn(const struct seg_side *other,
					 const struct seg_segment *segment)
{
	__u32 early = other->flags & SEG_WINDOW_EARLY ? 0xffff : 0;

	return segment->flags & SEG_TCP_ACK && other->sent - segment->ack <= early;
}

/* Bounds 1 to 4, as far as both sides are known. */
static __always_inline bool seg_is_within(const struct seg_side *own, const struct seg_side *other,
					  const struct seg_segment *segment)
{
	__s32 ahead = seg_side_reach(other, own), back = seg_back(ahead), acks;
	__u32 from = own->flags & SEG_WINDOW_SPOKEN ? own->sent : other->acked;

	if (seg_likely(other->flags & SEG_WINDOW_ACKED) &&
	    ((__s32)(segment->seq - other->acked) > ahead || (__s32)(segment->end - from) < -back))
		return false;
	if (!(segment->flags & SEG_TCP_ACK) || !(other->flags & SEG_WINDOW_SPOKEN))
		return true;
	back = seg_back(seg_side_reach(own, other));
	acks = (__s32)(segment->ack - other->sent);
	return acks <= (other->flags & SEG_WINDOW_SYN ? 0 : back) && acks >= -back;
}

/* What else a segment is judged by. */
struct seg_fit_by {
	__u8 l4;    /* state of its session */
	__u8 reply; /* from the side that did not begin */
	__u8 loose; /* one direction may be all that is seen */
	__u8 spare;
};

/* RFC 9293 3.10.7.3: a reset that answers a SYN proves itself by what it acknowledges. */
static __always_inline bool seg_answers_syn(const struct seg_side *own,
					    const struct seg_side *other,
					    const struct seg_fit_by *by)
{
	return !(own->flags & SEG_WINDOW_SPOKEN) && other->flags & SEG_WINDOW_SYN &&
	       by->l4 <= SEG_L4_OPENING && by->reply;
}

/*
 * RFC 5961 3.2: only the exact sequence number resets; another in the window is answered
 * by a challenge, and the reset comes again, exact. Once a side has closed, one in or
 * shortly before the window is enough: its stack has forgotten more than we have.
 */
static __always_inline enum seg_fit seg_fit_rst(const struct seg_side *own,
						const struct seg_side *other,
						const struct seg_segment *segment,
						const struct seg_fit_by *by)
{
	__s32 ahead = seg_side_reach(other, own), back = 0, off;
	bool closing = by->l4 >= SEG_L4_CLOSING;

	if (by->l4 >= SEG_L4_TIME_WAIT)
		return SEG_FIT_IN;
	if (seg_answers_syn(own, other, by))
		return seg_acks_syn(other, segment) ? SEG_FIT_IN : SEG_FIT_OUT;
	if (own->flags & SEG_WINDOW_SPOKEN && segment->seq == own->sent)
		return SEG_FIT_IN;
	if (!(other->flags & SEG_WINDOW_ACKED))
		return SEG_FIT_IDLE;
	off = (__s32)(segment->seq - other->acked);
	if (!off)
		return SEG_FIT_IN;
	if (closing)
		back = seg_back(ahead);
	if (off > ahead || off < -back)
		return SEG_FIT_OUT;
	return closing ? SEG_FIT_IN : SEG_FIT_IDLE;
}

/*
 * A SYN begins a side, or is sent again. Any other goes through and is noted, if the
 * originator sent it: where the other end lives it sends a challenge (RFC 5961 4.2), and
 * where both have forgotten it, a SYN+ACK.
 */
static __always_inline enum seg_fit seg_fit_syn(const struct seg_side *own,
						const struct seg_segment *segment,
						const struct seg_fit_by *by)
{
	__u32 before = own->sent - segment->seq;
	__u32 most = own->flags & SEG_WINDOW_EARLY ? 0xffff : 1;

	if (by->l4 <= SEG_L4_ANSWERED && !(own->flags & SEG_WINDOW_SPOKEN))
		return SEG_FIT_IN;
	if (by->l4 <= SEG_L4_ANSWERED && before && before <= most)
		return SEG_FIT_IN;
	return SEG_FIT_IDLE;
}

static __always_inline enum seg_fit seg_fit_syn_ack(const struct seg_side *own,
						    const struct seg_side *other,
						    const struct seg_segment *segment,
						    const struct seg_fit_by *by)
{
	bool opening = by->l4 <= SEG_L4_ANSWERED;

	if (opening && (!(other->flags & SEG_WINDOW_SPOKEN) || seg_acks_syn(other, segment)))
		return SEG_FIT_IN;
	if (by->reply && other->flags & SEG_WINDOW_RIVAL)
		return SEG_FIT_RESTART;
	return !opening && seg_is_within(own, other, segment) ? SEG_FIT_IDLE : SEG_FIT_OUT;
}

/*
 * Before both have been heard. A side that asked has said nothing that could be
 * acknowledged yet, or go on without an answer: RFC 9293 3.10.7.3. An empty
 * acknowledgement may be the challenge of an old connection: who asked will reset that.
 */
static __always_inline enum seg_fit seg_fit_opening(const struct seg_side *own,
						    const struct seg_side *other,
						    const struct seg_segment *segment,
						    const struct seg_fit_by *by)
{
	const struct seg_side *asker = by->reply ? other : own;
	bool unanswered = by->l4 == SEG_L4_OPENING && asker->flags & SEG_WINDOW_SYN;

	if (unanswered && !by->loose)
		return by->reply && segment->end == segment->seq ? SEG_FIT_IDLE : SEG_FIT_OUT;
	if (!by->reply && other->flags & SEG_WINDOW_SYN && !seg_acks_syn(other, segment))
		return SEG_FIT_OUT;
	return seg_is_within(own, other, segment) ? SEG_FIT_IN : SEG_FIT_OUT;
}

/* The verifier follows a global function once, not once for every way that leads there. */
#ifdef __bpf__
#define SEG_GLOBAL __attribute__((noinline))
#else
#define SEG_GLOBAL static inline
#endif

SEG_GLOBAL int seg_fit_rare(const struct seg_side *own, const struct seg_side *other,
			    const struct seg_segment *segment, const struct seg_fit_by *by)
{
	if (!own || !other || !segment || !by)
		return SEG_FIT_OUT;
	if (segment->flags & SEG_TCP_RST)
		return seg_fit_rst(own, other, segment, by);
	if (!(segment->flags & SEG_TCP_SYN))
		return seg_fit_opening(own, other, segment, by);
	return segment->flags & SEG_TCP_ACK ? seg_fit_syn_ack(own, other, segment, by)
					    : seg_fit_syn(own, segment, by);
}

/* How a segment fits its connection. */
static __always_inline enum seg_fit seg_fit(const struct seg_side *own,
					    const struct seg_side *other,
					    const struct seg_segment *segment,
					    const struct seg_fit_by *by)
{
	if (seg_unlikely(segment->flags & (SEG_TCP_SYN | SEG_TCP_RST) || by->l4 <= SEG_L4_ANSWERED))
		return (enum seg_fit)seg_fit_rare(own, other, segment, by);
	return seg_is_within(own, other, segment) ? SEG_FIT_IN : SEG_FIT_OUT;
}

/* --- what it leaves behind ------------------------------------------------------------ */

/* A SYN+ACK that is not the one before, sent again: a server without memory sends others (RFC 4987
 * 3.6). */
static __always_inline bool seg_is_begin(const struct seg_side *own,
					 const struct seg_segment *segment)
{
	if (!(own->flags & SEG_WINDOW_SPOKEN))
		return true;
	return (segment->flags & (SEG_TCP_SYN | SEG_TCP_ACK)) == (SEG_TCP_SYN | SEG_TCP_ACK) &&
	       own->sent - segment->end > 0xffff;
}

/* Data behind a SYN that nobody has acknowledged yet (RFC 7413). */
static __always_inline void seg_note_early(struct seg_side *own, const struct seg_segment *segment,
					   const struct seg_fit_by *by)
{
	if (seg_unlikely(by->l4 <= SEG_L4_ANSWERED) && own->flags & SEG_WINDOW_SYN && by->reply &&
	    seg_is_after(segment->end, own->sent))
		own->flags |= SEG_WINDOW_EARLY;
}

/* A connection begins anew with the answer to a SYN that was let through: what that acknowledges
 * is all that is known of who sent it. */
static __always_inline void seg_side_restart(struct seg_side *other,
					     const struct seg_segment *segment)
{
	other->sent = segment->ack;
	other->flags &= (__u8) ~(SEG_WINDOW_ACKED | SEG_WINDOW_RIVAL | SEG_WINDOW_EARLY);
}

/* The same where something begins, or may. */
SEG_GLOBAL int seg_take_rare(struct seg_side *own, struct seg_side *other,
			     const struct seg_segment *segment, const struct seg_fit_by *by,
			     __u32 fit)
{
	if (!own || !other || !segment || !by)
		return 0;
	if (fit == SEG_FIT_IDLE && !by->reply &&
	    (segment->flags & (SEG_TCP_SYN | SEG_TCP_ACK | SEG_TCP_RST)) == SEG_TCP_SYN)
		own->flags |= SEG_WINDOW_RIVAL;
	if (fit == SEG_FIT_IDLE)
		return 0;
	if (fit == SEG_FIT_RESTART)
		seg_side_restart(other, segment);
	if (fit == SEG_FIT_RESTART || seg_is_begin(own, segment)) {
		seg_side_begin(own, segment);
		return 0;
	}
	seg_note_early(own, segment, by);
	seg_side_advance(own, segment);
	return 0;
}

/* Did it acknowledge what we have not seen? Then that was sent. */
static __always_inline bool seg_side_catch_up(struct seg_side *other,
					      const struct seg_segment *segment)
{
	const __u8 known = SEG_WINDOW_SPOKEN | SEG_WINDOW_SYN;

	if (seg_likely((other->flags & known) != SEG_WINDOW_SPOKEN ||
		       !(segment->flags & SEG_TCP_ACK) || !seg_is_after(segment->ack, other->sent)))
		return false;
	other->sent = segment->ack;
	return true;
}

/* Account for a segment that is not out. */
static __always_inline void seg_side_take(struct seg_side *own, struct seg_side *other,
					  const struct seg_segment *segment, enum seg_fit fit,
					  const struct seg_fit_by *by)
{
	if (seg_unlikely(fit != SEG_FIT_IN || by->l4 <= SEG_L4_ANSWERED ||
			 !(own->flags & SEG_WINDOW_SPOKEN)))
		seg_take_rare(own, other, segment, by, fit);
	else
		seg_side_advance(own, segment);
}

/*
 * Was what an ICMP error quotes on its way lately (RFC 5927 4.1)? `speaker`: endpoint
 * that sent it; `seq`: its sequence number.
 */
static __always_inline bool seg_window_sent(struct seg_window window[2], unsigned int speaker,
					    __u32 seq)
{
	struct seg_side own, other;
	__s32 off;

	seg_side_load(&window[speaker & 1], &own);
	seg_side_load(&window[!(speaker & 1)], &other);
	off = (__s32)(seq - own.sent);
	return !(own.flags & SEG_WINDOW_SPOKEN) ||
	       (off <= 0 && off >= -seg_back(seg_side_reach(&other, &own)));
}

#endif
