/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ClassBench sets from $XDPSEG_CORPUS: each set whose expected answers are
 * there is written as a policy, compiled, and asked its whole trace. Sets too
 * large for that are asked for $SECONDS_EACH (7) seconds, spread over the trace.
 *
 * Sets use some protocols without ports as if they had: these are renamed.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "classify.h"
#include "policy.h"

#define SKIPPED 77 /* Meson's exit code for a test that could not run */
#define BATCH   SEG_CLASSIFY_MAX

struct set {
	char *text; /* the policy */
	size_t text_len;
	struct seg_flow *flows;
	long *expected;
	unsigned int rules, n;
};

static void set_free(struct set *set)
{
	free(set->text);
	free(set->flows);
	free(set->expected);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
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

/* "@a.b.c.d/l a.b.c.d/l low : high low : high 0xproto/0xmask ...", masked as the oracle does. */
static int rule_write(FILE *out, const char *line)
{
	unsigned int a[4], b[4], src_len, dst_len, sport[2], dport[2], proto, mask;

	if (sscanf(line, "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x", &a[0], &a[1],
		   &a[2], &a[3], &src_len, &b[0], &b[1], &b[2], &b[3], &dst_len, &sport[0],
		   &sport[1], &dport[0], &dport[1], &proto, &mask) != 16)
		return 0;
	const uint32_t src = (a[0] << 24 | a[1] << 16 | a[2] << 8 | a[3]) &
			     (src_len ? UINT32_MAX << (32 - src_len) : 0);
	const uint32_t dst = (b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]) &
			     (dst_len ? UINT32_MAX << (32 - dst_len) : 0);

	fprintf(out, "- {action: deny, from: %u.%u.%u.%u/%u, to: %u.%u.%u.%u/%u", src >> 24,
		src >> 16 & 255, src >> 8 & 255, src & 255, src_len, dst >> 24, dst >> 16 & 255,
		dst >> 8 & 255, dst & 255, dst_len);
	if (mask)
		service_write(out, dport, with_ports(proto));
	if (sport[0] || sport[1] != 65535)
		fprintf(out, ", source-port: %u-%u", sport[0], sport[1]);
	fputs("}\n", out);
	return 1;
}

static int rules_read(struct set *set, const char *base)
{
	gzFile in = open_either(base, "");
	FILE *out = open_memstream(&set->text, &set->text_len);
	char line[512];

	fputs("version: 1\nrules:\n", out);
	while (in && gzgets(in, line, sizeof(line)))
		set->rules += (unsigned int)rule_write(out, line);
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

static int trace_read(struct set *set, const char *base)
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

static int64_t seconds_each(void)
{
	const char *given = getenv("SECONDS_EACH");

	return given ? atoll(given) : 7;
}

/* Batches in an order that spreads over the trace; how many answers were wrong. */
static unsigned int trace_judge(const struct seg_image *image, const struct set *set,
				unsigned int *judged, int64_t *ns)
{
	unsigned int batches = (set->n + BATCH - 1) / BATCH, wrong = 0;
	int64_t limit = seconds_each() * 1000000000ll;
	struct seg_decision out[BATCH];

	*judged = 0;
	*ns = 0;
	for (unsigned int i = 0; i < batches && *ns < limit; i++) {
		unsigned int first = (unsigned int)((uint64_t)i * 7919 % batches) * BATCH;
		unsigned int n = set->n - first < BATCH ? set->n - first : BATCH;
		int64_t before = now_ns();

		seg_image_classify(image, set->flows + first, out, n);
		*ns += now_ns() - before;
		*judged += n;
		for (unsigned int j = 0; j < n; j++)
			wrong += (long)(int32_t)out[j].rule != set->expected[first + j];
	}
	return wrong;
}

static int set_run(const char *base)
{
	_cleanup_(set_free) struct set set = {0};
	_cleanup_image_ struct seg_image *image = NULL;
	struct seg_error err = {0};
	unsigned int judged, wrong;
	int64_t before, compiled, ns;

	if (rules_read(&set, base) || trace_read(&set, base)) {
		fprintf(stderr, "%s: no rules or no trace\n", base);
		return 1;
	}
	before = now_ns();
	if (seg_policy_compile(&(struct seg_policy_file){base, set.text, set.text_len}, NULL,
			       &image, &err)) {
		seg_error_print(&err, stderr, 0);
		return 1;
	}
	compiled = now_ns() - before;
	wrong = trace_judge(image, &set, &judged, &ns);
	printf("%-12s %6u rules  compiled in %4" PRId64 " ms  %9zu bytes  %6u flows  %7" PRId64
	       " ns a flow  %u wrong\n",
	       strrchr(base, '/') + 1, set.rules, compiled / 1000000, seg_image_size(image), judged,
	       ns / judged, wrong);
	fflush(stdout);
	return wrong != 0;
}

/* rules.tsv's first column: the path; its second: what the file is. */
static int sets_run(const char *corpus, FILE *list, unsigned int *sets)
{
	char line[4096], base[2 * PATH_MAX];
	int failed = 0;

	while (fgets(line, sizeof(line), list)) {
		char *type = strchr(line, '\t'), *end = strstr(line, "_expect.gz\t");

		if (!type || !end || strncmp(type, "\toracle\t", 8))
			continue;
		*end = '\0';
		snprintf(base, sizeof(base), "%s/%s", corpus, line);
		failed |= set_run(base);
		++*sets;
	}
	return failed;
}

int main(void)
{
	const char *corpus = getenv("XDPSEG_CORPUS");
	_cleanup_fclose_ FILE *list = NULL;
	char path[PATH_MAX];
	unsigned int sets = 0;
	int failed;

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
	failed = sets_run(corpus, list, &sets);
	printf("%u sets\n", sets);
	return failed || !sets;
}
