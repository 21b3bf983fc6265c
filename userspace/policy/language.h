/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * language.h - the policy language as tables: every key there is, what its
 * value may be, and what apply says of it. parse.c runs on these rows, and so does
 * whatever prints or documents the language.
 */
#ifndef SEG_LANGUAGE_H
#define SEG_LANGUAGE_H

#include <stdio.h>

#include "model.h"
#include "reader.h"
#include "text.h"

struct seg_parser {
	struct seg_sources sources;
	const struct seg_policy_loader *loader;
	struct seg_reader reader;
	struct seg_part *part; /* the file's that is read */
	uint32_t source;       /* that file */
	unsigned int depth;    /* of includes */
	struct seg_model model;
};

struct seg_policy_key;

/* A kind of value. */
struct seg_type {
	/* Take it from the node that the reader looks at, and stay on its last one. */
	int (*read)(struct seg_parser *parser, const struct seg_policy_key *key, void *target);
	/* Write it in normal form; what is on lines of its own begins each with a newline. */
	void (*print)(const struct seg_model *model, const struct seg_policy_key *key,
		      const void *value, FILE *to);
	size_t size;                              /* of the value in the target */
	void (*word)(const char *text, FILE *to); /* of a list: write one of its words */
	const char *syntax;                       /* for readers: "80 or 1024-65535" */
	const char *pattern; /* of a word or number, an ECMA 262 regular expression; NULL: any */
	bool unit;           /* a bare number is none, but 0 */
	bool lines;          /* `print` writes lines of its own */
};

struct seg_choice {
	const char *name; /* "true" and "false" are booleans in JSON */
	uint64_t value;
	const char *mend; /* apply refuses it, and says so; NULL: it is enforced */
};

enum seg_key_flag {
	SEG_KEY_REQUIRED = 1 << 0,
	SEG_KEY_NOT = 1 << 1,      /* its words may stand under `not` */
	SEG_KEY_NEGATIVE = 1 << 2, /* its words take away */
	SEG_KEY_BARE = 1 << 3,     /* its list is nothing that packets match */
};

struct seg_policy_key {
	const char *name;
	const struct seg_type *type;
	size_t offset;                    /* of the value in the target */
	unsigned int flags;               /* enum seg_key_flag */
	uint64_t min, max;                /* of a number, count, rate or duration */
	const struct seg_choice *choices; /* words with a meaning; ends with a row without a name */
	const struct seg_keys *table;     /* keys of a map */
	const char *wish;                 /* apply refuses the key: what it says is asked for... */
	const char *mend;                 /* ...and the way out */
	const char *help;                 /* one line: what it does */
};

struct seg_keys {
	const char *what; /* of the thing, as in "unknown key 'x' in a rule" */
	const struct seg_policy_key *keys;
	size_t n;
	bool settings; /* of seg_defaults: what includes a file overrides what it says */
	/* What no key can know alone; `at`: of the map. */
	int (*check)(struct seg_parser *parser, const void *target, uint32_t at);
};

/* What an item of a list may be beside a word, where a key has SEG_KEY_NOT. */
extern const struct seg_keys SEG_NOT_TABLE;

/* What a whole file may say. The others are found from there; this one reads a rule's `id`. */
extern const struct seg_keys SEG_POLICY_TABLE, SEG_DEFAULT_TABLE, SEG_RULE_TABLE;

/* What a file and a rule are where nothing is written. */
extern const struct seg_part SEG_EMPTY_PART;
extern const struct seg_rule_text SEG_EMPTY_RULE;

/* --- kinds of values ------------------------------------------------------- */

extern const struct seg_type SEG_TYPE_NAME, SEG_TYPE_CHOICE, SEG_TYPE_COUNT, SEG_TYPE_RATE,
	SEG_TYPE_DURATION, SEG_TYPE_VERSION, SEG_TYPE_ADDRESSES, SEG_TYPE_SERVICES, SEG_TYPE_PORTS,
	SEG_TYPE_TCP_FLAGS, SEG_TYPE_DSCPS, SEG_TYPE_VLANS, SEG_TYPE_IFACES, SEG_TYPE_FAILSAFES,
	SEG_TYPE_FILES, SEG_TYPE_ETHERTYPES, SEG_TYPE_LIST_FILE, SEG_TYPE_MAP, SEG_TYPE_NAMES,
	SEG_TYPE_RULES;

/* The word that the reader looks at, kept. */
int seg_word_take(struct seg_parser *parser, const char *key, struct seg_word *out);

/* One word or a list of them, into a struct seg_list. */
int seg_words_read(struct seg_parser *parser, const struct seg_policy_key *key, void *target);

/* Names of the policy, its rules, groups and services: letters, digits, '_', '-', '.'. */
int seg_name_check(struct seg_parser *parser, const struct seg_word *word, const char *what);

/* The choice with this value, or NULL. */
const struct seg_choice *seg_choice_of_value(const struct seg_policy_key *key, uint64_t value);

/* Write a word so that it is read as that word, in any context. */
void seg_text_write(const char *text, FILE *to);

/* {key: value, ...}: what differs from `base`, in the table's order. */
void seg_map_print(const struct seg_model *model, const struct seg_keys *table, const void *target,
		   const void *base, FILE *to);

/* A whole policy in normal form. -EIO: it could not be written. */
int seg_model_print(const struct seg_model *model, FILE *to);

/* --- files ----------------------------------------------------------------- */

#define seg_parser_error(parser, at, errnum, ...)                                                  \
	seg_source_error(&(parser)->sources, at, errnum, __VA_ARGS__)
#define seg_parser_mend(parser, ...) seg_error_mend((parser)->sources.err, __VA_ARGS__)

/* Read a map's keys into `target`. */
int seg_map_read(struct seg_parser *parser, const struct seg_keys *table, void *target);

/* Load the file that a word of the current file names: its source, from 0, or -errno. */
int seg_parser_load(struct seg_parser *parser, const struct seg_word *word, uint32_t *source);

/* Parse a whole policy into parser->model, which is zero before. Release with seg_parser_free(),
 * also after an error. */
int seg_parser_run(struct seg_parser *parser, const struct seg_policy_file *file);

static inline void seg_parser_free(struct seg_parser *parser)
{
	seg_reader_close(&parser->reader);
	free(parser->sources.item);
	seg_model_free(&parser->model);
}

#endif
