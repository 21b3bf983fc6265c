/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve.c - groups and services: names to what they stand for. Each is
 * unfolded once; WORK_MAX and NESTING_MAX bound what a small text can ask for.
 */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "build.h"

#define WORK_MAX    (16u << 20) /* addresses and services copied while names are unfolded */
#define NESTING_MAX 32          /* groups within groups */

static int work_add(struct seg_build *b, uint32_t at, uint32_t n)
{
	if (n > WORK_MAX - b->work)
		return seg_build_error(b, at, E2BIG,
				       "the names here unfold to too many addresses or services");
	b->work += n;
	return 0;
}

/* --- names --------------------------------------------------------------- */

/* What an index of names looks into. */
struct name_view {
	const struct seg_model *model;
	const seg_names *names;
};

static bool name_same(const void *array, uint32_t item, const void *key)
{
	const struct name_view *view = array;

	return strcmp(seg_word_text(view->model, &view->names->item[item].name), key) == 0;
}

static uint32_t name_find(const struct seg_build *b, const seg_names *names,
			  const struct seg_index *index, const char *text)
{
	struct name_view view = {&b->parser.model, names};

	return seg_index_find(index, XXH3_64bits(text, strlen(text)), name_same, &view, text);
}

int seg_build_twice(struct seg_build *b, uint32_t at, uint32_t first, const char *what,
		    const char *name)
{
	struct seg_sources *sources = &b->parser.sources;
	char here[SEG_PLACE_TEXT_MAX], place[SEG_PLACE_TEXT_MAX];

	seg_source_print(sources, at, here, sizeof(here));
	seg_source_print(sources, first, place, sizeof(place));
	if (strcmp(here, place) == 0) /* by two that include it */
		return seg_build_error(
			b, at, EINVAL,
			"this file is included twice, and so two %ss are called '%s'", what, name);
	return seg_build_error(b, at, EINVAL, "two %ss are called '%s': the first is at %s", what,
			       name, place);
}

static int names_index(struct seg_build *b, const seg_names *names, struct seg_index *index,
		       const char *what)
{
	for (uint32_t i = 0; i < names->n; i++) {
		const struct seg_word *name = &names->item[i].name;
		const char *text = seg_build_text(b, name);
		uint32_t first = name_find(b, names, index, text);

		if (first != SEG_INDEX_NONE)
			return seg_build_twice(b, name->at, names->item[first].name.at, what, text);
		if (seg_index_add(index, XXH3_64bits(text, name->len), i))
			return -ENOMEM;
	}
	return 0;
}

/* A name must not read as something else, or a rule would not mean what it seems to say. */
static int group_names_check(struct seg_build *b)
{
	for (uint32_t i = 0; i < b->parser.model.whole.groups.n; i++) {
		const struct seg_word *name = &b->parser.model.whole.groups.item[i].name;
		struct seg_range range;

		if (!strcmp(seg_build_text(b, name), "any") ||
		    seg_range_parse(seg_build_text(b, name), name->len, &range) != -EINVAL)
			return seg_build_error(
				b, name->at, EINVAL,
				"a group cannot be called '%s': that has a meaning of its own",
				seg_build_text(b, name));
	}
	return 0;
}

static int service_names_check(struct seg_build *b)
{
	for (uint32_t i = 0; i < b->parser.model.whole.services.n; i++) {
		const struct seg_word *name = &b->parser.model.whole.services.item[i].name;
		struct seg_nearest nearest;
		struct seg_service service;

		if (seg_service_parse(seg_build_text(b, name), name->len, &service, &nearest) !=
		    -ENOENT)
			return seg_build_error(
				b, name->at, EINVAL,
				"a service cannot be called '%s': that has a meaning of its own",
				seg_build_text(b, name));
	}
	return 0;
}

static void suggest_name(struct seg_build *b, const seg_names *names, const struct seg_word *word)
{
	struct seg_nearest nearest = {.text = seg_build_text(b, word), .len = word->len};

	for (uint32_t i = 0; i < names->n; i++)
		seg_nearest_offer(&nearest, seg_build_text(b, &names->item[i].name));
	if (nearest.best)
		seg_build_mend(b, "did you mean '%s'?", nearest.best);
}

/* Begin to unfold a name: 1 if that is done already. */
static int name_open(struct seg_build *b, struct seg_name_state *state, const struct seg_word *word)
{
	if (state->progress == SEG_NAME_DONE)
		return 1;
	if (state->progress == SEG_NAME_OPEN)
		return seg_build_error(b, word->at, EINVAL, "'%s' contains itself",
				       seg_build_text(b, word));
	if (b->nesting == NESTING_MAX)
		return seg_build_error(b, word->at, EINVAL, "names are nested over %d deep",
				       NESTING_MAX);
	state->progress = SEG_NAME_OPEN;
	b->nesting++;
	return 0;
}

static void name_close(struct seg_build *b, struct seg_name_state *state)
{
	state->progress = SEG_NAME_DONE;
	b->nesting--;
}

/* --- address sets -------------------------------------------------------- */

static bool set_same(const void *array, uint32_t item, const void *key)
{
	const struct seg_build *b = array;
	const seg_intervals *set = key;
	const struct seg_set *known = &b->sets.item[item];

	return known->count == set->n && memcmp(b->intervals.item + known->first, set->item,
						set->n * sizeof(*set->item)) == 0;
}

/* The number of this normal set; it is stored if it is new. */
static int set_intern(struct seg_build *b, const seg_intervals *set, uint32_t *out)
{
	uint64_t hash = XXH3_64bits(set->item, set->n * sizeof(*set->item));
	struct seg_set stored = {b->intervals.n, set->n};

	*out = seg_index_find(&b->set_index, hash, set_same, b, set);
	if (*out != SEG_INDEX_NONE)
		return 0;
	*out = b->sets.n;
	if (SEG_ROOM(&b->intervals, set->n))
		return -ENOMEM;
	memcpy(b->intervals.item + b->intervals.n, set->item, set->n * sizeof(*set->item));
	b->intervals.n += set->n;
	if (SEG_PUSH(&b->sets, stored) || SEG_PUSH(&b->hulls, seg_hull_of(set, 4)) ||
	    SEG_PUSH(&b->hulls, seg_hull_of(set, 6)))
		return -ENOMEM;
	return seg_index_add(&b->set_index, hash, *out);
}

static int group_unfold(struct seg_build *b, uint32_t group, const struct seg_word *word);

static int address_error(struct seg_build *b, const struct seg_word *word, int r)
{
	const char *text = seg_build_text(b, word);

	if (r == -ERANGE && strchr(text, '/'))
		return seg_build_error(
			b, word->at, EINVAL,
			"'%s' has bits set behind the prefix, or the prefix is too long", text);
	if (r == -ERANGE)
		return seg_build_error(b, word->at, EINVAL,
				       "'%s' runs backwards or from one family to the other", text);
	if (word->flags & SEG_WORD_LISTED)
		return seg_build_error(b, word->at, EINVAL, "'%s' is no address, prefix or range",
				       text);
	suggest_name(b, &b->parser.model.whole.groups, word);
	return seg_build_error(b, word->at, EINVAL, "'%s' is no group, address, prefix or range",
			       text);
}

static int set_append(struct seg_build *b, const struct seg_word *word, seg_intervals *to,
		      uint32_t set)
{
	struct seg_set from = b->sets.item[set];
	int r = work_add(b, word->at, from.count);

	if (r)
		return r;
	if (SEG_ROOM(to, from.count))
		return -ENOMEM;
	memcpy(to->item + to->n, b->intervals.item + from.first, from.count * sizeof(*to->item));
	to->n += from.count;
	return 0;
}

/* No group has a name that reads as an address. */
static int address_append(struct seg_build *b, const struct seg_word *word, seg_intervals *to)
{
	const char *text = seg_build_text(b, word);
	struct seg_range range;
	uint32_t group;
	int r = seg_range_parse(text, word->len, &range);

	if (!r)
		return seg_intervals_add(to, &range);
	if (r != -EINVAL || (word->flags & SEG_WORD_LISTED))
		return address_error(b, word, r);
	if (!strcmp(text, "any"))
		return SEG_PUSH(to, SEG_INTERVAL_ALL);
	group = name_find(b, &b->parser.model.whole.groups, &b->group_index, text);
	if (group == SEG_INDEX_NONE)
		return address_error(b, word, r);
	r = group_unfold(b, group, word);
	return r ? r : set_append(b, word, to, b->groups[group].set);
}

/* The words that are (not) negative, as a normal set. */
static int words_gather(struct seg_build *b, const struct seg_list *list, bool negative,
			seg_intervals *to)
{
	for (uint32_t i = 0; i < list->n; i++) {
		const struct seg_word *word = &b->parser.model.words.item[list->first + i];
		int r;

		if (((word->flags & SEG_WORD_NEGATIVE) != 0) != negative)
			continue;
		r = address_append(b, word, to);
		if (r)
			return r;
	}
	if (!to->n && !negative)
		return SEG_PUSH(to, SEG_INTERVAL_ALL);
	seg_intervals_normalise(to);
	return 0;
}

int seg_build_list_set(struct seg_build *b, const struct seg_list *list, uint32_t *out)
{
	_cleanup_intervals_ seg_intervals with = {0}, without = {0}, rest = {0};
	int r = words_gather(b, list, false, &with);

	if (!r)
		r = words_gather(b, list, true, &without);
	if (r)
		return r;
	if (!without.n)
		return set_intern(b, &with, out);
	if (seg_intervals_subtract(&rest, &with, &without))
		return -ENOMEM;
	if (!rest.n)
		return seg_build_error(b, list->at, EINVAL,
				       "nothing is left: it would match nothing");
	return set_intern(b, &rest, out);
}

static int group_unfold(struct seg_build *b, uint32_t group, const struct seg_word *word)
{
	const struct seg_named *named = &b->parser.model.whole.groups.item[group];
	int r = name_open(b, &b->groups[group], word);

	if (r)
		return r < 0 ? r : 0;
	if (!named->words.n)
		return seg_build_error(b, named->name.at, EINVAL,
				       "group '%s' is empty: it would match nothing",
				       seg_build_text(b, &named->name));
	r = seg_build_list_set(b, &named->words, &b->groups[group].set);
	name_close(b, &b->groups[group]);
	return r;
}

/* --- services ------------------------------------------------------------ */

static int service_error(struct seg_build *b, const struct seg_word *word, int r,
			 const struct seg_nearest *nearest)
{
	const char *text = seg_build_text(b, word);

	if (r == -ENOENT)
		suggest_name(b, &b->parser.model.whole.services, word);
	if ((r == -ENOENT || r == -ESRCH) && nearest->best)
		seg_build_mend(b, "did you mean '%s'?", nearest->best);
	if (r == -ESRCH)
		return seg_build_error(b, word->at, EINVAL, "'%s' names no ICMP type", text);
	if (r == -ERANGE)
		return seg_build_error(b, word->at, EINVAL,
				       "'%s' is out of range or runs backwards", text);
	seg_build_mend(b, "a service is tcp/80, udp/137-139, icmp/echo-request, proto/47 or any");
	return seg_build_error(b, word->at, EINVAL, "'%s' is no service", text);
}

static int service_unfold(struct seg_build *b, uint32_t item, const struct seg_word *word)
{
	struct seg_name_state *state = &b->services[item];
	int r = name_open(b, state, word);

	if (r)
		return r < 0 ? r : 0;
	r = seg_build_service_list(b, &b->parser.model.whole.services.item[item].words,
				   &state->items);
	name_close(b, state);
	return r;
}

static int service_append(struct seg_build *b, const struct seg_word *word, seg_services *out)
{
	const char *text = seg_build_text(b, word);
	uint32_t item = name_find(b, &b->parser.model.whole.services, &b->service_index, text);
	const seg_services *from;
	struct seg_nearest nearest;
	struct seg_service service;
	int r;

	if (item == SEG_INDEX_NONE) {
		r = seg_service_parse(text, word->len, &service, &nearest);
		return r ? service_error(b, word, r, &nearest) : SEG_PUSH(out, service);
	}
	r = service_unfold(b, item, word);
	from = &b->services[item].items;
	if (!r)
		r = work_add(b, word->at, from->n);
	if (!r)
		r = SEG_ROOM(out, from->n);
	if (r)
		return r;
	memcpy(out->item + out->n, from->item, from->n * sizeof(*from->item));
	out->n += from->n;
	return 0;
}

int seg_build_service_list(struct seg_build *b, const struct seg_list *list, seg_services *out)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < list->n; i++)
		r = service_append(b, &b->parser.model.words.item[list->first + i], out);
	if (!r && !list->n)
		r = SEG_PUSH(out, (struct seg_service){.any = true, .last = UINT16_MAX});
	return r;
}

/* --- all of them ------------------------------------------------------------- */

static int names_unfold(struct seg_build *b)
{
	const struct seg_model *model = &b->parser.model;
	int r = 0;

	b->groups = calloc(model->whole.groups.n + 1u, sizeof(*b->groups));
	b->services = calloc(model->whole.services.n + 1u, sizeof(*b->services));
	b->services_n = b->services ? model->whole.services.n : 0;
	if (!b->groups || !b->services)
		return -ENOMEM;
	for (uint32_t i = 0; !r && i < model->whole.groups.n; i++)
		r = group_unfold(b, i, &model->whole.groups.item[i].name);
	for (uint32_t i = 0; !r && i < model->whole.services.n; i++)
		r = service_unfold(b, i, &model->whole.services.item[i].name);
	return r;
}

int seg_build_names(struct seg_build *b)
{
	const struct seg_model *model = &b->parser.model;
	int r = names_index(b, &model->whole.groups, &b->group_index, "group");

	if (!r)
		r = names_index(b, &model->whole.services, &b->service_index, "service");
	if (!r)
		r = group_names_check(b);
	if (!r)
		r = service_names_check(b);
	return r ? r : names_unfold(b);
}
