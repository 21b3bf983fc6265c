/* SPDX-License-Identifier: BSD-2-Clause */
#include "egress.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "egress.skel.h"
#include "ingress.h"
#include "kernel_btf.h"

static void egress_freep(struct egress_bpf **egress)
{
	egress_bpf__destroy(*egress);
}

/* A replay has no tags beside its frames. */
static void choose(struct egress_bpf *egress, uint32_t features)
{
	bool attached = !(features & SEG_FEATURE_REPLAY), vlan = features & SEG_FEATURE_VLAN;

	bpf_program__set_autoload(egress->progs.seg_beside, attached && vlan);
	bpf_program__set_autoload(egress->progs.seg_no_vlan, attached && !vlan);
}

struct egress_bpf *seg_egress_load(const struct seg_tables *tables,
				   const struct seg_constants *constants,
				   const struct seg_failsafe_set *failsafe,
				   const struct seg_port *port, struct seg_error *err)
{
	_cleanup_(egress_freep) struct egress_bpf *egress = NULL;
	int r;

	seg_load_listen();
	egress = egress_bpf__open();
	if (!egress) {
		seg_load_error("seg_egress", errno, err);
		return NULL;
	}
	choose(egress, constants->features);
	memcpy((void *)&egress->rodata->seg_constants, constants, sizeof(*constants));
	memcpy((void *)&egress->rodata->seg_port, port, sizeof(*port));
	memcpy((void *)&egress->rodata->seg_failsafes, &failsafe->rows, sizeof(failsafe->rows));
	seg_kernel_btf_do_without(egress->obj);
	r = bpf_map__set_autocreate(egress->maps.seg_xsks, false);
	if (!r)
		r = seg_failsafe_share(failsafe, egress->maps.seg_failsafe);
	if (!r)
		r = seg_tables_share(tables, egress->obj);
	if (!r)
		r = egress_bpf__load(egress);
	if (r) {
		seg_load_error("seg_egress", -r, err);
		return NULL;
	}
	return TAKE(egress);
}

int seg_egress_fd(const struct egress_bpf *egress)
{
	return bpf_program__fd(egress->progs.seg_egress);
}

int seg_egress_beside_fd(const struct egress_bpf *egress)
{
	const struct bpf_program *beside = egress->progs.seg_beside;

	return bpf_program__fd(bpf_program__autoload(beside) ? beside : egress->progs.seg_no_vlan);
}

int seg_egress_replay(const struct egress_bpf *egress)
{
	return bpf_map__fd(egress->maps.seg_replay);
}

void seg_egress_free(struct egress_bpf *egress)
{
	egress_bpf__destroy(egress);
}
