/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seed.h - put flows that run already into the session table, before the first of
 * their packets is judged: attaching never cuts what runs.
 *
 * A flow that the policy would not allow goes on too, by the default's account;
 * the next policy that is applied judges it again, as it does every session.
 * The keeper's thread calls; programs and workers may use the table meanwhile.
 */
#ifndef SEG_SEED_H
#define SEG_SEED_H

#include "flows.h"
#include "image.h"
#include "local.h"
#include "table.h"

/* How many flows became sessions, by who knew of them... */
struct seg_seeded {
	uint32_t from[SEG_RUNNING_SOURCES];
	uint32_t already; /* ...had one... */
	uint32_t refused; /* ...and found no room */
};

/* Where to, and by which policy. */
struct seg_seeder {
	const struct seg_table *table;
	struct seg_quota *quota;
	const struct seg_constants *constants; /* of the interface */
	const struct seg_image *image;
	uint32_t generation;
	uint16_t iface; /* seg_image_iface() */
	uint32_t now;   /* ticks */
};

/* One way that a flow takes. */
struct seg_seed_way {
	uint8_t direction; /* SEG_INGRESS: the peer began; SEG_EGRESS: this host did */
	uint16_t zone;
	uint16_t vlan[2]; /* as in seg_packet */
};

/* Make a session of a flow, or set right the one that it has. */
void seg_seed(const struct seg_seeder *seeder, const struct seg_running *flow,
	      const struct seg_seed_way *way, struct seg_seeded *seeded);

/* The zone of a stack of tags at the interface that is seeded; 0: none. */
typedef uint16_t (*seg_seed_zone)(void *data, const uint16_t vlan[2]);

/*
 * Seed what of `flows` goes through the interface that `locals` are of, by each way
 * whose tags have a zone. What has both ends on this host does not leave it.
 */
void seg_seed_all(const struct seg_seeder *seeder, const struct seg_running_list *flows,
		  const struct seg_locals *locals, seg_seed_zone zone, void *data,
		  struct seg_seeded *seeded);

#endif
