#include "codec/record.h"

#include "codec/json.h"
#include "codec/units.h"
#include "record_private.h"

#include <limits.h>
#include <string.h>

static bool parse_shape(const struct shape *shape, const struct json *node, char *at, struct err *err);

static bool refuse(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "is not %s", what);
}

static bool parse_number(const struct json *node, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	if (!json_i64(node, out) || *out < min || *out > max)
		return refuse(err, "a number in range");
	return true;
}

static bool parse_u64(const struct json *node, uint64_t *out, struct err *err)
{
	int64_t value;
	if (json_is_text(node))
		return text_to_u64(json_text(node), out) || refuse(err, "a number in range");
	if (!parse_number(node, 0, INT64_MAX, &value, err))
		return false;
	*out = (uint64_t)value;
	return true;
}

static bool parse_instant(const struct json *node, struct instant *out, struct err *err)
{
	if (!json_is_array(node) || json_count(node) != 2)
		return refuse(err, "a pair of times");
	const struct json *boot = json_first(node);
	if (!json_i64(boot, &out->boot_us) || !json_i64(json_next(boot), &out->raw_us))
		return refuse(err, "a pair of times");
	return true;
}

static bool parse_wall(const struct json *node, struct wall *out, struct err *err)
{
	return (json_is_text(node) && wall_from_iso(json_text(node), &out->us)) || refuse(err, "a time");
}

static bool parse_word(const struct field *f, const struct json *node, char *at, struct err *err)
{
	for (unsigned i = 0; json_is_text(node) && i < (unsigned)f->max; i++) {
		if (strcmp(json_text(node), f->words[i]) != 0)
			continue;
		memcpy(at, &i, sizeof(i));
		return true;
	}
	return refuse(err, "a word that is known");
}

static bool parse_list(const struct field *f, const struct json *node, char *owner, struct err *err)
{
	int count = json_is_array(node) ? json_count(node) : -1;
	if (count < 0 || count > f->max)
		return refuse(err, "a list that fits");
	char *at = owner + f->offset;
	for (const struct json *item = json_first(node); item != NULL; item = json_next(item), at += f->size)
		if (!parse_shape(f->of, item, at, err))
			return false;
	if (f->count_offset != FIELD_NO_COUNT)
		memcpy(owner + f->count_offset, &count, sizeof(count));
	return true;
}

static bool parse_text(const struct field *f, const struct json *node, char *at, struct err *err)
{
	return (json_is_text(node) && text_copy(at, f->size, json_text(node))) || refuse(err, "a text that fits");
}

static bool parse_whole(const struct field *f, const struct json *node, void *at, struct err *err)
{
	int64_t value;
	bool is_int = f->kind == FIELD_INT;
	if (!parse_number(node, is_int ? INT_MIN : 0, is_int ? INT_MAX : UINT32_MAX, &value, err))
		return false;
	if (is_int)
		*(int *)at = (int)value;
	else
		*(uint32_t *)at = (uint32_t)value;
	return true;
}

static bool parse_field(const struct field *f, const struct json *node, char *owner, struct err *err)
{
	void *at = owner + f->offset;
	switch (f->kind) {
	case FIELD_TEXT:
		return parse_text(f, node, at, err);
	case FIELD_BOOL:
		*(bool *)at = json_true(node);
		return json_is_bool(node) || refuse(err, "true or false");
	case FIELD_INT:
	case FIELD_U32:
		return parse_whole(f, node, at, err);
	case FIELD_I64:
		return parse_number(node, INT64_MIN, INT64_MAX, at, err);
	case FIELD_U64:
		return parse_u64(node, at, err);
	case FIELD_LSN:
		return (json_is_text(node) && lsn_from_text(json_text(node), at)) || refuse(err, "a position");
	case FIELD_INSTANT:
		return parse_instant(node, at, err);
	case FIELD_WALL:
		return parse_wall(node, at, err);
	case FIELD_WORD:
		return parse_word(f, node, at, err);
	case FIELD_STRUCT:
		return parse_shape(f->of, node, at, err);
	case FIELD_LIST:
		return parse_list(f, node, owner, err);
	}
	return false;
}

static const struct field *find_field(const struct shape *shape, const char *name)
{
	for (int i = 0; i < shape->count; i++)
		if (strcmp(shape->fields[i].name, name) == 0)
			return &shape->fields[i];
	return NULL;
}

static bool parse_shape(const struct shape *shape, const struct json *node, char *at, struct err *err)
{
	if (!json_is_object(node))
		return refuse(err, "an object");
	for (const struct json *item = json_first(node); item != NULL; item = json_next(item)) {
		const struct field *f = find_field(shape, json_key(item));
		if (f == NULL)
			return err_set(err, ERR_INPUT, "%s: is not known", json_key(item));
		if (!parse_field(f, item, at, err))
			return err_wrap(err, "%s", f->name);
	}
	return true;
}

static bool parse_actions(const struct json *node, struct plan *plan, struct err *err)
{
	for (const struct json *item = json_first(node); item != NULL; item = json_next(item)) {
		int action = 0;
		while (action < ACT_COUNT &&
		       !(json_is_text(item) && text_equal(json_text(item), action_name((enum action)action))))
			action++;
		if (action == ACT_COUNT || plan->count == PLAN_ACTIONS_MAX)
			return err_set(err, ERR_INPUT, "actions: is not a list of actions that are known");
		plan->actions[plan->count++] = (enum action)action;
	}
	return true;
}

static bool parse_verdict(const struct table *table, const struct json *node, struct verdict *v, struct err *err)
{
	int64_t facts;
	const char *id = json_get_text(node, "rule");
	if (!json_i64(json_get(node, "facts"), &facts) || facts < 0 || facts >= 1 << table->fact_count)
		return err_set(err, ERR_INPUT, "rules: %s: facts are not known", table->name);
	for (int i = 0; id != NULL && i < table->rule_count; i++) {
		if (strcmp(id, table->rules[i].id) != 0)
			continue;
		*v = (struct verdict){ (uint32_t)facts, (int8_t)i };
		return true;
	}
	return err_set(err, ERR_INPUT, "rules: %s: the rule is not known", table->name);
}

static bool parse_verdicts(const struct json *node, struct plan *plan, struct err *err)
{
	for (int i = 0; i < TABLE_COUNT; i++) {
		const struct json *verdict = json_get(node, tables[i]->name);
		plan->verdicts[i].rule = -1;
		if (verdict != NULL && !parse_verdict(tables[i], verdict, &plan->verdicts[i], err))
			return false;
	}
	return true;
}

bool record_parse(const char *text, size_t len, struct record *record, struct err *err)
{
	AUTO(json) struct json *root = json_parse(text, len, err);
	if (root == NULL)
		return false;
	memset(record, 0, sizeof(*record));
	if (!parse_u64(json_get(root, "turn"), &record->stamp.turn, err))
		return err_wrap(err, "turn");
	if (!parse_wall(json_get(root, "at"), &record->stamp.at, err))
		return err_wrap(err, "at");
	if (!parse_instant(json_get(root, "now"), &record->now, err))
		return err_wrap(err, "now");
	for (size_t i = 0; i < RECORD_PARTS; i++) {
		const struct json *part = json_get(root, record_parts[i].name);
		if (part != NULL &&
		    !parse_shape(record_parts[i].shape, part, (char *)record + record_parts[i].offset, err))
			return err_wrap(err, "%s", record_parts[i].name);
	}
	return parse_actions(json_get(root, "actions"), &record->plan, err) &&
	       parse_verdicts(json_get(root, "rules"), &record->plan, err);
}

struct situation record_situation(const struct record *r)
{
	return (struct situation){ &r->cluster, &r->self, &r->instance, &r->settings, r->now, r->stamp.at };
}
