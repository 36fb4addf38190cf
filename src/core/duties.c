/* What is put right whenever it is wrong. Each duty stands for itself; none of them can make anything writable. */
#include "base/mutant.h"
#include "core/gates.h"
#include "facts.h"
#include "tables.h"

#include <string.h>

enum { TOLD_LOOPS = 12 };

/* T in the supervisor is that of the lease, in both directions (rule 2); without a lease there is none, nor of one that is given back by
 * mouth: no later agent may go on with it. */
static bool deadline_differs(const struct situation *s)
{
	const struct instance *i = s->instance;
	struct instant t = lease_deadline(&s->self->hold);
	if (!i->attached)
		return false;
	if (i->unguarded != unguarded_is_wanted(s))
		return true;
	if (!has_lease(s) || instant_is_set(s->self->denied))
		return (instant_is_set(i->deadline) || i->token[0] != '\0') && !i->writable && s->self->settled;
	if (!instant_is_set(t) || !lock_is_mine(s))
		return false;
	char token[96];
	lease_token_to_text(&s->self->hold.token, token, sizeof(token));
	if (mutant(4) && instant_is_set(i->deadline) && t.boot_us < i->deadline.boot_us)
		return false;
	return t.boot_us != i->deadline.boot_us || t.raw_us != i->deadline.raw_us || strcmp(token, i->token) != 0;
}

static bool history_is_old(const struct situation *s)
{
	const struct instance *i = s->instance;
	char token[96];
	lease_token_to_text(&i->armed_token, token, sizeof(token));
	bool known = i->armed_timeline != i->timeline || strcmp(s->self->beginning, token) == 0;
	if (i->timeline == 0 || (cluster_timeline(s->cluster) == i->timeline && known))
		return false;
	return i->timeline == 1 || i->history.count > 0;
}

static bool must_finish_initialize(const struct situation *s)
{
	if (s->instance->bootstrap_attempt && !s->instance->roles_made && s->cluster->initialize != INITIALIZE_DONE)
		return false;
	return s->cluster->initialize != INITIALIZE_DONE || !s->cluster->has_config;
}

/* A longer ttl is noted before a lease has it, a shorter one when none has the longer any more. */
static bool must_note_ttl(const struct situation *s)
{
	int64_t noted = s->cluster->lease_ttl_s * 1000, ttl = s->settings->ttl_ms;
	if (s->cluster->config_object_version == 0 || s->self->store_writing || noted == ttl)
		return false;
	return noted < ttl || (instant_is_set(s->self->hold.start) && s->self->hold.ttl_ms <= ttl);
}

/* Done, or it cannot be. */
static bool must_clear_move(const struct situation *s)
{
	return !s->self->store_writing && (move_decide(s) == MOVE_DROP || move_has_failed(s));
}

static void leader_duties(const struct situation *s, struct plan *plan)
{
	if (route_is_due(s))
		plan_add(plan, ACT_WRITE_ROUTE);
	if (s->self->foreign_label && (s->self->labelled || s->settings->route != ROUTE_LABEL))
		plan_add(plan, ACT_TAKE_LABELS_OFF);
	if (must_clear_move(s)) {
		plan_add(plan, ACT_CLEAR_MOVE);
		return;
	}
	if (must_note_ttl(s)) {
		plan_add(plan, ACT_NOTE_TTL);
		return;
	}
	if (!is_primary_up(s))
		return;
	if (!s->self->store_writing && must_finish_initialize(s))
		plan_add(plan, ACT_INITIALIZE_FINISH);
	else if (!s->self->store_writing && history_is_old(s))
		plan_add(plan, ACT_WRITE_HISTORY);
	if (s->self->slots_due)
		plan_add(plan, ACT_SYNC_SLOTS);
	if (s->instance->job == PG_JOB_NONE && s->instance->timeline != 0 &&
	    s->self->checkpointed != s->instance->timeline)
		plan_add(plan, ACT_CHECKPOINT);
}

/* A number may be taken twice when the store forgets: whose it is that we stream must be known afterwards, too (safety.md S4). */
static bool must_mark_timeline(const struct situation *s)
{
	const struct instance *i = s->instance;
	const struct cluster *c = s->cluster;
	char token[96];
	bool follows = serves_as_standby(s) && i->streaming && leader_to_follow(s) != NULL &&
		       strcmp(i->upstream, s->self->sight.record.leader) == 0;
	if (!follows || c->leader_timeline == 0 || c->leader_timeline != i->timeline || c->leader_beginning[0] == '\0')
		return false;
	lease_token_to_text(&i->armed_token, token, sizeof(token));
	return i->armed_timeline != i->timeline || strcmp(token, c->leader_beginning) != 0;
}

/* What the store says before all of it was read tells nothing of whose attempt this is. */
static bool bootstrap_is_over(const struct situation *s)
{
	return s->instance->bootstrap_attempt && s->cluster->loaded && s->cluster->initialize == INITIALIZE_DONE &&
	       has_data(s) && !is_foreign(s) && !bootstrap_is_stale(s);
}

void duties_add(const struct situation *s, struct plan *plan)
{
	if (deadline_differs(s))
		plan_add(plan, ACT_SET_DEADLINE);
	if (failsafe_is_due(s))
		plan_add(plan, ACT_ASK_FAILSAFE);
	if (s->self->publish_due && !s->self->publishing && view_is_fresh(s))
		plan_add(plan, ACT_PUBLISH);
	if (bootstrap_is_over(s))
		plan_add(plan, ACT_BOOTSTRAP_DONE);
	if (must_mark_timeline(s) && rejoin_decide(s) == REJOIN_FOLLOW)
		plan_add(plan, ACT_MARK_TIMELINE);
	if (leads_now(s) && view_is_fresh(s))
		leader_duties(s, plan);
	else if (serves_as_standby(s) && s->self->slots_due)
		plan_add(plan, ACT_SYNC_SLOTS);
}

/* Without the supervisor's word it is what it was: in a pause others go by it (safety.md S11). */
static enum member_role role_said(const struct situation *s)
{
	const struct member *own = cluster_member(s->cluster, s->self->name);
	return own != NULL ? own->role : ROLE_UNINITIALIZED;
}

/* The label is set from the moment the lock is confirmed, before promotion ends (safety.md S18). Whatever may be writable is no
 * replica: promoted by hand in a pause, or not yet stopped. */
enum member_role role_to_publish(const struct situation *s)
{
	const struct instance *i = s->instance;
	if (i->tree == PG_TREE_UNKNOWN)
		return role_said(s);
	if ((i->tree == PG_TREE_PRIMARY || i->tree == PG_TREE_STANDBY) && i->writable)
		return ROLE_PRIMARY;
	if (i->tree == PG_TREE_PROMOTING)
		return ROLE_PROMOTED;
	if (i->tree == PG_TREE_STANDBY || i->tree == PG_TREE_STARTING)
		return ROLE_REPLICA;
	if (i->writable)
		return ROLE_DEMOTED;
	if (!has_data(s))
		return ROLE_UNINITIALIZED;
	return i->was_primary ? ROLE_DEMOTED : ROLE_REPLICA;
}

static const enum member_state job_states[] = {
	[PG_JOB_NONE] = STATE_UNKNOWN,           [PG_JOB_INITDB] = STATE_INITDB,
	[PG_JOB_POST_BOOTSTRAP] = STATE_UNKNOWN, [PG_JOB_CLONE] = STATE_CREATING_REPLICA,
	[PG_JOB_START_STANDBY] = STATE_STARTING, [PG_JOB_START_PRIMARY] = STATE_STARTING,
	[PG_JOB_PROMOTE] = STATE_UNKNOWN,        [PG_JOB_STOP] = STATE_STOPPING,
	[PG_JOB_FOLLOW] = STATE_UNKNOWN,         [PG_JOB_ASIDE] = STATE_UNKNOWN,
	[PG_JOB_INSPECT] = STATE_UNKNOWN,        [PG_JOB_REWIND] = STATE_UNKNOWN,
	[PG_JOB_WIPE] = STATE_CREATING_REPLICA,  [PG_JOB_RESTORE] = STATE_CUSTOM_BOOTSTRAP,
};
static_assert(ARRAY_SIZE(job_states) == PG_JOB_COUNT, "every job has a state");

static enum member_state state_when_down(const struct instance *i)
{
	if (i->crashed || i->fenced)
		return STATE_CRASHED;
	if (i->failed_job == PG_JOB_INITDB)
		return STATE_INITDB_FAILED;
	if (i->failed_job == PG_JOB_RESTORE)
		return STATE_CUSTOM_BOOTSTRAP_FAILED;
	if (i->failed_job == PG_JOB_START_STANDBY || i->failed_job == PG_JOB_START_PRIMARY)
		return STATE_START_FAILED;
	return STATE_STOPPED;
}

enum member_state state_to_publish(const struct situation *s)
{
	const struct instance *i = s->instance;
	enum member_state by_job = job_states[i->job];
	if (i->job == PG_JOB_START_PRIMARY && i->restored)
		return STATE_BOOTSTRAP_STARTING;
	if (by_job != STATE_UNKNOWN)
		return by_job;
	switch (i->tree) {
	case PG_TREE_STANDBY:
	case PG_TREE_PROMOTING:
	case PG_TREE_PRIMARY:
		return STATE_RUNNING;
	case PG_TREE_STARTING:
		return STATE_STARTING;
	case PG_TREE_STOPPING:
	case PG_TREE_FENCING:
		return STATE_STOPPING;
	case PG_TREE_DOWN:
		return state_when_down(i);
	case PG_TREE_UNKNOWN:
		break;
	}
	return STATE_UNKNOWN;
}

/* A position that rides on the lock's writes need not be written twice; Patroni's tools do not look there. */
int64_t position_period_ms(const struct situation *s)
{
	const struct member *own = cluster_member(s->cluster, s->self->name);
	bool told = leads_now(s) || (own != NULL && own->position_told);
	for (int i = 0; i < s->cluster->member_count; i++)
		told &= s->cluster->members[i].is_howdah || !s->cluster->members[i].has_status;
	return s->settings->loop_wait_ms * (told ? TOLD_LOOPS : 1);
}
