/* SPDX-License-Identifier: BSD-2-Clause */
#include "tc.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "netlink.h"

/* Linux 6.6; the headers may be older. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47

#define SEG_DUMP_SIZE 32768 /* what the kernel fills at most */

#define HANDLE   1
#define PRIORITY 0xc0de /* behind the filters that others have */

__attribute__((weak)) bool seg_tc_without_tcx(void)
{
	return false;
}

void seg_tc_clear(struct seg_tc *tc)
{
	*tc = (struct seg_tc){.link = -1};
}

const char *seg_tc_way(const struct seg_tc *tc)
{
	return tc->link >= 0 ? "tcx" : "clsact";
}

/* --- tcx ----------------------------------------------------------------------------------- */

/* -EINVAL: the kernel knows none. */
static int attach_tcx(struct seg_tc *tc, int program, const char *pin)
{
	_cleanup_close_ int fd = -1;

	if (seg_tc_without_tcx())
		return -EINVAL;
	fd = bpf_link_create(program, (int)tc->ifindex,
			     tc->side == SEG_TC_OUT ? TCX_EGRESS : TCX_INGRESS, NULL);
	if (fd < 0)
		return fd;
	if (bpf_obj_pin(fd, pin))
		return -errno;
	snprintf(tc->pin, sizeof(tc->pin), "%s", pin);
	tc->link = TAKE_FD(fd);
	return 0;
}

/* --- clsact -------------------------------------------------------------------------------- */

static struct bpf_tc_hook hook_of(uint32_t ifindex, enum bpf_tc_attach_point point)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook), .ifindex = (int)ifindex, .attach_point = point};
}

static enum bpf_tc_attach_point point_of(enum seg_tc_side side)
{
	return side == SEG_TC_OUT ? BPF_TC_EGRESS : BPF_TC_INGRESS;
}

static int set_filter(const struct seg_tc *tc, int program, uint32_t flags)
{
	struct bpf_tc_hook hook = hook_of(tc->ifindex, point_of(tc->side));
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = HANDLE, .priority = PRIORITY,
		    .prog_fd = program, .flags = flags);

	return bpf_tc_attach(&hook, &options);
}

static int attach_clsact(struct seg_tc *tc, int program)
{
	struct bpf_tc_hook hook = hook_of(tc->ifindex, point_of(tc->side));
	int r = bpf_tc_hook_create(&hook);

	if (r && r != -EEXIST)
		return r;
	tc->made_qdisc = !r;
	return set_filter(tc, program, 0);
}

static int count_filter(const struct nlmsghdr *message, void *data)
{
	*(unsigned int *)data += message->nlmsg_type == RTM_NEWTFILTER;
	return MNL_CB_OK;
}

/* Filters on one side of the clsact qdisc, ours and others; not known counts as one. */
static unsigned int filters(uint32_t ifindex, uint32_t parent)
{
	_Alignas(8) char buffer[SEG_DUMP_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct tcmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	unsigned int n = 0;
	ssize_t size = -1;
	int r = MNL_CB_OK;

	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->tcm_family = AF_UNSPEC;
	message->tcm_ifindex = (int)ifindex;
	message->tcm_parent = TC_H_MAKE(TC_H_CLSACT, parent);
	if (!socket)
		return 1;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		r = MNL_CB_ERROR;
	while (r == MNL_CB_OK && (size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer))) > 0)
		r = mnl_cb_run(buffer, (size_t)size, 0, 0, count_filter, &n);
	mnl_socket_close(socket);
	return r == MNL_CB_STOP ? n : 1;
}

static void remove_qdisc(uint32_t ifindex)
{
	struct bpf_tc_hook hook = hook_of(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (!filters(ifindex, TC_H_MIN_INGRESS) && !filters(ifindex, TC_H_MIN_EGRESS))
		bpf_tc_hook_destroy(&hook);
}

static void remove_filter(uint32_t ifindex, enum seg_tc_side side)
{
	struct bpf_tc_hook hook = hook_of(ifindex, point_of(side));
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = HANDLE, .priority = PRIORITY);

	bpf_tc_detach(&hook, &options);
}

/* --- redirect --------------------------------------------------------------------------------- */

static void put_mirred(struct nlmsghdr *request, uint32_t to)
{
	const struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN, .eaction = TCA_INGRESS_REDIR, .ifindex = to};
	struct nlattr *actions = mnl_attr_nest_start(request, TCA_BPF_ACT);
	struct nlattr *first = mnl_attr_nest_start(request, 1), *options;

	mnl_attr_put_strz(request, TCA_ACT_KIND, "mirred");
	options = mnl_attr_nest_start(request, TCA_ACT_OPTIONS);
	mnl_attr_put(request, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	mnl_attr_nest_end(request, options);
	mnl_attr_nest_end(request, first);
	mnl_attr_nest_end(request, actions);
}

int seg_tc_redirect(uint32_t ifindex, uint16_t priority, uint32_t to)
{
	const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	_Alignas(8) char buffer[1024];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct tcmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	struct nlattr *options;

	request->nlmsg_type = RTM_NEWTFILTER;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	message->tcm_family = AF_UNSPEC;
	message->tcm_ifindex = (int)ifindex;
	message->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
	message->tcm_info = TC_H_MAKE((uint32_t)priority << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(request, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(request, TCA_OPTIONS);
	put_mirred(request, to);
	mnl_attr_put_u16(request, TCA_BPF_OPS_LEN, 1);
	mnl_attr_put(request, TCA_BPF_OPS, sizeof(all), &all);
	mnl_attr_nest_end(request, options);
	return seg_netlink_ask(NETLINK_ROUTE, request, NULL, NULL);
}

/* --- both ------------------------------------------------------------------------------------ */

int seg_tc_attach(struct seg_tc *tc, uint32_t ifindex, enum seg_tc_side side, int program,
		  const char *pin, struct seg_error *err)
{
	char name[IFNAMSIZ] = "?";
	int r;

	seg_tc_clear(tc);
	tc->ifindex = ifindex;
	tc->side = side;
	r = attach_tcx(tc, program, pin);
	if (r == -EINVAL || r == -EOPNOTSUPP)
		r = attach_clsact(tc, program);
	if (!r)
		return 0;
	seg_tc_detach(tc);
	if_indextoname(ifindex, name);
	seg_error_set(err, -r, "cannot attach a tc program to %s: %s", name, strerror(-r));
	if (r == -EEXIST)
		seg_error_mend(err, "another filter has priority %d: tc filter show dev %s %s",
			       PRIORITY, name, side == SEG_TC_OUT ? "egress" : "ingress");
	return r;
}

int seg_tc_adopt(struct seg_tc *tc, uint32_t ifindex, enum seg_tc_side side, const char *pin,
		 bool qdisc)
{
	int fd = bpf_obj_get(pin);

	if (fd < 0 && errno != ENOENT)
		return -errno;
	*tc = (struct seg_tc){.ifindex = ifindex, .side = side, .link = fd};
	tc->made_qdisc = fd < 0 && qdisc && side == SEG_TC_IN;
	if (fd >= 0)
		snprintf(tc->pin, sizeof(tc->pin), "%s", pin);
	return 0;
}

int seg_tc_replace(struct seg_tc *tc, int program)
{
	if (tc->link >= 0)
		return bpf_link_update(tc->link, program, NULL) ? -errno : 0;
	return set_filter(tc, program, BPF_TC_F_REPLACE);
}

void seg_tc_detach(struct seg_tc *tc)
{
	if (!tc->ifindex)
		return;
	if (tc->link >= 0) {
		unlink(tc->pin);
		seg_closep(&tc->link);
	} else {
		remove_filter(tc->ifindex, tc->side);
		if (tc->made_qdisc)
			remove_qdisc(tc->ifindex);
	}
	seg_tc_clear(tc);
}

void seg_tc_clean(uint32_t ifindex, bool qdisc)
{
	remove_filter(ifindex, SEG_TC_IN);
	remove_filter(ifindex, SEG_TC_OUT);
	if (qdisc)
		remove_qdisc(ifindex);
}
