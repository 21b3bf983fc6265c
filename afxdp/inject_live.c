/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inject_live.c - hand on by BPF_PROG_RUN with live frames. The commit point of
 * each frame is seg_live.next, which the program moves; a call that has begun
 * delivers what next says, even if its process is killed meanwhile.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compat.h"
#include "inject.h"

#ifndef BPF_F_TEST_XDP_LIVE_FRAMES
#define BPF_F_TEST_XDP_LIVE_FRAMES (1U << 1)
#endif

static void live_begin(struct seg_inject *inject, struct seg_intent *intent)
{
	(void)intent;
	seg_store(&inject->live->next, 0);
}

static void live_stage(struct seg_inject *inject, uint32_t index, struct xdp_desc desc)
{
	struct seg_live_frame *frame = &inject->live->frame[index];

	frame->len = desc.len;
	memcpy(frame->data, inject->umem + desc.addr, desc.len);
}

static uint32_t live_committed(const struct seg_inject *inject, const struct seg_intent *intent)
{
	uint32_t next = __atomic_load_n(&inject->live->next, __ATOMIC_ACQUIRE);

	return next < intent->count ? next : intent->count;
}

/* The kernel copies this much into each page before the program writes the frame: the least that
 * does. */
static uint32_t longest(const struct seg_intent *intent, uint32_t from)
{
	uint32_t length = 0;

	for (uint32_t i = from; i < intent->count; i++)
		if (intent->desc[i].len > length)
			length = intent->desc[i].len;
	return length;
}

static int run(const struct seg_inject *inject, uint32_t count, uint32_t length)
{
	static const uint8_t page[SEG_LIVE_FRAME_MAX];
	struct xdp_md context = {
		.data_end = length,
		.ingress_ifindex = inject->ifindex,
		.rx_queue_index = inject->queue,
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr)); /* the kernel wants zero beyond the member, too */
	attr.test.prog_fd = (uint32_t)inject->live_fd;
	attr.test.data_in = (uintptr_t)page;
	attr.test.data_size_in = length;
	attr.test.ctx_in = (uintptr_t)&context;
	attr.test.ctx_size_in = sizeof(context);
	attr.test.repeat = count;
	attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	attr.test.batch_size = SEG_LIVE_RUN;
	return syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) ? -errno : 0;
}

static int live_commit(struct seg_inject *inject, struct seg_intent *intent)
{
	uint32_t done = live_committed(inject, intent);
	int err = 0;

	while (done < intent->count && !err) {
		err = run(inject, intent->count - done, longest(intent, done));
		SEG_HOOK(LIVE_COMMITTED, NULL);
		if (err == -EINTR) /* between two batches of the kernel: next is exact */
			err = 0;
		else if (!err && live_committed(inject, intent) == done)
			err = -EIO;
		done = live_committed(inject, intent);
	}
	return err;
}

const struct seg_way_ops seg_way_live = {
	.begin = live_begin,
	.stage = live_stage,
	.commit = live_commit,
	.committed = live_committed,
};
