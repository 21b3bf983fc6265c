/* SPDX-License-Identifier: BSD-2-Clause */
#include "egress_side.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "classify.h"
#include "cleanup.h"
#include "egress.h"
#include "keeper.h"

void seg_egress_side_clear(struct seg_egress_side *side)
{
	*side = (struct seg_egress_side){.link = -1};
	seg_tc_clear(&side->out);
	seg_tc_clear(&side->in);
}

/* --- programs -------------------------------------------------------------------------------- */

bool seg_egress_side_asks(const struct seg_rulebook *book)
{
	return !seg_image_allows_all(book->image, SEG_EGRESS);
}

struct seg_constants seg_egress_side_constants(const struct seg_iface *iface,
					       const struct seg_rulebook *book)
{
	struct seg_constants constants = seg_iface_constants(iface, book);
	bool learns = iface->learns_until != 0;

	constants.direction = SEG_EGRESS;
	constants.features |= SEG_FEATURE_FRAGS | SEG_FEATURE_PARTIAL_SUM | SEG_FEATURE_GATHER;
	if (learns)
		constants.features |= SEG_FEATURE_OBSERVE;
	if (learns || !seg_egress_side_asks(book))
		constants.features |= SEG_FEATURE_LEARN;
	constants.frame_max = 0; /* the asking pair cuts what is longer */
	constants.queue_base = iface->queue_base + iface->queues;
	constants.queues = iface->rxqs_n > iface->queues;
	return constants;
}

struct egress_bpf *seg_egress_side_load(const struct seg_iface *iface,
					const struct seg_constants *constants,
					const struct seg_failsafe_set *failsafe,
					struct seg_error *err)
{
	const struct seg_port port = {
		.ask = *iface->egress.outer ? if_nametoindex(iface->egress.outer) : 0,
		.mark = iface->back.mark_out,
		.mark_in = iface->back.mark,
	};

	seg_notify_alive();
	return seg_egress_load(&iface->keeper->tables, constants, failsafe, &port, err);
}

int seg_egress_side_run(struct seg_iface *iface, const struct egress_bpf *programs)
{
	struct seg_egress_side *side = &iface->egress;
	int r = seg_tc_replace(&side->out, seg_egress_fd(programs));

	if (r)
		return r;
	r = seg_tc_replace(&side->in, seg_egress_beside_fd(programs));
	if (r && side->programs)
		seg_tc_replace(&side->out, seg_egress_fd(side->programs));
	return r;
}

static int attach_hook(const struct seg_iface *iface, struct seg_tc *tc, enum seg_tc_side where,
		       int program, struct seg_error *err)
{
	char pin[PATH_MAX];

	seg_iface_pin(iface, where == SEG_TC_OUT ? "tcx_out_" : "tcx_in_", pin);
	return seg_tc_attach(tc, iface->link.ifindex, where, program, pin, err);
}

/* For a next life: whose the qdisc is. */
static int note_qdisc(struct seg_iface *iface, struct seg_error *err)
{
	struct seg_state *state = &iface->keeper->state;
	struct seg_state_iface *entry = seg_state_find(state, iface->link.ifindex);

	if (entry)
		entry->qdisc = true;
	return seg_state_save(&iface->keeper->runtime, state, err);
}

int seg_egress_side_attach(struct seg_iface *iface, struct seg_error *err)
{
	struct seg_egress_side *side = &iface->egress;
	int r;

	side->constants = seg_egress_side_constants(iface, &iface->keeper->book);
	side->programs =
		seg_egress_side_load(iface, &side->constants, &iface->keeper->book.failsafe, err);
	if (!side->programs)
		return -EIO;
	r = attach_hook(iface, &side->in, SEG_TC_IN, seg_egress_beside_fd(side->programs), err);
	if (!r)
		r = attach_hook(iface, &side->out, SEG_TC_OUT, seg_egress_fd(side->programs), err);
	return r || !side->in.made_qdisc ? r : note_qdisc(iface, err);
}

void seg_egress_side_detach(struct seg_iface *iface)
{
	struct seg_egress_side *side = &iface->egress;

	seg_tc_detach(&side->out);
	seg_tc_detach(&side->in); /* last: the qdisc is its */
	seg_egress_free(TAKE(side->programs));
}

int seg_egress_side_arm(struct seg_iface *iface, struct seg_error *err)
{
	struct seg_egress_side *side = &iface->egress;
	struct seg_constants constants = seg_egress_side_constants(iface, &iface->keeper->book);
	struct egress_bpf *programs;
	int r;

	if (!memcmp(&constants, &side->constants, sizeof(constants)))
		return 0;
	programs = seg_egress_side_load(iface, &constants, &iface->keeper->book.failsafe, err);
	if (!programs)
		return -EIO;
	r = seg_egress_side_run(iface, programs);
	if (r) {
		seg_egress_free(programs);
		return seg_error_set(err, -r, "%s does not take the tc program: %s",
				     iface->link.name, strerror(-r));
	}
	seg_egress_free(side->programs);
	side->programs = programs;
	side->constants = constants;
	return 0;
}

/* --- asking ---------------------------------------------------------------------------------- */

static void name_pair(struct seg_iface *iface)
{
	struct seg_egress_side *side = &iface->egress;

	snprintf(side->outer, IFNAMSIZ, SEG_ASKING_OUTER, iface->link.ifindex % 1000000000);
	snprintf(side->inner, IFNAMSIZ, SEG_ASKING_INNER, iface->link.ifindex % 1000000000);
}

static int make_pair(struct seg_iface *iface, struct seg_error *err)
{
	struct seg_egress_side *side = &iface->egress;
	int r;

	name_pair(iface);
	r = seg_link_make_pair(side->outer, side->inner, 1, iface->link.mtu);
	if (!r)
		r = seg_link_keep_tags(side->outer);
	if (!r)
		return 0;
	seg_error_set(err, -r, "cannot make the asking pair %s, %s: %s", side->outer, side->inner,
		      strerror(-r));
	if (r == -EEXIST) {
		seg_error_mend(err, "ip link delete %s", side->outer);
		side->outer[0] = '\0'; /* somebody else's */
	}
	return r;
}

static int open_socket(struct seg_iface *iface, struct seg_rxq *rxq, struct seg_error *err)
{
	const int zero = 0;
	char pin[PATH_MAX];
	int r = seg_rxq_open(iface, rxq, err);

	if (r)
		return r;
	if (bpf_map_update_elem(seg_return_asked_fd(&iface->back), &zero, &rxq->fds[SEG_FD_RX],
				BPF_ANY))
		return seg_error_set(err, errno, "cannot open the queue of %s: %s",
				     iface->egress.inner, strerror(errno));
	iface->egress.link = seg_return_attach_asked(&iface->back, iface->egress.inner, err);
	if (iface->egress.link < 0)
		return iface->egress.link;
	if (bpf_obj_pin(iface->egress.link, seg_iface_pin(iface, "asklink_", pin)))
		return seg_error_set(err, errno, "cannot pin %s: %s", pin, strerror(errno));
	return 0;
}

int seg_egress_side_open_asking(struct seg_iface *iface, struct seg_error *err)
{
	struct seg_rxq *rxq = &iface->rxqs[iface->queues];
	int r;

	if (*iface->egress.outer)
		return 0;
	r = make_pair(iface, err);
	if (r)
		return r;
	iface->rxqs_n = iface->queues + 1;
	r = open_socket(iface, rxq, err);
	if (!r)
		r = seg_rxq_start(iface, rxq, err);
	if (r)
		seg_egress_side_close_asking(iface);
	return r;
}

void seg_egress_side_close_asking(struct seg_iface *iface)
{
	struct seg_egress_side *side = &iface->egress;
	char pin[PATH_MAX];

	if (iface->rxqs_n > iface->queues) {
		seg_rxq_stop(iface, &iface->rxqs[iface->queues]);
		seg_rxq_close(&iface->rxqs[iface->queues]);
		iface->rxqs_n = iface->queues;
	}
	unlink(seg_iface_pin(iface, "asklink_", pin));
	seg_closep(&side->link);
	side->link = -1;
	if (*side->outer)
		seg_link_delete(side->outer);
	side->outer[0] = '\0';
}

/* --- taking over ------------------------------------------------------------------------------ */

static int adopt_hooks(struct seg_iface *iface)
{
	const struct seg_state_iface *entry =
		seg_state_find(&iface->keeper->state, iface->link.ifindex);
	struct seg_egress_side *side = &iface->egress;
	bool qdisc = entry && entry->qdisc;
	char pin[PATH_MAX];
	int r = seg_tc_adopt(&side->in, iface->link.ifindex, SEG_TC_IN,
			     seg_iface_pin(iface, "tcx_in_", pin), qdisc);

	return r ? r
		 : seg_tc_adopt(&side->out, iface->link.ifindex, SEG_TC_OUT,
				seg_iface_pin(iface, "tcx_out_", pin), qdisc);
}

static int adopt_asking(struct seg_iface *iface)
{
	char pin[PATH_MAX];

	name_pair(iface);
	seg_iface_pin(iface, "asklink_", pin);
	if (iface->rxqs_n > iface->queues) {
		iface->egress.link = bpf_obj_get(pin);
		return iface->egress.link < 0 ? -errno : 0;
	}
	seg_egress_side_close_asking(iface);
	return 0;
}

int seg_egress_side_adopt(struct seg_iface *iface, struct seg_error *err)
{
	int r = adopt_hooks(iface);

	if (!r)
		r = adopt_asking(iface);
	return r ? seg_error_set(err, -r, "its tc side: %s", strerror(-r)) : 0;
}
