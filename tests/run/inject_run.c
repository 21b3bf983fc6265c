/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inject_run.c - both ways deliver what was staged to the stack behind the real
 * interface: every frame, whole, in order, tagged or not, and nothing that did not
 * come from the worker's socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "inject.h"
#include "veth_lab.h"

#define FRAMES     512
#define VLAN       100
#define TAGGED     0x100000 /* numbers of tagged frames */
#define ARRIVES_MS 5000

static struct lab_socket xsk;
static struct seg_inject inject;
static struct seg_intent intent;
static int stack;

static void begin(void)
{
	lab_enter();
	lab_inject(&inject, &xsk, FRAMES);
	stack = lab_packet_socket("inside");
}

/* --- frames that tell who they are ------------------------------------------------ */

static uint32_t length_of(uint32_t n)
{
	static const uint32_t lengths[] = {60, 61, 64, 127, 576, 1023, 1499, 1500, 1514};

	return lengths[n % (sizeof(lengths) / sizeof(lengths[0]))];
}

/*
 * A whole batch is tagged or not: the kernel hands a list of frames on by kind, so
 * order holds within a flow, not between one that is tagged and one that is not.
 */
static bool is_tagged(uint32_t n)
{
	return n & TAGGED;
}

/* Every byte depends on the number and its place. */
static void make_frame(uint8_t *frame, uint32_t n)
{
	const uint8_t plain[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};
	const uint8_t tagged[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, VLAN, 0x88, 0xb5};
	uint32_t header = is_tagged(n) ? sizeof(tagged) : sizeof(plain);

	memcpy(frame, is_tagged(n) ? tagged : plain, header);
	for (uint32_t i = header; i < length_of(n); i++)
		frame[i] = (uint8_t)(n * 7 + i * 13 + (n >> 8));
}

/* Receive one frame with its tag, if it had one, put back. Returns its length, -1: none came. */
static ssize_t receive(uint8_t *frame, size_t size)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct iovec io = {frame + 4, size - 4};
	struct msghdr header = {.msg_iov = &io,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(stack, &header, MSG_DONTWAIT);
	const struct tpacket_auxdata *aux;

	if (length < 0)
		return -1;
	aux = (const void *)CMSG_DATA(CMSG_FIRSTHDR(&header));
	if (!(aux->tp_status & TP_STATUS_VLAN_VALID)) {
		memmove(frame, frame + 4, (size_t)length);
		return length;
	}
	memmove(frame, frame + 4, 12);
	memcpy(frame + 12, &(uint16_t[]){htons(ETH_P_8021Q), htons(aux->tp_vlan_tci)}, 4);
	return length + 4;
}

static void expect_frame(uint32_t n)
{
	uint8_t want[2048], got[2048];
	ssize_t length;

	do { /* what the packet socket sees leaving is not meant */
		poll(&(struct pollfd){.fd = stack, .events = POLLIN}, 1, ARRIVES_MS);
		length = receive(got, sizeof(got));
	} while (length >= 0 && (got[12] << 8 | got[13]) != 0x88b5 &&
		 (got[12] << 8 | got[13]) != 0x8100);
	make_frame(want, n);
	check_eq(length, length_of(n));
	check(!memcmp(want, got, (size_t)length));
}

/* Frames from number `from` on, one batch. Returns what the commit says. */
static int send_batch(enum seg_way way, uint32_t from, uint32_t count)
{
	int err;

	seg_ring_release(&xsk.completion, *xsk.completion.producer);
	seg_inject_begin(&inject, &intent, way);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t address = (uint64_t)(i % FRAMES) * 4096 + 256;

		make_frame(xsk.umem + address, from + i);
		seg_inject_stage(&inject, &intent,
				 (struct xdp_desc){.addr = address, .len = length_of(from + i)});
	}
	check_eq(seg_inject_committed(&inject, &intent), 0);
	err = seg_inject_commit(&inject, &intent);
	while (err == -EAGAIN) /* the veth's backlog was not emptied yet: a worker's next turn */
		err = seg_inject_kick(&inject);
	return err;
}

static void deliver(enum seg_way way)
{
	static const uint32_t sizes[] = {1, 2, 8, 63, 64, 65, 200, SEG_BATCH_MAX};
	uint32_t n = 0;

	begin();
	for (int round = 0; round < 16; round++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			uint32_t from = n | (round & 1 ? TAGGED : 0);

			check_eq(send_batch(way, from, sizes[s]), 0);
			check_eq(seg_inject_committed(&inject, &intent), sizes[s]);
			for (uint32_t i = 0; i < sizes[s]; i++)
				expect_frame(from + i);
			n += sizes[s];
		}
}

TEST(inject, veth_delivers_in_order)
{
	deliver(SEG_WAY_VETH);
}

TEST(inject, live_delivers_in_order)
{
	deliver(SEG_WAY_LIVE);
}

/* A commit again, as by a successor, hands nothing on again. */
TEST(inject, commit_again_does_nothing)
{
	uint8_t frame[2048];

	begin();
	for (int way = 0; way < SEG_WAYS; way++) {
		check_eq(send_batch((enum seg_way)way, 0, 10), 0);
		check_eq(seg_inject_commit(&inject, &intent), 0);
		for (uint32_t i = 0; i < 10; i++)
			expect_frame(i);
		check_eq(receive(frame, sizeof(frame)), -1);
	}
}

/* A live batch that was cut short goes on where it stopped. */
TEST(inject, live_goes_on_where_it_stopped)
{
	uint8_t frame[2048];

	begin();
	check_eq(send_batch(SEG_WAY_LIVE, 0, 10), 0);
	for (uint32_t i = 0; i < 10; i++)
		expect_frame(i);
	inject.live->next = 4;
	check_eq(seg_inject_committed(&inject, &intent), 4);
	check_eq(seg_inject_commit(&inject, &intent), 0);
	for (uint32_t i = 4; i < 10; i++)
		expect_frame(i);
	check_eq(receive(frame, sizeof(frame)), -1);
}

/* The live way fails: the veth takes the rest, and only that. */
TEST(inject, veth_takes_what_live_left)
{
	begin();
	check_eq(send_batch(SEG_WAY_LIVE, 0, 10), 0);
	for (uint32_t i = 0; i < 10; i++)
		expect_frame(i);
	inject.live->next = 3;
	inject.live_fd = -1;
	check(seg_inject_commit(&inject, &intent) < 0);
	seg_inject_fall_back(&inject, &intent);
	check_eq(seg_inject_committed(&inject, &intent), 3);
	check_eq(seg_inject_commit(&inject, &intent), 0);
	check_eq(seg_inject_committed(&inject, &intent), 10);
	for (uint32_t i = 3; i < 10; i++)
		expect_frame(i);
}

/* Whoever sends into the veth without the mark gets nowhere. */
TEST(inject, veth_lets_no_stranger_in)
{
	const uint32_t none = 0;
	uint8_t frame[2048];

	begin();
	check_eq(setsockopt(xsk.fd, SOL_SOCKET, SO_MARK, &none, sizeof(none)), 0);
	check_eq(send_batch(SEG_WAY_VETH, 0, 10), 0);
	check_eq(receive(frame, sizeof(frame)), -1);
}
