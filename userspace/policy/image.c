/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image_layout.h"

/* What is unmapped at a time: its pages are let go one by one. */
#define UNMAP_BYTES (1u << 20)

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

const char *seg_image_rule_id(const struct seg_image *image, uint32_t rule)
{
	const struct seg_rule *rules = seg_section_items(image, SEG_SECTION_RULES);

	if (rule == SEG_RULE_DEFAULT)
		return "default";
	return rule < seg_image_rules(image) ? seg_image_string(image, rules[rule].id) : "?";
}

bool seg_rule_place_like(const char *id, uint32_t *rule)
{
	unsigned long place;
	char *end;

	if (strncmp(id, "rule-", 5) != 0 || id[5] < '0' || id[5] > '9')
		return false;
	place = strtoul(id + 5, &end, 10);
	*rule = place && place < SEG_RULE_DEFAULT ? (uint32_t)place - 1 : SEG_RULE_DEFAULT;
	return !*end;
}

/* Of those without an id of their own none is looked at: what they are called tells where they are.
 */
uint32_t seg_image_rule_find(const struct seg_image *image, const char *id)
{
	const struct seg_rule *rule = seg_section_items(image, SEG_SECTION_RULES);
	const char *strings = seg_image_string(image, 0);
	uint32_t n = seg_image_rules(image), at;

	if (seg_rule_place_like(id, &at) && at < n && !strcmp(strings + rule[at].id, id))
		return at;
	for (uint32_t i = 0; i < n; i++)
		if (!rule[i].by_place && !strcmp(strings + rule[i].id, id))
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
		if (strcmp(seg_image_string(image, ifaces[i]), name) == 0)
			return (uint16_t)(i + 1);
	return SEG_IFACE_NONE;
}

int seg_image_rule_info(const struct seg_image *image, uint32_t rule, struct seg_rule_info *out)
{
	const struct seg_rule *rules = seg_section_items(image, SEG_SECTION_RULES);

	if (rule >= seg_image_rules(image))
		return -ENOENT;
	*out = (struct seg_rule_info){
		.file = seg_image_string(image, rules[rule].file),
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
		.what = seg_image_string(image, item[i].what),
		.mend = seg_image_string(image, item[i].mend),
		.file = seg_image_string(image, item[i].file),
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

size_t seg_image_tables_size(const struct seg_image *image)
{
	size_t size = 0;

	for (unsigned int i = SEG_SECTION_FINDERS; i <= SEG_SECTION_RESTS; i++)
		size += image->section[i].count * seg_section_item_size(i);
	return size;
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

/* One that was patched has no checksum yet. */
static int sealed_write(int fd, const struct seg_image *image)
{
	struct seg_image head = *image;
	int r;

	head.checksum = seg_image_checksum(image);
	r = write_all(fd, (const char *)&head, sizeof(head));
	return r ? r : write_all(fd, (const char *)(image + 1), image->size - sizeof(head));
}

int seg_image_seal(const struct seg_image *image, struct seg_error *err)
{
	_cleanup_close_ int fd = memfd_create("xdpseg-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return seg_error_set(err, errno, "no memory file for the policy image: %s",
				     strerror(errno));
	r = sealed_write(fd, image);
	if (!r && fcntl(fd, F_ADD_SEALS, SEG_IMAGE_SEALS))
		r = -errno;
	if (r)
		return seg_error_set(err, -r, "writing the policy image failed: %s", strerror(-r));
	return TAKE_FD(fd);
}

int seg_image_view(int fd, const struct seg_image **out, struct seg_error *err)
{
	struct stat st;
	void *data = MAP_FAILED;

	if (!fstat(fd, &st))
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return seg_error_set(err, errno, "mapping the policy image failed: %s",
				     strerror(errno));
	*out = data;
	return 0;
}

void seg_image_unmap(const struct seg_image *image)
{
	if (image)
		munmap((void *)image, image->size);
}

size_t seg_image_unmap_some(const struct seg_image *image, size_t left)
{
	size_t keep = left > UNMAP_BYTES ? (left - UNMAP_BYTES) / UNMAP_BYTES * UNMAP_BYTES : 0;

	munmap((char *)image + keep, left - keep);
	return keep;
}

void seg_image_free(struct seg_image *image)
{
	free(image);
}
