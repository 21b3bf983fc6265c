/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regions of random policies: every flow in one is decided alike, and beyond each of its sides
 * there is one that is not.
 */
#include "check.h"
#include "classify.h"
#include "policies.h"
#include "regions.h"

#define POLICIES 150
#define FLOWS    20
#define POINTS   100
#define TRIES    500000

static struct seg_flow flow_make(const struct seg_image *image)
{
	struct seg_flow flow = flow_any();

	flow.iface = seg_image_iface(image, "eth1");
	return flow;
}

static struct seg_decision decide(const struct seg_image *image, const struct seg_flow *flow)
{
	return seg_image_scan(image, flow);
}

/* --- fields as numbers ------------------------------------------------------------ */

typedef unsigned __int128 wide;

enum field { SPORT, DPORT, SRC, DST, FIELDS };

static wide address_get(const __be32 address[4])
{
	wide value = 0;

	for (unsigned int i = 0; i < 16; i++)
		value = value << 8 | ((const uint8_t *)address)[i];
	return value;
}

static wide get(const struct seg_flow *flow, enum field f)
{
	if (f == SRC || f == DST)
		return address_get(f == SRC ? flow->src : flow->dst);
	if (f == DPORT && (flow->proto == 1 || flow->proto == 58))
		return (wide)(flow->icmp_type << 8 | flow->icmp_code);
	return ntohs(f == SPORT ? flow->sport : flow->dport);
}

static void put(struct seg_flow *flow, enum field f, wide value)
{
	if (f == SRC || f == DST) {
		for (int i = 15; i >= 0; i--, value >>= 8)
			((uint8_t *)(f == SRC ? flow->src : flow->dst))[i] = (uint8_t)value;
	} else if (f == DPORT && (flow->proto == 1 || flow->proto == 58)) {
		flow->icmp_type = (uint8_t)(value >> 8);
		flow->icmp_code = (uint8_t)value;
	} else if (f == SPORT) {
		flow->sport = htons((uint16_t)value);
	} else {
		flow->dport = htons((uint16_t)value);
	}
}

static struct policy policy;

static wide clamp(wide value, wide first, wide last)
{
	return value < first ? first : value > last ? last : value;
}

static wide item_end(const struct item *items, unsigned int n)
{
	const struct span *span = n ? &items[below(n)].span : NULL;

	return span ? address_get((const __be32 *)(below(2) ? span->first : span->last)) : 0;
}

static wide service_end(const struct rule *rule, const struct seg_flow *flow)
{
	const struct service_item *s = &rule->services[below(ITEMS_MOST)];

	if (flow->proto == 1 || flow->proto == 58)
		return s->low << 8 | (s->code == 256 ? below(2) * 255 : s->code);
	return below(2) ? s->low : s->high;
}

/* Where a rule begins or ends, or as near to it as the region goes. */
static wide rule_end(const struct rule *rule, const struct seg_flow *flow, enum field f)
{
	unsigned int i = below(ITEMS_MOST);

	if (f == SRC)
		return item_end(rule->from, rule->from_n);
	if (f == DST)
		return item_end(rule->to, rule->to_n);
	if (f == DPORT)
		return service_end(rule, flow);
	return below(2) ? rule->sports[i].low : rule->sports[i].high;
}

#define V4_FIRST ((wide)0xffff << 32)
#define V4_LAST  (V4_FIRST | UINT32_MAX)

/* No IPv6 packet has an address of IPv4's part of the line. */
static wide off_v4(wide value, wide instead)
{
	return value >= V4_FIRST && value <= V4_LAST ? instead : value;
}

/* The next value up or down. */
static wide beside(const struct seg_flow *flow, enum field f, bool up)
{
	wide next = up ? get(flow, f) + 1 : get(flow, f) - 1;

	if ((f == SRC || f == DST) && flow->family == 6)
		next = off_v4(next, up ? V4_LAST + 1 : V4_FIRST - 1);
	return next;
}

/* A value of the field within the region: an end of it, what a rule names or the next, or any. */
static wide inside(const struct seg_region *region, const struct rule *rule, enum field f)
{
	wide first = get(&region->first, f), last = get(&region->last, f), value;

	value = rule_end(rule, &region->first, f);
	if (below(8) == 0)
		value += (wide)below(3) - 1;
	else if (below(8) == 0)
		value = first + (((wide)seg_random(&seed) << 64 | seg_random(&seed)) %
				 (last - first + 1 ? last - first + 1 : 1));
	value = clamp(value, first, last);
	return (f == SRC || f == DST) && region->first.family == 6 ? off_v4(value, first) : value;
}

/* What a rule asks, mostly. */
static uint8_t flags_inside(const struct rule *rule)
{
	unsigned int i = below(2), flags = below(256);

	if (below(4) && i < rule->flags_n)
		flags = (flags & ~rule->flags[i].mask) | rule->flags[i].value;
	return (uint8_t)flags;
}

static struct seg_flow point(const struct seg_region *region)
{
	const struct rule *rule = &policy.rules[below(policy.n ? policy.n : 1)];
	struct seg_flow flow = region->first;

	for (enum field f = 0; f < FIELDS; f++)
		put(&flow, f, inside(region, rule, f));
	if (region->any & SEG_REGION_ANY_TCP_FLAGS)
		flow.tcp_flags = flags_inside(rule);
	if (region->any & SEG_REGION_ANY_DSCP)
		flow.dscp = (uint8_t)(below(4) ? rule->dscps[below(ITEMS_MOST)] : below(64));
	return flow;
}

static bool same(struct seg_decision a, struct seg_decision b)
{
	return a.rule == b.rule && a.shadow == b.shadow && a.verdict == b.verdict &&
	       a.flags == b.flags;
}

static bool differs_somewhere(const struct seg_image *image, const struct seg_region *region,
			      struct seg_decision want)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		struct seg_flow flow = point(region);

		if (!same(decide(image, &flow), want))
			return true;
	}
	return false;
}

/* The line of one family's addresses ends where IPv4's do. */
static bool at_end(const struct seg_region *region, enum field f, bool up)
{
	const struct seg_flow *flow = up ? &region->last : &region->first;
	wide value = get(flow, f), v4 = (wide)0xffff << 32;

	if (f == SPORT || f == DPORT)
		return value == (up ? UINT16_MAX : 0);
	if (flow->family == 4)
		return value == (up ? v4 | UINT32_MAX : v4);
	return value == (up ? ~(wide)0 : 0);
}

static bool widens(const struct seg_flow *flow, enum field f)
{
	bool icmp = flow->proto == (flow->family == 4 ? 1 : 58);

	if (f == SRC || f == DST)
		return true;
	if (icmp)
		return f == DPORT;
	return memchr(WITH_PORTS, flow->proto, sizeof(WITH_PORTS)) != NULL;
}

static void cannot_grow(const struct seg_image *image, const struct seg_region *region,
			struct seg_decision want)
{
	for (enum field f = 0; f < FIELDS; f++)
		for (int up = 0; up < 2; up++) {
			struct seg_region beyond = *region;
			wide next = beside(up ? &region->last : &region->first, f, up);

			if (!widens(&region->first, f) || at_end(region, f, up))
				continue;
			put(&beyond.first, f, next);
			put(&beyond.last, f, next);
			check(differs_somewhere(image, &beyond, want));
		}
}

/* What is not marked as any is asked for by somebody. */
static void flags_count(const struct seg_image *image, const struct seg_region *region,
			struct seg_decision want)
{
	static const uint8_t EACH[] = {SEG_REGION_ANY_TCP_FLAGS, SEG_REGION_ANY_DSCP};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(EACH); i++) {
		struct seg_region more = *region;

		if (region->any & EACH[i] ||
		    (EACH[i] == SEG_REGION_ANY_TCP_FLAGS && region->first.proto != 6))
			continue;
		more.any |= EACH[i];
		check(differs_somewhere(image, &more, want));
	}
}

static bool region_same(const struct seg_region *a, const struct seg_region *b)
{
	return !memcmp(&a->first, &b->first, sizeof(a->first)) &&
	       !memcmp(&a->last, &b->last, sizeof(a->last)) && a->any == b->any;
}

/* By every way that this CPU has. */
static void trees_agree(struct seg_regions *regions, const struct seg_flow *flow,
			const struct seg_region *want)
{
	struct seg_region region;

	for (enum seg_lookup_way way = 0; way < SEG_LOOKUP_WAYS; way++) {
		if (!seg_lookup_runs(way))
			continue;
		seg_regions_walk_by(regions, way);
		seg_regions_find(regions, flow, &region);
		check(region_same(&region, want));
	}
}

static void region_judge(const struct seg_image *image, struct seg_regions *regions,
			 const struct seg_flow *flow)
{
	struct seg_decision want = decide(image, flow);
	struct seg_region region;

	seg_image_region(image, flow, &region);
	trees_agree(regions, flow, &region);
	for (enum field f = 0; f < FIELDS; f++) {
		check(get(&region.first, f) <= get(flow, f));
		check(get(flow, f) <= get(&region.last, f));
	}
	for (unsigned int i = 0; i < POINTS; i++) {
		struct seg_flow other = point(&region);

		check(same(decide(image, &other), want));
	}
	if (want.flags & SEG_DECISION_UNKNOWN_VLAN)
		return;
	cannot_grow(image, &region, want);
	flags_count(image, &region, want);
}

TEST(region, is_decided_alike_and_cannot_be_grown)
{
	seed = seg_random_seed();
	for (unsigned int i = 0; i < POLICIES; i++) {
		_cleanup_image_ struct seg_image *image = NULL;
		_cleanup_regions_ struct seg_regions *regions = NULL;

		policy_make(&policy);
		image = image_of(&policy);
		check(image);
		check_eq(seg_regions_open(image, &regions), 0);
		for (unsigned int j = 0; j < FLOWS; j++) {
			struct seg_flow flow = flow_make(image);

			region_judge(image, regions, &flow);
		}
	}
}

/* --- many rules: trees of some depth ---------------------------------------------------- */

#define MANY 3000

static void many_write(FILE *f)
{
	fputs("version: 1\nrules:\n", f);
	for (unsigned int i = 0; i < MANY; i++) {
		unsigned int a = below(4), b = below(4), c = below(256), port = below(1000);

		fputs("- {action: deny, ", f);
		if (below(4))
			fprintf(f, "from: %u.%u.%u.%u-%u.%u.%u.255, ", a, b, c, below(256), a, b,
				c + below(256 - c));
		else
			fprintf(f, "to: '2001:db8:%x:%x::/%u', ", b, below(4) ? c : 0,
				below(2) ? 64 : 80);
		if (below(8) == 0)
			fprintf(f, "dscp: %u, ", below(64));
		fprintf(f, "service: tcp/%u-%u}\n", port, below(4) ? port : 65535);
	}
}

static struct seg_flow many_flow(void)
{
	struct seg_flow flow = {.family = below(4) ? 4 : 6, .proto = 6, .dscp = (uint8_t)below(64)};

	flow.sport = htons((uint16_t)below(65536));
	flow.dport = htons((uint16_t)below(1000));
	flow.src[2] = flow.dst[2] = htonl(0xffff);
	flow.src[3] = htonl(below(4) << 24 | below(4) << 16 | below(65536));
	flow.dst[3] = htonl(below(65536));
	if (flow.family == 6) {
		flow.src[2] = flow.dst[2] = 0;
		flow.dst[0] = htonl(0x20010db8);
		flow.dst[1] = htonl(below(5) << 16 | below(256));
	}
	return flow;
}

TEST(region, trees_find_what_reading_all_finds)
{
	_cleanup_regions_ struct seg_regions *regions = NULL;
	_cleanup_image_ struct seg_image *image = NULL;
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	seed = seg_random_seed();
	many_write(f);
	fclose(f);
	check_eq(seg_policy_compile(&(struct seg_policy_file){"many.yaml", text, len}, NULL, &image,
				    NULL),
		 0);
	check_eq(seg_regions_open(image, &regions), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		struct seg_flow flow = many_flow();
		struct seg_region region;

		seg_image_region(image, &flow, &region);
		trees_agree(regions, &flow, &region);
	}
}
