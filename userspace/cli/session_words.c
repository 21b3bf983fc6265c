/* SPDX-License-Identifier: BSD-2-Clause */
#include "session_words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "flow_text.h"
#include "packet.h"
#include "service.h"
#include "session_filter.h"
#include "session_key.h"
#include "text.h"
#include "words.h"

#define BLANKS " \t\n"

struct parser {
	const char *text;
	const char *word; /* that is looked at: `len` bytes, 0 at the end */
	size_t len;
	json_t *all, *contrary;
	struct seg_error *err;
};

static void next(struct parser *p)
{
	p->word += p->len;
	p->word += strspn(p->word, BLANKS);
	p->len = strcspn(p->word, BLANKS);
}

/* --- errors ----------------------------------------------------------------- */

static unsigned int column_of(const struct parser *p, const char *at)
{
	unsigned int column = 1;

	for (const char *c = p->text; c < at; c++)
		column += seg_begins_character(*c);
	return column;
}

/* err says what is wrong; it is at `at`. */
static int place(struct parser *p, const char *at)
{
	seg_error_place(p->err, "filter", 1, column_of(p, at), p->text);
	seg_error_exit(p->err, SEG_EXIT_USAGE);
	return -EINVAL;
}

static int no_memory(struct parser *p)
{
	return seg_error_set(p->err, ENOMEM, "out of memory");
}

/* --- keys and values ---------------------------------------------------------- */

static const struct seg_filter_key *key_at(const char *word, size_t len)
{
	for (const struct seg_filter_key *key = SEG_FILTER_KEYS; key->name; key++)
		if (seg_text_is(word, len, key->name))
			return key;
	return NULL;
}

/* A key's values in one array; each may stand once as it is and once behind "not". */
static int add_values(struct parser *p, const struct seg_filter_key *key, json_t *to,
		      const char *text, size_t len)
{
	json_t *values = json_array();

	if (json_object_set_new(to, key->name, values))
		return no_memory(p);
	for (size_t at = 0, n; at <= len; at += n + 1) {
		const char *comma = memchr(text + at, ',', len - at);

		n = comma ? (size_t)(comma - text) - at : len - at;
		if (seg_filter_value_check(key, text + at, n, p->err))
			return place(p, text + at);
		if (json_array_append_new(values, json_stringn(text + at, n))) {
			seg_error_set(p->err, EINVAL, "%s: a value that is not UTF-8", key->name);
			return place(p, text + at);
		}
	}
	return 0;
}

static int read_condition(struct parser *p, const struct seg_filter_key *key, json_t *to)
{
	int r;

	if (json_object_get(to, key->name)) {
		seg_error_set(p->err, EINVAL, "a second '%s%s'", to == p->contrary ? "not " : "",
			      key->name);
		seg_error_mend(p->err, "one of several is written %s A,B", key->name);
		return place(p, p->word);
	}
	next(p);
	r = add_values(p, key, to, p->word, p->len);
	next(p);
	return r;
}

/* --- a protocol, or a flow ------------------------------------------------------ */

static const struct seg_filter_key *proto_at(const char *word, size_t len)
{
	const struct seg_filter_key *key = key_at("proto", 5);
	bool number = len && strspn(word, "0123456789") >= len;

	return !number && !seg_filter_value_check(key, word, len, NULL) ? key : NULL;
}

/* Nothing of a flow: the end, or what begins a condition. */
static bool begins_condition(const char *word, size_t len)
{
	return !len || seg_text_is(word, len, "not") || key_at(word, len);
}

/* Up to where a flow's text goes that begins here. */
static const char *flow_end(const struct parser *p)
{
	struct parser at = *p;
	const char *end;

	do {
		end = at.word + at.len;
		next(&at);
	} while (!begins_condition(at.word, at.len));
	return end;
}

static int add_text(struct parser *p, const char *name, const char *text)
{
	if (json_object_get(p->all, name)) {
		seg_error_set(p->err, EINVAL, "a flow, and '%s' besides", name);
		seg_error_mend(p->err, "the flow says it already: leave '%s' out", name);
		return place(p, p->word);
	}
	return json_object_set_new(p->all, name, json_pack("[s]", text)) ? no_memory(p) : 0;
}

static int add_port(struct parser *p, const char *name, __be16 port)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", ntohs(port));
	return add_text(p, name, text);
}

static int add_address(struct parser *p, const char *name, const __be32 words[4])
{
	char text[SEG_ADDRESS_TEXT_MAX];
	struct seg_address address;

	memcpy(&address, words, sizeof(address));
	return add_text(p, name, seg_address_print(&address, text));
}

static bool has_ports(uint8_t proto)
{
	const uint8_t *protos;
	size_t n = seg_port_protocols(&protos);

	return memchr(protos, proto, n) != NULL;
}

static int add_ports(struct parser *p, const struct seg_flow *flow, unsigned int assumed)
{
	int r = assumed & SEG_ASSUMED_SOURCE_PORT ? 0 : add_port(p, "sport", flow->sport);

	return r ? r : add_port(p, "dport", flow->dport);
}

/* A flow by its conditions. What its first packet says besides, no session knows. */
static int add_flow(struct parser *p, const struct seg_flow *flow, unsigned int assumed)
{
	char proto[SEG_PROTO_WORD_MAX];
	int r = add_text(p, "proto", seg_proto_word(flow->proto, proto));

	if (!r)
		r = add_address(p, "src", flow->src);
	if (!r)
		r = add_address(p, "dst", flow->dst);
	if (r || !has_ports(flow->proto))
		return r;
	return add_ports(p, flow, assumed);
}

static int read_flow(struct parser *p)
{
	const char *end = flow_end(p);
	_cleanup_free_ char *text = strndup(p->word, (size_t)(end - p->word));
	unsigned int assumed;
	struct seg_flow flow;
	int r;

	if (!text)
		return no_memory(p);
	if (seg_flow_parse(text, &flow, &assumed, p->err))
		return -EINVAL;
	if (flow.vlan[0]) {
		seg_error_set(p->err, EINVAL, "sessions are not told apart by VLAN");
		seg_error_mend(p->err, "leave 'vlan' out");
		return place(p, p->word);
	}
	r = add_flow(p, &flow, assumed);
	p->len = (size_t)(end - p->word);
	next(p);
	return r;
}

static int read_proto(struct parser *p, const struct seg_filter_key *key)
{
	const char *after = p->word + p->len;

	after += strspn(after, BLANKS);
	if (!begins_condition(after, strcspn(after, BLANKS)))
		return read_flow(p);
	if (json_object_get(p->all, key->name)) {
		seg_error_set(p->err, EINVAL, "a second protocol");
		seg_error_mend(p->err, "one of several is written proto A,B");
		return place(p, p->word);
	}
	if (add_values(p, key, p->all, p->word, p->len))
		return -EINVAL;
	next(p);
	return 0;
}

/* --- all of it ---------------------------------------------------------------------- */

/* A value without its key: "established". */
static void mend_choice(struct parser *p)
{
	for (const struct seg_filter_key *key = SEG_FILTER_KEYS; key->name; key++)
		for (const char *const *choice = key->choices; choice && *choice; choice++)
			if (seg_text_is(p->word, p->len, *choice))
				seg_error_mend(p->err, "write '%s %s'", key->name, *choice);
}

static int read_next(struct parser *p)
{
	const struct seg_filter_key *key = proto_at(p->word, p->len);
	json_t *to = p->all;

	if (key)
		return read_proto(p, key);
	if (seg_text_is(p->word, p->len, "not")) {
		to = p->contrary;
		next(p);
	}
	key = key_at(p->word, p->len);
	if (key)
		return read_condition(p, key, to);
	if (!p->len) {
		seg_error_set(p->err, EINVAL, "'not' needs a condition");
		seg_error_mend(p->err, "not rule web");
		return place(p, p->word);
	}
	mend_choice(p);
	seg_filter_key_find(p->word, p->len, p->err);
	return place(p, p->word);
}

static char *join(char *const *words, size_t n)
{
	size_t size = 1;
	char *text, *at;

	for (size_t i = 0; i < n; i++)
		size += strlen(words[i]) + 1;
	at = text = calloc(1, size);
	for (size_t i = 0; text && i < n; i++)
		at = stpcpy(stpcpy(at, i ? " " : ""), words[i]);
	return text;
}

int seg_session_words(char *const *words, size_t n, json_t **filter, struct seg_error *err)
{
	json_auto_t *all = json_object(), *contrary = json_object();
	_cleanup_free_ char *text = join(words, n);
	struct parser p = {
		.text = text, .word = text, .all = all, .contrary = contrary, .err = err};
	int r = 0;

	if (!text || !all || !contrary)
		return no_memory(&p);
	next(&p);
	while (!r && p.len)
		r = read_next(&p);
	if (!r && json_object_size(contrary) && json_object_set(all, "not", contrary))
		r = no_memory(&p);
	if (!r)
		*filter = TAKE(all);
	return r;
}
