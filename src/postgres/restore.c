/* A new cluster out of something older, by a method of people's (contract 5.6.1): bootstrap.METHOD.command puts a data directory in
 * place, recovery brings it to its target, and there PostgreSQL promotes itself.
 *
 * Nobody knows when a server in recovery promotes itself: it is started as a primary is, with recovery.signal, under a deadline from
 * its first moment on. PostgreSQL removes that file before it lets anybody write: while it is there, nothing was ever written here.
 * Until the roles are made the server lets nobody in but those beside it, for their passwords are those of the older cluster. */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char marker_text[] = "restore\n", signal_name[] = "recovery.signal", kept_hba[] = "pg_hba.conf.restored";

bool restore_is_marked(const char *text)
{
	return strncmp(text, marker_text, strlen(marker_text)) == 0;
}

static const char *method_name(const struct postgres *pg)
{
	const char *name = json_get_text(json_get(pg->config->local, "bootstrap"), "method");
	return name == NULL ? "" : name;
}

static const struct json *method(const struct postgres *pg)
{
	return json_get(json_get(pg->config->local, "bootstrap"), method_name(pg));
}

static bool keeps_recovery(const struct postgres *pg)
{
	return method_is_set(json_get(method(pg), "keep_existing_recovery_conf"));
}

/* ---- the recovery's settings ---- */

/* What is left out or misspelt here would end the recovery at another place than the one that was asked for. */
static bool set_target(struct gucs *gucs, const struct json *item, int version, struct err *err)
{
	char value[GUC_VALUE_MAX];
	const char *name = json_key(item);
	const struct guc_rule *rule = guc_recovery_find(name, version);
	bool streams = strncasecmp(name, "primary_", strlen("primary_")) == 0;
	if (rule == NULL || streams || strcasecmp(name, "promote_trigger_file") == 0)
		return err_set(err, ERR_INPUT, "recovery_conf.%s: it is no setting of a recovery that ends", name);
	gucs_value_text(item, value, sizeof(value));
	if (guc_check(rule, value, sizeof(value)) != GUC_KEEP)
		return err_set(err, ERR_INPUT, "recovery_conf.%s: \"%s\" is not allowed%s%s", name, value,
			       rule->words != NULL ? ", but " : "", rule->words != NULL ? rule->words : "");
	if (strcasecmp(name, "recovery_target_action") == 0 && strcasecmp(value, "shutdown") == 0)
		return err_set(err, ERR_INPUT, "recovery_conf.%s: \"shutdown\" would end the server, not the recovery",
			       name);
	gucs_set(gucs, name, value);
	return true;
}

static bool build_recovery(const struct postgres *pg, struct gucs *to, struct err *err)
{
	const struct json *conf = json_get(method(pg), "recovery_conf");
	int version = datadir_major(pg) * 10000;
	gucs_init(to);
	if (conf != NULL && !json_is_object(conf))
		return err_set(err, ERR_INPUT, "recovery_conf: it is not a mapping");
	for (const struct json *item = json_first(conf); item != NULL; item = json_next(item))
		if (!json_is_null(item) && strcasecmp(json_key(item), "standby_mode") != 0 &&
		    !set_target(to, item, version, err))
			return false;
	if (to->count > 0 && gucs_get(to, "recovery_target_action") == NULL)
		gucs_set(to, "recovery_target_action", "promote");
	return true;
}

bool restore_build_recovery(const struct postgres *pg, struct gucs *to, struct err *err)
{
	gucs_init(to);
	if (!pg->instance.recovers || keeps_recovery(pg))
		return true;
	return build_recovery(pg, to, err) || err_wrap(err, "bootstrap.%s", method_name(pg));
}

/* Whoever has to look at what was recovered before it goes on needs to be let in; with a hot standby the settings must suffice for the
 * WAL that is replayed. */
bool restore_is_hot(const struct postgres *pg)
{
	const char *action = json_get_text(json_get(method(pg), "recovery_conf"), "recovery_target_action");
	return !keeps_recovery(pg) && action != NULL && strcasecmp(action, "pause") == 0;
}

bool restore_keeps_auto_conf(const struct postgres *pg)
{
	return pg->instance.recovers && keeps_recovery(pg);
}

/* Those beside it, as whoever they say they are: the roles that there should be, or all when no names are configured. */
bool restore_print_hba(const struct postgres *pg, struct strbuf *to)
{
	static const char *const hosts[] = { "host", "127.0.0.1/32" };
	const struct config *config = pg->config;
	if (!pg->instance.restored)
		return false;
	const struct {
		const char *database, *user;
	} rows[] = { { "all", config->superuser.username }, { "replication", config->replication.username } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *quote = rows[i].user[0] == '\0' ? "" : "\"",
			   *user = quote[0] == '\0' ? "all" : rows[i].user;
		strbuf_addf(to, "local %s %s%s%s trust\n", rows[i].database, quote, user, quote);
		strbuf_addf(to, "%s %s %s%s%s %s trust\n", hosts[0], rows[i].database, quote, user, quote, hosts[1]);
	}
	return true;
}

/* ---- the job ---- */

enum step_result step_restore_prepare(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	if (!create_is_possible(pg, &err))
		return job_fail(pg, "%s", err.text);
	text_copy(pg->job.making, sizeof(pg->job.making), pg->config->data_dir);
	pg->job.made = true;
	/* programs that restore want the directory to be there */
	if (!forget_old(pg, &err) || !marker_write(pg, "bootstrap", marker_text, &err) ||
	    !create_mark(pg, "restore", &err) || !file_make_dir(pg->config->data_dir, 0700, &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}

static bool print_command(const struct postgres *pg, struct command *command, struct err *err)
{
	static const char *const not_passed[] = {
		"command", "no_params", "keep_existing_recovery_conf", "recovery_conf", "scope", "datadir", NULL
	};
	const struct json *section = method(pg);
	const char *text = json_get_text(section, "command");
	if (text_is_empty(text))
		return err_set(err, ERR_INPUT, "command: it is not set");
	if (!hook_begin(command, text, err))
		return err_wrap(err, "command");
	if (!method_is_set(json_get(section, "no_params"))) {
		command_argf(command, "--scope=%s", pg->config->scope);
		command_argf(command, "--datadir=%s", pg->config->data_dir);
	}
	method_add_keys(command, section, not_passed);
	command_standard_env(command, pg->config);
	return !command->overflow || err_set(err, ERR_INPUT, "command: it is too long");
}

enum step_result step_restore_run(struct postgres *pg, bool first)
{
	struct command command;
	struct err err;
	char what[NAME_SIZE + 32];
	snprintf(what, sizeof(what), "bootstrap method %.60s", method_name(pg));
	if (!first)
		return run_result(pg, what);
	/* a recovery that could not be begun need not be waited for */
	struct gucs *gucs = gucs_create();
	bool ok = build_recovery(pg, gucs, &err) && print_command(pg, &command, &err);
	gucs_destroy(gucs);
	if (!ok)
		return job_fail(pg, "bootstrap.%s.%s", method_name(pg), err.text);
	log_info("postgres: %s begins", what);
	return run_start(pg, &command, true, 0) ? STEP_WAIT : job_fail(pg, "%s could not be asked for", what);
}

/* What the method left of signal files counts only where the configuration says so. */
static bool set_signals(struct postgres *pg, struct err *err)
{
	char path[PATH_SIZE];
	bool wanted = json_count(json_get(method(pg), "recovery_conf")) > 0, keeps = keeps_recovery(pg);
	if (keeps && datadir_has(pg, "standby.signal"))
		return err_set(err, ERR_OTHER,
			       "the method left standby.signal, and a standby never ends its recovery by itself");
	datadir_path(pg, "standby.signal", path, sizeof(path));
	if (!file_remove(path, err))
		return false;
	datadir_path(pg, "promote", path, sizeof(path));
	if (!file_remove(path, err))
		return false;
	datadir_path(pg, signal_name, path, sizeof(path));
	if (keeps)
		return true;
	return wanted ? file_write(path, "", 0, datadir_file_mode(pg), err) : file_remove(path, err);
}

/* The older cluster's own rules come back when the roles are made, unless the configuration has others. */
static bool keep_hba(const struct postgres *pg, struct err *err)
{
	char live[PATH_SIZE], kept[PATH_SIZE];
	conf_path(pg, "pg_hba.conf", live, sizeof(live));
	datadir_path(pg, kept_hba, kept, sizeof(kept));
	if (json_count(json_get(pg->config->postgresql, "pg_hba")) > 0)
		return true;
	if (!file_exists(live))
		return err_set(err, ERR_OTHER, "there is no pg_hba.conf in what was restored: set postgresql.pg_hba");
	return file_copy(live, kept, datadir_file_mode(pg), err);
}

enum step_result step_restore_finish(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	datadir_look(pg);
	if (!pg->control_ok)
		return job_fail(pg, "bootstrap method %.60s left no data directory in %s", method_name(pg),
				pg->config->data_dir);
	conffiles_restore(pg);
	if (!set_signals(pg, &err) || !keep_hba(pg, &err) || !marker_remove(pg, "changing", &err))
		return job_fail(pg, "bootstrap method %.60s: %s", method_name(pg), err.text);
	return STEP_NEXT;
}

/* ---- the first steps of a new primary ---- */

/* A recovery chooses its timeline when it ends, and nothing of this directory is anybody's before the store knows of it: this is early
 * enough (safety.md S4). It began with the lease that the server was started with. */
enum step_result step_begun(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	struct instance *in = &pg->instance;
	if (!in->answers || in->in_recovery)
		return job_fail(pg, "there is no primary that answers");
	struct lease_token token = in->armed_token;
	if (in->timeline != in->armed_timeline && !armed_write(pg, in->timeline, &token, &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}

/* Its roles are there: from now on it is a cluster like any other. The marker goes after the files, what they were made of after that. */
static bool settle(struct postgres *pg, struct err *err)
{
	char live[PATH_SIZE], kept[PATH_SIZE];
	struct upstream nobody = { .port = 0 };
	conf_path(pg, "pg_hba.conf", live, sizeof(live));
	datadir_path(pg, kept_hba, kept, sizeof(kept));
	if (file_exists(kept) && !file_copy(kept, live, datadir_file_mode(pg), err))
		return false;
	if (!conffiles_write(pg, CONF_PRIMARY, &nobody, err))
		return false;
	conffiles_backup(pg);
	return marker_write(pg, "bootstrap", "restored\n", err) && file_remove(kept, err);
}

/* Again after an agent that was killed between the files and the reload. */
enum step_result step_settle(struct postgres *pg, bool first)
{
	struct err err;
	bool restored = pg->instance.restored;
	if (!first)
		return job_reply(pg, "reload");
	pg->instance.restored = pg->instance.recovers = false;
	if (restored && !settle(pg, &err)) {
		pg->instance.restored = true;
		return job_fail(pg, "%s", err.text);
	}
	return job_send(pg, FRAME_RELOAD, NULL, 0, NULL);
}
