/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cleanup.h - ownership that a reader can check in one function: what
 * _cleanup_() marks is freed on every way out, what TAKE() returns is not.
 */
#ifndef SEG_CLEANUP_H
#define SEG_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Hand an owned pointer on: its value, and NULL stays behind. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) _p = (p);                                                            \
		(p) = NULL;                                                                        \
		_p;                                                                                \
	})

/* The same for a file descriptor: -1 stays behind. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int _fd = (fd);                                                                    \
		(fd) = -1;                                                                         \
		_fd;                                                                               \
	})

static inline void seg_freep(void *p)
{
	free(*(void **)p);
}

static inline void seg_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void seg_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_   _cleanup_(seg_freep)
#define _cleanup_close_  _cleanup_(seg_closep)
#define _cleanup_fclose_ _cleanup_(seg_fclosep)

#define SEG_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
