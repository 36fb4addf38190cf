/* What a new cluster gets for the application: a database of its own and the SQL of howdah.init_sql. A bootstrap that was cut short is gone through
 * again, so each step finds out what an earlier one has done. The role is made with the others (roles.c). */
#include "postgres/private.h"

#include <stdlib.h>
#include <string.h>

enum { INIT_LIMIT_MS = 3600 * 1000 };

static const char duplicate_database[] = "42P04", done_before[] = "HW001";

/* Cannot be part of a transaction, and has no IF NOT EXISTS. */
enum step_result step_database(struct postgres *pg, bool first)
{
	char sql[512];
	struct strbuf b;
	const struct config *config = pg->config;
	if (config->app_database[0] == '\0' || text_equal(config->app_database, "postgres"))
		return STEP_NEXT;
	strbuf_init(&b, sql, sizeof(sql));
	strbuf_add(&b, "CREATE DATABASE ");
	sql_add_identifier(&b, config->app_database);
	if (config->app_user[0] != '\0') {
		strbuf_add(&b, " OWNER ");
		sql_add_identifier(&b, config->app_user);
	}
	if (!strbuf_ok(&b))
		return job_fail(pg, "howdah.application_database: the name is too long");
	enum step_result result = job_query(pg, sql, first, "the application's database");
	return result == STEP_FAIL && text_equal(pg->work.sqlstate, duplicate_database) ? STEP_NEXT : result;
}

static const char *init_database(const struct config *config)
{
	if (config->app_database[0] != '\0')
		return config->app_database;
	return config->database[0] == '\0' ? "postgres" : config->database;
}

/* Several statements in one message are one transaction; its last one leaves a trace, which the first one looks for. */
static char *print_init(const char *sql, const char *database)
{
	size_t size = strlen(sql) + 1024;
	char *text = malloc(size);
	struct strbuf b;
	if (text == NULL)
		abort();
	strbuf_init(&b, text, size);
	strbuf_addf(
		&b,
		"DO $howdah$ BEGIN IF pg_catalog.current_setting('howdah.init_sql', true) = 'done' THEN RAISE 'done "
		"before' USING ERRCODE = '%s'; END IF; END $howdah$;\n%s\n;\nALTER DATABASE ",
		done_before, sql);
	sql_add_identifier(&b, database);
	strbuf_add(&b, " SET howdah.init_sql = 'done'");
	return text;
}

static const char *init_sql(const struct config *config)
{
	return json_text(json_path(config->local, "howdah.init_sql"));
}

/* The session of what follows; the SQL may hold secrets, which the server's log is not for. */
enum step_result step_init_quiet(struct postgres *pg, bool first)
{
	if (text_is_empty(init_sql(pg->config)))
		return STEP_NEXT;
	pg->work.database = init_database(pg->config);
	return job_query(pg, roles_quiet_sql, first, "init_sql");
}

enum step_result step_init_sql(struct postgres *pg, bool first)
{
	const char *sql = init_sql(pg->config);
	if (text_is_empty(sql))
		return STEP_NEXT;
	pg->job.sql_limit_ms = INIT_LIMIT_MS;
	AUTO(text) char *text = print_init(sql, init_database(pg->config));
	enum step_result result = job_query(pg, text, first, "howdah.init_sql");
	if (result == STEP_WAIT)
		return STEP_WAIT;
	pg->work.database = NULL;
	pg->job.sql_limit_ms = 0;
	pg_close(pg->work.session);
	return result == STEP_FAIL && text_equal(pg->work.sqlstate, done_before) ? STEP_NEXT : result;
}
