/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inject_veth.c - hand on by AF_XDP Tx. The commit point is the store of the tx
 * ring's producer; the kick after it may come late, or from a successor.
 */
#include <errno.h>
#include <sys/socket.h>

#include "compat.h"
#include "inject.h"

static void veth_begin(struct seg_inject *inject, struct seg_intent *intent)
{
	intent->tx_from = *inject->tx->producer;
}

static void veth_stage(struct seg_inject *inject, uint32_t index, struct xdp_desc desc)
{
	(void)inject, (void)index, (void)desc; /* the intent has it, the frame stays where it is */
}

static uint32_t veth_committed(const struct seg_inject *inject, const struct seg_intent *intent)
{
	return *inject->tx->producer == intent->tx_from ? intent->skip : intent->count;
}

static int veth_commit(struct seg_inject *inject, struct seg_intent *intent)
{
	struct seg_ring *tx = inject->tx;
	uint32_t at = intent->tx_from;

	if (veth_committed(inject, intent) == intent->count)
		return seg_inject_kick(inject);
	if (seg_ring_room(tx) < intent->count - intent->skip)
		return -ENOBUFS;
	for (uint32_t i = intent->skip; i < intent->count; i++)
		tx->desc[at++ & tx->mask] = intent->desc[i];
	SEG_HOOK(TX_WRITTEN, NULL);
	seg_ring_submit(tx, at);
	SEG_HOOK(TX_COMMITTED, NULL);
	return seg_inject_kick(inject);
}

const struct seg_way_ops seg_way_veth = {
	.begin = veth_begin,
	.stage = veth_stage,
	.commit = veth_commit,
	.committed = veth_committed,
};

/*
 * A call sends what its budget allows (32 frames by default) and says EAGAIN when
 * there is more, EBUSY when the veth dropped one: both go on as long as the ring
 * gets shorter.
 */
int seg_inject_kick(struct seg_inject *inject)
{
	for (uint32_t left = seg_ring_used(inject->tx), before = left + 1; left && left < before;) {
		before = left;
		if (sendto(inject->tx_fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
		    errno != EBUSY && errno != ENOBUFS)
			return -errno;
		left = seg_ring_used(inject->tx);
	}
	return seg_ring_used(inject->tx) ? -EAGAIN : 0;
}
