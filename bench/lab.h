/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab.h - two network namespaces of a benchmark's own and a veth between them.
 * Nothing of the machine's is touched; everything is gone at exit.
 */
#ifndef BENCH_LAB_H
#define BENCH_LAB_H

#include "bpf.h"

struct bench_lab {
	char sender[32]; /* namespaces */
	char receiver[32];
	int from; /* ifindex of v0 in the one... */
	int to;   /* ...and of v1 in the other */
};

/* v0 and v1 up, GRO on, MAC addresses 02:00:00:00:00:00 and ...:01; v1 has 10.255.0.128/8. */
void bench_lab_make(struct bench_lab *lab, const char *name);

/* This thread's network namespace, from now on. */
void bench_enter(const char *namespace);

/* A shell command inside a namespace, with `input` on its standard input (or NULL). Returns its
 * status; what it says is not shown. */
int bench_shell(const char *namespace, const char *command, const char *input);

#endif
