/* How a replica is made (contract 5.6.4): the methods of postgresql.create_replica_methods in their order, until one succeeds. Without
 * somebody to copy from only those that say no_leader. */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char basebackup[] = "basebackup";

/* ---- what people configure, as arguments ---- */

bool method_is_set(const struct json *value)
{
	int64_t number;
	if (json_is_text(value))
		return guc_has_word("true|on|yes|1", json_text(value));
	return json_true(value) || (json_i64(value, &number) && number != 0);
}

static bool is_among(const char *const names[], const char *name)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (text_equal(names[i], name))
			return true;
	return false;
}

/* Truth as Patroni's programs write and read it; what is no scalar as JSON. */
static void add_key(struct command *command, const struct json *item)
{
	const char *name = json_key(item);
	if (json_is_text(item)) {
		command_argf(command, "--%s=%s", name, json_text(item));
	} else if (json_is_bool(item)) {
		command_argf(command, "--%s=%s", name, json_true(item) ? "True" : "False");
	} else {
		AUTO(text) char *text = json_print_text(item, JSON_COMPACT);
		command_argf(command, "--%s=%s", name, text);
	}
}

void method_add_keys(struct command *command, const struct json *section, const char *const not_passed[])
{
	for (const struct json *item = json_first(section); item != NULL; item = json_next(item))
		if (!json_is_null(item) && !is_among(not_passed, json_key(item)))
			add_key(command, item);
}

/* ---- which method ---- */

static bool has_source(const struct postgres *pg)
{
	return pg->job.upstream.host[0] != '\0';
}

static const struct json *section_of(const struct postgres *pg, const char *name)
{
	const struct json *section = json_get(pg->config->postgresql, name);
	return json_is_object(section) ? section : NULL;
}

static bool is_usable(const struct postgres *pg, const char *name)
{
	if (has_source(pg))
		return true;
	return !text_equal(name, basebackup) && method_is_set(json_get(section_of(pg, name), "no_leader"));
}

/* The next one behind those that were tried; NULL: there is none. A person who asks for a copy of the leader means pg_basebackup. */
static const char *next_method(const struct postgres *pg)
{
	const struct json *list = methods_of_replicas(pg->config->postgresql);
	int at = 0;
	if (list == NULL || pg->job.from_leader)
		return pg->job.method == 0 && has_source(pg) ? basebackup : NULL;
	for (const struct json *item = json_first(list); item != NULL; item = json_next(item))
		if (at++ >= pg->job.method && json_is_text(item) && is_usable(pg, json_text(item)))
			return json_text(item);
	return NULL;
}

static int place_of(const struct postgres *pg, const char *name)
{
	const struct json *list = methods_of_replicas(pg->config->postgresql);
	int at = 0;
	for (const struct json *item = json_first(list); item != NULL; item = json_next(item), at++)
		if (at >= pg->job.method && text_equal(json_text(item), name))
			return at;
	return 0;
}

static bool is_basebackup(const struct postgres *pg)
{
	return text_equal(pg->job.method_name, basebackup);
}

static bool keeps_data(const struct postgres *pg, const char *name)
{
	return !text_equal(name, basebackup) && method_is_set(json_get(section_of(pg, name), "keep_data"));
}

/* ---- its command ---- */

static bool print_basebackup(struct postgres *pg, struct command *command, struct err *err)
{
	static char program[PROGRAM_SIZE];
	char conninfo[1024];
	struct strbuf b;
	strbuf_init(&b, conninfo, sizeof(conninfo));
	conf_conninfo(pg, &pg->job.upstream, true, &b);
	making_path(pg, pg->job.making, sizeof(pg->job.making));
	struct maker maker = { program, pg->job.making };
	if (!programs_choose(pg, "pg_basebackup", program, sizeof(program), err) ||
	    !command_basebackup(command, pg->config, &maker, conninfo, err))
		return false;
	service_env(pg, &pg->config->replication, command);
	return !command->overflow || err_set(err, ERR_INPUT, "the command line is too long");
}

static void add_params(const struct postgres *pg, struct command *command)
{
	char conninfo[1024] = "";
	struct strbuf b;
	strbuf_init(&b, conninfo, sizeof(conninfo));
	if (has_source(pg))
		conf_conninfo(pg, &pg->job.upstream, true, &b);
	command_argf(command, "--scope=%s", pg->config->scope);
	command_arg(command, "--role=replica");
	command_argf(command, "--datadir=%s", pg->config->data_dir);
	command_argf(command, "--connstring=%s", conninfo);
}

static bool print_own(const struct postgres *pg, struct command *command, struct err *err)
{
	static const char *const with_params[] = { "command", "no_params",  "scope", "role",
						   "datadir", "connstring", NULL };
	static const char *const without[] = { "command", "no_params", "no_leader", "keep_data", NULL };
	const struct json *section = section_of(pg, pg->job.method_name);
	const char *text = json_get_text(section, "command");
	bool no_params = method_is_set(json_get(section, "no_params"));
	if (!hook_begin(command, text_is_empty(text) ? pg->job.method_name : text, err))
		return err_wrap(err, "postgresql.%s.command", pg->job.method_name);
	method_add_keys(command, section, no_params ? without : with_params);
	if (!no_params)
		add_params(pg, command);
	command_standard_env(command, pg->config);
	command_env(command, "PGPASSFILE", pg->config->pgpass);
	service_env(pg, &pg->config->replication, command);
	return !command->overflow ||
	       err_set(err, ERR_INPUT, "postgresql.%s.command: it is too long", pg->job.method_name);
}

/* ---- the job ---- */

enum step_result step_clone_prepare(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	const struct upstream *from = &pg->job.upstream;
	if (!create_is_possible(pg, &err))
		return job_fail(pg, "%s", err.text);
	if (next_method(pg) == NULL)
		return job_fail(pg, "postgresql.create_replica_methods has none that can be used %s a leader",
				has_source(pg) ? "with" : "without");
	making_path(pg, pg->job.making, sizeof(pg->job.making));
	pg->job.made = true;
	if (!forget_old(pg, &err) || (has_source(pg) && !pgpass_write(pg, from->host, from->port, &err)) ||
	    !service_write(pg, &pg->config->replication, &err) || !marker_remove(pg, "bootstrap", &err) ||
	    !create_mark(pg, "clone", &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}

static enum step_result begin_method(struct postgres *pg)
{
	struct command command;
	struct err err;
	bool ok = is_basebackup(pg) ? print_basebackup(pg, &command, &err) : print_own(pg, &command, &err);
	pg->instance.clone_done_bytes = pg->instance.clone_total_bytes = -1;
	/* what goes on with what is there wants it to be there */
	ok = ok && (!keeps_data(pg, pg->job.method_name) || file_make_dir(pg->config->data_dir, 0700, &err));
	if (!ok)
		return job_fail(pg, "%s", err.text);
	log_info("postgres: replica by %s begins", pg->job.method_name);
	return run_start(pg, &command, true, 0) ? STEP_WAIT
						: job_fail(pg, "%s could not be asked for", pg->job.method_name);
}

/* A method begins with an empty directory, unless both it and the one before it say that what is there is kept. */
static enum step_result clear_for_next(struct postgres *pg)
{
	struct err err;
	struct job *job = &pg->job;
	if (!job->clearing && job->method > 0 && !(job->left_data && keeps_data(pg, job->method_name))) {
		job->clearing = true;
		if (!aside_remove(pg, &err))
			return job_fail(pg, "%s", err.text);
	}
	if (remover_busy(pg))
		return STEP_WAIT;
	job->clearing = false;
	return STEP_NEXT;
}

static enum step_result choose_method(struct postgres *pg)
{
	const char *name = next_method(pg);
	if (name == NULL)
		return STEP_FAIL; /* the last one has said why */
	text_copy(pg->job.method_name, sizeof(pg->job.method_name), name);
	return STEP_NEXT;
}

/* It goes on with the next one, and tells of each. */
static enum step_result end_method(struct postgres *pg)
{
	enum step_result result = run_result(pg, is_basebackup(pg) ? "pg_basebackup" : pg->job.method_name);
	if (result != STEP_FAIL || pg->run.killed)
		return result;
	pg->job.method = place_of(pg, pg->job.method_name) + 1;
	if (next_method(pg) == NULL)
		return STEP_FAIL;
	log_warning("postgres: %s; the next method is tried", pg->job.why);
	pg->job.left_data = keeps_data(pg, pg->job.method_name);
	pg->job.running = false;
	return STEP_NEXT;
}

enum step_result step_clone_run(struct postgres *pg, UNUSED bool first)
{
	struct job *job = &pg->job;
	if (job->running) {
		enum step_result ended = end_method(pg);
		if (ended != STEP_NEXT || job->running)
			return ended;
	}
	enum step_result result = job->clearing ? STEP_NEXT : choose_method(pg);
	if (result == STEP_NEXT)
		result = clear_for_next(pg);
	if (result != STEP_NEXT)
		return result;
	job->running = true;
	return begin_method(pg);
}

/* The signal file comes first: unmarked, the directory must not look like a primary's. */
enum step_result step_clone_finish(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	if (!making_finish(pg, &err))
		return job_fail(pg, "%s", err.text);
	datadir_look(pg);
	if (!pg->control_ok)
		return job_fail(pg, "%s left no data directory in %s", pg->job.method_name, pg->config->data_dir);
	conffiles_restore(pg);
	if (!datadir_set_standby(pg, &err) || !marker_remove(pg, "changing", &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}
