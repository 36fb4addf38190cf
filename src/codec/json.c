/* JSON trees: reading, building, merging and comparing. The nodes are cJSON's. */
#include "json_private.h"

#include "base/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t plain_max = 999999999999999; /* JSON_PLAIN_DIGITS nines: exact as a double */

cJSON *json_must(cJSON *node)
{
	if (node == NULL)
		abort();
	return node;
}

static struct json *made(cJSON *node)
{
	return (struct json *)json_must(node);
}

void json_free(struct json *root)
{
	cJSON_Delete(raw(root));
}

void auto_json(struct json **root)
{
	json_free(*root);
	*root = NULL;
}

struct json *json_copy(const struct json *node)
{
	return made(cJSON_Duplicate(raw_const(node), true));
}

struct json *json_take(struct json *container, const struct json *item)
{
	cJSON *taken = json_must(cJSON_DetachItemViaPointer(raw(container), raw((struct json *)item)));
	cJSON_free(taken->string);
	taken->string = NULL;
	return (struct json *)taken;
}

const struct json *json_get(const struct json *object, const char *key)
{
	if (!json_is_object(object))
		return NULL;
	return (const struct json *)cJSON_GetObjectItemCaseSensitive(raw_const(object), key);
}

const struct json *json_path(const struct json *object, const char *dotted)
{
	char key[128];
	for (;;) {
		const char *dot = strchrnul(dotted, '.');
		size_t len = (size_t)(dot - dotted);
		if (len >= sizeof(key))
			return NULL;
		memcpy(key, dotted, len);
		key[len] = '\0';
		object = json_get(object, key);
		if (*dot == '\0' || object == NULL)
			return object;
		dotted = dot + 1;
	}
}

const struct json *json_first(const struct json *container)
{
	return container == NULL ? NULL : (const struct json *)raw_const(container)->child;
}

const struct json *json_next(const struct json *item)
{
	return (const struct json *)raw_const(item)->next;
}

const char *json_key(const struct json *item)
{
	return raw_const(item)->string;
}

int json_count(const struct json *container)
{
	return cJSON_GetArraySize(raw_const(container));
}

bool json_is_object(const struct json *node)
{
	return cJSON_IsObject(raw_const(node));
}

bool json_is_array(const struct json *node)
{
	return cJSON_IsArray(raw_const(node));
}

bool json_is_text(const struct json *node)
{
	return cJSON_IsString(raw_const(node));
}

bool json_is_number(const struct json *node)
{
	return cJSON_IsNumber(raw_const(node));
}

bool json_is_bool(const struct json *node)
{
	return cJSON_IsBool(raw_const(node));
}

bool json_is_null(const struct json *node)
{
	return cJSON_IsNull(raw_const(node));
}

const char *json_text(const struct json *node)
{
	return json_is_text(node) ? raw_const(node)->valuestring : NULL;
}

bool json_i64(const struct json *node, int64_t *out)
{
	if (!json_is_number(node))
		return false;
	const cJSON *number = raw_const(node);
	if (number->valuestring == NULL) {
		*out = (int64_t)number->valuedouble;
		return true;
	}
	if (text_to_i64(number->valuestring, out))
		return true;
	double value = number->valuedouble; /* 1.0 and 1e3 are whole numbers as well */
	if (!(fabs(value) <= (double)plain_max) || value != floor(value))
		return false;
	*out = (int64_t)value;
	return true;
}

double json_double(const struct json *node)
{
	return json_is_number(node) ? raw_const(node)->valuedouble : 0;
}

bool json_true(const struct json *node)
{
	return cJSON_IsTrue(raw_const(node));
}

const char *json_get_text(const struct json *object, const char *key)
{
	return json_text(json_get(object, key));
}

struct json *json_new_object(void)
{
	return made(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
	return made(cJSON_CreateArray());
}

struct json *json_new_text(const char *text)
{
	return made(cJSON_CreateString(text));
}

cJSON *json_number_from_text(const char *text)
{
	cJSON *node = json_must(cJSON_CreateNumber(strtod(text, NULL)));
	node->valuestring = strdup(text);
	if (node->valuestring == NULL)
		abort();
	return node;
}

struct json *json_new_i64(int64_t value)
{
	char text[24];
	if (value >= -plain_max && value <= plain_max)
		return made(cJSON_CreateNumber((double)value));
	snprintf(text, sizeof(text), "%lld", (long long)value);
	return made(json_number_from_text(text));
}

/* The shortest text that reads back as the same value, always with a point or an exponent: it was no integer. */
struct json *json_new_double(double value)
{
	char text[40];
	int len = 0;
	if (!isfinite(value))
		return json_new_null();
	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	if (strpbrk(text, ".e") == NULL)
		snprintf(text + len, sizeof(text) - (size_t)len, ".0");
	return made(json_number_from_text(text));
}

struct json *json_new_bool(bool value)
{
	return made(cJSON_CreateBool(value));
}

struct json *json_new_null(void)
{
	return made(cJSON_CreateNull());
}

void json_set(struct json *object, const char *key, struct json *child)
{
	assert(json_is_object(object));
	cJSON *old = cJSON_GetObjectItemCaseSensitive(raw(object), key);
	if (old == NULL) {
		cJSON_AddItemToObject(raw(object), key, raw(child));
		return;
	}
	cJSON *item = raw(child);
	cJSON_free(item->string);
	item->string = old->string; /* the old one's key goes on */
	old->string = NULL;
	cJSON_ReplaceItemViaPointer(raw(object), old, item);
}

void json_push(struct json *array, struct json *child)
{
	assert(json_is_array(array));
	cJSON_AddItemToArray(raw(array), raw(child));
}

void json_remove(struct json *object, const char *key)
{
	cJSON_DeleteItemFromObjectCaseSensitive(raw(object), key);
}

void json_set_text(struct json *object, const char *key, const char *text)
{
	json_set(object, key, text == NULL ? json_new_null() : json_new_text(text));
}

void json_set_i64(struct json *object, const char *key, int64_t value)
{
	json_set(object, key, json_new_i64(value));
}

void json_set_bool(struct json *object, const char *key, bool value)
{
	json_set(object, key, json_new_bool(value));
}

/* A leaf as Python's str() has it; `memory` is for numbers that have no text of their own. */
static const char *leaf_text(const struct json *leaf, char memory[static 24])
{
	const cJSON *node = raw_const(leaf);
	if (node->valuestring != NULL)
		return node->valuestring;
	if (cJSON_IsNumber(node))
		snprintf(memory, 24, "%lld", (long long)node->valuedouble);
	else
		snprintf(memory, 24, "%s", cJSON_IsNull(node) ? "None" : cJSON_IsTrue(node) ? "True" : "False");
	return memory;
}

static bool is_container(const struct json *node)
{
	return json_is_object(node) || json_is_array(node);
}

static bool objects_equal(const struct json *a, const struct json *b)
{
	for (const struct json *item = json_first(a); item != NULL; item = json_next(item)) {
		const struct json *other = json_get(b, json_key(item));
		if (other == NULL || !json_equal(item, other))
			return false;
	}
	return true;
}

static bool arrays_equal(const struct json *a, const struct json *b)
{
	const struct json *x = json_first(a), *y = json_first(b);
	for (; x != NULL && y != NULL; x = json_next(x), y = json_next(y))
		if (!json_equal(x, y))
			return false;
	return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
	char left[24], right[24];
	if (a == NULL || b == NULL)
		return a == b;
	if (json_is_object(a) != json_is_object(b) || json_is_array(a) != json_is_array(b))
		return false;
	if (!is_container(a))
		return strcmp(leaf_text(a, left), leaf_text(b, right)) == 0;
	if (json_count(a) != json_count(b))
		return false;
	return json_is_object(a) ? objects_equal(a, b) : arrays_equal(a, b);
}

static bool merge_item(struct json *into, const struct json *item)
{
	const char *key = json_key(item);
	struct json *old = (struct json *)cJSON_GetObjectItemCaseSensitive(raw(into), key);
	if (json_is_null(item)) {
		bool changed = old != NULL && !json_is_null(old);
		json_remove(into, key);
		return changed;
	}
	if (old != NULL && json_is_object(item) && json_is_object(old))
		return json_merge(old, item);
	if (old != NULL && json_equal(old, item))
		return false;
	json_set(into, key, json_copy(item));
	return true;
}

bool json_merge(struct json *into, const struct json *patch)
{
	bool changed = false;
	for (const struct json *item = json_first(patch); item != NULL; item = json_next(item))
		changed |= merge_item(into, item);
	return changed;
}
