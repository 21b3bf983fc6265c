/* SPDX-License-Identifier: BSD-2-Clause */
/* demo.h - the story of `xdpseg demo` as a table (demo_story.c), and who plays it (demo_play.c). */
#ifndef SEG_DEMO_H
#define SEG_DEMO_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli.h"
#include "traffic.h"

enum seg_demo_act {
	SEG_DEMO_HEAD,  /* text: a heading */
	SEG_DEMO_SAY,   /* text: why what follows is done */
	SEG_DEMO_FILE,  /* file, content; `shown` of it, or all */
	SEG_DEMO_RUN,   /* command; `text` has to be in what it prints */
	SEG_DEMO_TRY,   /* call; text: what is tried */
	SEG_DEMO_AWAIT, /* the same, again and again until it comes out as told */
	SEG_DEMO_AGAIN, /* text: the connection in `slot` is used again */
	SEG_DEMO_GONE,  /* text: nothing of xdpseg is left */
	SEG_DEMO_PAUSE, /* where --keep waits */
};

#define SEG_DEMO_SLOTS 4

/* Slot 0 is for what nobody wants to keep: it is closed at once. */
struct seg_demo_step {
	enum seg_demo_act act;
	const char *text;
	const char *command;
	const char *file, *content, *shown;
	int (*by)(struct seg_lab *lab, const struct seg_call *call, int timeout_ms,
		  struct seg_talk *talk);
	struct seg_call call;
	unsigned int slot;
	bool silent; /* there must be no answer */
};

extern const struct seg_demo_step SEG_DEMO_STORY[];
extern const size_t SEG_DEMO_STEPS;

/* What the process in the lab and the one outside both see; written inside, but for pid. */
struct seg_demo_shared {
	pid_t pid;              /* of the one inside, as it is seen outside */
	struct seg_error err;   /* why it could not go on */
	unsigned int steps;     /* that could come out otherwise, so far */
	unsigned int surprises; /* that did */
	bool keeping;           /* it waits for the user's end of it */
};

/* In a new PID namespace: make the lab, play the story in it. 0 or -errno: shared->err. */
int seg_demo_play(const struct seg_cli *cli, bool keep, struct seg_demo_shared *shared);

/* The last lines, where all came out as told. */
void seg_demo_sum_up(const struct seg_cli *cli, const struct seg_demo_shared *shared);

#endif
