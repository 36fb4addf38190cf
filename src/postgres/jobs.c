/* One job at a time, a list of steps each. A step looks at what is there and says how to go on; nothing waits. */
#include "postgres/private.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	step_fn *steps[STEPS_MAX];
	step_fn *undo[4]; /* after a failure */
	bool gives_way;   /* to a stop */
} kinds[] = {
	[PG_JOB_NONE] = { .name = "none" },
	[PG_JOB_INITDB] = { "initdb",
			    { step_programs, step_initdb_prepare, step_initdb_run, step_initdb_finish },
			    { step_undo, step_undo_wait },
			    false },
	[PG_JOB_POST_BOOTSTRAP] = { "post_bootstrap",
				    { step_begun, step_quiet, step_roles, step_database, step_init_quiet, step_init_sql,
				      step_post_command, step_settle },
				    { NULL },
				    true },
	[PG_JOB_CLONE] = { "clone",
			   { step_programs, step_clone_prepare, step_clone_run, step_clone_finish },
			   { step_undo, step_undo_wait },
			   false },
	[PG_JOB_START_STANDBY] = { "start as a standby",
				   { step_programs, step_prepare_standby, step_start_standby, step_start_wait,
				     step_started },
				   { NULL },
				   true },
	[PG_JOB_START_PRIMARY] = { "start as the primary",
				   { step_programs, step_prepare_primary, step_start_primary, step_start_wait,
				     step_started },
				   { NULL },
				   true },
	[PG_JOB_PROMOTE] = { "promote",
			     { step_pre_promote, step_promote_arm, step_promote, step_promote_wait },
			     { step_promote_undo },
			     true },
	[PG_JOB_STOP] = { "stop",
			  { step_stop_checkpoint, step_before_stop, step_stop, step_stop_wait },
			  { NULL },
			  true },
	/* the steps behind the wait restart it: only when a reload was not enough */
	[PG_JOB_FOLLOW] = { "follow",
			    { step_follow_write, step_reload, step_follow_wait, step_before_stop, step_stop,
			      step_stop_wait, step_programs, step_prepare_standby, step_start_standby, step_start_wait,
			      step_started },
			    { NULL },
			    true },
	[PG_JOB_ASIDE] = { "move aside", { step_aside, step_aside_wait }, { NULL }, false },
	[PG_JOB_INSPECT] = { .name = "inspect" },
	/* a failure leaves its marker: what is half rewound is not started */
	[PG_JOB_REWIND] = { "rewind",
			    { step_programs, step_rewind_begin, step_rewind_settings, step_rewind_archive,
			      step_rewind_recover, step_rewind_archive, step_rewind_source, step_rewind_keep,
			      step_rewind_run, step_rewind_sync, step_rewind_finish },
			    { NULL },
			    false },
	[PG_JOB_WIPE] = { "wipe",
			  { step_wipe_begin, step_wipe_targets, step_wipe_directory, step_wipe_finish },
			  { NULL },
			  false },
	[PG_JOB_RESTORE] = { "restore",
			     { step_programs, step_restore_prepare, step_restore_run, step_restore_finish },
			     { step_undo, step_undo_wait },
			     false },
};

static void note_failure(struct postgres *pg, enum pg_job kind, const char *why)
{
	struct instance *in = &pg->instance;
	in->failures = in->failed_job == kind ? in->failures + 1 : 1;
	in->failed_job = kind;
	in->failed_at = loop_now(pg->loop);
	text_copy(in->failure, sizeof(in->failure), why);
	log_warning("postgres: job \"%s\" failed: %s", kinds[kind].name, why);
}

/* Answers to what a job asked that was given up belong to nobody. */
static void abandon(struct postgres *pg)
{
	struct job *job = &pg->job;
	pg->stale_replies += job->reply == WAIT_OPEN;
	pg->stale_answers += job->sql == WAIT_OPEN;
	pg->work.database = NULL;
	if (pg->run.state == WAIT_OPEN)
		run_kill(pg);
	service_remove(pg);
	log_info("postgres: job \"%s\" given up", kinds[job->kind].name);
}

void job_begin(struct postgres *pg, enum pg_job kind, const struct job *with)
{
	struct job *job = &pg->job;
	bool gives_way = kind == PG_JOB_STOP && kinds[job->kind].gives_way;
	if (job->kind != PG_JOB_NONE && !gives_way) {
		char why[REASON_SIZE];
		snprintf(why, sizeof(why), "job \"%s\" is not finished", kinds[job->kind].name);
		note_failure(pg, kind, why);
		postgres_turn_soon(pg);
		return;
	}
	if (job->kind != PG_JOB_NONE)
		abandon(pg);
	*job = *with;
	job->kind = kind;
	job->steps = kinds[kind].steps;
	job->fresh = true;
	job->poll_ms = -1;
	pg->instance.job = kind;
	pg->instance.job_since = loop_now(pg->loop);
	log_info("postgres: job \"%s\" begins", kinds[kind].name);
	postgres_turn_soon(pg);
}

/* To clear away what a recovery that failed has left does not undo the failure: the attempt at a cluster is over with it. */
static void forget_failure(struct instance *in, enum pg_job succeeded)
{
	if (succeeded == PG_JOB_ASIDE && in->failed_job == PG_JOB_START_PRIMARY)
		return;
	in->failed_job = PG_JOB_NONE;
	in->failures = 0;
	in->failure[0] = '\0';
}

static void end(struct postgres *pg)
{
	struct job *job = &pg->job;
	struct instance *in = &pg->instance;
	enum pg_job kind = job->kind;
	if (job->undoing) {
		note_failure(pg, kind, job->why);
	} else {
		forget_failure(in, kind);
		in->roles_made |= kind == PG_JOB_POST_BOOTSTRAP;
		if (kind == PG_JOB_POST_BOOTSTRAP)
			passwords_are_set(pg);
		log_info("postgres: job \"%s\" done in %lld ms", kinds[kind].name,
			 (long long)elapsed_most_ms(in->job_since, loop_now(pg->loop)));
	}
	service_remove(pg);
	*job = (struct job){ .kind = PG_JOB_NONE };
	in->job = PG_JOB_NONE;
	in->clone_rate = -1;
	if (in->tree == PG_TREE_DOWN)
		datadir_look(pg);
}

static void undo(struct postgres *pg)
{
	struct job *job = &pg->job;
	job->undoing = true;
	job->steps = kinds[job->kind].undo;
	job->step = 0;
	job->fresh = true;
}

static enum step_result one_step(struct postgres *pg)
{
	struct job *job = &pg->job;
	bool first = job->fresh;
	if (first)
		job->step_since = loop_now(pg->loop);
	job->fresh = false;
	job->poll_ms = -1;
	return job->steps[job->step](pg, first);
}

void job_turn(struct postgres *pg)
{
	struct job *job = &pg->job;
	while (job->kind != PG_JOB_NONE) {
		if (job->steps[job->step] == NULL) {
			end(pg);
			return;
		}
		enum step_result result = one_step(pg);
		if (result == STEP_WAIT)
			break;
		if (result == STEP_NEXT) {
			job->step++;
			job->fresh = true;
		} else if (result == STEP_END) {
			end(pg);
		} else if (job->undoing) {
			job->steps = kinds[PG_JOB_NONE].steps; /* what could not be undone stays marked */
			job->step = 0;
		} else {
			undo(pg);
		}
	}
	loop_timer_set(pg->poll_timer, job->kind == PG_JOB_NONE ? -1 : job->poll_ms);
}

enum step_result job_fail(struct postgres *pg, const char *format, ...)
{
	va_list args;
	struct strbuf b;
	if (pg->job.undoing) /* the first reason counts */
		return STEP_FAIL;
	strbuf_init(&b, pg->job.why, sizeof(pg->job.why));
	va_start(args, format);
	strbuf_vaddf(&b, format, args);
	va_end(args);
	return STEP_FAIL;
}

static bool may_be_cut_short(const struct job *job)
{
	switch (job->kind) {
	case PG_JOB_INITDB:
	case PG_JOB_CLONE:
	case PG_JOB_REWIND:
	case PG_JOB_RESTORE:
		return !job->undoing;
	case PG_JOB_PROMOTE:
		return !job->undoing && job->steps[job->step] == step_pre_promote;
	default:
		return false;
	}
}

/* Only what makes or changes a directory, or asks a program of somebody else, can be cut short: other steps are
 * short or end by events. */
void job_cancel(struct postgres *pg)
{
	struct job *job = &pg->job;
	if (!may_be_cut_short(job))
		return;
	if (pg->run.state == WAIT_OPEN)
		run_kill(pg);
	else if (job->steps[job->step] == step_programs) {
		job_fail(pg, "cancelled");
		undo(pg);
		postgres_turn_soon(pg);
	}
}

static void on_reply(struct postgres *pg, int code, UNUSED int detail)
{
	struct job *job = &pg->job;
	if (pg->stale_replies > 0) {
		pg->stale_replies--;
		return;
	}
	job->reply = code == REPLY_OK ? WAIT_OK : WAIT_FAILED;
	job->reply_code = code;
}

enum step_result job_send(struct postgres *pg, enum frame_type type, const void *body, size_t size,
			  const struct command *strings)
{
	pg->job.reply = WAIT_OPEN;
	struct link_frame frame = { .type = type, .body = body, .size = size, .strings = strings };
	link_send_strings(pg, &frame, on_reply);
	return STEP_WAIT;
}

enum step_result job_reply(struct postgres *pg, const char *what)
{
	struct job *job = &pg->job;
	if (job->reply == WAIT_OPEN)
		return STEP_WAIT;
	if (job->reply == WAIT_OK)
		return STEP_NEXT;
	return job_fail(pg, "%s: %s", what, link_reply_text(job->reply_code));
}

static void on_sql(struct postgres *pg, bool ok, const char *error)
{
	struct job *job = &pg->job;
	if (pg->stale_answers > 0) {
		pg->stale_answers--;
		return;
	}
	job->sql = ok ? WAIT_OK : WAIT_FAILED;
	if (!ok)
		text_copy(job->why, sizeof(job->why), error);
}

enum step_result job_query(struct postgres *pg, const char *sql, bool first, const char *what)
{
	enum { SQL_TIMEOUT_MS = 30000, RETRY_MS = 20 };
	struct job *job = &pg->job;
	if (first)
		job->sql = WAIT_NONE;
	int64_t limit_ms = job->sql_limit_ms > 0 ? job->sql_limit_ms : SQL_TIMEOUT_MS;
	if (job->sql == WAIT_NONE && work_query(&pg->work, sql, NULL, limit_ms, on_sql))
		job->sql = WAIT_OPEN;
	job->poll_ms = job->sql == WAIT_NONE ? RETRY_MS : -1; /* a chore has the session */
	if (job->sql == WAIT_OK)
		return STEP_NEXT;
	if (job->sql != WAIT_FAILED)
		return STEP_WAIT;
	char why[REASON_SIZE];
	text_copy(why, sizeof(why), job->why);
	return job_fail(pg, "%s: %s", what, why);
}
