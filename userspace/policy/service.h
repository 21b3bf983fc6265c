/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.h - one service as a user writes it: "tcp/80", "udp/137-139",
 * "icmp/echo-request", "icmpv6/128", "icmp/3/4", "proto/47", "tcp", "any".
 */
#ifndef SEG_SERVICE_H
#define SEG_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct seg_service {
	uint16_t first, last; /* destination ports, or ICMP type << 8 | code */
	uint8_t proto;
	uint8_t family; /* 0: both */
	bool any;       /* every protocol */
	bool ports;     /* the protocol has ports */
};

/*
 * -ENOENT: no such protocol; -ESRCH: no such ICMP type; -ERANGE: a number is too
 * large or a range runs backwards; -EINVAL: not of this form. For the first
 * two `nearest` is asked, with its text set to the word at fault.
 */
int seg_service_parse(const char *text, size_t len, struct seg_service *out,
		      struct seg_nearest *nearest);

/* "80" or "1024-65535". -EINVAL, -ERANGE. */
int seg_ports_parse(const char *text, size_t len, uint16_t *first, uint16_t *last);

/* The protocols with ports: *protos, their number. */
size_t seg_port_protocols(const uint8_t **protos);

#endif
