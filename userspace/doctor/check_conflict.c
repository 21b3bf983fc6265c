/* SPDX-License-Identifier: BSD-2-Clause */
/* check_conflict.c - what else sits on an interface. */
#include <string.h>

#include "doctor.h"

static bool begins(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

static const char *name_of(const struct seg_hook_program *program)
{
	return *program->name ? program->name : "name not known";
}

static void judge_xdp(const struct seg_facts *facts, const struct seg_device_facts *of,
		      const struct seg_hook_program *program, struct seg_findings *to)
{
	const char *name = of->device.name;

	if (of->attached) {
		seg_find(to, SEG_LEVEL_OK, "is attached: XDP program %s (id %u)", name_of(program),
			 program->id);
	} else if (!*program->name && facts->daemon.state == SEG_DAEMON_CLOSED) {
		seg_find(to, SEG_LEVEL_NOTE,
			 "has an XDP program (id %u): only root can see whether it is xdpseg's",
			 program->id);
		seg_find_mend(to, "run xdpseg doctor as root");
	} else if (facts->daemon.leftover > 0 && begins(program->name, "seg_")) {
		seg_find(to, SEG_LEVEL_NOTE, "has the XDP program %s (id %u) of a daemon that died",
			 program->name, program->id);
	} else if (begins(program->name, "seg_")) {
		seg_find(to, SEG_LEVEL_ERROR,
			 "is attached by another xdpseg: XDP program %s (id %u)", program->name,
			 program->id);
		seg_find_mend(to, "xdpseg --runtime-dir DIR detach %s", name);
	} else if (begins(program->name, "xdp_dispatcher")) {
		seg_find(to, SEG_LEVEL_WARNING,
			 "has libxdp's dispatcher (id %u): attach will be refused unless it shares",
			 program->id);
		seg_find_mend(to, "xdpseg attach %s --shared", name);
	} else {
		seg_find(to, SEG_LEVEL_ERROR,
			 "has an XDP program of another tool (%s, id %u): attach will be refused",
			 name_of(program), program->id);
		seg_find_mend(to,
			      "ip link set dev %s xdp off; where that does not help, end the tool "
			      "that holds it (`bpftool link` names its process)",
			      name);
	}
}

static void check_xdp(const struct seg_facts *facts, const struct seg_device_facts *of,
		      struct seg_findings *to)
{
	for (uint32_t i = 0; i < of->hooks.programs.n; i++)
		if (of->hooks.programs.item[i].place == SEG_HOOK_XDP)
			judge_xdp(facts, of, &of->hooks.programs.item[i], to);
	if (!of->device.xdp_prog)
		seg_find(to, SEG_LEVEL_OK, "its XDP hook is free");
}

static void check_tc(const struct seg_facts *facts, const struct seg_device_facts *of,
		     struct seg_findings *to)
{
	(void)facts;
	for (uint32_t i = 0; i < of->hooks.programs.n; i++) {
		const struct seg_hook_program *program = &of->hooks.programs.item[i];

		if (program->place == SEG_HOOK_XDP || begins(program->name, "seg_"))
			continue;
		seg_find(to, SEG_LEVEL_NOTE,
			 "has the tc program %s (id %u) at %s: it stays, and runs as well",
			 name_of(program), program->id,
			 program->place == SEG_HOOK_TC_IN ? "ingress" : "egress");
	}
}

const struct seg_device_check SEG_CONFLICT_CHECKS[] = {
	{"xdp-hook", check_xdp},
	{"tc-hook", check_tc},
	{0},
};
