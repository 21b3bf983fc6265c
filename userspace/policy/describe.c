/* SPDX-License-Identifier: BSD-2-Clause */
/* describe.c - writes what is made of the language's tables: policy-describe schema | reference. */
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "policy.h"

static const struct {
	const char *name;
	int (*write)(FILE *to);
} OUTPUTS[] = {
	{"schema", seg_policy_schema},
	{"reference", seg_policy_reference},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < SEG_ARRAY_SIZE(OUTPUTS); i++)
		if (!strcmp(argv[1], OUTPUTS[i].name))
			return OUTPUTS[i].write(stdout) != 0;
	fputs("usage: policy-describe schema | reference\n", stderr);
	return 2;
}
