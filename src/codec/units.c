/* PostgreSQL's and Patroni's spellings of numbers, booleans, positions and times. */
#include "codec/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const struct {
	const char *text;
	bool value;
} booleans[] = {
	{ "on", true },   { "true", true },   { "yes", true }, { "1", true },
	{ "off", false }, { "false", false }, { "no", false }, { "0", false },
};

bool units_bool(const char *text, bool *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(booleans); i++)
		if (strcasecmp(text, booleans[i].text) == 0) {
			*out = booleans[i].value;
			return true;
		}
	return false;
}

enum unit_kind { UNIT_MEMORY, UNIT_TIME };

/* How much of the smallest unit (byte, microsecond) each one is. */
static const struct unit {
	const char *text;
	enum unit_kind kind;
	long double size;
} units[] = {
	{ "B", UNIT_MEMORY, 1 },           { "kB", UNIT_MEMORY, 1024 },          { "MB", UNIT_MEMORY, 1048576 },
	{ "GB", UNIT_MEMORY, 1073741824 }, { "TB", UNIT_MEMORY, 1099511627776 }, { "us", UNIT_TIME, 1 },
	{ "ms", UNIT_TIME, 1000 },         { "s", UNIT_TIME, 1000000 },          { "min", UNIT_TIME, 60000000 },
	{ "h", UNIT_TIME, 3600000000 },    { "d", UNIT_TIME, 86400000000 },
};

static const struct unit *unit_find(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].text) == len && memcmp(units[i].text, text, len) == 0)
			return &units[i];
	return NULL;
}

/* Turns *value of `unit` into the base unit, which may carry a number: 8kB. Multiplies first: a factor below 1 is not exact. */
static bool unit_convert(long double *value, const char *unit, size_t len, const char *base)
{
	long double count = 1;
	const struct unit *from = unit_find(unit, len);
	if (from == NULL || base == NULL)
		return false;
	if (isdigit((unsigned char)*base)) {
		char *end;
		count = strtold(base, &end);
		base = end;
	}
	const struct unit *to = unit_find(base, strlen(base));
	if (to == NULL || to->kind != from->kind)
		return false;
	*value = *value * from->size / (to->size * count);
	return true;
}

/* Hexadecimal, octal and decimal integers, and decimals with a point or an exponent. Returns what follows; NULL: no number. */
static const char *read_number(const char *text, long double *value)
{
	char *end;
	errno = 0;
	long long whole = strtoll(text, &end, 0);
	if (end != text && errno == 0 && (*end == '\0' || strchr(".eE", *end) == NULL)) {
		*value = whole;
		return end;
	}
	*value = strtold(text, &end);
	return end != text && isfinite(*value) ? end : NULL; /* strtold takes inf and nan as well */
}

bool units_int(const char *text, const char *base_unit, int64_t *out)
{
	long double value;
	const char *unit = read_number(text, &value);
	if (unit == NULL)
		return false;
	while (isspace((unsigned char)*unit))
		unit++;
	size_t len = strlen(unit);
	while (len > 0 && isspace((unsigned char)unit[len - 1]))
		len--;
	if (len > 0 && !unit_convert(&value, unit, len, base_unit))
		return false;
	value = rintl(value);
	if (!(value >= -0x1p63L && value < 0x1p63L))
		return false;
	*out = (int64_t)value;
	return true;
}

static const struct {
	const char *suffix;
	long double factor;
} quantities[] = {
	{ "", 1 },         { "k", 1e3L },     { "M", 1e6L },     { "G", 1e9L },     { "T", 1e12L },
	{ "P", 1e15L },    { "E", 1e18L },    { "Ki", 0x1p10L }, { "Mi", 0x1p20L }, { "Gi", 0x1p30L },
	{ "Ti", 0x1p40L }, { "Pi", 0x1p50L }, { "Ei", 0x1p60L },
};

/* strtold takes more than a quantity may be: signs, hexadecimal digits, words. An E without digits is a suffix. NULL: no number. */
static const char *read_amount(const char *text, long double *value)
{
	char *suffix;
	if (!isdigit((unsigned char)text[0]) || strpbrk(text, "xX") != NULL)
		return NULL;
	*value = strtold(text, &suffix);
	return suffix;
}

/* Of what the suffix stands for; 0: nothing. */
static long double quantity_factor(const char *suffix)
{
	for (size_t i = 0; i < ARRAY_SIZE(quantities); i++)
		if (strcmp(suffix, quantities[i].suffix) == 0)
			return quantities[i].factor;
	return 0;
}

static bool take_amount(long double amount, int64_t *out)
{
	if (amount >= 0x1p63L)
		return false;
	*out = (int64_t)amount;
	return true;
}

bool units_quantity(const char *text, int64_t *bytes)
{
	long double value;
	const char *suffix = read_amount(text, &value);
	long double factor = suffix != NULL ? quantity_factor(suffix) : 0;
	return factor > 0 && take_amount(ceill(value * factor), bytes);
}

bool units_quantity_milli(const char *text, int64_t *thousandths)
{
	long double value;
	const char *suffix = read_amount(text, &value);
	if (suffix == NULL)
		return false;
	long double factor = strcmp(suffix, "m") == 0 ? 1 : quantity_factor(suffix) * 1000;
	return factor > 0 && take_amount(rintl(value * factor), thousandths);
}

/* 1 to 8 hexadecimal digits; returns what follows, NULL when there are none or more. */
static const char *read_hex(const char *text, uint64_t *value)
{
	int digits = 0;
	*value = 0;
	for (; isxdigit((unsigned char)*text); text++, digits++)
		*value =
			*value << 4 | (uint64_t)(isdigit((unsigned char)*text) ? *text - '0' : (*text | 32) - 'a' + 10);
	return digits >= 1 && digits <= 8 ? text : NULL;
}

bool lsn_from_text(const char *text, uint64_t *lsn)
{
	uint64_t high, low;
	text = read_hex(text, &high);
	if (text == NULL || *text != '/')
		return false;
	text = read_hex(text + 1, &low);
	if (text == NULL || *text != '\0')
		return false;
	*lsn = high << 32 | low;
	return true;
}

void lsn_to_text(uint64_t lsn, char *text, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, text, size);
	strbuf_addf(&b, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
}

enum { US_PER_S = 1000000 };

void wall_to_iso(int64_t wall_us, char *text, size_t size)
{
	int fraction = (int)(wall_us % US_PER_S);
	fraction += fraction < 0 ? US_PER_S : 0;
	time_t seconds = (wall_us - fraction) / US_PER_S;
	struct tm tm;
	struct strbuf b;
	gmtime_r(&seconds, &tm);
	strbuf_init(&b, text, size);
	strbuf_addf(&b, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		    tm.tm_min, tm.tm_sec);
	if (fraction != 0)
		strbuf_addf(&b, ".%06d", fraction);
	strbuf_add(&b, "+00:00");
}

/* Exactly `digits` digits, moving *at behind them; -1 when there are fewer. */
static int take_digits(const char **at, int digits)
{
	int value = 0;
	for (; digits > 0; digits--, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool take_char(const char **at, const char *any_of)
{
	if (**at == '\0' || strchr(any_of, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

static bool take_date(const char **at, struct tm *tm)
{
	*tm = (struct tm){ .tm_year = take_digits(at, 4) - 1900 };
	if (tm->tm_year < 1 - 1900 || !take_char(at, "-"))
		return false;
	tm->tm_mon = take_digits(at, 2) - 1;
	if (tm->tm_mon < 0 || tm->tm_mon > 11 || !take_char(at, "-"))
		return false;
	tm->tm_mday = take_digits(at, 2);
	return tm->tm_mday >= 1 && tm->tm_mday <= 31 && take_char(at, "T ");
}

static bool take_time(const char **at, struct tm *tm)
{
	tm->tm_hour = take_digits(at, 2);
	if (tm->tm_hour < 0 || tm->tm_hour > 23 || !take_char(at, ":"))
		return false;
	tm->tm_min = take_digits(at, 2);
	if (tm->tm_min < 0 || tm->tm_min > 59)
		return false;
	tm->tm_sec = take_char(at, ":") ? take_digits(at, 2) : 0;
	return tm->tm_sec >= 0 && tm->tm_sec <= 59;
}

/* Microseconds; further digits are dropped. -1 when a point is followed by none. */
static int take_fraction(const char **at)
{
	int value = 0, digits = 0;
	if (!take_char(at, ".,"))
		return 0;
	for (; isdigit((unsigned char)**at); (*at)++, digits++)
		if (digits < 6)
			value = value * 10 + (**at - '0');
	for (int i = digits; i < 6; i++)
		value *= 10;
	return digits > 0 ? value : -1;
}

/* Z, +02, +0200, +02:00: seconds east of UTC. */
static bool take_offset(const char **at, int *offset_s)
{
	*offset_s = 0;
	if (take_char(at, "Zz"))
		return true;
	int sign = **at == '-' ? -1 : 1;
	if (!take_char(at, "+-"))
		return false;
	int hours = take_digits(at, 2);
	bool colon = take_char(at, ":");
	int minutes = colon || isdigit((unsigned char)**at) ? take_digits(at, 2) : 0;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

bool wall_from_iso(const char *text, int64_t *wall_us)
{
	struct tm tm;
	int offset_s;
	if (!take_date(&text, &tm) || !take_time(&text, &tm))
		return false;
	int fraction = take_fraction(&text);
	if (fraction < 0 || !take_offset(&text, &offset_s) || *text != '\0')
		return false;
	int day = tm.tm_mday;
	time_t seconds = timegm(&tm);
	if (tm.tm_mday != day) /* timegm makes 3 March of 31 February */
		return false;
	*wall_us = ((int64_t)seconds - offset_s) * US_PER_S + fraction;
	return true;
}
