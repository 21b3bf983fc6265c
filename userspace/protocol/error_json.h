/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error_json.h - struct seg_error as the daemon sends it and as --json prints
 * it: {"error":{"what","mend","file","line","column","source","exit"}}.
 */
#ifndef SEG_ERROR_JSON_H
#define SEG_ERROR_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "error.h"

/* Such an object, the caller's; members that say nothing are left out. */
json_t *seg_error_to_json(const struct seg_error *err);

/* Fill err from such an object. -EPROTO, err untouched: it is none. */
int seg_error_from_json(const json_t *object, struct seg_error *err);

/* As one line. */
void seg_error_print_json(const struct seg_error *err, FILE *to);

#endif
