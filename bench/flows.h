/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * flows.h - the benchmarks' flows: number i to addresses, ports and frame, the
 * same for the BPF programs that send them and for the C code that seeds them.
 *
 * Flow i comes from port 1024 + i % 256 of host i / 256; all go to one service.
 * Flows from BENCH_UNKNOWN on are never seeded. Frames are 64 bytes without FCS:
 * Ethernet, IP, TCP or UDP, and zeros.
 */
#ifndef BENCH_FLOWS_H
#define BENCH_FLOWS_H

#include <stddef.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#define BENCH_FRAME    64
#define BENCH_FRAME_V6 80 /* Ethernet, IPv6 and TCP need 74 */
#define BENCH_UNKNOWN  (1u << 27)
#define BENCH_PORT     7777 /* the service's */
#define BENCH_SERVICE                                                                              \
	0x0aff0080             /* 10.255.0.128, fd00::1:aff:80: in the midst of the hosts, so that \
				* which end of a flow is the lower one cannot be foretold */
#define BENCH_HOSTS 0x0a000000 /* 10.0.0.0, fd00::1:a00:0 */

struct bench_frame_v4 {
	struct ethhdr eth;
	struct iphdr ip;
	union {
		struct tcphdr tcp;
		struct udphdr udp;
		__be16 ports[2];
	};
} __attribute__((packed));

struct bench_frame_v6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	union {
		struct tcphdr tcp;
		struct udphdr udp;
		__be16 ports[2];
	};
} __attribute__((packed));

static inline __attribute__((always_inline)) __be32 bench_host(__u32 flow)
{
	return bpf_htonl(BENCH_HOSTS + (flow >> 8));
}

static inline __attribute__((always_inline)) __be16 bench_port(__u32 flow)
{
	return (__be16)bpf_htons((__u16)(1024 + (flow & 0xff)));
}

/* The IPv4 header's checksum: `rest` is the sum of its other words. */
static inline __attribute__((always_inline)) __u16 bench_ip_check(__u32 rest, __be32 source)
{
	__u32 sum = rest + (source & 0xffff) + (source >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* xorshift64 (Marsaglia 2003): a flow below `flows`, no memory but one word. */
static inline __attribute__((always_inline)) __u32 bench_pick(__u64 *state, __u32 flows)
{
	__u64 x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return (__u32)((x >> 32) * flows >> 32);
}

#endif
