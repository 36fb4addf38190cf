/* Telling the callbacks of people (contract 5.17) what has become of PostgreSQL here: from what it was a turn ago and is now. */
#include "private.h"

#include <string.h>

/* `promoted` is shown as `primary`. */
static const char *shown_role(enum member_role role)
{
	return member_role_text(role == ROLE_PROMOTED ? ROLE_PRIMARY : role);
}

static bool is_running(const struct situation *s)
{
	return state_to_publish(s) == STATE_RUNNING && s->instance->answers;
}

/* NULL: nothing that a callback is told of. */
static const char *what_happened(const struct agent *agent, const struct situation *s, enum member_role role)
{
	bool running = is_running(s), restarted = agent->callback_restarts && running;
	if (running && !agent->callback_running && agent->callback_role_seen &&
	    strcmp(shown_role(role), shown_role(agent->callback_role)) != 0)
		return "on_role_change";
	if (running && !agent->callback_running)
		return restarted ? "on_restart" : "on_start";
	if (!running && agent->callback_running && s->instance->tree == PG_TREE_DOWN && !s->self->restart.began)
		return "on_stop";
	if (running && strcmp(shown_role(role), shown_role(agent->callback_role)) != 0)
		return "on_role_change";
	return NULL;
}

void agent_callbacks_turn(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	const struct instance *i = s.instance;
	enum member_role role = role_to_publish(&s);
	bool makes = i->job == PG_JOB_INITDB || i->job == PG_JOB_RESTORE || i->job == PG_JOB_POST_BOOTSTRAP;
	bool settled = i->attached && !i->bootstrap_attempt && !makes;
	bool between = i->tree != PG_TREE_DOWN && !is_running(&s); /* on its way up or down */
	if (!settled || between)
		return;
	const char *action = what_happened(agent, &s, role);
	if (action != NULL) /* a stop tells the role that was served until then */
		postgres_callback(agent->pg, action, shown_role(is_running(&s) ? role : agent->callback_role));
	agent->callback_restarts = s.self->restart.began && !is_running(&s);
	agent->callback_running = is_running(&s);
	if (is_running(&s)) {
		agent->callback_role = role;
		agent->callback_role_seen = true;
	}
}
