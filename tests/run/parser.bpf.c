/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * parser.bpf.c - the parser alone, for parser_run.c: what it finds in the frame
 * that BPF_PROG_TEST_RUN gives goes to `parsed`.
 */
#include "parser_result.h"

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "checksum.h"

struct parser_result parsed;

SEC("xdp")
int parser(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct seg_packet packet, quote = {};
	int reason = seg_packet_parse(data, data_end, 0, SEG_FEATURE_VLAN, 1, &packet);

	parsed = (struct parser_result){};
	if (reason == SEG_PARSED && packet.flags & SEG_PACKET_ICMP_ERROR)
		reason = seg_quote_parse(data, data_end, &packet, &quote);
	parsed.reason = (__u32)reason;
	parsed.packet = packet;
	parsed.quote = quote;
	if (reason == SEG_PARSED)
		parsed.addresses =
			(__u32)seg_packet_addresses(data, data_end, &packet, parsed.addr);
	return XDP_PASS;
}

/* `parsed` again, of a packet that parser() took: a program of its own, as both are much to verify.
 */
SEC("xdp")
int checksum(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct seg_packet packet = parsed.packet;

	parsed.checksum = seg_checksum_l4_verify(data, data_end, &packet);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
