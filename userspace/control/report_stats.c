/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_stats.c - GET /v1/stats: where every packet went.
 *
 * What came in is what XDP counted. Of that, what went up to the workers is
 * replaced by the exits that these counted and the losses that the kernel did on
 * the way, so that the exits' sum is what came in (invariant 1), less what is
 * under way at this moment: "in_flight".
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "clock.h"
#include "keeper.h"
#include "server.h"
#include "table_reap.h"
#include "words.h"

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* --- counters -------------------------------------------------------------------------------- */

static void add(struct seg_count *to, uint64_t packets, uint64_t bytes)
{
	to->packets += packets;
	to->bytes += bytes;
}

static void add_program(const struct seg_iface *iface, enum seg_direction direction,
			struct seg_counts *sum)
{
	const uint32_t index = seg_counts_index(iface->index, direction);
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct seg_counts *each =
		cpus > 0 ? calloc((size_t)cpus, sizeof(*each)) : NULL;

	if (!each || bpf_map_lookup_elem(iface->keeper->tables.fds[SEG_MAP_COUNTS], &index, each))
		return;
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < SEG_REASON_MAX; i++)
			add(&sum->exit[i], each[cpu].exit[i].packets, each[cpu].exit[i].bytes);
}

static void add_worker(const struct seg_queue *queue, struct seg_counts *sum)
{
	for (int i = 0; i < SEG_REASON_MAX; i++)
		add(&sum->exit[i], __atomic_load_n(&queue->exit[i].packets, __ATOMIC_RELAXED),
		    __atomic_load_n(&queue->exit[i].bytes, __ATOMIC_RELAXED));
}

/*
 * A socket that copies counts a packet without a frame twice, as dropped and as
 * "fill ring empty"; a zero-copy one loses such a packet before XDP sees it.
 */
static void add_kernel(const struct seg_rxq *rxq, struct seg_counts *sum)
{
	struct xdp_statistics stats = {0};
	socklen_t size = sizeof(stats);
	uint64_t no_frame;

	if (getsockopt(rxq->fds[SEG_FD_RX], SOL_XDP, XDP_STATISTICS, &stats, &size))
		return;
	no_frame = rxq->zerocopy ? 0 : stats.rx_fill_ring_empty_descs;
	if (no_frame > stats.rx_dropped)
		no_frame = stats.rx_dropped;
	add(&sum->exit[SEG_REASON_RX_RING_FULL], stats.rx_ring_full, 0);
	add(&sum->exit[SEG_REASON_FILL_RING_EMPTY], no_frame, 0);
	add(&sum->exit[SEG_REASON_RX_DROPPED], stats.rx_dropped - no_frame, 0);
}

/* What came to one of an interface's programs, and the exits that it took: UP is what was handed
 * up. */
struct traffic {
	enum seg_direction direction;
	struct seg_counts in, exits;
};

static void collect(const struct seg_iface *iface, struct traffic *traffic)
{
	const struct seg_tables *tables = &iface->keeper->tables;
	struct seg_counts *in = &traffic->in, *exits = &traffic->exits;

	seg_for_each_rxq(rxq, iface)
	{
		if (seg_rxq_asks(iface, rxq) != (traffic->direction == SEG_EGRESS))
			continue;
		add_worker(&tables->queues[rxq->worker.queue_index], exits);
		add_kernel(rxq, exits);
	}
	/* last: nothing is counted out that was not counted in */
	add_program(iface, traffic->direction, in);
	for (int i = 0; i < SEG_REASON_MAX; i++)
		if (i != SEG_REASON_UP)
			add(&exits->exit[i], in->exit[i].packets, in->exit[i].bytes);
}

/* --- an interface ---------------------------------------------------------------------------- */

static json_t *report_count(const struct seg_count *count)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)count->packets, "bytes",
			 (json_int_t)count->bytes);
}

static struct seg_count total(const struct seg_counts *counts)
{
	struct seg_count sum = {0};

	for (int i = 0; i < SEG_REASON_MAX; i++)
		add(&sum, counts->exit[i].packets, counts->exit[i].bytes);
	return sum;
}

/* How exits are summed: by which values, what they are called, and which exit has which. */
struct summing {
	int first, last;
	const char *(*word)(int value);
	bool (*has)(int reason, int value);
};

static const char *verdict_word(int value)
{
	return seg_verdict_word((uint8_t)value);
}

static const char *path_word(int value)
{
	return seg_path_word((enum seg_path)value);
}

static bool has_verdict(int reason, int value)
{
	return (int)SEG_REASON_ROWS[reason].verdict == value;
}

static bool has_path(int reason, int value)
{
	return (int)SEG_REASON_ROWS[reason].path == value && reason != SEG_REASON_UP;
}

static const struct summing BY_VERDICT = {SEG_VERDICT_ALLOW, SEG_VERDICT_LOSS, verdict_word,
					  has_verdict};
static const struct summing BY_PATH = {0, SEG_PATH_MAX - 1, path_word, has_path};

/* The exits of each value in one sum, by the values' names. */
static json_t *report_sums(const struct seg_counts *counts, const struct summing *by)
{
	json_t *json = json_object();

	for (int value = by->first; value <= by->last; value++) {
		struct seg_count sum = {0};

		for (int i = 0; i < SEG_REASON_MAX; i++)
			if (by->has(i, value))
				add(&sum, counts->exit[i].packets, counts->exit[i].bytes);
		json_object_set_new(json, by->word(value), report_count(&sum));
	}
	return json;
}

static json_t *report_reasons(const struct seg_counts *counts, bool losses)
{
	json_t *json = json_object();

	for (int i = 0; i < SEG_REASON_MAX; i++)
		if (SEG_REASON_ROWS[i].verdict != SEG_VERDICT_UP &&
		    (!losses || SEG_REASON_ROWS[i].verdict == SEG_VERDICT_LOSS))
			json_object_set_new(json, SEG_REASON_ROWS[i].name,
					    report_count(&counts->exit[i]));
	return json;
}

/* The last one may be that by which what leaves is asked for. */
static json_t *report_queue(const struct seg_iface *iface, const struct seg_rxq *rxq)
{
	const struct seg_queue *queue = &iface->keeper->tables.queues[rxq->worker.queue_index];

	return json_pack(
		"{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "queue",
		seg_rxq_asks(iface, rxq) ? json_string("egress") : json_integer(rxq - iface->rxqs),
		"sent", (json_int_t)queue->sent, "consumed", (json_int_t)queue->consumed, "batches",
		(json_int_t)(queue->batches / 2), "wakeups", (json_int_t)queue->wakeups, "restarts",
		(json_int_t)queue->restarts, "frames_lost", (json_int_t)queue->frames_lost, "held",
		(json_int_t)queue->held, "meta",
		queue->meta == SEG_META_CARRIED ? "carried" : "parsed again");
}

/*
 * XDP let it pass, and tc, behind it, did not: the packet was counted before, so that this exit
 * is taken off those that let it pass.
 */
static void settle_beside(json_t *verdicts, const struct seg_count *beside)
{
	json_t *allow = json_object_get(verdicts, seg_verdict_word(SEG_VERDICT_ALLOW));
	json_t *packets = json_object_get(allow, "packets"),
	       *bytes = json_object_get(allow, "bytes");

	json_integer_set(packets, json_integer_value(packets) - (json_int_t)beside->packets);
	json_integer_set(bytes, json_integer_value(bytes) - (json_int_t)beside->bytes);
}

/* What came by one way, and what became of it. */
static json_t *report_traffic(const struct seg_iface *iface, enum seg_direction direction)
{
	struct traffic traffic = {.direction = direction};
	struct seg_count in, out, *beside = &traffic.exits.exit[SEG_REASON_VLAN_BESIDE];
	json_t *verdicts;

	collect(iface, &traffic);
	verdicts = report_sums(&traffic.exits, &BY_VERDICT);
	settle_beside(verdicts, beside);
	in = total(&traffic.in);
	out = total(&traffic.exits);
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:{s:I}}", "packets",
			 (json_int_t)(in.packets - beside->packets), "bytes",
			 (json_int_t)(in.bytes - beside->bytes), "in_flight",
			 (json_int_t)(in.packets - out.packets), "verdicts", verdicts, "paths",
			 report_sums(&traffic.exits, &BY_PATH), "reasons",
			 report_reasons(&traffic.exits, false), "losses",
			 report_reasons(&traffic.exits, true), "slow_path", "packets",
			 (json_int_t)traffic.in.exit[SEG_REASON_UP].packets);
}

static json_t *report_iface(const struct seg_iface *iface)
{
	json_t *queues = json_array();
	json_t *json = json_pack("{s:s}", "mode", seg_mode_names[iface->mode]);
	json_auto_t *ingress = report_traffic(iface, SEG_INGRESS);

	seg_for_each_rxq(rxq, iface) json_array_append_new(queues, report_queue(iface, rxq));
	json_object_update(json, ingress);
	json_object_set_new(json, "egress", report_traffic(iface, SEG_EGRESS));
	json_object_set_new(json, "queues", queues);
	return json;
}

/* --- rules: what left the table, what is in it, what earlier generations counted ------------- */

static void add_rule(struct seg_rule_count *to, const struct seg_rule_count *from)
{
	add(&to->count, from->count.packets, from->count.bytes);
	to->sessions += from->sessions;
	to->shadow += from->shadow;
}

static void add_live(const struct seg_keeper *keeper, struct seg_rule_count *rules)
{
	const struct seg_table *table = &keeper->tables.table;

	seg_for_each_slot (slot, table) {
		struct seg_session *session = &table->slots[slot];

		if (session->key.family)
			seg_session_credit(&keeper->account, session, slot, &keeper->book, rules);
	}
}

static json_t *report_rules(const struct seg_keeper *keeper)
{
	const struct seg_rulebook *book = &keeper->book;
	_cleanup_free_ struct seg_rule_count *rules = calloc(book->entries, sizeof(*rules));
	json_t *json = json_object();

	if (!rules)
		return json;
	add_live(keeper, rules);
	for (uint32_t i = 0; i < book->entries; i++) {
		const char *id = seg_rulebook_id(book, i);
		struct seg_rule_count before = seg_history_get(keeper->history, id);

		add_rule(&rules[i], &book->rules[i]);
		add_rule(&rules[i], &before);
		json_object_set_new(json, id,
				    json_pack("{s:I, s:I, s:I, s:I}", "packets",
					      (json_int_t)rules[i].count.packets, "bytes",
					      (json_int_t)rules[i].count.bytes, "sessions",
					      (json_int_t)rules[i].sessions, "shadow",
					      (json_int_t)rules[i].shadow));
	}
	return json;
}

/* --- the whole ------------------------------------------------------------------------------- */

static json_t *report_quota(const struct seg_keeper *keeper)
{
	const struct seg_quota *quota = keeper->tables.quota;
	const struct seg_defaults *policy = seg_image_defaults(keeper->book.image);

	return json_pack("{s:I, s:I, s:I, s:I}", "established",
			 (json_int_t)quota->class[SEG_CLASS_ESTABLISHED].used, "half_open",
			 (json_int_t)(quota->class[SEG_CLASS_HALF_OPEN].used +
				      quota->class[SEG_CLASS_OWN].used),
			 "denied", (json_int_t)quota->class[SEG_CLASS_DENIED].used, "max",
			 (json_int_t)policy->sessions_max);
}

json_t *seg_report_stats(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	json_t *ifaces = json_object();
	uint64_t now = seg_clock_now();
	json_t *json =
		json_pack("{s:I, s:I, s:i, s:b, s:o}", "uptime_s",
			  (json_int_t)((now - keeper->started) / SEG_NS_PER_S), "time_ns",
			  (json_int_t)now, "generation", (int)keeper->book.generation, "observe",
			  keeper->open && keeper->book.observe, "interfaces", ifaces);

	(void)body, (void)err;
	seg_for_each_iface(iface, keeper)
		json_object_set_new(ifaces, iface->link.name, report_iface(iface));
	json_object_set_new(json, "rules", keeper->open ? report_rules(keeper) : json_object());
	json_object_set_new(json, "sessions", keeper->open ? report_quota(keeper) : json_object());
	return json;
}
