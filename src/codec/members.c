/* The members as a document: keys, their order and the words are contract 3.6's. */
#include "codec/members.h"

#include "codec/units.h"

#include <string.h>

static bool is_given(const struct json *value)
{
	const char *text = json_text(value);
	if (text != NULL)
		return text[0] != '\0';
	return json_double(value) != 0 || json_true(value);
}

bool config_is_standby_cluster(const struct json *dynamic)
{
	const struct json *section = json_get(dynamic, "standby_cluster");
	return is_given(json_get(section, "host")) || is_given(json_get(section, "port")) ||
	       is_given(json_get(section, "restore_command"));
}

void member_freshen(struct member *member, const struct peer_answer *answer)
{
	member->state = answer->state;
	member->xlog_lsn = answer->lsn;
	member->receive_lsn = answer->received_lsn;
	member->replay_lsn = answer->replayed_lsn;
	if (answer->timeline != 0)
		member->timeline = answer->timeline;
	if (!answer->in_recovery || answer->state != STATE_RUNNING)
		member->replication_state[0] = '\0';
}

static void add_position(struct json *to, const char *name, uint64_t lsn, uint64_t optime_lsn)
{
	char lsn_key[32], lag_key[32], text[24];
	struct strbuf b;
	strbuf_init(&b, lsn_key, sizeof(lsn_key));
	strbuf_addf(&b, "%slsn", name);
	strbuf_init(&b, lag_key, sizeof(lag_key));
	strbuf_addf(&b, "%slag", name);
	if (lsn == 0) {
		json_set_text(to, lsn_key, "unknown");
		json_set_text(to, lag_key, "unknown");
		return;
	}
	lsn_to_text(lsn, text, sizeof(text));
	json_set_i64(to, lag_key, optime_lsn > lsn ? (int64_t)(optime_lsn - lsn) : 0);
	json_set_text(to, lsn_key, text);
}

static void copy_key(struct json *to, const struct json *from, const char *key)
{
	const struct json *value = json_get(from, key);
	if (value != NULL)
		json_set(to, key, json_copy(value));
}

static void add_status(struct json *to, const struct member *member, const struct json *status)
{
	if (member->timeline != 0)
		json_set_i64(to, "timeline", member->timeline);
	if (member->pending_restart)
		json_set_bool(to, "pending_restart", true);
	copy_key(to, status, "pending_restart_reason");
	copy_key(to, status, "scheduled_restart");
	copy_key(to, status, "tags");
}

static struct json *member_status(const struct members_params *params, const char *name)
{
	struct err err;
	const char *text = params->status_text == NULL ? NULL : params->status_text(params->arg, name);
	return text_is_empty(text) ? NULL : json_parse(text, strlen(text), &err);
}

/* What the pod says where it is a state we do not know; nothing where it says nothing. */
static const char *state_text(const struct member *member, const struct json *status)
{
	const char *stored = json_get_text(status, "state");
	if (member->state != STATE_UNKNOWN)
		return member_state_text(member->state);
	return stored == NULL ? "" : stored;
}

static struct json *member_json(const struct members_params *params, const struct member *member)
{
	AUTO(json) struct json *status = member_status(params, member->name);
	bool leads = strcmp(member->name, params->leader) == 0;
	const char *leader_role = params->standby_cluster ? "standby_leader" : "leader";
	bool shows_stream = member->replication_state[0] != '\0' && !(leads && !params->standby_cluster);
	struct json *item = json_new_object();
	json_set_text(item, "name", member->name);
	json_set_text(item, "role", leads ? leader_role : "replica");
	json_set_text(item, "state", shows_stream ? member->replication_state : state_text(member, status));
	json_set_text(item, "api_url", member->api_url[0] != '\0' ? member->api_url : NULL);
	if (member->conn_host[0] != '\0') {
		json_set_text(item, "host", member->conn_host);
		json_set_i64(item, "port", member->conn_port);
	}
	add_status(item, member, status);
	if (!leads) {
		add_position(item, "receive_", member->receive_lsn, params->optime_lsn);
		uint64_t replayed =
			member->replay_lsn != 0 ? member->replay_lsn : member->xlog_lsn; /* as Patroni has it */
		add_position(item, "replay_", replayed, params->optime_lsn);
		add_position(item, "", member->xlog_lsn, params->optime_lsn);
	}
	return item;
}

static struct json *scheduled_switchover(const struct move *move)
{
	struct json *item = json_new_object();
	json_set_text(item, "at", move->scheduled_at);
	if (move->leader[0] != '\0')
		json_set_text(item, "from", move->leader);
	if (move->candidate[0] != '\0')
		json_set_text(item, "to", move->candidate);
	return item;
}

/* The leader's word; ours, in addition to the contract. */
static void add_rollout(struct json *root, const struct members_params *params)
{
	AUTO(json) struct json *status = params->leader[0] != '\0' ? member_status(params, params->leader) : NULL;
	const struct json *rollout = json_get(status, "rollout");
	if (json_is_object(rollout))
		json_set(root, "rollout", json_copy(rollout));
}

struct json *members_document(const struct members_params *params)
{
	struct json *root = json_new_object(), *list = json_new_array();
	for (int i = 0; i < params->count; i++)
		json_push(list, member_json(params, &params->members[i]));
	json_set(root, "members", list);
	if (params->paused)
		json_set_bool(root, "pause", true);
	if (params->move != NULL && params->move->asked && params->move->scheduled_at[0] != '\0')
		json_set(root, "scheduled_switchover", scheduled_switchover(params->move));
	add_rollout(root, params);
	json_set_text(root, "scope", params->scope);
	return root;
}
