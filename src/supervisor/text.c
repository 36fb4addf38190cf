/* Bounded text without stdio, and the lines on stderr. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

bool text_join(char *out, size_t size, const char *const parts[])
{
	size_t used = 0;
	for (; *parts != NULL; parts++) {
		size_t length = strlen(*parts);
		if (used + length >= size)
			return false;
		memcpy(out + used, *parts, length);
		used += length;
	}
	out[used] = '\0';
	return true;
}

void text_number(char out[24], int64_t number)
{
	char digits[24];
	size_t n = sizeof(digits), at = 0;
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	do {
		digits[--n] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		out[at++] = '-';
	memcpy(out + at, digits + n, sizeof(digits) - n);
	out[at + sizeof(digits) - n] = '\0';
}

int64_t text_to_number(const char *text)
{
	int64_t number = 0;
	for (; *text >= '0' && *text <= '9' && number < INT64_MAX / 10 - 1; text++)
		number = number * 10 + (*text - '0');
	return number;
}

void say(const char *event, const char *detail)
{
	char line[640];
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	if (!TEXT_JOIN(line, "howdah-supervisor: ", event, detail, "\n"))
		return;
	/* a log that nobody reads must not hold up the deadline */
	if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0 && write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

void say_number(const char *event, int64_t number)
{
	char text[24];
	text_number(text, number);
	say(event, text);
}
