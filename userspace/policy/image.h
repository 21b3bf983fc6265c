/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image.h - a compiled policy: one block of memory without pointers, the same
 * bytes for the same texts. The keeper compiles it and seals it into a memfd; the
 * worker, `why`, `replay` and the tests map it. Only the copy that a compiler patches (splice.h) is
 * written after compiling, and what is sealed never.
 *
 * What is read from a descriptor is hostile until seg_image_map() has checked
 * it whole: bounds, order and references of every section, once, so that
 * classifying need not.
 */
#ifndef SEG_IMAGE_H
#define SEG_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "cleanup.h"
#include "error.h"

#define SEG_IMAGE_VERSION  6
#define SEG_IMAGE_SIZE_MAX (1u << 30)
#define SEG_NAME_MAX       64 /* policy name, rule id, group, service; with the NUL */
#define SEG_VLANS_MAX      4096
#define SEG_IFACE_NONE     0 /* seg_flow.iface: no rule names this interface */
#define SEG_ETHERTYPES_MAX 32
#define SEG_MASKS_MAX      1024

/* Bits 1 << enum seg_direction. */
#define SEG_DIRECTIONS_ANY ((1 << SEG_DIRECTION_MAX) - 1)

/* What becomes of live sessions when the policy changes. */
enum seg_on_change { SEG_ON_CHANGE_REJUDGE, SEG_ON_CHANGE_KEEP, SEG_ON_CHANGE_MAX };

/* Who answers a SYN: the host, and where half-open sessions run out, its stead. */
enum seg_syn_protect {
	SEG_SYN_PROTECT_AUTO,
	SEG_SYN_PROTECT_ALWAYS,
	SEG_SYN_PROTECT_OFF,
	SEG_SYN_PROTECT_MAX
};

/* What becomes of an unknown flow where there is no AF_XDP. */
enum seg_unmatched {
	SEG_UNMATCHED_SLOW,
	SEG_UNMATCHED_PASS,
	SEG_UNMATCHED_DROP,
	SEG_UNMATCHED_MAX
};

/* A shadow rule decides nothing. */
enum seg_stage { SEG_STAGE_ENFORCE, SEG_STAGE_SHADOW, SEG_STAGE_MAX };

enum seg_per { SEG_PER_RULE, SEG_PER_SOURCE, SEG_PER_DESTINATION, SEG_PER_MAX };

/* How much a rule allows; zero: no limit of that kind. */
struct seg_limit {
	uint32_t rate;     /* new flows a second */
	uint32_t burst;    /* 0: as many as `rate` */
	uint32_t sessions; /* live at a time */
	uint8_t per;       /* enum seg_per */
	uint8_t spare[3];
};

/* id, key in the policy, default in seconds, of which sessions */
#define SEG_TIMEOUTS(X)                                                                            \
	X(TCP_ESTABLISHED, "tcp-established", 7200, "TCP that both sides opened")                  \
	X(TCP_SYN, "tcp-syn", 30, "TCP that is being opened")                                      \
	X(TCP_FIN, "tcp-fin", 30, "TCP that one side has closed")                                  \
	X(TCP_TIME_WAIT, "tcp-time-wait", 30, "TCP that both sides have closed")                   \
	X(UDP, "udp", 30, "UDP without an answer")                                                 \
	X(UDP_STREAM, "udp-stream", 120, "UDP that was answered")                                  \
	X(ICMP, "icmp", 10, "ICMP and ICMPv6")                                                     \
	X(OTHER, "other", 60, "any other protocol")

enum seg_timeout {
#define X(id, key, seconds, help) SEG_TIMEOUT_##id,
	SEG_TIMEOUTS(X)
#undef X
		SEG_TIMEOUT_MAX
};

#define SEG_PICKUP_ALWAYS UINT64_MAX

/* What the policy says beside its rules. Times in ns. */
struct seg_defaults {
	uint64_t timeout_ns[SEG_TIMEOUT_MAX];
	uint64_t pickup_ns; /* after attach; 0: never; SEG_PICKUP_ALWAYS */
	uint64_t attach_learn_ns;
	uint32_t sessions_max; /* established */
	uint32_t half_open_max;
	uint32_t denied_max;
	uint32_t masks_max;        /* of wildcard regions */
	uint32_t slow_rate;        /* first packets a second that the slow path takes; 0: all */
	uint32_t slow_source_rate; /* of one source; 0: all */
	uint16_t ethertype[SEG_ETHERTYPES_MAX]; /* host order, not IP, allowed; sorted, 0 ends */
	uint8_t verdict[SEG_DIRECTION_MAX]; /* SEG_VERDICT_ALLOW or _DENY where no rule matches */
	uint8_t on_loss;                    /* enum seg_on_loss */
	uint8_t on_change;                  /* enum seg_on_change */
	uint8_t syn_protect;                /* enum seg_syn_protect */
	uint8_t unmatched;                  /* enum seg_unmatched */
	uint8_t spare;
};

/* A VLAN stack that a rule names; words as in seg_packet.vlan. */
struct seg_vlan {
	uint16_t tag[2]; /* outer, inner; 0: none */
};

struct seg_image;

const char *seg_image_name(const struct seg_image *image);

/* XXH3-128 of the policy's texts, 32 hexadecimal digits. */
const char *seg_image_hash(const struct seg_image *image);

size_t seg_image_size(const struct seg_image *image);

/* Bytes of it that lookups read; the rest is names, places and rules one by one. */
size_t seg_image_tables_size(const struct seg_image *image);

const struct seg_defaults *seg_image_defaults(const struct seg_image *image);

unsigned int seg_image_rules(const struct seg_image *image);

/* The id of a rule; "default" for SEG_RULE_DEFAULT, "?" beyond the last. */
const char *seg_image_rule_id(const struct seg_image *image, uint32_t rule);

/* The rule with this id, or SEG_RULE_DEFAULT. */
uint32_t seg_image_rule_find(const struct seg_image *image, const char *id);

/* The VLAN stacks that the policy names, sorted. All others but the untagged are unknown to it, and
 * XDP drops them. Returns their number. */
unsigned int seg_image_vlans(const struct seg_image *image, const struct seg_vlan **out);

/* What seg_flow.iface must hold for an interface of this name: an id of this image, from 1, or
 * SEG_IFACE_NONE. */
uint16_t seg_image_iface(const struct seg_image *image, const char *name);

/* What a rule does, beside which flows it matches. */
struct seg_rule_info {
	const char *file;  /* where it stands; "" for the policy's own file */
	unsigned int line; /* from 1 */
	uint8_t verdict;   /* SEG_VERDICT_ALLOW or _DENY */
	uint8_t log;       /* 0 or 1 */
	uint8_t stage;     /* enum seg_stage */
	struct seg_limit limit;
};

/* -ENOENT beyond the last rule. */
int seg_image_rule_info(const struct seg_image *image, uint32_t rule, struct seg_rule_info *out);

/*
 * Something that the policy asks for and that this version does not enforce.
 * Strings live as long as the image.
 */
struct seg_need {
	const char *what; /* "egress: deny", "limit" */
	const char *mend;
	const char *file;          /* "" for the policy's own file */
	unsigned int line, column; /* from 1 */
};

/* The i-th of them, from 0, in the order in which they were read. -ENOENT: there are no more. */
int seg_image_need(const struct seg_image *image, uint32_t i, struct seg_need *out);

/*
 * 0 if this version enforces all that the policy asks for; else -EOPNOTSUPP
 * and the first need as an error. `file`: the name of the policy's own file in it.
 * The keeper asks before it attaches; `check`, `why` and `replay` do not.
 */
int seg_image_enforceable(const struct seg_image *image, const char *file, struct seg_error *err);

/* A memfd with the image, sealed against every change. Returns the descriptor or -errno. */
int seg_image_seal(const struct seg_image *image, struct seg_error *err);

/* What this process has sealed, mapped as it is: nobody else can have written it. Release with
 * seg_image_unmap(). */
int seg_image_view(int fd, const struct seg_image **out, struct seg_error *err);

/* Check `size` bytes at `data`, aligned to 8, as an image. -EBADMSG: refused. */
int seg_image_check(const void *data, size_t size, struct seg_error *err);

/*
 * Map and check the image in `fd`, which stays the caller's. -EPERM: not
 * sealed, so its bytes could change under the reader; -EBADMSG: refused.
 * Release with seg_image_unmap().
 */
int seg_image_map(int fd, const struct seg_image **out, struct seg_error *err);
void seg_image_unmap(const struct seg_image *image);

/*
 * The same in steps, each of far less than a millisecond with 100,000 rules, for a worker, for
 * which packets wait meanwhile. Open maps, and reads no more than the header; step returns 1 as
 * long as there are more, 0: the image is right, or as seg_image_map(). Then it can be taken; what
 * was not is unmapped by close. NULL from take: not all steps were taken.
 */
struct seg_image_review;
int seg_image_review_open(int fd, struct seg_image_review **out, struct seg_error *err);
int seg_image_review_step(struct seg_image_review *review, struct seg_error *err);
const struct seg_image *seg_image_review_take(struct seg_image_review *review);
void seg_image_review_close(struct seg_image_review *review);

/* Unmap a part, from the end. `left`: bytes that still are mapped, at first seg_image_size().
 * Returns what then is left. */
size_t seg_image_unmap_some(const struct seg_image *image, size_t left);

/* Release what seg_policy_compile() or seg_image_spread() made. */
void seg_image_free(struct seg_image *image);

static inline void seg_image_freep(struct seg_image **image)
{
	seg_image_free(*image);
}

static inline void seg_image_unmapp(const struct seg_image **image)
{
	seg_image_unmap(*image);
}

static inline void seg_image_review_closep(struct seg_image_review **review)
{
	seg_image_review_close(*review);
}

#define _cleanup_image_review_ _cleanup_(seg_image_review_closep)
#define _cleanup_image_        _cleanup_(seg_image_freep)
#define _cleanup_image_map_    _cleanup_(seg_image_unmapp)

#endif
