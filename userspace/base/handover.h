/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover.h - what a worker is given: by the keeper, through the spawner.
 *
 * The keeper sends SEG_SPAWN_START with all descriptors to the spawner, which
 * keeps them for as long as the queue lives, and forks a worker with them at
 * fixed numbers. A worker that dies is forked again with the same descriptors:
 * sockets are bound once and adopted, never rebound. Another policy is told to the spawner, then
 * to the worker, which takes it over between two batches; one that cannot, or is silent, is
 * replaced by a successor that has it from the start.
 *
 * Before Linux 6.4 nobody can map the rings of a bound socket. There the spawner maps
 * them first, and a worker is a fork of it that inherits them, and executes nothing.
 *
 * Writers: the keeper writes struct seg_handover; the worker only reads it.
 */
#ifndef SEG_HANDOVER_H
#define SEG_HANDOVER_H

#include <stdint.h>

#include "abi.h"

#define SEG_HANDOVER_VERSION 2

/* Descriptors of a worker: number = SEG_WORKER_FD_FIRST + enum. All others are closed. */
#define SEG_WORKER_FD_FIRST 3
enum seg_worker_fd {
	SEG_FD_HANDOVER, /* sealed memfd: struct seg_handover */
	SEG_FD_DOORBELL, /* SOCK_SEQPACKET to the keeper: struct seg_doorbell */
	SEG_FD_RX,       /* AF_XDP socket of the queue, bound, UMEM registered */
	SEG_FD_TX,       /* AF_XDP socket on the internal veth, same UMEM, own rings */
	SEG_FD_UMEM,     /* memfd, sealed against shrinking: frames * frame_size */
	SEG_FD_LEDGER,   /* memfd of SEG_LEDGER_SIZE, zero at first: the worker's own, for its
			    successor */
	SEG_FD_IMAGE,    /* sealed memfd: the compiled policy */
	SEG_FD_TAGS,     /* BPF maps, to mmap: read and write... */
	SEG_FD_SLOTS,
	SEG_FD_QUEUES,
	SEG_FD_RULES, /* of this image: one entry a rule, and one for the default */
	SEG_FD_QUOTA,
	SEG_FD_CONFIG, /* ...read only */
	SEG_FD_LIVE,   /* program seg_live for BPF_PROG_RUN with live frames; absent before 5.18 */
	SEG_FD_LIVE_FRAMES, /* map seg_live_frames, entry `queue` is this worker's; absent with it
			     */
	SEG_FD_ZONES,       /* memfd: struct seg_zone_list; absent unless the policy names VLANs */
	SEG_FD_MAX
};

/* What changes with the policy. */
#define SEG_POLICY_FDS                                                                             \
	{                                                                                          \
		SEG_FD_HANDOVER, SEG_FD_IMAGE, SEG_FD_RULES, SEG_FD_ZONES                          \
	}
#define SEG_POLICY_FDS_N 4

#define SEG_LEDGER_SIZE (1u << 20)

enum seg_handover_flag {
	SEG_HANDOVER_ZEROCOPY = 1 << 0,    /* RX socket is bound zero-copy */
	SEG_HANDOVER_NEED_WAKEUP = 1 << 1, /* both sockets were bound with XDP_USE_NEED_WAKEUP */
	SEG_HANDOVER_LIVE = 1 << 2,        /* SEG_FD_LIVE and SEG_FD_LIVE_FRAMES are there */
	SEG_HANDOVER_ZONES = 1 << 3,       /* SEG_FD_ZONES is there */
};

struct seg_handover {
	uint32_t version; /* SEG_HANDOVER_VERSION */
	uint32_t size;    /* of this struct */
	char name[16];    /* IFNAMSIZ: <net/if.h> does not go with <linux/icmp.h> */
	uint32_t ifindex;
	uint32_t queue;       /* RX queue of the interface */
	uint32_t queue_index; /* in map seg_queues */
	uint32_t queues;      /* entries of map seg_queues */
	uint32_t rules;       /* entries of map seg_rules; the last is the default's */
	uint32_t flags;       /* enum seg_handover_flag */
	uint32_t frames;      /* in the UMEM */
	uint32_t frame_size;
	uint32_t headroom;
	uint32_t rx_ring; /* entries, powers of two; RX socket: rx_ring and fill_ring... */
	uint32_t fill_ring;
	uint32_t tx_ring; /* ...TX socket: tx_ring and completion_ring (a small fill ring is unused)
			   */
	uint32_t completion_ring;
	uint32_t limit[SEG_CLASS_MAX];  /* sessions, by class */
	uint32_t generation;            /* of SEG_FD_IMAGE */
	struct seg_constants constants; /* what this interface's XDP program has */
};

/*
 * The VLANs that the policy names and their zones, as in map seg_zones, for a
 * worker whose driver carries no metadata. The keeper appends: the entry, then
 * count by release.
 */
struct seg_zone_list {
	uint32_t count;
	uint32_t spare;
	struct {
		struct seg_zone_key key;
		uint16_t zone;
	} entry[];
};

/* How a worker ends, beside signals (SIGSYS: a system call that it is not allowed). */
enum seg_worker_exit {
	SEG_WORKER_EXIT_USAGE = 2,     /* run by hand: no handover */
	SEG_WORKER_EXIT_HANDOVER = 10, /* the handover is of another version, or broken */
	SEG_WORKER_EXIT_RINGS,         /* a socket, map or memfd cannot be mapped */
	SEG_WORKER_EXIT_IMAGE,         /* the policy is refused */
	SEG_WORKER_EXIT_LEDGER,        /* the ledger is of another version, or another UMEM's */
	SEG_WORKER_EXIT_CONFINE,       /* privileges cannot be given up */
};

/* --- keeper <-> spawner, SOCK_SEQPACKET ----------------------------------- */

enum seg_spawn_kind {
	/* from the keeper */
	SEG_SPAWN_START, /* a worker; descriptors by SCM_RIGHTS, in the order of enum seg_worker_fd;
			    an absent one is the handover's, twice */
	SEG_SPAWN_STOP,  /* end that worker, close its descriptors */
	SEG_SPAWN_RESTART, /* end that worker, it hangs; another one is started at once */
	SEG_SPAWN_IMAGE, /* what the next worker starts with; descriptors: of SEG_POLICY_FDS, absent
			    ones as in START */
	SEG_SPAWN_EXIT,  /* end all workers, then yourself */
	SEG_SPAWN_RX_RINGS, /* map this worker's rings now, before START: descriptors: a socket that
			       is not bound yet, and one on which a byte says that it was done */
	SEG_SPAWN_TX_RINGS,
	/* from the spawner */
	SEG_SPAWN_STARTED, /* pid */
	SEG_SPAWN_ENDED,   /* pid, wait status; another one is started at once, unless stopped */
	/* a keeper that takes over from one that died, on a connection of its own */
	SEG_SPAWN_ADOPT,    /* keeper: what do you hold? */
	SEG_SPAWN_HELD,     /* spawner: a worker; pid (0: none runs now), descriptors as in START */
	SEG_SPAWN_HELD_ALL, /* spawner: that was all */
	SEG_SPAWN_DOORBELL, /* keeper: its successors' SEG_FD_DOORBELL, the only descriptor */
};

struct seg_spawn {
	uint32_t kind;
	uint32_t queue_index; /* names the worker */
	int32_t pid;
	int32_t status;
};

/* --- keeper <-> worker, SOCK_SEQPACKET ------------------------------------ */

enum seg_doorbell_kind {
	SEG_DOORBELL_READY,  /* worker: rings are filled; `generation` of the policy it has */
	SEG_DOORBELL_POLICY, /* keeper: another policy; descriptors: of SEG_POLICY_FDS, absent ones
				as in START. Told to the spawner first, for a successor. */
	SEG_DOORBELL_ACK,   /* worker: nothing decided by an older generation is on its way any more
			     */
	SEG_DOORBELL_AWAKE, /* worker: packets came, and seg_queue.bell asked to be told */
};

struct seg_doorbell {
	uint32_t kind;
	uint32_t generation;
	int32_t pid; /* a worker's: what its predecessor said last may be read after its successor
			began */
};

#endif
