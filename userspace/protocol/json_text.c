/* SPDX-License-Identifier: BSD-2-Clause */
#include "json_text.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

char *seg_json_put(char *to, const char *text)
{
	return stpcpy(to, text);
}

static char *put_escaped(char *to, char c)
{
	if ((unsigned char)c < 0x20)
		return to + snprintf(to, sizeof("\\u001f"), "\\u%04x", (unsigned int)c);
	if (c == '"' || c == '\\')
		*to++ = '\\';
	*to++ = c;
	return to;
}

char *seg_json_put_string(char *to, const char *text)
{
	*to++ = '"';
	for (; *text; text++)
		to = put_escaped(to, *text);
	*to++ = '"';
	return to;
}

char *seg_json_put_text_member(char *to, const char *name, const char *text)
{
	return seg_json_put_string(seg_json_put(to, name), text);
}

char *seg_json_put_number_member(char *to, const char *name, uint64_t number)
{
	return seg_number_put(seg_json_put(to, name), number);
}
