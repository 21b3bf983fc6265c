/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress.c - a thread looks at the clock, so that what is done, which may be pure code, need not
 * know. It only writes.
 */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void show(const struct seg_progress *progress, unsigned int seconds)
{
	fprintf(stderr, "\r%s%s%s: %u s\033[K", progress->what, progress->of ? " " : "",
		progress->of ? progress->of : "", seconds);
}

/* Once a second, from the first on. */
static void *watch(void *data)
{
	struct seg_progress *progress = data;
	unsigned int seconds = 0;
	struct timespec when;

	clock_gettime(CLOCK_MONOTONIC, &when);
	pthread_mutex_lock(&progress->lock);
	while (!progress->ends) {
		when.tv_sec++;
		while (!progress->ends &&
		       !pthread_cond_clockwait(&progress->changed, &progress->lock, CLOCK_MONOTONIC,
					       &when))
			;
		if (!progress->ends)
			show(progress, ++seconds);
	}
	pthread_mutex_unlock(&progress->lock);
	if (seconds)
		fputs("\r\033[K", stderr);
	return NULL;
}

void seg_progress_begin(struct seg_progress *progress, const struct seg_cli *cli, const char *what,
			const char *of)
{
	*progress = (struct seg_progress){.what = what,
					  .of = of,
					  .lock = PTHREAD_MUTEX_INITIALIZER,
					  .changed = PTHREAD_COND_INITIALIZER};
	progress->shows = isatty(STDERR_FILENO) && !cli->global.quiet &&
			  !pthread_create(&progress->thread, NULL, watch, progress);
}

void seg_progress_end(struct seg_progress *progress)
{
	if (!progress->shows)
		return;
	pthread_mutex_lock(&progress->lock);
	progress->ends = true;
	pthread_cond_signal(&progress->changed);
	pthread_mutex_unlock(&progress->lock);
	pthread_join(progress->thread, NULL);
	progress->shows = false;
}
