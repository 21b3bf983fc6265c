/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_check.c - is every bound, order and reference of an image right? In steps: a worker takes
 * them between two batches.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "image.h"
#include "image_layout.h"
#include "key.h"

/* What the checksum is of begins here. */
#define SUM_FROM offsetof(struct seg_image, hash)

/* What a step sums up; a page is read for the first time here. */
#define STEP_BYTES (1u << 19)

static bool header_sound(const struct seg_image *image, size_t size)
{
	return size >= sizeof(*image) && memcmp(image->magic, SEG_IMAGE_MAGIC, 8) == 0 &&
	       image->version == SEG_IMAGE_VERSION && image->byte_order == SEG_IMAGE_BYTE_ORDER &&
	       image->size == size && memchr(image->name, '\0', sizeof(image->name)) &&
	       memchr(image->hash, '\0', sizeof(image->hash));
}

static bool sections_sound(const struct seg_image *image)
{
	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++) {
		uint64_t offset = image->section[i].offset;
		uint64_t bytes = (uint64_t)image->section[i].count * seg_section_item_size(i);

		if (offset % 8 || offset < sizeof(*image) || offset + bytes > image->size)
			return false;
	}
	return true;
}

/* Each block has its base, or none has. */
static bool bases_sound(const struct seg_image *image)
{
	const struct seg_section *section = image->section;

	if (!seg_image_has_bases(image))
		return !section[SEG_SECTION_BASES4].count && !section[SEG_SECTION_BASES6].count;
	for (unsigned int six = 0; six < 2; six++)
		if (section[SEG_SECTION_BASES4 + six].count !=
		    seg_blocks(section[SEG_SECTION_BOXES4 + six].count))
			return false;
	return section[SEG_SECTION_BASES].count == seg_row_bases(section, 2 * SEG_LANE_MAX);
}

static bool verdict_sound(uint8_t verdict)
{
	return verdict == SEG_VERDICT_ALLOW || verdict == SEG_VERDICT_DENY;
}

static bool defaults_sound(const struct seg_image *image)
{
	for (unsigned int i = 0; i < SEG_DIRECTION_MAX; i++)
		if (!verdict_sound(image->defaults.verdict[i]))
			return false;
	return image->defaults.on_loss <= SEG_ON_LOSS_DROP &&
	       image->defaults.on_change < SEG_ON_CHANGE_MAX &&
	       image->defaults.syn_protect < SEG_SYN_PROTECT_MAX &&
	       image->defaults.unmatched < SEG_UNMATCHED_MAX;
}

/* Every string reference is followed by a NUL if the last byte of all is one. */
static bool strings_sound(const struct seg_image *image)
{
	uint32_t count = image->section[SEG_SECTION_STRINGS].count;

	return !count || *seg_image_string(image, count - 1) == '\0';
}

static bool string_sound(const struct seg_image *image, uint32_t offset)
{
	return offset < image->section[SEG_SECTION_STRINGS].count;
}

static bool sets_sound(const struct seg_image *image)
{
	const struct seg_set *sets = seg_section_items(image, SEG_SECTION_SETS);
	const struct seg_interval *interval = seg_section_items(image, SEG_SECTION_INTERVALS);
	uint32_t intervals = image->section[SEG_SECTION_INTERVALS].count;

	for (uint32_t i = 0; i < image->section[SEG_SECTION_SETS].count; i++) {
		uint32_t first = sets[i].first, count = sets[i].count;

		if (!count || first > intervals || count > intervals - first)
			return false;
		for (uint32_t j = first; j < first + count; j++)
			if (seg_wide_compare(interval[j].first, interval[j].last) > 0 ||
			    (j > first &&
			     seg_wide_compare(interval[j - 1].last, interval[j].first) >= 0))
				return false;
	}
	return true;
}

static bool rules_sound(const struct seg_image *image)
{
	const struct seg_rule *rule = seg_section_items(image, SEG_SECTION_RULES);
	const struct seg_rule *end = rule + seg_image_rules(image);
	uint32_t sets = image->section[SEG_SECTION_SETS].count;

	if (seg_image_rules(image) > SEG_RULES_MAX)
		return false;
	for (; rule < end; rule++)
		if (!string_sound(image, rule->id) || !string_sound(image, rule->file) ||
		    !verdict_sound(rule->verdict) || rule->from >= sets || rule->to >= sets ||
		    rule->stage >= SEG_STAGE_MAX || rule->limit.per >= SEG_PER_MAX)
			return false;
	return true;
}

static bool set_reference_sound(const struct seg_image *image, uint32_t set)
{
	return set == SEG_SET_NONE || set < image->section[SEG_SECTION_SETS].count;
}

static bool lane_sound(const struct seg_image *image, unsigned int lane)
{
	const struct seg_row *row = seg_section_items(image, lane);
	const uint32_t *base = (const uint32_t *)seg_section_items(image, SEG_SECTION_BASES) +
			       seg_row_bases(image->section, lane);
	bool has_bases = seg_image_has_bases(image);
	uint32_t before = 0;

	for (uint32_t i = 0; i < image->section[lane].count; i++) {
		uint32_t rule = row[i].rule + (has_bases ? base[i / SEG_BLOCK] : 0);

		if (rule < before || rule >= seg_image_rules(image) ||
		    !set_reference_sound(image, row[i].src_set) ||
		    !set_reference_sound(image, row[i].dst_set) ||
		    row[i].iface > image->section[SEG_SECTION_IFACES].count)
			return false;
		before = rule;
	}
	return true;
}

static bool lanes_sound(const struct seg_image *image)
{
	for (unsigned int lane = SEG_SECTION_LANES; lane <= SEG_SECTION_BEFORE; lane++)
		if (!lane_sound(image, lane))
			return false;
	return true;
}

static bool names_sound(const struct seg_image *image)
{
	const uint32_t *ifaces = seg_section_items(image, SEG_SECTION_IFACES);
	const struct seg_need_item *needs = seg_section_items(image, SEG_SECTION_NEEDS);

	if (image->section[SEG_SECTION_IFACES].count > UINT16_MAX - 1 ||
	    image->section[SEG_SECTION_VLANS].count > SEG_VLANS_MAX)
		return false;
	for (uint32_t i = 0; i < image->section[SEG_SECTION_IFACES].count; i++)
		if (!string_sound(image, ifaces[i]))
			return false;
	for (uint32_t i = 0; i < image->section[SEG_SECTION_NEEDS].count; i++)
		if (!string_sound(image, needs[i].what) || !string_sound(image, needs[i].mend) ||
		    !string_sound(image, needs[i].file))
			return false;
	return true;
}

static bool failsafes_sound(const struct seg_image *image)
{
	const struct seg_failsafe *item = seg_section_items(image, SEG_SECTION_FAILSAFES);

	if (image->section[SEG_SECTION_FAILSAFES].count > SEG_FAILSAFES_MAX)
		return false;
	for (uint32_t i = 0; i < image->section[SEG_SECTION_FAILSAFES].count; i++)
		if (!string_sound(image, item[i].name) ||
		    item[i].from >= image->section[SEG_SECTION_SETS].count)
			return false;
	return true;
}

/* --- what finds the rows --- */

static bool rests_sound(const struct seg_image *image)
{
	const struct seg_rest *rest = seg_section_items(image, SEG_SECTION_RESTS);

	for (uint32_t i = 0; i < image->section[SEG_SECTION_RESTS].count; i++)
		if (!set_reference_sound(image, rest[i].src_set) ||
		    !set_reference_sound(image, rest[i].dst_set))
			return false;
	return true;
}

static bool slots_sound(const struct seg_image *image, uint8_t family)
{
	const uint32_t *slot = seg_section_items(image, SEG_SECTION_SLOTS4 + (family == 6));
	uint32_t boxes = image->section[SEG_SECTION_BOXES4 + (family == 6)].count;
	bool sound = true;

	for (uint32_t i = 0; i < image->section[SEG_SECTION_SLOTS4 + (family == 6)].count; i++)
		sound &= (slot[i] == 0) | ((slot[i] & SEG_SLOT_BOX) < boxes);
	return sound;
}

static bool slots4_sound(const struct seg_image *image)
{
	return slots_sound(image, 4);
}

static bool slots6_sound(const struct seg_image *image)
{
	return slots_sound(image, 6);
}

/* What comes next is always further on: no lookup turns in a circle. All are looked at without a
 * jump: that is faster than to stop at the first that is wrong. */
static bool boxes_sound(const struct seg_image *image, uint8_t family)
{
	bool six = family == 6, sound = true;
	uint32_t boxes = image->section[SEG_SECTION_BOXES4 + six].count;
	uint32_t rules = seg_image_rules(image), kinds = image->section[SEG_SECTION_RESTS].count;
	const char *item = seg_section_items(image, SEG_SECTION_BOXES4 + six);
	const uint32_t *rests = seg_section_items(image, SEG_SECTION_RESTS4 + six);

	if (boxes > SEG_BOXES_MAX || image->section[SEG_SECTION_RESTS4 + six].count != boxes)
		return false;
	for (uint32_t i = 0; i < boxes; i++, item += seg_box_size(family)) {
		const struct seg_box *box = (const void *)item;

		sound &= (box->next == 0) | ((box->next > i) & (box->next < boxes));
		sound &= seg_box_rule(image, six, i) < rules;
		sound &= verdict_sound(box->info >> SEG_BOX_VERDICT_SHIFT & 3);
		sound &= rests[i] < kinds && !rests[i] == !(box->info & SEG_BOX_REST);
	}
	return sound;
}

static bool boxes4_sound(const struct seg_image *image)
{
	return boxes_sound(image, 4);
}

static bool boxes6_sound(const struct seg_image *image)
{
	return boxes_sound(image, 6);
}

static bool bank_sound(const struct seg_bank *bank, uint32_t slots)
{
	for (unsigned int i = 0; i < SEG_BANK_TABLES; i++)
		if (bank->shift[i] < 8 || bank->shift[i] > 31 || bank->base[i] > slots ||
		    1ull << (32 - bank->shift[i]) > slots - bank->base[i])
			return false;
	return true;
}

static bool finder_sound(const struct seg_image *image, const struct seg_finder *finder, bool six)
{
	const struct seg_bank *banks = seg_section_items(image, SEG_SECTION_BANKS);
	uint32_t n = image->section[SEG_SECTION_BANKS].count;
	uint32_t words = seg_key_words(six ? 4 : 1);
	uint32_t more = image->section[SEG_SECTION_RESTS].count > 1 ? SEG_KEY_EXTRAS : 0;

	if (finder->box_first > finder->box_end ||
	    finder->box_end > image->section[SEG_SECTION_BOXES4 + six].count || finder->first > n ||
	    finder->count > n - finder->first ||
	    (finder->words != words && finder->words != words + more))
		return false;
	for (uint32_t i = finder->first; i < finder->first + finder->count; i++)
		if (!bank_sound(&banks[i], image->section[SEG_SECTION_SLOTS4 + six].count))
			return false;
	return true;
}

static bool finders_sound(const struct seg_image *image)
{
	const struct seg_finder *finder = seg_section_items(image, SEG_SECTION_FINDERS);
	uint32_t n = image->section[SEG_SECTION_FINDERS].count;

	if (n != seg_finder_of(SEG_STAGE_SHADOW, 0) && n != seg_finder_of(SEG_STAGE_MAX, 0))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!finder_sound(image, &finder[i], seg_finder_six(i)))
			return false;
	return true;
}

/* In this order: each may rely on those before it. */
static const struct {
	bool (*sound)(const struct seg_image *image);
	const char *what;
} CHECKS[] = {
	{sections_sound, "a section"}, {bases_sound, "a base"},
	{defaults_sound, "a default"}, {strings_sound, "the strings"},
	{sets_sound, "a set"},         {rules_sound, "a rule"},
	{names_sound, "a name"},       {failsafes_sound, "a failsafe"},
	{lanes_sound, "a row"},        {rests_sound, "a rest"},
	{boxes4_sound, "a box"},       {boxes6_sound, "a box"},
	{slots4_sound, "a slot"},      {slots6_sound, "a slot"},
	{finders_sound, "a table"},
};

/* --- steps --- */

struct seg_image_review {
	const struct seg_image *image;
	XXH3_state_t *sum;
	size_t summed;     /* bytes, from the first that the checksum is of */
	unsigned int next; /* of CHECKS, once all are summed */
	bool mapped;       /* by us, and not given away yet */
};

static int refused(struct seg_error *err, const char *what)
{
	seg_error_set(err, EBADMSG, "the policy image is refused: %s is wrong", what);
	return -EBADMSG;
}

static int review_begin(struct seg_image_review *review, const void *data, size_t size,
			struct seg_error *err)
{
	if ((uintptr_t)data % 8 || !header_sound(data, size))
		return refused(err, "its header");
	*review = (struct seg_image_review){.image = data, .sum = XXH3_createState()};
	if (!review->sum) {
		seg_error_set(err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	XXH3_64bits_reset(review->sum);
	return 0;
}

static void sum_some(struct seg_image_review *review, size_t all)
{
	const char *from = (const char *)review->image + SUM_FROM + review->summed;
	size_t left = all - review->summed, some = left < STEP_BYTES ? left : STEP_BYTES;

	XXH3_64bits_update(review->sum, from, some);
	review->summed += some;
}

int seg_image_review_step(struct seg_image_review *review, struct seg_error *err)
{
	const struct seg_image *image = review->image;
	size_t all = image->size - SUM_FROM;

	if (review->summed < all) {
		sum_some(review, all);
		if (review->summed == all && XXH3_64bits_digest(review->sum) != image->checksum)
			return refused(err, "the checksum");
		return 1;
	}
	if (!CHECKS[review->next].sound(image))
		return refused(err, CHECKS[review->next].what);
	return ++review->next < SEG_ARRAY_SIZE(CHECKS);
}

static int review_whole(struct seg_image_review *review, struct seg_error *err)
{
	int r;

	while ((r = seg_image_review_step(review, err)) > 0)
		;
	return r;
}

int seg_image_check(const void *data, size_t size, struct seg_error *err)
{
	struct seg_image_review review;
	int r = review_begin(&review, data, size, err);

	if (r)
		return r;
	r = review_whole(&review, err);
	XXH3_freeState(review.sum);
	return r;
}

/* --- descriptors --- */

/* The size of what nobody can change any more. */
static int sealed_size(int fd, size_t *out, struct seg_error *err)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & SEG_IMAGE_SEALS) != SEG_IMAGE_SEALS)
		return seg_error_set(err, EPERM, "the policy image is refused: it is not sealed");
	if (fstat(fd, &st))
		return seg_error_set(err, errno, "the policy image has no size: %s",
				     strerror(errno));
	if (st.st_size < (off_t)sizeof(struct seg_image) || st.st_size > (off_t)SEG_IMAGE_SIZE_MAX)
		return seg_error_set(err, EBADMSG, "the policy image is refused: %jd bytes",
				     (intmax_t)st.st_size);
	*out = (size_t)st.st_size;
	return 0;
}

static int map_review(int fd, size_t size, struct seg_image_review *review, struct seg_error *err)
{
	void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	int r;

	if (data == MAP_FAILED) {
		seg_error_set(err, errno, "mapping the policy image failed: %s", strerror(errno));
		return -ENOMEM;
	}
	r = review_begin(review, data, size, err);
	if (r)
		munmap(data, size);
	else
		review->mapped = true;
	return r;
}

int seg_image_review_open(int fd, struct seg_image_review **out, struct seg_error *err)
{
	_cleanup_free_ struct seg_image_review *review = malloc(sizeof(*review));
	size_t size = 0;
	int r = sealed_size(fd, &size, err);

	if (r)
		return r;
	if (!review) {
		seg_error_set(err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	r = map_review(fd, size, review, err);
	if (!r)
		*out = TAKE(review);
	return r;
}

const struct seg_image *seg_image_review_take(struct seg_image_review *review)
{
	if (review->next < SEG_ARRAY_SIZE(CHECKS))
		return NULL;
	review->mapped = false;
	return review->image;
}

void seg_image_review_close(struct seg_image_review *review)
{
	if (!review)
		return;
	if (review->mapped)
		seg_image_unmap(review->image);
	XXH3_freeState(review->sum);
	free(review);
}

int seg_image_map(int fd, const struct seg_image **out, struct seg_error *err)
{
	_cleanup_image_review_ struct seg_image_review *review = NULL;
	int r = seg_image_review_open(fd, &review, err);

	if (!r)
		r = review_whole(review, err);
	if (!r)
		*out = seg_image_review_take(review);
	return r;
}
