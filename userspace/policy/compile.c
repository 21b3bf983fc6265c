/* SPDX-License-Identifier: BSD-2-Clause */
/* compile.c - a policy's texts to its image: names, rules, what finds them, all laid out. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "build.h"
#include "pieces.h"

int seg_build_string(struct seg_build *b, const char *text, size_t len, uint32_t *at)
{
	if (SEG_ROOM(&b->strings, (uint32_t)len + 1))
		return -ENOMEM;
	*at = b->strings.n;
	memcpy(b->strings.item + b->strings.n, text, len);
	b->strings.item[b->strings.n + len] = '\0';
	b->strings.n += (uint32_t)len + 1;
	return 0;
}

/* --- rules --------------------------------------------------------------- */

static bool id_same(const void *array, uint32_t item, const void *key)
{
	const struct seg_build *b = array;

	return strcmp(b->strings.item + b->rules.item[item].id, key) == 0;
}

static uint32_t rule_place(const struct seg_rule_text *text)
{
	return text->id.len ? text->id.at : text->at;
}

static int id_add(struct seg_build *b, const struct seg_rule_text *text, uint32_t *id)
{
	uint32_t at = rule_place(text), first;
	char own[SEG_NAME_MAX];
	uint64_t hash;

	if (text->id.len)
		snprintf(own, sizeof(own), "%s", seg_build_text(b, &text->id));
	else
		snprintf(own, sizeof(own), "rule-%u", b->rules.n + 1);
	if (!strcmp(own, "default") || !strcmp(own, "-"))
		return seg_build_error(
			b, at, EINVAL,
			"a rule cannot be called '%s': that has a meaning of its own", own);
	hash = XXH3_64bits(own, strlen(own));
	first = seg_index_find(&b->id_index, hash, id_same, b, own);
	if (first != SEG_INDEX_NONE)
		return seg_build_twice(b, at, rule_place(&b->parser.model.whole.rules.item[first]),
				       "rule", own);
	if (seg_index_add(&b->id_index, hash, b->rules.n))
		return -ENOMEM;
	return seg_build_string(b, own, strlen(own), id);
}

/* Where it is; the file is a string, "" for the policy's own. */
static int place_add(struct seg_build *b, uint32_t at, uint32_t *file, uint32_t *line,
		     uint32_t *column)
{
	struct seg_sources *sources = &b->parser.sources;
	const struct seg_source *source = seg_source_place(sources, at, line, column);
	const char *name = source == sources->item ? "" : source->name;

	if (b->place.source == source) {
		*file = b->place.file;
		return 0;
	}
	b->place.source = source;
	if (seg_build_string(b, name, strlen(name), &b->place.file))
		return -ENOMEM;
	*file = b->place.file;
	return 0;
}

/* Few texts, many uses: each is kept once. */
static int text_add(struct seg_build *b, const char *text, uint32_t *at)
{
	for (uint32_t i = 0; i < b->texts.n; i++) {
		if (strcmp(b->strings.item + b->texts.item[i], text) != 0)
			continue;
		*at = b->texts.item[i];
		return 0;
	}
	if (seg_build_string(b, text, strlen(text), at))
		return -ENOMEM;
	return SEG_PUSH(&b->texts, *at);
}

static int rule_add(struct seg_build *b, const struct seg_rule_text *text)
{
	struct seg_rule rule = seg_rule_of(text);
	unsigned int column;
	int r = id_add(b, text, &rule.id);

	if (!r)
		r = seg_rule_unfold(b, text, b->rules.n, &rule);
	if (!r)
		r = place_add(b, text->at, &rule.file, &rule.line, &column);
	if (r)
		return r;
	if (rule.stage == SEG_STAGE_SHADOW && b->rules.n >= SEG_SHADOW_MAX) {
		seg_build_mend(b, "move it up: a shadow rule decides nothing where it stands");
		return seg_build_error(b, text->at, E2BIG,
				       "a shadow rule behind the first %d rules", SEG_SHADOW_MAX);
	}
	return SEG_PUSH(&b->rules, rule);
}

/* --- the image ----------------------------------------------------------- */

static int by_tags(const void *a, const void *b)
{
	const struct seg_vlan *x = a, *y = b;
	int outer = (int)x->tag[0] - (int)y->tag[0];

	return outer ? outer : (int)x->tag[1] - (int)y->tag[1];
}

int seg_build_sort_vlans(struct seg_build *b)
{
	uint32_t n = 0;

	if (!b->vlans.n)
		return 0;
	qsort(b->vlans.item, b->vlans.n, sizeof(*b->vlans.item), by_tags);
	for (uint32_t i = 1; i < b->vlans.n; i++)
		if (by_tags(&b->vlans.item[n], &b->vlans.item[i]))
			b->vlans.item[++n] = b->vlans.item[i];
	b->vlans.n = n + 1;
	if (b->vlans.n > SEG_VLANS_MAX)
		return seg_build_error(b, 0, E2BIG, "the rules name over %d VLANs", SEG_VLANS_MAX);
	return 0;
}

/* Overridden by a file that includes this one. */
static bool wish_void(const struct seg_model *model, const struct seg_wish *wish)
{
	uint32_t given;

	if (!wish->setting)
		return false;
	given = model->whole.given[wish->key->offset];
	return given != wish->value + 1;
}

static int need_add(struct seg_build *b, const struct seg_wish *wish)
{
	const char *mend = wish->choice ? wish->choice->mend : wish->key->mend;
	struct seg_need_item need = {0};
	char what[64];
	int r = place_add(b, wish->at, &need.file, &need.line, &need.column);

	if (wish->choice)
		snprintf(what, sizeof(what), "%s: %s", wish->key->name, wish->choice->name);
	else
		snprintf(what, sizeof(what), "%s", wish->key->wish);
	if (!r)
		r = text_add(b, what, &need.what);
	if (!r)
		r = text_add(b, mend, &need.mend);
	return r ? r : SEG_PUSH(&b->needs, need);
}

static int needs_add(struct seg_build *b)
{
	const struct seg_model *model = &b->parser.model;
	int r = 0;

	for (uint32_t i = 0; !r && i < model->wishes.n; i++)
		if (!wish_void(model, &model->wishes.item[i]))
			r = need_add(b, &model->wishes.item[i]);
	return r;
}
/* --- all of it ----------------------------------------------------------- */

void seg_build_free(struct seg_build *b)
{
	for (uint32_t i = 0; i < b->services_n; i++)
		free(b->services[i].items.item);
	free(b->services);
	free(b->groups);
	seg_index_free(&b->group_index);
	seg_index_free(&b->service_index);
	seg_index_free(&b->id_index);
	seg_index_free(&b->set_index);
	seg_index_free(&b->iface_index);
	seg_index_free(&b->rest_index);
	for (unsigned int i = 0; i < 2 * SEG_LANE_MAX; i++)
		free(b->lanes[i].item);
	free(b->sets.item);
	free(b->hulls.item);
	free(b->intervals.item);
	free(b->rules.item);
	free(b->vlans.item);
	free(b->ifaces.item);
	free(b->needs.item);
	free(b->failsafes.item);
	free(b->finders.item);
	free(b->banks.item);
	free(b->rests.item);
	for (int six = 0; six < 2; six++) {
		free(b->slots[six].item);
		free(b->boxes[six].item);
		free(b->box_rests[six].item);
	}
	free(b->texts.item);
	free(b->texts_sum.item);
	free(b->strings.item);
	seg_parser_free(&b->parser);
}

/* Names to sets and services, rules to rows. */
static int rules_make(struct seg_build *b)
{
	const seg_rule_texts *rules = &b->parser.model.whole.rules;
	int r = seg_build_names(b);

	for (uint32_t i = 0; !r && i < rules->n; i++)
		r = rule_add(b, &rules->item[i]);
	if (!r)
		r = seg_build_failsafes(b);
	if (!r)
		r = seg_build_sort_vlans(b);
	return r ? r : needs_add(b);
}

/* All but this is said where it is found. */
static int memory_tell(struct seg_build *b, const struct seg_policy_file *file, int r)
{
	if (r == -ENOMEM)
		seg_error_set(b->parser.sources.err, ENOMEM, "%s: not enough memory", file->name);
	return r;
}

int seg_build_rules(struct seg_build *b, const struct seg_policy_file *file)
{
	int r = seg_parser_run(&b->parser, file);

	return memory_tell(b, file, r ? r : rules_make(b));
}

int seg_build_run(struct seg_build *b, const struct seg_policy_file *file, struct seg_image **out)
{
	int r = seg_build_rules(b, file);

	if (!r)
		r = seg_finders_make(b);
	return memory_tell(b, file, r ? r : seg_build_lay_out(b, out));
}

int seg_compile(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		struct seg_model *model, struct seg_image **out, struct seg_error *err)
{
	_cleanup_(seg_build_free) struct seg_build b = {
		.parser = {.loader = loader, .sources = {.err = err}}};
	int r = seg_build_run(&b, file, out);

	if (!r && model) {
		*model = b.parser.model;
		b.parser.model = (struct seg_model){0};
	}
	return r;
}
