/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "cleanup.h"

static void put_count(void *data, const char *id, const struct seg_rule_count *count)
{
	json_object_set_new(data, id,
			    json_pack("[I, I, I, I]", (json_int_t)count->count.packets,
				      (json_int_t)count->count.bytes, (json_int_t)count->sessions,
				      (json_int_t)count->shadow));
}

static json_t *history_to_json(const struct seg_history *history)
{
	json_t *json = json_object();

	seg_history_visit(history, put_count, json);
	return json;
}

static void history_from_json(const json_t *json, struct seg_history **history)
{
	const json_t *row;
	const char *id;

	json_object_foreach ((json_t *)json, id, row) {
		const struct seg_rule_count count = {
			.count = {(uint64_t)json_integer_value(json_array_get(row, 0)),
				  (uint64_t)json_integer_value(json_array_get(row, 1))},
			.sessions = (uint64_t)json_integer_value(json_array_get(row, 2)),
			.shadow = (uint64_t)json_integer_value(json_array_get(row, 3)),
		};

		seg_history_add(history, id, &count);
	}
}

/* --- texts --------------------------------------------------------------------- */

#define TEXT_NAME_MAX (sizeof(SEG_RECORD_TEXT) + 32)

/* The file that has this text. */
static const char *text_name(const char *text, size_t len, char name[TEXT_NAME_MAX])
{
	XXH128_hash_t hash = XXH3_128bits(text, len);

	snprintf(name, TEXT_NAME_MAX, SEG_RECORD_TEXT "%016" PRIx64 "%016" PRIx64, hash.high64,
		 hash.low64);
	return name;
}

static int save_text(const struct seg_runtime *runtime, const struct seg_policy_file *file,
		     json_t *to)
{
	char name[TEXT_NAME_MAX];
	int r = 0;

	text_name(file->text, file->len, name);
	if (!seg_runtime_has(runtime, name))
		r = seg_runtime_write(runtime, name, file->text, file->len);
	if (!r &&
	    json_array_append_new(to, json_pack("{s:s, s:s}", "name", file->name, "text", name)))
		r = -ENOMEM;
	return r;
}

/* [{"name", "text": file of the folder}] in `to`. */
static int save_files(const struct seg_runtime *runtime, const struct seg_policy_files *files,
		      json_t *to)
{
	int r = 0;

	for (uint32_t i = 0; i < files->n && !r; i++)
		r = save_text(runtime, &files->item[i], to);
	return r;
}

static int load_text(const struct seg_runtime *runtime, const json_t *from,
		     struct seg_policy_files *files)
{
	const char *name = json_string_value(json_object_get(from, "name"));
	const char *text = json_string_value(json_object_get(from, "text"));
	_cleanup_free_ char *found = NULL;
	char expected[TEXT_NAME_MAX];
	size_t size;

	if (!name || !text || strchr(text, '/') || seg_runtime_read(runtime, text, &found, &size) ||
	    strcmp(text, text_name(found, size, expected)) != 0)
		return -EBADMSG;
	return seg_policy_files_take(files, name, &found, size);
}

static int load_files(const struct seg_runtime *runtime, const json_t *from,
		      struct seg_policy_files *files)
{
	const json_t *file;
	size_t i;
	int r = 0;

	json_array_foreach (from, i, file)
		r = r ? r : load_text(runtime, file, files);
	return r;
}

static bool names_text(const json_t *files, const char *name)
{
	const json_t *file;
	size_t i;

	json_array_foreach (files, i, file)
		if (!strcmp(name, json_string_value(json_object_get(file, "text"))))
			return true;
	return false;
}

static bool is_in_use(const void *data, const char *name)
{
	return names_text(json_object_get(data, "policy"), name) ||
	       names_text(json_object_get(data, "before"), name);
}

/* --- the record ------------------------------------------------------------------ */

static json_t *to_json(const struct seg_record *record, json_t *policy, json_t *before)
{
	return json_pack("{s:O, s:O, s:b, s:b, s:i, s:i, s:I, s:o, s:O*}", "policy", policy,
			 "before", before, "given", record->given, "observe", record->observe,
			 "generation", record->generation, "revision", record->revision,
			 "trial_ends", (json_int_t)record->trial_ends, "history",
			 history_to_json(record->history), "revisions", record->revisions);
}

int seg_record_save(const struct seg_runtime *runtime, const struct seg_record *record)
{
	json_auto_t *policy = json_array(), *before = json_array(), *json = NULL;
	int r = save_files(runtime, &record->files, policy);

	if (!r)
		r = save_files(runtime, &record->before, before);
	if (r)
		return r;
	json = to_json(record, policy, before);
	r = seg_runtime_write_json(runtime, SEG_RECORD, json);
	if (!r)
		seg_runtime_prune(runtime, SEG_RECORD_TEXT, is_in_use, json);
	return r;
}

int seg_record_load(const struct seg_runtime *runtime, struct seg_record *record)
{
	json_auto_t *json = seg_runtime_read_json(runtime, SEG_RECORD);
	struct seg_record loaded = {0};
	int given, observe, generation, revision;
	json_int_t ends;

	if (!json ||
	    json_unpack(json, "{s:b, s:b, s:i, s:i, s:I}", "given", &given, "observe", &observe,
			"generation", &generation, "revision", &revision, "trial_ends", &ends))
		return -EBADMSG;
	loaded.given = given;
	loaded.observe = observe;
	loaded.generation = (uint32_t)generation;
	loaded.revision = (uint32_t)revision;
	loaded.trial_ends = (uint64_t)ends;
	if (load_files(runtime, json_object_get(json, "policy"), &loaded.files) ||
	    load_files(runtime, json_object_get(json, "before"), &loaded.before)) {
		seg_record_free(&loaded);
		return -EBADMSG;
	}
	history_from_json(json_object_get(json, "history"), &loaded.history);
	loaded.revisions = json_incref(json_object_get(json, "revisions"));
	*record = loaded;
	return 0;
}

void seg_record_free(struct seg_record *record)
{
	seg_policy_files_free(&record->files);
	seg_policy_files_free(&record->before);
	seg_history_free(&record->history);
	json_decref(record->revisions);
	*record = (struct seg_record){0};
}
