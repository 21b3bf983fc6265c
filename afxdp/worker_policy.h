/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker_policy.h - what a worker decides by: an image, and what comes and goes with it. It is
 * opened and closed in steps, each of far less than a millisecond: packets wait meanwhile.
 */
#ifndef SEG_WORKER_POLICY_H
#define SEG_WORKER_POLICY_H

#include <stdbool.h>

#include "handover.h"
#include "image.h"

struct seg_worker_policy {
	const struct seg_handover *handover; /* NULL: there is no policy */
	const struct seg_image *image;       /* NULL until it has been checked whole */
	struct seg_rule_count *rules;
	const struct seg_zone_list *zones; /* NULL: it names no VLANs */
	uint64_t zones_size;
	struct seg_image_review *review; /* what is left of the check */
	size_t image_left;               /* bytes that are still mapped, once it is closed */
};

/*
 * The handover, which alone says what else there is. fd stays the caller's. 0, or -EPROTO: it is
 * not this version's, or contradicts itself.
 */
int seg_worker_policy_open(struct seg_worker_policy *policy, int fd, enum seg_worker_exit *how,
			   struct seg_error *err);

/* All else; fds: of SEG_POLICY_FDS, the caller's. 0, or -errno and how the worker must end. */
int seg_worker_policy_map(struct seg_worker_policy *policy, const int fds[SEG_POLICY_FDS_N],
			  enum seg_worker_exit *how, struct seg_error *err);

/* A step of checking it. 1: there are more; 0: it can be decided by; -errno: the worker must end.
 */
int seg_worker_policy_check(struct seg_worker_policy *policy, enum seg_worker_exit *how,
			    struct seg_error *err);

/* Is all that a worker maps only once the same with another policy? */
bool seg_worker_policy_follows(const struct seg_worker_policy *policy,
			       const struct seg_worker_policy *next);

/* A step of letting go of one that was decided by, until `handover` is NULL. */
void seg_worker_policy_close(struct seg_worker_policy *policy);

#endif
