/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <string.h>
#include <sys/stat.h>

#include "linktype.h"
#include "pcapng.h"
#include "regular.h"

#define PACKET_MAX (262144u + 64) /* libpcap refuses more than 256 KiB of any type here */
#define NS         1000000000ull

struct seg_capture {
	pcap_t *pcap;
	FILE *from; /* what pcap reads in the end, and owns */
	const struct seg_linktype *type;
	char *name;
	uint8_t *frame; /* room for an Ethernet header and PACKET_MAX */
	uint64_t size;
	uint32_t number; /* of the last packet */
	int more;        /* 1: perhaps; 0: the end; -errno: broken */
};

/* --- opening -------------------------------------------------------------------- */

/* seg_error_set() before it said what. Returns -errnum. */
static int refused(const char *name, int errnum, const char *mend, struct seg_error *err)
{
	seg_error_mend(err, "%s", mend);
	seg_error_place(err, name, 0, 0, NULL);
	seg_error_exit(err, SEG_EXIT_FAILED);
	return -errnum;
}

static int no_memory(const char *name, struct seg_error *err)
{
	seg_error_set(err, ENOMEM, "out of memory");
	seg_error_place(err, name, 0, 0, NULL);
	return -ENOMEM;
}

static void stream_close(FILE *stream)
{
	if (stream && stream != stdin)
		fclose(stream);
}

static void stream_closep(FILE **stream)
{
	stream_close(*stream);
}

/* The first byte, which stays there. libpcap calls an empty file a truncated one. */
static int peek(const char *name, FILE *from, struct seg_error *err)
{
	int c = getc(from), errnum = errno;

	if (c != EOF)
		return ungetc(c, from);
	if (ferror(from)) {
		seg_error_set(err, errnum, "cannot read the capture: %s", strerror(errnum));
		return refused(name, errnum, "name a pcap or pcapng file", err);
	}
	seg_error_set(err, ENODATA, "the file is empty");
	return refused(name, ENODATA,
		       "record it again: a capture has a header, even without packets", err);
}

static int find_type(struct seg_capture *capture, struct seg_error *err)
{
	int dlt = pcap_datalink(capture->pcap);
	const char *name = pcap_datalink_val_to_name(dlt);
	char names[128], mend[256];

	capture->type = seg_linktype_find(dlt);
	if (capture->type)
		return 0;
	if (name)
		seg_error_set(err, ENOTSUP, "link type %s (%s) is not supported", name,
			      pcap_datalink_val_to_description_or_dlt(dlt));
	else
		seg_error_set(err, ENOTSUP, "link type %d is not supported", dlt);
	snprintf(mend, sizeof(mend), "capture with one of %s",
		 seg_linktype_names(names, sizeof(names)));
	return refused(capture->name, ENOTSUP, mend, err);
}

static uint64_t size_of(FILE *stream)
{
	struct stat status;
	int fd = fileno(stream); /* none: a stream in memory */

	return fd >= 0 && !fstat(fd, &status) && S_ISREG(status.st_mode) ? (uint64_t)status.st_size
									 : 0;
}

static struct seg_capture *capture_new(const char *name)
{
	_cleanup_capture_ struct seg_capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return NULL;
	capture->more = 1;
	capture->name = strdup(name);
	capture->frame = malloc(sizeof(struct seg_eth) + PACKET_MAX);
	return capture->name && capture->frame ? TAKE(capture) : NULL;
}

/* Whose *stream libpcap is to read. */
static int take_stream(struct seg_capture *capture, FILE **stream, struct seg_error *err)
{
	int first = peek(capture->name, *stream, err);
	FILE *ng;

	if (first < 0)
		return first;
	capture->size = size_of(*stream);
	capture->from = *stream;
	if (first != SEG_PCAPNG_FIRST)
		return 0;
	ng = seg_pcapng_open(*stream);
	if (!ng)
		return no_memory(capture->name, err);
	*stream = ng;
	return 0;
}

int seg_capture_open_stream(const char *name, FILE *from, struct seg_capture **out,
			    struct seg_error *err)
{
	_cleanup_(stream_closep) FILE *stream = from;
	_cleanup_capture_ struct seg_capture *capture = capture_new(name);
	char message[PCAP_ERRBUF_SIZE] = "";
	int r;

	if (!capture)
		return no_memory(name, err);
	r = take_stream(capture, &stream, err);
	if (r)
		return r;
	capture->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO,
								 message);
	if (!capture->pcap) {
		seg_error_set(err, EINVAL, "not a capture: %s", message);
		return refused(name, EINVAL,
			       "name a pcap or pcapng file; unpack a compressed one first", err);
	}
	stream = NULL; /* pcap_close() closes it, but not stdin */
	r = find_type(capture, err);
	if (r)
		return r;
	*out = TAKE(capture);
	return 0;
}

static int open_named(const char *path, struct seg_error *err)
{
	const char *why;
	int fd = seg_open_regular(path, &why);

	if (fd >= 0)
		return fd;
	seg_error_set(err, -fd, "cannot read the capture: %s", why);
	return refused(path, -fd, "name a pcap or pcapng file, or '-' to read standard input", err);
}

int seg_capture_open(const char *path, struct seg_capture **out, struct seg_error *err)
{
	FILE *stream;
	int fd;

	if (strcmp(path, "-") == 0)
		return seg_capture_open_stream("<stdin>", stdin, out, err);
	fd = open_named(path, err);
	if (fd < 0)
		return fd;
	stream = fdopen(fd, "r");
	if (stream)
		return seg_capture_open_stream(path, stream, out, err);
	close(fd);
	return no_memory(path, err);
}

/* --- reading -------------------------------------------------------------------- */

static int read_packet(struct seg_capture *capture, struct pcap_pkthdr **header,
		       const uint8_t **data)
{
	int r = pcap_next_ex(capture->pcap, header, data);

	if (r == PCAP_ERROR_BREAK)
		return 0;
	if (r != 1)
		return ferror(pcap_file(capture->pcap)) ? -EIO : -EBADMSG;
	return (*header)->caplen > PACKET_MAX ? -EMSGSIZE : 1;
}

/* What libpcap does not do is no damage. */
static void mend_broken(const struct seg_capture *capture, const char *why, struct seg_error *err)
{
	if (strstr(why, "different from"))
		seg_error_mend(err, "split it by interface first: tshark -r FILE -Y "
				    "'frame.interface_id == 0' -w ONE.pcapng");
	else if (capture->number)
		seg_error_mend(err, "copy or record it again; packets 1 to %u are whole",
			       capture->number);
	else
		seg_error_mend(err, "copy or record it again");
}

static int broken(const struct seg_capture *capture, struct seg_error *err)
{
	const char *why = capture->more == -EMSGSIZE ? "a packet of over 256 KiB"
						     : pcap_geterr(capture->pcap);

	if (capture->number)
		seg_error_set(err, -capture->more, "after packet %u: %s", capture->number, why);
	else
		seg_error_set(err, -capture->more, "before the first packet: %s", why);
	mend_broken(capture, why, err);
	seg_error_place(err, capture->name, 0, 0, NULL);
	return capture->more;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A pcap file's seconds have 32 bits and no sign, but libpcap gives them one. */
static uint64_t time_of(const struct timeval *ts)
{
	uint64_t s = ts->tv_sec < 0 ? (uint32_t)ts->tv_sec : (uint64_t)ts->tv_sec;
	uint64_t ns = (uint64_t)ts->tv_usec; /* nanoseconds, as was asked for */

	return min_u64(s, UINT64_MAX / NS - 1) * NS + (ns < NS ? ns : 0);
}

/* A packet that ends in its own header becomes an Ethernet header of zeroes. */
static void make_frame(const struct seg_capture *capture, const struct pcap_pkthdr *header,
		       const uint8_t *data, struct seg_capture_packet *out)
{
	const struct seg_linktype *type = capture->type;
	uint32_t lead = type->convert ? sizeof(struct seg_eth) : 0;
	uint64_t wire = header->len > header->caplen ? header->len : header->caplen;
	uint32_t own = (uint32_t)min_u64(type->own, header->caplen);
	struct seg_eth eth = {0};

	if (type->convert && own == type->own)
		type->convert(data, header->caplen, &eth);
	memcpy(capture->frame, &eth, lead);
	memcpy(capture->frame + lead, data + own, header->caplen - own);
	*out = (struct seg_capture_packet){
		.frame = capture->frame,
		.length = lead + header->caplen - own,
		.wire = (uint32_t)min_u64(lead + wire - min_u64(type->own, wire), UINT32_MAX),
		.time = time_of(&header->ts),
		.number = capture->number,
	};
}

int seg_capture_next(struct seg_capture *capture, struct seg_capture_packet *out,
		     struct seg_error *err)
{
	struct pcap_pkthdr *header;
	const uint8_t *data;

	if (capture->more > 0)
		capture->more = read_packet(capture, &header, &data);
	if (capture->more < 0)
		return broken(capture, err);
	if (!capture->more)
		return 0;
	capture->number++;
	make_frame(capture, header, data, out);
	return 1;
}

/* --- the rest -------------------------------------------------------------------- */

uint64_t seg_capture_size(const struct seg_capture *capture)
{
	return capture->size;
}

uint64_t seg_capture_position(const struct seg_capture *capture)
{
	off_t at = ftello(capture->from);

	return at < 0 ? 0 : (uint64_t)at;
}

void seg_capture_close(struct seg_capture *capture)
{
	if (!capture)
		return;
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture->frame);
	free(capture->name);
	free(capture);
}
