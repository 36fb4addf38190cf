/* Wiring and the turn. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "dcs/kubernetes.h"

#include <stdlib.h>
#include <string.h>

enum { MERGE_MS = 50 };

struct situation agent_situation(const struct agent *agent)
{
	return (struct situation){ .cluster = dcs_view(agent->dcs),
				   .self = &agent->self,
				   .instance = postgres_instance(agent->pg),
				   .settings = &agent->config.settings,
				   .now = loop_now(agent->loop),
				   .wall = loop_wall(agent->loop) };
}

/* Events of a quiet cluster are merged; while something is being brought about, each one counts at once. */
void agent_wake_now(struct agent *agent)
{
	loop_timer_set(agent->timer, 0);
}

void agent_wake(struct agent *agent)
{
	int64_t since = elapsed_most_ms(agent->turned, loop_now(agent->loop));
	bool busy = agent->plan.count > 0 || agent->self.lock_writing || agent->self.refreshing || agent->self.asking;
	loop_timer_set(agent->timer, busy || since >= MERGE_MS ? 0 : MERGE_MS - since);
}

/* Renewing is what a leader does all the time. */
static bool is_routine(const struct table *table, int row)
{
	static const char *const ids[] = { "renew", "writing", "keep" };
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (strcmp(table->rules[row].id, ids[i]) == 0)
			return true;
	return false;
}

static void log_verdicts(const struct agent *agent, const struct plan *plan)
{
	for (int t = 0; t < TABLE_COUNT; t++) {
		int row = plan->verdicts[t].rule, before = agent->plan.verdicts[t].rule;
		if (row < 0 || row == before)
			continue;
		bool routine = t == TABLE_RACE || t == TABLE_ROLLOUT ||
			       (before >= 0 && is_routine(tables[t], before) && is_routine(tables[t], row));
		log_write(routine ? LOG_DEBUG : LOG_INFO, "%s: %s: %s", tables[t]->name, tables[t]->rules[row].id,
			  tables[t]->rules[row].why);
	}
}

static void apply_config(struct agent *agent)
{
	struct err err;
	const char *text = dcs_config_text(agent->dcs);
	agent->config_known = true;
	if (text[0] == '\0')
		return;
	if (!config_apply_dynamic(&agent->config, text, &err)) {
		log_warning("the dynamic configuration is not used: %s", err.text);
		return;
	}
	agent->said_is_old = true;
	agent->cache_is_right = false;
	agent_apply_times(agent);
}

static void turn(void *arg)
{
	struct agent *agent = arg;
	agent->turned = loop_now(agent->loop);
	agent->counters.turns++;
	int64_t stall_us = loop_take_stall_us(agent->loop);
	if (stall_us > agent->counters.stall_us_max)
		agent->counters.stall_us_max = stall_us;
	if (!agent->config_known && dcs_view(agent->dcs)->loaded)
		apply_config(agent); /* whether it says "paused" counts from the first look on */
	if (dcs_view(agent->dcs)->loaded)
		orders_tell_lost(agent);
	if (!agent_name_is_free(agent))
		return;
	agent_sense(agent, agent->turned);
	struct situation s = agent_situation(agent);
	struct plan plan = decide(&s);
	recorder_turn(agent->recorder, &s, &plan, loop_wall(agent->loop));
	log_verdicts(agent, &plan);
	agent->fenced_by = agent->plan.verdicts[TABLE_GUARD].rule;
	agent->plan = plan;
	loop_timer_set(agent->timer, plan.wake_ms);
	for (int i = 0; i < plan.count; i++)
		agent_act(agent, plan.actions[i]);
	orders_turn(agent);
	agent_callbacks_turn(agent);
	agent_keep_config(agent);
	agent_notices_turn(agent);
	agent_volumes_turn(agent);
}

static bool same_instance(const struct seen_instance *a, const struct seen_instance *b)
{
	return a->tree == b->tree && a->job == b->job && a->answers == b->answers && a->in_recovery == b->in_recovery &&
	       a->crashed == b->crashed && a->deadline.boot_us == b->deadline.boot_us &&
	       a->deadline.raw_us == b->deadline.raw_us;
}

/* What moves a failover on counts at once: the tree, a job's end, the deadline's acknowledgement. */
static void on_postgres_change(void *arg)
{
	struct agent *agent = arg;
	const struct instance *i = postgres_instance(agent->pg);
	struct seen_instance seen = { i->tree, i->job, i->answers, i->in_recovery, i->crashed, i->deadline };
	bool moved = !same_instance(&seen, &agent->seen);
	agent->seen = seen;
	if (moved)
		agent_wake_now(agent);
	else
		agent_wake(agent);
}

static void on_postgres_probed(void *arg)
{
	struct agent *agent = arg;
	agent_rest_probed(agent);
	if (agent->self.asking) /* our own position counts beside the others' */
		agent_wake(agent);
}

static void on_dcs_event(void *arg, enum dcs_event event)
{
	struct agent *agent = arg;
	agent->dcs_seen = loop_wall(agent->loop);
	if (event == DCS_CONFIG_CHANGED)
		apply_config(agent);
	const struct cluster *cluster = dcs_view(agent->dcs);
	bool moved = strcmp(cluster->leader.record.leader, agent->self.sight.record.leader) != 0 ||
		     cluster->leader.present == agent->self.sight.missing;
	if (moved)
		agent_wake_now(agent);
	else
		agent_wake(agent);
}

static bool create_dcs(struct agent *agent, struct err *err)
{
	struct kubernetes_params params;
	struct dcs_callbacks callbacks = { .on_event = on_dcs_event, .on_lock_send = agent_on_lock_send, .arg = agent };
	kubernetes_params_from_config(&params, &agent->config);
	text_copy(params.pod_uid, sizeof(params.pod_uid), agent->self.pod_uid);
	agent->dcs = kubernetes_create(agent->loop, agent->http, &params, &callbacks, err);
	return agent->dcs != NULL;
}

static bool create_postgres(struct agent *agent, struct err *err)
{
	struct postgres_params params = { .config = &agent->config,
					  .generation = (uint64_t)loop_now(agent->loop).boot_us,
					  .on_change = on_postgres_change,
					  .on_probed = on_postgres_probed,
					  .arg = agent };
	agent->pg = postgres_create(agent->loop, &params, err);
	return agent->pg != NULL;
}

struct agent *agent_create(struct loop *loop, const struct agent_params *params, struct err *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	if (agent == NULL)
		abort();
	agent->loop = loop;
	agent->config = *params->config;
	*params->config = (struct config){ .name = "" };
	text_copy(agent->config_path, sizeof(agent->config_path),
		  params->config_path != NULL ? params->config_path : "");
	text_copy(agent->self.pod_uid, sizeof(agent->self.pod_uid), params->pod_uid != NULL ? params->pod_uid : "");
	text_copy(agent->self.name, sizeof(agent->self.name), agent->config.name);
	agent->self.started = agent->self.led = loop_now(loop);
	agent->said_is_old = true;
	agent->environment = params->environment;
	agent->watches_files = params->watch_files;
	agent->on_refused = params->on_refused;
	agent->on_refused_arg = params->on_refused_arg;
	agent->orders = orders_create();
	agent->notices = notices_create();
	agent->http = http_client_create(loop, "howdah/" HOWDAH_VERSION);
	if (!agent_begin_config(&agent->config, err) || !create_dcs(agent, err) || !create_postgres(agent, err))
		goto fail;
	agent->rest = agent_start_rest(agent, err);
	if (agent->rest == NULL)
		goto fail;
	if (params->record) {
		agent->recorder = recorder_open(agent->config.run_dir, err);
		if (agent->recorder == NULL)
			log_warning("no decisions are recorded: %s", err->text);
	}
	agent_start_reload(agent);
	agent->timer = loop_timer_create(loop, turn, agent);
	loop_timer_set(agent->timer, 0);
	return agent;
fail:
	agent_destroy(agent);
	return NULL;
}

void agent_destroy(struct agent *agent)
{
	if (agent == NULL)
		return;
	loop_timer_destroy(agent->timer);
	agent_stop_reload(agent);
	orders_destroy(agent->orders);
	agent_stop_rest(agent); /* whoever waits is answered yet */
	notices_destroy(agent->notices);
	agent_cancel_peers(agent);
	agent_cancel_failsafe(agent);
	agent_forget_failsafe_members(agent);
	agent_cancel_name(agent);
	postgres_destroy(agent->pg);
	dcs_destroy(agent->dcs);
	http_client_destroy(agent->http);
	recorder_close(agent->recorder);
	config_clear(&agent->config);
	free(agent->beginnings);
	free(agent);
}

void agent_reload(struct agent *agent)
{
	agent_reload_soon(agent);
}

int agent_rest_port(const struct agent *agent)
{
	return http_server_port(agent->rest);
}

const struct plan *agent_plan(const struct agent *agent)
{
	return &agent->plan;
}

const struct self *agent_self(const struct agent *agent)
{
	return &agent->self;
}
