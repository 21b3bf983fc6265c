/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt.h - a daemon takes over what one that died left running: its spawner and workers, which
 * have gone on, tables, programs, policy. No packet is lost and none passes unseen: workers are
 * replaced as for a change of policy, programs by one store.
 */
#ifndef SEG_ADOPT_H
#define SEG_ADOPT_H

struct seg_keeper;

/*
 * 0: done, or what could not be taken over was undone, each interface by itself. -ENOENT: there
 * is nothing. Other -errno: it cannot be taken over, and it was said why (standard error); what
 * is left is to be ended (leftover.h).
 */
int seg_adopt(struct seg_keeper *keeper);

#endif
