/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow_text.h - a flow's first packet as a user writes it:
 *     tcp 10.0.0.1:4321 > 10.0.0.2:22 [vlan 100] [flags syn] [dscp af11]
 *     udp [2001:db8::1]:4321 > [2001:db8::2]:53
 *     icmp 10.0.0.1 > 10.0.0.2 echo-request
 *     proto/47 10.0.0.1 > 10.0.0.2
 * Pure.
 */
#ifndef SEG_FLOW_TEXT_H
#define SEG_FLOW_TEXT_H

#include "classify.h"

/* What the text left out. */
enum seg_flow_assumed {
	SEG_ASSUMED_SOURCE_PORT = 1 << 0, /* SEG_SOURCE_PORT_ASSUMED */
	SEG_ASSUMED_ICMP_TYPE = 1 << 1,   /* an echo request */
	SEG_ASSUMED_TCP_FLAGS = 1 << 2,   /* SYN */
};

#define SEG_SOURCE_PORT_ASSUMED 40000

/*
 * Fill all of *flow but direction and iface; *assumed: enum seg_flow_assumed.
 * -EINVAL with the error placed in the text.
 */
int seg_flow_parse(const char *text, struct seg_flow *flow, unsigned int *assumed,
		   struct seg_error *err);

#define SEG_FLOW_TEXT_MAX 256

/* As seg_flow_parse() reads it; what would be assumed is written too. Returns `to`. */
const char *seg_flow_print(const struct seg_flow *flow, char *to);

#endif
