/* SPDX-License-Identifier: BSD-2-Clause */
/* umem.h - which packets fit a frame of the memory that AF_XDP sockets share. */
#ifndef SEG_UMEM_H
#define SEG_UMEM_H

#include <stdint.h>

#define SEG_FRAME_HEADROOM 256  /* XDP_PACKET_HEADROOM: the kernel's own, in every frame */
#define SEG_L2_HEADER_MAX  22   /* Ethernet and two VLAN tags */
#define SEG_FRAME_MAX      4096 /* the kernel takes no frame larger than a page */

/*
 * The internal pairs have the interface's MTU, and a veth takes an XDP program only if a packet,
 * its headroom, two bytes of alignment, an Ethernet header and the kernel's struct
 * skb_shared_info, in whole cache lines, fit a page (veth_xdp_set()).
 */
#if defined(__s390x__)
#define SEG_SHARED_INFO 512
#elif defined(__powerpc64__)
#define SEG_SHARED_INFO 384
#else
#define SEG_SHARED_INFO 320
#endif
#define SEG_MTU_MAX (SEG_FRAME_MAX - SEG_FRAME_HEADROOM - 2 - 14 - SEG_SHARED_INFO)

/* Bytes of a frame for packets of this MTU, or 0: they do not fit a page. */
static inline uint32_t seg_umem_frame_size(uint32_t mtu)
{
	if (mtu > SEG_MTU_MAX)
		return 0;
	return mtu + SEG_L2_HEADER_MAX + SEG_FRAME_HEADROOM <= SEG_FRAME_MAX / 2 ? SEG_FRAME_MAX / 2
										 : SEG_FRAME_MAX;
}

/* Bytes of a packet that such a frame holds; the MTU is one that fits. */
static inline uint32_t seg_umem_frame_room(uint32_t mtu)
{
	return seg_umem_frame_size(mtu) - SEG_FRAME_HEADROOM;
}

#endif
