/* SPDX-License-Identifier: BSD-2-Clause */
/* replay_state.h - a replay's insides, for its own files (replay*.c). */
#ifndef SEG_REPLAY_STATE_H
#define SEG_REPLAY_STATE_H

#include "decide.h"
#include "programs.h"
#include "publish.h"
#include "reaper.h"
#include "reassembly.h"
#include "replay.h"
#include "turn.h"
#include "zones.h"

#define SEG_REPLAY_GENERATION 1
#define SEG_REPLAY_ZONE       1 /* of untagged packets */

/* A fragment that waits, and whose it is. */
struct seg_replay_kept {
	uint64_t number;
	bool cut; /* the capture has not all of it */
	uint8_t frame[];
};

struct seg_replay {
	const struct seg_image *image;
	struct seg_replay_options options;
	struct seg_tables tables;
	struct seg_zones zones;
	const struct seg_zone_list *zone_list; /* NULL: the policy names no VLAN */
	size_t zone_list_size;
	struct seg_programs programs;
	struct seg_constants constants[SEG_DIRECTION_MAX];
	struct seg_judge judge; /* of the packet's direction */
	struct seg_publisher publisher;
	struct seg_gaps gaps;
	struct seg_flows flows;
	struct seg_hold *hold;
	struct seg_outcome outcome[SEG_OUTCOMES_MAX];
	struct seg_turn turn;
	struct seg_rulebook book;
	struct seg_account account;
	struct seg_reaper reaper;
	bool begun;           /* a packet was seen */
	uint64_t now, reaped; /* ns */
	uint8_t *buffer;      /* room for metadata, then the frame */
	uint8_t *frame;
	uint32_t size;
};

#endif
