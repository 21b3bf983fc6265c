/* SPDX-License-Identifier: BSD-2-Clause */
/* report_status.c - GET /v1/status: what is attached, how, and who does the work. */
#include "clock.h"
#include "keeper.h"
#include "server.h"
#include "version.h"

static const char *const modes[] = {
	[SEG_MODE_AUTO] = "auto",
	[SEG_MODE_NATIVE] = "native",
	[SEG_MODE_GENERIC] = "generic",
};

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

static json_t *report_iface(const struct seg_iface *iface)
{
	json_t *queues = json_array();
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:i, s:I, s:o}", "mode", modes[iface->mode], "attach", "exclusive",
		"driver", iface->link.driver, "ifindex", (int)iface->link.ifindex, "uptime_s",
		(json_int_t)((seg_clock_now() - iface->attached) / SEG_NS_PER_S), "queues", queues);

	if (*iface->mode_why)
		json_object_set_new(json, "mode_why", json_string(iface->mode_why));
	for (uint32_t i = 0; i < iface->queues; i++)
		json_array_append_new(queues, report_queue(iface, i));
	return json;
}

json_t *seg_report_status(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	json_t *ifaces = json_object();

	(void)body, (void)err;
	seg_for_each_iface(iface, keeper)
		json_object_set_new(ifaces, iface->link.name, report_iface(iface));
	return json_pack("{s:{s:i, s:s, s:I, s:s}, s:o, s:o}", "daemon", "pid", (int)getpid(),
			 "version", SEG_VERSION, "uptime_s",
			 (json_int_t)((seg_clock_now() - keeper->started) / SEG_NS_PER_S),
			 "runtime_dir", keeper->runtime.path, "policy", seg_policy_status(keeper),
			 "interfaces", ifaces);
}
