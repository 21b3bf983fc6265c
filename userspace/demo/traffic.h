/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traffic.h - what is said between the two sides of a lab, by sockets of this process:
 * it holds both ends. A port that was called over TCP once is listened on until the end. All
 * functions return 0 when the answer came, -ETIMEDOUT when it did not, else -errno.
 */
#ifndef SEG_TRAFFIC_H
#define SEG_TRAFFIC_H

#include "lab.h"

/* One conversation; what is not there is -1. */
struct seg_talk {
	int near; /* who began */
	int far;
};

#define SEG_TALK_NONE                                                                              \
	{                                                                                          \
		-1, -1                                                                             \
	}

void seg_talk_close(struct seg_talk *talk);

#define _cleanup_talk_ _cleanup_(seg_talk_close)

/* Each takes no longer than timeout_ms for each packet that it waits for, and opens `talk`. */
int seg_traffic_tcp(struct seg_lab *lab, const struct seg_call *call, int timeout_ms,
		    struct seg_talk *talk);
int seg_traffic_udp(struct seg_lab *lab, const struct seg_call *call, int timeout_ms,
		    struct seg_talk *talk);
int seg_traffic_ping(struct seg_lab *lab, const struct seg_call *call, int timeout_ms,
		     struct seg_talk *talk);

/* A word and its echo over an open TCP connection. */
int seg_traffic_again(const struct seg_talk *talk, int timeout_ms);

#endif
