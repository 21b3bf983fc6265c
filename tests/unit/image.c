/* SPDX-License-Identifier: BSD-2-Clause */
/* Images through descriptors: sealed, whole, and nothing else. */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "check.h"
#include "compiled.h"
#include "image_layout.h"
#include "splice.h"

static const char *const TEXT =
	"version: 1\nname: sample\ngroups: {a: [10.0.0.1, 10.0.0.3, 2001:db8::/32, ::5]}\nrules:\n"
	"- {id: one, from: a, service: [tcp/80, icmp/echo-request], vlan: [7, 3/4], action: "
	"allow}\n"
	"- {id: two, direction: egress, dscp: ef, iface: [eth0, eth1], to: [not: a], action: deny, "
	"log: "
	"true}\nfailsafe: tcp/22 from a\ndefaults: {on-change: keep}\n";

static int memfd_of(const void *data, size_t size, int seals)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING);

	check(fd >= 0);
	check_eq(write(fd, data, size), size);
	check_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int map_bytes(const void *data, size_t size, int seals)
{
	_cleanup_close_ int fd = memfd_of(data, size, seals);
	_cleanup_image_map_ const struct seg_image *image = NULL;

	return seg_image_map(fd, &image, NULL);
}

TEST(image, survives_the_descriptor)
{
	_cleanup_image_ struct seg_image *image = compiled(TEXT);
	_cleanup_close_ int fd = seg_image_seal(image, NULL);
	_cleanup_image_map_ const struct seg_image *mapped = NULL;
	const struct seg_vlan *vlans;

	check(fd >= 0);
	check_eq(seg_image_map(fd, &mapped, NULL), 0);
	check_eq(seg_image_size(mapped), seg_image_size(image));
	check(memcmp(mapped, image, seg_image_size(image)) == 0);
	check_str_eq(seg_image_name(mapped), "sample");
	check_eq(strlen(seg_image_hash(mapped)), 32);
	check_str_eq(seg_image_rule_id(mapped, 1), "two");
	check_eq(seg_image_iface(mapped, "eth0"), 1);
	check_eq(seg_image_iface(mapped, "eth1"), 2);
	check_eq(seg_image_iface(mapped, "eth2"), SEG_IFACE_NONE);
	check_eq(seg_image_vlans(mapped, &vlans), 2);
	check_eq(vlans[0].tag[0], SEG_VLAN_PRESENT | 3);
	check_eq(vlans[0].tag[1], SEG_VLAN_PRESENT | 4);
	check_eq(vlans[1].tag[0], SEG_VLAN_PRESENT | 7);
	check_eq(vlans[1].tag[1], 0);
}

/* Nobody can write into what a reader has checked. */
TEST(image, is_sealed)
{
	_cleanup_image_ struct seg_image *image = compiled(TEXT);
	_cleanup_close_ int fd = seg_image_seal(image, NULL);

	check_eq(fcntl(fd, F_GET_SEALS), ALL_SEALS);
	check(pwrite(fd, "x", 1, 0) < 0);
	check(ftruncate(fd, 0) < 0);
	check_eq(map_bytes(image, seg_image_size(image), ALL_SEALS), 0);
	check_eq(map_bytes(image, seg_image_size(image), F_SEAL_SHRINK | F_SEAL_GROW), -EPERM);
	check_eq(map_bytes(image, seg_image_size(image), F_SEAL_WRITE | F_SEAL_SEAL), -EPERM);
}

TEST(image, cut_anywhere_is_refused)
{
	_cleanup_image_ struct seg_image *image = compiled(TEXT);
	_cleanup_free_ char *copy = calloc(1, seg_image_size(image) + 8);

	memcpy(copy, image, seg_image_size(image));
	for (size_t size = 0; size < seg_image_size(image); size++)
		check_eq(seg_image_check(copy, size, NULL), -EBADMSG);
	check_eq(seg_image_check(copy, seg_image_size(image) + 8, NULL), -EBADMSG);
	check_eq(seg_image_check(copy, seg_image_size(image), NULL), 0);
	check_eq(map_bytes(copy, 10, ALL_SEALS), -EBADMSG);
}

TEST(image, every_byte_counts)
{
	_cleanup_image_ struct seg_image *image = compiled(TEXT);
	size_t size = seg_image_size(image);

	for (size_t i = 0; i < size; i++) {
		((uint8_t *)image)[i] ^= 0x10;
		check_eq(seg_image_check(image, size, NULL), -EBADMSG);
		((uint8_t *)image)[i] ^= 0x10;
	}
	check_eq(seg_image_check(image, size, NULL), 0);
}

static void checksum_mend(struct seg_image *image)
{
	size_t start = offsetof(struct seg_image, hash);

	image->checksum = XXH3_64bits((char *)image + start, seg_image_size(image) - start);
}

/* Whoever can forge an image can forge its checksum: references are checked one by one. */
TEST(image, forged_references_are_refused)
{
	static const struct {
		unsigned int section;
		size_t offset; /* of a u32 in its first item */
		uint32_t value;
	} FORGED[] = {
		{SEG_SECTION_LANES, offsetof(struct seg_row, rule), 2},
		{SEG_SECTION_LANES, offsetof(struct seg_row, src_set), 1000},
		{SEG_SECTION_LANES, offsetof(struct seg_row, dst_set), 1000},
		{SEG_SECTION_SETS, offsetof(struct seg_set, count), 0},
		{SEG_SECTION_SETS, offsetof(struct seg_set, count), 0xfffffff0},
		{SEG_SECTION_SETS, offsetof(struct seg_set, first), 0xfffffff0},
		{SEG_SECTION_RULES, offsetof(struct seg_rule, id), 0x7fffffff},
		{SEG_SECTION_RULES, offsetof(struct seg_rule, from), 1000},
		{SEG_SECTION_RULES, offsetof(struct seg_rule, to), 1000},
		{SEG_SECTION_RULES, offsetof(struct seg_rule, verdict), 0xff},
		{SEG_SECTION_IFACES, 0, 0x7fffffff},
		{SEG_SECTION_RULES, offsetof(struct seg_rule, file), 0x7fffffff},
		{SEG_SECTION_RULES, offsetof(struct seg_rule, verdict),
		 SEG_VERDICT_DENY | SEG_STAGE_MAX << 16},
		{SEG_SECTION_RULES, offsetof(struct seg_rule, limit.per), SEG_PER_MAX},
		{SEG_SECTION_NEEDS, offsetof(struct seg_need_item, what), 0x7fffffff},
		{SEG_SECTION_NEEDS, offsetof(struct seg_need_item, mend), 0x7fffffff},
		{SEG_SECTION_NEEDS, offsetof(struct seg_need_item, file), 0x7fffffff},
		{SEG_SECTION_FAILSAFES, offsetof(struct seg_failsafe, name), 0x7fffffff},
		{SEG_SECTION_FAILSAFES, offsetof(struct seg_failsafe, from), 1000},
		{SEG_SECTION_RESTS, offsetof(struct seg_rest, src_set), 1000},
		{SEG_SECTION_RESTS, offsetof(struct seg_rest, dst_set), 1000},
		{SEG_SECTION_RESTS4, 0, 1000},
		{SEG_SECTION_RESTS6, 0, 1000},
		{SEG_SECTION_SLOTS4, 0, SEG_SLOT_TAKEN | 1000},
		{SEG_SECTION_SLOTS6, 0, SEG_SLOT_TAKEN | 1000},
		{SEG_SECTION_BOXES6, offsetof(struct seg_box, next), 1000},
		{SEG_SECTION_BOXES4, offsetof(struct seg_box, next), 1000},
		{SEG_SECTION_BOXES4, offsetof(struct seg_box, info), SEG_BOX_RULE},
		{SEG_SECTION_BOXES4, offsetof(struct seg_box, info), 0},
		{SEG_SECTION_BOXES4, offsetof(struct seg_box, info),
		 SEG_VERDICT_ALLOW << SEG_BOX_VERDICT_SHIFT},
		{SEG_SECTION_BANKS, offsetof(struct seg_bank, shift), 32},
		{SEG_SECTION_BANKS, offsetof(struct seg_bank, shift), 7},
		{SEG_SECTION_BANKS, offsetof(struct seg_bank, base), 0x7fffffff},
		{SEG_SECTION_FINDERS, offsetof(struct seg_finder, first), 1000},
		{SEG_SECTION_FINDERS, offsetof(struct seg_finder, count), 1000},
		{SEG_SECTION_FINDERS, offsetof(struct seg_finder, words), 4},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(FORGED); i++) {
		_cleanup_image_ struct seg_image *image = compiled(TEXT);
		char *item = (char *)image + image->section[FORGED[i].section].offset;

		memcpy(item + FORGED[i].offset, &FORGED[i].value, sizeof(FORGED[i].value));
		checksum_mend(image);
		check_eq(seg_image_check(image, seg_image_size(image), NULL), -EBADMSG);
	}
}

TEST(image, forged_sections_are_refused)
{
	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++) {
		_cleanup_image_ struct seg_image *image = compiled(TEXT);

		image->section[i].count = 0x10000000;
		checksum_mend(image);
		check_eq(seg_image_check(image, seg_image_size(image), NULL), -EBADMSG);
		image->section[i] = (struct seg_section){(uint32_t)seg_image_size(image) + 8, 0};
		checksum_mend(image);
		check_eq(seg_image_check(image, seg_image_size(image), NULL), -EBADMSG);
		image->section[i] = (struct seg_section){4, 0};
		checksum_mend(image);
		check_eq(seg_image_check(image, seg_image_size(image), NULL), -EBADMSG);
	}
}

TEST(image, enforceable)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\ndefaults:\n  on-change: keep\n");
	_cleanup_image_ struct seg_image *fine = NULL;
	struct seg_policy_file file = {"x", "version: 1", 10};
	struct seg_error err = {0};

	check_eq(seg_image_enforceable(image, "sample", &err), -EOPNOTSUPP);
	check_str_eq(err.what, "'on-change: keep' is not enforced by this version");
	check_eq(err.line, 3);
	check_eq(err.column, 14);
	check_eq(seg_policy_compile(&file, NULL, &fine, NULL), 0);
	check_eq(seg_image_enforceable(fine, "x", NULL), 0);
}

/* --- in steps --- */

/* Of one that can be patched. */
TEST(image, forged_bases_are_refused)
{
	for (unsigned int i = SEG_SECTION_BASES4; i <= SEG_SECTION_BASES; i++) {
		_cleanup_image_ struct seg_image *image = compiled(TEXT), *spread = NULL;

		check_eq(seg_image_spread(image, &spread), 0);
		checksum_mend(spread);
		check_eq(seg_image_check(spread, seg_image_size(spread), NULL), 0);
		*(uint32_t *)seg_section_edit(spread, i) = 1000;
		checksum_mend(spread);
		check_eq(seg_image_check(spread, seg_image_size(spread), NULL), -EBADMSG);
		*(uint32_t *)seg_section_edit(spread, i) = 0;
		spread->section[i].count--;
		checksum_mend(spread);
		check_eq(seg_image_check(spread, seg_image_size(spread), NULL), -EBADMSG);
	}
}

/* An image of some megabytes. */
static struct seg_image *large(void)
{
	_cleanup_free_ char *text = NULL;
	struct seg_image *image;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs("version: 1\nrules:\n", out);
	for (int i = 0; i < 20000; i++)
		fprintf(out, "- {id: rule-number-%d, from: 10.%d.%d.0/24, action: allow}\n", i,
			i / 250, i % 250);
	fclose(out);
	image = compiled(text);
	check(seg_image_size(image) > 3 << 20);
	return image;
}

TEST(image, reviewed_in_steps)
{
	_cleanup_image_ struct seg_image *image = large();
	_cleanup_close_ int fd = seg_image_seal(image, NULL);
	struct seg_image_review *review;
	const struct seg_image *mapped;
	size_t left = seg_image_size(image);
	unsigned int steps = 1, parts = 0;
	int r;

	check_eq(seg_image_review_open(fd, &review, NULL), 0);
	check(!seg_image_review_take(review));
	for (; (r = seg_image_review_step(review, NULL)) > 0; steps++)
		check(!seg_image_review_take(review));
	check_eq(r, 0);
	check(steps > 10);
	mapped = seg_image_review_take(review);
	seg_image_review_close(review);
	check(memcmp(mapped, image, left) == 0);
	for (; left; parts++) {
		check_eq(((const char *)mapped)[left - 1], ((const char *)image)[left - 1]);
		left = seg_image_unmap_some(mapped, left);
	}
	check(parts > 3);
	check(madvise((void *)mapped, seg_image_size(image), MADV_NORMAL) && errno == ENOMEM);
}

/* Wherever it is wrong: what was mapped is not, any more. */
TEST(image, review_tells_what_is_wrong)
{
	_cleanup_image_ struct seg_image *image = large();
	size_t size = seg_image_size(image), wrong[] = {size / 5, size / 2, size - 1};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(wrong); i++) {
		_cleanup_close_ int fd = -1;
		struct seg_image_review *review;
		int r;

		((char *)image)[wrong[i]] ^= 1;
		fd = memfd_of(image, size, ALL_SEALS);
		((char *)image)[wrong[i]] ^= 1;
		check_eq(seg_image_review_open(fd, &review, NULL), 0);
		while ((r = seg_image_review_step(review, NULL)) > 0)
			;
		check_eq(r, -EBADMSG);
		check(!seg_image_review_take(review));
		seg_image_review_close(review);
	}
}
