/* SPDX-License-Identifier: BSD-2-Clause */
#include "loop.h"

#include <errno.h>

#include "cleanup.h"

int seg_loop_open(struct seg_loop *loop)
{
	*loop = (struct seg_loop){0};
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void seg_loop_close(struct seg_loop *loop)
{
	seg_closep(&loop->epoll_fd);
	loop->epoll_fd = -1;
}

static int control(struct seg_loop *loop, int operation, struct seg_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(loop->epoll_fd, operation, watch->fd, &event) ? -errno : 0;
}

int seg_loop_add(struct seg_loop *loop, struct seg_watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, watch, events);
}

void seg_loop_remove(struct seg_loop *loop, struct seg_watch *watch)
{
	control(loop, EPOLL_CTL_DEL, watch, 0);
}

void seg_loop_catch_up(struct seg_loop *loop)
{
	void (*job)(void *data) = loop->later;

	loop->later = NULL;
	if (job)
		job(loop->later_data);
}

void seg_loop_put_off(struct seg_loop *loop, void (*job)(void *data), void *data)
{
	seg_loop_catch_up(loop);
	loop->later = job;
	loop->later_data = data;
}

/* One event a call: a watch may be freed by another one's callback. */
int seg_loop_once(struct seg_loop *loop, int timeout_ms)
{
	struct epoll_event event;
	struct seg_watch *watch;
	int n = epoll_wait(loop->epoll_fd, &event, 1, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n) {
		watch = event.data.ptr;
		watch->ready(watch, event.events);
		seg_loop_catch_up(loop);
	}
	return 0;
}

int seg_loop_run(struct seg_loop *loop)
{
	int r = 0;

	while (!loop->quit && !r)
		r = seg_loop_once(loop, -1);
	return r;
}
