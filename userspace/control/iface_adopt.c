/* SPDX-License-Identifier: BSD-2-Clause */
/* iface_adopt.c - an interface that a predecessor attached (adopt.h). */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "clock.h"
#include "iface.h"
#include "keeper.h"

/* --- what there is --------------------------------------------------------------------------- */

static int adopt_hook(struct seg_iface *iface, const struct seg_state_iface *entry,
		      struct seg_error *err)
{
	struct seg_hook *hook = &iface->hook;

	hook->slot = entry->slot;
	hook->single = entry->single;
	memcpy(hook->why, entry->single_why, sizeof(hook->why));
	seg_iface_pin(iface, "link_", hook->pin);
	return seg_hook_adopt(hook, &iface->keeper->sharer, iface->link.ifindex, err);
}

static struct seg_held *find_held(const struct seg_iface *iface, uint32_t queue,
				  struct seg_held *held, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (held[i].queue_index == iface->queue_base + queue &&
		    held[i].handover.ifindex == iface->link.ifindex)
			return &held[i];
	return NULL;
}

/* The mark is a secret that only the sockets know. */
static int adopt_return(struct seg_iface *iface, const struct seg_held *held, struct seg_error *err)
{
	char live_path[PATH_MAX], asked_path[PATH_MAX];
	int live = bpf_obj_get(seg_iface_pin(iface, "live_", live_path));
	_cleanup_close_ int asked = bpf_obj_get(seg_iface_pin(iface, "asked_", asked_path));
	uint32_t mark = 0;
	socklen_t size = sizeof(mark);

	if (live >= 0 && asked >= 0 &&
	    !getsockopt(held->fds[SEG_FD_TX], SOL_SOCKET, SO_MARK, &mark, &size))
		return seg_return_adopt(&iface->back, iface->link.ifindex, iface->mode, mark, live,
					held->fds[SEG_FD_LIVE_FRAMES], asked, err);
	seg_closep(&live);
	return seg_error_set(err, errno, "%s or %s: %s", live_path, asked_path, strerror(errno));
}

static int adopt_rxqs(struct seg_iface *iface, struct seg_held *held, size_t n,
		      struct seg_error *err)
{
	for (uint32_t i = 0; i <= iface->queues; i++) {
		struct seg_held *one = find_held(iface, i, held, n);
		int r;

		if (!one && i == iface->queues)
			break;
		if (!one)
			return seg_error_set(err, ENOENT, "its queue %u has no worker", i);
		iface->rxqs_n = i + 1;
		r = seg_rxq_adopt(iface, &iface->rxqs[i], one, err);
		if (r)
			return r;
	}
	return 0;
}

static int adopt_all(struct seg_iface *iface, const struct seg_state_iface *entry,
		     struct seg_held *held, size_t n, struct seg_error *err)
{
	const struct seg_held *first = find_held(iface, 0, held, n);
	int r;

	if (!first)
		return seg_error_set(err, ENOENT, "it has no worker");
	r = seg_iface_make_rxqs(iface, iface->queues, err);
	if (!r)
		r = adopt_hook(iface, entry, err);
	if (!r)
		r = adopt_return(iface, first, err);
	if (!r)
		r = adopt_rxqs(iface, held, n, err);
	return r ? r : seg_egress_side_adopt(iface, err);
}

static struct seg_iface *new_adopted(struct seg_keeper *keeper, const struct seg_state_iface *entry)
{
	struct seg_iface *iface = seg_iface_new(keeper);

	if (!iface)
		return NULL;
	iface->steps = seg_iface_steps;
	iface->mode = (enum seg_mode)entry->mode;
	iface->index = entry->index;
	iface->queue_base = entry->queue_base;
	iface->queues = entry->queues;
	iface->zone = entry->zone;
	iface->learns_until = entry->learns_until;
	iface->attached = entry->attached;
	memcpy(iface->pinned, entry->name, IFNAMSIZ);
	memcpy(iface->mode_why, entry->mode_why, sizeof(iface->mode_why));
	snprintf(iface->outer, IFNAMSIZ, SEG_PAIR_OUTER, entry->ifindex % 1000000000);
	snprintf(iface->inner, IFNAMSIZ, SEG_PAIR_INNER, entry->ifindex % 1000000000);
	keeper->ifaces[iface->index] = iface;
	keeper->ifaces_n++;
	return iface;
}

int seg_iface_adopt(struct seg_keeper *keeper, const struct seg_state_iface *entry,
		    struct seg_held *held, size_t held_n, struct seg_iface **out,
		    struct seg_error *err)
{
	char name[IFNAMSIZ];

	*out = NULL;
	if (entry->index >= SEG_IFACES_MAX || keeper->ifaces[entry->index] ||
	    entry->queue_base + entry->queues >= SEG_QUEUES_MAX)
		return seg_error_set(err, EBADMSG, "the state file contradicts itself");
	if (!if_indextoname(entry->ifindex, name))
		return seg_error_set(err, ENODEV, "it is gone");
	*out = new_adopted(keeper, entry);
	if (!*out)
		return seg_error_set(err, ENOMEM, "no memory");
	if (seg_device_get(name, &(*out)->link))
		return seg_error_set(err, ENODEV, "it is gone");
	return adopt_all(*out, entry, held, held_n, err);
}

/* --- workers and programs of the policy in force --------------------------------------------- */

static int hand_over(struct seg_iface *iface, struct seg_error *err)
{
	seg_for_each_rxq(rxq, iface)
	{
		int r = seg_rxq_prepare(iface, rxq, &iface->keeper->book, err);

		if (!r)
			r = seg_remote_set_policy(&rxq->worker, rxq->fds);
		if (r)
			return seg_error_set(err, -r, "cannot tell its workers: %s", strerror(-r));
	}
	return 0;
}

static int load_again(struct seg_iface *iface, struct seg_error *err)
{
	const struct seg_rulebook *book = &iface->keeper->book;
	_cleanup_close_ int xsks = -1;
	char path[PATH_MAX];

	xsks = bpf_obj_get(seg_iface_pin(iface, "xsks_", path));
	if (xsks < 0)
		return seg_error_set(err, errno, "%s: %s", path, strerror(errno));
	seg_notify_alive();
	iface->constants = seg_iface_constants(iface, book);
	iface->ingress = seg_ingress_load(&iface->keeper->tables, &iface->constants,
					  &book->failsafe, xsks, err);
	return iface->ingress ? 0 : -EIO;
}

/* A predecessor that had begun to enforce is finished: what is enforced twice is enforced. */
static int resume_programs(struct seg_iface *iface, struct seg_error *err)
{
	int r;

	if (iface->learns_until && iface->learns_until <= seg_clock_now())
		return seg_iface_arm(iface, err);
	r = seg_egress_side_arm(iface, err);
	if (!r && !iface->learns_until)
		r = seg_hook_run(&iface->hook, seg_ingress_fd(iface->ingress));
	return r;
}

/* In the order of a change of policy (apply.c): it may be one that the predecessor had begun. */
int seg_iface_resume(struct seg_iface *iface, struct seg_error *err)
{
	struct seg_keeper *keeper = iface->keeper;
	int r = seg_keeper_add_zones(keeper, iface->zone, &keeper->book, err);

	if (!r && seg_egress_side_asks(&keeper->book))
		r = seg_egress_side_open_asking(iface, err);
	if (!r)
		r = load_again(iface, err);
	if (!r)
		r = hand_over(iface, err);
	if (!r)
		r = seg_iface_wait(iface, keeper->book.generation, err);
	if (!r)
		r = resume_programs(iface, err);
	return r ? r : seg_iface_note(iface, true, err);
}
