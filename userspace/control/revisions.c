/* SPDX-License-Identifier: BSD-2-Clause */
#include "revisions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"

/* Empty if the process is gone. */
static void read_name(pid_t pid, char to[16])
{
	_cleanup_fclose_ FILE *from = NULL;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	from = fopen(path, "re");
	if (!from || !fgets(to, 16, from))
		*to = '\0';
	to[strcspn(to, "\n")] = '\0';
}

void seg_cause_set(struct seg_cause *cause, const struct ucred *peer)
{
	*cause = (struct seg_cause){.uid = peer->uid, .pid = peer->pid};
	read_name(peer->pid, cause->by);
}

void seg_cause_what(struct seg_cause *cause, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(cause->what, sizeof(cause->what), format, args);
	va_end(args);
}

static json_t *entry_of(const struct seg_rulebook *book, const struct seg_cause *cause)
{
	json_t *entry =
		json_pack("{s:i, s:s, s:s, s:i, s:b, s:I, s:s}", "revision", (int)book->revision,
			  "name", seg_image_name(book->image), "hash", seg_image_hash(book->image),
			  "rules", (int)seg_image_rules(book->image), "observe", book->observe,
			  "time", (json_int_t)time(NULL), "what", cause->what);

	if (entry && cause->pid)
		json_object_set_new(entry, "by",
				    json_pack("{s:i, s:i, s:s}", "uid", (int)cause->uid, "pid",
					      (int)cause->pid, "program", cause->by));
	return entry;
}

void seg_revisions_note(json_t **revisions, const struct seg_rulebook *book,
			const struct seg_cause *cause)
{
	if (!*revisions)
		*revisions = json_array();
	json_array_append_new(*revisions, entry_of(book, cause));
	while (json_array_size(*revisions) > SEG_REVISIONS_MAX)
		json_array_remove(*revisions, 0);
}
