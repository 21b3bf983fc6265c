/* SPDX-License-Identifier: BSD-2-Clause */
#include "error_json.h"

#include <errno.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static unsigned int number_of(const json_t *object, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(object, key));

	return number > 0 ? (unsigned int)number : 0;
}

int seg_error_from_json(const json_t *object, struct seg_error *err)
{
	const json_t *error = json_object_get(object, "error");
	unsigned int exit = number_of(error, "exit");

	if (!*text_of(error, "what"))
		return -EPROTO;
	seg_error_set(err, EREMOTEIO, "%s", text_of(error, "what"));
	seg_error_mend(err, "%s", text_of(error, "mend"));
	seg_error_exit(err, exit ? (enum seg_exit)exit : SEG_EXIT_FAILED);
	if (*text_of(error, "file"))
		seg_error_place(err, text_of(error, "file"), number_of(error, "line"),
				number_of(error, "column"), text_of(error, "source"));
	return 0;
}

/* Add a member unless it says nothing. */
static void add_text(json_t *object, const char *key, const char *text)
{
	if (*text)
		json_object_set_new(object, key, json_string(text));
}

static void add_number(json_t *object, const char *key, unsigned int number)
{
	if (number)
		json_object_set_new(object, key, json_integer(number));
}

json_t *seg_error_to_json(const struct seg_error *err)
{
	json_t *error = json_object();

	add_text(error, "what", err->what);
	add_text(error, "mend", err->mend);
	add_text(error, "file", err->file);
	add_number(error, "line", err->line);
	add_number(error, "column", err->column);
	add_text(error, "source", err->source);
	add_number(error, "exit", err->exit);
	return json_pack("{s:o}", "error", error);
}

void seg_error_print_json(const struct seg_error *err, FILE *to)
{
	json_t *object = seg_error_to_json(err);

	json_dumpf(object, to, JSON_COMPACT);
	fputc('\n', to);
	json_decref(object);
}
