/* SPDX-License-Identifier: BSD-2-Clause */
#include "learn.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>

#include "cleanup.h"
#include "clock.h"
#include "keeper.h"
#include "watch.h"

void seg_learn_schedule(struct seg_keeper *keeper)
{
	uint64_t next = 0;

	seg_for_each_iface(iface,
			   keeper) if (iface->learns_until && (!next || iface->learns_until < next))
		next = iface->learns_until;
	const struct itimerspec when = {.it_value = {.tv_sec = (time_t)(next / SEG_NS_PER_S),
						     .tv_nsec = (long)(next % SEG_NS_PER_S)}};

	timerfd_settime(keeper->learn.timer.fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* One that does not take its program would stay open without a word: it is detached, with one. Who
 * waits for it asks `status`, so a daemon that has nothing left to do stays for that. */
static void refuse(struct seg_keeper *keeper, struct seg_iface *iface, const struct seg_error *err)
{
	struct seg_learn *learn = &keeper->learn;

	snprintf(learn->refused, sizeof(learn->refused), "%s", iface->link.name);
	learn->why = *err;
	fprintf(stderr, "xdpsegd: %s is detached: it cannot be enforced\n", learn->refused);
	seg_error_print(err, stderr, 0);
	seg_keeper_detach(keeper, (const char *const[]){learn->refused}, 1, NULL);
	if (!keeper->ifaces_n)
		seg_watch_start(keeper);
}

static void arm(struct seg_keeper *keeper, struct seg_iface *iface)
{
	struct seg_error err = {0};

	if (seg_iface_arm(iface, &err))
		refuse(keeper, iface, &err);
	else
		seg_iface_note(iface, true, NULL);
}

static void expired(struct seg_watch *watch, uint32_t events)
{
	struct seg_learn *learn = (void *)((char *)watch - offsetof(struct seg_learn, timer));
	struct seg_keeper *keeper = (void *)((char *)learn - offsetof(struct seg_keeper, learn));
	uint64_t now = seg_clock_now(), expirations;

	(void)events;
	if (read(watch->fd, &expirations, sizeof(expirations)) < 0)
		return;
	seg_for_each_iface(iface, keeper) if (iface->learns_until && iface->learns_until <= now)
		arm(keeper, iface);
	seg_learn_schedule(keeper);
}

int seg_learn_open(struct seg_keeper *keeper, struct seg_error *err)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	keeper->learn.timer = (struct seg_watch){fd, expired};
	if (fd < 0 || seg_loop_add(&keeper->loop, &keeper->learn.timer, EPOLLIN))
		return seg_error_set(err, errno, "cannot make a timer: %s", strerror(errno));
	return 0;
}

void seg_learn_close(struct seg_keeper *keeper)
{
	seg_closep(&keeper->learn.timer.fd);
}
