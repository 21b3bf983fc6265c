/* SPDX-License-Identifier: BSD-2-Clause */
#include "corpus/classbench_sets.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "random.h"

void seg_classbench_free(struct seg_classbench *set)
{
	free(set->text);
	free(set->flows);
	free(set->expected);
	free(set->rule);
}

/* The file, or the same with .gz behind it; gzopen() reads both. */
static gzFile open_either(const char *base, const char *suffix)
{
	char path[3 * PATH_MAX];
	gzFile f;

	snprintf(path, sizeof(path), "%s%s", base, suffix);
	f = gzopen(path, "r");
	if (f)
		return f;
	snprintf(path, sizeof(path), "%s%s.gz", base, suffix);
	return gzopen(path, "r");
}

static unsigned int with_ports(unsigned int proto)
{
	return proto == 7 ? IPPROTO_SCTP : proto == 8 ? IPPROTO_DCCP : proto;
}

static void service_write(FILE *out, const unsigned int dport[2], unsigned int proto)
{
	const char *name = proto == IPPROTO_TCP    ? "tcp"
			   : proto == IPPROTO_UDP  ? "udp"
			   : proto == IPPROTO_SCTP ? "sctp"
			   : proto == IPPROTO_DCCP ? "dccp"
						   : NULL;

	if (name)
		fprintf(out, ", service: %s/%u-%u", name, dport[0], dport[1]);
	else
		fprintf(out, ", service: proto/%u", proto);
}

static uint32_t prefix(const unsigned int byte[4], unsigned int length)
{
	uint32_t address = byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3];

	return length ? address & UINT32_MAX << (32 - length) : 0;
}

/* "@a.b.c.d/l a.b.c.d/l low : high low : high 0xproto/0xmask ...", masked as the oracle does. */
static bool rule_read(const char *line, struct seg_classbench_rule *r)
{
	unsigned int a[4], b[4], proto, mask;

	if (sscanf(line, "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x", &a[0], &a[1],
		   &a[2], &a[3], &r->src_len, &b[0], &b[1], &b[2], &b[3], &r->dst_len, &r->sport[0],
		   &r->sport[1], &r->dport[0], &r->dport[1], &proto, &mask) != 16)
		return false;
	r->src = prefix(a, r->src_len);
	r->dst = prefix(b, r->dst_len);
	r->proto = (uint8_t)with_ports(proto);
	r->any_proto = !mask;
	return true;
}

static void rule_write(FILE *out, const struct seg_classbench_rule *r)
{
	fprintf(out, "- {action: deny, from: %u.%u.%u.%u/%u, to: %u.%u.%u.%u/%u", r->src >> 24,
		r->src >> 16 & 255, r->src >> 8 & 255, r->src & 255, r->src_len, r->dst >> 24,
		r->dst >> 16 & 255, r->dst >> 8 & 255, r->dst & 255, r->dst_len);
	if (!r->any_proto)
		service_write(out, r->dport, r->proto);
	if (r->sport[0] || r->sport[1] != 65535)
		fprintf(out, ", source-port: %u-%u", r->sport[0], r->sport[1]);
	fputs("}\n", out);
}

static int rules_read(struct seg_classbench *set, const char *base)
{
	gzFile in = open_either(base, "");
	FILE *out = open_memstream(&set->text, &set->text_len);
	char line[512];

	fputs("version: 1\nrules:\n", out);
	while (in && gzgets(in, line, sizeof(line))) {
		struct seg_classbench_rule rule;

		if (!rule_read(line, &rule))
			continue;
		rule_write(out, &rule);
		set->rule = realloc(set->rule, (set->rules + 1) * sizeof(rule));
		set->rule[set->rules++] = rule;
	}
	fclose(out);
	if (in)
		gzclose(in);
	return set->rules ? 0 : -1;
}

static struct seg_flow flow_of(const unsigned int field[5])
{
	struct seg_flow flow = {.family = 4, .proto = (uint8_t)with_ports(field[4])};

	flow.src[2] = flow.dst[2] = htonl(0xffff);
	flow.src[3] = htonl(field[0]);
	flow.dst[3] = htonl(field[1]);
	flow.sport = htons((uint16_t)field[2]);
	flow.dport = htons((uint16_t)field[3]);
	return flow;
}

static int trace_read(struct seg_classbench *set, const char *base)
{
	gzFile trace = open_either(base, "_trace"), expect = open_either(base, "_expect");
	char line[512], answer[64];
	unsigned int room = 0, f[5];

	while (trace && expect && gzgets(trace, line, sizeof(line)) &&
	       gzgets(expect, answer, sizeof(answer))) {
		if (sscanf(line, "%u %u %u %u %u", &f[0], &f[1], &f[2], &f[3], &f[4]) != 5)
			continue;
		if (set->n == room) {
			room = room * 2 + 1024;
			set->flows = realloc(set->flows, room * sizeof(*set->flows));
			set->expected = realloc(set->expected, room * sizeof(*set->expected));
		}
		set->flows[set->n] = flow_of(f);
		set->expected[set->n++] = strtol(answer, NULL, 10);
	}
	if (trace)
		gzclose(trace);
	if (expect)
		gzclose(expect);
	return set->n ? 0 : -1;
}

int seg_classbench_read(struct seg_classbench *set, const char *base)
{
	return rules_read(set, base) || trace_read(set, base) ? -1 : 0;
}

/* rules.tsv's first column: the path; its second: what the file is. */
int seg_classbench_next(FILE *list, const char *corpus, char *base, size_t size)
{
	char line[4096];

	while (fgets(line, sizeof(line), list)) {
		char *type = strchr(line, '\t'), *end = strstr(line, "_expect.gz\t");

		if (!type || !end || strncmp(type, "\toracle\t", 8))
			continue;
		*end = '\0';
		snprintf(base, size, "%s/%s", corpus, line);
		return 1;
	}
	return 0;
}

struct seg_flow seg_classbench_header(const struct seg_classbench *set, __u64 *seed)
{
	struct seg_flow flow = set->flows[seg_random(seed) % set->n];
	const struct seg_flow *other = &set->flows[seg_random(seed) % set->n];
	__u64 bits = seg_random(seed);

	if (bits & 1)
		flow.src[3] = bits & 2 ? other->src[3] : (__be32)(bits >> 32);
	if (bits & 4)
		flow.dst[3] = bits & 8 ? other->dst[3] : (__be32)seg_random(seed);
	if (bits & 16)
		flow.sport = bits & 32 ? other->sport : (__be16)(bits >> 8);
	if (bits & 64)
		flow.dport = bits & 128 ? other->dport : (__be16)(bits >> 24);
	return flow;
}

#define SKIPPED 77 /* Meson's exit code for a test that could not run */

static int set_run(const char *base, seg_classbench_test *test)
{
	_cleanup_(seg_classbench_free) struct seg_classbench set = {0};
	int failed;

	if (seg_classbench_read(&set, base)) {
		fprintf(stderr, "%s: no rules or no trace\n", base);
		return 1;
	}
	printf("%-12s %6u rules", strrchr(base, '/') + 1, set.rules);
	failed = test(&set);
	fflush(stdout);
	return failed;
}

int seg_classbench_each(seg_classbench_test *test)
{
	const char *corpus = getenv("XDPSEG_CORPUS");
	_cleanup_fclose_ FILE *list = NULL;
	char path[PATH_MAX], base[2 * PATH_MAX];
	unsigned int sets = 0;
	int failed = 0;

	if (!corpus) {
		fputs("not run: XDPSEG_CORPUS does not name a corpus\n", stderr);
		return SKIPPED;
	}
	snprintf(path, sizeof(path), "%s/rules.tsv", corpus);
	list = fopen(path, "r");
	if (!list) {
		fprintf(stderr, "%s cannot be opened\n", path);
		return 1;
	}
	for (; seg_classbench_next(list, corpus, base, sizeof(base)); sets++)
		failed |= set_run(base, test);
	printf("%u sets\n", sets);
	return failed || !sets;
}

unsigned int seg_classbench_headers(unsigned int otherwise)
{
	const char *given = getenv("HEADERS");

	return given ? (unsigned int)strtoul(given, NULL, 0) : otherwise;
}
