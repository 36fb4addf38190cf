/* What a running PostgreSQL should be doing, given who leads. How one that is down comes up: start.c. */
#include "base/mutant.h"
#include "core/gates.h"
#include "facts.h"
#include "tables.h"

#include <string.h>

enum database_fact {
	FACT_D_READY, /* the supervisor answers and the volume is ours */
	FACT_D_JOB,   /* something is being done to it */
	FACT_D_DOWN,
	FACT_D_STANDBY,
	FACT_D_PRIMARY,
	FACT_D_LEAVING,   /* the container is asked to end */
	FACT_D_END,       /* there is a reason to stop it */
	FACT_D_PAUSED,    /* paused, and nobody named this member */
	FACT_D_FOREIGN,   /* the data is another cluster's */
	FACT_D_ROLES,     /* the new cluster's roles are made */
	FACT_D_BOOTSTRAP, /* our own bootstrap is not finished */
	FACT_D_LEASE,     /* the lock is ours */
	FACT_D_GATE,      /* it may become writable */
	FACT_D_LEADER,    /* somebody else leads and is known */
	FACT_D_FOLLOWING, /* it is set to stream from that one, was told so just now, or nobody leads */
	FACT_D_DIVERGED,  /* it has what the cluster's history does not */
	FACT_D_UNSURE,    /* whether it has cannot be told yet */
	FACT_D_REMAKE,    /* it can be rewound, or the settings allow to clone it anew, and the leader is alive */
	FACT_D_NOT_NOW,   /* the last attempt failed a moment ago, or the lock is about to be given up */
	FACT_D_LOST,      /* what is being done is a promotion, and the lock is not ours any more */
	FACT_D_COUNT
};
#define D(name) (1u << FACT_D_##name)

static const char *const names[] = {
	[FACT_D_READY] = "the supervisor answers and the volume is ours",
	[FACT_D_JOB] = "something is being done to PostgreSQL",
	[FACT_D_DOWN] = "PostgreSQL is down",
	[FACT_D_STANDBY] = "PostgreSQL runs as a standby",
	[FACT_D_PRIMARY] = "PostgreSQL runs as a primary",
	[FACT_D_LEAVING] = "the container is asked to end",
	[FACT_D_END] = "there is a reason to stop PostgreSQL",
	[FACT_D_PAUSED] = "the cluster is paused",
	[FACT_D_FOREIGN] = "the data belongs to another cluster",
	[FACT_D_ROLES] = "the new cluster's roles are made",
	[FACT_D_BOOTSTRAP] = "our bootstrap is not finished",
	[FACT_D_LEASE] = "the lock is ours",
	[FACT_D_GATE] = "PostgreSQL may become writable",
	[FACT_D_LEADER] = "another member leads",
	[FACT_D_FOLLOWING] = "it follows whom it should",
	[FACT_D_DIVERGED] = "it has diverged from the leader's history",
	[FACT_D_UNSURE] = "the leader has not said yet where its timeline began",
	[FACT_D_REMAKE] = "it can be rewound or cloned anew, and the leader is alive",
	[FACT_D_NOT_NOW] = "it is too early: the cluster is unknown, an attempt just failed, or the lock goes",
	[FACT_D_LOST] = "a promotion is under way and the lock is not ours",
};
static_assert(ARRAY_SIZE(names) == FACT_D_COUNT, "every fact has a name");
static_assert(FACT_D_COUNT <= FACTS_MAX, "small enough to enumerate");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule rules[] = {
	{ "leaving-busy", D(READY) | D(JOB) | D(LEAVING), D(STANDBY) | D(PRIMARY), { ACT_CANCEL_JOB },
	  "the container is asked to end: what can be cancelled is" },
	{ "lost-busy", D(READY) | D(JOB) | D(LOST), 0, { ACT_CANCEL_JOB },
	  "the lock was lost before the promotion: it is cancelled while it can be" },
	{ "busy", D(JOB), 0, { ACT_NONE },
	  "something is being done to PostgreSQL" },
	{ "no-supervisor", 0, D(READY), { ACT_NONE },
	  "the supervisor does not answer, or another one has the volume" },
	{ "down", D(DOWN), 0, { ACT_NONE },
	  "PostgreSQL is down" },
	{ "end-standby", D(END) | D(STANDBY), 0, { ACT_STOP },
	  "there is a reason to stop PostgreSQL" },
	{ "end-primary", D(END) | D(PRIMARY), 0, { ACT_STOP },
	  "there is a reason to stop PostgreSQL" },
	{ "foreign-standby", D(FOREIGN) | D(STANDBY), D(PAUSED), { ACT_STOP },
	  "the data belongs to another cluster: PostgreSQL is stopped" },
	{ "foreign-primary", D(FOREIGN) | D(PRIMARY), D(PAUSED), { ACT_STOP },
	  "the data belongs to another cluster: PostgreSQL is stopped" },
	{ "foreign", D(FOREIGN), 0, { ACT_NONE },
	  "the data belongs to another cluster: nothing is changed" },
	{ "make-roles", D(PRIMARY) | D(BOOTSTRAP), D(NOT_NOW) | D(ROLES), { ACT_POST_BOOTSTRAP },
	  "the new cluster's roles are made" },
	{ "primary", D(PRIMARY), 0, { ACT_NONE },
	  "PostgreSQL runs as a primary" },
	{ "promote", D(STANDBY) | D(LEASE) | D(GATE), D(NOT_NOW) | D(PAUSED), { ACT_PROMOTE },
	  "the lock is ours: the standby becomes the primary" },
	{ "promote-soon", D(STANDBY) | D(LEASE), 0, { ACT_NONE },
	  "the lock is ours, and not everything that promotion needs is there yet" },
	{ "diverged-stop", D(STANDBY) | D(DIVERGED) | D(LEADER) | D(REMAKE), D(PAUSED), { ACT_STOP },
	  "it has diverged: it is stopped to be rewound or cloned anew" },
	{ "diverged-stays", D(STANDBY) | D(DIVERGED), 0, { ACT_NONE },
	  "it has diverged and may not be cloned anew by itself" },
	{ "unsure-standby", D(STANDBY) | D(UNSURE), 0, { ACT_NONE },
	  "it does not stream before the leader has said where its timeline began" },
	{ "follow", D(STANDBY) | D(LEADER), D(FOLLOWING) | D(NOT_NOW), { ACT_FOLLOW },
	  "another member leads" },
	{ "standby", D(STANDBY), 0, { ACT_NONE },
	  "it follows the leader, or waits for one" },
	{ "moving", 0, 0, { ACT_NONE },
	  "PostgreSQL is on its way up or down" },
};
/* clang-format on */

static bool at_most_one(uint32_t facts, uint32_t of)
{
	return ((facts & of) & ((facts & of) - 1)) == 0;
}

static bool possible(uint32_t f)
{
	if (!at_most_one(f, D(DOWN) | D(STANDBY) | D(PRIMARY)) || !at_most_one(f, D(DIVERGED) | D(UNSURE)) ||
	    !at_most_one(f, D(LEASE) | D(LEADER)))
		return false;
	if ((f & D(LEAVING)) && !(f & D(END)))
		return false;
	if ((f & D(REMAKE)) && !(f & D(LEADER)))
		return false;
	if ((f & D(LOST)) && (!(f & D(JOB)) || (f & D(LEASE))))
		return false;
	return !((f & D(GATE)) && (!(f & D(LEASE)) || !(f & D(READY)) || (f & (D(FOREIGN) | D(LEAVING)))));
}

const struct table database_table = { "database", names, FACT_D_COUNT, rules, ARRAY_SIZE(rules), possible };

/* 1, 2, 4 ... seconds after a failure, at most half a minute. */
static bool is_patient(const struct situation *s)
{
	int n = s->instance->failures;
	if (n <= 0 || !instant_is_set(s->instance->failed_at))
		return false;
	int64_t wait_ms = n > 5 ? 30000 : 1000 << (n - 1);
	return elapsed_most_ms(s->instance->failed_at, s->now) < wait_ms;
}

/* After a crash with primary_start_timeout 0 nothing is started before it is known whether somebody can take over. */
static bool is_giving_up(const struct situation *s)
{
	if (!lock_is_mine(s))
		return false;
	bool asks = s->instance->crashed && s->instance->tree == PG_TREE_DOWN &&
		    s->settings->primary_start_timeout_ms == 0 && !peers_are_heard(s);
	return asks || give_up_decide(s) != GIVE_UP_NO;
}

bool start_is_too_early(const struct situation *s)
{
	return is_patient(s) || is_giving_up(s) || !s->cluster->loaded;
}

/* A standby is promoted when it answers and a timeline number is its own. */
static bool may_promote(const struct situation *s)
{
	return may_become_writable(s) && serves_as_standby(s) && timeline_is_claimed(s);
}

/* Nobody's any more: the store knows another initializer, or a finished cluster with other data. Whoever restores the same backup gets
 * the same system identifier: one that nothing was told of is not what the store means, whatever the identifiers say. */
bool bootstrap_is_stale(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool others = s->cluster->initialize != INITIALIZE_DONE || is_foreign(s) || (i->restored && !mutant(51));
	return i->bootstrap_attempt && s->cluster->loaded && !s->self->initialize_is_ours && others;
}

/* Once the store knows of a cluster, a directory that is left of an attempt counts as every other one. */
bool bootstrap_goes_on(const struct situation *s)
{
	return s->instance->bootstrap_attempt && s->cluster->initialize != INITIALIZE_DONE && !bootstrap_is_stale(s);
}

static bool follows_rightly(const struct situation *s)
{
	const struct member *leader = leader_to_follow(s);
	if (leader == NULL || within_ms(s->self->followed, FOLLOW_AGAIN_MS, s->now))
		return true;
	return strcmp(s->instance->upstream, leader->name) == 0 && s->instance->upstream_port == leader->conn_port &&
	       strcmp(s->instance->upstream_host, leader->conn_host) == 0;
}

/* Our copy is given up only for that of a leader who answers: it may be the last one. */
bool may_clone_anew(const struct situation *s)
{
	return s->settings->clone_when_diverged && leader_answers(s);
}

uint32_t database_facts(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool leader = leader_to_follow(s) != NULL && !lock_is_mine(s);
	enum rejoin rejoin = rejoin_decide(s);
	bool rewinds = rejoin == REJOIN_REWIND && i->can_rewind && leader_answers(s);
	bool bootstraps = bootstrap_goes_on(s);
	return when(i->attached && i->volume_locked, D(READY)) | when(i->job != PG_JOB_NONE, D(JOB)) |
	       when(i->tree == PG_TREE_DOWN, D(DOWN)) | when(i->tree == PG_TREE_STANDBY, D(STANDBY)) |
	       when(i->tree == PG_TREE_PRIMARY, D(PRIMARY)) | when(i->term_pending, D(LEAVING)) |
	       when(end_decide(s) != END_NO, D(END)) | when(s->settings->paused && !is_named(s), D(PAUSED)) |
	       when(is_foreign(s), D(FOREIGN)) | when(i->roles_made, D(ROLES)) | when(bootstraps, D(BOOTSTRAP)) |
	       when(lock_is_mine(s), D(LEASE)) | when(may_promote(s), D(GATE)) | when(leader, D(LEADER)) |
	       when(follows_rightly(s), D(FOLLOWING)) | when(is_diverged(rejoin) && !bootstraps, D(DIVERGED)) |
	       when(rejoin == REJOIN_WAIT, D(UNSURE)) | when(leader && (rewinds || may_clone_anew(s)), D(REMAKE)) |
	       when(start_is_too_early(s), D(NOT_NOW)) | when(i->job == PG_JOB_PROMOTE && !lock_is_mine(s), D(LOST));
}
