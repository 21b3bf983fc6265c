/* SPDX-License-Identifier: BSD-2-Clause */
/* ingress.h - the XDP program with its constants, on shared tables. */
#ifndef SEG_INGRESS_H
#define SEG_INGRESS_H

#include "error.h"
#include "failsafe.h"
#include "tables.h"

struct ingress_bpf;

/* The ingress program with these constants; `xsks`: a seg_xsks map to share, or -1. NULL: failed.
 */
struct ingress_bpf *seg_ingress_load(const struct seg_tables *tables,
				     const struct seg_constants *constants,
				     const struct seg_failsafe_set *failsafe, int xsks,
				     struct seg_error *err);
int seg_ingress_fd(const struct ingress_bpf *ingress);
int seg_ingress_xsks(const struct ingress_bpf *ingress);
/* Its map seg_replay, for SEG_FEATURE_REPLAY. */
int seg_ingress_replay(const struct ingress_bpf *ingress);
void seg_ingress_free(struct ingress_bpf *ingress);

/* Keep what libbpf says of a failed load from now on, and put its last line into an error.
 * Returns -errnum. */
void seg_load_listen(void);
int seg_load_error(const char *what, int errnum, struct seg_error *err);

#endif
