/* SPDX-License-Identifier: BSD-2-Clause */
/* requests.h - what attach and detach both ask for. */
#ifndef SEG_REQUESTS_H
#define SEG_REQUESTS_H

#include <jansson.h>

#include "cli.h"

/* The operands as an array of names; NULL: out of memory. */
json_t *seg_request_interfaces(const struct seg_cli *cli);

/*
 * Detach the operands, or everything if there are none; returns when the
 * daemon is gone if nothing is left. The caller owns *reply, if it is asked for.
 */
int seg_request_detach(const struct seg_cli *cli, json_t **reply, struct seg_error *err);

#endif
