/* SPDX-License-Identifier: BSD-2-Clause */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "cleanup.h"

void seg_find(struct seg_findings *findings, enum seg_level level, const char *format, ...)
{
	struct seg_finding finding = {.check = findings->check, .level = level};
	va_list args;

	snprintf(finding.subject, sizeof(finding.subject), "%s", findings->subject);
	va_start(args, format);
	vsnprintf(finding.what, sizeof(finding.what), format, args);
	va_end(args);
	if (!findings->failed)
		findings->failed = SEG_PUSH(&findings->list, finding);
}

void seg_find_mend(struct seg_findings *findings, const char *format, ...)
{
	struct seg_finding *last;
	va_list args;

	if (findings->failed || !findings->list.n)
		return;
	last = &findings->list.item[findings->list.n - 1];
	va_start(args, format);
	vsnprintf(last->mend, sizeof(last->mend), format, args);
	va_end(args);
}

const char *seg_level_word(enum seg_level level)
{
	static const char *const words[] = {
		[SEG_LEVEL_OK] = "ok",
		[SEG_LEVEL_NOTE] = "note",
		[SEG_LEVEL_WARNING] = "warning",
		[SEG_LEVEL_ERROR] = "error",
	};

	return words[level];
}

enum seg_level seg_findings_worst(const struct seg_findings *findings)
{
	enum seg_level worst = SEG_LEVEL_OK;

	for (uint32_t i = 0; i < findings->list.n; i++)
		if (findings->list.item[i].level > worst)
			worst = findings->list.item[i].level;
	return worst;
}

void seg_findings_free(struct seg_findings *findings)
{
	free(findings->list.item);
	*findings = (struct seg_findings){0};
}
