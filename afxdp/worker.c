/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "begin.h"
#include "mapping.h"

/* Batches of one turn: then the doorbell is looked at, or a step of a change is taken, for which
 * the keeper waits. */
#define TURN_BATCHES     64
#define CHANGING_BATCHES 8

/* So much of the UMEM may wait for the rest of its datagram. */
#define HELD_PART 4

/* Wait, ms, where something must be looked at again although nobody rings. */
#define WAIT_FOR_GAPS 20
#define WAIT_FOR_VETH 1

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A counter that only this worker writes. */
static void count_one(__u64 *word)
{
	__atomic_store_n(word, *word + 1, __ATOMIC_RELAXED);
}

/* --- open ------------------------------------------------------------------------ */

static int fd_of(const struct seg_worker *w, enum seg_worker_fd fd)
{
	return w->fd_first + (int)fd;
}

static int map_memory(struct seg_worker *w, const struct seg_handover *h, struct seg_error *err)
{
	const struct seg_constants *c = &h->constants;
	struct seg_queue *queues = NULL;
	const int rw = PROT_READ | PROT_WRITE;
	const struct seg_mapping all[] = {
		{"UMEM", fd_of(w, SEG_FD_UMEM), rw, 0, (uint64_t)h->frames * h->frame_size,
		 (void **)&w->umem},
		{"ledger", fd_of(w, SEG_FD_LEDGER), rw, 0, SEG_LEDGER_SIZE,
		 (void **)&w->lane.ledger},
		{"map seg_tags", fd_of(w, SEG_FD_TAGS), rw, 0,
		 (uint64_t)c->buckets * sizeof(struct seg_tags), (void **)&w->judge.table.tags},
		{"map seg_slots", fd_of(w, SEG_FD_SLOTS), rw, 0,
		 (uint64_t)c->buckets * SEG_BUCKET_SLOTS * sizeof(struct seg_session),
		 (void **)&w->judge.table.slots},
		{"map seg_queues", fd_of(w, SEG_FD_QUEUES), rw, 0,
		 (uint64_t)h->queues * sizeof(struct seg_queue), (void **)&queues},
		{"map seg_quota", fd_of(w, SEG_FD_QUOTA), rw, 0, sizeof(struct seg_quota),
		 (void **)&w->lane.publisher.quota},
		{"map seg_config", fd_of(w, SEG_FD_CONFIG), PROT_READ, 0, sizeof(struct seg_config),
		 (void **)&w->config},
	};
	const struct seg_mapping live = {
		"map seg_live_frames",   fd_of(w, SEG_FD_LIVE_FRAMES),
		PROT_READ | PROT_WRITE,  h->queue * sizeof(struct seg_live),
		sizeof(struct seg_live), (void **)&w->lane.inject.live};
	int r = 0;

	for (size_t i = 0; i < SEG_ARRAY_SIZE(all) && !r; i++)
		r = seg_map(&all[i], err);
	if (!r && h->flags & SEG_HANDOVER_LIVE)
		r = seg_map(&live, err);
	if (!r)
		w->lane.queue = &queues[h->queue_index];
	return r;
}

static int map_rings(struct seg_worker *w, const struct seg_handover *h,
		     const struct seg_ring mapped[SEG_RING_KINDS], struct seg_error *err)
{
	const struct {
		const char *name;
		struct seg_ring *ring;
		enum seg_worker_fd fd;
		enum seg_ring_kind kind;
		uint32_t entries;
	} all[] = {
		{"rx", &w->lane.rx, SEG_FD_RX, SEG_RING_RX, h->rx_ring},
		{"fill", &w->lane.fill, SEG_FD_RX, SEG_RING_FILL, h->fill_ring},
		{"tx", &w->lane.tx, SEG_FD_TX, SEG_RING_TX, h->tx_ring},
		{"completion", &w->lane.completion, SEG_FD_TX, SEG_RING_COMPLETION,
		 h->completion_ring},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(all); i++) {
		int r = 0;

		if (mapped)
			*all[i].ring = mapped[all[i].kind];
		else
			r = seg_ring_map(all[i].ring, fd_of(w, all[i].fd), all[i].kind,
					 all[i].entries);
		if (r)
			return seg_error_set(err, -r, "the %s ring cannot be mapped: %s",
					     all[i].name, strerror(-r));
	}
	return 0;
}

/* Everything but the policy. */
static void join(struct seg_worker *w, const struct seg_handover *h)
{
	struct seg_lane *lane = &w->lane;

	w->doorbell = fd_of(w, SEG_FD_DOORBELL);
	w->judge.table.buckets = h->constants.buckets;
	w->judge.table.owner = 1 + h->queue_index;
	lane->inject = (struct seg_inject){
		.umem = w->umem,
		.tx = &lane->tx,
		.tx_fd = fd_of(w, SEG_FD_TX),
		.live = lane->inject.live,
		.live_fd = fd_of(w, SEG_FD_LIVE),
		.ifindex = h->ifindex,
		.queue = h->queue,
		.live_min = SEG_LIVE_BATCH_MIN,
	};
	lane->publisher.table = w->judge.table;
	lane->publisher.gaps = &lane->ledger->gaps;
}

/* --- the policy ---------------------------------------------------------------------- */

static void decide_by(struct seg_worker *w, const struct seg_worker_policy *p)
{
	const struct seg_handover *h = p->handover;
	struct seg_publisher *publisher = &w->lane.publisher;

	w->policy = *p;
	w->judge.constants = publisher->constants = &h->constants;
	w->judge.image = p->image;
	w->judge.generation = (uint16_t)h->generation;
	w->judge.iface = seg_image_iface(p->image, h->name);
	w->judge.zones = p->zones;
	publisher->rules = p->rules;
	publisher->rule_count = h->rules - 1;
	publisher->denied_max = h->limit[SEG_CLASS_DENIED];
}

static int check_whole(struct seg_worker_policy *p, enum seg_worker_exit *how,
		       struct seg_error *err)
{
	int r;

	while ((r = seg_worker_policy_check(p, how, err)) > 0)
		;
	return r;
}

int seg_worker_open(struct seg_worker *w, int fd_first,
		    const struct seg_ring mapped[SEG_RING_KINDS], enum seg_worker_exit *how,
		    struct seg_error *err)
{
	static const enum seg_worker_fd places[] = SEG_POLICY_FDS;
	struct seg_worker_policy p;
	int fds[SEG_POLICY_FDS_N], r;

	*w = (struct seg_worker){.fd_first = fd_first, .pid = getpid()};
	for (size_t i = 0; i < SEG_POLICY_FDS_N; i++)
		fds[i] = fd_of(w, places[i]);
	if ((r = seg_worker_policy_open(&p, fds[0], how, err)))
		return r;
	*how = SEG_WORKER_EXIT_RINGS;
	if ((r = map_memory(w, p.handover, err)) || (r = map_rings(w, p.handover, mapped, err)))
		return r;
	join(w, p.handover);
	if ((r = seg_worker_policy_map(&p, fds, how, err)) || (r = check_whole(&p, how, err)))
		return r;
	decide_by(w, &p);
	return 0;
}

/* The keeper's order: from now on a step is taken with every turn. */
static int begin_change(struct seg_worker *w, const int fds[SEG_POLICY_FDS_N],
			enum seg_worker_exit *how, struct seg_error *err)
{
	int r = seg_worker_policy_open(&w->next, fds[0], how, err);

	if (r)
		return r;
	if (!seg_worker_policy_follows(&w->policy, &w->next))
		return seg_error_set(err, EPROTO, "the handover is another queue's");
	return seg_worker_policy_map(&w->next, fds, how, err);
}

static bool changing(const struct seg_worker *w)
{
	return w->next.handover || w->past.handover;
}

/*
 * Between two batches: nothing that the one before decided is in hand. On failure the worker ends;
 * its successor begins with what the keeper told the spawner.
 */
static int change(struct seg_worker *w, enum seg_worker_exit *how, struct seg_error *err)
{
	int r;

	if (w->past.handover)
		seg_worker_policy_close(&w->past);
	if (!w->next.handover)
		return 0;
	r = seg_worker_policy_check(&w->next, how, err);
	if (r)
		return r < 0 ? r : 0;
	w->past = w->policy;
	decide_by(w, &w->next);
	w->next = (struct seg_worker_policy){0};
	w->acknowledge = w->policy.handover->generation;
	return 0;
}

/* --- doorbell ----------------------------------------------------------------------- */

static void tell(struct seg_worker *w, enum seg_doorbell_kind kind, uint32_t generation)
{
	struct seg_doorbell message = {.kind = kind, .generation = generation, .pid = w->pid};

	if (w->doorbell >= 0)
		(void)!sendto(w->doorbell, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT,
			      NULL, 0);
}

/* Only when nothing that an older policy let through waits to be sent any more. */
static void acknowledge(struct seg_worker *w)
{
	if (!w->acknowledge || seg_inject_kick(&w->lane.inject))
		return;
	tell(w, w->keeper_waits ? SEG_DOORBELL_READY : SEG_DOORBELL_ACK, w->acknowledge);
	w->acknowledge = 0;
	w->keeper_waits = false;
}

/* The keeper's clock stands while there is nothing to look after; now there may be. */
static void wake_keeper(struct seg_worker *w)
{
	uint32_t *bell = &w->lane.queue->bell;

	if (seg_load(bell) && __atomic_exchange_n(bell, 0, __ATOMIC_RELAXED))
		tell(w, SEG_DOORBELL_AWAKE, 0);
}

/* The length of the next message, 0 at the end, or -errno; fds: its descriptors, or -1. */
static ssize_t receive(int from, struct seg_doorbell *message, int fds[SEG_POLICY_FDS_N])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(SEG_POLICY_FDS_N * sizeof(int))];
	} control = {0};
	struct iovec io = {message, sizeof(*message)};
	struct msghdr header = {.msg_iov = &io,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(from, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = length > 0 ? CMSG_FIRSTHDR(&header) : NULL;

	memset(fds, -1, SEG_POLICY_FDS_N * sizeof(int));
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0)); /* they were room for */
	return length < 0 ? -errno : length;
}

/* One message. 0, or -errno: the worker must end. Nothing is in hand between two batches. */
static int answer(struct seg_worker *w, enum seg_worker_exit *how, struct seg_error *err)
{
	struct seg_doorbell message = {0};
	int fds[SEG_POLICY_FDS_N], r = 0;
	ssize_t length = receive(w->doorbell, &message, fds);

	if (length == -EAGAIN || length == -EINTR)
		return 0;
	if (length <= 0) { /* the keeper is gone, the data plane is not: invariant 7 */
		w->doorbell = -1;
		return 0;
	}
	if (length == sizeof(message) && message.kind == SEG_DOORBELL_POLICY)
		r = begin_change(w, fds, how, err);
	for (size_t i = 0; i < SEG_POLICY_FDS_N; i++)
		seg_closep(&fds[i]);
	return r;
}

/* --- start --------------------------------------------------------------------------- */

static void feed(struct seg_worker *w)
{
	seg_frames_cycle(&w->lane.frames);
	if (seg_ring_wants_wakeup(&w->lane.fill))
		(void)!recvfrom(fd_of(w, SEG_FD_RX), NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

int seg_worker_start(struct seg_worker *w, enum seg_worker_exit *how, struct seg_error *err)
{
	const struct seg_handover *h = w->policy.handover;
	struct seg_lane *lane = &w->lane;
	bool successor = lane->ledger->version;
	int r;

	*how = SEG_WORKER_EXIT_LEDGER;
	r = seg_ledger_open(lane->ledger, h->frames);
	if (!r)
		r = seg_frames_init(&lane->frames, &lane->ledger->book, &lane->fill,
				    &lane->completion, h->frames, h->frame_size);
	if (!r)
		r = seg_lane_recover(lane, now_ns());
	if (r)
		return seg_error_set(err, -r, "the predecessor's ledger cannot be taken over");
	if (successor)
		count_one(&lane->queue->restarts);
	lane->hold = seg_hold_new(h->frames / HELD_PART, (uintptr_t)w->umem, lane->publisher.quota);
	if (!lane->hold)
		return seg_error_set(err, ENOMEM, "out of memory");
	seg_lane_adopt(lane, &w->judge, now_ns());
	feed(w);
	w->acknowledge = w->judge.generation;
	w->keeper_waits = true;
	acknowledge(w);
	return 0;
}

/* --- a batch ------------------------------------------------------------------------- */

static void decide(struct seg_worker *w, uint32_t count, uint64_t now)
{
	const struct seg_ring *rx = &w->lane.rx;
	struct seg_outcome *outcomes = w->lane.ledger->journal.outcome;
	struct seg_arrival arrivals[SEG_BURST_MAX];
	bool carried = w->lane.queue->meta == SEG_META_CARRIED;
	const struct seg_beginner beginner = {&w->judge, w->lane.publisher.quota, now};
	uint32_t from = *rx->consumer;

	seg_flows_begin(&w->flows);
	for (uint32_t done = 0, n; done < count; done += n) {
		n = least(count - done, SEG_BURST_MAX);
		for (uint32_t i = 0; i < n; i++) {
			const struct xdp_desc *desc = &rx->desc[(from + done + i) & rx->mask];
			uint8_t *frame = w->umem + desc->addr;

			arrivals[i] = (struct seg_arrival){
				.frame = frame,
				.length = desc->len,
				.address = desc->addr,
				.meta = carried ? (const struct seg_meta *)frame - 1 : NULL,
			};
		}
		seg_decide(&w->judge, &w->flows, arrivals, &outcomes[done], n, now);
		seg_begin_allowed(&beginner, arrivals, &outcomes[done], n);
	}
}

/* Only observing: the verdict is written and counted, and every packet goes on. */
static void pass_all(struct seg_outcome *outcomes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!(outcomes[i].flags & SEG_OUTCOME_HELD))
			outcomes[i].flags |= SEG_OUTCOME_PASS;
}

static void judge(struct seg_worker *w, struct seg_batch *b, uint64_t now)
{
	w->judge.pickup_until = __atomic_load_n(&w->config->pickup_until, __ATOMIC_RELAXED);
	decide(w, b->taken, now);
	seg_hold_take(w->lane.hold, &w->judge, &w->flows, b, now);
	if (!__atomic_load_n(&w->config->armed, __ATOMIC_RELAXED))
		pass_all(b->outcome, b->total);
}

/* The next packets, if there is room for what they may drag along; none: nothing is in hand. */
static struct seg_batch next_batch(struct seg_worker *w, uint32_t waiting)
{
	struct seg_lane *lane = &w->lane;
	struct seg_batch b = {
		.outcome = lane->ledger->journal.outcome,
		.limit = least(SEG_BATCH_MAX, seg_ring_room(&lane->tx)),
	};

	if (b.limit > SEG_SHED_MAX)
		b.taken = least(waiting, b.limit);
	return b;
}

static void settle(struct seg_worker *w, const struct seg_batch *b, uint64_t now)
{
	struct seg_lane *lane = &w->lane;

	seg_journal_arm(lane, b->taken, b->total);
	seg_journal_settle(lane, now);
	__atomic_store_n(&lane->queue->held, lane->hold->gather.held, __ATOMIC_RELAXED);
	feed(w);
}

/* False: nothing was there to do, or the veth is full. */
static bool batch(struct seg_worker *w, uint64_t now)
{
	struct seg_lane *lane = &w->lane;
	uint64_t sent = __atomic_load_n(&lane->queue->sent, __ATOMIC_ACQUIRE);
	uint32_t waiting = seg_ring_used(&lane->rx);
	struct seg_batch b = next_batch(w, waiting);

	if (b.limit <= SEG_SHED_MAX || (!waiting && !seg_hold_due(lane->hold, now))) {
		if (!waiting)
			seg_journal_idle(lane, sent);
		return false;
	}
	seg_journal_begin(lane);
	judge(w, &b, now);
	settle(w, &b, now);
	return true;
}

/* --- a turn -------------------------------------------------------------------------- */

/* Until a datagram that is not whole is out of time, or -1. */
static int patience_with_held(const struct seg_hold *hold)
{
	uint64_t next = seg_gather_next(&hold->gather), now = now_ns();

	if (!next)
		return -1;
	return next > now ? (int)((next - now) / 1000000) + 1 : 0;
}

static int patience(const struct seg_worker *w, int timeout)
{
	int own = patience_with_held(w->lane.hold);

	if (w->lane.publisher.gaps->used && (own < 0 || own > WAIT_FOR_GAPS))
		own = WAIT_FOR_GAPS;
	if (seg_ring_used(&w->lane.tx))
		own = WAIT_FOR_VETH;
	return own < 0 || (timeout >= 0 && timeout < own) ? timeout : own;
}

/* A worker may sleep only after a batch that found nothing: that one has told XDP so. */
static void work(struct seg_worker *w)
{
	int batches = changing(w) ? CHANGING_BATCHES : TURN_BATCHES;
	uint64_t now = now_ns();

	w->may_sleep = false;
	for (int i = 0; i < batches && !w->may_sleep; i++)
		w->may_sleep = !batch(w, now);
	if (seg_ring_used(&w->lane.tx))
		seg_inject_kick(&w->lane.inject);
	if (seg_ring_used(&w->lane.completion))
		feed(w);
	if (!seg_ring_used(&w->lane.rx))
		seg_publish_gaps(&w->lane.publisher, w->judge.generation, now);
	acknowledge(w);
	wake_keeper(w);
}

int seg_worker_turn(struct seg_worker *w, int timeout, enum seg_worker_exit *how,
		    struct seg_error *err)
{
	struct pollfd wait[] = {
		{.fd = fd_of(w, SEG_FD_RX), .events = POLLIN},
		{.fd = changing(w) ? -1 : w->doorbell, .events = POLLIN},
	};
	bool more = changing(w) || (seg_ring_used(&w->lane.rx) && seg_ring_room(&w->lane.tx));
	int patient = more || !w->may_sleep ? 0 : patience(w, timeout);

	*how = SEG_WORKER_EXIT_RINGS;
	if (poll(wait, SEG_ARRAY_SIZE(wait), patient) < 0 && errno != EINTR)
		return seg_error_set(err, errno, "the sockets cannot be waited for");
	count_one(&w->lane.queue->wakeups);
	work(w);
	if (changing(w))
		return change(w, how, err);
	return wait[1].revents ? answer(w, how, err) : 0;
}
