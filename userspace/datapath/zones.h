/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zones.h - a zone is an L2 domain: an interface's untagged side, or a VLAN
 * there that the policy names. Numbers are given once and never again, so a
 * session of a VLAN or an interface that went cannot be met by its successor.
 */
#ifndef SEG_ZONES_H
#define SEG_ZONES_H

#include "handover.h"
#include "image.h"
#include "tables.h"

struct seg_zones {
	uint16_t last; /* number given */
};

/* The next number; 0: all are used up. */
uint16_t seg_zone_new(struct seg_zones *zones);

/* Add what the policy names to an interface's zones. Those that are there keep their number. */
int seg_zones_add(struct seg_zones *zones, const struct seg_tables *tables, uint16_t zone,
		  const struct seg_image *image, struct seg_error *err);

/* Remove an interface's VLANs that the policy does not name; image NULL: all of them. */
void seg_zones_prune(const struct seg_tables *tables, uint16_t zone, const struct seg_image *image);

/* The highest number that a VLAN has now; 0: none has one. */
uint16_t seg_zones_last(const struct seg_tables *tables);

/* The zone of a stack of VLAN tags (as in seg_packet) at an interface of zone `zone`; 0: the policy
 * names none such. */
uint16_t seg_zones_find(const struct seg_tables *tables, uint16_t zone, const uint16_t vlan[2]);

/* A memfd with the zones of all interfaces, for workers (struct seg_zone_list). */
int seg_zones_list(const struct seg_tables *tables, struct seg_error *err);

#endif
