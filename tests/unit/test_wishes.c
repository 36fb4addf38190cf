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
		TEST(a_leader_drops_a_wish_only_after_it_has_asked),
		TEST(a_wish_that_is_dropped_has_a_reason_and_one_that_is_done_has_none),
		TEST(a_dropped_restart_has_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
