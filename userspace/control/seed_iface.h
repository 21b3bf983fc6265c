/* SPDX-License-Identifier: BSD-2-Clause */
/* seed_iface.h - the flows that run when an interface is attached go on: they have sessions. */
#ifndef SEG_SEED_IFACE_H
#define SEG_SEED_IFACE_H

#include "iface.h"

/*
 * Give the flows that run through an interface sessions under the policy in force,
 * and add to iface->seeded. What this kernel cannot tell is no error: iface->seeded_why
 * says so. May be called again: flows that have a session are set right, no more.
 */
int seg_seed_iface(struct seg_iface *iface, struct seg_error *err);

#endif
