/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* parser_result.h - what parser.bpf.c tells parser_run.c. */
#ifndef SEG_PARSER_RESULT_H
#define SEG_PARSER_RESULT_H

#include "abi.h"

struct parser_result {
	struct seg_packet packet;
	struct seg_packet quote;
	__u32 reason; /* as SEG_PARSED or enum seg_reason; an ICMP error's is its quote's */
	__u32 addresses;
	__be32 addr[2][4];
	__u32 checksum; /* enum seg_checksum */
};

#endif
