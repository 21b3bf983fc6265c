/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - a policy as it was written: typed and placed, names not resolved.
 * language.c fills it from text, compile.c makes the image of it.
 */
#ifndef SEG_MODEL_H
#define SEG_MODEL_H

#include "image.h"
#include "vector.h"

#define SEG_WORD_MAX 255

struct seg_word {
	uint32_t text; /* offset in model.text, NUL behind it */
	uint32_t at;   /* byte of the policy's text */
	uint16_t len;
	uint16_t negative; /* under `not` or `except` */
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
	struct seg_list from, to, service, source_port, vlan, iface;
	uint8_t directions; /* 1 << enum seg_direction */
	uint8_t verdict;
	uint8_t log;
	uint8_t stage;
};

/* A value that attach refuses: `key: value`. */
struct seg_wish {
	const char *key, *value;
	uint32_t at;
};

typedef SEG_VECTOR(struct seg_named) seg_names;

struct seg_model {
	uint64_t version;
	struct seg_word name;
	struct seg_defaults defaults;
	seg_names groups, services;
	SEG_VECTOR(struct seg_rule_text) rules;
	SEG_VECTOR(struct seg_wish) wishes;
	SEG_VECTOR(struct seg_word) words;
	SEG_VECTOR(char) text;
};

static inline const char *seg_word_text(const struct seg_model *model, const struct seg_word *word)
{
	return model->text.item + word->text;
}

static inline void seg_model_free(struct seg_model *model)
{
	free(model->groups.item);
	free(model->services.item);
	free(model->rules.item);
	free(model->wishes.item);
	free(model->words.item);
	free(model->text.item);
}

#endif
