/* What people ask of this member through REST: carried out, watched until it is done, answered once. What may be done is decided
 * in core; here it is begun, and what became of it is told. */
#include "private.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS_MAX = 32, MOVE_ASK_MS = 3000, RESTART_MARGIN_MS = 60000, CONFIG_TRIES = 5 };

struct order {
	struct agent *agent;
	struct http_reply *reply; /* NULL: a free place */
	struct rest_answer answer;
	struct instant since;
	bool writing, written; /* the store: under way, done */
	int tries;
	char leader[NAME_SIZE]; /* ORDER_MOVE: who led when it was asked */
	struct move replaces;   /* ... and what was scheduled then */
};

struct orders {
	bool begun; /* what an earlier agent left has been looked at */
	struct order list[ORDERS_MAX];
};

struct orders *orders_create(void)
{
	struct orders *orders = calloc(1, sizeof(*orders));
	if (orders == NULL)
		abort();
	return orders;
}

static void end(struct order *order)
{
	struct agent *agent = order->agent;
	struct http_reply *reply = order->reply;
	order->reply = NULL;
	agent_send(reply, &order->answer);
	rest_answer_clear(&order->answer);
	agent_wake(agent);
}

static void end_with(struct order *order, int status, const char *text)
{
	rest_answer_text(&order->answer, status, text);
	end(order);
}

void orders_destroy(struct orders *orders)
{
	for (int i = 0; orders != NULL && i < ORDERS_MAX; i++)
		if (orders->list[i].reply != NULL)
			end_with(&orders->list[i], 503, "the agent ends");
	free(orders);
}

/* ---- configuration ---- */

static void write_config(struct order *order);

static void on_config_written(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct order *order = arg;
	order->writing = false;
	if (order->reply == NULL)
		return;
	if (outcome == DCS_CONFLICT && order->answer.order.config_replaces && ++order->tries < CONFIG_TRIES) {
		order->answer.order.config_version = dcs_view(order->agent->dcs)->config_object_version;
		write_config(order);
		return;
	}
	if (outcome == DCS_DONE)
		rest_answer_config(&order->answer);
	else
		rest_answer_error(&order->answer,
				  outcome == DCS_CONFLICT               ? 409
				  : order->answer.order.config_replaces ? 502
									: 503,
				  text);
	end(order);
}

static void write_config(struct order *order)
{
	order->writing = true;
	dcs_write_config(order->agent->dcs, order->answer.order.config_text, order->answer.order.config_version,
			 on_config_written, order);
}

static void begin_reload(struct order *order)
{
	agent_reload_soon(order->agent);
	end_with(order, 202, "reload scheduled");
}

/* ---- switchover and failover ---- */

static void on_move_written(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct order *order = arg;
	order->writing = false;
	if (order->reply == NULL)
		return;
	order->written = outcome == DCS_DONE;
	if (order->written && order->replaces.asked && order->replaces.at_us != 0)
		agent_notice(order->agent, true, "MoveDropped",
			     "the switchover that was scheduled for %s is dropped: another one was asked for",
			     order->replaces.scheduled_at);
	if (!order->written) {
		log_warning("a wish to move the leadership was not written: %s", text);
		end_with(order, 503, "failed to write failover key into DCS");
	} else if (order->answer.order.move.at_us != 0) {
		end_with(order, 202, "Switchover scheduled");
	}
}

static int move_patience_s(const struct agent *agent)
{
	int64_t loop_wait_s = agent->config.settings.loop_wait_ms / 1000;
	return 2 * (int)(loop_wait_s > 10 ? loop_wait_s : 10);
}

static const char *leader_now(const struct situation *s)
{
	const struct lease_sight *sight = &s->self->sight;
	return sight->held && lease_left_ms(sight, s->now) > 0 ? sight->record.leader : "";
}

static void ask_whether_possible(struct order *order, const struct situation *s)
{
	const struct move *move = &order->answer.order.move;
	bool now = move->at_us == 0;
	enum move_obstacle obstacle = now ? move_check(s, move, order->since) : MOVE_POSSIBLE;
	if (obstacle == MOVE_ASK && elapsed_most_ms(order->since, s->now) < MOVE_ASK_MS) {
		agent_ask_peers(order->agent);
		return;
	}
	if (obstacle != MOVE_POSSIBLE) {
		rest_answer_obstacle(&order->answer.order, obstacle == MOVE_ASK ? MOVE_NOBODY_FIT : obstacle,
				     &order->answer);
		end(order);
		return;
	}
	text_copy(order->leader, sizeof(order->leader), leader_now(s));
	order->since = s->now;
	order->writing = true;
	order->agent->move_why[0] = '\0';
	order->replaces = s->cluster->move;
	dcs_write_move(order->agent->dcs, move, on_move_written, order);
}

/* A primary's word counts, not that of the lock alone: whoever waits for the answer will write there next. */
static bool has_moved(const struct situation *s, const char *from)
{
	const char *leader = leader_now(s);
	const struct member *m = cluster_member(s->cluster, leader);
	bool patronis = m != NULL && m->has_status && !m->is_howdah; /* the lock does not tell its timeline */
	bool promoted = patronis ? m->role == ROLE_PRIMARY : s->cluster->leader_timeline != 0;
	return leader[0] != '\0' && strcmp(leader, from) != 0 && promoted;
}

/* Why it was dropped knows who held the lock. */
static void answer_not_moved(struct order *order, int waited_s)
{
	char elsewhere[NAME_SIZE + 64];
	const char *why = order->agent->move_why;
	snprintf(elsewhere, sizeof(elsewhere), "the Event MoveDropped of %s says why", order->leader);
	rest_answer_not_moved(&order->answer, waited_s,
			      why[0] != '\0'             ? why
			      : order->leader[0] != '\0' ? elsewhere
							 : "");
}

static void watch_move(struct order *order, const struct situation *s)
{
	int patience_s = move_patience_s(order->agent);
	bool late = elapsed_most_ms(order->since, s->now) > patience_s * 1000;
	if (order->writing)
		return;
	if (!order->written) {
		ask_whether_possible(order, s);
		return;
	}
	bool dropped = !s->cluster->move.asked && strcmp(leader_now(s), order->leader) == 0;
	if (has_moved(s, order->leader))
		rest_answer_moved(&order->answer, leader_now(s));
	else if (dropped || late)
		answer_not_moved(order, dropped ? 0 : patience_s);
	else
		return;
	end(order);
}

static void on_move_cancelled(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct order *order = arg;
	order->writing = false;
	if (order->reply == NULL)
		return;
	if (outcome == DCS_DONE)
		rest_answer_text(&order->answer, 200, "scheduled switchover deleted");
	else
		rest_answer_error(&order->answer, 409, text);
	end(order);
}

static void cancel_move(struct order *order, const struct situation *s)
{
	const struct move none = { .asked = false };
	if (!s->cluster->move.asked || s->cluster->move.at_us == 0) {
		end_with(order, 404, "no switchover is scheduled");
		return;
	}
	order->writing = true;
	dcs_write_move(order->agent->dcs, &none, on_move_cancelled, order);
}

/* ---- restart ---- */

static void begin_restart(struct order *order, const struct situation *s)
{
	struct self *self = &order->agent->self;
	struct restart_order *wish = &order->answer.order.restart;
	bool scheduled = wish->at_us != 0;
	if (self->restart.asked) {
		end_with(order, scheduled ? 409 : 503,
			 self->restart.at_us != 0 && scheduled ? "Another restart is already scheduled"
							       : "restart already in progress");
		return;
	}
	if (s->instance->job != PG_JOB_NONE && !scheduled) {
		char text[96];
		snprintf(text, sizeof(text), "%s already in progress", pg_job_text(s->instance->job));
		end_with(order, 503, text);
		return;
	}
	if (s->instance->tree == PG_TREE_STARTING && !scheduled) {
		end_with(order, 503, "postgres is still starting");
		return;
	}
	order->agent->restart_why = NULL;
	self->restart = *wish;
	self->restart.asked = true;
	self->restart.began = s->instance->tree == PG_TREE_DOWN; /* nothing to stop: only to be started */
	self->restart.postmaster_start_us = s->instance->answers ? s->instance->postmaster_start.us : 0;
	self->restart_pending = postgres_details(order->agent->pg)->pending_restart; /* what whoever asks has seen */
	struct situation then = agent_situation(order->agent);
	if (scheduled) {
		end_with(order, 202, "Restart scheduled");
	} else if (restart_decide(&then) == RESTART_DROP) {
		self->restart = (struct restart_order){ .asked = false }; /* what was refused is not done later */
		end_with(order, 503, "restart conditions are not satisfied");
	}
}

void agent_drop_restart(struct agent *agent, const char *why)
{
	const struct restart_order *restart = &agent->self.restart;
	bool scheduled = restart->at_us != 0;
	agent_notice(agent, true, "RestartDropped", "the %srestart that was asked for is dropped: %s",
		     scheduled ? "scheduled " : "", why);
	agent->restart_why = why;
	agent->self.restart = (struct restart_order){ .asked = false };
}

/* A schedule is nobody's memory but the agent's; our pod still says what its predecessor had. */
void orders_tell_lost(struct agent *agent)
{
	struct err err;
	if (agent->orders->begun)
		return;
	agent->orders->begun = true;
	const char *text = dcs_member_status_text(agent->dcs, agent->self.name);
	AUTO(json) struct json *status = text[0] != '\0' ? json_parse(text, strlen(text), &err) : NULL;
	const char *schedule = json_get_text(json_get(status, "scheduled_restart"), "schedule");
	if (schedule != NULL)
		agent_notice(agent, true, "RestartDropped",
			     "the restart that was scheduled for %s is dropped: the agent was started anew", schedule);
}

static void end_restart(struct order *order, const struct situation *s)
{
	char text[200];
	const char *why = order->agent->restart_why;
	bool done = why == NULL && s->instance->answers;
	snprintf(text, sizeof(text), "restart failed%s%s", why != NULL ? ": " : "", why != NULL ? why : "");
	end_with(order, done ? 200 : 503, done ? "restarted successfully" : text);
}

static void watch_restart(struct order *order, const struct situation *s)
{
	const struct restart_order *wish = &order->answer.order.restart;
	int64_t limit_ms = wish->timeout_ms > 0 ? wish->timeout_ms : s->settings->primary_start_timeout_ms;
	bool late = elapsed_most_ms(order->since, s->now) > limit_ms + RESTART_MARGIN_MS;
	bool failed = s->self->restart.began && s->instance->failures > 1;
	if (s->self->restart.asked && (late || failed))
		agent_drop_restart(order->agent, failed ? "PostgreSQL could not be started again and again"
							: "PostgreSQL did not answer in time");
	if (!order->agent->self.restart.asked)
		end_restart(order, s);
}

static void cancel_restart(struct order *order)
{
	struct restart_order *restart = &order->agent->self.restart;
	bool scheduled = restart->asked && restart->at_us != 0 && !restart->began;
	if (scheduled)
		*restart = (struct restart_order){ .asked = false };
	end_with(order, scheduled ? 200 : 404, scheduled ? "scheduled restart deleted" : "no restarts are scheduled");
}

/* ---- reinitialize ---- */

static void begin_reinitialize(struct order *order, const struct situation *s)
{
	struct agent *agent = order->agent;
	char text[96];
	if (leader_now(s)[0] == '\0') {
		end_with(order, 503, "Cluster has no leader, can not reinitialize");
	} else if (lock_is_mine(s)) {
		end_with(order, 503, "I am the leader, can not reinitialize");
	} else if (is_foreign(s)) {
		end_with(order, 503, "The data directory belongs to another cluster, can not reinitialize");
	} else if (s->instance->data == DATA_INVALID || s->instance->data == DATA_UNREADABLE) {
		end_with(order, 503, "The data directory is none that may be removed, can not reinitialize");
	} else if (s->instance->job != PG_JOB_NONE && !order->answer.order.force) {
		snprintf(text, sizeof(text), "%s already in progress", pg_job_text(s->instance->job));
		end_with(order, 503, text);
	} else {
		if (s->instance->job != PG_JOB_NONE)
			postgres_cancel_job(agent->pg);
		log_warning("a new clone was asked for: the data directory will be removed");
		agent->self.reinitialize = true;
		agent->copy_why = NULL;
		agent->clone_from_leader = order->answer.order.from_leader;
		end_with(order, 200, "reinitialize started");
	}
}

static void take_failsafe(struct order *order, const struct situation *s)
{
	char lsn[24];
	if (!agent_take_failsafe_ping(order->agent, &order->answer.order.ping)) {
		end_with(order, 500, "Running as a leader");
		return;
	}
	snprintf(lsn, sizeof(lsn), "%llu", (unsigned long long)instance_lsn(s->instance));
	rest_answer_header(&order->answer, "lsn", lsn);
	end_with(order, 200, "Accepted");
}

/* ---- all of them ---- */

static void begin(struct order *order)
{
	struct situation s = agent_situation(order->agent);
	switch (order->answer.order.kind) {
	case ORDER_CONFIG:
		write_config(order);
		break;
	case ORDER_RELOAD:
		begin_reload(order);
		break;
	case ORDER_RESTART:
		begin_restart(order, &s);
		break;
	case ORDER_RESTART_CANCEL:
		cancel_restart(order);
		break;
	case ORDER_MOVE:
		watch_move(order, &s);
		break;
	case ORDER_MOVE_CANCEL:
		cancel_move(order, &s);
		break;
	case ORDER_REINITIALIZE:
		begin_reinitialize(order, &s);
		break;
	case ORDER_FAILSAFE:
		take_failsafe(order, &s);
		break;
	case ORDER_NONE:
	case ORDER_KIND_COUNT:
		end_with(order, 502, "not supported");
		break;
	}
	agent_wake_now(order->agent);
}

void orders_take(struct agent *agent, struct http_reply *reply, struct rest_answer *answer)
{
	for (int i = 0; i < ORDERS_MAX; i++) {
		struct order *order = &agent->orders->list[i];
		if (order->reply != NULL || order->writing)
			continue;
		*order = (struct order){
			.agent = agent, .reply = reply, .answer = *answer, .since = loop_now(agent->loop)
		};
		*answer = (struct rest_answer){ .status = 0 };
		begin(order);
		return;
	}
	rest_answer_text(answer, 503, "too many requests are being carried out");
	agent_send(reply, answer);
	rest_answer_clear(answer);
}

void orders_turn(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	for (int i = 0; i < ORDERS_MAX; i++) {
		struct order *order = &agent->orders->list[i];
		if (order->reply == NULL)
			continue;
		if (order->answer.order.kind == ORDER_MOVE)
			watch_move(order, &s);
		else if (order->answer.order.kind == ORDER_RESTART)
			watch_restart(order, &s);
	}
}
