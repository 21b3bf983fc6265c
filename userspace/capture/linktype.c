/* SPDX-License-Identifier: BSD-2-Clause */
#include "linktype.h"

#include <pcap/pcap.h>
#include <string.h>

#define ETHERTYPE_IP4 0x0800
#define ETHERTYPE_IP6 0x86dd

static void put_type(uint8_t *ethernet, uint16_t type)
{
	ethernet[12] = (uint8_t)(type >> 8);
	ethernet[13] = (uint8_t)type;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Neither 4 nor 6 is no Ethertype at all. */
static void from_raw(const uint8_t *data, uint32_t length, uint8_t *ethernet)
{
	uint8_t version = length ? data[0] >> 4 : 0;

	put_type(ethernet, version == 4 ? ETHERTYPE_IP4 : version == 6 ? ETHERTYPE_IP6 : 0);
}

/* Address families as the BSDs, Linux, macOS and Windows number them; all below 256, so byte order
 * shows. */
static void from_null(const uint8_t *data, uint32_t length, uint8_t *ethernet)
{
	uint8_t family = data[0] ? data[0] : data[3];

	(void)length;
	if (family == 2)
		put_type(ethernet, ETHERTYPE_IP4);
	else if (family == 10 || family == 24 || family == 28 || family == 30)
		put_type(ethernet, ETHERTYPE_IP6);
}

/* Packet types of Linux: for us, broadcast, multicast, for others, from us. */
static void put_sll(uint8_t *ethernet, uint16_t type, uint16_t address_length,
		    const uint8_t *address, const uint8_t *protocol)
{
	if (type == 1)
		memset(ethernet, 0xff, 6);
	else if (type == 2)
		ethernet[0] = 0x01;
	if (address_length == 6)
		memcpy(ethernet + 6, address, 6);
	memcpy(ethernet + 12, protocol, 2);
}

static void from_sll(const uint8_t *data, uint32_t length, uint8_t *ethernet)
{
	(void)length;
	put_sll(ethernet, get16(data), get16(data + 4), data + 6, data + 14);
}

static void from_sll2(const uint8_t *data, uint32_t length, uint8_t *ethernet)
{
	(void)length;
	put_sll(ethernet, data[10], data[11], data + 12, data);
}

static const struct seg_linktype LINKTYPES[] = {
	{DLT_EN10MB, 0, NULL},         {DLT_RAW, 0, from_raw},          {DLT_IPV4, 0, from_raw},
	{DLT_IPV6, 0, from_raw},       {DLT_NULL, 4, from_null},        {DLT_LOOP, 4, from_null},
	{DLT_LINUX_SLL, 16, from_sll}, {DLT_LINUX_SLL2, 20, from_sll2},
};

const struct seg_linktype *seg_linktype_find(int dlt)
{
	for (size_t i = 0; i < sizeof(LINKTYPES) / sizeof(*LINKTYPES); i++)
		if (LINKTYPES[i].dlt == dlt)
			return &LINKTYPES[i];
	return NULL;
}
