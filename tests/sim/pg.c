/* The model behind postgres/postgres.h: what src/postgres does with the supervisor, files and SQL, as jobs that take
 * time and can be cut at every step. Lives in the agent's process and dies with it. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

enum { PROBE_TIMEOUT_MS = 2000, RETRY_FIRST_MS = 100, RETRY_MOST_MS = 1000 };

struct volume *driver_volume(const struct postgres *pg)
{
	return pg->process->pod->volume;
}

static void on_change_due(void *arg)
{
	struct postgres *pg = arg;
	pg->change = NULL;
	pg->params.on_change(pg->params.arg);
}

void driver_changed(struct postgres *pg)
{
	if (!pg->change && !pg->process->dead)
		pg->change = sim_after(0, pg->process, on_change_due, pg);
}

/* ---- the connection ---- */

bool driver_send(struct postgres *pg, struct message *m)
{
	struct supervisor *s = pg->process->pod->supervisor;
	m->id = ++pg->next_id;
	m->connection = pg->connection;
	return s && pg->connection != 0 && !pg->process->dead && supervisor_send(s, m);
}

static void link_lost(struct postgres *pg)
{
	struct instance *in = &pg->instance;
	pg->connection = 0;
	pg->reply_count = 0;
	pg->status_due = false;
	in->attached = in->nothing_left = in->volume_locked = false;
	in->tree = PG_TREE_UNKNOWN;
	in->data = DATA_UNKNOWN;
	pg->retry_ms = RETRY_FIRST_MS;
	loop_timer_set(pg->link_timer, pg->retry_ms);
	driver_changed(pg);
}

static void say_hello(struct postgres *pg)
{
	static uint64_t connections;
	struct message m = { .type = FRAME_HELLO, .generation = pg->params.generation, .from = pg };
	pg->connection = ++connections;
	pg->closed_due = pg->status_due = false; /* were of an earlier connection */
	if (!driver_send(pg, &m))
		pg->connection = 0;
}

/* As the driver: a HELLO that is not answered within a second is said again on a new connection. */
static void on_link_timer(void *arg)
{
	struct postgres *pg = arg;
	struct supervisor *s = pg->process->pod->supervisor;
	if (pg->connection != 0 && !pg->instance.attached && s) {
		supervisor_forget_agent(s, pg, pg->connection);
		pg->connection = 0;
	}
	if (pg->connection == 0 && s) {
		say_hello(pg);
	} else if (pg->connection != 0) {
		struct message m = { .type = FRAME_ASK };
		(void)driver_send(pg, &m);
	}
	int64_t ask_ms = pg->config->settings.ttl_ms / 6;
	pg->retry_ms = pg->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : pg->retry_ms * 2;
	bool waits = pg->connection != 0 && !pg->instance.attached;
	loop_timer_set(pg->link_timer, waits ? RETRY_MOST_MS : pg->connection == 0 ? pg->retry_ms : ask_ms);
}

/* ---- what is sensed ---- */

/* Its own, and those that were used up before a promotion. */
static uint32_t newest_timeline(const struct volume *v)
{
	uint32_t own = v->at.branch >= 0 ? wal_branch(v->at.branch)->timeline : 0;
	return v->next_timeline > own + 1 ? v->next_timeline - 1 : own;
}

void driver_look_at_data(struct postgres *pg)
{
	struct instance *in = &pg->instance;
	const struct volume *v = driver_volume(pg);
	if (!in->volume_locked && !mutant(27)) {
		in->data = DATA_UNKNOWN;
		return;
	}
	in->data = v->changing && !mutant(26) ? DATA_MARKED : v->data;
	in->rewind_marked = v->changing && v->rewinding;
	in->rewind_timeline = v->rewind_timeline;
	text_copy(in->rewind_source, sizeof(in->rewind_source), v->rewind_source);
	in->can_rewind = world->options.can_rewind;
	text_copy(in->system_identifier, sizeof(in->system_identifier), v->system_identifier);
	in->control = v->control;
	in->control_timeline = v->at.branch >= 0 ? wal_branch(v->at.branch)->timeline : 0;
	bool clean = v->control == CONTROL_SHUT_DOWN_IN_RECOVERY;
	in->newest_timeline = newest_timeline(v);
	in->control_lsn = v->at.branch < 0 ? 0 : clean ? v->at.lsn : v->checkpoint_lsn;
	in->has_standby_signal = v->standby_signal;
	in->was_primary = v->data == DATA_OK && !v->standby_signal && v->control != CONTROL_SHUT_DOWN_IN_RECOVERY &&
			  v->control != CONTROL_IN_ARCHIVE_RECOVERY;
	in->bootstrap_attempt = v->bootstrap;
	in->restored = v->bootstrap && v->restored;
	in->recovers = in->restored && v->recovers;
	in->armed_timeline = v->armed_timeline;
	in->roles_made = v->roles_made;
	if (v->armed_timeline == 0 || !lease_token_from_text(&in->armed_token, v->armed_token))
		in->armed_token = (struct lease_token){ .leader = "" };
	text_copy(in->upstream, sizeof(in->upstream), v->upstream);
	text_copy(in->upstream_host, sizeof(in->upstream_host), v->upstream_host);
	in->upstream_port = v->upstream_port;
	in->server_version = 150018;
	if (v->at.branch >= 0 && pg->history_branch != v->at.branch) {
		pg->history_branch = v->at.branch;
		wal_history(v->at.branch, &in->history);
	}
}

bool driver_tree_is_up(enum pg_tree tree)
{
	return tree == PG_TREE_STARTING || tree == PG_TREE_STANDBY || tree == PG_TREE_PROMOTING ||
	       tree == PG_TREE_PRIMARY;
}

static void take_end(struct postgres *pg, const struct sup_status *st, enum pg_tree tree)
{
	struct instance *in = &pg->instance;
	bool ended = tree == PG_TREE_DOWN || tree == PG_TREE_FENCING;
	bool other = pg->nonce != 0 && pg->nonce != st->nonce;
	bool by_itself = st->fence_reason == FENCE_NONE || st->fence_reason == FENCE_ORPHANS;
	if (driver_tree_is_up(pg->last_tree) && ended && !pg->end_asked && !st->term_pending && (by_itself || other))
		in->crashed = true;
	in->fenced = st->fenced && st->fence_reason != FENCE_ORPHANS;
	if (tree == PG_TREE_DOWN) {
		in->answers = in->streaming = false;
		in->probed = (struct instant){ 0, 0 };
	}
}

static void take_status(struct postgres *pg, const struct sup_status *st)
{
	struct instance *in = &pg->instance;
	bool first = !in->attached;
	enum pg_tree tree = (enum pg_tree)(st->tree + 1);
	in->attached = true;
	in->tree = tree;
	bool shut_down = in->writable && !st->writable && tree == PG_TREE_STOPPING;
	in->writable = st->writable;
	in->unguarded = st->unguarded;
	in->nothing_left = tree == PG_TREE_DOWN && st->left == 0;
	in->volume_locked = st->volume_locked || mutant(27);
	in->term_pending = st->term_pending;
	in->term_at = (struct instant){ st->term_at.boot_us, st->term_at.raw_us };
	in->deadline = (struct instant){ st->deadline.boot_us, st->deadline.raw_us };
	text_copy(in->token, sizeof(in->token), st->token);
	in->postmaster_count = st->postmaster_count;
	in->postmaster_at = (struct instant){ st->postmaster_at.boot_us, st->postmaster_at.raw_us };
	if (tree != pg->last_tree)
		take_end(pg, st, tree);
	if (first || shut_down || tree == PG_TREE_DOWN)
		driver_look_at_data(pg);
	if (tree != pg->last_tree && driver_tree_is_up(tree))
		postgres_probe(pg);
	if (first && st->job != JOB_NONE) {
		struct message m = { .type = FRAME_KILL }; /* what an earlier agent began */
		(void)driver_send(pg, &m);
	}
	pg->last_tree = tree;
	pg->nonce = st->nonce;
}

/* Everything that came over the socket since the last look. */
static void on_news(void *arg)
{
	struct postgres *pg = arg;
	pg->news = NULL;
	if (pg->closed_due) {
		pg->closed_due = false;
		link_lost(pg);
	} else {
		pg->instance.heard = loop_now(pg->loop);
		if (pg->status_due) {
			pg->status_due = false;
			take_status(pg, &pg->status);
		}
		if (pg->exited_due) {
			pg->exited_due = false;
			pg->run_done = true;
			pg->run_ok = pg->exited_ok;
		}
	}
	driver_job_turn(pg);
	if (pg->was_changed)
		driver_changed(pg);
	pg->was_changed = false;
}

static void news(struct postgres *pg)
{
	if (!pg->news)
		pg->news = sim_after(sim_between(30, 300), pg->process, on_news, pg);
}

void driver_status(struct postgres *pg, const struct sup_status *status)
{
	pg->was_changed |= memcmp(&pg->status, status, sizeof(*status)) != 0;
	pg->status = *status;
	pg->status_due = true;
	news(pg);
}

void driver_reply(struct postgres *pg, uint32_t id, enum reply_code code)
{
	if (id == pg->waits_for && pg->reply_count < QUEUE_REPLIES)
		pg->replies[pg->reply_count++] = (struct reply){ id, code };
	news(pg);
}

void driver_exited(struct postgres *pg, bool ok)
{
	pg->exited_due = true;
	pg->exited_ok = ok;
	news(pg);
}

void driver_closed(struct postgres *pg)
{
	pg->closed_due = true;
	news(pg);
}

/* ---- SQL ---- */

const struct server *driver_server(const struct postgres *pg)
{
	struct supervisor *s = pg->process->pod->supervisor;
	return s ? supervisor_server(s) : NULL;
}

bool driver_sql_answers(const struct server *s)
{
	return s && s->process && s->process->frozen == 0 && s->postmaster &&
	       (s->phase == SERVER_STANDBY || s->phase == SERVER_PRIMARY || s->phase == SERVER_PROMOTING);
}

static void take_probe(struct postgres *pg, const struct server *s)
{
	struct instance *in = &pg->instance;
	const struct volume *v = s->volume;
	in->probed = loop_now(pg->loop);
	in->in_recovery = s->phase != SERVER_PRIMARY;
	in->timeline = wal_branch(v->at.branch)->timeline;
	in->timeline_is_sure = true;
	in->write_lsn = in->in_recovery ? 0 : v->at.lsn;
	in->receive_lsn = in->replay_lsn = in->in_recovery ? v->at.lsn : 0;
	in->streaming = s->upstream != NULL;
	in->control_timeline = in->timeline;
	in->newest_timeline = newest_timeline(v);
	in->roles_made = v->roles_made;
	if (pg->history_branch != v->at.branch) {
		pg->history_branch = v->at.branch;
		wal_history(v->at.branch, &in->history);
	}
	if (in->in_recovery)
		pg->details.slots[0] = '\0';
	else
		snprintf(pg->details.slots, sizeof(pg->details.slots), "{\"%s\":%llu}", pg->process->pod->name,
			 (unsigned long long)v->at.lsn);
	text_copy(pg->details.replication_state, sizeof(pg->details.replication_state),
		  in->streaming ? "streaming" : "");
}

static void on_probe_answer(void *arg)
{
	struct postgres *pg = arg;
	struct instance *in = &pg->instance;
	struct {
		bool answers, in_recovery, streaming;
		uint32_t timeline;
	} before = { in->answers, in->in_recovery, in->streaming, in->timeline };
	const struct server *s = driver_server(pg);
	pg->probe_answer = NULL;
	in->answers = driver_sql_answers(s);
	if (in->answers)
		take_probe(pg, s);
	pg->probed_since = in->answers;
	loop_timer_set(pg->probe_timer, in->answers ? pg->config->settings.loop_wait_ms : 1000);
	driver_job_turn(pg);
	if (before.answers != in->answers || before.in_recovery != in->in_recovery ||
	    before.streaming != in->streaming || before.timeline != in->timeline)
		driver_changed(pg);
	if (!pg->process->dead && pg->params.on_probed)
		pg->params.on_probed(pg->params.arg);
}

void postgres_probe(struct postgres *pg)
{
	if (pg->probe_answer || pg->process->dead)
		return;
	const struct server *s = driver_server(pg);
	bool hangs = s && s->process && s->process->frozen > 0;
	pg->probe_answer = sim_after(hangs ? PROBE_TIMEOUT_MS * MS_US : sim_skewed(500, 5 * MS_US, 200 * MS_US),
				     pg->process, on_probe_answer, pg);
}

static void on_probe_timer(void *arg)
{
	struct postgres *pg = arg;
	if (driver_tree_is_up(pg->instance.tree))
		postgres_probe(pg);
	else
		loop_timer_set(pg->probe_timer, pg->config->settings.loop_wait_ms);
}

/* ---- postgres/postgres.h ---- */

struct postgres *postgres_create(struct loop *loop, const struct postgres_params *params, UNUSED struct err *err)
{
	struct postgres *pg = calloc(1, sizeof(*pg));
	assert(pg);
	pg->loop = loop;
	pg->process = sim_loop_process(loop);
	pg->params = *params;
	pg->config = params->config;
	pg->history_branch = -1;
	pg->instance.clone_done_bytes = pg->instance.clone_total_bytes = -1;
	pg->retry_ms = RETRY_FIRST_MS;
	pg->link_timer = loop_timer_create(loop, on_link_timer, pg);
	pg->probe_timer = loop_timer_create(loop, on_probe_timer, pg);
	pg->step_timer = loop_timer_create(loop, driver_on_step, pg);
	loop_timer_set(pg->link_timer, 0);
	loop_timer_set(pg->probe_timer, 1000);
	return pg;
}

void postgres_destroy(struct postgres *pg)
{
	if (!pg)
		return;
	if (pg->connection != 0 && pg->process->pod->supervisor)
		supervisor_forget_agent(pg->process->pod->supervisor, pg, pg->connection);
	sim_cancel(&pg->news);
	sim_cancel(&pg->probe_answer);
	sim_cancel(&pg->change);
	loop_timer_destroy(pg->link_timer);
	loop_timer_destroy(pg->probe_timer);
	loop_timer_destroy(pg->step_timer);
	free(pg);
}

const struct instance *postgres_instance(const struct postgres *pg)
{
	return &pg->instance;
}

const struct postgres_details *postgres_details(const struct postgres *pg)
{
	return &pg->details;
}

void postgres_set_deadline(struct postgres *pg, const struct deadline_order *order)
{
	struct message m = { .type = FRAME_DEADLINE,
			     .deadline = { .number = ++pg->number,
					   .at = { order->at.boot_us, order->at.raw_us },
					   .answered = order->answered,
					   .unguarded = order->unguarded } };
	lease_token_to_text(&order->token, m.deadline.token, sizeof(m.deadline.token));
	(void)driver_send(pg, &m);
}

void postgres_fence(struct postgres *pg)
{
	struct message m = { .type = FRAME_FENCE };
	pg->end_asked = true;
	(void)driver_send(pg, &m);
}

void postgres_term_go(struct postgres *pg)
{
	struct message m = { .type = FRAME_TERM_GO };
	(void)driver_send(pg, &m);
}

void postgres_initdb(struct postgres *pg)
{
	driver_job_begin(pg, PG_JOB_INITDB);
}

void postgres_restore(struct postgres *pg)
{
	driver_job_begin(pg, PG_JOB_RESTORE);
}

void postgres_clone(struct postgres *pg, const struct upstream *from, UNUSED bool basebackup)
{
	if (driver_job_begin(pg, PG_JOB_CLONE))
		pg->upstream = *from;
}

void postgres_start_standby(struct postgres *pg, const struct upstream *upstream)
{
	if (driver_job_begin(pg, PG_JOB_START_STANDBY))
		pg->upstream = *upstream;
}

void postgres_start_primary(struct postgres *pg, const struct lease_token *token)
{
	if (driver_job_begin(pg, PG_JOB_START_PRIMARY))
		pg->token = *token;
}

void postgres_promote(struct postgres *pg, const struct lease_token *token, uint32_t timeline)
{
	if (!driver_job_begin(pg, PG_JOB_PROMOTE))
		return;
	pg->token = *token;
	pg->timeline = timeline;
}

/* A stop does not wait for what it makes pointless. */
void postgres_stop(struct postgres *pg, bool immediate)
{
	enum pg_job job = pg->instance.job;
	if (job == PG_JOB_START_STANDBY || job == PG_JOB_START_PRIMARY || job == PG_JOB_PROMOTE ||
	    job == PG_JOB_FOLLOW || job == PG_JOB_POST_BOOTSTRAP)
		driver_job_over(pg, false, "stopped");
	if (driver_job_begin(pg, PG_JOB_STOP))
		pg->immediate = immediate;
}

void postgres_stop_after_checkpoint(struct postgres *pg)
{
	postgres_stop(pg, false);
}

void postgres_callback(UNUSED struct postgres *pg, UNUSED const char *action, UNUSED const char *role)
{
}

void postgres_sync_passwords(UNUSED struct postgres *pg)
{
}

void postgres_follow(struct postgres *pg, const struct upstream *upstream)
{
	if (driver_job_begin(pg, PG_JOB_FOLLOW))
		pg->upstream = *upstream;
}

void postgres_post_bootstrap(struct postgres *pg)
{
	driver_job_begin(pg, PG_JOB_POST_BOOTSTRAP);
}

void postgres_bootstrap_done(struct postgres *pg)
{
	if (pg->process->dead)
		return;
	driver_volume(pg)->bootstrap = false;
	pg->instance.bootstrap_attempt = false;
	driver_changed(pg);
}

void postgres_move_aside(struct postgres *pg)
{
	driver_job_begin(pg, PG_JOB_ASIDE);
}

void postgres_rewind(struct postgres *pg, const struct upstream *from)
{
	if (driver_job_begin(pg, PG_JOB_REWIND))
		pg->upstream = *from;
}

void postgres_wipe(struct postgres *pg)
{
	driver_job_begin(pg, PG_JOB_WIPE);
}

void postgres_cancel_job(struct postgres *pg)
{
	struct message m = { .type = FRAME_KILL };
	enum pg_job job = pg->instance.job;
	if (job == PG_JOB_INITDB || job == PG_JOB_RESTORE || job == PG_JOB_CLONE || job == PG_JOB_REWIND)
		(void)driver_send(pg, &m);
}

void postgres_reload(UNUSED struct postgres *pg)
{
}

void postgres_sync_slots(UNUSED struct postgres *pg, UNUSED const char (*slots)[NAME_SIZE], UNUSED int count)
{
}

void postgres_checkpoint(UNUSED struct postgres *pg)
{
}
