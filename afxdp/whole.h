/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * whole.h - a datagram that came in fragments, put together: judged as XDP and worker
 * would have judged one packet (walk.bpf.h), of which neither met more than parts.
 */
#ifndef SEG_WHOLE_H
#define SEG_WHOLE_H

#include "decide.h"

struct seg_whole {
	const struct seg_judge *judge;
	struct seg_flows *flows;
	struct seg_quota *quota;
	uint8_t *data, *end; /* from its IP header on */
	uint64_t now;        /* ns, CLOCK_MONOTONIC */
};

/* The outcome of a packet that no rule decides: the reason does. No address, no length. */
struct seg_outcome seg_answered_by(enum seg_reason reason, uint16_t generation);

/*
 * Judge it: failsafe, the flow that an ICMP error quotes, its session, the policy. What has no
 * session yet and may have one gets it, as XDP makes them. `packet`: what
 * seg_packet_parse_whole() found, which answered nothing.
 */
struct seg_outcome seg_whole_judge(const struct seg_whole *whole, const struct seg_packet *packet);

#endif
