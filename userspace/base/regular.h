/* SPDX-License-Identifier: BSD-2-Clause */
/* regular.h - files that a user names. */
#ifndef SEG_REGULAR_H
#define SEG_REGULAR_H

/*
 * Open a file for reading: its descriptor, or -errno and in *why the words for it.
 * -EINVAL: it is there, but no regular file; nothing was waited for to know that.
 */
int seg_open_regular(const char *path, const char **why);

#endif
