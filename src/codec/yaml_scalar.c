/* What a plain scalar is. */
#include "yaml_scalar.h"

#include "json_private.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { SCALAR_MAX = 128 }; /* longer ones are texts */

static const char *const patterns[] = {
	[SCALAR_NULL] = "^(~|null|Null|NULL)$",
	[SCALAR_BOOL] = "^(yes|Yes|YES|true|True|TRUE|on|On|ON|no|No|NO|false|False|FALSE|off|Off|OFF)$",
	[SCALAR_INT] = "^[-+]?(0|0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*(:[0-5]?[0-9])*)$",
	[SCALAR_FLOAT] = "^([-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\\.[0-9_]*|([-+]?[0-9][0-9_]*\\.[0-9_]*|\\.[0-9][0-9_]*)(["
			 "eE][-+][0-9]+)?)$",
	[SCALAR_OTHER] =
		"^([-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)|=|<<|[0-9]{4}-[0-9][0-9]-[0-9][0-9]|[0-9]{4}-[0-9]["
		"0-9]?-[0-9][0-9]?([Tt]|[ \t]+)[0-9][0-9]?:[0-9][0-9]:[0-9][0-9](\\.[0-9]*)?([ \t]*(Z|[-+][0-9][0-9]?("
		":[0-9][0-9])?))?)$",
};
static_assert(ARRAY_SIZE(patterns) == SCALAR_TEXT, "a pattern for each kind but text");

static const regex_t *compiled(void)
{
	static regex_t expressions[SCALAR_TEXT];
	static bool done;
	for (size_t i = 0; !done && i < ARRAY_SIZE(patterns); i++)
		if (regcomp(&expressions[i], patterns[i], REG_EXTENDED | REG_NOSUB) != 0)
			abort();
	done = true;
	return expressions;
}

enum scalar_kind scalar_kind(const char *text)
{
	const regex_t *expressions = compiled();
	if (text[0] == '\0')
		return SCALAR_NULL;
	if (strchr("~-+.=<0123456789nNyYtTfFoO", text[0]) == NULL || strnlen(text, SCALAR_MAX) == SCALAR_MAX)
		return SCALAR_TEXT;
	int kind = 0;
	while (kind < SCALAR_TEXT && regexec(&expressions[kind], text, 0, NULL, 0) != 0)
		kind++;
	return (enum scalar_kind)kind;
}

static bool bool_value(const char *text)
{
	return strchr("yYtT", text[0]) != NULL || text[1] == 'n' || text[1] == 'N'; /* yes, true, on */
}

/* Without underscores and a leading plus. */
static void strip(const char *text, char clean[static SCALAR_MAX])
{
	size_t len = 0;
	for (text += *text == '+'; *text != '\0'; text++)
		if (*text != '_')
			clean[len++] = *text;
	clean[len] = '\0';
}

/* Base 60: 1:30 is 90. The parts behind the first are below 60. */
static double sexagesimal(const char *digits)
{
	double value = 0;
	for (;;) {
		char *end;
		value = value * 60 + strtod(digits, &end);
		if (*end != ':')
			return value;
		digits = end + 1;
	}
}

/* What is too large for 63 bits keeps its digits, as long as they are decimal. */
static struct json *int_value(const char *text)
{
	char clean[SCALAR_MAX], *end;
	strip(text, clean);
	bool negative = clean[0] == '-';
	const char *digits = clean + negative;
	if (strchr(digits, ':') != NULL) {
		double value = sexagesimal(digits);
		return value < 1e15 ? json_new_i64((int64_t)(negative ? -value : value)) : json_new_text(text);
	}
	bool is_prefixed = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'b');
	int base = digits[0] != '0' ? 10 : !is_prefixed ? 8 : digits[1] == 'x' ? 16 : 2;
	digits += is_prefixed ? 2 : 0;
	errno = 0;
	long long value = strtoll(digits, &end, base);
	if (end == digits || (errno != 0 && base != 10))
		return json_new_text(text);
	if (errno != 0)
		return (struct json *)json_number_from_text(clean);
	return json_new_i64(negative ? -value : value);
}

static struct json *float_value(const char *text)
{
	char clean[SCALAR_MAX];
	strip(text, clean);
	bool negative = clean[0] == '-';
	double value = sexagesimal(clean + negative);
	return json_new_double(negative ? -value : value);
}

struct json *scalar_value(const char *text)
{
	switch (scalar_kind(text)) {
	case SCALAR_NULL:
		return json_new_null();
	case SCALAR_BOOL:
		return json_new_bool(bool_value(text));
	case SCALAR_INT:
		return int_value(text);
	case SCALAR_FLOAT:
		return float_value(text);
	default:
		return json_new_text(text);
	}
}
