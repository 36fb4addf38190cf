/* Numbers as people say them. */
#include "render.h"

#include <inttypes.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

void words_duration(int64_t seconds, char *text, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, text, size);
	if (seconds < MINUTE)
		strbuf_addf(&b, "%" PRId64 " s", seconds > 0 ? seconds : 0);
	else if (seconds < HOUR)
		strbuf_addf(&b, "%" PRId64 " min", seconds / MINUTE);
	else if (seconds < DAY)
		strbuf_addf(&b, "%" PRId64 " h %" PRId64 " min", seconds / HOUR, seconds % HOUR / MINUTE);
	else
		strbuf_addf(&b, "%" PRId64 " d %" PRId64 " h", seconds / DAY, seconds % DAY / HOUR);
}

/* One digit behind the point below 10, none above. */
void words_bytes(int64_t bytes, char *text, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double value = (double)bytes;
	size_t unit = 0;
	struct strbuf b;
	strbuf_init(&b, text, size);
	for (; value >= 1023.5 && unit + 1 < ARRAY_SIZE(units); unit++)
		value /= 1024;
	bool whole = unit == 0 || value >= 9.95 || value == (double)(int64_t)value;
	strbuf_addf(&b, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void words_server_version(int64_t number, char *text, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, text, size);
	if (number < 100000)
		strbuf_addf(&b, "%" PRId64 ".%" PRId64 ".%" PRId64, number / 10000, number / 100 % 100, number % 100);
	else
		strbuf_addf(&b, "%" PRId64 ".%" PRId64, number / 10000, number % 10000);
}
