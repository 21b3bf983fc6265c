/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker_run.c - the real xdpseg-worker on real sockets: confined, killed again and
 * again under traffic, and nothing is lost, doubled or out of order.
 *
 * XDP sends all up without metadata and without sessions, so that each packet is
 * decided by the policy alone.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "handover.h"
#include "inject.skel.h"
#include "journal.h"
#include "life.h"
#include "policy.h"
#include "veth_lab.h"

#define FRAMES     2048
#define RING       1024
#define MARK       0x5e61
#define BUCKETS    64
#define RULES      16
#define MANY_RULES 20000 /* of a large policy */
#define PACKETS    60000

static const char TEXT[] = "version: 1\n"
			   "defaults: {ingress: deny, egress: allow}\n"
			   "rules:\n"
			   "  - {id: dns, service: udp/53, action: allow}\n";

static int fds[SEG_FD_MAX];
static int keeper; /* our end of the doorbell */
static int stack, wire;
static struct seg_queue *queue;
static struct seg_ring mapped[SEG_RING_KINDS];
static bool early; /* before Linux 6.4 nobody can map them once they are bound */

/* --- what the keeper would do --------------------------------------------------------- */

static int memory(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_ALLOW_SEALING | MFD_CLOEXEC);

	check(fd >= 0);
	check_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static int array(const char *name, uint32_t size, uint32_t entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, size, entries, &opts);

	check(fd >= 0);
	return fd;
}

static void set_mark(int fd)
{
	const uint32_t mark = MARK;

	check_eq(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
}

static void map_rings(int fd, enum seg_ring_kind a, enum seg_ring_kind b)
{
	check_eq(seg_ring_map(&mapped[a], fd, a, RING), 0);
	check_eq(seg_ring_map(&mapped[b], fd, b, RING), 0);
}

static bool can_map(int fd)
{
	struct seg_ring ring = {0};
	int r = seg_ring_map(&ring, fd, SEG_RING_FILL, RING);

	seg_ring_unmap(&ring);
	return r != -EBUSY;
}

/* Two sockets on one UMEM: `rx` registers it, `tx` shares it with rings of its own. */
static int xsk(const char *device, int shared)
{
	const int rings[] = {XDP_RX_RING, XDP_TX_RING, XDP_UMEM_FILL_RING,
			     XDP_UMEM_COMPLETION_RING};
	const size_t size = (size_t)FRAMES * 4096;
	const int entries = RING;
	struct xdp_umem_reg umem = {.len = size, .chunk_size = 4096};
	struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
				       .sxdp_ifindex = lab_ifindex(device),
				       .sxdp_flags = shared >= 0 ? XDP_SHARED_UMEM : XDP_COPY,
				       .sxdp_shared_umem_fd = shared >= 0 ? (uint32_t)shared : 0};
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	check(fd >= 0);
	if (shared < 0) {
		umem.addr = (uintptr_t)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
					    fds[SEG_FD_UMEM], 0);
		check_eq(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)), 0);
	}
	for (size_t i = 0; i < SEG_ARRAY_SIZE(rings); i++)
		check_eq(setsockopt(fd, SOL_XDP, rings[i], &entries, sizeof(entries)), 0);
	map_rings(fd, shared < 0 ? SEG_RING_RX : SEG_RING_TX,
		  shared < 0 ? SEG_RING_FILL : SEG_RING_COMPLETION);
	check_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	early = !can_map(fd);
	return fd;
}

/* r0 = bpf_redirect_map(xsks, ctx->rx_queue_index, XDP_DROP) */
static int send_all_up(int xsks)
{
	const struct bpf_insn program[] = {
		{.code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = 2, .src_reg = 1, .off = 16},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = 1,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = xsks},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_DROP},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "all_up", "GPL", program, SEG_ARRAY_SIZE(program),
			       NULL);

	check(fd >= 0);
	return fd;
}

static struct seg_handover handover(void)
{
	return (struct seg_handover){
		.version = SEG_HANDOVER_VERSION,
		.size = sizeof(struct seg_handover),
		.name = "inside",
		.ifindex = lab_ifindex("inside"),
		.queues = 1,
		.rules = RULES,
		.flags = SEG_HANDOVER_LIVE,
		.frames = FRAMES,
		.frame_size = 4096,
		.rx_ring = RING,
		.fill_ring = RING,
		.tx_ring = RING,
		.completion_ring = RING,
		.limit = {100, 100, 100, 0},
		.generation = 1,
		.constants = {.buckets = BUCKETS, .half_open_max = 100, .established_max = 100},
	};
}

static int seal_handover(const struct seg_handover *h)
{
	int fd = memory("handover", sizeof(*h));

	check_eq(write(fd, h, sizeof(*h)), sizeof(*h));
	check_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	return fd;
}

static int seal_policy(const char *text)
{
	const struct seg_policy_file policy = {"test", text, strlen(text)};
	struct seg_image *image;
	int fd;

	check_eq(seg_policy_compile(&policy, NULL, &image, NULL), 0);
	fd = seg_image_seal(image, NULL);
	check(fd >= 0);
	return fd;
}

static void begin(void)
{
	const struct seg_config armed = {.generation = 1, .armed = 1};
	const uint32_t zero = 0;
	struct seg_handover h;
	struct inject_bpf *bpf;
	int doorbell[2], xsks;

	lab_enter();
	bpf = inject_bpf__open();
	bpf->rodata->seg_ifindex = lab_ifindex("inside");
	bpf->rodata->seg_mark = MARK;
	check_eq(inject_bpf__load(bpf), 0);
	lab_attach_tc("inner", bpf_program__fd(bpf->progs.seg_reinject));
	lab_attach_xdp("outer", bpf_program__fd(bpf->progs.seg_live));
	h = handover();
	check_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, doorbell), 0);
	keeper = doorbell[0];
	fds[SEG_FD_HANDOVER] = seal_handover(&h);
	fds[SEG_FD_DOORBELL] = doorbell[1];
	fds[SEG_FD_UMEM] = memory("umem", (size_t)FRAMES * 4096);
	fds[SEG_FD_LEDGER] = memory("ledger", SEG_LEDGER_SIZE);
	fds[SEG_FD_RX] = xsk("inside", -1);
	fds[SEG_FD_TX] = xsk("outer", fds[SEG_FD_RX]);
	set_mark(fds[SEG_FD_TX]);
	fds[SEG_FD_IMAGE] = seal_policy(TEXT);
	fds[SEG_FD_TAGS] = array("tags", sizeof(struct seg_tags), BUCKETS);
	fds[SEG_FD_SLOTS] = array("slots", sizeof(struct seg_session), BUCKETS * SEG_BUCKET_SLOTS);
	fds[SEG_FD_QUEUES] = array("queues", sizeof(struct seg_queue), 1);
	fds[SEG_FD_RULES] = array("rules", sizeof(struct seg_rule_count), RULES);
	fds[SEG_FD_QUOTA] = array("quota", sizeof(struct seg_quota), 1);
	fds[SEG_FD_CONFIG] = array("config", sizeof(struct seg_config), 1);
	check_eq(bpf_map_update_elem(fds[SEG_FD_CONFIG], &zero, &armed, 0), 0);
	fds[SEG_FD_LIVE] = bpf_program__fd(bpf->progs.seg_live);
	fds[SEG_FD_LIVE_FRAMES] = bpf_map__fd(bpf->maps.seg_live_frames);
	fds[SEG_FD_ZONES] = fds[SEG_FD_HANDOVER];
	queue = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[SEG_FD_QUEUES], 0);
	check(queue != MAP_FAILED);
	xsks = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks", 4, 4, 1, NULL);
	check_eq(bpf_map_update_elem(xsks, &zero, &fds[SEG_FD_RX], 0), 0);
	lab_attach_xdp("inside", send_all_up(xsks));
	stack = lab_packet_socket("inside");
	wire = lab_packet_socket("outside");
}

/* --- what the spawner would do ---------------------------------------------------------- */

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);    /* a failed check leaves nobody behind */
	for (int i = 0; i < SEG_FD_MAX; i++) /* out of the way of the numbers that they get */
		fds[i] = fcntl(fds[i], F_DUPFD, 100);
	for (int i = 0; i < SEG_FD_MAX; i++)
		dup2(fds[i], SEG_WORKER_FD_FIRST + i);
	if (early)
		_exit(seg_worker_live(mapped));
	execl(getenv("SEG_WORKER"), "xdpseg-worker", NULL);
	_exit(127);
}

static int end(pid_t pid)
{
	int status;

	check_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* XDP's `sent` stays 0 here: a worker whose ring is empty says that it consumed as much. */
static bool goes_idle(void)
{
	time_t deadline = time(NULL) + 10;

	while (__atomic_load_n(&queue->consumed, __ATOMIC_RELAXED) && time(NULL) < deadline)
		sched_yield();
	return !queue->consumed;
}

static struct seg_doorbell listen_to_worker(void)
{
	struct seg_doorbell message = {0};
	struct pollfd wait = {.fd = keeper, .events = POLLIN};

	check_eq(poll(&wait, 1, 5000), 1);
	check_eq(read(keeper, &message, sizeof(message)), sizeof(message));
	return message;
}

/* --- traffic ------------------------------------------------------------------------------- */

static uint16_t ip_sum(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* UDP to `port` with a number in it, without a checksum (RFC 768 allows that in IPv4). */
static void send_one(uint32_t number, uint16_t port)
{
	uint8_t frame[60] = {2,
			     0,
			     0,
			     0,
			     0,
			     1,
			     2,
			     0,
			     0,
			     0,
			     0,
			     2,
			     8,
			     0,
			     0x45,
			     0,
			     0,
			     46,
			     0,
			     0,
			     0,
			     0,
			     64,
			     IPPROTO_UDP,
			     0,
			     0,
			     192,
			     0,
			     2,
			     1,
			     192,
			     0,
			     2,
			     2,
			     0x10,
			     0,
			     (uint8_t)(port >> 8),
			     (uint8_t)port,
			     0,
			     26};
	uint16_t sum = htons(ip_sum(frame + 14));

	memcpy(frame + 24, &sum, sizeof(sum));
	memcpy(frame + 42, &number, sizeof(number));
	check_eq(send(wire, frame, sizeof(frame), 0), sizeof(frame));
}

/* The next number that reached the stack within `timeout` ms, -1: none. */
static long next_number(int timeout)
{
	struct pollfd wait = {.fd = stack, .events = POLLIN};
	uint8_t frame[256];
	uint32_t number;

	while (poll(&wait, 1, timeout) == 1) {
		ssize_t length = recv(stack, frame, sizeof(frame), MSG_DONTWAIT);

		if (length < 46 || frame[23] != IPPROTO_UDP || frame[29] != 1)
			continue;
		memcpy(&number, frame + 42, sizeof(number));
		return (long)number;
	}
	return -1;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void tell_policy(const int policy[SEG_POLICY_FDS_N])
{
	struct seg_doorbell message = {.kind = SEG_DOORBELL_POLICY};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(SEG_POLICY_FDS_N * sizeof(int))];
	} control = {.header = {CMSG_LEN(SEG_POLICY_FDS_N * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec io = {&message, sizeof(message)};
	struct msghdr header = {.msg_iov = &io,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), policy, SEG_POLICY_FDS_N * sizeof(int));
	check_eq(sendmsg(keeper, &header, 0), sizeof(message));
}

/* Of generation 2, with fewer rules: port 54 is open, not 53. */
static struct seg_handover next_handover(void)
{
	struct seg_handover h = handover();

	h.generation = 2;
	h.rules = 2;
	h.limit[SEG_CLASS_DENIED] = 50;
	return h;
}

static const char NEXT[] = "version: 1\n"
			   "defaults: {ingress: deny, egress: allow}\n"
			   "rules:\n"
			   "  - {id: other, service: udp/54, action: allow}\n";

TEST(worker, takes_over_another_policy)
{
	struct seg_handover h;
	struct seg_doorbell message;
	struct seg_rule_count *counts;
	int policy[SEG_POLICY_FDS_N];
	pid_t pid;

	begin();
	h = next_handover();
	policy[0] = policy[3] = seal_handover(&h);
	policy[1] = seal_policy(NEXT);
	policy[2] = array("rules", sizeof(struct seg_rule_count), h.rules);
	counts = mmap(NULL, 4096, PROT_READ, MAP_SHARED, policy[2], 0);
	check(counts != MAP_FAILED);
	pid = start();
	check_eq(listen_to_worker().kind, SEG_DOORBELL_READY);
	send_one(1, 53);
	check_eq(next_number(2000), 1);
	tell_policy(policy);
	message = listen_to_worker();
	check_eq(message.kind, SEG_DOORBELL_ACK);
	check_eq(message.generation, 2);
	check_eq(message.pid, pid);
	send_one(2, 54);
	check_eq(next_number(2000), 2);
	send_one(3, 55);
	check_eq(next_number(100), -1);
	check_eq(counts[0].count.packets, 1);
	check_eq(queue->exit[SEG_REASON_RULE_ALLOW].packets, 2);
	check_eq(queue->exit[SEG_REASON_RULE_DENY].packets, 1);
	kill(pid, SIGKILL);
	check(WIFSIGNALED(end(pid)));
}

/* An image that is checked in many steps; the port is open at its end. */
static int seal_large_policy(uint16_t port)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs("version: 1\ndefaults: {ingress: deny, egress: allow}\nrules:\n", out);
	for (int i = 1; i < MANY_RULES; i++)
		fprintf(out, "  - {id: rule-number-%d, from: 172.%d.%d.0/24, action: allow}\n", i,
			i / 250, i % 250);
	fprintf(out, "  - {id: last, service: udp/%d, action: allow}\n", port);
	fclose(out);
	return seal_policy(text);
}

/* Told of the next while it still checks the one before: it takes over one after the other. */
TEST(worker, takes_over_large_policies)
{
	struct seg_handover h;
	struct seg_doorbell message;
	int policy[SEG_POLICY_FDS_N];
	pid_t pid;

	begin();
	pid = start();
	check_eq(listen_to_worker().kind, SEG_DOORBELL_READY);
	for (uint16_t generation = 2; generation <= 4; generation++) {
		h = handover();
		h.generation = generation;
		h.rules = MANY_RULES + 1;
		policy[0] = policy[3] = seal_handover(&h);
		policy[1] = seal_large_policy(50 + generation);
		policy[2] = array("rules", sizeof(struct seg_rule_count), h.rules);
		tell_policy(policy);
	}
	for (uint32_t generation = 2; generation <= 4; generation++) {
		message = listen_to_worker();
		check_eq(message.kind, SEG_DOORBELL_ACK);
		check_eq(message.generation, generation);
	}
	send_one(1, 53);
	check_eq(next_number(100), -1);
	send_one(2, 54);
	check_eq(next_number(2000), 2);
	kill(pid, SIGKILL);
	check(WIFSIGNALED(end(pid)));
}

/* It ends, and says by its status why; the keeper's order of a whole is its successor's. */
TEST(worker, what_it_cannot_take_over_ends_it)
{
	const struct {
		enum seg_worker_exit status;
		uint32_t frames, version;
		bool image;
	} WRONG[] = {
		{SEG_WORKER_EXIT_HANDOVER, FRAMES / 2, SEG_HANDOVER_VERSION, true},
		{SEG_WORKER_EXIT_HANDOVER, FRAMES, SEG_HANDOVER_VERSION + 1, true},
		{SEG_WORKER_EXIT_IMAGE, FRAMES, SEG_HANDOVER_VERSION, false},
	};
	int policy[SEG_POLICY_FDS_N], status;
	pid_t pid;

	begin();
	policy[1] = seal_policy(NEXT);
	policy[2] = array("rules", sizeof(struct seg_rule_count), 2);
	for (size_t i = 0; i < SEG_ARRAY_SIZE(WRONG); i++) {
		struct seg_handover h = next_handover();

		h.frames = WRONG[i].frames;
		h.version = WRONG[i].version;
		policy[0] = policy[3] = seal_handover(&h);
		pid = start();
		check_eq(listen_to_worker().kind, SEG_DOORBELL_READY);
		tell_policy(WRONG[i].image ? policy
					   : (int[]){policy[0], policy[0], policy[2], policy[0]});
		status = end(pid);
		check(WIFEXITED(status));
		check_eq(WEXITSTATUS(status), WRONG[i].status);
	}
	pid = start();
	check_eq(listen_to_worker().kind, SEG_DOORBELL_READY);
	send_one(1, 53);
	check_eq(next_number(2000), 1);
	kill(pid, SIGKILL);
	end(pid);
}

/* A successor with nothing to do must say so: XDP would take it for lost, and ask it nothing more.
 */
TEST(worker, an_empty_ring_is_consumed_from_the_start)
{
	time_t deadline = time(NULL) + 10;
	pid_t pid;

	begin();
	queue->sent = 5;
	pid = start();
	while (__atomic_load_n(&queue->consumed, __ATOMIC_RELAXED) != 5 && time(NULL) < deadline)
		sched_yield();
	check_eq(queue->consumed, 5);
	kill(pid, SIGKILL);
	end(pid);
}

/* The spawner's work: the worker dies, wherever it is; sometimes its successor does before it is
 * ready. */
static pid_t replace(pid_t pid, bool wait)
{
	struct seg_doorbell message;

	kill(pid, SIGKILL);
	end(pid);
	while (recv(keeper, &message, sizeof(message), MSG_DONTWAIT) > 0)
		;
	pid = start();
	if (wait)
		check_eq(listen_to_worker().kind, SEG_DOORBELL_READY);
	return pid;
}

#define KILL_EVERY 200 /* packets */

/* What one had not finished its successor does. */
TEST(worker, killed_again_and_again_loses_nothing)
{
	long expected = 0;
	uint64_t counted;
	pid_t pid;

	begin();
	pid = start();
	check_eq(listen_to_worker().kind, SEG_DOORBELL_READY);
	for (uint32_t sent = 0; sent < PACKETS; sent++) {
		send_one(sent, 53);
		if (sent % KILL_EVERY == KILL_EVERY - 1)
			pid = replace(pid, sent / KILL_EVERY % 4);
		/* what waits must fit the ring: that is the honest bound */
		while (expected + RING / 2 < sent)
			check_eq(next_number(5000), expected++);
	}
	while (expected < PACKETS)
		check_eq(next_number(5000), expected++);
	check_eq(next_number(100), -1);
	counted = queue->exit[SEG_REASON_RULE_ALLOW].packets;
	check_eq(counted, PACKETS);
	check(goes_idle());
	check_eq(queue->frames_lost, 0);
	check(queue->restarts >= PACKETS / KILL_EVERY / 2);
	kill(pid, SIGKILL);
	end(pid);
}

TEST(worker, by_hand_it_says_what_it_is)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		execl(getenv("SEG_WORKER"), "xdpseg-worker", NULL);
		_exit(127);
	}
	status = end(pid);
	check(WIFEXITED(status));
	check_eq(WEXITSTATUS(status), SEG_WORKER_EXIT_USAGE);
}
