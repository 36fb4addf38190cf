/* The same rows as frame, tabs, JSON and YAML. */
#include "output.h"

#include "codec/yaml.h"
#include "text_table.h"

#include <stdlib.h>
#include <string.h>

enum { CELL_SIZE = 64 * 1024 };

static const struct {
	const char *word;
	enum output_format format;
} words[] = {
	{ "pretty", OUTPUT_PRETTY }, { "tsv", OUTPUT_TSV },  { "json", OUTPUT_JSON },
	{ "yaml", OUTPUT_YAML },     { "yml", OUTPUT_YAML },
};

enum output_format output_format(const char *word)
{
	for (size_t i = 0; word != NULL && i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].format;
	return OUTPUT_PRETTY;
}

static void trim(struct strbuf *text)
{
	while (text->len > 0 && (text->text[text->len - 1] == '\n' || text->text[text->len - 1] == ' '))
		text->text[--text->len] = '\0';
}

static int compare_keys(const void *a, const void *b)
{
	const struct json *const *left = a, *const *right = b;
	return strcmp(json_key(*left), json_key(*right));
}

static struct json *sorted(const struct json *node);

static struct json *sorted_object(const struct json *object)
{
	int count = 0, size = json_count(object);
	struct json *copy = json_new_object();
	const struct json **items = calloc((size_t)size + 1, sizeof(const struct json *));
	if (items == NULL)
		abort();
	for (const struct json *item = json_first(object); item != NULL && count < size; item = json_next(item))
		items[count++] = item;
	qsort(items, (size_t)count, sizeof(const struct json *), compare_keys);
	for (int i = 0; i < count; i++)
		json_set(copy, json_key(items[i]), sorted(items[i]));
	free(items);
	return copy;
}

/* A copy with the keys of all mappings in order, as Python's YAML has them. */
static struct json *sorted(const struct json *node)
{
	if (json_is_object(node))
		return sorted_object(node);
	if (!json_is_array(node))
		return json_copy(node);
	struct json *copy = json_new_array();
	for (const struct json *item = json_first(node); item != NULL; item = json_next(item))
		json_push(copy, sorted(item));
	return copy;
}

static void print_flow(const struct json *object, struct strbuf *to)
{
	AUTO(json) struct json *copy = sorted(object);
	yaml_print_flow(copy, to);
}

/* Mappings stand over several lines in a frame, and in one elsewhere. */
static void print_cell(const struct json *value, enum output_format format, struct strbuf *to)
{
	if (value == NULL)
		return;
	if (json_text(value) != NULL)
		strbuf_add(to, json_text(value));
	else if (json_is_object(value) && format == OUTPUT_PRETTY)
		yaml_print(value, true, to);
	else if (json_is_object(value))
		print_flow(value, to);
	else
		json_print(value, JSON_SPACED, to);
	if (json_is_object(value))
		trim(to);
}

static void fill_row(struct text_table *table, const struct output *output, const struct json *row,
		     enum output_format format)
{
	AUTO(text) char *memory = malloc(CELL_SIZE);
	if (memory == NULL)
		abort();
	int at = text_table_add_row(table), column = 0;
	for (int i = 0; i < output->column_count; i++) {
		if (format != OUTPUT_TSV && output->columns[i].title == NULL)
			continue;
		struct strbuf cell;
		strbuf_init(&cell, memory, CELL_SIZE);
		print_cell(json_get(row, output->columns[i].key), format, &cell);
		text_table_set(table, at, column++, memory);
	}
}

static void print_table(const struct output *output, enum output_format format, struct strbuf *to)
{
	struct text_table table;
	text_table_init(&table);
	for (int i = 0; i < output->column_count; i++) {
		const struct output_column *column = &output->columns[i];
		if (format == OUTPUT_TSV || column->title != NULL)
			text_table_add_column(&table, format == OUTPUT_TSV ? column->key : column->title,
					      column->right);
	}
	for (const struct json *row = json_first(output->rows); row != NULL; row = json_next(row))
		if (table.row_count < TEXT_TABLE_ROWS_MAX)
			fill_row(&table, output, row, format);
	if (format == OUTPUT_TSV)
		text_table_print_tabs(&table, to);
	else
		text_table_print_framed(&table, output->title, to);
	text_table_finish(&table);
}

static bool is_empty(const struct json *value)
{
	return value == NULL || (json_text(value) != NULL && json_text(value)[0] == '\0');
}

/* The rows with the columns that are shown, in their order. */
static struct json *shown_rows(const struct output *output)
{
	struct json *rows = json_new_array();
	for (const struct json *row = json_first(output->rows); row != NULL; row = json_next(row)) {
		struct json *shown = json_new_object();
		for (int i = 0; i < output->column_count; i++) {
			const struct json *value = json_get(row, output->columns[i].key);
			if (output->omit_empty && is_empty(value))
				continue;
			json_set(shown, output->columns[i].key, value == NULL ? json_new_text("") : json_copy(value));
		}
		json_push(rows, shown);
	}
	return rows;
}

void output_print(const struct output *output, enum output_format format, struct strbuf *to)
{
	if (format != OUTPUT_JSON && format != OUTPUT_YAML) {
		print_table(output, format, to);
		return;
	}
	AUTO(json) struct json *rows = shown_rows(output);
	if (format == OUTPUT_JSON)
		json_print(rows, JSON_SPACED, to);
	else
		yaml_print(rows, true, to);
	strbuf_add_char(to, '\n');
}
