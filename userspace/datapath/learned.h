/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * learned.h - by which rule a flow goes that the egress program let through without
 * asking: it knows that all is allowed, not by whom. Its key tells
 * (seg_image_allows_all()), and whoever reads the verdict first writes it down.
 */
#ifndef SEG_LEARNED_H
#define SEG_LEARNED_H

#include "abi.h"
#include "image.h"

/*
 * `verdict`, read from this session, with the rule that it lacks, where it lacks one; then the
 * session's own is completed too, unless it has changed meanwhile.
 */
uint64_t seg_learned_verdict(struct seg_session *session, const struct seg_image *image,
			     uint64_t verdict);

#endif
