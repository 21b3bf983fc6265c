/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * classify.c - the first rule that matches, by lookup: flows to keys, what is found to decisions.
 * seg_image_check() has made every reference in an image safe to follow.
 */
#include "classify.h"

#include "inline.h"
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
	seg_fill *fill;
	seg_lookup *lookup;
} WAYS[SEG_LOOKUP_WAYS] = {
	[SEG_LOOKUP_SCALAR] = {"scalar", seg_fill_scalar, seg_lookup_scalar},
#ifdef __x86_64__
	[SEG_LOOKUP_AVX2] = {"avx2", seg_fill_avx2, seg_lookup_avx2},
	[SEG_LOOKUP_AVX512] = {"avx512", seg_fill_avx2, seg_lookup_avx512},
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

static uint32_t rule_of_box(const struct seg_questions *questions, uint32_t box)
{
	return box == SEG_BOX_NONE ? SEG_RULE_DEFAULT
				   : seg_box_rule(questions->image, questions->family == 6, box);
}

/* What is the same for all is read once: what is stored in between might be it, for all the
 * compiler knows. */
static ALWAYS_INLINE void decide_as(const struct seg_questions *questions, struct seg_decision *out,
				    bool six, bool has_bases)
{
	const struct seg_image *image = questions->image;
	const struct seg_question *q = questions->item, *end = q + questions->n;
	const char *boxes = seg_section_items(image, SEG_SECTION_BOXES4 + six);
	const uint32_t *bases = seg_section_items(image, SEG_SECTION_BASES4 + six);
	size_t size = six ? sizeof(struct seg_box6) : sizeof(struct seg_box4);

	for (; q < end; q++) {
		const struct seg_box *box = (const void *)(boxes + q->box * size);
		uint8_t direction = questions->flows[q->flow].direction;

		struct seg_decision *to = &out[q->flow];
		uint32_t rule;

		if (q->box == SEG_BOX_NONE) {
			*to = (struct seg_decision){SEG_RULE_DEFAULT,
						    image->defaults.verdict[direction], 0, 0,
						    SEG_RULE_DEFAULT};
			continue;
		}
		rule = box->info + (has_bases ? bases[q->box / SEG_BLOCK] : 0);
		*to = (struct seg_decision){
			rule & SEG_BOX_RULE, box->info >> SEG_BOX_VERDICT_SHIFT & 3,
			box->info & SEG_BOX_LOG ? SEG_DECISION_LOG : 0, 0, SEG_RULE_DEFAULT};
	}
}

static void decide(const struct seg_questions *questions, struct seg_decision *out)
{
	bool has_bases = seg_image_has_bases(questions->image);

	if (questions->family == 6)
		decide_as(questions, out, true, has_bases);
	else if (has_bases)
		decide_as(questions, out, false, true);
	else
		decide_as(questions, out, false, false);
}

static void shadows_tell(const struct seg_questions *questions, struct seg_decision *out)
{
	for (unsigned int i = 0; i < questions->n; i++) {
		const struct seg_question *q = &questions->item[i];
		uint32_t rule = rule_of_box(questions, q->box);

		if (rule < out[q->flow].rule)
			out[q->flow].shadow = rule;
	}
}

static void family_classify(enum seg_lookup_way way, struct seg_questions *questions,
			    unsigned int n, struct seg_decision *out)
{
	const struct seg_image *image = questions->image;
	const struct seg_finder *finders = seg_section_items(image, SEG_SECTION_FINDERS);

	WAYS[way].fill(questions, n);
	if (!questions->n)
		return;
	questions->finders = finders;
	WAYS[way].lookup(questions);
	decide(questions, out);
	if (image->section[SEG_SECTION_FINDERS].count <= seg_finder_of(SEG_STAGE_SHADOW, 0))
		return;
	for (unsigned int i = 0; i < questions->n; i++)
		questions->item[i].box = SEG_BOX_NONE;
	questions->finders = finders + seg_finder_of(SEG_STAGE_SHADOW, 0);
	WAYS[way].lookup(questions);
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
	family_classify(way, &questions, n, out);
	if (questions.n < n) {
		questions.family = 6;
		family_classify(way, &questions, n, out);
	}
	if (some_tagged(flows, n))
		vlans_judge(image, flows, out, n);
}

/* The best that this CPU has, found once. */
static enum seg_lookup_way way_here(void)
{
	static enum seg_lookup_way best = SEG_LOOKUP_WAYS;
	enum seg_lookup_way way = __atomic_load_n(&best, __ATOMIC_RELAXED);

	if (way == SEG_LOOKUP_WAYS) {
		way = seg_lookup_best();
		__atomic_store_n(&best, way, __ATOMIC_RELAXED);
	}
	return way;
}

void seg_image_classify(const struct seg_image *image, const struct seg_flow *flows,
			struct seg_decision *out, unsigned int n)
{
	seg_image_classify_by(way_here(), image, flows, out, n);
}

/* --- sides --------------------------------------------------------------------- */

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
	WAYS[way_here()].lookup(questions);
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
	WAYS[way_here()].fill(&questions, 1);
	sides[0] = side_of(&questions, SEG_STAGE_ENFORCE, SEG_RULE_DEFAULT);
	if (image->section[SEG_SECTION_FINDERS].count <= seg_finder_of(SEG_STAGE_SHADOW, 0))
		return 1;
	sides[1] = side_of(&questions, SEG_STAGE_SHADOW, rule_of_box(&questions, sides[0].box));
	return 2;
}
