/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * live.h - a batch of live frames: between program seg_live (inject.bpf.c), which
 * hands them to the stack, and the worker that feeds it.
 */
#ifndef SEG_LIVE_H
#define SEG_LIVE_H

#include <linux/types.h>

#define SEG_LIVE_FRAMES    256 /* of one batch */
#define SEG_LIVE_RUN       32 /* the kernel delivers after so many: their pages stay in the cache */
#define SEG_LIVE_FRAME_MAX 3072 /* bytes of a frame; a batch with a longer one takes the veth */

struct seg_live_frame {
	__u32 len;
	__u32 spare;
	__u8 data[SEG_LIVE_FRAME_MAX];
};

/*
 * Map seg_live_frames: one entry an RX queue of the interface, a multiple of
 * 64 KiB long, so that each worker maps its own by offset on any page size.
 *
 * The queue's worker writes frames and next = 0; then, while its BPF_PROG_RUN
 * lasts, the program alone writes next. What next says is delivered: a batch
 * of the kernel ends with its delivery, a kill does not cut it short.
 */
struct seg_live {
	__u32 next; /* frames handed on so far */
	__u32 spare[15];
	struct seg_live_frame frame[SEG_LIVE_FRAMES];
	__u8 pad[63424];
};

_Static_assert(sizeof(struct seg_live) % 65536 == 0, "an entry can be mapped alone");

#endif
