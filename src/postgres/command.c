/* Command lines. Nothing secret in them: passwords go by files. */
#include "postgres/command.h"

#include "postgres/gucs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_string(struct command *command, const char *text)
{
	size_t size = strlen(text) + 1;
	if (size > sizeof(command->strings) - command->len) {
		command->overflow = true;
		return;
	}
	memcpy(command->strings + command->len, text, size);
	command->len += size;
}

void command_init(struct command *command, const char *program)
{
	command->len = 0;
	command->argc = command->envc = 0;
	command->overflow = false;
	command_arg(command, program);
}

void command_arg(struct command *command, const char *text)
{
	assert(command->envc == 0);
	if (command->argc == ENV_ARGV_MAX)
		command->overflow = true;
	add_string(command, text);
	command->argc++;
}

void command_argf(struct command *command, const char *format, ...)
{
	char text[GUC_VALUE_MAX];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	command->overflow |= len < 0 || (size_t)len >= sizeof(text);
	command_arg(command, text);
}

void command_env(struct command *command, const char *name, const char *value)
{
	char text[1024];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s=%s", name, value);
	command->overflow |= !strbuf_ok(&b) || command->envc == ENV_ARGV_MAX;
	add_string(command, text);
	command->envc++;
}

const char *command_get(const struct command *command, int index)
{
	const char *at = command->strings;
	for (int i = 0; i < index; i++)
		at += strlen(at) + 1;
	return at;
}

/* Taken over from our own environment when set; the rest of it is nobody's business. */
static const char *const passed_on[] = { "HOME", "TZ", "TMPDIR" };
static const char *const languages[] = { "LANG", "LC_ALL", "LC_MESSAGES" };

static void pass_on(struct command *command, const char *const names[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!text_is_empty(getenv(names[i])))
			command_env(command, names[i], getenv(names[i]));
}

static void add_env(struct command *command, const struct config *config)
{
	char path[1024];
	struct strbuf b;
	const char *program = command_get(command, 0), *slash = strrchr(program, '/');
	strbuf_init(&b, path, sizeof(path));
	if (slash != NULL)
		strbuf_add_bytes(&b, program, (size_t)(slash - program));
	strbuf_add(&b, ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	command_env(command, "PATH", path);
	command_env(command, "PGDATA", config->data_dir);
	pass_on(command, passed_on, ARRAY_SIZE(passed_on));
	if (!text_is_empty(getenv("PG_MALLOC_ARENA_MAX")))
		command_env(command, "MALLOC_ARENA_MAX", getenv("PG_MALLOC_ARENA_MAX"));
}

void command_standard_env(struct command *command, const struct config *config)
{
	add_env(command, config);
	pass_on(command, languages, ARRAY_SIZE(languages));
}

void command_c_env(struct command *command, const struct config *config)
{
	add_env(command, config);
	command_env(command, "LC_ALL", "C");
}

/* 'a b' and "a b" in an option's value: the quotes are a shell's. */
static void unquote(char *text)
{
	char *to = text, quote = '\0';
	for (const char *at = text; *at != '\0'; at++) {
		if (quote == '\0' && (*at == '\'' || *at == '"'))
			quote = *at;
		else if (quote != '\0' && *at == quote)
			quote = '\0';
		else
			*to++ = *at;
	}
	*to = '\0';
}

static bool add_option(struct command *command, const char *name, const struct json *value, const char *forbidden,
		       struct err *err)
{
	char text[GUC_VALUE_MAX];
	if (name == NULL || guc_has_word(forbidden, name))
		return err_set(err, ERR_INPUT, "option \"%s\" is not allowed here", name == NULL ? "" : name);
	if (value == NULL) {
		command_argf(command, "--%s", name);
		return true;
	}
	gucs_value_text(value, text, sizeof(text));
	unquote(text);
	command_argf(command, "--%s=%s", name, text);
	return true;
}

static bool is_truthy(const struct json *value)
{
	int64_t number;
	if (json_is_bool(value))
		return json_true(value);
	if (json_i64(value, &number))
		return number != 0;
	return json_is_number(value) || (json_is_text(value) && json_text(value)[0] != '\0');
}

/* A list's item is a name, or a mapping of one key. */
static bool add_item(struct command *command, const struct json *item, const char *forbidden, struct err *err)
{
	if (json_is_text(item))
		return add_option(command, json_text(item), NULL, forbidden, err);
	if (!json_is_object(item) || json_count(item) != 1)
		return err_set(err, ERR_INPUT, "an option is neither a name nor a mapping of one key");
	return add_option(command, json_key(json_first(item)), json_first(item), forbidden, err);
}

bool command_options(struct command *command, const struct json *options, const char *forbidden, struct err *err)
{
	bool object = json_is_object(options);
	for (const struct json *item = json_first(options); item != NULL; item = json_next(item)) {
		if (object && !is_truthy(item))
			continue;
		if (object ? !add_option(command, json_key(item), item, forbidden, err)
			   : !add_item(command, item, forbidden, err))
			return false;
	}
	return true;
}

static bool names(const char *text, const char *name)
{
	size_t len = strlen(name);
	return text != NULL && strncmp(text, name, len) == 0 && (text[len] == '\0' || text[len] == '=');
}

bool options_have(const struct json *options, const char *name)
{
	for (const struct json *item = json_first(options); item != NULL; item = json_next(item))
		if (names(json_is_object(options) ? json_key(item) : json_text(item), name) ||
		    (json_is_object(item) && names(json_key(json_first(item)), name)))
			return true;
	return false;
}

bool command_split(struct command *command, const char *text, struct err *err)
{
	char word[GUC_VALUE_MAX];
	while (true) {
		struct strbuf b;
		char quote = '\0';
		text += strspn(text, " \t\n");
		if (*text == '\0')
			return true;
		strbuf_init(&b, word, sizeof(word));
		for (; *text != '\0' && (quote != '\0' || strchr(" \t\n", *text) == NULL); text++) {
			if (quote == '\0' && (*text == '\'' || *text == '"'))
				quote = *text;
			else if (quote != '\0' && *text == quote)
				quote = '\0';
			else if (*text == '\\' && quote != '\'' && text[1] != '\0')
				strbuf_add_char(&b, *++text);
			else
				strbuf_add_char(&b, *text);
		}
		if (quote != '\0' || !strbuf_ok(&b))
			return err_set(err, ERR_INPUT, "a command has an open quote or is too long");
		command_arg(command, word);
	}
}

static bool check_fits(const struct command *command, struct err *err)
{
	return !command->overflow || err_set(err, ERR_INPUT, "the command line is too long");
}

bool command_initdb(struct command *command, const struct config *config, const struct maker *maker,
		    const char *password_file, struct err *err)
{
	command_init(command, maker->program);
	if (!command_options(command, json_path(config->local, "bootstrap.initdb"),
			     "pgdata|nosync|pwfile|sync-only|version", err))
		return err_wrap(err, "bootstrap.initdb");
	if (config->superuser.username[0] != '\0')
		command_argf(command, "--username=%s", config->superuser.username);
	if (password_file != NULL)
		command_argf(command, "--pwfile=%s", password_file);
	command_arg(command, maker->dir);
	command_standard_env(command, config);
	return check_fits(command, err);
}

bool command_basebackup(struct command *command, const struct config *config, const struct maker *maker,
			const char *conninfo, struct err *err)
{
	const struct json *options = json_get(config->postgresql, "basebackup");
	command_init(command, maker->program);
	command_argf(command, "--pgdata=%s", maker->dir);
	command_arg(command, "-X");
	command_arg(command, "stream");
	command_argf(command, "--dbname=%s", conninfo);
	if (!command_options(command, options,
			     "pgdata|format|wal-method|xlog-method|gzip|version|dbname|host|port|username|password",
			     err))
		return err_wrap(err, "postgresql.basebackup");
	if (!options_have(options, "checkpoint"))
		command_arg(command, "--checkpoint=fast");
	if (!options_have(options, "progress"))
		command_arg(command, "--progress");
	command_standard_env(command, config);
	return check_fits(command, err);
}

const char *const command_line_gucs[] = {
	"listen_addresses",
	"port",
	"cluster_name",
	"wal_level",
	"hot_standby",
	"max_connections",
	"max_wal_senders",
	"max_prepared_transactions",
	"max_locks_per_transaction",
	"track_commit_timestamp",
	"max_replication_slots",
	"max_worker_processes",
	"wal_log_hints",
	NULL,
};

static void add_server_options(struct command *command, const struct config *config, const struct gucs *gucs)
{
	command_arg(command, "-D");
	command_arg(command, config->data_dir);
	command_argf(command, "--config-file=%s/%s.conf", config->config_dir, config->config_base_name);
	for (int i = 0; command_line_gucs[i] != NULL; i++)
		if (gucs_get(gucs, command_line_gucs[i]) != NULL)
			command_argf(command, "--%s=%s", command_line_gucs[i], gucs_get(gucs, command_line_gucs[i]));
}

/* Given twice on purpose: ALTER SYSTEM cannot override the command line. */
void command_postgres(struct command *command, const struct config *config, const char *program,
		      const struct gucs *gucs)
{
	command_init(command, program);
	add_server_options(command, config, gucs);
	command_standard_env(command, config);
}

void command_single(struct command *command, const struct config *config, const char *program, const struct gucs *gucs)
{
	command_init(command, program);
	command_arg(command, "--single");
	add_server_options(command, config, gucs);
	command_arg(command, "--archive_mode=on");
	command_arg(command, "--archive_command=false");
	command_arg(command, "template1");
	command_c_env(command, config);
}
