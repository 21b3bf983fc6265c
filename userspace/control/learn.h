/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * learn.h - interfaces that only watch and learn what runs, until their time comes.
 * Keeper's thread only.
 */
#ifndef SEG_LEARN_H
#define SEG_LEARN_H

#include <net/if.h>

#include "error.h"
#include "loop.h"

struct seg_keeper;

struct seg_learn {
	struct seg_watch timer;
	/* What was detached because it could not be enforced, the last one; "": none. */
	char refused[IFNAMSIZ];
	struct seg_error why;
};

int seg_learn_open(struct seg_keeper *keeper, struct seg_error *err);
void seg_learn_close(struct seg_keeper *keeper);

/* Interfaces were attached: have each enforced when it has learned. */
void seg_learn_schedule(struct seg_keeper *keeper);

#endif
