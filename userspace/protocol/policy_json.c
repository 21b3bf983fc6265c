/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy_json.h"

#include <errno.h>

static json_t *text_of(const struct seg_policy_file *file)
{
	return json_stringn(file->text, file->len);
}

json_t *seg_policy_to_json(const struct seg_policy_files *files)
{
	json_t *more = json_object();

	for (uint32_t i = 1; i < files->n; i++)
		if (json_object_set_new(more, files->item[i].name, text_of(&files->item[i]))) {
			json_decref(more);
			return NULL;
		}
	return json_pack("{s:s, s:o, s:o}", "name", files->item[0].name, "text",
			 text_of(&files->item[0]), "files", more);
}

static int add(struct seg_policy_files *files, const char *name, const json_t *text)
{
	if (!name || !json_is_string(text))
		return -EPROTO;
	return seg_policy_files_add(files, name, json_string_value(text), json_string_length(text));
}

int seg_policy_from_json(const json_t *object, struct seg_policy_files *files)
{
	json_t *more = json_object_get(object, "files"), *text;
	const char *name = json_string_value(json_object_get(object, "name"));
	int r = add(files, name, json_object_get(object, "text"));

	json_object_foreach (more, name, text)
		r = r ? r : add(files, name, text);
	return r;
}
