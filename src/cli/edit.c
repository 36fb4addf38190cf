/* Trees with one key changed, and documents read. */
#include "edit.h"

#include "codec/yaml.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_PARTS = 16, PART_SIZE = 128 };

static const char parameters[] = "postgresql.parameters.";

struct path {
	int count;
	char parts[PATH_MAX_PARTS][PART_SIZE];
};

static bool add_part(struct path *path, const char *text, size_t len)
{
	struct strbuf b;
	if (path->count == PATH_MAX_PARTS || len == 0)
		return false;
	strbuf_init(&b, path->parts[path->count++], PART_SIZE);
	strbuf_add_bytes(&b, text, len);
	return strbuf_ok(&b);
}

static bool add_parts(struct path *path, const char *text, size_t len)
{
	for (;;) {
		const char *dot = memchr(text, '.', len);
		size_t part = dot != NULL ? (size_t)(dot - text) : len;
		if (!add_part(path, text, part))
			return false;
		if (dot == NULL)
			return true;
		text += part + 1;
		len -= part + 1;
	}
}

static bool split_key(const char *key, size_t len, bool parameter, struct path *path)
{
	size_t prefix = sizeof(parameters) - 1;
	path->count = 0;
	if (!parameter && (len <= prefix || strncmp(key, parameters, prefix) != 0))
		return add_parts(path, key, len);
	if (!parameter) {
		key += prefix;
		len -= prefix;
	}
	return add_parts(path, parameters, prefix - 1) && add_part(path, key, len);
}

/* {a: {b: value}} for the first `count` parts. */
static struct json *nested(const struct path *path, int count, struct json *value)
{
	for (int i = count - 1; i >= 0; i--) {
		struct json *object = json_new_object();
		json_set(object, path->parts[i], value);
		value = object;
	}
	return value;
}

static void merge_value(struct json *config, const struct path *path, int count, struct json *value)
{
	AUTO(json) struct json *patch = nested(path, count, value);
	json_merge(config, patch);
}

static const struct json *value_at(const struct json *config, const struct path *path, int count)
{
	for (int i = 0; i < count; i++)
		config = json_get(config, path->parts[i]);
	return config;
}

static void drop_empty(struct json *config, const struct path *path)
{
	for (int count = path->count - 1; count > 0; count--) {
		const struct json *value = value_at(config, path, count);
		if (!json_is_object(value) || json_count(value) > 0)
			return;
		merge_value(config, path, count, json_new_null());
	}
}

/* A key below something that is no mapping cannot be meant. */
static bool check_path(const struct json *config, const struct path *path, const char *pair, struct err *err)
{
	for (int count = 1; count < path->count; count++) {
		const struct json *value = value_at(config, path, count);
		if (value != NULL && !json_is_null(value) && !json_is_object(value))
			return err_set(err, ERR_INPUT, "Invalid parameter setting %s: %s is not a mapping", pair,
				       path->parts[count - 1]);
	}
	return true;
}

bool edit_set(struct json *config, const char *pair, bool parameter, struct err *err)
{
	struct path path;
	struct err why;
	const char *sign = strchr(pair, '=');
	if (sign == NULL || !split_key(pair, (size_t)(sign - pair), parameter, &path))
		return err_set(err, ERR_INPUT, "Invalid parameter setting %s", pair);
	if (!check_path(config, &path, pair, err))
		return false;
	struct json *value =
		sign[1] == '\0' ? json_new_null() : yaml_parse(pair, sign + 1, strlen(sign + 1), NULL, &why);
	if (value == NULL)
		return err_set(err, ERR_INPUT, "Invalid parameter setting %s", pair);
	bool is_null = json_is_null(value), is_there = value_at(config, &path, path.count) != NULL;
	if (is_null && !is_there) {
		json_free(value);
		return true;
	}
	if (json_is_object(value) && is_there)
		merge_value(config, &path, path.count, json_new_null()); /* replaced, not merged */
	merge_value(config, &path, path.count, value);
	if (is_null)
		drop_empty(config, &path);
	return true;
}

struct json *edit_parse(const char *name, const char *text, size_t len, struct err *err)
{
	struct json *root = yaml_parse(name, text, len, NULL, err);
	if (root == NULL || json_is_object(root))
		return root;
	json_free(root);
	err_set(err, ERR_INPUT, "%s: it is no mapping of keys to values", name);
	return NULL;
}

static bool read_input(const struct cli *cli, char *text, size_t size, size_t *len, struct err *err)
{
	*len = fread(text, 1, size - 1, cli->in);
	text[*len] = '\0';
	if (ferror(cli->in))
		return err_errno(err, "standard input");
	return *len < size - 1 || err_set(err, ERR_INPUT, "standard input: more than %d kB", CLI_TEXT_SIZE / 1024);
}

struct json *edit_read_file(const struct cli *cli, const char *path, struct err *err)
{
	size_t len;
	bool input = strcmp(path, "-") == 0;
	AUTO(text) char *text = malloc(CLI_TEXT_SIZE);
	if (text == NULL)
		abort();
	if (input ? !read_input(cli, text, CLI_TEXT_SIZE, &len, err) : !file_read(path, text, CLI_TEXT_SIZE, &len, err))
		return NULL;
	return edit_parse(input ? "standard input" : path, text, len, err);
}
