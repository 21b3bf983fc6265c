/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failsafe.h - what a policy never cuts off, made ready for its programs: rows for their
 * read-only data, and a map of addresses that is filled here and never written again. A
 * program keeps the map that it was loaded with.
 */
#ifndef SEG_FAILSAFE_H
#define SEG_FAILSAFE_H

#include "abi.h"
#include "error.h"
#include "image.h"

struct bpf_map;

/* Prefixes of all groups that `failsafe` names. */
#define SEG_FAILSAFE_PREFIXES_MAX 65536

struct seg_failsafe_set {
	struct seg_failsafes rows;
	int map_fd; /* -1: none is needed */
};

#define SEG_FAILSAFE_SET_NONE ((struct seg_failsafe_set){.map_fd = -1})

/* -E2BIG: too many addresses. */
int seg_failsafe_open(struct seg_failsafe_set *set, const struct seg_image *image,
		      struct seg_error *err);
void seg_failsafe_close(struct seg_failsafe_set *set);

/* For a program that is not loaded yet. -errno. */
int seg_failsafe_share(const struct seg_failsafe_set *set, struct bpf_map *map);

#endif
