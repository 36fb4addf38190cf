/* Health checks: a load balancer's question is answered from memory. */
#include "health.h"

#include "codec/units.h"
#include "query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool has_true_tag(const struct json *tags, const char *name)
{
	bool value;
	const struct json *tag = json_get(tags, name);
	const char *text = json_text(tag);
	return text != NULL ? units_bool(text, &value) && value : json_true(tag) || json_double(tag) != 0;
}

/* The query's `lag` in bytes, with a unit if it has one. */
static int64_t lag_allowed(const char *query, int64_t fallback)
{
	int64_t bytes;
	struct query_pair pair;
	return query_find(query, "lag", &pair) && units_int(pair.value, "B", &bytes) ? bytes : fallback;
}

static bool lags(const struct rest_facts *facts, uint64_t position, int64_t allowed)
{
	return facts->leader_lsn > position && facts->leader_lsn - position > (uint64_t)(allowed > 0 ? allowed : 0);
}

static bool is_good_replica(const struct rest_view *view, const struct rest_facts *facts, const char *query)
{
	struct query_pair pair;
	if (facts->role != ROLE_REPLICA || !facts->running || has_true_tag(view->config->tags, "noloadbalance"))
		return false;
	if (lags(facts, facts->replayed, lag_allowed(query, INT64_MAX)))
		return false;
	return !query_find(query, "replication_state", &pair) || strcmp(pair.value, facts->replication_state) == 0;
}

struct health health_work_out(const struct rest_view *view, const struct rest_facts *facts, const char *query)
{
	bool standby_leader = facts->role == ROLE_STANDBY_LEADER;
	struct health health = { .replica = is_good_replica(view, facts, query), .running = facts->running };
	if (!facts->has_cluster && facts->paused) { /* nobody can say otherwise, and nobody takes over in a pause */
		health.primary = facts->role == ROLE_PRIMARY;
		health.standby_leader = standby_leader;
		health.leader = health.primary || standby_leader;
	} else if (facts->leads) {
		health.leader = true;
		health.primary = !facts->standby_cluster;
		health.standby_leader = facts->standby_cluster && (standby_leader || facts->role == ROLE_REPLICA);
		health.replica = health.replica && !facts->standby_cluster;
	}
	return health;
}

/* Texts are compared as they are, everything else by its lower-case text. */
static bool tag_equals(const struct json *tag, const char *value)
{
	const char *text = json_text(tag);
	if (text != NULL)
		return strcmp(text, value) == 0;
	if (json_is_null(tag))
		return strcmp(value, "none") == 0;
	AUTO(text) char *printed = json_print_text(tag, JSON_SPACED);
	for (char *c = printed; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return strcmp(printed, value) == 0;
}

bool health_tags_match(const struct json *tags, const char *query)
{
	struct query_pair pair, first;
	for (const char *at = query; query_next(&at, &pair);) {
		if (strncmp(pair.key, "tag_", 4) != 0 || !query_find(query, pair.key, &first))
			continue;
		const struct json *tag = json_get(tags, pair.key + 4);
		if (tag == NULL || !tag_equals(tag, first.value))
			return false;
	}
	return true;
}

bool health_is_ready(const struct rest_view *view, const struct rest_facts *facts, const char *query)
{
	struct query_pair pair;
	if (facts->leads)
		return true;
	if (!facts->running || strcmp(facts->replication_state, "streaming") != 0)
		return false;
	if (!facts->has_cluster && view->details->latest_end_lsn == 0)
		return view
			->failsafe_active; /* its primary cannot reach the store either, and asked whether to go on */
	bool written = query_find(query, "mode", &pair) && strcmp(pair.value, "write") == 0;
	int64_t allowed = lag_allowed(query, view->config->settings.maximum_lag_on_failover_bytes);
	return !lags(facts, written ? facts->received : facts->replayed, allowed);
}
