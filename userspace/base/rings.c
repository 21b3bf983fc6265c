/* SPDX-License-Identifier: BSD-2-Clause */
#include "rings.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

/* Where each ring is: its page offset in the socket, its row of XDP_MMAP_OFFSETS, size of an entry.
 */
static const struct {
	off_t page;
	size_t offsets;
	size_t entry;
} kinds[SEG_RING_KINDS] = {
	[SEG_RING_RX] = {XDP_PGOFF_RX_RING, offsetof(struct xdp_mmap_offsets, rx),
			 sizeof(struct xdp_desc)},
	[SEG_RING_TX] = {XDP_PGOFF_TX_RING, offsetof(struct xdp_mmap_offsets, tx),
			 sizeof(struct xdp_desc)},
	[SEG_RING_FILL] = {XDP_UMEM_PGOFF_FILL_RING, offsetof(struct xdp_mmap_offsets, fr),
			   sizeof(uint64_t)},
	[SEG_RING_COMPLETION] = {XDP_UMEM_PGOFF_COMPLETION_RING,
				 offsetof(struct xdp_mmap_offsets, cr), sizeof(uint64_t)},
};

int seg_ring_map(struct seg_ring *ring, int fd, enum seg_ring_kind kind, uint32_t entries)
{
	struct xdp_mmap_offsets all = {0};
	socklen_t length = sizeof(all);
	const struct xdp_ring_offset *at = (void *)((char *)&all + kinds[kind].offsets);
	char *map;
	size_t size;

	if (!entries || entries & (entries - 1))
		return -EINVAL;
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &all, &length))
		return -errno;
	if (length != sizeof(all))
		return -EPROTO; /* a kernel before 5.4: no flags word */
	size = (size_t)at->desc + entries * kinds[kind].entry;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		   kinds[kind].page);
	if (map == MAP_FAILED)
		return -errno;
	*ring = (struct seg_ring){
		.producer = (uint32_t *)(map + at->producer),
		.consumer = (uint32_t *)(map + at->consumer),
		.flags = (uint32_t *)(map + at->flags),
		.addr = (uint64_t *)(map + at->desc),
		.mask = entries - 1,
		.map = map,
		.map_size = size,
	};
	return 0;
}

void seg_ring_unmap(struct seg_ring *ring)
{
	if (ring->map)
		munmap(ring->map, ring->map_size);
	*ring = (struct seg_ring){0};
}
