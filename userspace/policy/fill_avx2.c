/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill_avx2.c - flows to questions by moving bytes: what stands for the ports is another way to
 * shuffle them, which is looked up by protocol.
 */
#include <immintrin.h>
#include <stddef.h>

#include "fill_steps.h"

/* Bytes of a flow from the last word of its destination on, which is word 0; the last word of its
 * source is put in place of what tells its flags. */
enum { DST = 0, SPORT = 4, DPORT = 6, PROTO = 9, TYPE = 10, CODE = 11, SRC = 12 };

#define AT(member) (offsetof(struct seg_flow, member) - offsetof(struct seg_flow, dst[3]))

_Static_assert(AT(sport) == SPORT && AT(dport) == DPORT && AT(proto) == PROTO &&
		       AT(icmp_type) == TYPE && AT(icmp_code) == CODE && AT(tcp_flags) == SRC,
	       "a flow is as shuffled");

#define NONE 0x80 /* zero */

/* Source, destination, and four bytes for the ports, the lowest first. */
#define SHUFFLE(a, b, c, d)                                                                        \
	{                                                                                          \
		SRC + 3, SRC + 2, SRC + 1, SRC, DST + 3, DST + 2, DST + 1, DST, a, b, c, d, NONE,  \
			NONE, NONE, NONE                                                           \
	}
#define PORTS(lane)   SHUFFLE(DPORT + 1, DPORT, SPORT + 1, SPORT)
#define ICMP          SHUFFLE(CODE, TYPE, NONE, NONE)
#define NUMBERS(a, z) [a... z] = SHUFFLE(NONE, NONE, PROTO, NONE)

static const uint8_t SHUFFLE4[256][16] = ROWS4(NUMBERS, PORTS, ICMP);
static const uint8_t SHUFFLE6[256][16] = ROWS6(NUMBERS, PORTS, ICMP);

static ALWAYS_INLINE __m128i load(const void *from)
{
	return _mm_loadu_si128(from);
}

static ALWAYS_INLINE void address_put(const __be32 address[4], uint32_t *to)
{
	const __m128i host = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);

	_mm_storeu_si128((void *)to, _mm_shuffle_epi8(load(address), host));
}

static ALWAYS_INLINE void words_put(const struct seg_flow *flow, unsigned int words, uint32_t *to)
{
	const uint8_t *shuffle = words == 1 ? SHUFFLE4[flow->proto] : SHUFFLE6[flow->proto];
	__m128i bytes = _mm_insert_epi32(load(&flow->dst[3]), (int)flow->src[3], 3);
	__m128i all = _mm_shuffle_epi8(bytes, load(shuffle));

	if (words == 1) {
		_mm_storeu_si128((void *)to, all);
		return;
	}
	address_put(flow->src, to);
	address_put(flow->dst, to + 4);
	to[8] = (uint32_t)_mm_extract_epi32(all, 2);
}

void seg_fill_avx2(struct seg_questions *questions, unsigned int n)
{
	fill(questions, n);
}
