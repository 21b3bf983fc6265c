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

#ifdef __bpf__
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#endif

#include "packet.h"

enum seg_checksum {
	SEG_CHECKSUM_GOOD,    /* or there is none: by the protocol, or UDP's 0 */
	SEG_CHECKSUM_PARTIAL, /* seg_checksum_complete() mends it; bad where no sender leaves it so
			       */
	SEG_CHECKSUM_BAD,
	SEG_CHECKSUM_UNREAD, /* part of the packet cannot be read here: leave it to who can */
};

#define SEG_SUM_BLOCK 512 /* the most that bpf_csum_diff() takes before Linux 6.13 */

/* How far a sum may go: over any packet, in BPF over a jumbo frame, as each round is verified. */
#ifdef __bpf__
#define SEG_SUM_BLOCKS_MAX 18
#define SEG_SUM_END        SEG_OFFSET_MASK
#else
#define SEG_SUM_BLOCKS_MAX 128
#define SEG_SUM_END        0x1ffff
#endif
#define SEG_SUM_UNREAD (~0ull)

/* --- the Internet checksum ------------------------------------------------ */

/*
 * Add `size` bytes, a constant multiple of 4. In BPF by the helper, after which
 * the verifier knows nothing of the sum and so follows each way only once.
 */
SEG_INLINE __u64 seg_sum_block(__u64 sum, const __u8 *p, __u32 size)
{
#ifdef __bpf__
	return (__u32)bpf_csum_diff(0, 0, (__be32 *)p, size, (__u32)sum);
#else
	for (__u32 i = 0; i < size; i += 4)
		sum += SEG_LOAD32(p + i);
	return sum;
#endif
}

/* The last byte of an odd number stands first in its word (RFC 1071 1). */
SEG_INLINE __u64 seg_sum_byte(__u8 byte)
{
	return SEG_BE16(byte << 8);
}

/*
 * The last size % SEG_SUM_BLOCK bytes, in parts of constant size. Where a part
 * lies depends on `size` alone, not on the parts before: again for the verifier.
 */
SEG_INLINE __u64 seg_sum_rest(const void *data, const void *data_end, __u32 at, __u32 size)
{
	__u64 sum = 0;

	for (__u32 part = SEG_SUM_BLOCK / 2; part; part /= 2) {
		const __u8 *p;

		if (!(size & part))
			continue;
		p = seg_at(data, data_end, (at + (size & ~(2 * part - 1))) & SEG_SUM_END, part);
		if (!p)
			return SEG_SUM_UNREAD;
		if (part >= 4)
			sum = seg_sum_block(sum, p, part);
		else
			sum += part == 2 ? SEG_LOAD16(p) : seg_sum_byte(*p);
	}
	return sum;
}

/* Sum of `size` bytes at `at`, to be folded; SEG_SUM_UNREAD: not all in the frame, or too many. */
SEG_COLD __u64 seg_sum(const void *data, const void *data_end, __u32 at, __u32 size)
{
	__u64 sum;

	if (size >= SEG_SUM_BLOCKS_MAX * SEG_SUM_BLOCK || at + size > SEG_SUM_END)
		return SEG_SUM_UNREAD;
	sum = seg_sum_rest(data, data_end, at, size);
	at &= SEG_SUM_END;
	for (int i = 0; i < SEG_SUM_BLOCKS_MAX && size >= SEG_SUM_BLOCK; i++) {
		const __u8 *p = seg_at(data, data_end, at, SEG_SUM_BLOCK);

		if (!p || sum == SEG_SUM_UNREAD)
			return SEG_SUM_UNREAD;
		sum = seg_sum_block(sum, p, SEG_SUM_BLOCK);
		at += SEG_SUM_BLOCK;
		size -= SEG_SUM_BLOCK;
	}
	return sum;
}

/* --- which protocol is summed how ------------------------------------------ */

struct seg_sum_rule {
	__u16 field;     /* offset of the checksum in its header */
	__u8 pseudo;     /* with the pseudo-header (RFC 9293 3.1, RFC 8200 8.1) */
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

/* UDP says its length, which may be less than the datagram's; UDP-Lite, its coverage (RFC
 * 3828 3.1). */
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
		return ip4 ? seg_sum_block(sum, (const __u8 *)&ip4->src, 8) : SEG_SUM_UNREAD;
	}
	ip6 = seg_at(data, data_end, l3, sizeof(*ip6));
	if (!ip6)
		return SEG_SUM_UNREAD;
	return seg_sum_block(sum, (const __u8 *)&ip6->src, sizeof(ip6->src) + sizeof(ip6->dst));
}

/* --- SCTP: in C only, as a byte at a time is more than the verifier follows -- */

#ifndef __bpf__

/* CRC32c: polynomial 0x1edc6f41, reflected, four bits a step. */
static inline __u32 seg_crc32c(__u32 crc, const __u8 *p, __u32 size)
{
	static const __u32 step[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	for (; size; size--) {
		crc ^= *p++;
		crc = crc >> 4 ^ step[crc & 15];
		crc = crc >> 4 ^ step[crc & 15];
	}
	return crc;
}

/* An SCTP packet's checksum as it lies in the frame; its own field counts as 0. */
static inline __u32 seg_sctp_sum(const struct seg_sctp *sctp, __u32 size)
{
	struct seg_sctp header = *sctp;
	__u32 crc;

	header.checksum = 0;
	crc = seg_crc32c(0xffffffff, (const __u8 *)&header, sizeof(header));
	crc = ~seg_crc32c(crc, (const __u8 *)(sctp + 1), size - (__u32)sizeof(header));
	return SEG_BE32(__builtin_bswap32(crc));
}

static inline struct seg_sctp *seg_sctp_at(const void *data, const void *data_end,
					   const struct seg_packet *packet)
{
	__u32 size = (__u32)packet->end - packet->l4;

	return size < sizeof(struct seg_sctp) ? 0 : seg_at(data, data_end, packet->l4, size);
}

static inline enum seg_checksum seg_sctp_verify(const void *data, const void *data_end,
						const struct seg_packet *packet)
{
	const struct seg_sctp *sctp = seg_sctp_at(data, data_end, packet);

	if (!sctp)
		return SEG_CHECKSUM_UNREAD;
	if (sctp->checksum == seg_sctp_sum(sctp, (__u32)packet->end - packet->l4))
		return SEG_CHECKSUM_GOOD;
	return sctp->checksum ? SEG_CHECKSUM_BAD : SEG_CHECKSUM_PARTIAL;
}

static inline int seg_sctp_complete(const void *data, const void *data_end,
				    const struct seg_packet *packet)
{
	struct seg_sctp *sctp = seg_sctp_at(data, data_end, packet);

	if (!sctp)
		return -1;
	sctp->checksum = seg_sctp_sum(sctp, (__u32)packet->end - packet->l4);
	return 0;
}

#else

#define seg_sctp_verify(data, data_end, packet)   SEG_CHECKSUM_UNREAD
#define seg_sctp_complete(data, data_end, packet) (-1)

#endif

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
	if (!SEG_LOAD16(field) && packet->proto == IPPROTO_UDP)
		return SEG_CHECKSUM_GOOD;
	if (!SEG_LOAD16(field) && packet->proto == SEG_IPPROTO_UDPLITE) /* RFC 3828 3.1 */
		return SEG_CHECKSUM_BAD;
	span = seg_sum_span((const struct seg_udp *)header, packet);
	sum = seg_sum(data, data_end, l4, span.covered);
	if (rule.pseudo)
		pseudo = seg_sum_pseudo(data, data_end, packet, span.length);
	if (sum == SEG_SUM_UNREAD || pseudo == SEG_SUM_UNREAD)
		return SEG_CHECKSUM_UNREAD;
	if (seg_fold(sum + pseudo) == 0xffff)
		return SEG_CHECKSUM_GOOD;
	return rule.deferrable && SEG_LOAD16(field) == seg_fold(pseudo) ? SEG_CHECKSUM_PARTIAL
									: SEG_CHECKSUM_BAD;
}

/* For who only looks on: may its receiver take it? What cannot be read here is left to that. */
SEG_INLINE int seg_checksum_l4_passes(const void *data, const void *data_end,
				      const struct seg_packet *packet, int partial)
{
	enum seg_checksum state = seg_checksum_l4_verify(data, data_end, packet);

	return state != SEG_CHECKSUM_BAD && (partial || state != SEG_CHECKSUM_PARTIAL);
}

/*
 * Finish a partial checksum in place. The pseudo-header's sum is in the field
 * already, and so in the sum of L4. Returns 0, or -1 if not all can be read.
 */
SEG_COLD int seg_checksum_complete(void *data, void *data_end, const struct seg_packet *packet)
{
	__u32 l4 = seg_l4(packet);
	const struct seg_udp *header = seg_at(data, data_end, l4, sizeof(*header));
	struct seg_sum_rule rule = {};
	struct seg_wire16 *field;
	__u64 sum;

	if (packet->proto == SEG_IPPROTO_SCTP)
		return seg_sctp_complete(data, data_end, packet);
	if (!seg_sum_rule(packet->proto, &rule))
		return 0;
	field = seg_at(data, data_end, l4 + rule.field, sizeof(*field));
	if (!field || !header)
		return -1;
	sum = seg_sum(data, data_end, l4, seg_sum_span(header, packet).covered);
	if (sum == SEG_SUM_UNREAD)
		return -1;
	field->value = (__u16)~seg_fold(sum);
	if (!field->value && (packet->proto == IPPROTO_UDP || packet->proto == SEG_IPPROTO_UDPLITE))
		field->value =
			0xffff; /* RFC 768: 0 would mean none; RFC 3828: and is not allowed */
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
