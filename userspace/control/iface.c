/* SPDX-License-Identifier: BSD-2-Clause */
#include "iface.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "keeper.h"

#define READY_MS 5000

__attribute__((weak)) int seg_attach_fault(const char *step)
{
	(void)step;
	return 0;
}

/* --- what stands against it ------------------------------------------------------------------ */

static int refuse_foreign_xdp(const struct seg_link *link, struct seg_error *err)
{
	seg_error_set(err, EBUSY, "%s has an XDP program of another tool (id %u)", link->name,
		      link->xdp_prog);
	seg_error_mend(err, "detach it first: ip link set dev %s xdp off", link->name);
	return -EBUSY;
}

static int refuse_down(const struct seg_link *link, struct seg_error *err)
{
	seg_error_set(err, ENETDOWN, "%s is down", link->name);
	seg_error_mend(err, "ip link set %s up", link->name);
	return -ENETDOWN;
}

static int refuse_mtu(const struct seg_link *link, struct seg_error *err)
{
	seg_error_set(err, EMSGSIZE, "%s has an MTU of %u: its frames do not fit a page",
		      link->name, link->mtu);
	seg_error_mend(err, "ip link set %s mtu %u", link->name, seg_umem_mtu_max());
	return -EMSGSIZE;
}

static int refuse_loopback(const struct seg_link *link, struct seg_error *err)
{
	seg_error_set(err, EINVAL, "%s is the loopback interface: nothing arrives there",
		      link->name);
	seg_error_mend(err, "name an interface with a wire behind it");
	return -EINVAL;
}

static int check(struct seg_iface *iface, const struct seg_attach_options *options,
		 struct seg_error *err)
{
	const struct seg_link *link = &iface->link;

	(void)options;
	if (link->flags & IFF_LOOPBACK)
		return refuse_loopback(link, err);
	if (link->xdp_prog)
		return refuse_foreign_xdp(link, err);
	if (!(link->flags & IFF_UP))
		return refuse_down(link, err);
	if (!seg_umem_frame_size(link->mtu))
		return refuse_mtu(link, err);
	return 0;
}

/* --- a place among the others ------------------------------------------------------------------
 */

/* Written down before anything comes to be: a next life finds what this one leaves. */
static int enter(struct seg_iface *iface, const struct seg_attach_options *options,
		 struct seg_error *err)
{
	struct seg_keeper *keeper = iface->keeper;
	struct seg_state *state = &keeper->state;

	(void)options;
	for (iface->index = 0; iface->index < SEG_IFACES_MAX; iface->index++)
		if (!keeper->ifaces[iface->index])
			break;
	if (iface->index == SEG_IFACES_MAX)
		return seg_error_set(err, ENOSPC, "%d interfaces are attached: no more go",
				     SEG_IFACES_MAX);
	keeper->ifaces[iface->index] = iface;
	keeper->ifaces_n++;
	snprintf(state->ifaces[state->ifaces_n].name, IFNAMSIZ, "%s", iface->link.name);
	state->ifaces[state->ifaces_n++].ifindex = iface->link.ifindex;
	return seg_state_save(&keeper->runtime, state, err);
}

static void leave(struct seg_iface *iface)
{
	struct seg_keeper *keeper = iface->keeper;
	struct seg_state *state = &keeper->state;

	for (size_t i = 0; i < state->ifaces_n; i++)
		if (state->ifaces[i].ifindex == iface->link.ifindex) {
			state->ifaces[i] = state->ifaces[--state->ifaces_n];
			break;
		}
	seg_state_save(&keeper->runtime, state, NULL);
	if (iface->index < SEG_IFACES_MAX && keeper->ifaces[iface->index] == iface) {
		keeper->ifaces[iface->index] = NULL;
		keeper->ifaces_n--;
	}
}

/* --- the XDP hook --------------------------------------------------------------------------------
 */

static int take_hook(struct seg_iface *iface, const struct seg_attach_options *options,
		     struct seg_error *err)
{
	seg_runtime_pin(&iface->keeper->runtime, "link_", iface->link.name, iface->pin);
	iface->mode = options->mode;
	iface->hook = seg_hook_take(&iface->link, &iface->mode, iface->mode_why, err);
	if (iface->hook < 0)
		return iface->hook;
	if (bpf_obj_pin(iface->hook, iface->pin))
		return seg_error_set(err, errno, "cannot pin the program's link to %s: %s",
				     iface->pin, strerror(errno));
	return 0;
}

/* The link ends with its last holder: pin and descriptor. */
static void give_hook_back(struct seg_iface *iface)
{
	if (*iface->pin)
		unlink(iface->pin);
	iface->pin[0] = '\0';
	seg_closep(&iface->hook);
	iface->hook = -1;
}

/* --- its queues
 * ----------------------------------------------------------------------------------- */

static bool overlaps(const struct seg_keeper *keeper, const struct seg_iface *self, uint32_t base)
{
	seg_for_each_iface(other, keeper) if (other != self &&
					      base < other->queue_base + other->queues &&
					      other->queue_base < base + self->queues) return true;
	return false;
}

static int find_queues(struct seg_iface *iface, struct seg_error *err)
{
	for (uint32_t base = 0; base + iface->queues <= SEG_QUEUES_MAX; base++)
		if (!overlaps(iface->keeper, iface, base)) {
			iface->queue_base = base;
			return 0;
		}
	seg_error_set(err, ENOSPC, "%s has %u RX queues: more than the %d of all interfaces",
		      iface->link.name, iface->queues, SEG_QUEUES_MAX);
	seg_error_mend(err, "ethtool -L %s combined 4", iface->link.name);
	return -ENOSPC;
}

/* What a predecessor in this place counted. */
static int clear_counters(const struct seg_iface *iface, struct seg_error *err)
{
	const struct seg_tables *tables = &iface->keeper->tables;
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct seg_counts *zero =
		cpus > 0 ? calloc((size_t)cpus, sizeof(*zero)) : NULL;

	memset(&tables->queues[iface->queue_base], 0, iface->queues * sizeof(struct seg_queue));
	if (zero && !bpf_map_update_elem(tables->fds[SEG_MAP_COUNTS], &iface->index, zero, BPF_ANY))
		return 0;
	return seg_error_set(err, ENOMEM, "cannot clear the counters of %s", iface->link.name);
}

/* Only now: a driver may change its queues when XDP comes. */
static int take_queues(struct seg_iface *iface, const struct seg_attach_options *options,
		       struct seg_error *err)
{
	uint32_t queues;
	int r = seg_link_get(iface->link.name, &iface->link);

	if (r)
		return seg_error_set(err, -r, "%s is gone", iface->link.name);
	queues = iface->link.rx_queues;
	if (options->queues_max && options->queues_max < queues)
		queues = options->queues_max;
	iface->rxqs = calloc(queues, sizeof(*iface->rxqs));
	if (!iface->rxqs)
		return seg_error_set(err, ENOMEM, "no memory for %u queues", queues);
	iface->queues = queues;
	seg_for_each_rxq(rxq, iface)
	{
		seg_rxq_clear(rxq);
		rxq->keeper = iface->keeper;
	}
	r = find_queues(iface, err);
	return r ? r : clear_counters(iface, err);
}

static void drop_queues(struct seg_iface *iface)
{
	free(TAKE(iface->rxqs));
	iface->queues = 0;
}

/* --- the internal pair
 * ------------------------------------------------------------------------------ */

static int make_pair(struct seg_iface *iface, const struct seg_attach_options *options,
		     struct seg_error *err)
{
	int r;

	(void)options;
	snprintf(iface->outer, IFNAMSIZ, "segtx%u", iface->link.ifindex % 1000000000);
	snprintf(iface->inner, IFNAMSIZ, "segrx%u", iface->link.ifindex % 1000000000);
	r = seg_link_make_pair(iface->outer, iface->inner, iface->queues, iface->link.mtu);
	if (!r)
		return 0;
	seg_error_set(err, -r, "cannot make the internal pair %s, %s: %s", iface->outer,
		      iface->inner, strerror(-r));
	if (r == -EEXIST) {
		seg_error_mend(err, "ip link delete %s", iface->outer);
		iface->outer[0] = '\0'; /* somebody else's */
	} else if (r == -EOPNOTSUPP) {
		seg_error_mend(err, "load the kernel module veth");
	}
	return r;
}

static void delete_pair(struct seg_iface *iface)
{
	if (*iface->outer)
		seg_link_delete(iface->outer);
}

static int attach_return(struct seg_iface *iface, const struct seg_attach_options *options,
			 struct seg_error *err)
{
	(void)options;
	return seg_return_open(&iface->back, iface->link.ifindex, iface->queues, iface->outer,
			       iface->inner, err);
}

static void detach_return(struct seg_iface *iface)
{
	seg_return_close(&iface->back);
}

/* --- zones and program
 * --------------------------------------------------------------------------------- */

static int add_zones(struct seg_iface *iface, const struct seg_attach_options *options,
		     struct seg_error *err)
{
	struct seg_keeper *keeper = iface->keeper;

	(void)options;
	iface->zone = seg_zone_new(&keeper->zones);
	if (!iface->zone)
		return seg_error_set(err, ENOSPC, "all zones are used up: start xdpsegd again");
	return seg_keeper_add_zones(keeper, iface->zone, &keeper->book, err);
}

static void remove_zones(struct seg_iface *iface)
{
	struct seg_keeper *keeper = iface->keeper;

	if (!iface->zone)
		return;
	seg_reaper_kill_iface(&keeper->reaper, iface->index);
	seg_zones_prune(&keeper->tables, iface->zone, NULL);
}

/* Drivers whose frames come from a neighbour in software, that leaves the sum to hardware. */
static bool has_partial_sums(const struct seg_link *link)
{
	static const char *const drivers[] = {"veth",    "virtio_net", "tun",    "vif",
					      "macvlan", "ipvlan",     "bridge", "vmxnet3"};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(drivers); i++)
		if (!strcmp(link->driver, drivers[i]))
			return true;
	return false;
}

static uint32_t features_of(const struct seg_iface *iface, const struct seg_image *image)
{
	const struct seg_vlan *vlans;
	uint32_t features = SEG_FEATURE_META;

	if (seg_image_vlans(image, &vlans))
		features |= SEG_FEATURE_VLAN;
	if (has_partial_sums(&iface->link) || iface->mode == SEG_MODE_GENERIC)
		features |= SEG_FEATURE_PARTIAL_SUM;
	return features;
}

struct seg_constants seg_iface_constants(const struct seg_iface *iface,
					 const struct seg_rulebook *book)
{
	const struct seg_tables *tables = &iface->keeper->tables;
	const struct seg_defaults *policy = seg_image_defaults(book->image);
	struct seg_constants constants = {
		.buckets = tables->table.buckets,
		.features = features_of(iface, book->image),
		.iface = iface->index,
		.queue_base = iface->queue_base,
		.queues = iface->queues,
		.half_open_max = policy->half_open_max,
		.established_max = policy->sessions_max,
		.zone = iface->zone,
		.on_loss = policy->on_loss,
	};

	memcpy(constants.seed, tables->seed, sizeof(constants.seed));
	return constants;
}

static int load(struct seg_iface *iface, const struct seg_attach_options *options,
		struct seg_error *err)
{
	(void)options;
	iface->constants = seg_iface_constants(iface, &iface->keeper->book);
	iface->ingress = seg_ingress_load(&iface->keeper->tables, &iface->constants, -1, err);
	return iface->ingress ? 0 : -EIO;
}

static void unload(struct seg_iface *iface)
{
	seg_ingress_free(TAKE(iface->ingress));
}

/* --- sockets and workers
 * --------------------------------------------------------------------------------- */

static int bind_sockets(struct seg_iface *iface, const struct seg_attach_options *options,
			struct seg_error *err)
{
	int r = 0;

	(void)options;
	seg_for_each_rxq(rxq, iface) if (!r) r = seg_rxq_open(iface, rxq, err);
	return r;
}

static void close_sockets(struct seg_iface *iface)
{
	seg_for_each_rxq(rxq, iface) seg_rxq_close(rxq);
}

int seg_iface_wait(struct seg_iface *iface, uint32_t generation, struct seg_error *err)
{
	struct seg_remote *workers[SEG_QUEUES_MAX];

	for (uint32_t i = 0; i < iface->queues; i++)
		workers[i] = &iface->rxqs[i].worker;
	return seg_workers_wait(workers, iface->queues, generation, READY_MS, err);
}

static int start_workers(struct seg_iface *iface, const struct seg_attach_options *options,
			 struct seg_error *err)
{
	int r = 0;

	(void)options;
	seg_for_each_rxq(rxq, iface) if (!r) r = seg_rxq_start(iface, rxq, err);
	return r ? r : seg_iface_wait(iface, iface->keeper->book.generation, err);
}

static void stop_workers(struct seg_iface *iface)
{
	seg_for_each_rxq(rxq, iface)
	{
		seg_loop_remove(&iface->keeper->loop, &rxq->arrival);
		seg_remote_stop(&rxq->worker);
	}
}

/* --- enforcement
 * ------------------------------------------------------------------------------------------- */

static int fill_xsks(struct seg_iface *iface, const struct seg_attach_options *options,
		     struct seg_error *err)
{
	int xsks = seg_ingress_xsks(iface->ingress);

	(void)options;
	for (uint32_t i = 0; i < iface->queues; i++)
		if (bpf_map_update_elem(xsks, &i, &iface->rxqs[i].fds[SEG_FD_RX], BPF_ANY))
			return seg_error_set(err, errno, "cannot open queue %u of %s: %s", i,
					     iface->link.name, strerror(errno));
	return 0;
}

/* From this store on the policy is enforced. */
static int arm(struct seg_iface *iface, const struct seg_attach_options *options,
	       struct seg_error *err)
{
	int r = seg_hook_set(iface->hook, seg_ingress_fd(iface->ingress));

	(void)options;
	if (r)
		return seg_error_set(err, -r, "%s does not take the program: %s", iface->link.name,
				     strerror(-r));
	iface->attached = seg_clock_now();
	return 0;
}

/* --- the transaction
 * ------------------------------------------------------------------------------------------ */

/* undo also runs where its own step failed half-way: it looks at what there is. */
static const struct {
	const char *name;
	int (*make)(struct seg_iface *iface, const struct seg_attach_options *options,
		    struct seg_error *err);
	void (*undo)(struct seg_iface *iface);
} steps[] = {
	{"check", check, NULL},
	{"enter", enter, leave},
	{"hook", take_hook, give_hook_back},
	{"queues", take_queues, drop_queues},
	{"pair", make_pair, delete_pair},
	{"return", attach_return, detach_return},
	{"zones", add_zones, remove_zones},
	{"load", load, unload},
	{"sockets", bind_sockets, close_sockets},
	{"workers", start_workers, stop_workers},
	{"xsks", fill_xsks, NULL},
	{"arm", arm, NULL},
};

static int run_step(struct seg_iface *iface, const struct seg_attach_options *options,
		    struct seg_error *err)
{
	const char *name = steps[iface->steps].name;
	int r = seg_attach_fault(name);

	if (r)
		return seg_error_set(err, -r, "step %s fails because a test wants it", name);
	return steps[iface->steps].make(iface, options, err);
}

int seg_iface_attach(struct seg_keeper *keeper, const char *name,
		     const struct seg_attach_options *options, struct seg_iface **out,
		     struct seg_error *err)
{
	struct seg_iface *iface = calloc(1, sizeof(*iface));
	int r;

	if (!iface)
		return seg_error_set(err, ENOMEM, "no memory for %s", name);
	iface->keeper = keeper;
	iface->hook = -1;
	iface->back.live_link = -1;
	r = seg_link_get(name, &iface->link);
	if (r) {
		free(iface);
		seg_error_set(err, -r, "there is no interface %s", name);
		seg_error_mend(err, "`ip link` shows those that there are");
		return r;
	}
	for (; iface->steps < SEG_ARRAY_SIZE(steps) && !r; iface->steps++)
		r = run_step(iface, options, err);
	if (r)
		seg_iface_detach(iface);
	else
		*out = iface;
	return r;
}

/*
 * The hook goes before what stands behind it: packets pass from then on, and
 * none waits for a worker that is being ended.
 */
void seg_iface_detach(struct seg_iface *iface)
{
	give_hook_back(iface);
	while (iface->steps--)
		if (steps[iface->steps].undo)
			steps[iface->steps].undo(iface);
	free(iface);
}
