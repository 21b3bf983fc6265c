/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.h - YAML as a stream of nodes with places, on libfyaml's events (its
 * document API costs ten times the time and memory). What a policy has no use
 * for is refused here: anchors, aliases, tags, escapes, a second document, what
 * is not UTF-8. So nothing that is read can grow beyond the text. libfyaml keeps
 * 200 bytes and more for each bracket and comma until it knows that none begins a key:
 * until the line ends, or the bracket closes. Both are bounded here.
 */
#ifndef SEG_READER_H
#define SEG_READER_H

#include "source.h"

#define SEG_LINE_MAX    (4u << 20) /* bytes */
#define SEG_NESTING_MAX 32         /* brackets within brackets; the language needs 6 */

enum seg_node {
	SEG_NODE_SCALAR,
	SEG_NODE_MAP,
	SEG_NODE_MAP_END,
	SEG_NODE_LIST,
	SEG_NODE_LIST_END,
	SEG_NODE_END,
};

struct seg_reader {
	/* the node that is being looked at */
	enum seg_node node;
	uint32_t at;      /* its place */
	const char *word; /* of a scalar: a part of the text */
	uint32_t len;

	struct seg_sources *sources;
	const char *text; /* of the source that is read */
	uint32_t text_len, base;
	unsigned int documents;
	struct fy_diag *diag;
	struct fy_parser *parser;
	struct fy_event *event;
};

/* Look at the first node of a source. Close what was opened, also after an error. */
int seg_reader_open(struct seg_reader *reader, struct seg_sources *sources, uint32_t source);
void seg_reader_close(struct seg_reader *reader);

/* Look at the next node. */
int seg_reader_next(struct seg_reader *reader);

#endif
