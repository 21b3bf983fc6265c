/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hook.h - an interface's XDP hook: taken for ourselves by a link (program.h), or shared with
 * others (shared.h). Either way what runs there changes between two packets, and goes on when the
 * keeper dies: link and array are pinned.
 */
#ifndef SEG_HOOK_H
#define SEG_HOOK_H

#include <limits.h>

#include "program.h"
#include "shared.h"
#include "sharer.h"

struct seg_hook {
	int fd; /* of the link; shared: of the array that seg_shared calls from. -1: not taken */
	uint32_t slot; /* id of that array; 0: the hook is ours alone */
	bool single;   /* shared, but there is no dispatcher: nobody else can come... */
	char why[128]; /* ...because */
	char pin[PATH_MAX];
};

/* Of a shared one, before it is attached: make the array, pinned. */
int seg_hook_open_slot(struct seg_hook *hook, struct seg_error *err);

/*
 * Take it, with a program that passes everything, and pin what keeps it. *mode: wanted, then what
 * it is; why: if it had to be generic. 0 or -errno.
 */
int seg_hook_open(struct seg_hook *hook, const struct seg_sharer *sharer,
		  const struct seg_device *link, enum seg_mode *mode, char why[128],
		  struct seg_error *err);

/*
 * The same that a predecessor took: by ->pin, and ->slot of a shared one. 0 or -errno: then ->fd is
 * -1 or open, for seg_hook_close() either way.
 */
int seg_hook_adopt(struct seg_hook *hook, const struct seg_sharer *sharer, uint32_t ifindex,
		   struct seg_error *err);

/* Run this program from the next packet on. 0 or -errno. */
int seg_hook_run(const struct seg_hook *hook, int program_fd);

/* Give it back; others that share it stay. What was not taken is no trouble. */
int seg_hook_close(struct seg_hook *hook, const struct seg_sharer *sharer, uint32_t ifindex,
		   struct seg_error *err);

#endif
