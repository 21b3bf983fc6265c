/* SPDX-License-Identifier: BSD-2-Clause */
#include "rxq.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "keeper.h"

/* --- memory and sockets -------------------------------------------------------------------- */

void seg_rxq_clear(struct seg_rxq *rxq)
{
	memset(rxq->fds, -1, sizeof(rxq->fds));
	rxq->umem.fd = -1;
	rxq->arrival.fd = -1;
}

bool seg_rxq_asks(const struct seg_iface *iface, const struct seg_rxq *rxq)
{
	return rxq == iface->rxqs + iface->queues;
}

static int open_rx(const struct seg_iface *iface, struct seg_rxq *rxq,
		   const struct seg_xsk_owner *owner, struct seg_error *err)
{
	uint32_t queue = (uint32_t)(rxq - iface->rxqs);
	struct seg_device inner;
	int r;

	rxq->zerocopy = iface->link.zerocopy && iface->mode == SEG_MODE_NATIVE;
	if (!seg_rxq_asks(iface, rxq))
		return seg_xsk_open_rx(&iface->link, queue, &rxq->umem, owner, &rxq->zerocopy, err);
	r = seg_device_get(iface->egress.inner, &inner);
	if (r)
		return seg_error_set(err, -r, "%s is gone", iface->egress.inner);
	rxq->zerocopy = false;
	return seg_xsk_open_rx(&inner, 0, &rxq->umem, owner, &rxq->zerocopy, err);
}

int seg_rxq_open(const struct seg_iface *iface, struct seg_rxq *rxq, struct seg_error *err)
{
	uint32_t queue = (uint32_t)(rxq - iface->rxqs);
	const struct seg_xsk_owner owner = {&iface->keeper->workers, iface->queue_base + queue};
	uint32_t mark = seg_rxq_asks(iface, rxq) ? iface->back.mark_out : iface->back.mark;
	int r = seg_umem_open(&rxq->umem, seg_umem_frame_size(iface->link.mtu), err);

	if (r)
		return r;
	rxq->fds[SEG_FD_RX] = open_rx(iface, rxq, &owner, err);
	if (rxq->fds[SEG_FD_RX] < 0)
		return rxq->fds[SEG_FD_RX];
	rxq->fds[SEG_FD_TX] = seg_xsk_open_tx(iface->outer, queue, &rxq->umem, &owner, mark, err);
	return rxq->fds[SEG_FD_TX] < 0 ? rxq->fds[SEG_FD_TX] : 0;
}

/* The descriptors that each queue has for itself; all others are shared. */
static const enum seg_worker_fd own_fds[] = {SEG_FD_HANDOVER, SEG_FD_RX, SEG_FD_TX, SEG_FD_LEDGER};

void seg_rxq_close(struct seg_rxq *rxq)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(own_fds); i++)
		seg_closep(&rxq->fds[own_fds[i]]);
	seg_umem_close(&rxq->umem);
	seg_rxq_clear(rxq);
}

/* --- what its worker is given ----------------------------------------------------------------- */

/* Only what came in may go back as live frames, which generic XDP would meet again. */
static uint32_t flags_of(const struct seg_iface *iface, const struct seg_rxq *rxq)
{
	uint32_t flags = SEG_HANDOVER_NEED_WAKEUP;

	if (rxq->zerocopy)
		flags |= SEG_HANDOVER_ZEROCOPY;
	if (rxq->fds[SEG_FD_ZONES] >= 0)
		flags |= SEG_HANDOVER_ZONES;
	if (!seg_rxq_asks(iface, rxq) && iface->mode != SEG_MODE_GENERIC)
		flags |= SEG_HANDOVER_LIVE;
	return flags;
}

static struct seg_handover make_handover(const struct seg_iface *iface, const struct seg_rxq *rxq,
					 const struct seg_rulebook *book)
{
	const struct seg_defaults *policy = seg_image_defaults(book->image);
	uint32_t queue = (uint32_t)(rxq - iface->rxqs);
	struct seg_handover handover = {
		.version = SEG_HANDOVER_VERSION,
		.size = sizeof(handover),
		.ifindex = iface->link.ifindex,
		.queue = queue,
		.queue_index = iface->queue_base + queue,
		.queues = SEG_QUEUES_MAX,
		.rules = book->entries,
		.flags = flags_of(iface, rxq),
		.frames = SEG_XSK_FRAMES,
		.frame_size = rxq->umem.frame_size,
		.rx_ring = SEG_XSK_RX_RING,
		.fill_ring = SEG_XSK_FILL_RING,
		.tx_ring = SEG_XSK_TX_RING,
		.completion_ring = SEG_XSK_COMPLETION,
		.limit = {[SEG_CLASS_HALF_OPEN] = policy->half_open_max,
			  [SEG_CLASS_ESTABLISHED] = policy->sessions_max,
			  [SEG_CLASS_DENIED] = policy->denied_max,
			  [SEG_CLASS_OWN] = policy->half_open_max},
		.generation = book->generation,
		.constants = seg_rxq_asks(iface, rxq) ? seg_egress_side_constants(iface, book)
						      : seg_iface_constants(iface, book),
	};

	memcpy(handover.name, iface->link.name, IFNAMSIZ);
	return handover;
}

static int seal_handover(const struct seg_handover *handover)
{
	_cleanup_close_ int fd = memfd_create("xdpseg-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, handover, sizeof(*handover)) != sizeof(*handover))
		return -ENOMEM;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		return -errno;
	return TAKE_FD(fd);
}

int seg_rxq_prepare(const struct seg_iface *iface, struct seg_rxq *rxq,
		    const struct seg_rulebook *book, struct seg_error *err)
{
	const struct seg_vlan *vlans;
	struct seg_handover handover;
	int fd;

	rxq->fds[SEG_FD_IMAGE] = book->image_fd;
	rxq->fds[SEG_FD_RULES] = book->rules_fd;
	rxq->fds[SEG_FD_ZONES] =
		seg_image_vlans(book->image, &vlans) ? iface->keeper->zones_fd : -1;
	handover = make_handover(iface, rxq, book);
	fd = seal_handover(&handover);
	if (fd < 0)
		return seg_error_set(err, -fd, "no memory for a worker's handover: %s",
				     strerror(-fd));
	seg_closep(&rxq->fds[SEG_FD_HANDOVER]);
	rxq->fds[SEG_FD_HANDOVER] = fd;
	return 0;
}

static int make_ledger(struct seg_error *err)
{
	_cleanup_close_ int fd = memfd_create("xdpseg-ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, SEG_LEDGER_SIZE) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return seg_error_set(err, errno, "no memory for a worker's ledger: %s",
				     strerror(errno));
	return TAKE_FD(fd);
}

/* What it shares with others. */
static void lend(const struct seg_iface *iface, struct seg_rxq *rxq)
{
	const struct seg_tables *tables = &iface->keeper->tables;

	rxq->fds[SEG_FD_UMEM] = rxq->umem.fd;
	rxq->fds[SEG_FD_TAGS] = tables->fds[SEG_MAP_TAGS];
	rxq->fds[SEG_FD_SLOTS] = tables->fds[SEG_MAP_SLOTS];
	rxq->fds[SEG_FD_QUEUES] = tables->fds[SEG_MAP_QUEUES];
	rxq->fds[SEG_FD_QUOTA] = tables->fds[SEG_MAP_QUOTA];
	rxq->fds[SEG_FD_CONFIG] = tables->fds[SEG_MAP_CONFIG];
	rxq->fds[SEG_FD_LIVE] = seg_return_live_fd(&iface->back);
	rxq->fds[SEG_FD_LIVE_FRAMES] = seg_return_frames_fd(&iface->back);
}

/* The memory is the sockets' by now: nobody here needs to see it. */
int seg_rxq_adopt(const struct seg_iface *iface, struct seg_rxq *rxq, struct seg_held *held,
		  struct seg_error *err)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(own_fds); i++)
		rxq->fds[own_fds[i]] = TAKE_FD(held->fds[own_fds[i]]);
	rxq->umem = (struct seg_umem){
		.fd = TAKE_FD(held->fds[SEG_FD_UMEM]),
		.size = (uint64_t)held->handover.frames * held->handover.frame_size,
		.frame_size = held->handover.frame_size,
	};
	rxq->zerocopy = held->handover.flags & SEG_HANDOVER_ZEROCOPY;
	lend(iface, rxq);
	return seg_remote_adopt(&iface->keeper->workers, &rxq->worker, held, err);
}

int seg_rxq_start(struct seg_iface *iface, struct seg_rxq *rxq, struct seg_error *err)
{
	int r = seg_rxq_prepare(iface, rxq, &iface->keeper->book, err);

	if (r)
		return r;
	rxq->fds[SEG_FD_LEDGER] = make_ledger(err);
	if (rxq->fds[SEG_FD_LEDGER] < 0)
		return rxq->fds[SEG_FD_LEDGER];
	lend(iface, rxq);
	return seg_remote_start(&iface->keeper->workers, &rxq->worker,
				iface->queue_base + (uint32_t)(rxq - iface->rxqs), rxq->fds, err);
}

void seg_rxq_stop(const struct seg_iface *iface, struct seg_rxq *rxq)
{
	seg_loop_remove(&iface->keeper->loop, &rxq->arrival);
	seg_remote_stop(&rxq->worker);
}
