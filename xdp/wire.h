/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * wire.h - headers as they lie on the wire, and how to reach one safely.
 *
 * Pure: compiles for BPF and for C, either byte order. A pointer into a frame
 * comes from seg_at() only, which gives none beyond the frame's end.
 */
#ifndef SEG_WIRE_H
#define SEG_WIRE_H

#include <linux/types.h>

/*
 * In user space a frame may lie at any alignment. In BPF `packed` would make
 * clang load byte by byte; there the verifier admits unaligned loads wherever
 * the machine does, and no struct below has padding.
 */
#ifdef __bpf__
#define SEG_WIRE
#else
#define SEG_WIRE __attribute__((packed, may_alias))
#endif

#define SEG_INLINE static inline __attribute__((always_inline))
#define SEG_COLD   static __attribute__((noinline, unused)) /* rare: kept out of the hot path */

/* Pretend that `x` is new, so that clang neither computes it again nor forwards what was stored:
 * the verifier knows only the pointer that was checked, and forgets what went through memory. */
#ifdef __bpf__
#define SEG_OPAQUE(x) __asm__ volatile("" : "+r"(x) : : "memory")
#else
#define SEG_OPAQUE(x) ((void)(x))
#endif

#define seg_likely(x)   __builtin_expect(!!(x), 1)
#define seg_unlikely(x) __builtin_expect(!!(x), 0)

/* Between wire and machine order, both ways; constant for a constant. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SEG_BE16(x) __builtin_bswap16((__u16)(x))
#define SEG_BE32(x) __builtin_bswap32((__u32)(x))
#else
#define SEG_BE16(x) ((__u16)(x))
#define SEG_BE32(x) ((__u32)(x))
#endif

#define SEG_ETHERTYPE_IP4  0x0800
#define SEG_ETHERTYPE_ARP  0x0806
#define SEG_ETHERTYPE_VLAN 0x8100 /* 802.1Q customer tag */
#define SEG_ETHERTYPE_IP6  0x86dd
#define SEG_ETHERTYPE_QINQ 0x88a8 /* 802.1ad service tag */

struct seg_eth {
	__u8 dst[6];
	__u8 src[6];
	__be16 type;
} SEG_WIRE;

struct seg_tag {
	__be16 tci; /* priority:3 drop eligible:1 VID:12 */
	__be16 type;
} SEG_WIRE;

struct seg_arp { /* RFC 826, for Ethernet and IPv4 */
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_size;
	__u8 protocol_size;
	__be16 operation;
	__u8 sender[6 + 4];
	__u8 target[6 + 4];
} SEG_WIRE;

#define SEG_IP4_MORE   0x2000 /* in fragment: more follow */
#define SEG_IP4_OFFSET 0x1fff /* in fragment: offset in 8 bytes */

struct seg_ip4 { /* RFC 791 */
	__u8 version_ihl;
	__u8 tos;
	__be16 total;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 proto;
	__be16 checksum;
	__be32 src;
	__be32 dst;
} SEG_WIRE;

struct seg_ip6_address {
	__be32 word[4];
} SEG_WIRE;

struct seg_ip6 {     /* RFC 8200 */
	__be32 flow; /* version:4 traffic class:8 flow label:20 */
	__be16 payload;
	__u8 proto;
	__u8 hops;
	struct seg_ip6_address src;
	struct seg_ip6_address dst;
} SEG_WIRE;

/* The first 8 bytes of any IPv6 extension header. */
struct seg_extension {
	__u8 next;
	__u8 length; /* in 8 bytes beyond the first 8; AH: in 4 bytes less 2; fragment: reserved */
	union {
		struct {
			__u8 type;
			__u8 segments_left;
		} routing;
		__be16 fragment; /* offset:13 reserved:2 more:1 */
	};
	__be32 rest;
} SEG_WIRE;

struct seg_tlv { /* of a hop-by-hop or destination options header */
	__u8 type;
	__u8 length;
} SEG_WIRE;

#define SEG_TCP_FIN 0x01
#define SEG_TCP_SYN 0x02
#define SEG_TCP_RST 0x04
#define SEG_TCP_PSH 0x08
#define SEG_TCP_ACK 0x10
#define SEG_TCP_URG 0x20

struct seg_tcp { /* RFC 9293 */
	__be16 sport;
	__be16 dport;
	__be32 seq;
	__be32 ack;
	__u8 offset; /* header length in 4 bytes:4 reserved:4 */
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
} SEG_WIRE;

struct seg_udp { /* RFC 768; UDP-Lite (RFC 3828) has its coverage in `length` */
	__be16 sport;
	__be16 dport;
	__be16 length;
	__be16 checksum;
} SEG_WIRE;

struct seg_sctp { /* RFC 9260; DCCP (RFC 4340) has its ports in the same place */
	__be16 sport;
	__be16 dport;
	__be32 tag;
	__u32 checksum; /* CRC32c, least significant byte first */
} SEG_WIRE;

struct seg_icmp { /* RFC 792, RFC 4443 */
	__u8 type;
	__u8 code;
	__be16 checksum;
	union {
		struct {
			__be16 id;
			__be16 sequence;
		} echo;
		struct {
			__be16 unused;
			__be16 mtu;
		} fragmentation;
		__be32 mtu6;
	};
} SEG_WIRE;

struct seg_wire16 {
	__u16 value;
} SEG_WIRE;

struct seg_wire32 {
	__u32 value;
} SEG_WIRE;

#define SEG_LOAD16(p) (((const struct seg_wire16 *)(p))->value)
#define SEG_LOAD32(p) (((const struct seg_wire32 *)(p))->value)

/*
 * The `size` bytes at `offset`, or NULL where the frame ends before them. BPF
 * compares pointers, because only that tells the verifier what may be read; C
 * compares lengths, because a pointer beyond the frame may wrap.
 */
SEG_INLINE void *seg_at(const void *data, const void *data_end, __u32 offset, __u32 size)
{
#ifdef __bpf__
	const void *p = data + offset;

	if (!__builtin_constant_p(offset))
		SEG_OPAQUE(p);
	if (p + size > data_end)
		return 0;
	if (!p)
		__builtin_unreachable();
	return (void *)p;
#else
	if ((__SIZE_TYPE__)((const char *)data_end - (const char *)data) <
	    (__SIZE_TYPE__)offset + size)
		return 0;
	return (char *)data + offset;
#endif
}

/* RFC 1071: a sum of 16-bit words to 16 bits, carries added back in; 0xffff: a good header. */
SEG_INLINE __u16 seg_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16); /* at most 0x1fffe before, so there is no carry now */
	return (__u16)sum;
}

#define SEG_ASSERT_WIRE(name, size)                                                                \
	_Static_assert(sizeof(struct seg_##name) == (size), #name " is " #size " bytes on the "    \
								  "wire")

SEG_ASSERT_WIRE(eth, 14);
SEG_ASSERT_WIRE(tag, 4);
SEG_ASSERT_WIRE(arp, 28);
SEG_ASSERT_WIRE(ip4, 20);
SEG_ASSERT_WIRE(ip6, 40);
SEG_ASSERT_WIRE(extension, 8);
SEG_ASSERT_WIRE(tlv, 2);
SEG_ASSERT_WIRE(tcp, 20);
SEG_ASSERT_WIRE(udp, 8);
SEG_ASSERT_WIRE(sctp, 12);
SEG_ASSERT_WIRE(icmp, 8);

#endif
