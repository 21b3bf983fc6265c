/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * p3.c - what filtering on ingress adds to a host's own receive path.
 *
 * Each contestant has a pair of namespaces, a veth between them, and a UDP socket
 * at the far end. BPF_PROG_RUN sends live frames out of the near end; the far
 * end's softirq runs on the same CPU, so nothing is lost and the time a frame
 * takes is the whole cost of a packet, from the sender to the socket. What is
 * compared is that whole, with the program that only passes as the measure.
 *
 * Two ends of the path:
 *   drop  a socket filter refuses each packet at the socket: the path is the
 *         kernel's alone, so what a filter adds weighs most. The target is here.
 *   read  a thread on the same CPU receives in bursts: what an application sees.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf.h"
#include "cleanup.h"
#include "flows.h"
#include "frame.h"
#include "hold.h"
#include "lab.h"
#include "p3_send.h"
#include "report.h"
#include "run.h"
#include "seeded.h"

#include "p3_send.skel.h"

#define ROUNDS_MAX 1000
#define BATCH      64
#define SLOWER     16

enum end { END_DROP, END_READ };

static const char *const end_names[] = {"drop", "read"};

struct contestant {
	const char *name;
	void (*arm)(struct contestant *c, __u32 flows); /* in the receiver's namespace */
	double target;                                  /* over PASS */
	bool silent;                                    /* nothing reaches the socket */
	bool slow; /* sends fewer packets: a call would take seconds */
	bool present;
	struct bench_lab lab;
	struct bench_seeded seeded;
	int socket;
	pthread_t reader;
	_Atomic __u64 received; /* written by the reader */
	double ns[ROUNDS_MAX];
};

struct settings {
	unsigned int rounds;
	__u32 repeat;
	__u32 flows;
	const char *only; /* of the contestants beside PASS */
	enum end end;
	const char *json;
};

static struct p3_send_bpf *sender;

/* --- contestants ------------------------------------------------------------- */

static void attach(const struct contestant *c, int program)
{
	if (bpf_xdp_attach(c->lab.to, program, XDP_FLAGS_DRV_MODE, NULL))
		bench_die("attaching %s", c->name);
}

static void arm_nothing(struct contestant *c, __u32 flows)
{
	(void)flows;
	(void)c;
}

static void arm_drop(struct contestant *c, __u32 flows)
{
	(void)flows;
	attach(c, bpf_program__fd(sender->progs.drop));
}

static void arm_pass(struct contestant *c, __u32 flows)
{
	(void)flows;
	attach(c, bpf_program__fd(sender->progs.pass));
}

static void arm_seeded(struct contestant *c, __u32 flows, enum bench_over over)
{
	const struct bench_load load = {.over = over, .family = 4, .sessions = flows};

	bench_seeded_load(&c->seeded, &load);
	bench_seed(&c->seeded, IPPROTO_UDP, flows);
	attach(c, c->seeded.program);
}

static void arm_ours(struct contestant *c, __u32 flows)
{
	arm_seeded(c, flows, BENCH_OVER_TABLE);
}

static void arm_hash(struct contestant *c, __u32 flows)
{
	arm_seeded(c, flows, BENCH_OVER_HASH);
}

static void arm_filter(struct contestant *c, __u32 flows)
{
	(void)flows;
	struct bpf_object *object = bench_open_file(BENCH_XDP_FILTER);

	c->present = object;
	if (!object)
		return;
	bench_load(object);
	attach(c, bpf_program__fd(bpf_object__next_program(object, NULL)));
}

/* Behind the program that passes, as every other contestant's packets run through one. */
static void arm_rules(struct contestant *c, const char *command, const char *rules)
{
	arm_pass(c, 0);
	c->present = !bench_shell(c->lab.receiver, command, rules);
}

static void arm_conntrack(struct contestant *c, __u32 flows)
{
	(void)flows;
	arm_rules(c, "nft -f -",
		  "table inet bench {\n"
		  " chain input {\n"
		  "  type filter hook input priority 0; policy drop;\n"
		  "  ct state established,related accept\n"
		  "  udp dport 7777 ct state new accept\n"
		  " }\n"
		  "}\n");
}

/* `rules` - 1 that do not match, and one that does. */
static void arm_iptables(struct contestant *c, unsigned int rules)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		bench_die("iptables rules");
	fprintf(file, "*filter\n:INPUT DROP [0:0]\n");
	for (unsigned int i = 1; i < rules; i++)
		fprintf(file, "-A INPUT -p udp --dport %u -j DROP\n", 10000 + i);
	fprintf(file, "-A INPUT -p udp --dport 7777 -j ACCEPT\nCOMMIT\n");
	fclose(file);
	arm_rules(c, "iptables-legacy-restore", text);
	free(text);
}

static void arm_iptables_1(struct contestant *c, __u32 flows)
{
	(void)flows;
	arm_iptables(c, 1);
}

static void arm_iptables_1000(struct contestant *c, __u32 flows)
{
	(void)flows;
	arm_iptables(c, 1000);
}

enum { PASS, OURS, CONTESTANTS = 9 };

static struct contestant contestants[CONTESTANTS] = {
	[PASS] = {.name = "pass", .arm = arm_pass},
	[OURS] = {.name = "ours", .arm = arm_ours, .target = 1.13},
	{.name = "hash", .arm = arm_hash},
	{.name = "xdp-filter", .arm = arm_filter},
	{.name = "nft-ct", .arm = arm_conntrack},
	{.name = "ipt-1", .arm = arm_iptables_1},
	{.name = "ipt-1000", .arm = arm_iptables_1000, .slow = true},
	{.name = "no-xdp", .arm = arm_nothing},
	{.name = "xdp-drop", .arm = arm_drop, .silent = true},
};

/* --- the socket -------------------------------------------------------------- */

static int open_socket(void)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(BENCH_PORT),
		.sin_addr.s_addr = htonl(BENCH_SERVICE),
	};
	const int buffer = 64 << 20;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const void *)&to, sizeof(to)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)))
		bench_die("the receiver's socket");
	return fd;
}

static void refuse_all(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {1, &none};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
		bench_die("socket filter");
}

static void *read_all(void *argument)
{
	static char waste[64];
	struct contestant *c = argument;
	struct iovec to = {waste, sizeof(waste)};
	struct mmsghdr messages[BATCH] = {};
	int count;

	for (size_t i = 0; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &to, .msg_iovlen = 1};
	while ((count = recvmmsg(c->socket, messages, BATCH, MSG_WAITFORONE, NULL)) > 0)
		atomic_fetch_add(&c->received, (__u64)count);
	return NULL;
}

/* Before the sender's turn comes again: the reader has the higher priority on their CPU. */
static void start_reader(struct contestant *c)
{
	const struct sched_param above = {.sched_priority = BENCH_PRIORITY + 1};

	if (pthread_create(&c->reader, NULL, read_all, c) ||
	    pthread_setschedparam(c->reader, SCHED_FIFO, &above))
		bench_die("the reader");
}

/* Packets that came as far as the socket. */
static __u64 arrived(const struct contestant *c, enum end end)
{
	__u32 info[16] = {};
	socklen_t size = sizeof(info);

	if (end == END_READ)
		return atomic_load(&c->received);
	if (getsockopt(c->socket, SOL_SOCKET, SO_MEMINFO, info, &size))
		bench_die("the socket's counters");
	return info[8]; /* SK_MEMINFO_DROPS */
}

/* --- sending ----------------------------------------------------------------- */

static void load_sender(__u32 flows)
{
	union {
		char bytes[BENCH_FRAME_V6];
		struct bench_template template;
		struct bench_frame_v4 frame;
	} frame;

	sender = p3_send_bpf__open();
	if (!sender)
		bench_die("opening the sender");
	bench_frame(frame.bytes, 4, IPPROTO_UDP);
	memcpy(frame.frame.eth.h_dest, "\2\0\0\0\0\1", ETH_ALEN);
	memcpy(frame.frame.eth.h_source, "\2\0\0\0\0\0", ETH_ALEN);
	memcpy((void *)&sender->rodata->template, &frame.template, sizeof(frame.template));
	sender->rodata->flows = flows;
	sender->rodata->ip_rest = bench_ip_rest(frame.bytes);
	if (p3_send_bpf__load(sender))
		bench_die("loading the sender");
}

/* ns a packet. Checks that each one arrived. */
static double send_to(struct contestant *c, const struct settings *settings)
{
	char frame[BENCH_FRAME] = {};
	struct xdp_md context = {.data_end = sizeof(frame), .ingress_ifindex = (__u32)c->lab.from};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame),
		    .ctx_in = &context, .ctx_size_in = sizeof(context),
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	struct bench_run *at = &sender->data->run;
	__u64 before = arrived(c, settings->end);
	__u32 sent = c->slow ? settings->repeat / SLOWER : settings->repeat;

	run.repeat = (int)sent;
	bench_enter(c->lab.sender);
	bench_run_begin(at, sent);
	if (bpf_prog_test_run_opts(bpf_program__fd(sender->progs.send), &run))
		bench_die("sending to %s", c->name);
	if (!c->silent && (__u32)(arrived(c, settings->end) - before) != sent)
		fprintf(stderr, "bench: %s: %u of %u packets arrived\n", c->name,
			(__u32)(arrived(c, settings->end) - before), sent);
	return bench_run_ns(at);
}

/* --- figures ----------------------------------------------------------------- */

static void prepare(struct contestant *c, const struct settings *settings)
{
	c->present = true;
	bench_lab_make(&c->lab, c->name);
	c->arm(c, settings->flows);
	c->socket = open_socket();
	if (settings->end == END_DROP)
		refuse_all(c->socket);
	else
		start_reader(c);
	bench_enter(c->lab.sender);
	if (bpf_xdp_attach(c->lab.from, bpf_program__fd(sender->progs.send), XDP_FLAGS_DRV_MODE,
			   NULL))
		bench_die("attaching the sender");
}

/* Round 0 warms up and is not kept. */
static void run_rounds(const struct settings *settings)
{
	for (unsigned int round = 0; round <= settings->rounds; round++)
		for (unsigned int i = 0; i < CONTESTANTS; i++) {
			struct contestant *c = &contestants[bench_turn(round, i, CONTESTANTS)];

			if (c->present)
				c->ns[round ? round - 1 : 0] = send_to(c, settings);
		}
}

static void report_all(struct bench_report *report, const struct settings *settings)
{
	const struct contestant *pass = &contestants[PASS];

	for (size_t i = 0; i < CONTESTANTS; i++) {
		const struct contestant *c = &contestants[i];
		char what[64];

		snprintf(what, sizeof(what), "%s, end %s", c->name, end_names[settings->end]);
		if (c->present && c != pass)
			bench_compare(report, what, "pass", c->ns, pass->ns, settings->rounds,
				      settings->end == END_DROP ? c->target : BENCH_NO_TARGET);
	}
}

static void usage(void)
{
	printf("bench-p3 [--quick] [--rounds N] [--repeat N] [--flows N] [--only NAME]\n"
	       "         [--end drop|read] [--json FILE]\n"
	       "  --quick   fewer rounds\n"
	       "  --rounds  pairs of a ratio (30; 6 to %d)\n"
	       "  --repeat  packets of a call (2^18)\n"
	       "  --flows   known flows, a random one each packet (10000)\n"
	       "  --only    one contestant beside the program that passes\n"
	       "  --end     where the path ends: at a socket filter, or in a reading thread\n"
	       "  --json    write the figures to FILE as well\n",
	       ROUNDS_MAX);
	exit(0);
}

static void parse(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
						{"rounds", required_argument, NULL, 'r'},
						{"repeat", required_argument, NULL, 'n'},
						{"flows", required_argument, NULL, 'f'},
						{"only", required_argument, NULL, 'o'},
						{"end", required_argument, NULL, 'e'},
						{"json", required_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'q')
			settings->rounds = 12;
		else if (option == 'r')
			settings->rounds = (unsigned int)strtoul(optarg, NULL, 0);
		else if (option == 'n')
			settings->repeat = (__u32)strtoul(optarg, NULL, 0);
		else if (option == 'f')
			settings->flows = (__u32)strtoul(optarg, NULL, 0);
		else if (option == 'o')
			settings->only = optarg;
		else if (option == 'e')
			settings->end = strcmp(optarg, "read") ? END_DROP : END_READ;
		else if (option == 'j')
			settings->json = optarg;
		else
			usage();
	}
	if (settings->rounds < 6 || settings->rounds > ROUNDS_MAX || settings->repeat < 1024)
		usage();
}

int main(int argc, char **argv)
{
	struct settings settings = {.rounds = 30, .repeat = 1 << 18, .flows = 10000};
	struct bench_report *report;

	parse(argc, argv, &settings);
	bench_hold_cpu();
	report = bench_report_begin("P3", settings.rounds);
	load_sender(settings.flows);
	for (size_t i = 0; i < CONTESTANTS; i++)
		if (i == PASS || !settings.only || !strcmp(settings.only, contestants[i].name))
			prepare(&contestants[i], &settings);
	run_rounds(&settings);
	report_all(report, &settings);
	bench_report_end(report, settings.json);
	return 0;
}
