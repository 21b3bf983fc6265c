/* SPDX-License-Identifier: BSD-2-Clause */
#include "session_row.h"

#include <string.h>

#include "json_text.h"
#include "text.h"
#include "words.h"

#define NS_PER_S 1000000000u

/* --- JSON ------------------------------------------------------------------------------------- */

static char *put_count(char *to, const char *name, const struct seg_count *count)
{
	to = seg_json_put_number_member(seg_json_put(to, name), "{\"packets\":", count->packets);
	to = seg_json_put_number_member(to, ",\"bytes\":", count->bytes);
	return seg_json_put(to, "}");
}

static char *put_ends(char *to, const struct seg_session_facts *facts)
{
	char text[SEG_ADDRESS_TEXT_MAX];

	to = seg_json_put(seg_json_put(to, ",\"src\":\""),
			  seg_address_print(&facts->address[0], text));
	to = seg_json_put_number_member(to, "\",\"sport\":", facts->port[0]);
	to = seg_json_put(seg_json_put(to, ",\"dst\":\""),
			  seg_address_print(&facts->address[1], text));
	return seg_json_put_number_member(to, "\",\"dport\":", facts->port[1]);
}

char *seg_row_put_json(char *to, const struct seg_session_facts *facts)
{
	char proto[SEG_PROTO_WORD_MAX];

	to = seg_json_put_text_member(to, "{\"proto\":", seg_proto_word(facts->proto, proto));
	to = put_ends(to, facts);
	to = seg_json_put_text_member(to, ",\"verdict\":", seg_verdict_word(facts->verdict));
	to = seg_json_put_text_member(to, ",\"rule\":", facts->rule);
	to = seg_json_put_text_member(to, ",\"state\":", seg_state_word(facts->l4));
	to = put_count(to, ",\"orig\":", &facts->count[0]);
	to = put_count(to, ",\"reply\":", &facts->count[1]);
	to = seg_json_put_number_member(to, ",\"age_s\":", facts->age_ns / NS_PER_S);
	to = seg_json_put_number_member(to, ",\"idle_s\":", facts->idle_ns / NS_PER_S);
	to = seg_json_put_number_member(to, ",\"expires_s\":", facts->expires_ns / NS_PER_S);
	to = seg_json_put_text_member(to, ",\"iface\":", facts->iface);
	return seg_json_put(to, "}");
}

/* --- between tabs ------------------------------------------------------------------------------
 */

static char *put_text(char *to, const char *text)
{
	to = stpcpy(to, text);
	*to = '\t';
	return to + 1;
}

static char *put_number(char *to, uint64_t number)
{
	to = seg_number_put(to, number);
	*to = '\t';
	return to + 1;
}

/* No name holds a tab: a rule's is of letters and digits, the kernel's have no white space. */
char *seg_row_put_tabbed(char *to, const struct seg_session_facts *facts)
{
	char text[SEG_ADDRESS_TEXT_MAX], proto[SEG_PROTO_WORD_MAX];

	to = put_text(to, seg_proto_word(facts->proto, proto));
	for (unsigned int i = 0; i < 2; i++) {
		to = put_text(to, seg_address_print(&facts->address[i], text));
		to = put_number(to, facts->port[i]);
	}
	to = put_text(to, seg_verdict_word(facts->verdict));
	to = put_text(to, facts->rule);
	to = put_text(to, seg_state_word(facts->l4));
	for (unsigned int i = 0; i < 2; i++) {
		to = put_number(to, facts->count[i].packets);
		to = put_number(to, facts->count[i].bytes);
	}
	to = put_number(to, facts->age_ns / NS_PER_S);
	to = put_number(to, facts->idle_ns / NS_PER_S);
	to = put_number(to, facts->expires_ns / NS_PER_S);
	return stpcpy(to, facts->iface);
}

bool seg_row_split(char *line)
{
	char *tab[SEG_ROW_FIELDS];
	unsigned int n = 0;

	for (char *at = strchr(line, '\t'); at; at = strchr(at + 1, '\t')) {
		if (n == SEG_ROW_FIELDS - 1)
			return false;
		tab[n++] = at;
	}
	if (n != SEG_ROW_FIELDS - 1)
		return false;
	while (n)
		*tab[--n] = '\0';
	return true;
}

const char *seg_row_fields(const char *line, const char *field[SEG_ROW_FIELDS])
{
	for (unsigned int i = 0; i < SEG_ROW_FIELDS; i++) {
		field[i] = line;
		line += strlen(line) + 1;
	}
	return line;
}
