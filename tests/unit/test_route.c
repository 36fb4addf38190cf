/* When the leader looks at its EndpointSlices, and how long a former leader's port stays closed. */
#include "support_decide.h"

static bool writes_the_route(void)
{
	turn_decide(turn);
	return plans(ACT_WRITE_ROUTE);
}

static const char *start_rule(void)
{
	turn_decide(turn);
	return rule_of(TABLE_START);
}

static void leader_by_slice(void)
{
	turn_leader(turn, 3000);
	turn->settings.route = ROUTE_SLICE;
}

/* ---- slices ---- */

static void the_route_is_written_under_each_new_lease_at_once(void **state UNUSED)
{
	leader_by_slice();
	assert_true(writes_the_route());
	turn->self.route_open = true;
	assert_false(writes_the_route());
	turn->self.route_open = false;
	turn->self.route_token = turn->self.hold.token;
	turn->self.route_again = instant_after_ms(TURN_NOW, 4000);
	assert_false(writes_the_route());
	assert_true(turn->plan.wake_ms <= 4000);
	turn->self.route_token.transitions--; /* the last look was under an earlier lease */
	assert_true(writes_the_route());
	turn->self.route_token = turn->self.hold.token;
	turn->self.route_again = turn_ago(1);
	assert_true(writes_the_route());
}

static void the_route_leads_to_who_is_going_to_be_promoted(void **state UNUSED)
{
	leader_by_slice();
	turn->instance.tree = PG_TREE_STANDBY;
	turn->instance.in_recovery = true;
	assert_true(writes_the_route());
	turn->self.confirmed = false;
	assert_false(writes_the_route());
	turn->self.confirmed = turn->instance.bootstrap_attempt = true;
	assert_false(writes_the_route());
}

static void only_a_leader_who_hears_the_store_writes_the_route(void **state UNUSED)
{
	turn_replica_follows(turn);
	turn->settings.route = ROUTE_SLICE;
	assert_false(writes_the_route());
	memset(turn, 0, sizeof(*turn));
	leader_by_slice();
	turn->cluster.heard = turn_ago(16000);
	assert_false(writes_the_route());
	assert_true(turn->plan.wake_ms > 100);
}

static void other_routes_are_nobodys_to_write(void **state UNUSED)
{
	leader_by_slice();
	turn->settings.route = ROUTE_LABEL;
	assert_false(writes_the_route());
	turn->settings.route = ROUTE_ENDPOINTS;
	assert_false(writes_the_route());
}

/* ---- labels ---- */

/* It led until 2 s ago; the label went from its pod so long ago. */
static void former_leader(int64_t label_ms)
{
	turn_replica(turn, 100);
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.answers = false;
	turn->settings.route = ROUTE_LABEL;
	turn->self.led = turn_ago(2000);
	turn->self.routed = turn_ago(label_ms);
}

static void a_former_leader_stays_down_while_its_label_may_still_lead_there(void **state UNUSED)
{
	former_leader(300);
	assert_string_equal(start_rule(), "routed");
	assert_int_equal(turn->plan.wake_ms, 901);
	turn->self.routed = turn_ago(1200);
	assert_string_equal(start_rule(), "start");
}

static void a_label_that_nobody_takes_off_does_not_keep_a_member_down(void **state UNUSED)
{
	former_leader(0);
	assert_string_equal(start_rule(), "routed");
	turn->self.led = turn_ago(10001);
	assert_string_equal(start_rule(), "start");
}

/* It released the lock to another member so long ago, and its label is still there. */
static bool keeps_the_label(int64_t released_ms)
{
	former_leader(0);
	turn->self.labelled = true;
	turn->self.handed_over = turn_ago(released_ms);
	struct situation s = record_situation(turn);
	return wants_leader_label(&s);
}

static void whoever_hands_over_keeps_the_label_until_the_heirs_is_seen(void **state UNUSED)
{
	assert_true(keeps_the_label(300));
	turn_decide(turn);
	assert_true(turn->plan.wake_ms <= 701);
	struct situation s = record_situation(turn);
	turn->self.foreign_label = true; /* there it is */
	assert_false(wants_leader_label(&s));
	assert_false(keeps_the_label(1001)); /* it will not come */
	assert_true(keeps_the_label(300));
	turn->self.handed_over = (struct instant){ 0, 0 }; /* there is no heir */
	assert_false(wants_leader_label(&s));
	assert_true(keeps_the_label(300));
	turn->self.labelled = false; /* it is not put on again */
	assert_false(wants_leader_label(&s));
	assert_true(keeps_the_label(300));
	turn->instance.tree = PG_TREE_STANDBY; /* something listens */
	assert_false(wants_leader_label(&s));
	assert_true(keeps_the_label(300));
	turn->settings.route = ROUTE_SLICE;
	assert_false(wants_leader_label(&s));
}

static void a_leader_takes_the_others_label_off_when_its_own_is_on(void **state UNUSED)
{
	turn_leader(turn, 3000);
	turn->self.foreign_label = true;
	turn_decide(turn);
	assert_false(plans(ACT_TAKE_LABELS_OFF));
	turn->self.labelled = true;
	turn_decide(turn);
	assert_true(plans(ACT_TAKE_LABELS_OFF));
	turn->self.labelled = false;
	turn->settings.route = ROUTE_ENDPOINTS; /* it leads nobody anywhere */
	turn_decide(turn);
	assert_true(plans(ACT_TAKE_LABELS_OFF));
}

static bool labels_are(bool leader, bool replica)
{
	struct situation s = record_situation(turn);
	return wants_leader_label(&s) == leader && wants_replica_label(&s) == replica;
}

static void a_new_leader_leaves_the_replicas_when_its_clients_have_come(void **state UNUSED)
{
	turn_leader(turn, 3000);
	struct member *own = &turn->cluster.members[0];
	assert_string_equal(own->name, "shop-0");
	turn->self.won_at = turn_ago(300);
	own->replica_label = true;
	assert_true(labels_are(true, true));
	turn_decide(turn);
	assert_true(turn->plan.wake_ms <= 901);
	turn->self.won_at = turn_ago(1201);
	assert_true(labels_are(true, false));
	turn->self.won_at = turn_ago(300);
	own->replica_label = false; /* it was none */
	assert_true(labels_are(true, false));
}

static void a_replica_carries_its_label_while_it_runs(void **state UNUSED)
{
	turn_replica(turn, 100);
	assert_true(labels_are(false, true));
	turn->cluster.members[0].replica_label = true;
	turn->instance.tree = PG_TREE_STOPPING;
	assert_true(labels_are(false, false));
}

static void by_other_routes_a_former_leader_stays_down_as_long_after_it_led(void **state UNUSED)
{
	former_leader(0);
	turn->instance.was_primary = true;
	turn->settings.route = ROUTE_SLICE;
	turn->self.led = turn_ago(300);
	assert_string_equal(start_rule(), "routed");
	assert_int_equal(turn->plan.wake_ms, 901);
	turn->settings.route = ROUTE_ENDPOINTS;
	assert_string_equal(start_rule(), "routed");
	turn->instance.was_primary = false; /* its agent has just begun */
	assert_string_equal(start_rule(), "start");
	turn->instance.was_primary = true;
	turn->self.led = turn_ago(1200);
	assert_string_equal(start_rule(), "start");
}

static void who_was_never_routed_to_starts_at_once(void **state UNUSED)
{
	former_leader(0);
	turn->self.routed = (struct instant){ 0, 0 };
	assert_string_equal(start_rule(), "start");
}

static void a_leader_is_started_again_whatever_its_label(void **state UNUSED)
{
	turn_leader(turn, 100);
	turn->settings.route = ROUTE_LABEL;
	turn->self.led = turn->self.routed = TURN_NOW;
	turn->instance.tree = PG_TREE_DOWN;
	turn->instance.writable = turn->instance.answers = false;
	turn->instance.has_standby_signal = true;
	assert_string_equal(start_rule(), "start");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_route_is_written_under_each_new_lease_at_once, make, unmake),
		cmocka_unit_test_setup_teardown(the_route_leads_to_who_is_going_to_be_promoted, make, unmake),
		cmocka_unit_test_setup_teardown(only_a_leader_who_hears_the_store_writes_the_route, make, unmake),
		cmocka_unit_test_setup_teardown(other_routes_are_nobodys_to_write, make, unmake),
		cmocka_unit_test_setup_teardown(a_former_leader_stays_down_while_its_label_may_still_lead_there, make,
						unmake),
		cmocka_unit_test_setup_teardown(a_label_that_nobody_takes_off_does_not_keep_a_member_down, make,
						unmake),
		cmocka_unit_test_setup_teardown(whoever_hands_over_keeps_the_label_until_the_heirs_is_seen, make,
						unmake),
		cmocka_unit_test_setup_teardown(a_leader_takes_the_others_label_off_when_its_own_is_on, make, unmake),
		cmocka_unit_test_setup_teardown(a_new_leader_leaves_the_replicas_when_its_clients_have_come, make,
						unmake),
		cmocka_unit_test_setup_teardown(a_replica_carries_its_label_while_it_runs, make, unmake),
		cmocka_unit_test_setup_teardown(by_other_routes_a_former_leader_stays_down_as_long_after_it_led, make,
						unmake),
		cmocka_unit_test_setup_teardown(who_was_never_routed_to_starts_at_once, make, unmake),
		cmocka_unit_test_setup_teardown(a_leader_is_started_again_whatever_its_label, make, unmake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
