/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* abi.bpf.c - one of each shared struct, so that its layout is in this object's BTF. */
#include <linux/bpf.h>

#include "abi.h"
#include "live.h"

#define EMIT(type) struct type emitted_##type

EMIT(seg_key);
EMIT(seg_session);
EMIT(seg_window);
EMIT(seg_packet);
EMIT(seg_meta);
EMIT(seg_tags);
EMIT(seg_count);
EMIT(seg_counts);
EMIT(seg_quota);
EMIT(seg_queue);
EMIT(seg_rule_count);
EMIT(seg_config);
EMIT(seg_constants);
EMIT(seg_zone_key);
EMIT(seg_failsafes);
EMIT(seg_failsafe_row);
EMIT(seg_failsafe_key);
EMIT(seg_live);
EMIT(seg_live_frame);
