/* SPDX-License-Identifier: BSD-2-Clause */
#include "hooks.h"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "netlink.h"

/* Linux 6.6; the headers may be older. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47

#define TCX_MAX 64

/* Needs CAP_SYS_ADMIN. */
static void ask_name(struct seg_hook_program *program)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program->id);
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size))
		snprintf(program->name, sizeof(program->name), "%s", info.name);
}

static int add(struct seg_hooks *hooks, enum seg_hook_place place, uint32_t id, const char *name)
{
	struct seg_hook_program program = {.place = place, .id = id};

	snprintf(program.name, sizeof(program.name), "%s", name);
	if (!*name)
		ask_name(&program);
	return SEG_PUSH(&hooks->programs, program);
}

/* --- tcx ---------------------------------------------------------------------------------- */

static int add_tcx(struct seg_hooks *hooks, uint32_t ifindex, int type, enum seg_hook_place place)
{
	uint32_t ids[TCX_MAX], n = TCX_MAX;
	int r = 0;

	if (bpf_prog_query((int)ifindex, (enum bpf_attach_type)type, 0, NULL, ids, &n))
		return 0;
	for (uint32_t i = 0; i < n && !r; i++)
		r = add(hooks, place, ids[i], "");
	return r;
}

/* --- clsact --------------------------------------------------------------------------------- */

struct filter {
	char kind[16], name[64];
	uint32_t id;
};

static int on_bpf(const struct nlattr *attr, void *data)
{
	struct filter *filter = data;

	if (mnl_attr_get_type(attr) == TCA_BPF_NAME)
		snprintf(filter->name, sizeof(filter->name), "%s", mnl_attr_get_str(attr));
	if (mnl_attr_get_type(attr) == TCA_BPF_ID)
		filter->id = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int on_filter_attr(const struct nlattr *attr, void *data)
{
	struct filter *filter = data;

	if (mnl_attr_get_type(attr) == TCA_KIND)
		snprintf(filter->kind, sizeof(filter->kind), "%s", mnl_attr_get_str(attr));
	if (mnl_attr_get_type(attr) == TCA_OPTIONS && !strcmp(filter->kind, "bpf"))
		return mnl_attr_parse_nested(attr, on_bpf, filter);
	return MNL_CB_OK;
}

struct dump {
	struct seg_hooks *hooks;
	enum seg_hook_place place;
};

/* Every filter comes twice: its priority alone, then with its program. */
static int on_filter(const struct nlmsghdr *message, void *data)
{
	struct dump *dump = data;
	struct filter filter = {0};

	mnl_attr_parse(message, sizeof(struct tcmsg), on_filter_attr, &filter);
	if (strcmp(filter.kind, "bpf") != 0 || !filter.id)
		return MNL_CB_OK;
	return add(dump->hooks, dump->place, filter.id, filter.name) ? MNL_CB_ERROR : MNL_CB_OK;
}

/* Where there is no clsact the kernel refuses the question. */
static void add_clsact(struct seg_hooks *hooks, uint32_t ifindex, uint32_t parent,
		       enum seg_hook_place place)
{
	char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct tcmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	struct dump dump = {hooks, place};

	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_DUMP;
	message->tcm_family = AF_UNSPEC;
	message->tcm_ifindex = (int)ifindex;
	message->tcm_parent = TC_H_MAKE(TC_H_CLSACT, parent);
	seg_netlink_ask(NETLINK_ROUTE, request, on_filter, &dump);
}

int seg_hooks_get(const struct seg_device *device, struct seg_hooks *out)
{
	uint32_t ifindex = device->ifindex;
	int r = 0;

	*out = (struct seg_hooks){0};
	if (device->xdp_prog)
		r = add(out, SEG_HOOK_XDP, device->xdp_prog, "");
	if (!r)
		r = add_tcx(out, ifindex, TCX_INGRESS, SEG_HOOK_TC_IN);
	if (!r)
		r = add_tcx(out, ifindex, TCX_EGRESS, SEG_HOOK_TC_OUT);
	add_clsact(out, ifindex, TC_H_MIN_INGRESS, SEG_HOOK_TC_IN);
	add_clsact(out, ifindex, TC_H_MIN_EGRESS, SEG_HOOK_TC_OUT);
	return r;
}

void seg_hooks_free(struct seg_hooks *hooks)
{
	free(hooks->programs.item);
	*hooks = (struct seg_hooks){0};
}
