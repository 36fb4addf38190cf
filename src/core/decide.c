#include "core/decide.h"

#include "core/rollout.h"
#include "facts.h"
#include "tables.h"

const struct table *const tables[] = {
	[TABLE_GUARD] = &guard_table,       [TABLE_LOCK] = &lock_table,   [TABLE_RACE] = &race_table,
	[TABLE_DATABASE] = &database_table, [TABLE_START] = &start_table, [TABLE_BOOTSTRAP] = &bootstrap_table,
	[TABLE_ROLLOUT] = &rollout_table,
};
static_assert(ARRAY_SIZE(tables) == TABLE_COUNT, "every table is listed");

void plan_add(struct plan *plan, enum action action)
{
	if (action == ACT_NONE)
		return;
	assert(plan->count < PLAN_ACTIONS_MAX);
	plan->actions[plan->count++] = action;
}

static bool plan_has(const struct plan *plan, enum action action)
{
	for (int i = 0; i < plan->count; i++)
		if (plan->actions[i] == action)
			return true;
	return false;
}

static const struct rule *ask(struct plan *plan, enum table_id id, uint32_t facts)
{
	int row = table_match(tables[id], facts);
	plan->verdicts[id] = (struct verdict){ .facts = facts, .rule = (int8_t)row };
	return &tables[id]->rules[row];
}

static void follow_rule(struct plan *plan, enum table_id id, uint32_t facts)
{
	const struct rule *rule = ask(plan, id, facts);
	for (int i = 0; i < RULE_ACTIONS_MAX; i++)
		plan_add(plan, rule->actions[i]);
}

enum { WAKE_MIN_MS = 20 }; /* what needs to be quicker is an event */

static void sooner(int64_t *wake_ms, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms < *wake_ms)
		*wake_ms = ms;
}

/* There is no timer on the slower clock: 7/8 of what is left, look again, every 20 ms at the end (safety.md S12). */
static int64_t towards(int64_t left_ms)
{
	int64_t step = left_ms * 7 / 8;
	return step < 20 ? 20 : step;
}

static int64_t wake_ms(const struct situation *s, const struct plan *plan)
{
	const struct self *self = s->self;
	int64_t wake = s->settings->loop_wait_ms;
	if (s->instance->writable && left_least_ms(s->instance->deadline, s->now) > 0)
		sooner(&wake, left_least_ms(s->instance->deadline, s->now) - stop_time_ms(s) + 1);
	if (self->hold.token.leader[0] != '\0') {
		if (!self->lock_writing && !plan_has(plan, ACT_RENEW))
			sooner(&wake, renewal_period_ms(s) - elapsed_most_ms(self->lock_written, s->now));
	} else if (self->sight.held) {
		int64_t left = lease_left_ms(&self->sight, s->now), half = self->sight.record.ttl_s * 500;
		if (left > 0)
			sooner(&wake, towards(left > half ? left - half : left));
		if (left <= half)
			sooner(&wake, PEER_FRESH_MS / 4);
	} else if (plan->verdicts[TABLE_RACE].rule >= 0) {
		sooner(&wake, PEER_FRESH_MS / 4);
	}
	if (instant_is_set(self->ask_not_before) && left_least_ms(self->ask_not_before, s->now) > 0)
		sooner(&wake, left_least_ms(self->ask_not_before, s->now) + 1);
	if (s->instance->failures > 0)
		sooner(&wake, 1000);
	if (s->settings->failsafe && self->hold.token.leader[0] != '\0' && (self->lock_failed || self->lock_writing))
		sooner(&wake, 500);
	if (is_ended_by_force(s) && !has_no_time_left(s))
		sooner(&wake, FORCED_STOP_MS - elapsed_most_ms(s->instance->term_at, s->now));
	sooner(&wake, move_wait_ms(s));
	sooner(&wake, restart_wait_ms(s));
	sooner(&wake, rollout_wait_ms(s));
	sooner(&wake, route_wait_ms(s));
	return wake < WAKE_MIN_MS ? WAKE_MIN_MS : wake;
}

static bool is_ready_to_start(const struct situation *s)
{
	const struct instance *i = s->instance;
	return i->attached && i->volume_locked && i->tree == PG_TREE_DOWN && i->job == PG_JOB_NONE;
}

struct plan decide(const struct situation *s)
{
	struct plan plan = { .count = 0 };
	for (int i = 0; i < TABLE_COUNT; i++)
		plan.verdicts[i].rule = -1;
	follow_rule(&plan, TABLE_GUARD, guard_facts(s));
	bool guarded = plan.count == 0;
	if (!lock_is_mine(s))
		(void)ask(&plan, TABLE_RACE, race_facts(s));
	follow_rule(&plan, TABLE_LOCK, lock_facts(s));
	if (guarded) {
		follow_rule(&plan, TABLE_DATABASE, database_facts(s));
		if (is_ready_to_start(s))
			follow_rule(&plan, TABLE_START, start_facts(s));
		if (s->instance->data == DATA_EMPTY)
			follow_rule(&plan, TABLE_BOOTSTRAP, bootstrap_facts(s));
	}
	duties_add(s, &plan);
	if (guarded && rollout_is_ours_to_look_at(s)) {
		follow_rule(&plan, TABLE_ROLLOUT, rollout_facts(s));
		copy_member_name(plan.next, rollout_next(s));
	}
	copy_member_name(plan.upstream, leader_to_follow(s));
	plan.wake_ms = wake_ms(s, &plan);
	return plan;
}
