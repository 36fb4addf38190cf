/* From YAML to a tree. libyaml gives events; anchors, merge keys, types and limits are ours. */
#include "codec/yaml.h"

#include "json_private.h"
#include "yaml_scalar.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { PATH_MAX_SIZE = 256, ANCHORS_MAX = 256, COPIES_MAX = 4 * 1024 * 1024, NODE_COST = 64 };

struct yaml_lines {
	int count, size;
	struct place {
		char *path;
		int line;
	} * places;
};

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	const char *file, *text;
	struct yaml_lines *lines; /* NULL: nobody asks */
	struct strbuf path;
	char path_memory[PATH_MAX_SIZE];
	int level;
	struct json *kept; /* copies of what has an anchor */
	size_t copied;     /* bytes that aliases have cost */
	struct err *err;
};

static int line_of(const yaml_mark_t *mark)
{
	return (int)mark->line + 1;
}

static struct json *fail(struct reader *reader, int line, const char *problem)
{
	err_set(reader->err, ERR_INPUT, "%s:%d: %s", reader->file, line, problem);
	return NULL;
}

static struct json *fail_here(struct reader *reader, const char *problem)
{
	return fail(reader, line_of(&reader->event.start_mark), problem);
}

static bool parser_failed(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	int line = line_of(&parser->problem_mark);
	if (parser->error == YAML_MEMORY_ERROR)
		abort();
	if (parser->error == YAML_READER_ERROR) { /* has an offset instead of a line */
		line = 1;
		for (size_t i = 0; i < parser->problem_offset; i++)
			line += reader->text[i] == '\n';
	}
	fail(reader, line, parser->problem != NULL ? parser->problem : "not valid YAML");
	return false;
}

static bool next_event(struct reader *reader)
{
	yaml_event_delete(&reader->event);
	return yaml_parser_parse(&reader->parser, &reader->event) || parser_failed(reader);
}

/* ---- lines ---- */

static void lines_add(struct reader *reader, int line)
{
	struct yaml_lines *lines = reader->lines;
	if (lines == NULL || !strbuf_ok(&reader->path))
		return;
	if (lines->count == lines->size) {
		lines->size = lines->size == 0 ? 64 : lines->size * 2;
		lines->places = reallocarray(lines->places, (size_t)lines->size, sizeof(lines->places[0]));
	}
	char *path = strdup(reader->path.text);
	if (lines->places == NULL || path == NULL)
		abort();
	lines->places[lines->count++] = (struct place){ path, line };
}

/* Makes the path one key longer; gives back what path_leave needs. */
static struct strbuf path_enter(struct reader *reader, const char *key, int line)
{
	struct strbuf before = reader->path;
	if (before.len > 0)
		strbuf_add_char(&reader->path, '.');
	strbuf_add(&reader->path, key);
	lines_add(reader, line);
	return before;
}

static void path_leave(struct reader *reader, struct strbuf before)
{
	reader->path = before;
	reader->path.text[reader->path.len] = '\0';
}

int yaml_line(const struct yaml_lines *lines, const char *dotted_path)
{
	for (int i = 0; lines != NULL && i < lines->count; i++)
		if (strcmp(lines->places[i].path, dotted_path) == 0)
			return lines->places[i].line;
	return 0;
}

void yaml_lines_free(struct yaml_lines *lines)
{
	if (lines == NULL)
		return;
	for (int i = 0; i < lines->count; i++)
		free(lines->places[i].path);
	free(lines->places);
	free(lines);
}

/* ---- anchors ---- */

/* Memory that a copy would take, and how deep it goes. */
static size_t cost_of(const struct json *node, int *levels)
{
	const char *text = json_text(node);
	size_t cost = NODE_COST + (text == NULL ? 0 : strlen(text));
	int deepest = 0;
	for (const struct json *item = json_first(node); item != NULL; item = json_next(item)) {
		int below;
		cost += cost_of(item, &below) + (json_key(item) == NULL ? 0 : strlen(json_key(item)));
		deepest = below > deepest ? below : deepest;
	}
	*levels = deepest + (json_is_object(node) || json_is_array(node));
	return cost;
}

/* A copy within the limits: aliases of aliases can make gigabytes of a line. */
static struct json *copy_alias(struct reader *reader, const struct json *node)
{
	int levels;
	size_t cost = cost_of(node, &levels);
	if (reader->level + levels > JSON_LEVELS_MAX)
		return fail_here(reader, "too many levels: at most 64");
	if (cost > COPIES_MAX - reader->copied)
		return fail_here(reader, "the aliases make too much of this document");
	reader->copied += cost;
	return json_copy(node);
}

static struct json *read_alias(struct reader *reader)
{
	const struct json *node = json_get(reader->kept, (const char *)reader->event.data.alias.anchor);
	if (node == NULL)
		return fail_here(reader, "an alias of an anchor that is not there, or of itself");
	return copy_alias(reader, node);
}

static bool keep_anchor(struct reader *reader, const char *anchor, const struct json *node)
{
	if (json_count(reader->kept) == ANCHORS_MAX) {
		fail_here(reader, "too many anchors: at most 256");
		return false;
	}
	struct json *copy = copy_alias(reader, node);
	if (copy != NULL)
		json_set(reader->kept, anchor, copy);
	return copy != NULL;
}

/* ---- nodes ---- */

static struct json *read_node(struct reader *reader);

static const char *event_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return (const char *)event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return (const char *)event->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT:
		return (const char *)event->data.mapping_start.anchor;
	default:
		return NULL;
	}
}

static bool tag_is(const yaml_char_t *tag, const char *name)
{
	return tag != NULL && strcmp((const char *)tag, name) == 0;
}

/* A tag asks for a type; the spelling must be of that type. */
static struct json *tagged_scalar(struct reader *reader, const char *tag, const char *text)
{
	static const struct {
		const char *tag;
		enum scalar_kind kind;
	} tags[] = {
		{ YAML_NULL_TAG, SCALAR_NULL },
		{ YAML_BOOL_TAG, SCALAR_BOOL },
		{ YAML_INT_TAG, SCALAR_INT },
		{ YAML_FLOAT_TAG, SCALAR_FLOAT },
	};
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		if (strcmp(tags[i].tag, tag) != 0)
			continue;
		if (scalar_kind(text) != tags[i].kind)
			return fail_here(reader, "the value is not of the type that its tag names");
		return scalar_value(text);
	}
	return fail_here(reader, "a tag of an unknown kind");
}

static struct json *read_scalar(struct reader *reader)
{
	const char *text = (const char *)reader->event.data.scalar.value;
	const yaml_char_t *tag = reader->event.data.scalar.tag;
	if (strlen(text) != reader->event.data.scalar.length)
		return fail_here(reader, "a NUL character");
	if (tag_is(tag, YAML_STR_TAG) || tag_is(tag, "!"))
		return json_new_text(text);
	if (tag != NULL)
		return tagged_scalar(reader, (const char *)tag, text);
	return reader->event.data.scalar.plain_implicit ? scalar_value(text) : json_new_text(text);
}

static struct json *read_sequence(struct reader *reader)
{
	AUTO(json) struct json *array = json_new_array();
	const yaml_char_t *tag = reader->event.data.sequence_start.tag;
	if (tag != NULL && !tag_is(tag, YAML_SEQ_TAG) && !tag_is(tag, "!"))
		return fail_here(reader, "a tag of an unknown kind");
	for (int i = 0;; i++) {
		char index[16];
		struct strbuf key;
		if (!next_event(reader))
			return NULL;
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		strbuf_init(&key, index, sizeof(index));
		strbuf_addf(&key, "%d", i);
		struct strbuf before = path_enter(reader, index, line_of(&reader->event.start_mark));
		struct json *item = read_node(reader);
		path_leave(reader, before);
		if (item == NULL)
			return NULL;
		json_push(array, item);
	}
	struct json *result = array;
	array = NULL;
	return result;
}

/* What was merged first counts among the merged; the mapping's own keys come later and replace it. */
static bool merge_missing(struct reader *reader, struct json *merged, const struct json *from)
{
	if (!json_is_object(from)) {
		fail_here(reader, "only mappings can be merged with <<");
		return false;
	}
	for (const struct json *item = json_first(from); item != NULL; item = json_next(item))
		if (json_get(merged, json_key(item)) == NULL)
			json_set(merged, json_key(item), json_copy(item));
	return true;
}

/* The value of a << key: a mapping or several. */
static bool read_merge(struct reader *reader, struct json *merged)
{
	AUTO(json) struct json *value = NULL;
	if (!next_event(reader) || (value = read_node(reader)) == NULL)
		return false;
	if (!json_is_array(value))
		return merge_missing(reader, merged, value);
	for (const struct json *item = json_first(value); item != NULL; item = json_next(item))
		if (!merge_missing(reader, merged, item))
			return false;
	return true;
}

/* The key of the current event, and its value: into `own`. */
static bool read_member(struct reader *reader, struct json *own)
{
	int line = line_of(&reader->event.start_mark);
	AUTO(text) char *key = strdup((const char *)reader->event.data.scalar.value);
	if (key == NULL)
		abort();
	if (strlen(key) != reader->event.data.scalar.length) {
		fail_here(reader, "a NUL character");
		return false;
	}
	if (json_get(own, key) != NULL) {
		err_set(reader->err, ERR_INPUT, "%s:%d: the key \"%s\" stands here twice", reader->file, line, key);
		return false;
	}
	struct strbuf before = path_enter(reader, key, line);
	struct json *value = next_event(reader) ? read_node(reader) : NULL;
	path_leave(reader, before);
	if (value == NULL)
		return false;
	json_set(own, key, value);
	return true;
}

static bool is_merge_key(const yaml_event_t *event)
{
	return event->data.scalar.plain_implicit && strcmp((const char *)event->data.scalar.value, "<<") == 0;
}

static bool read_members(struct reader *reader, struct json *merged, struct json *own)
{
	while (next_event(reader)) {
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			return true;
		if (reader->event.type != YAML_SCALAR_EVENT) {
			fail_here(reader, "a key must be a word");
			return false;
		}
		if (!(is_merge_key(&reader->event) ? read_merge(reader, merged) : read_member(reader, own)))
			return false;
	}
	return false;
}

static struct json *read_mapping(struct reader *reader)
{
	AUTO(json) struct json *own = json_new_object();
	AUTO(json) struct json *merged = json_new_object();
	const yaml_char_t *tag = reader->event.data.mapping_start.tag;
	if (tag != NULL && !tag_is(tag, YAML_MAP_TAG) && !tag_is(tag, "!"))
		return fail_here(reader, "a tag of an unknown kind");
	if (!read_members(reader, merged, own))
		return NULL;
	struct json **result = json_count(merged) > 0 ? &merged : &own;
	for (const struct json *item = json_first(own); result == &merged && item != NULL; item = json_next(item))
		json_set(merged, json_key(item), json_copy(item));
	struct json *mapping = *result;
	*result = NULL;
	return mapping;
}

static struct json *read_container(struct reader *reader)
{
	if (reader->level == JSON_LEVELS_MAX)
		return fail_here(reader, "too many levels: at most 64");
	reader->level++;
	struct json *node =
		reader->event.type == YAML_MAPPING_START_EVENT ? read_mapping(reader) : read_sequence(reader);
	reader->level--;
	return node;
}

/* The node that begins with the current event, up to its last event. */
static struct json *read_node(struct reader *reader)
{
	if (reader->event.type == YAML_ALIAS_EVENT)
		return read_alias(reader);
	const char *name = event_anchor(&reader->event);
	AUTO(text) char *anchor = name == NULL ? NULL : strdup(name);
	AUTO(json)
	struct json *node = reader->event.type == YAML_SCALAR_EVENT ? read_scalar(reader) : read_container(reader);
	if (node == NULL || (anchor != NULL && !keep_anchor(reader, anchor, node)))
		return NULL;
	struct json *result = node;
	node = NULL;
	return result;
}

/* Stream start, at most one document, stream end. */
static struct json *read_stream(struct reader *reader)
{
	if (!next_event(reader) || !next_event(reader))
		return NULL;
	if (reader->event.type == YAML_STREAM_END_EVENT)
		return json_new_null();
	AUTO(json) struct json *root = next_event(reader) ? read_node(reader) : NULL;
	if (root == NULL || !next_event(reader) || !next_event(reader))
		return NULL;
	if (reader->event.type != YAML_STREAM_END_EVENT)
		return fail_here(reader, "a second document begins: only one is allowed");
	struct json *result = root;
	root = NULL;
	return result;
}

struct json *yaml_parse(const char *file, const char *text, size_t len, struct yaml_lines **lines, struct err *err)
{
	struct reader reader = { .file = file, .text = text, .err = err };
	if (lines != NULL)
		*lines = NULL;
	if (len > JSON_TEXT_MAX)
		return fail(&reader, 1, "the document is too large: at most 1 MB");
	if (!yaml_parser_initialize(&reader.parser))
		abort();
	if (lines != NULL && (*lines = reader.lines = calloc(1, sizeof(*reader.lines))) == NULL)
		abort();
	size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	reader.kept = json_new_object();
	strbuf_init(&reader.path, reader.path_memory, sizeof(reader.path_memory));
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text + mark, len - mark);
	struct json *root = read_stream(&reader);
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	json_free(reader.kept);
	if (root == NULL && lines != NULL) {
		yaml_lines_free(*lines);
		*lines = NULL;
	}
	return root;
}
