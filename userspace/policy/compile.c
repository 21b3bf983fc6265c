/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile.c - a parsed policy to its image: names resolved, address sets
 * joined and stored once, rules unfolded into rows.
 *
 * Every unfolding is bounded (WORK_MAX, ROWS_MAX), so that a small text cannot
 * ask for much memory or time.
 */
#include "policy.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "hash_index.h"
#include "interval.h"
#include "language.h"
#include "service.h"

#define WORK_MAX    (32u << 20) /* addresses and services copied while names are unfolded */
#define ROWS_MAX    (4u << 20)
#define NESTING_MAX 32 /* groups within groups */

/* The bounds of a set in one family's lanes. */
struct hull {
	uint64_t first, last;
	bool some, exact;
};

typedef SEG_VECTOR(struct seg_service) services;

struct name_state {
	enum { NAME_NEW, NAME_OPEN, NAME_DONE } progress;
	uint32_t set;   /* of a group */
	services items; /* of a service */
};

struct build {
	struct seg_parser parser;
	struct name_state *groups, *services;
	struct seg_index group_index, service_index, id_index, set_index, iface_index;
	uint32_t work, rows;
	unsigned int nesting;

	/* the image's sections */
	SEG_VECTOR(struct seg_row) lanes[2 * SEG_LANE_MAX];
	SEG_VECTOR(struct seg_set) sets;
	SEG_VECTOR(struct hull) hulls; /* two a set */
	seg_intervals intervals;
	SEG_VECTOR(struct seg_rule) rules;
	SEG_VECTOR(struct seg_vlan) vlans;
	SEG_VECTOR(uint32_t) ifaces;
	SEG_VECTOR(struct seg_need) needs;
	SEG_VECTOR(char) strings;
};

static const char *text_of(const struct build *b, const struct seg_word *word)
{
	return seg_word_text(&b->parser.model, word);
}

#define fail(b, at, errnum, ...) seg_reader_error(&(b)->parser.reader, at, errnum, __VA_ARGS__)
#define mend(b, ...)             seg_error_mend((b)->parser.reader.err, __VA_ARGS__)

static int work_add(struct build *b, uint32_t at, uint32_t n)
{
	if (n > WORK_MAX - b->work)
		return fail(b, at, E2BIG,
			    "the names here unfold to too many addresses or services");
	b->work += n;
	return 0;
}

static int string_add(struct build *b, const char *text, size_t len, uint32_t *at)
{
	if (SEG_ROOM(&b->strings, (uint32_t)len + 1))
		return -ENOMEM;
	*at = b->strings.n;
	memcpy(b->strings.item + b->strings.n, text, len);
	b->strings.item[b->strings.n + len] = '\0';
	b->strings.n += (uint32_t)len + 1;
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

static uint32_t name_find(const struct build *b, const seg_names *names,
			  const struct seg_index *index, const char *text)
{
	struct name_view view = {&b->parser.model, names};

	return seg_index_find(index, XXH3_64bits(text, strlen(text)), name_same, &view, text);
}

static int names_index(struct build *b, const seg_names *names, struct seg_index *index,
		       const char *what)
{
	for (uint32_t i = 0; i < names->n; i++) {
		const struct seg_word *name = &names->item[i].name;
		const char *text = text_of(b, name);

		if (name_find(b, names, index, text) != SEG_INDEX_NONE)
			return fail(b, name->at, EINVAL, "two %ss are called '%s'", what, text);
		if (seg_index_add(index, XXH3_64bits(text, name->len), i))
			return -ENOMEM;
	}
	return 0;
}

/* A name must not read as something else, or a rule would not mean what it seems to say. */
static int group_names_check(struct build *b)
{
	for (uint32_t i = 0; i < b->parser.model.groups.n; i++) {
		const struct seg_word *name = &b->parser.model.groups.item[i].name;
		struct seg_range range;

		if (!strcmp(text_of(b, name), "any") ||
		    seg_range_parse(text_of(b, name), name->len, &range) != -EINVAL)
			return fail(b, name->at, EINVAL,
				    "a group cannot be called '%s': that has a meaning of its own",
				    text_of(b, name));
	}
	return 0;
}

static int service_names_check(struct build *b)
{
	for (uint32_t i = 0; i < b->parser.model.services.n; i++) {
		const struct seg_word *name = &b->parser.model.services.item[i].name;
		struct seg_nearest nearest;
		struct seg_service service;

		if (seg_service_parse(text_of(b, name), name->len, &service, &nearest) != -ENOENT)
			return fail(
				b, name->at, EINVAL,
				"a service cannot be called '%s': that has a meaning of its own",
				text_of(b, name));
	}
	return 0;
}

static void suggest_name(struct build *b, const seg_names *names, const struct seg_word *word)
{
	struct seg_nearest nearest = {.text = text_of(b, word), .len = word->len};

	for (uint32_t i = 0; i < names->n; i++)
		seg_nearest_offer(&nearest, text_of(b, &names->item[i].name));
	if (nearest.best)
		mend(b, "did you mean '%s'?", nearest.best);
}

/* Begin to unfold a name: 1 if that is done already. */
static int name_open(struct build *b, struct name_state *state, const struct seg_word *word)
{
	if (state->progress == NAME_DONE)
		return 1;
	if (state->progress == NAME_OPEN)
		return fail(b, word->at, EINVAL, "'%s' contains itself", text_of(b, word));
	if (b->nesting == NESTING_MAX)
		return fail(b, word->at, EINVAL, "names are nested over %d deep", NESTING_MAX);
	state->progress = NAME_OPEN;
	b->nesting++;
	return 0;
}

static void name_close(struct build *b, struct name_state *state)
{
	state->progress = NAME_DONE;
	b->nesting--;
}

/* --- address sets -------------------------------------------------------- */

static struct seg_wide wide_after(struct seg_wide a)
{
	return (struct seg_wide){a.high + (a.low == UINT64_MAX), a.low + 1};
}

static bool wide_is(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) == 0;
}

static struct seg_wide wide_least(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) < 0 ? a : b;
}

static struct seg_wide wide_most(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) > 0 ? a : b;
}

static struct hull hull_v4(const struct seg_interval *item, uint32_t n)
{
	struct hull hull = {.exact = true};

	for (uint32_t i = 0; i < n; i++) {
		struct seg_wide first = wide_most(item[i].first, SEG_INTERVAL_V4.first);
		struct seg_wide last = wide_least(item[i].last, SEG_INTERVAL_V4.last);

		if (seg_wide_compare(first, last) > 0)
			continue;
		if (!hull.some)
			hull.first = seg_lane_unit(4, first);
		hull.exact = !hull.some;
		hull.last = seg_lane_unit(4, last);
		hull.some = true;
	}
	return hull;
}

/* The same place on IPv6's line, where the hole of the IPv4 addresses does not count. */
static bool touches(struct seg_wide last, struct seg_wide first)
{
	return wide_is(wide_after(last), SEG_INTERVAL_V4.first) &&
	       wide_is(first, wide_after(SEG_INTERVAL_V4.last));
}

static bool inside_v4(const struct seg_interval *interval)
{
	return seg_wide_compare(interval->first, SEG_INTERVAL_V4.first) >= 0 &&
	       seg_wide_compare(interval->last, SEG_INTERVAL_V4.last) <= 0;
}

/* Where an interval ends or begins inside of IPv4, IPv6's part of it ends before or begins behind.
 */
static struct seg_interval outside_v4(struct seg_interval interval)
{
	if (seg_wide_compare(interval.first, SEG_INTERVAL_V4.first) >= 0 &&
	    seg_wide_compare(interval.first, SEG_INTERVAL_V4.last) <= 0)
		interval.first = wide_after(SEG_INTERVAL_V4.last);
	if (seg_wide_compare(interval.last, SEG_INTERVAL_V4.first) >= 0 &&
	    seg_wide_compare(interval.last, SEG_INTERVAL_V4.last) <= 0)
		interval.last = (struct seg_wide){0, SEG_INTERVAL_V4.first.low - 1};
	return interval;
}

/* Bounds compare only upper halves: exact if the lower ones are whole. */
static struct hull hull_v6(const struct seg_interval *item, uint32_t n)
{
	struct hull hull = {.exact = true};
	struct seg_wide first = {0}, last = {0};

	for (uint32_t i = 0; i < n; i++) {
		struct seg_interval part = outside_v4(item[i]);

		if (inside_v4(&item[i]))
			continue;
		if (!hull.some)
			first = part.first;
		else if (!touches(last, part.first))
			hull.exact = false;
		last = part.last;
		hull.some = true;
	}
	hull.exact = hull.exact && first.low == 0 && last.low == UINT64_MAX;
	hull.first = first.high;
	hull.last = last.high;
	return hull;
}

static bool set_same(const void *array, uint32_t item, const void *key)
{
	const struct build *b = array;
	const seg_intervals *set = key;
	const struct seg_set *known = &b->sets.item[item];

	return known->count == set->n && memcmp(b->intervals.item + known->first, set->item,
						set->n * sizeof(*set->item)) == 0;
}

/* The number of this normal set; it is stored if it is new. */
static int set_intern(struct build *b, const seg_intervals *set, uint32_t *out)
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
	if (SEG_PUSH(&b->sets, stored) || SEG_PUSH(&b->hulls, hull_v4(set->item, set->n)) ||
	    SEG_PUSH(&b->hulls, hull_v6(set->item, set->n)))
		return -ENOMEM;
	return seg_index_add(&b->set_index, hash, *out);
}

static int group_unfold(struct build *b, uint32_t group, const struct seg_word *word);

static int address_error(struct build *b, const struct seg_word *word, int r)
{
	const char *text = text_of(b, word);

	if (r == -ERANGE && strchr(text, '/'))
		return fail(b, word->at, EINVAL,
			    "'%s' has bits set behind the prefix, or the prefix is too long", text);
	if (r == -ERANGE)
		return fail(b, word->at, EINVAL,
			    "'%s' runs backwards or from one family to the other", text);
	suggest_name(b, &b->parser.model.groups, word);
	return fail(b, word->at, EINVAL, "'%s' is no group, address, prefix or range", text);
}

static int set_append(struct build *b, const struct seg_word *word, seg_intervals *to, uint32_t set)
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

static int address_append(struct build *b, const struct seg_word *word, seg_intervals *to)
{
	const char *text = text_of(b, word);
	uint32_t group = name_find(b, &b->parser.model.groups, &b->group_index, text);
	struct seg_range range;
	int r;

	if (!strcmp(text, "any"))
		return SEG_PUSH(to, SEG_INTERVAL_ALL);
	if (group == SEG_INDEX_NONE) {
		r = seg_range_parse(text, word->len, &range);
		return r ? address_error(b, word, r) : seg_intervals_add(to, &range);
	}
	r = group_unfold(b, group, word);
	return r ? r : set_append(b, word, to, b->groups[group].set);
}

/* The words that are (not) negative, as a normal set. */
static int words_gather(struct build *b, const struct seg_list *list, bool negative,
			seg_intervals *to)
{
	for (uint32_t i = 0; i < list->n; i++) {
		/* A copy: unfolding may not move the words, but nothing here relies on it. */
		struct seg_word word = b->parser.model.words.item[list->first + i];
		int r;

		if (word.negative != negative)
			continue;
		r = address_append(b, &word, to);
		if (r)
			return r;
	}
	if (!to->n && !negative)
		return SEG_PUSH(to, SEG_INTERVAL_ALL);
	seg_intervals_normalise(to);
	return 0;
}

/* The set that a list says: what is named, or all, without what is named under `not`. */
static int list_set(struct build *b, const struct seg_list *list, uint32_t *out)
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
		return fail(b, list->at, EINVAL, "nothing is left: it would match nothing");
	return set_intern(b, &rest, out);
}

static int group_unfold(struct build *b, uint32_t group, const struct seg_word *word)
{
	const struct seg_named *named = &b->parser.model.groups.item[group];
	int r = name_open(b, &b->groups[group], word);

	if (r)
		return r < 0 ? r : 0;
	if (!named->words.n)
		return fail(b, named->name.at, EINVAL,
			    "group '%s' is empty: it would match nothing",
			    text_of(b, &named->name));
	r = list_set(b, &named->words, &b->groups[group].set);
	name_close(b, &b->groups[group]);
	return r;
}

/* --- services ------------------------------------------------------------ */

static int service_error(struct build *b, const struct seg_word *word, int r,
			 const struct seg_nearest *nearest)
{
	const char *text = text_of(b, word);

	if (r == -ENOENT)
		suggest_name(b, &b->parser.model.services, word);
	if ((r == -ENOENT || r == -ESRCH) && nearest->best)
		mend(b, "did you mean '%s'?", nearest->best);
	if (r == -ESRCH)
		return fail(b, word->at, EINVAL, "'%s' names no ICMP type", text);
	if (r == -ERANGE)
		return fail(b, word->at, EINVAL, "'%s' is out of range or runs backwards", text);
	mend(b, "a service is tcp/80, udp/137-139, icmp/echo-request, proto/47 or any");
	return fail(b, word->at, EINVAL, "'%s' is no service", text);
}

static int service_list(struct build *b, const struct seg_list *list, services *out);

static int service_unfold(struct build *b, uint32_t item, const struct seg_word *word)
{
	struct name_state *state = &b->services[item];
	int r = name_open(b, state, word);

	if (r)
		return r < 0 ? r : 0;
	r = service_list(b, &b->parser.model.services.item[item].words, &state->items);
	name_close(b, state);
	return r;
}

static int service_append(struct build *b, const struct seg_word *word, services *out)
{
	const char *text = text_of(b, word);
	uint32_t item = name_find(b, &b->parser.model.services, &b->service_index, text);
	const services *from;
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

static int service_list(struct build *b, const struct seg_list *list, services *out)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < list->n; i++)
		r = service_append(b, &b->parser.model.words.item[list->first + i], out);
	if (!r && !list->n)
		r = SEG_PUSH(out, (struct seg_service){.any = true, .last = UINT16_MAX});
	return r;
}

/* --- rules --------------------------------------------------------------- */

struct ports {
	uint16_t first, last;
};

/* A rule, resolved: its rows are the product of the four lists. */
struct unfolded {
	const struct seg_rule_text *text;
	uint32_t rule, from, to;
	services services;
	SEG_VECTOR(struct ports) source_ports;
	SEG_VECTOR(struct seg_vlan) vlans;
	SEG_VECTOR(uint16_t) ifaces;
};

static void unfolded_free(struct unfolded *u)
{
	free(u->services.item);
	free(u->source_ports.item);
	free(u->vlans.item);
	free(u->ifaces.item);
}

static int source_port_append(struct build *b, struct unfolded *u, const struct seg_word *word)
{
	struct ports ports;

	if (!seg_ports_parse(text_of(b, word), word->len, &ports.first, &ports.last))
		return SEG_PUSH(&u->source_ports, ports);
	mend(b, "a source port is 53 or 1024-65535");
	return fail(b, word->at, EINVAL, "'%s' is no port or range of ports", text_of(b, word));
}

static int tag_parse(const char *text, size_t len, uint16_t *tag)
{
	uint64_t vid;
	int r = seg_number_parse(text, len, 4094, &vid);

	if (r || !vid)
		return -EINVAL;
	*tag = (uint16_t)(SEG_VLAN_PRESENT | vid);
	return 0;
}

static int vlan_append(struct build *b, struct unfolded *u, const struct seg_word *word)
{
	const char *text = text_of(b, word), *slash = strchr(text, '/');
	size_t head = slash ? (size_t)(slash - text) : word->len;
	struct seg_vlan vlan = {0};
	int r = tag_parse(text, head, &vlan.tag[0]);

	if (!r && slash)
		r = tag_parse(slash + 1, word->len - head - 1, &vlan.tag[1]);
	if (r) {
		mend(b, "a VLAN is 1 to 4094, or outer/inner: 100/200");
		return fail(b, word->at, EINVAL, "'%s' is no VLAN", text);
	}
	r = SEG_PUSH(&u->vlans, vlan);
	return r ? r : SEG_PUSH(&b->vlans, vlan);
}

static bool iface_same(const void *array, uint32_t item, const void *key)
{
	const struct build *b = array;

	return strcmp(b->strings.item + b->ifaces.item[item], key) == 0;
}

/* The kernel's dev_valid_name(). */
static bool iface_valid(const char *text, size_t len)
{
	return len < 16 && strcmp(text, ".") && strcmp(text, "..") &&
	       !strpbrk(text, "/: \t\r\n\v\f");
}

static int iface_append(struct build *b, struct unfolded *u, const struct seg_word *word)
{
	const char *text = text_of(b, word);
	uint64_t hash = XXH3_64bits(text, word->len);
	uint32_t at, iface;

	if (!iface_valid(text, word->len))
		return fail(b, word->at, EINVAL, "'%s' cannot be an interface's name", text);
	iface = seg_index_find(&b->iface_index, hash, iface_same, b, text);
	if (iface == SEG_INDEX_NONE) {
		iface = b->ifaces.n;
		if (iface == UINT16_MAX - 1)
			return fail(b, word->at, E2BIG, "too many interface names");
		if (string_add(b, text, word->len, &at) || SEG_PUSH(&b->ifaces, at) ||
		    seg_index_add(&b->iface_index, hash, iface))
			return -ENOMEM;
	}
	return SEG_PUSH(&u->ifaces, (uint16_t)(iface + 1));
}

static int each_word(struct build *b, struct unfolded *u, const struct seg_list *list,
		     int (*append)(struct build *, struct unfolded *, const struct seg_word *))
{
	int r = 0;

	for (uint32_t i = 0; !r && i < list->n; i++)
		r = append(b, u, &b->parser.model.words.item[list->first + i]);
	return r;
}

/* With source ports, `any` means any protocol that has ports; one without them could never match.
 */
static int source_ports_spread(struct build *b, struct unfolded *u)
{
	const uint8_t *protos;
	size_t n = seg_port_protocols(&protos);

	for (uint32_t i = 0, had = u->services.n; i < had; i++) {
		struct seg_service *service = &u->services.item[i];

		if (!service->any && !service->ports)
			return fail(b, u->text->source_port.at, EINVAL,
				    "'source-port' with a service that has no ports");
		if (!service->any)
			continue;
		*service =
			(struct seg_service){.proto = protos[0], .ports = true, .last = UINT16_MAX};
		for (size_t j = 1; j < n; j++)
			if (SEG_PUSH(&u->services, (struct seg_service){.proto = protos[j],
									.ports = true,
									.last = UINT16_MAX}))
				return -ENOMEM;
	}
	return 0;
}

static int unfold(struct build *b, struct unfolded *u)
{
	const struct seg_rule_text *text = u->text;
	int r = list_set(b, &text->from, &u->from);

	if (!r)
		r = list_set(b, &text->to, &u->to);
	if (!r)
		r = service_list(b, &text->service, &u->services);
	if (!r)
		r = each_word(b, u, &text->source_port, source_port_append);
	if (!r)
		r = each_word(b, u, &text->vlan, vlan_append);
	if (!r)
		r = each_word(b, u, &text->iface, iface_append);
	if (!r && u->source_ports.n)
		r = source_ports_spread(b, u);
	return r;
}

static int row_push(struct build *b, const struct unfolded *u, uint8_t family, enum seg_lane lane,
		    struct seg_row row)
{
	const struct hull *src = &b->hulls.item[2 * u->from + (family == 6)];
	const struct hull *dst = &b->hulls.item[2 * u->to + (family == 6)];

	if (!src->some || !dst->some)
		return 0;
	if (++b->rows > ROWS_MAX)
		return fail(b, u->text->at, E2BIG, "the rules unfold to over %u combinations",
			    ROWS_MAX);
	row.src_first = src->first;
	row.src_last = src->last;
	row.dst_first = dst->first;
	row.dst_last = dst->last;
	row.src_set = src->exact ? SEG_SET_NONE : u->from;
	row.dst_set = dst->exact ? SEG_SET_NONE : u->to;
	return SEG_PUSH(&b->lanes[seg_lane_section(family, lane)], row);
}

/* Into each lane where the service can occur. */
static int rows_push(struct build *b, const struct unfolded *u, const struct seg_service *service,
		     struct seg_row row)
{
	int r = 0;

	row.proto = service->proto;
	row.flags = service->any ? SEG_ROW_ANY_PROTO : 0;
	row.dport_first = service->first;
	row.dport_last = service->last;
	for (uint8_t family = 4; !r && family <= 6; family = (uint8_t)(family + 2)) {
		enum seg_lane own = seg_lane_of(family, service->proto);

		if (service->family && service->family != family)
			continue;
		for (enum seg_lane lane = 0; !r && lane < SEG_LANE_MAX; lane++)
			if (service->any || lane == own)
				r = row_push(b, u, family, lane, row);
	}
	return r;
}

/* The product of the lists; an empty one stands for one row that asks nothing. */
static int rows_unfold(struct build *b, const struct unfolded *u)
{
	uint32_t ports = u->source_ports.n ? u->source_ports.n : 1;
	uint32_t vlans = u->vlans.n ? u->vlans.n : 1, ifaces = u->ifaces.n ? u->ifaces.n : 1;
	uint64_t product = (uint64_t)u->services.n * ports;
	int r = 0;

	for (uint64_t i = 0; !r && i < product * vlans * ifaces; i++) {
		struct seg_row row = {.rule = u->rule,
				      .sport_last = UINT16_MAX,
				      .directions = u->text->directions};
		uint64_t rest = i / u->services.n;

		if (u->source_ports.n) {
			row.sport_first = u->source_ports.item[rest % ports].first;
			row.sport_last = u->source_ports.item[rest % ports].last;
		}
		rest /= ports;
		if (u->vlans.n)
			memcpy(row.vlan, u->vlans.item[rest % vlans].tag, sizeof(row.vlan));
		if (u->ifaces.n)
			row.iface = u->ifaces.item[rest / vlans];
		r = rows_push(b, u, &u->services.item[i % u->services.n], row);
	}
	return r;
}

static bool id_same(const void *array, uint32_t item, const void *key)
{
	const struct build *b = array;

	return strcmp(b->strings.item + b->rules.item[item].id, key) == 0;
}

static int id_add(struct build *b, const struct seg_rule_text *text, uint32_t *id)
{
	uint32_t at = text->id.len ? text->id.at : text->at;
	char own[SEG_NAME_MAX];
	uint64_t hash;

	if (text->id.len)
		snprintf(own, sizeof(own), "%s", text_of(b, &text->id));
	else
		snprintf(own, sizeof(own), "rule-%u", b->rules.n + 1);
	if (!strcmp(own, "default") || !strcmp(own, "-"))
		return fail(b, at, EINVAL,
			    "a rule cannot be called '%s': that has a meaning of its own", own);
	hash = XXH3_64bits(own, strlen(own));
	if (seg_index_find(&b->id_index, hash, id_same, b, own) != SEG_INDEX_NONE)
		return fail(b, at, EINVAL, "two rules are called '%s'", own);
	if (seg_index_add(&b->id_index, hash, b->rules.n))
		return -ENOMEM;
	return string_add(b, own, strlen(own), id);
}

static int rule_add(struct build *b, const struct seg_rule_text *text)
{
	_cleanup_(unfolded_free) struct unfolded u = {.text = text, .rule = b->rules.n};
	struct seg_rule rule = {.verdict = text->verdict, .flags = text->log ? SEG_VERDICT_LOG : 0};
	unsigned int column;
	uint32_t had = b->rows;
	int r = id_add(b, text, &rule.id);

	if (!r)
		r = unfold(b, &u);
	if (!r)
		r = rows_unfold(b, &u);
	if (r)
		return r;
	seg_reader_place(&b->parser.reader, text->at, &rule.line, &column);
	if (b->rows == had)
		return fail(b, text->at, EINVAL,
			    "this rule can never match: its addresses and services share no IP "
			    "version");
	rule.from = u.from;
	rule.to = u.to;
	return SEG_PUSH(&b->rules, rule);
}

/* --- the image ----------------------------------------------------------- */

static int by_tags(const void *a, const void *b)
{
	const struct seg_vlan *x = a, *y = b;
	int outer = (int)x->tag[0] - (int)y->tag[0];

	return outer ? outer : (int)x->tag[1] - (int)y->tag[1];
}

static int vlans_sort(struct build *b)
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
		return fail(b, 0, E2BIG, "the rules name over %d VLANs", SEG_VLANS_MAX);
	return 0;
}

static int needs_add(struct build *b)
{
	for (uint32_t i = 0; i < b->parser.model.wishes.n; i++) {
		const struct seg_wish *wish = &b->parser.model.wishes.item[i];
		struct seg_need need = {0};
		char what[64];

		snprintf(what, sizeof(what), "%s: %s", wish->key, wish->value);
		seg_reader_place(&b->parser.reader, wish->at, &need.line, &need.column);
		if (string_add(b, what, strlen(what), &need.what) || SEG_PUSH(&b->needs, need))
			return -ENOMEM;
	}
	return 0;
}

/* A section's bytes. */
struct part {
	const void *data;
	uint32_t count;
	size_t size;
};

#define PART(v)                                                                                    \
	{                                                                                          \
		(v).item, (v).n, sizeof(*(v).item)                                                 \
	}

static uint64_t aligned(uint64_t size)
{
	return (size + 7) & ~7ull;
}

static void header_fill(struct build *b, struct seg_image *image)
{
	const struct seg_reader *reader = &b->parser.reader;
	XXH128_hash_t hash = XXH3_128bits(reader->text, reader->text_len);
	const struct seg_word *name = &b->parser.model.name;

	memcpy(image->magic, SEG_IMAGE_MAGIC, sizeof(image->magic));
	image->version = SEG_IMAGE_VERSION;
	image->byte_order = SEG_IMAGE_BYTE_ORDER;
	image->defaults = b->parser.model.defaults;
	snprintf(image->name, sizeof(image->name), "%s", name->len ? text_of(b, name) : "policy");
	snprintf(image->hash, sizeof(image->hash), "%016llx%016llx",
		 (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

static int image_lay_out(struct build *b, struct seg_image **out)
{
	struct part parts[SEG_SECTION_MAX] = {
		[SEG_SECTION_SETS] = PART(b->sets),
		[SEG_SECTION_INTERVALS] = PART(b->intervals),
		[SEG_SECTION_RULES] = PART(b->rules),
		[SEG_SECTION_VLANS] = PART(b->vlans),
		[SEG_SECTION_IFACES] = PART(b->ifaces),
		[SEG_SECTION_NEEDS] = PART(b->needs),
		[SEG_SECTION_STRINGS] = PART(b->strings),
	};
	uint64_t size = sizeof(struct seg_image), at = size;
	size_t start = offsetof(struct seg_image, hash);
	struct seg_image *image;

	for (unsigned int i = SEG_SECTION_LANES; i <= SEG_SECTION_BEFORE; i++)
		parts[i] = (struct part)PART(b->lanes[i]);
	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++)
		size += aligned(parts[i].count * parts[i].size);
	if (size > SEG_IMAGE_SIZE_MAX)
		return fail(b, 0, E2BIG, "the compiled policy has over %u MiB",
			    SEG_IMAGE_SIZE_MAX >> 20);
	image = calloc(1, size);
	if (!image)
		return -ENOMEM;
	header_fill(b, image);
	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++) {
		image->section[i] = (struct seg_section){(uint32_t)at, parts[i].count};
		if (parts[i].count)
			memcpy((char *)image + at, parts[i].data, parts[i].count * parts[i].size);
		at += aligned(parts[i].count * parts[i].size);
	}
	image->size = size;
	image->checksum = XXH3_64bits((const char *)image + start, image->size - start);
	*out = image;
	return 0;
}

/* --- all of it ----------------------------------------------------------- */

static int names_unfold(struct build *b)
{
	const struct seg_model *model = &b->parser.model;
	int r = 0;

	b->groups = calloc(model->groups.n + 1u, sizeof(*b->groups));
	b->services = calloc(model->services.n + 1u, sizeof(*b->services));
	if (!b->groups || !b->services)
		return -ENOMEM;
	for (uint32_t i = 0; !r && i < model->groups.n; i++)
		r = group_unfold(b, i, &model->groups.item[i].name);
	for (uint32_t i = 0; !r && i < model->services.n; i++)
		r = service_unfold(b, i, &model->services.item[i].name);
	return r;
}

static int names_prepare(struct build *b)
{
	const struct seg_model *model = &b->parser.model;
	int r = names_index(b, &model->groups, &b->group_index, "group");

	if (!r)
		r = names_index(b, &model->services, &b->service_index, "service");
	if (!r)
		r = group_names_check(b);
	if (!r)
		r = service_names_check(b);
	return r ? r : names_unfold(b);
}

static void build_free(struct build *b)
{
	for (uint32_t i = 0; b->services && i < b->parser.model.services.n; i++)
		free(b->services[i].items.item);
	free(b->services);
	free(b->groups);
	seg_index_free(&b->group_index);
	seg_index_free(&b->service_index);
	seg_index_free(&b->id_index);
	seg_index_free(&b->set_index);
	seg_index_free(&b->iface_index);
	for (unsigned int i = 0; i < 2 * SEG_LANE_MAX; i++)
		free(b->lanes[i].item);
	free(b->sets.item);
	free(b->hulls.item);
	free(b->intervals.item);
	free(b->rules.item);
	free(b->vlans.item);
	free(b->ifaces.item);
	free(b->needs.item);
	free(b->strings.item);
	seg_parser_free(&b->parser);
}

static int compile(struct build *b, struct seg_image **out)
{
	int r = names_prepare(b);

	for (uint32_t i = 0; !r && i < b->parser.model.rules.n; i++)
		r = rule_add(b, &b->parser.model.rules.item[i]);
	if (!r)
		r = vlans_sort(b);
	if (!r)
		r = needs_add(b);
	return r ? r : image_lay_out(b, out);
}

int seg_policy_compile(const char *name, const char *text, size_t len, struct seg_image **out,
		       struct seg_error *err)
{
	_cleanup_(build_free) struct build b = {0};
	int r = seg_parser_run(&b.parser, name, text, len, err);

	if (!r)
		r = compile(&b, out);
	/* All but this is said where it is found. */
	return r == -ENOMEM ? seg_error_set(err, ENOMEM, "%s: not enough memory", name) : r;
}
