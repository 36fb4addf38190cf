#include "codec/record.h"

#include "codec/json.h"
#include "codec/units.h"
#include "record_private.h"
#include "utf8.h"

#include <string.h>

enum { TEXT_MAX = 1100, SHORT_TEXT = 64 };

/* Each of these returns NULL for a zero. */

static struct json *print_shape(const struct shape *shape, const char *at);

static struct json *or_null(struct json *node)
{
	if (json_count(node) > 0)
		return node;
	json_free(node);
	return NULL;
}

static struct json *print_u64(uint64_t value)
{
	char text[SHORT_TEXT];
	struct strbuf b;
	if (value <= INT64_MAX)
		return json_new_i64((int64_t)value);
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%llu", (unsigned long long)value);
	return json_new_text(text);
}

static struct json *print_instant(struct instant t)
{
	struct json *pair = json_new_array();
	json_push(pair, json_new_i64(t.boot_us));
	json_push(pair, json_new_i64(t.raw_us));
	return pair;
}

/* A text that was cut inside a character, or came from a program's output, must not spoil the document. */
static struct json *print_text(const char *text)
{
	char clean[TEXT_MAX];
	struct strbuf b;
	strbuf_init(&b, clean, sizeof(clean));
	const char *end = text + strlen(text);
	while (text < end) {
		uint32_t code;
		int len = utf8_decode(text, end, &code);
		strbuf_add_bytes(&b, len > 0 ? text : "?", len > 0 ? (size_t)len : 1);
		text += len > 0 ? len : 1;
	}
	assert(strbuf_ok(&b));
	return json_new_text(clean);
}

static int used_count(const struct field *f, const char *owner)
{
	int count = f->max;
	if (f->count_offset != FIELD_NO_COUNT)
		memcpy(&count, owner + f->count_offset, sizeof(count));
	assert(count >= 0 && count <= f->max);
	return count;
}

static struct json *print_list(const struct field *f, const char *owner)
{
	struct json *list = json_new_array();
	int gap = 0, count = used_count(f, owner);
	for (int i = 0; i < count; i++) {
		struct json *item = print_shape(f->of, owner + f->offset + (size_t)i * f->size);
		if (item == NULL && f->count_offset == FIELD_NO_COUNT) {
			gap++;
			continue;
		}
		for (; gap > 0; gap--)
			json_push(list, json_new_object());
		json_push(list, item != NULL ? item : json_new_object());
	}
	return or_null(list);
}

static struct json *print_word(const struct field *f, const char *at)
{
	unsigned value;
	memcpy(&value, at, sizeof(value));
	assert(value < (unsigned)f->max);
	return value != 0 ? json_new_text(f->words[value]) : NULL;
}

static struct json *print_lsn(uint64_t lsn)
{
	char text[SHORT_TEXT];
	lsn_to_text(lsn, text, sizeof(text));
	return json_new_text(text);
}

static struct json *print_wall(struct wall wall)
{
	char text[SHORT_TEXT];
	wall_to_iso(wall.us, text, sizeof(text));
	return json_new_text(text);
}

static struct json *print_field(const struct field *f, const char *owner)
{
	const void *at = owner + f->offset;
	switch (f->kind) {
	case FIELD_TEXT:
		return *(const char *)at != '\0' ? print_text(at) : NULL;
	case FIELD_BOOL:
		return *(const bool *)at ? json_new_bool(true) : NULL;
	case FIELD_INT:
		return *(const int *)at != 0 ? json_new_i64(*(const int *)at) : NULL;
	case FIELD_U32:
		return *(const uint32_t *)at != 0 ? json_new_i64(*(const uint32_t *)at) : NULL;
	case FIELD_I64:
		return *(const int64_t *)at != 0 ? json_new_i64(*(const int64_t *)at) : NULL;
	case FIELD_U64:
		return *(const uint64_t *)at != 0 ? print_u64(*(const uint64_t *)at) : NULL;
	case FIELD_LSN:
		return *(const uint64_t *)at != 0 ? print_lsn(*(const uint64_t *)at) : NULL;
	case FIELD_INSTANT:
		return instant_is_set(*(const struct instant *)at) ? print_instant(*(const struct instant *)at) : NULL;
	case FIELD_WALL:
		return ((const struct wall *)at)->us != 0 ? print_wall(*(const struct wall *)at) : NULL;
	case FIELD_WORD:
		return print_word(f, at);
	case FIELD_STRUCT:
		return print_shape(f->of, at);
	case FIELD_LIST:
		return print_list(f, owner);
	}
	return NULL;
}

static struct json *print_shape(const struct shape *shape, const char *at)
{
	struct json *object = json_new_object();
	for (int i = 0; i < shape->count; i++) {
		struct json *child = print_field(&shape->fields[i], at);
		if (child != NULL)
			json_set(object, shape->fields[i].name, child);
	}
	return or_null(object);
}

static struct json *print_verdicts(const struct plan *plan)
{
	struct json *verdicts = json_new_object();
	for (int i = 0; i < TABLE_COUNT; i++) {
		const struct verdict *v = &plan->verdicts[i];
		if (v->rule < 0)
			continue;
		struct json *verdict = json_new_object();
		json_set_text(verdict, "rule", tables[i]->rules[v->rule].id);
		json_set_i64(verdict, "facts", v->facts);
		json_set(verdicts, tables[i]->name, verdict);
	}
	return verdicts;
}

static struct json *print_actions(const struct plan *plan)
{
	struct json *actions = json_new_array();
	for (int i = 0; i < plan->count; i++)
		json_push(actions, json_new_text(action_name(plan->actions[i])));
	return actions;
}

bool record_print(const struct situation *s, const struct plan *plan, struct record_stamp stamp, struct strbuf *to)
{
	const void *places[] = { s->cluster, s->self, s->instance, s->settings, plan };
	static_assert(ARRAY_SIZE(places) == RECORD_PARTS, "every part is printed");
	AUTO(json) struct json *root = json_new_object();
	json_set(root, "turn", print_u64(stamp.turn));
	json_set(root, "at", print_wall(stamp.at));
	json_set(root, "now", print_instant(s->now));
	for (size_t i = 0; i < RECORD_PARTS; i++) {
		struct json *part = print_shape(record_parts[i].shape, places[i]);
		if (part != NULL)
			json_set(root, record_parts[i].name, part);
	}
	json_set(root, "actions", print_actions(plan));
	json_set(root, "rules", print_verdicts(plan));
	json_print(root, JSON_COMPACT, to);
	return strbuf_ok(to);
}
