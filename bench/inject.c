/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inject.c - what it costs to hand a packet back to the stack, by way, batch size
 * and length: ns a packet, everything in the kernel included up to the protocol
 * handler, where an unknown Ethertype ends it. Runs of all ways are interleaved,
 * so that a noisy machine is noisy for all; the median of each is printed.
 *
 * Usage: bench-inject [rounds]. Root, a network namespace of its own.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "inject.h"
#include "veth_lab.h"

#define FRAMES     512
#define PACKETS    8192 /* of one run */
#define ROUNDS_MAX 1001

enum way { VETH, LIVE, TAP, WAYS };

static const char *const way_names[WAYS] = {"veth", "live", "tap"};
static const uint32_t batches[] = {1, 8, 16, 20, 24, 32, 64, 128, SEG_BATCH_MAX};
static const uint32_t lengths[] = {60, 1500};

#define BATCHES (sizeof(batches) / sizeof(batches[0]))
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static struct lab_socket xsk;
static struct seg_inject inject;
static struct seg_intent intent;
static int tap;
static double results[WAYS][LENGTHS][BATCHES][ROUNDS_MAX];

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void open_tap(void)
{
	struct ifreq request = {.ifr_name = "tap", .ifr_flags = IFF_TAP | IFF_NO_PI};

	tap = open("/dev/net/tun", O_RDWR);
	must(tap >= 0 && !ioctl(tap, TUNSETIFF, &request), "tap");
	must(!system("ip link set tap arp off up"), "tap up");
}

static void begin(void)
{
	lab_enter();
	lab_inject(&inject, &xsk, FRAMES);
	open_tap();
}

static void make_frames(void)
{
	const uint8_t header[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};

	for (uint32_t i = 0; i < FRAMES; i++)
		memcpy(&xsk.umem[i * 4096 + 256], header, sizeof(header));
}

static void write_tap(uint32_t count, uint32_t length)
{
	for (uint32_t i = 0; i < count; i++)
		must(write(tap, &xsk.umem[i * 4096 + 256], length) == (ssize_t)length, "tap");
}

static void hand_on(enum way way, uint32_t count, uint32_t length)
{
	if (way == TAP) {
		write_tap(count, length);
		return;
	}
	seg_ring_release(&xsk.completion, *xsk.completion.producer);
	seg_inject_begin(&inject, &intent, way == LIVE ? SEG_WAY_LIVE : SEG_WAY_VETH);
	for (uint32_t i = 0; i < count; i++)
		seg_inject_stage(&inject, &intent,
				 (struct xdp_desc){.addr = i * 4096 + 256, .len = length});
	must(!seg_inject_commit(&inject, &intent), way_names[way]);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double run(enum way way, uint32_t batch, uint32_t length)
{
	uint32_t packets = batch < 8 ? PACKETS / 8 : PACKETS;
	double start = now();

	for (uint32_t done = 0; done < packets; done += batch)
		hand_on(way, batch, length);
	return (now() - start) / packets;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(int rounds)
{
	for (size_t l = 0; l < LENGTHS; l++) {
		printf("%4u bytes", lengths[l]);
		for (size_t b = 0; b < BATCHES; b++)
			printf("%8u", batches[b]);
		printf("\n");
		for (int way = 0; way < WAYS; way++) {
			printf("  %-8s", way_names[way]);
			for (size_t b = 0; b < BATCHES; b++) {
				double *all = results[way][l][b];

				qsort(all, (size_t)rounds, sizeof(*all), compare);
				printf("%8.0f", all[rounds / 2]);
			}
			printf("\n");
		}
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 31;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		rounds = 31;
	begin();
	make_frames();
	for (int round = 0; round < rounds; round++)
		for (size_t l = 0; l < LENGTHS; l++)
			for (size_t b = 0; b < BATCHES; b++)
				for (int way = 0; way < WAYS; way++)
					results[way][l][b][round] =
						run((enum way)way, batches[b], lengths[l]);
	print(rounds);
	return 0;
}
