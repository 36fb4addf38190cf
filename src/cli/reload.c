/* `reload` and `reinit`. */
#include "members.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LOOP_WAIT_S = 10, POLL_MS = 2000 };

/* ---- reload ---- */

static void reload_member(struct session *session, const struct member *member, struct outcome *outcome)
{
	AUTO(text) char *text = NULL;
	const struct cli *cli = session->cli;
	int status = session_request(
		session, &(struct member_request){ .member = member, .method = "POST", .path = "reload" }, &text);
	outcome->asked++;
	if (status == 200)
		cli_say(cli, "No changes to apply on member %s", member->name);
	else if (status == 202)
		cli_say(cli, "Reload request received for member %s and will be processed within %" PRId64 " seconds",
			member->name, config_seconds(session->snapshot, "loop_wait", LOOP_WAIT_S));
	else
		outcome_failed(outcome, member, status, text);
}

static bool reload(struct session *session, struct err *err)
{
	struct outcome outcome;
	struct selection selection;
	const struct cli *cli = session->cli;
	struct selecting selecting = { .action = "reload",
				       .role = cli->options[CLI_ROLE] != NULL ? cli->options[CLI_ROLE] : "any",
				       .name_count = cli->name_count - 1,
				       .names = cli->names + 1 };
	if (!select_members(session, &selecting, &selection, err) ||
	    !confirm_members(cli, &selection, "reload", "", err))
		return false;
	outcome_init(&outcome, cli, "reload");
	for (int i = 0; i < selection.count; i++)
		reload_member(session, selection.members[i], &outcome);
	return outcome_result(&outcome, err);
}

bool cmd_reload(const struct cli *cli, struct err *err)
{
	struct session *session = session_open(cli, NULL, err);
	bool done = session != NULL && reload(session, err);
	session_close(session);
	return done;
}

/* ---- reinit ---- */

static int send_reinit(struct session *session, const struct member *member, bool force, char **text)
{
	AUTO(json) struct json *body = json_new_object();
	json_set_bool(body, "force", force);
	json_set_bool(body, "from_leader", session->cli->options[CLI_FROM_LEADER] != NULL);
	return session_request(
		session,
		&(struct member_request){ .member = member, .method = "POST", .path = "reinitialize", .body = body },
		text);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);
	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Something else is being done there: it can be broken off. */
static bool breaks_off(const struct cli *cli, int status, const char *text)
{
	struct err err;
	if (status != 503 || cli_forced(cli) || !ends_with(text, " already in progress") ||
	    !(cli->terminal || cli->compatible))
		return false;
	cli_say(cli, "%s", text);
	return cli_confirm(cli, "Do you want to cancel it and reinitialize anyway?", "", &err);
}

static bool reinit_member(struct session *session, const struct member *member, struct outcome *outcome)
{
	AUTO(text) char *text = NULL;
	bool force = cli_forced(session->cli);
	int status = send_reinit(session, member, force, &text);
	if (breaks_off(session->cli, status, text)) {
		free(text);
		status = send_reinit(session, member, true, &text);
	}
	outcome->asked++;
	if (status == 200)
		cli_say(session->cli, "Success: reinitialize for member %s", member->name);
	else
		outcome_failed(outcome, member, status, text);
	return status == 200;
}

static void say_waiting(const struct cli *cli, const struct selection *waiting)
{
	char names[MEMBERS_MAX * (NAME_SIZE + 2)];
	struct strbuf b;
	strbuf_init(&b, names, sizeof(names));
	for (int i = 0; i < waiting->count; i++)
		strbuf_addf(&b, "%s%s", i > 0 ? ", " : "", waiting->members[i]->name);
	cli_say(cli, "Waiting for reinitialize to complete on: %s", names);
}

/* Whether it has come to an end, good or bad. A member that does not answer may be starting anew: it is asked again. */
static bool has_ended(struct session *session, const struct member *member, struct outcome *outcome)
{
	struct err err;
	AUTO(text) char *text = NULL;
	int status = session_request(
		session, &(struct member_request){ .member = member, .method = "GET", .path = "patroni" }, &text);
	AUTO(json) struct json *root = status == 0 ? NULL : json_parse(text, strlen(text), &err);
	const char *state = json_get_text(root, "state");
	const struct json *ours = json_get(root, "howdah");
	const char *dropped = json_get_text(ours, "reinitialize_dropped");
	if (dropped != NULL) {
		outcome_failed(outcome, member, status, dropped);
		return true;
	}
	if (state == NULL || json_true(json_get(ours, "reinitialize")) ||
	    strcmp(state, member_state_text(STATE_CREATING_REPLICA)) == 0)
		return false;
	cli_say(session->cli, "Reinitialize is completed on: %s", member->name);
	return true;
}

static void wait_for(struct session *session, struct selection *waiting, struct outcome *outcome)
{
	bool changed = true;
	while (waiting->count > 0) {
		if (changed)
			say_waiting(session->cli, waiting);
		session_pass(session, POLL_MS);
		struct selection left = { .count = 0 };
		for (int i = 0; i < waiting->count; i++)
			if (!has_ended(session, waiting->members[i], outcome))
				left.members[left.count++] = waiting->members[i];
		changed = left.count != waiting->count;
		*waiting = left;
	}
}

static bool reinit(struct session *session, struct err *err)
{
	struct outcome outcome;
	struct selection selection, waiting = { .count = 0 };
	const struct cli *cli = session->cli;
	struct selecting selecting = { .action = "reinitialize",
				       .role = "replica",
				       .name_count = cli->name_count - 1,
				       .names = cli->names + 1,
				       .must_be_named = true };
	if (!select_members(session, &selecting, &selection, err) ||
	    !confirm_members(cli, &selection, "reinitialize", "", err))
		return false;
	outcome_init(&outcome, cli, "reinitialize");
	for (int i = 0; i < selection.count; i++)
		if (reinit_member(session, selection.members[i], &outcome) && cli->options[CLI_WAIT] != NULL)
			waiting.members[waiting.count++] = selection.members[i];
	wait_for(session, &waiting, &outcome);
	return outcome_result(&outcome, err);
}

bool cmd_reinit(const struct cli *cli, struct err *err)
{
	struct session *session = session_open(cli, NULL, err);
	bool done = session != NULL && reinit(session, err);
	session_close(session);
	return done;
}
