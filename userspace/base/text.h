/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - small words that users write: numbers, durations, and the name they
 * probably meant. Text is a pointer and a length; it needs no NUL.
 */
#ifndef SEG_TEXT_H
#define SEG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The text is exactly this word. */
bool seg_text_is(const char *text, size_t len, const char *word);

/* Decimal or 0x hexadecimal, 0..max. -EINVAL: not a number; -ERANGE: beyond max. */
int seg_number_parse(const char *text, size_t len, uint64_t max, uint64_t *out);

/* "64k", "1M", "2G" (powers of 1000), "200". -EINVAL, -ERANGE. */
int seg_count_parse(const char *text, size_t len, uint64_t max, uint64_t *out);

/* In decimal, no NUL behind it: 20 digits at most. Returns where the next text goes. */
char *seg_number_put(char *to, uint64_t number);

#define SEG_COUNT_TEXT_MAX 24

/* The largest unit that divides it: "64k", "1M". Returns `to`, of SEG_COUNT_TEXT_MAX bytes. */
const char *seg_count_print(uint64_t count, char *to);

/* "200k/s": a count a second. -EINVAL, -ERANGE. */
int seg_rate_parse(const char *text, size_t len, uint64_t max, uint64_t *per_second);

/* "100ms", "5s", "10m", "2h", "1d", "0"; into ns. -EINVAL (a bare number has no unit), -ERANGE. */
int seg_duration_parse(const char *text, size_t len, uint64_t *ns);

#define SEG_DURATION_TEXT_MAX 24

/* The largest unit that divides it: "90s", "2h". Returns `to`, of SEG_DURATION_TEXT_MAX bytes. */
const char *seg_duration_print(uint64_t ns, char *to);

/* Insertions, deletions, substitutions and swaps of neighbours that make one the other; words of
 * over 32 bytes are as far as the longer one's length. */
unsigned int seg_text_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* Keeps the nearest of the names offered to it; `best` stays NULL if none is near enough to
 * suggest. */
struct seg_nearest {
	const char *text;
	size_t len;
	const char *best;
	unsigned int distance;
};

void seg_nearest_offer(struct seg_nearest *nearest, const char *name);

/* Offset of the first byte that is not UTF-8 (RFC 3629), or that is a NUL; len if all is well. */
size_t seg_utf8_check(const char *text, size_t len);

/* Each byte that is not part of UTF-8 becomes a '?'; text that was cut may end in one. */
void seg_utf8_mend(char *text);

/* C0, DEL or C1: what a terminal that shows the text could take for a command. */
bool seg_control_at(const char *text, size_t len, size_t at);

/* Offset of the first control character, that `allowed` does not name; len: none. */
size_t seg_control_find(const char *text, size_t len, const char *allowed);

/* The byte is not the middle of a character. */
static inline bool seg_begins_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* UTF-8 for a terminal, which must not take it for a command: controls but tabs become '?'. */
void seg_text_print(const char *text, FILE *to);

#endif
