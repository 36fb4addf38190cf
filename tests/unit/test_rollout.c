/* The roll-out decided by values: who is next, and what is done to it. The table itself is walked in tests/rules. */
#include "support_decide.h"

#include "core/rollout.h"

static struct member *member(int i)
{
	return &turn->cluster.members[i];
}

/* shop-0 leads three pods of one StatefulSet; each of them differs by that. */
static void begun(enum revision_change change)
{
	turn_leader(turn, 1000);
	turn->cluster.set = (struct wanted_set){ .known = true,
						 .on_delete = true,
						 .looked = turn_ago(1000),
						 .replicas = 3,
						 .name = "shop",
						 .revision = "shop-2" };
	turn->self.rollout_looked = turn_ago(1000);
	for (int i = 0; i < 3; i++) {
		member(i)->owned = true;
		member(i)->change = change;
		member(i)->sidecar_away_ms = -1;
		text_copy(member(i)->revision, NAME_SIZE, "shop-1");
	}
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	turn->self.peers[0].streaming = turn->self.peers[1].streaming = true;
}

static const char *rule(void)
{
	turn_decide(turn);
	return rule_of(TABLE_ROLLOUT);
}

static void assert_step(const char *id, const char *next)
{
	assert_string_equal(rule(), id);
	assert_string_equal(turn->plan.next, next);
}

static void update(int i)
{
	member(i)->change = CHANGE_NONE;
	text_copy(member(i)->revision, NAME_SIZE, "shop-2");
}

static void nothing_is_done_to_pods_that_are_right(void **state UNUSED)
{
	begun(CHANGE_NONE);
	assert_step("done", "");
}

static void nothing_is_looked_at_outside_a_statefulset(void **state UNUSED)
{
	begun(CHANGE_MORE);
	member(0)->owned = false;
	assert_string_equal(rule(), "");
}

/* It may lead for a moment before it learns of it; the pod of its name is nobody whom it could judge. */
static void a_leader_whose_pod_was_replaced_looks_at_nothing(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->self.replaced = true;
	assert_string_equal(rule(), "");
}

static void a_replica_looks_at_nothing(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->instance.tree = PG_TREE_STANDBY;
	turn->instance.in_recovery = true;
	assert_string_equal(rule(), "");
}

static void replicas_go_before_the_leader(void **state UNUSED)
{
	begun(CHANGE_MORE);
	assert_step("evict", "shop-1");
	update(1);
	assert_step("evict", "shop-2");
	update(2);
	assert_step("hand-over", "shop-0");
}

static void only_the_image_is_patched_where_nothing_else_differs(void **state UNUSED)
{
	begun(CHANGE_SIDECAR);
	assert_step("patch", "shop-1");
	member(1)->patched = true;
	assert_step("replacing", "shop-1");
	member(1)->sidecar_replaced = true;
	assert_step("label", "shop-1");
	update(1);
	update(2);
	assert_step("patch", "shop-0");
}

/* shop-1 is next, its sidecar has its image. */
static void resizing(enum resize_state state)
{
	begun(CHANGE_RESOURCES);
	member(1)->patched = member(1)->sidecar_replaced = true;
	member(1)->resize = state;
	text_copy(member(1)->pod_uid, UID_SIZE, "uid-1");
}

static void resources_are_changed_in_place(void **state UNUSED)
{
	begun(CHANGE_RESOURCES);
	member(1)->resize = RESIZE_WANTED;
	assert_step("patch", "shop-1");
	resizing(RESIZE_WANTED);
	assert_step("patch", "shop-1");
	member(1)->resize = RESIZE_PENDING;
	assert_step("replacing", "shop-1");
	member(1)->resize = RESIZE_NONE;
	assert_step("label", "shop-1");
}

static void the_leader_is_resized_last_and_without_a_hand_over(void **state UNUSED)
{
	begun(CHANGE_RESOURCES);
	update(1);
	update(2);
	member(0)->resize = RESIZE_WANTED;
	assert_step("patch", "shop-0");
	member(0)->patched = member(0)->sidecar_replaced = true;
	assert_step("patch", "shop-0");
	member(2)->sidecar_away_ms = 3000; /* its own was replaced already */
	assert_step("patch", "shop-0");
}

static void what_cannot_be_resized_is_evicted(void **state UNUSED)
{
	resizing(RESIZE_REFUSED);
	assert_step("evict", "shop-1");
	begun(CHANGE_RESOURCES);
	update(1);
	update(2);
	member(0)->resize = RESIZE_REFUSED;
	assert_step("hand-over", "shop-0");
}

static void a_resize_is_waited_for_five_minutes(void **state UNUSED)
{
	resizing(RESIZE_PENDING);
	struct situation s = record_situation(turn);
	assert_string_equal(rollout_resizes(&s), "uid-1");
	member(1)->resize = RESIZE_WANTED; /* it was not asked for yet, however long the roll-out has been standing */
	assert_string_equal(rollout_resizes(&s), "");
	member(1)->resize = RESIZE_PENDING;
	text_copy(turn->self.resizing, UID_SIZE, "uid-1");
	turn->self.resizing_since = turn_ago(300000);
	assert_step("replacing", "shop-1");
	turn->self.resizing_since = turn_ago(300001);
	assert_step("evict", "shop-1");
	text_copy(turn->self.resizing, UID_SIZE, "uid-2");
	assert_step("replacing", "shop-1");
}

static void a_resize_is_not_waited_for_in_a_pause(void **state UNUSED)
{
	resizing(RESIZE_PENDING);
	turn->cluster.rollout_paused = true;
	struct situation s = record_situation(turn);
	assert_string_equal(rollout_resizes(&s), "");
}

static void one_that_was_begun_is_brought_to_its_end_first(void **state UNUSED)
{
	begun(CHANGE_SIDECAR);
	member(2)->patched = true;
	assert_step("replacing", "shop-2");
}

/* ttl 15, margin 2.5, loop_wait 5: 7.5 s are left for the agent. */
static void slow_pulls_of_replicas_make_the_leader_hand_over(void **state UNUSED)
{
	begun(CHANGE_SIDECAR);
	update(1);
	update(2);
	member(1)->sidecar_away_ms = 2000;
	assert_step("patch", "shop-0");
	member(2)->sidecar_away_ms = 3000;
	assert_step("hand-over", "shop-0");
	turn->self.peers[0].nofailover = turn->self.peers[1].nofailover = true;
	assert_step("nobody", "shop-0");
}

static void a_cluster_of_one_is_updated_where_it_stands(void **state UNUSED)
{
	begun(CHANGE_SIDECAR);
	turn->cluster.member_count = turn->cluster.set.replicas = 1;
	turn->self.peer_count = 0;
	assert_step("patch", "shop-0");
	member(0)->change = CHANGE_MORE;
	assert_step("evict-alone", "shop-0");
}

static void a_member_that_does_not_stream_stops_it(void **state UNUSED)
{
	begun(CHANGE_MORE);
	update(1);
	turn->self.peers[0].streaming = false;
	assert_step("unwell", "shop-2");
	struct rollout_progress p;
	struct situation s = record_situation(turn);
	rollout_progress(&s, &p);
	assert_string_equal(p.ill, "shop-1");
	assert_int_equal(p.updated, 1);
}

/* Its node stood still, and another revision is wanted by now. */
static void a_sidecar_that_an_earlier_step_replaces_stops_it(void **state UNUSED)
{
	begun(CHANGE_MORE);
	assert_step("evict", "shop-1");
	member(2)->change = CHANGE_NONE;
	member(2)->sidecar_pending = true;
	assert_step("unwell", "shop-1");
}

static void a_member_that_lags_stops_it(void **state UNUSED)
{
	begun(CHANGE_MORE);
	update(1);
	turn->self.peers[0].lsn = TURN_LSN - 2097152;
	assert_step("unwell", "shop-2");
}

/* Until then a step of the leader before may still find its pod as it was. */
static void a_member_whose_pod_speaks_of_another_timeline_stops_it(void **state UNUSED)
{
	begun(CHANGE_MORE);
	member(2)->timeline = 6;
	assert_string_equal(rule(), "evict");
	assert_string_equal(turn->plan.next, "shop-2"); /* the one that is not well itself is the next */
	update(2);
	assert_step("unwell", "shop-1");
}

static void a_broken_old_pod_goes_first(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->self.peers[1].silent = true;
	turn->self.peers[1].answered = turn_ago(60000);
	assert_step("evict", "shop-2");
}

static void a_clone_is_not_begun_anew(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->self.peers[1].state = STATE_CREATING_REPLICA;
	turn->self.peers[1].streaming = false;
	assert_string_equal(rule(), "unwell");
}

static void a_pod_that_is_not_back_stops_it(void **state UNUSED)
{
	begun(CHANGE_MORE);
	member(2)->deleting = true;
	assert_string_equal(rule(), "incomplete");
	member(2)->deleting = false;
	turn->cluster.member_count = 2;
	assert_string_equal(rule(), "incomplete");
}

static void a_pause_stops_it(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->cluster.rollout_paused = true;
	assert_string_equal(rule(), "paused");
	turn->cluster.rollout_paused = false;
	turn->settings.paused = true;
	assert_string_equal(rule(), "paused");
}

static void a_switchover_goes_first(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->cluster.move = (struct move){ .asked = true, .at_us = INT64_MAX, .leader = "shop-0" };
	assert_string_equal(rule(), "moving");
}

static void the_lease_must_be_fresh(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->self.hold.start = turn_ago(5001);
	assert_string_equal(rule(), "stale");
	turn->self.hold.start = turn_ago(4999);
	assert_string_equal(rule(), "evict");
}

static void what_was_refused_rests(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->self.rollout_rests_until = instant_after_ms(TURN_NOW, 1);
	assert_string_equal(rule(), "refused");
	turn->self.rollout_rests_until = TURN_NOW;
	assert_string_equal(rule(), "evict");
}

static void the_statefulset_is_looked_at_twice_a_minute_and_more_often_while_something_is_left(void **state UNUSED)
{
	begun(CHANGE_NONE);
	turn->self.rollout_looked = turn_ago(29000);
	assert_string_equal(rule(), "done");
	turn->self.rollout_looked = turn_ago(30001);
	assert_string_equal(rule(), "look");
	begun(CHANGE_MORE);
	turn->self.rollout_looked = turn_ago(5001);
	assert_string_equal(rule(), "look");
	turn->cluster.set.forbidden = true;
	assert_string_equal(rule(), "forbidden");
	turn->self.rollout_looked = turn_ago(60001);
	assert_string_equal(rule(), "look");
}

static void an_old_look_is_nothing_to_act_on(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->cluster.set.looked = turn_ago(60001);
	assert_string_equal(rule(), "unknown");
	turn->cluster.set.looked = turn_ago(1000);
	member(2)->change = CHANGE_UNKNOWN;
	assert_string_equal(rule(), "unknown");
}

static void a_rolling_statefulset_is_left_to_its_controller(void **state UNUSED)
{
	begun(CHANGE_MORE);
	turn->cluster.set.on_delete = false;
	assert_string_equal(rule(), "not-ours");
}

static void after_a_step_it_rests_for_as_long_as_what_came_of_it_may_last(void **state UNUSED)
{
	for (enum action step = ACT_NONE; step < ACT_COUNT; step++) {
		int64_t taken = rollout_rest_ms(step, ROLLOUT_TAKEN), later = rollout_rest_ms(step, ROLLOUT_NOT_NOW);
		assert_true(taken == 2000 || (step == ACT_HAND_OVER && taken == 300000));
		assert_int_equal(later, 10000);
		assert_int_equal(rollout_rest_ms(step, ROLLOUT_FORBIDDEN), 60000);
	}
	assert_int_equal(rollout_rest_ms(ACT_HAND_OVER, ROLLOUT_TAKEN), 300000);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_done_to_pods_that_are_right),
		T(nothing_is_looked_at_outside_a_statefulset),
		T(a_leader_whose_pod_was_replaced_looks_at_nothing),
		T(a_replica_looks_at_nothing),
		T(replicas_go_before_the_leader),
		T(only_the_image_is_patched_where_nothing_else_differs),
		T(resources_are_changed_in_place),
		T(the_leader_is_resized_last_and_without_a_hand_over),
		T(what_cannot_be_resized_is_evicted),
		T(a_resize_is_waited_for_five_minutes),
		T(a_resize_is_not_waited_for_in_a_pause),
		T(one_that_was_begun_is_brought_to_its_end_first),
		T(slow_pulls_of_replicas_make_the_leader_hand_over),
		T(a_cluster_of_one_is_updated_where_it_stands),
		T(a_member_that_does_not_stream_stops_it),
		T(a_sidecar_that_an_earlier_step_replaces_stops_it),
		T(a_member_that_lags_stops_it),
		T(a_member_whose_pod_speaks_of_another_timeline_stops_it),
		T(a_broken_old_pod_goes_first),
		T(a_clone_is_not_begun_anew),
		T(a_pod_that_is_not_back_stops_it),
		T(a_pause_stops_it),
		T(a_switchover_goes_first),
		T(the_lease_must_be_fresh),
		T(what_was_refused_rests),
		T(after_a_step_it_rests_for_as_long_as_what_came_of_it_may_last),
		T(the_statefulset_is_looked_at_twice_a_minute_and_more_often_while_something_is_left),
		T(an_old_look_is_nothing_to_act_on),
		T(a_rolling_statefulset_is_left_to_its_controller),
	};
	return cmocka_run_group_tests(tests, make, unmake);
}
