/* SPDX-License-Identifier: BSD-2-Clause */
/* path.h - paths as text; nothing is opened. */
#ifndef SEG_PATH_H
#define SEG_PATH_H

/*
 * What `name` is where a file called `by` says it: absolute as it is, else in
 * by's folder. The caller frees it; NULL: out of memory.
 */
char *seg_path_beside(const char *by, const char *name);

#endif
