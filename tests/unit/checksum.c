/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L4 checksums against RFC 1071 as it is written, byte by byte: every length,
 * every protocol, partial sums and what only resembles them.
 */
#include "packets.h"

#include "check.h"
#include "checksum.h"
#include "random.h"

struct summed {
	struct frame frame;
	struct seg_packet packet;
};

static void load(struct summed *s, const char *text)
{
	s->frame = frame_of(text);
	check_eq(seg_packet_parse(s->frame.bytes, s->frame.bytes + s->frame.size, 0, 0, 0,
				  &s->packet),
		 SEG_PARSED);
}

static enum seg_checksum verify(const struct summed *s)
{
	const __u8 *data = s->frame.bytes;

	return seg_checksum_l4_verify(data, data + s->frame.size, &s->packet);
}

static __u32 field_of(const struct summed *s)
{
	switch (s->packet.proto) {
	case IPPROTO_TCP:
		return s->packet.l4 + 16u;
	case IPPROTO_ICMP:
	case SEG_IPPROTO_ICMP6:
		return s->packet.l4 + 2u;
	default:
		return s->packet.l4 + 6u;
	}
}

static __u32 pseudo_of(const struct summed *s, __u32 length)
{
	int ip4 = s->packet.family == 4;

	if (s->packet.proto == IPPROTO_ICMP)
		return 0;
	return frame_sum(s->frame.bytes + s->packet.l3 + (ip4 ? 12 : 8), ip4 ? 8 : 32,
			 s->packet.proto + length);
}

/* Put the right sum over `covered` bytes in; returns it. */
static __u32 seal(struct summed *s, __u32 covered)
{
	__u32 length =
		s->packet.proto == IPPROTO_UDP ? covered : (__u32)s->packet.end - s->packet.l4;
	__u32 sum;

	frame_put16(&s->frame, field_of(s), 0);
	sum = 0xffff & ~frame_sum(s->frame.bytes + s->packet.l4, covered, pseudo_of(s, length));
	frame_put16(&s->frame, field_of(s), sum);
	return sum;
}

static __u32 stored(const struct summed *s)
{
	const __u8 *p = s->frame.bytes + field_of(s);

	return (__u32)p[0] << 8 | p[1];
}

static __u32 payload(const struct summed *s)
{
	return (__u32)s->packet.end - s->packet.l4;
}

static const char *const whole[] = {
	IP4("06") TCP(ACK) "616263",
	IP6("06") TCP(ACK) "616263",
	IP4("11") UDP "61626364",
	IP6("11") UDP "61626364",
	IP4("01") ICMP("0800") "61",
	IP6("3a") ICMP("8000") "61",
	IP4("88") "3039 0035 0000 0000 616263",
};

#define WHOLE (sizeof(whole) / sizeof(whole[0]))

/* What says how much is summed: the parser has checked it, so it is not changed here. */
static int says_length(const struct summed *s, __u32 at)
{
	return (s->packet.proto == IPPROTO_UDP || s->packet.proto == SEG_IPPROTO_UDPLITE) &&
	       at / 2 == (s->packet.l4 + 4u) / 2;
}

/* Any byte that is summed, changed, makes it bad. */
TEST(checksum, good_and_bad)
{
	struct summed s;

	for (size_t i = 0; i < WHOLE; i++) {
		load(&s, whole[i]);
		seal(&s, payload(&s));
		check_that(verify(&s) == SEG_CHECKSUM_GOOD, "%s", whole[i]);
		for (__u32 at = s.packet.l4; at < s.packet.end; at++) {
			if (says_length(&s, at))
				continue;
			s.frame.bytes[at] ^= 0x10;
			check_that(verify(&s) == SEG_CHECKSUM_BAD, "%s, byte %u", whole[i], at);
			s.frame.bytes[at] ^= 0x10;
		}
	}
}

TEST(checksum, padding_is_not_summed)
{
	struct summed s;

	load(&s, IP4("06") TCP(ACK) "61 | ff*5");
	seal(&s, payload(&s));
	check_eq(verify(&s), SEG_CHECKSUM_GOOD);
}

/* Every length to beyond two blocks, at every alignment. */
TEST(checksum, every_length)
{
	__u64 seed = seg_random_seed();
	__u8 bytes[1200];

	for (__u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (__u8)seg_random(&seed);
	for (__u32 size = 0; size < 1100; size++) {
		__u32 at = size % 7;
		__u64 sum = seg_sum(bytes, bytes + at + size, at, size);

		check_eq(SEG_BE16(seg_fold(sum)), frame_sum(bytes + at, size, 0));
	}
	check(seg_sum(bytes, bytes + 1000, 1, 1000) == SEG_SUM_UNREAD);
}

/* Carries: the greatest sum there is. */
TEST(checksum, all_ones)
{
	static __u8 bytes[65535];

	memset(bytes, 0xff, sizeof(bytes));
	check_eq(seg_fold(seg_sum(bytes, bytes + 65534, 0, 65534)), 0xffff);
	check_eq(SEG_BE16(seg_fold(seg_sum(bytes, bytes + 65535, 0, 65535))), 0xff00);
}

/* Folding is the remainder by 65535, with 0xffff for its multiples other than 0. */
TEST(checksum, fold)
{
	static const __u64 extremes[] = {0,          1,           0xffff, 0x10000,
					 0xffffffff, 0x1ffffffff, ~0ull,  ~0ull - 1};
	__u64 seed = seg_random_seed();

	for (int i = 0; i < 100000; i++) {
		__u64 sum = i < 8 ? extremes[i] : seg_random(&seed);
		__u64 rest = sum % 0xffff;

		check_eq(seg_fold(sum), sum && !rest ? 0xffff : rest);
	}
}

TEST(checksum, udp_without)
{
	struct summed s;

	load(&s, IP4("11") UDP "6162");
	check_eq(verify(&s), SEG_CHECKSUM_GOOD);
	load(&s, IP6("11") UDP "6162");
	check_eq(verify(&s), SEG_CHECKSUM_GOOD);
}

/* UDP says its own length; what is behind it is neither counted nor summed. */
TEST(checksum, udp_shorter_than_its_datagram)
{
	struct summed s;

	load(&s, IP4("11") "3039 0035 000b 0000 616263 646566");
	seal(&s, 11);
	check_eq(verify(&s), SEG_CHECKSUM_GOOD);
	s.frame.bytes[s.packet.l4 + 11] ^= 1;
	check_eq(verify(&s), SEG_CHECKSUM_GOOD);
	s.frame.bytes[s.packet.l4 + 10] ^= 1;
	check_eq(verify(&s), SEG_CHECKSUM_BAD);
}

TEST(checksum, udplite_coverage)
{
	struct summed s;

	load(&s, IP4("88") "3039 0035 0009 0000 616263");
	seal(&s, 9);
	check_eq(verify(&s), SEG_CHECKSUM_GOOD);
	s.frame.bytes[s.packet.l4 + 9] ^= 1;
	check_eq(verify(&s), SEG_CHECKSUM_GOOD);
	s.frame.bytes[s.packet.l4 + 8] ^= 1;
	check_eq(verify(&s), SEG_CHECKSUM_BAD);
}

/* The sum of the pseudo-header and nothing else, not complemented: completed to the right one. */
TEST(checksum, partial)
{
	struct summed s;

	for (size_t i = 0; i < 4; i++) {
		__u32 right;

		load(&s, whole[i]);
		right = seal(&s, payload(&s));
		frame_put16(&s.frame, field_of(&s), pseudo_of(&s, payload(&s)));
		check_that(verify(&s) == SEG_CHECKSUM_PARTIAL, "%s", whole[i]);
		check_eq(seg_checksum_complete(s.frame.bytes, s.frame.bytes + s.frame.size,
					       &s.packet),
			 0);
		check_eq(stored(&s), right);
		check_eq(verify(&s), SEG_CHECKSUM_GOOD);
	}
}

/* UDP may be shorter than its datagram: what is behind it is not summed. */
TEST(checksum, partial_of_udp_that_ends_early)
{
	struct summed s;
	__u32 right;

	load(&s, IP4("11") "3039 0035 000a 0000 6162 ff ff ff");
	right = seal(&s, 10);
	frame_put16(&s.frame, field_of(&s), pseudo_of(&s, 10));
	check_eq(verify(&s), SEG_CHECKSUM_PARTIAL);
	check_eq(seg_checksum_complete(s.frame.bytes, s.frame.bytes + s.frame.size, &s.packet), 0);
	check_eq(stored(&s), right);
}

/* RFC 3828 3.1: unlike UDP's, it is never left out. */
TEST(checksum, udplite_has_one)
{
	struct summed s;

	load(&s, IP4("88") "3039 0035 0000 0000 616263");
	check_eq(verify(&s), SEG_CHECKSUM_BAD);
	load(&s, IP4("88") "3039 0035 0000 0000 0000");
	frame_put16(&s.frame, s.packet.end - 2u,
		    0xffff & ~(frame_sum(s.frame.bytes + s.packet.l4, 8, pseudo_of(&s, 10))));
	check_eq(verify(&s), SEG_CHECKSUM_BAD);
}

/* Exactly that sum: of 65536 values one is partial, one is good (and UDP's none), the rest bad. */
TEST(checksum, only_one_value_is_partial)
{
	struct summed s;
	int states[4] = {0};

	load(&s, IP4("06") TCP(ACK) "616263");
	for (__u32 value = 0; value < 0x10000; value++) {
		frame_put16(&s.frame, field_of(&s), value);
		states[verify(&s)]++;
	}
	check_eq(states[SEG_CHECKSUM_GOOD], 1);
	check_eq(states[SEG_CHECKSUM_PARTIAL], 1);
	check_eq(states[SEG_CHECKSUM_BAD], 0x10000 - 2);
}

/* No sender leaves these to a device. */
TEST(checksum, never_partial)
{
	struct summed s;

	for (size_t i = 5; i < WHOLE; i++) {
		load(&s, whole[i]);
		frame_put16(&s.frame, field_of(&s), pseudo_of(&s, payload(&s)));
		check_that(verify(&s) == SEG_CHECKSUM_BAD, "%s", whole[i]);
	}
}

/* A UDP sum that comes out as 0 is sent as 0xffff (RFC 768). */
TEST(checksum, udp_zero_is_written_as_ones)
{
	struct summed s;

	load(&s, IP4("11") UDP "0000");
	frame_put16(&s.frame, s.packet.end - 2u,
		    0xffff & ~(frame_sum(s.frame.bytes + s.packet.l4, 8, pseudo_of(&s, 10))));
	frame_put16(&s.frame, field_of(&s), pseudo_of(&s, 10));
	check_eq(verify(&s), SEG_CHECKSUM_PARTIAL);
	check_eq(seg_checksum_complete(s.frame.bytes, s.frame.bytes + s.frame.size, &s.packet), 0);
	check_eq(stored(&s), 0xffff);
	check_eq(verify(&s), SEG_CHECKSUM_GOOD);
}

/* Bit by bit, its own field as 0: RFC 9260 appendix A. */
static __u32 crc32c_of(const struct summed *s)
{
	__u32 crc = 0xffffffff, l4 = s->packet.l4;

	for (__u32 at = l4; at < s->packet.end; at++) {
		crc ^= at >= l4 + 8 && at < l4 + 12 ? 0 : s->frame.bytes[at];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

TEST(checksum, sctp)
{
	static const char *const packets[] = {IP4("84") "3039 0050 00000001 00000000 0a000004",
					      IP6("84") "3039 0050 00000001 00000000 | ff"};
	struct summed s;

	for (int i = 0; i < 2; i++) {
		__u8 *field;

		load(&s, packets[i]);
		field = s.frame.bytes + s.packet.l4 + 8;
		check_eq(verify(&s), SEG_CHECKSUM_PARTIAL);
		check_eq(seg_checksum_complete(s.frame.bytes, s.frame.bytes + s.frame.size,
					       &s.packet),
			 0);
		check_eq(field[0] | field[1] << 8 | field[2] << 16 | (__u32)field[3] << 24,
			 crc32c_of(&s));
		check_eq(verify(&s), SEG_CHECKSUM_GOOD);
		field[0] ^= 1;
		check_eq(verify(&s), SEG_CHECKSUM_BAD);
	}
}

/* The check values that CRC catalogues give: 32 zeroes (RFC 3720 B.4), "123456789". */
TEST(checksum, crc32c)
{
	static const __u8 zeroes[32];

	check_eq(~seg_crc32c(0xffffffff, zeroes, sizeof(zeroes)), 0x8a9136aa);
	check_eq(~seg_crc32c(0xffffffff, (const __u8 *)"123456789", 9), 0xe3069283);
}

TEST(checksum, settle)
{
	struct summed s;

	load(&s, IP4("06") TCP(ACK));
	frame_put16(&s.frame, field_of(&s), pseudo_of(&s, 20));
	check(!seg_l4_settle(s.frame.bytes, &s.packet, 0));
	check(seg_l4_settle(s.frame.bytes, &s.packet, 1));
	check(seg_l4_settle(s.frame.bytes, &s.packet, 0));
	s.frame.bytes[s.packet.l4] ^= 1;
	check(!seg_l4_settle(s.frame.bytes, &s.packet, 1));
	load(&s, IP4("2f") "00000800");
	check(seg_l4_settle(s.frame.bytes, &s.packet, 0));
}

/* What cannot be read is not called good. */
TEST(checksum, unread)
{
	struct summed s;

	load(&s, IP4("06") TCP(ACK) "616263");
	s.frame.size--;
	check_eq(verify(&s), SEG_CHECKSUM_UNREAD);
	check_eq(seg_checksum_complete(s.frame.bytes, s.frame.bytes + s.frame.size, &s.packet), -1);
}
