/* `rollout`: what the leader says of it, and whether it may go on. */
#include "members.h"
#include "render.h"

#include <inttypes.h>
#include <string.h>

static const char *text_of(const struct json *rollout, const char *key)
{
	const char *text = json_get_text(rollout, key);
	return text != NULL ? text : "";
}

static int64_t number_of(const struct json *rollout, const char *key)
{
	int64_t number;
	return json_i64(json_get(rollout, key), &number) ? number : 0;
}

void say_rollout(const struct json *rollout, struct strbuf *to)
{
	const char *next = text_of(rollout, "next"), *member = text_of(rollout, "member");
	const char *resources = text_of(rollout, "resources");
	strbuf_addf(to, "Roll-out to %s: %" PRId64 " of %" PRId64 " pods are updated", text_of(rollout, "revision"),
		    number_of(rollout, "updated"), number_of(rollout, "replicas"));
	if (next[0] != '\0')
		strbuf_addf(to, ", %s is next", next);
	strbuf_addf(to, ": %s", text_of(rollout, "reason"));
	if (member[0] != '\0')
		strbuf_addf(to, " (%s)", member);
	if (resources[0] != '\0')
		strbuf_addf(to, "; its resources: %s", resources);
	strbuf_add_char(to, '.');
}

static void print_revisions(const struct snapshot *snapshot, struct strbuf *to)
{
	for (int i = 0; i < snapshot->cluster.member_count; i++) {
		const struct member *m = &snapshot->cluster.members[i];
		if (m->revision[0] != '\0')
			strbuf_addf(to, "  %s: %s\n", m->name, m->revision);
	}
}

static void print_status(const void *arg, struct strbuf *to)
{
	const struct snapshot *snapshot = arg;
	AUTO(json) struct json *document = snapshot_document(snapshot);
	const struct json *rollout = json_get(document, "rollout");
	if (rollout != NULL)
		say_rollout(rollout, to);
	else
		strbuf_add(to, snapshot_leader(snapshot)[0] != '\0' ? "No roll-out is under way."
								    : "Nobody leads: nobody rolls out.");
	strbuf_add_char(to, '\n');
	if (snapshot->cluster.rollout_paused)
		strbuf_add(to, "Roll-outs are paused: howdahctl rollout resume lets them go on.\n");
	print_revisions(snapshot, to);
}

static bool show_status(const struct cli *cli, struct err *err)
{
	struct snapshot *snapshot = snapshot_read(cli, NULL, ASK_MS, err);
	bool done = snapshot != NULL && cli_output(cli, print_status, snapshot, err);
	snapshot_destroy(snapshot);
	return done;
}

static bool set_paused(const struct cli *cli, bool paused, struct err *err)
{
	struct session *session = session_open(cli, NULL, err);
	bool done = session != NULL && session_pause_rollout(session, paused, err);
	if (done)
		cli_say(cli, "Success: roll-outs are %s", paused ? "paused" : "resumed");
	session_close(session);
	return done;
}

bool cmd_rollout(const struct cli *cli, struct err *err)
{
	const char *word = cli->names[0];
	struct cli rest = *cli;
	rest.name_count = cli->name_count - 1;
	rest.names[0] = cli->names[1];
	if (strcmp(word, "status") == 0)
		return show_status(&rest, err);
	if (strcmp(word, "pause") == 0 || strcmp(word, "resume") == 0)
		return set_paused(&rest, strcmp(word, "pause") == 0, err);
	return err_set(err, ERR_INPUT, "rollout %s: status, pause or resume is wanted", word);
}
