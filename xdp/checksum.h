/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * checksum.h - the L4 checksum of a parsed packet: good, bad, or left for a
 * device to finish. Pure: one source for the BPF programs and for C.
 *
 * A frame from a veth, virtio or tap peer may carry only its pseudo-header's
 * sum: the sender's kernel left the rest to a device, and the note that says so
 * (CHECKSUM_PARTIAL) reaches neither AF_XDP nor a redirect. Such a sum is known
 * by being exactly that, and is completed.
 *
 * Sums are of 16-bit words in the machine's order, which does not matter (RFC
 * 1071 2.B), gathered 32 bits at a time in 64 (2.C). SCTP: CRC32c (RFC 9260
 * appendix A).
 */
#ifndef SEG_CHECKSUM_H
#define SEG_CHECKSUM_H

#include "packet.h"

enum seg_checksum {
	SEG_CHECKSUM_GOOD,    /* or there is none: by the protocol, or UDP's 0 */
	SEG_CHECKSUM_PARTIAL, /* seg_checksum_complete() mends it; bad where no sender leaves it so */
	SEG_CHECKSUM_BAD,
	SEG_CHECKSUM_UNREAD, /* part of the packet cannot be read here: leave it to who can */
};

/* What one run can sum: all of a packet, in BPF a jumbo frame, as each round is verified. */
#define SEG_SUM_BLOCK 64
#ifdef __bpf__
#define SEG_SUM_BLOCKS_MAX 144
#define SEG_CRC_BYTES_MAX  1536
#else
#define SEG_SUM_BLOCKS_MAX 1024
#define SEG_CRC_BYTES_MAX  65536
#endif
#define SEG_SUM_UNREAD (~0ull)

/* --- the Internet checksum ------------------------------------------------ */

SEG_INLINE __u64 seg_sum_block(const __u8 *p, __u32 size)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < size; i += 4)
		sum += SEG_LOAD32(p + i);
	return sum;
}

/* The last byte of an odd number stands first in its word (RFC 1071 1). */
SEG_INLINE __u64 seg_sum_byte(__u8 byte)
{
	return SEG_BE16(byte << 8);
}

/* What is left after whole blocks: each size at most once, as the verifier wants constant ones. */
SEG_INLINE __u64 seg_sum_rest(const void *data, const void *data_end, __u32 at, __u32 size)
{
	__u64 sum = 0;

	for (__u32 part = SEG_SUM_BLOCK / 2; part; part /= 2) {
		const __u8 *p;

		if (!(size & part))
			continue;
		p = seg_at(data, data_end, at & 0xffff, part);
		if (!p)
			return SEG_SUM_UNREAD;
		sum += part >= 4   ? seg_sum_block(p, part) :
		       part == 2 ? SEG_LOAD16(p) :
				   seg_sum_byte(*p);
		at += part;
	}
	return sum;
}

/* Sum of `size` bytes at `at`, to be folded; SEG_SUM_UNREAD: not all in the frame. */
SEG_COLD __u64 seg_sum(const void *data, const void *data_end, __u32 at, __u32 size)
{
	__u64 sum = 0, rest;

	at &= SEG_OFFSET_MASK;
	for (int i = 0; i < SEG_SUM_BLOCKS_MAX && size >= SEG_SUM_BLOCK; i++) {
		const __u8 *p = seg_at(data, data_end, at, SEG_SUM_BLOCK);

		if (!p)
			return SEG_SUM_UNREAD;
		sum += seg_sum_block(p, SEG_SUM_BLOCK);
		at += SEG_SUM_BLOCK;
		size -= SEG_SUM_BLOCK;
	}
	if (size >= SEG_SUM_BLOCK)
		return SEG_SUM_UNREAD;
	rest = seg_sum_rest(data, data_end, at, size);
	return rest == SEG_SUM_UNREAD ? rest : sum + rest;
}

/* --- which protocol is summed how ------------------------------------------ */

struct seg_sum_rule {
	__u16 field;	/* offset of the checksum in its header */
	__u8 pseudo;	/* with the pseudo-header (RFC 9293 3.1, RFC 8200 8.1) */
	__u8 deferrable; /* a sender may leave it to a device */
};

SEG_INLINE int seg_sum_rule(__u8 proto, struct seg_sum_rule *rule)
{
	switch (proto) {
	case IPPROTO_TCP:
		*rule = (struct seg_sum_rule){__builtin_offsetof(struct seg_tcp, checksum), 1, 1};
		return 1;
	case IPPROTO_UDP:
		*rule = (struct seg_sum_rule){__builtin_offsetof(struct seg_udp, checksum), 1, 1};
		return 1;
	case SEG_IPPROTO_UDPLITE:
		*rule = (struct seg_sum_rule){__builtin_offsetof(struct seg_udp, checksum), 1, 0};
		return 1;
	case IPPROTO_ICMP:
		*rule = (struct seg_sum_rule){__builtin_offsetof(struct seg_icmp, checksum), 0, 0};
		return 1;
	case SEG_IPPROTO_ICMP6:
		*rule = (struct seg_sum_rule){__builtin_offsetof(struct seg_icmp, checksum), 1, 0};
		return 1;
	}
	return 0;
}

/* Bytes of L4 that the pseudo-header counts, and that are summed. */
struct seg_sum_span {
	__u32 length;
	__u32 covered;
};

/* UDP says its length, which may be less than the datagram's; UDP-Lite, its coverage (RFC 3828 3.1). */
SEG_INLINE struct seg_sum_span seg_sum_span(const struct seg_udp *udp,
					    const struct seg_packet *packet)
{
	__u32 length = (__u32)packet->end - packet->l4, said = SEG_BE16(udp->length);

	if (packet->proto == IPPROTO_UDP)
		return (struct seg_sum_span){said, said};
	if (packet->proto == SEG_IPPROTO_UDPLITE && said)
		return (struct seg_sum_span){length, said};
	return (struct seg_sum_span){length, length};
}

SEG_INLINE __u64 seg_sum_pseudo(const void *data, const void *data_end,
				const struct seg_packet *packet, __u32 length)
{
	__u32 l3 = seg_l3(packet);
	__u64 sum = (__u64)SEG_BE16(length) + SEG_BE16(packet->proto);
	const struct seg_ip6 *ip6;
	const struct seg_ip4 *ip4;

	if (packet->family == 4) {
		ip4 = seg_at(data, data_end, l3, sizeof(*ip4));
		return ip4 ? sum + ip4->src + ip4->dst : SEG_SUM_UNREAD;
	}
	ip6 = seg_at(data, data_end, l3, sizeof(*ip6));
	if (!ip6)
		return SEG_SUM_UNREAD;
	return sum + seg_sum_block((const __u8 *)&ip6->src, sizeof(ip6->src) + sizeof(ip6->dst));
}

/* --- SCTP ------------------------------------------------------------------ */

/* CRC32c of the polynomial 0x1edc6f41, reflected, four bits a step. */
SEG_INLINE __u32 seg_crc32c_byte(__u32 crc, __u8 byte)
{
	static const __u32 step[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	crc ^= byte;
	crc = crc >> 4 ^ step[crc & 15];
	return crc >> 4 ^ step[crc & 15];
}

/* An SCTP packet's checksum as it lies in the frame: its own field counts as 0. -1: not all is here. */
SEG_COLD int seg_crc32c(const void *data, const void *data_end, const struct seg_packet *packet,
			__u32 *out)
{
	const __u32 field = __builtin_offsetof(struct seg_sctp, checksum);
	__u32 l4 = seg_l4(packet), size = (__u32)packet->end - packet->l4, crc = 0xffffffff;

	if (size > SEG_CRC_BYTES_MAX)
		return -1;
	for (__u32 i = 0; i < SEG_CRC_BYTES_MAX && i < size; i++) {
		const __u8 *p = seg_at(data, data_end, l4 + i, 1);

		if (!p)
			return -1;
		crc = seg_crc32c_byte(crc, i - field < 4 ? 0 : *p);
	}
	crc = ~crc;
	*out = SEG_BE32(__builtin_bswap32(crc)); /* least significant byte first */
	return 0;
}

SEG_INLINE enum seg_checksum seg_sctp_verify(const void *data, const void *data_end,
					     const struct seg_packet *packet)
{
	const struct seg_sctp *sctp = seg_at(data, data_end, seg_l4(packet), sizeof(*sctp));
	__u32 good = 0;

	if (!sctp || seg_crc32c(data, data_end, packet, &good))
		return SEG_CHECKSUM_UNREAD;
	if (sctp->checksum == good)
		return SEG_CHECKSUM_GOOD;
	return sctp->checksum ? SEG_CHECKSUM_BAD : SEG_CHECKSUM_PARTIAL;
}

/* --- what others call ------------------------------------------------------ */

/*
 * The L4 checksum of a frame that seg_packet_parse() took for `packet`, no
 * fragment. A UDP checksum of 0 is none: over IPv6 only the receiver knows
 * whether its tunnel admits that (RFC 6935 5).
 */
SEG_COLD enum seg_checksum seg_checksum_l4_verify(const void *data, const void *data_end,
						  const struct seg_packet *packet)
{
	__u32 l4 = seg_l4(packet);
	const __u8 *header = seg_at(data, data_end, l4, sizeof(struct seg_udp));
	struct seg_sum_rule rule = {};
	struct seg_sum_span span;
	__u64 pseudo = 0, sum;
	const void *field;

	if (packet->proto == SEG_IPPROTO_SCTP)
		return seg_sctp_verify(data, data_end, packet);
	if (!seg_sum_rule(packet->proto, &rule))
		return SEG_CHECKSUM_GOOD;
	field = seg_at(data, data_end, l4 + rule.field, sizeof(__u16));
	if (!header || !field)
		return SEG_CHECKSUM_UNREAD;
	if (packet->proto == IPPROTO_UDP && !SEG_LOAD16(field))
		return SEG_CHECKSUM_GOOD;
	span = seg_sum_span((const struct seg_udp *)header, packet);
	if (rule.pseudo)
		pseudo = seg_sum_pseudo(data, data_end, packet, span.length);
	sum = seg_sum(data, data_end, l4, span.covered);
	if (sum == SEG_SUM_UNREAD || pseudo == SEG_SUM_UNREAD)
		return SEG_CHECKSUM_UNREAD;
	if (seg_fold(sum + pseudo) == 0xffff)
		return SEG_CHECKSUM_GOOD;
	return rule.deferrable && SEG_LOAD16(field) == seg_fold(pseudo) ? SEG_CHECKSUM_PARTIAL :
									  SEG_CHECKSUM_BAD;
}

/*
 * Finish a partial checksum in place. The pseudo-header's sum is in the field
 * already, and so in the sum of L4. Returns 0, or -1 if not all can be read.
 */
SEG_COLD int seg_checksum_complete(void *data, void *data_end, const struct seg_packet *packet)
{
	__u32 l4 = seg_l4(packet), crc = 0;
	struct seg_sum_rule rule = {};
	struct seg_wire16 *field;
	struct seg_sctp *sctp;
	__u64 sum;

	if (packet->proto == SEG_IPPROTO_SCTP) {
		sctp = seg_at(data, data_end, l4, sizeof(*sctp));
		if (!sctp || seg_crc32c(data, data_end, packet, &crc))
			return -1;
		sctp->checksum = crc;
		return 0;
	}
	if (!seg_sum_rule(packet->proto, &rule))
		return 0;
	sum = seg_sum(data, data_end, l4, (__u32)packet->end - packet->l4);
	field = seg_at(data, data_end, l4 + rule.field, sizeof(*field));
	if (!field || sum == SEG_SUM_UNREAD)
		return -1;
	field->value = (__u16)~seg_fold(sum);
	if (!field->value && packet->proto == IPPROTO_UDP)
		field->value = 0xffff; /* RFC 768: 0 would mean none */
	return 0;
}

/*
 * For who holds the whole frame: is its checksum good, or was it completed?
 * partial: frames may come from a sender that leaves sums to a device.
 */
SEG_INLINE int seg_l4_settle(void *frame, const struct seg_packet *packet, int partial)
{
	void *end = (char *)frame + packet->end;
	enum seg_checksum state = seg_checksum_l4_verify(frame, end, packet);

	if (state == SEG_CHECKSUM_PARTIAL && partial)
		return !seg_checksum_complete(frame, end, packet);
	return state == SEG_CHECKSUM_GOOD;
}

#endif
