/* What people ask for, decided by values: whether a move of the lead is accepted, and why it or a restart is dropped. */
#include "support_decide.h"

static enum move_obstacle check_move(const char *candidate, int64_t since_ms)
{
	struct situation s = record_situation(turn);
	struct move move = { .asked = true, .leader = "shop-2" };
	text_copy(move.candidate, sizeof(move.candidate), candidate);
	return move_check(&s, &move, turn_ago(since_ms));
}

static void a_move_is_accepted_and_refused_only_by_answers_that_are_younger_than_it(void **state UNUSED)
{
	turn_replica(turn, 100);
	turn->instance.tree = PG_TREE_DOWN;
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	turn->self.peers[1].in_recovery = false;
	assert_int_equal(check_move("shop-1", 50), MOVE_ASK);
	assert_int_equal(check_move("shop-1", 150), MOVE_POSSIBLE);
	turn->self.peers[0].silent = true; /* since then */
	turn->self.peers[0].answered = turn_ago(300);
	turn->self.peers[0].asked = turn_ago(100);
	assert_int_equal(check_move("shop-1", 150), MOVE_NOBODY_FIT);
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn->self.peers[0] = turn->self.peers[2];
	turn->self.peer_count = 2;
	turn->self.peers[0].timeline = 6; /* as it was before the promotion */
	assert_int_equal(check_move("shop-1", 50), MOVE_ASK);
	assert_int_equal(check_move("shop-1", 150), MOVE_NOBODY_FIT);
	assert_int_equal(check_move("", 150), MOVE_NOBODY_FIT);
}

static void a_replica_that_is_asked_counts_itself(void **state UNUSED)
{
	turn_replica(turn, 100);
	turn->cluster.member_count = 1;
	turn_member(&turn->cluster, "shop-2", "10.0.0.12");
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	turn->self.peers[0].in_recovery = false;
	assert_int_equal(check_move("", 150), MOVE_POSSIBLE);
	assert_int_equal(check_move("shop-0", 150), MOVE_POSSIBLE);
	turn->settings.nofailover = true;
	assert_int_equal(check_move("", 150), MOVE_NOBODY_FIT);
	assert_int_equal(check_move("shop-0", 150), MOVE_NOBODY_FIT);
}

/* denied_ms: how long ago the release was first refused; -1: it was not. */
static void leaves(int64_t denied_ms, int64_t released_ms)
{
	turn_leader(turn, 4000);
	turn->instance.term_pending = true;
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.nothing_left = true;
	turn->instance.writable = turn->instance.answers = false;
	turn->instance.control = CONTROL_SHUT_DOWN;
	turn->self.settled = true;
	turn->self.hold.start = (struct instant){ 0, 0 }; /* as after a release was sent */
	turn->self.confirmed = false;
	turn->self.ended_at = turn_ago(20000);
	turn->self.lock_failed = true;
	turn->self.denied = denied_ms >= 0 ? turn_ago(denied_ms) : (struct instant){ 0, 0 };
	turn->self.lock_written = turn_ago(200);
	turn->self.released = turn_ago(released_ms);
	turn->instance.token[0] = '\0'; /* the supervisor has forgotten it */
	turn->instance.deadline = (struct instant){ 0, 0 };
	turn_decide(turn);
}

static void a_container_ends_when_its_lock_cannot_be_given_back(void **state UNUSED)
{
	char told[LEASE_TEXT_SIZE];
	leaves(4900, 9000);
	struct situation s = record_situation(turn);
	lease_given_back(&s, told);
	assert_string_equal(told, "shop-0 2026-11-20T01:00:00.000000+00:00 6 2026-11-20T04:11:52.400000+00:00");
	assert_string_equal(rule_of(TABLE_START), "leaving-lock"); /* whoever asks is told */
	leaves(5100, 9000);
	assert_string_equal(rule_of(TABLE_LOCK), "lapsed");
	turn->instance.term_pending = false; /* it stays: the word goes on for as long as anybody could want it */
	turn_decide(turn);
	assert_string_not_equal(rule_of(TABLE_LOCK), "lapsed");
	leaves(-1, 9000); /* the API may come back */
	assert_string_equal(rule_of(TABLE_START), "leaving-lock");
	s = record_situation(turn);
	lease_given_back(&s, told);
	assert_string_equal(told, "");
	leaves(-1, 15100); /* it ran out everywhere meanwhile */
	assert_string_equal(rule_of(TABLE_LOCK), "lapsed");
	leaves(100, 100);
	turn->instance.nothing_left = false; /* the proof is asked for anew */
	turn->instance.tree = PG_TREE_STARTING;
	turn->instance.job = PG_JOB_START_PRIMARY;
	s = record_situation(turn);
	lease_given_back(&s, told);
	assert_string_equal(told, "");
	leaves(100, 100);
	turn->instance.heard = turn_ago(20000); /* and from a supervisor that answers */
	s = record_situation(turn);
	lease_given_back(&s, told);
	assert_string_equal(told, "");
	leaves(100, 100);
	lease_token_to_text(&turn->self.hold.token, turn->instance.token, sizeof(turn->instance.token));
	turn->instance.deadline = turn_ago(-5000);
	turn_decide(turn);
	assert_true(plans(ACT_SET_DEADLINE)); /* so that no agent after this one goes on with it */
	s = record_situation(turn);
	lease_given_back(&s, told);
	assert_string_equal(told, "");
	leaves(-1, 100); /* not refused yet: it may still land, and an agent after this one may go on with it */
	lease_token_to_text(&turn->self.hold.token, turn->instance.token, sizeof(turn->instance.token));
	turn->instance.deadline = turn_ago(-5000);
	turn_decide(turn);
	assert_false(plans(ACT_SET_DEADLINE));
	leaves(100, 100);
	turn->self.released = (struct instant){ 0, 0 };
	s = record_situation(turn);
	lease_given_back(&s, told);
	assert_string_equal(told, "");
}

/* A leader that is being stopped, asked so long ago, whose own pod's object is gone. */
static void is_deleted_by_force(int64_t asked_ms)
{
	turn_leader(turn, 4000);
	turn->cluster.members[0] = turn->cluster.members[2];
	turn->cluster.member_count = 2;
	turn->self.settled = true;
	turn->instance.term_pending = true;
	turn->instance.term_at = turn_ago(asked_ms);
	turn->instance.tree = PG_TREE_STOPPING;
	turn->instance.job = PG_JOB_STOP;
	turn->instance.answers = false;
	turn_peer(&turn->self, "shop-1", TURN_LSN);
}

static void a_leader_that_was_deleted_by_force_is_not_given_time_for_its_checkpoint(void **state UNUSED)
{
	is_deleted_by_force(390);
	turn_decide(turn);
	assert_false(plans(ACT_FENCE));
	assert_in_range(turn->plan.wake_ms, 1, 20);
	is_deleted_by_force(410);
	turn_decide(turn);
	assert_true(plans(ACT_FENCE));
	assert_string_equal(rule_of(TABLE_GUARD), "cut-short");
	turn->settings.paused = true; /* nobody takes over */
	turn_decide(turn);
	assert_false(plans(ACT_FENCE));
	is_deleted_by_force(410);
	turn->self.peer_count = 0; /* nobody could take over */
	turn_decide(turn);
	assert_false(plans(ACT_FENCE));
	is_deleted_by_force(410);
	turn_member(&turn->cluster, "shop-0", "10.0.0.10"); /* deleted in order: its object stays until it has ended */
	turn_decide(turn);
	assert_false(plans(ACT_FENCE));
	turn->self.replaced = true; /* the next pod of its name is there already */
	turn_decide(turn);
	assert_true(plans(ACT_FENCE));
	turn->instance.term_pending = false; /* its kubelet does not know yet: it goes on, to the ttl */
	turn_decide(turn);
	assert_false(plans(ACT_FENCE));
}

static void an_heir_is_not_waited_for_by_a_leader_that_was_deleted_by_force(void **state UNUSED)
{
	is_deleted_by_force(390);
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.job = PG_JOB_NONE;
	turn->instance.nothing_left = true;
	turn->instance.writable = false;
	turn->instance.control = CONTROL_SHUT_DOWN;
	turn->instance.control_lsn = TURN_LSN + 1000;
	turn->self.ended_at = turn_ago(150);
	turn_decide(turn);
	assert_false(plans(ACT_RELEASE));
	turn->instance.term_at = turn_ago(410);
	turn_decide(turn);
	assert_true(plans(ACT_RELEASE));
}

static void a_lease_that_was_given_back_is_never_renewed(void **state UNUSED)
{
	leaves(-1, 2000);
	turn->instance.term_pending = false; /* the reason is gone: whoever heard of it may have counted on it */
	turn->self.lock_written = turn_ago(30000);
	turn_decide(turn);
	assert_true(plans(ACT_RELEASE));
	assert_false(plans(ACT_RENEW));
	turn->instance.nothing_left = false; /* and while it cannot be given back again */
	turn_decide(turn);
	assert_false(plans(ACT_RELEASE));
	assert_false(plans(ACT_RENEW));
}

static void a_holder_whose_pod_is_gone_is_asked_whether_it_has_given_the_lock_back(void **state UNUSED)
{
	turn_replica(turn, 100);
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_decide(turn);
	assert_false(plans(ACT_ASK_PEERS));
	turn->self.holder_gone = true;
	turn_decide(turn);
	assert_true(plans(ACT_ASK_PEERS));
	turn->self.ask_not_before = instant_after_ms(TURN_NOW, 150);
	turn_decide(turn);
	assert_false(plans(ACT_ASK_PEERS));
	assert_in_range(turn->plan.wake_ms, 1, 151);
	turn->self.ask_not_before = (struct instant){ 0, 0 };
	turn->settings.nofailover = true; /* it could not lead anyway */
	turn_decide(turn);
	assert_false(plans(ACT_ASK_PEERS));
}

static void a_leader_drops_a_wish_only_after_it_has_asked(void **state UNUSED)
{
	turn_leader(turn, 1000);
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	turn->self.peers[0].timeline = turn->self.peers[1].timeline = 6;
	turn->cluster.move = (struct move){ .asked = true, .leader = "shop-0" };
	turn->self.move_seen = turn_ago(50);
	turn_decide(turn);
	assert_true(plans(ACT_ASK_PEERS));
	assert_false(plans(ACT_CLEAR_MOVE));
	turn->self.move_seen = turn_ago(150);
	turn_decide(turn);
	assert_true(plans(ACT_CLEAR_MOVE));
}

static enum move_end move_end(void)
{
	struct situation s = record_situation(turn);
	return move_end_decide(&s);
}

static void a_wish_that_is_dropped_has_a_reason_and_one_that_is_done_has_none(void **state UNUSED)
{
	struct move *move = &turn->cluster.move;
	turn_leader(turn, 1000);
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	int64_t wall_us = record_situation(turn).wall.us;
	assert_int_equal(move_end(), MOVE_END_NOT);
	*move = (struct move){ .asked = true, .leader = "shop-1" };
	assert_int_equal(move_end(), MOVE_END_DONE);
	move->at_us = wall_us + 1000000; /* by a failover before its time */
	assert_int_equal(move_end(), MOVE_END_ANOTHER_LEADS);
	*move = (struct move){ .asked = true, .leader = "shop-1", .candidate = "shop-0" };
	assert_int_equal(move_end(), MOVE_END_DONE);
	*move = (struct move){ .asked = true, .leader = "shop-1", .candidate = "shop-2" };
	assert_int_equal(move_end(), MOVE_END_ANOTHER_LEADS);
	*move = (struct move){ .asked = true, .leader = "shop-0", .at_us = -1 };
	assert_int_equal(move_end(), MOVE_END_NO_TIME);
	move->at_us = wall_us - turn->settings.loop_wait_ms * 2000;
	assert_int_equal(move_end(), MOVE_END_LATE);
	turn->settings.paused = true;
	assert_int_equal(move_end(), MOVE_END_PAUSED);
	turn->settings.paused = false;
	*move = (struct move){ .asked = true, .leader = "shop-0" };
	assert_int_equal(move_end(), MOVE_END_NOT);
	turn->self.peers[0].nofailover = turn->self.peers[1].nofailover = true;
	turn->self.move_seen = turn_ago(150);
	assert_int_equal(move_end(), MOVE_END_NOBODY_FIT);
	for (enum move_end end = 0; end < MOVE_END_COUNT; end++)
		assert_int_equal(move_end_text(end)[0] == '\0', end == MOVE_END_NOT || end == MOVE_END_DONE);
}

static void a_dropped_restart_has_a_reason(void **state UNUSED)
{
	struct restart_order *restart = &turn->self.restart;
	turn_leader(turn, 1000);
	struct situation s = record_situation(turn);
	*restart = (struct restart_order){ .asked = true, .postmaster_start_us = turn->instance.postmaster_start.us };
	assert_int_equal(restart_decide(&s), RESTART_GO);
	restart->only_pending = true;
	assert_int_equal(restart_decide(&s), RESTART_DROP);
	assert_non_null(strstr(restart_drop_text(&s), "nothing waits"));
	restart->below_version = 10000;
	assert_non_null(strstr(restart_drop_text(&s), "not older"));
	text_copy(restart->role, sizeof(restart->role), "replica");
	assert_non_null(strstr(restart_drop_text(&s), "role"));
	restart->postmaster_start_us++;
	assert_int_equal(restart_decide(&s), RESTART_DROP);
	assert_non_null(strstr(restart_drop_text(&s), "started anew"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_move_is_accepted_and_refused_only_by_answers_that_are_younger_than_it),
		TEST(a_replica_that_is_asked_counts_itself),
		TEST(a_container_ends_when_its_lock_cannot_be_given_back),
		TEST(a_leader_that_was_deleted_by_force_is_not_given_time_for_its_checkpoint),
		TEST(an_heir_is_not_waited_for_by_a_leader_that_was_deleted_by_force),
		TEST(a_lease_that_was_given_back_is_never_renewed),
		TEST(a_holder_whose_pod_is_gone_is_asked_whether_it_has_given_the_lock_back),
		TEST(a_leader_drops_a_wish_only_after_it_has_asked),
		TEST(a_wish_that_is_dropped_has_a_reason_and_one_that_is_done_has_none),
		TEST(a_dropped_restart_has_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
