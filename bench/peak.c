/* SPDX-License-Identifier: BSD-2-Clause */
/* peak.c - the kernel's high-water mark of resident memory, which can be set back (proc(5)). */
#include "peak.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "bpf.h"

static double status_bytes(const char *key)
{
	char line[256];
	double kilobytes = -1;
	FILE *file = fopen("/proc/self/status", "re");

	if (!file)
		bench_die("/proc/self/status cannot be read");
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), " %lf", &kilobytes);
	fclose(file);
	return kilobytes * 1024;
}

double bench_peak_begin(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");

	malloc_trim(0); /* what is free, but still there, would be had for nothing */
	if (!file || fputs("5", file) == EOF || fclose(file))
		bench_die("/proc/self/clear_refs cannot be written");
	return status_bytes("VmRSS:");
}

double bench_peak_end(double had)
{
	return status_bytes("VmHWM:") - had;
}
