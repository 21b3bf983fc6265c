/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rule_findings.c - each kind of finding is a question that a search answers: is there a packet
 * that the rule decides, one for which that matters, and so on. A question that is answered by
 * "there is none" is asked of every packet that the rule matches.
 */
#include "rule_findings.h"

#include <stdlib.h>

#include "search.h"

#define PROBES     8
#define PROBE_FROM 256 /* areas in a rule's way */

/* What is near the area that was looked at last. */
struct nearest {
	seg_numbers areas;
	uint32_t area; /* + 1; 0: none */
};

struct check {
	struct seg_space space;
	struct seg_search search;
	const struct seg_image *image;
	struct nearest nearest[SEG_LANES];
	seg_numbers probed;       /* what is near a part of an area */
	const seg_numbers *near;  /* one of them: what the question is about */
	bool *gone;               /* rules that are taken for removed */
	bool *silent;             /* rules that never decide */
	uint32_t answer;          /* of the rule that is looked at */
	uint32_t scopes;          /* areas that a packet has to be in */
	uint32_t whole;           /* rule that may hold another */
	uint64_t dice;            /* for probes: always the same ones */
	uint8_t *areas_n;         /* of each rule; 255: or more */
	uint32_t *namers;         /* how many rules name a VLAN, by class */
	struct seg_finding found; /* what is being found out about the rule */
};

/* An area of the rule that is looked at. */
struct place {
	struct seg_areas *areas;
	uint32_t lane, area;
};

/* --- who is to blame ------------------------------------------------------------------- */

static void blame(struct seg_finding *finding, const struct seg_owner *owner)
{
	for (uint32_t i = 0; i < finding->others_n; i++)
		if (finding->other[i].kind == owner->kind &&
		    finding->other[i].index == owner->index)
			return;
	if (finding->others_n == SEG_FINDING_OTHERS)
		finding->more = true;
	else
		finding->other[finding->others_n++] =
			(struct seg_finding_other){owner->kind, owner->index};
}

static void blame_last(struct seg_search *search, const struct seg_node *node,
		       enum seg_list_id list)
{
	struct check *check = search->context;

	blame(&check->found, seg_owner_at(search, node, list, node->list[list].n - 1));
}

static const struct seg_owner *owner_of(const struct place *place)
{
	return &place->areas->owner[place->area];
}

/* --- judges ------------------------------------------------------------------------------ */

/* A packet of the scope is in none of list ONE. */
static enum seg_verdict_on_node judge_free(struct seg_search *search, const struct seg_node *node)
{
	if (!node->list[SEG_LIST_SCOPE].n)
		return SEG_NODE_DONE;
	if (!node->list[SEG_LIST_ONE].n)
		return SEG_NODE_FOUND;
	if (!seg_list_covers(search, node, SEG_LIST_ONE))
		return SEG_NODE_CUT;
	blame_last(search, node, SEG_LIST_ONE);
	return SEG_NODE_DONE;
}

/* Two areas that are open on one axis may miss each other there. */
static bool surely_meet(const struct seg_search *search, const struct seg_node *node)
{
	unsigned int open = 0;

	for (uint32_t i = 0; i < node->list[SEG_LIST_SCOPE].n; i++) {
		const struct seg_entry *entry = seg_entry_at(search, node, SEG_LIST_SCOPE, i);

		if (open & entry->open)
			return false;
		open |= entry->open;
	}
	return true;
}

/* The same, where the scope is what two areas have in common. */
static enum seg_verdict_on_node judge_common(struct seg_search *search, const struct seg_node *node)
{
	const struct check *check = search->context;

	if (node->list[SEG_LIST_SCOPE].n < check->scopes ||
	    seg_list_covers(search, node, SEG_LIST_ONE))
		return SEG_NODE_DONE;
	return node->list[SEG_LIST_ONE].n || !surely_meet(search, node) ? SEG_NODE_CUT
									: SEG_NODE_FOUND;
}

/* How many of a list have the rule's own answer, how many another; a guard has none. */
struct answers {
	uint32_t same, other;
};

static struct answers count_answers(const struct seg_search *search, const struct seg_node *node,
				    enum seg_list_id list)
{
	const struct check *check = search->context;
	struct answers answers = {0};

	for (uint32_t i = 0; i < node->list[list].n; i++) {
		uint32_t answer = seg_owner_at(search, node, list, i)->answer;

		answers.same += answer == check->answer;
		answers.other += answer != check->answer && answer != SEG_ANSWER_NONE;
	}
	return answers;
}

/* A packet of the scope that is in none of list ONE and that list TWO answers otherwise. */
static enum seg_verdict_on_node judge_needed(struct seg_search *search, const struct seg_node *node)
{
	struct answers answers;

	if (!node->list[SEG_LIST_SCOPE].n || seg_list_covers(search, node, SEG_LIST_ONE))
		return SEG_NODE_DONE;
	answers = count_answers(search, node, SEG_LIST_TWO);
	if (!answers.other) {
		blame_last(search, node, SEG_LIST_TWO);
		return SEG_NODE_DONE;
	}
	return answers.same || node->list[SEG_LIST_ONE].n ? SEG_NODE_CUT : SEG_NODE_FOUND;
}

/* A packet of the scope that list ONE, which has them all, answers otherwise. */
static enum seg_verdict_on_node judge_other(struct seg_search *search, const struct seg_node *node)
{
	struct check *check = search->context;
	uint32_t n = node->list[SEG_LIST_ONE].n;
	struct answers answers;

	if (!node->list[SEG_LIST_SCOPE].n)
		return SEG_NODE_DONE;
	answers = count_answers(search, node, SEG_LIST_ONE);
	if (!answers.other)
		return SEG_NODE_DONE;
	if (answers.other < n)
		return SEG_NODE_CUT;
	blame(&check->found, seg_owner_at(search, node, SEG_LIST_ONE, 0));
	return SEG_NODE_FOUND;
}

/* --- lists --------------------------------------------------------------------------------- */

/* What could ever answer instead of a rule. A shadow rule decides nothing, but one is told only
 * where no other was before. */
static bool counts(const struct check *check, const struct seg_owner *owner,
		   const struct seg_owner *of)
{
	if (owner->kind != SEG_OWNER_RULE)
		return true;
	return owner->index != of->index && (!owner->shadow || of->shadow) &&
	       !check->gone[owner->index];
}

static int find_near(struct check *check, const struct place *place, const struct seg_cell *box)
{
	check->near = &check->probed;
	return seg_near_find(&place->areas->near, box->on[SEG_AXIS_SRC], box->on[SEG_AXIS_DST],
			     &check->probed);
}

/* Those of a whole area, which several questions in a row are about. */
static int find_nearest(struct check *check, const struct place *place, const struct seg_cell *hull)
{
	struct nearest *nearest = &check->nearest[place->lane];
	int r = 0;

	if (nearest->area != place->area + 1)
		r = seg_near_find(&place->areas->near, hull->on[SEG_AXIS_SRC],
				  hull->on[SEG_AXIS_DST], &nearest->areas);
	nearest->area = r ? 0 : place->area + 1;
	check->near = &nearest->areas;
	return r;
}

/* Areas of check->near from the i-th on that are before `end`. */
static void add_near(struct check *check, const struct place *place, struct seg_node *node,
		     enum seg_list_id list, uint32_t i, uint32_t end, int *r)
{
	bool full = false;

	for (; !*r && !full && i < check->near->n && check->near->item[i] < end; i++) {
		uint32_t area = check->near->item[i];

		if (counts(check, &place->areas->owner[area], owner_of(place)))
			full = seg_search_add(&check->search, node, list, 0, area, r);
	}
}

static struct seg_node begin(struct check *check, const struct place *place,
			     const struct seg_cell *box, int *r)
{
	struct seg_node node = seg_search_begin(&check->search, box);

	check->search.lane = place->lane;
	check->answer = owner_of(place)->answer;
	seg_search_add(&check->search, &node, SEG_LIST_SCOPE, 0, place->area, r);
	return node;
}

typedef enum seg_verdict_on_node (*judge_node)(struct seg_search *search,
					       const struct seg_node *node);

/* The first of check->near that is not before an area. */
static uint32_t near_from(const struct check *check, uint32_t area)
{
	uint32_t low = 0, high = check->near->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (check->near->item[middle] < area)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Ask a judge about a box of an area, with what comes before it and, if wanted, behind it. What
 * is behind may be enough for an answer: what comes before can only take packets away.
 */
static int ask_near(struct check *check, const struct place *place, const struct seg_cell *box,
		    bool behind, judge_node judge)
{
	int r = 0;
	struct seg_node node = begin(check, place, box, &r);

	if (behind)
		add_near(check, place, &node, SEG_LIST_TWO, near_from(check, place->area),
			 UINT32_MAX, &r);
	if (behind && !r && judge(&check->search, &node) == SEG_NODE_DONE)
		return 0;
	add_near(check, place, &node, SEG_LIST_ONE, 0, place->area, &r);
	check->search.judge = judge;
	return r ? r : seg_search_run(&check->search, &node);
}

static uint32_t anywhere(struct check *check, struct seg_span in)
{
	check->dice = check->dice * 6364136223846793005u + 1442695040888963407u;
	return in.first +
	       (uint32_t)((check->dice >> 32) * ((uint64_t)in.last - in.first + 1) >> 32);
}

/* A pair of addresses of a wide area, and all else of it: few rules are for them. */
static int probe(struct check *check, const struct place *place, const struct seg_cell *hull,
		 bool behind, judge_node judge)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < PROBES; i++) {
		struct seg_cell box = *hull;

		for (enum seg_axis axis = SEG_AXIS_SRC; axis <= SEG_AXIS_DST; axis++)
			box.on[axis].first = box.on[axis].last = anywhere(check, hull->on[axis]);
		r = find_near(check, place, &box);
		if (!r)
			r = ask_near(check, place, &box, behind, judge);
	}
	return r;
}

/* What is found in a part is found. */
static int ask(struct check *check, const struct place *place, bool behind, judge_node judge)
{
	struct seg_cell hull = seg_areas_hull(place->areas, place->area);
	int r = find_nearest(check, place, &hull);

	if (!r && check->near->n > PROBE_FROM)
		r = probe(check, place, &hull, behind, judge);
	if (!r)
		r = find_nearest(check, place, &hull);
	return r ? r : ask_near(check, place, &hull, behind, judge);
}

/* --- rules ----------------------------------------------------------------------------------- */

typedef int (*ask_place)(struct check *check, const struct place *place);

static int needed(struct check *check, const struct place *place)
{
	return ask(check, place, true, judge_needed);
}

static int decides(struct check *check, const struct place *place)
{
	return ask(check, place, false, judge_free);
}

static int differs(struct check *check, const struct place *place)
{
	return ask(check, place, false, judge_other);
}

/* Of each area of a rule, until one says 1, or something fails. */
static int each_place(struct check *check, uint32_t rule, ask_place question)
{
	int r = 0;

	for (uint32_t lane = 0; !r && lane < SEG_LANES; lane++) {
		struct seg_areas *areas = &check->space.areas[0][lane];
		uint32_t n, first = seg_areas_of_rule(areas, rule, &n);

		for (uint32_t i = 0; !r && i < n; i++)
			r = question(check, &(struct place){areas, lane, first + i});
	}
	return r;
}

/* A question about a rule, from a blank sheet. */
static int ask_rule(struct check *check, uint32_t rule, ask_place question)
{
	check->found = (struct seg_finding){.rule = rule};
	return each_place(check, rule, question);
}

static bool is_shadow(const struct check *check, uint32_t rule)
{
	struct seg_rule_info info = {0};

	seg_image_rule_info(check->image, rule, &info);
	return info.stage == SEG_STAGE_SHADOW;
}

static bool all_before_rules(const struct seg_finding *finding)
{
	for (uint32_t i = 0; i < finding->others_n; i++)
		if (finding->other[i].kind >= SEG_OWNER_RULE)
			return false;
	return !finding->more;
}

/* A rule that allows what failsafe allows says for whom that is, once failsafe is gone. */
static bool only_failsafe(const struct seg_finding *finding)
{
	for (uint32_t i = 0; i < finding->others_n; i++)
		if (finding->other[i].kind != SEG_OWNER_FAILSAFE)
			return false;
	return true;
}

static bool allows(const struct check *check, uint32_t rule)
{
	struct seg_rule_info info = {0};

	seg_image_rule_info(check->image, rule, &info);
	return info.verdict == SEG_VERDICT_ALLOW;
}

/* The one that answers otherwise is named first. */
static void merge_others(struct seg_finding *finding, const struct seg_finding *first)
{
	struct seg_finding merged = *first;

	for (uint32_t i = 0; i < finding->others_n; i++)
		blame(&merged, &(struct seg_owner){.kind = finding->other[i].kind,
						   .index = finding->other[i].index});
	merged.kind = finding->kind;
	merged.before = finding->before;
	merged.more |= finding->more;
	*finding = merged;
}

/* --- VLANs: a rule also names the stacks that are known at all -------------------------------- */

static int count_name(struct check *check, const struct place *place)
{
	const struct seg_slice *vlan = &place->areas->slice[SEG_AXIS_VLAN][place->area];

	if (vlan->first && vlan->first == vlan->last)
		check->namers[vlan->first]++;
	return 0;
}

static int uncount_name(struct check *check, const struct place *place)
{
	const struct seg_slice *vlan = &place->areas->slice[SEG_AXIS_VLAN][place->area];

	if (vlan->first && vlan->first == vlan->last)
		check->namers[vlan->first]--;
	return 0;
}

static int names_alone(struct check *check, const struct place *place)
{
	const struct seg_slice *vlan = &place->areas->slice[SEG_AXIS_VLAN][place->area];

	return vlan->first && vlan->first == vlan->last && !check->namers[vlan->first];
}

/* Without it, a VLAN that it names would be unknown. */
static bool is_only_namer(struct check *check, uint32_t rule)
{
	bool alone;

	each_place(check, rule, uncount_name);
	alone = each_place(check, rule, names_alone);
	each_place(check, rule, count_name);
	return alone;
}

/* A rule that never decides: why, and is that harmless? check->found has who takes its packets. */
static int find_silent(struct check *check, uint32_t rule, seg_findings *out)
{
	struct seg_finding finding = check->found;
	int r;

	finding.before = true;
	finding.kind = SEG_FINDING_NEVER;
	finding.harmless = allows(check, rule) && only_failsafe(&finding);
	if (!all_before_rules(&finding)) {
		r = ask_rule(check, rule, differs);
		if (r < 0)
			return r;
		finding.kind =
			r || is_shadow(check, rule) ? SEG_FINDING_SHADOWED : SEG_FINDING_REDUNDANT;
		if (r)
			merge_others(&finding, &check->found);
	}
	finding.before = true;
	check->silent[rule] = true;
	if (finding.kind == SEG_FINDING_REDUNDANT && is_only_namer(check, rule))
		return 1;
	return SEG_PUSH(out, finding) ? -ENOMEM : 1;
}

/* 1: all is said of it. */
static int find_unneeded(struct check *check, uint32_t rule, seg_findings *out)
{
	int r = is_shadow(check, rule) ? 0 : ask_rule(check, rule, needed);
	struct seg_finding behind = check->found;

	if (r)
		return r;
	r = ask_rule(check, rule, decides);
	if (r < 0)
		return r;
	if (!r)
		return find_silent(check, rule, out);
	if (is_shadow(check, rule) || is_only_namer(check, rule))
		return 0;
	behind.kind = SEG_FINDING_REDUNDANT;
	return SEG_PUSH(out, behind);
}

/* --- failsafe ----------------------------------------------------------------------------------
 */

/*
 * Is there a packet that is in both areas and that `place` would decide? As if there were no
 * failsafe, where that is the other.
 */
static int ask_common(struct check *check, const struct place *place, uint32_t other,
		      const struct seg_cell *box)
{
	bool failsafe = place->areas->owner[other].kind == SEG_OWNER_FAILSAFE, full = false;
	struct seg_node node;
	int r = find_near(check, place, box);

	if (r)
		return r;
	node = begin(check, place, box, &r);
	seg_search_add(&check->search, &node, SEG_LIST_SCOPE, 0, other, &r);
	check->scopes = 2;
	for (uint32_t i = 0; !r && !full && i < check->near->n; i++) {
		uint32_t area = check->near->item[i];
		const struct seg_owner *owner = &place->areas->owner[area];

		if (area >= place->area)
			break;
		if ((!failsafe || owner->kind != SEG_OWNER_FAILSAFE) &&
		    counts(check, owner, owner_of(place)))
			full = seg_search_add(&check->search, &node, SEG_LIST_ONE, 0, area, &r);
	}
	check->search.judge = judge_common;
	return r ? r : seg_search_run(&check->search, &node);
}

/* The packets that both may have. */
static bool common_box(const struct seg_areas *areas, uint32_t a, uint32_t b, struct seg_cell *box)
{
	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++) {
		const struct seg_slice *x = &areas->slice[axis][a], *y = &areas->slice[axis][b];

		box->on[axis].first = x->first > y->first ? x->first : y->first;
		box->on[axis].last = x->last < y->last ? x->last : y->last;
		if (box->on[axis].first > box->on[axis].last)
			return false;
	}
	return true;
}

static int failsafe_place(struct check *check, const struct place *place)
{
	struct seg_areas *areas = place->areas;
	struct seg_cell box;

	for (uint32_t i = 0; i < areas->n && areas->owner[i].kind < SEG_OWNER_RULE; i++) {
		int r;

		if (areas->owner[i].kind != SEG_OWNER_FAILSAFE ||
		    areas->slice[SEG_AXIS_DIRECTION][i].first != SEG_INGRESS ||
		    !common_box(areas, place->area, i, &box))
			continue;
		r = ask_common(check, place, i, &box);
		if (r < 0)
			return r;
		if (r)
			blame(&check->found, &areas->owner[i]);
	}
	return 0;
}

static int find_failsafe(struct check *check, uint32_t rule, seg_findings *out)
{
	int r = ask_rule(check, rule, failsafe_place);

	if (r || !check->found.others_n)
		return r;
	check->found.kind = SEG_FINDING_FAILSAFE;
	return SEG_PUSH(out, check->found);
}

/* --- conflicts -----------------------------------------------------------------------------------
 */

/* Every packet of one rule is one of the other's. 1: no. */
static int outside_place(struct check *check, const struct place *place)
{
	struct seg_cell box = seg_areas_hull(place->areas, place->area);
	uint32_t n, first = seg_areas_of_rule(place->areas, check->whole, &n);
	int r = 0;
	struct seg_node node = begin(check, place, &box, &r);

	for (uint32_t i = 0; !r && i < n; i++)
		if (seg_search_add(&check->search, &node, SEG_LIST_ONE, 0, first + i, &r))
			break;
	check->search.judge = judge_free;
	return r ? r : seg_search_run(&check->search, &node);
}

/* 1: `a` has packets that `b` has not. */
static int has_more(struct check *check, uint32_t a, uint32_t b)
{
	struct seg_finding kept = check->found;
	int r;

	check->whole = b;
	r = each_place(check, a, outside_place);
	check->found = kept;
	return r;
}

/* A short way to has_more() for a rule of one area. */
static bool is_within(const struct check *check, const struct seg_areas *areas, uint32_t a,
		      uint32_t b)
{
	struct seg_cell box = seg_areas_hull(areas, a);

	return check->areas_n[areas->owner[a].index] == 1 &&
	       seg_search_holds(&check->search, b, &box);
}

/* An earlier area: does its rule decide otherwise on packets that both have? */
static int conflict_with(struct check *check, const struct place *place, uint32_t earlier)
{
	struct place before = {place->areas, place->lane, earlier};
	const struct seg_owner *a = owner_of(&before), *b = owner_of(place);
	struct seg_cell box;
	int r;

	check->search.lane = place->lane;
	if (!common_box(place->areas, earlier, place->area, &box) ||
	    is_within(check, place->areas, earlier, place->area) ||
	    is_within(check, place->areas, place->area, earlier))
		return 0;
	r = has_more(check, a->index, b->index);
	if (r > 0)
		r = has_more(check, b->index, a->index);
	return r <= 0 ? r : ask_common(check, &before, place->area, &box);
}

static bool may_conflict(const struct check *check, const struct seg_owner *a,
			 const struct seg_owner *b)
{
	return a->kind == SEG_OWNER_RULE && a->index != b->index && !a->shadow &&
	       !check->silent[a->index] && ((a->answer ^ b->answer) & SEG_ANSWER_ALLOW);
}

static bool is_blamed(const struct check *check, const struct seg_owner *owner)
{
	for (uint32_t i = 0; i < check->found.others_n; i++)
		if (check->found.other[i].index == owner->index)
			return true;
	return false;
}

static int conflict_place(struct check *check, const struct place *place)
{
	struct seg_areas *areas = place->areas;
	struct seg_cell hull = seg_areas_hull(areas, place->area);
	int r = find_nearest(check, place, &hull);
	const seg_numbers *near = check->near;

	for (uint32_t i = 0; !r && i < near->n && near->item[i] < place->area; i++) {
		const struct seg_owner *owner = &areas->owner[near->item[i]];

		if (!may_conflict(check, owner, owner_of(place)) || is_blamed(check, owner))
			continue;
		r = conflict_with(check, place, near->item[i]);
		if (r > 0) {
			blame(&check->found, owner);
			r = 0;
		}
		if (check->found.more)
			break;
	}
	return r;
}

static int find_conflict(struct check *check, uint32_t rule, seg_findings *out)
{
	int r = ask_rule(check, rule, conflict_place);

	if (r || !check->found.others_n)
		return r;
	check->found.kind = SEG_FINDING_CONFLICT;
	return SEG_PUSH(out, check->found);
}

/* --- all of it
 * -------------------------------------------------------------------------------------- */

static int count_area(struct check *check, const struct place *place)
{
	uint8_t *n = &check->areas_n[owner_of(place)->index];

	*n = (uint8_t)(*n + (*n < UINT8_MAX));
	return 0;
}

static int find_rule(struct check *check, uint32_t rule, seg_findings *out)
{
	struct seg_rule_info info = {0};
	int r = find_unneeded(check, rule, out);

	if (r < 0 || check->silent[rule] || is_shadow(check, rule))
		return r;
	seg_image_rule_info(check->image, rule, &info);
	r = info.verdict == SEG_VERDICT_DENY ? find_failsafe(check, rule, out) : 0;
	return r ? r : find_conflict(check, rule, out);
}

/* Take it for removed. */
static void remove_rule(struct check *check, uint32_t rule)
{
	check->gone[rule] = true;
	each_place(check, rule, uncount_name);
}

/* Still redundant with all that is gone? Else it is struck out. */
static int confirm(struct check *check, struct seg_finding *finding)
{
	int r = finding->before ? 0 : ask_rule(check, finding->rule, needed);

	if (r >= 0 && (r || is_only_namer(check, finding->rule)))
		finding->kind = SEG_FINDING_KINDS;
	else if (r >= 0)
		remove_rule(check, finding->rule);
	return r;
}

/*
 * What is redundant for what follows it must stay so when all else that is redundant is gone too:
 * of two equal rules, one is needed. From the last on, as each leans on later ones.
 */
static int confirm_redundant(struct check *check, seg_findings *out)
{
	int r = 0;

	for (uint32_t i = 0; i < out->n; i++)
		check->gone[out->item[i].rule] |=
			out->item[i].kind == SEG_FINDING_REDUNDANT && out->item[i].before;
	for (uint32_t i = out->n; r >= 0 && i-- > 0;)
		if (out->item[i].kind == SEG_FINDING_REDUNDANT)
			r = confirm(check, &out->item[i]);
	return r < 0 ? r : 0;
}

static void drop_struck(seg_findings *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < out->n; i++)
		if (out->item[i].kind != SEG_FINDING_KINDS)
			out->item[n++] = out->item[i];
	out->n = n;
}

static int find_all(struct check *check, seg_findings *out)
{
	uint32_t rules = seg_image_rules(check->image);
	int r = 0;

	check->gone = calloc(rules + 1, sizeof(*check->gone));
	check->silent = calloc(rules + 1, sizeof(*check->silent));
	check->namers = calloc(check->space.axes.vlans.n + 1, sizeof(*check->namers));
	check->areas_n = calloc(rules + 1, sizeof(*check->areas_n));
	if (!check->gone || !check->silent || !check->namers || !check->areas_n)
		return -ENOMEM;
	for (uint32_t rule = 0; rule < rules; rule++) {
		each_place(check, rule, count_name);
		each_place(check, rule, count_area);
	}
	for (uint32_t rule = 0; r >= 0 && rule < rules; rule++)
		r = find_rule(check, rule, out);
	if (r >= 0)
		r = confirm_redundant(check, out);
	drop_struck(out);
	return r;
}

static void check_close(struct check *check)
{
	seg_search_close(&check->search);
	seg_space_close(&check->space);
	free(check->probed.item);
	for (uint32_t lane = 0; lane < SEG_LANES; lane++)
		free(check->nearest[lane].areas.item);
	free(check->gone);
	free(check->silent);
	free(check->namers);
	free(check->areas_n);
}

int seg_policy_findings(const struct seg_image *image, seg_findings *out)
{
	_cleanup_(check_close) struct check check = {.image = image};
	int r = seg_space_open(&check.space, SEG_SPACE_CHECK, &image, 1);

	check.search.space = &check.space;
	check.search.context = &check;
	return r ? r : find_all(&check, out);
}

const char *seg_finding_name(enum seg_finding_kind kind)
{
	static const char *const NAMES[] = {
#define X(id, name, level) name,
		SEG_FINDINGS(X)
#undef X
	};

	return NAMES[kind];
}

const char *seg_finding_level(const struct seg_finding *finding)
{
	static const char *const LEVELS[] = {
#define X(id, name, level) level,
		SEG_FINDINGS(X)
#undef X
	};

	return finding->harmless ? "note" : LEVELS[finding->kind];
}
