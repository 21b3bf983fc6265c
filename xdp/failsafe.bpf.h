/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * failsafe.bpf.h - services of this host that are never cut off. Judged by the packet
 * alone, before sessions, budgets and workers are looked at: whatever is full, lost or
 * wrong there does not matter. Without such services nothing of it is left in a
 * program: the verifier sees that `n` is 0.
 *
 * No session is made: what arrives goes to the service, what leaves comes from it, and
 * each is known by its port, or ICMP type, and by the other end's address.
 */
#ifndef SEG_FAILSAFE_BPF_H
#define SEG_FAILSAFE_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "packet.h"
#include "session_key.h"

/* Set by the keeper, with the map below. */
const volatile struct seg_failsafes seg_failsafes = {};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct seg_failsafe_key);
	__type(value, __u32);
} seg_failsafe SEC(".maps");

#define FAILSAFE_NONE (-1)

/* The service's port, or type and code of what asks it; FAILSAFE_NONE: this ICMP is no answer. */
static __always_inline int failsafe_service(const struct seg_packet *packet, bool answer)
{
	int echo = packet->proto == IPPROTO_ICMP ? SEG_ICMP_ECHO : SEG_ICMP6_ECHO;

	if (!seg_is_icmp(packet->proto))
		return SEG_BE16(answer ? packet->sport : packet->dport);
	if (!answer)
		return packet->icmp_type << 8 | packet->icmp_code;
	return packet->flags & SEG_PACKET_ICMP_REPLY ? echo << 8 : FAILSAFE_NONE;
}

static __always_inline bool failsafe_row_holds(__u32 i, const struct seg_packet *packet,
					       int service)
{
	const volatile struct seg_failsafe_row *row = &seg_failsafes.row[i];

	if (row->family && row->family != packet->family)
		return false;
	if (!(row->flags & SEG_FAILSAFE_ANY_PROTO) && row->proto != packet->proto)
		return false;
	return service >= row->first && service <= row->last;
}

/* `peer`: the end that is not this host. */
static __always_inline bool failsafe_holds(const struct seg_packet *packet, const __be32 *peer,
					   bool answer)
{
	struct seg_failsafe_key key = {.length = SEG_FAILSAFE_KEY_BITS};
	int service = failsafe_service(packet, answer);

	if (service == FAILSAFE_NONE)
		return false;
	__builtin_memcpy(key.addr, peer, sizeof(key.addr));
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < SEG_FAILSAFES_MAX; i++) {
		if (i >= seg_failsafes.n)
			break;
		if (!failsafe_row_holds(i, packet, service))
			continue;
		if (seg_failsafes.row[i].flags & SEG_FAILSAFE_ANYWHERE)
			return true;
		key.set = seg_failsafes.row[i].set;
		if (bpf_map_lookup_elem(&seg_failsafe, &key))
			return true;
	}
	return false;
}

/* The packet that `key` was made of, whose endpoint `from` speaks; it `arrives`, or leaves. */
static __always_inline bool failsafe_has(const struct seg_packet *packet, const struct seg_key *key,
					 __u32 from, bool arrives)
{
	const __be32 *peer = arrives ? key->addr[from & 1] : key->addr[!(from & 1)];

	return seg_failsafes.n && failsafe_holds(packet, peer, !arrives);
}

#endif
