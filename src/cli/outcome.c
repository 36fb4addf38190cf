/* What members answered, in words; and what somebody can do about it. */
#include "members.h"

#include <string.h>

static const struct {
	int status;       /* 0: any */
	const char *part; /* of the answer's text; "": any */
	const char *advice;
} advices[] = {
	{ 401, "", "Set ctl.authentication, or restapi.authentication, to what the members expect" },
	{ 403, "certificate", "Set ctl.certfile and ctl.keyfile to a certificate that the members trust" },
	{ 403, "", "Only addresses in restapi.allowlist are let in: ask from one of them" },
	{ 404, "", "Ask howdahctl list what is scheduled" },
	{ 409, "already scheduled", "Take it back with howdahctl flush, or give --force" },
	{ 409, "", "Somebody else changed it at the same time: look again, then repeat" },
	{ 0, "paused state", "Resume first: howdahctl resume" },
	{ 0, "already in progress", "Wait until that is over" },
	{ 0, "still starting", "Wait until it has started" },
	{ 0, "conditions are not satisfied", "Nothing was done: the conditions that were given do not hold there" },
	{ 0, "I am the leader", "Only replicas can be copied anew: switch over first" },
	{ 0, "has no leader", "Wait for a leader: howdahctl list" },
	{ 0, "leader name does not match", "Another member leads by now: howdahctl list" },
	{ 0, "sync_standby", "Choose a synchronous standby: howdahctl list" },
	{ 0, "does not exists", "Choose one of the members that howdahctl list shows" },
	{ 0, "members except leader", "Nobody is there to take over" },
	{ 0, "no good candidates",
	  "Nobody who answers could take over: howdahctl list shows lag, state and who never leads" },
	{ 0, "in the past", "Give a later time" },
	{ 0, "status unknown", "It may still happen: look with howdahctl list" },
	{ 501, "", "The member does not know this request: it may be of an older version" },
};

const char *answer_advice(int status, const char *text)
{
	if (status == 0)
		return "See whether it runs, and whether its address can be reached from here";
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
		if ((advices[i].status == 0 || advices[i].status == status) && strstr(text, advices[i].part) != NULL)
			return advices[i].advice;
	return NULL;
}

void answer_words(int status, const char *text, char *to, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, to, size);
	text += strspn(text, " \r\n");
	if (text[0] == '\0' || text[0] == '<')
		strbuf_addf(&b, "HTTP %d", status);
	else
		strbuf_add_bytes(&b, text, strcspn(text, "\r\n"));
}

void outcome_init(struct outcome *outcome, const struct cli *cli, const char *action)
{
	*outcome = (struct outcome){ .cli = cli, .action = action };
	strbuf_init(&outcome->who, outcome->text, sizeof(outcome->text));
}

void outcome_failed(struct outcome *outcome, const struct member *member, int status, const char *text)
{
	char words[200];
	answer_words(status, text, words, sizeof(words));
	strbuf_addf(&outcome->who, "%s%s (%s)", outcome->who.len > 0 ? ", " : "", member->name, words);
	outcome->refused++;
	outcome->silent += status == 0;
	outcome->advice = answer_advice(status, text);
	if (outcome->cli->compatible)
		cli_say(outcome->cli, "Failed: %s for member %s, status code=%d, (%s)", outcome->action, member->name,
			status, text);
}

bool outcome_result(const struct outcome *outcome, struct err *err)
{
	if (outcome->refused == 0 || (outcome->cli->compatible && outcome->silent == 0))
		return true;
	return err_set(err, outcome->silent > 0 ? ERR_NO_ANSWER : ERR_OTHER, "%s failed on %d of %d members: %s%s%s",
		       outcome->action, outcome->refused, outcome->asked, outcome->text,
		       outcome->advice != NULL ? ". " : "", outcome->advice != NULL ? outcome->advice : "");
}
