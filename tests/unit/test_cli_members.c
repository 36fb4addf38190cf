/* restart, reload, reinit, flush, pause and resume: who is asked, what is sent and said, and how it ends by either name. */
#include "unit/support_world.h"

/* ---- who is meant ---- */

static void the_leader_comes_first_and_is_picked_by_role(void **state_ UNUSED)
{
	static const struct {
		const char *role, *requests;
	} cases[] = {
		{ "any", "POST http://a:8008/reload \nPOST http://b:8008/reload \nPOST http://c:8008/reload \n" },
		{ "leader", "POST http://a:8008/reload \n" },
		{ "primary", "POST http://a:8008/reload \n" },
		{ "standby-leader", NULL },
		{ "replica", "POST http://b:8008/reload \nPOST http://c:8008/reload \n" },
		{ "standby", "POST http://b:8008/reload \nPOST http://c:8008/reload \n" },
	};
	nobody_types();
	answer("POST", "/reload", 202, "reload scheduled");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		requests[0] = '\0';
		int code = PATRONICTL("reload", "batman", "--force", "-r", cases[i].role);
		assert_int_equal(code, cases[i].requests == NULL);
		assert_string_equal(requests, cases[i].requests == NULL ? "" : cases[i].requests);
		if (code != 0)
			assert_string_equal(complained, "Error: batman cluster doesn't have any members\n");
	}
}

static void members_that_are_not_there_are_complained_about(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "/reload", 202, "");
	assert_int_equal(PATRONICTL("reload", "batman", "z", "--force"), 1);
	assert_string_equal(complained, "Error: No 'any' among provided members\n");
	assert_int_equal(PATRONICTL("reload", "batman", "a", "--force", "-r", "replica"), 1);
	assert_string_equal(complained, "Error: No replica among provided members\n");
	assert_string_equal(requests, "");
	assert_int_equal(HOWDAHCTL("reload", "batman", "b", "z", "--force"), 1);
	assert_string_equal(complained, "Error: z is not a member of cluster batman. Its members: a, b, c\n");
	assert_int_equal(HOWDAHCTL("reload", "batman", "a", "--force", "-r", "replica"), 1);
	assert_string_equal(complained, "Error: a is no replica: reload is for those only\n");
	assert_string_equal(requests, "");
}

static void arguments_that_are_missing_or_wrong_are_usage(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(PATRONICTL("restart"), 2);
	assert_complains("Error: Missing argument 'CLUSTER'\n");
	assert_int_equal(PATRONICTL("flush", "batman"), 2);
	assert_complains("Error: Missing argument 'restart|switchover'\n");
	assert_int_equal(PATRONICTL("reload", "batman", "-r", "boss"), 2);
	assert_complains("Error: Invalid value for '-r': 'boss' is not one of "
			 "leader|primary|standby-leader|replica|standby|any\n");
	assert_int_equal(HOWDAHCTL("flush", "batman", "everything"), 1);
	assert_complains("Error: flush: \"everything\" is not one of restart|switchover\n");
}

/* ---- reload ---- */

static void each_answer_to_a_reload_has_its_line(void **state_ UNUSED)
{
	type("y\n");
	answer("POST", "http://a:8008/reload", 202, "reload scheduled");
	answer("POST", "http://b:8008/reload", 200, "nothing changed");
	answer("POST", "http://c:8008/reload", 500, "no");
	assert_int_equal(PATRONICTL("reload", "batman"), 0);
	assert_says("Are you sure you want to reload members a, b, c? [y/N]: "
		    "Reload request received for member a and will be processed within 10 seconds\n"
		    "No changes to apply on member b\n"
		    "Failed: reload for member c, status code=500, (no)\n");
	type("y\n");
	assert_int_equal(HOWDAHCTL("reload", "batman"), 1);
	assert_string_equal(complained, "Error: reload failed on 1 of 3 members: c (no)\n");
	assert_not_said("Failed");
}

static void a_member_that_does_not_answer_ends_with_an_error_by_either_name(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "/reload", 202, "");
	answer("POST", "http://b:8008/reload", REFUSED, "");
	assert_int_equal(PATRONICTL("reload", "batman", "--force"), 1);
	assert_says("for member c and will be processed");
	assert_complains("Error: reload failed on 1 of 3 members: b (lost). See whether it runs");
}

static void no_is_no(void **state_ UNUSED)
{
	type("n\n");
	assert_int_equal(PATRONICTL("reload", "batman"), 1);
	assert_string_equal(complained, "Error: Aborted reload\n");
	type("what\n\n");
	assert_int_equal(PATRONICTL("reload", "batman"), 1);
	assert_says("[y/N]: Error: invalid input\nAre you sure");
	nobody_types();
	assert_int_equal(PATRONICTL("reload", "batman"), 1);
	assert_string_equal(complained, "Aborted!\n");
	assert_string_equal(requests, "");
}

/* ---- restart ---- */

static void a_restart_asks_when_whom_and_below_which_version(void **state_ UNUSED)
{
	type("\ny\n\n");
	answer("POST", "/restart", 200, "restarted successfully");
	assert_int_equal(PATRONICTL("restart", "batman", "b", "c"), 0);
	assert_says("When should the restart take place (e.g. ");
	assert_says(")  [now]: Are you sure you want to restart members b, c? [y/N]: Restart if the PostgreSQL version "
		    "is less than provided (e.g. 9.5.2)  []: Success: restart on member b\n"
		    "Success: restart on member c\n");
	assert_string_equal(requests, "POST http://b:8008/restart {}\nPOST http://c:8008/restart {}\n");
}

static void conditions_of_a_restart_are_sent(void **state_ UNUSED)
{
	type("y\n");
	answer("POST", "/restart", 202, "Restart scheduled");
	assert_int_equal(PATRONICTL("restart", "batman", "-r", "leader", "--pending", "--pg-version", "15.4",
				    "--timeout", "5min", "--scheduled", "2026-12-24T18:00+01:00"),
			 0);
	assert_says("Are you sure you want to schedule restart of members a at 2026-12-24T18:00:00+01:00? [y/N]: ");
	assert_says("Success: restart scheduled on member a\n");
	assert_string_equal(requests,
			    "POST http://a:8008/restart {\"restart_pending\": true, \"postgres_version\": "
			    "\"15.4\", \"schedule\": \"2026-12-24T18:00:00+01:00\", \"timeout\": \"5min\"}\n");
	type("n\n");
	assert_int_equal(PATRONICTL("restart", "batman", "--scheduled", "2026-12-24T18:00"), 1);
	assert_string_equal(complained, "Error: Aborted scheduled restart\n");
}

static void wrong_values_of_a_restart_are_named(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(HOWDAHCTL("restart", "batman", "--force", "--pg-version", "fifteen"), 1);
	assert_complains("Error: --pg-version: \"fifteen\" is no version of PostgreSQL");
	assert_int_equal(HOWDAHCTL("restart", "batman", "--force", "--pg-version", "15."), 1);
	assert_int_equal(HOWDAHCTL("restart", "batman", "--force", "--timeout", "-1"), 1);
	assert_complains("Error: --timeout: \"-1\" is no time: seconds above 0, or with a unit, as in 30 or 5min\n");
	assert_int_equal(HOWDAHCTL("restart", "batman", "--force", "--scheduled", "soon"), 1);
	assert_complains("Unable to parse scheduled timestamp (soon)");
	set_state("a", paused_config, NULL);
	assert_int_equal(PATRONICTL("restart", "batman", "--force", "--scheduled", "2026-12-24T18:00"), 1);
	assert_string_equal(complained, "Error: Can't schedule restart in the paused state\n");
	assert_string_equal(requests, "");
}

static void any_restarts_one(void **state_ UNUSED)
{
	nobody_types();
	fake_loop.random = 5;
	answer("POST", "/restart", 200, "");
	assert_int_equal(PATRONICTL("restart", "batman", "--force", "--any"), 0);
	assert_string_equal(requests, "POST http://c:8008/restart {}\n");
}

static void refused_restarts_are_told(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "http://a:8008/restart", 503, "restart conditions are not satisfied");
	answer("POST", "http://b:8008/restart", 409, "Another restart is already scheduled");
	answer("POST", "http://c:8008/restart", 200, "");
	assert_int_equal(PATRONICTL("restart", "batman", "--force"), 0);
	assert_says("Failed: restart for member a, status code=503, (restart conditions are not satisfied)\n"
		    "Failed: another restart is already scheduled on member b\n"
		    "Success: restart on member c\n");
	assert_int_equal(HOWDAHCTL("restart", "batman", "--force"), 1);
	assert_string_equal(printed, "Success: restart on member c\n");
	assert_string_equal(complained,
			    "Error: restart failed on 2 of 3 members: a (restart conditions are not satisfied), b "
			    "(Another restart is already scheduled). Take it back with howdahctl flush, or give "
			    "--force\n");
}

static const char scheduled[] = ",\\\"scheduled_restart\\\":{\\\"schedule\\\":\\\"2026-12-24T18:00:00+00:00\\\"}";

static void one_member_is_scheduled(void)
{
	begin_pods();
	add_pod("a", "primary", scheduled);
	add_pod("b", "replica", "");
	end_pods();
}

static void force_takes_an_earlier_schedule_back(void **state_ UNUSED)
{
	nobody_types();
	one_member_is_scheduled();
	answer("POST", "/restart", 202, "");
	answer("DELETE", "/restart", 200, "scheduled restart deleted");
	assert_int_equal(PATRONICTL("restart", "batman", "--force", "--scheduled", "2026-12-25T18:00Z"), 0);
	assert_string_equal(requests, "DELETE http://a:8008/restart \n"
				      "POST http://a:8008/restart {\"schedule\": \"2026-12-25T18:00:00+00:00\"}\n"
				      "POST http://b:8008/restart {\"schedule\": \"2026-12-25T18:00:00+00:00\"}\n");
}

/* ---- flush ---- */

static void scheduled_restarts_are_flushed(void **state_ UNUSED)
{
	type("y\n");
	one_member_is_scheduled();
	answer("DELETE", "/restart", 200, "scheduled restart deleted");
	assert_int_equal(PATRONICTL("flush", "batman", "restart"), 0);
	assert_says("Are you sure you want to flush members a, b? [y/N]: "
		    "Success: flush scheduled restart for member a\nNo scheduled restart for member b\n");
	assert_string_equal(requests, "DELETE http://a:8008/restart \n");
	nobody_types();
	answer("DELETE", "/restart", 404, "no restarts are scheduled");
	assert_int_equal(PATRONICTL("flush", "batman", "a", "restart", "--force"), 0);
	assert_says("Failed: flush scheduled restart for member a, status code=404, (no restarts are scheduled)\n");
	assert_int_equal(HOWDAHCTL("flush", "batman", "a", "restart", "--force"), 1);
}

static const char switchover_to_come[] =
	"\"leader\":\"a\",\"member\":\"b\",\"scheduled_at\":\"2026-12-24T18:00:00+00:00\"";

static void a_scheduled_switchover_is_flushed_by_the_first_who_answers(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(PATRONICTL("flush", "batman", "switchover"), 0);
	assert_string_equal(printed, "No pending scheduled switchover\n");
	set_state("a", default_config, switchover_to_come);
	answer("DELETE", "http://b:8008/switchover", 200, "scheduled switchover deleted");
	assert_int_equal(PATRONICTL("flush", "batman", "switchover"), 0);
	assert_string_equal(printed, "Success: scheduled switchover deleted\n");
	assert_string_equal(requests, "DELETE http://a:8008/switchover \nDELETE http://b:8008/switchover \n");
	answer("DELETE", "http://a:8008/switchover", 404, "no switchover is scheduled");
	assert_int_equal(PATRONICTL("flush", "batman", "switchover"), 0);
	assert_string_equal(printed, "Failed: no switchover is scheduled\n");
	assert_int_equal(HOWDAHCTL("flush", "batman", "switchover"), 1);
	assert_complains("the scheduled switchover was not taken back: a: no switchover is scheduled");
}

static void a_switchover_nobody_can_be_asked_about_is_flushed_in_the_store(void **state_ UNUSED)
{
	nobody_types();
	set_state("a", default_config, switchover_to_come);
	assert_int_equal(PATRONICTL("flush", "batman", "switchover"), 0);
	assert_string_equal(printed, "Could not find any accessible member of cluster batman\n");
	assert_non_null(strstr(requests, "endpoints/batman-failover "));
	assert_non_null(
		strstr(requests, "\"annotations\": {\"leader\": null, \"member\": null, \"scheduled_at\": null}"));
	assert_int_equal(HOWDAHCTL("flush", "batman", "switchover"), 0);
	assert_string_equal(printed, "No member answered: the scheduled switchover was taken out of the store\n");
}

/* ---- reinit ---- */

static void a_replica_is_asked_for_and_copied_anew(void **state_ UNUSED)
{
	type("c\ny\n");
	answer("POST", "/reinitialize", 200, "reinitialize started");
	assert_int_equal(PATRONICTL("reinit", "batman"), 0);
	assert_says("Which member do you want to reinitialize [b, c]? []: "
		    "Are you sure you want to reinitialize members c? [y/N]: Success: reinitialize for member c\n");
	assert_string_equal(requests, "POST http://c:8008/reinitialize {\"force\": false, \"from_leader\": false}\n");
	type("z\n");
	assert_int_equal(PATRONICTL("reinit", "batman"), 1);
	assert_string_equal(complained, "Error: z is not a member of cluster\n");
	nobody_types();
	assert_int_equal(PATRONICTL("reinit", "batman", "a", "--force"), 1);
	assert_string_equal(complained, "Error: No replica among provided members\n");
	assert_int_equal(HOWDAHCTL("reinit", "batman", "--force"), 1);
	assert_complains("Error: reinit needs the names of members with --force");
}

static void what_is_in_progress_can_be_broken_off(void **state_ UNUSED)
{
	type("y\ny\n");
	answer("POST", "/reinitialize", 200, "reinitialize started");
	answer_times("POST", "/reinitialize", 503, "reinitialize already in progress", 1);
	assert_int_equal(PATRONICTL("reinit", "batman", "b", "--from-leader"), 0);
	assert_says("Do you want to cancel it and reinitialize anyway? [y/N]: Success: reinitialize for member b\n");
	assert_string_equal(requests, "POST http://b:8008/reinitialize {\"force\": false, \"from_leader\": true}\n"
				      "POST http://b:8008/reinitialize {\"force\": true, \"from_leader\": true}\n");
	type("y\nn\n");
	answer("POST", "/reinitialize", 503, "reinitialize already in progress");
	assert_int_equal(PATRONICTL("reinit", "batman", "b"), 0);
	assert_says("Failed: reinitialize for member b, status code=503, (reinitialize already in progress)\n");
	nobody_types();
	assert_int_equal(HOWDAHCTL("reinit", "batman", "b", "--force"), 1);
	assert_complains("reinitialize failed on 1 of 1 members: b (reinitialize already in progress). Wait until that "
			 "is over\n");
}

static void waiting_ends_when_the_copy_is_there(void **state_ UNUSED)
{
	static const char creating[] = "{\"state\":\"creating replica\",\"role\":\"replica\"}";
	nobody_types();
	answer("POST", "/reinitialize", 200, "reinitialize started");
	answer("GET", "/patroni", 200, "{\"state\":\"running\",\"role\":\"replica\"}");
	struct rule *b = answer_times("GET", "http://b:8008/patroni", 200, creating, 4);
	struct rule *c = answer_times("GET", "http://c:8008/patroni", REFUSED, "", 3);
	int64_t before = fake_loop.now_us;
	assert_int_equal(HOWDAHCTL("reinit", "batman", "b", "c", "--force", "--wait"), 0);
	assert_string_equal(printed, "Success: reinitialize for member b\nSuccess: reinitialize for member c\n"
				     "Waiting for reinitialize to complete on: b, c\n"
				     "Reinitialize is completed on: c\n"
				     "Waiting for reinitialize to complete on: b\n"
				     "Reinitialize is completed on: b\n");
	assert_int_equal(b->used, 4); /* once for the list, then every 2 s */
	assert_int_equal(c->used, 3);
	assert_in_range(fake_loop.now_us - before, 8000000, 9000000);
}

static void a_copy_that_is_dropped_while_somebody_waits_is_a_failure(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "/reinitialize", 200, "reinitialize started");
	answer("GET", "/patroni", 200,
	       "{\"state\":\"running\",\"role\":\"primary\",\"howdah\":{\"reinitialize_dropped\":\"it leads now\"}}");
	answer_times("GET", "http://b:8008/patroni", 200,
		     "{\"state\":\"running\",\"role\":\"replica\",\"howdah\":{\"reinitialize\":true}}", 3);
	assert_int_equal(HOWDAHCTL("reinit", "batman", "b", "--force", "--wait"), 1);
	assert_string_equal(printed,
			    "Success: reinitialize for member b\nWaiting for reinitialize to complete on: b\n");
	assert_complains("reinitialize failed on 1 of 1 members: b (it leads now)\n");
}

/* ---- pause, resume ---- */

static void the_leader_is_asked_to_pause_and_others_if_it_is_silent(void **state_ UNUSED)
{
	nobody_types();
	answer("PATCH", "http://b:8008/config", 200, "{}");
	assert_int_equal(PATRONICTL("pause"), 0);
	assert_string_equal(printed, "Success: cluster management is paused\n");
	assert_string_equal(requests, "PATCH http://a:8008/config {\"pause\": true}\n"
				      "PATCH http://b:8008/config {\"pause\": true}\n");
	set_state("a", paused_config, NULL);
	requests[0] = '\0';
	answer("PATCH", "http://a:8008/config", 200, "{}");
	assert_int_equal(PATRONICTL("resume", "batman"), 0);
	assert_string_equal(printed, "Success: cluster management is resumed\n");
	assert_string_equal(requests, "PATCH http://a:8008/config {\"pause\": null}\n");
}

static void a_pause_of_what_is_paused_is_an_error(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(PATRONICTL("resume"), 1);
	assert_string_equal(complained, "Error: Cluster is not paused\n");
	set_state("a", paused_config, NULL);
	assert_int_equal(PATRONICTL("pause"), 1);
	assert_string_equal(complained, "Error: Cluster is already paused\n");
	assert_string_equal(requests, "");
}

static void a_refused_pause_is_told(void **state_ UNUSED)
{
	nobody_types();
	answer("PATCH", "/config", 401, "no auth header received");
	assert_int_equal(PATRONICTL("pause"), 0);
	assert_string_equal(printed, "Failed: pause cluster management status code=401, (no auth header received)\n");
	assert_int_equal(HOWDAHCTL("pause"), 1);
	assert_complains("Error: pause refused by a: no auth header received. Set ctl.authentication");
	answer("PATCH", "/config", REFUSED, "");
	assert_int_equal(PATRONICTL("pause"), 1);
	assert_string_equal(complained, "Error: Can not find accessible cluster member\n");
}

static void a_pause_is_waited_for(void **state_ UNUSED)
{
	static const char knows[] = "{\"state\":\"running\",\"role\":\"replica\",\"pause\":true}";
	static const char does_not[] = "{\"state\":\"running\",\"role\":\"replica\"}";
	nobody_types();
	answer("PATCH", "/config", 200, "{}");
	answer("GET", "/patroni", 200, knows);
	answer_times("GET", "http://b:8008/patroni", 200, does_not, 2);
	answer_times("GET", "http://c:8008/patroni", 200, does_not, 1);
	assert_int_equal(HOWDAHCTL("pause", "--wait"), 0);
	assert_string_equal(printed, "'pause' request sent, waiting until it is recognized by all nodes\n"
				     "waiting for b, c\nwaiting for b\nSuccess: cluster management is paused\n");
}

static void those_who_have_not_heard_of_it_are_counted_or_named(void **state_ UNUSED)
{
	static const char paused[] = "{\"state\":\"running\",\"role\":\"replica\",\"pause\":true}";
	nobody_types();
	set_state("a", paused_config, NULL);
	answer("PATCH", "/config", 200, "{}");
	answer("GET", "/patroni", 200, "{\"state\":\"running\",\"role\":\"replica\"}");
	answer("GET", "http://b:8008/patroni", 200, paused);
	assert_int_equal(PATRONICTL("resume", "--wait"), 0);
	assert_string_equal(printed, "'resume' request sent, waiting until it is recognized by all nodes\n"
				     "1 members didn't recognized resume state after 11 seconds\n");
	assert_int_equal(HOWDAHCTL("resume", "--wait"), 1);
	assert_says("waiting for b\n");
	assert_complains("Error: resume: after 11 s not yet known to b.");
}

static void a_silent_member_counts_by_what_it_last_stored(void **state_ UNUSED)
{
	nobody_types();
	begin_pods();
	add_pod("a", "primary", ",\\\"pause\\\":true");
	add_pod("b", "replica", ",\\\"pause\\\":true");
	end_pods();
	answer("PATCH", "/config", 200, "{}");
	answer("GET", "http://b:8008/patroni", NEVER, "");
	assert_int_equal(PATRONICTL("pause", "--wait"), 0);
	assert_says("Success: cluster management is paused\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_leader_comes_first_and_is_picked_by_role),
		TEST(members_that_are_not_there_are_complained_about),
		TEST(arguments_that_are_missing_or_wrong_are_usage),
		TEST(each_answer_to_a_reload_has_its_line),
		TEST(a_member_that_does_not_answer_ends_with_an_error_by_either_name),
		TEST(no_is_no),
		TEST(a_restart_asks_when_whom_and_below_which_version),
		TEST(conditions_of_a_restart_are_sent),
		TEST(wrong_values_of_a_restart_are_named),
		TEST(any_restarts_one),
		TEST(refused_restarts_are_told),
		TEST(force_takes_an_earlier_schedule_back),
		TEST(scheduled_restarts_are_flushed),
		TEST(a_scheduled_switchover_is_flushed_by_the_first_who_answers),
		TEST(a_switchover_nobody_can_be_asked_about_is_flushed_in_the_store),
		TEST(a_replica_is_asked_for_and_copied_anew),
		TEST(what_is_in_progress_can_be_broken_off),
		TEST(waiting_ends_when_the_copy_is_there),
		TEST(a_copy_that_is_dropped_while_somebody_waits_is_a_failure),
		TEST(the_leader_is_asked_to_pause_and_others_if_it_is_silent),
		TEST(a_pause_of_what_is_paused_is_an_error),
		TEST(a_refused_pause_is_told),
		TEST(a_pause_is_waited_for),
		TEST(those_who_have_not_heard_of_it_are_counted_or_named),
		TEST(a_silent_member_counts_by_what_it_last_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
