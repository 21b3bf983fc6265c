/* SPDX-License-Identifier: BSD-2-Clause */
/* mapping.h - what a worker was handed, as memory. */
#ifndef SEG_MAPPING_H
#define SEG_MAPPING_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"

struct seg_mapping {
	const char *name; /* for errors */
	int fd;
	int protection; /* PROT_ */
	uint64_t offset;
	uint64_t size;
	void **out;
};

/* BPF maps can be mapped by whole pages only. */
static inline uint64_t seg_whole_pages(uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

/* 0, or -errno and why. */
static inline int seg_map(const struct seg_mapping *m, struct seg_error *err)
{
	void *at = mmap(NULL, seg_whole_pages(m->size), m->protection, MAP_SHARED, m->fd,
			(off_t)m->offset);

	if (at == MAP_FAILED)
		return seg_error_set(err, errno, "the %s cannot be mapped: %s", m->name,
				     strerror(errno));
	*m->out = at;
	return 0;
}

/* NULL: nothing. */
static inline void seg_unmap(const void *at, uint64_t size)
{
	if (at)
		munmap((void *)at, seg_whole_pages(size));
}

#endif
