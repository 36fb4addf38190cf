/* What PostgreSQL should be doing, given who leads. */
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
	FACT_D_FOREIGN,   /* the data is another cluster's */
	FACT_D_ROLES,     /* the new cluster's roles are made */
	FACT_D_MARKED,    /* a change of the directory, or a bootstrap that is not ours any more, was left half done */
	FACT_D_WHOLE,     /* a data directory with a system identifier */
	FACT_D_BOOTSTRAP, /* our own bootstrap is not finished */
	FACT_D_LEASE,     /* the lock is ours */
	FACT_D_GATE,      /* it may become writable */
	FACT_D_RESTART,   /* it was a primary and may be again, as it is */
	FACT_D_LEADER,    /* somebody else leads and is known */
	FACT_D_FOLLOWING, /* it is set to stream from that one, was told so just now, or nobody leads */
	FACT_D_DIVERGED,  /* it has what the cluster's history does not */
	FACT_D_UNSURE,    /* whether it has cannot be told yet */
	FACT_D_CLONE,     /* the settings allow to clone it anew */
	FACT_D_NOT_NOW,   /* the last attempt failed a moment ago, or the lock is about to be given up */
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
	[FACT_D_FOREIGN] = "the data belongs to another cluster",
	[FACT_D_ROLES] = "the new cluster's roles are made",
	[FACT_D_MARKED] = "a change of the data directory was left half done",
	[FACT_D_WHOLE] = "there is a data directory",
	[FACT_D_BOOTSTRAP] = "our bootstrap is not finished",
	[FACT_D_LEASE] = "the lock is ours",
	[FACT_D_GATE] = "PostgreSQL may become writable",
	[FACT_D_RESTART] = "it was the primary and may start as it is",
	[FACT_D_LEADER] = "another member leads",
	[FACT_D_FOLLOWING] = "it follows whom it should",
	[FACT_D_DIVERGED] = "it has diverged from the leader's history",
	[FACT_D_UNSURE] = "the leader has not said yet where its timeline began",
	[FACT_D_CLONE] = "the settings allow a new clone, and the leader is alive",
	[FACT_D_NOT_NOW] = "it is too early: the cluster is unknown, an attempt just failed, or the lock goes",
};
static_assert(ARRAY_SIZE(names) == FACT_D_COUNT, "every fact has a name");
static_assert(FACT_D_COUNT <= FACTS_MAX, "small enough to enumerate");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule rules[] = {
	{ "leaving-busy", D(READY) | D(JOB) | D(LEAVING), D(STANDBY) | D(PRIMARY), { ACT_CANCEL_JOB },
	  "the container is asked to end: what can be cancelled is" },
	{ "busy", D(JOB), 0, { ACT_NONE },
	  "something is being done to PostgreSQL" },
	{ "no-supervisor", 0, D(READY), { ACT_NONE },
	  "the supervisor does not answer, or another one has the volume" },
	{ "leaving-stop", D(LEAVING) | D(STANDBY), 0, { ACT_STOP },
	  "the container is asked to end: PostgreSQL is stopped" },
	{ "leaving-stop-primary", D(LEAVING) | D(PRIMARY), 0, { ACT_STOP },
	  "the container is asked to end: PostgreSQL is stopped" },
	{ "leaving-lock", D(LEAVING) | D(DOWN) | D(LEASE), 0, { ACT_NONE },
	  "the container is asked to end: the lock goes first" },
	{ "leaving", D(LEAVING) | D(DOWN), 0, { ACT_TERM_GO },
	  "the container may end" },
	{ "foreign-standby", D(FOREIGN) | D(STANDBY), 0, { ACT_STOP },
	  "the data belongs to another cluster: PostgreSQL is stopped" },
	{ "foreign-primary", D(FOREIGN) | D(PRIMARY), 0, { ACT_STOP },
	  "the data belongs to another cluster: PostgreSQL is stopped" },
	{ "foreign", D(FOREIGN), 0, { ACT_NONE },
	  "the data belongs to another cluster: nothing is changed" },
	{ "make-roles", D(PRIMARY) | D(BOOTSTRAP), D(NOT_NOW) | D(ROLES), { ACT_POST_BOOTSTRAP },
	  "the new cluster's roles are made" },
	{ "primary", D(PRIMARY), 0, { ACT_NONE },
	  "PostgreSQL runs as a primary" },
	{ "promote", D(STANDBY) | D(LEASE) | D(GATE), D(NOT_NOW), { ACT_PROMOTE },
	  "the lock is ours: the standby becomes the primary" },
	{ "promote-soon", D(STANDBY) | D(LEASE), 0, { ACT_NONE },
	  "the lock is ours, and not everything that promotion needs is there yet" },
	{ "diverged-stop", D(STANDBY) | D(DIVERGED) | D(LEADER) | D(CLONE), 0, { ACT_STOP },
	  "it has diverged: it is stopped to be cloned anew" },
	{ "diverged-stays", D(STANDBY) | D(DIVERGED), 0, { ACT_NONE },
	  "it has diverged and may not be cloned anew by itself" },
	{ "unsure-standby", D(STANDBY) | D(UNSURE), 0, { ACT_NONE },
	  "it does not stream before the leader has said where its timeline began" },
	{ "follow", D(STANDBY) | D(LEADER) | D(WHOLE), D(FOLLOWING) | D(NOT_NOW), { ACT_FOLLOW },
	  "another member leads" },
	{ "standby", D(STANDBY), 0, { ACT_NONE },
	  "it follows the leader, or waits for one" },
	{ "moving", 0, D(DOWN), { ACT_NONE },
	  "PostgreSQL is on its way up or down" },
	{ "not-now", D(NOT_NOW), 0, { ACT_NONE },
	  "the cluster is not known yet, the last attempt failed a moment ago, or the lock is about to be given up" },
	{ "half-done", D(MARKED), 0, { ACT_MOVE_ASIDE },
	  "a change of the data directory was left half done: it is moved out of the way" },
	{ "no-database", 0, D(WHOLE), { ACT_NONE },
	  "there is no database in the data directory" },
	{ "begin", D(BOOTSTRAP) | D(LEASE) | D(GATE), 0, { ACT_START_PRIMARY },
	  "the new cluster's first primary is started" },
	{ "begin-soon", D(BOOTSTRAP), 0, { ACT_NONE },
	  "the new cluster waits for its lock" },
	{ "restart", D(LEASE) | D(GATE) | D(RESTART), 0, { ACT_START_PRIMARY },
	  "the primary is started again in place" },
	{ "restart-soon", D(LEASE) | D(RESTART), 0, { ACT_NONE },
	  "the primary will be started again in place" },
	{ "diverged-aside", D(DIVERGED) | D(LEADER) | D(CLONE), 0, { ACT_MOVE_ASIDE },
	  "it has diverged: it is moved aside and cloned anew" },
	{ "diverged", D(DIVERGED) | D(LEADER), 0, { ACT_NONE },
	  "it has diverged and may not be cloned anew by itself" },
	{ "diverged-alone", D(DIVERGED), 0, { ACT_START_STANDBY },
	  "it has diverged and nobody leads: it is started as a standby of nobody, to answer how far it is" },
	{ "unsure", D(UNSURE), 0, { ACT_NONE },
	  "it is not started before the leader has said where its timeline began" },
	{ "start", 0, 0, { ACT_START_STANDBY },
	  "PostgreSQL is started as a standby" },
};
/* clang-format on */

static bool at_most_one(uint32_t facts, uint32_t of)
{
	return ((facts & of) & ((facts & of) - 1)) == 0;
}

static bool possible(uint32_t f)
{
	if (!at_most_one(f, D(DOWN) | D(STANDBY) | D(PRIMARY)) || !at_most_one(f, D(MARKED) | D(WHOLE)))
		return false;
	if (!at_most_one(f, D(DIVERGED) | D(UNSURE)) || !at_most_one(f, D(LEASE) | D(LEADER)))
		return false;
	if ((f & D(GATE)) && (!(f & D(LEASE)) || !(f & D(READY)) || !(f & D(WHOLE)) || (f & (D(FOREIGN) | D(LEAVING)))))
		return false;
	return !((f & (D(BOOTSTRAP) | D(FOREIGN))) && !(f & D(WHOLE)));
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

/* A standby is promoted when it answers and a timeline number is its own. */
static bool may_promote_or_start(const struct situation *s)
{
	return may_become_writable(s) &&
	       (s->instance->tree == PG_TREE_DOWN || (serves_as_standby(s) && timeline_is_claimed(s)));
}

/* Nobody's any more: the store knows another initializer, or a finished cluster with other data. */
static bool bootstrap_is_stale(const struct situation *s)
{
	return s->instance->bootstrap_attempt && s->cluster->loaded && !s->self->initialize_is_ours &&
	       (s->cluster->initialize != INITIALIZE_DONE || is_foreign(s));
}

/* Contract 5.7 row 2: a primary that crashed under our lock goes on where it was, on its timeline. */
static bool may_restart_in_place(const struct situation *s)
{
	const struct instance *i = s->instance;
	return i->was_primary && !i->has_standby_signal && i->armed_timeline != 0 &&
	       s->settings->primary_start_timeout_ms > 0;
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
static bool may_clone_anew(const struct situation *s)
{
	return s->settings->clone_when_diverged && leader_answers(s);
}

uint32_t database_facts(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool stale = bootstrap_is_stale(s);
	bool leader = leader_to_follow(s) != NULL && !lock_is_mine(s);
	enum rejoin rejoin = rejoin_decide(s);
	bool whole = i->data == DATA_OK && !stale;
	return when(i->attached && i->volume_locked, D(READY)) | when(i->job != PG_JOB_NONE, D(JOB)) |
	       when(i->tree == PG_TREE_DOWN, D(DOWN)) | when(i->tree == PG_TREE_STANDBY, D(STANDBY)) |
	       when(i->tree == PG_TREE_PRIMARY, D(PRIMARY)) | when(i->term_pending, D(LEAVING)) |
	       when(whole && is_foreign(s), D(FOREIGN)) | when(i->roles_made, D(ROLES)) |
	       when(i->data == DATA_MARKED || stale, D(MARKED)) | when(whole, D(WHOLE)) |
	       when(whole && i->bootstrap_attempt && s->cluster->initialize != INITIALIZE_DONE, D(BOOTSTRAP)) |
	       when(lock_is_mine(s), D(LEASE)) | when(may_promote_or_start(s), D(GATE)) |
	       when(may_restart_in_place(s), D(RESTART)) | when(leader, D(LEADER)) |
	       when(follows_rightly(s), D(FOLLOWING)) |
	       when(rejoin == REJOIN_DIVERGED && !i->bootstrap_attempt, D(DIVERGED)) |
	       when(rejoin == REJOIN_WAIT, D(UNSURE)) | when(may_clone_anew(s), D(CLONE)) |
	       when(is_patient(s) || is_giving_up(s) || !s->cluster->loaded, D(NOT_NOW));
}
