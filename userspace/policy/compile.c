/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compile.c - a parsed policy to its image: rules unfolded into rows (at most
 * ROWS_MAX, so that a small text cannot ask for much), sections laid out.
 */
#include "policy.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "build.h"

#define ROWS_MAX (4u << 20)

static int string_add(struct seg_build *b, const char *text, size_t len, uint32_t *at)
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

/* A rule, resolved: its rows are the product of the four lists. */
struct unfolded {
	const struct seg_rule_text *text;
	uint32_t rule, from, to;
	seg_services services;
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

static int source_port_append(struct seg_build *b, struct unfolded *u, const struct seg_word *word)
{
	struct ports ports;

	if (!seg_ports_parse(seg_build_text(b, word), word->len, &ports.first, &ports.last))
		return SEG_PUSH(&u->source_ports, ports);
	seg_build_mend(b, "a source port is 53 or 1024-65535");
	return seg_build_error(b, word->at, EINVAL, "'%s' is no port or range of ports",
			       seg_build_text(b, word));
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
		if (string_add(b, text, word->len, &at) || SEG_PUSH(&b->ifaces, at) ||
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
		r = each_word(b, u, &text->vlan, vlan_append);
	if (!r)
		r = each_word(b, u, &text->iface, iface_append);
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
static int rows_unfold(struct seg_build *b, const struct unfolded *u)
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
	const struct seg_build *b = array;

	return strcmp(b->strings.item + b->rules.item[item].id, key) == 0;
}

static int id_add(struct seg_build *b, const struct seg_rule_text *text, uint32_t *id)
{
	uint32_t at = text->id.len ? text->id.at : text->at;
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
	if (seg_index_find(&b->id_index, hash, id_same, b, own) != SEG_INDEX_NONE)
		return seg_build_error(b, at, EINVAL, "two rules are called '%s'", own);
	if (seg_index_add(&b->id_index, hash, b->rules.n))
		return -ENOMEM;
	return string_add(b, own, strlen(own), id);
}

static int rule_add(struct seg_build *b, const struct seg_rule_text *text)
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

static int needs_add(struct seg_build *b)
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

static void header_fill(struct seg_build *b, struct seg_image *image)
{
	const struct seg_reader *reader = &b->parser.reader;
	XXH128_hash_t hash = XXH3_128bits(reader->text, reader->text_len);
	const struct seg_word *name = &b->parser.model.name;

	memcpy(image->magic, SEG_IMAGE_MAGIC, sizeof(image->magic));
	image->version = SEG_IMAGE_VERSION;
	image->byte_order = SEG_IMAGE_BYTE_ORDER;
	image->defaults = b->parser.model.defaults;
	snprintf(image->name, sizeof(image->name), "%s",
		 name->len ? seg_build_text(b, name) : "policy");
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

static int compile(struct seg_build *b, struct seg_image **out)
{
	int r = seg_build_names(b);

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
	_cleanup_(build_free) struct seg_build b = {0};
	int r = seg_parser_run(&b.parser, name, text, len, err);

	if (!r)
		r = compile(&b, out);
	/* All but this is said where it is found. */
	return r == -ENOMEM ? seg_error_set(err, ENOMEM, "%s: not enough memory", name) : r;
}
