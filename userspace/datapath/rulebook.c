/* SPDX-License-Identifier: BSD-2-Clause */
#include "rulebook.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "cleanup.h"
#include "tables.h"

static const char allow_all[] = "version: 1\n"
				"name: none\n"
				"defaults: {ingress: allow, egress: allow, forward: allow}\n"
				"rules: []\n";

/* The rulebook's own files: given, or one that allows everything. */
static int keep_files(struct seg_rulebook *book, const struct seg_policy_text *policy,
		      struct seg_error *err)
{
	int r = policy->files ? seg_policy_files_copy(&book->files, policy->files)
			      : seg_policy_files_add(&book->files, "none", allow_all,
						     sizeof(allow_all) - 1);

	return r ? seg_error_set(err, -r, "no memory for a policy") : 0;
}

/* What goes with an image: it is sealed, and its rules have counters. */
static int image_open(struct seg_rulebook *book, const struct seg_image *image,
		      struct seg_error *err)
{
	int r = seg_image_enforceable(image, book->files.item[0].name, err);

	if (r)
		return r;
	book->entries = seg_image_rules(image) + 1;
	book->image_fd = seg_image_seal(image, err);
	if (book->image_fd < 0)
		return book->image_fd;
	r = seg_image_view(book->image_fd, &book->image, err);
	if (!r)
		r = seg_failsafe_open(&book->failsafe, book->image, err);
	if (r)
		return r;
	book->rules_fd = seg_rules_open(book->entries, &book->rules, err);
	return book->rules_fd < 0 ? book->rules_fd : 0;
}

int seg_rulebook_open(struct seg_rulebook *book, const struct seg_policy_text *policy,
		      uint32_t generation, uint32_t revision, struct seg_error *err)
{
	_cleanup_image_ struct seg_image *made = NULL;
	int r;

	*book = SEG_RULEBOOK_NONE;
	book->generation = generation;
	book->revision = revision;
	book->given = policy->files != NULL;
	book->observe = policy->observe || !policy->files;
	r = keep_files(book, policy, err);
	if (!r)
		r = seg_policy_files_compile(&book->files, &book->compiler, &made, err);
	if (!r)
		r = image_open(book, made, err);
	if (r)
		seg_rulebook_close(book);
	return r;
}

/* The policy's own text is another, what it names is the same. */
static int patch_files(struct seg_rulebook *book, const struct seg_rulebook *from,
		       struct seg_patched *patched)
{
	const struct seg_policy_file *item = from->files.item;
	int r = seg_policy_files_take(&book->files, item[0].name, &patched->text, patched->len);

	for (uint32_t i = 1; !r && i < from->files.n; i++)
		r = seg_policy_files_add(&book->files, item[i].name, item[i].text, item[i].len);
	return r;
}

int seg_rulebook_patch(struct seg_rulebook *book, const struct seg_rulebook *from,
		       const struct seg_patch *patch, char id[SEG_NAME_MAX], uint32_t generation,
		       uint32_t revision, struct seg_error *err)
{
	struct seg_patched patched;
	int r = seg_compiler_patch(from->compiler, from->image, &from->files.item[0], patch,
				   &patched);

	if (r)
		return r == -EAGAIN ? r : seg_error_set(err, -r, "no memory for a policy");
	*book = SEG_RULEBOOK_NONE;
	book->generation = generation;
	book->revision = revision;
	book->given = from->given;
	book->observe = from->observe;
	book->compiler = seg_compiler_ref(from->compiler);
	snprintf(id, SEG_NAME_MAX, "%s", patched.id);
	r = patch_files(book, from, &patched);
	free(patched.text);
	r = r ? seg_error_set(err, -r, "no memory for a policy")
	      : image_open(book, patched.image, err);
	if (r)
		seg_rulebook_close(book);
	return r;
}

void seg_rulebook_close(struct seg_rulebook *book)
{
	seg_policy_files_free(&book->files);
	seg_compiler_unref(book->compiler);
	book->compiler = NULL;
	if (!book->entries)
		return;
	seg_rules_close(book->rules_fd, book->rules, book->entries);
	seg_failsafe_close(&book->failsafe);
	seg_closep(&book->image_fd);
	seg_image_unmap(book->image);
	*book = SEG_RULEBOOK_NONE;
}

int seg_rulebook_adopt_rules(struct seg_rulebook *book, const char *pin, struct seg_error *err)
{
	struct seg_rule_count *rules;
	int fd = seg_rules_adopt(pin, book->entries, &rules);

	if (fd < 0)
		return seg_error_set(err, -fd, "the rules' counters %s: %s", pin, strerror(-fd));
	seg_rules_close(book->rules_fd, book->rules, book->entries);
	book->rules_fd = fd;
	book->rules = rules;
	return 0;
}

bool seg_rulebook_same(const struct seg_rulebook *a, const struct seg_rulebook *b)
{
	return a->observe == b->observe && a->given == b->given &&
	       !strcmp(seg_image_hash(a->image), seg_image_hash(b->image));
}

uint64_t seg_rulebook_sessions(const struct seg_rulebook *book)
{
	const struct seg_defaults *limits = seg_image_defaults(book->image);

	return (uint64_t)limits->sessions_max + 2ull * limits->half_open_max + limits->denied_max;
}

uint32_t seg_rulebook_entry(const struct seg_rulebook *book, uint32_t rule)
{
	return rule < book->entries ? rule : book->entries - 1;
}

const char *seg_rulebook_id(const struct seg_rulebook *book, uint32_t entry)
{
	return seg_image_rule_id(book->image, entry + 1 < book->entries ? entry : SEG_RULE_DEFAULT);
}

uint32_t seg_generation_after(uint32_t generation)
{
	return generation == UINT16_MAX ? 1 : generation + 1;
}

/* --- history ------------------------------------------------------------------------------ */

struct seg_history {
	char id[SEG_NAME_MAX];
	struct seg_rule_count count;
	UT_hash_handle hh;
};

static bool is_zero(const struct seg_rule_count *count)
{
	return !count->count.packets && !count->count.bytes && !count->sessions && !count->shadow;
}

/* A count that finds no memory is lost: a number in a report, no packet. */
void seg_history_add(struct seg_history **history, const char *id, const struct seg_rule_count *add)
{
	struct seg_history *entry;

	HASH_FIND_STR(*history, id, entry);
	if (!entry && is_zero(add))
		return;
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return;
		snprintf(entry->id, sizeof(entry->id), "%s", id);
		HASH_ADD_STR(*history, id, entry);
	}
	entry->count.count.packets += add->count.packets;
	entry->count.count.bytes += add->count.bytes;
	entry->count.sessions += add->sessions;
	entry->count.shadow += add->shadow;
}

struct seg_rule_count seg_history_get(const struct seg_history *history, const char *id)
{
	const struct seg_history *entry;

	HASH_FIND_STR(history, id, entry);
	return entry ? entry->count : (struct seg_rule_count){0};
}

void seg_history_visit(const struct seg_history *history, seg_history_visitor call, void *data)
{
	for (const struct seg_history *entry = history; entry; entry = entry->hh.next)
		call(data, entry->id, &entry->count);
}

void seg_history_free(struct seg_history **history)
{
	struct seg_history *entry, *next;

	HASH_ITER (hh, *history, entry, next) {
		HASH_DEL(*history, entry);
		free(entry);
	}
}
