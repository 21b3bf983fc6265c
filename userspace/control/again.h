/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * again.h - what a daemon that died had attached, and its successor could not take over (adopt.h),
 * is attached again under the policy that was in force: sessions are lost, protection is not.
 */
#ifndef SEG_AGAIN_H
#define SEG_AGAIN_H

#include "record.h"
#include "runtime.h"

struct seg_keeper;

struct seg_again {
	struct seg_state_iface ifaces[SEG_IFACES_MAX];
	size_t n;
	struct seg_record record; /* generation 0: there is none */
};

/* What the files of a daemon that died name, before they are removed or written anew. */
void seg_again_read(struct seg_again *again, const struct seg_runtime *runtime);

/* This one is to be attached again, if its attach was complete and it is still there. */
void seg_again_add(struct seg_again *again, const struct seg_state_iface *entry);

/* One of them had its hook shared. */
bool seg_again_shared(const struct seg_again *again);

/* Attach them, once the keeper can; says on standard error what came of it. */
void seg_again_attach(struct seg_keeper *keeper);

#endif
