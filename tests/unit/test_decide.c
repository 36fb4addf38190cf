/* Decisions by values: what the tables' facts are made of. The tables themselves are walked in tests/rules. */
#include "support_decide.h"

#include "core/gates.h"

/* shop-0 went beyond the fork of timeline 7, whose leader shop-2 has not been heard of for longer than its ttl. */
static void diverged_without_leader(void)
{
	turn_replica(turn, 16000);
	turn->instance.timeline = 6;
	turn->instance.timeline_is_sure = true;
	turn->instance.receive_lsn = turn->instance.replay_lsn = 0x3A1004F20;
	turn->settings.check_timeline = false;
	turn_peer(&turn->self, "shop-1", 0x3A0000800);
	turn_peer(&turn->self, "shop-2", 0);
	turn->self.peers[0].timeline = 6;
	turn->self.peers[1].timeline = 0;
	turn->self.peers[1].role = ROLE_UNINITIALIZED;
	turn->self.peers[0].role = ROLE_REPLICA;
}

/* A watch of pods may be behind that of the lock: a primary that a pause leaves without a deadline says so in its pod. */
static void the_cluster_is_read_before_the_lock_is_taken(void **state UNUSED)
{
	turn_nobody_holds_the_lock(turn);
	turn->self.looked = turn_ago(1041); /* a second and more before it ran out */
	turn_decide(turn);
	assert_true(plans(ACT_REFRESH) && !plans(ACT_ACQUIRE));
	turn->self.refreshing = true;
	turn_decide(turn);
	assert_false(plans(ACT_REFRESH) || plans(ACT_ACQUIRE));
	turn->self.refreshing = false;
	turn->self.looked = turn_ago(1039);
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
	turn->cluster.members[2].role = ROLE_PRIMARY;
	turn->cluster.members[2].paused = true;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
}

/* What was asked for since nobody holds the lock counts, however long the lists took and however long ago it was. */
static void a_slow_read_is_enough_to_take_the_lock(void **state UNUSED)
{
	turn_nobody_holds_the_lock(turn);
	turn->self.sight.since = turn_ago(25000);
	turn->self.looked = turn_ago(8000);
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
	turn->self.sight.missed_held = true; /* its object is gone, and that for less than the ttl and the read */
	turn->self.sight.missed = turn_ago(17000);
	turn->self.sight.missed_ttl_s = 15;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	assert_true(plans(ACT_REFRESH));
}

/* Patroni's tools look for it in the pod. */
static void a_position_that_the_leader_tells_is_seldom_told_again(void **state UNUSED)
{
	turn_replica(turn, 3000);
	struct situation s = record_situation(turn);
	int64_t loop_ms = turn->settings.loop_wait_ms;
	assert_int_equal(position_period_ms(&s), loop_ms);
	turn->cluster.members[0].position_told = true;
	assert_int_equal(position_period_ms(&s), 12 * loop_ms);
	turn->cluster.members[1].is_howdah = false;
	assert_int_equal(position_period_ms(&s), loop_ms);
	turn->cluster.members[1].has_status = false; /* it has said nothing yet */
	assert_int_equal(position_period_ms(&s), 12 * loop_ms);
	turn_leader(turn, 1000);
	s = record_situation(turn);
	assert_int_equal(position_period_ms(&s), 12 * loop_ms);
}

static void what_is_left_leads_when_nobody_has_the_last_timeline(void **state UNUSED)
{
	diverged_without_leader();
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

/* Two timelines have the number 7: nobody's is the lost leader's, and everybody says so. */
static void what_is_left_leads_when_all_lack_the_last_timeline_and_have_one_of_its_number(void **state UNUSED)
{
	char lacks[LACKS_SIZE];
	diverged_without_leader();
	struct situation s = record_situation(turn);
	rejoin_lacks(&s, lacks);
	assert_string_not_equal(lacks, "");
	turn->self.peers[0].timeline = 7;
	assert_int_not_equal(rejoin_decide(&s), REJOIN_FOLLOW);
	text_copy(turn->self.peers[0].lacks, LACKS_SIZE, "7 of another leader");
	assert_int_not_equal(rejoin_decide(&s), REJOIN_FOLLOW);
	text_copy(turn->self.peers[0].lacks, LACKS_SIZE, lacks);
	assert_int_equal(rejoin_decide(&s), REJOIN_FOLLOW);
	assert_string_equal(lacks, "7 ");
	turn_leader(turn, 1000);
	s = record_situation(turn);
	rejoin_lacks(&s, lacks);
	assert_string_equal(lacks, "");
}

static void a_diverged_member_waits_for_one_that_does_not_answer(void **state UNUSED)
{
	diverged_without_leader();
	turn->self.peers[1].answered = turn_ago(16000);
	turn->self.peers[1].silent = true;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
}

static void a_diverged_member_waits_for_one_that_has_the_last_timeline(void **state UNUSED)
{
	diverged_without_leader();
	turn->self.peers[1].timeline = 7;
	turn->self.peers[1].answered = turn_ago(5000); /* dead since, and its copy is still the cluster's */
	turn->self.peers[1].silent = true;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
}

static void a_diverged_member_waits_for_one_whose_database_is_down(void **state UNUSED)
{
	diverged_without_leader();
	turn->self.peers[1].role = ROLE_DEMOTED;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
}

static void a_diverged_database_starts_alone_so_that_it_can_be_asked(void **state UNUSED)
{
	turn_data_diverged(turn);
	assert_string_equal(rule_of(TABLE_START), "diverged");
	turn->self.sight.since = turn_ago(16000);
	turn_decide(turn);
	assert_string_equal(rule_of(TABLE_START), "diverged-alone");
	assert_string_equal(turn->plan.upstream, "");
}

static void a_new_leader_is_not_followed_twice_in_a_moment(void **state UNUSED)
{
	turn_replica(turn, 100);
	turn->instance.upstream[0] = '\0';
	turn_decide(turn);
	assert_true(plans(ACT_FOLLOW));
	turn->self.followed = turn_ago(200);
	turn_decide(turn);
	assert_false(plans(ACT_FOLLOW));
	turn->self.followed = turn_ago(2000);
	turn_decide(turn);
	assert_true(plans(ACT_FOLLOW));
}

static void empty_and_claimed(void)
{
	turn_replica(turn, 100);
	turn->self.sight = (struct lease_sight){ .held = false };
	turn->cluster.leader.present = false;
	turn->cluster.initialize = INITIALIZE_RUNNING;
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.data = DATA_EMPTY;
	turn->instance.system_identifier[0] = '\0';
}

static void a_bootstrap_is_taken_over_when_its_pod_has_been_gone_for_a_ttl(void **state UNUSED)
{
	empty_and_claimed();
	turn_decide(turn);
	assert_false(plans(ACT_INITIALIZE_BEGIN));
	turn->cluster.initializer_gone = true;
	turn->self.initializer_gone = turn_ago(14000);
	turn_decide(turn);
	assert_false(plans(ACT_INITIALIZE_BEGIN));
	turn->self.initializer_gone = turn_ago(15001);
	turn_decide(turn);
	assert_true(plans(ACT_INITIALIZE_BEGIN));
}

/* A large directory takes longer to clear away than a failure is fresh. */
static void a_claim_is_given_back_when_its_attempt_has_failed_and_the_next_one_begins_anew(void **state UNUSED)
{
	empty_and_claimed();
	turn->self.initialize_is_ours = true;
	turn->self.claimed = turn_ago(700000);
	turn->instance.failed_job = PG_JOB_START_PRIMARY;
	turn->instance.failures = 3;
	turn->instance.failed_at = turn_ago(600000);
	turn_decide(turn);
	assert_true(plans(ACT_INITIALIZE_CANCEL));
	turn->self.claimed = turn_ago(500);
	turn_decide(turn);
	assert_false(plans(ACT_INITIALIZE_CANCEL));
	assert_true(plans(ACT_INITDB));
}

static bool goes_on(void)
{
	struct lease_token token;
	struct situation s = record_situation(turn);
	return lease_goes_on(&s, &token);
}

static void a_lease_goes_on_only_with_its_token_and_a_deadline_ahead(void **state UNUSED)
{
	turn_leader(turn, 3000);
	assert_false(goes_on()); /* we have it already */
	turn->self.hold = (struct lease_hold){ .ttl_ms = 0 };
	assert_true(goes_on());
	struct instant deadline = turn->instance.deadline;
	turn->instance.deadline = turn_ago(1);
	assert_false(goes_on());
	turn->instance.deadline = deadline;
	turn->self.sight.record.transitions++; /* somebody else's, under our name */
	assert_false(goes_on());
}

static void whoever_could_not_lead_stands_aside_for_a_ttl(void **state UNUSED)
{
	turn_leader(turn, 3000);
	struct situation s = record_situation(turn);
	assert_int_equal(give_up_aside_ms(&s, GIVE_UP_START_TIMEOUT), 15000);
	assert_int_equal(give_up_aside_ms(&s, GIVE_UP_LEAVING), 0);
}

static void a_longer_ttl_is_noted_before_a_lease_has_it(void **state UNUSED)
{
	turn_leader(turn, 3000);
	struct situation s = record_situation(turn);
	turn->cluster.lease_ttl_s = 10;
	assert_int_equal(lease_ttl_to_write_ms(&s), 10000);
	turn_decide(turn);
	assert_true(plans(ACT_NOTE_TTL));
	turn->cluster.lease_ttl_s = 15;
	assert_int_equal(lease_ttl_to_write_ms(&s), 15000);
	turn_decide(turn);
	assert_false(plans(ACT_NOTE_TTL));
}

static void a_shorter_ttl_is_noted_when_the_lease_has_it(void **state UNUSED)
{
	turn_leader(turn, 3000);
	struct situation s = record_situation(turn);
	turn->cluster.lease_ttl_s = 120;
	turn->self.hold.ttl_ms = 120000;
	assert_int_equal(lease_ttl_unknown_s(&turn->cluster, &turn->settings), 120);
	assert_int_equal(lease_ttl_to_write_ms(&s), 15000);
	turn_decide(turn);
	assert_false(plans(ACT_NOTE_TTL));
	turn->self.hold.ttl_ms = 15000;
	turn_decide(turn);
	assert_true(plans(ACT_NOTE_TTL));
}

/* shop-2 gave the lock back so long ago. */
static void freed(int64_t ms)
{
	turn->self.sight.held = false;
	turn->self.sight.freed = turn_ago(ms);
	turn->cluster.leader.record.leader[0] = '\0';
}

static void what_was_answered_before_the_lock_was_given_back_does_not_count_in_a_race(void **state UNUSED)
{
	turn_nobody_holds_the_lock(turn);
	freed(50);
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	assert_true(plans(ACT_ASK_PEERS));
	turn->self.peers[0].answered = turn_ago(40);
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

static void who_gave_the_lock_back_by_mouth_says_how_far_it_had_come(void **state UNUSED)
{
	turn_nobody_holds_the_lock(turn);
	freed(50);
	turn->self.peers[0].answered = turn->self.peers[1].answered = turn_ago(10);
	turn->self.sight.given_back = true;
	turn->self.holder_lsn = TURN_LSN + (uint64_t)turn->settings.maximum_lag_on_failover_bytes + 1;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	assert_string_equal(rule_of(TABLE_RACE), "lagging");
	turn->self.sight.given_back = false; /* it was another holder's */
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

static bool takes_the_lock(int64_t free_ms, int64_t wal_ms)
{
	freed(free_ms);
	turn->self.peers[0].answered = turn->self.peers[1].answered = turn_ago(10);
	turn->self.wal_moved = wal_ms < 0 ? (struct instant){ 0, 0 } : turn_ago(wal_ms);
	turn_decide(turn);
	return plans(ACT_ACQUIRE);
}

static void a_free_lock_waits_for_wal_that_still_comes_in(void **state UNUSED)
{
	turn_nobody_holds_the_lock(turn);
	int64_t loop_ms = turn->settings.loop_wait_ms, backoff_ms = 3 * loop_ms;
	assert_true(takes_the_lock(100, 50)); /* not by default */
	turn->settings.primary_race_backoff_ms = backoff_ms;
	assert_false(takes_the_lock(loop_ms - 1, -1));
	assert_true(takes_the_lock(loop_ms, -1));
	assert_false(takes_the_lock(loop_ms, 50));
	assert_false(takes_the_lock(backoff_ms - 1, loop_ms));
	assert_true(takes_the_lock(backoff_ms - 1, loop_ms + 1));
	assert_true(takes_the_lock(backoff_ms, 50));
	turn->cluster.move = (struct move){ .asked = true, .leader = "shop-2", .candidate = "shop-0" };
	assert_true(takes_the_lock(100, 50)); /* people do not wait */
}

static void the_leader_that_was_told_to_go_stands_back_only_for_who_has_everything(void **state UNUSED)
{
	turn_nobody_holds_the_lock(turn);
	turn->cluster.move = (struct move){ .asked = true, .leader = "shop-0" };
	turn->self.peers[0].state = turn->self.peers[1].state = STATE_RUNNING;
	assert_false(takes_the_lock(100, -1));
	turn->instance.receive_lsn += 8; /* they would wait for us */
	assert_true(takes_the_lock(100, -1));
}

static void a_raised_ttl_does_not_make_a_short_lease_wait_for_the_new_period(void **state UNUSED)
{
	turn_leader(turn, 2200);
	turn->self.hold.ttl_ms = 5000;
	turn->instance.deadline = lease_deadline(&turn->self.hold);
	turn->cluster.lease_ttl_s = 5;
	turn_decide(turn);
	assert_true(plans(ACT_RENEW));
	assert_false(plans(ACT_STOP_FAST));
	turn->self.hold.start = turn->self.lock_written = turn_ago(300);
	turn->instance.deadline = lease_deadline(&turn->self.hold);
	turn_decide(turn);
	assert_false(plans(ACT_RENEW));
	turn->cluster.lease_ttl_s = 15; /* the new one is noted */
	turn_decide(turn);
	assert_true(plans(ACT_RENEW));
}

static void what_would_be_stopped_before_the_deadline_is_not_started(void **state UNUSED)
{
	turn_leader(turn, 9800); /* T is 2.7 s ahead; the stop begins 2 s before it */
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.writable = turn->instance.answers = false;
	turn->self.lock_failed = true;
	turn->self.lock_written = turn_ago(100);
	turn_decide(turn);
	assert_string_equal(rule_of(TABLE_START), "restart-soon");
	turn->self.hold.start = turn_ago(300);
	turn->instance.deadline = lease_deadline(&turn->self.hold);
	turn_decide(turn);
	assert_string_equal(rule_of(TABLE_START), "restart");
}

static void who_was_named_in_a_pause_asks_the_others_and_takes_the_lock(void **state UNUSED)
{
	turn_replica(turn, 100);
	freed(50);
	turn->settings.paused = true;
	turn->cluster.move = (struct move){ .asked = true, .leader = "shop-2", .candidate = "shop-0" };
	for (int i = 0; i < turn->cluster.member_count; i++)
		turn->cluster.members[i].paused = true;
	turn->cluster.members[2].role = ROLE_DEMOTED; /* it may not know when the pause is over */
	turn_decide(turn);
	assert_true(plans(ACT_ASK_PEERS));
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", 0);
	turn->self.peers[0].answered = turn->self.peers[1].answered = turn_ago(40);
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

/* The agent has just started on a primary that no deadline guards, and whose lease ran out while nobody renewed it. */
/* shop-2 is silent and no deadline ends it: it was to give way, and has not. */
static void a_switchover_leads_past_no_primary_without_a_deadline_and_a_failover_does(void **state UNUSED)
{
	turn_replica(turn, 16000);
	turn->settings.paused = true;
	turn->cluster.move = (struct move){ .asked = true, .leader = "shop-2", .candidate = "shop-0" };
	turn->cluster.members[2].paused = true;
	turn->cluster.members[2].role = ROLE_PRIMARY;
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", 0);
	turn->self.peers[1].silent = true;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	turn->cluster.move.leader[0] = '\0';
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

/* Others take a pause that a replica tells for harmless: it is guarded until its pod says that it is a primary. */
static void who_has_the_lock_in_a_pause_is_guarded_until_its_pod_says_what_it_is(void **state UNUSED)
{
	turn_leader(turn, 1000);
	turn->settings.paused = true;
	turn->cluster.members[0].paused = true;
	turn->cluster.members[0].role = ROLE_REPLICA;
	struct situation s = record_situation(turn);
	assert_false(unguarded_is_wanted(&s));
	turn->cluster.members[0].role = ROLE_PRIMARY;
	assert_true(unguarded_is_wanted(&s));
	turn->instance.unguarded = true; /* as the standby it was, before it had the lock */
	turn->cluster.members[0].role = ROLE_REPLICA;
	assert_true(unguarded_is_wanted(&s)); /* it can commit already */
	turn->instance.writable = false;
	turn->instance.tree = PG_TREE_STANDBY;
	assert_false(unguarded_is_wanted(&s));
	assert_false(may_become_writable(&s));
	turn_decide(turn);
	assert_true(plans(ACT_SET_DEADLINE));
	turn->instance.unguarded = false;
	assert_true(may_become_writable(&s));
	turn->self.hold = (struct lease_hold){ .ttl_ms = 0 };
	assert_true(unguarded_is_wanted(&s)); /* without the lock it is people who promote */
}

static void new_agent_in_a_pause(void)
{
	turn_leader(turn, 20000);
	turn->self.hold = (struct lease_hold){ .ttl_ms = 0 };
	turn->self.sight.since = turn_ago(20000);
	turn->self.confirmed = false;
	turn->self.settled = true;
	turn->instance.deadline = (struct instant){ 0, 0 };
	turn->instance.unguarded = true;
	turn->settings.paused = true;
}

static void a_new_agent_leaves_a_primary_alone_until_it_knows_whether_the_pause_is_over(void **state UNUSED)
{
	new_agent_in_a_pause();
	turn->settings.paused = turn->cluster.loaded = false;
	turn_decide(turn);
	assert_false(plans(ACT_FENCE));
	assert_false(plans(ACT_SET_DEADLINE));
	turn->cluster.loaded = true;
	turn_decide(turn);
	assert_true(plans(ACT_FENCE));
}

static void a_new_agent_in_a_pause_takes_the_lock_again_that_ran_out(void **state UNUSED)
{
	new_agent_in_a_pause();
	turn_decide(turn);
	assert_false(plans(ACT_FENCE));
	assert_true(plans(ACT_ACQUIRE));
	turn->cluster.leader.record.transitions++; /* somebody else's, under our name */
	turn_decide(turn);
	assert_true(plans(ACT_FENCE));
}

static void a_diverged_member_that_can_be_rewound_asks_the_leader(void **state UNUSED)
{
	turn_replica(turn, 100);
	turn->instance.timeline = 6;
	turn->instance.timeline_is_sure = true;
	turn_decide(turn);
	assert_false(plans(ACT_ASK_PEERS));
	turn->instance.can_rewind = true;
	turn_decide(turn);
	assert_true(plans(ACT_ASK_PEERS));
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	turn->self.peers[0].in_recovery = false;
	turn_decide(turn);
	assert_true(plans(ACT_STOP)); /* to be rewound */
}

static void a_rewind_left_half_done_asks_whether_the_leader_is_alive(void **state UNUSED)
{
	turn_replica(turn, 100);
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.answers = false;
	turn_decide(turn);
	assert_false(plans(ACT_ASK_PEERS));
	turn->instance.data = DATA_MARKED;
	turn->instance.rewind_marked = turn->instance.can_rewind = true;
	turn_decide(turn);
	assert_true(plans(ACT_ASK_PEERS));
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	turn->self.peers[0].in_recovery = false;
	turn_decide(turn);
	assert_true(plans(ACT_REWIND));
}

/* A pod that vanished or ends, a node that is not ready, a peer that is silent: the holder may write on till its T. */
static void nothing_but_its_record_ends_a_lease(void **state UNUSED)
{
	turn_nobody_holds_the_lock(turn);
	assert_true(plans(ACT_ACQUIRE));
	turn->self.sight.since = turn_ago(14900);
	turn->cluster.members[2].ready = false;
	turn->cluster.members[2].deleting = true;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	turn->cluster.member_count = 2;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	turn->self.sight.since = turn_ago(15040);
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

static void the_lock_is_given_back_while_the_archiver_goes_on(void **state UNUSED)
{
	turn_leader(turn, 1000);
	turn->instance.tree = PG_TREE_STOPPING;
	turn->instance.job = PG_JOB_STOP;
	turn->instance.term_pending = true;
	turn->instance.answers = false;
	turn->instance.control = CONTROL_SHUT_DOWN;
	turn->instance.control_lsn = TURN_LSN - 100;
	turn->instance.control_timeline = 7;
	turn->self.ended_at = turn_ago(200);
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	turn_decide(turn);
	assert_false(plans(ACT_RELEASE));
	turn->instance.writable = false; /* the supervisor has seen the shutdown's record */
	turn_decide(turn);
	assert_true(plans(ACT_RELEASE));
}

static void the_priority_of_who_was_told_to_go_keeps_nobody_back(void **state UNUSED)
{
	turn_replica(turn, 16000);
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", TURN_LSN);
	turn->self.peers[1].failover_priority = 2;
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	turn->cluster.move.asked = true;
	text_copy(turn->cluster.move.leader, NAME_SIZE, "shop-2");
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

/* In a pause nothing ends a primary that was told of it, and others go by the role in its pod. */
static void what_may_be_writable_is_not_published_as_a_replica(void **state UNUSED)
{
	static const enum pg_tree trees[] = { PG_TREE_PROMOTING, PG_TREE_PRIMARY, PG_TREE_STANDBY, PG_TREE_STOPPING,
					      PG_TREE_FENCING };
	turn_leader(turn, 1000);
	turn->instance.was_primary = false; /* the last look was at a standby's directory */
	struct situation s = record_situation(turn);
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		turn->instance.tree = trees[i];
		enum member_role role = role_to_publish(&s);
		assert_true(role != ROLE_REPLICA && role != ROLE_UNINITIALIZED);
	}
	turn->instance.writable = false;
	turn->instance.tree = PG_TREE_STANDBY;
	assert_int_equal(role_to_publish(&s), ROLE_REPLICA);
}

static void without_the_supervisor_a_role_stays_what_it_was(void **state UNUSED)
{
	turn_leader(turn, 1000);
	turn->cluster.members[0].role = ROLE_PRIMARY;
	turn->instance.attached = turn->instance.writable = false;
	turn->instance.data = DATA_UNKNOWN;
	turn->instance.tree = PG_TREE_UNKNOWN;
	struct situation s = record_situation(turn);
	assert_int_equal(role_to_publish(&s), ROLE_PRIMARY);
}

static void who_leads_forgets_that_it_was_to_be_cloned_anew(void **state UNUSED)
{
	turn_replica(turn, 100);
	struct situation s = record_situation(turn);
	assert_false(reinitialize_is_over(&s));
	turn_leader(turn, 1000);
	assert_true(reinitialize_is_over(&s));
}

static void a_promotion_is_cancelled_when_the_lock_is_lost(void **state UNUSED)
{
	turn_leader(turn, 1000);
	turn->instance.tree = PG_TREE_STANDBY;
	turn->instance.in_recovery = true;
	turn->instance.writable = false;
	turn->instance.job = PG_JOB_PROMOTE; /* it waits for pre_promote */
	turn_decide(turn);
	assert_false(plans(ACT_CANCEL_JOB));
	turn->cluster.leader.record.transitions++;
	turn->self.sight.record = turn->cluster.leader.record;
	turn_decide(turn);
	assert_true(plans(ACT_CANCEL_JOB));
}

/* After a restart of the agent nobody remembers that this was the primary. */
static void nobody_on_another_timeline_has_everything_of_a_primary(void **state UNUSED)
{
	turn_leader(turn, 1000);
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.writable = turn->instance.answers = false;
	turn->instance.nothing_left = turn->instance.term_pending = true;
	turn->instance.control = CONTROL_SHUT_DOWN;
	turn->instance.control_timeline = 7;
	turn->instance.control_lsn = TURN_LSN;
	turn->self.ended_at = turn_ago(200);
	turn_peer(&turn->self, "shop-1", TURN_LSN + 120);
	struct situation s = record_situation(turn);
	assert_string_equal(heir_decide(&s), "shop-1");
	turn->self.peers[0].timeline = 6;
	assert_string_equal(heir_decide(&s), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_cluster_is_read_before_the_lock_is_taken),
		TEST(a_slow_read_is_enough_to_take_the_lock),
		TEST(a_position_that_the_leader_tells_is_seldom_told_again),
		TEST(what_is_left_leads_when_nobody_has_the_last_timeline),
		TEST(what_is_left_leads_when_all_lack_the_last_timeline_and_have_one_of_its_number),
		TEST(a_diverged_member_waits_for_one_that_does_not_answer),
		TEST(a_diverged_member_waits_for_one_that_has_the_last_timeline),
		TEST(a_diverged_member_waits_for_one_whose_database_is_down),
		TEST(a_diverged_database_starts_alone_so_that_it_can_be_asked),
		TEST(a_new_leader_is_not_followed_twice_in_a_moment),
		TEST(a_claim_is_given_back_when_its_attempt_has_failed_and_the_next_one_begins_anew),
		TEST(a_bootstrap_is_taken_over_when_its_pod_has_been_gone_for_a_ttl),
		TEST(a_lease_goes_on_only_with_its_token_and_a_deadline_ahead),
		TEST(a_longer_ttl_is_noted_before_a_lease_has_it),
		TEST(a_raised_ttl_does_not_make_a_short_lease_wait_for_the_new_period),
		TEST(a_shorter_ttl_is_noted_when_the_lease_has_it),
		TEST(whoever_could_not_lead_stands_aside_for_a_ttl),
		TEST(what_was_answered_before_the_lock_was_given_back_does_not_count_in_a_race),
		TEST(who_gave_the_lock_back_by_mouth_says_how_far_it_had_come),
		TEST(a_free_lock_waits_for_wal_that_still_comes_in),
		TEST(the_leader_that_was_told_to_go_stands_back_only_for_who_has_everything),
		TEST(what_would_be_stopped_before_the_deadline_is_not_started),
		TEST(who_was_named_in_a_pause_asks_the_others_and_takes_the_lock),
		TEST(a_switchover_leads_past_no_primary_without_a_deadline_and_a_failover_does),
		TEST(who_has_the_lock_in_a_pause_is_guarded_until_its_pod_says_what_it_is),
		TEST(a_new_agent_leaves_a_primary_alone_until_it_knows_whether_the_pause_is_over),
		TEST(a_new_agent_in_a_pause_takes_the_lock_again_that_ran_out),
		TEST(a_diverged_member_that_can_be_rewound_asks_the_leader),
		TEST(the_priority_of_who_was_told_to_go_keeps_nobody_back),
		TEST(what_may_be_writable_is_not_published_as_a_replica),
		TEST(without_the_supervisor_a_role_stays_what_it_was),
		TEST(who_leads_forgets_that_it_was_to_be_cloned_anew),
		TEST(a_promotion_is_cancelled_when_the_lock_is_lost),
		TEST(nobody_on_another_timeline_has_everything_of_a_primary),
		TEST(a_rewind_left_half_done_asks_whether_the_leader_is_alive),
		TEST(nothing_but_its_record_ends_a_lease),
		TEST(the_lock_is_given_back_while_the_archiver_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
