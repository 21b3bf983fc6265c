/* SPDX-License-Identifier: BSD-2-Clause */
/* tally.h - the sums of a replay. Single writer. */
#ifndef SEG_TALLY_H
#define SEG_TALLY_H

#include <jansson.h>

#include "latency.h"
#include "replay.h"

struct seg_rule_tally {
	uint64_t packets, bytes, sessions;
	uint64_t shadow; /* packets that it would have decided */
};

struct seg_tally {
	const struct seg_image *image;
	uint64_t packets, bytes, sessions;
	uint64_t verdicts[SEG_VERDICT_DENY + 1];
	uint64_t paths[SEG_PATH_MAX];
	uint64_t reasons[SEG_REASON_MAX];
	struct seg_rule_tally *rules; /* one each, then the default's */
	struct seg_latency all, path[SEG_PATH_MAX];
};

/* The image stays the caller's. -ENOMEM. */
int seg_tally_open(struct seg_tally *tally, const struct seg_image *image);
void seg_tally_close(struct seg_tally *tally);

void seg_tally_add(struct seg_tally *tally, const struct seg_replayed *packet);

/* The object behind "summary"; NULL: out of memory. What was never seen is left out of the
 * reasons; rules are all there. */
json_t *seg_tally_json(const struct seg_tally *tally);

/* {"p50", "p95", "p99", "mean"}, ns. */
json_t *seg_latency_json(const struct seg_latency *latency);

#endif
