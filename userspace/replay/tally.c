/* SPDX-License-Identifier: BSD-2-Clause */
#include "tally.h"

#include <errno.h>

#include "words.h"

int seg_tally_open(struct seg_tally *tally, const struct seg_image *image)
{
	struct seg_rule_tally *rules = calloc(seg_image_rules(image) + 1, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	*tally = (struct seg_tally){.image = image, .rules = rules};
	return 0;
}

void seg_tally_close(struct seg_tally *tally)
{
	free(tally->rules);
	tally->rules = NULL;
}

static void add_rule(struct seg_tally *tally, const struct seg_replayed *packet)
{
	unsigned int rules = seg_image_rules(tally->image);
	struct seg_rule_tally *rule = &tally->rules[packet->rule < rules ? packet->rule : rules];

	if (packet->shadow < rules)
		tally->rules[packet->shadow].shadow++;
	if (packet->rule == SEG_RULE_NONE)
		return;
	rule->packets++;
	rule->bytes += packet->bytes;
	rule->sessions += packet->opened;
}

void seg_tally_add(struct seg_tally *tally, const struct seg_replayed *packet)
{
	tally->packets++;
	tally->bytes += packet->bytes;
	tally->sessions += packet->opened;
	tally->verdicts[packet->verdict]++;
	tally->paths[packet->path]++;
	tally->reasons[packet->reason]++;
	add_rule(tally, packet);
	seg_latency_add(&tally->all, packet->ns);
	seg_latency_add(&tally->path[packet->path], packet->ns);
}

/* --- JSON -------------------------------------------------------------------- */

static double tenth(double ns)
{
	return (double)(uint64_t)(ns * 10 + 0.5) / 10;
}

json_t *seg_latency_json(const struct seg_latency *latency)
{
	return json_pack("{s:i, s:i, s:i, s:f}", "p50", (int)seg_latency_percentile(latency, 50),
			 "p95", (int)seg_latency_percentile(latency, 95), "p99",
			 (int)seg_latency_percentile(latency, 99), "mean",
			 tenth(seg_latency_mean(latency)));
}

static json_t *paths_json(const struct seg_tally *tally)
{
	json_t *json = json_object();

	for (int i = 0; i < SEG_PATH_MAX; i++)
		json_object_set_new(json, seg_path_word((enum seg_path)i),
				    json_integer((json_int_t)tally->paths[i]));
	return json;
}

static json_t *reasons_json(const struct seg_tally *tally)
{
	json_t *json = json_object();

	for (int i = 0; i < SEG_REASON_MAX; i++)
		if (tally->reasons[i])
			json_object_set_new(json, SEG_REASON_ROWS[i].name,
					    json_integer((json_int_t)tally->reasons[i]));
	return json;
}

/* One of stage shadow says what it would do, too. */
static json_t *rule_json(const struct seg_tally *tally, uint32_t index)
{
	unsigned int rules = seg_image_rules(tally->image);
	const struct seg_rule_tally *rule = &tally->rules[index < rules ? index : rules];
	struct seg_rule_info info = {.stage = SEG_STAGE_ENFORCE};
	json_t *json = json_pack("{s:I, s:I, s:I, s:I}", "packets", (json_int_t)rule->packets,
				 "bytes", (json_int_t)rule->bytes, "sessions",
				 (json_int_t)rule->sessions, "shadow", (json_int_t)rule->shadow);

	seg_image_rule_info(tally->image, index, &info);
	if (info.stage == SEG_STAGE_SHADOW)
		json_object_set_new(json, "would", json_string(seg_verdict_word(info.verdict)));
	return json;
}

static json_t *rules_json(const struct seg_tally *tally)
{
	unsigned int rules = seg_image_rules(tally->image);
	json_t *json = json_object();

	for (unsigned int i = 0; i <= rules; i++) {
		uint32_t index = i < rules ? i : SEG_RULE_DEFAULT;

		json_object_set_new(json, seg_image_rule_id(tally->image, index),
				    rule_json(tally, index));
	}
	return json;
}

/* All of them, and each path that answered at all. */
static json_t *times_json(const struct seg_tally *tally)
{
	json_t *json = seg_latency_json(&tally->all), *paths = json_object();

	for (int i = 0; i < SEG_PATH_MAX; i++)
		if (tally->path[i].count)
			json_object_set_new(paths, seg_path_word((enum seg_path)i),
					    seg_latency_json(&tally->path[i]));
	json_object_set_new(json, "paths", paths);
	return json;
}

json_t *seg_tally_json(const struct seg_tally *tally)
{
	return json_pack("{s:I, s:I, s:I, s:{s:I, s:I}, s:o, s:o, s:o, s:o}", "packets",
			 (json_int_t)tally->packets, "bytes", (json_int_t)tally->bytes, "sessions",
			 (json_int_t)tally->sessions, "verdicts", "allow",
			 (json_int_t)tally->verdicts[SEG_VERDICT_ALLOW], "deny",
			 (json_int_t)tally->verdicts[SEG_VERDICT_DENY], "paths", paths_json(tally),
			 "reasons", reasons_json(tally), "rules", rules_json(tally),
			 "ns_per_packet", times_json(tally));
}
