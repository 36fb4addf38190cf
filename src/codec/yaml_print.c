/* From a tree to YAML, in libyaml's hand, which is also that of Python's writer. */
#include "codec/yaml.h"

#include "json_private.h"
#include "utf8.h"
#include "yaml_scalar.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct writer {
	yaml_emitter_t emitter;
	struct strbuf *to;
	bool flow, sort_keys;
};

static int write_text(void *arg, unsigned char *text, size_t len)
{
	struct writer *writer = arg;
	strbuf_add_bytes(writer->to, (const char *)text, len);
	return 1;
}

/* The emitter fails only for lack of memory: what it is given is always in order. */
static void emit(struct writer *writer, int initialised, yaml_event_t *event)
{
	if (!initialised || !yaml_emitter_emit(&writer->emitter, event))
		abort();
}

/* Texts of programs may be no UTF-8; each byte that is none becomes U+FFFD. free() it. */
static char *clean_text(const char *text)
{
	const char *end = text + strlen(text);
	size_t size = (size_t)(end - text) * 3 + 1;
	char *memory = malloc(size);
	if (memory == NULL)
		abort();
	struct strbuf clean;
	strbuf_init(&clean, memory, size);
	for (uint32_t code; text < end;) {
		int len = utf8_decode(text, end, &code);
		strbuf_add_bytes(&clean, len > 0 ? text : "\xef\xbf\xbd", len > 0 ? (size_t)len : 3);
		text += len > 0 ? len : 1;
	}
	return memory;
}

/* `plain`: it may stand without quotes and be read as what it is. */
static void emit_scalar(struct writer *writer, const char *text, bool plain)
{
	yaml_event_t event;
	AUTO(text) char *clean = clean_text(text);
	emit(writer,
	     yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)clean, (int)strlen(clean), plain,
					  true, YAML_ANY_SCALAR_STYLE),
	     &event);
}

static void emit_text(struct writer *writer, const char *text)
{
	emit_scalar(writer, text, scalar_kind(text) == SCALAR_TEXT);
}

/* YAML 1.1 wants a point and a signed exponent: 1e5 would be read as a text. */
static void emit_number(struct writer *writer, const struct json *node)
{
	char memory[128];
	struct strbuf text;
	AUTO(text) char *json = json_print_text(node, JSON_COMPACT);
	char *exponent = strpbrk(json, "eE");
	if (exponent == NULL) {
		emit_scalar(writer, json, true);
		return;
	}
	strbuf_init(&text, memory, sizeof(memory));
	strbuf_add_bytes(&text, json, (size_t)(exponent - json));
	if (strchr(json, '.') == NULL)
		strbuf_add(&text, ".0");
	strbuf_add(&text, "e");
	if (exponent[1] != '-' && exponent[1] != '+')
		strbuf_add(&text, "+");
	strbuf_add(&text, exponent + 1);
	emit_scalar(writer, memory, true);
}

static void emit_node(struct writer *writer, const struct json *node);

static void emit_sequence(struct writer *writer, const struct json *array)
{
	yaml_event_t event;
	emit(writer,
	     yaml_sequence_start_event_initialize(&event, NULL, NULL, true,
						  writer->flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE),
	     &event);
	for (const struct json *item = json_first(array); item != NULL; item = json_next(item))
		emit_node(writer, item);
	emit(writer, yaml_sequence_end_event_initialize(&event), &event);
}

static int compare_keys(const void *a, const void *b)
{
	const struct json *const *left = a, *const *right = b;
	return strcmp(json_key(*left), json_key(*right));
}

static void emit_members(struct writer *writer, const struct json *object)
{
	int count = json_count(object), n = 0;
	const struct json **items = calloc((size_t)count + 1, sizeof(const struct json *));
	if (items == NULL)
		abort();
	for (const struct json *item = json_first(object); item != NULL; item = json_next(item))
		items[n++] = item;
	if (writer->sort_keys)
		qsort(items, (size_t)count, sizeof(const struct json *), compare_keys);
	for (int i = 0; i < count; i++) {
		emit_text(writer, json_key(items[i]));
		emit_node(writer, items[i]);
	}
	free(items);
}

static void emit_mapping(struct writer *writer, const struct json *object)
{
	yaml_event_t event;
	emit(writer,
	     yaml_mapping_start_event_initialize(&event, NULL, NULL, true,
						 writer->flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE),
	     &event);
	emit_members(writer, object);
	emit(writer, yaml_mapping_end_event_initialize(&event), &event);
}

static void emit_node(struct writer *writer, const struct json *node)
{
	if (json_is_object(node))
		emit_mapping(writer, node);
	else if (json_is_array(node))
		emit_sequence(writer, node);
	else if (json_is_text(node))
		emit_text(writer, json_text(node));
	else if (json_is_number(node))
		emit_number(writer, node);
	else
		emit_scalar(writer, json_is_null(node) ? "null" : json_true(node) ? "true" : "false", true);
}

static void print(struct writer *writer, const struct json *node, int width)
{
	yaml_event_t event;
	if (!yaml_emitter_initialize(&writer->emitter))
		abort();
	yaml_emitter_set_output(&writer->emitter, write_text, writer);
	yaml_emitter_set_unicode(&writer->emitter, true);
	yaml_emitter_set_width(&writer->emitter, width);
	emit(writer, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
	emit(writer, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, true), &event);
	emit_node(writer, node);
	emit(writer, yaml_document_end_event_initialize(&event, true), &event);
	emit(writer, yaml_stream_end_event_initialize(&event), &event);
	yaml_emitter_delete(&writer->emitter);
}

void yaml_print(const struct json *node, bool sort_keys, struct strbuf *to)
{
	enum { WIDTH = 200 };
	struct writer writer = { .to = to, .sort_keys = sort_keys };
	print(&writer, node, WIDTH);
}

void yaml_print_flow(const struct json *node, struct strbuf *to)
{
	enum { ENDLESS = -1 };
	struct writer writer = { .to = to, .flow = true };
	print(&writer, node, ENDLESS);
	while (to->len > 0 && to->text[to->len - 1] == '\n')
		to->text[--to->len] = '\0';
}
