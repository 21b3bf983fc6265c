/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linktype.h"

/* The longest that libpcap delivers (MAXIMUM_SNAPLEN); longer ones are errors. */
#define PACKET_MAX 262144

#define NS_PER_S 1000000000ull

struct seg_capture {
	pcap_t *pcap;
	FILE *stream; /* libpcap's, which closes it */
	char *name;
	const struct seg_linktype *linktype;
	uint64_t size;
	uint64_t number;
	uint8_t frame[SEG_ETHERNET_HEADER + PACKET_MAX]; /* of a packet that was converted */
};

/* --- open ----------------------------------------------------------------------- */

static int refuse(const char *name, int errnum, struct seg_error *err, const char *what,
		  const char *why)
{
	seg_error_set(err, errnum, "%s: %s", what, why);
	seg_error_place(err, name, 0, 0, NULL);
	return -errnum;
}

static int refuse_linktype(const char *name, int dlt, struct seg_error *err)
{
	const char *short_name = pcap_datalink_val_to_name(dlt);
	const char *description = pcap_datalink_val_to_description(dlt);

	seg_error_set(err, EPROTONOSUPPORT, "link type %s (%s, %d) is not supported",
		      short_name ? short_name : "unknown",
		      description ? description : "no description", dlt);
	seg_error_mend(err, "Ethernet, raw IP, NULL, LOOP, LINUX_SLL and LINUX_SLL2 are read");
	seg_error_place(err, name, 0, 0, NULL);
	return -EPROTONOSUPPORT;
}

static uint64_t size_of(FILE *stream)
{
	struct stat status;

	if (fstat(fileno(stream), &status) || !S_ISREG(status.st_mode))
		return 0;
	return (uint64_t)status.st_size;
}

/* pcap_close() closes the stream, unless opening failed. */
static int open_pcap(struct seg_capture *capture, struct seg_error *err)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	int dlt;

	capture->pcap = pcap_fopen_offline_with_tstamp_precision(capture->stream,
								 PCAP_TSTAMP_PRECISION_NANO, why);
	if (!capture->pcap) {
		if (capture->stream != stdin)
			fclose(capture->stream);
		seg_error_mend(err, "pcap and pcapng files are read");
		return refuse(capture->name, EBADMSG, err, "not a capture", why);
	}
	dlt = pcap_datalink(capture->pcap);
	capture->linktype = seg_linktype_find(dlt);
	return capture->linktype ? 0 : refuse_linktype(capture->name, dlt, err);
}

int seg_capture_open_stream(FILE *stream, const char *name, struct seg_capture **out,
			    struct seg_error *err)
{
	_cleanup_capture_ struct seg_capture *capture = malloc(sizeof(*capture));
	char *copy = strdup(name);
	int r;

	if (!capture || !copy) {
		free(copy);
		fclose(stream);
		return seg_error_set(err, ENOMEM, "out of memory");
	}
	/* All but the frame. */
	memset(capture, 0, offsetof(struct seg_capture, frame));
	capture->stream = stream;
	capture->name = copy;
	capture->size = size_of(stream);
	r = open_pcap(capture, err);
	if (r)
		return r;
	*out = TAKE(capture);
	return 0;
}

/* O_NONBLOCK: a FIFO without a writer must not hold us up before it is refused. */
static int open_file(const char *path, FILE **out, struct seg_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return refuse(path, errno, err, "cannot read the capture", strerror(errno));
	if (!S_ISREG(status.st_mode)) {
		seg_error_mend(err, "name a file, or '-' to read standard input");
		return refuse(path, EINVAL, err, "cannot read the capture", "not a regular file");
	}
	*out = fdopen(fd, "rb");
	if (!*out)
		return seg_error_set(err, ENOMEM, "out of memory");
	fd = -1;
	return 0;
}

int seg_capture_open(const char *path, struct seg_capture **out, struct seg_error *err)
{
	FILE *stream = stdin;
	int r;

	if (!strcmp(path, "-"))
		return seg_capture_open_stream(stdin, "<stdin>", out, err);
	r = open_file(path, &stream, err);
	return r ? r : seg_capture_open_stream(stream, path, out, err);
}

void seg_capture_close(struct seg_capture *capture)
{
	if (!capture)
		return;
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture->name);
	free(capture);
}

/* --- packets -------------------------------------------------------------------------- */

static int broken(struct seg_capture *capture, struct seg_error *err)
{
	seg_error_set(err, EBADMSG, "broken after packet %llu: %s",
		      (unsigned long long)capture->number, pcap_geterr(capture->pcap));
	seg_error_mend(err, "what came before is judged; the rest cannot be read");
	seg_error_place(err, capture->name, 0, 0, NULL);
	return -EBADMSG;
}

/* A packet that ends within its own link header has no frame at all. */
static void convert(struct seg_capture *capture, const uint8_t *data,
		    struct seg_capture_packet *packet)
{
	uint32_t header = capture->linktype->header;

	if (packet->length < header) {
		packet->length = packet->wire = 0;
		return;
	}
	memset(capture->frame, 0, SEG_ETHERNET_HEADER);
	capture->linktype->convert(data, packet->length, capture->frame);
	packet->length = packet->length - header + SEG_ETHERNET_HEADER;
	packet->wire = packet->wire - header + SEG_ETHERNET_HEADER;
	memcpy(capture->frame + SEG_ETHERNET_HEADER, data + header,
	       packet->length - SEG_ETHERNET_HEADER);
	packet->frame = capture->frame;
}

int seg_capture_next(struct seg_capture *capture, struct seg_capture_packet *out,
		     struct seg_error *err)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int r = pcap_next_ex(capture->pcap, &header, &data);

	if (r == PCAP_ERROR_BREAK)
		return 0;
	if (r != 1 || header->caplen > PACKET_MAX)
		return broken(capture, err);
	*out = (struct seg_capture_packet){
		.frame = data,
		.length = header->caplen,
		.wire = header->len > header->caplen ? header->len : header->caplen,
		/* tv_usec holds ns, as was asked for */
		.time = (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec,
		.number = ++capture->number,
	};
	if (capture->linktype->convert)
		convert(capture, data, out);
	return 1;
}

uint64_t seg_capture_size(const struct seg_capture *capture)
{
	return capture->size;
}

uint64_t seg_capture_position(const struct seg_capture *capture)
{
	long at = capture->size ? ftell(capture->stream) : 0;

	return at > 0 ? (uint64_t)at : 0;
}
