/* SPDX-License-Identifier: BSD-2-Clause */
#include "files.h"

#include <errno.h>
#include <string.h>

#include "path.h"

void seg_policy_files_free(struct seg_policy_files *files)
{
	for (uint32_t i = 0; i < files->n; i++) {
		free((char *)files->item[i].name);
		free((char *)files->item[i].text);
	}
	free(files->item);
	*files = (struct seg_policy_files){0};
}

static char *copy_of(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return copy;
}

int seg_policy_files_take(struct seg_policy_files *files, const char *name, char **text, size_t len)
{
	struct seg_policy_file *item =
		reallocarray(files->item, files->n + 1u, sizeof(*files->item));
	_cleanup_free_ char *own = strdup(name);

	if (item)
		files->item = item;
	if (!item || !own)
		return -ENOMEM;
	item[files->n++] = (struct seg_policy_file){TAKE(own), TAKE(*text), len};
	return 0;
}

int seg_policy_files_add(struct seg_policy_files *files, const char *name, const char *text,
			 size_t len)
{
	_cleanup_free_ char *body = copy_of(text, len);

	return body ? seg_policy_files_take(files, name, &body, len) : -ENOMEM;
}

int seg_policy_files_copy(struct seg_policy_files *to, const struct seg_policy_files *from)
{
	int r = 0;

	*to = (struct seg_policy_files){0};
	for (uint32_t i = 0; !r && i < from->n; i++)
		r = seg_policy_files_add(to, from->item[i].name, from->item[i].text,
					 from->item[i].len);
	if (r)
		seg_policy_files_free(to);
	return r;
}

const struct seg_policy_file *seg_policy_files_find(const struct seg_policy_files *files,
						    const char *name)
{
	for (uint32_t i = 0; i < files->n; i++)
		if (strcmp(files->item[i].name, name) == 0)
			return &files->item[i];
	return NULL;
}

size_t seg_policy_files_size(const struct seg_policy_files *files)
{
	size_t size = 0;

	for (uint32_t i = 0; i < files->n; i++)
		size += files->item[i].len;
	return size;
}

/* struct seg_policy_loader */
static int load(void *context, const char *by, const char *name, struct seg_policy_file *file,
		struct seg_error *err)
{
	struct seg_policy_files *files = context;
	_cleanup_free_ char *path = seg_path_beside(by, name);
	int r = path ? 0 : -ENOMEM;

	if (!r && !seg_policy_files_find(files, path))
		r = files->fetch ? files->fetch(files, path, err)
				 : seg_error_set(err, ENOENT, "'%s' is not here", path);
	if (!r)
		*file = *seg_policy_files_find(files, path);
	return r;
}

int seg_policy_files_open(struct seg_policy_files *files, struct seg_policy **out,
			  struct seg_error *err)
{
	const struct seg_policy_loader loader = {load, files};

	return seg_policy_open(&files->item[0], &loader, out, err);
}

int seg_policy_files_compile(struct seg_policy_files *files, struct seg_compiler **out,
			     struct seg_image **image, struct seg_error *err)
{
	const struct seg_policy_loader loader = {load, files};

	return seg_compiler_open(&files->item[0], &loader, out, image, err);
}
