/* What this member says about itself and, as leader, about the cluster: own pod, labels of others, history. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "codec/status.h"
#include "codec/units.h"

#include <stdlib.h>
#include <string.h>

const char *agent_rest_scheme(const struct agent *agent)
{
	return agent->config.rest_certfile[0] != '\0' ? "https" : "http";
}

void agent_add_url(struct json *status, const char *key, const char *scheme, const struct config_address *at,
		   const char *path)
{
	char url[URL_SIZE];
	struct strbuf b;
	bool v6 = strchr(at->host, ':') != NULL;
	strbuf_init(&b, url, sizeof(url));
	strbuf_addf(&b, "%s://%s%s%s:%d/%s", scheme, v6 ? "[" : "", at->host, v6 ? "]" : "", at->port, path);
	json_set_text(status, key, url);
}

static void add_tags(struct json *status, const struct config *config)
{
	if (config->tags != NULL && json_count(config->tags) > 0)
		json_set(status, "tags", json_copy(config->tags));
}

static bool checkpoint_is_pending(const struct instance *i)
{
	return i->tree == PG_TREE_PRIMARY && i->timeline != 0 && i->control_timeline != i->timeline;
}

static void add_object(struct json *status, const char *key, const char *text)
{
	struct err err;
	struct json *object = text[0] != '\0' ? json_parse(text, strlen(text), &err) : NULL;
	if (object != NULL)
		json_set(status, key, object);
}

static struct json *build_status(const struct config *c, const struct status_source *from)
{
	struct json *status = json_new_object();
	agent_add_url(status, "conn_url", "postgres", &c->pg_connect, c->database);
	agent_add_url(status, "api_url", c->rest_certfile[0] != '\0' ? "https" : "http", &c->rest_connect, "patroni");
	json_set_text(status, "state", member_state_text(from->state));
	json_set_text(status, "role", member_role_text(from->role));
	json_set_text(status, "version", CONTRACT_VERSION);
	if (from->checkpoint_is_pending)
		json_set_bool(status, "checkpoint_after_promote", false);
	add_tags(status, c);
	if (from->pending_restart)
		json_set_bool(status, "pending_restart", true);
	add_object(status, "pending_restart_reason", from->pending_restart_reason);
	if (from->has_lsn)
		json_set_i64(status, "xlog_location", (int64_t)from->lsn);
	if (from->replay_lsn != 0)
		json_set_i64(status, "replay_lsn", (int64_t)from->replay_lsn);
	if (from->receive_lsn != 0)
		json_set_i64(status, "receive_lsn", (int64_t)from->receive_lsn);
	if (from->replication_state[0] != '\0')
		json_set_text(status, "replication_state", from->replication_state);
	if (from->timeline != 0)
		json_set_i64(status, "timeline", from->timeline);
	add_object(status, "scheduled_restart", from->scheduled_restart);
	add_object(status, "rollout", from->rollout);
	if (from->paused)
		json_set_bool(status, "pause", true);
	json_set_text(status, "howdah_version", HOWDAH_VERSION);
	return status;
}

static void print_into(char *text, size_t size, struct json *status)
{
	struct strbuf b;
	strbuf_init(&b, text, size);
	json_print(status, JSON_COMPACT, &b);
	if (!strbuf_ok(&b))
		log_warning("the status is longer than %zu bytes and is cut", size);
	json_free(status);
}

static int wanted_label(const struct situation *s)
{
	if (wants_leader_label(s))
		return LABEL_LEADER;
	return serves_as_replica(s) ? LABEL_REPLICA : LABEL_NONE;
}

static void take_positions(struct status_source *source, const struct instance *i)
{
	bool up = i->tree == PG_TREE_STANDBY || i->tree == PG_TREE_PRIMARY || i->tree == PG_TREE_PROMOTING;
	source->has_lsn = up && instant_is_set(i->probed);
	if (!source->has_lsn)
		return;
	source->lsn = instance_lsn(i);
	source->replay_lsn = i->in_recovery ? i->replay_lsn : 0;
	source->receive_lsn = i->in_recovery ? i->receive_lsn : 0;
}

/* Until it is known that a deadline guards us again, others must know that none does (safety.md S11). */
static bool may_still_be_unguarded(const struct situation *s)
{
	const struct member *own = cluster_member(s->cluster, s->self->name);
	if (!s->instance->attached)
		return own != NULL && own->paused;
	return s->instance->unguarded || (own != NULL && own->paused && s->instance->writable && !leads_now(s));
}

static void take_restarts(struct status_source *source, const struct self *self, const struct postgres_details *d)
{
	struct strbuf b;
	source->pending_restart = d->pending_restart;
	text_copy(source->pending_restart_reason, sizeof(source->pending_restart_reason), d->pending_restart_reason);
	if (!self->restart.asked || self->restart.at_us == 0)
		return;
	AUTO(json) struct json *scheduled = rest_scheduled_restart(&self->restart);
	strbuf_init(&b, source->scheduled_restart, sizeof(source->scheduled_restart));
	json_print(scheduled, JSON_COMPACT, &b);
}

static void take_source(struct status_source *source, const struct situation *s, const struct postgres_details *d)
{
	const struct instance *i = s->instance;
	memset(source, 0, sizeof(*source));
	take_positions(source, i);
	source->state = state_to_publish(s);
	source->role = role_to_publish(s);
	source->label = wanted_label(s);
	source->replica_label = wants_replica_label(s);
	source->timeline = i->tree != PG_TREE_DOWN ? i->timeline : 0;
	if (i->tree == PG_TREE_STANDBY)
		text_copy(source->replication_state, sizeof(source->replication_state), d->replication_state);
	source->checkpoint_is_pending = lock_is_mine(s) && checkpoint_is_pending(i);
	take_restarts(source, s->self, d);
	source->paused = s->settings->paused || may_still_be_unguarded(s);
}

static struct json *build_essential(const struct config *config, const struct status_source *from)
{
	struct status_source still = *from;
	still.has_lsn = false;
	still.replay_lsn = still.receive_lsn = 0;
	struct json *essential = build_status(config, &still);
	json_set_i64(essential, "label", still.label);
	json_set_bool(essential, "replica", still.replica_label);
	return essential;
}

void agent_build_status(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	struct status_source source;
	take_source(&source, &s, postgres_details(agent->pg));
	text_copy(source.rollout, sizeof(source.rollout), agent->rollout.report);
	if (!agent->said_is_old && memcmp(&source, &agent->said, sizeof(source)) == 0)
		return;
	agent->said = source;
	agent->said_is_old = false;
	print_into(agent->status, sizeof(agent->status), build_status(&agent->config, &source));
	print_into(agent->essential, sizeof(agent->essential), build_essential(&agent->config, &source));
}

/* Whatever took a label off or put one on: the pod must say what it should. */
bool agent_label_is_right(const struct agent *agent, const struct member *own)
{
	struct situation s = agent_situation(agent);
	const char *const values[] = { [LABEL_NONE] = "",
				       [LABEL_LEADER] = agent->config.kubernetes.leader_value,
				       [LABEL_REPLICA] = agent->config.kubernetes.follower_value };
	return strcmp(own->role_label, values[wanted_label(&s)]) == 0 && own->replica_label == wants_replica_label(&s);
}

static void publish_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	agent->self.publishing = false;
	if (outcome != DCS_DONE) {
		agent->essential_written[0] = '\0';
		agent->publish_failed = loop_now(agent->loop);
		log_debug("our pod was not written: %s", text);
	}
	agent_wake(agent);
}

/* Contract 1.9: bootstrap_labels. */
static bool is_bootstrapping(enum member_state state)
{
	return state == STATE_INITDB || state == STATE_CREATING_REPLICA || state == STATE_CUSTOM_BOOTSTRAP ||
	       state == STATE_BOOTSTRAP_STARTING;
}

void agent_publish(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	enum member_state state = state_to_publish(&s);
	struct dcs_member_write write = { .status = agent->status,
					  .label = (typeof(write.label))wanted_label(&s),
					  .serves_replicas = wants_replica_label(&s),
					  .bootstrapping = is_bootstrapping(state) };
	agent->self.publishing = true;
	agent->published = s.now;
	text_copy(agent->essential_written, sizeof(agent->essential_written), agent->essential);
	dcs_write_member(agent->dcs, &write, publish_done, agent);
}

static void label_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	agent->labels_open--;
	if (outcome != DCS_DONE) {
		agent->labels_failed = loop_now(agent->loop);
		log_debug("another pod's label was not taken off: %s", text);
	}
	agent_wake(agent);
}

static void take_off(struct agent *agent, const char *member)
{
	agent->labels_open++;
	dcs_take_label_off(agent->dcs, member, label_done, agent);
}

void agent_take_labels_off(struct agent *agent)
{
	const struct cluster *cluster = dcs_view(agent->dcs);
	for (int i = 0; i < cluster->member_count; i++) {
		const struct member *m = &cluster->members[i];
		if (strcmp(m->name, agent->self.name) != 0 &&
		    strcmp(m->role_label, agent->config.kubernetes.leader_value) == 0)
			take_off(agent, m->name);
	}
}

/* The file's lines, with time and name of the present leader for the last one and what the store knows for older ones (contract 5.18). */
static void enrich(struct history *mine, const struct history *stored, const char *name, struct wall now)
{
	for (int i = 0; i < mine->count; i++)
		for (int k = 0; k < stored->count; k++)
			if (mine->entries[i].timeline == stored->entries[k].timeline &&
			    mine->entries[i].end_lsn == stored->entries[k].end_lsn)
				mine->entries[i] = stored->entries[k];
	if (mine->count == 0)
		return;
	struct history_entry *last = &mine->entries[mine->count - 1];
	if (last->when[0] == '\0')
		wall_to_iso(now.us, last->when, sizeof(last->when));
	if (last->leader[0] == '\0')
		text_copy(last->leader, sizeof(last->leader), name);
}

static bool is_of_our_lineage(const struct instance *i, const char *timeline)
{
	int64_t number;
	if (!text_to_i64(timeline, &number))
		return false;
	for (int k = 0; k < i->history.count; k++)
		if (i->history.entries[k].timeline == number)
			return true;
	return number == i->timeline;
}

/* Numbers that others took and that we never were on are not ours to vouch for. */
static void drop_strangers(struct json *map, const struct instance *i)
{
	const struct json *next = NULL;
	for (const struct json *item = json_first(map); item != NULL; item = next) {
		next = json_next(item);
		if (!is_of_our_lineage(i, json_key(item)))
			json_remove(map, json_key(item));
	}
}

/* Which lease each timeline of our lineage began with. */
static char *beginnings_with_ours(const struct agent *agent, const struct instance *i)
{
	struct err err;
	char key[16], token[96];
	struct strbuf b;
	const char *old = dcs_beginnings_text(agent->dcs);
	AUTO(json) struct json *map = json_parse(old, strlen(old), &err);
	if (!json_is_object(map)) {
		json_free(map);
		map = json_new_object();
	}
	strbuf_init(&b, key, sizeof(key));
	strbuf_addf(&b, "%u", i->timeline);
	lease_token_to_text(&i->armed_token, token, sizeof(token));
	if (i->armed_timeline == i->timeline)
		json_set_text(map, key, token);
	drop_strangers(map, i);
	while (json_count(map) > HISTORY_MAX)
		json_remove(map, json_key(json_first(map)));
	return json_print_text(map, JSON_COMPACT);
}

void agent_write_history(struct agent *agent)
{
	const struct instance *i = postgres_instance(agent->pg);
	struct history *history = malloc(sizeof(*history));
	AUTO(text) char *text = malloc(65536);
	AUTO(text) char *beginnings = beginnings_with_ours(agent, i);
	if (history == NULL || text == NULL)
		abort();
	*history = i->history;
	if (i->timeline == 1)
		history->count = 0;
	enrich(history, &dcs_view(agent->dcs)->history, agent->self.name, loop_wall(agent->loop));
	struct strbuf b;
	strbuf_init(&b, text, 65536);
	history_print_json(history, agent->config.settings.max_timelines_history, &b);
	free(history);
	if (strcmp(text, dcs_history_text(agent->dcs)) == 0 &&
	    strcmp(beginnings, dcs_beginnings_text(agent->dcs)) == 0) {
		agent->store_failed = loop_now(agent->loop); /* it says so already: not asked for again at once */
		return;
	}
	agent->store_open = true;
	dcs_write_history(agent->dcs, text, beginnings, agent_store_done, agent);
}
