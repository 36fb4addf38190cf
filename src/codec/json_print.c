/* From tree to text, as Python's json.dumps writes it: ASCII alone, everything else as \uXXXX. */
#include "json_private.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

struct marks {
	const char *comma, *colon;
};

static const struct marks styles[] = {
	[JSON_COMPACT] = { ",", ":" },
	[JSON_SPACED] = { ", ", ": " },
};
static_assert(ARRAY_SIZE(styles) == JSON_SPACED + 1, "marks for each style");

/* The letter behind the backslash for what has a short escape. */
static const char short_escapes[128] = {
	['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
};

static void add_unit(struct strbuf *to, uint32_t unit)
{
	static const char digits[] = "0123456789abcdef";
	char text[6] = {
		'\\', 'u', digits[unit >> 12], digits[unit >> 8 & 15], digits[unit >> 4 & 15], digits[unit & 15]
	};
	strbuf_add_bytes(to, text, sizeof(text));
}

static void add_escape(struct strbuf *to, uint32_t code)
{
	if (code < 128 && short_escapes[code] != 0) {
		strbuf_add_char(to, '\\');
		strbuf_add_char(to, short_escapes[code]);
	} else if (code < 0x10000) {
		add_unit(to, code);
	} else {
		add_unit(to, 0xd800 + ((code - 0x10000) >> 10));
		add_unit(to, 0xdc00 + ((code - 0x10000) & 0x3ff));
	}
}

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* Bytes that are no UTF-8 (texts from programs, not from documents) become U+FFFD. */
static void print_string(const char *text, struct strbuf *to)
{
	const char *end = text + strlen(text);
	strbuf_add_char(to, '"');
	while (text < end) {
		const char *plain = text;
		while (text < end && is_plain(*text))
			text++;
		strbuf_add_bytes(to, plain, (size_t)(text - plain));
		if (text == end)
			break;
		uint32_t code = 0xfffd;
		int len = utf8_decode(text, end, &code);
		add_escape(to, code);
		text += len > 0 ? len : 1;
	}
	strbuf_add_char(to, '"');
}

/* A plain integer; printf is too slow for the many of them. */
static void print_integer(int64_t value, struct strbuf *to)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (value < 0)
		digits[--at] = '-';
	strbuf_add_bytes(to, digits + at, sizeof(digits) - at);
}

static void print_node(const cJSON *node, const struct marks *marks, struct strbuf *to);

static void print_children(const cJSON *node, const struct marks *marks, struct strbuf *to)
{
	for (const cJSON *child = node->child; child != NULL; child = child->next) {
		if (cJSON_IsObject(node)) {
			print_string(child->string, to);
			strbuf_add(to, marks->colon);
		}
		print_node(child, marks, to);
		if (child->next != NULL)
			strbuf_add(to, marks->comma);
	}
}

static void print_node(const cJSON *node, const struct marks *marks, struct strbuf *to)
{
	switch (node->type & 0xff) {
	case cJSON_Object:
		strbuf_add_char(to, '{');
		print_children(node, marks, to);
		strbuf_add_char(to, '}');
		break;
	case cJSON_Array:
		strbuf_add_char(to, '[');
		print_children(node, marks, to);
		strbuf_add_char(to, ']');
		break;
	case cJSON_String:
		print_string(node->valuestring, to);
		break;
	case cJSON_Number:
		if (node->valuestring != NULL)
			strbuf_add(to, node->valuestring);
		else
			print_integer((int64_t)node->valuedouble, to);
		break;
	case cJSON_True:
	case cJSON_False:
		strbuf_add(to, cJSON_IsTrue(node) ? "true" : "false");
		break;
	default:
		strbuf_add(to, "null");
	}
}

void json_print(const struct json *node, enum json_style style, struct strbuf *to)
{
	print_node(raw_const(node), &styles[style], to);
}

char *json_print_text(const struct json *node, enum json_style style)
{
	for (size_t size = 1024;; size *= 4) {
		char *memory = malloc(size);
		if (memory == NULL)
			abort();
		struct strbuf text;
		strbuf_init(&text, memory, size);
		json_print(node, style, &text);
		if (strbuf_ok(&text))
			return memory;
		free(memory);
	}
}
