/* SPDX-License-Identifier: BSD-2-Clause */
/* peak.h - how much memory something takes at most, beyond what was there before. */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

/* From here. Returns what is there, in bytes. */
double bench_peak_begin(void);

/* The most that there was beyond `had` since. */
double bench_peak_end(double had);

#endif
