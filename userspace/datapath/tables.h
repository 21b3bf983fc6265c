/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.h - the maps that the programs of all interfaces share, and the
 * keeper's view of them.
 *
 * Who writes what is said in abi.h. What is read here was written by workers
 * too, which are not trusted: an index that comes from there is checked.
 */
#ifndef SEG_TABLES_H
#define SEG_TABLES_H

#include <stdint.h>

#include "abi.h"
#include "error.h"
#include "table.h"

enum seg_table_map {
	SEG_MAP_TAGS,
	SEG_MAP_SLOTS,
	SEG_MAP_QUEUES,
	SEG_MAP_QUOTA,
	SEG_MAP_CONFIG,
	SEG_MAP_COUNTS, /* the rest is not mapped */
	SEG_MAP_ZONES,
	SEG_MAP_MAX
};

#define SEG_MAP_MAPPED SEG_MAP_COUNTS

struct seg_tables {
	int fds[SEG_MAP_MAX];
	void *mapped[SEG_MAP_MAPPED];
	size_t sizes[SEG_MAP_MAPPED];
	struct seg_table table; /* tags and slots */
	struct seg_queue *queues;
	struct seg_quota *quota;
	struct seg_config *config;
	uint64_t seed[6];
	int grace_fd; /* map in map: its update waits for RCU */
	int grace_inner_fd;
};

/* Make and map them, for `sessions` of all classes together, and pin them in the folder `pins`,
 * unless that is NULL. All or nothing. */
int seg_tables_open(struct seg_tables *tables, const char *pins, uint64_t sessions,
		    struct seg_error *err);
void seg_tables_close(struct seg_tables *tables);

/* Those that a predecessor pinned in `pins`, with its seed, map by map as they would be made.
 * -EBADMSG: one is of another shape. All or nothing. */
int seg_tables_adopt(struct seg_tables *tables, const char *pins, const uint64_t seed[6],
		     struct seg_error *err);

struct bpf_object;

/* Have an object that is not loaded yet use these maps. 0 or -errno. */
int seg_tables_share(const struct seg_tables *tables, struct bpf_object *object);

/* Wait until every BPF program that runs now has ended (tens of ms). 0 or -errno. */
int seg_tables_grace(struct seg_tables *tables);

/* A map of `entries` struct seg_rule_count, all zero. A descriptor, or -errno. */
int seg_rules_open(uint32_t entries, struct seg_rule_count **mapped, struct seg_error *err);
/* The one pinned at `pin`. -EBADMSG: it has another size. */
int seg_rules_adopt(const char *pin, uint32_t entries, struct seg_rule_count **mapped);
void seg_rules_close(int fd, struct seg_rule_count *mapped, uint32_t entries);

#endif
