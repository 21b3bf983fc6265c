/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile.c - a parsed policy to its image: rules unfolded into rows (at most
 * ROWS_MAX, so that a small text cannot ask for much), sections laid out.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "build.h"
#include "field.h"

#define ROWS_MAX (4u << 20)

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

struct ports {
	uint16_t first, last;
};

/* A rule, resolved: its rows are the product of its lists. */
struct unfolded {
	const struct seg_rule_text *text;
	uint32_t rule, from, to;
	seg_services services;
	SEG_VECTOR(struct ports) source_ports;
	SEG_VECTOR(struct seg_tcp_match) tcp_flags;
	SEG_VECTOR(uint8_t) dscps;
	SEG_VECTOR(struct seg_vlan) vlans;
	SEG_VECTOR(uint16_t) ifaces;
};

static void unfolded_free(struct unfolded *u)
{
	free(u->services.item);
	free(u->source_ports.item);
	free(u->tcp_flags.item);
	free(u->dscps.item);
	free(u->vlans.item);
	free(u->ifaces.item);
}

static int source_port_append(struct seg_build *b, struct unfolded *u, const struct seg_word *word)
{
	struct ports ports;

	if (!seg_ports_parse(seg_build_text(b, word), word->len, &ports.first, &ports.last))
		return SEG_PUSH(&u->source_ports, ports);
	seg_build_mend(b, "a source port is 53 or 1024-65535");
	return seg_build_error(b, word->at, EINVAL, "'%s' is no port or range of ports",
			       seg_build_text(b, word));
}

static int tcp_flags_append(struct seg_build *b, struct unfolded *u, const struct seg_word *word)
{
	const char *text = seg_build_text(b, word);
	struct seg_nearest nearest = {0};
	struct seg_tcp_match match;
	int r = seg_tcp_match_parse(text, word->len, &match, &nearest);

	if (!r)
		return SEG_PUSH(&u->tcp_flags, match);
	if (r == -ERANGE)
		return seg_build_error(
			b, word->at, EINVAL,
			"'%s' can never match: a flag is set that its mask leaves out", text);
	if (r == -ESRCH && nearest.best)
		seg_build_mend(b, "did you mean '%s'?", nearest.best);
	seg_build_mend(b, "flags that are set / of these: syn/syn+ack; or only the first: rst");
	return seg_build_error(b, word->at, EINVAL, "'%s' is no match on TCP flags", text);
}

static int dscp_append(struct seg_build *b, struct unfolded *u, const struct seg_word *word)
{
	struct seg_nearest nearest = {0};
	uint8_t dscp;
	int r = seg_dscp_parse(seg_build_text(b, word), word->len, &dscp, &nearest);

	if (!r)
		return SEG_PUSH(&u->dscps, dscp);
	if (nearest.best)
		seg_build_mend(b, "did you mean '%s'?", nearest.best);
	seg_build_mend(b, "a DSCP is 0 to 63, or a name: cs0-cs7, af11-af43, ef, be, va, le");
	return seg_build_error(b, word->at, EINVAL, "'%s' is no DSCP", seg_build_text(b, word));
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

static int vlan_append(struct seg_build *b, struct unfolded *u, const struct seg_word *word)
{
	const char *text = seg_build_text(b, word), *slash = strchr(text, '/');
	size_t head = slash ? (size_t)(slash - text) : word->len;
	struct seg_vlan vlan = {0};
	int r = tag_parse(text, head, &vlan.tag[0]);

	if (!r && slash)
		r = tag_parse(slash + 1, word->len - head - 1, &vlan.tag[1]);
	if (r) {
		seg_build_mend(b, "a VLAN is 1 to 4094, or outer/inner: 100/200");
		return seg_build_error(b, word->at, EINVAL, "'%s' is no VLAN", text);
	}
	r = SEG_PUSH(&u->vlans, vlan);
	return r ? r : SEG_PUSH(&b->vlans, vlan);
}

static bool iface_same(const void *array, uint32_t item, const void *key)
{
	const struct seg_build *b = array;

	return strcmp(b->strings.item + b->ifaces.item[item], key) == 0;
}

/* The kernel's dev_valid_name(). */
static bool iface_valid(const char *text, size_t len)
{
	return len < 16 && strcmp(text, ".") && strcmp(text, "..") &&
	       !strpbrk(text, "/: \t\r\n\v\f");
}

static int iface_append(struct seg_build *b, struct unfolded *u, const struct seg_word *word)
{
	const char *text = seg_build_text(b, word);
	uint64_t hash = XXH3_64bits(text, word->len);
	uint32_t at, iface;

	if (!iface_valid(text, word->len))
		return seg_build_error(b, word->at, EINVAL, "'%s' cannot be an interface's name",
				       text);
	iface = seg_index_find(&b->iface_index, hash, iface_same, b, text);
	if (iface == SEG_INDEX_NONE) {
		iface = b->ifaces.n;
		if (iface == UINT16_MAX - 1)
			return seg_build_error(b, word->at, E2BIG, "too many interface names");
		if (seg_build_string(b, text, word->len, &at) || SEG_PUSH(&b->ifaces, at) ||
		    seg_index_add(&b->iface_index, hash, iface))
			return -ENOMEM;
	}
	return SEG_PUSH(&u->ifaces, (uint16_t)(iface + 1));
}

static int each_word(struct seg_build *b, struct unfolded *u, const struct seg_list *list,
		     int (*append)(struct seg_build *, struct unfolded *, const struct seg_word *))
{
	int r = 0;

	for (uint32_t i = 0; !r && i < list->n; i++)
		r = append(b, u, &b->parser.model.words.item[list->first + i]);
	return r;
}

/* With TCP flags, `any` means TCP; another protocol has none. */
static int tcp_only(struct seg_build *b, struct unfolded *u)
{
	for (uint32_t i = 0; i < u->services.n; i++) {
		struct seg_service *service = &u->services.item[i];

		if (service->any)
			*service = (struct seg_service){
				.proto = IPPROTO_TCP, .ports = true, .last = UINT16_MAX};
		if (service->proto != IPPROTO_TCP)
			return seg_build_error(b, u->text->tcp_flags.at, EINVAL,
					       "'tcp-flags' with a service that is not TCP");
	}
	return 0;
}

/* With source ports, `any` means any protocol that has ports; one without them could never match.
 */
static int source_ports_spread(struct seg_build *b, struct unfolded *u)
{
	const uint8_t *protos;
	size_t n = seg_port_protocols(&protos);

	for (uint32_t i = 0, had = u->services.n; i < had; i++) {
		struct seg_service *service = &u->services.item[i];

		if (!service->any && !service->ports)
			return seg_build_error(b, u->text->source_port.at, EINVAL,
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

static int unfold(struct seg_build *b, struct unfolded *u)
{
	const struct seg_rule_text *text = u->text;
	int r = seg_build_list_set(b, &text->from, &u->from);

	if (!r)
		r = seg_build_list_set(b, &text->to, &u->to);
	if (!r)
		r = seg_build_service_list(b, &text->service, &u->services);
	if (!r)
		r = each_word(b, u, &text->source_port, source_port_append);
	if (!r)
		r = each_word(b, u, &text->tcp_flags, tcp_flags_append);
	if (!r)
		r = each_word(b, u, &text->dscp, dscp_append);
	if (!r)
		r = each_word(b, u, &text->vlan, vlan_append);
	if (!r)
		r = each_word(b, u, &text->iface, iface_append);
	if (!r && u->tcp_flags.n)
		r = tcp_only(b, u);
	if (!r && u->source_ports.n)
		r = source_ports_spread(b, u);
	return r;
}

static int row_push(struct seg_build *b, const struct unfolded *u, uint8_t family,
		    enum seg_lane lane, struct seg_row row)
{
	const struct seg_hull *src = &b->hulls.item[2 * u->from + (family == 6)];
	const struct seg_hull *dst = &b->hulls.item[2 * u->to + (family == 6)];

	if (!src->some || !dst->some)
		return 0;
	if (++b->rows > ROWS_MAX)
		return seg_build_error(b, u->text->at, E2BIG,
				       "the rules unfold to over %u combinations", ROWS_MAX);
	row.src_first = src->first;
	row.src_last = src->last;
	row.dst_first = dst->first;
	row.dst_last = dst->last;
	row.src_set = src->exact ? SEG_SET_NONE : u->from;
	row.dst_set = dst->exact ? SEG_SET_NONE : u->to;
	return SEG_PUSH(&b->lanes[seg_lane_section(family, lane)], row);
}

/* Into each lane where the service can occur. */
static int rows_push(struct seg_build *b, const struct unfolded *u,
		     const struct seg_service *service, struct seg_row row)
{
	int r = 0;

	row.proto = service->proto;
	row.flags |= service->any ? SEG_ROW_ANY_PROTO : 0;
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

/* Which of `n` it is this time, and what is left for the lists behind; an absent list counts as one
 * that asks nothing. */
static uint32_t turn(uint64_t *rest, uint32_t n)
{
	uint32_t of = n ? n : 1, this = (uint32_t)(*rest % of);

	*rest /= of;
	return this;
}

/* The i-th of the product of the lists, but for the service. */
static struct seg_row row_of(const struct unfolded *u, uint64_t i)
{
	struct seg_row row = {.rule = u->rule,
			      .sport_last = UINT16_MAX,
			      .directions = u->text->directions,
			      .flags = u->text->stage == SEG_STAGE_SHADOW ? SEG_ROW_SHADOW : 0};
	uint32_t port = turn(&i, u->source_ports.n), vlan = turn(&i, u->vlans.n);
	uint32_t flags = turn(&i, u->tcp_flags.n), dscp = turn(&i, u->dscps.n);

	if (u->source_ports.n) {
		row.sport_first = u->source_ports.item[port].first;
		row.sport_last = u->source_ports.item[port].last;
	}
	if (u->vlans.n)
		memcpy(row.vlan, u->vlans.item[vlan].tag, sizeof(row.vlan));
	if (u->tcp_flags.n) {
		row.tcp_mask = u->tcp_flags.item[flags].mask;
		row.tcp_value = u->tcp_flags.item[flags].value;
	}
	if (u->dscps.n) {
		row.flags |= SEG_ROW_DSCP;
		row.dscp = u->dscps.item[dscp];
	}
	if (u->ifaces.n)
		row.iface = u->ifaces.item[i];
	return row;
}

static uint64_t at_least_one(uint32_t n)
{
	return n ? n : 1;
}

/* As many as that are never made: ROWS_MAX ends it. */
static uint64_t product(const struct unfolded *u)
{
	const uint64_t factors[] = {at_least_one(u->source_ports.n), at_least_one(u->vlans.n),
				    at_least_one(u->tcp_flags.n), at_least_one(u->dscps.n),
				    at_least_one(u->ifaces.n)};
	uint64_t all = 1;

	for (size_t i = 0; i < SEG_ARRAY_SIZE(factors); i++)
		if (__builtin_mul_overflow(all, factors[i], &all))
			return UINT64_MAX;
	return all;
}

static int rows_unfold(struct seg_build *b, const struct unfolded *u)
{
	uint64_t n = product(u);
	int r = 0;

	for (uint64_t i = 0; !r && i < n; i++)
		for (uint32_t j = 0; !r && j < u->services.n; j++)
			r = rows_push(b, u, &u->services.item[j], row_of(u, i));
	return r;
}

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
	_cleanup_(unfolded_free) struct unfolded u = {.text = text, .rule = b->rules.n};
	struct seg_rule rule = {.verdict = text->verdict,
				.flags = text->log ? SEG_VERDICT_LOG : 0,
				.stage = text->stage,
				.limit = text->limit};
	unsigned int column;
	uint32_t had = b->rows;
	int r = id_add(b, text, &rule.id);

	if (!r)
		r = unfold(b, &u);
	if (!r)
		r = rows_unfold(b, &u);
	if (r)
		return r;
	r = place_add(b, text->at, &rule.file, &rule.line, &column);
	if (r)
		return r;
	if (b->rows == had)
		return seg_build_error(
			b, text->at, EINVAL,
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

static int vlans_sort(struct seg_build *b)
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

/* The first text's; each further one is hashed together with what was there. */
static XXH128_hash_t texts_hash(const struct seg_sources *sources)
{
	XXH128_hash_t hash = XXH3_128bits(sources->item[0].text, sources->item[0].len);
	XXH128_canonical_t both[2];

	for (uint32_t i = 1; i < sources->n; i++) {
		XXH128_canonicalFromHash(&both[0], hash);
		hash = XXH3_128bits(sources->item[i].text, sources->item[i].len);
		XXH128_canonicalFromHash(&both[1], hash);
		hash = XXH3_128bits(both, sizeof(both));
	}
	return hash;
}

static void header_fill(struct seg_build *b, struct seg_image *image)
{
	XXH128_hash_t hash = texts_hash(&b->parser.sources);
	const struct seg_part *whole = &b->parser.model.whole;

	memcpy(image->magic, SEG_IMAGE_MAGIC, sizeof(image->magic));
	image->version = SEG_IMAGE_VERSION;
	image->byte_order = SEG_IMAGE_BYTE_ORDER;
	image->defaults = whole->defaults;
	snprintf(image->name, sizeof(image->name), "%s",
		 whole->name.len ? seg_build_text(b, &whole->name) : "policy");
	snprintf(image->hash, sizeof(image->hash), "%016llx%016llx",
		 (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

static int image_lay_out(struct seg_build *b, struct seg_image **out)
{
	struct part parts[SEG_SECTION_MAX] = {
		[SEG_SECTION_SETS] = PART(b->sets),
		[SEG_SECTION_INTERVALS] = PART(b->intervals),
		[SEG_SECTION_RULES] = PART(b->rules),
		[SEG_SECTION_VLANS] = PART(b->vlans),
		[SEG_SECTION_IFACES] = PART(b->ifaces),
		[SEG_SECTION_NEEDS] = PART(b->needs),
		[SEG_SECTION_FAILSAFES] = PART(b->failsafes),
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
		return seg_build_error(b, 0, E2BIG, "the compiled policy has over %u MiB",
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

static void build_free(struct seg_build *b)
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
	free(b->texts.item);
	free(b->strings.item);
	seg_parser_free(&b->parser);
}

static int compile(struct seg_build *b, struct seg_image **out)
{
	const seg_rule_texts *rules = &b->parser.model.whole.rules;
	int r = seg_build_names(b);

	for (uint32_t i = 0; !r && i < rules->n; i++)
		r = rule_add(b, &rules->item[i]);
	if (!r)
		r = seg_build_failsafes(b);
	if (!r)
		r = vlans_sort(b);
	if (!r)
		r = needs_add(b);
	return r ? r : image_lay_out(b, out);
}

int seg_compile(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		struct seg_model *model, struct seg_image **out, struct seg_error *err)
{
	_cleanup_(build_free) struct seg_build b = {
		.parser = {.loader = loader, .sources = {.err = err}}};
	int r = seg_parser_run(&b.parser, file);

	if (!r)
		r = compile(&b, out);
	/* All but this is said where it is found. */
	if (r == -ENOMEM)
		seg_error_set(err, ENOMEM, "%s: not enough memory", file->name);
	if (!r && model) {
		*model = b.parser.model;
		b.parser.model = (struct seg_model){0};
	}
	return r;
}
