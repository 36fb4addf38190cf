/* `restart` and `flush`: now or later, by conditions, and taking back what was scheduled. */
#include "members.h"

#include "codec/units.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { RESTART_LIMIT_MS = 3600 * 1000 }; /* a server with much to write takes long to stop */

static const char flush_text[] = "flush scheduled restart";

struct restart {
	struct session *session;
	const struct cli *cli;
	struct selection members;
	char schedule[TIME_SIZE];      /* "": now */
	char version[CLI_ANSWER_SIZE]; /* "": any */
};

static const char *role_of(const struct cli *cli)
{
	return cli->options[CLI_ROLE] != NULL ? cli->options[CLI_ROLE] : "any";
}

/* ---- restart: what is asked for ---- */

static bool ask_schedule(struct restart *restart, struct err *err)
{
	char question[96], hour[24], answer[CLI_ANSWER_SIZE] = "now";
	struct strbuf b;
	const char *given = restart->cli->options[CLI_SCHEDULED];
	cli_next_hour(hour, sizeof(hour));
	strbuf_init(&b, question, sizeof(question));
	strbuf_addf(&b, "When should the restart take place (e.g. %s) ", hour);
	if (given == NULL && !cli_forced(restart->cli) && !cli_ask(restart->cli, question, "now", answer, err))
		return false;
	return cli_schedule(given != NULL ? given : answer, restart->schedule, err);
}

/* 15.4 or 9.6.24 */
static bool is_version(const char *text)
{
	int parts = 1;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '.' && (c == text || !isdigit((unsigned char)c[1])))
			return false;
		if (*c != '.' && !isdigit((unsigned char)*c))
			return false;
		parts += *c == '.';
	}
	return parts == 2 || parts == 3;
}

static bool ask_version(struct restart *restart, struct err *err)
{
	const char *given = restart->cli->options[CLI_BELOW_VERSION];
	if (given != NULL)
		text_copy(restart->version, sizeof(restart->version), given);
	else if (!cli_forced(restart->cli) &&
		 !cli_ask(restart->cli, "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ", "",
			  restart->version, err))
		return false;
	return restart->version[0] == '\0' || is_version(restart->version) ||
	       err_set(err, ERR_INPUT,
		       "--pg-version: \"%s\" is no version of PostgreSQL: two or three numbers with points between "
		       "them, as in 15.4 or 9.6.24",
		       restart->version);
}

static bool check_timeout(const struct cli *cli, struct err *err)
{
	int64_t seconds;
	const char *text = cli->options[CLI_TIMEOUT];
	return text == NULL || (units_int(text, "s", &seconds) && seconds > 0) ||
	       err_set(err, ERR_INPUT,
		       "--timeout: \"%s\" is no time: seconds above 0, or with a unit, as in 30 or 5min", text);
}

static bool check_pause(const struct restart *restart, struct err *err)
{
	return restart->schedule[0] == '\0' || !config_paused(restart->session->snapshot) ||
	       err_set(err, ERR_INPUT, "Can't schedule restart in the paused state%s",
		       restart->cli->compatible ? "" : ". Resume first: howdahctl resume");
}

static void keep_one(struct restart *restart)
{
	if (restart->cli->options[CLI_ANY] == NULL || restart->members.count == 0)
		return;
	uint32_t at = loop_random(restart->session->loop) % (uint32_t)restart->members.count;
	restart->members.members[0] = restart->members.members[at];
	restart->members.count = 1;
}

static bool prepare(struct restart *restart, struct err *err)
{
	const struct cli *cli = restart->cli;
	struct selecting selecting = {
		.action = "restart", .role = role_of(cli), .name_count = cli->name_count - 1, .names = cli->names + 1
	};
	if (!check_timeout(cli, err) || !select_members(restart->session, &selecting, &restart->members, err) ||
	    !ask_schedule(restart, err) || !confirm_members(cli, &restart->members, "restart", restart->schedule, err))
		return false;
	keep_one(restart);
	return ask_version(restart, err) && check_pause(restart, err);
}

/* ---- restart: sending it ---- */

static struct json *restart_body(const struct restart *restart)
{
	int64_t seconds;
	const char *timeout = restart->cli->options[CLI_TIMEOUT];
	struct json *body = json_new_object();
	if (restart->cli->options[CLI_PENDING] != NULL)
		json_set_bool(body, "restart_pending", true);
	if (restart->version[0] != '\0')
		json_set_text(body, "postgres_version", restart->version);
	if (restart->schedule[0] != '\0')
		json_set_text(body, "schedule", restart->schedule);
	if (timeout != NULL && text_to_i64(timeout, &seconds))
		json_set_i64(body, "timeout", seconds);
	else if (timeout != NULL)
		json_set_text(body, "timeout", timeout);
	return body;
}

static bool has_schedule(const struct snapshot *snapshot, const struct member *member)
{
	struct err err;
	const char *text = snapshot->status_texts[member - snapshot->cluster.members];
	AUTO(json) struct json *status = text[0] != '\0' ? json_parse(text, strlen(text), &err) : NULL;
	const struct json *answer = snapshot->answers[member - snapshot->cluster.members];
	return json_is_object(json_get(answer != NULL ? answer : status, "scheduled_restart"));
}

static void take_back(struct session *session, const struct member *member, struct outcome *outcome)
{
	AUTO(text) char *text = NULL;
	int status = session_request(
		session, &(struct member_request){ .member = member, .method = "DELETE", .path = "restart" }, &text);
	outcome->asked++;
	if (status == 200)
		cli_say(session->cli, "Success: %s for member %s", outcome->action, member->name);
	else
		outcome_failed(outcome, member, status, text);
}

static void send_restart(const struct restart *restart, const struct member *member, const struct json *body,
			 struct outcome *outcome)
{
	AUTO(text) char *text = NULL;
	const struct cli *cli = restart->cli;
	struct member_request request = {
		.member = member, .method = "POST", .path = "restart", .body = body, .limit_ms = RESTART_LIMIT_MS
	};
	struct outcome earlier; /* of a schedule that gives way; the new one tells whether it did */
	outcome_init(&earlier, cli, flush_text);
	if (restart->schedule[0] != '\0' && cli_forced(cli) && has_schedule(restart->session->snapshot, member))
		take_back(restart->session, member, &earlier);
	int status = session_request(restart->session, &request, &text);
	outcome->asked++;
	if (status == 200)
		cli_say(cli, "Success: restart on member %s", member->name);
	else if (status == 202)
		cli_say(cli, "Success: restart scheduled on member %s", member->name);
	else if (status == 409 && cli->compatible)
		cli_say(cli, "Failed: another restart is already scheduled on member %s", member->name);
	else
		outcome_failed(outcome, member, status, text);
}

static bool perform(const struct restart *restart, struct err *err)
{
	struct outcome outcome;
	AUTO(json) struct json *body = restart_body(restart);
	outcome_init(&outcome, restart->cli, "restart");
	for (int i = 0; i < restart->members.count; i++)
		send_restart(restart, restart->members.members[i], body, &outcome);
	return outcome_result(&outcome, err);
}

bool cmd_restart(const struct cli *cli, struct err *err)
{
	struct restart restart = { .cli = cli, .session = session_open(cli, NULL, err) };
	if (restart.session == NULL)
		return false;
	bool done = prepare(&restart, err) && perform(&restart, err);
	session_close(restart.session);
	return done;
}

/* ---- flush ---- */

static bool flush_restarts(struct session *session, struct err *err)
{
	struct outcome outcome;
	struct selection selection;
	const struct cli *cli = session->cli;
	struct selecting selecting = {
		.action = "flush", .role = role_of(cli), .name_count = cli->name_count - 2, .names = cli->names + 1
	};
	if (!select_members(session, &selecting, &selection, err) ||
	    !confirm_members(cli, &selection, "flush", "", err))
		return false;
	outcome_init(&outcome, cli, flush_text);
	for (int i = 0; i < selection.count; i++)
		if (has_schedule(session->snapshot, selection.members[i]))
			take_back(session, selection.members[i], &outcome);
		else
			cli_say(cli, "No scheduled restart for member %s", selection.members[i]->name);
	return outcome_result(&outcome, err);
}

/* 1: a member answered for good; 0: the next one is to be asked. */
static int flush_by(struct session *session, const struct member *member, bool *refused, struct err *err)
{
	AUTO(text) char *text = NULL;
	char words[200];
	int status = session_request(
		session, &(struct member_request){ .member = member, .method = "DELETE", .path = "switchover" }, &text);
	*refused = status != 200;
	answer_words(status, text, words, sizeof(words));
	err_set(err, ERR_OTHER, "the scheduled switchover was not taken back: %s: %s", member->name, words);
	if (status == 200)
		cli_say(session->cli, "Success: %s", text);
	else if (status == 404 && session->cli->compatible)
		cli_say(session->cli, "Failed: %s", text);
	return status == 200 || status == 404;
}

static bool flush_in_store(struct session *session, struct err *err)
{
	struct move nothing = { .asked = false };
	if (session->cli->compatible)
		cli_say(session->cli, "Could not find any accessible member of cluster %s", session->config.scope);
	if (!session_write_move(session, &nothing, err))
		return false;
	if (!session->cli->compatible)
		cli_say(session->cli, "No member answered: the scheduled switchover was taken out of the store");
	return true;
}

static bool flush_switchover(struct session *session, struct err *err)
{
	struct selection all;
	bool refused = false;
	const struct move *pending = &session->snapshot->cluster.move;
	if (!pending->asked || pending->scheduled_at[0] == '\0') {
		cli_say(session->cli, "No pending scheduled switchover");
		return true;
	}
	select_all(session, &all);
	for (int i = 0; i < all.count; i++)
		if (flush_by(session, all.members[i], &refused, err))
			return !refused || session->cli->compatible;
	return flush_in_store(session, err);
}

bool cmd_flush(const struct cli *cli, struct err *err)
{
	const char *what = cli->names[cli->name_count - 1];
	bool restarts = strcmp(what, "restart") == 0;
	if (!restarts && strcmp(what, "switchover") != 0)
		return err_set(err, ERR_INPUT, "flush: \"%s\" is not one of restart|switchover", what);
	struct session *session = session_open(cli, NULL, err);
	if (session == NULL)
		return false;
	bool done = restarts ? flush_restarts(session, err) : flush_switchover(session, err);
	session_close(session);
	return done;
}
