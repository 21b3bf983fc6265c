/* SPDX-License-Identifier: BSD-2-Clause */
/* running.c - flows and addresses of a host from netlink's messages; who is logged in, from a /proc
 * made here. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"
#include "check.h"
#include "cleanup.h"
#include "flows.h"
#include "local.h"
#include "ssh.h"

static struct seg_address address(const char *text)
{
	struct seg_address out;

	check_eq(seg_address_parse(text, strlen(text), &out), 0);
	return out;
}

static bool is(const struct seg_address *a, const char *text)
{
	struct seg_address b = address(text);

	return !memcmp(a, &b, sizeof(b));
}

/* --- sockets ------------------------------------------------------------------------------ */

static struct seg_running_list flows;
static struct seg_ports served;

/* A message as sock_diag sends it. */
static struct nlmsghdr *socket_message(int family, uint8_t state, const char *local, uint16_t sport,
				       const char *remote, uint16_t dport)
{
	static _Alignas(8) char buffer[512];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_msg *socket = mnl_nlmsg_put_extra_header(message, sizeof(*socket));

	socket->idiag_family = (uint8_t)family;
	socket->idiag_state = state;
	socket->id.idiag_sport = htons(sport);
	socket->id.idiag_dport = htons(dport);
	check_eq(inet_pton(family, local, socket->id.idiag_src), 1);
	check_eq(inet_pton(family, remote, socket->id.idiag_dst), 1);
	return message;
}

static const struct seg_running *hear(uint8_t proto, struct nlmsghdr *message)
{
	struct seg_socket_dump dump = {&flows, &served, proto};
	uint32_t n = flows.n;

	check_eq(seg_flows_on_socket(message, &dump), MNL_CB_OK);
	return flows.n > n ? &flows.item[n] : NULL;
}

static void serve(struct nlmsghdr *message)
{
	struct seg_socket_dump dump = {&flows, &served, IPPROTO_TCP};

	check_eq(seg_flows_on_listener(message, &dump), MNL_CB_OK);
}

TEST(running, who_listens_did_not_begin)
{
	const struct seg_running *flow;

	serve(socket_message(AF_INET, TCP_LISTEN, "0.0.0.0", 22, "0.0.0.0", 0));
	flow = hear(IPPROTO_TCP,
		    socket_message(AF_INET, TCP_ESTABLISHED, "10.0.0.2", 22, "10.0.0.1", 5000));
	check(is(&flow->src, "10.0.0.1") && is(&flow->dst, "10.0.0.2"));
	check_eq(ntohs(flow->sport), 5000);
	check_eq(ntohs(flow->dport), 22);
	check_eq(flow->state, SEG_RUNNING_ESTABLISHED);
	check(flow->sure && flow->confirmed);
	flow = hear(IPPROTO_TCP,
		    socket_message(AF_INET, TCP_ESTABLISHED, "10.0.0.2", 23, "10.0.0.1", 22));
	check(is(&flow->src, "10.0.0.2") && is(&flow->dst, "10.0.0.1"));
	check(!flow->sure);
	flow = hear(IPPROTO_TCP,
		    socket_message(AF_INET, TCP_SYN_SENT, "10.0.0.2", 22, "10.0.0.1", 22));
	check(is(&flow->src, "10.0.0.2") && flow->sure && !flow->confirmed);
	flow = hear(IPPROTO_TCP,
		    socket_message(AF_INET, TCP_SYN_RECV, "10.0.0.2", 99, "10.0.0.1", 22));
	check(is(&flow->src, "10.0.0.1") && flow->sure);
}

TEST(running, states_of_tcp)
{
	static const struct {
		uint8_t kernel, state;
	} rows[] = {
		{TCP_SYN_SENT, SEG_RUNNING_OPENING},   {TCP_SYN_RECV, SEG_RUNNING_OPENING},
		{TCP_FIN_WAIT1, SEG_RUNNING_CLOSING},  {TCP_FIN_WAIT2, SEG_RUNNING_CLOSING},
		{TCP_CLOSE_WAIT, SEG_RUNNING_CLOSING}, {TCP_LAST_ACK, SEG_RUNNING_CLOSING},
		{TCP_CLOSING, SEG_RUNNING_CLOSING},    {TCP_ESTABLISHED, SEG_RUNNING_ESTABLISHED},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(rows); i++)
		check_eq(hear(IPPROTO_TCP,
			      socket_message(AF_INET6, rows[i].kernel, "fd00::2", 1, "fd00::1", 2))
				 ->state,
			 rows[i].state);
}

TEST(running, udp_that_is_connected)
{
	const struct seg_running *flow =
		hear(IPPROTO_UDP,
		     socket_message(AF_INET, TCP_ESTABLISHED, "10.0.0.2", 5, "10.0.0.1", 53));

	check_eq(flow->state, SEG_RUNNING_OPENING);
	check_eq(flow->proto, IPPROTO_UDP);
	check(is(&flow->src, "10.0.0.2") && !flow->sure && !flow->confirmed);
	check(!hear(IPPROTO_UDP, socket_message(AF_INET, TCP_CLOSE, "10.0.0.2", 5, "0.0.0.0", 0)));
}

TEST(running, ipv4_over_an_ipv6_socket)
{
	const struct seg_running *flow =
		hear(IPPROTO_TCP, socket_message(AF_INET6, TCP_ESTABLISHED, "::ffff:10.0.0.2", 22,
						 "::ffff:10.0.0.1", 5000));

	check_eq(flow->family, 4);
	check(is(&flow->src, "10.0.0.2"));
	flow = hear(IPPROTO_TCP,
		    socket_message(AF_INET6, TCP_ESTABLISHED, "fd00::2", 22, "fd00::1", 5000));
	check_eq(flow->family, 6);
	check(is(&flow->dst, "fd00::1"));
}

/* --- conntrack ---------------------------------------------------------------------------- */

struct tuple {
	const char *src, *dst;
	uint8_t proto;
	uint16_t sport, dport;
	uint8_t icmp_type;
};

static void put_ends(struct nlmsghdr *message, const struct tuple *tuple)
{
	struct nlattr *ip = mnl_attr_nest_start(message, CTA_TUPLE_IP);
	bool ip6 = strchr(tuple->src, ':');
	uint8_t bytes[16];

	check_eq(inet_pton(ip6 ? AF_INET6 : AF_INET, tuple->src, bytes), 1);
	mnl_attr_put(message, ip6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, ip6 ? 16 : 4, bytes);
	check_eq(inet_pton(ip6 ? AF_INET6 : AF_INET, tuple->dst, bytes), 1);
	mnl_attr_put(message, ip6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, ip6 ? 16 : 4, bytes);
	mnl_attr_nest_end(message, ip);
}

static void put_tuple(struct nlmsghdr *message, uint16_t type, const struct tuple *tuple)
{
	struct nlattr *whole = mnl_attr_nest_start(message, type), *proto;

	put_ends(message, tuple);
	proto = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(message, CTA_PROTO_NUM, tuple->proto);
	if (tuple->icmp_type) {
		bool six = tuple->proto == IPPROTO_ICMPV6;

		mnl_attr_put_u16(message, six ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID,
				 htons(tuple->sport));
		mnl_attr_put_u8(message, six ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE,
				tuple->icmp_type);
	} else {
		mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(tuple->sport));
		mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(tuple->dport));
	}
	mnl_attr_nest_end(message, proto);
	mnl_attr_nest_end(message, whole);
}

/* How many flows an entry gives; they are the last of `flows`. tcp 0: no TCP state in it. */
static uint32_t track(const struct tuple *orig, const struct tuple *reply, uint32_t status,
		      uint8_t tcp)
{
	static _Alignas(8) char buffer[1024];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	uint32_t n = flows.n;

	mnl_nlmsg_put_extra_header(message, sizeof(struct nfgenmsg));
	put_tuple(message, CTA_TUPLE_ORIG, orig);
	put_tuple(message, CTA_TUPLE_REPLY, reply);
	mnl_attr_put_u32(message, CTA_STATUS, htonl(status));
	if (tcp) {
		struct nlattr *info = mnl_attr_nest_start(message, CTA_PROTOINFO);
		struct nlattr *inner = mnl_attr_nest_start(message, CTA_PROTOINFO_TCP);

		mnl_attr_put_u8(message, CTA_PROTOINFO_TCP_STATE, tcp);
		mnl_attr_nest_end(message, inner);
		mnl_attr_nest_end(message, info);
	}
	check_eq(seg_flows_on_conntrack(message, &flows), MNL_CB_OK);
	return flows.n - n;
}

TEST(conntrack, tcp_by_its_state)
{
	static const struct tuple orig = {"10.0.0.1", "10.0.0.2", IPPROTO_TCP, 5000, 22, 0},
				  reply = {"10.0.0.2", "10.0.0.1", IPPROTO_TCP, 22, 5000, 0};

	check_eq(track(&orig, &reply, IPS_SEEN_REPLY, TCP_CONNTRACK_ESTABLISHED), 1);
	check_eq(flows.item[0].state, SEG_RUNNING_ESTABLISHED);
	check_eq(flows.item[0].source, SEG_RUNNING_CONNTRACK);
	check(is(&flows.item[0].src, "10.0.0.1") && flows.item[0].confirmed);
	check_eq(ntohs(flows.item[0].dport), 22);
	check_eq(track(&orig, &reply, 0, TCP_CONNTRACK_SYN_SENT), 1);
	check_eq(flows.item[1].state, SEG_RUNNING_OPENING);
	check(!flows.item[1].confirmed);
	check_eq(track(&orig, &reply, 0, TCP_CONNTRACK_LAST_ACK), 1);
	check_eq(flows.item[2].state, SEG_RUNNING_CLOSING);
	check_eq(track(&orig, &reply, 0, TCP_CONNTRACK_TIME_WAIT), 0);
	check_eq(track(&orig, &reply, 0, TCP_CONNTRACK_CLOSE), 0);
}

/* 10.0.0.9 behind this host speaks as 198.51.100.1. */
TEST(conntrack, translated_flows_are_two_on_the_wire)
{
	static const struct tuple orig = {"10.0.0.9", "192.0.2.1", IPPROTO_UDP, 5000, 53, 0},
				  reply = {"192.0.2.1", "198.51.100.1", IPPROTO_UDP, 53, 6000, 0};

	check_eq(track(&orig, &reply, IPS_SEEN_REPLY | IPS_ASSURED, 0), 2);
	check(is(&flows.item[0].src, "10.0.0.9") && is(&flows.item[0].dst, "192.0.2.1"));
	check(is(&flows.item[1].src, "198.51.100.1") && is(&flows.item[1].dst, "192.0.2.1"));
	check_eq(ntohs(flows.item[1].sport), 6000);
	check_eq(ntohs(flows.item[1].dport), 53);
	check_eq(flows.item[1].state, SEG_RUNNING_ESTABLISHED);
}

TEST(conntrack, echoes_have_an_identifier)
{
	static const struct tuple orig = {"fd00::1", "fd00::2", IPPROTO_ICMPV6, 77, 0, 128},
				  reply = {"fd00::2", "fd00::1", IPPROTO_ICMPV6, 77, 0, 129},
				  stamp = {"10.0.0.1", "10.0.0.2", IPPROTO_ICMP, 77, 0, 13},
				  stamped = {"10.0.0.2", "10.0.0.1", IPPROTO_ICMP, 77, 0, 14};

	check_eq(track(&orig, &reply, 0, 0), 1);
	check_eq(ntohs(flows.item[0].sport), 77);
	check_eq(ntohs(flows.item[0].dport), 78);
	check_eq(flows.item[0].family, 6);
	check_eq(track(&stamp, &stamped, 0, 0), 0);
}

TEST(conntrack, what_has_no_ports_has_none)
{
	static const struct tuple orig = {"10.0.0.1", "10.0.0.2", IPPROTO_GRE, 7, 8, 0},
				  reply = {"10.0.0.2", "10.0.0.1", IPPROTO_GRE, 8, 7, 0};

	check_eq(track(&orig, &reply, 0, 0), 1);
	check_eq(flows.item[0].sport, 0);
	check_eq(flows.item[0].dport, 0);
}

/* --- the better witness ------------------------------------------------------------------- */

static struct seg_running witness(const char *src, uint16_t sport, const char *dst, uint16_t dport,
				  enum seg_running_source source, bool sure)
{
	return (struct seg_running){
		.src = address(src),
		.dst = address(dst),
		.sport = htons(sport),
		.dport = htons(dport),
		.proto = IPPROTO_TCP,
		.source = (uint8_t)source,
		.sure = sure,
	};
}

static void add(struct seg_running flow)
{
	check_eq(SEG_PUSH(&flows, flow), 0);
}

TEST(running, each_flow_once_by_who_knows_best)
{
	add(witness("10.0.0.2", 22, "10.0.0.1", 5000, SEG_RUNNING_CONNTRACK, false));
	add(witness("10.0.0.1", 5000, "10.0.0.2", 22, SEG_RUNNING_SOCKET, true));
	add(witness("10.0.0.2", 7000, "10.0.0.1", 80, SEG_RUNNING_SOCKET, false));
	add(witness("10.0.0.1", 80, "10.0.0.2", 7000, SEG_RUNNING_CONNTRACK, false));
	add(witness("10.0.0.1", 80, "10.0.0.2", 7001, SEG_RUNNING_SOCKET, false));
	seg_running_settle(&flows);
	check_eq(flows.n, 3);
	for (uint32_t i = 0; i < flows.n; i++) {
		bool ssh = flows.item[i].sport == htons(5000);
		bool other = flows.item[i].dport == htons(7001);

		check_eq(flows.item[i].source,
			 ssh || other ? SEG_RUNNING_SOCKET : SEG_RUNNING_CONNTRACK);
		check(is(&flows.item[i].src, "10.0.0.1"));
	}
}

/* --- addresses ------------------------------------------------------------------------------ */

static struct seg_host_links host;
static struct seg_locals locals;

/* As rtnetlink has it; kind NULL: a plain device. */
static void add_link(uint32_t index, const char *kind, uint32_t on, uint32_t master, uint16_t vid)
{
	static _Alignas(8) char buffer[1024];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	struct nlattr *nest, *inner;

	info->ifi_index = (int)index;
	info->ifi_flags = index == 1 ? IFF_LOOPBACK : 0;
	if (on)
		mnl_attr_put_u32(message, IFLA_LINK, on);
	if (master)
		mnl_attr_put_u32(message, IFLA_MASTER, master);
	if (kind) {
		nest = mnl_attr_nest_start(message, IFLA_LINKINFO);
		mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
		inner = mnl_attr_nest_start(message, IFLA_INFO_DATA);
		if (vid)
			mnl_attr_put_u16(message, IFLA_VLAN_ID, vid);
		mnl_attr_nest_end(message, inner);
		mnl_attr_nest_end(message, nest);
	}
	check_eq(seg_locals_on_link(message, &host), MNL_CB_OK);
}

static void add_address(uint32_t index, const char *text)
{
	static _Alignas(8) char buffer[512];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	bool ip6 = strchr(text, ':');
	uint8_t bytes[16];

	info->ifa_family = ip6 ? AF_INET6 : AF_INET;
	info->ifa_index = index;
	check_eq(inet_pton(info->ifa_family, text, bytes), 1);
	mnl_attr_put(message, IFA_ADDRESS, ip6 ? 16 : 4, bytes);
	check_eq(seg_locals_on_address(message, &host), MNL_CB_OK);
}

/* The stacks of tags that lead to an address, as "0", "100", "100.200", "-": elsewhere. */
static const char *ways_to(const char *text)
{
	struct seg_address wanted = address(text);
	static char said[256];
	uint32_t n;
	const struct seg_local *ways = seg_locals_find(&locals, &wanted, &n);

	said[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		char *end = said + strlen(said);

		if (!ways[i].here)
			strcpy(end, "-");
		else if (ways[i].vlan[1])
			sprintf(end, " %d.%d", ways[i].vlan[0] & 0xfff, ways[i].vlan[1] & 0xfff);
		else
			sprintf(end, " %d", ways[i].vlan[0] & 0xfff);
	}
	return said;
}

/* eth0 is a port of br0; VLAN 100 lies on it, 200 on br0, 300 in 100; v0 is a veth whose peer it
 * is.
 */
static void make_host(uint32_t ifindex)
{
	add_link(1, NULL, 0, 0, 0);
	add_link(2, NULL, 0, 3, 0);
	add_link(3, "bridge", 0, 0, 0);
	add_link(4, "vlan", 2, 0, 100);
	add_link(5, "vlan", 3, 0, 200);
	add_link(6, "vlan", 4, 0, 300);
	add_link(7, "veth", 2, 0, 0);
	add_link(8, "vlan", 6, 0, 400);
	add_link(9, "macvlan", 2, 0, 0);
	add_address(1, "127.0.0.1");
	add_address(1, "::1");
	add_address(1, "192.0.2.1");
	for (uint32_t i = 2; i < 10; i++) {
		char text[32];

		sprintf(text, "10.0.0.%u", i);
		add_address(i, text);
	}
	add_address(4, "fd00::4");
	check_eq(seg_locals_make(&host, ifindex, &locals), 0);
}

TEST(local, what_an_interface_carries)
{
	make_host(2);
	check_str_eq(ways_to("10.0.0.2"), "- 0");
	check_str_eq(ways_to("10.0.0.3"), "- 0");
	check_str_eq(ways_to("10.0.0.4"), "- 100");
	check_str_eq(ways_to("fd00::4"), "- 100");
	check_str_eq(ways_to("10.0.0.5"), "- 200");
	check_str_eq(ways_to("10.0.0.6"), "- 100.300");
	check_str_eq(ways_to("10.0.0.9"), "- 0");
}

TEST(local, what_it_does_not)
{
	make_host(2);
	check_str_eq(ways_to("10.0.0.7"), "-");
	check_str_eq(ways_to("10.0.0.8"), "-");
	check_str_eq(ways_to("127.0.0.1"), "-");
	check_str_eq(ways_to("::1"), "-");
	check_str_eq(ways_to("10.0.0.77"), "");
	check(seg_locals_by(&locals, 2) && seg_locals_by(&locals, 3) && seg_locals_by(&locals, 6));
	check(!seg_locals_by(&locals, 1) && !seg_locals_by(&locals, 7));
}

TEST(local, lo_is_reached_by_every_way)
{
	make_host(4);
	check_str_eq(ways_to("10.0.0.4"), "- 0");
	check_str_eq(ways_to("10.0.0.6"), "- 300");
	check_str_eq(ways_to("10.0.0.2"), "-");
	check_str_eq(ways_to("192.0.2.1"), "- 0 300 300.400");
}

/* --- who is logged in --------------------------------------------------------------------- */

static char proc[64];

static void put(const char *name, const char *text, size_t len)
{
	char path[256];
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	for (char *slash = path + strlen(proc) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	file = fopen(path, "w");
	check(file);
	check_eq(fwrite(text, 1, len, file), len);
}

static void process(int pid, const char *name, int parent, const char *words, size_t len)
{
	char path[64], text[128];

	if (!*proc) {
		strcpy(proc, "/tmp/seg-proc-XXXXXX");
		check(mkdtemp(proc));
	}
	snprintf(path, sizeof(path), "%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) S %d 1 1 0 -1 4194560\n", pid, name, parent);
	put(path, text, strlen(text));
	snprintf(path, sizeof(path), "%d/environ", pid);
	put(path, words, len);
}

static void tidy_proc(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", proc);
	check_eq(system(command), 0);
}

#define ENVIRON(text) (text), sizeof(text)

static const char CONNECTION[] = "192.0.2.7 5000 198.51.100.1 22";

TEST(ssh, as_sshd_writes_it)
{
	struct seg_ssh ssh;

	check_eq(seg_ssh_parse(CONNECTION, &ssh), 0);
	check(is(&ssh.client, "192.0.2.7") && is(&ssh.server, "198.51.100.1"));
	check_eq(ssh.client_port, 5000);
	check_eq(ssh.server_port, 22);
	check_eq(seg_ssh_parse("fe80::1%eth0 5000 fe80::2%eth0 22", &ssh), 0);
	check(is(&ssh.client, "fe80::1") && is(&ssh.server, "fe80::2"));
	check_eq(seg_ssh_parse("", &ssh), -EINVAL);
	check_eq(seg_ssh_parse("UNKNOWN 65535 UNKNOWN 65535", &ssh), -EINVAL);
	check_eq(seg_ssh_parse("192.0.2.7 5000 198.51.100.1", &ssh), -EINVAL);
	check_eq(seg_ssh_parse("192.0.2.7 70000 198.51.100.1 22", &ssh), -EINVAL);
}

/* sudo gave xdpseg an environment of its own; the shell above it has its own still. */
TEST(ssh, a_parents_environment)
{
	struct seg_ssh ssh;

	process(40, "xdpseg", 30, ENVIRON("PATH=/bin"));
	process(30, "sudo) S 1 (", 20, ENVIRON("PATH=/bin"));
	process(20, "bash", 1,
		ENVIRON("HOME=/root\0SSH_CONNECTION=192.0.2.7 5000 198.51.100.1 22\0LANG=C"));
	process(1, "init", 0, ENVIRON(""));
	check_eq(seg_ssh_find(proc, 40, NULL, &ssh), 0);
	check(is(&ssh.client, "192.0.2.7"));
	check_eq(seg_ssh_find(proc, 40, "203.0.113.1 1 203.0.113.2 2", &ssh), 0);
	check(is(&ssh.client, "203.0.113.1"));
	check_eq(seg_ssh_find(proc, 1, NULL, &ssh), -ENOENT);
	check_eq(seg_ssh_find(proc, 99, NULL, &ssh), -ENOENT);
	tidy_proc();
}

/* The address is written as words of this machine's order. */
static void put_socket(const char *table, const char *local, const char *remote, int state)
{
	uint32_t words[2][4];
	char text[512], ends[2][64];
	const char *both[] = {local, remote};
	bool ip6 = strchr(local, ':');

	for (int i = 0; i < 2; i++) {
		char *at = ends[i];

		check_eq(inet_pton(ip6 ? AF_INET6 : AF_INET, both[i], words[i]), 1);
		for (int j = 0; j < (ip6 ? 4 : 1); j++)
			at += sprintf(at, "%08X", words[i][j]);
		sprintf(at, ":%04X", i ? 5000 : 22);
	}
	snprintf(text, sizeof(text),
		 "  sl  local_address rem_address   st\n   0: %s %s %02X 00000000:00000000 "
		 "00:00000000 00000000     0        0 4711 1 0\n",
		 ends[0], ends[1], state);
	put(table, text, strlen(text));
}

TEST(ssh, an_sshd_that_holds_the_connection)
{
	struct seg_ssh ssh;
	char fd[128];

	process(40, "xdpseg", 30, ENVIRON(""));
	process(30, "sshd-session", 1, ENVIRON(""));
	process(1, "init", 0, ENVIRON(""));
	check_eq(seg_ssh_find(proc, 40, NULL, &ssh), -ENOENT);
	put("30/fd/3", "", 0);
	snprintf(fd, sizeof(fd), "%s/30/fd/4", proc);
	check_eq(symlink("socket:[4711]", fd), 0);
	put_socket("30/net/tcp", "198.51.100.1", "192.0.2.7", TCP_LISTEN);
	check_eq(seg_ssh_find(proc, 40, NULL, &ssh), -ENOENT);
	put_socket("30/net/tcp", "198.51.100.1", "192.0.2.7", TCP_ESTABLISHED);
	check_eq(seg_ssh_find(proc, 40, NULL, &ssh), 0);
	check(is(&ssh.client, "192.0.2.7") && is(&ssh.server, "198.51.100.1"));
	check_eq(ssh.client_port, 5000);
	check_eq(ssh.server_port, 22);
	put("30/net/tcp", "", 0);
	put_socket("30/net/tcp6", "fd00::2", "fd00::1", TCP_ESTABLISHED);
	check_eq(seg_ssh_find(proc, 40, NULL, &ssh), 0);
	check(is(&ssh.client, "fd00::1") && is(&ssh.server, "fd00::2"));
	tidy_proc();
}
