/* SPDX-License-Identifier: BSD-2-Clause */
#include "pcapng.h"

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "cleanup.h"

enum {
	BLOCK_INTERFACE = 1,
	BLOCK_SIMPLE_PACKET = 3,
	BLOCK_SECTION = 0x0a0d0d0a, /* in either byte order */
};

/*
 * libpcap makes its own number of LINKTYPE_RAW, 12, and compares the next interface's with that;
 * it reads 12 as the same.
 */
#define LINKTYPE_RAW 101
#define DLT_RAW      12

#define SWAPPED_ORDER 0x4d3c2b1au
#define HEAD          12u /* type, length, and one word, which the shortest block ends with */

struct pcapng {
	FILE *from;
	bool swap;          /* this section has the other byte order */
	bool first;         /* this section has had no interface */
	uint32_t snaplen;   /* of its first interface; 0: none */
	uint32_t word[4];   /* a block's first words */
	size_t at, size;    /* bytes of them that were given; that there are */
	uint32_t remaining; /* bytes of the block behind them */
};

static uint32_t word(const struct pcapng *ng, unsigned int i)
{
	return ng->swap ? __builtin_bswap32(ng->word[i]) : ng->word[i];
}

static uint16_t order16(const struct pcapng *ng, uint16_t value)
{
	return ng->swap ? __builtin_bswap16(value) : value;
}

static void section(struct pcapng *ng)
{
	ng->swap = ng->word[2] == SWAPPED_ORDER;
	ng->first = true;
	ng->snaplen = 0;
}

/* In the third word, two bytes of link type; the fourth is the snapshot length. */
static void interface(struct pcapng *ng)
{
	const uint16_t raw = order16(ng, LINKTYPE_RAW), dlt_raw = order16(ng, DLT_RAW);
	size_t n = fread(&ng->word[3], 1, sizeof(ng->word[3]), ng->from);

	if (ng->first)
		ng->snaplen = word(ng, 3);
	ng->first = false;
	ng->word[3] = 0;
	if (!memcmp(&ng->word[2], &raw, sizeof(raw)))
		memcpy(&ng->word[2], &dlt_raw, sizeof(dlt_raw));
	ng->size += n;
	ng->remaining -= (uint32_t)sizeof(ng->word[3]);
}

/* The third word is the length on the wire, of which the block has what the first interface kept.
 */
static void simple_packet(struct pcapng *ng)
{
	if (ng->snaplen && word(ng, 2) > ng->snaplen)
		ng->word[2] = ng->swap ? __builtin_bswap32(ng->snaplen) : ng->snaplen;
}

/* The next block's first words. What they say of a broken one does not matter: libpcap stops. */
static void block_begin(struct pcapng *ng)
{
	ng->at = 0;
	ng->size = fread(ng->word, 1, HEAD, ng->from);
	ng->remaining = 0;
	if (ng->size < HEAD)
		return;
	if (ng->word[0] == BLOCK_SECTION)
		section(ng);
	if (word(ng, 1) > HEAD)
		ng->remaining = word(ng, 1) - HEAD;
	if (word(ng, 0) == BLOCK_INTERFACE && ng->remaining > sizeof(ng->word[3]))
		interface(ng);
	else if (word(ng, 0) == BLOCK_SIMPLE_PACKET)
		simple_packet(ng);
}

/* Gives less than it could: stdio asks again. */
static ssize_t pcapng_read(void *cookie, char *to, size_t size)
{
	struct pcapng *ng = cookie;
	size_t n;

	if (ng->at == ng->size && !ng->remaining)
		block_begin(ng);
	if (ng->at < ng->size) {
		n = ng->size - ng->at < size ? ng->size - ng->at : size;
		memcpy(to, (const char *)ng->word + ng->at, n);
		ng->at += n;
		return (ssize_t)n;
	}
	n = fread(to, 1, ng->remaining < size ? ng->remaining : size, ng->from);
	ng->remaining -= (uint32_t)n;
	return !n && ferror(ng->from) ? -1 : (ssize_t)n;
}

static int pcapng_close(void *cookie)
{
	struct pcapng *ng = cookie;

	if (ng->from != stdin)
		fclose(ng->from);
	free(ng);
	return 0;
}

FILE *seg_pcapng_open(FILE *from)
{
	_cleanup_free_ struct pcapng *ng = calloc(1, sizeof(*ng));
	FILE *stream;

	if (!ng)
		return NULL;
	ng->from = from;
	stream = fopencookie(ng, "r",
			     (cookie_io_functions_t){.read = pcapng_read, .close = pcapng_close});
	if (stream)
		TAKE(ng);
	return stream;
}
