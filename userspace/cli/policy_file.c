/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "text.h"

/* O_NONBLOCK: a FIFO without a writer must not hold us up before it is refused. */
static int open_regular(const char *path, struct seg_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status)) {
		int errnum = errno;

		seg_error_set(err, errnum, "cannot read the policy: %s", strerror(errnum));
		seg_error_place(err, path, 0, 0, NULL);
		seg_error_exit(err, SEG_EXIT_FAILED);
		return -errnum;
	}
	if (S_ISREG(status.st_mode))
		return TAKE_FD(fd);
	seg_error_set(err, EINVAL, "not a regular file");
	seg_error_mend(err, "name the policy's file, or '-' to read standard input");
	seg_error_place(err, path, 0, 0, NULL);
	return -EINVAL;
}

/* Up to one byte more than is allowed, so that too long shows. */
static int read_all(FILE *from, char **text, size_t *len)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, used = 0;

	do {
		char *more = realloc(data, size = size ? size * 2 : 65536);

		if (!more)
			return -ENOMEM;
		data = more;
		used += fread(data + used, 1, size - used, from);
	} while (used == size && used <= SEG_POLICY_FILE_MAX);
	if (ferror(from))
		return -EIO;
	*text = TAKE(data);
	*len = used;
	return 0;
}

/* Place err at the byte `at` of the text. */
static void place_at(const char *path, const char *text, size_t at, struct seg_error *err)
{
	unsigned int line = 1;
	size_t start = 0;

	for (size_t i = 0; i < at; i++)
		if (text[i] == '\n') {
			line++;
			start = i + 1;
		}
	seg_error_place(err, path, line, (unsigned int)(at - start + 1), NULL);
}

static int check(const char *path, const char *text, size_t len, struct seg_error *err)
{
	size_t valid;

	if (len > SEG_POLICY_FILE_MAX) {
		seg_error_set(err, EFBIG, "a policy of over %u MiB", SEG_POLICY_FILE_MAX >> 20);
		seg_error_mend(err, "is that the right file?");
		seg_error_place(err, path, 0, 0, NULL);
		return -EFBIG;
	}
	valid = seg_utf8_check(text, len);
	if (valid == len)
		return 0;
	seg_error_set(err, EILSEQ, "not UTF-8: byte 0x%02x", (unsigned char)text[valid]);
	seg_error_mend(err, "save the file as UTF-8 text");
	place_at(path, text, valid, err);
	return -EILSEQ;
}

static int read_stream(const char *name, FILE *from, json_t **policy, struct seg_error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = read_all(from, &text, &len);

	if (r) {
		seg_error_set(err, -r, "cannot read the policy: %s", strerror(-r));
		seg_error_place(err, name, 0, 0, NULL);
		return r;
	}
	r = check(name, text, len, err);
	if (r)
		return r;
	*policy = json_pack("{s:s, s:s%}", "name", name, "text", text, len);
	return *policy ? 0 : seg_error_set(err, ENOMEM, "out of memory");
}

int seg_policy_file_read(const char *path, json_t **policy, struct seg_error *err)
{
	_cleanup_fclose_ FILE *from = NULL;
	int fd, r;

	if (path && strcmp(path, "-") == 0)
		return read_stream("<stdin>", stdin, policy, err);
	if (!path && access(SEG_POLICY_FILE_DEFAULT, F_OK)) {
		*policy = json_null();
		return 0;
	}
	fd = open_regular(path ? path : SEG_POLICY_FILE_DEFAULT, err);
	if (fd < 0)
		return fd;
	from = fdopen(fd, "r");
	if (!from) {
		close(fd);
		return seg_error_set(err, ENOMEM, "out of memory");
	}
	r = read_stream(path ? path : SEG_POLICY_FILE_DEFAULT, from, policy, err);
	if (!r && !path) /* the daemon prefers the one in force */
		json_object_set_new(*policy, "default", json_true());
	return r;
}
