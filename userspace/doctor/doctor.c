/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor.h"

#include "cleanup.h"

static void run(const struct seg_check *check, const char *subject, const struct seg_facts *facts,
		struct seg_findings *to)
{
	to->subject = subject;
	for (; check->name; check++) {
		to->check = check->name;
		check->run(facts, to);
	}
}

static void run_device(const struct seg_device_check *check, const struct seg_facts *facts,
		       const struct seg_device_facts *device, struct seg_findings *to)
{
	for (; check->name; check++) {
		to->check = check->name;
		check->run(facts, device, to);
	}
}

static void judge_device(const struct seg_facts *facts, const struct seg_device_facts *device,
			 struct seg_findings *to)
{
	to->subject = device->device.name;
	if (!device->missing) {
		run_device(SEG_DEVICE_CHECKS, facts, device, to);
		run_device(SEG_CONFLICT_CHECKS, facts, device, to);
		return;
	}
	to->check = "interface";
	seg_find(to, SEG_LEVEL_ERROR, "there is no such interface in this network namespace");
	seg_find_mend(to, "`ip link` lists them; `xdpseg doctor` looks at all that are up");
}

void seg_doctor_judge(const struct seg_facts *facts, struct seg_findings *to)
{
	run(SEG_KERNEL_CHECKS, "kernel", facts, to);
	run(SEG_SETUP_CHECKS, "host", facts, to);
	for (uint32_t i = 0; i < facts->devices.n; i++)
		judge_device(facts, &facts->devices.item[i], to);
	run(SEG_DAEMON_CHECKS, "daemon", facts, to);
	to->check = to->subject = NULL;
}
