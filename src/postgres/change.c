/* Steps on a running PostgreSQL: promote, follow somebody else, roles of a new cluster. */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { PROMOTE_POLL_MS = 10, FOLLOW_POLL_MS = 50, RELOAD_ENOUGH_MS = 5000 };

/* ---- promote ---- */

/* Numbers that others may have used: an empty history makes PostgreSQL pass one over, and makes it nobody's child. */
static bool use_up(const struct postgres *pg, uint32_t from, uint32_t to, struct err *err)
{
	char name[40], path[PATH_SIZE];
	if (to <= from || to - from > TIMELINES_AHEAD_MAX)
		return err_set(err, ERR_OTHER, "timeline %u cannot be promoted to %u", from, to);
	for (uint32_t timeline = from + 1; timeline < to; timeline++) {
		snprintf(name, sizeof(name), "pg_wal/%08X.history", timeline);
		datadir_path(pg, name, path, sizeof(path));
		if (!file_exists(path) && !file_write(path, "", 0, datadir_file_mode(pg), err))
			return err_wrap(err, "timeline %u", timeline);
	}
	return true;
}

enum step_result step_promote_arm(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	const struct instance *in = &pg->instance;
	if (!in->attached || in->tree != PG_TREE_STANDBY || !in->in_recovery)
		return job_fail(pg, "it is not a standby that is up");
	if (!job_lease_holds(pg, &err))
		return job_fail(pg, "%s", err.text);
	if (!use_up(pg, in->timeline, pg->job.timeline, &err))
		return job_fail(pg, "%s", err.text);
	uint32_t next = datadir_next_timeline(pg, in->timeline);
	if (next != pg->job.timeline)
		return job_fail(pg, "timeline %u was claimed, and PostgreSQL would take %u", pg->job.timeline, next);
	if (!armed_write(pg, next, &pg->job.token, &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}

enum step_result step_promote(struct postgres *pg, bool first)
{
	if (first)
		return job_send(pg, FRAME_PROMOTE, NULL, 0, NULL);
	if (pg->job.reply == WAIT_FAILED && pg->job.reply_code == LINK_LOST)
		return STEP_NEXT;
	return job_reply(pg, "promote");
}

static void correct_armed(struct postgres *pg)
{
	struct err err;
	const struct instance *in = &pg->instance;
	if (in->timeline != in->armed_timeline && !armed_write(pg, in->timeline, &pg->job.token, &err))
		log_warning("postgres: %s", err.text);
}

enum step_result step_promote_wait(struct postgres *pg, UNUSED bool first)
{
	const struct instance *in = &pg->instance;
	pg->job.poll_ms = PROMOTE_POLL_MS;
	if (!in->attached)
		return STEP_WAIT;
	if (in->tree == PG_TREE_DOWN || in->tree == PG_TREE_FENCING || in->tree == PG_TREE_STOPPING)
		return job_fail(pg, "it ended while it was promoted");
	if (in->tree == PG_TREE_STANDBY && elapsed_least_ms(pg->job.step_since, loop_now(pg->loop)) > RELOAD_ENOUGH_MS)
		return job_fail(pg, "the supervisor did not promote it");
	/* the server's own word comes first; the supervisor's look at its files follows */
	if (in->tree != PG_TREE_STANDBY && in->answers && !in->in_recovery) {
		correct_armed(pg);
		pg->role = CONF_PRIMARY;
		pg->reconfigure_wanted = true;
		return STEP_NEXT;
	}
	probe_if_older(pg, PROMOTE_POLL_MS, true);
	return STEP_WAIT;
}

/* Only what is surely a standby still: a promotion under way needs them. */
enum step_result step_promote_undo(struct postgres *pg, UNUSED bool first)
{
	if (pg->instance.tree == PG_TREE_STANDBY)
		datadir_drop_unused_timelines(pg, pg->instance.timeline);
	return STEP_NEXT;
}

/* ---- follow ---- */

enum step_result step_follow_write(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	const struct instance *in = &pg->instance;
	if (!in->attached || (in->tree != PG_TREE_STANDBY && in->tree != PG_TREE_STARTING))
		return job_fail(pg, "it is not a standby that is up");
	if (!describe_is_settled(pg))
		return STEP_WAIT;
	return conffiles_write(pg, CONF_REPLICA, &pg->job.upstream, &err) ? STEP_NEXT : job_fail(pg, "%s", err.text);
}

enum step_result step_reload(struct postgres *pg, bool first)
{
	if (!first)
		return job_reply(pg, "reload");
	pg->probe.conninfo_in_force = false;
	return job_send(pg, FRAME_RELOAD, NULL, 0, NULL);
}

/* The server's own word counts, not the file (safety.md S20). */
enum step_result step_follow_wait(struct postgres *pg, bool first)
{
	const struct instance *in = &pg->instance;
	struct probe *probe = &pg->probe;
	pg->job.poll_ms = FOLLOW_POLL_MS;
	if (first) {
		probe->conninfo_in_force = false;
		probe_now(pg);
		return STEP_WAIT;
	}
	if (in->tree == PG_TREE_DOWN || in->tree == PG_TREE_FENCING || in->tree == PG_TREE_STOPPING)
		return job_fail(pg, "it ended meanwhile");
	if (in->answers && probe->conninfo_in_force && !probe->busy)
		return STEP_END;
	/* one that lets nobody in yet cannot be asked: it has the file */
	int64_t waited = elapsed_least_ms(pg->job.step_since, loop_now(pg->loop));
	if (waited >= RELOAD_ENOUGH_MS)
		return in->answers ? STEP_NEXT : STEP_END;
	probe_if_older(pg, FOLLOW_POLL_MS, false);
	return STEP_WAIT;
}

/* ---- a new cluster ---- */

enum step_result step_quiet(struct postgres *pg, bool first)
{
	if (first && (!pg->instance.answers || pg->instance.in_recovery))
		return job_fail(pg, "there is no primary that answers");
	return job_query(pg, roles_quiet_sql, first, "roles");
}

enum step_result step_roles(struct postgres *pg, bool first)
{
	static char text[16 * 1024];
	struct strbuf b;
	struct err err;
	if (pg->job.sql == WAIT_OPEN)
		return STEP_WAIT;
	strbuf_init(&b, text, sizeof(text));
	if (!roles_sql(pg->config, &b, &err))
		return job_fail(pg, "%s", err.text);
	if (b.len == 0)
		return STEP_NEXT;
	enum step_result result = job_query(pg, text, first, "roles");
	if (result != STEP_WAIT)
		pg_close(pg->work.session); /* nothing else runs on a session that logs nothing */
	return result;
}

static const char *post_command(const struct config *config)
{
	const struct json *bootstrap = json_get(config->local, "bootstrap");
	const char *text = json_get_text(bootstrap, "post_bootstrap");
	return text != NULL ? text : json_get_text(bootstrap, "post_init");
}

static void print_own_conninfo(const struct config *config, struct strbuf *to)
{
	strbuf_addf(to, "host=%s/pg port=%d dbname=%s", config->run_dir, config->pg_listen.port,
		    config->database[0] == '\0' ? "postgres" : config->database);
	if (config->superuser.username[0] != '\0')
		strbuf_addf(to, " user=%s", config->superuser.username);
}

enum step_result step_post_command(struct postgres *pg, UNUSED bool first)
{
	char conninfo[1024];
	struct command command = { .len = 0 };
	struct strbuf b;
	struct err err;
	const char *text = post_command(pg->config);
	if (pg->job.hook_run)
		return run_result(pg, "post_bootstrap");
	if (text == NULL)
		return STEP_NEXT;
	strbuf_init(&b, conninfo, sizeof(conninfo));
	print_own_conninfo(pg->config, &b);
	if (!command_split(&command, text, &err))
		return job_fail(pg, "%s", err.text);
	command_arg(&command, conninfo);
	command_standard_env(&command, pg->config);
	command_env(&command, "PGPASSFILE", pg->config->pgpass);
	command_env(&command, "PGOPTIONS", "-c synchronous_commit=local -c statement_timeout=0");
	pg->job.hook_run = run_start(pg, &command, false, 0);
	return pg->job.hook_run ? STEP_WAIT : job_fail(pg, "the post_bootstrap command could not be run");
}
