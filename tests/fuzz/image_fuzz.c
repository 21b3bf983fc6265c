/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an image: refused, or safe to use in every way. The checksum
 * and the header's fixed words are mended first, or nothing would get past them.
 */
#include <string.h>
#include <xxhash.h>

#include "classify.h"
#include "image_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void header_mend(struct seg_image *image, size_t size)
{
	size_t start = offsetof(struct seg_image, hash);

	memcpy(image->magic, SEG_IMAGE_MAGIC, sizeof(image->magic));
	image->version = SEG_IMAGE_VERSION;
	image->byte_order = SEG_IMAGE_BYTE_ORDER;
	image->size = size;
	image->checksum = XXH3_64bits((char *)image + start, size - start);
}

static void use(const struct seg_image *image)
{
	static const uint8_t PROTOS[] = {1, 6, 17, 47, 58};
	struct seg_flow flows[20];
	struct seg_decision out[20];
	struct seg_region region;
	const struct seg_vlan *vlans;
	struct seg_rule_info info;
	struct seg_need need;

	memset(flows, 0x5a, sizeof(flows));
	for (unsigned int i = 0; i < 20; i++) {
		flows[i].family = i & 1 ? 4 : 6;
		flows[i].proto = PROTOS[i / 2 % 5];
		flows[i].direction = (uint8_t)(i % SEG_DIRECTION_MAX);
		flows[i].vlan[0] = flows[i].vlan[1] = 0;
	}
	for (enum seg_lookup_way way = 0; way < SEG_LOOKUP_WAYS; way++)
		if (seg_lookup_runs(way))
			seg_image_classify_by(way, image, flows, out, 20);
	for (unsigned int i = 0; i < 20; i++)
		seg_image_region(image, &flows[i], &region);
	for (unsigned int i = 0; i < 20; i++)
		(void)strlen(seg_image_failsafe_name(image, seg_image_failsafe(image, &flows[i])));
	for (uint32_t i = 0; !seg_image_need(image, i, &need); i++)
		(void)(strlen(need.what) + strlen(need.mend) + strlen(need.file));
	for (uint32_t i = 0; !seg_image_rule_info(image, i, &info); i++) {
		(void)strlen(info.file);
		(void)strlen(seg_image_rule_id(image, i));
		seg_image_mismatch(image, i, &flows[i % 20]);
	}
	seg_image_vlans(image, &vlans);
	seg_image_iface(image, "eth0");
	seg_image_enforceable(image, "fuzz", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ void *copy = malloc(size + 1);

	memcpy(copy, data, size);
	if (size >= sizeof(struct seg_image))
		header_mend(copy, size);
	if (!seg_image_check(copy, size, NULL))
		use(copy);
	return 0;
}
