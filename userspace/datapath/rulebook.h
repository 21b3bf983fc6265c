/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rulebook.h - one generation of the policy: its image, sealed, and the
 * counters of its rules; and what rules of the same name counted before.
 */
#ifndef SEG_RULEBOOK_H
#define SEG_RULEBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "error.h"
#include "failsafe.h"
#include "files.h"

struct seg_rulebook {
	struct seg_policy_files files; /* what it was made of */
	struct seg_compiler *compiler; /* that the image came of; shared with books that follow */
	const struct seg_image *image; /* as it is sealed */
	int image_fd;
	int rules_fd;
	struct seg_rule_count *rules; /* shared with the workers; atomic adds */
	uint32_t entries;             /* a rule each, and the default */
	struct seg_failsafe_set failsafe;
	uint32_t generation; /* 1..65535 */
	uint32_t revision;   /* of policies applied by this daemon, from 1 */
	bool given;          /* by the client; else it only observes */
	bool observe;
};

/* A policy as the client sent it. */
struct seg_policy_text {
	const struct seg_policy_files *files; /* NULL: none */
	bool fallback;                        /* for when none is in force: nobody named it */
	bool observe;
};

/* Compile and seal. Without files: one that allows everything, only observed. */
int seg_rulebook_open(struct seg_rulebook *book, const struct seg_policy_text *policy,
		      uint32_t generation, uint32_t revision, struct seg_error *err);
/* `from`, with a rule changed; *id as seg_compiler_patch(). -EAGAIN: it is to be compiled from its
 * text, which also says what is wrong. */
int seg_rulebook_patch(struct seg_rulebook *book, const struct seg_rulebook *from,
		       const struct seg_patch *patch, char id[SEG_NAME_MAX], uint32_t generation,
		       uint32_t revision, struct seg_error *err);
void seg_rulebook_close(struct seg_rulebook *book);

/* Go on with the counters pinned at `pin`, of the same policy. */
int seg_rulebook_adopt_rules(struct seg_rulebook *book, const char *pin, struct seg_error *err);

/* What a closed one holds. */
#define SEG_RULEBOOK_NONE                                                                          \
	((struct seg_rulebook){.image_fd = -1, .rules_fd = -1, .failsafe = SEG_FAILSAFE_SET_NONE})

/* The same text, in force the same way. */
bool seg_rulebook_same(const struct seg_rulebook *a, const struct seg_rulebook *b);

/* Sessions of all classes that it asks room for. */
uint64_t seg_rulebook_sessions(const struct seg_rulebook *book);

/* Where a rule's counters are; what a session says is checked. */
uint32_t seg_rulebook_entry(const struct seg_rulebook *book, uint32_t rule);

/* Id of an entry: a rule's, or "default". */
const char *seg_rulebook_id(const struct seg_rulebook *book, uint32_t entry);

uint32_t seg_generation_after(uint32_t generation);

/* --- what earlier generations counted, by rule id ------------------------------------ */

struct seg_history;

/* Add to what the rule `id` counted. A NULL *history is empty. */
void seg_history_add(struct seg_history **history, const char *id,
		     const struct seg_rule_count *add);

/* What `id` counted; zero if nothing. */
struct seg_rule_count seg_history_get(const struct seg_history *history, const char *id);

typedef void (*seg_history_visitor)(void *data, const char *id, const struct seg_rule_count *count);
void seg_history_visit(const struct seg_history *history, seg_history_visitor call, void *data);

void seg_history_free(struct seg_history **history);

#endif
