/* SPDX-License-Identifier: BSD-2-Clause */
/* policy.c - a policy as its users hold it: the image, and the words it was made of. */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "words.h"

struct seg_policy {
	struct seg_model model;
	struct seg_image *image;
};

int seg_policy_open(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		    struct seg_policy **out, struct seg_error *err)
{
	_cleanup_policy_ struct seg_policy *policy = calloc(1, sizeof(*policy));
	int r;

	if (!policy)
		return seg_error_set(err, ENOMEM, "%s: not enough memory", file->name);
	r = seg_compile(file, loader, &policy->model, &policy->image, err);
	if (!r)
		*out = TAKE(policy);
	return r;
}

void seg_policy_free(struct seg_policy *policy)
{
	if (!policy)
		return;
	seg_model_free(&policy->model);
	seg_image_free(policy->image);
	free(policy);
}

const struct seg_image *seg_policy_image(const struct seg_policy *policy)
{
	return policy->image;
}

struct seg_image *seg_policy_take_image(struct seg_policy *policy)
{
	return TAKE(policy->image);
}

unsigned int seg_policy_groups(const struct seg_policy *policy)
{
	return policy->model.whole.groups.n;
}

unsigned int seg_policy_services(const struct seg_policy *policy)
{
	return policy->model.whole.services.n;
}

int seg_policy_compile(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		       struct seg_image **out, struct seg_error *err)
{
	return seg_compile(file, loader, NULL, out, err);
}

int seg_policy_print(const struct seg_policy *policy, FILE *to)
{
	return seg_model_print(&policy->model, to);
}

/* --- because ----------------------------------------------------------------- */

/* The words that are (not) negative, with what stands before the first; their number. */
static uint32_t words_print(const struct seg_model *model, const struct seg_list *list,
			    uint16_t negative, const char *lead, FILE *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct seg_word *word = &model->words.item[list->first + i];

		if ((word->flags & SEG_WORD_NEGATIVE) == negative)
			fprintf(to, "%s%s", n++ ? ", " : lead, seg_word_text(model, word));
	}
	return n;
}

static void list_because(const struct seg_model *model, const struct seg_list *list, FILE *to)
{
	if (!words_print(model, list, 0, "", to))
		fputs("any", to);
	words_print(model, list, SEG_WORD_NEGATIVE, " but ", to);
}

static void direction_because(const struct seg_rule_text *rule, FILE *to)
{
	for (unsigned int i = 0; i < SEG_DIRECTION_MAX; i++)
		if (rule->directions == 1u << i)
			fputs(seg_direction_word((uint8_t)i), to);
}

/* What the rule says, and how that it does not hold. */
static const struct {
	const char *lead;
	size_t list;
} BECAUSE[SEG_MISMATCH_MAX] = {
	[SEG_MISMATCH_IFACE] = {"iface not ", offsetof(struct seg_rule_text, iface)},
	[SEG_MISMATCH_VLAN] = {"vlan not ", offsetof(struct seg_rule_text, vlan)},
	[SEG_MISMATCH_SERVICE] = {"service not ", offsetof(struct seg_rule_text, service)},
	[SEG_MISMATCH_SOURCE_PORT] = {"source-port not ",
				      offsetof(struct seg_rule_text, source_port)},
	[SEG_MISMATCH_TCP_FLAGS] = {"tcp-flags not ", offsetof(struct seg_rule_text, tcp_flags)},
	[SEG_MISMATCH_DSCP] = {"dscp not ", offsetof(struct seg_rule_text, dscp)},
	[SEG_MISMATCH_FROM] = {"src not in ", offsetof(struct seg_rule_text, from)},
	[SEG_MISMATCH_TO] = {"dst not in ", offsetof(struct seg_rule_text, to)},
};

static void because_print(const struct seg_policy *policy, uint32_t rule,
			  enum seg_mismatch mismatch, FILE *to)
{
	const struct seg_rule_text *text = &policy->model.whole.rules.item[rule];

	if (mismatch == SEG_MISMATCH_DIRECTION) {
		fputs("direction not ", to);
		direction_because(text, to);
	}
	if (!BECAUSE[mismatch].lead)
		return;
	fputs(BECAUSE[mismatch].lead, to);
	list_because(&policy->model,
		     (const struct seg_list *)((const char *)text + BECAUSE[mismatch].list), to);
}

const char *seg_policy_because(const struct seg_policy *policy, uint32_t rule,
			       enum seg_mismatch mismatch, char *to, size_t size)
{
	FILE *f = rule < policy->model.whole.rules.n ? fmemopen(to, size, "w") : NULL;

	memset(to, 0, size);
	if (!f)
		return to;
	because_print(policy, rule, mismatch, f);
	fclose(f);
	to[size - 1] = '\0';
	return to;
}
