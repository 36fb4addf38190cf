/* Where data comes from while there is none: a new cluster, or a clone of the leader (contract 5.6). */
#include "facts.h"
#include "tables.h"

#include <string.h>

enum bootstrap_fact {
	FACT_B_READY, /* there is nothing here, nothing is being done, and the supervisor answers */
	FACT_B_LEAVING,
	FACT_B_PATIENCE, /* the last attempt failed a moment ago */
	FACT_B_OURS,     /* we claimed the initialization */
	FACT_B_FAILED,   /* and our initdb, or whatever stands for it, has failed since */
	FACT_B_WRITING,  /* a write of it is on its way */
	FACT_B_LEADER,   /* somebody leads an initialized cluster and can be cloned from */
	FACT_B_TAKEN,    /* somebody holds the lock */
	FACT_B_FRESH,    /* the API answers */
	FACT_B_ABSENT,   /* nobody has claimed the initialization, or its pod has not been there for a ttl */
	FACT_B_ALLOWED,  /* the configuration has a bootstrap section, and this member may lead */
	FACT_B_METHOD,   /* a new cluster is made by a method of people's, not by initdb */
	FACT_B_KNOWN,    /* the store has the system identifier of an initialized cluster */
	FACT_B_ALONE,    /* a method of ours makes replicas without a leader */
	FACT_B_COUNT
};
#define B(name) (1u << FACT_B_##name)

static const char *const names[] = {
	[FACT_B_READY] = "there is no data, and the volume is ours",
	[FACT_B_LEAVING] = "the container is asked to end",
	[FACT_B_PATIENCE] = "the last attempt failed a moment ago",
	[FACT_B_OURS] = "we claimed the initialization",
	[FACT_B_FAILED] = "our attempt at a new cluster failed",
	[FACT_B_WRITING] = "a write of the initialization is on its way",
	[FACT_B_LEADER] = "there is a leader to clone from",
	[FACT_B_TAKEN] = "somebody holds the lock",
	[FACT_B_FRESH] = "the API answers",
	[FACT_B_ABSENT] = "nobody has claimed the initialization, or whoever did is gone for good",
	[FACT_B_ALLOWED] = "this member may begin a cluster",
	[FACT_B_METHOD] = "bootstrap.method is not initdb",
	[FACT_B_KNOWN] = "the cluster is initialized",
	[FACT_B_ALONE] = "a replica can be made without a leader",
};
static_assert(ARRAY_SIZE(names) == FACT_B_COUNT, "every fact has a name");
static_assert(FACT_B_COUNT <= FACTS_MAX, "small enough to enumerate");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule rules[] = {
	{ "not-now", 0, B(READY), { ACT_NONE },
	  "there is data, or something is being done" },
	{ "leaving", B(LEAVING), B(OURS), { ACT_NONE },
	  "the container is asked to end" },
	{ "writing", B(WRITING), 0, { ACT_NONE },
	  "a write of the initialization is on its way" },
	{ "leaving-cancel", B(LEAVING), 0, { ACT_INITIALIZE_CANCEL },
	  "the container is asked to end: the initialization is given back" },
	{ "failed", B(OURS) | B(FAILED), 0, { ACT_INITIALIZE_CANCEL },
	  "our attempt at a new cluster failed: the initialization is given back" },
	{ "patience", B(PATIENCE), 0, { ACT_NONE },
	  "the last attempt failed a moment ago" },
	{ "restore", B(OURS) | B(METHOD), 0, { ACT_RESTORE },
	  "the initialization is ours, and bootstrap.method says how" },
	{ "initdb", B(OURS), 0, { ACT_INITDB },
	  "the initialization is ours" },
	{ "clone", B(LEADER), 0, { ACT_CLONE },
	  "there is a leader to clone from" },
	{ "blind", 0, B(FRESH), { ACT_NONE },
	  "the API does not answer" },
	{ "wait-for-leader", B(TAKEN), 0, { ACT_NONE },
	  "somebody holds the lock: its cluster is waited for" },
	{ "clone-alone", B(KNOWN) | B(ALONE), 0, { ACT_CLONE_ALONE },
	  "nobody leads, and a replica can be made without a leader" },
	{ "claim", B(ABSENT) | B(ALLOWED), 0, { ACT_INITIALIZE_BEGIN },
	  "nobody has begun the cluster" },
	{ "wait", 0, 0, { ACT_NONE },
	  "a leader is waited for" },
};
/* clang-format on */

static bool possible(uint32_t f)
{
	if ((f & B(KNOWN)) && (f & (B(ABSENT) | B(OURS))))
		return false;
	return !((f & B(OURS)) && (f & (B(ABSENT) | B(LEADER)))) && !((f & B(LEADER)) && !(f & B(KNOWN)));
}

const struct table bootstrap_table = { "bootstrap", names, FACT_B_COUNT, rules, ARRAY_SIZE(rules), possible };

/* Pods and state are watched apart: one list may be older than the other, for a while. */
static bool is_abandoned(const struct situation *s)
{
	struct instant since = s->self->initializer_gone;
	return s->cluster->initializer_gone && instant_is_set(since) &&
	       elapsed_least_ms(since, s->now) >= s->settings->ttl_ms;
}

/* Under this claim. What it left has been cleared away by now, however long that took; a start counts, for then it was the recovery that
 * failed. */
static bool attempt_failed(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool attempt = i->failed_job == PG_JOB_INITDB || i->failed_job == PG_JOB_RESTORE ||
		       i->failed_job == PG_JOB_START_PRIMARY;
	return attempt && i->failures > 0 && instant_is_set(s->self->claimed) &&
	       elapsed_least_ms(i->failed_at, s->now) <= elapsed_least_ms(s->self->claimed, s->now);
}

uint32_t bootstrap_facts(const struct situation *s)
{
	const struct instance *i = s->instance;
	const struct cluster *c = s->cluster;
	bool ready = i->attached && i->volume_locked && i->data == DATA_EMPTY && i->job == PG_JOB_NONE &&
		     i->tree == PG_TREE_DOWN;
	bool patience =
		i->failures > 0 && within_ms(i->failed_at, i->failures > 5 ? 30000 : 1000 << (i->failures - 1), s->now);
	bool leader = leader_to_follow(s) != NULL && c->initialize == INITIALIZE_DONE;
	bool allowed = s->settings->can_bootstrap && !s->settings->nofailover && s->settings->failover_priority > 0;
	bool ours = s->self->initialize_is_ours;
	return when(ready, B(READY)) | when(i->term_pending, B(LEAVING)) | when(patience, B(PATIENCE)) |
	       when(ours, B(OURS)) | when(attempt_failed(s), B(FAILED)) | when(s->self->store_writing, B(WRITING)) |
	       when(leader && !ours, B(LEADER)) |
	       when(lease_is_taken(&s->self->sight, &s->self->hold.token, s->now), B(TAKEN)) |
	       when(view_is_fresh(s), B(FRESH)) |
	       when(c->initialize == INITIALIZE_ABSENT || is_abandoned(s), B(ABSENT)) | when(allowed, B(ALLOWED)) |
	       when(s->settings->restores, B(METHOD)) | when(c->initialize == INITIALIZE_DONE && !ours, B(KNOWN)) |
	       when(s->settings->clones_alone, B(ALONE));
}
