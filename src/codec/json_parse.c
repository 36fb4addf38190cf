/* From text to tree. cJSON builds it; what it lets pass is looked at here: depth before it recurses, numbers, control characters, NUL, UTF-8. */
#include "json_private.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_SHOWN = 60 };

/* Walks over a text; `problem` says what is wrong at `at`. */
struct scan {
	const char *at, *end;
	const char *problem;
	int levels;
	bool has_long_numbers;
};

static bool scan_fail(struct scan *scan, const char *problem)
{
	scan->problem = problem;
	return false;
}

static bool is_digit(const struct scan *scan)
{
	return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static bool accept(struct scan *scan, const char *any_of)
{
	if (scan->at == scan->end || *scan->at == '\0' || strchr(any_of, *scan->at) == NULL)
		return false;
	scan->at++;
	return true;
}

static int skip_digits(struct scan *scan)
{
	const char *first = scan->at;
	while (is_digit(scan))
		scan->at++;
	return (int)(scan->at - first);
}

/* Over one number; *is_long: a double does not hold it with its spelling. */
static bool scan_number(struct scan *scan, bool *is_long)
{
	bool negative = accept(scan, "-");
	bool leading_zero = scan->at < scan->end && *scan->at == '0';
	int digits = skip_digits(scan);
	if (digits == 0 || (leading_zero && digits > 1))
		return scan_fail(scan, "not a number");
	*is_long = digits > JSON_PLAIN_DIGITS || (negative && leading_zero);
	if (accept(scan, ".")) {
		*is_long = true;
		if (skip_digits(scan) == 0)
			return scan_fail(scan, "a digit must follow the point");
	}
	if (accept(scan, "eE")) {
		*is_long = true;
		accept(scan, "+-");
		if (skip_digits(scan) == 0)
			return scan_fail(scan, "a digit must follow the exponent's e");
	}
	return true;
}

/* cJSON would end the text at a NUL and lose what follows. */
static bool scan_escape(struct scan *scan)
{
	if (scan->end - scan->at >= 6 && memcmp(scan->at, "\\u0000", 6) == 0)
		return scan_fail(scan, "a NUL character");
	if (scan->end - scan->at < 2)
		return scan_fail(scan, "the text ends within a string");
	scan->at += 2;
	return true;
}

/* Most of a text: nothing to look at more closely. */
static const char *skip_plain(const char *at, const char *end)
{
	while (at < end && *at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\')
		at++;
	return at;
}

/* Over one string, from its opening quote to behind the closing one. */
static bool scan_string(struct scan *scan)
{
	uint32_t code;
	scan->at++;
	while ((scan->at = skip_plain(scan->at, scan->end)) < scan->end) {
		if (*scan->at == '"') {
			scan->at++;
			return true;
		}
		if (*scan->at == '\\') {
			if (!scan_escape(scan))
				return false;
			continue;
		}
		int len = utf8_decode(scan->at, scan->end, &code);
		if (len == 0)
			return scan_fail(scan, "not UTF-8");
		if (code < ' ')
			return scan_fail(scan, "a control character within a string");
		scan->at += len;
	}
	return scan_fail(scan, "the text ends within a string");
}

static bool scan_token(struct scan *scan)
{
	bool is_long;
	switch (*scan->at) {
	case '"':
		return scan_string(scan);
	case '[':
	case '{':
		if (++scan->levels > JSON_LEVELS_MAX)
			return scan_fail(scan, "too many levels: at most 64");
		break;
	case ']':
	case '}':
		scan->levels--;
		break;
	case '-':
	case '0' ... '9':
		if (!scan_number(scan, &is_long))
			return false;
		scan->has_long_numbers |= is_long;
		return true;
	case '\t':
	case '\n':
	case '\r':
		break;
	default: /* cJSON takes every control character for white space, and a byte order mark */
		if ((unsigned char)*scan->at < ' ' || (unsigned char)*scan->at >= 0x7f)
			return scan_fail(scan, "an unexpected character");
	}
	scan->at++;
	return true;
}

static bool scan_text(struct scan *scan)
{
	while (scan->at < scan->end)
		if (!scan_token(scan))
			return false;
	return true;
}

/* The next number outside strings of a text that was scanned; NULL when its spelling need not be kept. free() it. */
static char *next_number(struct scan *scan)
{
	bool is_long;
	while (*scan->at != '-' && !is_digit(scan)) {
		if (*scan->at == '"')
			(void)scan_string(scan);
		else
			scan->at++;
	}
	const char *first = scan->at;
	(void)scan_number(scan, &is_long);
	return is_long ? strndup(first, (size_t)(scan->at - first)) : NULL;
}

/* Numbers come in the same order in tree and text. */
static void restore_numbers(cJSON *node, struct scan *scan)
{
	if (cJSON_IsNumber(node))
		node->valuestring = next_number(scan);
	for (cJSON *child = node->child; child != NULL; child = child->next)
		restore_numbers(child, scan);
}

struct place {
	cJSON *item;
	int index;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *left = a, *right = b;
	int order = strcmp(left->item->string, right->item->string);
	return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

/* By key, equal ones in their order; free() it. A text may hold a hundred thousand. */
static struct place *sorted_places(const cJSON *object, int count)
{
	struct place *places = calloc((size_t)count, sizeof(*places));
	assert(places != NULL);
	int n = 0;
	for (cJSON *child = object->child; child != NULL; child = child->next, n++)
		places[n] = (struct place){ child, n };
	qsort(places, (size_t)count, sizeof(*places), compare_places);
	return places;
}

/* The last of several equal keys counts, in the place of the first. */
static void merge_duplicates(cJSON *object, int count)
{
	struct place *places = sorted_places(object, count);
	for (int first = 0, last; first < count; first = last + 1) {
		for (last = first; last + 1 < count; last++)
			if (strcmp(places[last + 1].item->string, places[first].item->string) != 0)
				break;
		if (last == first)
			continue;
		for (int i = first + 1; i < last; i++)
			cJSON_Delete(cJSON_DetachItemViaPointer(object, places[i].item));
		cJSON *value = cJSON_DetachItemViaPointer(object, places[last].item);
		cJSON_ReplaceItemViaPointer(object, places[first].item, value);
	}
	free(places);
}

/* Most objects are small: compare each with each. */
static bool has_duplicates(const cJSON *object)
{
	for (const cJSON *a = object->child; a != NULL; a = a->next)
		for (const cJSON *b = a->next; b != NULL; b = b->next)
			if (strcmp(a->string, b->string) == 0)
				return true;
	return false;
}

static void unite_keys(cJSON *node)
{
	enum { FEW = 32 };
	if (cJSON_IsObject(node)) {
		int count = cJSON_GetArraySize(node);
		if (count > FEW || has_duplicates(node))
			merge_duplicates(node, count);
	}
	for (cJSON *child = node->child; child != NULL; child = child->next)
		if (child->child != NULL)
			unite_keys(child);
}

static const char *repeated_in(const cJSON *object)
{
	const char *key = NULL;
	int count = cJSON_GetArraySize(object);
	if (count < 2)
		return NULL;
	struct place *places = sorted_places(object, count);
	for (int i = 0; i + 1 < count && key == NULL; i++)
		if (strcmp(places[i].item->string, places[i + 1].item->string) == 0)
			key = places[i].item->string;
	free(places);
	return key;
}

/* A key that stands twice in one object of the tree; NULL: none does. */
static const char *repeated_key(const cJSON *node)
{
	const char *key = cJSON_IsObject(node) ? repeated_in(node) : NULL;
	for (const cJSON *child = node->child; child != NULL && key == NULL; child = child->next)
		if (child->child != NULL)
			key = repeated_key(child);
	return key;
}

static void fail(struct err *err, const char *text, const char *at, const char *problem)
{
	int line = 1;
	const char *begin = text;
	for (const char *c = text; c < at; c++)
		if (*c == '\n') {
			line++;
			begin = c + 1;
		}
	err_set(err, ERR_INPUT, "JSON, line %d, column %d: %s", line, (int)(at - begin) + 1, problem);
}

static bool only_space(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r\n", *at) != NULL && *at != '\0')
		at++;
	return at == end;
}

/* The tree as it stands, repeated keys included. */
static cJSON *parse(const char *text, size_t len, struct err *err)
{
	struct scan scan = { .at = text, .end = text + len };
	if (len > JSON_TEXT_MAX) {
		err_set(err, ERR_INPUT, "JSON of %zu bytes: at most 1 MB is read", len);
		return NULL;
	}
	if (!scan_text(&scan)) {
		fail(err, text, scan.at, scan.problem);
		return NULL;
	}
	const char *stopped = text;
	cJSON *root = len > 0 ? cJSON_ParseWithLengthOpts(text, len, &stopped, 0) : NULL;
	if (root == NULL || !only_space(stopped, scan.end)) {
		cJSON_Delete(root);
		fail(err, text, stopped, stopped == text + len ? "the text ends too early" : "not valid JSON here");
		return NULL;
	}
	if (scan.has_long_numbers) {
		scan.at = text;
		restore_numbers(root, &scan);
	}
	return root;
}

struct json *json_parse(const char *text, size_t len, struct err *err)
{
	cJSON *root = parse(text, len, err);
	if (root != NULL)
		unite_keys(root);
	return (struct json *)root;
}

struct json *json_parse_strict(const char *text, size_t len, struct err *err)
{
	cJSON *root = parse(text, len, err);
	const char *key = root == NULL ? NULL : repeated_key(root);
	if (key == NULL)
		return (struct json *)root;
	char shown[KEY_SHOWN + 4];
	struct strbuf b;
	strbuf_init(&b, shown, sizeof(shown));
	strbuf_add_short(&b, key, KEY_SHOWN);
	err_set(err, ERR_INPUT, "JSON: the key \"%s\" stands twice", shown);
	cJSON_Delete(root);
	return NULL;
}
