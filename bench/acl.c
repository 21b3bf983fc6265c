/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acl.c - librte_acl as its guide has it: five fields, one category, the widest vectors that the
 * CPU has, memory without huge pages.
 */
#include "acl.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_acl.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include "bpf.h"
#include "peak.h"

/* The first field is one byte and alone; the others come by four bytes (rte_acl.h). */
struct key {
	uint8_t proto, spare[3];
	uint32_t src, dst;
	uint16_t sport, dport;
};

#define FIELD(kind, i, member)                                                                     \
	{                                                                                          \
		.type = RTE_ACL_FIELD_TYPE_##kind, .size = sizeof(((struct key *)0)->member),      \
		.field_index = i, .input_index = (i) < 3 ? (i) : 3,                                \
		.offset = offsetof(struct key, member)                                             \
	}

static const struct rte_acl_field_def FIELDS[] = {FIELD(BITMASK, 0, proto), FIELD(MASK, 1, src),
						  FIELD(MASK, 2, dst), FIELD(RANGE, 3, sport),
						  FIELD(RANGE, 4, dport)};

RTE_ACL_RULE_DEF(acl_rule, RTE_DIM(FIELDS));

struct bench_acl {
	struct rte_acl_ctx *context;
	struct key *keys;
	const uint8_t **pointers;
	double build_ns;
	double bytes, peak; /* when built, and while */
};

static void environment_begin(void)
{
	static const char *arguments[] = {"bench",
					  "--no-huge",
					  "--no-pci",
					  "-m6000",
					  "--no-shconf",
					  "--log-level=error",
					  "--force-max-simd-bitwidth=512",
					  NULL};
	static bool begun;

	if (!begun && rte_eal_init(7, (char **)arguments) < 0)
		bench_die("DPDK does not start");
	begun = true;
}

static struct acl_rule rule_of(const struct seg_classbench_rule *from, unsigned int number,
			       unsigned int rules)
{
	struct acl_rule rule = {.data = {.category_mask = 1,
					 .priority = (int32_t)(rules - number + 1),
					 .userdata = number + 1}};

	rule.field[0].value.u8 = from->any_proto ? 0 : from->proto;
	rule.field[0].mask_range.u8 = from->any_proto ? 0 : UINT8_MAX;
	rule.field[1].value.u32 = from->src;
	rule.field[1].mask_range.u32 = from->src_len;
	rule.field[2].value.u32 = from->dst;
	rule.field[2].mask_range.u32 = from->dst_len;
	rule.field[3].value.u16 = (uint16_t)from->sport[0];
	rule.field[3].mask_range.u16 = (uint16_t)from->sport[1];
	rule.field[4].value.u16 = (uint16_t)from->dport[0];
	rule.field[4].mask_range.u16 = (uint16_t)from->dport[1];
	return rule;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double heap_bytes(void)
{
	struct rte_malloc_socket_stats stats = {0};

	rte_malloc_get_socket_stats(0, &stats);
	return (double)stats.heap_allocsz_bytes;
}

static void build(struct bench_acl *acl)
{
	struct rte_acl_config config = {.num_categories = 1, .num_fields = RTE_DIM(FIELDS)};
	double rss = bench_peak_begin(), had = heap_bytes(), began = now_ns();

	memcpy(config.defs, FIELDS, sizeof(FIELDS));
	if (rte_acl_build(acl->context, &config))
		bench_die("librte_acl does not build");
	acl->build_ns = now_ns() - began;
	acl->bytes = heap_bytes() - had;
	acl->peak = bench_peak_end(rss);
}

static void rules_add(struct bench_acl *acl, const struct seg_classbench *set)
{
	const struct rte_acl_param parameters = {.name = "classbench",
						 .rule_size = RTE_ACL_RULE_SZ(RTE_DIM(FIELDS)),
						 .max_rule_num = set->rules};

	acl->context = rte_acl_create(&parameters);
	if (!acl->context)
		bench_die("librte_acl has no memory");
	for (unsigned int i = 0; i < set->rules; i++) {
		struct acl_rule rule = rule_of(&set->rule[i], i, set->rules);

		if (rte_acl_add_rules(acl->context, (const struct rte_acl_rule *)&rule, 1))
			bench_die("librte_acl refuses rule %u", i);
	}
}

static void keys_make(struct bench_acl *acl, const struct seg_classbench *set)
{
	acl->keys = calloc(set->n, sizeof(*acl->keys));
	acl->pointers = calloc(set->n, sizeof(*acl->pointers));
	if (!acl->keys || !acl->pointers)
		bench_die("no memory");
	for (unsigned int i = 0; i < set->n; i++) {
		const struct seg_flow *flow = &set->flows[i];

		acl->keys[i] = (struct key){.proto = flow->proto,
					    .src = flow->src[3],
					    .dst = flow->dst[3],
					    .sport = flow->sport,
					    .dport = flow->dport};
		acl->pointers[i] = (const uint8_t *)&acl->keys[i];
	}
}

struct bench_acl *bench_acl_open(const struct seg_classbench *set)
{
	struct bench_acl *acl = calloc(1, sizeof(*acl));

	if (!acl)
		bench_die("no memory");
	environment_begin();
	rules_add(acl, set);
	build(acl);
	keys_make(acl, set);
	return acl;
}

void bench_acl_close(struct bench_acl *acl)
{
	rte_acl_free(acl->context);
	free(acl->keys);
	free(acl->pointers);
	free(acl);
}

double bench_acl_build_ns(const struct bench_acl *acl)
{
	return acl->build_ns;
}

double bench_acl_bytes(const struct bench_acl *acl)
{
	return acl->bytes;
}

double bench_acl_peak(const struct bench_acl *acl)
{
	return acl->peak;
}

void bench_acl_classify(const struct bench_acl *acl, size_t first, unsigned int *rules,
			unsigned int n)
{
	rte_acl_classify(acl->context, (const uint8_t **)acl->pointers + first, rules, n, 1);
}
