/* Maintenance: people are in charge (contract 5.19). Whoever holds the lock goes on renewing it, and nothing acts on PostgreSQL by
 * itself, the deadman included. The deadman is switched off only when the store has said "paused" in a consistent read
 * and our pod says so, too: whoever sees the pause ended, and us silent, must know that no deadline will end us (safety.md S11). */
#include "base/mutant.h"
#include "facts.h"

#include <string.h>

static bool is_harmless(const struct member *m)
{
	return m->role == ROLE_REPLICA || m->role == ROLE_UNINITIALIZED;
}

/* Our pod says that no deadline ends us, in a way that others heed: who has the lock may become a primary. */
static bool is_told(const struct situation *s)
{
	const struct member *own = cluster_member(s->cluster, s->self->name);
	return own != NULL && own->paused && !(has_lease(s) && is_harmless(own));
}

bool unguarded_is_wanted(const struct situation *s)
{
	if (!s->cluster->loaded)
		return s->instance
			->unguarded; /* an agent that has just started does not know whether the pause is over */
	if (!s->settings->paused)
		return false;
	if (s->instance->unguarded)
		return s->instance->writable || is_told(s);
	return is_told(s) && view_is_fresh(s) && (!has_lease(s) || s->self->confirmed);
}

/* No deadline is needed: paused, or that is not known yet, or the pause has just ended and the lease holds until the supervisor is
 * told. */
bool is_guarded_by_people(const struct situation *s)
{
	struct instant t = lease_deadline(&s->self->hold);
	bool covered = instant_is_set(t) && lock_is_mine(s) && left_least_ms(t, s->now) > 0;
	return s->instance->unguarded && (s->settings->paused || covered || !s->cluster->loaded);
}

/* A primary was told that the cluster is paused and has not said otherwise: nothing ends its PostgreSQL. */
bool somebody_may_be_unguarded(const struct situation *s)
{
	for (int i = 0; i < s->cluster->member_count && !mutant(25); i++) {
		const struct member *m = &s->cluster->members[i];
		if (m->paused && !is_harmless(m) && strcmp(m->name, s->self->name) != 0)
			return true;
	}
	return false;
}
