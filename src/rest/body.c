/* Bodies of requests. */
#include "body.h"

#include "answer.h"
#include "codec/units.h"

#include <string.h>

enum { SHOWN_MAX = 60 };

struct json *body_read(const struct http_request *request, bool empty, struct rest_answer *answer)
{
	struct err err;
	if (empty && request->body_len == 0)
		return json_new_object();
	if (!request->has_body) {
		answer_page(answer, 411, "The request needs a body: a JSON object");
		return NULL;
	}
	if (request->body_len == 0) {
		answer_page(answer, 400, "The body is empty: a JSON object is needed");
		return NULL;
	}
	struct json *root = json_parse_strict(request->body, request->body_len, &err);
	if (root == NULL) {
		answer_page(answer, 400, "The body cannot be read: %s", err.text);
		return NULL;
	}
	if (json_is_object(root) && (empty || json_count(root) > 0))
		return root;
	answer_page(answer, 400,
		    json_is_object(root) ? "The body is an empty object: it asks for nothing"
					 : "The body is no JSON object");
	json_free(root);
	return NULL;
}

void body_refuse(struct rest_answer *answer, const struct json *value, const char *problem)
{
	char shown[SHOWN_MAX + 4], key[SHOWN_MAX + 4];
	struct strbuf b;
	AUTO(text) char *text = json_print_text(value, JSON_SPACED);
	strbuf_init(&b, shown, sizeof(shown));
	strbuf_add_short(&b, text, SHOWN_MAX);
	strbuf_init(&b, key, sizeof(key));
	strbuf_add_short(&b, json_key(value), SHOWN_MAX);
	answer_plain(answer, 400, "%s: %s %s", key, shown, problem);
}

/* What is wrong with a text; NULL: nothing. Names and URLs come into logs and the store. */
static const char *text_problem(const struct json *value, size_t size, const char *too_long)
{
	const char *text = json_text(value);
	if (text == NULL)
		return "is not a text";
	if (strlen(text) >= size)
		return too_long;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return "holds a control character";
	return NULL;
}

static const char *name_problem(const struct json *value)
{
	static_assert(NAME_SIZE == 64, "the text says so");
	return text_problem(value, NAME_SIZE, "is too long: at most 63 bytes");
}

static const char *url_problem(const struct json *value)
{
	static_assert(URL_SIZE == 256, "the text says so");
	return text_problem(value, URL_SIZE, "is too long: at most 255 bytes");
}

static bool truth_of(const struct json *value, bool *truth)
{
	int64_t number;
	const char *text = json_text(value);
	*truth = json_true(value);
	if (json_is_bool(value))
		return true;
	if (json_i64(value, &number) && (number == 0 || number == 1)) {
		*truth = number == 1;
		return true;
	}
	return text != NULL && units_bool(text, truth);
}

static const char *truth_problem(const struct json *value)
{
	bool truth;
	return truth_of(value, &truth) ? NULL : "is not a boolean: true or false";
}

static const char *object_problem(const struct json *value)
{
	return json_is_object(value) ? NULL : "is not an object";
}

static const char *(*const problems[])(const struct json *value) = {
	[FIELD_ANY] = NULL,
	[FIELD_NAME] = name_problem,
	[FIELD_URL] = url_problem,
	[FIELD_TRUTH] = truth_problem,
	[FIELD_OBJECT] = object_problem,
};
static_assert(ARRAY_SIZE(problems) == FIELD_OBJECT + 1, "a check for each kind");

static const struct field *field_of(const struct fields *fields, const char *key)
{
	for (int i = 0; i < FIELDS_MAX && fields->list[i].key != NULL; i++)
		if (strcmp(fields->list[i].key, key) == 0)
			return &fields->list[i];
	return NULL;
}

static void refuse_unknown(const struct json *item, const struct fields *fields, struct rest_answer *answer)
{
	char known[256], key[SHOWN_MAX + 4];
	struct strbuf b;
	strbuf_init(&b, known, sizeof(known));
	for (int i = 0; i < FIELDS_MAX && fields->list[i].key != NULL; i++)
		strbuf_addf(&b, "%s%s", i > 0 ? ", " : "", fields->list[i].key);
	strbuf_init(&b, key, sizeof(key));
	strbuf_add_short(&b, json_key(item), SHOWN_MAX);
	answer_plain(answer, 400, "%s: there is no such key; there are %s", key, known);
}

static bool check_item(const struct json *item, const struct fields *fields, struct rest_answer *answer)
{
	const struct field *field = field_of(fields, json_key(item));
	if (field == NULL && !fields->takes_others)
		refuse_unknown(item, fields, answer);
	if (field == NULL)
		return fields->takes_others;
	if (json_is_null(item) || problems[field->kind] == NULL)
		return true;
	const char *problem = problems[field->kind](item);
	if (problem != NULL)
		body_refuse(answer, item, problem);
	return problem == NULL;
}

bool body_check(const struct json *body, const struct fields *fields, struct rest_answer *answer)
{
	for (const struct json *item = json_first(body); item != NULL; item = json_next(item))
		if (!check_item(item, fields, answer))
			return false;
	for (int i = 0; i < FIELDS_MAX && fields->list[i].key != NULL; i++) {
		const struct field *field = &fields->list[i];
		if (!field->required || body_get_text(body, field->key)[0] != '\0')
			continue;
		answer_plain(answer, 400, "%s: it is missing", field->key);
		return false;
	}
	return true;
}

const char *body_get_text(const struct json *body, const char *key)
{
	const char *text = json_get_text(body, key);
	return text == NULL ? "" : text;
}

bool body_get_truth(const struct json *body, const char *key)
{
	bool truth;
	const struct json *value = json_get(body, key);
	return value != NULL && truth_of(value, &truth) && truth;
}
