/* What a snapshot says, without any reading. */
#include "snapshot.h"

#include "codec/members.h"
#include "codec/status.h"

#include <stdlib.h>
#include <string.h>

struct snapshot *snapshot_create(void)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	if (snapshot == NULL)
		abort();
	return snapshot;
}

void snapshot_forget_answers(struct snapshot *snapshot)
{
	for (int i = 0; i < MEMBERS_MAX; i++) {
		json_free(snapshot->answers[i]);
		snapshot->answers[i] = NULL;
		snapshot->complaints[i][0] = '\0';
	}
}

void snapshot_destroy(struct snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	free(snapshot->config_text);
	free(snapshot->history_text);
	snapshot_forget_answers(snapshot);
	for (int i = 0; i < MEMBERS_MAX; i++)
		free(snapshot->status_texts[i]);
	free(snapshot);
}

const char *snapshot_leader(const struct snapshot *snapshot)
{
	const struct lease_object *leader = &snapshot->cluster.leader;
	return leader->present && leader->readable ? leader->record.leader : "";
}

static struct json *parsed_object(const char *text)
{
	struct err err;
	struct json *root = text_is_empty(text) ? NULL : json_parse(text, strlen(text), &err);
	if (root == NULL || json_is_object(root))
		return root;
	json_free(root);
	return NULL;
}

struct json *snapshot_config(const struct snapshot *snapshot)
{
	return parsed_object(snapshot->config_text);
}

static void freshen(struct member *member, const struct json *answer)
{
	struct peer_answer parsed = { .silent = false };
	AUTO(text) char *text = json_print_text(answer, JSON_COMPACT);
	if (!peer_answer_parse(&parsed, NULL, text, strlen(text)))
		return;
	const char *stream = json_get_text(answer, "replication_state");
	member_freshen(member, &parsed);
	member->pending_restart = json_true(json_get(answer, "pending_restart"));
	text_copy(member->replication_state, sizeof(member->replication_state), stream == NULL ? "" : stream);
}

void snapshot_members(const struct snapshot *snapshot, struct member members[static MEMBERS_MAX])
{
	for (int i = 0; i < snapshot->cluster.member_count; i++) {
		members[i] = snapshot->cluster.members[i];
		if (snapshot->answers[i] != NULL)
			freshen(&members[i], snapshot->answers[i]);
	}
}

struct texts {
	const struct snapshot *snapshot;
	char *of_answers[MEMBERS_MAX]; /* NULL: there is none */
};

/* Tags, what a restart is pending for and whether one is scheduled: by the member's own word where it gave it. */
static const char *status_text(const void *arg, const char *name)
{
	const struct texts *texts = arg;
	for (int i = 0; i < texts->snapshot->cluster.member_count; i++)
		if (strcmp(texts->snapshot->cluster.members[i].name, name) == 0)
			return texts->of_answers[i] != NULL ? texts->of_answers[i] : texts->snapshot->status_texts[i];
	return NULL;
}

static void make_texts(struct texts *texts)
{
	const struct snapshot *snapshot = texts->snapshot;
	for (int i = 0; i < snapshot->cluster.member_count; i++)
		if (json_get_text(snapshot->answers[i], "state") != NULL)
			texts->of_answers[i] = json_print_text(snapshot->answers[i], JSON_COMPACT);
}

/* What the leader itself says is newer than what it last wrote: the others' lag is that behind it. */
static uint64_t leader_lsn(const struct snapshot *snapshot, const struct member members[static MEMBERS_MAX])
{
	const char *leader = snapshot_leader(snapshot);
	uint64_t lsn = snapshot->cluster.optime_lsn;
	for (int i = 0; i < snapshot->cluster.member_count; i++)
		if (strcmp(members[i].name, leader) == 0 && snapshot->answers[i] != NULL && members[i].xlog_lsn > lsn)
			lsn = members[i].xlog_lsn;
	return lsn;
}

struct json *snapshot_document(const struct snapshot *snapshot)
{
	struct member members[MEMBERS_MAX];
	AUTO(json) struct json *config = snapshot_config(snapshot);
	struct texts texts = { .snapshot = snapshot };
	snapshot_members(snapshot, members);
	make_texts(&texts);
	struct members_params params = {
		.members = members,
		.count = snapshot->cluster.member_count,
		.status_text = status_text,
		.arg = &texts,
		.leader = snapshot_leader(snapshot),
		.standby_cluster = config_is_standby_cluster(config),
		.paused = json_true(json_get(config, "pause")),
		.optime_lsn = leader_lsn(snapshot, members),
		.scope = snapshot->scope,
	};
	struct json *document = members_document(&params);
	for (int i = 0; i < MEMBERS_MAX; i++)
		free(texts.of_answers[i]);
	return document;
}
