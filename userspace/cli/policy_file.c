/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "policy_json.h"
#include "regular.h"
#include "text.h"

#define STDIN_NAME "<stdin>"

static const char *mend_of(int errnum, const char *path, bool within)
{
	if (errnum == ENOENT && within)
		return "check the name: it is relative to the file that says it";
	if (errnum == ENOENT && !strcmp(path, SEG_POLICY_FILE_DEFAULT))
		return "write one; what `xdpseg help policy` and xdpseg-policy(5) say helps";
	if (errnum == ENOENT)
		return "check the name";
	if (errnum == ENOMEM)
		return "free memory, or raise what limits it: `ulimit -v`";
	if (errnum == EACCES)
		return "files are read with your rights: run it as somebody who may read this one";
	return "name a file; a policy itself may come by '-', standard input";
}

/* `within`: a policy names it. */
static int open_named(const char *path, bool within, struct seg_error *err)
{
	const char *why;
	int fd = seg_open_regular(path, &why);

	if (fd >= 0)
		return fd;
	seg_error_set(err, -fd, "cannot read '%.256s': %s", path, why);
	seg_error_exit(err, SEG_EXIT_FAILED);
	seg_error_mend(err, "%s", mend_of(-fd, path, within));
	return fd;
}

/* Up to `max` bytes. -EFBIG: there are more. */
static int read_stream(FILE *from, size_t max, char **text, size_t *len)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, used = 0;

	do {
		char *more = realloc(data, size = size ? size * 2 : 65536);

		if (!more)
			return -ENOMEM;
		data = more;
		used += fread(data + used, 1, size - used, from);
	} while (used == size && used <= max);
	if (ferror(from))
		return -EIO;
	if (used > max)
		return -EFBIG;
	*text = TAKE(data);
	*len = used;
	return 0;
}

static int read_error(const char *name, int r, struct seg_error *err)
{
	if (r != -EFBIG) {
		seg_error_set(err, -r, "cannot read '%.256s': %s", name, strerror(-r));
		seg_error_mend(err, "%s", mend_of(-r, name, false));
		return r;
	}
	seg_error_set(err, EFBIG, "'%.256s': a policy of over %u MiB", name,
		      SEG_POLICY_TEXT_MAX >> 20);
	seg_error_mend(err, "is that the right file?");
	return r;
}

static int add_stream(struct seg_policy_files *files, const char *name, FILE *from,
		      struct seg_error *err)
{
	size_t room = SEG_POLICY_TEXT_MAX - seg_policy_files_size(files), len = 0;
	_cleanup_free_ char *text = NULL;
	int r = read_stream(from, room, &text, &len);

	if (!r)
		r = seg_policy_files_add(files, name, text, len);
	return r ? read_error(name, r, err) : 0;
}

static int add_file(struct seg_policy_files *files, const char *path, struct seg_error *err)
{
	_cleanup_fclose_ FILE *from = NULL;
	int fd = open_named(path, files->n > 0, err);

	if (fd < 0)
		return fd;
	from = fdopen(fd, "r");
	if (!from) {
		close(fd);
		return seg_error_set(err, ENOMEM, "out of memory");
	}
	return add_stream(files, path, from, err);
}

/* What is not UTF-8 could not be sent. */
static int name_check(const char *path, struct seg_error *err)
{
	if (seg_utf8_check(path, strlen(path)) == strlen(path))
		return 0;
	seg_error_set(err, EILSEQ, "the file's name is not UTF-8");
	seg_error_mend(err, "rename it, or give it to '-', standard input");
	return -EILSEQ;
}

int seg_policy_file_open(const char *path, struct seg_policy_files *files,
			 struct seg_policy **policy, struct seg_error *err)
{
	bool standard = strcmp(path, "-") == 0;
	int r;

	*files = (struct seg_policy_files){.fetch = add_file};
	r = name_check(path, err);
	if (!r)
		r = standard ? add_stream(files, STDIN_NAME, stdin, err)
			     : add_file(files, path, err);
	if (!r)
		r = seg_policy_files_open(files, policy, err);
	if (!r)
		return 0;
	seg_error_place(err, standard ? STDIN_NAME : path, 0, 0, NULL);
	seg_error_mend(err, "xdpseg-policy(5) says what a policy is made of");
	return r;
}

int seg_policy_file_pack(const char *path, struct seg_policy_files *files,
			 struct seg_policy **policy, json_t **sent, struct seg_error *err)
{
	int r;

	if (!path && access(SEG_POLICY_FILE_DEFAULT, F_OK)) {
		*policy = NULL;
		*sent = json_null();
		return 0;
	}
	r = seg_policy_file_open(path ? path : SEG_POLICY_FILE_DEFAULT, files, policy, err);
	if (r)
		return r;
	*sent = seg_policy_to_json(files);
	if (*sent && !path) /* the daemon prefers the one in force */
		json_object_set_new(*sent, "default", json_true());
	return *sent ? 0 : seg_error_set(err, ENOMEM, "out of memory");
}
