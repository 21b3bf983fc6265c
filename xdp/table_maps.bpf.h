/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * table_maps.bpf.h - the session table's two maps.
 *
 * Both are mapped by the keeper and the workers. max_entries is set before the
 * load: seg_tags as many as seg_constants.buckets says, seg_slots
 * SEG_BUCKET_SLOTS times that.
 */
#ifndef SEG_TABLE_MAPS_BPF_H
#define SEG_TABLE_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seg_tags);
} seg_tags SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SEG_BUCKET_SLOTS);
	__type(key, __u32);
	__type(value, struct seg_session);
} seg_slots SEC(".maps");

#endif
