/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h - wait for descriptors, call who watches them. One thread; nothing
 * here wakes up by itself.
 */
#ifndef SEG_LOOP_H
#define SEG_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct seg_watch {
	int fd;
	void (*ready)(struct seg_watch *watch, uint32_t events);
};

struct seg_loop {
	int epoll_fd;
	bool quit;
	void (*later)(void *data); /* put off; NULL: nothing is */
	void *later_data;
};

int seg_loop_open(struct seg_loop *loop);
void seg_loop_close(struct seg_loop *loop);

/* Watch watch->fd until seg_loop_remove(); the watch stays the caller's and in its place. 0 or
 * -errno. */
int seg_loop_add(struct seg_loop *loop, struct seg_watch *watch, uint32_t events);

void seg_loop_remove(struct seg_loop *loop, struct seg_watch *watch);

/* Do it when the call that is under way has returned, before anything else is looked at: who
 * asked has the answer by then. What was put off before is done now. */
void seg_loop_put_off(struct seg_loop *loop, void (*job)(void *data), void *data);

/* Do what was put off, now. */
void seg_loop_catch_up(struct seg_loop *loop);

/* Call what is ready; wait up to timeout_ms for something, -1 for ever. 0 or -errno. */
int seg_loop_once(struct seg_loop *loop, int timeout_ms);

/* Until loop->quit. */
int seg_loop_run(struct seg_loop *loop);

#endif
