/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h - packets of a capture through the real XDP program (BPF_PROG_TEST_RUN)
 * and the worker's code, one at a time: what the slow path decides is in the
 * session table when the next packet comes. No interface, no daemon, no other
 * process; needs CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW, CAP_PERFMON.
 *
 * Time is the capture's, and never goes back: sessions die to the tick when they
 * have been silent too long. A policy's `pickup` counts from the first packet.
 *
 * The same packets under the same policy give the same answers, but for `ns`.
 */
#ifndef SEG_REPLAY_H
#define SEG_REPLAY_H

#include <stdbool.h>

#include "abi.h"
#include "address.h"
#include "capture.h"
#include "error.h"
#include "image.h"

#define SEG_RULE_NONE (SEG_RULE_DEFAULT - 1) /* neither a rule nor the default decided */

struct seg_replay_options {
	const struct seg_range *local; /* addresses of this host or behind it; none: all arrives */
	size_t local_n;
	const char *iface;    /* what rules with `iface` are asked; NULL: no interface */
	uint64_t packets_max; /* the table need not hold more sessions; 0: not known */
};

/* What became of a packet. */
struct seg_replayed {
	uint8_t verdict;   /* SEG_VERDICT_ALLOW or _DENY: a packet that is lost is denied */
	uint8_t path;      /* enum seg_path: who answered */
	uint8_t reason;    /* enum seg_reason */
	uint8_t direction; /* enum seg_direction: where the packet went */
	uint8_t family;    /* 4, 6; 0: no IP, and nothing below is known */
	uint8_t proto;
	uint8_t state;         /* enum seg_l4_state after it; SEG_L4_MAX: no session */
	bool opened;           /* a session began with it */
	uint16_t sport, dport; /* host order; 0: the protocol has none */
	uint32_t rule;         /* or SEG_RULE_DEFAULT, SEG_RULE_NONE */
	uint32_t shadow; /* the rule of stage shadow that would have decided, or SEG_RULE_NONE */
	uint32_t bytes;  /* on the wire, Ethernet header included */
	uint32_t ns;     /* that program and worker took */
	struct seg_address src, dst;
};

struct seg_replay;

/* Load programs and make tables. The image stays the caller's, and must live as long. */
int seg_replay_open(const struct seg_image *image, const struct seg_replay_options *options,
		    struct seg_replay **out, struct seg_error *err);

/*
 * Judge the next packet. A fragment waits for the rest of its datagram, and what came behind it is
 * not told before it: seg_replay_next() says what became of the packets, each in its turn.
 * -errno: the kernel refused to run the program, or out of memory.
 */
int seg_replay_packet(struct seg_replay *replay, const struct seg_capture_packet *packet,
		      struct seg_error *err);

/* What became of the first packet that was not told yet. False: that is not known yet. */
bool seg_replay_next(struct seg_replay *replay, struct seg_replayed *out);
bool seg_replay_has_next(const struct seg_replay *replay);

/* No packet comes any more: what still waits is out of time. */
void seg_replay_end(struct seg_replay *replay);

/* Forget all sessions, what waits, and the time: the next packet is the first. */
void seg_replay_reset(struct seg_replay *replay);

/*
 * What the datapath itself counted for a rule (SEG_RULE_DEFAULT: the default):
 * its sessions, dead ones included (invariant 8). Zero where memory runs out.
 */
struct seg_rule_count seg_replay_rule(const struct seg_replay *replay, uint32_t rule);

void seg_replay_close(struct seg_replay *replay);

static inline void seg_replay_closep(struct seg_replay **replay)
{
	seg_replay_close(*replay);
}

#define _cleanup_replay_ _cleanup_(seg_replay_closep)

#endif
