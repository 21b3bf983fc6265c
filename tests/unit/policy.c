/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy language: each text in tests/golden/policy gives exactly the
 * error in the .err beside it, or compiles where there is none; and what a
 * hostile text may cost is bounded.
 */
#include "policy.h"

#include <dirent.h>
#include <errno.h>

#include "check.h"
#include "classify.h"
#include "compiled.h"
#include "shelf.h"

static int compile_text(const char *text, size_t len, struct seg_error *err)
{
	_cleanup_image_ struct seg_image *image = NULL;

	*err = (struct seg_error){0};
	return seg_policy_compile(&(struct seg_policy_file){"test.yaml", text, len}, NULL, &image,
				  err);
}

/* What it says is wrong; "" if nothing is. */
static const char *wrong_of(const char *text)
{
	static struct seg_error err;

	compile_text(text, strlen(text), &err);
	return err.what;
}

/* --- golden files -------------------------------------------------------------- */

/* As the CLI prints it. */
static void render(const char *folder, const char *name, const char *text, size_t len, char *to)
{
	static struct shelf shelf;
	const struct seg_policy_loader loader = {shelf_load, &shelf};
	_cleanup_image_ struct seg_image *image = NULL;
	FILE *f = fmemopen(to, ENOUGH, "w");
	struct seg_error err = {0};

	shelf.folder = folder;
	shelf.n = 0;
	if (seg_policy_compile(&(struct seg_policy_file){name, text, len}, &loader, &image, &err) ||
	    seg_image_enforceable(image, name, &err))
		seg_error_print(&err, f, 0);
	fclose(f);
}

static void check_golden(const char *folder, const char *name)
{
	static char text[ENOUGH], expected[ENOUGH], got[ENOUGH];
	char path[1024];
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	len = read_file(path, text);
	snprintf(path + strlen(path) - strlen("yaml"), 5, "err");
	read_file(path, expected);
	memset(got, 0, sizeof(got));
	render(folder, name, text, len, got);
	check_str_eq(got, expected);
}

TEST(policy, golden)
{
	char folder[400];
	unsigned int n = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/tests/golden/policy", getenv("SEG_SOURCE_ROOT"));
	dir = opendir(folder);
	check(dir);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".yaml"))
			continue;
		check_golden(folder, entry->d_name);
		n++;
	}
	closedir(dir);
	check(n > 50);
}

TEST(policy, defaults)
{
	_cleanup_image_ struct seg_image *image = compiled("version: 1\n");
	const struct seg_defaults *defaults = seg_image_defaults(image);

	check_str_eq(seg_image_name(image), "policy");
	check_eq(seg_image_rules(image), 0);
	check_eq(defaults->verdict[SEG_INGRESS], SEG_VERDICT_DENY);
	check_eq(defaults->verdict[SEG_EGRESS], SEG_VERDICT_ALLOW);
	check_eq(defaults->verdict[SEG_FORWARD], SEG_VERDICT_DENY);
	check_eq(defaults->on_loss, SEG_ON_LOSS_SESSIONS);
	check_eq(defaults->sessions_max, 1000000);
	check_eq(defaults->half_open_max, 64000);
	check_eq(defaults->timeout_ns[SEG_TIMEOUT_TCP_ESTABLISHED], 7200000000000);
	check_eq(defaults->timeout_ns[SEG_TIMEOUT_OTHER], 60000000000);
	check_eq(defaults->pickup_ns, 5000000000);
}

TEST(policy, every_default_is_read)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\nname: x-1\ndefaults:\n"
		"  {ingress: allow, egress: deny, forward: allow, on-worker-loss: drop,\n"
		"   pickup: loose, attach-learn: 0, limits: {sessions: 2M, half-open: 1k, denied: "
		"7},\n"
		"   timeouts: {tcp-established: 1h, tcp-syn: 1s, tcp-fin: 2s, tcp-time-wait: 3s,\n"
		"              udp: 4s, udp-stream: 5s, icmp: 6s, other: 7s}}\n");
	const struct seg_defaults *defaults = seg_image_defaults(image);

	check_str_eq(seg_image_name(image), "x-1");
	check_eq(defaults->verdict[SEG_INGRESS], SEG_VERDICT_ALLOW);
	check_eq(defaults->verdict[SEG_EGRESS], SEG_VERDICT_DENY);
	check_eq(defaults->verdict[SEG_FORWARD], SEG_VERDICT_ALLOW);
	check_eq(defaults->on_loss, SEG_ON_LOSS_DROP);
	check(defaults->pickup_ns == SEG_PICKUP_ALWAYS);
	check_eq(defaults->attach_learn_ns, 0);
	check_eq(defaults->sessions_max, 2000000);
	check_eq(defaults->half_open_max, 1000);
	check_eq(defaults->denied_max, 7);
	check_eq(defaults->timeout_ns[SEG_TIMEOUT_TCP_ESTABLISHED], 3600000000000);
	for (unsigned int i = 1; i < SEG_TIMEOUT_MAX; i++)
		check_eq(defaults->timeout_ns[i], i * 1000000000ull);
}

TEST(policy, ethertypes_are_sorted)
{
	static const uint16_t SORTED[] = {0x0806, 0x88cc, 0x9000, 0xffff, 0};
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\ndefaults: {ethertypes: {allow: [lldp, 0xffff, arp, 0x9000, "
			 "0x88cc]}}\n");

	check(memcmp(seg_image_defaults(image)->ethertype, SORTED, sizeof(SORTED)) == 0);
}

TEST(policy, ids_and_lines)
{
	struct seg_rule_info info;
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\nrules:\n  - {action: deny}\n\n  - {id: ssh, action: allow}\n");

	check_str_eq(seg_image_rule_id(image, 0), "rule-1");
	check_str_eq(seg_image_rule_id(image, 1), "ssh");
	check_str_eq(seg_image_rule_id(image, 2), "?");
	check_str_eq(seg_image_rule_id(image, SEG_RULE_DEFAULT), "default");
	check_eq(seg_image_rule_info(image, 0, &info), 0);
	check_eq(info.line, 3);
	check_eq(seg_image_rule_info(image, 1, &info), 0);
	check_eq(info.line, 5);
	check_eq(seg_image_rule_find(image, "ssh"), 1);
	check_eq(seg_image_rule_find(image, "telnet"), SEG_RULE_DEFAULT);
}

/* JSON is YAML: the same policy gives the same rules, only the text's hash differs. */
TEST(policy, json)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"{\"version\":1,\"name\":\"j\",\"rules\":[\n"
		"\t{\"id\":\"a\",\"from\":[\"10.0.0.0/8\"],\"service\":\"tcp/80\",\"action\":"
		"\"allow\",\"log\":true}]}");

	check_str_eq(seg_image_name(image), "j");
	check_str_eq(seg_image_rule_id(image, 0), "a");
}

TEST(policy, same_text_same_bytes)
{
	static const char *const TEXT =
		"version: 1\ngroups: {b: [a, 10.9.0.0/16], a: [10.0.0.1, 2001:db8::/32]}\n"
		"rules:\n- {from: b, to: [not: a], vlan: [7, 3/4], iface: [eth0, eth1], action: "
		"deny}\n";
	_cleanup_image_ struct seg_image *one = compiled(TEXT), *two = compiled(TEXT);

	check_eq(seg_image_size(one), seg_image_size(two));
	check(memcmp(one, two, seg_image_size(one)) == 0);
}

/* A text of many bytes: `head`, `n` times `piece`, `tail`. */
static char *repeated(const char *head, const char *piece, size_t n, const char *tail, size_t *len)
{
	size_t step = strlen(piece), at = strlen(head);
	char *text = malloc(at + n * step + strlen(tail) + 1);

	check(text);
	memcpy(text, head, at);
	for (size_t i = 0; i < n; i++, at += step)
		memcpy(text + at, piece, step);
	strcpy(text + at, tail);
	*len = at + strlen(tail);
	return text;
}

static int compile_repeated(const char *head, const char *piece, size_t n, const char *tail)
{
	size_t len;
	_cleanup_free_ char *text = repeated(head, piece, n, tail, &len);
	struct seg_error err;
	int r = compile_text(text, len, &err);

	check(!r || err.what[0]);
	return r;
}

TEST(policy, bounds)
{
	check_eq(compile_repeated("version: 1\nname: ", "x", 10000000, "\n"), -EINVAL);
	check_eq(compile_repeated("version: 1\nrules: [{action: deny, from: [10.0.0.1",
				  ",\n 10.0.0.1", 1000000, "]}]\n"),
		 0);
	check_eq(compile_repeated("version: 1\nrules: [{action: deny, from: [10.0.0.1",
				  ", 10.0.0.1", 1000000, "]}]\n"),
		 -EINVAL);
	check_eq(compile_repeated("version: 1\nrules: ", "[\n ", 10000000, "\n"), -EINVAL);
	check_eq(compile_repeated("version: 1\nrules: ", "[", 100000, "\n"), -EINVAL);
	check_eq(compile_repeated("version: 1\nrules: ", "{not: ", 100000, "\n"), -EINVAL);
	check_eq(compile_repeated("", "? ", 100000, "\n"), -EINVAL);
	check_eq(compile_repeated("", "- ", 100000, "\n"), -EINVAL);
	check_eq(compile_repeated("version: 1\nrules:\n", "- {action: deny}\n", SEG_RULES_MAX + 1,
				  ""),
		 -E2BIG);
	check_eq(compile_repeated("{version: 1, rules: [", "{action: deny}, ", 100000, "]}"), 0);
	check_eq(compile_repeated("#", "#", SEG_POLICY_TEXT_MAX, ""), -E2BIG);
}

/* What the YAML parser would keep in memory until the line or the bracket ends. */
TEST(policy, lines_and_brackets_are_bounded)
{
	size_t len;
	_cleanup_free_ char *line =
		repeated("version: 1\nservices: {s: [tcp/1", ", tcp/1", 600000, "]}\n", &len);
	_cleanup_free_ char *nest = repeated("version: 1\n# ", "[", 100, "\nname: 'x'\n", &len);
	_cleanup_free_ char *deep = repeated("version: 1\nname: ", "[a, {", 17, "\n", &len);
	struct seg_error err;

	check_str_eq(wrong_of(line), "a line of over 4 MiB");
	check_str_eq(wrong_of(nest), "");
	check_str_eq(
		wrong_of("version: 1\nrules: [{iface: '[[[[[[[[[[[[[', action: deny}, {iface: \n"
			 " [\"{{{{{{{{{{{{{{\", '[[[[[[[[[[[[[[[[x'], action: deny}]\n"),
		"'[[[[[[[[[[[[[[[[x' cannot be an interface's name");
	compile_text(deep, strlen(deep), &err);
	check_str_eq(err.what, "brackets are nested over 32 deep");
	check_eq(err.line, 2);
	check_eq(err.column, 7 + 16 * 5);
}

/* A wide service in many rules: a small text, a huge product. */
TEST(policy, rows_are_bounded)
{
	size_t len, at;
	_cleanup_free_ char *text = repeated("version: 1\nservices: {a: [tcp/1", ", tcp/1", 60000,
					     "]}\nrules:\n", &len);
	_cleanup_free_ char *all = malloc(len + 1000 * 64);
	struct seg_error err;

	memcpy(all, text, at = len);
	for (int i = 0; i < 1000; i++)
		at += (size_t)sprintf(all + at, "- {service: a, action: deny}\n");
	check_eq(compile_text(all, at, &err), -E2BIG);
	check(strstr(err.what, "combinations"));
}

/* Each service holds the one before twice. */
TEST(policy, unfolding_is_bounded)
{
	char text[4096] = "version: 1\nservices:\n  s0: [tcp/1, tcp/2]\n";
	size_t at = strlen(text);

	for (int i = 1; i < 31; i++)
		at += (size_t)sprintf(text + at, "  s%d: [s%d, s%d]\n", i, i - 1, i - 1);
	check(strstr(wrong_of(text), "unfold to too many"));
}

TEST(policy, nesting_is_bounded)
{
	char text[8192] = "version: 1\ngroups:\n  g0: [10.0.0.1]\n";
	size_t at = strlen(text);

	for (int i = 60; i >= 1; i--)
		at += (size_t)sprintf(text + at, "  g%d: [g%d]\n", i, i - 1);
	check(strstr(wrong_of(text), "nested"));
}

static void cut(const char *name)
{
	static char text[ENOUGH];
	char path[512];
	struct seg_error err;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", getenv("SEG_SOURCE_ROOT"), name);
	len = read_file(path, text);
	check(len > 100);
	for (size_t i = 0; i < len; i++)
		if (compile_text(text, i, &err))
			check(err.what[0] && err.line);
	check_eq(compile_text(text, len, &err), 0);
}

/* Cut anywhere, a policy is refused or means what it says; it never crashes. */
TEST(policy, cut_short)
{
	static const char *const FILES[] = {"docs/examples/edge.yaml",
					    "tests/golden/policy/fine-failsafe.yaml",
					    "tests/golden/policy/attach-contract.normal"};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(FILES); i++)
		cut(FILES[i]);
}

/* --- because, needs, files ------------------------------------------------------- */

static const char *because(const struct seg_policy *policy, uint32_t rule, enum seg_mismatch why)
{
	static char text[128];

	return seg_policy_because(policy, rule, why, text, sizeof(text));
}

/* In the words of the policy, not of the image. */
TEST(policy, because)
{
	static const char TEXT[] =
		"version: 1\ngroups: {admins: 10.0.0.1, web: 10.0.0.2}\nrules:\n"
		"- {direction: ingress, from: [not: admins], to: [web, 10.0.0.3, not: "
		"[10.0.0.4]],\n"
		"   service: [tcp/22, tcp/80], source-port: 1024-65535, tcp-flags: syn/syn+ack,\n"
		"   dscp: [af11, 46], vlan: 7, iface: [eth0, eth1], action: allow}\n";
	static const char *const SAYS[SEG_MISMATCH_MAX] = {
		[SEG_MISMATCH_NONE] = "",
		[SEG_MISMATCH_DIRECTION] = "direction not ingress",
		[SEG_MISMATCH_IFACE] = "iface not eth0, eth1",
		[SEG_MISMATCH_VLAN] = "vlan not 7",
		[SEG_MISMATCH_SERVICE] = "service not tcp/22, tcp/80",
		[SEG_MISMATCH_SOURCE_PORT] = "source-port not 1024-65535",
		[SEG_MISMATCH_TCP_FLAGS] = "tcp-flags not syn/syn+ack",
		[SEG_MISMATCH_DSCP] = "dscp not af11, 46",
		[SEG_MISMATCH_FROM] = "src not in any but admins",
		[SEG_MISMATCH_TO] = "dst not in web, 10.0.0.3 but 10.0.0.4",
	};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	char cut[8];

	check_eq(seg_policy_open(&(struct seg_policy_file){"x", TEXT, sizeof(TEXT) - 1}, NULL,
				 &policy, NULL),
		 0);
	for (enum seg_mismatch i = 0; i < SEG_MISMATCH_MAX; i++)
		check_str_eq(because(policy, 0, i), SAYS[i]);
	check_str_eq(because(policy, 1, SEG_MISMATCH_FROM), "");
	check_eq(strlen(seg_policy_because(policy, 0, SEG_MISMATCH_FROM, cut, sizeof(cut))), 7);
}

TEST(policy, image_is_taken)
{
	_cleanup_policy_ struct seg_policy *policy = NULL;
	_cleanup_image_ struct seg_image *image = NULL;

	check_eq(seg_policy_open(&(struct seg_policy_file){"x", "version: 1", 10}, NULL, &policy,
				 NULL),
		 0);
	check(seg_policy_image(policy));
	image = seg_policy_take_image(policy);
	check_eq(seg_image_rules(image), 0);
	check(!seg_policy_image(policy));
}

/* Texts in memory, by name; each may be named many times. */
struct memory {
	const struct seg_policy_file *files;
	unsigned int loads;
	char names[4096][16];
	bool apart; /* the same file twice is two */
};

static int memory_load(void *context, const char *by, const char *name,
		       struct seg_policy_file *file, struct seg_error *err)
{
	struct memory *memory = context;
	const struct seg_policy_file *known = memory->files;

	(void)by;
	(void)err;
	while (known->name && strcmp(known->name, name) != 0)
		known++;
	if (!known->name)
		return -ENOENT;
	*file = *known;
	if (memory->apart) {
		file->name = memory->names[memory->loads];
		snprintf(memory->names[memory->loads], 16, "copy-%u", memory->loads);
	}
	memory->loads++;
	return 0;
}

static struct seg_image *image_of(struct memory *memory, struct seg_error *err)
{
	const struct seg_policy_loader loader = {memory_load, memory};
	struct seg_image *image = NULL;

	*err = (struct seg_error){0};
	seg_policy_compile(memory->files, &loader, &image, err);
	return image;
}

#define TEXT_FILE(name, text)                                                                      \
	{                                                                                          \
		name, text, sizeof(text) - 1                                                       \
	}

/* The end of a text is a place of its own, not the beginning of the next text. */
TEST(policy, error_at_the_end)
{
	static const struct seg_policy_file files[] = {
		TEXT_FILE("a", "version: 1\ngroups: {g: {file: b}"),
		TEXT_FILE("b", "10.0.0.1"),
		{0}};
	static struct memory memory = {.files = files};
	struct seg_error err;

	check(!image_of(&memory, &err));
	check_str_eq(err.file, "a");
	check_eq(err.line, 2);
	check_eq(err.column, 22);
}

static const struct seg_policy_file MERGED[] = {
	TEXT_FILE("top", "version: 1\nname: top\ninclude: [a, b]\nrules: [{id: r5, action: deny}]\n"
			 "defaults: {forward: allow, limits: {masks: 7}, unmatched: slow}\n"),
	TEXT_FILE("a",
		  "version: 1\nname: a\nrules: [{id: r2, action: deny}, {id: r3, action: allow, "
		  "stage: shadow}]\ninclude: c\n"
		  "defaults: {ingress: allow, limits: {masks: 8, denied: 9}, unmatched: drop}\n"),
	TEXT_FILE("b", "version: 1\nrules: [{id: r4, action: deny}]\ndefaults: {on-change: keep,\n"
		       " limits: {denied: 10}}\n"),
	TEXT_FILE("c", "version: 1\nrules: [{id: r1, action: deny}]\nfailsafe: [tcp/22]\n"
		       "defaults: {forward: deny, pickup: 1s, unmatched: pass}\n"),
	{0}};

TEST(policy, files_merge_in_order)
{
	static struct memory memory = {.files = MERGED};
	struct seg_error err;
	_cleanup_image_ struct seg_image *image = image_of(&memory, &err);
	static const char *const NEEDS[] = {"on-change: keep b 3"};
	const struct seg_defaults *defaults;
	struct seg_rule_info info;
	struct seg_need need;
	char text[64];

	check(image);
	defaults = seg_image_defaults(image);
	check_str_eq(seg_image_name(image), "top");
	for (uint32_t i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "r%u", i + 1);
		check_str_eq(seg_image_rule_id(image, i), text);
	}
	check_eq(seg_image_rule_info(image, 2, &info), 0);
	check_str_eq(info.file, "a");
	check_eq(info.line, 3);
	check_eq(seg_image_rule_info(image, 4, &info), 0);
	check_str_eq(info.file, "");
	check_eq(defaults->verdict[SEG_INGRESS], SEG_VERDICT_ALLOW);
	check_eq(defaults->verdict[SEG_FORWARD], SEG_VERDICT_ALLOW);
	check_eq(defaults->masks_max, 7);
	check_eq(defaults->denied_max, 10);
	check_eq(defaults->pickup_ns, 1000000000);
	check_eq(defaults->unmatched, SEG_UNMATCHED_SLOW);
	for (uint32_t i = 0; i < SEG_ARRAY_SIZE(NEEDS); i++) {
		check_eq(seg_image_need(image, i, &need), 0);
		snprintf(text, sizeof(text), "%s %s %u", need.what, need.file, need.line);
		check_str_eq(text, NEEDS[i]);
		check(*need.mend);
	}
	check_eq(seg_image_need(image, SEG_ARRAY_SIZE(NEEDS), &need), -ENOENT);
}

/* The hash is of every text. */
TEST(policy, hash_covers_all_files)
{
	static struct seg_policy_file one[] = {
		TEXT_FILE("top", "version: 1\ninclude: a\n"), TEXT_FILE("a", "version: 1\n"), {0}};
	static struct seg_policy_file two[] = {
		TEXT_FILE("top", "version: 1\ninclude: a\n"), TEXT_FILE("a", "version: 1 \n"), {0}};
	static struct memory memory[2] = {{.files = one}, {.files = two}};
	struct seg_error err;
	_cleanup_image_ struct seg_image *a = image_of(&memory[0], &err);
	_cleanup_image_ struct seg_image *b = image_of(&memory[1], &err);

	check(a && b);
	check(strcmp(seg_image_hash(a), seg_image_hash(b)) != 0);
}

TEST(policy, files_are_bounded)
{
	static struct seg_policy_file deep[] = {TEXT_FILE("a", "version: 1\ninclude: a\n"), {0}};
	static struct seg_policy_file heavy[] = {
		TEXT_FILE("a", "version: 1\ngroups: {g: {file: b}, h: {file: b}}\n"),
		{.name = "b"},
		{0}};
	static struct memory memory;
	struct seg_error err;
	size_t len;
	_cleanup_free_ char *leaves =
		repeated("version: 1\ninclude: [", "leaf, ", 2000, "]\n", &len);
	_cleanup_free_ char *comment =
		repeated("10.0.0.1 #", "#", SEG_POLICY_TEXT_MAX / 2, "", &len);
	struct seg_policy_file many[] = {
		{"a", leaves, strlen(leaves)}, TEXT_FILE("leaf", "version: 1\n"), {0}};

	memory = (struct memory){.files = deep, .apart = true};
	check(!image_of(&memory, &err));
	check_str_eq(err.what, "files include files over 16 deep");
	check_eq(memory.loads, SEG_POLICY_DEPTH_MAX);
	memory = (struct memory){.files = many, .apart = true};
	check(!image_of(&memory, &err));
	check_str_eq(err.what, "copy-1023: a policy of over 1024 files");
	heavy[1] = (struct seg_policy_file){"b", comment, strlen(comment)};
	memory = (struct memory){.files = heavy};
	check(!image_of(&memory, &err));
	check_str_eq(err.what, "b: a policy of over 64 MiB");
	check_eq(err.line, 2);
}

TEST(policy, files_that_cannot_be_had)
{
	static const struct seg_policy_file file[] = {TEXT_FILE("a", "version: 1\ninclude: [b]\n"),
						      {0}};
	static struct memory memory = {.files = file};
	struct seg_error err = {0};
	struct seg_image *image = NULL;

	check_eq(seg_policy_compile(file, NULL, &image, &err), -EINVAL);
	check_str_eq(err.what, "'b' is another file: only one text was given");
	check(!image_of(&memory, &err));
	check_str_eq(err.what, "'b' cannot be had");
	check_eq(err.line, 2);
	check_eq(err.column, 11);
}

TEST(policy, failsafes_are_bounded)
{
	size_t len;
	_cleanup_free_ char *text = repeated("version: 1\nservices: {s: [tcp/1", ", tcp/1", 16,
					     "]}\nfailsafe: s\n", &len);

	_cleanup_free_ char *many =
		repeated("version: 1\nfailsafe: [tcp/1", ", tcp/1", 16, "]\n", &len);

	check_str_eq(wrong_of(text), "'failsafe' unfolds to over 16 services");
	check_str_eq(wrong_of(many), "over 16 services in 'failsafe'");
}
