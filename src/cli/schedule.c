/* Times that people type. */
#include "cli.h"

#include "codec/units.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DATE_LEN = 10, MINUTES_LEN = 5 };

static bool unreadable(const char *text, struct err *err)
{
	return err_set(
		err, ERR_INPUT,
		"Unable to parse scheduled timestamp (%s). It should be in an unambiguous format (e.g. ISO 8601)",
		text);
}

/* Where the offset begins; the end where there is none. */
static const char *find_offset(const char *time)
{
	return time + strcspn(time, "+-Zz");
}

/* How far this machine's zone is from UTC at that time of its own clock. */
static long local_offset_s(int64_t as_utc_us)
{
	struct tm tm;
	time_t seconds = as_utc_us / 1000000;
	gmtime_r(&seconds, &tm);
	tm.tm_isdst = -1;
	time_t local = mktime(&tm);
	return (long)(seconds - local);
}

static void add_offset(struct strbuf *to, long offset_s)
{
	long minutes = labs(offset_s) / 60;
	strbuf_addf(to, "%c%02ld:%02ld", offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

/* 2026-12-24, then T or a blank, hours and minutes; seconds and an offset where they are given. */
static bool add_date_and_time(const char *text, struct strbuf *to)
{
	size_t len = strlen(text);
	if (len < DATE_LEN || (len > DATE_LEN && strchr("Tt ", text[DATE_LEN]) == NULL))
		return false;
	strbuf_add_bytes(to, text, DATE_LEN);
	const char *time = len > DATE_LEN ? text + DATE_LEN + 1 : "00:00";
	size_t time_len = (size_t)(find_offset(time) - time);
	while (time_len > 0 && time[time_len - 1] == ' ')
		time_len--;
	strbuf_add_char(to, 'T');
	strbuf_add_bytes(to, time, time_len);
	if (time_len == MINUTES_LEN)
		strbuf_add(to, ":00");
	return true;
}

static bool take_offset(const char *text, int64_t as_utc_us, long *offset_s)
{
	char sample[40];
	int64_t us;
	struct strbuf b;
	const char *offset = strlen(text) > DATE_LEN ? find_offset(text + DATE_LEN + 1) : "";
	if (*offset == '\0') {
		*offset_s = local_offset_s(as_utc_us);
		return true;
	}
	strbuf_init(&b, sample, sizeof(sample));
	strbuf_addf(&b, "2000-01-02T00:00:00%s", offset);
	if (!strbuf_ok(&b) || !wall_from_iso(sample, &us))
		return false;
	*offset_s = (long)(INT64_C(946771200) - us / 1000000);
	return true;
}

bool cli_schedule(const char *text, char iso[static 40], struct err *err)
{
	char as_utc[40];
	int64_t us;
	long offset_s;
	struct strbuf b;
	iso[0] = '\0';
	if (strcmp(text, "now") == 0 || text[0] == '\0')
		return true;
	strbuf_init(&b, iso, 40);
	if (!add_date_and_time(text, &b))
		return unreadable(text, err);
	struct strbuf utc;
	strbuf_init(&utc, as_utc, sizeof(as_utc));
	strbuf_addf(&utc, "%s+00:00", iso);
	if (!strbuf_ok(&utc) || !wall_from_iso(as_utc, &us) || !take_offset(text, us, &offset_s))
		return unreadable(text, err);
	add_offset(&b, offset_s);
	return strbuf_ok(&b) || unreadable(text, err);
}

void cli_next_hour(char *text, size_t size)
{
	struct tm tm;
	time_t at = time(NULL) + 3600;
	localtime_r(&at, &tm);
	strftime(text, size, "%Y-%m-%dT%H:%M", &tm);
}
