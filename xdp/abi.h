/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * abi.h - what the BPF programs, the keeper and the worker share.
 *
 * UAPI types only; no #ifdef inside a struct; every offset that matters is
 * asserted below and compared with the BPF object's BTF by tests/unit/abi.
 * Word order is the machine's unless a type says __be.
 *
 * Who writes what is said beside each struct (invariant 4: no word is written
 * by two without an atomic).
 */
#ifndef SEG_ABI_H
#define SEG_ABI_H

#include <linux/types.h>

#include "reasons.h"

#define SEG_IFACES_MAX 64  /* interfaces of one daemon */
#define SEG_QUEUES_MAX 256 /* RX queues of all of them together */
#define SEG_RULES_MAX  131072
#define SEG_SHADOW_MAX 65535 /* a rule of stage shadow is one of the first so many */

/* Entry of map seg_counts: what arrives and what leaves by an interface are counted apart. */
#define SEG_COUNTS_MAX (2 * SEG_IFACES_MAX)
#define seg_counts_index(iface, direction)                                                         \
	((iface) + ((direction) == SEG_EGRESS ? SEG_IFACES_MAX : 0))

/* --- reasons ------------------------------------------------------------- */

enum seg_verdict {
	SEG_VERDICT_NONE,
	SEG_VERDICT_ALLOW,
	SEG_VERDICT_DENY,
	SEG_VERDICT_LOSS,
	SEG_VERDICT_UP
};

enum seg_path { SEG_PATH_GUARD, SEG_PATH_SESSION, SEG_PATH_WILDCARD, SEG_PATH_SLOW, SEG_PATH_MAX };

enum seg_reason {
#define X(id, name, verdict, path, text) SEG_REASON_##id,
	SEG_REASONS(X)
#undef X
		SEG_REASON_MAX
};

struct seg_count {
	__u64 packets;
	__u64 bytes; /* as on the wire, L2 header included, FCS not */
};

/* Value of map seg_counts, per CPU: two entries an interface, each written by one program, on that
 * CPU only. */
struct seg_counts {
	struct seg_count exit[SEG_REASON_MAX];
};

/* --- a packet, parsed ---------------------------------------------------- */

enum seg_packet_flag {
	SEG_PACKET_FRAGMENT = 1 << 0,   /* MF set or offset not 0; IPv6 atomic fragments are none */
	SEG_PACKET_LATER = 1 << 1,      /* a fragment without the L4 header */
	SEG_PACKET_ICMP_ERROR = 1 << 2, /* quotes another packet */
	SEG_PACKET_ICMP_REPLY = 1 << 3, /* answers a request: echo reply */
	SEG_PACKET_ROUTER_ALERT = 1 << 4,
	SEG_PACKET_WHOLE = 1 << 5, /* a datagram that came in fragments, or in one */
};

#define SEG_VLAN_PRESENT                                                                           \
	0x8000 /* in seg_packet.vlan: a tag was there; the low 12 bits are its VID */

/*
 * What the parser found. Offsets are from the frame's first byte. Written by
 * XDP before the frame (struct seg_meta), or by the worker where the driver
 * does not carry that.
 */
struct seg_packet {
	__u16 l3;    /* IP header */
	__u16 l4;    /* header after IP and its extensions */
	__u16 end;   /* end of the IP datagram: what follows is Ethernet padding */
	__u8 family; /* 4 or 6; 0: not IP */
	__u8 proto;  /* IPPROTO_*: the last header's */
	__u8 flags;  /* enum seg_packet_flag */
	__u8 tcp_flags;
	__u8 tos; /* TOS or traffic class, whole */
	__u8 ttl; /* or hop limit */
	__u8 icmp_type;
	__u8 icmp_code;
	__u16 vlan[2]; /* outer, inner; 0: none */
	__u16 zone;    /* L2 domain + VLAN stack: part of the key */
	__be16 sport; /* TCP, UDP, UDP-Lite, SCTP, DCCP; ICMP: see seg_key; not IP: the Ethertype */
	__be16 dport;
};

/* 32 bytes of XDP metadata before a frame that goes up. */
struct seg_meta {
	struct seg_packet packet;
	__u32 slot;       /* of the pending session, SEG_SLOT_NONE: uncached */
	__u16 generation; /* of the policy that XDP enforced; low 16 bits */
	__u8 incarnation; /* of that slot: compare before use */
	__u8 reason;      /* enum seg_up_reason */
};

enum seg_up_reason {
	SEG_UP_MISS,
	SEG_UP_PENDING,
	SEG_UP_UNCACHED,
	SEG_UP_BESIDE, /* its session is a denial of what the other side began */
	SEG_UP_FRAGMENT
};

#define SEG_SLOT_NONE 0xffffffffu

/* --- a session ----------------------------------------------------------- */

/*
 * Canonical: endpoint 0 is the lower one (seg_key_make), so both directions
 * have one key. IPv4 addresses are ::ffff:a.b.c.d; `family` keeps them apart
 * from such addresses on the wire, which the parser drops anyway.
 * ICMP echo: the identifier is the port of who asks, the next number the other one's.
 * Other ICMP, by type and code: both ports are (type << 8 | code), big-endian. No ports: 0.
 * Immutable from LIVE until the slot is free.
 */
struct seg_key {
	__be32 addr[2][4];
	__be16 port[2];
	__u8 proto;
	__u8 family;
	__u16 zone;
} __attribute__((aligned(8))); /* compared by words of 64 bits */

/*
 * What one side of a TCP connection has said (window.h); both words by CAS.
 *
 * edge    sent:32 acked:32 (low to high): the sequence number behind all that it sent, and the
 *         highest that it acknowledged
 * traits  window:16 scale:8 flags:8 spare:32: the largest window field that it sent, in units of
 *         2^scale. The spare halves are room for an index into a cold array (NAT, next hop)
 */
struct seg_window {
	__u64 edge;
	__u64 traits;
};

enum seg_window_flag {
	SEG_WINDOW_SPOKEN = 1 << 0, /* `sent` is known */
	SEG_WINDOW_ACKED = 1 << 1,  /* `acked` is */
	SEG_WINDOW_SCALES = 1 << 2, /* it offered to scale windows, or how it began was not seen */
	SEG_WINDOW_SYN = 1 << 3,    /* its SYN was seen */
	SEG_WINDOW_EARLY = 1 << 4,  /* it sent data before its SYN was acknowledged */
	SEG_WINDOW_RIVAL = 1 << 5,  /* a SYN that does not belong here was let through */
};

/*
 * 128 bytes, two adjacent cache lines: the first identifies and decides, the
 * second keeps account.
 *
 * shadow   by generation & 1 too: the rule of stage shadow that would have decided,
 *          + 1; 0: none. Stored before the verdict, and valid only with it
 * state    by CAS only: see SEG_STATE_*; life, L4 state, flags, incarnation
 *          and last seen share the word, so that ageing fails against a packet
 * verdict  two policy generations, slot generation & 1; each one store
 * gate     order while the verdict is not known: see SEG_GATE_*; atomics only
 * count    packets << 40 | bytes by direction; atomic add; the keeper harvests
 *          by atomic subtraction long before either half can wrap
 */
struct seg_session {
	struct seg_key key;
	__u64 state;
	__u64 verdict[2];
	/* second line */
	__u64 gate;
	__u64 count[2];
	struct seg_window window[2];
	__u16 iface[2]; /* expected ingress interface by direction, + 1; 0: not known yet */
	__u16 shadow[2];
};

/* state: life:8 l4:8 flags:8 incarnation:8 seen:32 (low to high) */
enum seg_life { SEG_LIFE_FREE, SEG_LIFE_FILLING, SEG_LIFE_LIVE, SEG_LIFE_DEAD };
#define SEG_STATE_L4_SHIFT          8
#define SEG_STATE_FLAGS_SHIFT       16
#define SEG_STATE_INCARNATION_SHIFT 24
#define SEG_STATE_SEEN_SHIFT        32
#define SEG_TICK_SHIFT                                                                             \
	20 /* "seen" counts 2^20 ns (1.05 ms): wraps after 52 days, compared modularly */

enum seg_l4_state {
	SEG_L4_NEW,          /* one packet seen, no verdict yet */
	SEG_L4_OPENING,      /* the originator has spoken */
	SEG_L4_ANSWERED,     /* the other side has, too; unassured still */
	SEG_L4_ESTABLISHED,  /* the originator has answered that */
	SEG_L4_CLOSING,      /* TCP: a FIN of the originator's */
	SEG_L4_CLOSING_BACK, /* of the other side's */
	SEG_L4_TIME_WAIT,    /* of both */
	SEG_L4_CLOSED,       /* RST */
	SEG_L4_MAX
};

enum seg_session_flag {
	SEG_SESSION_ORIGINATOR = 1 << 0, /* endpoint 1 began (else endpoint 0) */
	SEG_SESSION_LOOSE = 1 << 1,      /* taken up mid-flow */
	SEG_SESSION_CLASS_SHIFT = 6, /* two bits: enum seg_class, for the quota it is counted in */
};

/* verdict: action:8 flags:8 generation:16 rule:32; valid only if its generation is the current one
 */
#define SEG_RULE_DEFAULT 0xffffffffu /* no rule matched: the default decided */
enum seg_verdict_flag {
	SEG_VERDICT_LOG = 1 << 0,
	SEG_VERDICT_LEARNED = 1 << 1, /* by a program, which knows no rules: which one it was is for
					 the keeper to find out */
};

/*
 * gate: created:32 (ticks) queued:15 spare:1 handled:15 open:1 (low to high).
 * XDP adds 1 to queued and looks at what was there: open, go by the verdict;
 * closed, the packet goes up. The worker adds to handled what it handed on and
 * opens by CAS only when both are equal, so no packet overtakes its elders.
 */
#define SEG_GATE_QUEUED_ONE  (1ull << 32)
#define SEG_GATE_HANDLED_ONE (1ull << 48)
#define SEG_GATE_OPEN        (1ull << 63)
#define SEG_GATE_COUNT_MASK  0x7fffull
#define SEG_GATE_QUEUED_CAP  0x2000 /* beyond, XDP drops: pending-full */

/* --- the table ----------------------------------------------------------- */

/*
 * Tags: one byte a slot, 0 = free, SEG_BUCKET_SLOTS a bucket. Slot index =
 * bucket * SEG_BUCKET_SLOTS + byte. Two candidate buckets a key; entries never
 * move. Two choices of 16 fill to 83 % before the first insert fails (5.6 M
 * slots), so the table is built for SEG_TABLE_LOAD percent.
 */
#define SEG_BUCKET_SLOTS 16
#define SEG_TABLE_LOAD   78

/* Value of map seg_tags: one bucket. Byte i of the words in memory order is slot i's tag... */
struct seg_tags {
	__u64 word[SEG_BUCKET_SLOTS / 8]; /* ...as (word >> 8 * (i % 8)) & 0xff of word[i / 8] */
};

/* Classes of sessions, each bounded by itself, so that none can crowd out another. */
enum seg_class {
	SEG_CLASS_HALF_OPEN, /* pending, or opened by one side only */
	SEG_CLASS_ESTABLISHED,
	SEG_CLASS_DENIED,
	SEG_CLASS_OWN, /* opened by this host, not established yet */
	SEG_CLASS_MAX
};

/* Map seg_quota, one entry: atomic adds by XDP, worker and keeper. */
struct seg_quota {
	struct {
		__u64 used;
		__u64 refused;
	} class[SEG_CLASS_MAX];
};

/* --- a queue ------------------------------------------------------------- */

enum seg_meta_carried { SEG_META_UNKNOWN, SEG_META_CARRIED, SEG_META_REFUSED };

/*
 * Map seg_queues: one entry an RX queue, index = interface's queue_base + queue.
 * First part: XDP, atomics. Second: the queue's worker alone.
 *
 * Worker lost: the worker stores in `consumed` what it took, and when its ring
 * is empty the value of `sent` it read before looking. XDP notes in `since` when
 * `sent` left `consumed` or `consumed` last moved; SEG_WORKER_LOST_NS later it
 * applies on-worker-loss by itself.
 */
struct seg_queue {
	__u64 sent;  /* packets redirected to the worker */
	__u64 since; /* ns, CLOCK_MONOTONIC coarse */
	__u64 seen;  /* `consumed` when `since` was noted */
	__u32 meta;  /* enum seg_meta_carried */
	__u32 bell;  /* 1: the keeper sleeps, and wants to hear of the next batch; the worker takes
		      * it back by atomic exchange when it rings */
	__u64 pad[4];

	__u64 consumed;
	__u64 batches; /* odd while the worker holds pointers to sessions: the keeper frees a dead
			* slot only after every worker was seen even, or moved on, since */
	__u64 wakeups;
	__u64 restarts;    /* workers that took this queue over */
	__u64 frames_lost; /* UMEM frames a successor could not account for: 0 unless there is a bug
			    */
	__u64 held;        /* fragments that wait for the rest of their datagram */
	__u64 pad2[2];
	struct seg_count exit[SEG_REASON_MAX];
};

#define SEG_WORKER_LOST_NS  200000000ull
#define SEG_WORKER_RETRY_NS 2000000000ull

/* Map seg_rules: what left the session table (dead, or never cached) by rule; atomic adds. Entry
 * `rules` (one past the last) is the default's. */
struct seg_rule_count {
	struct seg_count count;
	__u64 sessions;
	__u64 shadow; /* packets that a rule of stage shadow would have decided */
};

/* --- configuration ------------------------------------------------------- */

/* Map seg_config, one entry: the keeper writes, XDP and worker read. */
struct seg_config {
	__u32 generation;   /* of the policy in force, 1..65535 */
	__u32 armed;        /* 0: count and pass everything */
	__u64 pickup_until; /* ns, CLOCK_MONOTONIC: TCP mid-flow of no known session is judged
			     * before, dropped after; ~0: always judged */
};

/* Which way a flow's first packet goes, seen from this host. */
enum seg_direction { SEG_INGRESS, SEG_EGRESS, SEG_FORWARD, SEG_DIRECTION_MAX };

enum seg_on_loss { SEG_ON_LOSS_SESSIONS, SEG_ON_LOSS_PASS, SEG_ON_LOSS_DROP };

enum seg_feature {
	SEG_FEATURE_TRACE = 1 << 0,       /* bpf_printk of every exit */
	SEG_FEATURE_VLAN = 1 << 1,        /* the policy names VLANs */
	SEG_FEATURE_PARTIAL_SUM = 1 << 2, /* frames may carry only the pseudo-header's sum */
	SEG_FEATURE_TCP_STATE = 1 << 3,
	SEG_FEATURE_META = 1 << 4,   /* try to put seg_meta before frames that go up */
	SEG_FEATURE_REPLAY = 1 << 5, /* time comes from seg_replay, and the exit goes there */
	SEG_FEATURE_TWO_SIDED =
		1 << 6, /* both directions of a flow are seen here: replies need a session */
	SEG_FEATURE_FRAGS = 1 << 7, /* frames may be longer than their linear part (Linux 5.18) */
	SEG_FEATURE_LEARN =
		1 << 8, /* egress: all of it is allowed, so nobody need be asked (image.h) */
	SEG_FEATURE_OBSERVE = 1 << 9,     /* whatever is decided, every packet goes on */
	SEG_FEATURE_UNDIRECTED = 1 << 10, /* what leaves comes by here too: a capture that says no
					     more */
	SEG_FEATURE_SHARED = 1 << 11,     /* called by another program (shared.bpf.c) */
	SEG_FEATURE_GATHER = 1 << 12,     /* fragments go up, to be held until all are there */
};

/*
 * Read-only data of a loaded program: one object is loaded per interface. The
 * verifier drops what these constants make unreachable.
 */
struct seg_constants {
	__u64 seed[6];    /* hash key: secret, random at each start of the table */
	__u32 buckets;    /* of the table */
	__u32 features;   /* enum seg_feature */
	__u32 iface;      /* index of this interface in seg_counts */
	__u32 queue_base; /* of this interface in seg_queues */
	__u32 queues;     /* of this interface */
	__u32 half_open_max;
	__u32 established_max;
	__u32 frame_max; /* bytes that a frame of the worker's holds; 0: any */
	__u32 spare;
	__u16 zone;     /* of untagged packets here */
	__u8 on_loss;   /* enum seg_on_loss */
	__u8 direction; /* enum seg_direction: where packets go that come by this program */
};

#define SEG_FAILSAFES_MAX 16

enum seg_failsafe_flag {
	SEG_FAILSAFE_ANY_PROTO = 1 << 0,
	SEG_FAILSAFE_ANYWHERE = 1 << 1, /* no address is asked for */
};

/* A service that is never cut off. */
struct seg_failsafe_row {
	__u32 set;         /* seg_failsafe_key.set: from where */
	__u16 first, last; /* destination ports, or ICMP type << 8 | code; host order */
	__u8 proto;
	__u8 family; /* 0: both */
	__u8 flags;  /* enum seg_failsafe_flag */
	__u8 spare;
};

/* All of them: read-only data of its own. */
struct seg_failsafes {
	__u32 n;
	__u32 spare;
	__u64 hash; /* of what is in map seg_failsafe: equal rows and hash, equal answers */
	struct seg_failsafe_row row[SEG_FAILSAFES_MAX];
};

/* Key of map seg_failsafe, a longest-prefix trie: made by the keeper, never changed; any value. */
struct seg_failsafe_key {
	__u32 length; /* in bits, of what follows */
	__u32 set;
	__be32 addr[4]; /* as in seg_key */
};

#define SEG_FAILSAFE_KEY_BITS 160 /* of a whole address */

/* Where the egress program sends packets that a worker is to judge; read-only data of its own. */
struct seg_port {
	__u32 ask;     /* ifindex of the asking pair's outer end */
	__u32 mark;    /* skb->mark of what comes back, secret; 0: nothing does... */
	__u32 mark_in; /* ...and of what came in and has a VLAN tag */
};

/* Map seg_replay, one entry: a program with SEG_FEATURE_REPLAY and whoever runs it, in turn. */
struct seg_replay_word {
	__u64 now;    /* in: ns */
	__u64 reason; /* out: enum seg_reason of the last exit */
	__u64 length; /* in, tc: bytes of the frame, of which only the head is there; 0: that is all
		       */
};

/* Key of map seg_zones: the VLANs that the policy names, made by the keeper; value __u16 zone. */
struct seg_zone_key {
	__u16 zone;    /* the interface's, untagged */
	__u16 vlan[2]; /* as in seg_packet */
};

#define SEG_ASSERT_SIZE(type, size)                                                                \
	_Static_assert(sizeof(type) == (size), #type " is " #size " bytes")

SEG_ASSERT_SIZE(struct seg_packet, 24);
SEG_ASSERT_SIZE(struct seg_meta, 32);
SEG_ASSERT_SIZE(struct seg_key, 40);
SEG_ASSERT_SIZE(struct seg_window, 16);
SEG_ASSERT_SIZE(struct seg_session, 128);
SEG_ASSERT_SIZE(struct seg_tags, 16);
SEG_ASSERT_SIZE(struct seg_rule_count, 32);
SEG_ASSERT_SIZE(struct seg_config, 16);
SEG_ASSERT_SIZE(struct seg_constants, 88);
SEG_ASSERT_SIZE(struct seg_zone_key, 6);
SEG_ASSERT_SIZE(struct seg_port, 12);
SEG_ASSERT_SIZE(struct seg_failsafe_row, 12);
SEG_ASSERT_SIZE(struct seg_failsafes, 208);
SEG_ASSERT_SIZE(struct seg_failsafe_key, 24);
_Static_assert(__builtin_offsetof(struct seg_session, gate) == 64,
	       "the account starts a cache line");
_Static_assert(__builtin_offsetof(struct seg_queue, consumed) == 64,
	       "the worker's part starts a cache line");

#endif
