/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The normal form: what is printed is a policy, prints as itself, and decides as
 * what it was printed from. Random policies, and all golden ones that compile.
 */
#include "classify.h"

#include <dirent.h>

#include "image_layout.h"
#include "policies.h"
#include "shelf.h"

static char *print_of(const struct seg_policy *policy)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	check_eq(seg_policy_print(policy, f), 0);
	fclose(f);
	return text;
}

static struct seg_policy *policy_of(const char *text)
{
	struct seg_policy_file file = {"printed.yaml", text, strlen(text)};
	struct seg_policy *policy = NULL;
	struct seg_error err = {0};

	if (seg_policy_open(&file, NULL, &policy, &err)) {
		fprintf(stderr, "%s\n", text);
		seg_error_print(&err, stderr, 0);
	}
	check(policy);
	return policy;
}

static void same_section(const struct seg_image *a, const struct seg_image *b, unsigned int section,
			 size_t size)
{
	check_eq(a->section[section].count, b->section[section].count);
	check(memcmp(seg_section_items(a, section), seg_section_items(b, section),
		     a->section[section].count * size) == 0);
}

static void same_rules(const struct seg_image *a, const struct seg_image *b)
{
	struct seg_rule_info one, two;

	check_eq(seg_image_rules(a), seg_image_rules(b));
	for (uint32_t i = 0; !seg_image_rule_info(a, i, &one); i++) {
		check_str_eq(seg_image_rule_id(a, i), seg_image_rule_id(b, i));
		check_eq(seg_image_rule_info(b, i, &two), 0);
		check_eq(one.verdict, two.verdict);
		check_eq(one.log, two.log);
		check_eq(one.stage, two.stage);
		check(memcmp(&one.limit, &two.limit, sizeof(one.limit)) == 0);
	}
}

static uint32_t needs_of(const struct seg_image *image)
{
	struct seg_need need;
	uint32_t n = 0;

	while (!seg_image_need(image, n, &need))
		n++;
	return n;
}

/* All but texts and the places in them. */
static void same_image(const struct seg_image *a, const struct seg_image *b)
{
	check_str_eq(seg_image_name(a), seg_image_name(b));
	check(memcmp(&a->defaults, &b->defaults, sizeof(a->defaults)) == 0);
	for (unsigned int lane = SEG_SECTION_LANES; lane <= SEG_SECTION_BEFORE; lane++)
		same_section(a, b, lane, sizeof(struct seg_row));
	same_section(a, b, SEG_SECTION_SETS, sizeof(struct seg_set));
	same_section(a, b, SEG_SECTION_INTERVALS, sizeof(struct seg_interval));
	same_section(a, b, SEG_SECTION_VLANS, sizeof(struct seg_vlan));
	same_rules(a, b);
	check_eq(a->section[SEG_SECTION_IFACES].count, b->section[SEG_SECTION_IFACES].count);
	check_eq(a->section[SEG_SECTION_FAILSAFES].count, b->section[SEG_SECTION_FAILSAFES].count);
	check_eq(needs_of(a), needs_of(b));
}

static void check_printed(const struct seg_policy *policy)
{
	_cleanup_free_ char *text = print_of(policy);
	_cleanup_policy_ struct seg_policy *again = policy_of(text);
	_cleanup_free_ char *more = print_of(again);

	check_str_eq(text, more);
	same_image(seg_policy_image(policy), seg_policy_image(again));
}

static struct seg_policy *golden_open(const char *folder, const char *name)
{
	static struct shelf shelf;
	static char text[ENOUGH];
	const struct seg_policy_loader loader = {shelf_load, &shelf};
	struct seg_policy *policy = NULL;
	char path[1024];
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	len = read_file(path, text);
	shelf.folder = folder;
	shelf.n = 0;
	seg_policy_open(&(struct seg_policy_file){name, text, len}, &loader, &policy, NULL);
	return policy;
}

static const char *golden_folder(void)
{
	static char folder[400];

	snprintf(folder, sizeof(folder), "%s/tests/golden/policy", getenv("SEG_SOURCE_ROOT"));
	return folder;
}

TEST(print, golden)
{
	DIR *dir = opendir(golden_folder());
	struct dirent *entry;
	unsigned int n = 0;

	check(dir);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');
		_cleanup_policy_ struct seg_policy *policy = NULL;

		if (dot && !strcmp(dot, ".yaml"))
			policy = golden_open(golden_folder(), entry->d_name);
		if (!policy)
			continue;
		check_printed(policy);
		n++;
	}
	closedir(dir);
	check(n > 20);
}

/* To the letter: what the contract's policy is in normal form. */
TEST(print, contract)
{
	static char expected[ENOUGH];
	_cleanup_policy_ struct seg_policy *policy =
		golden_open(golden_folder(), "attach-contract.yaml");
	_cleanup_free_ char *text = print_of(policy);
	char path[512];

	snprintf(path, sizeof(path), "%s/attach-contract.normal", golden_folder());
	read_file(path, expected);
	check_str_eq(text, expected);
}

TEST(print, quotes)
{
	static const char TEXT[] =
		"version: 1\n"
		"groups: {a.b: [10.0.0.0-10.0.0.255, 2001:DB8:0::0/32, not: [1.2.3.4-1.2.3.4]], "
		"-x: a.b}\n"
		"rules: [{iface: \"it's\", action: deny}, {iface: ['a\"b', 'c\\d'], action: "
		"deny},\n"
		"  {iface: '-', from: -x, to: [not: [-x, ::-::1]], action: allow},\n"
		"  {iface: [ '~', '}', 'x,y', '-', 1.5 ], action: deny}]\n";
	static const char PRINTED[] =
		"version: 1\n"
		"groups:\n"
		"  a.b: {include: [10.0.0.0/24, '2001:db8::/32'], except: 1.2.3.4}\n"
		"  '-x': a.b\n"
		"rules:\n"
		"  - {iface: \"it's\", action: deny}\n"
		"  - {iface: ['a\"b', 'c\\d'], action: deny}\n"
		"  - {from: '-x', to: [not: ['-x', '::/127']], iface: '-', action: allow}\n"
		"  - {iface: ['~', '}', 'x,y', '-', 1.5], action: deny}\n";
	_cleanup_policy_ struct seg_policy *policy = policy_of(TEXT);
	_cleanup_free_ char *text = print_of(policy);

	check_str_eq(text, PRINTED);
	check_printed(policy);
}

/* Of a long list, so many words a line; and every rule stays a rule. */
TEST(print, long_lists)
{
	char *made = NULL;
	size_t len;
	FILE *f = open_memstream(&made, &len);
	_cleanup_policy_ struct seg_policy *policy = NULL;
	_cleanup_free_ char *text = NULL;

	fputs("version: 1\ngroups: {g: [10.0.0.0", f);
	for (unsigned int i = 1; i < 129; i++)
		fprintf(f, ",\n 10.0.0.%u", i);
	fputs(", not: [10.0.0.1, 10.0.0.2]]}\nrules: [{from: g, action: deny}]\n", f);
	fclose(f);
	policy = policy_of(made);
	free(made);
	text = print_of(policy);
	check(strstr(text, "  g: {include: [10.0.0.0, 10.0.0.1, "));
	check(strstr(text, " 10.0.0.63,\n      10.0.0.64, "));
	check(strstr(text, " 10.0.0.127,\n      10.0.0.128], except: [10.0.0.1, 10.0.0.2]}\n"));
	check_printed(policy);
}

/* --- random ---------------------------------------------------------------------- */

/* Each stands or not. */
static const char *const SETTINGS[] = {
	"on-worker-loss: drop",
	"on-change: keep",
	"pickup: loose",
	"attach-learn: 1500ms",
	"syn-protect: always",
	"unmatched: pass",
	"ethertypes: {allow: [0x88cc, 0x1234, arp]}",
	"timeouts: {udp: 90s, icmp: 1h}",
	"limits: {sessions: 2500k, masks: 7, slow-path: {rate: 5/s}}",
};

static const char *const NAMED[] = {
	"name: 1.5",
	"failsafe: [tcp/22 from g, 'icmp/8 from ::1', s]",
};

static const char *const EXTRA[] = {
	"to: g",
	"from: [g, not: [10.0.0.3, h]]",
	"service: s",
	"limit: {rate: 3k/s, per: source}",
	"limit: {sessions: 7, burst: 10, rate: 1M/s}",
	"stage: shadow",
	"log: true",
	"vlan: [3/4, 7]",
	"direction: egress",
	"iface: [eth0, 'a,b']",
	"tcp-flags: [syn, rst/rst+ack]",
	"dscp: [ef, 3]",
};

static void sprinkle(FILE *f, const char *const *all, size_t n, const char *before,
		     unsigned int one_in)
{
	for (size_t i = 0; i < n; i++)
		if (!below(one_in))
			fprintf(f, "%s%s", before, all[i]);
}

/* Its rules, and some more behind them. */
static char *text_of(const struct policy *policy)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "version: 1\ndefaults:\n");
	sprinkle(f, SETTINGS, SEG_ARRAY_SIZE(SETTINGS), "\n  ", 2);
	fprintf(f, "\n  forward: %s\n", below(2) ? "allow" : "deny");
	sprinkle(f, NAMED, SEG_ARRAY_SIZE(NAMED), "\n", 2);
	fputs("\ngroups: {h: [10.0.0.0/29, not: 10.0.0.1], g: {except: 10.0.0.9, include: [h, ::1, "
	      "10.0.0.0-10.0.0.17]}}\nservices: {s: [tcp/80, t], t: tcp}\n",
	      f);
	write_rules(f, policy);
	for (unsigned int i = 0; i < 5 && policy->n; i++) {
		fputs("- {action: allow", f);
		sprinkle(f, EXTRA, SEG_ARRAY_SIZE(EXTRA), ", ", 4);
		fputs("}\n", f);
	}
	fclose(f);
	return text;
}

TEST(print, random)
{
	static struct policy random;
	unsigned int judged = 0;

	seed = seg_random_seed();
	for (unsigned int i = 0; i < 300; i++) {
		_cleanup_free_ char *text = NULL;
		_cleanup_policy_ struct seg_policy *policy = NULL;

		policy_make(&random);
		text = text_of(&random);
		/* `limit` twice in a rule, and the like: not every draw is a policy. */
		if (seg_policy_open(&(struct seg_policy_file){"random", text, strlen(text)}, NULL,
				    &policy, NULL))
			continue;
		check_printed(policy);
		judged++;
	}
	check(judged > 50);
}
