/* Every table by enumeration: every combination of facts that can occur matches a row, every row is reachable, and what each row does is safe. */
#include "core/decide.h"
#include "core/gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t bit(const struct table *t, const char *fact)
{
	for (int i = 0; i < t->fact_count; i++)
		if (strcmp(t->facts[i], fact) == 0)
			return 1u << i;
	fail_msg("%s has no fact \"%s\"", t->name, fact);
	return 0;
}

static int row_of(const struct table *t, uint32_t facts)
{
	for (int i = 0; i < t->rule_count; i++)
		if ((facts & t->rules[i].need) == t->rules[i].need && (facts & t->rules[i].deny) == 0)
			return i;
	return -1;
}

static bool does(const struct rule *rule, enum action action)
{
	for (int i = 0; i < RULE_ACTIONS_MAX; i++)
		if (rule->actions[i] == action)
			return true;
	return false;
}

/* Counts the combinations that no row matches and the rows that nothing reaches. */
static int defects(const struct table *t)
{
	int bad = 0;
	bool *reached = calloc((size_t)t->rule_count, sizeof(*reached));
	for (uint32_t f = 0; f < 1u << t->fact_count; f++) {
		if (!t->possible(f))
			continue;
		int row = row_of(t, f);
		if (row < 0)
			bad++;
		else
			reached[row] = true;
	}
	for (int i = 0; i < t->rule_count; i++) {
		if (!reached[i])
			printf("%s: %s is never reached\n", t->name, t->rules[i].id);
		bad += !reached[i];
	}
	free(reached);
	return bad;
}

typedef const char *check_fn(const struct table *t, uint32_t facts, const struct rule *rule);

static void check_every(const struct table *t, check_fn *check)
{
	for (uint32_t f = 0; f < 1u << t->fact_count; f++) {
		if (!t->possible(f))
			continue;
		const struct rule *rule = &t->rules[row_of(t, f)];
		const char *wrong = check(t, f, rule);
		if (wrong != NULL)
			fail_msg("%s, facts %#x, %s: %s", t->name, f, rule->id, wrong);
	}
}

static void every_combination_has_a_row_and_every_row_a_combination(void **state)
{
	(void)state;
	for (int i = 0; i < TABLE_COUNT; i++) {
		assert_true(tables[i]->fact_count <= FACTS_MAX);
		assert_int_equal(defects(tables[i]), 0);
	}
	assert_int_equal(defects(&may_become_writable_table), 0);
	assert_int_equal(defects(&may_release_table), 0);
}

static void a_planted_contradiction_is_found(void **state)
{
	(void)state;
	const struct table *lock = tables[TABLE_LOCK];
	struct rule rules[64];
	struct table planted = *lock;
	memcpy(rules, lock->rules, sizeof(rules[0]) * (size_t)lock->rule_count);
	rules[1].need |= rules[0].need; /* can only match where the row before it already did */
	planted.rules = rules;
	assert_int_not_equal(defects(&planted), 0);
	planted = *lock;
	planted.rule_count--; /* without the last row some combinations have none */
	assert_int_not_equal(defects(&planted), 0);
}

static void rules_are_named_once_and_explained(void **state)
{
	(void)state;
	for (int t = 0; t < TABLE_COUNT; t++)
		for (int i = 0; i < tables[t]->rule_count; i++) {
			assert_true(strlen(tables[t]->rules[i].why) > 10);
			for (int k = 0; k < i; k++)
				assert_string_not_equal(tables[t]->rules[i].id, tables[t]->rules[k].id);
		}
}

static const char *guard_is_safe(const struct table *t, uint32_t f, const struct rule *rule)
{
	bool writable = f & bit(t, "PostgreSQL may be writable");
	if (writable && !(f & bit(t, "the deadline is ahead, or the cluster is paused")) && !does(rule, ACT_FENCE))
		return "writable without a deadline ahead is not killed";
	if (writable && (f & bit(t, "the lock is somebody else's")) && !does(rule, ACT_FENCE))
		return "writable under somebody else's lock is not killed";
	if (!writable && (does(rule, ACT_FENCE) || does(rule, ACT_STOP_FAST)))
		return "what cannot commit is stopped";
	return NULL;
}

static void the_guard_fences_whatever_is_unsafe(void **state)
{
	(void)state;
	assert_string_equal(tables[TABLE_GUARD]->rules[0].id, "fence");
	check_every(tables[TABLE_GUARD], guard_is_safe);
}

static const char *lock_is_safe(const struct table *t, uint32_t f, const struct rule *rule)
{
	bool lease = f & bit(t, "we have a lease"), mine = f & bit(t, "the record is our own");
	bool writing = f & bit(t, "a write of the lock is on its way");
	bool writes = does(rule, ACT_ACQUIRE) || does(rule, ACT_RENEW) || does(rule, ACT_RELEASE);
	if (writing && writes)
		return "two lock writes at once";
	if (does(rule, ACT_ACQUIRE) && ((f & bit(t, "somebody else holds the lock")) || lease))
		return "takes a lock that is held";
	if (does(rule, ACT_ACQUIRE) && !(f & bit(t, "the API answers")))
		return "takes a lock on old news";
	if ((does(rule, ACT_RENEW) || does(rule, ACT_RELEASE)) && !mine)
		return "writes a lock that is not ours";
	if (does(rule, ACT_RENEW) && (f & bit(t, "our lease has run out, or could not be given back for long")))
		return "renews what others may have held since";
	if (does(rule, ACT_RELEASE) && !(f & bit(t, "nothing of ours can commit")))
		return "releases without proof";
	if (does(rule, ACT_RENEW) && !(f & bit(t, "the supervisor answers")))
		return "renews without a supervisor";
	if (does(rule, ACT_RENEW) && (f & bit(t, "the ttl was lowered")))
		return "lowers the ttl before the deadline";
	return NULL;
}

static void the_lock_is_written_only_by_right(void **state)
{
	(void)state;
	check_every(tables[TABLE_LOCK], lock_is_safe);
}

static const char *race_is_safe(const struct table *t, uint32_t f, const struct rule *rule)
{
	uint32_t named =
		bit(t, "it was named as the next leader"); /* by a person: lag and positions do not count then */
	uint32_t waived =
		bit(t, "it lags more than maximum_lag_on_failover") | bit(t, "its timeline is behind the cluster's") |
		bit(t, "the store was restored and not every member was heard") |
		bit(t, "another member has more WAL") | bit(t, "another member has as much WAL and a higher priority") |
		bit(t, "another member was named, and can lead");
	uint32_t paused = bit(t, "the cluster is paused"), running = bit(t, "PostgreSQL runs as a primary here");
	uint32_t known = bit(t, "the data belongs to this cluster");
	if (f & paused && (f & running) && (f & known))
		return does(rule, ACT_ACQUIRE) ? NULL : "a primary in a pause does not take its lock";
	f &= ~running;
	if (f & named)
		f &= ~(named | waived | paused);
	uint32_t must = bit(t, "PostgreSQL runs as a standby") | bit(t, "the data belongs to this cluster") |
			bit(t, "the other members and our own server were asked");
	if (does(rule, ACT_ACQUIRE) && f != must)
		return "wins with something against it";
	if (f == must && !does(rule, ACT_ACQUIRE))
		return "nobody would ever lead";
	return NULL;
}

static void a_race_is_won_with_nothing_against_it(void **state)
{
	(void)state;
	check_every(tables[TABLE_RACE], race_is_safe);
}

static const char *database_is_safe(const struct table *t, uint32_t f, const struct rule *rule)
{
	bool diverged = f & bit(t, "it has diverged from the leader's history");
	bool remake = f & bit(t, "it can be rewound or cloned anew, and the leader is alive");
	bool unsure = f & bit(t, "the leader has not said yet where its timeline began");
	bool paused = f & bit(t, "the cluster is paused"), end = f & bit(t, "there is a reason to stop PostgreSQL");
	bool foreign = f & bit(t, "the data belongs to another cluster");
	if (does(rule, ACT_PROMOTE) && (!(f & bit(t, "PostgreSQL may become writable")) || paused))
		return "becomes writable through a closed gate";
	if (does(rule, ACT_FOLLOW) && (diverged || unsure || foreign || end))
		return "streams what it may not";
	if (does(rule, ACT_STOP) && !end && !((foreign || (diverged && remake)) && !paused))
		return "stops what should run";
	if ((f & bit(t, "something is being done to PostgreSQL")) && !does(rule, ACT_NONE) &&
	    !does(rule, ACT_CANCEL_JOB))
		return "two jobs at once";
	if (does(rule, ACT_TERM_GO) || does(rule, ACT_START_PRIMARY) || does(rule, ACT_START_STANDBY))
		return "does what is for the table of a stopped server";
	return NULL;
}

static void a_running_server_is_only_moved_where_it_may_go(void **state)
{
	(void)state;
	check_every(tables[TABLE_DATABASE], database_is_safe);
}

/* A copy is given up, or changed, only for that of a leader who is alive; marked ones are never started. */
static const char *start_is_safe(const struct table *t, uint32_t f, const struct rule *rule)
{
	bool whole = f & bit(t, "there is a data directory"), leader = f & bit(t, "another member leads");
	bool marked = f & bit(t, "a change of the data directory was left half done");
	bool diverged = f & bit(t, "it has diverged from the leader's history");
	bool unsure = f & bit(t, "the leader has not said yet where its timeline began");
	bool leaving = f & bit(t, "the container is asked to end"), lease = f & bit(t, "the lock is ours");
	bool foreign = f & bit(t, "the data belongs to another cluster");
	bool held = f & bit(t, "it was stopped to hand the lock over");
	bool starts = does(rule, ACT_START_STANDBY) || does(rule, ACT_START_PRIMARY);
	if (does(rule, ACT_START_PRIMARY) && !(f & bit(t, "PostgreSQL may become writable")))
		return "becomes writable through a closed gate";
	if (starts && (!whole || marked || foreign || leaving || held))
		return "starts what must stay down";
	if (does(rule, ACT_START_STANDBY) && ((diverged && leader) || unsure))
		return "streams what it may not";
	if (does(rule, ACT_WIPE) && (!(f & bit(t, "a new clone was asked for, and the leader is alive")) || lease))
		return "removes data that nobody gave up";
	if (does(rule, ACT_REWIND) && (!(f & bit(t, "pg_rewind can bring it back")) || lease || !(diverged || marked)))
		return "rewinds what need not or cannot be";
	bool clone = f & bit(t, "the settings allow a new clone, and the leader is alive");
	bool again = f & bit(t, "that was a rewind, and it can be repeated");
	if (does(rule, ACT_MOVE_ASIDE) && !(marked && (!again || clone)) && !(diverged && clone))
		return "moves healthy data aside";
	if (does(rule, ACT_TERM_GO) && lease)
		return "lets the container end too early";
	if (foreign && !does(rule, ACT_NONE) && !leaving)
		return "changes data of another cluster";
	return NULL;
}

static void a_stopped_server_is_only_started_where_it_may_be(void **state)
{
	(void)state;
	check_every(tables[TABLE_START], start_is_safe);
}

static const char *bootstrap_is_safe(const struct table *t, uint32_t f, const struct rule *rule)
{
	bool ours = f & bit(t, "we claimed the initialization"), method = f & bit(t, "bootstrap.method is not initdb");
	bool makes = does(rule, ACT_INITDB) || does(rule, ACT_RESTORE);
	if (makes && !ours)
		return "makes a cluster that it did not claim";
	if (makes && does(rule, ACT_INITDB) == method)
		return "makes a cluster by another method than the one that was asked for";
	if (makes && (f & bit(t, "the container is asked to end")))
		return "begins what cannot be finished";
	if (does(rule, ACT_INITIALIZE_BEGIN) &&
	    (!(f & bit(t, "nobody has claimed the initialization, or whoever did is gone for good")) ||
	     !(f & bit(t, "this member may begin a cluster")) || !(f & bit(t, "the API answers"))))
		return "claims what it may not";
	if (does(rule, ACT_CLONE) && !(f & bit(t, "there is a leader to clone from")))
		return "clones from nobody";
	if (does(rule, ACT_CLONE_ALONE) &&
	    (!(f & bit(t, "the cluster is initialized")) || !(f & bit(t, "the API answers")) ||
	     !(f & bit(t, "a replica can be made without a leader")) ||
	     (f & (bit(t, "somebody holds the lock") | bit(t, "there is a leader to clone from")))))
		return "clones without a leader where there is one, or no cluster";
	return NULL;
}

static void a_cluster_begins_once(void **state)
{
	(void)state;
	check_every(tables[TABLE_BOOTSTRAP], bootstrap_is_safe);
}

static bool is_step(const struct rule *rule)
{
	return does(rule, ACT_CHANGE_POD) || does(rule, ACT_SET_REVISION) || does(rule, ACT_EVICT) ||
	       does(rule, ACT_HAND_OVER);
}

/* Whatever takes a pod, an agent or the lead away. */
static const char *rollout_is_safe(const struct table *t, uint32_t f, const struct rule *rule)
{
	uint32_t must = bit(t, "it is known what the StatefulSet wants") |
			bit(t, "a pod is not as the StatefulSet wants it") |
			bit(t, "the StatefulSet leaves the replacing of pods to us") | bit(t, "all pods are there") |
			bit(t, "the other members were asked just now") | bit(t, "every other member streams") |
			bit(t, "the lock was renewed less than a third of its ttl ago");
	uint32_t must_not = bit(t, "a request of the roll-out is on its way") |
			    bit(t, "the API does not let us look at the StatefulSet") |
			    bit(t, "the roll-out or the cluster is paused") |
			    bit(t, "the lead is being moved, or something is done to PostgreSQL") |
			    bit(t, "the last step was refused a moment ago");
	bool leader = f & bit(t, "the next pod is the leader's"), alone = f & bit(t, "there is no other member");
	bool live = f & bit(t, "only what can be changed under a running PostgreSQL differs");
	bool patched = f & bit(t, "the next pod was changed in place");
	if (is_step(rule) && ((f & must) != must || (f & must_not) != 0))
		return "acts with something against it";
	if (does(rule, ACT_SET_REVISION) && !(f & bit(t, "its containers run so, and the member is well")))
		return "counts a pod as updated that is not back";
	if (does(rule, ACT_EVICT) && (live || (leader && !alone)))
		return "takes PostgreSQL away where that need not be";
	if (does(rule, ACT_CHANGE_POD) &&
	    (patched || (f & bit(t, "the other sidecars were away for too long") && !alone)))
		return "takes an agent away for too long, or twice";
	if (does(rule, ACT_HAND_OVER) && (!leader || !(f & bit(t, "another member can take over"))))
		return "hands over without need, or to nobody";
	if ((f & must) == must && (f & must_not) == 0 && !(f & bit(t, "the StatefulSet is to be looked at")) &&
	    !is_step(rule) && !patched && !(leader && !alone && !(f & bit(t, "another member can take over"))))
		return "never ends";
	return NULL;
}

static void a_rollout_takes_one_away_at_a_time_and_ends(void **state)
{
	(void)state;
	check_every(tables[TABLE_ROLLOUT], rollout_is_safe);
}

static void the_gates_open_in_one_case_only(void **state)
{
	(void)state;
	const struct table *t = &may_become_writable_table;
	uint32_t leaving = bit(t, "the container is asked to end"), all = (1u << t->fact_count) - 1;
	for (uint32_t f = 0; f <= all; f++)
		assert_int_equal(strcmp(t->rules[row_of(t, f)].id, "open") == 0, f == (all & ~leaving));
	t = &may_release_table;
	for (uint32_t f = 0; f < 1u << t->fact_count; f++) {
		const char *id = t->rules[row_of(t, f)].id;
		bool opens = strcmp(id, "dead") == 0 || strcmp(id, "standby") == 0;
		bool safe = (f & bit(t, "the supervisor answers")) && (f & bit(t, "the volume's lock is held")) &&
			    !(f & bit(t, "something may be writable")) &&
			    !(f & bit(t, "a start or promotion is under way")) &&
			    (f & (bit(t, "no process of PostgreSQL is left") |
				  bit(t, "only a standby has run since the lock was won")));
		assert_int_equal(opens, safe);
	}
}

static void every_action_is_named(void **state)
{
	(void)state;
	for (int i = 0; i < ACT_COUNT; i++)
		assert_non_null(action_name((enum action)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_has_a_row_and_every_row_a_combination),
		cmocka_unit_test(a_planted_contradiction_is_found),
		cmocka_unit_test(rules_are_named_once_and_explained),
		cmocka_unit_test(the_guard_fences_whatever_is_unsafe),
		cmocka_unit_test(the_lock_is_written_only_by_right),
		cmocka_unit_test(a_race_is_won_with_nothing_against_it),
		cmocka_unit_test(a_running_server_is_only_moved_where_it_may_go),
		cmocka_unit_test(a_stopped_server_is_only_started_where_it_may_be),
		cmocka_unit_test(a_cluster_begins_once),
		cmocka_unit_test(a_rollout_takes_one_away_at_a_time_and_ends),
		cmocka_unit_test(the_gates_open_in_one_case_only),
		cmocka_unit_test(every_action_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
