/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_text.h - JSON written straight into memory, for replies of millions of rows:
 * a row through jansson costs six times as much. Each returns where the next
 * text goes; the caller has the room, and for a byte more.
 */
#ifndef SEG_JSON_TEXT_H
#define SEG_JSON_TEXT_H

#include <stdint.h>

/* As it is. */
char *seg_json_put(char *to, const char *text);

/* Quoted and escaped: six bytes for each of the text's at most, and two. */
char *seg_json_put_string(char *to, const char *text);

/* A member of an object: its name as it is, with quotes, colon and what stands before it. */
char *seg_json_put_text_member(char *to, const char *name, const char *text);
char *seg_json_put_number_member(char *to, const char *name, uint64_t number);

#endif
