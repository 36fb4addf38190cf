/* May we go on being writable? The supervisor's deadman is the backstop of every row here. */
#include "facts.h"
#include "tables.h"

enum guard_fact {
	FACT_G_WRITABLE, /* something of ours may be able to commit */
	FACT_G_AHEAD,    /* T is ahead */
	FACT_G_STRANGER, /* the record in the store is not ours */
	FACT_G_NEAR,     /* T is nearer than the time a fast stop takes */
	FACT_G_GIVEN_UP, /* the lock is to be given back and it is not up as a primary */
	FACT_G_STOPPING,
	FACT_G_FORCED, /* the pod was deleted by force, and somebody else can lead */
	FACT_G_COUNT
};
#define G(name) (1u << FACT_G_##name)

static const char *const names[] = {
	[FACT_G_WRITABLE] = "PostgreSQL may be writable",
	[FACT_G_AHEAD] = "the deadline is ahead, or the cluster is paused",
	[FACT_G_STRANGER] = "the lock is somebody else's",
	[FACT_G_NEAR] = "the deadline is near",
	[FACT_G_GIVEN_UP] = "the lock is to be given back before PostgreSQL is up",
	[FACT_G_STOPPING] = "PostgreSQL is being stopped",
	[FACT_G_FORCED] =
		"the pod was deleted by force, its containers are killed in a moment, and another member can take over",
};
static_assert(ARRAY_SIZE(names) == FACT_G_COUNT, "every fact has a name");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule rules[] = {
	{ "fence", G(WRITABLE), G(AHEAD), { ACT_FENCE },
	  "PostgreSQL may be writable and no deadline guards it: everything is killed" },
	{ "deposed", G(WRITABLE) | G(STRANGER), 0, { ACT_FENCE },
	  "PostgreSQL may be writable and the lock is somebody else's: everything is killed" },
	{ "cut-short", G(WRITABLE) | G(STOPPING) | G(FORCED), 0, { ACT_FENCE },
	  "the pod was deleted by force: everything is killed before kubelet does it, to give the lock back" },
	{ "stopping", G(WRITABLE) | G(NEAR) | G(STOPPING), 0, { ACT_NONE },
	  "the deadline is near and PostgreSQL is being stopped" },
	{ "yield", G(WRITABLE) | G(NEAR), 0, { ACT_STOP_FAST },
	  "the lock was not renewed and the deadline is near: PostgreSQL is stopped before it comes" },
		{ "abandon", G(WRITABLE) | G(GIVEN_UP), G(STOPPING), { ACT_STOP_FAST },
	  "PostgreSQL does not come up as the primary, and another member can take over: it is stopped" },
	{ "guarded", G(WRITABLE), 0, { ACT_NONE },
	  "a deadline guards what is writable" },
	{ "harmless", 0, 0, { ACT_NONE },
	  "nothing can commit here" },
};
/* clang-format on */

/* What is near is ahead; the rest is free. */
static bool possible(uint32_t facts)
{
	return !((facts & G(NEAR)) && !(facts & G(AHEAD)));
}

const struct table guard_table = { "guard", names, FACT_G_COUNT, rules, ARRAY_SIZE(rules), possible };

/* A move waits until the primary is up; every other reason does not. */
static bool gives_up_early(const struct situation *s)
{
	enum give_up reason = give_up_decide(s);
	return lock_is_mine(s) && !is_primary_up(s) && reason != GIVE_UP_NO && reason != GIVE_UP_MOVED;
}

/* Its sessions have ended, its checkpoint takes longer than it is given: nobody knows of its end but we, as long as we are there. */
static bool is_to_be_cut_short(const struct situation *s)
{
	return lock_is_mine(s) && has_no_time_left(s) && failover_is_possible(s) && !s->settings->paused;
}

uint32_t guard_facts(const struct situation *s)
{
	bool ahead = deadline_is_ahead(s, 0) || is_guarded_by_people(s);
	return when(s->instance->attached && s->instance->writable, G(WRITABLE)) | when(ahead, G(AHEAD)) |
	       when(record_is_strangers(s), G(STRANGER)) |
	       when(ahead && !is_guarded_by_people(s) && !deadline_is_ahead(s, stop_time_ms(s)), G(NEAR)) |
	       when(gives_up_early(s), G(GIVEN_UP)) |
	       when(s->instance->tree == PG_TREE_STOPPING || s->instance->tree == PG_TREE_FENCING ||
			    s->instance->job == PG_JOB_STOP,
		    G(STOPPING)) |
	       when(is_to_be_cut_short(s), G(FORCED));
}
