/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - the time that the datapath keeps: ns, CLOCK_MONOTONIC. */
#ifndef SEG_CLOCK_H
#define SEG_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "abi.h"

#define SEG_NS_PER_S 1000000000ull

static inline uint64_t seg_clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SEG_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* A moment as sessions keep it. */
static inline uint32_t seg_clock_tick(uint64_t ns)
{
	return (uint32_t)(ns >> SEG_TICK_SHIFT);
}

/* ns between two such moments, 0 if `then` is the later one. */
static inline uint64_t seg_clock_since(uint32_t then, uint32_t now)
{
	int32_t ticks = (int32_t)(now - then);

	return ticks > 0 ? (uint64_t)ticks << SEG_TICK_SHIFT : 0;
}

#endif
