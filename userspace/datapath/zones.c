/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"

uint16_t seg_zone_new(struct seg_zones *zones)
{
	return zones->last == UINT16_MAX ? 0 : ++zones->last;
}

static int add_one(struct seg_zones *zones, const struct seg_tables *tables,
		   const struct seg_zone_key *key)
{
	uint16_t zone;

	if (!bpf_map_lookup_elem(tables->fds[SEG_MAP_ZONES], key, &zone))
		return 0;
	zone = seg_zone_new(zones);
	if (!zone)
		return -ENOSPC;
	return bpf_map_update_elem(tables->fds[SEG_MAP_ZONES], key, &zone, BPF_NOEXIST);
}

int seg_zones_add(struct seg_zones *zones, const struct seg_tables *tables, uint16_t zone,
		  const struct seg_image *image, struct seg_error *err)
{
	const struct seg_vlan *vlans;
	unsigned int n = seg_image_vlans(image, &vlans);

	for (unsigned int i = 0; i < n; i++) {
		struct seg_zone_key key = {zone, {vlans[i].tag[0], vlans[i].tag[1]}};
		int r = add_one(zones, tables, &key);

		if (r)
			return seg_error_set(err, -r, "no room for the policy's %u VLANs: %s", n,
					     strerror(-r));
	}
	return 0;
}

uint16_t seg_zones_find(const struct seg_tables *tables, uint16_t zone, const uint16_t vlan[2])
{
	struct seg_zone_key key = {zone, {vlan[0], vlan[1]}};
	uint16_t found;

	if (!vlan[0])
		return zone;
	return bpf_map_lookup_elem(tables->fds[SEG_MAP_ZONES], &key, &found) ? 0 : found;
}

static bool names(const struct seg_image *image, const struct seg_zone_key *key)
{
	const struct seg_vlan *vlans;
	unsigned int n = image ? seg_image_vlans(image, &vlans) : 0;

	for (unsigned int i = 0; i < n; i++)
		if (vlans[i].tag[0] == key->vlan[0] && vlans[i].tag[1] == key->vlan[1])
			return true;
	return false;
}

typedef void (*visitor)(const struct seg_zone_key *key, uint16_t zone, void *data);

/* The next key is asked for before the visitor may delete this one. */
static void visit(const struct seg_tables *tables, visitor call, void *data)
{
	int fd = tables->fds[SEG_MAP_ZONES];
	struct seg_zone_key key, next;
	uint16_t zone;
	int r = bpf_map_get_next_key(fd, NULL, &next);

	while (!r) {
		key = next;
		r = bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &zone))
			call(&key, zone, data);
	}
}

struct pruning {
	const struct seg_tables *tables;
	const struct seg_image *image;
	uint16_t zone;
};

static void prune_one(const struct seg_zone_key *key, uint16_t zone, void *data)
{
	const struct pruning *pruning = data;

	(void)zone;
	if (key->zone == pruning->zone && !names(pruning->image, key))
		bpf_map_delete_elem(pruning->tables->fds[SEG_MAP_ZONES], key);
}

void seg_zones_prune(const struct seg_tables *tables, uint16_t zone, const struct seg_image *image)
{
	struct pruning pruning = {tables, image, zone};

	visit(tables, prune_one, &pruning);
}

static void note_last(const struct seg_zone_key *key, uint16_t zone, void *data)
{
	uint16_t *last = data;

	(void)key;
	if (zone > *last)
		*last = zone;
}

uint16_t seg_zones_last(const struct seg_tables *tables)
{
	uint16_t last = 0;

	visit(tables, note_last, &last);
	return last;
}

/* --- for the workers ------------------------------------------------------------------------ */

#define LIST_MAX 4096 /* entries of map seg_zones */

static void append(const struct seg_zone_key *key, uint16_t zone, void *data)
{
	struct seg_zone_list *list = data;

	if (list->count == LIST_MAX)
		return;
	list->entry[list->count].key = *key;
	list->entry[list->count].zone = zone;
	list->count++;
}

int seg_zones_list(const struct seg_tables *tables, struct seg_error *err)
{
	const size_t size = sizeof(struct seg_zone_list) +
			    LIST_MAX * sizeof(((struct seg_zone_list *)0)->entry[0]);
	_cleanup_free_ struct seg_zone_list *list = calloc(1, size);
	_cleanup_close_ int fd = memfd_create("xdpseg-zones", MFD_CLOEXEC);

	if (!list || fd < 0)
		return seg_error_set(err, ENOMEM, "no memory for the list of VLANs");
	visit(tables, append, list);
	if (write(fd, list, size) != (ssize_t)size)
		return seg_error_set(err, ENOMEM, "no memory for the list of VLANs");
	return TAKE_FD(fd);
}
