/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * abi_btf.c - the layout that the BPF object was compiled with is the layout that
 * C has: every member of every shared struct, by the object's own BTF. A member
 * that is not listed here fails the count.
 */
#include <bpf/btf.h>
#include <stddef.h>
#include <string.h>

#include "abi.h"
#include "check.h"
#include "live.h"

struct member {
	const char *name;
	size_t offset; /* bytes */
};

struct layout {
	const char *name;
	size_t size;
	const struct member *members;
	size_t count;
};

#define M(type, member)                                                                            \
	{                                                                                          \
#member, offsetof(struct type, member)                                             \
	}
#define LAYOUT(type, ...)                                                                          \
	{                                                                                          \
#type, sizeof(struct type),                                                        \
			(const struct member[]){__VA_ARGS__ },                                     \
						sizeof((const struct member[]){__VA_ARGS__}) /     \
							sizeof(struct member)                      \
	}

static const struct layout layouts[] = {
	LAYOUT(seg_key, M(seg_key, addr), M(seg_key, port), M(seg_key, proto), M(seg_key, family),
	       M(seg_key, zone)),
	LAYOUT(seg_session, M(seg_session, key), M(seg_session, state), M(seg_session, verdict),
	       M(seg_session, gate), M(seg_session, count), M(seg_session, window),
	       M(seg_session, iface), M(seg_session, shadow)),
	LAYOUT(seg_window, M(seg_window, edge), M(seg_window, traits)),
	LAYOUT(seg_packet, M(seg_packet, l3), M(seg_packet, l4), M(seg_packet, end),
	       M(seg_packet, family), M(seg_packet, proto), M(seg_packet, flags),
	       M(seg_packet, tcp_flags), M(seg_packet, tos), M(seg_packet, ttl),
	       M(seg_packet, icmp_type), M(seg_packet, icmp_code), M(seg_packet, vlan),
	       M(seg_packet, zone), M(seg_packet, sport), M(seg_packet, dport)),
	LAYOUT(seg_meta, M(seg_meta, packet), M(seg_meta, slot), M(seg_meta, generation),
	       M(seg_meta, incarnation), M(seg_meta, reason)),
	LAYOUT(seg_tags, M(seg_tags, word)),
	LAYOUT(seg_count, M(seg_count, packets), M(seg_count, bytes)),
	LAYOUT(seg_counts, M(seg_counts, exit)),
	LAYOUT(seg_quota, M(seg_quota, class)),
	LAYOUT(seg_queue, M(seg_queue, sent), M(seg_queue, since), M(seg_queue, seen),
	       M(seg_queue, meta), M(seg_queue, bell), M(seg_queue, pad), M(seg_queue, consumed),
	       M(seg_queue, batches), M(seg_queue, wakeups), M(seg_queue, restarts),
	       M(seg_queue, frames_lost), M(seg_queue, held), M(seg_queue, pad2),
	       M(seg_queue, exit)),
	LAYOUT(seg_config, M(seg_config, generation), M(seg_config, armed),
	       M(seg_config, pickup_until)),
	LAYOUT(seg_constants, M(seg_constants, seed), M(seg_constants, buckets),
	       M(seg_constants, features), M(seg_constants, iface), M(seg_constants, queue_base),
	       M(seg_constants, queues), M(seg_constants, half_open_max),
	       M(seg_constants, established_max), M(seg_constants, frame_max),
	       M(seg_constants, spare), M(seg_constants, zone), M(seg_constants, on_loss),
	       M(seg_constants, direction)),
	LAYOUT(seg_rule_count, M(seg_rule_count, count), M(seg_rule_count, sessions),
	       M(seg_rule_count, shadow)),
	LAYOUT(seg_live, M(seg_live, next), M(seg_live, spare), M(seg_live, frame),
	       M(seg_live, pad)),
	LAYOUT(seg_live_frame, M(seg_live_frame, len), M(seg_live_frame, spare),
	       M(seg_live_frame, data)),
	LAYOUT(seg_zone_key, M(seg_zone_key, zone), M(seg_zone_key, vlan)),
	LAYOUT(seg_failsafes, M(seg_failsafes, n), M(seg_failsafes, spare), M(seg_failsafes, hash),
	       M(seg_failsafes, row)),
	LAYOUT(seg_failsafe_row, M(seg_failsafe_row, set), M(seg_failsafe_row, first),
	       M(seg_failsafe_row, last), M(seg_failsafe_row, proto), M(seg_failsafe_row, family),
	       M(seg_failsafe_row, flags), M(seg_failsafe_row, spare)),
	LAYOUT(seg_failsafe_key, M(seg_failsafe_key, length), M(seg_failsafe_key, set),
	       M(seg_failsafe_key, addr)),
};

static const struct btf_type *find_struct(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	return id < 0 ? NULL : btf__type_by_id(btf, (unsigned int)id);
}

/* Offset of a member in bytes, or -1. */
static long member_offset(const struct btf *btf, const struct btf_type *type, const char *name)
{
	for (unsigned int i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), name))
			return btf_member_bit_offset(type, i) / 8;
	return -1;
}

TEST(abi, bpf_and_c_agree)
{
	struct btf *btf = btf__parse_elf(SEG_ABI_OBJECT, NULL);

	check(btf != NULL);
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		const struct layout *layout = &layouts[i];
		const struct btf_type *type = find_struct(btf, layout->name);

		check(type != NULL);
		check_eq(type->size, layout->size);
		check_eq(btf_vlen(type), layout->count);
		for (size_t j = 0; j < layout->count; j++)
			check_eq(member_offset(btf, type, layout->members[j].name),
				 (long)layout->members[j].offset);
	}
	btf__free(btf);
}
