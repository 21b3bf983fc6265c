/* SPDX-License-Identifier: BSD-2-Clause */
/* frame.c - frames of flows.h's flows. */
#include <string.h>

#include "flows.h"
#include "frame.h"

struct bench_addresses bench_addresses(__u8 family, __u32 flow)
{
	if (family == 4)
		return (struct bench_addresses){{bench_host(flow)}, {bpf_htonl(BENCH_SERVICE)}};
	return (struct bench_addresses){
		.source = {bpf_htonl(0xfd000000), 0, bpf_htonl(1), bench_host(flow)},
		.destination = {bpf_htonl(0xfd000000), 0, bpf_htonl(1), bpf_htonl(BENCH_SERVICE)},
	};
}

/* At `l4`, where ports come first in either protocol. */
static void fill_l4(void *l4, __u8 proto, __u16 room)
{
	const struct tcphdr tcp = {
		.source = bench_port(0),
		.dest = bpf_htons(BENCH_PORT),
		.doff = 5,
		.ack = 1,
		.window = bpf_htons(1024),
	};
	const struct udphdr udp = {
		.source = bench_port(0),
		.dest = bpf_htons(BENCH_PORT),
		.len = (__be16)bpf_htons(room),
		.check = 0,
	};

	if (proto == IPPROTO_TCP)
		memcpy(l4, &tcp, sizeof(tcp));
	else
		memcpy(l4, &udp, sizeof(udp));
}

static __u32 frame_v4(struct bench_frame_v4 *frame, __u8 proto)
{
	const struct bench_addresses addresses = bench_addresses(4, 0);
	const __u16 length = BENCH_FRAME - sizeof(frame->eth);

	frame->eth.h_proto = bpf_htons(ETH_P_IP);
	frame->ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(length),
		.ttl = 64,
		.protocol = proto,
		.saddr = addresses.source[0],
		.daddr = addresses.destination[0],
	};
	frame->ip.check = bench_ip_check(bench_ip_rest(frame), frame->ip.saddr);
	fill_l4(frame->ports, proto, (__u16)(length - sizeof(frame->ip)));
	return BENCH_FRAME;
}

static __u32 frame_v6(struct bench_frame_v6 *frame, __u8 proto)
{
	const struct bench_addresses addresses = bench_addresses(6, 0);
	const __u16 length = BENCH_FRAME_V6 - sizeof(frame->eth) - sizeof(frame->ip);

	frame->eth.h_proto = bpf_htons(ETH_P_IPV6);
	frame->ip = (struct ipv6hdr){
		.version = 6,
		.payload_len = bpf_htons(length),
		.nexthdr = proto,
		.hop_limit = 64,
	};
	memcpy(&frame->ip.saddr, addresses.source, sizeof(frame->ip.saddr));
	memcpy(&frame->ip.daddr, addresses.destination, sizeof(frame->ip.daddr));
	fill_l4(frame->ports, proto, length);
	if (proto == IPPROTO_UDP)
		frame->udp.check = 1;
	return BENCH_FRAME_V6;
}

__u32 bench_frame(void *frame, __u8 family, __u8 proto)
{
	memset(frame, 0, BENCH_FRAME_V6);
	return family == 4 ? frame_v4(frame, proto) : frame_v6(frame, proto);
}

__u32 bench_ip_rest(const void *frame)
{
	struct iphdr ip = ((const struct bench_frame_v4 *)frame)->ip;
	__u16 words[sizeof(ip) / 2];
	__u32 sum = 0;

	ip.saddr = 0;
	ip.check = 0;
	memcpy(words, &ip, sizeof(ip));
	for (size_t i = 0; i < sizeof(ip) / 2; i++)
		sum += words[i];
	return sum;
}
