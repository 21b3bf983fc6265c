/* SPDX-License-Identifier: BSD-2-Clause */
/* region.c - what can be said of many flows at once. */
#include "classify.h"
#include "image_layout.h"

/* What a session's key can tell. (Of ICMP only echo requests are learned: their id hides no type.)
 */
static bool asks_key_only(const struct seg_row *row)
{
	return row->iface == SEG_IFACE_NONE && !row->vlan[0] && !row->vlan[1] && !row->tcp_mask &&
	       !(row->flags & (SEG_ROW_DSCP | SEG_ROW_SHADOW));
}

static bool only_allows(const struct seg_rule *rule)
{
	const struct seg_limit *limit = &rule->limit;

	return rule->verdict == SEG_VERDICT_ALLOW && !rule->flags && !limit->rate &&
	       !limit->sessions;
}

static bool lane_allows(const struct seg_image *image, unsigned int section,
			enum seg_direction direction)
{
	const struct seg_rule *rules = seg_section_items(image, SEG_SECTION_RULES);
	const struct seg_row *row = seg_section_items(image, section);

	for (uint32_t i = 0; i < image->section[section].count; i++)
		if (row[i].directions >> direction & 1 &&
		    (!asks_key_only(&row[i]) ||
		     !only_allows(&rules[seg_row_rule(image, section, i)])))
			return false;
	return true;
}

bool seg_image_allows_all(const struct seg_image *image, enum seg_direction direction)
{
	if (image->defaults.verdict[direction] != SEG_VERDICT_ALLOW)
		return false;
	for (unsigned int section = SEG_SECTION_LANES; section <= SEG_SECTION_BEFORE; section++)
		if (!lane_allows(image, section, direction))
			return false;
	return true;
}
