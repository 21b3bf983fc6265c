/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures, built here byte by byte: every link type, both byte orders, both formats, what
 * is cut, broken, foreign or no file at all.
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "check.h"

#define USEC_MAGIC 0xa1b2c3d4u
#define NSEC_MAGIC 0xa1b23c4du
#define SNAPLEN    65535u
#define LONG_AGO   1000000000u /* seconds */
#define FILE_MAX   8192

/* Link types as they stand in files. */
enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 50,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

/* --- writing ------------------------------------------------------------------ */

static struct {
	uint8_t bytes[FILE_MAX];
	size_t size;
	bool swap; /* the other machine's byte order */
} file;

static void put(const void *bytes, size_t size)
{
	memcpy(file.bytes + file.size, bytes, size);
	file.size += size;
}

static void put16(unsigned int value)
{
	uint16_t v = (uint16_t)value;

	v = file.swap ? __builtin_bswap16(v) : v;
	put(&v, sizeof(v));
}

static void put32(uint32_t value)
{
	value = file.swap ? __builtin_bswap32(value) : value;
	put(&value, sizeof(value));
}

static void pcap_begin(uint32_t magic, uint32_t snaplen, uint32_t link)
{
	file.size = 0;
	put32(magic);
	put16(2);
	put16(4);
	put32(0);
	put32(0);
	put32(snaplen);
	put32(link);
}

static void pcap_put(uint32_t s, uint32_t fraction, const void *packet, uint32_t kept, uint32_t len)
{
	put32(s);
	put32(fraction);
	put32(kept);
	put32(len);
	put(packet, kept);
}

static void ng_begin(void)
{
	put32(0x0a0d0d0a);
	put32(28);
	put32(0x1a2b3c4d);
	put16(1);
	put16(0);
	put32(UINT32_MAX);
	put32(UINT32_MAX);
	put32(28);
}

/* Nanoseconds, so that the resolution shows. */
static void ng_interface(unsigned int link, uint32_t snaplen)
{
	put32(1);
	put32(32);
	put16(link);
	put16(0);
	put32(snaplen);
	put16(9);
	put16(1);
	put("\x09\0\0\0", 4);
	put32(0);
	put32(32);
}

static void ng_put(uint32_t interface, uint64_t ns, const void *packet, uint32_t kept, uint32_t len)
{
	uint32_t total = 32 + (kept + 3) / 4 * 4;

	put32(6);
	put32(total);
	put32(interface);
	put32((uint32_t)(ns >> 32));
	put32((uint32_t)ns);
	put32(kept);
	put32(len);
	put(packet, kept);
	put("\0\0\0", (4 - kept % 4) % 4);
	put32(total);
}

/* --- reading ------------------------------------------------------------------ */

/* A packet without a time, of the section's first interface. */
static void ng_put_simple(const void *packet, uint32_t kept, uint32_t len)
{
	uint32_t total = 16 + (kept + 3) / 4 * 4;

	put32(3);
	put32(total);
	put32(len);
	put(packet, kept);
	put("\0\0\0", (4 - kept % 4) % 4);
	put32(total);
}

static struct seg_error err;
static struct seg_capture_packet packet;

static int opened(size_t size, struct seg_capture **capture)
{
	err = (struct seg_error){0};
	return seg_capture_open_stream("test.pcap", fmemopen(file.bytes, size, "r"), capture, &err);
}

/* The file's only packet, which stays. */
static void read_one(void)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;
	static uint8_t frame[FILE_MAX];

	check_eq(opened(file.size, &capture), 0);
	check_eq(seg_capture_next(capture, &packet, &err), 1);
	check_eq(packet.number, 1);
	check(packet.length <= packet.wire);
	packet.frame = memcpy(frame, packet.frame, packet.length);
}

static void write_one(uint32_t link, const char *bytes, uint32_t size)
{
	pcap_begin(USEC_MAGIC, SNAPLEN, link);
	pcap_put(LONG_AGO, 1, bytes, size, size);
}

/* A packet of that link type becomes this frame. */
static void check_frame(uint32_t link, const char *bytes, uint32_t size, const char *frame,
			uint32_t length)
{
	write_one(link, bytes, size);
	read_one();
	check_eq(packet.length, length);
	check_eq(packet.wire, length);
	check(memcmp(packet.frame, frame, length) == 0);
}

#define CHECK_FRAME(link, bytes, frame)                                                            \
	check_frame(link, bytes, sizeof(bytes) - 1, frame, sizeof(frame) - 1)

#define ZERO6 "\0\0\0\0\0\0"
#define ZEROS ZERO6 ZERO6
#define IP4   "\x45payload"
#define IP6   "\x60payload"
#define MAC   "\2\3\4\5\6\7"

TEST(capture, ethernet_stays)
{
	CHECK_FRAME(LINK_ETHERNET, MAC MAC "\x08\x00" IP4, MAC MAC "\x08\x00" IP4);
	CHECK_FRAME(LINK_ETHERNET, MAC, MAC);
	CHECK_FRAME(LINK_ETHERNET, "", "");
}

TEST(capture, raw_ip)
{
	static const uint32_t LINKS[] = {LINK_RAW, 12, 14};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(LINKS); i++) {
		CHECK_FRAME(LINKS[i], IP4, ZEROS "\x08\x00" IP4);
		CHECK_FRAME(LINKS[i], IP6, ZEROS "\x86\xdd" IP6);
		CHECK_FRAME(LINKS[i], "\x55payload", ZEROS "\x08\x00\x55payload");
		CHECK_FRAME(LINKS[i], "", ZEROS "\x08\x00");
	}
	CHECK_FRAME(LINK_IPV4, IP4, ZEROS "\x08\x00" IP4);
	CHECK_FRAME(LINK_IPV4, IP6, ZEROS "\x08\x00" IP6);
	CHECK_FRAME(LINK_IPV6, IP6, ZEROS "\x86\xdd" IP6);
}

TEST(capture, loopback)
{
	static const uint32_t LINKS[] = {LINK_NULL, LINK_LOOP};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(LINKS); i++) {
		CHECK_FRAME(LINKS[i], "\2\0\0\0" IP4, ZEROS "\x08\x00" IP4);
		CHECK_FRAME(LINKS[i], "\0\0\0\2" IP4, ZEROS "\x08\x00" IP4);
		CHECK_FRAME(LINKS[i], "\0\0\0\x0a" IP6, ZEROS "\x86\xdd" IP6);
		CHECK_FRAME(LINKS[i], "\x18\0\0\0" IP6, ZEROS "\x86\xdd" IP6);
		CHECK_FRAME(LINKS[i], "\x1c\0\0\0" IP6, ZEROS "\x86\xdd" IP6);
		CHECK_FRAME(LINKS[i], "\0\0\0\x1e" IP6, ZEROS "\x86\xdd" IP6);
		CHECK_FRAME(LINKS[i], "\7\0\0\0" IP4, ZEROS "\0\0" IP4);
		CHECK_FRAME(LINKS[i], "\2\0\0\0", ZEROS "\x08\x00");
		CHECK_FRAME(LINKS[i], "\2\0\0", ZEROS "\0\0");
		CHECK_FRAME(LINKS[i], "", ZEROS "\0\0");
	}
}

#define SLL(type, hardware, halen, address, protocol)                                              \
	"\0" type hardware "\0" halen address "\0\0" protocol

TEST(capture, cooked)
{
	CHECK_FRAME(LINK_SLL, SLL("\0", "\0\1", "\6", MAC, "\x08\x00") IP4,
		    ZERO6 MAC "\x08\x00" IP4);
	CHECK_FRAME(LINK_SLL, SLL("\1", "\0\1", "\6", MAC, "\x08\x06") "arp",
		    "\xff\xff\xff\xff\xff\xff" MAC "\x08\x06"
		    "arp");
	CHECK_FRAME(LINK_SLL, SLL("\2", "\0\1", "\6", MAC, "\x86\xdd") IP6,
		    "\1\0\0\0\0\0" MAC "\x86\xdd" IP6);
	CHECK_FRAME(LINK_SLL, SLL("\3", "\0\1", "\6", MAC, "\x81\0") "tag", ZERO6 MAC "\x81\0tag");
	CHECK_FRAME(LINK_SLL, SLL("\4", "\0\1", "\6", MAC, "\x08\x00") IP4,
		    ZERO6 MAC "\x08\x00" IP4);
	/* PPP and tunnels have no address, others a longer one */
	CHECK_FRAME(LINK_SLL, SLL("\0", "\2\0", "\0", MAC, "\x08\x00") IP4, ZEROS "\x08\x00" IP4);
	CHECK_FRAME(LINK_SLL, SLL("\0", "\0\x20", "\x14", MAC, "\x08\x00") IP4,
		    ZEROS "\x08\x00" IP4);
	CHECK_FRAME(LINK_SLL, SLL("\0", "\0\1", "\6", MAC, "\0\0"), ZERO6 MAC "\0\0");
	CHECK_FRAME(LINK_SLL, "\0\0\0\1\0\6" MAC "\0\0\x08", ZEROS "\0\0");
}

/* Protocols that are no ethertypes, and link layers under which it says something else. */
TEST(capture, cooked_without_ethertype)
{
	CHECK_FRAME(LINK_SLL, SLL("\0", "\0\1", "\6", MAC, "\0\4") "llc", ZERO6 MAC "\0\0llc");
	CHECK_FRAME(LINK_SLL, SLL("\0", "\1\x18", "\0", ZERO6, "\0\x0c") "can", ZEROS "\0\0can");
	CHECK_FRAME(LINK_SLL, SLL("\0", "\0\1", "\6", MAC, "\5\xff"), ZERO6 MAC "\0\0");
	CHECK_FRAME(LINK_SLL, SLL("\0", "\0\1", "\6", MAC, "\6\0"), ZERO6 MAC "\6\0");
	CHECK_FRAME(LINK_SLL, SLL("\4", "\3\x38", "\0", ZERO6, "\x08\x00"), ZEROS "\0\0");
	CHECK_FRAME(LINK_SLL, SLL("\4", "\3\x23", "\0", ZERO6, "\x08\x00"), ZEROS "\0\0");
	CHECK_FRAME(LINK_SLL, SLL("\4", "\3\2", "\0", ZERO6, "\x08\x00"), ZEROS "\0\0");
	CHECK_FRAME(LINK_SLL, SLL("\4", "\3\x0a", "\4", ZERO6, "\x08\x00") IP4,
		    ZEROS "\x08\x00" IP4); /* GRE: its protocol is one */
}

#define SLL2(type, hardware, halen, address, protocol)                                             \
	protocol "\0\0\0\0\0\1" hardware type halen address "\0\0"

TEST(capture, cooked_2)
{
	CHECK_FRAME(LINK_SLL2, SLL2("\0", "\0\1", "\6", MAC, "\x08\x00") IP4,
		    ZERO6 MAC "\x08\x00" IP4);
	CHECK_FRAME(LINK_SLL2, SLL2("\1", "\0\1", "\6", MAC, "\x86\xdd") IP6,
		    "\xff\xff\xff\xff\xff\xff" MAC "\x86\xdd" IP6);
	CHECK_FRAME(LINK_SLL2, SLL2("\2", "\0\1", "\0", MAC, "\x08\x00") IP4,
		    "\1\0\0\0\0\0" ZERO6 "\x08\x00" IP4);
	CHECK_FRAME(LINK_SLL2, SLL2("\4", "\3\x38", "\0", ZERO6, "\x08\x00"), ZEROS "\0\0");
	CHECK_FRAME(LINK_SLL2, "\x08\x00\0\0\0\0\0\1\0\1\0\6" MAC "\0", ZEROS "\0\0");
}

/* --- times, lengths, byte orders ------------------------------------------------ */

static void check_times(uint32_t magic, uint32_t fraction, uint64_t expected)
{
	pcap_begin(magic, SNAPLEN, LINK_RAW);
	pcap_put(LONG_AGO, fraction, IP4, 8, 8);
	read_one();
	check(packet.time == expected);
	check_eq(packet.length, 14 + 8);
}

TEST(capture, times)
{
	for (int swap = 0; swap < 2; swap++) {
		file.swap = swap;
		check_times(USEC_MAGIC, 123456, 1000000000123456000);
		check_times(NSEC_MAGIC, 123456789, 1000000000123456789);
		check_times(NSEC_MAGIC, 1999999999, 1000000000000000000); /* not a fraction */
	}
}

TEST(capture, after_2038)
{
	pcap_begin(USEC_MAGIC, SNAPLEN, LINK_RAW);
	pcap_put(4000000000u, 5, IP4, 8, 8);
	read_one();
	check(packet.time == 4000000000000005000);
}

TEST(capture, pcapng)
{
	for (int swap = 0; swap < 2; swap++) {
		file.swap = swap;
		file.size = 0;
		ng_begin();
		ng_interface(LINK_RAW, SNAPLEN);
		ng_put(0, 1000000000123456789, IP6, 8, 99);
		read_one();
		check(packet.time == 1000000000123456789);
		check_eq(packet.length, 14 + 8);
		check_eq(packet.wire, 14 + 99);
		check(memcmp(packet.frame, ZEROS "\x86\xdd" IP6, 14 + 8) == 0);
	}
}

static void check_lengths(uint32_t link, uint32_t kept, uint32_t len, uint32_t length,
			  uint32_t wire)
{
	static const uint8_t bytes[64];

	pcap_begin(USEC_MAGIC, SNAPLEN, link);
	pcap_put(LONG_AGO, 0, bytes, kept, len);
	read_one();
	check_eq(packet.length, length);
	check_eq(packet.wire, wire);
}

TEST(capture, lengths)
{
	check_lengths(LINK_ETHERNET, 60, 1514, 60, 1514);
	check_lengths(LINK_ETHERNET, 60, 20, 60, 60); /* more kept than there was */
	check_lengths(LINK_ETHERNET, 0, 0, 0, 0);
	check_lengths(LINK_ETHERNET, 60, UINT32_MAX, 60, UINT32_MAX);
	check_lengths(LINK_RAW, 20, 1500, 34, 1514);
	check_lengths(LINK_RAW, 20, 0, 34, 34);
	check_lengths(LINK_RAW, 20, UINT32_MAX, 34, UINT32_MAX);
	check_lengths(LINK_NULL, 24, 1504, 34, 1514);
	check_lengths(LINK_NULL, 2, 1504, 14, 1514);
	check_lengths(LINK_NULL, 2, 3, 14, 14);
	check_lengths(LINK_SLL, 36, 1516, 34, 1514);
	check_lengths(LINK_SLL2, 40, 1520, 34, 1514);
}

/* What a header claims costs nothing; a packet beyond libpcap's 256 KiB is refused. */
TEST(capture, claims)
{
	static const uint32_t SNAPLENS[] = {0, 0x7fffffff, 0x80000000, UINT32_MAX};
	_cleanup_capture_ struct seg_capture *capture = NULL;

	for (size_t i = 0; i < SEG_ARRAY_SIZE(SNAPLENS); i++) {
		pcap_begin(USEC_MAGIC, SNAPLENS[i], LINK_RAW);
		pcap_put(LONG_AGO, 0, IP4, 8, 8);
		read_one();
		check_eq(packet.length, 14 + 8);
	}
	pcap_begin(USEC_MAGIC, 0x7fffffff, LINK_RAW);
	put32(LONG_AGO);
	put32(0);
	put32(0x7fffff00);
	put32(0x7fffff00);
	put(IP4, 8);
	check_eq(opened(file.size, &capture), 0);
	check_eq(seg_capture_next(capture, &packet, &err), -EBADMSG);
	check(strstr(err.what, "before the first packet: "));
}

TEST(capture, its_frame_may_be_written)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;

	pcap_begin(USEC_MAGIC, SNAPLEN, LINK_RAW);
	pcap_put(LONG_AGO, 0, IP4, 8, 8);
	pcap_put(LONG_AGO, 0, IP6, 8, 8);
	check_eq(opened(file.size, &capture), 0);
	check_eq(seg_capture_next(capture, &packet, &err), 1);
	memset(packet.frame, 0xff, packet.length);
	check_eq(seg_capture_next(capture, &packet, &err), 1);
	check_eq(packet.number, 2);
	check(memcmp(packet.frame, ZEROS "\x86\xdd" IP6, 14 + 8) == 0);
	check_eq(seg_capture_next(capture, &packet, &err), 0);
	check_eq(seg_capture_next(capture, &packet, &err), 0);
	check_eq(packet.number, 2);
}

static void check_next(struct seg_capture *capture, uint32_t length, uint32_t wire)
{
	check_eq(seg_capture_next(capture, &packet, &err), 1);
	check_eq(packet.length, length);
	check_eq(packet.wire, wire);
	check(memcmp(packet.frame, ZEROS "\x08\x00" IP4, length) == 0);
}

static void check_snapshot_lengths(void)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;

	file.size = 0;
	for (int section = 0; section < 2; section++) {
		ng_begin();
		ng_interface(LINK_RAW, 6);
		ng_interface(LINK_RAW, SNAPLEN);
		ng_put(0, 1, IP4, 6, 100);
		ng_put(1, 1, IP4, 8, 8);
		ng_put(0, 1, IP4, 8, 100);
		ng_put_simple(IP4, 6, 100);
		ng_put_simple(IP4, 5, 5);
	}
	check_eq(opened(file.size, &capture), 0);
	for (int section = 0; section < 2; section++) {
		check_next(capture, 14 + 6, 14 + 100);
		check_next(capture, 14 + 8, 14 + 8);
		check_next(capture, 14 + 8, 14 + 100);
		check_next(capture, 14 + 6, 14 + 6); /* what it was on the wire is lost */
		check_next(capture, 14 + 5, 14 + 5);
	}
	check_eq(seg_capture_next(capture, &packet, &err), 0);
}

/* Interfaces need not have one snapshot length, nor packets respect it. */
TEST(capture, pcapng_snapshot_lengths)
{
	for (int swap = 0; swap < 2; swap++) {
		file.swap = swap;
		check_snapshot_lengths();
	}
}

/* --- cut at every byte ------------------------------------------------------------ */

static size_t ends[4]; /* where a reader may stop: after the headers, after each packet */

static void write_three(bool ng)
{
	file.size = 0;
	if (ng) {
		ng_begin();
		ng_interface(LINK_RAW, SNAPLEN);
	} else {
		pcap_begin(NSEC_MAGIC, SNAPLEN, LINK_RAW);
	}
	ends[0] = file.size;
	for (uint32_t i = 1; i < 4; i++) {
		if (ng)
			ng_put(0, i, IP4, 4 + i, 8);
		else
			pcap_put(0, i, IP4, 4 + i, 8);
		ends[i] = file.size;
	}
}

static void check_packets(struct seg_capture *capture, size_t size)
{
	uint32_t whole = 0;
	char after[32];
	int r;

	while (whole < 3 && ends[whole + 1] <= size)
		whole++;
	for (uint32_t i = 1; i <= whole; i++) {
		check_eq(seg_capture_next(capture, &packet, &err), 1);
		check_eq(packet.number, i);
		check_eq(packet.time, i);
		check_eq(packet.length, 14 + 4 + i);
		check(memcmp(packet.frame, ZEROS "\x08\x00" IP4, packet.length) == 0);
	}
	r = seg_capture_next(capture, &packet, &err);
	check_eq(r, size == ends[whole] ? 0 : -EBADMSG);
	check_eq(packet.number, whole);
	if (!r)
		return;
	snprintf(after, sizeof(after), "after packet %u: ", whole);
	check(strstr(err.what, whole ? after : "before the first packet: ") == err.what);
	check_str_eq(err.file, "test.pcap");
	check(err.mend[0]);
	check_eq(seg_capture_next(capture, &packet, &err), r);
}

static void check_cut(size_t size)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;
	int r = opened(size, &capture);

	packet = (struct seg_capture_packet){0};
	check_eq(r, size < ends[0] ? -EINVAL : 0);
	if (!r)
		return check_packets(capture, size);
	check(!capture);
	check(err.what[0] && err.mend[0]);
	check_str_eq(err.file, "test.pcap");
}

TEST(capture, cut_at_every_byte)
{
	for (int variant = 0; variant < 4; variant++) {
		file.swap = variant & 1;
		write_three(variant & 2);
		for (size_t size = 1; size <= ends[3]; size++)
			check_cut(size);
	}
}

/* --- what is refused ---------------------------------------------------------------- */

static void check_refused(int r, const char *what, const char *mend)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;

	check_eq(opened(file.size, &capture), r);
	check(!capture);
	check_eq(err.exit, SEG_EXIT_FAILED);
	check_str_eq(err.file, "test.pcap");
	check_str_eq(err.what, what);
	check_str_eq(err.mend, mend);
}

#define SUPPORTED "capture with one of EN10MB, RAW, IPV4, IPV6, NULL, LOOP, LINUX_SLL, LINUX_SLL2"

TEST(capture, other_link_types)
{
	write_one(LINK_PPP, "", 0);
	check_refused(-ENOTSUP, "link type PPP_SERIAL (PPP over serial) is not supported",
		      SUPPORTED);
	write_one(281, "", 0);
	check_refused(-ENOTSUP, "link type DSA_TAG_BRCM (Broadcom tag) is not supported",
		      SUPPORTED);
	write_one(60000, "", 0);
	check_refused(-ENOTSUP, "link type 60000 is not supported", SUPPORTED);
}

TEST(capture, no_capture)
{
	file.size = 0;
	put("version: 1\nname: a policy, and not a capture\n", 44);
	check_refused(-EINVAL, "not a capture: unknown file format",
		      "name a pcap or pcapng file; unpack a compressed one first");
}

TEST(capture, link_types_mixed)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;

	file.size = 0;
	ng_begin();
	ng_interface(LINK_RAW, SNAPLEN);
	ng_put(0, 1, IP4, 8, 8);
	ng_interface(LINK_ETHERNET, SNAPLEN);
	ng_put(1, 2, MAC MAC "\x08\x00", 14, 14);
	check_eq(opened(file.size, &capture), 0);
	check_eq(seg_capture_next(capture, &packet, &err), 1);
	check_eq(seg_capture_next(capture, &packet, &err), -EBADMSG);
	check_str_eq(err.what, "after packet 1: an interface has a type 1 different from the type "
			       "of the first interface");
	check(strstr(err.mend, "split it by interface"));
}

/* --- files --------------------------------------------------------------------------- */

static void check_path(const char *path, int r, const char *what)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;

	err = (struct seg_error){0};
	check_eq(seg_capture_open(path, &capture, &err), r);
	check_str_eq(err.what, what);
	check_str_eq(err.file, path);
	check(err.mend[0]);
	check_eq(err.exit, SEG_EXIT_FAILED);
}

TEST(capture, paths)
{
	char folder[] = "/tmp/seg-capture-XXXXXX", path[64];

	check(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/x", folder);
	check_path(path, -ENOENT, "cannot read the capture: No such file or directory");
	check_path(folder, -EINVAL, "cannot read the capture: not a regular file");
	check_eq(mkfifo(path, 0600), 0);
	check_path(path, -EINVAL, "cannot read the capture: not a regular file");
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	check_path(path, -ENODATA, "the file is empty");
	unlink(path);
	rmdir(folder);
}

TEST(capture, progress)
{
	_cleanup_close_ int fd = memfd_create("capture", 0);
	_cleanup_capture_ struct seg_capture *capture = NULL;
	char path[64];

	write_three(false);
	check_eq(write(fd, file.bytes, file.size), file.size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check_eq(seg_capture_open(path, &capture, &err), 0);
	check_eq(seg_capture_size(capture), file.size);
	check_eq(seg_capture_position(capture), ends[0]);
	for (int i = 1; i < 4; i++) {
		check_eq(seg_capture_next(capture, &packet, &err), 1);
		check_eq(seg_capture_position(capture), ends[i]);
	}
}

/* Standard input is a pipe with the file in it. */
static void pipe_in(void)
{
	int pipe_ends[2];

	check_eq(pipe(pipe_ends), 0);
	check_eq(write(pipe_ends[1], file.bytes, file.size), file.size);
	close(pipe_ends[1]);
	check_eq(dup2(pipe_ends[0], STDIN_FILENO), STDIN_FILENO);
	close(pipe_ends[0]);
	clearerr(stdin);
}

/* A pipe will do, its size is not known, and stdin stays open. */
TEST(capture, standard_input)
{
	for (int ng = 0; ng < 2; ng++) {
		struct seg_capture *capture = NULL;

		write_three(ng);
		pipe_in();
		check_eq(seg_capture_open("-", &capture, &err), 0);
		check_eq(seg_capture_size(capture), 0);
		check_eq(seg_capture_position(capture), 0);
		for (int i = 0; i < 3; i++)
			check_eq(seg_capture_next(capture, &packet, &err), 1);
		check_eq(seg_capture_next(capture, &packet, &err), 0);
		seg_capture_close(capture);
		check(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	}
}

TEST(capture, standard_input_refused)
{
	struct seg_capture *capture = NULL;

	file.size = 0;
	pipe_in();
	err = (struct seg_error){0};
	check_eq(seg_capture_open("-", &capture, &err), -ENODATA);
	check_str_eq(err.file, "<stdin>");
	check(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}
