/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h - the BPF programs of one interface: loaded, attached, replaced.
 */
#ifndef SEG_PROGRAM_H
#define SEG_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "error.h"

struct inject_bpf;

enum seg_mode { SEG_MODE_AUTO, SEG_MODE_NATIVE, SEG_MODE_GENERIC, SEG_MODE_MAX };

/* As users say it. */
extern const char *const seg_mode_names[SEG_MODE_MAX];

/*
 * Take the interface's XDP hook, with a program that passes everything; nobody
 * else can take it from then on. What a driver changes when XDP comes (queues,
 * rings) it changes now, not when enforcement begins. *mode: wanted, then what it
 * is; AUTO falls back to generic and says why. The link's descriptor, or -errno.
 */
int seg_hook_take(const struct seg_device *link, enum seg_mode *mode, char why[128],
		  struct seg_error *err);

/* Make a hook's link run this program from the next packet on. 0 or -errno. */
int seg_hook_set(int link_fd, int program_fd);

/* The ways back to the stack: what is attached to the internal pair. */
struct seg_return {
	struct inject_bpf *inject;
	int live_link;     /* seg_live on the outer end, so that it is attached somewhere */
	uint32_t mark;     /* secret: on frames that go into the stack... */
	uint32_t mark_out; /* ...and on those that go out by the interface */
};

/* mode: of the interface's own program. */
int seg_return_open(struct seg_return *back, uint32_t ifindex, enum seg_mode mode, uint32_t queues,
		    const char *outer, const char *inner, struct seg_error *err);
/*
 * The same of a predecessor: its marks, by the mark of a socket that it made, and its maps;
 * what it attached is. Descriptors stay the caller's, live_link is taken.
 */
int seg_return_adopt(struct seg_return *back, uint32_t ifindex, enum seg_mode mode, uint32_t mark,
		     int live_link, int frames, int asked, struct seg_error *err);
void seg_return_close(struct seg_return *back);
int seg_return_live_fd(const struct seg_return *back);
int seg_return_frames_fd(const struct seg_return *back);

/* The asking pair's end: the map of its socket, and the program, attached. A link or -errno. */
int seg_return_asked_fd(const struct seg_return *back);
int seg_return_attach_asked(const struct seg_return *back, const char *inner,
			    struct seg_error *err);

#endif
