/* SPDX-License-Identifier: BSD-2-Clause */
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"
#include "ingress.skel.h"
#include "inject.skel.h"

/* --- the verifier's last words ------------------------------------------------------------ */

static char last_words[256];

/* libbpf prints what the verifier said; its last lines are what an error can carry. */
static int keep_words(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[4096];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(text, sizeof(text), format, args);
	if (!strstr(text, "BEGIN PROG LOAD LOG"))
		snprintf(last_words, sizeof(last_words), "%.*s", (int)strcspn(text, "\n"), text);
	return 0;
}

static int report_load(const char *what, int errnum, struct seg_error *err)
{
	return seg_error_set(err, errnum, "the kernel refuses the program %s: %s (%s)", what,
			     strerror(errnum), last_words);
}

/* --- the hook ------------------------------------------------------------------------------- */

/* return XDP_PASS */
static int load_pass(struct seg_error *err)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	/* A link's programs must agree in this; libbpf sets it in skeletons. */
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_XDP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "seg_pass", "Dual BSD/GPL", pass,
			       SEG_ARRAY_SIZE(pass), &options);

	return fd < 0 ? report_load("seg_pass", errno, err) : fd;
}

static int link_xdp(int program, uint32_t ifindex, enum seg_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = mode == SEG_MODE_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int fd = bpf_link_create(program, (int)ifindex, BPF_XDP, &options);

	return fd < 0 ? -errno : fd;
}

/* The hook itself is taken, or not ours to take: another mode would not help. */
static bool is_final(int errnum)
{
	return errnum == EBUSY || errnum == EEXIST || errnum == EPERM || errnum == ENODEV;
}

static int report_hook(const struct seg_link *link, int errnum, struct seg_error *err)
{
	seg_error_set(err, errnum, "%s (driver %s) refuses an XDP program: %s", link->name,
		      *link->driver ? link->driver : "unknown", strerror(errnum));
	if (errnum == EBUSY || errnum == EEXIST)
		seg_error_mend(err, "detach the other one: ip link set dev %s xdp off", link->name);
	else if (errnum != EPERM)
		seg_error_mend(err, "attach with --mode generic");
	return -errnum;
}

int seg_hook_take(const struct seg_link *link, enum seg_mode *mode, char why[128],
		  struct seg_error *err)
{
	_cleanup_close_ int pass = load_pass(err);
	enum seg_mode first = *mode == SEG_MODE_AUTO ? SEG_MODE_NATIVE : *mode;
	int fd;

	if (pass < 0)
		return pass;
	fd = link_xdp(pass, link->ifindex, first);
	if (fd < 0 && *mode == SEG_MODE_AUTO && !is_final(-fd)) {
		snprintf(why, 128, "the driver refused native mode: %s", strerror(-fd));
		first = SEG_MODE_GENERIC;
		fd = link_xdp(pass, link->ifindex, first);
	}
	if (fd < 0)
		return report_hook(link, -fd, err);
	*mode = first;
	return fd;
}

int seg_hook_set(int link_fd, int program_fd)
{
	return bpf_link_update(link_fd, program_fd, NULL) ? -errno : 0;
}

/* --- ingress --------------------------------------------------------------------------------- */

static int share_maps(struct ingress_bpf *ingress, const struct seg_tables *tables, int xsks)
{
	struct bpf_map *map;

	for (enum seg_table_map i = 0; i < SEG_MAP_MAX; i++) {
		map = bpf_object__find_map_by_name(ingress->obj, seg_tables_name(i));
		if (!map)
			return -ENOENT;
		if (bpf_map__set_max_entries(map, 1) || bpf_map__reuse_fd(map, tables->fds[i]))
			return -errno;
	}
	return xsks >= 0 ? bpf_map__reuse_fd(ingress->maps.seg_xsks, xsks) : 0;
}

static void ingress_freep(struct ingress_bpf **ingress)
{
	ingress_bpf__destroy(*ingress);
}

struct ingress_bpf *seg_ingress_load(const struct seg_tables *tables,
				     const struct seg_constants *constants, int xsks,
				     struct seg_error *err)
{
	_cleanup_(ingress_freep) struct ingress_bpf *ingress = NULL;
	int r;

	libbpf_set_print(keep_words);
	ingress = ingress_bpf__open();
	if (!ingress) {
		report_load("seg_ingress", errno, err);
		return NULL;
	}
	memcpy((void *)&ingress->rodata->seg_constants, constants, sizeof(*constants));
	r = share_maps(ingress, tables, xsks);
	if (!r)
		r = ingress_bpf__load(ingress);
	if (r) {
		report_load("seg_ingress", -r, err);
		return NULL;
	}
	return TAKE(ingress);
}

int seg_ingress_fd(const struct ingress_bpf *ingress)
{
	return bpf_program__fd(ingress->progs.seg_ingress);
}

int seg_ingress_xsks(const struct ingress_bpf *ingress)
{
	return bpf_map__fd(ingress->maps.seg_xsks);
}

void seg_ingress_free(struct ingress_bpf *ingress)
{
	ingress_bpf__destroy(ingress);
}

/* --- the ways back ------------------------------------------------------------------------------
 */

static int attach_reinject(const struct seg_return *back, const char *inner)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(inner),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = 1,
		    .prog_fd = bpf_program__fd(back->inject->progs.seg_reinject));
	int r = bpf_tc_hook_create(&hook);

	return r ? r : bpf_tc_attach(&hook, &options);
}

static int load_inject(struct seg_return *back, uint32_t ifindex, uint32_t queues)
{
	struct inject_bpf *inject = inject_bpf__open();

	back->inject = inject;
	if (!inject)
		return -errno;
	inject->rodata->seg_ifindex = ifindex;
	inject->rodata->seg_mark = back->mark;
	bpf_map__set_max_entries(inject->maps.seg_live_frames, queues);
	return inject_bpf__load(inject);
}

int seg_return_open(struct seg_return *back, uint32_t ifindex, uint32_t queues, const char *outer,
		    const char *inner, struct seg_error *err)
{
	int r;

	*back = (struct seg_return){.live_link = -1};
	libbpf_set_print(keep_words);
	if (getrandom(&back->mark, sizeof(back->mark), 0) != sizeof(back->mark))
		return seg_error_set(err, EIO, "the kernel gave no random numbers");
	back->mark |= 1; /* 0 is what packets have that nobody marked */
	r = load_inject(back, ifindex, queues);
	if (r)
		return report_load("seg_reinject", -r, err);
	r = attach_reinject(back, inner);
	if (r)
		return seg_error_set(err, -r, "cannot attach a tc program to %s: %s", inner,
				     strerror(-r));
	back->live_link = link_xdp(bpf_program__fd(back->inject->progs.seg_live),
				   if_nametoindex(outer), SEG_MODE_NATIVE);
	if (back->live_link < 0)
		return seg_error_set(err, -back->live_link, "cannot attach a program to %s: %s",
				     outer, strerror(-back->live_link));
	return 0;
}

void seg_return_close(struct seg_return *back)
{
	seg_closep(&back->live_link);
	inject_bpf__destroy(back->inject);
	*back = (struct seg_return){.live_link = -1};
}

int seg_return_live_fd(const struct seg_return *back)
{
	return bpf_program__fd(back->inject->progs.seg_live);
}

int seg_return_frames_fd(const struct seg_return *back)
{
	return bpf_map__fd(back->inject->maps.seg_live_frames);
}
