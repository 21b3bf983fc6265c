/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress.h - what takes longer than a second says so: a line on standard error where that is a
 * terminal, with the seconds, and gone when it is done.
 */
#ifndef SEG_PROGRESS_H
#define SEG_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>

#include "cleanup.h"
#include "cli.h"

struct seg_progress {
	const char *what, *of; /* "reading", "a.yaml"; `of` NULL: nothing */
	bool shows, ends;
	pthread_t thread;
	pthread_mutex_t lock; /* of `ends` */
	pthread_cond_t changed;
};

/* Until seg_progress_end() nobody else writes to a terminal. Both texts live as long. */
void seg_progress_begin(struct seg_progress *progress, const struct seg_cli *cli, const char *what,
			const char *of);
void seg_progress_end(struct seg_progress *progress);

#define _cleanup_progress_ _cleanup_(seg_progress_end)

#endif
