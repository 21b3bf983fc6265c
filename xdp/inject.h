/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * inject.h - shared by the two programs that hand packets back to the stack
 * (inject.bpf.c) and the worker that feeds them.
 */
#ifndef SEG_INJECT_H
#define SEG_INJECT_H

#include <linux/types.h>

#define SEG_LIVE_FRAMES    512  /* entries of map seg_live_frames: one batch at most */
#define SEG_LIVE_FRAME_MAX 3072 /* bytes of a frame; longer ones take the veth */

/* Map seg_live_frames, entry i < SEG_LIVE_FRAMES: worker writes, program reads. */
struct seg_live_frame {
	__u32 len;
	__u32 spare;
	__u8 data[SEG_LIVE_FRAME_MAX];
};

/* Map seg_live_next, one entry a queue: program writes while the worker's call runs. */
struct seg_live_next {
	__u32 first; /* worker: entry of the batch's first frame... */
	__u32 next;  /* program: frames handed on so far in this batch */
};

#endif
