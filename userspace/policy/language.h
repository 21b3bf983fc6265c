/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * language.h - the policy language as tables: every key there is, what its
 * value may be, and whether this version enforces it. The parser runs on these
 * rows; so will whatever prints, documents or completes the language.
 */
#ifndef SEG_LANGUAGE_H
#define SEG_LANGUAGE_H

#include "model.h"
#include "reader.h"

struct seg_parser {
	struct seg_reader reader;
	struct seg_model model;
};

enum seg_key_state {
	SEG_ENFORCED,
	SEG_REFUSED,           /* by name, when compiled */
	SEG_REFUSED_AT_ATTACH, /* compiled and judged, but attach says no by name */
};

struct seg_policy_key;

/* A kind of value. `read` takes it from the node that the reader looks at, and stays on its last.
 */
struct seg_type {
	const char *name;
	int (*read)(struct seg_parser *parser, const struct seg_policy_key *key, void *target);
};

struct seg_choice {
	const char *name;
	uint64_t value;
	enum seg_key_state state;
};

enum seg_key_flag {
	SEG_KEY_REQUIRED = 1 << 0,
	SEG_KEY_NOT = 1 << 1,      /* its words may stand under `not` */
	SEG_KEY_NEGATIVE = 1 << 2, /* its words take away */
};

struct seg_policy_key {
	const char *name;
	const struct seg_type *type;      /* NULL: SEG_REFUSED */
	size_t offset;                    /* of the value in the target */
	unsigned int flags;               /* enum seg_key_flag */
	uint64_t min, max;                /* of a number, count or duration */
	const struct seg_choice *choices; /* words with a meaning; ends with a row without a name */
	const struct seg_keys *table;     /* keys of a map */
};

struct seg_keys {
	const char *what; /* of the thing, as in "unknown key 'x' in a rule" */
	const struct seg_policy_key *keys;
	size_t n;
};

extern const struct seg_keys SEG_POLICY_TABLE;

/* Parse a whole policy into parser->model. Both are released by seg_parser_free(), also after an
 * error. */
int seg_parser_run(struct seg_parser *parser, const char *name, const char *text, size_t len,
		   struct seg_error *err);

static inline void seg_parser_free(struct seg_parser *parser)
{
	seg_reader_close(&parser->reader);
	seg_model_free(&parser->model);
}

/* Names of the policy, its rules, groups and services: letters, digits, '_', '-', '.'. */
int seg_name_check(struct seg_parser *parser, const struct seg_word *word, const char *what);

#endif
