/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_detach.c - POST /v1/detach: the reply is the status of what is left. */
#include "keeper.h"
#include "server.h"

json_t *seg_verb_detach(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	const char *names[SEG_IFACES_MAX];
	size_t n;

	if (json_is_true(json_object_get(body, "all")))
		seg_keeper_detach_all(keeper);
	else if (seg_read_names(body, names, &n, err) || seg_keeper_detach(keeper, names, n, err))
		return NULL;
	return seg_report_status(keeper, NULL, err);
}
