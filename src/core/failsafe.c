/* Failsafe mode (contract 5.16, safety.md S10): while the store is silent, the leader goes on as long as every member that it last
 * knew agrees, round by round; whoever agreed stands back for as long as it was asked to. */
#include "facts.h"

#include "base/mutant.h"

#include <string.h>

enum { PATRONI_HOLD_MS = 20000, ROUND_AGAIN_MS = 1000, SILENT_MS = 2000 };

/* A write of the lock has failed, or has had no answer for a while. */
static bool store_is_silent(const struct situation *s)
{
	const struct self *self = s->self;
	return self->lock_failed || (self->lock_writing && elapsed_most_ms(self->lock_written, s->now) > SILENT_MS);
}

/* We, not a pod that had or has our name. */
static bool is_counted_on(const struct situation *s)
{
	const struct member *own = cluster_member(s->cluster, s->self->name);
	return own != NULL && own->failsafe_named && !s->self->replaced;
}

bool failsafe_needs_us(const struct situation *s)
{
	return !s->cluster->failsafe_known || is_counted_on(s);
}

bool failsafe_is_due(const struct situation *s)
{
	const struct self *self = s->self;
	struct instant t = lease_deadline(&self->hold);
	if (!s->settings->failsafe || s->settings->paused || !lock_is_mine(s) || !instant_is_set(t) ||
	    has_given_back(s))
		return false;
	if (!is_counted_on(s) || self->failsafe_asking || !store_is_silent(s) || !is_primary_up(s))
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

/* An address may be that of our successor, or of whom we followed. */
static bool asks_us(const struct situation *s, const struct failsafe_ping *ping)
{
	const struct member *own = cluster_member(s->cluster, s->self->name);
	const char *uid = s->self->pod_uid[0] != '\0' ? s->self->pod_uid : own != NULL ? own->pod_uid : "";
	return ping->asked_uid[0] == '\0' || uid[0] == '\0' || strcmp(uid, ping->asked_uid) == 0 || mutant(38);
}

bool failsafe_may_accept(const struct situation *s, const struct failsafe_ping *ping)
{
	const struct self *self = s->self;
	bool other = self->sight.held && strcmp(self->sight.record.leader, ping->name) != 0 &&
		     lease_is_taken(&self->sight, &self->hold.token, s->now);
	if (s->instance->writable || other || strcmp(ping->name, self->name) == 0 || !asks_us(s, ping))
		return false;
	/* where another pod took our place it is for that one to say, and it was not asked */
	return !self->replaced && !has_lease(s) && !self->lock_writing;
}

static bool is_running(struct instant since, int64_t hold_ms, struct instant now)
{
	return instant_is_set(since) && elapsed_least_ms(since, now) < hold_ms;
}

bool failsafe_is_active(const struct situation *s)
{
	return is_running(s->self->failsafe_pinged, s->self->failsafe_hold_ms, s->now);
}

bool failsafe_is_over(const struct situation *s)
{
	const struct self *self = s->self;
	const struct lease_sight *sight = &self->sight;
	if (mutant(55))
		return s->cluster->loaded;
	if (!instant_is_set(self->failsafe_pinged) || !instant_is_set(sight->freed))
		return false;
	bool since = elapsed_least_ms(self->failsafe_pinged, sight->freed) > 0;
	bool free = !sight->held && !sight->missed_held && !sight->restored;
	return free && since && lease_token_matches(&self->failsafe_lease, &sight->record);
}

/* A holder counts on others, also while its PostgreSQL is down for a moment: it can tell nobody that it does not, until its deadline has
 * passed and no round is under way that could move it. What is frozen then is killed when it goes on. */
static bool may_hold(const struct situation *s)
{
	struct instant t = lease_deadline(&s->self->hold);
	bool passed = instant_is_set(t) && elapsed_least_ms(t, s->now) >= RETRY_MS && !s->self->failsafe_asking;
	return (has_lease(s) || s->instance->writable) && (!passed || s->instance->unguarded);
}

/* However long it may have counted on us: what an earlier agent of this pod agreed to has run out. */
bool failsafe_is_free(const struct situation *s)
{
	int64_t longest = s->settings->ttl_ms;
	if (s->cluster->lease_ttl_s * 1000 > longest)
		longest = s->cluster->lease_ttl_s * 1000;
	if (s->self->sight.record.ttl_s * 1000 > longest)
		longest = s->self->sight.record.ttl_s * 1000;
	return s->settings->failsafe && !s->self->replaced && !may_hold(s) && !failsafe_is_active(s) &&
	       elapsed_least_ms(s->self->started, s->now) > longest;
}

/* A pod on which the holder counts says that he does not: none of his rounds can have been complete since, and none will be, since
 * his deadline is behind him. */
static bool is_free_by_witness(const struct situation *s, const struct member *named)
{
	for (int i = 0; i < s->self->peer_count; i++) {
		const struct peer_answer *peer = &s->self->peers[i];
		if (strcmp(peer->failsafe_free_uid, named->pod_uid) == 0 && named->pod_uid[0] != '\0' &&
		    within_ms(peer->answered, PEER_FRESH_MS, s->now))
			return true;
	}
	return false;
}

static bool all_are_free(const struct situation *s)
{
	for (int i = 0; i < s->cluster->member_count; i++) {
		const struct member *m = &s->cluster->members[i];
		if (strcmp(m->name, s->self->name) != 0 && !is_free_by_witness(s, m))
			return false;
	}
	return true;
}

/* A holder counts on pods that are there still, and we are none of them. Kubernetes lets go of a pod when its containers have ended.
 * Where the lock was deleted, nothing says any more on whom its holder counts: whoever did not see it asks everybody. */
static bool is_stranger(const struct situation *s)
{
	if (!s->settings->failsafe)
		return false;
	if (!s->cluster->leader.present)
		return s->cluster->initialize == INITIALIZE_DONE && !s->self->failsafe_counted && !all_are_free(s);
	if (failsafe_needs_us(s) || s->cluster->leader.record.leader[0] == '\0')
		return false;
	bool left = false;
	for (int i = 0; i < s->cluster->member_count; i++) {
		const struct member *m = &s->cluster->members[i];
		if (m->failsafe_named && is_free_by_witness(s, m))
			return false;
		left |= m->failsafe_named;
	}
	return left;
}

/* Somebody who cannot be heard through the store counts on us, or on one who answered us; or would not be asked by us. */
bool failsafe_bars(const struct situation *s)
{
	if (failsafe_is_active(s) || is_stranger(s))
		return true;
	for (int i = 0; i < s->self->peer_count; i++)
		if (s->self->peers[i].failsafe_active && within_ms(s->self->peers[i].answered, PEER_FRESH_MS, s->now))
			return true;
	return false;
}
