/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - a policy as it was written: typed and placed, names not resolved.
 * parse.c fills it from texts, compile.c makes the image of it, print.c a text.
 */
#ifndef SEG_MODEL_H
#define SEG_MODEL_H

#include <stdbool.h>

#include "image.h"
#include "vector.h"

#define SEG_WORD_MAX 255

enum seg_word_flag {
	SEG_WORD_NEGATIVE = 1 << 0, /* under `not` or `except` */
	SEG_WORD_LISTED = 1 << 1,   /* of a list file: no name */
};

struct seg_word {
	uint32_t text; /* offset in model.text, NUL behind it */
	uint32_t at;   /* its place */
	uint16_t len;
	uint16_t flags; /* enum seg_word_flag */
};

/* Words first..first+n-1 of model.words; n = 0: the key is absent. */
struct seg_list {
	uint32_t first, n;
	uint32_t at;
};

/* A group or a service. */
struct seg_named {
	struct seg_word name;
	struct seg_list words;
};

struct seg_rule_text {
	uint32_t at;
	struct seg_word id; /* len 0: absent */
	struct seg_list from, to, service, source_port, tcp_flags, dscp, vlan, iface;
	struct seg_limit limit;
	uint8_t directions; /* 1 << enum seg_direction */
	uint8_t verdict;
	uint8_t log;
	uint8_t stage; /* enum seg_stage */
};

struct seg_policy_key;
struct seg_choice;

/* A value that apply refuses: all of a key, or one of its choices. */
struct seg_wish {
	const struct seg_policy_key *key;
	const struct seg_choice *choice;
	uint32_t at;    /* what is shown */
	uint32_t value; /* place of the value */
	bool setting;   /* of seg_defaults: void where another file overrides it */
};

typedef SEG_VECTOR(struct seg_named) seg_names;
typedef SEG_VECTOR(struct seg_rule_text) seg_rule_texts;

/* What one file says, or all of them together. */
struct seg_part {
	uint64_t version;
	struct seg_word name;
	struct seg_defaults defaults;
	uint32_t given[sizeof(struct seg_defaults)]; /* by offset: place of the value + 1; 0: not */
	struct seg_list include, failsafe;
	seg_names groups, services;
	seg_rule_texts rules;
};

struct seg_model {
	struct seg_part whole;
	SEG_VECTOR(struct seg_wish) wishes;
	SEG_VECTOR(struct seg_word) words;
	SEG_VECTOR(char) text;
};

static inline const char *seg_word_text(const struct seg_model *model, const struct seg_word *word)
{
	return model->text.item + word->text;
}

static inline void seg_part_free(struct seg_part *part)
{
	free(part->groups.item);
	free(part->services.item);
	free(part->rules.item);
}

static inline void seg_model_free(struct seg_model *model)
{
	seg_part_free(&model->whole);
	free(model->wishes.item);
	free(model->words.item);
	free(model->text.item);
}

#endif
