/* Failsafe mode (contract 5.16, safety.md S10): while the store is silent, the leader goes on as long as every member that it last
 * knew agrees, round by round; whoever agreed stands back for as long as it was asked to. */
#include "base/mutant.h"
#include "facts.h"

#include <string.h>

enum { PATRONI_HOLD_MS = 20000, ROUND_AGAIN_MS = 1000, SILENT_MS = 2000 };

/* A write of the lock has failed, or has had no answer for a while. */
static bool store_is_silent(const struct situation *s)
{
	const struct self *self = s->self;
	return self->lock_failed || (self->lock_writing && elapsed_most_ms(self->lock_written, s->now) > SILENT_MS);
}

bool failsafe_is_due(const struct situation *s)
{
	const struct self *self = s->self;
	struct instant t = lease_deadline(&self->hold);
	if (!s->settings->failsafe || s->settings->paused || !lock_is_mine(s) || !instant_is_set(t) || self->released)
		return false;
	if (!self->failsafe_member || self->failsafe_asking || !store_is_silent(s) || !is_primary_up(s))
		return false;
	int64_t again = s->settings->loop_wait_ms / 2 > ROUND_AGAIN_MS ? s->settings->loop_wait_ms / 2 : ROUND_AGAIN_MS;
	return left_least_ms(t, s->now) > 0 && !within_ms(self->failsafe_round, again, s->now);
}

int64_t failsafe_hold_ms(const struct situation *s)
{
	int64_t hold = s->self->hold.ttl_ms < s->settings->ttl_ms ? s->self->hold.ttl_ms : s->settings->ttl_ms;
	for (int i = 0; i < s->cluster->member_count; i++)
		if (!s->cluster->members[i].is_howdah && hold > PATRONI_HOLD_MS)
			hold = PATRONI_HOLD_MS;
	return hold;
}

bool failsafe_may_accept(const struct situation *s, const struct failsafe_ping *ping)
{
	const struct self *self = s->self;
	bool other = self->sight.held && strcmp(self->sight.record.leader, ping->name) != 0 &&
		     lease_is_taken(&self->sight, &self->hold.token, s->now);
	if (s->instance->writable || other || strcmp(ping->name, self->name) == 0)
		return false;
	if (self->replaced && !mutant(47))
		return false; /* it is for the pod that took our place to say, and that one was not asked */
	return !has_lease(s) && !self->lock_writing;
}

static bool is_running(struct instant since, int64_t hold_ms, struct instant now)
{
	return instant_is_set(since) && elapsed_least_ms(since, now) < hold_ms;
}

bool failsafe_is_active(const struct situation *s)
{
	return is_running(s->self->failsafe_pinged, s->self->failsafe_hold_ms, s->now);
}

/* A holder that cannot be heard goes on by the leave of those that it last knew, and others have no say. One that gave the lock back
 * does not go on: whoever came after its last renewal may take it. */
static bool counts(const struct situation *s)
{
	const struct lease_sight *sight = &s->self->sight;
	bool given_back = !sight->held && !sight->restored && s->cluster->leader.present;
	return s->settings->failsafe && s->self->failsafe_known && !given_back;
}

static bool is_left_out(const struct situation *s)
{
	return counts(s) && !s->self->failsafe_member;
}

bool failsafe_leaves_out(const struct situation *s, const struct peer_answer *peer)
{
	return counts(s) && peer->left_out;
}

/* Somebody who cannot be heard through the store counts on us, or on one who answered us; or would not ask us. */
bool failsafe_bars(const struct situation *s)
{
	if (failsafe_is_active(s) || is_left_out(s))
		return true;
	for (int i = 0; i < s->self->peer_count; i++)
		if (s->self->peers[i].failsafe_active && within_ms(s->self->peers[i].answered, PEER_FRESH_MS, s->now))
			return true;
	return false;
}
