/* SPDX-License-Identifier: BSD-2-Clause */
#include "iface.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "keeper.h"
#include "local.h"
#include "seed_iface.h"

#define READY_MS 20000 /* one processor that is emulated, and busy: six seconds */

__attribute__((weak)) int seg_attach_fault(const char *step)
{
	(void)step;
	return 0;
}

/* --- what stands against it ------------------------------------------------------------------ */

static int refuse_foreign_xdp(const struct seg_device *link, struct seg_error *err)
{
	char names[256] = "";

	if (seg_shared_others(link->ifindex, link->xdp_prog, names, sizeof(names))) {
		seg_error_set(err, EBUSY, "%s is shared by other XDP programs: %s", link->name,
			      names);
		seg_error_mend(err,
			       "attach with --shared, or unload them: xdp-loader unload %s "
			       "--all",
			       link->name);
		return -EBUSY;
	}
	seg_error_set(err, EBUSY, "%s has an XDP program of another tool (id %u)", link->name,
		      link->xdp_prog);
	seg_error_mend(err, "detach it first: ip link set dev %s xdp off", link->name);
	return -EBUSY;
}

static int refuse_mtu(const struct seg_device *link, struct seg_error *err)
{
	seg_error_set(err, EMSGSIZE, "%s has an MTU of %u: its frames do not fit a page",
		      link->name, link->mtu);
	seg_error_mend(err, "ip link set %s mtu %u", link->name, SEG_MTU_MAX);
	return -EMSGSIZE;
}

static int refuse_loopback(const struct seg_device *link, struct seg_error *err)
{
	seg_error_set(err, EINVAL, "%s is the loopback interface: nothing arrives there",
		      link->name);
	seg_error_mend(err, "name an interface with a wire behind it");
	return -EINVAL;
}

/* XDP would see IP where it expects an Ethernet header. */
static int refuse_bare(const struct seg_device *link, struct seg_error *err)
{
	seg_error_set(err, EPFNOSUPPORT,
		      "the packets of %s have no Ethernet header: a tunnel's, or of another kind "
		      "of network",
		      link->name);
	seg_error_mend(err, "attach to the Ethernet interface that they go by");
	return -EPFNOSUPPORT;
}

static bool is_tagged_host(const struct seg_iface *iface)
{
	_cleanup_locals_ struct seg_locals locals = {0};

	return !seg_locals_open(iface->link.ifindex, &locals, NULL) && seg_locals_tagged(&locals);
}

int seg_iface_check_tags(const struct seg_iface *iface, const struct seg_rulebook *book,
			 struct seg_error *err)
{
	const struct seg_device *link = &iface->link;
	const struct seg_vlan *vlans;
	bool named = seg_image_vlans(book->image, &vlans);

	if (!link->rx_vlan || !strcmp(link->driver, "veth") || !(named || is_tagged_host(iface)))
		return 0;
	seg_error_set(err, EOPNOTSUPP,
		      "%s takes VLAN tags off its frames, so that XDP cannot see "
		      "them, and %s",
		      link->name, named ? "the policy names VLANs" : "this host has a VLAN on it");
	seg_error_mend(err, "ethtool -K %s rxvlan off", link->name);
	return -EOPNOTSUPP;
}

static int check(struct seg_iface *iface, const struct seg_attach_options *options,
		 struct seg_error *err)
{
	const struct seg_device *link = &iface->link;

	int r = options->shared ? seg_sharer_check(&iface->keeper->sharer, err) : 0;

	if (r)
		return r;
	if (link->flags & IFF_LOOPBACK)
		return refuse_loopback(link, err);
	if (!link->ethernet)
		return refuse_bare(link, err);
	if (link->xdp_prog && !options->shared)
		return refuse_foreign_xdp(link, err);
	if (!seg_umem_frame_size(link->mtu))
		return refuse_mtu(link, err);
	return seg_iface_check_tags(iface, &iface->keeper->book, err);
}

/* --- a place among the others ---------------------------------------------------------------- */

int seg_iface_note(const struct seg_iface *iface, bool complete, struct seg_error *err)
{
	struct seg_state *state = &iface->keeper->state;
	struct seg_state_iface *entry = seg_state_find(state, iface->link.ifindex);

	if (!entry)
		return 0;
	*entry = (struct seg_state_iface){
		.ifindex = iface->link.ifindex,
		.qdisc = entry->qdisc,
		.complete = complete,
		.index = iface->index,
		.queue_base = iface->queue_base,
		.queues = iface->queues,
		.zone = iface->zone,
		.mode = (int)iface->mode,
		.learns_until = iface->learns_until,
		.attached = iface->attached,
		.slot = iface->hook.slot,
		.single = iface->hook.single,
	};
	memcpy(entry->name, iface->pinned, IFNAMSIZ);
	memcpy(entry->mode_why, iface->mode_why, sizeof(entry->mode_why));
	memcpy(entry->single_why, iface->hook.why, sizeof(entry->single_why));
	return seg_state_save(&iface->keeper->runtime, state, err);
}

const char *const seg_iface_pins[] = {"link_",    "xsks_",    "live_",   "asked_",
				      "asklink_", "tcx_out_", "tcx_in_", NULL};

const char *seg_iface_pin(const struct seg_iface *iface, const char *prefix, char to[PATH_MAX])
{
	return seg_runtime_pin(&iface->keeper->runtime, prefix, iface->pinned, to);
}

/* For a next life only: the kernel object lives by its descriptor here. */
static int pin(const struct seg_iface *iface, const char *prefix, int fd, struct seg_error *err)
{
	char path[PATH_MAX];

	if (!bpf_obj_pin(fd, seg_iface_pin(iface, prefix, path)))
		return 0;
	return seg_error_set(err, errno, "cannot pin %s: %s", path, strerror(errno));
}

static void unpin(const struct seg_iface *iface, const char *prefix)
{
	char path[PATH_MAX];

	unlink(seg_iface_pin(iface, prefix, path));
}

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
	snprintf(iface->pinned, IFNAMSIZ, "%s", iface->link.name);
	state->ifaces[state->ifaces_n++] = (struct seg_state_iface){.ifindex = iface->link.ifindex};
	return seg_iface_note(iface, false, err);
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

/* --- the XDP hook ---------------------------------------------------------------------------- */

/* A next life tells the program by the array that it calls from. */
static int open_slot(struct seg_iface *iface, struct seg_error *err)
{
	int r = seg_hook_open_slot(&iface->hook, err);

	return r ? r : seg_iface_note(iface, false, err);
}

static int take_hook(struct seg_iface *iface, const struct seg_attach_options *options,
		     struct seg_error *err)
{
	const struct seg_keeper *keeper = iface->keeper;
	int r = 0;

	seg_iface_pin(iface, "link_", iface->hook.pin);
	iface->mode = options->mode;
	if (options->shared)
		r = open_slot(iface, err);
	return r ? r
		 : seg_hook_open(&iface->hook, &keeper->sharer, &iface->link, &iface->mode,
				 iface->mode_why, err);
}

/* What cannot be detached passes everything; the daemon's log says how to be rid of it. */
static void give_hook_back(struct seg_iface *iface)
{
	struct seg_error err = {0};

	if (seg_hook_close(&iface->hook, &iface->keeper->sharer, iface->link.ifindex, &err))
		seg_error_print(&err, stderr, 0);
}

/* --- its queues ------------------------------------------------------------------------------ */

static bool overlaps(const struct seg_keeper *keeper, const struct seg_iface *self, uint32_t base)
{
	seg_for_each_iface(other, keeper) if (other != self &&
					      base <= other->queue_base + other->queues &&
					      other->queue_base <= base + self->queues) return true;
	return false;
}

static int find_queues(struct seg_iface *iface, struct seg_error *err)
{
	for (uint32_t base = 0; base + iface->queues < SEG_QUEUES_MAX; base++)
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

	const uint32_t in = seg_counts_index(iface->index, SEG_INGRESS);
	const uint32_t out = seg_counts_index(iface->index, SEG_EGRESS);

	memset(&tables->queues[iface->queue_base], 0,
	       (iface->queues + 1) * sizeof(struct seg_queue));
	if (zero && !bpf_map_update_elem(tables->fds[SEG_MAP_COUNTS], &in, zero, BPF_ANY) &&
	    !bpf_map_update_elem(tables->fds[SEG_MAP_COUNTS], &out, zero, BPF_ANY))
		return 0;
	return seg_error_set(err, ENOMEM, "cannot clear the counters of %s", iface->link.name);
}

int seg_iface_make_rxqs(struct seg_iface *iface, uint32_t queues, struct seg_error *err)
{
	iface->rxqs = calloc(queues + 1, sizeof(*iface->rxqs));
	if (!iface->rxqs)
		return seg_error_set(err, ENOMEM, "no memory for %u queues", queues);
	for (uint32_t i = 0; i <= queues; i++) {
		seg_rxq_clear(&iface->rxqs[i]);
		iface->rxqs[i].keeper = iface->keeper;
	}
	return 0;
}

/* Only now: a driver may change its queues when XDP comes. */
static int take_queues(struct seg_iface *iface, const struct seg_attach_options *options,
		       struct seg_error *err)
{
	uint32_t queues;
	int r = seg_device_get(iface->link.name, &iface->link);

	if (r)
		return seg_error_set(err, -r, "%s is gone", iface->link.name);
	queues = iface->link.rx_queues;
	if (options->queues_max && options->queues_max < queues)
		queues = options->queues_max;
	r = seg_iface_make_rxqs(iface, queues, err);
	if (r)
		return r;
	iface->queues = iface->rxqs_n = queues;
	r = find_queues(iface, err);
	return r ? r : clear_counters(iface, err);
}

static void drop_queues(struct seg_iface *iface)
{
	free(TAKE(iface->rxqs));
	iface->queues = iface->rxqs_n = 0;
}

/* --- the internal pair ----------------------------------------------------------------------- */

static int make_pair(struct seg_iface *iface, const struct seg_attach_options *options,
		     struct seg_error *err)
{
	int r;

	(void)options;
	snprintf(iface->outer, IFNAMSIZ, SEG_PAIR_OUTER, iface->link.ifindex % 1000000000);
	snprintf(iface->inner, IFNAMSIZ, SEG_PAIR_INNER, iface->link.ifindex % 1000000000);
	r = seg_link_make_pair(iface->outer, iface->inner, iface->queues + 1, iface->link.mtu);
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
	int r = seg_return_open(&iface->back, iface->link.ifindex, iface->mode, iface->queues,
				iface->outer, iface->inner, err);

	(void)options;
	if (!r)
		r = pin(iface, "live_", iface->back.live_link, err);
	return r ? r : pin(iface, "asked_", seg_return_asked_fd(&iface->back), err);
}

static void detach_return(struct seg_iface *iface)
{
	unpin(iface, "live_");
	unpin(iface, "asked_");
	seg_return_close(&iface->back);
}

/* --- zones and program ----------------------------------------------------------------------- */

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
static bool has_partial_sums(const struct seg_device *link)
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
	uint32_t features = SEG_FEATURE_META | SEG_FEATURE_TWO_SIDED | SEG_FEATURE_GATHER;

	if (seg_image_vlans(image, &vlans))
		features |= SEG_FEATURE_VLAN;
	if (has_partial_sums(&iface->link) || iface->mode == SEG_MODE_GENERIC)
		features |= SEG_FEATURE_PARTIAL_SUM;
	if (iface->hook.slot)
		features |= SEG_FEATURE_SHARED;
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
		.frame_max = seg_umem_frame_room(iface->link.mtu),
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
	iface->ingress = seg_ingress_load(&iface->keeper->tables, &iface->constants,
					  &iface->keeper->book.failsafe, -1, err);
	return iface->ingress ? pin(iface, "xsks_", seg_ingress_xsks(iface->ingress), err) : -EIO;
}

static void unload(struct seg_iface *iface)
{
	unpin(iface, "xsks_");
	seg_ingress_free(TAKE(iface->ingress));
}

/* --- sockets and workers --------------------------------------------------------------------- */

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

	for (uint32_t i = 0; i < iface->rxqs_n; i++)
		workers[i] = &iface->rxqs[i].worker;
	return seg_workers_wait(workers, iface->rxqs_n, generation, READY_MS, err);
}

static int start_workers(struct seg_iface *iface, const struct seg_attach_options *options,
			 struct seg_error *err)
{
	int r = 0;

	(void)options;
	seg_for_each_rxq(rxq, iface) if (!r) r = seg_rxq_start(iface, rxq, err);
	return r;
}

static int wait_workers(struct seg_iface *iface, const struct seg_attach_options *options,
			struct seg_error *err)
{
	(void)options;
	return seg_iface_wait(iface, iface->keeper->book.generation, err);
}

static void stop_workers(struct seg_iface *iface)
{
	seg_for_each_rxq(rxq, iface) seg_rxq_stop(iface, rxq);
}

/* --- what leaves ----------------------------------------------------------------------------- */

static int open_asking(struct seg_iface *iface, const struct seg_attach_options *options,
		       struct seg_error *err)
{
	(void)options;
	if (!seg_egress_side_asks(&iface->keeper->book))
		return 0;
	return seg_egress_side_open_asking(iface, err);
}

static int attach_egress(struct seg_iface *iface, const struct seg_attach_options *options,
			 struct seg_error *err)
{
	if (options->learn_ns && iface->keeper->tables.config->armed)
		iface->learns_until = seg_clock_now() + options->learn_ns;
	return seg_egress_side_attach(iface, err);
}

/* --- enforcement ----------------------------------------------------------------------------- */

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

/*
 * What leaves first: its answers are known when they are asked for. What runs is known before, and
 * once more after: what began in between met nobody that would know it.
 */
int seg_iface_arm(struct seg_iface *iface, struct seg_error *err)
{
	int r;

	iface->learns_until = 0;
	if (seg_attach_fault("enforce"))
		return seg_error_set(err, EIO, "it is not enforced because a test wants that");
	r = seg_seed_iface(iface, err);
	if (!r)
		r = seg_egress_side_arm(iface, err);
	if (r)
		return r;
	r = seg_hook_run(&iface->hook, seg_ingress_fd(iface->ingress));
	if (r)
		return seg_error_set(err, -r, "%s does not take the program: %s", iface->link.name,
				     strerror(-r));
	seg_seed_iface(iface, NULL);
	return 0;
}

static int arm(struct seg_iface *iface, const struct seg_attach_options *options,
	       struct seg_error *err)
{
	(void)options;
	iface->attached = seg_clock_now();
	return iface->learns_until ? 0 : seg_iface_arm(iface, err);
}

/* --- the transaction ------------------------------------------------------------------------- */

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
	{"asking", open_asking, seg_egress_side_close_asking},
	{"wait", wait_workers, NULL},
	{"egress", attach_egress, seg_egress_side_detach},
	{"xsks", fill_xsks, NULL},
	{"arm", arm, NULL},
};

const size_t seg_iface_steps = SEG_ARRAY_SIZE(steps);

static int run_step(struct seg_iface *iface, const struct seg_attach_options *options,
		    struct seg_error *err)
{
	const char *name = steps[iface->steps].name;
	int r = seg_attach_fault(name);

	seg_notify_alive();
	if (r)
		return seg_error_set(err, -r, "step %s fails because a test wants it", name);
	return steps[iface->steps].make(iface, options, err);
}

struct seg_iface *seg_iface_new(struct seg_keeper *keeper)
{
	struct seg_iface *iface = calloc(1, sizeof(*iface));

	if (!iface)
		return NULL;
	iface->keeper = keeper;
	iface->hook.fd = -1;
	iface->back.live_link = -1;
	seg_egress_side_clear(&iface->egress);
	return iface;
}

int seg_iface_attach(struct seg_keeper *keeper, const char *name,
		     const struct seg_attach_options *options, struct seg_iface **out,
		     struct seg_error *err)
{
	struct seg_iface *iface = seg_iface_new(keeper);
	int r;

	if (!iface)
		return seg_error_set(err, ENOMEM, "no memory for %s", name);
	r = seg_device_get(name, &iface->link);
	if (r) {
		free(iface);
		seg_error_set(err, -r, "there is no interface %s", name);
		seg_error_mend(err, "`ip link` shows those that there are");
		return r;
	}
	for (; iface->steps < SEG_ARRAY_SIZE(steps) && !r; iface->steps++)
		r = run_step(iface, options, err);
	if (!r)
		r = seg_iface_note(iface, true, err);
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
	seg_iface_note(iface, false, NULL); /* from now on there is no way back */
	give_hook_back(iface);
	while (iface->steps--)
		if (steps[iface->steps].undo)
			steps[iface->steps].undo(iface);
	free(iface);
}
