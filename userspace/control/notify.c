/* SPDX-License-Identifier: BSD-2-Clause */
#include "notify.h"

#include "version.h"

#if SEG_HAVE_SYSTEMD

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"

/* Of the watchdog's time, how much passes between two steps that are told. */
#define ALIVE_PARTS 16

#define US_PER_S  1000000
#define NS_PER_US 1000

/* Not too often: who does not listen at once would make it wait. */
void seg_notify_alive(void)
{
	static uint64_t last;
	uint64_t us = 0, now = seg_clock_now() / NS_PER_US;

	if (sd_watchdog_enabled(0, &us) <= 0 || now - last < us / ALIVE_PARTS)
		return;
	last = now;
	sd_notify(0, "WATCHDOG=1");
}

static void beat(struct seg_watch *watch, uint32_t events)
{
	uint64_t expirations;

	(void)events;
	if (read(watch->fd, &expirations, sizeof(expirations)) > 0)
		sd_notify(0, "WATCHDOG=1");
}

static int start_timer(struct seg_watch *timer, uint64_t us)
{
	const struct timespec every = {.tv_sec = (time_t)(us / US_PER_S),
				       .tv_nsec = (long)(us % US_PER_S * NS_PER_US)};
	const struct itimerspec when = {.it_interval = every, .it_value = every};
	_cleanup_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL))
		return -errno;
	*timer = (struct seg_watch){.fd = TAKE_FD(fd), .ready = beat};
	return 0;
}

int seg_notify_open(struct seg_notify *notify, struct seg_loop *loop, struct seg_error *err)
{
	uint64_t us = 0;
	int r;

	notify->timer.fd = -1;
	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	r = start_timer(&notify->timer, us / 2);
	if (!r)
		r = seg_loop_add(loop, &notify->timer, EPOLLIN);
	if (r)
		return seg_error_set(err, -r, "cannot make a timer: %s", strerror(-r));
	return 0;
}

void seg_notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void seg_notify_status(const char *format, ...)
{
	char text[256];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	sd_notifyf(0, "STATUS=%s", text);
}

void seg_notify_stopping(struct seg_notify *notify, struct seg_loop *loop)
{
	sd_notify(0, "STOPPING=1");
	if (notify->timer.fd < 0)
		return;
	seg_loop_remove(loop, &notify->timer);
	close(notify->timer.fd);
	notify->timer.fd = -1;
}

#else

void seg_notify_alive(void)
{
}

int seg_notify_open(struct seg_notify *notify, struct seg_loop *loop, struct seg_error *err)
{
	(void)loop, (void)err;
	notify->timer.fd = -1;
	return 0;
}

void seg_notify_ready(void)
{
}

void seg_notify_status(const char *format, ...)
{
	(void)format;
}

void seg_notify_stopping(struct seg_notify *notify, struct seg_loop *loop)
{
	(void)notify, (void)loop;
}

#endif
