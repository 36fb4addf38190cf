/* Who should lead when nobody does (contract 5.10, as far as there are no synchronous modes, no pause and no candidates named by people). */
#include "base/mutant.h"
#include "facts.h"
#include "tables.h"

#include <string.h>

enum race_fact {
	FACT_R_REPLACED, /* the pod of our name is another one */
	FACT_R_PAUSED,   /* people are in charge */
	FACT_R_RUNNING,  /* PostgreSQL is a primary here, and nobody holds the lock */
	FACT_R_HOLDER,   /* a primary was told of a pause, and nothing may have ended it since */
	FACT_R_SERVING,  /* a standby that answers */
	FACT_R_BARRED,   /* nofailover, or a failover_priority of 0 or less */
	FACT_R_ASIDE,    /* it gave the lock up a moment ago, or lets WAL come in that still comes */
	FACT_R_LEAVING,  /* the container is asked to end */
	FACT_R_KNOWN,    /* the cluster is initialized and this is its data */
	FACT_R_DIVERGED, /* this data is not a part of the cluster's history */
	FACT_R_LAGGING,  /* too far behind the last known position of the leader */
	FACT_R_BEHIND,   /* check_timeline: on an older timeline than the cluster */
	FACT_R_DISTRUST, /* the store was restored, and not every member has been heard */
	FACT_R_FAILSAFE, /* a primary that the store does not hear counts on the members, or would not be asked by us */
	FACT_R_NAMED,    /* a person named it as the next leader */
	FACT_R_ANOTHER,  /* somebody named another one, who can */
	FACT_R_HEARD,    /* every other member answered just now, or surely does not; and so did our own server */
	FACT_R_PRIMARY,  /* somebody answers as a primary */
	FACT_R_AHEAD,    /* somebody who may lead has more WAL */
	FACT_R_PREFERRED, /* somebody has as much, and a higher failover_priority */
	FACT_R_COUNT
};
#define R(name) (1u << FACT_R_##name)

static const char *const names[] = {
	[FACT_R_PAUSED] = "the cluster is paused",
	[FACT_R_RUNNING] = "PostgreSQL runs as a primary here",
	[FACT_R_HOLDER] = "a primary may not know that the pause is over",
	[FACT_R_SERVING] = "PostgreSQL runs as a standby",
	[FACT_R_BARRED] = "this member is not allowed to lead",
	[FACT_R_ASIDE] = "it gave the lock up a moment ago, or WAL may still come in",
	[FACT_R_LEAVING] = "the container is asked to end",
	[FACT_R_KNOWN] = "the data belongs to this cluster",
	[FACT_R_DIVERGED] = "the data has diverged",
	[FACT_R_LAGGING] = "it lags more than maximum_lag_on_failover",
	[FACT_R_BEHIND] = "its timeline is behind the cluster's",
	[FACT_R_DISTRUST] = "the store was restored and not every member was heard",
	[FACT_R_REPLACED] = "this pod was deleted and replaced by another one",
	[FACT_R_FAILSAFE] = "a primary goes on without the store, by the members' leave",
	[FACT_R_NAMED] = "it was named as the next leader",
	[FACT_R_ANOTHER] = "another member was named, and can lead",
	[FACT_R_HEARD] = "the other members and our own server were asked",
	[FACT_R_PRIMARY] = "another member says that it is primary",
	[FACT_R_AHEAD] = "another member has more WAL",
	[FACT_R_PREFERRED] = "another member has as much WAL and a higher priority",
};
static_assert(ARRAY_SIZE(names) == FACT_R_COUNT, "every fact has a name");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule rules[] = {
	{ "running", R(PAUSED) | R(RUNNING) | R(KNOWN), 0, { ACT_ACQUIRE },
	  "the cluster is paused, and the primary that runs here has no lock: it takes it" },
	{ "paused", R(PAUSED), R(NAMED), { ACT_NONE },
	  "the cluster is paused" },
	{ "no-standby", 0, R(SERVING), { ACT_NONE },
	  "PostgreSQL does not run as a standby here" },
	{ "leaving", R(LEAVING), 0, { ACT_NONE },
	  "the container is asked to end" },
	{ "barred", R(BARRED), 0, { ACT_NONE },
	  "this member is not allowed to lead" },
	{ "unknown", 0, R(KNOWN), { ACT_NONE },
	  "the cluster is not initialized, or this is not its data" },
	{ "diverged", R(DIVERGED), 0, { ACT_NONE },
	  "the data has diverged from the cluster's history" },
	{ "aside", R(ASIDE), 0, { ACT_NONE },
	  "it gave the lock up a moment ago, or stands back as long as WAL may come in (primary_race_backoff)" },
	{ "replaced", R(REPLACED), 0, { ACT_NONE },
	  "this pod was deleted by force and replaced by another one of its name: it never leads again" },
	{ "failsafe", R(FAILSAFE), 0, { ACT_NONE },
	  "a primary goes on without the store by the members' leave, or this member is not one that it asks" },
	{ "named", R(NAMED) | R(HEARD), R(PRIMARY) | R(HOLDER), { ACT_ACQUIRE },
	  "it was named as the next leader" },
	{ "holder", R(HOLDER), 0, { ACT_NONE },
	  "a primary may not know that the pause is over, and may be writable: it, or a person, goes first" },
	{ "another", R(ANOTHER), 0, { ACT_NONE },
	  "another member was named, and can lead" },
	{ "lagging", R(LAGGING), 0, { ACT_NONE },
	  "it lags more than maximum_lag_on_failover" },
	{ "behind", R(BEHIND), 0, { ACT_NONE },
	  "its timeline is behind the cluster's" },
	{ "distrust", R(DISTRUST), 0, { ACT_NONE },
	  "the store was restored to an older state, and not every member was heard" },
	{ "unheard", 0, R(HEARD), { ACT_NONE },
	  "the other members have not been asked yet" },
	{ "alive", R(PRIMARY), 0, { ACT_NONE },
	  "another member says that it is primary" },
	{ "ahead", R(AHEAD), 0, { ACT_NONE },
	  "another member has more WAL" },
	{ "preferred", R(PREFERRED), 0, { ACT_NONE },
	  "another member has as much WAL and a higher priority" },
	{ "winner", 0, 0, { ACT_ACQUIRE },
	  "no living member should rather lead" },
};
/* clang-format on */

static bool possible(uint32_t facts UNUSED)
{
	return true;
}

const struct table race_table = { "race", names, FACT_R_COUNT, rules, ARRAY_SIZE(rules), possible };

static bool counts(const struct situation *s, const struct peer_answer *peer)
{
	return peer_is_fresh(s, peer) && strcmp(peer->name, s->self->name) != 0;
}

/* Nobody waits for one that would not lead. */
static bool may_lead(const struct situation *s, const struct peer_answer *peer)
{
	return counts(s, peer) && !peer->nofailover;
}

static bool any_primary(const struct situation *s)
{
	for (int i = 0; i < s->self->peer_count; i++)
		if (counts(s, &s->self->peers[i]) && !s->self->peers[i].in_recovery)
			return true;
	return false;
}

/* Positions compare within one history; a later timeline has left an earlier one behind, whatever the position. */
static bool is_ahead(const struct situation *s, const struct peer_answer *peer)
{
	const struct instance *i = s->instance;
	bool known = peer->timeline != 0 && i->timeline != 0;
	if (known && peer->timeline != i->timeline)
		return peer->timeline > i->timeline;
	return peer->lsn > my_lsn(s);
}

/* It went beyond the point where the last leader's history left its timeline: it stands aside itself. */
static bool has_diverged(const struct situation *s, const struct peer_answer *peer)
{
	const struct cluster *c = s->cluster;
	uint32_t last = c->leader_timeline != 0 ? c->leader_timeline : cluster_timeline(c);
	uint64_t left = peer->timeline < last ? history_left_at(&c->history, last, peer->timeline) : UINT64_MAX;
	return left != 0 && peer->lsn > left;
}

static bool any_ahead(const struct situation *s)
{
	for (int i = 0; i < s->self->peer_count; i++)
		if (may_lead(s, &s->self->peers[i]) && is_ahead(s, &s->self->peers[i]) &&
		    !has_diverged(s, &s->self->peers[i]))
			return true;
	return false;
}

/* By a person: at equal positions it leaves the lead to others. */
static bool was_told_to_go(const struct situation *s, const struct peer_answer *peer)
{
	const struct move *m = &s->cluster->move;
	return m->asked && m->at_us == 0 && strcmp(peer->name, m->leader) == 0;
}

static bool any_preferred(const struct situation *s)
{
	for (int i = 0; i < s->self->peer_count; i++) {
		const struct peer_answer *peer = &s->self->peers[i];
		if (may_lead(s, peer) && !was_told_to_go(s, peer) && peer->lsn == my_lsn(s) &&
		    peer->failover_priority > s->settings->failover_priority)
			return true;
	}
	return false;
}

/* After a restore of the store every known member must have answered, not merely have been asked (safety.md rule 7). */
static bool distrusts(const struct situation *s)
{
	return s->self->sight.restored && !all_answered(s, PEER_FRESH_MS);
}

static bool is_lagging(const struct situation *s)
{
	uint64_t limit = (uint64_t)s->settings->maximum_lag_on_failover_bytes, last = s->cluster->optime_lsn;
	if (s->self->sight.given_back && s->self->holder_lsn > last)
		last = s->self->holder_lsn; /* it could not write it any more */
	return !mutant(34) && last > my_lsn(s) && last - my_lsn(s) > limit;
}

/* Contract 5.8: at least a loop_wait, and up to primary_race_backoff as long as the last primary's WAL still comes in. */
static bool lets_wal_come(const struct situation *s)
{
	const struct settings *set = s->settings;
	int64_t free = lease_free_ms(&s->self->sight, s->now);
	if (set->primary_race_backoff_ms <= 0 || s->cluster->move.candidate[0] != '\0')
		return false;
	if (free >= set->primary_race_backoff_ms)
		return false;
	return free < set->loop_wait_ms || within_ms(s->self->wal_moved, set->loop_wait_ms, s->now);
}

/* A person who asks for a failover knows that there may be a primary that cannot be heard; one who asks for a switchover counts on it to
 * give way, which it has done when it has given the lock back. */
static bool is_named_past_a_holder(const struct situation *s)
{
	return is_named(s) && (s->cluster->move.leader[0] == '\0' || !s->self->sight.held);
}

uint32_t race_facts(const struct situation *s)
{
	const struct settings *set = s->settings;
	bool known = has_data(s) && s->cluster->initialize == INITIALIZE_DONE && !is_foreign(s) &&
		     !s->instance->bootstrap_attempt;
	bool aside = instant_is_set(s->self->aside_until) && left_least_ms(s->self->aside_until, s->now) > 0;
	bool behind = set->check_timeline && s->instance->timeline < cluster_timeline(s->cluster);
	return when(s->self->replaced, R(REPLACED)) | when(failsafe_bars(s), R(FAILSAFE)) |
	       when(set->paused, R(PAUSED)) | when(is_primary_up(s), R(RUNNING)) |
	       when(somebody_may_be_unguarded(s) && !is_named_past_a_holder(s), R(HOLDER)) |
	       when(is_named(s), R(NAMED)) | when(another_is_named(s), R(ANOTHER)) |
	       when(serves_as_standby(s), R(SERVING)) |
	       when(set->nofailover || set->failover_priority <= 0, R(BARRED)) |
	       when(aside || lets_wal_come(s), R(ASIDE)) | when(s->instance->term_pending, R(LEAVING)) |
	       when(known, R(KNOWN)) | when(is_diverged(rejoin_decide(s)), R(DIVERGED)) |
	       when(is_lagging(s), R(LAGGING)) | when(behind, R(BEHIND)) | when(distrusts(s), R(DISTRUST)) |
	       when(peers_are_heard(s) && within_ms(s->instance->probed, PEER_FRESH_MS, s->now), R(HEARD)) |
	       when(any_primary(s), R(PRIMARY)) | when(any_ahead(s), R(AHEAD)) | when(any_preferred(s), R(PREFERRED));
}

/* Everything that does not depend on what the others say holds. Distrust does, whether another one can lead, and whether a primary
 * counts on others: that is asked away. */
bool race_is_candidate(const struct situation *s)
{
	uint32_t facts = race_facts(s) & ~(R(HEARD) | R(DISTRUST) | R(ANOTHER));
	if (!failsafe_is_active(s))
		facts &= ~R(FAILSAFE);
	if (facts & R(NAMED))
		facts &= ~(R(LAGGING) | R(BEHIND));
	return strcmp(rules[table_match(&race_table, facts)].id, "unheard") == 0;
}

bool race_is_won(const struct situation *s)
{
	return rules[table_match(&race_table, race_facts(s))].actions[0] == ACT_ACQUIRE;
}
