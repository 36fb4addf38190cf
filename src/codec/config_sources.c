/* From a file or a directory of files and the environment to one tree. */
#include "config_private.h"

#include "codec/units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1024 * 1024 };

static const char whole_variable[] = "PATRONI_CONFIGURATION";

/* Former names of variables (contract 2.10). */
static const struct {
	const char *variable, *key;
} former_variables[] = {
	{ "PATRONI_LOGLEVEL", "log.level" },
};

const char *environment_get(const char *const environ_[], const char *name)
{
	size_t len = strlen(name);
	for (; environ_ != NULL && *environ_ != NULL; environ_++)
		if (strncmp(*environ_, name, len) == 0 && (*environ_)[len] == '=' && (*environ_)[len + 1] != '\0')
			return *environ_ + len + 1;
	return NULL;
}

/* ---- files ---- */

static bool read_up_to(int fd, char *memory, size_t size, size_t *len)
{
	for (*len = 0; *len < size;) {
		ssize_t n = read(fd, memory + *len, size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		*len += (size_t)n;
	}
	return true;
}

/* One byte more than allowed is read, so that the YAML reader refuses what is too large. */
static char *read_file(const char *path, size_t *len, struct err *err)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO(text) char *memory = malloc(FILE_MAX + 1);
	if (memory == NULL)
		abort();
	if (fd < 0 || !read_up_to(fd, memory, FILE_MAX + 1, len)) {
		err_errno(err, "%s", path);
		return NULL;
	}
	char *result = memory;
	memory = NULL;
	return result;
}

static struct source *add_source(struct sources *sources, const char *file, struct err *err)
{
	struct source *source = &sources->list[sources->count];
	if (sources->count == SOURCES_MAX) {
		err_set(err, ERR_INPUT, "%s: more than %d files", file, SOURCES_MAX);
		return NULL;
	}
	*source = (struct source){ 0 };
	if (!text_copy(source->file, sizeof(source->file), file)) {
		err_set(err, ERR_INPUT, "%s: the path is too long", file);
		return NULL;
	}
	sources->count++;
	return source;
}

static bool parse_source(struct sources *sources, const char *file, const char *text, size_t len, struct err *err)
{
	struct source *source = add_source(sources, file, err);
	if (source == NULL)
		return false;
	source->tree = yaml_parse(file, text, len, &source->lines, err);
	if (source->tree == NULL)
		return false;
	if (!json_is_object(source->tree) && !json_is_null(source->tree))
		return err_set(err, ERR_INPUT, "%s:1: the document is not a mapping", file);
	json_merge(sources->local, source->tree);
	return true;
}

static bool parse_file(struct sources *sources, const char *path, struct err *err)
{
	size_t len;
	AUTO(text) char *text = read_file(path, &len, err);
	return text != NULL && parse_source(sources, path, text, len, err);
}

static int is_yaml(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return dot != NULL && (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0);
}

static bool names_text_setting(const char *name)
{
	const struct setting *row = setting_find(name);
	return row != NULL && (row->type == SETTING_TEXT || row->type == SETTING_SECRET);
}

/* Documents first; not as the locale sorts. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	int kind = is_yaml(*b) - is_yaml(*a);
	return kind != 0 ? kind : strcmp((*a)->d_name, (*b)->d_name);
}

static bool parse_entry(struct sources *sources, const char *dir, const char *name, struct err *err)
{
	char path[2 * URL_SIZE];
	struct stat st;
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/%s", dir, name);
	if (strbuf_ok(&b) && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return true;
	return parse_file(sources, path, err);
}

/* A Secret's keys are mounted as files: one named like a setting is its value, but for the last line end. */
static bool take_value(struct sources *sources, const char *dir, const char *key, struct err *err)
{
	char path[2 * URL_SIZE];
	size_t len;
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/%s", dir, key);
	AUTO(text) char *text = read_file(path, &len, err); /* a path that was cut is none of a file */
	struct source *source = text == NULL ? NULL : add_source(sources, path, err);
	if (source == NULL)
		return false;
	if (len > FILE_MAX || memchr(text, '\0', len) != NULL)
		return err_set(err, ERR_INPUT, "%s: longer than %d bytes, or not a text", path, FILE_MAX);
	len -= len > 0 && text[len - 1] == '\n';
	text[len] = '\0';
	source->tree = json_new_object();
	tree_set(source->tree, key, json_new_text(text));
	json_merge(sources->local, source->tree);
	return true;
}

static int is_source(const struct dirent *entry)
{
	return is_yaml(entry) || names_text_setting(entry->d_name);
}

static bool parse_directory(struct sources *sources, const char *path, struct err *err)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_source, compare_names);
	if (count < 0)
		return err_errno(err, "%s", path);
	bool ok = true;
	for (int i = 0; i < count; i++) {
		bool is_value = !is_yaml(entries[i]);
		ok = ok && (is_value ? take_value : parse_entry)(sources, path, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

/* ---- environment ---- */

/* Lists and mappings are written in YAML's flow style, their brackets may be left out. */
static struct json *flow_value(const struct setting *row, const char *variable, const char *text, struct err *err)
{
	bool is_list = row->type == SETTING_LIST;
	bool wrap = is_list ? text[0] != '-' && strchr(text, '[') == NULL : text[0] != '{';
	size_t size = strlen(text) + 3;
	AUTO(text) char *memory = malloc(size);
	if (memory == NULL)
		abort();
	struct strbuf b;
	strbuf_init(&b, memory, size);
	strbuf_addf(&b, "%s%s%s", !wrap ? "" : is_list ? "[" : "{", text, !wrap ? "" : is_list ? "]" : "}");
	return yaml_parse(variable, memory, b.len, NULL, err);
}

/* What reads as a number or a boolean where one is wanted becomes one; everything else stays a text for the check to look at. */
static struct json *variable_value(const struct setting *row, const char *variable, const char *text, struct err *err)
{
	int64_t number;
	bool truth;
	switch (row->type) {
	case SETTING_LIST:
	case SETTING_MAP:
		return flow_value(row, variable, text, err);
	case SETTING_BOOL:
		return units_bool(text, &truth) ? json_new_bool(truth) : json_new_text(text);
	case SETTING_INT:
		return units_int(text, NULL, &number) ? json_new_i64(number) : json_new_text(text);
	default:
		return json_new_text(text);
	}
}

static void add_variable(struct json *tree, const struct setting *row, const char *variable, const char *text,
			 const struct sink *sink)
{
	struct err err;
	struct json *value = variable_value(row, variable, text, &err);
	if (value != NULL)
		tree_set(tree, row->key, value);
	else
		sink->add(sink->arg, row->key, err.text, NULL);
}

/* PATRONI_CONFIGURATION stands for all variables of that name. */
static const char *variable_text(const struct sources *sources, const char *variable)
{
	if (sources->only_ours && strncmp(variable, "PATRONI_", 8) == 0)
		return NULL;
	return environment_get(sources->environ_, variable);
}

static void merge_environment(struct sources *sources, const struct sink *sink)
{
	AUTO(json) struct json *tree = json_new_object();
	for (size_t i = 0; i < ARRAY_SIZE(former_variables); i++) {
		const char *text = variable_text(sources, former_variables[i].variable);
		if (text != NULL)
			add_variable(tree, setting_find(former_variables[i].key), former_variables[i].variable, text,
				     sink);
	}
	for (int i = 0; i < settings_count; i++) {
		char variable[KEY_SIZE];
		setting_variable(&settings_table[i], variable, sizeof(variable));
		const char *text = variable_text(sources, variable);
		if (text != NULL)
			add_variable(tree, &settings_table[i], variable, text, sink);
	}
	json_merge(sources->local, tree);
}

/* ---- all of it ---- */

static bool parse_whole_variable(struct sources *sources, const char *const environ_[], struct err *err)
{
	const char *text = environment_get(environ_, whole_variable);
	sources->only_ours = true;
	return parse_source(sources, whole_variable, text, strlen(text), err);
}

static bool read_documents(struct sources *sources, const char *path, const char *const environ_[], struct err *err)
{
	struct stat st;
	bool exists = path != NULL && stat(path, &st) == 0;
	if (path != NULL && !exists && errno != ENOENT)
		return err_errno(err, "%s", path);
	if (!exists && environment_get(environ_, whole_variable) != NULL)
		return parse_whole_variable(sources, environ_, err);
	if (!exists)
		return true;
	return S_ISDIR(st.st_mode) ? parse_directory(sources, path, err) : parse_file(sources, path, err);
}

bool sources_read(struct sources *sources, const char *path, const char *const environ_[], const struct sink *sink,
		  struct err *err)
{
	*sources = (struct sources){ .environ_ = environ_, .local = json_new_object() };
	if (!read_documents(sources, path, environ_, err))
		return false;
	merge_environment(sources, sink);
	if (json_count(sources->local) > 0)
		return true;
	if (path != NULL && sources->count == 0)
		return err_set(err, ERR_INPUT, "%s: no configuration is there, and none in the environment", path);
	return err_set(err, ERR_INPUT, "the configuration is empty");
}

void sources_free(struct sources *sources)
{
	for (int i = 0; i < sources->count; i++) {
		json_free(sources->list[i].tree);
		yaml_lines_free(sources->list[i].lines);
	}
	json_free(sources->local);
	*sources = (struct sources){ 0 };
}

void sources_where(const struct sources *sources, const char *key, struct strbuf *to)
{
	char variable[KEY_SIZE] = "";
	const struct setting *row = setting_find(key);
	if (row != NULL)
		setting_variable(row, variable, sizeof(variable));
	if (variable[0] != '\0' && variable_text(sources, variable) != NULL) {
		strbuf_addf(to, "%s: ", variable);
		return;
	}
	for (int i = sources->count - 1; i >= 0; i--) {
		int line = sources->list[i].lines == NULL ? 0 : yaml_line(sources->list[i].lines, key);
		if (sources->list[i].lines == NULL && json_path(sources->list[i].tree, key) != NULL) {
			strbuf_addf(to, "%s: ", sources->list[i].file);
			return;
		}
		if (line > 0) {
			strbuf_addf(to, "%s:%d: ", sources->list[i].file, line);
			return;
		}
	}
}

void config_clean_environment(void)
{
	char variable[KEY_SIZE];
	for (int i = 0; i < settings_count; i++) {
		setting_variable(&settings_table[i], variable, sizeof(variable));
		if (variable[0] != '\0')
			unsetenv(variable);
	}
	for (size_t i = 0; i < ARRAY_SIZE(former_variables); i++)
		unsetenv(former_variables[i].variable);
	unsetenv(whole_variable);
}
