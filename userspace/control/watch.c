/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>

#include "cleanup.h"
#include "clock.h"
#include "compat.h"

#define BUSY_NS  100000000ull /* packets are on their way to workers: one of these may hang */
#define QUIET_NS SEG_REAP_INTERVAL_NS

/* --- workers --------------------------------------------------------------------------------- */

bool seg_queue_stalled(const struct seg_queue *queue, uint64_t now)
{
	uint64_t consumed = seg_load(&queue->consumed);

	return seg_load(&queue->sent) != consumed && seg_load(&queue->seen) == consumed &&
	       (int64_t)(now - seg_load(&queue->since)) > (int64_t)SEG_WORKER_LOST_NS;
}

static const struct seg_queue *queue_of(const struct seg_rxq *rxq)
{
	return &rxq->keeper->tables.queues[rxq->worker.queue_index];
}

bool seg_worker_hangs(const struct seg_remote *worker, const struct seg_queue *queue, uint64_t now)
{
	uint64_t patience =
		worker->state == SEG_REMOTE_STARTING ? SEG_WORKER_START_NS : SEG_WORKER_LOST_NS;

	return worker->pid && now - worker->since > patience && seg_queue_stalled(queue, now);
}

static void check_worker(struct seg_rxq *rxq, uint64_t now)
{
	if (seg_worker_hangs(&rxq->worker, queue_of(rxq), now))
		seg_remote_replace(&rxq->worker);
}

static bool is_busy(const struct seg_rxq *rxq)
{
	return seg_load(&queue_of(rxq)->sent) != seg_load(&queue_of(rxq)->consumed);
}

/* --- the clock ------------------------------------------------------------------------------- */

static void set_clock(struct seg_keeper *keeper, uint64_t ns)
{
	const struct itimerspec when = {.it_value = {.tv_sec = (time_t)(ns / SEG_NS_PER_S),
						     .tv_nsec = (long)(ns % SEG_NS_PER_S)}};

	timerfd_settime(keeper->clock.fd, 0, &when, NULL);
}

static void arrived(struct seg_watch *watch, uint32_t events)
{
	struct seg_rxq *rxq = (void *)((char *)watch - offsetof(struct seg_rxq, arrival));

	(void)events;
	seg_keeper_wake(rxq->keeper);
}

/* Fully ordered: what was not seen before the bell was put up is rung for. */
static void set_bell(struct seg_rxq *rxq, uint32_t bell)
{
	struct seg_queue *queue = &rxq->keeper->tables.queues[rxq->worker.queue_index];

	__atomic_exchange_n(&queue->bell, bell, __ATOMIC_SEQ_CST);
}

static void watch_arrivals(struct seg_keeper *keeper)
{
	seg_for_each_iface(iface, keeper) seg_for_each_rxq(rxq, iface)
	{
		rxq->arrival = (struct seg_watch){rxq->fds[SEG_FD_RX], arrived};
		seg_loop_add(&keeper->loop, &rxq->arrival, EPOLLIN);
		set_bell(rxq, 1);
	}
}

static void ignore_arrivals(struct seg_keeper *keeper)
{
	seg_for_each_iface(iface, keeper) seg_for_each_rxq(rxq, iface)
	{
		seg_loop_remove(&keeper->loop, &rxq->arrival);
		set_bell(rxq, 0);
	}
}

void seg_keeper_wake(struct seg_keeper *keeper)
{
	ignore_arrivals(keeper);
	set_clock(keeper, BUSY_NS);
}

void seg_watch_rung(struct seg_workers *workers)
{
	seg_keeper_wake((void *)((char *)workers - offsetof(struct seg_keeper, workers)));
}

static bool any_busy(struct seg_keeper *keeper)
{
	seg_for_each_iface(iface, keeper)
		seg_for_each_rxq(rxq, iface) if (is_busy(rxq)) return true;
	return false;
}

/*
 * Bell and sockets come before the last look: what arrives in between is seen by one of the
 * two. Once a second the sessions are looked after: those that tc learns ring no bell.
 */
static void wind_up(struct seg_keeper *keeper)
{
	if (any_busy(keeper)) {
		set_clock(keeper, BUSY_NS);
		return;
	}
	set_clock(keeper, QUIET_NS);
	watch_arrivals(keeper);
	if (any_busy(keeper))
		seg_keeper_wake(keeper);
}

static void tick(struct seg_watch *watch, uint32_t events)
{
	struct seg_keeper *keeper = (void *)((char *)watch - offsetof(struct seg_keeper, clock));
	uint64_t now = seg_clock_now(), expirations;

	(void)events;
	if (read(watch->fd, &expirations, sizeof(expirations)) < 0)
		return;
	if (!keeper->open) {
		keeper->loop.quit = !keeper->stay;
		return;
	}
	seg_for_each_iface(iface, keeper) seg_for_each_rxq(rxq, iface) check_worker(rxq, now);
	if (now - keeper->reaped >= SEG_REAP_INTERVAL_NS) {
		seg_reaper_round(&keeper->reaper, now);
		keeper->reaped = now;
	}
	ignore_arrivals(keeper);
	wind_up(keeper);
}

int seg_watch_open(struct seg_keeper *keeper, struct seg_error *err)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	keeper->clock = (struct seg_watch){.fd = fd, .ready = tick};
	if (fd < 0 || seg_loop_add(&keeper->loop, &keeper->clock, EPOLLIN))
		return seg_error_set(err, errno, "cannot make a timer: %s", strerror(errno));
	return 0;
}

void seg_watch_start(struct seg_keeper *keeper)
{
	set_clock(keeper, SEG_UNUSED_NS);
}

void seg_watch_close(struct seg_keeper *keeper)
{
	seg_closep(&keeper->clock.fd);
	keeper->clock.fd = -1;
}
