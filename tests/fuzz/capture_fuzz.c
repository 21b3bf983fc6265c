/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a capture: an error with a text, or packets of which every byte can be read
 * and written, each with an Ethernet header where there was room for one.
 */
#include <string.h>

#include "capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void read_all(struct seg_capture *capture)
{
	struct seg_capture_packet packet;
	struct seg_error err = {0};
	uint32_t number = 0;
	int r;

	while ((r = seg_capture_next(capture, &packet, &err)) == 1) {
		require(packet.number == ++number);
		require(packet.wire >= packet.length);
		memset(packet.frame, 0x5a, packet.length);
	}
	require(!r == !err.what[0]);
	require(seg_capture_next(capture, &packet, &err) == r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;
	struct seg_error err = {0};
	FILE *stream = size ? fmemopen((void *)data, size, "r") : NULL;

	if (!stream)
		return 0;
	if (seg_capture_open_stream("fuzz", stream, &capture, &err))
		require(err.what[0] && err.mend[0] && !capture);
	else
		read_all(capture);
	return 0;
}
