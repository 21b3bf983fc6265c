/* SPDX-License-Identifier: BSD-2-Clause */
/* types.h - what the kinds of values that a policy's keys have (types_*.c) share. */
#ifndef SEG_TYPES_H
#define SEG_TYPES_H

#include "language.h"

/* Keep a word, which stands at `at`. -ENOMEM. */
int seg_word_store(struct seg_parser *parser, const char *text, uint32_t len, uint32_t at,
		   struct seg_word *out);

/* Is a word of this length, in `where`, a word? */
int seg_word_length_check(struct seg_parser *parser, uint32_t len, uint32_t at, const char *where);

/* How many words of a list are SEG_WORD_NEGATIVE, or 0: are not. */
uint32_t seg_words_count(const struct seg_model *model, const struct seg_list *list,
			 unsigned int negative);

/* Those of a list; one word stands alone. */
void seg_words_half_print(const struct seg_model *model, const struct seg_policy_key *key,
			  const struct seg_list *list, unsigned int negative, FILE *to);

#endif
