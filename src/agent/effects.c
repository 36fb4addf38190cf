/* One effector an action. They carry out what was decided, and ask the gates again right before anything that makes writable. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "core/gates.h"

#include <stdlib.h>
#include <string.h>

static void nothing(struct agent *agent UNUSED)
{
}

static void fence(struct agent *agent)
{
	int row = agent->plan.verdicts[TABLE_GUARD].rule;
	if (row != agent->fenced_by) {
		log_error("PostgreSQL is killed: %s", tables[TABLE_GUARD]->rules[row].why);
		agent->counters.fences++;
		agent->fenced_why = tables[TABLE_GUARD]->rules[row].why;
	}
	postgres_fence(agent->pg);
}

static void stop_fast(struct agent *agent)
{
	int row = agent->plan.verdicts[TABLE_GUARD].rule;
	if (row != agent->fenced_by)
		agent_notice(agent, true, "Demoted", "PostgreSQL is stopped: %s", tables[TABLE_GUARD]->rules[row].why);
	postgres_stop(agent->pg, false);
}

static void stop(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	enum end reason = end_decide(&s);
	if (reason != END_NO)
		log_info("PostgreSQL is stopped: %s", end_text(reason));
	if (reason == END_RESTART)
		agent->self.restart.began = true;
	if (reason == END_RESTART || reason == END_HAND_OVER)
		postgres_stop_after_checkpoint(agent->pg);
	else
		postgres_stop(agent->pg, reason == END_REINITIALIZE);
}

static void term_go(struct agent *agent)
{
	postgres_term_go(agent->pg);
}

static void cancel_job(struct agent *agent)
{
	postgres_cancel_job(agent->pg);
}

static bool gate_is_open(struct agent *agent, const char *what)
{
	struct situation s = agent_situation(agent);
	if (may_become_writable(&s))
		return true;
	log_warning("no %s: %s", what, may_become_writable_why(&s));
	return false;
}

static void promote(struct agent *agent)
{
	if (!gate_is_open(agent, "promotion"))
		return;
	agent->counters.promotions++;
	log_info("promoting");
	postgres_promote(agent->pg, &agent->self.hold.token, dcs_view(agent->dcs)->claimed_timeline);
}

static void start_primary(struct agent *agent)
{
	if (gate_is_open(agent, "start as primary"))
		postgres_start_primary(agent->pg, &agent->self.hold.token);
}

static struct upstream upstream_of(const struct member *member)
{
	struct upstream up = { .member = "" };
	if (member == NULL)
		return up;
	text_copy(up.member, sizeof(up.member), member->name);
	text_copy(up.host, sizeof(up.host), member->conn_host);
	up.port = member->conn_port;
	return up;
}

static struct upstream planned_upstream(const struct agent *agent)
{
	return upstream_of(cluster_member(dcs_view(agent->dcs), agent->plan.upstream));
}

static void start_standby(struct agent *agent)
{
	struct upstream up = planned_upstream(agent);
	postgres_start_standby(agent->pg, &up);
}

static void follow(struct agent *agent)
{
	struct upstream up = planned_upstream(agent);
	log_info("following %s", up.member);
	agent->self.followed = loop_now(agent->loop);
	postgres_follow(agent->pg, &up);
}

/* A running replica that offers itself, else the leader (contract 5.6 row 2). */
static const struct member *clone_source(const struct agent *agent)
{
	const struct cluster *cluster = dcs_view(agent->dcs);
	const struct member *source = NULL;
	uint32_t seen = 0;
	for (int i = 0; i < cluster->member_count; i++) {
		const struct member *m = &cluster->members[i];
		bool offers = m->clonefrom && m->state == STATE_RUNNING && m->conn_host[0] != '\0' &&
			      strcmp(m->replication_state, "streaming") == 0 &&
			      m->timeline == cluster_timeline(cluster) && strcmp(m->name, agent->plan.upstream) != 0 &&
			      strcmp(m->name, agent->self.name) != 0;
		if (offers && loop_random(agent->loop) % ++seen == 0)
			source = m;
	}
	return source != NULL ? source : cluster_member(cluster, agent->plan.upstream);
}

static void clone(struct agent *agent)
{
	const struct member *leader = cluster_member(dcs_view(agent->dcs), agent->plan.upstream);
	struct upstream up = upstream_of(agent->clone_from_leader && leader != NULL ? leader : clone_source(agent));
	log_info("cloning from %s", up.member);
	postgres_clone(agent->pg, &up, agent->clone_from_leader);
	agent->clone_from_leader = false;
}

static void clone_alone(struct agent *agent)
{
	struct upstream nobody = { .member = "" };
	log_info("cloning without a leader");
	postgres_clone(agent->pg, &nobody, false);
}

static void rewind_data(struct agent *agent)
{
	struct upstream up = planned_upstream(agent);
	log_info("rewinding onto the history of %s", up.member);
	postgres_rewind(agent->pg, &up);
}

static void wipe(struct agent *agent)
{
	log_warning("the data directory is removed: a new clone was asked for");
	postgres_wipe(agent->pg);
}

static void move_cleared(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	if (outcome == DCS_DONE && agent->move_why[0] != '\0')
		agent_notice(agent, true, "MoveDropped", "%s", agent->move_why);
	agent_store_done(agent, outcome, text);
}

static void clear_move(struct agent *agent)
{
	struct move none = { .asked = false };
	struct situation s = agent_situation(agent);
	const struct move *move = &s.cluster->move;
	const char *why = move_end_text(move_end_decide(&s));
	bool named = move->candidate[0] != '\0';
	struct strbuf b;
	strbuf_init(&b, agent->move_why, sizeof(agent->move_why));
	if (why[0] != '\0') {
		strbuf_addf(&b, "the lead was to be given %s%s", named ? "to " : "away", move->candidate);
		if (move->scheduled_at[0] != '\0')
			strbuf_addf(&b, " at %s", move->scheduled_at);
		strbuf_addf(&b, ", that is dropped: %s", why);
	} else {
		log_info("the wish to move the leadership%s%s is cleared", named ? " to " : "", move->candidate);
	}
	agent->store_open = true;
	dcs_write_move(agent->dcs, &none, move_cleared, agent);
}

static void post_bootstrap(struct agent *agent)
{
	postgres_post_bootstrap(agent->pg);
}

static void move_aside(struct agent *agent)
{
	postgres_move_aside(agent->pg);
}

static void run_initdb(struct agent *agent)
{
	postgres_initdb(agent->pg);
}

static void restore(struct agent *agent)
{
	postgres_restore(agent->pg);
}

static void bootstrap_done(struct agent *agent)
{
	postgres_bootstrap_done(agent->pg);
}

void agent_store_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	agent->store_open = false;
	if (outcome != DCS_DONE)
		agent->store_failed = loop_now(agent->loop);
	if (outcome != DCS_DONE && outcome != DCS_CONFLICT)
		log_warning("the cluster's state was not written: %s", text);
	agent_wake_now(agent);
}

static void initialize_begin(struct agent *agent)
{
	agent->store_open = true;
	dcs_initialize_begin(agent->dcs, agent_store_done, agent);
}

static void initialize_cancelled(void *arg, enum dcs_outcome outcome, const char *text)
{
	if (outcome == DCS_DONE)
		log_warning("the initialization is given back");
	agent_store_done(arg, outcome, text);
}

static void initialize_cancel(struct agent *agent)
{
	agent->store_open = true;
	dcs_initialize_cancel(agent->dcs, initialize_cancelled, agent);
}

static void initialize_finish(struct agent *agent)
{
	AUTO(text) char *config = NULL;
	if (!dcs_view(agent->dcs)->has_config)
		config = config_dynamic_text(&agent->config);
	agent->store_open = true;
	log_info("the cluster is initialized, system identifier %s", postgres_instance(agent->pg)->system_identifier);
	dcs_initialize_finish(agent->dcs, postgres_instance(agent->pg)->system_identifier, config, agent_store_done,
			      agent);
}

static void note_ttl(struct agent *agent)
{
	agent->store_open = true;
	dcs_note_lease_ttl(agent->dcs, agent->config.settings.ttl_ms / 1000, agent_store_done, agent);
}

static void mark_timeline(struct agent *agent)
{
	struct lease_token token;
	const struct cluster *cluster = dcs_view(agent->dcs);
	if (lease_token_from_text(&token, cluster->leader_beginning))
		postgres_mark_timeline(agent->pg, cluster->leader_timeline, &token);
}

static void checkpoint(struct agent *agent)
{
	agent->self.checkpointed = postgres_instance(agent->pg)->timeline;
	postgres_sync_passwords(agent->pg);
	postgres_checkpoint(agent->pg);
}

static void (*const effectors[])(struct agent *) = {
	[ACT_NONE] = nothing,
	[ACT_FENCE] = fence,
	[ACT_STOP_FAST] = stop_fast,
	[ACT_ACQUIRE] = agent_acquire,
	[ACT_RENEW] = agent_renew,
	[ACT_RELEASE] = agent_release,
	[ACT_CAP_DEADLINE] = agent_cap_deadline,
	[ACT_FORGET_LEASE] = agent_forget_lease,
	[ACT_REFRESH] = agent_refresh,
	[ACT_ASK_PEERS] = agent_ask_peers,
	[ACT_ASK_FAILSAFE] = agent_ask_failsafe,
	[ACT_STOP] = stop,
	[ACT_TERM_GO] = term_go,
	[ACT_CANCEL_JOB] = cancel_job,
	[ACT_PROMOTE] = promote,
	[ACT_START_PRIMARY] = start_primary,
	[ACT_START_STANDBY] = start_standby,
	[ACT_FOLLOW] = follow,
	[ACT_POST_BOOTSTRAP] = post_bootstrap,
	[ACT_MOVE_ASIDE] = move_aside,
	[ACT_CLONE] = clone,
	[ACT_CLONE_ALONE] = clone_alone,
	[ACT_REWIND] = rewind_data,
	[ACT_WIPE] = wipe,
	[ACT_CLEAR_MOVE] = clear_move,
	[ACT_INITIALIZE_BEGIN] = initialize_begin,
	[ACT_INITIALIZE_CANCEL] = initialize_cancel,
	[ACT_INITIALIZE_FINISH] = initialize_finish,
	[ACT_INITDB] = run_initdb,
	[ACT_RESTORE] = restore,
	[ACT_BOOTSTRAP_DONE] = bootstrap_done,
	[ACT_SET_DEADLINE] = agent_set_deadline,
	[ACT_PUBLISH] = agent_publish,
	[ACT_WRITE_ROUTE] = agent_write_route,
	[ACT_TAKE_LABELS_OFF] = agent_take_labels_off,
	[ACT_NOTE_TTL] = note_ttl,
	[ACT_WRITE_HISTORY] = agent_write_history,
	[ACT_SYNC_SLOTS] = agent_sync_slots,
	[ACT_MARK_TIMELINE] = mark_timeline,
	[ACT_CHECKPOINT] = checkpoint,
	[ACT_LOOK_AT_ROLLOUT] = agent_look_at_rollout,
	[ACT_CHANGE_POD] = agent_change_pod,
	[ACT_SET_REVISION] = agent_set_revision,
	[ACT_EVICT] = agent_evict,
	[ACT_HAND_OVER] = agent_hand_over,
};
static_assert(ARRAY_SIZE(effectors) == ACT_COUNT, "every action has an effector");

void agent_act(struct agent *agent, enum action action)
{
	assert(action < ACT_COUNT);
	effectors[action](agent);
}
