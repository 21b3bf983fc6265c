/* SPDX-License-Identifier: BSD-2-Clause */
#include "programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "compat.h"
#include "frame.h"

#define OUT_SIZE (SEG_REPLAY_FRAME_MAX + sizeof(struct seg_meta))

/* What tc is given of a frame: a test run takes no more than a page, and it reads no more. */
#define HEAD_MAX 1024

static int refuse(int errnum, struct seg_error *err)
{
	return seg_error_set(err, errnum, "replay cannot run the real program: %s",
			     strerror(errnum));
}

static int open_socket(struct seg_programs *programs, struct seg_error *err)
{
	const int queue = 0;
	int r;

	programs->xsk = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (programs->xsk < 0)
		return refuse(errno, err);
	r = bpf_map_update_elem(seg_ingress_xsks(programs->ingress[SEG_INGRESS]), &queue,
				&programs->xsk, BPF_ANY);
	return r ? refuse(-r, err) : 0;
}

static int map_word(struct seg_programs *programs, unsigned int direction, int map,
		    struct seg_error *err)
{
	void *word = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			  map, 0);

	if (word == MAP_FAILED)
		return refuse(errno, err);
	programs->word[direction] = word;
	return 0;
}

static int load_xdp(struct seg_programs *programs, const struct seg_tables *tables,
		    const struct seg_constants *constants, const struct seg_failsafe_set *failsafe,
		    struct seg_error *err)
{
	struct ingress_bpf *first = programs->ingress[SEG_INGRESS];
	unsigned int direction = constants->direction;
	struct ingress_bpf *ingress = seg_ingress_load(tables, constants, failsafe,
						       first ? seg_ingress_xsks(first) : -1, err);

	if (!ingress)
		return -EIO;
	programs->ingress[direction] = ingress;
	programs->fd[direction] = seg_ingress_fd(ingress);
	return map_word(programs, direction, seg_ingress_replay(ingress), err);
}

static int load_tc(struct seg_programs *programs, const struct seg_tables *tables,
		   const struct seg_constants *constants, const struct seg_failsafe_set *failsafe,
		   struct seg_error *err)
{
	const struct seg_port port = {.ask = 1}; /* any interface: nothing is sent there */

	programs->egress = seg_egress_load(tables, constants, failsafe, &port, err);
	if (!programs->egress)
		return -EIO;
	programs->fd[SEG_EGRESS] = seg_egress_fd(programs->egress);
	return map_word(programs, SEG_EGRESS, seg_egress_replay(programs->egress), err);
}

int seg_programs_open(struct seg_programs *programs, const struct seg_tables *tables,
		      const struct seg_constants *constants,
		      const struct seg_failsafe_set *failsafe, unsigned int n,
		      struct seg_error *err)
{
	int r = 0;

	*programs = (struct seg_programs){.xsk = -1, .out = malloc(OUT_SIZE)};
	if (!programs->out)
		return seg_error_set(err, ENOMEM, "out of memory");
	for (unsigned int i = 0; !r && i < n; i++)
		r = (i == SEG_EGRESS ? load_tc : load_xdp)(programs, tables, &constants[i],
							   failsafe, err);
	if (!r)
		r = open_socket(programs, err);
	if (r)
		seg_programs_close(programs);
	return r;
}

void seg_programs_close(struct seg_programs *programs)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (unsigned int i = 0; i < SEG_DIRECTION_MAX; i++) {
		if (programs->word[i])
			munmap(programs->word[i], page);
		seg_ingress_free(programs->ingress[i]);
	}
	seg_egress_free(programs->egress);
	seg_closep(&programs->xsk);
	free(programs->out);
	*programs = (struct seg_programs){.xsk = -1};
}

int seg_programs_run(struct seg_programs *programs, unsigned int direction, uint64_t now,
		     const uint8_t *frame, uint32_t size, struct seg_program_run *run,
		     struct seg_error *err)
{
	struct seg_replay_word *word = programs->word[direction];
	bool head = direction == SEG_EGRESS && size > HEAD_MAX;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
		    .data_size_in = head ? HEAD_MAX : size, .data_out = programs->out,
		    .data_size_out = OUT_SIZE);
	int r;

	word->now = now;
	word->length = size;
	r = bpf_prog_test_run_opts(programs->fd[direction], &options);
	if (r)
		return seg_error_set(err, -r, "the kernel did not run the program on %u bytes: %s",
				     size, strerror(-r));
	run->reason = (uint8_t)seg_load(&word->reason);
	run->ns = options.duration;
	run->meta = options.data_size_out == size + sizeof(*run->meta)
			    ? (const struct seg_meta *)programs->out
			    : NULL;
	return 0;
}
