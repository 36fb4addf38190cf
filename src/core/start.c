/* How a PostgreSQL that is down comes up again, or why it stays down. */
#include "core/gates.h"
#include "facts.h"
#include "tables.h"

#include <string.h>

enum start_fact {
	FACT_S_LEAVING,     /* the container is asked to end */
	FACT_S_LEASE,       /* the lock is ours */
	FACT_S_FOREIGN,     /* the data is another cluster's */
	FACT_S_HELD,        /* it was stopped to hand the lock over */
	FACT_S_PAUSED,      /* paused, and no restart was asked for */
	FACT_S_NOT_NOW,     /* the last attempt failed a moment ago, or the lock is about to be given up */
	FACT_S_REINIT,      /* a person asked for a new clone, and the leader is alive */
	FACT_S_MARKED,      /* a change, or a bootstrap that fails or is not ours any more, was left half done */
	FACT_S_AGAIN,       /* ... and that was a rewind, which may be repeated */
	FACT_S_WHOLE,       /* a data directory with a system identifier */
	FACT_S_BOOTSTRAP,   /* our own bootstrap is not finished */
	FACT_S_GATE,        /* it may become writable */
	FACT_S_RESTART,     /* it was a primary and may be again, as it is */
	FACT_S_LEADER,      /* somebody else leads and is known */
	FACT_S_DIVERGED,    /* it has what the cluster's history does not */
	FACT_S_REWIND,      /* pg_rewind can bring it back: now */
	FACT_S_REWIND_SOON, /* ... as soon as the leader's checkpoint is done, or it is known to be alive */
	FACT_S_CLONE,       /* the settings allow to clone it anew, and the leader is alive */
	FACT_S_ROUTED,      /* clients may still be sent here as to the leader */
	FACT_S_UNSURE,      /* whether it has diverged cannot be told yet */
	FACT_S_COUNT
};
#define S(name) (1u << FACT_S_##name)

static const char *const names[] = {
	[FACT_S_LEAVING] = "the container is asked to end",
	[FACT_S_LEASE] = "the lock is ours",
	[FACT_S_FOREIGN] = "the data belongs to another cluster",
	[FACT_S_HELD] = "it was stopped to hand the lock over",
	[FACT_S_PAUSED] = "the cluster is paused",
	[FACT_S_NOT_NOW] = "it is too early: the cluster is unknown, an attempt just failed, or the lock goes",
	[FACT_S_REINIT] = "a new clone was asked for, and the leader is alive",
	[FACT_S_MARKED] = "a change of the data directory was left half done",
	[FACT_S_AGAIN] = "that was a rewind, and it can be repeated",
	[FACT_S_WHOLE] = "there is a data directory",
	[FACT_S_BOOTSTRAP] = "our bootstrap is not finished",
	[FACT_S_GATE] = "PostgreSQL may become writable",
	[FACT_S_RESTART] = "it was the primary and may start as it is",
	[FACT_S_LEADER] = "another member leads",
	[FACT_S_DIVERGED] = "it has diverged from the leader's history",
	[FACT_S_REWIND] = "pg_rewind can bring it back",
	[FACT_S_REWIND_SOON] = "pg_rewind can bring it back, and the leader is not ready for it",
	[FACT_S_CLONE] = "the settings allow a new clone, and the leader is alive",
	[FACT_S_ROUTED] = "clients may still be sent here as to the leader",
	[FACT_S_UNSURE] = "the leader has not said yet where its timeline began",
};
static_assert(ARRAY_SIZE(names) == FACT_S_COUNT, "every fact has a name");
static_assert(FACT_S_COUNT <= FACTS_MAX, "small enough to enumerate");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule rules[] = {
	{ "leaving-lock", S(LEAVING) | S(LEASE), 0, { ACT_NONE },
	  "the container is asked to end: the lock goes first" },
	{ "leaving", S(LEAVING), 0, { ACT_TERM_GO },
	  "the container may end" },
	{ "foreign", S(FOREIGN), 0, { ACT_NONE },
	  "the data belongs to another cluster: nothing is changed" },
	{ "handed-over", S(HELD), 0, { ACT_NONE },
	  "PostgreSQL stays down until another member has the lock" },
	{ "paused", S(PAUSED), S(BOOTSTRAP), { ACT_NONE },
	  "the cluster is paused: PostgreSQL is not started" },
	{ "not-now", S(NOT_NOW), 0, { ACT_NONE },
	  "the cluster is not known yet, the last attempt failed a moment ago, or the lock is about to be given up" },
	{ "reinitialize", S(REINIT) | S(WHOLE), S(LEASE), { ACT_WIPE },
	  "a new clone was asked for: the data directory is removed" },
	{ "reinitialize-marked", S(REINIT) | S(MARKED), S(LEASE), { ACT_WIPE },
	  "a new clone was asked for: what is left of the data directory is removed" },
	{ "rewind-again", S(MARKED) | S(AGAIN) | S(REWIND), 0, { ACT_REWIND },
	  "a rewind was left half done: it is repeated" },
	{ "rewind-again-soon", S(MARKED) | S(AGAIN) | S(REWIND_SOON), 0, { ACT_NONE },
	  "a rewind was left half done: it is repeated as soon as the leader is ready for it" },
	{ "half-done", S(MARKED), S(AGAIN), { ACT_MOVE_ASIDE },
	  "a change of the data directory was left half done: it is moved out of the way" },
	{ "half-rewound", S(MARKED) | S(CLONE), 0, { ACT_MOVE_ASIDE },
	  "a rewind was left half done and cannot be repeated: it is moved aside and cloned anew" },
	{ "half-rewound-stays", S(MARKED), 0, { ACT_NONE },
	  "a rewind was left half done and cannot be repeated now: the data cannot be used" },
	{ "no-database", 0, S(WHOLE), { ACT_NONE },
	  "there is no database in the data directory" },
	{ "begin", S(BOOTSTRAP) | S(LEASE) | S(GATE), 0, { ACT_START_PRIMARY },
	  "the new cluster's first primary is started" },
	{ "begin-soon", S(BOOTSTRAP), 0, { ACT_NONE },
	  "the new cluster waits for its lock" },
	{ "restart", S(LEASE) | S(GATE) | S(RESTART), 0, { ACT_START_PRIMARY },
	  "the primary is started again in place" },
	{ "restart-soon", S(LEASE) | S(RESTART), 0, { ACT_NONE },
	  "the primary will be started again in place" },
	{ "rewind", S(DIVERGED) | S(REWIND), S(LEASE), { ACT_REWIND },
	  "it has diverged: it is rewound onto the leader's history" },
	{ "rewind-soon", S(DIVERGED) | S(REWIND_SOON), S(LEASE), { ACT_NONE },
	  "it has diverged, and is rewound as soon as the leader has finished a checkpoint" },
	{ "diverged-aside", S(DIVERGED) | S(LEADER) | S(CLONE), 0, { ACT_MOVE_ASIDE },
	  "it has diverged: it is moved aside and cloned anew" },
	{ "diverged", S(DIVERGED) | S(LEADER), 0, { ACT_NONE },
	  "it has diverged and may not be cloned anew by itself" },
	{ "routed", S(ROUTED), S(LEASE), { ACT_NONE },
	  "the leader's label was on our pod until just now: the port stays closed to whom it still leads here" },
	{ "diverged-alone", S(DIVERGED), 0, { ACT_START_STANDBY },
	  "it has diverged and nobody leads: it is started as a standby of nobody, to answer how far it is" },
	{ "unsure", S(UNSURE), 0, { ACT_NONE },
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
	if (!at_most_one(f, S(MARKED) | S(WHOLE)) || !at_most_one(f, S(DIVERGED) | S(UNSURE)) ||
	    !at_most_one(f, S(LEASE) | S(LEADER)) || !at_most_one(f, S(REWIND) | S(REWIND_SOON)))
		return false;
	if ((f & (S(REWIND) | S(REWIND_SOON) | S(CLONE) | S(REINIT))) && !(f & S(LEADER)))
		return false; /* all of them mean the leader's copy */
	if ((f & S(GATE)) && (!(f & S(LEASE)) || !(f & S(WHOLE)) || (f & (S(FOREIGN) | S(LEAVING)))))
		return false;
	if ((f & S(AGAIN)) && !(f & S(MARKED)))
		return false;
	return !((f & (S(BOOTSTRAP) | S(FOREIGN) | S(DIVERGED))) && !(f & S(WHOLE)));
}

const struct table start_table = { "start", names, FACT_S_COUNT, rules, ARRAY_SIZE(rules), possible };

/* Contract 5.7 row 2: a primary that crashed under our lock goes on where it was, on its timeline; one that was stopped to be
 * restarted, too, whatever primary_start_timeout says. */
static bool may_restart_in_place(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool wanted = s->settings->primary_start_timeout_ms > 0 || !i->crashed;
	return i->was_primary && !i->has_standby_signal && i->armed_timeline != 0 && wanted;
}

/* The leader must have a checkpoint on its own timeline: pg_rewind reads its control file (contract 5.12). */
static bool leader_is_ready(const struct situation *s)
{
	const struct member *leader = leader_to_follow(s);
	return leader != NULL && leader_answers(s) && !leader->checkpoint_pending;
}

/* Where it was cut may be a place from which pg_rewind cannot go on. */
static bool rewind_is_hopeless(const struct situation *s)
{
	const struct instance *i = s->instance;
	return i->failed_job == PG_JOB_REWIND && i->failures >= REWIND_TRIES && leader_answers(s) &&
	       (s->settings->clone_when_diverged || s->settings->clone_when_rewind_fails);
}

static bool may_be_repeated(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool same = strcmp(i->rewind_source, s->self->sight.record.leader) == 0 &&
		    (s->cluster->leader_timeline == 0 || i->rewind_timeline == s->cluster->leader_timeline);
	return i->data == DATA_MARKED && i->rewind_marked && (i->rewind_timeline == 0 || same) &&
	       !rewind_is_hopeless(s);
}

static uint32_t rewind_facts(const struct situation *s, enum rejoin rejoin)
{
	const struct instance *i = s->instance;
	bool again = may_be_repeated(s);
	if (!i->can_rewind || rewind_is_hopeless(s) || !(rejoin == REJOIN_REWIND || again) ||
	    leader_to_follow(s) == NULL || lock_is_mine(s))
		return 0;
	return leader_is_ready(s) ? S(REWIND) : S(REWIND_SOON);
}

/* Nothing is given up for the copy of a leader who does not answer: ours may be the last one. */
static bool may_reinitialize(const struct situation *s)
{
	return s->self->reinitialize && !lock_is_mine(s) && leader_answers(s);
}

/* The recovery of what was restored ends by itself, again and again. One that was stopped, or killed at a deadline, goes on. */
static bool recovery_is_hopeless(const struct situation *s)
{
	const struct instance *i = s->instance;
	return i->recovers && i->crashed && i->failed_job == PG_JOB_START_PRIMARY && i->failures >= RECOVERY_TRIES;
}

uint32_t start_facts(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool fails = i->data == DATA_OK && bootstrap_goes_on(s) && recovery_is_hopeless(s);
	bool stale = bootstrap_is_stale(s) || fails;
	bool leader = leader_to_follow(s) != NULL && !lock_is_mine(s);
	enum rejoin rejoin = rejoin_decide(s);
	enum move_step move = move_decide(s);
	bool whole = i->data == DATA_OK && !stale, marked = i->data == DATA_MARKED || stale;
	bool restarts = restart_decide(s) == RESTART_GO || s->self->reinitialize;
	bool bootstraps = whole && bootstrap_goes_on(s), diverged = is_diverged(rejoin) && whole && !bootstraps;
	return when(i->term_pending, S(LEAVING)) | when(lock_is_mine(s), S(LEASE)) |
	       when(whole && is_foreign(s), S(FOREIGN)) | when(move == MOVE_GO || move == MOVE_ASKING, S(HELD)) |
	       when(s->settings->paused && !restarts, S(PAUSED)) | when(start_is_too_early(s), S(NOT_NOW)) |
	       when(may_reinitialize(s), S(REINIT)) | when(marked, S(MARKED)) |
	       when(marked && may_be_repeated(s) && !stale, S(AGAIN)) | when(whole, S(WHOLE)) |
	       when(bootstraps, S(BOOTSTRAP)) | when(may_become_writable(s), S(GATE)) |
	       when(may_restart_in_place(s), S(RESTART)) | when(leader, S(LEADER)) | when(diverged, S(DIVERGED)) |
	       rewind_facts(s, rejoin) | when(leader && (may_clone_anew(s) || rewind_is_hopeless(s)), S(CLONE)) |
	       when(route_leads_here(s), S(ROUTED)) | when(rejoin == REJOIN_WAIT, S(UNSURE));
}
