/* SPDX-License-Identifier: BSD-2-Clause */
/* failsafe.c - "tcp/22 from admins": who may always reach what. */
#include <errno.h>
#include <string.h>

#include "build.h"

static const char BLANKS[] = " \t";

/* The next word of a text, from *at on; its length, 0 at the end. */
static size_t token_next(const char *text, size_t *at)
{
	*at += strspn(text + *at, BLANKS);
	return strcspn(text + *at, BLANKS);
}

/* A part of a word as a list of its own. */
static int part_list(struct seg_build *b, const struct seg_word *word, size_t at, size_t len,
		     struct seg_list *out)
{
	struct seg_model *model = &b->parser.model;
	struct seg_word part = {model->text.n, word->at + (uint32_t)at, (uint16_t)len, 0};

	if (SEG_ROOM(&model->text, (uint32_t)len + 1))
		return -ENOMEM;
	memcpy(model->text.item + model->text.n, model->text.item + word->text + at, len);
	model->text.n += (uint32_t)len;
	model->text.item[model->text.n++] = '\0';
	*out = (struct seg_list){model->words.n, 1, part.at};
	return SEG_PUSH(&model->words, part);
}

static int form_error(struct seg_build *b, const struct seg_word *word)
{
	seg_build_mend(b, "as in failsafe: [tcp/22 from admins, icmp/echo-request]");
	return seg_build_error(b, word->at, EINVAL, "'%s' is no 'SERVICE' or 'SERVICE from GROUP'",
			       seg_build_text(b, word));
}

/* SERVICE [from GROUP], split; `from` stays empty without one. */
static int split(struct seg_build *b, const struct seg_word *word, struct seg_list *service,
		 struct seg_list *from)
{
	size_t at[3] = {0}, len[3], end = 0;
	int r;

	for (unsigned int i = 0; i < 3; i++) {
		at[i] = end;
		len[i] = token_next(seg_build_text(b, word), &at[i]);
		end = at[i] + len[i];
	}
	token_next(seg_build_text(b, word), &end);
	if (end != word->len || !len[0] || (len[1] && !len[2]) ||
	    (len[1] && !seg_text_is(seg_build_text(b, word) + at[1], len[1], "from")))
		return form_error(b, word);
	r = part_list(b, word, at[0], len[0], service);
	return r || !len[2] ? r : part_list(b, word, at[2], len[2], from);
}

static int failsafe_push(struct seg_build *b, const struct seg_word *word, uint32_t name,
			 uint32_t from, const struct seg_service *service)
{
	if (b->failsafes.n == SEG_FAILSAFES_MAX)
		seg_build_mend(b, "a range of ports is one service; tcp/80 and udp/80 are two");
	if (b->failsafes.n == SEG_FAILSAFES_MAX)
		return seg_build_error(b, word->at, E2BIG, "'failsafe' unfolds to over %d services",
				       SEG_FAILSAFES_MAX);
	return SEG_PUSH(&b->failsafes, (struct seg_failsafe){
					       .name = name,
					       .from = from,
					       .dport_first = service->first,
					       .dport_last = service->last,
					       .proto = service->proto,
					       .family = service->family,
					       .flags = service->any ? SEG_ROW_ANY_PROTO : 0,
				       });
}

static int failsafe_add(struct seg_build *b, const struct seg_word *word)
{
	_cleanup_(seg_services_free) seg_services services = {0};
	struct seg_list service, from = {0};
	uint32_t name = 0, set = 0;
	int r = split(b, word, &service, &from);

	if (!r)
		r = seg_build_service_list(b, &service, &services);
	if (!r)
		r = seg_build_list_set(b, &from, &set);
	if (!r)
		r = seg_build_string(b, seg_build_text(b, word), word->len, &name);
	for (uint32_t i = 0; !r && i < services.n; i++)
		if (services.item[i].any && !from.n)
			r = seg_build_error(b, word->at, EINVAL,
					    "'any' from anywhere would be no filter at all");
		else
			r = failsafe_push(b, word, name, set, &services.item[i]);
	return r;
}

int seg_build_failsafes(struct seg_build *b)
{
	struct seg_list list = b->parser.model.whole.failsafe;
	int r = 0;

	/* The vector grows meanwhile: a copy. */
	for (uint32_t i = 0; !r && i < list.n; i++) {
		struct seg_word word = b->parser.model.words.item[list.first + i];

		r = failsafe_add(b, &word);
	}
	return r;
}
