/* What others see of this layer: creation, the acts, and the turn that follows every event. */
#include "postgres/private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { CHECKPOINT_TIMEOUT_MS = 3600 * 1000, REPROBE_MS = 1000 };

/* ---- the turn ---- */

static void on_reconfigured(struct postgres *pg, int code, UNUSED int detail)
{
	if (code != REPLY_OK)
		log_warning("postgres: reload: %s", link_reply_text(code));
	/* the server needs a moment until its flags say what the files changed */
	loop_timer_set(pg->probe.timer, REPROBE_MS);
}

static bool is_up(const struct postgres *pg)
{
	enum pg_tree tree = pg->instance.tree;
	return tree == PG_TREE_STARTING || tree == PG_TREE_STANDBY || tree == PG_TREE_PROMOTING ||
	       tree == PG_TREE_PRIMARY;
}

/* A server whose files somebody else wrote goes on following whom it follows. */
static void take_over_upstream(const struct instance *in, struct upstream *to)
{
	text_copy(to->host, sizeof(to->host), in->upstream_host);
	to->port = in->upstream_port;
}

/* The files follow the configuration and the role, between jobs. */
static void reconfigure(struct postgres *pg)
{
	struct err err;
	struct upstream upstream = pg->upstream;
	const struct instance *in = &pg->instance;
	if (!pg->reconfigure_wanted || pg->job.kind != PG_JOB_NONE || !in->attached || !in->volume_locked || !is_up(pg))
		return;
	if (in->tree == PG_TREE_PROMOTING || !describe_is_settled(pg))
		return;
	pg->reconfigure_wanted = false;
	enum conf_role role = in->tree == PG_TREE_PRIMARY ? CONF_PRIMARY : CONF_REPLICA;
	if (role == CONF_PRIMARY)
		upstream = (struct upstream){ .port = 0 };
	else if (upstream.host[0] == '\0' && in->upstream_host[0] != '\0')
		take_over_upstream(in, &upstream);
	if (!conffiles_write(pg, role, &upstream, &err)) {
		log_warning("postgres: %s", err.text);
		return;
	}
	link_send(pg, FRAME_RELOAD, NULL, 0, on_reconfigured);
}

/* All of an instance but its history. */
static const size_t told_size = offsetof(struct instance, history);

static bool same_but_for_clocks(struct postgres *pg)
{
	struct instance *in = &pg->instance;
	struct instant heard = in->heard, probed = in->probed;
	in->heard = pg->told.heard;
	in->probed = pg->told.probed;
	bool same = !pg->history_is_new && memcmp(in, &pg->told, told_size) == 0;
	in->heard = heard;
	in->probed = probed;
	return same;
}

static void on_change_timer(void *arg)
{
	struct postgres *pg = arg;
	pg->on_change(pg->arg);
}

void postgres_turn(struct postgres *pg)
{
	if (pg->turning)
		return;
	pg->turning = true;
	link_turn(pg);
	job_turn(pg);
	callbacks_turn(pg);
	reconfigure(pg);
	passwords_turn(pg);
	collation_turn(pg);
	slots_turn(pg);
	progress_turn(pg);
	pg->turning = false;
	if (same_but_for_clocks(pg))
		return;
	memcpy(&pg->told, &pg->instance, told_size);
	pg->history_is_new = false;
	loop_timer_set(pg->change_timer, 0);
}

static void on_turn_timer(void *arg)
{
	postgres_turn(arg);
}

void postgres_turn_soon(struct postgres *pg)
{
	loop_timer_set(pg->turn_timer, 0);
}

/* ---- life ---- */

struct postgres *postgres_create(struct loop *loop, const struct postgres_params *params, struct err *err)
{
	if (params->config->data_dir[0] != '/' || params->config->run_dir[0] != '/') {
		err_set(err, ERR_INPUT, "postgresql.data_dir and howdah.run_dir must be absolute paths");
		return NULL;
	}
	struct postgres *pg = calloc(1, sizeof(*pg));
	if (pg == NULL)
		abort();
	pg->loop = loop;
	pg->config = params->config;
	pg->generation = params->generation;
	pg->on_change = params->on_change;
	pg->on_probed = params->on_probed;
	pg->arg = params->arg;
	pg->instance.clone_done_bytes = pg->instance.clone_total_bytes = pg->instance.clone_rate = -1;
	pg->turn_timer = loop_timer_create(loop, on_turn_timer, pg);
	pg->poll_timer = loop_timer_create(loop, on_turn_timer, pg);
	pg->change_timer = loop_timer_create(loop, on_change_timer, pg);
	memcpy(&pg->told, &pg->instance, told_size);
	passwords_init(pg);
	remover_init(pg);
	probe_init(pg);
	work_init(pg, &pg->work);
	work_init(pg, &pg->checkpoint);
	collation_init(pg);
	link_init(pg);
	service_remove(pg); /* of an agent that died in a job */
	return pg;
}

void postgres_destroy(struct postgres *pg)
{
	if (pg == NULL)
		return;
	link_finish(pg);
	collation_finish(pg);
	work_finish(&pg->checkpoint);
	work_finish(&pg->work);
	probe_finish(pg);
	remover_finish(pg);
	loop_timer_destroy(pg->change_timer);
	loop_timer_destroy(pg->poll_timer);
	loop_timer_destroy(pg->turn_timer);
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

/* ---- the deadline ---- */

static void on_deadline(UNUSED struct postgres *pg, int code, UNUSED int detail)
{
	if (code != REPLY_OK && code != LINK_LOST)
		log_warning("postgres: deadline: %s", link_reply_text(code));
}

/* What could not be sent is sent after the next connection: the last one asked for is always the one to hold. */
void postgres_set_deadline(struct postgres *pg, const struct deadline_order *order)
{
	pg->deadline = (struct frame_deadline){
		.number = ++pg->deadline_number,
		.at = { order->at.boot_us, order->at.raw_us },
		.answered = order->answered,
		.unguarded = order->unguarded,
	};
	lease_token_to_text(&order->token, pg->deadline.token, sizeof(pg->deadline.token));
	pg->deadline_wanted = true;
	if (pg->instance.attached)
		link_send(pg, FRAME_DEADLINE, &pg->deadline, sizeof(pg->deadline), on_deadline);
}

void postgres_fence(struct postgres *pg)
{
	pg->end_asked = true;
	link_send(pg, FRAME_FENCE, NULL, 0, NULL);
}

void postgres_term_go(struct postgres *pg)
{
	link_send(pg, FRAME_TERM_GO, NULL, 0, NULL);
}

/* ---- jobs ---- */

static void set_upstream(struct upstream *to, const struct upstream *from)
{
	*to = (struct upstream){ .port = 0 }; /* no bytes behind the texts: they are compared */
	if (from == NULL)
		return;
	text_copy(to->member, sizeof(to->member), from->member);
	text_copy(to->host, sizeof(to->host), from->host);
	to->port = from->port;
}

static void begin_with_upstream(struct postgres *pg, enum pg_job kind, const struct upstream *upstream)
{
	struct job job = { .kind = kind };
	set_upstream(&job.upstream, upstream);
	job_begin(pg, kind, &job);
}

void postgres_initdb(struct postgres *pg)
{
	begin_with_upstream(pg, PG_JOB_INITDB, NULL);
}

void postgres_restore(struct postgres *pg)
{
	begin_with_upstream(pg, PG_JOB_RESTORE, NULL);
}

void postgres_clone(struct postgres *pg, const struct upstream *from, bool basebackup)
{
	struct job job = { .kind = PG_JOB_CLONE, .from_leader = basebackup };
	set_upstream(&job.upstream, from);
	job_begin(pg, PG_JOB_CLONE, &job);
}

void postgres_start_standby(struct postgres *pg, const struct upstream *upstream)
{
	begin_with_upstream(pg, PG_JOB_START_STANDBY, upstream);
}

void postgres_follow(struct postgres *pg, const struct upstream *upstream)
{
	begin_with_upstream(pg, PG_JOB_FOLLOW, upstream);
}

void postgres_start_primary(struct postgres *pg, const struct lease_token *token)
{
	job_begin(pg, PG_JOB_START_PRIMARY, &(struct job){ .token = *token });
}

void postgres_promote(struct postgres *pg, const struct lease_token *token, uint32_t timeline)
{
	job_begin(pg, PG_JOB_PROMOTE, &(struct job){ .token = *token, .timeline = timeline });
}

void postgres_mark_timeline(struct postgres *pg, uint32_t timeline, const struct lease_token *token)
{
	struct err err;
	if (pg->instance.volume_locked && !armed_write(pg, timeline, token, &err))
		log_warning("postgres: %s", err.text);
}

void postgres_stop(struct postgres *pg, bool immediate)
{
	job_begin(pg, PG_JOB_STOP, &(struct job){ .immediate = immediate });
}

void postgres_stop_after_checkpoint(struct postgres *pg)
{
	job_begin(pg, PG_JOB_STOP, &(struct job){ .checkpoint = true });
}

void postgres_post_bootstrap(struct postgres *pg)
{
	job_begin(pg, PG_JOB_POST_BOOTSTRAP, &(struct job){ .reply = WAIT_NONE });
}

void postgres_bootstrap_done(struct postgres *pg)
{
	struct err err;
	if (marker_remove(pg, "bootstrap", &err))
		pg->instance.bootstrap_attempt = false;
	else
		log_warning("postgres: %s", err.text);
}

void postgres_move_aside(struct postgres *pg)
{
	job_begin(pg, PG_JOB_ASIDE, &(struct job){ .reply = WAIT_NONE });
}

void postgres_cancel_job(struct postgres *pg)
{
	job_cancel(pg);
}

void postgres_reload(struct postgres *pg)
{
	pg->reconfigure_wanted = true;
	passwords_compare(pg);
	rewind_refresh(pg);
	postgres_turn_soon(pg);
}

void postgres_sync_slots(struct postgres *pg, const char (*slots)[NAME_SIZE], int count)
{
	pg->slots.count = count < MEMBERS_MAX ? count : MEMBERS_MAX;
	for (int i = 0; i < pg->slots.count; i++)
		text_copy(pg->slots.names[i], sizeof(pg->slots.names[i]), slots[i]);
	pg->slots.wanted = true;
	postgres_turn_soon(pg);
}

static void on_checkpoint(struct postgres *pg, bool ok, const char *error)
{
	if (!ok)
		log_warning("postgres: checkpoint: %s", error);
	pg_close(pg->checkpoint.session);
	probe_now(pg);
}

void postgres_checkpoint(struct postgres *pg)
{
	work_query(&pg->checkpoint, "CHECKPOINT", NULL, CHECKPOINT_TIMEOUT_MS, on_checkpoint);
}

void postgres_probe(struct postgres *pg)
{
	probe_now(pg);
}
