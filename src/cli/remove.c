/* `remove`: three questions, then everything that the store knows of the cluster is gone. */
#include "members.h"
#include "render.h"

#include <string.h>

static const char awareness[] = "Yes I am aware";

static void print_cluster(const void *arg, struct strbuf *to)
{
	const struct session *session = arg;
	render_list(session->snapshot, output_format(session->cli->options[CLI_FORMAT]), false, to);
}

static bool ask_name(const struct session *session, struct err *err)
{
	char answer[CLI_ANSWER_SIZE];
	if (!cli_ask(session->cli, "Please confirm the cluster name to remove", NULL, answer, err))
		return false;
	return strcmp(answer, session->config.scope) == 0 ||
	       err_set(err, ERR_INPUT, "Cluster names specified do not match");
}

static bool ask_awareness(const struct session *session, struct err *err)
{
	char question[256], answer[CLI_ANSWER_SIZE];
	struct strbuf b;
	strbuf_init(&b, question, sizeof(question));
	strbuf_addf(&b, "You are about to remove all information in DCS for %s, please type: \"%s\"",
		    session->config.scope, awareness);
	if (!cli_ask(session->cli, question, NULL, answer, err))
		return false;
	return strcmp(answer, awareness) == 0 || err_set(err, ERR_INPUT, "You did not exactly type \"%s\"", awareness);
}

static bool ask_leader(const struct session *session, struct err *err)
{
	char answer[CLI_ANSWER_SIZE];
	const char *leader = snapshot_leader(session->snapshot);
	if (leader[0] == '\0')
		return true;
	if (!cli_ask(session->cli, "This cluster currently is healthy. Please specify the leader name to continue",
		     NULL, answer, err))
		return false;
	return strcmp(answer, leader) == 0 ||
	       err_set(err, ERR_INPUT, "You did not specify the current leader of the cluster");
}

static bool remove_cluster(struct session *session, struct err *err)
{
	session_ask(session, ASK_MS);
	if (!cli_output(session->cli, print_cluster, session, err) || !ask_name(session, err) ||
	    !ask_awareness(session, err) || !ask_leader(session, err) || !session_remove(session, err))
		return false;
	if (!session->cli->compatible)
		cli_say(session->cli,
			"All that the store knew of %s is removed. Pods, volumes and their data are left as they were",
			session->config.scope);
	return true;
}

bool cmd_remove(const struct cli *cli, struct err *err)
{
	struct session *session = session_open(cli, NULL, err);
	bool done = session != NULL && remove_cluster(session, err);
	session_close(session);
	return done;
}
