#include "facts.h"

#include "base/mutant.h"
#include "core/gates.h"

#include <string.h>

bool within_ms(struct instant since, int64_t ms, struct instant now)
{
	return instant_is_set(since) && elapsed_most_ms(since, now) <= ms;
}

bool has_lease(const struct situation *s)
{
	return s->self->hold.token.leader[0] != '\0';
}

bool has_given_back(const struct situation *s)
{
	return has_lease(s) && instant_is_set(s->self->released);
}

/* Every promotion takes a number above all that were seen: somebody on a later timeline has led after us. */
static bool is_superseded(const struct situation *s)
{
	const struct instance *i = s->instance;
	uint32_t mine = i->tree == PG_TREE_DOWN ? i->control_timeline : i->timeline;
	for (int k = 0; mine != 0 && k < s->cluster->member_count; k++) {
		const struct member *m = &s->cluster->members[k];
		if (m->is_howdah && strcmp(m->name, s->self->name) != 0 && m->timeline > mine)
			return true;
	}
	return false;
}

static bool record_is_lost(const struct situation *s)
{
	return s->cluster->loaded && !s->cluster->leader.present && !mutant(37) && is_superseded(s);
}

bool lock_is_mine(const struct situation *s)
{
	return s->self->sight.held && !record_is_lost(s) &&
	       lease_token_matches(&s->self->hold.token, &s->self->sight.record);
}

bool view_is_fresh(const struct situation *s)
{
	return s->cluster->loaded && within_ms(s->cluster->heard, s->settings->ttl_ms, s->now);
}

bool supervisor_is_sure(const struct situation *s)
{
	return s->instance->attached && within_ms(s->instance->heard, s->settings->ttl_ms / 3, s->now);
}

bool deadline_is_ahead(const struct situation *s, int64_t ms)
{
	return instant_is_set(s->instance->deadline) && left_least_ms(s->instance->deadline, s->now) > ms;
}

/* The supervisor keeps the token of an agent before this one. In a pause it has no T that could have passed. */
static bool record_is_of_former_agent(const struct situation *s)
{
	struct lease_token token;
	return is_guarded_by_people(s) && lease_token_from_text(&token, s->instance->token) &&
	       lease_token_matches(&token, &s->cluster->leader.record);
}

bool record_is_strangers(const struct situation *s)
{
	const struct lease_object *o = &s->cluster->leader;
	if (record_is_lost(s))
		return true; /* the record of whoever led since is gone, its timeline is not */
	if (!s->cluster->loaded || !o->present || !o->readable)
		return false;
	if (!s->self->settled && strcmp(o->record.leader, s->self->name) == 0)
		return false; /* it may be our own: the deadman guards until that is known */
	if (is_guarded_by_people(s) && o->record.leader[0] == '\0')
		return false; /* paused: a primary without the lock goes on, unless somebody else has it */
	if (!has_lease(s) && record_is_of_former_agent(s))
		return false; /* it ran out while nobody renewed it, and it is taken again */
	return !has_lease(s) || !lease_token_matches(&s->self->hold.token, &o->record);
}

bool has_data(const struct situation *s)
{
	return s->instance->data == DATA_OK;
}

bool is_foreign(const struct situation *s)
{
	return has_data(s) && s->cluster->initialize == INITIALIZE_DONE && s->instance->system_identifier[0] != '\0' &&
	       strcmp(s->cluster->system_identifier, s->instance->system_identifier) != 0;
}

bool serves_as_standby(const struct situation *s)
{
	return s->instance->tree == PG_TREE_STANDBY && s->instance->answers && s->instance->in_recovery;
}

bool is_primary_up(const struct situation *s)
{
	return s->instance->tree == PG_TREE_PRIMARY && s->instance->answers && !s->instance->in_recovery;
}

/* Deleted in order, a pod's object stays until its containers have ended. */
bool is_ended_by_force(const struct situation *s)
{
	if (!s->instance->term_pending || !s->cluster->loaded)
		return false;
	return s->self->replaced || cluster_member(s->cluster, s->self->name) == NULL;
}

bool has_no_time_left(const struct situation *s)
{
	return is_ended_by_force(s) && elapsed_most_ms(s->instance->term_at, s->now) >= FORCED_STOP_MS;
}

bool has_led(const struct situation *s)
{
	const struct self *self = s->self;
	return instant_is_set(self->last_up) && elapsed_most_ms(self->won_at, self->last_up) > 0;
}

/* A lease goes by the ttl that it was written with, until a renewal has the new one. */
static int64_t ttl_in_force_ms(const struct situation *s)
{
	const struct lease_hold *hold = &s->self->hold;
	bool shorter = instant_is_set(hold->start) && hold->ttl_ms < s->settings->ttl_ms;
	return shorter ? hold->ttl_ms : s->settings->ttl_ms;
}

int64_t renewal_period_ms(const struct situation *s)
{
	int64_t period = s->settings->loop_wait_ms, ttl = ttl_in_force_ms(s);
	if (s->self->lock_failed)
		return period < RETRY_MS ? period : RETRY_MS;
	if (instant_is_set(s->self->hold.start) && s->self->hold.ttl_ms != lease_ttl_to_write_ms(s))
		return CLAIM_AGAIN_MS; /* the new ttl takes effect at once */
	return ttl < s->settings->ttl_ms && period > ttl / 3 ? ttl / 3 : period;
}

int64_t stop_time_ms(const struct situation *s)
{
	int64_t ttl = ttl_in_force_ms(s), quarter = (ttl - lease_margin_ms(ttl)) / 4;
	return quarter < 2000 ? quarter : 2000;
}

uint64_t my_lsn(const struct situation *s)
{
	return instance_lsn(s->instance);
}

static int64_t shorter_since(struct instant since, int64_t ms, struct instant now)
{
	int64_t elapsed_ms = elapsed_most_ms(since, now);
	return elapsed_ms < ms ? elapsed_ms : ms;
}

/* A holder writes until it gives the lock back: what was said before does not tell who has everything. One that lets the lock run
 * out has been stopped by its deadline for longer than an answer is fresh. */
static int64_t fresh_ms(const struct situation *s, int64_t ms)
{
	struct instant freed = s->self->sight.freed;
	return instant_is_set(freed) ? shorter_since(freed, ms, s->now) : ms;
}

bool peer_is_fresh(const struct situation *s, const struct peer_answer *peer)
{
	return within_ms(peer->answered, fresh_ms(s, PEER_FRESH_MS), s->now);
}

static const struct peer_answer *find_peer(const struct self *self, const char *name)
{
	for (int i = 0; i < self->peer_count; i++)
		if (strcmp(self->peers[i].name, name) == 0)
			return &self->peers[i];
	return NULL;
}

bool leader_answers(const struct situation *s)
{
	const struct member *leader = leader_to_follow(s);
	const struct peer_answer *peer = leader != NULL ? find_peer(s->self, leader->name) : NULL;
	return peer != NULL && peer_is_fresh(s, peer) && !peer->in_recovery;
}

/* A member without an address cannot be asked: as silent as a dead one. */
static bool is_heard(const struct situation *s, const struct member *member, int64_t fresh_ms, int64_t silent_ms)
{
	if (member->api_url[0] == '\0' || strcmp(member->name, s->self->name) == 0)
		return true;
	const struct peer_answer *peer = find_peer(s->self, member->name);
	if (peer == NULL)
		return false;
	return within_ms(peer->answered, fresh_ms, s->now) ||
	       (peer->silent && within_ms(peer->asked, silent_ms, s->now));
}

static bool all_heard(const struct situation *s, int64_t fresh_ms, int64_t silent_ms)
{
	for (int i = 0; i < s->cluster->member_count; i++)
		if (!is_heard(s, &s->cluster->members[i], fresh_ms, silent_ms))
			return false;
	return true;
}

bool peers_are_heard(const struct situation *s)
{
	return all_heard(s, fresh_ms(s, PEER_FRESH_MS), PEER_SILENT_MS);
}

bool peers_are_heard_since(const struct situation *s, struct instant since)
{
	return all_heard(s, shorter_since(since, fresh_ms(s, PEER_FRESH_MS), s->now),
			 shorter_since(since, PEER_SILENT_MS, s->now));
}

bool all_answered(const struct situation *s, int64_t ms)
{
	for (int i = 0; i < s->cluster->member_count; i++) {
		const char *name = s->cluster->members[i].name;
		const struct peer_answer *peer = find_peer(s->self, name);
		if (strcmp(name, s->self->name) != 0 && (peer == NULL || !within_ms(peer->answered, ms, s->now)))
			return false;
	}
	return true;
}

bool peers_need_asking(const struct situation *s)
{
	return !all_heard(s, fresh_ms(s, PEER_FRESH_MS / 2), PEER_SILENT_MS / 2);
}

bool failover_is_possible(const struct situation *s)
{
	for (int i = 0; i < s->self->peer_count; i++)
		if (peer_is_fit(s, &s->self->peers[i]))
			return true;
	return false;
}

const struct member *leader_to_follow(const struct situation *s)
{
	const struct lease_sight *sight = &s->self->sight;
	if (!lease_is_taken(sight, &s->self->hold.token, s->now) || strcmp(sight->record.leader, s->self->name) == 0)
		return NULL;
	const struct member *leader = cluster_member(s->cluster, sight->record.leader);
	return leader != NULL && leader->conn_host[0] != '\0' ? leader : NULL;
}

/* After a restart the agent knows its lease by the token alone until the first renewal: then the supervisor's T is what holds. */
bool leads_now(const struct situation *s)
{
	if (!lock_is_mine(s) || has_given_back(s))
		return false;
	struct instant t = lease_deadline(&s->self->hold);
	if (!instant_is_set(t))
		t = s->instance->deadline;
	return instant_is_set(t) && left_least_ms(t, s->now) > 0;
}
