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
#include "ingress.h"
#include "inject.skel.h"
#include "tc.h"

const char *const seg_mode_names[] = {
	[SEG_MODE_AUTO] = "auto",
	[SEG_MODE_NATIVE] = "native",
	[SEG_MODE_GENERIC] = "generic",
};

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

	return fd < 0 ? seg_load_error("seg_pass", errno, err) : fd;
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

static int report_hook(const struct seg_device *link, int errnum, struct seg_error *err)
{
	seg_error_set(err, errnum, "%s (driver %s) refuses an XDP program: %s", link->name,
		      *link->driver ? link->driver : "unknown", strerror(errnum));
	if (errnum == EBUSY || errnum == EEXIST)
		seg_error_mend(err, "detach the other one: ip link set dev %s xdp off", link->name);
	else if (errnum != EPERM)
		seg_error_mend(err, "attach with --mode generic");
	return -errnum;
}

int seg_hook_take(const struct seg_device *link, enum seg_mode *mode, char why[128],
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

#define MARK_OUT 2u /* what the two marks differ in */

/* --- the ways back --------------------------------------------------------------------------- */

static int attach_ingress(const struct bpf_program *program, const char *device)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(device),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = 1,
		    .prog_fd = bpf_program__fd(program));
	int r = bpf_tc_hook_create(&hook);

	return r ? r : bpf_tc_attach(&hook, &options);
}

static int report_tc(const char *device, int r, struct seg_error *err)
{
	return seg_error_set(err, -r, "cannot attach a tc program to %s: %s", device, strerror(-r));
}

/* Past generic XDP: what seg_reinject leaves goes round by act_mirred. */
static int attach_redirected(const struct seg_return *back, const char *outer, const char *inner,
			     struct seg_error *err)
{
	int r = attach_ingress(back->inject->progs.seg_redirected, outer);

	if (r)
		return report_tc(outer, r, err);
	r = seg_tc_redirect(if_nametoindex(inner), 2, if_nametoindex(outer));
	if (!r)
		return 0;
	seg_error_set(err, -r, "cannot redirect what comes to %s: %s", inner, strerror(-r));
	seg_error_mend(err, "generic mode needs the kernel module act_mirred: modprobe act_mirred");
	return r;
}

static int open_inject(struct seg_return *back, uint32_t ifindex, enum seg_mode mode)
{
	struct inject_bpf *inject;

	seg_load_listen();
	back->inject = inject = inject_bpf__open();
	if (!inject)
		return -ENOMEM;
	inject->rodata->seg_ifindex = ifindex;
	inject->rodata->seg_mark = back->mark;
	inject->rodata->seg_mark_out = back->mark_out;
	inject->rodata->seg_generic = mode == SEG_MODE_GENERIC;
	return 0;
}

static int load_inject(struct seg_return *back, uint32_t ifindex, enum seg_mode mode,
		       uint32_t queues)
{
	int r = open_inject(back, ifindex, mode);

	if (r)
		return r;
	bpf_map__set_max_entries(back->inject->maps.seg_live_frames, queues);
	return inject_bpf__load(back->inject);
}

int seg_return_adopt(struct seg_return *back, uint32_t ifindex, enum seg_mode mode, uint32_t mark,
		     int live_link, int frames, int asked, struct seg_error *err)
{
	int r;

	*back = (struct seg_return){
		.live_link = live_link,
		.mark = mark,
		.mark_out = mark ^ MARK_OUT,
	};
	r = open_inject(back, ifindex, mode);
	if (!r)
		r = bpf_map__reuse_fd(back->inject->maps.seg_live_frames, frames);
	if (!r)
		r = bpf_map__reuse_fd(back->inject->maps.seg_asked_xsk, asked);
	if (!r)
		r = inject_bpf__load(back->inject);
	return r ? seg_load_error("seg_reinject", -r, err) : 0;
}

int seg_return_open(struct seg_return *back, uint32_t ifindex, enum seg_mode mode, uint32_t queues,
		    const char *outer, const char *inner, struct seg_error *err)
{
	int r;

	*back = (struct seg_return){.live_link = -1};
	if (getrandom(&back->mark, sizeof(back->mark), 0) != sizeof(back->mark))
		return seg_error_set(err, EIO, "the kernel gave no random numbers");
	back->mark |= 1; /* 0 is what packets have that nobody marked */
	back->mark_out = back->mark ^ MARK_OUT;
	r = load_inject(back, ifindex, mode, queues);
	if (r)
		return seg_load_error("seg_reinject", -r, err);
	r = attach_ingress(back->inject->progs.seg_reinject, inner);
	if (r)
		return report_tc(inner, r, err);
	if (mode == SEG_MODE_GENERIC && (r = attach_redirected(back, outer, inner, err)))
		return r;
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

int seg_return_asked_fd(const struct seg_return *back)
{
	return bpf_map__fd(back->inject->maps.seg_asked_xsk);
}

int seg_return_attach_asked(const struct seg_return *back, const char *inner, struct seg_error *err)
{
	int fd = link_xdp(bpf_program__fd(back->inject->progs.seg_asked), if_nametoindex(inner),
			  SEG_MODE_NATIVE);

	return fd < 0 ? seg_error_set(err, -fd, "cannot attach a program to %s: %s", inner,
				      strerror(-fd))
		      : fd;
}

int seg_return_live_fd(const struct seg_return *back)
{
	return bpf_program__fd(back->inject->progs.seg_live);
}

int seg_return_frames_fd(const struct seg_return *back)
{
	return bpf_map__fd(back->inject->maps.seg_live_frames);
}
