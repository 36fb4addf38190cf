#include "core/gates.h"

#include "base/mutant.h"
#include "facts.h"

#include <string.h>

#define W(name) (1u << FACT_W_##name)

static const char *const write_names[] = {
	[FACT_W_ATTACHED] = "the supervisor answers",
	[FACT_W_VOLUME] = "the volume is ours alone",
	[FACT_W_SOUND] = "the data directory is whole and of this cluster",
	[FACT_W_MINE] = "the lock is ours",
	[FACT_W_ANSWERED] = "a write of this agent is in the lock",
	[FACT_W_CONFIRMED] = "a fresh read of the cluster said so, and no other holder can be left",
	[FACT_W_ARMED] = "the deadline is armed",
	[FACT_W_LEAVING] = "the container is asked to end",
};
static_assert(ARRAY_SIZE(write_names) == FACT_W_COUNT, "every fact has a name");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule write_rules[] = {
	{ "no-supervisor", 0, W(ATTACHED), { ACT_NONE },
	  "the supervisor does not answer" },
	{ "no-volume", 0, W(VOLUME), { ACT_NONE },
	  "the data volume is not ours alone" },
	{ "unsound", 0, W(SOUND), { ACT_NONE },
	  "the data directory is not whole, or belongs to another cluster" },
	{ "not-mine", 0, W(MINE), { ACT_NONE },
	  "the lock is not ours" },
	{ "unanswered", 0, W(ANSWERED), { ACT_NONE },
	  "no renewal of this agent has been answered yet" },
	{ "unconfirmed", 0, W(CONFIRMED), { ACT_NONE },
	  "the cluster has not been read again since the lock was won" },
	{ "unarmed", 0, W(ARMED), { ACT_NONE },
	  "the supervisor does not hold the deadline of this lease yet" },
	{ "leaving", W(LEAVING), 0, { ACT_NONE },
	  "the container is asked to end" },
	{ "open", W(ATTACHED) | W(VOLUME) | W(SOUND) | W(MINE) | W(ANSWERED) | W(CONFIRMED) | W(ARMED), W(LEAVING),
	  { ACT_NONE },
	  "the lock is ours, confirmed and guarded by the deadline" },
};
/* clang-format on */

static bool any(uint32_t facts UNUSED)
{
	return true;
}

const struct table may_become_writable_table = { "may become writable",   write_names, FACT_W_COUNT, write_rules,
						 ARRAY_SIZE(write_rules), any };

static bool is_sound(const struct situation *s)
{
	if (!has_data(s) || is_foreign(s) || is_diverged(rejoin_decide(s)))
		return false;
	if (s->instance->bootstrap_attempt)
		return s->self->initialize_is_ours || s->cluster->initialize == INITIALIZE_DONE;
	return true;
}

/* The supervisor's T must be exactly that of this lease: of its token, and no later than the lease allows. */
static bool is_armed(const struct situation *s)
{
	char token[96];
	struct instant t = lease_deadline(&s->self->hold);
	lease_token_to_text(&s->self->hold.token, token, sizeof(token));
	if (s->instance->unguarded && !unguarded_is_wanted(s))
		return false; /* it is about to be */
	return instant_is_set(t) && strcmp(token, s->instance->token) == 0 &&
	       deadline_is_ahead(s, START_AHEAD_MS + stop_time_ms(s)) && s->instance->deadline.boot_us <= t.boot_us &&
	       s->instance->deadline.raw_us <= t.raw_us;
}

/* A create carries no version: the lock that was deleted may have been another holder's, and that one's T is ahead for a ttl. */
static bool waits_out(const struct situation *s)
{
	return instant_is_set(s->self->created) &&
	       elapsed_least_ms(s->self->created, s->now) < lease_ttl_unknown_s(s->cluster, s->settings) * 1000;
}

uint32_t write_facts(const struct situation *s)
{
	const struct instance *i = s->instance;
	uint32_t facts = when(i->attached, W(ATTACHED)) | when(i->volume_locked, W(VOLUME)) |
			 when(is_sound(s), W(SOUND)) | when(lock_is_mine(s), W(MINE)) |
			 when(instant_is_set(s->self->hold.start), W(ANSWERED)) |
			 when(s->self->confirmed && !waits_out(s), W(CONFIRMED)) | when(is_armed(s), W(ARMED)) |
			 when(i->term_pending, W(LEAVING));
	if (mutant(15))
		facts |= when(lock_is_mine(s), W(ARMED));
	if (mutant(17))
		facts |= when(lock_is_mine(s), W(ANSWERED) | W(CONFIRMED) | W(ARMED));
	if (mutant(19))
		facts |= W(CONFIRMED);
	return facts;
}

static int write_row(const struct situation *s)
{
	return table_match(&may_become_writable_table, write_facts(s));
}

bool may_become_writable(const struct situation *s)
{
	return write_row(s) == (int)ARRAY_SIZE(write_rules) - 1;
}

const char *may_become_writable_why(const struct situation *s)
{
	return write_rules[write_row(s)].why;
}

#define P(name) (1u << FACT_P_##name)

static const char *const proof_names[] = {
	[FACT_P_ATTACHED] = "the supervisor answers",
	[FACT_P_VOLUME] = "the volume's lock is held",
	[FACT_P_NOTHING_LEFT] = "no process of PostgreSQL is left",
	[FACT_P_WRITABLE] = "something may be writable",
	[FACT_P_STARTING] = "a start or promotion is under way",
	[FACT_P_NEVER] = "only a standby has run since the lock was won",
	[FACT_P_SHUT_DOWN] = "PostgreSQL has written its shutdown",
};
static_assert(ARRAY_SIZE(proof_names) == FACT_P_COUNT, "every fact has a name");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule proof_rules[] = {
	{ "unknown", 0, P(ATTACHED), { ACT_NONE },
	  "the supervisor does not answer: nothing is proven, the lock runs out" },
	{ "shared", 0, P(VOLUME), { ACT_NONE },
	  "the volume's lock is not held: another PostgreSQL may run on it" },
	{ "under-way", P(STARTING), 0, { ACT_NONE },
	  "a start or promotion may still make it writable" },
	{ "writable", P(WRITABLE), 0, { ACT_NONE },
	  "something of ours may still commit" },
	{ "dead", P(NOTHING_LEFT), 0, { ACT_NONE },
	  "no process of PostgreSQL is left" },
	{ "standby", P(NEVER), 0, { ACT_NONE },
	  "only a standby has run since the lock was won" },
	{ "shut-down", P(SHUT_DOWN), 0, { ACT_NONE },
	  "PostgreSQL has written its shutdown: only walsenders and the archiver go on" },
	{ "alive", 0, 0, { ACT_NONE },
	  "processes of PostgreSQL are left" },
};
/* clang-format on */

const struct table may_release_table = { "prove, then release",   proof_names, FACT_P_COUNT, proof_rules,
					 ARRAY_SIZE(proof_rules), any };

uint32_t proof_facts(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool starting = i->job == PG_JOB_START_PRIMARY || i->job == PG_JOB_PROMOTE;
	bool standby = i->tree == PG_TREE_STANDBY || i->tree == PG_TREE_STARTING;
	uint32_t facts = when(i->attached, P(ATTACHED)) | when(i->volume_locked, P(VOLUME)) |
			 when(i->nothing_left && i->tree == PG_TREE_DOWN, P(NOTHING_LEFT)) |
			 when(i->writable, P(WRITABLE)) | when(starting, P(STARTING)) |
			 when(standby && !i->writable, P(NEVER)) |
			 when(i->tree == PG_TREE_STOPPING && !i->writable, P(SHUT_DOWN));
	if (mutant(13) && i->crashed)
		facts = P(ATTACHED) | P(VOLUME) | P(NOTHING_LEFT);
	return facts;
}

static int proof_row(const struct situation *s)
{
	return table_match(&may_release_table, proof_facts(s));
}

bool may_release(const struct situation *s)
{
	const char *row = proof_rules[proof_row(s)].id;
	return strcmp(row, "dead") == 0 || strcmp(row, "standby") == 0 || strcmp(row, "shut-down") == 0;
}

const char *may_release_why(const struct situation *s)
{
	return proof_rules[proof_row(s)].why;
}
