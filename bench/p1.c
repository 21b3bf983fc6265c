/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * p1.c - what the session path costs: the real XDP program on a random flow each
 * packet, beside the same program over a BPF hash, and beside xdp-filter.
 *
 * A wrapper (p1_wrap.bpf.c) writes the tuple and tail-calls the program; the same
 * wrapper with an empty program behind it is subtracted. Programs run in turns,
 * in a new order each round, and a ratio is taken of two runs of one round.
 *
 *   hit      a live, established, allowed session: parse, sanity, lookup, state,
 *            counters, verdict
 *   miss     TCP without SYN that no session knows, after the pick-up time: the
 *            lookup, and a counted drop (tcp-midflow)
 *   refused  UDP that no session knows, the quota of half-open sessions at 0: the
 *            lookup, the worker's pulse, the quota taken and given back, a counted
 *            drop (sessions-full)
 *   claim    UDP that no session knows: as above, a slot claimed, filled and
 *            published, and a redirect to a queue without a socket (no-socket)
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf.h"
#include "cleanup.h"
#include "flows.h"
#include "frame.h"
#include "hold.h"
#include "report.h"
#include "run.h"
#include "seeded.h"

#include "p1_wrap.skel.h"

#define ROUNDS_MAX  1000
#define CLAIM_FLOWS 32768 /* claimed in one call, then forgotten */
#define FILTER      "/usr/lib*/*/bpf/xdpfilt_alw_all.o"

enum kind { KIND_HIT, KIND_MISS, KIND_REFUSED, KIND_CLAIM, KIND_MAX };

static const struct {
	const char *name;
	__u8 proto;
	enum seg_reason exit;
	double target; /* of ours over the hash */
} kinds[KIND_MAX] = {
	[KIND_HIT] = {"hit", 0, SEG_REASON_SESSION_ALLOW, 0.75},
	[KIND_MISS] = {"miss", IPPROTO_TCP, SEG_REASON_TCP_MIDFLOW, 0.35},
	[KIND_REFUSED] = {"refused", IPPROTO_UDP, SEG_REASON_SESSIONS_FULL, 0.35},
	[KIND_CLAIM] = {"claim", IPPROTO_UDP, SEG_REASON_NO_SOCKET, BENCH_NO_TARGET},
};

struct settings {
	unsigned int rounds;
	__u32 repeat;
	bool quick;
	const char *only; /* a kind, or "warm" */
	const char *json;
	const char *against; /* the same program, built earlier: alone beside ours */
};

struct cell {
	enum kind kind;
	__u8 proto;
	__u32 flows;
};

/* Who runs in a cell, per family; a contestant's place in `all` is what it is. */
enum role { ROLE_EMPTY, ROLE_OURS, ROLE_HASH, ROLE_FILTER, ROLE_BEFORE, ROLE_MAX };

struct contestant {
	bool present;
	struct p1_wrap_bpf *wrap;
	struct bench_seeded seeded; /* OURS and HASH */
	struct bpf_object *filter;
	int program; /* behind the wrapper */
	int entry;
	char frame[BENCH_FRAME_V6];
	__u32 length;
	double ns[ROUNDS_MAX];
};

static const struct {
	__u8 family;
	enum role role;
} roles[] = {{4, ROLE_EMPTY}, {4, ROLE_OURS}, {4, ROLE_HASH}, {4, ROLE_FILTER}, {4, ROLE_BEFORE},
	     {6, ROLE_EMPTY}, {6, ROLE_OURS}, {6, ROLE_HASH}, {6, ROLE_FILTER}, {6, ROLE_BEFORE}};

#define CONTESTANTS SEG_ARRAY_SIZE(roles)

static struct contestant contestants[CONTESTANTS];

static struct contestant *contestant(__u8 family, enum role role)
{
	return &contestants[(family == 6 ? ROLE_MAX : 0) + role];
}

/* --- loading ----------------------------------------------------------------- */

static void load_seeded(struct contestant *c, const struct cell *cell, enum bench_over over,
			const char *file, __u8 family)
{
	const __u32 claims = cell->kind == KIND_CLAIM ? CLAIM_FLOWS : 0;
	const struct bench_load load = {
		.over = over,
		.file = file,
		.family = family,
		.sessions = cell->flows + claims,
		.half_open_max = claims,
	};

	bench_seeded_load(&c->seeded, &load);
	if (!claims)
		bench_seed(&c->seeded, cell->proto, cell->flows);
	c->program = c->seeded.program;
}

/* Every feature on, no entry matches: each lookup is made, and the packet passes. */
static void load_filter(struct contestant *c)
{
	c->filter = bench_open_file(BENCH_XDP_FILTER);
	c->present = c->filter;
	if (!c->filter)
		return;
	bench_load(c->filter);
	c->program = bpf_program__fd(bpf_object__next_program(c->filter, NULL));
}

static void load_wrap(struct contestant *c, const struct cell *cell, __u8 family)
{
	struct p1_wrap_bpf *wrap = p1_wrap_bpf__open();

	if (!wrap)
		bench_die("opening the wrapper");
	c->length = bench_frame(c->frame, family, cell->proto);
	wrap->rodata->flows = cell->flows;
	wrap->rodata->first_flow = cell->kind == KIND_HIT ? 0 : BENCH_UNKNOWN;
	wrap->rodata->ip_rest = bench_ip_rest(c->frame);
	if (p1_wrap_bpf__load(wrap))
		bench_die("loading the wrapper");
	c->wrap = wrap;
	c->entry = bpf_program__fd(family == 4 ? wrap->progs.wrap_v4 : wrap->progs.wrap_v6);
}

static void load(struct contestant *c, const struct settings *settings, const struct cell *cell,
		 __u8 family, enum role role)
{
	__u32 zero = 0;

	*c = (struct contestant){.present = true};
	load_wrap(c, cell, family);
	if (role == ROLE_EMPTY)
		c->program = bpf_program__fd(c->wrap->progs.empty);
	else if (role == ROLE_FILTER)
		load_filter(c);
	else
		load_seeded(c, cell, role == ROLE_HASH ? BENCH_OVER_HASH : BENCH_OVER_TABLE,
			    role == ROLE_BEFORE ? settings->against : NULL, family);
	if (c->present && bpf_map__update_elem(c->wrap->maps.callee, &zero, sizeof(zero),
					       &c->program, sizeof(c->program), BPF_ANY))
		bench_die("tail call");
}

static void unload(struct contestant *c)
{
	p1_wrap_bpf__destroy(c->wrap);
	if (c->seeded.object)
		bench_seeded_close(&c->seeded);
	bpf_object__close(c->filter);
}

/* --- measuring --------------------------------------------------------------- */

/* ns a packet of one call. A call during which the CPU went to somebody else is made again: the
 * kernel leaves such time out of its own figure. */
static double run(struct contestant *c, __u32 repeat)
{
	struct bench_run *at = &c->wrap->data->run;
	__u32 action;

	for (;;) {
		__u32 duration;
		double ns;

		bench_run_begin(at, repeat);
		duration = bench_test_run(c->entry, c->frame, c->length, repeat, &action);
		ns = bench_run_ns(at);
		if (ns < 1.1 * duration + 3)
			return ns;
	}
}

/* Every packet must have left as the cell says, or something else was measured. */
static void check_exits(const struct contestant *c, const struct cell *cell, __u64 before,
			__u32 repeat)
{
	const enum seg_reason reason = kinds[cell->kind].exit;
	__u64 left = bench_exits(&c->seeded, reason) - before;

	if (left && !(left % repeat))
		return;
	for (int other = 0; other < SEG_REASON_MAX; other++)
		if (bench_exits(&c->seeded, (enum seg_reason)other))
			fprintf(stderr, "reason %d: %llu packets in all\n", other,
				bench_exits(&c->seeded, (enum seg_reason)other));
	bench_fail("%s: of %u packets a call %llu left by reason %d", kinds[cell->kind].name,
		   repeat, left, reason);
}

static double run_checked(struct contestant *c, const struct cell *cell, __u32 repeat)
{
	__u64 before = c->seeded.object ? bench_exits(&c->seeded, kinds[cell->kind].exit) : 0;
	double ns = run(c, repeat);

	if (c->seeded.object)
		check_exits(c, cell, before, repeat);
	if (c->seeded.object && cell->kind == KIND_CLAIM)
		bench_seeded_clear(&c->seeded);
	return ns;
}

/* Round 0 warms up and is not kept. */
static void run_rounds(const struct settings *settings, const struct cell *cell)
{
	__u32 repeat = cell->kind == KIND_CLAIM ? CLAIM_FLOWS / 2 : settings->repeat;

	for (unsigned int round = 0; round <= settings->rounds; round++)
		for (unsigned int i = 0; i < CONTESTANTS; i++) {
			struct contestant *c = &contestants[bench_turn(round, i, CONTESTANTS)];

			if (c->present)
				c->ns[round ? round - 1 : 0] = run_checked(c, cell, repeat);
		}
}

/* --- figures ----------------------------------------------------------------- */

/* Without the wrapper, round by round. */
static void net(__u8 family, enum role role, unsigned int rounds, double *to)
{
	const struct contestant *c = contestant(family, role);
	const struct contestant *empty = contestant(family, ROLE_EMPTY);

	for (unsigned int i = 0; i < rounds; i++)
		to[i] = c->ns[i] - empty->ns[i];
}

struct side {
	__u8 family;
	enum role role;
};

static void compare(struct bench_report *report, unsigned int rounds, const char *what,
		    struct side ours, struct side other, double target)
{
	static const char *const names[] = {"wrapper", "ours", "hash", "xdp-filter", "before"};
	static double a[ROUNDS_MAX];
	static double b[ROUNDS_MAX];
	char versus[32];

	if (!contestant(ours.family, ours.role)->present ||
	    !contestant(other.family, other.role)->present)
		return;
	snprintf(versus, sizeof(versus), "%s v%d", names[other.role], other.family);
	net(ours.family, ours.role, rounds, a);
	net(other.family, other.role, rounds, b);
	bench_compare(report, what, versus, a, b, rounds, target);
}

static const char *proto_name(__u8 proto)
{
	return proto == IPPROTO_TCP ? "TCP" : "UDP";
}

static bool is_warm(const struct cell *cell)
{
	return cell->flows == 1;
}

/* The targets against the hash hold where it matters: at 64k and 1M flows. */
static double hash_target(const struct cell *cell)
{
	return cell->flows == 65536 || cell->flows == 1048576 ? kinds[cell->kind].target
							      : BENCH_NO_TARGET;
}

static void report_cell(struct bench_report *report, const struct settings *settings,
			const struct cell *cell)
{
	const unsigned int rounds = settings->rounds;
	char what[64];

	for (__u8 family = 4; family <= 6; family += 2) {
		const struct side ours = {family, ROLE_OURS};

		snprintf(what, sizeof(what), "%s IPv%d %s %u flows", kinds[cell->kind].name, family,
			 proto_name(cell->proto), cell->flows);
		compare(report, rounds, what, ours, (struct side){family, ROLE_HASH},
			hash_target(cell));
		compare(report, rounds, what, ours, (struct side){family, ROLE_FILTER},
			family == 4 ? 1.0 : BENCH_NO_TARGET);
		compare(report, rounds, what, ours, (struct side){family, ROLE_BEFORE},
			BENCH_NO_TARGET);
		if (family == 6)
			compare(report, rounds, what, ours, (struct side){4, ROLE_OURS}, 1.4);
	}
}

static bool takes_part(const struct settings *settings, const struct cell *cell, enum role role)
{
	switch (role) {
	case ROLE_HASH:
		return !settings->against;
	case ROLE_FILTER:
		return !settings->against && is_warm(cell);
	case ROLE_BEFORE:
		return settings->against;
	default:
		return true;
	}
}

static void measure(struct bench_report *report, const struct settings *settings,
		    const struct cell *cell)
{
	for (size_t i = 0; i < CONTESTANTS; i++)
		if (takes_part(settings, cell, roles[i].role))
			load(&contestants[i], settings, cell, roles[i].family, roles[i].role);
		else
			contestants[i] = (struct contestant){};
	run_rounds(settings, cell);
	report_cell(report, settings, cell);
	for (size_t i = 0; i < CONTESTANTS; i++)
		unload(&contestants[i]);
}

static void report_code(struct bench_report *report)
{
	static const char *const names[] = {"ours", "HASH"};

	for (enum bench_over over = BENCH_OVER_TABLE; over <= BENCH_OVER_HASH; over++) {
		const struct bench_load load = {.over = over, .family = 4, .sessions = 1024};
		struct bench_seeded seeded;
		struct bench_code code;
		char what[64];

		bench_seeded_load(&seeded, &load);
		code = bench_code(seeded.program);
		snprintf(what, sizeof(what), "%s: instructions after verifier", names[over]);
		bench_report_fact(report, what, code.insns, "");
		snprintf(what, sizeof(what), "%s: JITed", names[over]);
		bench_report_fact(report, what, code.bytes, "bytes");
		bench_seeded_close(&seeded);
	}
}

/* --- what is run --------------------------------------------------------------- */

static bool wanted(const struct settings *settings, const char *name)
{
	return !settings->only || !strcmp(settings->only, name);
}

static void measure_kind(struct bench_report *report, const struct settings *settings,
			 enum kind kind)
{
	static const __u32 all[] = {1024, 65536, 262144, 1048576};
	static const __u8 protos[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(all); i++) {
		if (settings->quick && all[i] != 65536)
			continue;
		for (size_t p = 0; p < SEG_ARRAY_SIZE(protos); p++) {
			const struct cell cell = {kind, protos[p], all[i]};

			if (!kinds[kind].proto || kinds[kind].proto == cell.proto)
				measure(report, settings, &cell);
		}
	}
}

static void measure_warm(struct bench_report *report, const struct settings *settings)
{
	const struct cell tcp = {KIND_HIT, IPPROTO_TCP, 1};
	const struct cell udp = {KIND_HIT, IPPROTO_UDP, 1};

	measure(report, settings, &tcp);
	measure(report, settings, &udp);
}

static void usage(void)
{
	printf("bench-p1 [--quick] [--rounds N] [--repeat N] [--only KIND] [--against OBJECT] "
	       "[--json FILE]\n"
	       "  --quick   64k flows only, fewer and shorter rounds\n"
	       "  --rounds  pairs of a ratio (30; 6 to %d)\n"
	       "  --repeat  packets of a call (2^19)\n"
	       "  --only    warm, hit, miss, refused or claim\n"
	       "  --against measure beside ingress.bpf.o of an earlier build instead\n"
	       "  --json    write the figures to FILE as well\n",
	       ROUNDS_MAX);
	exit(0);
}

static void set_quick(struct settings *settings)
{
	settings->rounds = 12;
	settings->repeat = 1 << 18;
	settings->quick = true;
}

static void parse(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{"quick", no_argument, NULL, 'q'},        {"rounds", required_argument, NULL, 'r'},
		{"repeat", required_argument, NULL, 'n'}, {"only", required_argument, NULL, 'o'},
		{"json", required_argument, NULL, 'j'},   {"against", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},         {}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'q')
			set_quick(settings);
		else if (option == 'r')
			settings->rounds = (unsigned int)strtoul(optarg, NULL, 0);
		else if (option == 'n')
			settings->repeat = (__u32)strtoul(optarg, NULL, 0);
		else if (option == 'o')
			settings->only = optarg;
		else if (option == 'j')
			settings->json = optarg;
		else if (option == 'a')
			settings->against = optarg;
		else
			usage();
	}
	if (settings->rounds < 6 || settings->rounds > ROUNDS_MAX || settings->repeat < 1024)
		usage();
}

int main(int argc, char **argv)
{
	struct settings settings = {.rounds = 30, .repeat = 1 << 19};
	struct bench_report *report;

	parse(argc, argv, &settings);
	bench_hold_cpu();
	report = bench_report_begin("P1", settings.rounds);
	if (wanted(&settings, "warm"))
		measure_warm(report, &settings);
	for (enum kind kind = KIND_HIT; kind < KIND_MAX; kind++)
		if (wanted(&settings, kinds[kind].name))
			measure_kind(report, &settings, kind);
	report_code(report);
	bench_report_end(report, settings.json);
	return 0;
}
