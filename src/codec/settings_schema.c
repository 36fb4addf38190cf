/* The table of settings as JSON Schema (draft 7): what the chart's values are checked with before anything runs. Stricter than the agent, which
 * takes the nearest value that is allowed, and no help where it is lenient about the case of words. */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

static void set_types(struct json *schema, const char *const *types)
{
	struct json *list = json_new_array();
	for (; *types != NULL; types++)
		json_push(list, json_new_text(*types));
	json_set(schema, "type", list);
}

static void set_number(const struct setting *row, const char *pattern, struct json *schema)
{
	const char *type = row->type == SETTING_SECONDS ? "number" : "integer";
	set_types(schema, (const char *const[]){ type, "string", NULL });
	json_set_text(schema, "pattern", pattern); /* of a text; the bounds are those of a number */
	if (row->min == 0 && row->max == 0)
		return;
	json_set_i64(schema, "minimum", row->min);
	if (row->max < INT32_MAX)
		json_set_i64(schema, "maximum", row->max);
}

static void push_word(struct json *list, const char *word)
{
	json_push(list, json_new_text(word));
	if (text_equal(word, "true") || text_equal(word, "false")) /* so that YAML's own will do */
		json_push(list, json_new_bool(text_equal(word, "true")));
}

static void set_words(const char *words, struct json *schema)
{
	struct json *list = json_new_array();
	char word[64];
	for (;;) {
		struct strbuf b;
		size_t len = strcspn(words, "|");
		strbuf_init(&b, word, sizeof(word));
		strbuf_add_bytes(&b, words, len);
		push_word(list, word);
		if (words[len] == '\0')
			break;
		words += len + 1;
	}
	json_set(schema, "enum", list);
}

/* What a list may be written as beside a list. */
static void set_list(const struct setting *row, struct json *schema)
{
	static const struct {
		const char *word, *type;
	} others[] = { { "map", "object" }, { "text", "string" }, { "number", "number" } };
	const char *types[ARRAY_SIZE(others) + 2] = { "array" };
	int count = 1;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (row->words != NULL && strstr(row->words, others[i].word) != NULL)
			types[count++] = others[i].type;
	set_types(schema, types);
}

static void set_text(const struct setting *row, struct json *schema)
{
	set_types(schema, (const char *const[]){ "string", "number", "boolean", NULL });
	if (row->size > 0 && row->take == NULL)
		json_set_i64(schema, "maxLength", (int64_t)row->size - 1);
}

static struct json *value_schema(const struct setting *row)
{
	struct json *schema = json_new_object();
	json_set_text(schema, "description", row->text);
	switch (row->type) {
	case SETTING_TEXT:
	case SETTING_SECRET:
		set_text(row, schema);
		break;
	case SETTING_INT:
		set_number(row, "^[-+]?[0-9]+$", schema);
		break;
	case SETTING_SECONDS:
		set_number(row, "^[0-9]+(\\.[0-9]+)? *(us|ms|s|min|h|d)?$", schema);
		break;
	case SETTING_BYTES:
		set_number(row, "^-?[0-9]+(\\.[0-9]+)? *(B|kB|MB|GB|TB)?$", schema);
		break;
	case SETTING_BOOL:
		set_words("true|false|on|off|yes|no", schema);
		break;
	case SETTING_ENUM:
		set_words(row->words, schema);
		break;
	case SETTING_ADDRESS:
		json_set_text(schema, "type", "string");
		break;
	case SETTING_MAP:
		json_set_text(schema, "type", "object");
		break;
	case SETTING_LIST:
		set_list(row, schema);
		break;
	}
	return schema;
}

/* Keys that the table does not list are kept and ignored, so they are allowed; our own section is closed. */
static struct json *enter_section(struct json *schema, const char *name)
{
	struct json *properties = (struct json *)json_get(schema, "properties");
	if (json_get(properties, name) == NULL) {
		struct json *section = json_new_object();
		json_set_text(section, "type", "object");
		json_set(section, "properties", json_new_object());
		if (text_equal(name, "howdah"))
			json_set_bool(section, "additionalProperties", false);
		json_set(properties, name, section);
	}
	return (struct json *)json_get(properties, name);
}

static void add_row(struct json *schema, const struct setting *row)
{
	char part[KEY_SIZE];
	const char *key = row->key;
	for (const char *dot; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
		struct strbuf b;
		strbuf_init(&b, part, sizeof(part));
		strbuf_add_bytes(&b, key, (size_t)(dot - key));
		schema = enter_section(schema, part);
	}
	json_set((struct json *)json_get(schema, "properties"), key, value_schema(row));
}

static struct json *new_document(void)
{
	struct json *schema = json_new_object();
	json_set_text(schema, "type", "object");
	json_set(schema, "properties", json_new_object());
	return schema;
}

void settings_print_schema(struct strbuf *to)
{
	AUTO(json) struct json *all = json_new_object();
	struct json *local = new_document(), *dynamic = new_document(), *reference = json_new_object();
	for (int i = 0; i < settings_count; i++) {
		const struct setting *row = &settings_table[i];
		if (row->scope != SETTING_DYNAMIC && !text_equal(row->key, "bootstrap.dcs"))
			add_row(local, row);
		if (row->scope != SETTING_LOCAL)
			add_row(dynamic, row);
	}
	json_set_text(reference, "$ref", "#/definitions/dynamic");
	json_set((struct json *)json_path(local, "properties.bootstrap.properties"), "dcs", reference);
	json_set(all, "settings", local);
	json_set(all, "dynamic", dynamic);
	json_print(all, JSON_COMPACT, to);
	strbuf_add_char(to, '\n');
}
