/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.h - YAML as a stream of nodes with places, on libfyaml's events (its
 * document API costs ten times the time and memory). What a policy has no use
 * for is refused here: anchors, aliases, tags, escapes, a second document, what
 * is not UTF-8. So nothing that is read can grow beyond the text; how deep it may
 * nest is the language's business (no key holds itself).
 */
#ifndef SEG_READER_H
#define SEG_READER_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

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
	uint32_t at;      /* byte of the text where it stands */
	const char *word; /* of a scalar: a part of the text */
	uint32_t len;

	const char *name, *text;
	size_t text_len;
	struct seg_error *err;
	unsigned int documents;
	struct seg_place {
		uint32_t at, line, column;
	} place; /* where seg_reader_place() stands, from 0 */
	struct fy_diag *diag;
	struct fy_parser *parser;
	struct fy_event *event;
};

/* Look at the first node. Close what was opened, also after an error. */
int seg_reader_open(struct seg_reader *reader, const char *name, const char *text, size_t len,
		    struct seg_error *err);
void seg_reader_close(struct seg_reader *reader);

/* Look at the next node. */
int seg_reader_next(struct seg_reader *reader);

/* Fill the error with what is wrong and the place of byte `at`. Returns -errnum. */
int seg_reader_error(struct seg_reader *reader, uint32_t at, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Line and column of byte `at`, from 1; columns count characters. */
void seg_reader_place(struct seg_reader *reader, uint32_t at, unsigned int *line,
		      unsigned int *column);

#endif
