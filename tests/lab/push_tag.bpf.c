// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* push_tag.bpf.c - tc: what leaves gets a VLAN tag beside the frame: VID 100, to port 9001 VID 0.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH_P_8021Q 0x8100
#define UDP_DPORT   36 /* of IPv4 without options */

SEC("tc")
int push_tag(struct __sk_buff *skb)
{
	__u16 type = 0, port = 0;

	bpf_skb_load_bytes(skb, 12, &type, sizeof(type));
	bpf_skb_load_bytes(skb, UDP_DPORT, &port, sizeof(port));
	if (type != bpf_htons(0x0800))
		return TC_ACT_OK;
	bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), port == bpf_htons(9001) ? 0 : 100);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
