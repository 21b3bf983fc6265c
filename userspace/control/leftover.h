/* SPDX-License-Identifier: BSD-2-Clause */
/* leftover.h - what a daemon that died left behind, and its end. */
#ifndef SEG_LEFTOVER_H
#define SEG_LEFTOVER_H

#include "runtime.h"

/*
 * End spawner and workers of the folder's last daemon, and remove its pins and
 * internal pairs; by the state file, every process verified. Needs to be root.
 * 0 also if there is nothing.
 */
int seg_leftover_clean(struct seg_runtime *runtime, struct seg_error *err);

#endif
