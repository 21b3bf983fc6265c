/* SPDX-License-Identifier: BSD-2-Clause */
/* hooks.h - BPF programs that sit on an interface: at XDP, and at tc by tcx or clsact. */
#ifndef SEG_HOOKS_H
#define SEG_HOOKS_H

#include <stdint.h>

#include "device.h"
#include "vector.h"

enum seg_hook_place { SEG_HOOK_XDP, SEG_HOOK_TC_IN, SEG_HOOK_TC_OUT };

struct seg_hook_program {
	enum seg_hook_place place;
	uint32_t id;   /* 0: not told */
	char name[64]; /* empty: only privilege could tell */
};

struct seg_hooks {
	SEG_VECTOR(struct seg_hook_program) programs;
};

/* 0 or -ENOMEM; free with seg_hooks_free() either way. What cannot be seen is left
 * out: tcx needs CAP_NET_ADMIN, a name CAP_SYS_ADMIN. */
int seg_hooks_get(const struct seg_device *device, struct seg_hooks *out);
void seg_hooks_free(struct seg_hooks *hooks);

#endif
