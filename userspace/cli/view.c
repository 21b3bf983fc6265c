/* SPDX-License-Identifier: BSD-2-Clause */
#include "view.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "text.h"

const char *seg_view_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && *text ? text : "-";
}

uint64_t seg_view_number(const json_t *object, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(object, key));

	return number > 0 ? (uint64_t)number : 0;
}

static unsigned int width_of_output(void)
{
	const char *told = getenv(SEG_VIEW_WIDTH);
	struct winsize size = {0};
	uint64_t width;

	if (isatty(STDOUT_FILENO))
		return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? 0 : size.ws_col;
	if (told && !seg_number_parse(told, strlen(told), UINT16_MAX, &width))
		return (unsigned int)width;
	return 0;
}

struct seg_view seg_view_of(const struct seg_cli *cli)
{
	return (struct seg_view){stdout, cli->colour, cli->global.verbose, width_of_output()};
}

int seg_view_json(const json_t *json, FILE *to)
{
	if (json_dumpf(json, to, JSON_INDENT(2) | JSON_ENCODE_ANY) || fputc('\n', to) == EOF)
		return -EIO;
	return 0;
}

int seg_view_json_line(const json_t *json, FILE *to)
{
	if (json_dumpf(json, to, JSON_COMPACT | JSON_REAL_PRECISION(12)) || fputc('\n', to) == EOF)
		return -EIO;
	return 0;
}

const char *seg_view_colour(const char *word)
{
	static const struct {
		const char *word, *colour;
	} COLOURS[] = {
		{"allow", "green"}, {"ready", "green"}, {"deny", "red"},
		{"loss", "yellow"}, {"lost", "red"},    {"restarting", "yellow"},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(COLOURS); i++)
		if (strcmp(word, COLOURS[i].word) == 0)
			return COLOURS[i].colour;
	return NULL;
}
