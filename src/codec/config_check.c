/* One value against its row of the table. */
#include "config_private.h"

#include "codec/units.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum { MS_PER_S = 1000, SHOWN_MAX = 60 };

/* The value as it may be shown. */
static void show(const struct setting *row, const struct json *value, struct strbuf *to)
{
	if (row->type == SETTING_SECRET) {
		strbuf_add(to, "***");
		return;
	}
	AUTO(text) char *text = json_print_text(value, JSON_SPACED);
	size_t len = strlen(text);
	strbuf_add_bytes(to, text, len < SHOWN_MAX ? len : SHOWN_MAX);
	if (len > SHOWN_MAX)
		strbuf_add(to, "...");
}

static enum check bad(const struct setting *row, const struct json *value, const char *what, struct strbuf *problem)
{
	show(row, value, problem);
	strbuf_add_char(problem, ' ');
	strbuf_add(problem, what);
	return CHECK_BAD;
}

/* Numbers in the row are whole seconds, values milliseconds. */
static enum check check_range(const struct setting *row, const struct json *value, struct checked *out,
			      struct strbuf *problem)
{
	int64_t scale = row->type == SETTING_SECONDS ? MS_PER_S : 1;
	if (row->min == 0 && row->max == 0)
		return CHECK_OK;
	if (out->number >= row->min * scale && (row->max > INT64_MAX / scale || out->number <= row->max * scale))
		return CHECK_OK;
	bool small = out->number < row->min * scale;
	show(row, value, problem);
	strbuf_addf(problem, " is too %s: at %s %lld", small ? "small" : "large", small ? "least" : "most",
		    (long long)(small ? row->min : row->max));
	out->number = (small ? row->min : row->max) * scale;
	return CHECK_RANGE;
}

/* Seconds may have a fraction, or a unit when they are a text. */
static bool read_seconds(const struct json *value, int64_t *ms)
{
	const char *text = json_text(value);
	if (json_is_number(value)) {
		double exact = json_double(value) * MS_PER_S;
		*ms = (int64_t)(fabs(exact) < 1e15 ? rint(exact) : exact < 0 ? -1e15 : 1e15);
		return true;
	}
	if (text == NULL || text[0] == '\0')
		return false;
	if (isalpha((unsigned char)text[strlen(text) - 1]))
		return units_int(text, "ms", ms);
	return units_int(text, "s", ms) && !__builtin_mul_overflow(*ms, (int64_t)MS_PER_S, ms);
}

static bool read_number(const struct json *value, const char *base_unit, int64_t *number)
{
	const char *text = json_text(value);
	return json_i64(value, number) || (text != NULL && units_int(text, base_unit, number));
}

static enum check check_number(const struct setting *row, const struct json *value, struct checked *out,
			       struct strbuf *problem)
{
	bool ok = row->type == SETTING_SECONDS
			  ? read_seconds(value, &out->number)
			  : read_number(value, row->type == SETTING_BYTES ? "B" : NULL, &out->number);
	return ok ? check_range(row, value, out, problem) : bad(row, value, "is not a number", problem);
}

static enum check check_bool(const struct setting *row, const struct json *value, struct checked *out,
			     struct strbuf *problem)
{
	int64_t number;
	const char *text = json_text(value);
	out->truth = json_true(value);
	if (json_is_bool(value))
		return CHECK_OK;
	if (json_i64(value, &number) && (number == 0 || number == 1)) {
		out->truth = number == 1;
		return CHECK_OK;
	}
	if (text != NULL && units_bool(text, &out->truth))
		return CHECK_OK;
	return bad(row, value, "is not a boolean: true or false", problem);
}

/* A scalar as text: YAML makes numbers and booleans of words without quotes. */
static bool scalar_text(const struct json *value, struct checked *out)
{
	if (json_is_object(value) || json_is_array(value))
		return false;
	if (json_is_text(value))
		return text_copy(out->text, sizeof(out->text), json_text(value));
	AUTO(text) char *text = json_print_text(value, JSON_COMPACT);
	return text_copy(out->text, sizeof(out->text), text);
}

static enum check check_text(const struct setting *row, const struct json *value, struct checked *out,
			     struct strbuf *problem)
{
	if (!json_is_text(value) && (json_is_object(value) || json_is_array(value)))
		return bad(row, value, "is not a text", problem);
	if (row->size == 0 && row->take == NULL && json_is_text(value))
		return CHECK_OK; /* kept in the trees alone, of any length */
	if (!scalar_text(value, out) || (row->size > 0 && strlen(out->text) >= row->size))
		return bad(row, value, "is too long", problem);
	return CHECK_OK;
}

static int default_port(const struct setting *row)
{
	enum { REST_PORT = 8008, POSTGRES_PORT = 5432 };
	return strncmp(row->key, "restapi", 7) == 0 ? REST_PORT : POSTGRES_PORT;
}

static enum check check_address(const struct setting *row, const struct json *value, struct checked *out,
				struct strbuf *problem)
{
	if (!json_is_text(value) || !address_parse(&out->address, json_text(value), default_port(row)))
		return bad(row, value, "is not an address: HOST:PORT, with IPv6 in brackets", problem);
	return CHECK_OK;
}

static bool word_at(const char *words, const char *text, int64_t *place)
{
	size_t len = strlen(text);
	*place = 0;
	for (const char *word = words;; word++, (*place)++) {
		size_t this = strcspn(word, "|");
		if (this == len && strncasecmp(word, text, len) == 0)
			return true;
		word += this;
		if (*word == '\0')
			return false;
	}
}

static enum check check_enum(const struct setting *row, const struct json *value, struct checked *out,
			     struct strbuf *problem)
{
	if (scalar_text(value, out) && word_at(row->words, out->text, &out->number))
		return CHECK_OK;
	show(row, value, problem);
	strbuf_addf(problem, " is none of %s", row->words);
	return CHECK_BAD;
}

static enum check check_map(const struct setting *row, const struct json *value, struct checked *out UNUSED,
			    struct strbuf *problem)
{
	return json_is_object(value) ? CHECK_OK : bad(row, value, "is not a mapping", problem);
}

static enum check check_list(const struct setting *row, const struct json *value, struct checked *out UNUSED,
			     struct strbuf *problem)
{
	int64_t place;
	const char *kind = json_is_object(value)   ? "map"
			   : json_is_text(value)   ? "text"
			   : json_is_number(value) ? "number"
						   : "";
	if (json_is_array(value) || (row->words != NULL && word_at(row->words, kind, &place)))
		return CHECK_OK;
	return bad(row, value, "is not a list", problem);
}

static enum check (*const checkers[])(const struct setting *row, const struct json *value, struct checked *out,
				      struct strbuf *problem) = {
	[SETTING_TEXT] = check_text,       [SETTING_SECRET] = check_text,    [SETTING_INT] = check_number,
	[SETTING_BOOL] = check_bool,       [SETTING_SECONDS] = check_number, [SETTING_BYTES] = check_number,
	[SETTING_ADDRESS] = check_address, [SETTING_MAP] = check_map,        [SETTING_LIST] = check_list,
	[SETTING_ENUM] = check_enum,
};
static_assert(ARRAY_SIZE(checkers) == SETTING_ENUM + 1, "a checker for each type");

enum check setting_check(const struct setting *row, const struct json *value, struct checked *out,
			 struct strbuf *problem)
{
	*out = (struct checked){ 0 };
	return checkers[row->type](row, value, out, problem);
}

bool address_parse(struct config_address *address, const char *text, int default_port_)
{
	int64_t port = default_port_;
	const char *bracket = strrchr(text, ']');
	const char *colon = strrchr(bracket == NULL ? text : bracket, ':');
	const char *end = colon == NULL ? text + strlen(text) : colon;
	bool wrapped = text[0] == '[' && end - text >= 2 && end[-1] == ']' && strchr(text, ']') == end - 1;
	struct strbuf host;
	if (colon != NULL && (!text_to_i64(colon + 1, &port) || port < 1 || port > 65535))
		return false;
	strbuf_init(&host, address->host, sizeof(address->host));
	strbuf_add_bytes(&host, text + wrapped, (size_t)(end - text) - (wrapped ? 2 : 0));
	address->port = (int)port;
	return strbuf_ok(&host) && strpbrk(address->host, " \t/@") == NULL;
}
