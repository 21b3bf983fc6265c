/* SPDX-License-Identifier: BSD-2-Clause */
/* Which sessions are meant: the words, what the daemon is asked, and what matches. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "check.h"
#include "cleanup.h"
#include "session_filter.h"
#include "session_words.h"
#include "words.h"

#define SECOND 1000000000ull

/* tcp 10.0.0.1:4321 > 192.0.2.1:443, by rule web, an hour old. */
static struct seg_session_facts session_of(const char *src, const char *dst)
{
	struct seg_session_facts facts = {
		.port = {4321, 443},
		.proto = IPPROTO_TCP,
		.verdict = SEG_VERDICT_ALLOW,
		.l4 = SEG_L4_ESTABLISHED,
		.rule = "web",
		.iface = "eth0",
		.age_ns = 3600 * SECOND,
		.idle_ns = 60 * SECOND,
		.expires_ns = 30 * SECOND,
		.count = {{.packets = 3, .bytes = 300}, {.packets = 2, .bytes = 2000}},
	};

	check_eq(seg_address_parse(src, strlen(src), &facts.address[0]), 0);
	check_eq(seg_address_parse(dst, strlen(dst), &facts.address[1]), 0);
	facts.family = seg_address_family(&facts.address[0]);
	return facts;
}

/* Words as one argument; the filter is opened as the daemon does it. */
static struct seg_session_filter filter_of(const char *text)
{
	char *words[] = {(char *)text};
	struct seg_session_filter filter;
	json_auto_t *json = NULL;
	struct seg_error err = {0};

	check_that(seg_session_words(words, 1, &json, &err) == 0, "%s: %s", text, err.what);
	check_that(seg_session_filter_open(&filter, json, &err) == 0, "%s: %s", text, err.what);
	return filter;
}

static bool matches(const char *text, const struct seg_session_facts *facts)
{
	_cleanup_session_filter_ struct seg_session_filter filter = filter_of(text);

	return seg_session_filter_matches(&filter, facts);
}

struct row {
	const char *yes, *no;
};

static void check_rows(const struct row *rows, size_t n, const struct seg_session_facts *facts)
{
	for (size_t i = 0; i < n; i++) {
		char negated[128];

		check_that(matches(rows[i].yes, facts), "'%s' does not match", rows[i].yes);
		check_that(!matches(rows[i].no, facts), "'%s' matches", rows[i].no);
		snprintf(negated, sizeof(negated), "not %s", rows[i].yes);
		check_that(!matches(negated, facts), "'%s' matches", negated);
		snprintf(negated, sizeof(negated), "not %s", rows[i].no);
		check_that(matches(negated, facts), "'%s' does not match", negated);
	}
}

static const struct row KEYS[] = {
	{"src 10.0.0.1", "src 192.0.2.1"},
	{"src 10.0.0.0/8", "src 11.0.0.0/8"},
	{"src 10.0.0.1-10.0.0.2", "src 10.0.0.2-10.0.0.9"},
	{"dst 192.0.2.0/24", "dst 10.0.0.1"},
	{"host 192.0.2.1", "host 192.0.2.2"},
	{"host 10.0.0.1", "host 0.0.0.0-10.0.0.0"},
	{"sport 4321", "sport 443"},
	{"sport 1024-65535", "sport 4322-65535"},
	{"dport 443", "dport 4321"},
	{"port 4321", "port 80"},
	{"port 443", "port 444"},
	{"port 80,443", "port 80,8080"},
	{"proto tcp", "proto udp"},
	{"proto 6", "proto proto/7"},
	{"family 4", "family 6"},
	{"state established", "state opening,closing"},
	{"verdict allow", "verdict deny"},
	{"rule web", "rule web2"},
	{"rule ssh,web", "rule default"},
	{"iface eth0", "iface eth00"},
	{"older 1h", "older 3601s"},
	{"younger 3601s", "younger 1h"},
	{"idle 60s", "idle 61s"},
	{"expires 31s", "expires 30s"},
	{"packets 5", "packets 6"},
	{"bytes 2300", "bytes 2301"},
	{"bytes 1k", "bytes 1M"},
};

TEST(filter, each_key)
{
	struct seg_session_facts facts = session_of("10.0.0.1", "192.0.2.1");
	size_t keys = 0;

	check_rows(KEYS, SEG_ARRAY_SIZE(KEYS), &facts);
	for (const struct seg_filter_key *key = SEG_FILTER_KEYS; key->name; key++, keys++) {
		bool tested = false;

		for (size_t i = 0; i < SEG_ARRAY_SIZE(KEYS); i++)
			tested |= strncmp(KEYS[i].yes, key->name, strlen(key->name)) == 0;
		check_that(tested, "'%s' has no row", key->name);
	}
	check_eq(keys, 18);
}

TEST(filter, conditions_combine)
{
	static const struct row ROWS[] = {
		{"src 10.0.0.0/8 dst 192.0.2.1", "src 10.0.0.0/8 dst 192.0.2.2"},
		{"tcp", "udp"},
		{"tcp dport 443", "tcp dport 80"},
		{"tcp 10.0.0.1:4321 > 192.0.2.1:443", "tcp 10.0.0.1:4322 > 192.0.2.1:443"},
		{"tcp 10.0.0.1 > 192.0.2.1:443", "tcp 10.0.0.2 > 192.0.2.1:443"},
		{"tcp 10.0.0.1 > 192.0.2.1:443 flags syn+ack rule web",
		 "tcp 10.0.0.1 > 192.0.2.1:443 rule x"},
		{"tcp not dport 80", "tcp not dport 443"},
		{"src 10.0.0.1 not src 10.0.0.2", "src 10.0.0.1 not src 10.0.0.1"},
		{"", "not family 4"},
	};
	struct seg_session_facts facts = session_of("10.0.0.1", "192.0.2.1");

	for (size_t i = 0; i < SEG_ARRAY_SIZE(ROWS); i++) {
		check_that(matches(ROWS[i].yes, &facts), "'%s' does not match", ROWS[i].yes);
		check_that(!matches(ROWS[i].no, &facts), "'%s' matches", ROWS[i].no);
	}
}

TEST(filter, both_families)
{
	struct seg_session_facts facts = session_of("2001:db8::1", "2001:db8:ffff::2");

	check(matches("src 2001:db8::/48 family 6", &facts));
	check(matches("tcp [2001:db8::1]:4321 > [2001:db8:ffff::2]:443", &facts));
	check(!matches("host 0.0.0.0/0", &facts));
	check(matches("host ::/0", &facts));
}

TEST(filter, icmp)
{
	struct seg_session_facts facts = session_of("10.0.0.1", "192.0.2.1");

	facts.proto = IPPROTO_ICMP;
	check(matches("icmp 10.0.0.1 > 192.0.2.1", &facts));
	check(matches("icmp 10.0.0.1 > 192.0.2.1 echo-request", &facts));
	check(!matches("icmp 192.0.2.1 > 10.0.0.1", &facts));
}

/* The words of a choice are those that sessions are shown with. */
TEST(filter, choices_are_the_words_shown)
{
	static const uint8_t VERDICTS[] = {SEG_VERDICT_NONE, SEG_VERDICT_ALLOW, SEG_VERDICT_DENY};
	struct seg_session_facts facts = session_of("10.0.0.1", "192.0.2.1");
	char text[64];

	for (facts.l4 = 0; facts.l4 < SEG_L4_MAX; facts.l4++) {
		snprintf(text, sizeof(text), "state %s", seg_state_word(facts.l4));
		check_that(matches(text, &facts), "%s", text);
	}
	for (size_t i = 0; i < SEG_ARRAY_SIZE(VERDICTS); i++) {
		facts.verdict = VERDICTS[i];
		snprintf(text, sizeof(text), "verdict %s", seg_verdict_word(facts.verdict));
		check_that(matches(text, &facts), "%s", text);
	}
}

/* --- refused ------------------------------------------------------------------ */

static const struct {
	const char *text;
	unsigned int column;
	const char *what, *mend;
} WRONG[] = {
	{"scr 10.0.0.1", 1, "sessions have no 'scr'", "did you mean 'src'?"},
	{"dport 1 statte new", 9, "sessions have no 'statte'", "did you mean 'state'?"},
	{"established", 1, "sessions have no 'established'", "write 'state established'"},
	{"xyzzy", 1, "sessions have no 'xyzzy'", "`xdpseg help sessions` lists what they have"},
	{"src", 4, "src: an address, a prefix or a range is missing",
	 "like 10.0.0.1, 2001:db8::/32, 10.0.0.5-10.0.0.9"},
	{"src 10.0.0.300", 5, "src: '10.0.0.300' is not an address, a prefix or a range",
	 "like 10.0.0.1, 2001:db8::/32, 10.0.0.5-10.0.0.9"},
	{"src 10.0.0.1/8", 5, "src: '10.0.0.1/8' is not an address, a prefix or a range",
	 "like 10.0.0.1, 2001:db8::/32, 10.0.0.5-10.0.0.9"},
	{"port 80,,443", 9, "port: a port or a range of ports is missing", "like 443, 1024-65535"},
	{"port 80,65536", 9, "port: '65536' is not a port or a range of ports",
	 "like 443, 1024-65535"},
	{"proto tpc", 7, "proto: 'tpc' is not a protocol", "did you mean 'tcp'?"},
	{"proto tcp/80", 7, "proto: 'tcp/80' is not a protocol",
	 "like tcp, udp, icmp, icmpv6, sctp, proto/47"},
	{"proto any", 7, "proto: 'any' is not a protocol",
	 "like tcp, udp, icmp, icmpv6, sctp, proto/47"},
	{"family 5", 8, "family: '5' is not 4 or 6", ""},
	{"state opned", 7,
	 "state: 'opned' is not new, opening, established, closing, time-wait or closed", ""},
	{"verdict drop", 9, "verdict: 'drop' is not allow, deny or pending", ""},
	{"older 10", 7, "older: '10' is not a time", "like 500ms, 10s, 5m, 2h"},
	{"bytes many", 7, "bytes: 'many' is not a number", "like 200, 64k, 1M"},
	{"src 10.0.0.1 src 10.0.0.2", 14, "a second 'src'", "one of several is written src A,B"},
	{"not rule a not rule b", 16, "a second 'not rule'", "one of several is written rule A,B"},
	{"tcp udp", 5, "'udp' is no address", "write it like 'tcp 10.0.0.1:4321 > 10.0.0.2:22'"},
	{"tcp rule x udp", 12, "a second protocol", "one of several is written proto A,B"},
	{"not", 4, "'not' needs a condition", "not rule web"},
	{"tcp 10.0.0.1 > 10.0.0.2", 16, "a destination without a port",
	 "write it as 10.0.0.2:22 or [2001:db8::2]:22"},
	{"src 1.1.1.1 tcp 10.0.0.1 > 10.0.0.2:1", 13, "a flow, and 'src' besides",
	 "the flow says it already: leave 'src' out"},
	{"tcp 10.0.0.1 > 10.0.0.2:1 src 1.1.1.1", 27, "a second 'src'",
	 "one of several is written src A,B"},
	{"tcp 10.0.0.1 > 10.0.0.2:1 vlan 7", 1, "sessions are not told apart by VLAN",
	 "leave 'vlan' out"},
};

TEST(filter, what_is_wrong_is_shown_where_it_is)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(WRONG); i++) {
		char *words[] = {(char *)WRONG[i].text};
		struct seg_error err = {0};
		json_t *json = NULL;

		check_that(seg_session_words(words, 1, &json, &err) == -EINVAL, "%s",
			   WRONG[i].text);
		check(!json);
		check_str_eq(err.what, WRONG[i].what);
		check_str_eq(err.mend, WRONG[i].mend);
		check_that(err.column == WRONG[i].column, "%s: column %u", WRONG[i].text,
			   err.column);
		check_eq(err.exit, SEG_EXIT_USAGE);
	}
}

static const char *const WRONG_JSON[] = {
	"{\"src\": \"10.0.0.1\"}",
	"{\"src\": []}",
	"{\"src\": [7]}",
	"{\"scr\": [\"x\"]}",
	"{\"src\": [\"x\"]}",
	"{\"not\": [\"x\"]}",
	"{\"not\": {\"not\": {}}}",
	"[]",
	"\"src\"",
};

TEST(filter, what_the_daemon_refuses)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(WRONG_JSON); i++) {
		_cleanup_session_filter_ struct seg_session_filter filter;
		json_auto_t *json = json_loads(WRONG_JSON[i], JSON_DECODE_ANY, NULL);
		struct seg_error err = {0};

		check(json != NULL);
		check_that(seg_session_filter_open(&filter, json, &err) == -EINVAL, "%s",
			   WRONG_JSON[i]);
		check(*err.what);
	}
}

/* The words that are sent: several arguments are one text. */
TEST(filter, as_json)
{
	const char *words[] = {"tcp", "dport", "80,443", "not", "rule", "web"};
	_cleanup_free_ char *text = NULL;
	json_auto_t *json = NULL;

	check_eq(seg_session_words((char **)words, SEG_ARRAY_SIZE(words), &json, NULL), 0);
	text = json_dumps(json, JSON_COMPACT);
	check_str_eq(text, "{\"proto\":[\"tcp\"],\"dport\":[\"80\",\"443\"],"
			   "\"not\":{\"rule\":[\"web\"]}}");
}

TEST(filter, sorts)
{
	struct seg_session_facts facts = session_of("10.0.0.1", "192.0.2.1");
	static const struct {
		const char *name;
		uint64_t value;
	} SORTS[] = {
		{"bytes", 2300},       {"packets", 5},           {"age", 3600 * SECOND},
		{"idle", 60 * SECOND}, {"expires", 30 * SECOND},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(SORTS); i++) {
		check(strstr(SEG_SESSION_SORTS, SORTS[i].name) != NULL);
		check_eq(seg_session_sort_find(SORTS[i].name)(&facts), SORTS[i].value);
	}
	check(!seg_session_sort_find("name"));
	check(!seg_session_sort_find(NULL));
}
