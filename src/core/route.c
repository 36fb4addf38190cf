/* How clients find the leader and the replicas: when the route may lead to us, which labels our pod carries and in what order, when slices
 * are to be looked at, and how long clients may still be led here afterwards. */
#include "base/mutant.h"
#include "facts.h"

#include <string.h>

enum {
	LAGS_MS = 1200,   /* kube-proxy follows a label at once or, after another change, a second later */
	STALE_MS = 10000, /* a label that is still there so long after we led will not go by itself */
	HEIR_MS = 1000,   /* in which a named heir has put the label on its own pod, if it takes over at all */
};

bool is_the_route(const struct situation *s)
{
	bool up = s->instance->tree == PG_TREE_PRIMARY;
	return leads_now(s) && (s->self->confirmed || up) && !s->instance->bootstrap_attempt;
}

/* kube-proxy follows a first change at once and another one a second later. So the heir's label comes first, and ours goes when it is seen,
 * or does not come. Nothing listens here meanwhile: whoever is sent here tries again. */
static int64_t label_waits_ms(const struct situation *s)
{
	const struct self *self = s->self;
	const struct instance *i = s->instance;
	bool listens = i->writable || (i->tree != PG_TREE_DOWN && i->tree != PG_TREE_STOPPING);
	if (s->settings->route != ROUTE_LABEL || !self->labelled || self->foreign_label || listens ||
	    !instant_is_set(self->handed_over))
		return 0;
	return left_least_ms(instant_after_ms(self->handed_over, HEIR_MS), s->now);
}

bool wants_leader_label(const struct situation *s)
{
	return is_the_route(s) || label_waits_ms(s) > 0;
}

/* One label for both would change both Services at once, and whose kube-proxy sees first is chance. A new leader leaves the replicas'
 * when clients have followed to the primary's. */
static int64_t replica_label_waits_ms(const struct situation *s)
{
	const struct member *own = cluster_member(s->cluster, s->self->name);
	if (own == NULL || !own->replica_label || !is_the_route(s))
		return 0;
	return left_least_ms(instant_after_ms(s->self->won_at, LAGS_MS), s->now);
}

bool serves_as_replica(const struct situation *s)
{
	return !is_the_route(s) && state_to_publish(s) == STATE_RUNNING && s->instance->tree == PG_TREE_STANDBY;
}

bool wants_replica_label(const struct situation *s)
{
	return serves_as_replica(s) || replica_label_waits_ms(s) > 0 || (is_the_route(s) && mutant(56));
}

/* Under a new lease at once. INT64_MAX: not at all. */
static int64_t due_in_ms(const struct situation *s)
{
	const struct self *self = s->self;
	if (s->settings->route != ROUTE_SLICE || self->route_open || !is_the_route(s) || !view_is_fresh(s))
		return INT64_MAX;
	bool looked = memcmp(&self->route_token, &self->hold.token, sizeof(self->route_token)) == 0;
	return looked && instant_is_set(self->route_again) ? left_least_ms(self->route_again, s->now) : 0;
}

bool route_is_due(const struct situation *s)
{
	return due_in_ms(s) <= 0;
}

/* Whoever leads now was followed at once, or kube-proxy still waits; only the label tells when that began. */
static int64_t leads_here_ms(const struct situation *s)
{
	const struct self *self = s->self;
	bool label = s->settings->route == ROUTE_LABEL;
	struct instant since = label ? self->routed : self->led;
	if (!instant_is_set(since) || !within_ms(self->led, STALE_MS, s->now) || (!label && !s->instance->was_primary))
		return 0;
	return left_least_ms(instant_after_ms(since, LAGS_MS), s->now);
}

bool route_leads_here(const struct situation *s)
{
	return leads_here_ms(s) > 0;
}

int64_t route_wait_ms(const struct situation *s)
{
	int64_t due = due_in_ms(s), here = s->instance->tree == PG_TREE_DOWN ? leads_here_ms(s) : 0;
	const int64_t waits[] = { here, label_waits_ms(s), replica_label_waits_ms(s) };
	int64_t wait = due > 0 ? due : INT64_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
		if (waits[i] > 0 && waits[i] < wait)
			wait = waits[i] + 1;
	return wait;
}
