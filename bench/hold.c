/* SPDX-License-Identifier: BSD-2-Clause */
/* hold.c - a CPU for a benchmark alone, and whose turn it is. */
#include <sched.h>

#include "bpf.h"
#include "hold.h"
#include "random.h"

void bench_hold_cpu(void)
{
	const struct sched_param first = {.sched_priority = BENCH_PRIORITY};
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) || sched_setscheduler(0, SCHED_FIFO, &first))
		bench_die("holding a CPU");
}

/* Fisher and Yates's shuffle, done anew for each place: `count` is small. */
unsigned int bench_turn(unsigned int round, unsigned int i, unsigned int count)
{
	unsigned int order[64];
	__u64 seed = round;

	for (unsigned int at = 0; at < count; at++) {
		unsigned int other = (unsigned int)(seg_random(&seed) % (at + 1));

		order[at] = order[other];
		order[other] = at;
	}
	return order[i];
}
