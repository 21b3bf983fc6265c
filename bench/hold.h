/* SPDX-License-Identifier: BSD-2-Clause */
/* hold.h - a CPU for a benchmark alone, and whose turn it is. */
#ifndef BENCH_HOLD_H
#define BENCH_HOLD_H

#define BENCH_PRIORITY 1

/*
 * Stay on this CPU from now on, before every ordinary process: a call that lost
 * the CPU in between would be measured with what ran instead.
 */
void bench_hold_cpu(void);

/*
 * Who of `count` runs at place `i` of a round: every one once, in an order that is
 * another one each round, the same in each run of the benchmark.
 */
unsigned int bench_turn(unsigned int round, unsigned int i, unsigned int count);

#endif
