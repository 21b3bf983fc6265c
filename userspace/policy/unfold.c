/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unfold.c - a rule's words to rows, one for each combination of what its lists say (at most
 * ROWS_MAX of all rules, so that a small text cannot ask for much).
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "build.h"
#include "field.h"

#define ROWS_MAX (4u << 20)

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

int seg_rule_unfold(struct seg_build *b, const struct seg_rule_text *text, uint32_t number,
		    struct seg_rule *out)
{
	_cleanup_(unfolded_free) struct unfolded u = {.text = text, .rule = number};
	uint32_t had = b->rows;
	int r = unfold(b, &u);

	if (!r)
		r = rows_unfold(b, &u);
	if (r)
		return r;
	if (b->rows == had)
		return seg_build_error(
			b, text->at, EINVAL,
			"this rule can never match: its addresses and services share no IP "
			"version");
	out->from = u.from;
	out->to = u.to;
	return 0;
}
