/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strip.h - the rows of a lane, or the boxes of a finder, of an image that is edited: places in the
 * rules' order, some of which are holes. Rules are numbered anew by their blocks' bases.
 */
#ifndef SEG_STRIP_H
#define SEG_STRIP_H

#include "image_layout.h"

struct seg_strip {
	struct seg_image *image;
	unsigned int section;
	uint32_t finder;     /* of boxes */
	uint32_t first, end; /* places */
	uint32_t *base;      /* of place 0's block */
};

struct seg_strip seg_strip_rows(struct seg_image *image, unsigned int lane);
struct seg_strip seg_strip_boxes(struct seg_image *image, uint32_t finder);

/* The first place of this rule or a later one. */
uint32_t seg_strip_find(const struct seg_strip *strip, uint32_t rule);

/* From this place on, every rule's number is so much more, modulo 2^32. */
void seg_strip_renumber(const struct seg_strip *strip, uint32_t from, uint32_t by);

/* A rule's items go; what comes behind it is numbered one less. */
void seg_strip_remove(const struct seg_strip *strip, uint32_t rule);

/* Before `at`, or at it, a place becomes free: by moving what lies between it and the nearest
 * hole. Its number is the caller's to set. -EAGAIN: there is none near. */
int seg_strip_room(const struct seg_strip *strip, uint32_t at, uint32_t *place);

/* Whose item it is. */
void seg_strip_number(const struct seg_strip *strip, uint32_t place, uint32_t rule);

#endif
