/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build.h - an image while it is built: the sections as they grow, and the
 * names of the policy as they are resolved. resolve.c turns names and words
 * into sets and services, compile.c rules into rows and all of it into an image,
 * failsafe.c what is never cut off.
 */
#ifndef SEG_BUILD_H
#define SEG_BUILD_H

#include <xxhash.h>

#include "hash_index.h"
#include "interval.h"
#include "language.h"
#include "service.h"

typedef SEG_VECTOR(struct seg_service) seg_services;

static inline void seg_services_free(seg_services *services)
{
	free(services->item);
}

struct seg_name_state {
	enum { SEG_NAME_NEW, SEG_NAME_OPEN, SEG_NAME_DONE } progress;
	uint32_t set;       /* of a group */
	seg_services items; /* of a service */
};

typedef SEG_VECTOR(uint32_t) seg_words_of;
typedef SEG_VECTOR(char) seg_bytes_of;

struct seg_build {
	struct seg_parser parser;
	struct seg_name_state *groups, *services;
	uint32_t services_n;
	struct seg_index group_index, service_index, id_index, set_index, iface_index, rest_index;
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
	SEG_VECTOR(struct seg_need_item) needs;
	SEG_VECTOR(struct seg_failsafe) failsafes;
	SEG_VECTOR(struct seg_finder) finders;
	SEG_VECTOR(struct seg_bank) banks;
	SEG_VECTOR(struct seg_rest) rests;
	seg_words_of slots[2]; /* IPv4's, IPv6's */
	seg_bytes_of boxes[2];
	seg_words_of box_rests[2]; /* of each box, a number in `rests` */
	SEG_VECTOR(char) strings;
	SEG_VECTOR(uint32_t) texts;          /* strings that are kept once */
	SEG_VECTOR(XXH128_hash_t) texts_sum; /* of each source */
	struct {
		const struct seg_source *source;
		uint32_t file;
	} place; /* the last file that was named, and its string */
};

static inline const char *seg_build_text(const struct seg_build *b, const struct seg_word *word)
{
	return seg_word_text(&b->parser.model, word);
}

#define seg_build_error(b, at, errnum, ...) seg_parser_error(&(b)->parser, at, errnum, __VA_ARGS__)
#define seg_build_mend(b, ...)              seg_parser_mend(&(b)->parser, __VA_ARGS__)

/* Text to image. `model` takes over what was read, if it is not NULL: seg_model_free(). Errors as
 * seg_policy_open(). */
int seg_compile(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		struct seg_model *model, struct seg_image **out, struct seg_error *err);

/* Keep a string in the image: its offset. */
int seg_build_string(struct seg_build *b, const char *text, size_t len, uint32_t *at);

/* Two of a kind have one name: an error that has both places. */
int seg_build_twice(struct seg_build *b, uint32_t at, uint32_t first, const char *what,
		    const char *name);

/* A rule's rows, under this number, into the build's lanes; `out` gets its sets. */
int seg_rule_unfold(struct seg_build *b, const struct seg_rule_text *text, uint32_t number,
		    struct seg_rule *out);

/* What is known of a rule without its names. */
static inline struct seg_rule seg_rule_of(const struct seg_rule_text *text)
{
	return (struct seg_rule){.verdict = text->verdict,
				 .flags = text->log ? SEG_VERDICT_LOG : 0,
				 .stage = text->stage,
				 .by_place = !text->id.len,
				 .limit = text->limit};
}

/* The VLANs that rules name, sorted, each once. */
int seg_build_sort_vlans(struct seg_build *b);

/* Text to rows; `b` has nothing but a loader and where errors go before. -ENOMEM and others, with
 * the error told. */
int seg_build_rules(struct seg_build *b, const struct seg_policy_file *file);

/* And to an image. */
int seg_build_run(struct seg_build *b, const struct seg_policy_file *file, struct seg_image **out);
void seg_build_free(struct seg_build *b);

/* All that was built as an image, which is the caller's. -E2BIG, -ENOMEM. */
int seg_build_lay_out(struct seg_build *b, struct seg_image **out);

/* What an image is made of: the sums of all sources. */
void seg_image_say_texts(struct seg_image *image, const XXH128_hash_t *texts, uint32_t n);

/* Check and unfold every group and service of the policy. */
int seg_build_names(struct seg_build *b);

/* The set that a list says: what is named, or all, without what is named under `not`. */
int seg_build_list_set(struct seg_build *b, const struct seg_list *list, uint32_t *out);

/* The services that a list says; `any` for an absent one. */
int seg_build_service_list(struct seg_build *b, const struct seg_list *list, seg_services *out);

/* The failsafe services; after the names. */
int seg_build_failsafes(struct seg_build *b);

#endif
