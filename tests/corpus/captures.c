/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The captures of $XDPSEG_CORPUS: each is read to its end and has as many packets as
 * pcaps.tsv says, or is refused with what is wrong and how to mend it: each foreign link
 * type has to be, and only what the list calls broken may be.
 */
#include <limits.h>
#include <string.h>

#include "capture.h"

#define SKIPPED 77 /* Meson's exit code for a test that could not run */

/* Columns of pcaps.tsv. */
enum column { NAME, KIND, LINKTYPE = 10, PACKETS, TRUNCATED = 35, COLUMNS };

struct tally {
	unsigned int files, refused, broken, wrong;
	unsigned long long packets, bytes;
	unsigned long long without; /* packets that got an ethertype of 0 */
};

/* Reads to the end. Returns what seg_capture_next() did last; *n: packets. */
static int read_all(struct seg_capture *capture, struct tally *tally, unsigned long *n,
		    struct seg_error *err)
{
	struct seg_capture_packet packet;
	int r;

	while ((r = seg_capture_next(capture, &packet, err)) == 1) {
		++*n;
		tally->bytes += packet.length;
		tally->without += packet.length > 13 && !packet.frame[12] && !packet.frame[13];
		if (packet.number != *n || packet.wire < packet.length)
			return 1;
	}
	tally->packets += *n;
	return r;
}

/* "-": no packets, so the list knows of none. */
static int supported(const char *linktype)
{
	static const char *const TYPES[] = {"EN10MB", "RAW",       "IPV4",       "IPV6", "NULL",
					    "LOOP",   "LINUX_SLL", "LINUX_SLL2", "-"};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(TYPES); i++)
		if (!strcmp(linktype, TYPES[i]))
			return 1;
	return 0;
}

/*
 * The list does not say which files have several link types, nor that shb-option-too-long
 * has a block of two lengths.
 */
static int may_be_broken(char **row, const struct seg_error *err)
{
	return strstr(err->what, "different from the type of the first interface") ||
	       strstr(row[NAME], "shb-option-too-long") || !strcmp(row[KIND], "reader") ||
	       !strcmp(row[KIND], "malformed") || !strcmp(row[TRUNCATED], "1");
}

/* What is wrong; NULL: nothing. */
static const char *judge(char **row, int r, unsigned long n, const struct seg_error *err)
{
	unsigned long packets = strtoul(row[PACKETS], NULL, 10);

	if (r > 0)
		return "a packet with a wrong number or length";
	if (r && (!err->what[0] || !err->mend[0] || !err->file[0]))
		return "refused without saying all";
	if (!supported(row[LINKTYPE]))
		return r && !n ? NULL : "not refused";
	if (r)
		return may_be_broken(row, err) ? NULL : "refused";
	return n != packets ? "another number of packets" : NULL;
}

static void file_run(const char *corpus, char **row, struct tally *tally)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;
	struct seg_error err = {0};
	char path[2 * PATH_MAX];
	unsigned long n = 0;
	const char *wrong;
	int r;

	snprintf(path, sizeof(path), "%s/%s", corpus, row[NAME]);
	r = seg_capture_open(path, &capture, &err);
	tally->refused += r < 0;
	if (!r) {
		r = read_all(capture, tally, &n, &err);
		tally->broken += r < 0;
	}
	tally->files++;
	wrong = judge(row, r, n, &err);
	if (!wrong)
		return;
	tally->wrong++;
	printf("%s: %s: %lu packets, listed are %s of %s\n", row[NAME], wrong, n, row[PACKETS],
	       row[LINKTYPE]);
	if (r < 0)
		seg_error_print(&err, stdout, 0);
}

static unsigned int split(char *line, char **row)
{
	unsigned int n = 0;

	line[strcspn(line, "\n")] = '\0';
	while (line && n < COLUMNS)
		row[n++] = strsep(&line, "\t");
	return n;
}

int main(void)
{
	const char *corpus = getenv("XDPSEG_CORPUS");
	_cleanup_fclose_ FILE *list = NULL;
	char path[PATH_MAX], line[8192], *row[COLUMNS];
	struct tally tally = {0};

	if (!corpus) {
		fputs("not run: XDPSEG_CORPUS does not name a corpus\n", stderr);
		return SKIPPED;
	}
	snprintf(path, sizeof(path), "%s/pcaps.tsv", corpus);
	list = fopen(path, "r");
	if (!list || !fgets(line, sizeof(line), list)) {
		fprintf(stderr, "%s cannot be read\n", path);
		return 1;
	}
	while (fgets(line, sizeof(line), list))
		if (split(line, row) == COLUMNS)
			file_run(corpus, row, &tally);
	printf("%u captures, %u refused, %u broken, %u wrong; %llu packets, %llu bytes, "
	       "%llu without an ethertype\n",
	       tally.files, tally.refused, tally.broken, tally.wrong, tally.packets, tally.bytes,
	       tally.without);
	return tally.wrong || !tally.files;
}
