/* SPDX-License-Identifier: BSD-2-Clause */
/* report_status.c - GET /v1/status: what is attached, how, and who does the work. */
#include "clock.h"
#include "error_json.h"
#include "keeper.h"
#include "server.h"
#include "version.h"

static json_t *report_worker(const struct seg_remote *worker)
{
	return json_pack("{s:s, s:i, s:i, s:i}", "state", seg_remote_state_name(worker->state),
			 "pid", (int)worker->pid, "restarts", (int)worker->deaths, "generation",
			 (int)worker->generation);
}

static json_t *report_queue(const struct seg_iface *iface, uint32_t queue)
{
	const struct seg_rxq *rxq = &iface->rxqs[queue];

	return json_pack("{s:i, s:s, s:o}", "queue", (int)queue, "xsk",
			 rxq->zerocopy ? "zero-copy" : "copy", "worker",
			 report_worker(&rxq->worker));
}

/* Flows that ran before. */
static json_t *report_seeded(const struct seg_iface *iface)
{
	const struct seg_seeded *seeded = &iface->seeded;
	json_t *json = json_pack("{s:I, s:I, s:I}", "sockets",
				 (json_int_t)seeded->from[SEG_RUNNING_SOCKET], "conntrack",
				 (json_int_t)seeded->from[SEG_RUNNING_CONNTRACK], "refused",
				 (json_int_t)seeded->refused);

	if (*iface->seeded_why)
		json_object_set_new(json, "why", json_string(iface->seeded_why));
	return json;
}

/* What leaves: who decides about it, and by which kind of hook it is met. */
static json_t *report_egress(const struct seg_iface *iface)
{
	const struct seg_constants *constants = &iface->egress.constants;
	json_t *json = json_pack("{s:s, s:s}", "hook", seg_tc_way(&iface->egress.out), "new_flows",
				 constants->features & SEG_FEATURE_LEARN ? "learned" : "judged");

	if (iface->rxqs_n > iface->queues)
		json_object_set_new(json, "worker",
				    report_worker(&iface->rxqs[iface->queues].worker));
	return json;
}

static json_int_t learns_ms(const struct seg_iface *iface)
{
	uint64_t now = seg_clock_now();

	return iface->learns_until > now ? (json_int_t)((iface->learns_until - now) / 1000000) : 0;
}

/* Who else may come. */
static void report_shared(const struct seg_hook *hook, json_t *json)
{
	json_object_set_new(json, "dispatcher", json_boolean(!hook->single));
	if (hook->single)
		json_object_set_new(json, "attach_why", json_string(hook->why));
}

static json_t *report_iface(const struct seg_iface *iface)
{
	json_t *queues = json_array();
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:i, s:I, s:o, s:o}", "mode", seg_mode_names[iface->mode],
		"attach", iface->hook.slot ? "shared" : "exclusive", "driver", iface->link.driver,
		"ifindex", (int)iface->link.ifindex, "uptime_s",
		(json_int_t)((seg_clock_now() - iface->attached) / SEG_NS_PER_S), "seeded",
		report_seeded(iface), "queues", queues);

	json_object_set_new(json, "egress", report_egress(iface));
	if (iface->hook.slot)
		report_shared(&iface->hook, json);
	if (iface->learns_until)
		json_object_set_new(json, "learns_ms", json_integer(learns_ms(iface)));
	if (*iface->mode_why)
		json_object_set_new(json, "mode_why", json_string(iface->mode_why));
	for (uint32_t i = 0; i < iface->queues; i++)
		json_array_append_new(queues, report_queue(iface, i));
	return json;
}

/* {IFACE: the error} of what was detached by itself. */
static json_t *report_refused(const struct seg_learn *learn)
{
	json_auto_t *error = seg_error_to_json(&learn->why);

	return json_pack("{s:O}", learn->refused, json_object_get(error, "error"));
}

json_t *seg_report_status(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	json_t *ifaces = json_object(), *json;

	(void)body, (void)err;
	seg_for_each_iface(iface, keeper)
		json_object_set_new(ifaces, iface->link.name, report_iface(iface));
	json = json_pack("{s:{s:i, s:s, s:I, s:s, s:b}, s:o, s:o}", "daemon", "pid", (int)getpid(),
			 "version", SEG_VERSION, "uptime_s",
			 (json_int_t)((seg_clock_now() - keeper->started) / SEG_NS_PER_S),
			 "runtime_dir", keeper->runtime.path, "stays", keeper->stay, "policy",
			 seg_policy_status(keeper), "interfaces", ifaces);
	if (*keeper->learn.refused)
		json_object_set_new(json, "refused", report_refused(&keeper->learn));
	return json;
}
