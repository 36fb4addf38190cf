/* Why a running PostgreSQL is to be stopped, apart from fencing: its container ends, somebody else is to lead, or people asked. */
#include "facts.h"

#include <string.h>

static const char *const texts[] = {
	[END_NO] = "",
	[END_LEAVING] = "the container is asked to end",
	[END_HAND_OVER] = "another member is to lead",
	[END_REINITIALIZE] = "its data is to be cloned anew",
	[END_RESTART] = "a restart was asked for",
	[END_STARVED] = "its replay waits for settings as large as its primary's: it is started with them",
};
static_assert(ARRAY_SIZE(texts) == END_COUNT, "every reason has a text");

const char *end_text(enum end reason)
{
	assert(reason < END_COUNT);
	return texts[reason];
}

static bool role_fits(const struct situation *s, const char *role)
{
	const char *own = s->instance->in_recovery ? "replica" : "primary";
	return role[0] == '\0' || strcmp(role, own) == 0;
}

static bool version_fits(const struct situation *s)
{
	const struct restart_order *r = &s->self->restart;
	return r->below_version == 0 || s->instance->server_version < r->below_version;
}

enum restart_step restart_decide(const struct situation *s)
{
	const struct restart_order *r = &s->self->restart;
	const struct instance *i = s->instance;
	if (!r->asked)
		return RESTART_NONE;
	if (i->tree == PG_TREE_DOWN || !i->answers)
		return r->began ? RESTART_GO : RESTART_WAIT;
	if (i->postmaster_start.us != r->postmaster_start_us)
		return r->began ? RESTART_DONE : RESTART_DROP; /* another server than the one it was asked of */
	if (r->began)
		return RESTART_GO;
	if (r->at_us > s->wall.us || (r->at_us != 0 && s->settings->paused))
		return RESTART_WAIT;
	bool fits = role_fits(s, r->role) && version_fits(s) && (!r->only_pending || s->self->restart_pending);
	return fits ? RESTART_GO : RESTART_DROP;
}

const char *restart_drop_text(const struct situation *s)
{
	const struct restart_order *r = &s->self->restart;
	if (s->instance->postmaster_start.us != r->postmaster_start_us)
		return "PostgreSQL was started anew before it";
	if (!role_fits(s, r->role))
		return "the member has not the role any more that was asked for";
	return version_fits(s) ? "nothing waits for a restart any more" : "PostgreSQL is not older than was asked for";
}

int64_t restart_wait_ms(const struct situation *s)
{
	const struct restart_order *r = &s->self->restart;
	if (restart_decide(s) != RESTART_WAIT || r->at_us == 0 || r->at_us <= s->wall.us)
		return INT64_MAX;
	return (r->at_us - s->wall.us) / 1000 + 1;
}

/* It has been done; or we lead: what was asked of a replica is not to be done to a leader, nor to what it will be one day. */
bool reinitialize_is_over(const struct situation *s)
{
	return s->instance->data == DATA_EMPTY || lock_is_mine(s);
}

enum end end_decide(const struct situation *s)
{
	if (s->instance->term_pending)
		return END_LEAVING;
	if (s->self->reinitialize && !has_lease(s) && leader_answers(s))
		return END_REINITIALIZE;
	if (move_decide(s) == MOVE_GO)
		return END_HAND_OVER;
	/* once it has been stopped, one that does not answer yet is the new one */
	bool stops = restart_decide(s) == RESTART_GO && (!s->self->restart.began || s->instance->answers);
	if (stops)
		return END_RESTART;
	bool starved = s->instance->tree == PG_TREE_STANDBY && s->instance->replay_is_starved;
	return starved && !s->settings->paused && !has_lease(s) ? END_STARVED : END_NO;
}
