/* No two promotions take one timeline number (safety.md S4b). */
#include "facts.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t own_newest(const struct situation *s)
{
	const struct instance *i = s->instance;
	uint32_t own = larger(i->timeline, i->control_timeline);
	return larger(own, larger(i->newest_timeline, i->armed_timeline));
}

uint32_t timeline_to_claim(const struct situation *s)
{
	const struct cluster *c = s->cluster;
	uint32_t newest =
		larger(own_newest(s), larger(c->claimed_timeline, larger(c->leader_timeline, cluster_timeline(c))));
	for (int i = 0; i < c->member_count; i++)
		newest = larger(newest, c->members[i].timeline);
	for (int i = 0; i < s->self->peer_count; i++)
		newest = larger(newest, s->self->peers[i].timeline);
	return newest + 1;
}

bool timeline_is_claimed(const struct situation *s)
{
	return lock_is_mine(s) && s->cluster->claimed_timeline > own_newest(s);
}
