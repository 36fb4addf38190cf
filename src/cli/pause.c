/* `pause` and `resume`: the key in the dynamic configuration, set by a member, and who has seen it. */
#include "members.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LOOP_WAIT_S = 10, POLL_MS = 1000 };

struct toggle {
	struct session *session;
	const struct cli *cli;
	bool pause;
};

static const char *verb(const struct toggle *toggle)
{
	return toggle->pause ? "pause" : "resume";
}

static void say_done(const struct toggle *toggle)
{
	cli_say(toggle->cli, "Success: cluster management is %s", toggle->pause ? "paused" : "resumed");
}

/* ---- waiting ---- */

/* By its own word, and where it gives none by what it last stored. */
static bool knows(const struct toggle *toggle, int i)
{
	const struct snapshot *snapshot = toggle->session->snapshot;
	const struct json *answer = snapshot->answers[i];
	bool paused = answer != NULL ? json_true(json_get(answer, "pause")) : snapshot->cluster.members[i].paused;
	return paused == toggle->pause;
}

static int count_missing(const struct toggle *toggle, struct strbuf *names)
{
	int count = 0;
	const struct cluster *cluster = &toggle->session->snapshot->cluster;
	for (int i = 0; i < cluster->member_count; i++) {
		if (cluster->members[i].api_url[0] == '\0' || knows(toggle, i))
			continue;
		strbuf_addf(names, "%s%s", count++ > 0 ? ", " : "", cluster->members[i].name);
	}
	return count;
}

static bool still_missing(const struct toggle *toggle, int count, int64_t seconds, const char *names, struct err *err)
{
	if (!toggle->cli->compatible)
		return err_set(err, ERR_NO_ANSWER,
			       "%s: after %" PRId64 " s not yet known to %s. It is in the configuration, and a member "
			       "acts on it once it reads that: howdahctl list shows who is there",
			       verb(toggle), seconds, names);
	cli_say(toggle->cli, "%d members didn't recognized %s state after %" PRId64 " seconds", count,
		toggle->pause ? "pause" : "resume", seconds);
	return true;
}

static bool wait_for_all(const struct toggle *toggle, struct err *err)
{
	struct session *session = toggle->session;
	char names[512], before[512] = "";
	int64_t seconds = config_seconds(session->snapshot, "loop_wait", LOOP_WAIT_S) + 1;
	struct instant start = session_now(session);
	cli_say(toggle->cli, "'%s' request sent, waiting until it is recognized by all nodes", verb(toggle));
	for (;;) {
		struct strbuf b;
		strbuf_init(&b, names, sizeof(names));
		if (!session_refresh(session, err))
			return false;
		session_ask(session, ASK_MS);
		int count = count_missing(toggle, &b);
		if (count == 0)
			break;
		if (elapsed_most_ms(start, session_now(session)) >= seconds * 1000)
			return still_missing(toggle, count, seconds, names, err);
		if (!toggle->cli->compatible && strcmp(names, before) != 0)
			cli_say(toggle->cli, "waiting for %s", names);
		text_copy(before, sizeof(before), names);
		session_pass(session, POLL_MS);
	}
	say_done(toggle);
	return true;
}

/* ---- asking ---- */

static bool refused(const struct toggle *toggle, const struct member *member, int status, const char *text,
		    struct err *err)
{
	char words[200];
	const char *advice = answer_advice(status, text);
	if (toggle->cli->compatible) {
		cli_say(toggle->cli, "Failed: %s cluster management status code=%d, (%s)", verb(toggle), status, text);
		return true;
	}
	answer_words(status, text, words, sizeof(words));
	return err_set(err, ERR_OTHER, "%s refused by %s: %s%s%s", verb(toggle), member->name, words,
		       advice != NULL ? ". " : "", advice != NULL ? advice : "");
}

/* The leader first, then whoever answers. */
static bool ask_members(const struct toggle *toggle, struct err *err)
{
	struct selection all;
	AUTO(json) struct json *body = json_new_object();
	json_set(body, "pause", toggle->pause ? json_new_bool(true) : json_new_null());
	select_all(toggle->session, &all);
	for (int i = 0; i < all.count; i++) {
		AUTO(text) char *text = NULL;
		struct member_request request = {
			.member = all.members[i], .method = "PATCH", .path = "config", .body = body
		};
		int status = session_request(toggle->session, &request, &text);
		if (status == 0)
			continue;
		if (status != 200)
			return refused(toggle, all.members[i], status, text, err);
		if (toggle->cli->options[CLI_WAIT] != NULL)
			return wait_for_all(toggle, err);
		say_done(toggle);
		return true;
	}
	return err_set(err, ERR_NO_ANSWER, "Can not find accessible cluster member%s",
		       toggle->cli->compatible ? "" : ": none of them answers from here. See howdahctl list");
}

static bool toggle(const struct cli *cli, bool pause, struct err *err)
{
	struct toggle toggle = { .session = session_open(cli, NULL, err), .cli = cli, .pause = pause };
	if (toggle.session == NULL)
		return false;
	bool done;
	if (config_paused(toggle.session->snapshot) == pause)
		done = err_set(err, ERR_INPUT, "Cluster is %s paused", pause ? "already" : "not");
	else
		done = ask_members(&toggle, err);
	session_close(toggle.session);
	return done;
}

bool cmd_pause(const struct cli *cli, struct err *err)
{
	return toggle(cli, true, err);
}

bool cmd_resume(const struct cli *cli, struct err *err)
{
	return toggle(cli, false, err);
}
