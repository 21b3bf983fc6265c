/* SPDX-License-Identifier: BSD-2-Clause */
#include "xsk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>

#include "cleanup.h"

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

#define BUSY_PAUSE_NS 10000000
#define BUSY_PAUSES   50

/* --- memory ------------------------------------------------------------------------- */

static int make_memory(struct seg_umem *umem)
{
	_cleanup_close_ int fd = memfd_create("xdpseg-umem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory;

	if (fd < 0 || ftruncate(fd, (off_t)umem->size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	memory = mmap(NULL, umem->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	umem->memory = memory;
	umem->fd = TAKE_FD(fd);
	return 0;
}

int seg_umem_open(struct seg_umem *umem, uint32_t frame_size, struct seg_error *err)
{
	int r;

	*umem = (struct seg_umem){
		.fd = -1,
		.size = (uint64_t)SEG_XSK_FRAMES * frame_size,
		.frame_size = frame_size,
	};
	r = make_memory(umem);
	if (r)
		seg_error_set(err, -r, "no %llu bytes of memory for packets: %s",
			      (unsigned long long)umem->size, strerror(-r));
	return r;
}

void seg_umem_close(struct seg_umem *umem)
{
	if (umem->memory)
		munmap(umem->memory, umem->size);
	seg_closep(&umem->fd);
	*umem = (struct seg_umem){.fd = -1};
}

/* --- sockets ------------------------------------------------------------------------- */

struct ring {
	int option;
	uint32_t entries;
};

static const struct ring rx_rings[] = {
	{XDP_RX_RING, SEG_XSK_RX_RING},
	{XDP_UMEM_FILL_RING, SEG_XSK_FILL_RING},
	{XDP_UMEM_COMPLETION_RING, SEG_XSK_TX_FILL}, /* the kernel wants one */
	{0},
};

static const struct ring tx_rings[] = {
	{XDP_TX_RING, SEG_XSK_TX_RING},
	{XDP_UMEM_FILL_RING, SEG_XSK_TX_FILL},
	{XDP_UMEM_COMPLETION_RING, SEG_XSK_COMPLETION},
	{0},
};

/*
 * Each socket registers the memory for itself. XDP_SHARED_UMEM would force the
 * sending one, on a veth, to be zero-copy where the receiving one is.
 */
static int make_socket(const struct seg_umem *umem, const struct ring *rings)
{
	struct xdp_umem_reg memory = {
		.addr = (uintptr_t)umem->memory,
		.len = umem->size,
		.chunk_size = umem->frame_size,
	};
	_cleanup_close_ int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof(memory)))
		return -errno;
	for (; rings->entries; rings++)
		if (setsockopt(fd, SOL_XDP, rings->option, &rings->entries, sizeof(uint32_t)))
			return -errno;
	return TAKE_FD(fd);
}

/*
 * The kernel lets a queue go some time after its last socket was closed (a
 * deferred work, tens of ms): EBUSY is believed only when it lasts.
 */
static int bind_socket(int fd, uint32_t ifindex, uint32_t queue, uint16_t flags)
{
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = (uint16_t)(flags | XDP_USE_NEED_WAKEUP),
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
	};

	for (int i = 0; bind(fd, (struct sockaddr *)&address, sizeof(address)); i++) {
		if (errno != EBUSY || i == BUSY_PAUSES)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

__attribute__((weak)) bool seg_xsk_old_rings(void)
{
	return false;
}

/* "xsk: allow remap of fill and/or completion rings". */
static bool maps_bound(void)
{
	struct utsname name;
	unsigned int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%u.%u", &major, &minor);
	return !seg_xsk_old_rings() && (major > 6 || (major == 6 && minor >= 4));
}

static int open_bound(const struct seg_umem *umem, const struct ring *rings,
		      const struct seg_xsk_owner *owner, uint32_t ifindex, uint32_t queue,
		      uint16_t flags)
{
	uint32_t order = rings == rx_rings ? SEG_SPAWN_RX_RINGS : SEG_SPAWN_TX_RINGS;
	_cleanup_close_ int fd = make_socket(umem, rings);
	int r = fd < 0 ? fd : 0;

	if (!r && !maps_bound())
		r = seg_remote_map_rings(owner->workers, owner->queue_index, order, fd);
	if (!r)
		r = bind_socket(fd, ifindex, queue, flags);
	return r ? r : TAKE_FD(fd);
}

static int report(const char *name, uint32_t queue, int errnum, struct seg_error *err)
{
	seg_error_set(err, errnum, "cannot open an AF_XDP socket on queue %u of %s: %s", queue,
		      name, errnum == EBUSY ? "another program has one there" : strerror(errnum));
	if (errnum == EBUSY)
		seg_error_mend(err, "end the program that uses AF_XDP on %s", name);
	else if (errnum == ENOBUFS || errnum == ENOMEM)
		seg_error_mend(err, "raise the locked memory limit, or attach with --queues 1");
	return -errnum;
}

int seg_xsk_open_rx(const struct seg_device *link, uint32_t queue, const struct seg_umem *umem,
		    const struct seg_xsk_owner *owner, bool *zerocopy, struct seg_error *err)
{
	int fd = -EOPNOTSUPP;

	if (*zerocopy)
		fd = open_bound(umem, rx_rings, owner, link->ifindex, queue, XDP_ZEROCOPY);
	*zerocopy = fd >= 0;
	if (fd < 0)
		fd = open_bound(umem, rx_rings, owner, link->ifindex, queue, XDP_COPY);
	return fd < 0 ? report(link->name, queue, -fd, err) : fd;
}

int seg_xsk_open_tx(const char *name, uint32_t queue, const struct seg_umem *umem,
		    const struct seg_xsk_owner *owner, uint32_t mark, struct seg_error *err)
{
	_cleanup_close_ int fd =
		open_bound(umem, tx_rings, owner, if_nametoindex(name), queue, XDP_COPY);

	if (fd < 0)
		return report(name, queue, -fd, err);
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return report(name, queue, errno, err);
	return TAKE_FD(fd);
}
