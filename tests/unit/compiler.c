/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One rule changed, again and again: what is spliced in place has to decide as the same text
 * compiled whole does, by every way of a lookup, and must name, count and place rules as that does.
 */
#include "compiler.h"

#include <errno.h>

#include "check.h"
#include "policies.h"
#include "regions.h"

#define POLICIES 40
#define PATCHES  25
#define FLOWS    300
#define REGIONS  10

/* The interface by name: its number is the image's own. */
static struct seg_flow flow_make(const char **iface)
{
	struct seg_flow flow = flow_any();

	*iface = below(2) ? "eth1" : "eth2";
	return flow;
}

/* --- a policy that is patched -------------------------------------------------------- */

struct patched {
	char *text;
	size_t len;
	const struct seg_image *image; /* as workers have it: sealed, mapped, checked */
	struct seg_compiler *compiler;
};

/* Sealed and looked over as one from a stranger. */
static void image_take(struct patched *p, const struct seg_image *image)
{
	struct seg_error err = {0};
	_cleanup_close_ int fd = seg_image_seal(image, &err);

	seg_image_unmap(p->image);
	p->image = NULL;
	if (fd < 0 || seg_image_map(fd, &p->image, &err))
		seg_error_print(&err, stderr, 0);
	check(p->image);
}

static void patched_free(struct patched *p)
{
	free(p->text);
	seg_image_unmap(p->image);
	seg_compiler_unref(p->compiler);
	*p = (struct patched){0};
}

static int patched_open(struct patched *p)
{
	const struct seg_policy_file file = {"test.yaml", p->text, p->len};
	_cleanup_image_ struct seg_image *image = NULL;
	struct seg_error err = {0};
	int r;

	seg_compiler_unref(p->compiler);
	p->compiler = NULL;
	r = seg_compiler_open(&file, NULL, &p->compiler, &image, &err);
	if (r)
		seg_error_print(&err, stderr, 0);
	else
		image_take(p, image);
	return r;
}

/* "{id: n3, ...}", sometimes without an id. */
static void rule_write(FILE *to, const struct rule *rule, const char *id)
{
	_cleanup_free_ char *line = NULL;
	size_t len;
	FILE *f = open_memstream(&line, &len);

	write_rule(f, rule);
	fclose(f);
	fputc('{', to);
	if (*id)
		fprintf(to, "id: %s, ", id);
	fwrite(line + 3, 1, len - 4, to);
}

static void id_make(char id[SEG_NAME_MAX])
{
	snprintf(id, SEG_NAME_MAX, "n%u", below(1000));
	if (below(4) == 0)
		*id = '\0';
}

static bool id_there(const struct policy *policy, char ids[][SEG_NAME_MAX], const char *id)
{
	for (unsigned int i = 0; i < policy->n; i++)
		if (!strcmp(ids[i], id))
			return *id != '\0';
	return false;
}

static void text_make(struct patched *p)
{
	struct policy policy;
	char ids[RULES_MOST][SEG_NAME_MAX] = {""};
	FILE *f = open_memstream(&p->text, &p->len);

	policy_make(&policy);
	fprintf(f, "# kept\nversion: 1\ndefaults: {ingress: %s}\nrules:\n",
		policy.allow[0] ? "allow" : "deny");
	fputs("  - {id: first, from: 10.0.0.1, action: allow} # and this\n", f);
	for (unsigned int i = 0; i < policy.n; i++) {
		do
			id_make(ids[i]);
		while (id_there(&(struct policy){.n = i}, ids, ids[i]));
		fputs("  - ", f);
		rule_write(f, &policy.rules[i], ids[i]);
		fputc('\n', f);
	}
	fputs(below(2) ? "groups:\n  some: [10.0.0.0/28, {not: 10.0.0.3}]\n" : "", f);
	fclose(f);
}

/* --- the same ------------------------------------------------------------------------- */

static void rules_compare(const struct seg_image *a, const struct seg_image *b)
{
	check_eq(seg_image_rules(a), seg_image_rules(b));
	check_str_eq(seg_image_hash(a), seg_image_hash(b));
	check_str_eq(seg_image_name(a), seg_image_name(b));
	for (uint32_t i = 0; i < seg_image_rules(a); i++) {
		struct seg_rule_info x = {0}, y = {0};

		check_str_eq(seg_image_rule_id(a, i), seg_image_rule_id(b, i));
		check_eq(seg_image_rule_info(a, i, &x), seg_image_rule_info(b, i, &y));
		check_str_eq(x.file, y.file);
		check_eq(x.line, y.line);
		check(x.verdict == y.verdict && x.log == y.log && x.stage == y.stage);
	}
}

static void vlans_compare(const struct seg_image *a, const struct seg_image *b)
{
	const struct seg_vlan *x, *y;
	unsigned int n = seg_image_vlans(a, &x);

	check_eq(n, seg_image_vlans(b, &y));
	check(!n || !memcmp(x, y, n * sizeof(*x)));
}

static bool decision_is(const struct seg_decision *a, const struct seg_decision *b)
{
	return a->rule == b->rule && a->verdict == b->verdict && a->flags == b->flags &&
	       a->shadow == b->shadow;
}

static void flows_compare(const struct seg_image *a, const struct seg_image *b)
{
	for (unsigned int i = 0; i < FLOWS; i++) {
		const char *iface;
		struct seg_flow flow = flow_make(&iface);
		struct seg_decision wanted, got;

		flow.iface = seg_image_iface(b, iface);
		wanted = seg_image_scan(b, &flow);
		flow.iface = seg_image_iface(a, iface);
		got = seg_image_scan(a, &flow);
		check_that(decision_is(&got, &wanted), "a scan: %u, %u", got.rule, wanted.rule);
		for (enum seg_lookup_way way = 0; way < SEG_LOOKUP_WAYS; way++) {
			if (!seg_lookup_runs(way))
				continue;
			seg_image_classify_by(way, a, &flow, &got, 1);
			check_that(decision_is(&got, &wanted), "%s: %u, %u", seg_lookup_name(way),
				   got.rule, wanted.rule);
		}
	}
}

/* A region is exact: one of holes and of boxes in other places is the same. */
static void regions_compare(const struct seg_image *a, const struct seg_image *b)
{
	_cleanup_regions_ struct seg_regions *trees = NULL;

	check_eq(seg_regions_open(a, &trees), 0);
	for (unsigned int i = 0; i < REGIONS; i++) {
		struct seg_region wanted = {0}, read = {0}, found = {0};
		struct seg_flow flow = flow_any();

		seg_image_region(b, &flow, &wanted);
		seg_image_region(a, &flow, &read);
		seg_regions_find(trees, &flow, &found);
		check(memcmp(&read, &wanted, sizeof(wanted)) == 0);
		check(memcmp(&found, &wanted, sizeof(wanted)) == 0);
	}
	for (enum seg_direction d = 0; d < SEG_DIRECTION_MAX; d++)
		check_eq(seg_image_allows_all(a, d), seg_image_allows_all(b, d));
}

static void compare(const struct patched *p)
{
	_cleanup_image_ struct seg_image *whole = NULL;
	const struct seg_policy_file file = {"test.yaml", p->text, p->len};
	struct seg_error err = {0};

	if (seg_policy_compile(&file, NULL, &whole, &err))
		seg_error_print(&err, stderr, 0);
	check(whole);
	rules_compare(p->image, whole);
	vlans_compare(p->image, whole);
	flows_compare(p->image, whole);
	regions_compare(p->image, whole);
}

/* --- patches ------------------------------------------------------------------------------ */

static const char *any_id(const struct seg_image *image)
{
	return seg_image_rule_id(image, below(seg_image_rules(image)));
}

/* A rule that can match something; the text is the caller's. */
static char *rule_text(const struct seg_image *image)
{
	struct policy one = {.n = 0};
	char id[SEG_NAME_MAX], *text;
	size_t len;
	FILE *f;

	while (!one.n) {
		_cleanup_image_ struct seg_image *alone = NULL;

		one = (struct policy){.n = 1};
		one.rules[0] = rule_make();
		alone = image_of(&one);
		one.n = alone != NULL;
	}
	id_make(id);
	if (below(3) == 0)
		snprintf(id, sizeof(id), "%s", any_id(image));
	f = open_memstream(&text, &len);
	rule_write(f, &one.rules[0], id);
	fclose(f);
	return text;
}

/* *id, if it is not NULL, gets the rule's. */
static int patch_with(struct patched *p, const struct seg_patch *patch, char id[SEG_NAME_MAX])
{
	const struct seg_policy_file file = {"test.yaml", p->text, p->len};
	struct seg_patched next = {0};
	int r = seg_compiler_patch(p->compiler, p->image, &file, patch, &next);

	if (r)
		return r;
	if (id)
		snprintf(id, SEG_NAME_MAX, "%s", next.id);
	free(p->text);
	p->text = next.text;
	p->len = next.len;
	image_take(p, next.image);
	return 0;
}

/* Returns whether it was spliced. */
static bool patch_one(struct patched *p)
{
	_cleanup_free_ char *rule = below(4) ? rule_text(p->image) : NULL;
	const char *beside = any_id(p->image);
	unsigned int where = below(3);
	struct seg_patch patch = {.rule = rule,
				  .removed = rule ? NULL : beside,
				  .before = rule && where == 1 ? beside : NULL,
				  .after = rule && where == 2 ? beside : NULL};
	int r;

	if (!rule && seg_image_rules(p->image) < 2)
		return false;
	r = patch_with(p, &patch, NULL);
	check(!r || r == -EAGAIN);
	if (r) /* as after any that is compiled whole */
		check_eq(patched_open(p), 0);
	return !r;
}

TEST(compiler, a_change_is_what_the_whole_text_says)
{
	unsigned int spliced = 0;

	seed = seg_random_seed();
	for (unsigned int i = 0; i < POLICIES; i++) {
		struct patched p = {0};

		text_make(&p);
		check_eq(patched_open(&p), 0);
		for (unsigned int j = 0; j < PATCHES; j++) {
			if (!patch_one(&p))
				continue;
			spliced++;
			compare(&p);
		}
		patched_free(&p);
	}
	check_that(spliced > POLICIES * PATCHES / 2, "%u spliced", spliced);
}

/* --- what is gone ---------------------------------------------------------------------------- */

/* Its boxes' places are still there, before those of what decides now. */
TEST(compiler, what_went_is_in_nobodys_way)
{
	static const char TEXT[] = "version: 1\nrules:\n"
				   "- {id: first, from: 192.0.2.1, action: allow}\n"
				   "- {id: a, from: 10.0.0.1, service: tcp/80, action: deny}\n"
				   "- {id: b, from: 10.0.0.0/8, action: allow}\n";
	struct patched p = {.text = strdup(TEXT), .len = strlen(TEXT)};
	struct seg_flow flow = {.family = 4, .proto = 6, .sport = htons(1024), .dport = htons(80)};
	struct seg_region region;

	flow.src[2] = flow.dst[2] = htonl(0xffff);
	flow.src[3] = htonl(0x0a000001);
	check_eq(patched_open(&p), 0);
	check_eq(patch_with(&p, &(struct seg_patch){.removed = "a"}, NULL), 0);
	seg_image_region(p.image, &flow, &region);
	check_eq(ntohl(region.first.src[3]), 0x0a000000);
	check_eq(ntohl(region.last.src[3]), 0x0affffff);
	check_eq(ntohs(region.first.sport), 0);
	check_eq(ntohs(region.last.sport), UINT16_MAX);
	check_eq(ntohs(region.first.dport), 0);
	check_eq(ntohs(region.last.dport), UINT16_MAX);
	patched_free(&p);
}

/* --- many at one place --------------------------------------------------------------------- */

#define MANY 1000

/* Each of an address of its own. */
static char *many_rules(size_t *len)
{
	char *text;
	FILE *f = open_memstream(&text, len);

	fputs("version: 1\nrules:\n", f);
	for (unsigned int i = 0; i < MANY; i++)
		fprintf(f, "- {id: r%u, from: 10.0.%u.%u, service: tcp/80, action: allow}\n", i,
			i / 250, i % 250);
	fclose(f);
	return text;
}

/* From each address that a rule may have. */
static void addresses_compare(const struct patched *p)
{
	_cleanup_image_ struct seg_image *whole = NULL;
	const struct seg_policy_file file = {"test.yaml", p->text, p->len};

	check_eq(seg_policy_compile(&file, NULL, &whole, NULL), 0);
	rules_compare(p->image, whole);
	for (uint32_t i = 0; i < 8 * 256; i++) {
		struct seg_flow flow = {.family = 4, .proto = 6, .dport = htons(80)};
		struct seg_decision got, wanted;

		flow.src[2] = flow.dst[2] = htonl(0xffff);
		flow.src[3] = htonl(10u << 24 | i);
		wanted = seg_image_scan(whole, &flow);
		for (enum seg_lookup_way way = 0; way < SEG_LOOKUP_WAYS; way++) {
			if (!seg_lookup_runs(way))
				continue;
			seg_image_classify_by(way, p->image, &flow, &got, 1);
			check_that(decision_is(&got, &wanted), "%s of %u: %u, %u",
				   seg_lookup_name(way), i, got.rule, wanted.rule);
		}
	}
}

/* Holes near by are soon taken: rows and boxes move, from block to block. */
TEST(compiler, many_come_before_one)
{
	static const char *const BEFORE[] = {"r0", "r500", "r999"};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(BEFORE); i++) {
		struct patched p = {0};

		p.text = many_rules(&p.len);
		check_eq(patched_open(&p), 0);
		for (unsigned int j = 0; j < 120; j++) {
			char rule[96];

			snprintf(rule, sizeof(rule),
				 "{from: 10.0.%u.0/24, service: tcp/80, action: deny}", j % 8);
			if (j % 2)
				snprintf(rule, sizeof(rule),
					 "{id: r%u, from: 10.0.7.%u, service: tcp/80, action: "
					 "allow}",
					 j * 7, j);
			check_that(
				!patch_with(&p,
					    &(struct seg_patch){.rule = rule, .before = BEFORE[i]},
					    NULL),
				"%s before %s", rule, BEFORE[i]);
			if (j % 10 == 9)
				addresses_compare(&p);
		}
		patched_free(&p);
	}
}

/* --- texts -------------------------------------------------------------------------------- */

static void check_text(const char *text, const struct seg_patch *patch, const char *wanted)
{
	struct patched p = {.text = strdup(text), .len = strlen(text)};
	const struct seg_policy_file file = {"test.yaml", p.text, p.len};
	struct seg_patched next = {0};

	check_eq(patched_open(&p), 0);
	check_eq(seg_compiler_patch(p.compiler, p.image, &file, patch, &next),
		 wanted ? 0 : -EAGAIN);
	check_str_eq(next.text ? next.text : "", wanted ? wanted : "");
	free(next.text);
	patched_free(&p);
}

#define HEAD "version: 1\nrules:\n"
#define A    "- {id: a, service: tcp/80, action: allow}\n"
#define B    "- {id: b, from: some, action: deny} # why\n"
#define NEW  "{id: n, service: tcp/81, action: allow}"
#define TAIL "groups: {some: 10.0.0.0/8}\n"

TEST(compiler, only_the_line_changes)
{
	check_text(HEAD A B TAIL, &(struct seg_patch){.rule = NEW}, HEAD A B "- " NEW "\n" TAIL);
	check_text(HEAD A B TAIL, &(struct seg_patch){.rule = NEW, .before = "b"},
		   HEAD A "- " NEW "\n" B TAIL);
	check_text(HEAD A B TAIL, &(struct seg_patch){.rule = NEW, .after = "a"},
		   HEAD A "- " NEW "\n" B TAIL);
	check_text(HEAD A B TAIL, &(struct seg_patch){.removed = "a"}, HEAD B TAIL);
	check_text(HEAD A B TAIL, &(struct seg_patch){.rule = "{id: a, action: deny}"},
		   HEAD "- {id: a, action: deny}\n" B TAIL);
	check_text(HEAD A B TAIL,
		   &(struct seg_patch){.rule = "{id: a, action: deny}", .after = "b"},
		   HEAD B "- {id: a, action: deny}\n" TAIL);
	check_text(TAIL HEAD "- {id: a, action: deny}", &(struct seg_patch){.rule = NEW},
		   TAIL HEAD "- {id: a, action: deny}\n- " NEW "\n");
	check_text(TAIL HEAD A "- {id: b, action: deny}",
		   &(struct seg_patch){.rule = "{id: b, action: allow}"},
		   TAIL HEAD A "- {id: b, action: allow}\n");
}

/* What cannot be told from a line, or is wrong, is left to who compiles all. */
TEST(compiler, not_this_time)
{
	static const char *const TEXTS[] = {
		HEAD "- id: a\n  action: allow\n",
		HEAD "- {id: a,\n   action: allow}\n",
		HEAD "- action: allow\n  log: true\n",
		"version: 1\nrules: [\n {id: a, action: allow}]\n",
		"version: 1\nrules: []\n",
		HEAD "- {id: rule-7, action: allow}\n",
	};
	static const char *const RULES[] = {
		"{id: n, from: nobody, action: allow}",
		"{id: n}",
		"{id: default, action: allow}",
		"{id: rule-1, action: allow}",
		"{id: n, stage: shadow, action: deny}",
		"{id: n, from: 10.0.0.1, to: '::1', action: allow}",
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(TEXTS); i++)
		check_text(TEXTS[i], &(struct seg_patch){.rule = NEW}, NULL);
	for (size_t i = 0; i < SEG_ARRAY_SIZE(RULES); i++)
		check_text(HEAD A B TAIL, &(struct seg_patch){.rule = RULES[i]}, NULL);
	check_text(HEAD A B TAIL, &(struct seg_patch){.removed = "c"}, NULL);
	check_text(HEAD A B TAIL, &(struct seg_patch){.rule = NEW, .before = "c"}, NULL);
}

/* A group that a rule names is not read again. */
TEST(compiler, names_stand_for_what_they_did)
{
	struct patched p = {.text = strdup(HEAD A B TAIL), .len = strlen(HEAD A B TAIL)};
	const struct seg_patch patch = {.rule = "{id: n, to: some, action: allow}", .before = "b"};
	char id[SEG_NAME_MAX] = "";

	check_eq(patched_open(&p), 0);
	check_eq(patch_with(&p, &patch, id), 0);
	check_str_eq(id, "n");
	compare(&p);
	patched_free(&p);
}
