/* Role and state rest on the supervisor's tree: a server that was fenced or is down is no primary, whatever it was. */
#include "rest_facts.h"

#include "codec/members.h"
#include "codec/units.h"

static bool is_up(enum pg_tree tree)
{
	return tree == PG_TREE_STANDBY || tree == PG_TREE_PROMOTING || tree == PG_TREE_PRIMARY;
}

/* Contract 3.5: the server is asked in these states only. */
static bool state_allows_sql(enum member_state state)
{
	return state == STATE_RUNNING || state == STATE_RESTARTING || state == STATE_STARTING;
}

static bool is_on(const struct json *value)
{
	bool on;
	const char *text = json_text(value);
	return json_true(value) || (text != NULL && units_bool(text, &on) && on);
}

static bool heard_within_ttl(const struct rest_view *view)
{
	return view->cluster->loaded && instant_is_set(view->cluster->heard) &&
	       elapsed_most_ms(view->cluster->heard, view->now) <= view->config->settings.ttl_ms;
}

/* Without a word from the server, a role that means "writable" is believed only where the supervisor says so too. */
static enum member_role role_of(const struct rest_view *view, const struct rest_facts *facts)
{
	if (facts->primary)
		return ROLE_PRIMARY;
	if (facts->standby_cluster && view->role == ROLE_STANDBY_LEADER)
		return ROLE_STANDBY_LEADER;
	if (facts->sql)
		return ROLE_REPLICA;
	return view->role == ROLE_PRIMARY || view->role == ROLE_PROMOTED ? ROLE_DEMOTED : view->role;
}

static void add_positions(const struct rest_view *view, struct rest_facts *facts)
{
	const struct instance *instance = view->instance;
	uint64_t latest = facts->sql && !facts->primary ? view->details->latest_end_lsn : 0;
	uint64_t optime = facts->has_cluster ? view->cluster->optime_lsn : 0;
	facts->leader_lsn = optime > latest ? optime : latest;
	if (!facts->sql)
		return;
	facts->timeline = instance->timeline;
	if (facts->primary) {
		facts->location = instance->write_lsn;
		return;
	}
	facts->replayed = instance->replay_lsn;
	facts->received = instance->receive_lsn != 0 ? instance->receive_lsn : instance->replay_lsn;
	facts->replication_state = view->details->replication_state;
}

struct rest_facts rest_facts(const struct rest_view *view)
{
	const struct instance *instance = view->instance;
	bool up = is_up(instance->tree);
	struct rest_facts facts = {
		.has_cluster = heard_within_ttl(view),
		.standby_cluster = config_is_standby_cluster(view->config->dynamic),
		.sql = up && instance->answers && state_allows_sql(view->state),
		.paused = view->config->settings.paused,
		.failsafe_enabled = is_on(json_get(view->config->dynamic, "failsafe_mode")),
		.replication_state = "",
	};
	facts.unlocked = !facts.has_cluster || (!view->leads && lease_left_ms(&view->self->sight, view->now) == 0);
	facts.running = facts.sql && view->state == STATE_RUNNING;
	/* a server whose deadline has passed is dead or about to be: it must not hold up those who ask (safety.md L12) */
	bool guarded = instant_is_set(instance->deadline) && left_least_ms(instance->deadline, view->now) > 0;
	facts.primary = guarded && (facts.sql ? !instance->in_recovery : instance->tree == PG_TREE_PRIMARY);
	facts.leads = view->leads && (facts.standby_cluster ? up : facts.primary && instance->tree == PG_TREE_PRIMARY);
	facts.state = view->state == STATE_RUNNING && !facts.sql ? "unknown" : member_state_text(view->state);
	facts.role = role_of(view, &facts);
	add_positions(view, &facts);
	return facts;
}
