/* JSON trees. Order of keys and types of values survive; integers up to 63 bits are exact. Limits: 1 MiB of text, 64
 * levels. */
#ifndef HOWDAH_CODEC_JSON_H
#define HOWDAH_CODEC_JSON_H

#include "base/err.h"
#include "base/strbuf.h"

struct json; /* a node; the root owns the tree */

/* Duplicate keys: the last one counts (as Kubernetes and Python do). NULL: err says where. */
struct json *json_parse(const char *text, size_t len, struct err *err);
/* What people send: a key that stands twice in one object is an error. */
struct json *json_parse_strict(const char *text, size_t len, struct err *err);
void json_free(struct json *root); /* takes NULL */
void auto_json(struct json **root);
struct json *json_copy(const struct json *node);
struct json *json_take(struct json *container, const struct json *item); /* out of it; a root from then on */

const struct json *json_get(const struct json *object,
			    const char *key); /* NULL: no such key, or object is none (NULL included) */
const struct json *json_path(const struct json *object, const char *dotted); /* "a.b.c" */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *item);
const char *json_key(const struct json *item); /* of a member of an object */
int json_count(const struct json *container);

bool json_is_object(const struct json *node); /* all of these: false for NULL */
bool json_is_array(const struct json *node);
bool json_is_text(const struct json *node);
bool json_is_number(const struct json *node);
bool json_is_bool(const struct json *node);
bool json_is_null(const struct json *node);

const char *json_text(const struct json *node);                        /* NULL when it is no text */
bool json_i64(const struct json *node, int64_t *out);                  /* a whole number in range, not a text */
double json_double(const struct json *node);                           /* 0 when it is no number */
bool json_true(const struct json *node);                               /* exactly true */
const char *json_get_text(const struct json *object, const char *key); /* NULL when absent or no text */

/* Builders. Keys and texts are copied; a child becomes part of its parent. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_text(const char *text);
struct json *json_new_i64(int64_t value);
struct json *json_new_double(double value);
struct json *json_new_bool(bool value);
struct json *json_new_null(void);
void json_set(struct json *object, const char *key, struct json *child); /* replaces an earlier one in its place */
void json_push(struct json *array, struct json *child);
void json_remove(struct json *object, const char *key);
void json_set_text(struct json *object, const char *key, const char *text); /* NULL: null */
void json_set_i64(struct json *object, const char *key, int64_t value);
void json_set_bool(struct json *object, const char *key, bool value);

/* Contract 2.1: null deletes, mapping into mapping recurses, everything else replaces. Returns whether anything changed
 * (leaves compared as texts). */
bool json_merge(struct json *into, const struct json *patch);
bool json_equal(const struct json *a, const struct json *b); /* leaves compared as texts */

enum json_style { JSON_COMPACT, JSON_SPACED /* ", " and ": ", as Python's default */ };
void json_print(const struct json *node, enum json_style style, struct strbuf *to);
char *json_print_text(const struct json *node, enum json_style style); /* free() it */

#endif
