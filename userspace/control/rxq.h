/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rxq.h - an RX queue of an interface: memory for packets, two sockets, and the
 * worker that is given both.
 */
#ifndef SEG_RXQ_H
#define SEG_RXQ_H

#include "loop.h"
#include "rulebook.h"
#include "workers.h"
#include "xsk.h"

struct seg_iface;

struct seg_rxq {
	struct seg_umem umem;
	int fds[SEG_FD_MAX]; /* what the worker gets; -1: absent */
	bool zerocopy;
	struct seg_remote worker;
	struct seg_watch arrival; /* the RX socket; watched only while the keeper's clock stands */
	struct seg_keeper *keeper;
};

/* Nothing is open yet. */
void seg_rxq_clear(struct seg_rxq *rxq);

/* Memory, and the sockets on the queue and on the internal pair. What was opened stays until
 * seg_rxq_close(), also on failure. */
int seg_rxq_open(const struct seg_iface *iface, struct seg_rxq *rxq, struct seg_error *err);
void seg_rxq_close(struct seg_rxq *rxq);

/* Does it hear of what leaves? The last one does, where there is an asking pair. */
bool seg_rxq_asks(const struct seg_iface *iface, const struct seg_rxq *rxq);

/* End its worker, if it has one. */
void seg_rxq_stop(const struct seg_iface *iface, struct seg_rxq *rxq);

/* Start its worker under the policy in force; it is not ready yet. */
int seg_rxq_start(struct seg_iface *iface, struct seg_rxq *rxq, struct seg_error *err);

/*
 * Take over what the spawner holds of this queue: sockets, memory, ledger, and the worker,
 * which goes on; its successors are given a policy by seg_rxq_prepare(). *held is emptied.
 */
int seg_rxq_adopt(const struct seg_iface *iface, struct seg_rxq *rxq, struct seg_held *held,
		  struct seg_error *err);

/* What a worker of this rxq starts with under a policy; into rxq->fds. */
int seg_rxq_prepare(const struct seg_iface *iface, struct seg_rxq *rxq,
		    const struct seg_rulebook *book, struct seg_error *err);

#endif
