/* The status document (contract 3.5): what GET /patroni and every health check answer. */
#include "orders.h"

#include <string.h>

#ifndef HOWDAH_VERSION
#error "HOWDAH_VERSION is not defined"
#endif

static struct json *parsed(const char *text)
{
	struct err err;
	return text[0] == '\0' ? NULL : json_parse(text, strlen(text), &err);
}

static void set_lsn(struct json *object, const char *key, uint64_t lsn)
{
	json_set_i64(object, key, (int64_t)lsn);
}

static struct json *positions(const struct rest_view *view, const struct rest_facts *facts)
{
	struct json *xlog = json_new_object();
	const char *replayed_at = view->details->replayed_timestamp;
	if (facts->primary) {
		set_lsn(xlog, "location", facts->location);
		return xlog;
	}
	set_lsn(xlog, "received_location", facts->received);
	set_lsn(xlog, "replayed_location", facts->replayed);
	json_set_text(xlog, "replayed_timestamp", replayed_at[0] != '\0' ? replayed_at : NULL);
	json_set_bool(xlog, "paused", view->details->replay_paused);
	return xlog;
}

static struct json *replication(const struct postgres_details *details)
{
	struct json *list = json_new_array();
	for (int i = 0; i < details->replica_count; i++) {
		const struct postgres_replica *replica = &details->replicas[i];
		struct json *item = json_new_object();
		json_set_text(item, "usename", replica->usename);
		json_set_text(item, "application_name", replica->application_name);
		json_set_text(item, "client_addr", replica->client_addr[0] != '\0' ? replica->client_addr : NULL);
		json_set_text(item, "state", replica->state);
		json_set_text(item, "sync_state", replica->sync_state);
		json_set_i64(item, "sync_priority", replica->sync_priority);
		json_push(list, item);
	}
	return list;
}

static void add_server(struct json *to, const struct rest_view *view, const struct rest_facts *facts)
{
	if (view->instance->server_version != 0)
		json_set_i64(to, "server_version", view->instance->server_version);
	json_set(to, "xlog", positions(view, facts));
	json_set(to, "timeline", facts->timeline != 0 ? json_new_i64(facts->timeline) : json_new_null());
	if (facts->replication_state[0] != '\0')
		json_set_text(to, "replication_state", facts->replication_state);
	if (view->details->replica_count > 0)
		json_set(to, "replication", replication(view->details));
}

static void add_cluster(struct json *to, const struct rest_view *view, const struct rest_facts *facts)
{
	if (facts->paused)
		json_set_bool(to, "pause", true);
	if (facts->unlocked)
		json_set_bool(to, "cluster_unlocked", true);
	if (view->failsafe_active)
		json_set_bool(to, "failsafe_mode_is_active", true);
	if (view->lacks != NULL && view->lacks[0] != '\0')
		json_set_text(to, "howdah_lacks", view->lacks);
	if (view->failsafe_free_uid != NULL)
		json_set_text(to, "howdah_failsafe_free", view->failsafe_free_uid);
	if (!text_is_empty(view->given_back)) {
		json_set_text(to, "howdah_given_back", view->given_back);
		json_set_i64(to, "howdah_given_back_lsn", (int64_t)view->given_back_lsn);
	}
	json_set_i64(to, "dcs_last_seen", view->dcs_last_seen.us / 1000000);
}

static void add_member(struct json *to, const struct rest_view *view)
{
	const struct postgres_details *details = view->details;
	if (json_count(view->config->tags) > 0)
		json_set(to, "tags", json_copy(view->config->tags));
	if (view->instance->system_identifier[0] != '\0')
		json_set_text(to, "database_system_identifier", view->instance->system_identifier);
	if (!details->pending_restart)
		return;
	json_set_bool(to, "pending_restart", true);
	struct json *reason = parsed(details->pending_restart_reason);
	if (reason != NULL)
		json_set(to, "pending_restart_reason", reason);
}

static struct json *identity(const struct config *config)
{
	struct json *patroni = json_new_object();
	json_set_text(patroni, "version", REST_CONTRACT_VERSION);
	json_set_text(patroni, "scope", config->scope);
	json_set_text(patroni, "name", config->name);
	json_set_text(patroni, "howdah_version", HOWDAH_VERSION);
	return patroni;
}

static struct json *clone_progress(const struct rest_view *view)
{
	const struct instance *instance = view->instance;
	struct json *clone = json_new_object();
	json_set_i64(clone, "seconds", elapsed_most_ms(instance->job_since, view->now) / 1000);
	if (instance->clone_done_bytes >= 0)
		json_set_i64(clone, "done_bytes", instance->clone_done_bytes);
	if (instance->clone_total_bytes >= 0)
		json_set_i64(clone, "total_bytes", instance->clone_total_bytes);
	return clone;
}

/* Ours, behind everything of the contract: what `howdahctl list` says of a member beyond it. */
static void add_ours(struct json *to, const struct rest_view *view)
{
	struct json *ours = json_new_object();
	if (view->leads)
		json_set_i64(ours, "lease_left_ms", view->counters.lease_left_ms);
	if (view->instance->job == PG_JOB_CLONE || view->instance->job == PG_JOB_RESTORE)
		json_set(ours, "clone", clone_progress(view));
	if (view->instance->failures > 0 && view->instance->failure[0] != '\0')
		json_set_text(ours, "failure", view->instance->failure);
	if (!text_is_empty(view->trouble))
		json_set_text(ours, "trouble", view->trouble);
	if (view->self->reinitialize)
		json_set_bool(ours, "reinitialize", true);
	if (!text_is_empty(view->copy_dropped))
		json_set_text(ours, "reinitialize_dropped", view->copy_dropped);
	if (json_count(ours) > 0)
		json_set(to, "howdah", ours);
	else
		json_free(ours);
}

struct json *rest_status(const struct rest_view *view)
{
	struct rest_facts facts = rest_facts(view);
	struct json *root = json_new_object();
	json_set_text(root, "state", facts.state);
	if (facts.sql && view->details->postmaster_start_time[0] != '\0')
		json_set_text(root, "postmaster_start_time", view->details->postmaster_start_time);
	json_set_text(root, "role", member_role_text(facts.role));
	if (facts.sql)
		add_server(root, view, &facts);
	add_cluster(root, view, &facts);
	add_member(root, view);
	json_set(root, "patroni", identity(view->config));
	if (view->scheduled_restart != NULL)
		json_set(root, "scheduled_restart", rest_scheduled_restart(view->scheduled_restart));
	if (!text_is_empty(view->rollout))
		json_set(root, "rollout", parsed(view->rollout));
	add_ours(root, view);
	return root;
}
