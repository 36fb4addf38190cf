/* Which members a command is for. */
#include "members.h"

#include "render.h"

#include <stdlib.h>
#include <string.h>

static bool leads(const struct snapshot *snapshot, const struct member *member)
{
	return strcmp(member->name, snapshot_leader(snapshot)) == 0;
}

bool member_has_role(const struct snapshot *snapshot, const struct member *member, const char *role)
{
	bool leader = leads(snapshot, member);
	if (strcmp(role, "any") == 0)
		return true;
	if (strcmp(role, "leader") == 0)
		return leader;
	if (strcmp(role, "primary") == 0)
		return leader && member->role != ROLE_STANDBY_LEADER;
	if (strcmp(role, "standby-leader") == 0)
		return leader && member->role != ROLE_PRIMARY;
	return !leader;
}

const struct member *snapshot_member(const struct snapshot *snapshot, const char *name)
{
	return cluster_member(&snapshot->cluster, name);
}

bool config_paused(const struct snapshot *snapshot)
{
	AUTO(json) struct json *config = snapshot_config(snapshot);
	return json_true(json_get(config, "pause"));
}

int64_t config_seconds(const struct snapshot *snapshot, const char *key, int64_t fallback)
{
	AUTO(json) struct json *config = snapshot_config(snapshot);
	int64_t value;
	return json_i64(json_get(config, key), &value) ? value : fallback;
}

/* ---- the table within a command ---- */

static void print_members(const void *arg, struct strbuf *to)
{
	const struct session *session = arg;
	const struct cli *cli = session->cli;
	if (cli->compatible)
		render_list(session->snapshot, OUTPUT_PRETTY, false, to);
	else
		render_overview(session->snapshot, cli->columns, cli->colour, to);
}

bool show_members(const struct session *session, struct err *err)
{
	return cli_output(session->cli, print_members, session, err);
}

/* ---- selecting ---- */

static void add_members(const struct session *session, const char *role, bool leaders, struct selection *to)
{
	const struct snapshot *snapshot = session->snapshot;
	for (int i = 0; i < snapshot->cluster.member_count; i++) {
		const struct member *member = &snapshot->cluster.members[i];
		if (leads(snapshot, member) == leaders && member_has_role(snapshot, member, role))
			to->members[to->count++] = member;
	}
}

void select_all(const struct session *session, struct selection *selection)
{
	*selection = (struct selection){ .count = 0 };
	add_members(session, "any", true, selection);
	add_members(session, "any", false, selection);
}

static const struct member *find(const struct selection *among, const char *name)
{
	for (int i = 0; i < among->count; i++)
		if (strcmp(among->members[i]->name, name) == 0)
			return among->members[i];
	return NULL;
}

/* Of those that were named, patronictl takes the ones it knows, and complains when there are none. */
static bool is_unknown(const struct session *session, const struct selecting *selecting, const char *name,
		       struct err *err)
{
	char text[512];
	struct strbuf b;
	if (session->cli->compatible)
		return err_set(err, ERR_MISSING, "%s is not a member of cluster", name);
	if (snapshot_member(session->snapshot, name) != NULL)
		return err_set(err, ERR_INPUT, "%s is no %s: %s is for those only", name, selecting->role,
			       selecting->action);
	strbuf_init(&b, text, sizeof(text));
	for (int i = 0; i < session->snapshot->cluster.member_count; i++)
		strbuf_addf(&b, "%s%s", i > 0 ? ", " : "", session->snapshot->cluster.members[i].name);
	return err_set(err, ERR_MISSING, "%s is not a member of cluster %s. Its members: %s", name,
		       session->config.scope, text);
}

static bool pick_named(const struct session *session, const struct selecting *selecting,
		       const struct selection *candidates, struct selection *selection, struct err *err)
{
	for (int i = 0; i < selecting->name_count; i++) {
		const struct member *member = find(candidates, selecting->names[i]);
		if (member == NULL && !session->cli->compatible)
			return is_unknown(session, selecting, selecting->names[i], err);
		if (member != NULL && find(selection, member->name) == NULL)
			selection->members[selection->count++] = member;
	}
	if (selection->count > 0)
		return true;
	bool any = strcmp(selecting->role, "any") == 0;
	return err_set(err, ERR_MISSING, "No %s among provided members", any ? "'any'" : selecting->role);
}

static bool ask_which(const struct session *session, const struct selecting *selecting,
		      const struct selection *candidates, struct selection *selection, struct err *err)
{
	char question[1024], answer[CLI_ANSWER_SIZE];
	struct strbuf b;
	strbuf_init(&b, question, sizeof(question));
	strbuf_addf(&b, "Which member do you want to %s [", selecting->action);
	for (int i = 0; i < candidates->count; i++)
		strbuf_addf(&b, "%s%s", i > 0 ? ", " : "", candidates->members[i]->name);
	strbuf_add(&b, "]?");
	if (!cli_ask(session->cli, question, "", answer, err))
		return false;
	const struct member *member = find(candidates, answer);
	if (member == NULL)
		return is_unknown(session, selecting, answer, err);
	selection->members[selection->count++] = member;
	return true;
}

static bool nobody_named(const struct session *session, const struct selecting *selecting,
			 const struct selection *candidates, struct selection *selection, struct err *err)
{
	if (!selecting->must_be_named)
		*selection = *candidates;
	else if (!cli_forced(session->cli))
		return ask_which(session, selecting, candidates, selection, err);
	else if (!session->cli->compatible)
		return err_set(err, ERR_INPUT, "%s needs the names of members with --force: nobody is asked which",
			       session->cli->command->name);
	return true;
}

bool select_members(struct session *session, const struct selecting *selecting, struct selection *selection,
		    struct err *err)
{
	struct selection candidates = { .count = 0 };
	*selection = (struct selection){ .count = 0 };
	add_members(session, selecting->role, true, &candidates);
	add_members(session, selecting->role, false, &candidates);
	if (selecting->name_count == 0 && candidates.count == 0)
		return err_set(err, ERR_MISSING, "%s cluster doesn't have any members", session->config.scope);
	session_ask(session, ASK_MS);
	if ((session->cli->compatible || !cli_forced(session->cli)) && !show_members(session, err))
		return false;
	if (selecting->name_count > 0)
		return pick_named(session, selecting, &candidates, selection, err);
	return nobody_named(session, selecting, &candidates, selection, err);
}

bool confirm_members(const struct cli *cli, const struct selection *selection, const char *action, const char *schedule,
		     struct err *err)
{
	char question[4096], refusal[64];
	struct strbuf b;
	bool later = schedule[0] != '\0';
	if (cli_forced(cli))
		return true;
	strbuf_init(&b, question, sizeof(question));
	strbuf_addf(&b, "Are you sure you want to %s%s %smembers ", later ? "schedule " : "", action,
		    later ? "of " : "");
	for (int i = 0; i < selection->count; i++)
		strbuf_addf(&b, "%s%s", i > 0 ? ", " : "", selection->members[i]->name);
	if (later)
		strbuf_addf(&b, " at %s", schedule);
	strbuf_add_char(&b, '?');
	strbuf_init(&b, refusal, sizeof(refusal));
	strbuf_addf(&b, "Aborted %s%s", later ? "scheduled " : "", action);
	return cli_confirm(cli, question, refusal, err);
}
