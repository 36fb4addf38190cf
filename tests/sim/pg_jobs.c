/* The driver's jobs: steps with time between them, so that anything can happen in the middle of each. */
#include "driver.h"

#include <string.h>

void driver_job_over(struct postgres *pg, bool ok, const char *why)
{
	struct instance *in = &pg->instance;
	if (ok && in->job == PG_JOB_ASIDE && in->failed_job == PG_JOB_START_PRIMARY) {
		sim_trace("%s: what a failure left is cleared away", pg->process->pod->name);
	} else if (ok) {
		in->failed_job = PG_JOB_NONE;
		in->failures = 0;
	} else {
		in->failures = in->failed_job == in->job ? in->failures + 1 : 1;
		in->failed_job = in->job;
		in->failed_at = loop_now(pg->loop);
		text_copy(in->failure, sizeof(in->failure), why);
		sim_trace("%s: job %d failed: %s", pg->process->pod->name, in->job, why);
	}
	in->job = PG_JOB_NONE;
	loop_timer_set(pg->step_timer, -1);
	if (in->tree == PG_TREE_DOWN || in->tree == PG_TREE_UNKNOWN)
		driver_look_at_data(pg);
	driver_changed(pg);
}

bool driver_job_begin(struct postgres *pg, enum pg_job job)
{
	struct instance *in = &pg->instance;
	if (in->job != PG_JOB_NONE || pg->process->dead)
		return false;
	in->job = job;
	in->job_since = loop_now(pg->loop);
	pg->step = 0;
	pg->reply_count = 0;
	pg->waits_for = 0;
	pg->run_done = pg->exited_due = false;
	pg->end_asked |= job == PG_JOB_STOP;
	loop_timer_set(pg->step_timer, sim_between(1, 20)); /* files are written */
	driver_changed(pg);
	return true;
}

static void ask(struct postgres *pg, struct message *m)
{
	pg->step++;
	pg->reply_count = 0;
	if (driver_send(pg, m))
		pg->waits_for = m->id;
	else
		driver_job_over(pg, false, "the supervisor is gone");
}

enum waiting { WAITING, ANSWERED, REFUSED };

static enum waiting answer(struct postgres *pg)
{
	if (pg->connection == 0) {
		driver_job_over(pg, false, "the connection to the supervisor was lost");
		return REFUSED;
	}
	if (pg->reply_count == 0)
		return WAITING;
	if (pg->replies[0].code == REPLY_OK)
		return ANSWERED;
	char text[64];
	snprintf(text, sizeof(text), "refused with %d", pg->replies[0].code);
	driver_job_over(pg, false, text);
	return REFUSED;
}

static bool may_write_files(const struct postgres *pg)
{
	return pg->instance.attached && (pg->instance.volume_locked || mutant(27));
}

static void set_upstream(struct postgres *pg)
{
	struct volume *v = driver_volume(pg);
	text_copy(v->upstream, sizeof(v->upstream), pg->upstream.member);
	text_copy(v->upstream_host, sizeof(v->upstream_host), pg->upstream.host);
	v->upstream_port = pg->upstream.port;
	text_copy(pg->instance.upstream, sizeof(pg->instance.upstream), v->upstream);
	text_copy(pg->instance.upstream_host, sizeof(pg->instance.upstream_host), v->upstream_host);
	pg->instance.upstream_port = v->upstream_port;
}

void postgres_mark_timeline(struct postgres *pg, uint32_t timeline, const struct lease_token *token)
{
	struct volume *v = driver_volume(pg);
	v->armed_timeline = timeline;
	lease_token_to_text(token, v->armed_token, sizeof(v->armed_token));
	pg->instance.armed_timeline = timeline;
	pg->instance.armed_token = *token;
}

static void write_armed(struct postgres *pg, uint32_t timeline)
{
	postgres_mark_timeline(pg, timeline, &pg->token);
}

/* START or PROMOTE went out: wait for the tree, then for the first answer by SQL. */
static void wait_until_up(struct postgres *pg, enum pg_tree wanted, bool in_recovery)
{
	struct instance *in = &pg->instance;
	if (pg->step == 1 && answer(pg) == ANSWERED)
		pg->step = 2;
	if (pg->step != 2)
		return;
	if (!in->attached || (in->tree == PG_TREE_DOWN && pg->status.tree == TREE_DOWN && !pg->status_due) ||
	    in->tree == PG_TREE_FENCING || in->tree == PG_TREE_STOPPING) {
		driver_job_over(pg, false, "it did not come up");
		return;
	}
	if (in->tree == wanted && in->answers && in->in_recovery == in_recovery) {
		in->recovers &= in_recovery;
		driver_job_over(pg, true, "");
	} else if (in->tree == wanted && !pg->probe_answer) {
		postgres_probe(pg);
	}
}

static void turn_start(struct postgres *pg, bool as_primary)
{
	struct volume *v = driver_volume(pg);
	if (pg->step == 0) {
		if (!may_write_files(pg)) {
			driver_job_over(pg, false, "the volume is not ours");
			return;
		}
		if (as_primary)
			write_armed(pg, pg->instance.control_timeline);
		else
			set_upstream(pg);
		if (as_primary && v->standby_signal) {
			driver_job_over(pg, false, "it is a standby: promote it");
			return;
		}
		v->standby_signal = !as_primary;
		pg->instance.crashed = pg->end_asked = false;
		struct message m = { .type = FRAME_START, .as = as_primary ? START_PRIMARY : START_STANDBY };
		ask(pg, &m);
		return;
	}
	wait_until_up(pg, as_primary ? PG_TREE_PRIMARY : PG_TREE_STANDBY, !as_primary);
}

static void turn_promote(struct postgres *pg)
{
	if (pg->step == 0) {
		if (!may_write_files(pg)) {
			driver_job_over(pg, false, "the volume is not ours");
			return;
		}
		write_armed(pg, pg->timeline);
		driver_volume(pg)->next_timeline = pg->timeline;
		struct message m = { .type = FRAME_PROMOTE };
		ask(pg, &m);
		return;
	}
	wait_until_up(pg, PG_TREE_PRIMARY, false);
}

static void turn_stop(struct postgres *pg)
{
	if (pg->step == 0) {
		struct message m = { .type = FRAME_STOP,
				     .stop = { pg->immediate ? STOP_IMMEDIATE : STOP_FAST,
					       (uint32_t)pg->config->settings.primary_stop_timeout_ms } };
		ask(pg, &m);
		return;
	}
	if (pg->step == 1 && answer(pg) == ANSWERED)
		pg->step = 2;
	if (pg->instance.job == PG_JOB_STOP && pg->step == 2 && pg->instance.tree == PG_TREE_DOWN)
		driver_job_over(pg, true, "");
}

static void turn_follow(struct postgres *pg)
{
	if (pg->step == 0) {
		if (!may_write_files(pg)) {
			driver_job_over(pg, false, "the volume is not ours");
			return;
		}
		set_upstream(pg);
		struct message m = { .type = FRAME_RELOAD };
		ask(pg, &m);
		return;
	}
	if (answer(pg) == ANSWERED) {
		driver_job_over(pg, true, "");
		postgres_probe(pg);
	}
}

static void make_empty(struct volume *v)
{
	v->data = DATA_EMPTY;
	v->at.branch = -1;
	v->changing = v->rewinding = v->bootstrap = v->roles_made = v->standby_signal = false;
	v->restored = v->recovers = false;
	v->armed_timeline = v->next_timeline = v->rewind_timeline = 0;
	v->armed_token[0] = v->system_identifier[0] = '\0';
	v->control = CONTROL_UNKNOWN;
}

/* As the driver: what became of a program cannot be told any more when its supervisor went away. */
static bool program_has_ended(struct postgres *pg)
{
	if (pg->step == 1 && answer(pg) == ANSWERED)
		pg->step = 2;
	if (pg->instance.job != PG_JOB_NONE && pg->step == 2 && pg->connection == 0)
		driver_job_over(pg, false, "the connection to the supervisor was lost");
	return pg->instance.job != PG_JOB_NONE && pg->step == 2 && pg->run_done;
}

static void turn_run(struct postgres *pg, enum job_kind kind)
{
	struct volume *v = driver_volume(pg);
	if (pg->step == 0) {
		if (!may_write_files(pg) || v->data != DATA_EMPTY) {
			driver_job_over(pg, false, "not an empty directory of ours");
			return;
		}
		v->changing = true;
		v->bootstrap = kind == JOB_INITDB || kind == JOB_RESTORE;
		v->restored = kind == JOB_RESTORE;
		v->roles_made = false;
		v->armed_timeline = 0;
		struct message m = { .type = FRAME_RUN, .job = kind };
		text_copy(m.host, sizeof(m.host), pg->upstream.host);
		ask(pg, &m);
		return;
	}
	if (!program_has_ended(pg))
		return;
	if (pg->run_ok && may_write_files(pg)) {
		v->standby_signal = kind == JOB_CLONE;
		v->changing = false;
	} else if (may_write_files(pg)) {
		make_empty(v); /* a failed attempt removes what it made */
	}
	driver_job_over(pg, pg->run_ok, "the program failed");
}

/* A rewind that was cut leaves a directory that only another one can make whole. */
static void turn_rewind(struct postgres *pg)
{
	struct volume *v = driver_volume(pg);
	if (pg->step == 0) {
		if (!may_write_files(pg) || v->data != DATA_OK || (v->changing && !v->rewinding)) {
			driver_job_over(pg, false, "not a directory of ours that can be rewound");
			return;
		}
		v->changing = v->rewinding = true;
		struct message m = { .type = FRAME_RUN, .job = JOB_REWIND };
		text_copy(m.host, sizeof(m.host), pg->upstream.host);
		ask(pg, &m);
		return;
	}
	if (!program_has_ended(pg))
		return;
	if (pg->run_ok && may_write_files(pg)) {
		v->standby_signal = true;
		v->changing = v->rewinding = false;
		v->rewind_timeline = 0;
		v->armed_timeline = 0;
	}
	driver_job_over(pg, pg->run_ok, "pg_rewind failed");
}

static void turn_wipe(struct postgres *pg)
{
	struct volume *v = driver_volume(pg);
	if (pg->step++ == 0) {
		loop_timer_set(pg->step_timer, sim_between(1, 2000));
		return;
	}
	if (!may_write_files(pg) || pg->instance.tree != PG_TREE_DOWN) {
		driver_job_over(pg, false, "not now");
		return;
	}
	check_data_removed(v, v->changing || v->bootstrap);
	make_empty(v);
	driver_job_over(pg, true, "");
}

/* Aside is a rename: what is in it stays on the volume under another name, unless this attempt made it. */
static void turn_aside(struct postgres *pg)
{
	struct volume *v = driver_volume(pg);
	if (pg->step++ == 0) {
		loop_timer_set(pg->step_timer, sim_between(1, 400));
		return;
	}
	if (!may_write_files(pg) || pg->instance.tree != PG_TREE_DOWN) {
		driver_job_over(pg, false, "not now");
		return;
	}
	check_data_removed(v, v->changing || v->bootstrap);
	make_empty(v);
	driver_job_over(pg, true, "");
}

static void turn_roles(struct postgres *pg)
{
	if (pg->step++ == 0) {
		bool long_command = driver_volume(pg)->restored; /* post_bootstrap has more to do there */
		loop_timer_set(pg->step_timer, sim_between(20, long_command ? 20000 : 600));
		return;
	}
	const struct server *s = driver_server(pg);
	bool ok = driver_sql_answers(s) && s->phase == SERVER_PRIMARY;
	struct volume *v = driver_volume(pg);
	if (ok) {
		/* a recovery chose it when it ended */
		v->armed_timeline = pg->instance.armed_timeline = pg->instance.timeline;
		v->restored = pg->instance.restored = false;
		v->roles_made = pg->instance.roles_made = true;
	}
	driver_job_over(pg, ok, "the server does not answer");
}

void driver_job_turn(struct postgres *pg)
{
	if (loop_timer_is_set(pg->step_timer))
		return;
	switch (pg->instance.job) {
	case PG_JOB_START_STANDBY:
		turn_start(pg, false);
		break;
	case PG_JOB_START_PRIMARY:
		turn_start(pg, true);
		break;
	case PG_JOB_PROMOTE:
		turn_promote(pg);
		break;
	case PG_JOB_STOP:
		turn_stop(pg);
		break;
	case PG_JOB_FOLLOW:
		turn_follow(pg);
		break;
	case PG_JOB_INITDB:
		turn_run(pg, JOB_INITDB);
		break;
	case PG_JOB_RESTORE:
		turn_run(pg, JOB_RESTORE);
		break;
	case PG_JOB_CLONE:
		turn_run(pg, JOB_CLONE);
		break;
	case PG_JOB_ASIDE:
		turn_aside(pg);
		break;
	case PG_JOB_REWIND:
		turn_rewind(pg);
		break;
	case PG_JOB_WIPE:
		turn_wipe(pg);
		break;
	case PG_JOB_POST_BOOTSTRAP:
		turn_roles(pg);
		break;
	default:
		break;
	}
	/* a probe or STATUS wakes the job; this only for what neither tells */
	if (pg->instance.job != PG_JOB_NONE && pg->instance.attached && !pg->probe_answer && pg->step >= 2 &&
	    driver_tree_is_up(pg->instance.tree) && !loop_timer_is_set(pg->step_timer))
		loop_timer_set(pg->step_timer, 250);
}

void driver_on_step(void *arg)
{
	struct postgres *pg = arg;
	if (pg->instance.job != PG_JOB_NONE && pg->step >= 1 && !pg->instance.attached) {
		driver_job_over(pg, false, "the connection to the supervisor was lost");
		return;
	}
	driver_job_turn(pg);
}
