/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build.h - an image while it is built: the sections as they grow, and the
 * names of the policy as they are resolved. resolve.c turns names and words
 * into sets and services, compile.c rules into rows and all of it into an image.
 */
#ifndef SEG_BUILD_H
#define SEG_BUILD_H

#include "hash_index.h"
#include "interval.h"
#include "language.h"
#include "service.h"

typedef SEG_VECTOR(struct seg_service) seg_services;

struct seg_name_state {
	enum { SEG_NAME_NEW, SEG_NAME_OPEN, SEG_NAME_DONE } progress;
	uint32_t set;       /* of a group */
	seg_services items; /* of a service */
};

struct seg_build {
	struct seg_parser parser;
	struct seg_name_state *groups, *services;
	struct seg_index group_index, service_index, id_index, set_index, iface_index;
	uint32_t work, rows;
	unsigned int nesting;

	/* the image's sections */
	SEG_VECTOR(struct seg_row) lanes[2 * SEG_LANE_MAX];
	SEG_VECTOR(struct seg_set) sets;
	SEG_VECTOR(struct seg_hull) hulls; /* two a set: IPv4's, IPv6's */
	seg_intervals intervals;
	SEG_VECTOR(struct seg_rule) rules;
	SEG_VECTOR(struct seg_vlan) vlans;
	SEG_VECTOR(uint32_t) ifaces;
	SEG_VECTOR(struct seg_need) needs;
	SEG_VECTOR(char) strings;
};

static inline const char *seg_build_text(const struct seg_build *b, const struct seg_word *word)
{
	return seg_word_text(&b->parser.model, word);
}

#define seg_build_error(b, at, errnum, ...)                                                        \
	seg_reader_error(&(b)->parser.reader, at, errnum, __VA_ARGS__)
#define seg_build_mend(b, ...) seg_error_mend((b)->parser.reader.err, __VA_ARGS__)

/* Check and unfold every group and service of the policy. */
int seg_build_names(struct seg_build *b);

/* The set that a list says: what is named, or all, without what is named under `not`. */
int seg_build_list_set(struct seg_build *b, const struct seg_list *list, uint32_t *out);

/* The services that a list says; `any` for an absent one. */
int seg_build_service_list(struct seg_build *b, const struct seg_list *list, seg_services *out);

#endif
