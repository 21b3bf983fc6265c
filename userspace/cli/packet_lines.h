/* SPDX-License-Identifier: BSD-2-Clause */
/* packet_lines.h - what became of each packet, a line each, and the sums of a replay. */
#ifndef SEG_PACKET_LINES_H
#define SEG_PACKET_LINES_H

#include "replay.h"
#include "view.h"

/* A packet and, where a second policy judged it otherwise, what that one said. */
struct seg_packet_line {
	uint64_t n; /* from 1, in the order of the captures */
	const struct seg_image *image;
	const struct seg_replayed *packet;
	const struct seg_image *other; /* NULL: no second policy, or it says the same */
	const struct seg_replayed *against;
};

/* One JSON object and a newline. */
void seg_packet_line_json(const struct seg_packet_line *line, FILE *to);

/* For people. */
void seg_packet_line_print(const struct seg_packet_line *line, FILE *to);

/* {"summary": ...} as tables. */
int seg_view_replay(const struct seg_view *view, const json_t *reply);

#endif
