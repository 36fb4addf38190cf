/* Documents about the cluster. What the store says of a member may be a loop_wait old; what the member answered, or what we know of ourselves, is put over it. */
#include "documents.h"

#include "codec/members.h"

#include <string.h>

static bool is_fresh(const struct rest_view *view, const struct peer_answer *peer)
{
	return !peer->silent && instant_is_set(peer->answered) &&
	       elapsed_most_ms(peer->answered, view->now) < view->config->settings.loop_wait_ms;
}

static const struct peer_answer *fresh_answer(const struct rest_view *view, const char *name)
{
	for (int i = 0; i < view->self->peer_count; i++)
		if (strcmp(view->self->peers[i].name, name) == 0 && is_fresh(view, &view->self->peers[i]))
			return &view->self->peers[i];
	return NULL;
}

static void freshen_ourselves(const struct rest_view *view, const struct rest_facts *facts, struct member *member)
{
	member->state = member_state_from_text(facts->state);
	member->pending_restart = view->details->pending_restart;
	if (!facts->sql)
		return;
	if (facts->timeline != 0)
		member->timeline = facts->timeline;
	member->receive_lsn = facts->received;
	member->replay_lsn = facts->replayed;
	member->xlog_lsn = facts->primary                      ? facts->location
			   : facts->received > facts->replayed ? facts->received
							       : facts->replayed;
	text_copy(member->replication_state, sizeof(member->replication_state), facts->replication_state);
}

struct json *document_cluster(const struct rest_view *view, const struct rest_facts *facts)
{
	struct member members[MEMBERS_MAX];
	if (!facts->has_cluster)
		return NULL;
	for (int i = 0; i < view->cluster->member_count; i++) {
		members[i] = view->cluster->members[i];
		const struct peer_answer *answer = fresh_answer(view, members[i].name);
		if (strcmp(members[i].name, view->config->name) == 0)
			freshen_ourselves(view, facts, &members[i]);
		else if (answer != NULL)
			member_freshen(&members[i], answer);
	}
	struct members_params params = {
		.members = members,
		.count = view->cluster->member_count,
		.status_text = view->member_status,
		.arg = view->member_status_arg,
		.leader = facts->unlocked ? "" : view->self->sight.record.leader,
		.standby_cluster = facts->standby_cluster,
		.paused = facts->paused,
		.move = &view->cluster->move,
		.optime_lsn = view->cluster->optime_lsn,
		.scope = view->config->scope,
	};
	return members_document(&params);
}

struct json *document_history(const struct rest_view *view)
{
	struct err err;
	struct json *root = json_parse(view->history_text, strlen(view->history_text), &err);
	if (json_is_array(root))
		return root;
	json_free(root);
	return json_new_array();
}

/* A text from the store that must be an object; NULL: it is none. */
static struct json *object_of(const char *text)
{
	struct err err;
	if (text_is_empty(text))
		return NULL;
	struct json *root = json_parse(text, strlen(text), &err);
	if (json_is_object(root))
		return root;
	json_free(root);
	return NULL;
}

struct json *document_config(const struct rest_view *view)
{
	return object_of(view->config_text);
}

struct json *document_failsafe(const struct rest_view *view)
{
	struct json *root = object_of(view->failsafe_text);
	if (json_count(root) > 0)
		return root;
	json_free(root);
	return NULL;
}
