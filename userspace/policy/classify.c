/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * classify.c - the first rule that matches, by lookup: flows to keys, what is found to decisions.
 * seg_image_check() has made every reference in an image safe to follow.
 */
#include "classify.h"

#include "key.h"
#include "lookup.h"
#include "probe.h"

bool seg_rest_sets_hold(const struct seg_questions *questions, const struct seg_question *question,
			const struct seg_rest *rest)
{
	const struct seg_flow *flow = &questions->flows[question->flow];
	const struct seg_image *image = questions->image;

	return (rest->dst_set == SEG_SET_NONE ||
		seg_set_has(image, rest->dst_set, seg_wide_of(flow->dst), flow->family)) &&
	       (rest->src_set == SEG_SET_NONE ||
		seg_set_has(image, rest->src_set, seg_wide_of(flow->src), flow->family));
}

/* --- lookups --------------------------------------------------------------------- */

static const struct {
	const char *name;
	seg_lookup *lookup;
} WAYS[SEG_LOOKUP_WAYS] = {
	[SEG_LOOKUP_SCALAR] = {"scalar", seg_lookup_scalar},
#ifdef __x86_64__
	[SEG_LOOKUP_AVX2] = {"avx2", seg_lookup_avx2},
	[SEG_LOOKUP_AVX512] = {"avx512", seg_lookup_avx512},
#endif
};

bool seg_lookup_runs(enum seg_lookup_way way)
{
#ifdef __x86_64__
	if (way == SEG_LOOKUP_AVX2)
		return __builtin_cpu_supports("avx2");
	if (way == SEG_LOOKUP_AVX512)
		return seg_lookup_runs(SEG_LOOKUP_AVX2) && __builtin_cpu_supports("avx512f") &&
		       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
		       __builtin_cpu_supports("avx512vl");
#endif
	return way == SEG_LOOKUP_SCALAR;
}

const char *seg_lookup_name(enum seg_lookup_way way)
{
	return WAYS[way].name ? WAYS[way].name : "?";
}

enum seg_lookup_way seg_lookup_best(void)
{
	enum seg_lookup_way way = SEG_LOOKUP_WAYS - 1;

	while (!seg_lookup_runs(way))
		way--;
	return way;
}

static inline void addresses_put(const struct seg_flow *flow, unsigned int words, uint32_t *to)
{
	for (unsigned int i = 0; i < words; i++) {
		to[i] = ntohl(flow->src[4 - words + i]);
		to[words + i] = ntohl(flow->dst[4 - words + i]);
	}
}

/* By protocol: lanes differ from flow to flow, and a jump would often be a wrong one. */
struct proto_way {
	uint32_t ports, type, number; /* masks of what stands for the ports */
	uint32_t lane;
};

static const struct proto_way *proto_way(uint8_t family, uint8_t proto)
{
#define PORTS(l)                                                                                   \
	{                                                                                          \
		UINT32_MAX, 0, 0, SEG_LANE_##l                                                     \
	}
#define OTHERS(a, z) [a... z] = {0, 0, UINT32_MAX, SEG_LANE_OTHER}
#define ICMP                                                                                       \
	{                                                                                          \
		0, UINT32_MAX, 0, SEG_LANE_ICMP                                                    \
	}
#define REST                                                                                       \
	[6] = PORTS(TCP), OTHERS(7, 16), [17] = PORTS(UDP),                                        \
	OTHERS(18, 32), [33] = PORTS(OTHER), [132] = PORTS(OTHER),                                 \
	OTHERS(133, 135), [136] = PORTS(OTHER), OTHERS(137, 255)
	static const struct proto_way V4[256] = {OTHERS(0, 0), [1] = ICMP, OTHERS(2, 5), REST,
						 OTHERS(34, 131)};
	static const struct proto_way V6[256] = {OTHERS(0, 5), REST, OTHERS(34, 57), [58] = ICMP,
						 OTHERS(59, 131)};

	return family == 4 ? &V4[proto] : &V6[proto];
}

_Static_assert(offsetof(struct seg_flow, dport) == offsetof(struct seg_flow, sport) + 2,
	       "both ports are one word");

static inline uint32_t ports_of(const struct seg_flow *flow, const struct proto_way *way)
{
	uint32_t type = seg_key_ports(0, (uint16_t)(flow->icmp_type << 8 | flow->icmp_code));
	uint32_t ports;

	memcpy(&ports, &flow->sport, sizeof(ports)); /* and dport, which is behind it */
	ports = ntohl(ports);
	return (ports & way->ports) | (type & way->type) |
	       (seg_key_ports(flow->proto, 0) & way->number);
}

static inline void extras_fill(const struct seg_flow *flow, uint32_t *behind)
{
	behind[SEG_KEY_VLAN] = seg_key_vlan(flow->vlan);
	behind[SEG_KEY_WHERE] = seg_key_where(flow->iface, flow->direction);
	behind[SEG_KEY_HEADER] = seg_key_header(flow->tcp_flags, flow->dscp);
}

/* `extras`: some rule asks for what is neither address nor port. */
static inline void question_fill(const struct seg_flow *flow, unsigned int words, bool extras,
				 struct seg_question *q)
{
	const struct proto_way *way = proto_way(words == 1 ? 4 : 6, flow->proto);
	uint32_t *behind = q->word + 2 * words;

	q->box = SEG_BOX_NONE;
	q->finder = (words == 1 ? 0u : SEG_LANE_MAX) + way->lane;
	q->proto = (uint32_t)flow->proto << SEG_BOX_PROTO_SHIFT;
	addresses_put(flow, words, q->word);
	behind[SEG_KEY_PORTS] = ports_of(flow, way);
	if (extras)
		extras_fill(flow, behind);
}

/* The flows of one family; `words`, of an address, is a constant where this is inlined. */
static inline __attribute__((always_inline)) void family_fill(struct seg_questions *questions,
							      unsigned int n, unsigned int words)
{
	bool extras = questions->image->section[SEG_SECTION_RESTS].count > 1;
	uint8_t family = words == 1 ? 4 : 6;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct seg_flow *flow = &questions->flows[i];
		struct seg_question *q = &questions->item[kept];

		if (flow->family != family)
			continue;
		question_fill(flow, words, extras, q);
		q->flow = i;
		kept++;
	}
	questions->n = kept;
}

static void questions_fill(struct seg_questions *questions, unsigned int n)
{
	if (questions->family == 4)
		family_fill(questions, n, 1);
	else
		family_fill(questions, n, 4);
}

static const struct seg_box *box_of(const struct seg_questions *questions, uint32_t box)
{
	const char *boxes = seg_section_items(
		questions->image, questions->family == 4 ? SEG_SECTION_BOXES4 : SEG_SECTION_BOXES6);

	return (const void *)(boxes + box * seg_box_size(questions->family));
}

static void decide(const struct seg_questions *questions, struct seg_decision *out)
{
	const struct seg_image *image = questions->image;

	for (unsigned int i = 0; i < questions->n; i++) {
		const struct seg_question *q = &questions->item[i];
		const struct seg_box *box = box_of(questions, q->box);
		struct seg_decision *decision = &out[q->flow];
		uint8_t direction = questions->flows[q->flow].direction;

		if (q->box == SEG_BOX_NONE)
			*decision = (struct seg_decision){SEG_RULE_DEFAULT,
							  image->defaults.verdict[direction], 0, 0,
							  SEG_RULE_DEFAULT};
		else
			*decision = (struct seg_decision){
				box->info & SEG_BOX_RULE, box->info >> SEG_BOX_VERDICT_SHIFT & 3,
				box->info & SEG_BOX_LOG ? SEG_DECISION_LOG : 0, 0,
				SEG_RULE_DEFAULT};
	}
}

static void shadows_tell(const struct seg_questions *questions, struct seg_decision *out)
{
	for (unsigned int i = 0; i < questions->n; i++) {
		const struct seg_question *q = &questions->item[i];
		uint32_t rule = SEG_RULE_DEFAULT;

		if (q->box != SEG_BOX_NONE)
			rule = box_of(questions, q->box)->info & SEG_BOX_RULE;
		if (rule < out[q->flow].rule)
			out[q->flow].shadow = rule;
	}
}

static void family_classify(seg_lookup *lookup, struct seg_questions *questions, unsigned int n,
			    struct seg_decision *out)
{
	const struct seg_image *image = questions->image;
	const struct seg_finder *finders = seg_section_items(image, SEG_SECTION_FINDERS);

	questions_fill(questions, n);
	if (!questions->n)
		return;
	questions->finders = finders;
	lookup(questions);
	decide(questions, out);
	if (image->section[SEG_SECTION_FINDERS].count <= seg_finder_of(SEG_STAGE_SHADOW, 0))
		return;
	for (unsigned int i = 0; i < questions->n; i++)
		questions->item[i].box = SEG_BOX_NONE;
	questions->finders = finders + seg_finder_of(SEG_STAGE_SHADOW, 0);
	lookup(questions);
	shadows_tell(questions, out);
}

static bool some_tagged(const struct seg_flow *flows, unsigned int n)
{
	uint16_t tags = 0;

	for (unsigned int i = 0; i < n; i++)
		tags |= flows[i].vlan[0] | flows[i].vlan[1];
	return tags;
}

/* A stack that no rule names is denied, whatever else holds. */
static void vlans_judge(const struct seg_image *image, const struct seg_flow *flows,
			struct seg_decision *out, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if ((flows[i].vlan[0] | flows[i].vlan[1]) && !seg_vlan_known(image, &flows[i]))
			out[i] = SEG_UNKNOWN_VLAN;
}

void seg_image_classify_by(enum seg_lookup_way way, const struct seg_image *image,
			   const struct seg_flow *flows, struct seg_decision *out, unsigned int n)
{
	struct seg_question items[SEG_CLASSIFY_MAX];
	struct seg_questions questions = {.image = image, .flows = flows, .item = items};

	questions.family = 4;
	family_classify(WAYS[way].lookup, &questions, n, out);
	if (questions.n < n) {
		questions.family = 6;
		family_classify(WAYS[way].lookup, &questions, n, out);
	}
	if (some_tagged(flows, n))
		vlans_judge(image, flows, out, n);
}

/* --- sides --------------------------------------------------------------------- */

static uint32_t rule_of_box(const struct seg_questions *questions, uint32_t box)
{
	return box == SEG_BOX_NONE ? SEG_RULE_DEFAULT : box_of(questions, box)->info & SEG_BOX_RULE;
}

/* The first box of this rule or a later one. */
static uint32_t box_lower_bound(const struct seg_questions *questions,
				const struct seg_finder *finder, uint32_t rule)
{
	uint32_t low = finder->box_first, high = finder->box_end;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (rule_of_box(questions, middle) < rule)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first box of the same rule as this one; few have more than one. */
static uint32_t box_first_of(const struct seg_questions *questions, const struct seg_finder *finder,
			     uint32_t box)
{
	uint32_t rule = rule_of_box(questions, box);

	if (box == finder->box_first || rule_of_box(questions, box - 1) != rule)
		return box;
	return box_lower_bound(questions, finder, rule);
}

/* `rule`: what comes behind it does not matter. */
static struct seg_side side_of(struct seg_questions *questions, enum seg_stage stage, uint32_t rule)
{
	const struct seg_finder *finders = seg_section_items(questions->image, SEG_SECTION_FINDERS);
	struct seg_question *q = questions->item;
	struct seg_side side;
	uint32_t found;

	questions->finders = finders + seg_finder_of(stage, 0);
	q->box = SEG_BOX_NONE;
	seg_lookup_scalar(questions);
	found = rule_of_box(questions, q->box);
	side.finder = &questions->finders[q->finder];
	side.box = found < rule ? q->box : SEG_BOX_NONE;
	if (side.box != SEG_BOX_NONE)
		side.end = box_first_of(questions, side.finder, side.box);
	else if (rule == SEG_RULE_DEFAULT)
		side.end = side.finder->box_end;
	else
		side.end = box_lower_bound(questions, side.finder, rule);
	return side;
}

unsigned int seg_lookup_sides(const struct seg_image *image, const struct seg_flow *flow,
			      struct seg_side sides[SEG_STAGE_MAX])
{
	struct seg_question q;
	struct seg_questions questions = {
		.image = image, .flows = flow, .item = &q, .family = flow->family};

	if (!seg_vlan_known(image, flow))
		return 0;
	questions_fill(&questions, 1);
	sides[0] = side_of(&questions, SEG_STAGE_ENFORCE, SEG_RULE_DEFAULT);
	if (image->section[SEG_SECTION_FINDERS].count <= seg_finder_of(SEG_STAGE_SHADOW, 0))
		return 1;
	sides[1] = side_of(&questions, SEG_STAGE_SHADOW, rule_of_box(&questions, sides[0].box));
	return 2;
}

void seg_image_classify(const struct seg_image *image, const struct seg_flow *flows,
			struct seg_decision *out, unsigned int n)
{
	static enum seg_lookup_way best = SEG_LOOKUP_WAYS;
	enum seg_lookup_way way = __atomic_load_n(&best, __ATOMIC_RELAXED);

	if (way == SEG_LOOKUP_WAYS) {
		way = seg_lookup_best();
		__atomic_store_n(&best, way, __ATOMIC_RELAXED);
	}
	seg_image_classify_by(way, image, flows, out, n);
}
