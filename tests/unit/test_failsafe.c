/* Failsafe mode decided by values: who agrees, and who leads past whom. */
#include "support_decide.h"

/* Another pod has its name now, and that one was not asked: it may take the lock. */
static void a_pod_that_was_replaced_agrees_to_nothing(void **state UNUSED)
{
	const struct failsafe_ping ping = { .name = "shop-2" };
	turn_replica(turn, 100);
	struct situation s = record_situation(turn);
	assert_true(failsafe_may_accept(&s, &ping));
	turn->self.replaced = true;
	assert_false(failsafe_may_accept(&s, &ping));
}

/* shop-0 would take the lock of shop-2, which has run out; its pod is younger than the list of failsafe mode that shop-2 wrote. */
static void recreated_in_failsafe_mode(void)
{
	turn_replica(turn, 16000);
	turn_peer(&turn->self, "shop-1", TURN_LSN);
	turn_peer(&turn->self, "shop-2", 0);
	turn->self.peers[1].silent = true;
	turn->self.peers[1].role = ROLE_UNINITIALIZED;
	turn->settings.failsafe = turn->cluster.failsafe_known = true;
	for (int i = 0; i < turn->cluster.member_count; i++) {
		struct member *m = &turn->cluster.members[i];
		text_copy(m->pod_uid, sizeof(m->pod_uid), m->name);
		m->failsafe_named = i > 0;
	}
}

static void whom_failsafe_mode_does_not_count_on_does_not_lead_past_those_that_it_does(void **state UNUSED)
{
	recreated_in_failsafe_mode();
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	turn->cluster.members[0].failsafe_named = true;
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

static void a_pod_that_no_primary_counts_on_lets_a_new_one_lead(void **state UNUSED)
{
	recreated_in_failsafe_mode();
	text_copy(turn->self.peers[0].failsafe_free_uid, UID_SIZE, "another pod of shop-1");
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	text_copy(turn->self.peers[0].failsafe_free_uid, UID_SIZE, "shop-1");
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

static void failsafe_mode_counts_on_nobody_who_is_gone(void **state UNUSED)
{
	recreated_in_failsafe_mode();
	turn->cluster.members[1].failsafe_named = turn->cluster.members[2].failsafe_named = false;
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
}

/* With the lock went the list of those on whom its holder counts, who may be itself alone. */
static void where_the_lock_was_deleted_a_younger_pod_asks_everybody(void **state UNUSED)
{
	recreated_in_failsafe_mode();
	turn->cluster.leader = (struct lease_object){ .present = false };
	turn->cluster.failsafe_known = false;
	turn->self.sight = (struct lease_sight){ .missing = true, .missed_held = true, .missed_ttl_s = 15 };
	turn->self.sight.missed = turn_ago(16000);
	for (int i = 0; i < 2; i++)
		text_copy(turn->self.peers[i].failsafe_free_uid, UID_SIZE, turn->self.peers[i].name);
	turn->self.peers[1].silent = false;
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
	turn->self.peers[1].failsafe_free_uid[0] = '\0';
	turn_decide(turn);
	assert_false(plans(ACT_ACQUIRE));
	turn->self.failsafe_counted = true; /* it saw the lock: its holder cannot have gone on without it */
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
	turn->self.failsafe_counted = false;
	turn->settings.failsafe = false;
	turn_decide(turn);
	assert_true(plans(ACT_ACQUIRE));
	struct situation s = record_situation(turn);
	assert_true(failsafe_needs_us(&s)); /* a lock without a list */
	turn->cluster.failsafe_known = true;
	assert_false(failsafe_needs_us(&s));
	turn->cluster.members[0].failsafe_named = true;
	assert_true(failsafe_needs_us(&s));
}

static void an_agent_is_free_when_its_predecessor_can_have_promised_nothing_that_still_holds(void **state UNUSED)
{
	recreated_in_failsafe_mode();
	struct situation s = record_situation(turn);
	turn->self.started = turn_ago(14000);
	assert_false(failsafe_is_free(&s));
	turn->self.started = turn_ago(20000);
	assert_true(failsafe_is_free(&s));
	turn->self.failsafe_pinged = turn_ago(14000);
	turn->self.failsafe_hold_ms = 15000;
	assert_false(failsafe_is_free(&s));
}

static void a_question_for_another_pod_is_not_agreed_to(void **state UNUSED)
{
	struct failsafe_ping ping = { .name = "shop-2", .asked_uid = "shop-0 before" };
	recreated_in_failsafe_mode();
	struct situation s = record_situation(turn);
	assert_false(failsafe_may_accept(&s, &ping));
	text_copy(ping.asked_uid, UID_SIZE, "shop-0");
	assert_true(failsafe_may_accept(&s, &ping));
	turn->self.replaced = true;
	assert_false(failsafe_may_accept(&s, &ping));
}

/* Its PostgreSQL is down for a moment: its answer does not say that it is the primary, and it goes on as soon as it is up. */
static void a_holder_does_not_say_that_no_primary_counts_on_it(void **state UNUSED)
{
	turn_leader(turn, 1000);
	turn->self.started = turn_ago(600000);
	turn->settings.failsafe = true;
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.writable = false;
	struct situation s = record_situation(turn);
	assert_false(failsafe_is_free(&s));
	turn->self.hold.start = turn_ago(15000 - lease_margin_ms(15000) + 990); /* its deadline was 990 ms ago */
	assert_false(failsafe_is_free(&s));
	turn->self.hold.start = turn_ago(16500);
	turn->instance.writable = true; /* says a supervisor that is frozen */
	assert_true(failsafe_is_free(&s));
	turn->self.failsafe_asking = true;
	assert_false(failsafe_is_free(&s));
	turn->self.failsafe_asking = false;
	turn->instance.unguarded = true;
	assert_false(failsafe_is_free(&s));
	turn->instance.writable = turn->instance.unguarded = false;
	turn->self.hold = (struct lease_hold){ .ttl_ms = 0 };
	assert_true(failsafe_is_free(&s));
	turn->instance.writable = true;
	assert_false(failsafe_is_free(&s));
}

/* shop-2 asked 5 s ago, was agreed to, and has released the lock a moment ago. */
static void agreed_to_who_has_released(void)
{
	recreated_in_failsafe_mode();
	turn->self.failsafe_pinged = turn_ago(5000);
	turn->self.failsafe_hold_ms = 15000;
	turn->self.failsafe_lease = lease_token_of(&turn->self.sight.record);
	turn->self.sight.held = false;
	turn->self.sight.freed = turn_ago(50);
}

static bool is_over(void)
{
	struct situation s = record_situation(turn);
	return failsafe_is_over(&s);
}

static void the_release_of_that_very_lease_ends_what_was_agreed_to(void **state UNUSED)
{
	agreed_to_who_has_released();
	assert_true(is_over());
	turn->self.failsafe_lease.transitions--;
	assert_false(is_over());
	agreed_to_who_has_released();
	turn->self.failsafe_pinged = turn_ago(20); /* it asked after that, for all we know */
	assert_false(is_over());
	agreed_to_who_has_released();
	turn->self.sight.restored = true;
	assert_false(is_over());
	agreed_to_who_has_released();
	turn->self.sight.held = true;
	assert_false(is_over());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pod_that_was_replaced_agrees_to_nothing),
		TEST(whom_failsafe_mode_does_not_count_on_does_not_lead_past_those_that_it_does),
		TEST(a_pod_that_no_primary_counts_on_lets_a_new_one_lead),
		TEST(failsafe_mode_counts_on_nobody_who_is_gone),
		TEST(where_the_lock_was_deleted_a_younger_pod_asks_everybody),
		TEST(an_agent_is_free_when_its_predecessor_can_have_promised_nothing_that_still_holds),
		TEST(a_question_for_another_pod_is_not_agreed_to),
		TEST(a_holder_does_not_say_that_no_primary_counts_on_it),
		TEST(the_release_of_that_very_lease_ends_what_was_agreed_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
