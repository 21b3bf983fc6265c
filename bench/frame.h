/* SPDX-License-Identifier: BSD-2-Clause */
/* frame.h - frames and addresses of flows.h's flows, for C. */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <linux/types.h>

/* One word each is used for family 4. */
struct bench_addresses {
	__be32 source[4];
	__be32 destination[4];
};

struct bench_addresses bench_addresses(__u8 family, __u32 flow);

/*
 * A whole frame of flow 0 into `frame` (room for BENCH_FRAME_V6 bytes): TCP with
 * ACK alone, or UDP without checksum (IPv4) or with a wrong one (IPv6: nothing here
 * looks at it). MAC addresses stay zero. Returns its length.
 */
__u32 bench_frame(void *frame, __u8 family, __u8 proto);

/* Sum of an IPv4 header's words without source and checksum: bench_ip_check's `rest`. */
__u32 bench_ip_rest(const void *frame);

#endif
