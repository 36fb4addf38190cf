/* Steps that start and stop PostgreSQL. */
#include "postgres/private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 20, COUNTED_WITHIN_MS = 5000 };

static bool may_start(const struct postgres *pg, struct err *err)
{
	const struct instance *in = &pg->instance;
	if (!in->attached || !in->volume_locked)
		return err_set(err, ERR_OTHER, "the volume is not ours");
	if (in->tree != PG_TREE_DOWN)
		return err_set(err, ERR_OTHER, "PostgreSQL is running");
	if (in->data == DATA_MARKED)
		return err_set(err, ERR_OTHER, "an unfinished change of the data directory is marked");
	return in->data == DATA_OK || err_set(err, ERR_OTHER, "there is no data directory to start");
}

/* The lease of the decision may have run out while a program of people's was waited for. A deadline of a later one says nothing of it:
 * others may have led in between. */
bool job_lease_holds(const struct postgres *pg, struct err *err)
{
	char token[TOKEN_MAX];
	lease_token_to_text(&pg->job.token, token, sizeof(token));
	return text_equal(token, pg->instance.token) ||
	       err_set(err, ERR_OTHER, "the lease it was decided on is not in force any more");
}

enum step_result step_prepare_standby(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	datadir_look(pg);
	if (!may_start(pg, &err) || !datadir_prepare_start(pg, &err) || !datadir_set_standby(pg, &err))
		return job_fail(pg, "%s", err.text);
	datadir_drop_unused_timelines(pg, pg->instance.control_timeline);
	conffiles_restore(pg);
	return conffiles_write(pg, CONF_REPLICA, &pg->job.upstream, &err) ? STEP_NEXT : job_fail(pg, "%s", err.text);
}

/* A directory with a signal file becomes a primary's by a promotion only: a start would not give it a timeline of its own. */
enum step_result step_prepare_primary(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	struct upstream nobody = { .port = 0 };
	datadir_look(pg);
	if (!may_start(pg, &err) || !job_lease_holds(pg, &err))
		return job_fail(pg, "%s", err.text);
	if (pg->instance.has_standby_signal)
		return job_fail(pg, "it is a standby: promote it");
	/* a timeline that it was armed on before began with the lease of then */
	bool armed = pg->instance.armed_timeline == pg->instance.control_timeline &&
		     pg->instance.armed_token.leader[0] != '\0';
	if (!armed && !armed_write(pg, pg->instance.control_timeline, &pg->job.token, &err))
		return job_fail(pg, "%s", err.text);
	if (!datadir_prepare_start(pg, &err))
		return job_fail(pg, "%s", err.text);
	conffiles_restore(pg);
	return conffiles_write(pg, CONF_PRIMARY, &nobody, &err) ? STEP_NEXT : job_fail(pg, "%s", err.text);
}

static enum step_result send_start(struct postgres *pg, enum start_as as)
{
	char program[PROGRAM_SIZE];
	struct command command;
	struct err err;
	struct frame_start frame = { .as = as };
	if (!programs_choose(pg, "postgres", program, sizeof(program), &err))
		return job_fail(pg, "%s", err.text);
	struct gucs *gucs = malloc(sizeof(*gucs));
	if (gucs == NULL)
		abort();
	conf_gucs(pg, as == START_PRIMARY ? CONF_PRIMARY : CONF_REPLICA, as == START_STANDBY, gucs);
	command_postgres(&command, pg->config, program, gucs);
	gucs_clear(gucs);
	free(gucs);
	if (command.overflow)
		return job_fail(pg, "the command line of postgres is too long");
	frame.argc = command.argc;
	frame.envc = command.envc;
	pg->job.postmasters = pg->instance.postmaster_count;
	return job_send(pg, FRAME_START, &frame, sizeof(frame), &command);
}

/* A lost reply is no answer: what the supervisor says next tells. */
static enum step_result start_reply(struct postgres *pg)
{
	bool lost = pg->job.reply == WAIT_FAILED && pg->job.reply_code == LINK_LOST;
	enum step_result result = lost ? STEP_NEXT : job_reply(pg, "start");
	if (result == STEP_NEXT)
		pg->instance.crashed = pg->end_asked = false;
	return result;
}

/* Until it answers itself, it follows whom its files name. */
static void show_upstream(struct postgres *pg)
{
	struct instance *in = &pg->instance;
	text_copy(in->upstream, sizeof(in->upstream), pg->job.upstream.member);
	text_copy(in->upstream_host, sizeof(in->upstream_host), pg->job.upstream.host);
	in->upstream_port = pg->job.upstream.port;
}

enum step_result step_start_standby(struct postgres *pg, bool first)
{
	if (first)
		return send_start(pg, START_STANDBY);
	show_upstream(pg);
	return start_reply(pg);
}

enum step_result step_start_primary(struct postgres *pg, bool first)
{
	return first ? send_start(pg, START_PRIMARY) : start_reply(pg);
}

/* A standby is up when its postmaster says so; it may take long until it lets anybody in. A primary answers. */
enum step_result step_start_wait(struct postgres *pg, UNUSED bool first)
{
	struct instance *in = &pg->instance;
	pg->job.poll_ms = POLL_MS;
	if (!in->attached)
		return STEP_WAIT;
	if (in->postmaster_count == pg->job.postmasters) {
		int64_t waited = elapsed_least_ms(pg->job.step_since, loop_now(pg->loop));
		return waited < COUNTED_WITHIN_MS ? STEP_WAIT : job_fail(pg, "the supervisor did not start it");
	}
	if (in->tree == PG_TREE_DOWN || in->tree == PG_TREE_FENCING || in->tree == PG_TREE_STOPPING)
		return job_fail(pg, pg->instance.recovers
					    ? "it ended before its recovery did: PostgreSQL's log says why"
					    : "it ended while it was starting");
	if (in->tree == PG_TREE_STANDBY && pg->job.kind != PG_JOB_START_PRIMARY)
		return STEP_NEXT;
	if (in->tree != PG_TREE_PRIMARY)
		return STEP_WAIT;
	if (in->answers && !in->in_recovery)
		return STEP_NEXT;
	probe_if_older(pg, POLL_MS, false);
	return STEP_WAIT;
}

enum step_result step_started(struct postgres *pg, UNUSED bool first)
{
	if (pg->instance.recovers)
		log_info("postgres: the recovery has ended, on timeline %u", pg->instance.timeline);
	pg->instance.recovers = false;
	if (!pg->instance.restored) /* else they are not those that it is to keep */
		conffiles_backup(pg);
	probe_now(pg);
	return STEP_NEXT;
}

enum step_result step_stop(struct postgres *pg, bool first)
{
	struct frame_stop frame = { .mode = pg->job.immediate ? STOP_IMMEDIATE : STOP_FAST };
	if (!first)
		return pg->job.reply == WAIT_OPEN ? STEP_WAIT : STEP_NEXT;
	pg->end_asked = true;
	if (pg->instance.tree == PG_TREE_DOWN)
		return STEP_NEXT;
	frame.escalate_ms = (uint32_t)pg->config->settings.primary_stop_timeout_ms;
	return job_send(pg, FRAME_STOP, &frame, sizeof(frame), NULL);
}

/* The end is a fact of the supervisor's. A STOP that got lost with a connection is asked again. */
enum step_result step_stop_wait(struct postgres *pg, UNUSED bool first)
{
	struct instance *in = &pg->instance;
	if (!in->attached)
		return STEP_WAIT;
	if (in->tree == PG_TREE_DOWN && in->nothing_left)
		return STEP_NEXT;
	if (in->tree == PG_TREE_STOPPING || in->tree == PG_TREE_FENCING || in->tree == PG_TREE_DOWN ||
	    pg->job.reply == WAIT_OPEN)
		return STEP_WAIT;
	pg->job.poll_ms = POLL_MS;
	if (pg->job.reply == WAIT_FAILED ||
	    elapsed_least_ms(pg->job.step_since, loop_now(pg->loop)) > COUNTED_WITHIN_MS) {
		pg->job.step_since = loop_now(pg->loop);
		return step_stop(pg, true);
	}
	return STEP_WAIT;
}
