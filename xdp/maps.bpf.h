/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * maps.bpf.h - the maps of the datapath. Sizes that depend on the policy are
 * set by the keeper before the load. Names have 15 characters at most: longer
 * ones are cut by the kernel, and reuse by name then fails.
 *
 * The session table's own maps are in table_maps.bpf.h. All but seg_xsks and the
 * program's constants are shared by the programs of all interfaces.
 */
#ifndef SEG_MAPS_BPF_H
#define SEG_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"

/* Exits by reason: two entries an interface, seg_counts_index(). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SEG_COUNTS_MAX);
	__type(key, __u32);
	__type(value, struct seg_counts);
} seg_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SEG_QUEUES_MAX);
	__type(key, __u32);
	__type(value, struct seg_queue);
} seg_queues SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seg_quota);
} seg_quota SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seg_config);
} seg_config SEC(".maps");

/* The VLANs that the policy names. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct seg_zone_key);
	__type(value, __u16);
} seg_zones SEC(".maps");

/* One socket an RX queue of this interface. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, SEG_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} seg_xsks SEC(".maps");

/* Time and exit in replay and tests (SEG_FEATURE_REPLAY). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seg_replay_word);
} seg_replay SEC(".maps");

#endif
