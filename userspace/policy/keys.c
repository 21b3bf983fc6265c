/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys.c - the policy language: a row a key, in the order in which the normal
 * form has them. A choice or key with a `mend` is refused by apply, by name.
 */
#include <errno.h>

#include "language.h"

#define NS_PER_S 1000000000ull
#define DAY_NS   (86400 * NS_PER_S)
#define MOST     (1 << 26) /* of anything that is counted */

#define AT(type, member) .offset = offsetof(struct type, member)
#define TABLE_OF(rows)   .keys = rows, .n = SEG_ARRAY_SIZE(rows)

/* --- choices --------------------------------------------------------------- */

static const struct seg_choice VERDICTS[] = {
	{"allow", SEG_VERDICT_ALLOW, NULL}, {"deny", SEG_VERDICT_DENY, NULL}, {0}};

static const struct seg_choice DIRECTIONS[] = {{"ingress", 1 << SEG_INGRESS, NULL},
					       {"egress", 1 << SEG_EGRESS, NULL},
					       {"forward", 1 << SEG_FORWARD, NULL},
					       {"any", SEG_DIRECTIONS_ANY, NULL},
					       {0}};

static const struct seg_choice ON_LOSS[] = {{"sessions", SEG_ON_LOSS_SESSIONS, NULL},
					    {"pass", SEG_ON_LOSS_PASS, NULL},
					    {"drop", SEG_ON_LOSS_DROP, NULL},
					    {0}};

static const struct seg_choice ON_CHANGE[] = {
	{"rejudge", SEG_ON_CHANGE_REJUDGE, NULL},
	{"keep", SEG_ON_CHANGE_KEEP,
	 "write 'rejudge': a new policy judges the sessions that are there"},
	{0}};

static const struct seg_choice SYN_PROTECT[] = {
	{"auto", SEG_SYN_PROTECT_AUTO, NULL},
	{"always", SEG_SYN_PROTECT_ALWAYS, "write 'auto' or 'off'"},
	{"off", SEG_SYN_PROTECT_OFF, NULL},
	{0}};

static const struct seg_choice UNMATCHED[] = {
	{"slow", SEG_UNMATCHED_SLOW, NULL},
	{"pass", SEG_UNMATCHED_PASS, "write 'slow': every new flow is judged by the worker"},
	{"drop", SEG_UNMATCHED_DROP, "write 'slow': every new flow is judged by the worker"},
	{0}};

static const struct seg_choice STAGES[] = {
	{"enforce", SEG_STAGE_ENFORCE, NULL}, {"shadow", SEG_STAGE_SHADOW, NULL}, {0}};

static const struct seg_choice BOOLEANS[] = {{"true", 1, NULL}, {"false", 0, NULL}, {0}};

static const struct seg_choice PICKUP[] = {{"loose", SEG_PICKUP_ALWAYS, NULL}, {0}};

static const struct seg_choice PER[] = {{"rule", SEG_PER_RULE, NULL},
					{"source", SEG_PER_SOURCE, NULL},
					{"destination", SEG_PER_DESTINATION, NULL},
					{0}};

/* --- defaults -------------------------------------------------------------- */

static const struct seg_policy_key TIMEOUT_KEYS[] = {
#define X(id, key, seconds, what)                                                                  \
	{.name = key,                                                                              \
	 .help = what,                                                                             \
	 .type = &SEG_TYPE_DURATION,                                                               \
	 AT(seg_defaults, timeout_ns[SEG_TIMEOUT_##id]),                                           \
	 .min = NS_PER_S,                                                                          \
	 .max = 20 * DAY_NS},
	SEG_TIMEOUTS(X)
#undef X
};
static const struct seg_keys TIMEOUT_TABLE = {
	.what = "'timeouts'", TABLE_OF(TIMEOUT_KEYS), .settings = true};

#define SLOW_MEND "remove it: what the slow path takes has no bound of its own"

static const struct seg_policy_key SLOW_PATH_KEYS[] = {
	{.name = "rate",
	 .help = "first packets a second that the slow path takes",
	 .type = &SEG_TYPE_RATE,
	 AT(seg_defaults, slow_rate),
	 .min = 1,
	 .max = MOST,
	 .wish = "slow-path: rate",
	 .mend = SLOW_MEND},
	{.name = "per-source",
	 .help = "and of one source address",
	 .type = &SEG_TYPE_RATE,
	 AT(seg_defaults, slow_source_rate),
	 .min = 1,
	 .max = MOST,
	 .wish = "slow-path: per-source",
	 .mend = SLOW_MEND},
};
static const struct seg_keys SLOW_PATH_TABLE = {
	.what = "'slow-path'", TABLE_OF(SLOW_PATH_KEYS), .settings = true};

static const struct seg_policy_key LIMIT_KEYS[] = {
	{.name = "sessions",
	 .help = "sessions that are established or were allowed",
	 .type = &SEG_TYPE_COUNT,
	 AT(seg_defaults, sessions_max),
	 .min = 1,
	 .max = MOST},
	{.name = "half-open",
	 .help = "TCP handshakes under way",
	 .type = &SEG_TYPE_COUNT,
	 AT(seg_defaults, half_open_max),
	 .min = 1,
	 .max = MOST},
	{.name = "denied",
	 .help = "denied flows that are remembered",
	 .type = &SEG_TYPE_COUNT,
	 AT(seg_defaults, denied_max),
	 .min = 1,
	 .max = MOST},
	{.name = "masks",
	 .help = "kinds of wildcard regions",
	 .type = &SEG_TYPE_COUNT,
	 AT(seg_defaults, masks_max),
	 .min = 1,
	 .max = SEG_MASKS_MAX},
	{.name = "slow-path",
	 .help = "what unknown flows may cost",
	 .type = &SEG_TYPE_MAP,
	 .table = &SLOW_PATH_TABLE},
};
static const struct seg_keys LIMIT_TABLE = {
	.what = "'limits'", TABLE_OF(LIMIT_KEYS), .settings = true};

static const struct seg_policy_key ETHERTYPE_KEYS[] = {
	{.name = "allow",
	 .help = "these pass; with a bridge all others drop",
	 .type = &SEG_TYPE_ETHERTYPES,
	 AT(seg_defaults, ethertype)},
};
static const struct seg_keys ETHERTYPE_TABLE = {
	.what = "'ethertypes'", TABLE_OF(ETHERTYPE_KEYS), .settings = true};

static const struct seg_policy_key DEFAULT_KEYS[] = {
	{.name = "ingress",
	 .help = "new flows towards this host that no rule matches",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_defaults, verdict[SEG_INGRESS]),
	 .choices = VERDICTS},
	{.name = "egress",
	 .help = "new flows from this host that no rule matches",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_defaults, verdict[SEG_EGRESS]),
	 .choices = VERDICTS},
	{.name = "forward",
	 .help = "new flows through this host that no rule matches",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_defaults, verdict[SEG_FORWARD]),
	 .choices = VERDICTS},
	{.name = "on-worker-loss",
	 .help = "while a worker is replaced: known flows go on and unknown ones drop; or all "
		 "pass; or all drop",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_defaults, on_loss),
	 .choices = ON_LOSS},
	{.name = "on-change",
	 .help = "live sessions when the policy changes: judge them again, or keep them",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_defaults, on_change),
	 .choices = ON_CHANGE},
	{.name = "attach-learn",
	 .help = "how long attach only watches and learns before it enforces",
	 .type = &SEG_TYPE_DURATION,
	 AT(seg_defaults, attach_learn_ns),
	 .max = DAY_NS},
	{.name = "pickup",
	 .help = "how long after attach mid-flow TCP of an allowed tuple is taken up; 0: never; "
		 "loose: always",
	 .type = &SEG_TYPE_DURATION,
	 AT(seg_defaults, pickup_ns),
	 .max = DAY_NS,
	 .choices = PICKUP},
	{.name = "syn-protect",
	 .help = "answer SYNs with cookies when half-open sessions run out",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_defaults, syn_protect),
	 .choices = SYN_PROTECT},
	{.name = "unmatched",
	 .help = "unknown flows where there is no AF_XDP: the slow path, or a verdict without it",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_defaults, unmatched),
	 .choices = UNMATCHED},
	{.name = "ethertypes",
	 .help = "frames that are not IP",
	 .type = &SEG_TYPE_MAP,
	 .table = &ETHERTYPE_TABLE},
	{.name = "timeouts",
	 .help = "how long sessions live without a packet",
	 .type = &SEG_TYPE_MAP,
	 .table = &TIMEOUT_TABLE},
	{.name = "limits",
	 .help = "how many of what there may be",
	 .type = &SEG_TYPE_MAP,
	 .table = &LIMIT_TABLE},
};
const struct seg_keys SEG_DEFAULT_TABLE = {
	.what = "'defaults'", TABLE_OF(DEFAULT_KEYS), .settings = true};

/* --- groups, services -------------------------------------------------------- */

/* The first row is also the plain form: a word or a list. */
static const struct seg_policy_key GROUP_KEYS[] = {
	{.name = "include", .help = "these", .type = &SEG_TYPE_ADDRESSES, .flags = SEG_KEY_NOT},
	{.name = "except",
	 .help = "but not these",
	 .type = &SEG_TYPE_ADDRESSES,
	 .flags = SEG_KEY_NEGATIVE},
	{.name = "file", .help = "and the addresses of a list file", .type = &SEG_TYPE_LIST_FILE},
};
static const struct seg_keys GROUP_TABLE = {.what = "a group", TABLE_OF(GROUP_KEYS)};

static const struct seg_policy_key SERVICE_KEYS[] = {
	{.name = "services", .help = "these", .type = &SEG_TYPE_SERVICES},
};
static const struct seg_keys SERVICE_TABLE = {.what = "a service", TABLE_OF(SERVICE_KEYS)};

/* --- rules ------------------------------------------------------------------- */

static int limit_check(struct seg_parser *parser, const void *target, uint32_t at)
{
	const struct seg_limit *limit = &((const struct seg_rule_text *)target)->limit;

	if (limit->burst && !limit->rate)
		return seg_parser_error(parser, at, EINVAL, "'burst' needs a 'rate'");
	if (limit->rate || limit->sessions)
		return 0;
	seg_parser_mend(parser, "as in limit: {rate: 1000/s, per: source} or {sessions: 100}");
	return seg_parser_error(parser, at, EINVAL, "'limit' needs 'rate' or 'sessions'");
}

static const struct seg_policy_key RULE_LIMIT_KEYS[] = {
	{.name = "rate",
	 .help = "new flows a second that the rule allows",
	 .type = &SEG_TYPE_RATE,
	 AT(seg_rule_text, limit.rate),
	 .min = 1,
	 .max = MOST},
	{.name = "burst",
	 .help = "how many at once; as many as 'rate' if not said",
	 .type = &SEG_TYPE_COUNT,
	 AT(seg_rule_text, limit.burst),
	 .min = 1,
	 .max = MOST},
	{.name = "sessions",
	 .help = "sessions at a time that the rule allows",
	 .type = &SEG_TYPE_COUNT,
	 AT(seg_rule_text, limit.sessions),
	 .min = 1,
	 .max = MOST},
	{.name = "per",
	 .help = "what is counted by itself",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_rule_text, limit.per),
	 .choices = PER},
};
static const struct seg_keys RULE_LIMIT_TABLE = {
	.what = "'limit'", TABLE_OF(RULE_LIMIT_KEYS), .check = limit_check};

static int rule_check(struct seg_parser *parser, const void *target, uint32_t at)
{
	const struct seg_rule_text *rule = target;

	if (!(rule->limit.rate || rule->limit.sessions) || rule->verdict == SEG_VERDICT_ALLOW)
		return 0;
	seg_parser_mend(parser, "a limit is for what a rule allows; what is beyond it is denied");
	return seg_parser_error(parser, at, EINVAL, "'limit' in a rule that denies");
}

static const struct seg_policy_key RULE_KEYS[] = {
	{.name = "id",
	 .help = "its name in counters and logs; rule-N if not said",
	 .type = &SEG_TYPE_NAME,
	 AT(seg_rule_text, id),
	 .table = &SEG_RULE_TABLE},
	{.name = "direction",
	 .help = "towards, from or through this host",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_rule_text, directions),
	 .choices = DIRECTIONS},
	{.name = "from",
	 .help = "source addresses",
	 .type = &SEG_TYPE_ADDRESSES,
	 AT(seg_rule_text, from),
	 .flags = SEG_KEY_NOT},
	{.name = "to",
	 .help = "destination addresses",
	 .type = &SEG_TYPE_ADDRESSES,
	 AT(seg_rule_text, to),
	 .flags = SEG_KEY_NOT},
	{.name = "service",
	 .help = "protocols and destination ports",
	 .type = &SEG_TYPE_SERVICES,
	 AT(seg_rule_text, service)},
	{.name = "source-port",
	 .help = "source ports",
	 .type = &SEG_TYPE_PORTS,
	 AT(seg_rule_text, source_port)},
	{.name = "tcp-flags",
	 .help = "TCP flags of the flow's first packet",
	 .type = &SEG_TYPE_TCP_FLAGS,
	 AT(seg_rule_text, tcp_flags)},
	{.name = "dscp",
	 .help = "DSCP of the flow's first packet",
	 .type = &SEG_TYPE_DSCPS,
	 AT(seg_rule_text, dscp)},
	{.name = "vlan", .help = "VLAN tags", .type = &SEG_TYPE_VLANS, AT(seg_rule_text, vlan)},
	{.name = "iface",
	 .help = "interfaces that the flow comes in by",
	 .type = &SEG_TYPE_IFACES,
	 AT(seg_rule_text, iface)},
	{.name = "action",
	 .help = "what becomes of the flow",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_rule_text, verdict),
	 .flags = SEG_KEY_REQUIRED,
	 .choices = VERDICTS},
	{.name = "log",
	 .help = "report each flow that it decides",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_rule_text, log),
	 .choices = BOOLEANS},
	{.name = "stage",
	 .help = "a shadow rule decides nothing, and counts what it would have decided",
	 .type = &SEG_TYPE_CHOICE,
	 AT(seg_rule_text, stage),
	 .choices = STAGES},
	{.name = "limit",
	 .help = "how much the rule allows; what is beyond is denied",
	 .type = &SEG_TYPE_MAP,
	 .table = &RULE_LIMIT_TABLE,
	 .wish = "limit",
	 .mend = "remove it: the rule would allow without a limit"},
};
const struct seg_keys SEG_RULE_TABLE = {.what = "a rule", TABLE_OF(RULE_KEYS), .check = rule_check};

/* --- a policy ------------------------------------------------------------------ */

static const struct seg_policy_key POLICY_KEYS[] = {
	{.name = "version",
	 .help = "of the language",
	 .type = &SEG_TYPE_VERSION,
	 AT(seg_part, version),
	 .flags = SEG_KEY_REQUIRED,
	 .min = 1,
	 .max = 1},
	{.name = "name",
	 .help = "of the policy",
	 .type = &SEG_TYPE_NAME,
	 AT(seg_part, name),
	 .table = &SEG_POLICY_TABLE},
	{.name = "include",
	 .help = "files whose groups, services and rules come before those of this one, and whose "
		 "defaults this one overrides",
	 .type = &SEG_TYPE_FILES,
	 AT(seg_part, include),
	 .flags = SEG_KEY_BARE},
	{.name = "defaults",
	 .help = "what holds beside the rules",
	 .type = &SEG_TYPE_MAP,
	 AT(seg_part, defaults),
	 .table = &SEG_DEFAULT_TABLE},
	{.name = "failsafe",
	 .help = "services that are never cut off, whatever the rules say",
	 .type = &SEG_TYPE_FAILSAFES,
	 AT(seg_part, failsafe),
	 .flags = SEG_KEY_BARE},
	{.name = "groups",
	 .help = "names for addresses",
	 .type = &SEG_TYPE_NAMES,
	 AT(seg_part, groups),
	 .table = &GROUP_TABLE},
	{.name = "services",
	 .help = "names for services",
	 .type = &SEG_TYPE_NAMES,
	 AT(seg_part, services),
	 .table = &SERVICE_TABLE},
	{.name = "rules",
	 .help = "the first that matches decides",
	 .type = &SEG_TYPE_RULES,
	 AT(seg_part, rules),
	 .table = &SEG_RULE_TABLE},
};
const struct seg_keys SEG_POLICY_TABLE = {.what = "a policy", TABLE_OF(POLICY_KEYS)};

/* --- what nobody wrote --------------------------------------------------------- */

const struct seg_rule_text SEG_EMPTY_RULE = {.directions = SEG_DIRECTIONS_ANY};

const struct seg_part SEG_EMPTY_PART = {.defaults = {
						.timeout_ns =
							{
#define X(id, key, seconds, what) [SEG_TIMEOUT_##id] = seconds * NS_PER_S,
								SEG_TIMEOUTS(X)
#undef X
							},
						.pickup_ns = 5 * NS_PER_S,
						.attach_learn_ns = 5 * NS_PER_S,
						.sessions_max = 1000000,
						.half_open_max = 64000,
						.denied_max = 64000,
						.masks_max = 64,
						.ethertype = {0x0806},
						.verdict = {[SEG_INGRESS] = SEG_VERDICT_DENY,
							    [SEG_EGRESS] = SEG_VERDICT_ALLOW,
							    [SEG_FORWARD] = SEG_VERDICT_DENY},
						.on_loss = SEG_ON_LOSS_SESSIONS,
						.on_change = SEG_ON_CHANGE_REJUDGE,
						.syn_protect = SEG_SYN_PROTECT_AUTO,
						.unmatched = SEG_UNMATCHED_SLOW,
					}};
