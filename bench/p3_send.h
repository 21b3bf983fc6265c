/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* p3_send.h - what p3_send.bpf.c and p3.c share. */
#ifndef BENCH_P3_SEND_H
#define BENCH_P3_SEND_H

#include "flows.h"

/* The frame of flow 0, MAC addresses included. */
struct bench_template {
	__u64 words[BENCH_FRAME / 8];
};

#endif
