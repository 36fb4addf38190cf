/* The effector of the leader's EndpointSlices. When they are looked at is decided in core/route.c. */
#include "private.h"

enum {
	LOOK_MS = 30000,      /* until others' changes are put right: a GET of an idle cluster each time */
	AGAIN_SOON_MS = 1000, /* a conflict, no answer */
	FORBIDDEN_MS = 60000, /* a right may be given meanwhile */
};

static void route_done(void *arg, enum dcs_outcome outcome, const char *text UNUSED)
{
	static const int64_t rests_ms[] = { [DCS_DONE] = LOOK_MS,
					    [DCS_CONFLICT] = AGAIN_SOON_MS,
					    [DCS_REFUSED] = FORBIDDEN_MS,
					    [DCS_NO_ANSWER] = AGAIN_SOON_MS,
					    [DCS_DENIED] = FORBIDDEN_MS };
	struct agent *agent = arg;
	agent->self.route_open = false;
	agent->self.route_again = instant_after_ms(loop_now(agent->loop), rests_ms[outcome]);
	agent_wake(agent);
}

void agent_write_route(struct agent *agent)
{
	struct self *self = &agent->self;
	self->route_open = true;
	self->route_token = self->hold.token;
	dcs_write_route(agent->dcs, &self->hold.token, route_done, agent);
}
