/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "image_layout.h"
#include "key.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

const char *seg_image_name(const struct seg_image *image)
{
	return image->name;
}

const char *seg_image_hash(const struct seg_image *image)
{
	return image->hash;
}

size_t seg_image_size(const struct seg_image *image)
{
	return image->size;
}

const struct seg_defaults *seg_image_defaults(const struct seg_image *image)
{
	return &image->defaults;
}

unsigned int seg_image_rules(const struct seg_image *image)
{
	return image->section[SEG_SECTION_RULES].count;
}

static const char *string_at(const struct seg_image *image, uint32_t offset)
{
	return (const char *)seg_section_items(image, SEG_SECTION_STRINGS) + offset;
}

const char *seg_image_rule_id(const struct seg_image *image, uint32_t rule)
{
	const struct seg_rule *rules = seg_section_items(image, SEG_SECTION_RULES);

	if (rule == SEG_RULE_DEFAULT)
		return "default";
	return rule < seg_image_rules(image) ? string_at(image, rules[rule].id) : "?";
}

uint32_t seg_image_rule_find(const struct seg_image *image, const char *id)
{
	for (uint32_t i = 0; i < seg_image_rules(image); i++)
		if (strcmp(seg_image_rule_id(image, i), id) == 0)
			return i;
	return SEG_RULE_DEFAULT;
}

unsigned int seg_image_vlans(const struct seg_image *image, const struct seg_vlan **out)
{
	*out = seg_section_items(image, SEG_SECTION_VLANS);
	return image->section[SEG_SECTION_VLANS].count;
}

uint16_t seg_image_iface(const struct seg_image *image, const char *name)
{
	const uint32_t *ifaces = seg_section_items(image, SEG_SECTION_IFACES);

	for (uint32_t i = 0; i < image->section[SEG_SECTION_IFACES].count; i++)
		if (strcmp(string_at(image, ifaces[i]), name) == 0)
			return (uint16_t)(i + 1);
	return SEG_IFACE_NONE;
}

int seg_image_rule_info(const struct seg_image *image, uint32_t rule, struct seg_rule_info *out)
{
	const struct seg_rule *rules = seg_section_items(image, SEG_SECTION_RULES);

	if (rule >= seg_image_rules(image))
		return -ENOENT;
	*out = (struct seg_rule_info){
		.file = string_at(image, rules[rule].file),
		.line = rules[rule].line,
		.verdict = rules[rule].verdict,
		.log = (rules[rule].flags & SEG_VERDICT_LOG) != 0,
		.stage = rules[rule].stage,
		.limit = rules[rule].limit,
	};
	return 0;
}

/* --- enforceable --------------------------------------------------------- */

int seg_image_need(const struct seg_image *image, uint32_t i, struct seg_need *out)
{
	const struct seg_need_item *item = seg_section_items(image, SEG_SECTION_NEEDS);

	if (i >= image->section[SEG_SECTION_NEEDS].count)
		return -ENOENT;
	*out = (struct seg_need){
		.what = string_at(image, item[i].what),
		.mend = string_at(image, item[i].mend),
		.file = string_at(image, item[i].file),
		.line = item[i].line,
		.column = item[i].column,
	};
	return 0;
}

int seg_image_enforceable(const struct seg_image *image, const char *file, struct seg_error *err)
{
	struct seg_need need;

	if (seg_image_need(image, 0, &need))
		return 0;
	seg_error_set(err, EOPNOTSUPP, "'%s' is not enforced by this version", need.what);
	seg_error_place(err, *need.file ? need.file : file, need.line, need.column, NULL);
	seg_error_mend(err, "%s", need.mend);
	return -EOPNOTSUPP;
}

/* --- check --------------------------------------------------------------- */

static bool header_sound(const struct seg_image *image, size_t size)
{
	return size >= sizeof(*image) && memcmp(image->magic, SEG_IMAGE_MAGIC, 8) == 0 &&
	       image->version == SEG_IMAGE_VERSION && image->byte_order == SEG_IMAGE_BYTE_ORDER &&
	       image->size == size && memchr(image->name, '\0', sizeof(image->name)) &&
	       memchr(image->hash, '\0', sizeof(image->hash));
}

static bool checksum_sound(const struct seg_image *image)
{
	size_t start = offsetof(struct seg_image, hash);

	return image->checksum == XXH3_64bits((const char *)image + start, image->size - start);
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

	return !count || *string_at(image, count - 1) == '\0';
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
	const struct seg_row *end = row + image->section[lane].count;
	uint32_t rule = 0;

	for (; row < end; row++) {
		if (row->rule < rule || row->rule >= seg_image_rules(image) ||
		    !set_reference_sound(image, row->src_set) ||
		    !set_reference_sound(image, row->dst_set) ||
		    row->iface > image->section[SEG_SECTION_IFACES].count)
			return false;
		rule = row->rule;
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

static bool slots_sound(const struct seg_image *image, unsigned int section, uint32_t boxes)
{
	const uint32_t *slot = seg_section_items(image, section);

	for (uint32_t i = 0; i < image->section[section].count; i++)
		if (slot[i] && (slot[i] & SEG_SLOT_BOX) >= boxes)
			return false;
	return true;
}

/* What comes next is always further on: no lookup turns in a circle. */
static bool boxes_sound(const struct seg_image *image, uint8_t family)
{
	bool six = family == 6;
	uint32_t boxes = image->section[SEG_SECTION_BOXES4 + six].count;
	const char *item = seg_section_items(image, SEG_SECTION_BOXES4 + six);
	const uint32_t *rests = seg_section_items(image, SEG_SECTION_RESTS4 + six);

	if (boxes > SEG_BOXES_MAX || image->section[SEG_SECTION_RESTS4 + six].count != boxes)
		return false;
	for (uint32_t i = 0; i < boxes; i++, item += seg_box_size(family)) {
		const struct seg_box *box = (const void *)item;

		if ((box->next && (box->next <= i || box->next >= boxes)) ||
		    (box->info & SEG_BOX_RULE) >= seg_image_rules(image) ||
		    !verdict_sound(box->info >> SEG_BOX_VERDICT_SHIFT & 3) ||
		    rests[i] >= image->section[SEG_SECTION_RESTS].count ||
		    !rests[i] != !(box->info & SEG_BOX_REST))
			return false;
	}
	return slots_sound(image, SEG_SECTION_SLOTS4 + six, boxes);
}

static bool all_boxes_sound(const struct seg_image *image)
{
	return boxes_sound(image, 4) && boxes_sound(image, 6);
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
		if (!finder_sound(image, &finder[i], i / SEG_LANE_MAX % 2))
			return false;
	return true;
}

size_t seg_image_tables_size(const struct seg_image *image)
{
	size_t size = 0;

	for (unsigned int i = SEG_SECTION_FINDERS; i <= SEG_SECTION_RESTS; i++)
		size += image->section[i].count * seg_section_item_size(i);
	return size;
}

/* In this order: each may rely on those before it. */
static const struct {
	bool (*sound)(const struct seg_image *image);
	const char *what;
} CHECKS[] = {
	{checksum_sound, "the checksum"},
	{sections_sound, "a section"},
	{defaults_sound, "a default"},
	{strings_sound, "the strings"},
	{sets_sound, "a set"},
	{rules_sound, "a rule"},
	{names_sound, "a name"},
	{failsafes_sound, "a failsafe"},
	{lanes_sound, "a row"},
	{rests_sound, "a rest"},
	{all_boxes_sound, "a box"},
	{finders_sound, "a table"},
};

int seg_image_check(const void *data, size_t size, struct seg_error *err)
{
	if ((uintptr_t)data % 8 || !header_sound(data, size))
		return seg_error_set(err, EBADMSG,
				     "the policy image is refused: its header is wrong");
	for (size_t i = 0; i < SEG_ARRAY_SIZE(CHECKS); i++)
		if (!CHECKS[i].sound(data))
			return seg_error_set(err, EBADMSG,
					     "the policy image is refused: %s is wrong",
					     CHECKS[i].what);
	return 0;
}

/* --- descriptors --------------------------------------------------------- */

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int seg_image_seal(const struct seg_image *image, struct seg_error *err)
{
	_cleanup_close_ int fd = memfd_create("xdpseg-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return seg_error_set(err, errno, "no memory file for the policy image: %s",
				     strerror(errno));
	r = write_all(fd, (const char *)image, image->size);
	if (!r && fcntl(fd, F_ADD_SEALS, SEALS))
		r = -errno;
	if (r)
		return seg_error_set(err, -r, "writing the policy image failed: %s", strerror(-r));
	return TAKE_FD(fd);
}

int seg_image_map(int fd, const struct seg_image **out, struct seg_error *err)
{
	int r, seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *data;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return seg_error_set(err, EPERM, "the policy image is refused: it is not sealed");
	if (fstat(fd, &st))
		return seg_error_set(err, errno, "the policy image has no size: %s",
				     strerror(errno));
	if (st.st_size < (off_t)sizeof(struct seg_image) || st.st_size > (off_t)SEG_IMAGE_SIZE_MAX)
		return seg_error_set(err, EBADMSG, "the policy image is refused: %jd bytes",
				     (intmax_t)st.st_size);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return seg_error_set(err, errno, "mapping the policy image failed: %s",
				     strerror(errno));
	r = seg_image_check(data, (size_t)st.st_size, err);
	if (r)
		munmap(data, (size_t)st.st_size);
	else
		*out = data;
	return r;
}

void seg_image_unmap(const struct seg_image *image)
{
	if (image)
		munmap((void *)image, image->size);
}

void seg_image_free(struct seg_image *image)
{
	free(image);
}
