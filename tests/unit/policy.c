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

#define ENOUGH (1u << 16)

static int compile_text(const char *text, size_t len, struct seg_error *err)
{
	_cleanup_image_ struct seg_image *image = NULL;

	*err = (struct seg_error){0};
	return seg_policy_compile("test.yaml", text, len, &image, err);
}

/* What it says is wrong; "" if nothing is. */
static const char *wrong_of(const char *text)
{
	static struct seg_error err;

	compile_text(text, strlen(text), &err);
	return err.what;
}

static size_t read_file(const char *path, char *to)
{
	_cleanup_fclose_ FILE *f = fopen(path, "r");
	size_t n = f ? fread(to, 1, ENOUGH - 1, f) : 0;

	to[n] = '\0';
	return n;
}

/* As the CLI prints it. */
static void render(const char *name, const char *text, size_t len, char *to)
{
	_cleanup_image_ struct seg_image *image = NULL;
	FILE *f = fmemopen(to, ENOUGH, "w");
	struct seg_error err = {0};

	if (seg_policy_compile(name, text, len, &image, &err) ||
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
	render(name, text, len, got);
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

TEST(policy, ids_and_lines)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\nrules:\n  - {action: deny}\n\n  - {id: ssh, action: allow}\n");

	check_str_eq(seg_image_rule_id(image, 0), "rule-1");
	check_str_eq(seg_image_rule_id(image, 1), "ssh");
	check_str_eq(seg_image_rule_id(image, 2), "?");
	check_str_eq(seg_image_rule_id(image, SEG_RULE_DEFAULT), "default");
	check_eq(seg_image_rule_line(image, 0), 3);
	check_eq(seg_image_rule_line(image, 1), 5);
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
				  ", 10.0.0.1", 1000000, "]}]\n"),
		 0);
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

/* Cut anywhere, a policy is refused or means what it says; it never crashes. */
TEST(policy, cut_short)
{
	static char text[ENOUGH];
	char path[512];
	struct seg_error err;
	size_t len;

	snprintf(path, sizeof(path), "%s/docs/examples/edge.yaml", getenv("SEG_SOURCE_ROOT"));
	len = read_file(path, text);
	check(len > 100);
	for (size_t i = 0; i < len; i++)
		if (compile_text(text, i, &err))
			check(err.what[0]);
	check_eq(compile_text(text, len, &err), 0);
}
