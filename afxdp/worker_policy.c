/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker_policy.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "mapping.h"

/* --- open ---------------------------------------------------------------------------- */

/* Anything but ours, or an older daemon's, is told apart before a field is believed. */
int seg_worker_policy_open(struct seg_worker_policy *p, int fd, enum seg_worker_exit *how,
			   struct seg_error *err)
{
	const struct seg_handover *h;
	struct stat stat;

	*how = SEG_WORKER_EXIT_HANDOVER;
	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || stat.st_size < (off_t)sizeof(*h))
		return seg_error_set(err, EPROTO, "no handover");
	h = mmap(NULL, sizeof(*h), PROT_READ, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return seg_error_set(err, EPROTO, "the handover cannot be read");
	if (h->version == SEG_HANDOVER_VERSION && h->size == sizeof(*h) &&
	    h->queue_index < h->queues && h->rules && h->constants.buckets) {
		*p = (struct seg_worker_policy){.handover = h};
		return 0;
	}
	if (h->version != SEG_HANDOVER_VERSION || h->size != sizeof(*h))
		seg_error_set(err, EPROTO, "the handover is version %u, not %d", h->version,
			      SEG_HANDOVER_VERSION);
	else
		seg_error_set(err, EPROTO, "the handover contradicts itself");
	munmap((void *)h, sizeof(*h));
	return -EPROTO;
}

static uint64_t rules_size(const struct seg_worker_policy *p)
{
	return p->handover->rules * sizeof(*p->rules);
}

static int map_zones(struct seg_worker_policy *p, int fd, struct seg_error *err)
{
	struct stat stat;
	struct seg_mapping zones = {"list of VLANs", fd, PROT_READ, 0, 0, (void **)&p->zones};

	if (fstat(fd, &stat) || stat.st_size < (off_t)sizeof(*p->zones))
		return seg_error_set(err, EINVAL, "the list of VLANs is cut short");
	p->zones_size = zones.size = (uint64_t)stat.st_size;
	return seg_map(&zones, err);
}

int seg_worker_policy_map(struct seg_worker_policy *p, const int fds[SEG_POLICY_FDS_N],
			  enum seg_worker_exit *how, struct seg_error *err)
{
	const struct seg_mapping rules = {"map seg_rules",        fds[2],
					  PROT_READ | PROT_WRITE, 0,
					  rules_size(p),          (void **)&p->rules};
	int r;

	*how = SEG_WORKER_EXIT_RINGS;
	r = seg_map(&rules, err);
	if (!r && p->handover->flags & SEG_HANDOVER_ZONES)
		r = map_zones(p, fds[3], err);
	if (r)
		return r;
	*how = SEG_WORKER_EXIT_IMAGE;
	return seg_image_review_open(fds[1], &p->review, err);
}

int seg_worker_policy_check(struct seg_worker_policy *p, enum seg_worker_exit *how,
			    struct seg_error *err)
{
	int r = seg_image_review_step(p->review, err);

	*how = SEG_WORKER_EXIT_IMAGE;
	if (r)
		return r;
	p->image = seg_image_review_take(p->review);
	p->image_left = seg_image_size(p->image);
	seg_image_review_close(TAKE(p->review));
	return 0;
}

/* What was mapped once stays: only what is the policy's may be another. */
bool seg_worker_policy_follows(const struct seg_worker_policy *policy,
			       const struct seg_worker_policy *next)
{
	const struct seg_handover *is = policy->handover;
	struct seg_handover like = *next->handover;

	like.rules = is->rules;
	like.generation = is->generation;
	like.constants = is->constants;
	like.constants.buckets = next->handover->constants.buckets;
	like.flags ^= (like.flags ^ is->flags) & SEG_HANDOVER_ZONES;
	memcpy(like.limit, is->limit, sizeof(like.limit));
	return !memcmp(&like, is, sizeof(like));
}

/* --- close --------------------------------------------------------------------------- */

void seg_worker_policy_close(struct seg_worker_policy *p)
{
	p->image_left = seg_image_unmap_some(p->image, p->image_left);
	if (p->image_left)
		return;
	seg_unmap(p->rules, rules_size(p));
	seg_unmap(p->zones, p->zones_size);
	munmap((void *)p->handover, sizeof(*p->handover));
	*p = (struct seg_worker_policy){0};
}
