/* SPDX-License-Identifier: BSD-2-Clause */
/* layout.c - sections to an image: one block, each section on a cache line's boundary. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "build.h"
#include "key.h"

static const size_t ITEM_SIZE[SEG_SECTION_MAX] = {[SEG_SECTION_LANES... SEG_SECTION_BEFORE] =
							  sizeof(struct seg_row),
#define X(id, type) [SEG_SECTION_##id] = sizeof(type),
						  SEG_SECTIONS(X)
#undef X
};

size_t seg_section_item_size(unsigned int section)
{
	return ITEM_SIZE[section];
}

/* To cache lines: what lies across two costs a lookup twice. */
static uint64_t aligned(uint64_t size)
{
	return (size + 63) & ~63ull;
}

static uint64_t section_size(const uint32_t count[SEG_SECTION_MAX], unsigned int section)
{
	return count[section] * (uint64_t)ITEM_SIZE[section];
}

/* What is between the sections is zero: the same policy has the same bytes. */
static void sections_place(struct seg_image *image, const uint32_t count[SEG_SECTION_MAX])
{
	uint64_t at = aligned(sizeof(*image));

	memset(image, 0, at);
	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++) {
		uint64_t size = section_size(count, i);

		image->section[i] = (struct seg_section){(uint32_t)at, count[i]};
		memset((char *)image + at + size, 0, aligned(size) - size);
		at += aligned(size);
	}
	image->size = at;
}

#define HUGE_PAGE (2u << 20)

/* Where it is large, in huge pages: to find thousands of small ones takes longer than to write
 * them. */
static void *room_make(size_t size)
{
	size_t page = size < 2 * HUGE_PAGE ? 64 : HUGE_PAGE,
	       whole = (size + page - 1) / page * page;
	void *room = aligned_alloc(page, whole);

	if (room && page == HUGE_PAGE)
		madvise(room, whole, MADV_HUGEPAGE);
	return room;
}

int seg_image_make(const uint32_t count[SEG_SECTION_MAX], struct seg_image **out)
{
	uint64_t size = aligned(sizeof(struct seg_image));

	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++)
		size += aligned(section_size(count, i));
	if (size > SEG_IMAGE_SIZE_MAX)
		return -E2BIG;
	*out = room_make(size);
	if (!*out)
		return -ENOMEM;
	sections_place(*out, count);
	return 0;
}

uint64_t seg_image_checksum(const struct seg_image *image)
{
	size_t start = offsetof(struct seg_image, hash);

	return XXH3_64bits((const char *)image + start, image->size - start);
}

/* --- what was built ------------------------------------------------------------ */

/* A section's bytes. */
struct part {
	const void *data;
	uint32_t count;
};

#define PART(v)                                                                                    \
	{                                                                                          \
		(v).item, (v).n                                                                    \
	}

static struct part boxes_part(const struct seg_build *b, uint8_t family)
{
	const seg_bytes_of *boxes = &b->boxes[family == 6];

	return (struct part){boxes->item, (uint32_t)(boxes->n / seg_box_size(family))};
}

/* The first text's; each further one is hashed together with what was there. */
static XXH128_hash_t texts_hash(const XXH128_hash_t *of, uint32_t n)
{
	XXH128_hash_t hash = of[0];
	XXH128_canonical_t both[2];

	for (uint32_t i = 1; i < n; i++) {
		XXH128_canonicalFromHash(&both[0], hash);
		XXH128_canonicalFromHash(&both[1], of[i]);
		hash = XXH3_128bits(both, sizeof(both));
	}
	return hash;
}

void seg_image_say_texts(struct seg_image *image, const XXH128_hash_t *texts, uint32_t n)
{
	XXH128_hash_t hash = texts_hash(texts, n);

	snprintf(image->hash, sizeof(image->hash), "%016llx%016llx",
		 (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

static void head_put(struct seg_image *image, const char *name, const struct seg_defaults *defaults)
{
	memcpy(image->magic, SEG_IMAGE_MAGIC, sizeof(image->magic));
	image->version = SEG_IMAGE_VERSION;
	image->byte_order = SEG_IMAGE_BYTE_ORDER;
	image->defaults = *defaults;
	snprintf(image->name, sizeof(image->name), "%s", name);
}

static int texts_sum(struct seg_build *b)
{
	const struct seg_sources *sources = &b->parser.sources;
	int r = 0;

	for (uint32_t i = 0; !r && i < sources->n; i++)
		r = SEG_PUSH(&b->texts_sum,
			     XXH3_128bits(sources->item[i].text, sources->item[i].len));
	return r;
}

static int parts_put(struct seg_build *b, const struct part parts[SEG_SECTION_MAX],
		     struct seg_image **out)
{
	const struct seg_part *whole = &b->parser.model.whole;
	uint32_t count[SEG_SECTION_MAX];
	struct seg_image *image = NULL;
	int r;

	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++)
		count[i] = parts[i].count;
	r = seg_image_make(count, &image);
	if (r == -E2BIG)
		return seg_build_error(b, 0, E2BIG, "the compiled policy has over %u MiB",
				       SEG_IMAGE_SIZE_MAX >> 20);
	if (r)
		return r;
	head_put(image, whole->name.len ? seg_build_text(b, &whole->name) : "policy",
		 &whole->defaults);
	seg_image_say_texts(image, b->texts_sum.item, b->texts_sum.n);
	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++)
		if (count[i])
			memcpy(seg_section_edit(image, i), parts[i].data, section_size(count, i));
	image->checksum = seg_image_checksum(image);
	*out = image;
	return 0;
}

int seg_build_lay_out(struct seg_build *b, struct seg_image **out)
{
	struct part parts[SEG_SECTION_MAX] = {
		[SEG_SECTION_SETS] = PART(b->sets),
		[SEG_SECTION_INTERVALS] = PART(b->intervals),
		[SEG_SECTION_RULES] = PART(b->rules),
		[SEG_SECTION_VLANS] = PART(b->vlans),
		[SEG_SECTION_IFACES] = PART(b->ifaces),
		[SEG_SECTION_NEEDS] = PART(b->needs),
		[SEG_SECTION_FAILSAFES] = PART(b->failsafes),
		[SEG_SECTION_FINDERS] = PART(b->finders),
		[SEG_SECTION_BANKS] = PART(b->banks),
		[SEG_SECTION_SLOTS4] = PART(b->slots[0]),
		[SEG_SECTION_SLOTS6] = PART(b->slots[1]),
		[SEG_SECTION_BOXES4] = boxes_part(b, 4),
		[SEG_SECTION_BOXES6] = boxes_part(b, 6),
		[SEG_SECTION_RESTS4] = PART(b->box_rests[0]),
		[SEG_SECTION_RESTS6] = PART(b->box_rests[1]),
		[SEG_SECTION_RESTS] = PART(b->rests),
		[SEG_SECTION_STRINGS] = PART(b->strings),
	};
	int r = texts_sum(b);

	for (unsigned int i = SEG_SECTION_LANES; i <= SEG_SECTION_BEFORE; i++)
		parts[i] = (struct part)PART(b->lanes[i]);
	return r ? r : parts_put(b, parts, out);
}
