/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h - where the programs of this installation are: beside each other, in the
 * build tree, or where they were installed; a tree that was moved finds its own.
 */
#ifndef SEG_PLACE_H
#define SEG_PLACE_H

#include <limits.h>

/* The folder of the program that runs now. 0 or -errno. */
int seg_place_own(char folder[PATH_MAX]);

/* xdpsegd, seen from xdpseg's folder. 0 or -ENOENT. */
int seg_place_daemon(const char *folder, char path[PATH_MAX]);

/* xdpseg-worker, seen from xdpsegd's folder. 0 or -ENOENT. */
int seg_place_worker(const char *folder, char path[PATH_MAX]);

#endif
