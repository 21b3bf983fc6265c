/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.h - the checks: what an administrator wants to know before and after attaching.
 * Pure: facts in, findings out; one file a group, one table of checks each.
 */
#ifndef SEG_DOCTOR_H
#define SEG_DOCTOR_H

#include "facts.h"
#include "findings.h"

struct seg_check {
	const char *name;
	void (*run)(const struct seg_facts *facts, struct seg_findings *to);
};

struct seg_device_check {
	const char *name;
	void (*run)(const struct seg_facts *facts, const struct seg_device_facts *device,
		    struct seg_findings *to);
};

/* Each ends with a row without a name. */
extern const struct seg_check SEG_KERNEL_CHECKS[], SEG_SETUP_CHECKS[], SEG_DAEMON_CHECKS[];
extern const struct seg_device_check SEG_DEVICE_CHECKS[], SEG_CONFLICT_CHECKS[];

/* Run them all. */
void seg_doctor_judge(const struct seg_facts *facts, struct seg_findings *to);

#endif
