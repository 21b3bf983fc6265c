/* SPDX-License-Identifier: BSD-2-Clause */
#include "seed_iface.h"

#include <errno.h>

#include "cleanup.h"
#include "clock.h"
#include "keeper.h"

static uint16_t zone_of(void *data, const uint16_t vlan[2])
{
	const struct seg_iface *iface = data;

	return seg_zones_find(&iface->keeper->tables, iface->zone, vlan);
}

/* -ENOENT: this kernel cannot tell; it is noted, and what else is known counts. */
static int list_by(struct seg_iface *iface, struct seg_running_list *flows,
		   int (*list)(struct seg_running_list *list, struct seg_error *err),
		   struct seg_error *err)
{
	struct seg_error why = {0};
	int r = list(flows, &why);

	if (r == -ENOENT && !*iface->seeded_why)
		snprintf(iface->seeded_why, sizeof(iface->seeded_why), "%.127s", why.what);
	if (!r || r == -ENOENT)
		return 0;
	return seg_error_set(err, -r, "%s", why.what);
}

static int list_all(struct seg_iface *iface, struct seg_running_list *flows, struct seg_error *err)
{
	int r;

	iface->seeded_why[0] = '\0';
	r = list_by(iface, flows, seg_flows_sockets, err);
	if (!r)
		r = list_by(iface, flows, seg_flows_conntrack, err);
	seg_running_settle(flows);
	return r;
}

int seg_seed_iface(struct seg_iface *iface, struct seg_error *err)
{
	struct seg_keeper *keeper = iface->keeper;
	const struct seg_rulebook *book = &keeper->book;
	struct seg_seeder seeder = {
		.table = &keeper->tables.table,
		.quota = keeper->tables.quota,
		.constants = &iface->constants,
		.image = book->image,
		.generation = book->generation,
		.iface = seg_image_iface(book->image, iface->link.name),
		.now = seg_clock_tick(seg_clock_now()),
	};
	_cleanup_running_ struct seg_running_list flows = {0};
	_cleanup_locals_ struct seg_locals locals = {0};
	int r = seg_locals_open(iface->link.ifindex, &locals, err);

	iface->seeded.already = iface->seeded.refused = 0;
	if (!r)
		r = list_all(iface, &flows, err);
	if (!r)
		seg_seed_all(&seeder, &flows, &locals, zone_of, iface, &iface->seeded);
	return r;
}
