/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * repeat.h - `--watch`: the same again and again. A terminal is drawn anew, without
 * scrolling; elsewhere a block follows a block, with --json a line a line.
 * SIGINT and SIGTERM end it with status 0, never in the middle of a line.
 */
#ifndef SEG_REPEAT_H
#define SEG_REPEAT_H

#include "cli.h"
#include "view.h"

/* One round: ask, and print to view->to, as JSON on one line if that is what is asked for. */
typedef int (*seg_round)(const struct seg_cli *cli, const struct seg_view *view, void *data,
			 struct seg_error *err);

/* `every`: seconds ("2", "0.5") or a time ("500ms"), empty: 1 s. Returns only if a round fails. */
int seg_repeat(const struct seg_cli *cli, const char *every, seg_round round, void *data,
	       struct seg_error *err);

#endif
