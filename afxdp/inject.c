/* SPDX-License-Identifier: BSD-2-Clause */
#include "inject.h"

static const struct seg_way_ops *const ways[SEG_WAYS] = {
	[SEG_WAY_VETH] = &seg_way_veth,
	[SEG_WAY_LIVE] = &seg_way_live,
};

static const struct seg_way_ops *way_of(const struct seg_intent *intent)
{
	return ways[intent->way % SEG_WAYS];
}

/*
 * Live frames are delivered before the call returns; the veth's may wait for
 * another CPU. So a batch does not go live while the veth has some: it could
 * overtake packets of its own flows.
 */
enum seg_way seg_inject_choose(const struct seg_inject *inject, uint32_t count, uint32_t longest,
			       uint32_t in_flight)
{
	if (!inject->live || longest > SEG_LIVE_FRAME_MAX || in_flight)
		return SEG_WAY_VETH;
	return count >= inject->live_min ? SEG_WAY_LIVE : SEG_WAY_VETH;
}

void seg_inject_begin(struct seg_inject *inject, struct seg_intent *intent, enum seg_way way)
{
	intent->way = way;
	intent->count = 0;
	intent->skip = 0;
	way_of(intent)->begin(inject, intent);
}

void seg_inject_stage(struct seg_inject *inject, struct seg_intent *intent, struct xdp_desc desc)
{
	way_of(intent)->stage(inject, intent->count, desc);
	intent->desc[intent->count++] = desc;
}

int seg_inject_commit(struct seg_inject *inject, struct seg_intent *intent)
{
	return intent->count ? way_of(intent)->commit(inject, intent) : 0;
}

uint32_t seg_inject_committed(const struct seg_inject *inject, const struct seg_intent *intent)
{
	return way_of(intent)->committed(inject, intent);
}

/* The live way reads neither skip nor tx_from, so the store of `way` is the one that counts. */
void seg_inject_fall_back(struct seg_inject *inject, struct seg_intent *intent)
{
	intent->skip = seg_inject_committed(inject, intent);
	intent->tx_from = *inject->tx->producer;
	__atomic_store_n(&intent->way, SEG_WAY_VETH, __ATOMIC_RELEASE);
}
