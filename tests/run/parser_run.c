/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parser_run.c - the parser in the kernel gives the same answer as the one
 * compiled here, to every field: for the frames of packets.h, for mutations of
 * them, and for every frame of every capture below $XDPSEG_CORPUS.
 *
 *     parser_run [--quick]     --quick: one capture of eight
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>

#define PCAP_DONT_INCLUDE_PCAP_BPF_H /* its names are libbpf's too */
#include <pcap/dlt.h>
#include <pcap/pcap.h>

#include "checksum.h"
#include "packets.h"
#include "parser_result.h"
#include "random.h"

#include "parser.skel.h"

#define MUTATIONS     200000
#define FRAME_LONGEST 3500 /* what BPF_PROG_TEST_RUN takes in one page, less its headroom */

static struct parser_bpf *skel;
static bool quick;
static unsigned long frames, captures, refused, unlike;

/* --- one frame, both ways ---------------------------------------------------- */

static struct parser_result parse_here(const __u8 *data, __u32 size)
{
	const __u8 *end = data + size;
	struct parser_result r = {};
	int reason = seg_packet_parse(data, end, 0, SEG_FEATURE_VLAN, 1, &r.packet);

	if (reason == SEG_PARSED && r.packet.flags & SEG_PACKET_ICMP_ERROR)
		reason = seg_quote_parse(data, end, &r.packet, &r.quote);
	r.reason = (__u32)reason;
	if (reason != SEG_PARSED)
		return r;
	r.addresses = (__u32)seg_packet_addresses(data, end, &r.packet, r.addr);
	r.checksum = seg_checksum_l4_verify(data, end, &r.packet);
	return r;
}

static void run(const struct bpf_program *program, const __u8 *data, __u32 size)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = size);
	int error = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);

	if (error) {
		fprintf(stderr, "parser_run: test run of %u bytes: %s\n", size, strerror(-error));
		exit(1);
	}
}

static struct parser_result parse_there(const __u8 *data, __u32 size)
{
	run(skel->progs.parser, data, size);
	if (skel->bss->parsed.reason == SEG_PARSED)
		run(skel->progs.checksum, data, size);
	return skel->bss->parsed;
}

/* The kernel cannot sum what its verifier would not follow: SCTP, and beyond a jumbo frame. */
static bool alike(const struct parser_result *here, struct parser_result *there)
{
	if (there->checksum == SEG_CHECKSUM_UNREAD)
		there->checksum = here->checksum;
	return !memcmp(here, there, sizeof(*here));
}

static void show(const char *where, const struct parser_result *r)
{
	fprintf(stderr, "  %s: reason %u, addresses %u, checksum %u, packet", where, r->reason,
		r->addresses, r->checksum);
	for (size_t i = 0; i < sizeof(r->packet); i++)
		fprintf(stderr, " %02x", ((const __u8 *)&r->packet)[i]);
	fputs(", quote", stderr);
	for (size_t i = 0; i < sizeof(r->quote); i++)
		fprintf(stderr, " %02x", ((const __u8 *)&r->quote)[i]);
	fputc('\n', stderr);
}

static void compare(const char *name, const __u8 *data, __u32 size)
{
	struct parser_result here, there;

	if (size < sizeof(struct seg_eth)) /* BPF_PROG_TEST_RUN takes no less */
		return;
	here = parse_here(data, size);
	there = parse_there(data, size);
	frames++;
	refused += here.reason != SEG_PARSED;
	if (alike(&here, &there) || unlike++ > 10)
		return;
	fprintf(stderr, "%s, %u bytes:\n", name, size);
	show("here", &here);
	show("kernel", &there);
}

/* --- where frames come from ------------------------------------------------- */

static void compare_samples(void)
{
	for (size_t i = 0; i < SAMPLES; i++) {
		struct frame f = frame_of(samples[i].text);

		compare(samples[i].name, f.bytes, f.size);
	}
}

/* Cut, lengthened, bytes changed; where a checksum would hide all else, it is mended at times. */
static void mutate(struct frame *f, __u64 *seed)
{
	__u64 dice = seg_random(seed);

	if (dice % 8 == 0)
		f->size = (__u32)(seg_random(seed) % (f->size + 1));
	if (dice % 8 == 1)
		f->size += (__u32)(seg_random(seed) % 1400);
	for (__u64 flips = dice >> 8 & 3; flips && f->size; flips--)
		f->bytes[seg_random(seed) % f->size] = (__u8)seg_random(seed);
	if (dice >> 16 & 1 && f->size >= 34) {
		frame_put16(f, 24, 0);
		frame_put16(f, 24, ~frame_sum(f->bytes + 14, 20, 0));
	}
}

static void compare_mutations(void)
{
	__u64 seed = seg_random_seed();

	for (int i = 0; i < MUTATIONS; i++) {
		const struct sample *sample = &samples[seg_random(&seed) % SAMPLES];
		struct frame f = frame_of(sample->text);

		mutate(&f, &seed);
		compare(sample->name, f.bytes, f.size);
	}
}

static int compare_capture(const char *path, const struct stat *info, int type, struct FTW *at)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const __u8 *data;
	pcap_t *pcap;

	(void)info;
	(void)at;
	if (type != FTW_F || (quick && captures++ % 8))
		return 0;
	pcap = pcap_open_offline(path, error);
	if (!pcap)
		return 0;
	if (pcap_datalink(pcap) == DLT_EN10MB)
		while (pcap_next_ex(pcap, &header, &data) == 1)
			if (header->caplen <= FRAME_LONGEST)
				compare(path, data, header->caplen);
	pcap_close(pcap);
	return 0;
}

/* --- run ---------------------------------------------------------------------- */

static void report(const char *what)
{
	printf("%s: %lu frames, %lu refused\n", what, frames, refused);
	frames = refused = 0;
}

int main(int argc, char **argv)
{
	const char *corpus = getenv("XDPSEG_CORPUS");

	quick = argc > 1 && !strcmp(argv[1], "--quick");
	skel = parser_bpf__open_and_load();
	if (!skel) {
		fprintf(stderr, "parser_run: cannot load: %s\n", strerror(errno));
		return 1;
	}
	compare_samples();
	report("samples");
	compare_mutations();
	report("mutations");
	if (corpus) {
		nftw(corpus, compare_capture, 16, FTW_PHYS);
		report("captures");
	}
	parser_bpf__destroy(skel);
	printf("%lu unlike\n", unlike);
	return unlike > 0;
}
