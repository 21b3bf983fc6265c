/* SPDX-License-Identifier: BSD-2-Clause */
/* why.h - what is asked of a policy: by a flow in words (why.c), or by a capture (why_capture.c).
 */
#ifndef SEG_WHY_H
#define SEG_WHY_H

#include "capture.h"
#include "cli.h"
#include "first_packet.h"
#include "policy.h"

struct seg_question {
	const struct seg_cli *cli;
	const struct seg_policy *policy;
	const char *name; /* of the policy's own file */
	struct seg_first_packet_rules rules;
	uint64_t pickup_ns; /* from attach on, which is a capture's first packet */
	uint8_t direction;  /* of the packets */
	uint16_t iface;
	bool observed; /* the policy in force only counts */
};

/* Read a frame as a flow's first packet, as seg_first_packet_read(), and where it goes. */
void seg_question_read(const struct seg_question *question, const uint8_t *frame, size_t size,
		       struct seg_first_packet *first);

/* The same of a datagram that came in fragments: it begins with its IP header. */
void seg_question_read_whole(const struct seg_question *question, const uint8_t *datagram,
			     size_t size, const uint16_t vlan[2], struct seg_first_packet *first);

/*
 * Explain the first packet of each flow of a capture, and each packet that is denied
 * before any rule: a line each, JSON with "n" and what seg_explain() says.
 */
int seg_why_capture(struct seg_question *question, struct seg_capture *capture,
		    struct seg_error *err);

#endif
