/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compiler.c - what is kept only grows: sets, strings and rests of rules that went stay where they
 * are. Where too much has gathered, or anything is out of the ordinary, the answer is to compile
 * anew.
 */
#include "compiler.h"

#include <errno.h>
#include <string.h>

#include "splice.h"
#include "text_edit.h"

/* Boxes that are added until all are compiled anew: tables are made for those that were there. */
#define ADDED_LEAST 256
#define ADDED_SHARE 4 /* a quarter */

struct seg_compiler {
	struct seg_build build;
	struct seg_image *image; /* as of the last patch; NULL: it takes none any more */
	unsigned int users;
	bool some_by_place;             /* rules without an id of their own... */
	bool some_place_like;           /* ...and one whose id looks as if it had none */
	SEG_VECTOR(uint32_t) place_ids; /* strings: what the i-th rule is called if it has no id */
	struct seg_text_lines lines;    /* of the policy's own text */
	uint32_t added;
};

/* --- open ------------------------------------------------------------------------ */

static int ids_look(struct seg_compiler *c, const struct seg_image *image)
{
	const struct seg_rule *rule = seg_section_items(image, SEG_SECTION_RULES);
	uint32_t place;
	int r = 0;

	for (uint32_t i = 0; !r && i < seg_image_rules(image); i++) {
		bool by_place = rule[i].by_place;

		c->some_by_place |= by_place;
		c->some_place_like |=
			!by_place && seg_rule_place_like(seg_image_rule_id(image, i), &place);
		r = SEG_PUSH(&c->place_ids, by_place ? rule[i].id : SEG_SPLICE_NONE);
	}
	return r;
}

#define FORGET(v)                                                                                  \
	do {                                                                                       \
		free((v).item);                                                                    \
		memset(&(v), 0, sizeof(v));                                                        \
	} while (0)

/* What the image has, and what only the rules' texts were for. */
static void rules_forget(struct seg_build *b)
{
	for (unsigned int i = 0; i < 2 * SEG_LANE_MAX; i++)
		FORGET(b->lanes[i]);
	for (int six = 0; six < 2; six++) {
		FORGET(b->slots[six]);
		FORGET(b->boxes[six]);
		FORGET(b->box_rests[six]);
	}
	FORGET(b->rules);
	FORGET(b->finders);
	FORGET(b->banks);
	FORGET(b->parser.model.whole.rules);
	FORGET(b->parser.sources);
	seg_index_free(&b->id_index);
}

static struct seg_compiler *compiler_make(const struct seg_policy_loader *loader,
					  struct seg_error *err)
{
	struct seg_compiler *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->users = 1;
	c->build.parser.loader = loader;
	c->build.parser.sources.err = err;
	return c;
}

int seg_compiler_open(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		      struct seg_compiler **out, struct seg_image **image, struct seg_error *err)
{
	_cleanup_compiler_ struct seg_compiler *c = compiler_make(loader, err);
	_cleanup_image_ struct seg_image *made = NULL;
	int r = c ? seg_build_run(&c->build, file, &made) : -ENOMEM;

	if (!r)
		r = ids_look(c, made);
	if (!r)
		r = seg_text_lines_look(&c->lines, file);
	if (r)
		return seg_error_set(err, -r, "%s: not enough memory", file->name);
	rules_forget(&c->build);
	c->build.parser.loader = NULL;
	r = seg_image_spread(made, &c->image);
	if (r && r != -E2BIG)
		return seg_error_set(err, -r, "%s: not enough memory", file->name);
	*out = TAKE(c);
	*image = TAKE(made);
	return 0;
}

struct seg_compiler *seg_compiler_ref(struct seg_compiler *compiler)
{
	compiler->users++;
	return compiler;
}

void seg_compiler_unref(struct seg_compiler *c)
{
	if (!c || --c->users)
		return;
	seg_build_free(&c->build);
	seg_image_free(c->image);
	free(c->place_ids.item);
	seg_text_lines_free(&c->lines);
	free(c);
}

/* --- the rule ----------------------------------------------------------------------- */

/* Its words are put behind those that are kept. What apply would refuse is not for here. */
static int rule_parse(struct seg_build *b, const char *rule, struct seg_rule_text *out)
{
	_cleanup_free_ char *text = NULL;
	struct seg_part kept = b->parser.model.whole;
	uint32_t wishes = b->parser.model.wishes.n;
	int len = asprintf(&text, "version: 1\nrules:\n- %s", rule), r;
	const struct seg_policy_file file = {"rule", text, (size_t)len};

	if (len < 0) {
		text = NULL;
		return -ENOMEM;
	}
	r = seg_parser_run(&b->parser, &file);
	seg_reader_close(&b->parser.reader);
	if (!r && (b->parser.model.whole.rules.n != 1 || b->parser.model.wishes.n != wishes))
		r = -EAGAIN;
	if (!r)
		*out = *b->parser.model.whole.rules.item;
	b->parser.model.wishes.n = wishes;
	seg_part_free(&b->parser.model.whole);
	b->parser.model.whole = kept;
	return r;
}

/* Nothing of the rule before is left, but what is kept. */
static void build_clear(struct seg_build *b, const struct seg_image *image)
{
	b->rows = 0;
	for (unsigned int i = 0; i < 2 * SEG_LANE_MAX; i++) {
		b->lanes[i].n = 0;
		b->rows += image->section[i].count;
	}
	for (int six = 0; six < 2; six++) {
		b->boxes[six].n = 0;
		b->box_rests[six].n = 0;
	}
	b->rules.n = 0;
	b->vlans.n = 0;
	b->work = 0;
}

static int rule_unfold(struct seg_build *b, const char *rule, struct seg_rule *out)
{
	struct seg_rule_text text = {0};
	int r = rule_parse(b, rule, &text);

	if (!r) {
		*out = seg_rule_of(&text);
		r = SEG_PUSH(&b->rules, *out);
	}
	if (!r)
		r = seg_rule_unfold(b, &text, 0, out);
	/* seg_parser_run() took the rule's text, which goes. */
	FORGET(b->parser.sources);
	return r;
}

/* --- VLANs -------------------------------------------------------------------------- */

static int vlan_push(struct seg_build *b, const struct seg_row *row)
{
	const struct seg_vlan vlan = {{row->vlan[0], row->vlan[1]}};

	if (b->vlans.n && !memcmp(&b->vlans.item[b->vlans.n - 1], &vlan, sizeof(vlan)))
		return 0;
	return SEG_PUSH(&b->vlans, vlan);
}

static int vlans_of_rows(struct seg_build *b, const struct seg_image *image, unsigned int lane,
			 uint32_t gone)
{
	const struct seg_row *row = seg_section_items(image, lane);
	int r = 0;

	for (uint32_t i = 0; !r && i < image->section[lane].count; i++)
		if (row[i].directions && row[i].vlan[0] && seg_row_rule(image, lane, i) != gone)
			r = vlan_push(b, &row[i]);
	return r;
}

/* Those that rules name which are left, beside the new one's, which are there. */
static int vlans_gather(struct seg_build *b, const struct seg_image *image, uint32_t gone)
{
	int r = 0;

	if (!b->vlans.n && !image->section[SEG_SECTION_VLANS].count)
		return 0;
	for (unsigned int i = 0; !r && i < 2 * SEG_LANE_MAX; i++)
		r = vlans_of_rows(b, image, i, gone);
	return r ? r : seg_build_sort_vlans(b);
}

/* --- ids ---------------------------------------------------------------------------- */

/* What rules are called that have no id, up to the n-th. */
static int place_ids_make(struct seg_compiler *c, uint32_t n)
{
	char id[SEG_NAME_MAX];
	int r = 0;

	while (!r && c->place_ids.n < n)
		r = SEG_PUSH(&c->place_ids, SEG_SPLICE_NONE);
	for (uint32_t i = 0; !r && i < n; i++) {
		if (c->place_ids.item[i] != SEG_SPLICE_NONE)
			continue;
		snprintf(id, sizeof(id), "rule-%u", i + 1);
		r = seg_build_string(&c->build, id, strlen(id), &c->place_ids.item[i]);
	}
	return r;
}

/* A new id that has a meaning, or may come to be another's: all is compiled, and says so. */
static bool id_plain(const struct seg_compiler *c, const char *id)
{
	uint32_t place;

	return !c->some_place_like && !seg_rule_place_like(id, &place) && strcmp(id, "default") &&
	       strcmp(id, "-");
}

static int id_give(struct seg_compiler *c, struct seg_splice *splice, const char *id)
{
	bool before = splice->gone != SEG_SPLICE_NONE && splice->gone < splice->place;
	int r = 0;

	c->some_by_place |= splice->rule.by_place;
	if (c->some_by_place)
		r = place_ids_make(c, seg_image_rules(c->image) + 1);
	splice->place_ids = c->place_ids.item;
	if (r || splice->place == SEG_SPLICE_NONE)
		return r;
	if (!splice->rule.by_place)
		return seg_build_string(&c->build, id, strlen(id), &splice->rule.id);
	splice->rule.id = c->place_ids.item[splice->place - before];
	return 0;
}

/* --- pieces --------------------------------------------------------------------------- */

static bool has_shadow(const struct seg_image *image)
{
	return image->section[SEG_SECTION_FINDERS].count > seg_finder_of(SEG_STAGE_SHADOW, 0);
}

static int pieces_make(struct seg_splice *splice)
{
	enum seg_stage last = has_shadow(splice->image) ? SEG_STAGE_SHADOW : SEG_STAGE_ENFORCE;
	int r = 0;

	for (enum seg_stage stage = 0; stage <= last; stage++)
		for (unsigned int i = 0; !r && i < 2 * SEG_LANE_MAX; i++)
			r = seg_pieces_make(splice->build, i, stage,
					    &splice->pieces[seg_finder_of(stage, i)]);
	return r;
}

static void pieces_free(struct seg_splice *splice)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(splice->pieces); i++)
		seg_pieces_free(&splice->pieces[i]);
}

/* Tables that were made for what was there hold so much more, and not for ever. */
static bool few_enough(struct seg_compiler *c, const struct seg_image *image)
{
	uint32_t had =
		image->section[SEG_SECTION_BOXES4].count + image->section[SEG_SECTION_BOXES6].count;
	uint32_t more = c->build.box_rests[0].n + c->build.box_rests[1].n + 1;

	c->added += more;
	return c->added <= ADDED_LEAST + had / ADDED_SHARE;
}

/* --- all of it ------------------------------------------------------------------------- */

/* A shadow rule is one of the first so many. */
static bool shadows_stand(const struct seg_image *image)
{
	const struct seg_rule *rule = seg_section_items(image, SEG_SECTION_RULES);

	for (uint32_t i = SEG_SHADOW_MAX; has_shadow(image) && i < seg_image_rules(image); i++)
		if (rule[i].stage == SEG_STAGE_SHADOW)
			return false;
	return seg_image_rules(image) <= SEG_RULES_MAX;
}

static int splice_run(struct seg_compiler *c, struct seg_splice *splice, struct seg_patched *out)
{
	XXH128_hash_t *texts = c->build.texts_sum.item;
	int r = seg_image_splice(splice);

	if (!r && !shadows_stand(c->image))
		r = -EAGAIN;
	if (r) {
		seg_image_free(TAKE(c->image));
		return r;
	}
	texts[0] = XXH3_128bits(out->text, out->len);
	seg_image_say_texts(c->image, texts, c->build.texts_sum.n);
	out->image = c->image;
	return 0;
}

/* `rule`: "{...}\n", or NULL. */
static int rule_change(struct seg_compiler *c, const struct seg_patch_places *at, const char *rule,
		       uint32_t line, struct seg_patched *out)
{
	const struct seg_image *image = c->image;
	uint32_t rules = seg_image_rules(image), place = at->place < rules ? at->place : rules;
	const struct seg_rule *others = seg_section_items(image, SEG_SECTION_RULES);
	_cleanup_(pieces_free) struct seg_splice splice = {.image = c->image,
							   .gone = at->old,
							   .place = rule ? place : SEG_SPLICE_NONE,
							   .build = &c->build};
	int r = 0;

	build_clear(&c->build, image);
	if (rule)
		r = rule_unfold(&c->build, rule, &splice.rule);
	splice.rule.line = line;
	splice.rule.file = others[rules - 1].file;
	if (!r && splice.rule.stage == SEG_STAGE_SHADOW && !has_shadow(image))
		r = -EAGAIN;
	if (!r)
		r = pieces_make(&splice);
	if (!r && !few_enough(c, image))
		r = -EAGAIN;
	if (!r)
		r = vlans_gather(&c->build, image, at->old);
	if (!r)
		r = id_give(c, &splice, out->id);
	if (!r && !seg_splice_fits(&splice))
		r = -EAGAIN;
	return r ? r : splice_run(c, &splice, out);
}

/* Holes are numbered by what stays; and what is not enforced is for apply to tell. */
static bool can_splice(const struct seg_image *image, const struct seg_patch_places *at)
{
	return !image->section[SEG_SECTION_NEEDS].count &&
	       seg_image_rules(image) > (at->old != SEG_PATCH_NO_RULE);
}

static int patch_try(struct seg_compiler *c, const struct seg_policy_file *text,
		     const struct seg_patch *patch, struct seg_patched *out)
{
	const struct seg_image *image = c->image;
	_cleanup_free_ char *line = NULL;
	const char *rule = NULL;
	struct seg_patch_places at = {SEG_PATCH_NO_RULE, SEG_PATCH_NO_RULE};
	struct seg_text_edit edit = {0};
	int r = 0;

	if (patch->rule)
		r = seg_patch_read(patch->rule, &line, out->id, NULL);
	else
		snprintf(out->id, sizeof(out->id), "%s", patch->removed);
	if (!r)
		r = seg_patch_find(image, patch, out->id, &at, NULL);
	if (!r && (!can_splice(image, &at) || !id_plain(c, patch->rule ? out->id : "")))
		r = -EAGAIN;
	if (line)
		rule = line + strspn(line, " -");
	if (!r)
		r = seg_text_edit_plan(&c->lines, image, text, &at, rule, &edit);
	if (!r)
		r = seg_text_edit_write(text, &edit, rule, &out->text, &out->len);
	if (!r)
		r = rule_change(c, &at, rule, edit.line, out);
	if (!r)
		seg_text_lines_change(&c->lines, &edit);
	return r;
}

int seg_compiler_patch(struct seg_compiler *compiler, const struct seg_image *image,
		       const struct seg_policy_file *text, const struct seg_patch *patch,
		       struct seg_patched *out)
{
	struct seg_patched made = {0};
	int r = -EAGAIN;

	if (compiler->image && !strcmp(seg_image_hash(image), seg_image_hash(compiler->image)))
		r = patch_try(compiler, text, patch, &made);
	if (!r) {
		*out = made;
		return 0;
	}
	free(made.text);
	return r == -ENOMEM ? r : -EAGAIN;
}
