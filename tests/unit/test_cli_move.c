/* switchover and failover: who is asked what, what is printed, and how it ends as patronictl and as howdahctl. */
#include "unit/support_world.h"

static const char board[] = "+ Cluster: batman (7711120697051324462) --+----+-------------+-----+------------+-----+\n"
			    "| Member | Host     | Role    | State     | TL | Receive LSN | Lag | Replay LSN | Lag |\n"
			    "+--------+----------+---------+-----------+----+-------------+-----+------------+-----+\n"
			    "| a      | 10.0.0.1 | Leader  | running   |  1 |             |     |            |     |\n"
			    "| b      | 10.0.0.2 | Replica | streaming |  1 |   0/5000060 |   0 |  0/5000060 |   0 |\n"
			    "| c      | 10.0.0.3 | Replica | streaming |  1 |   0/5000060 |   0 |  0/5000060 |   0 |\n"
			    "+--------+----------+---------+-----------+----+-------------+-----+------------+-----+\n";

static void switchover_asks_the_leader_and_shows_the_cluster_twice(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "http://a:8008/switchover", 200, "Successfully switched over to \"b\"");
	assert_int_equal(PATRONICTL("switchover", "--candidate", "b", "--force"), 0);
	assert_string_equal(requests, "POST http://a:8008/switchover {\"candidate\": \"b\", \"leader\": \"a\"}\n");
	assert_int_equal(strncmp(printed, "Current cluster topology\n", 25), 0);
	assert_int_equal(strncmp(printed + 25, board, strlen(board)), 0);
	const char *again = strstr(printed + 25 + strlen(board), "+ Cluster");
	assert_non_null(again);
	assert_string_equal(again, board);
	assert_says(" Successfully switched over to \"b\"\n+ Cluster: batman (");
	assert_string_equal(complained, "");
}

static void the_time_stands_before_the_answer_with_five_digits(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "/switchover", 200, "Successfully switched over to \"b\"");
	assert_int_equal(PATRONICTL("switchover", "--force"), 0);
	const char *at = strstr(printed, " Successfully");
	assert_non_null(at);
	while (at > printed && at[-1] != '\n')
		at--;
	assert_int_equal(strcspn(at, "S"), strlen("2026-11-22 22:12:36.12345 "));
	assert_true(at[19] == '.' && at[10] == ' ');
	assert_non_null(strstr(requests, "{\"candidate\": null, \"leader\": \"a\"}"));
}

static void everything_that_is_not_given_is_asked_for(void **state_ UNUSED)
{
	type("\nb\n2026-12-24T18:00\ny\n");
	answer("POST", "/switchover", 202, "Switchover scheduled");
	assert_int_equal(PATRONICTL("switchover"), 0);
	assert_says("Primary [a]: Candidate ['b', 'c'] []: When should the switchover take place (e.g. ");
	assert_says(" )  [now]: Are you sure you want to schedule switchover of cluster batman at "
		    "2026-12-24T18:00:00+00:00, demoting current leader a? [y/N]: ");
	assert_says(" Switchover scheduled\n");
	assert_string_equal(requests, "POST http://a:8008/switchover {\"candidate\": \"b\", \"leader\": \"a\", "
				      "\"scheduled_at\": \"2026-12-24T18:00:00+00:00\"}\n");
}

static void nothing_is_sent_when_somebody_says_no_or_leaves(void **state_ UNUSED)
{
	static const struct {
		const char *typed, *complaint;
	} cases[] = { { "\nb\n\nn\n", "Error: Aborting switchover\n" },
		      { "\nb\n2026-12-24T18:00\n\n", "Error: Aborting scheduled switchover\n" },
		      { "\nb\n", "Aborted!\n" },
		      { "", "Aborted!\n" },
		      { "z\n", "Error: Member z is not the leader of cluster batman\n" },
		      { "\na\n", "Error: Member a is already the leader of cluster batman\n" },
		      { "\nz\n", "Error: Member z does not exist in cluster batman or is tagged as nofailover\n" },
		      { "\nb\nsoon\n", "Error: Unable to parse scheduled timestamp (soon). It should be in an "
				       "unambiguous format (e.g. ISO 8601)\n" } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		type(cases[i].typed);
		assert_int_equal(PATRONICTL("switchover", "batman"), 1);
		assert_string_equal(complained, cases[i].complaint);
		assert_string_equal(requests, "");
	}
}

static void without_a_terminal_howdahctl_names_force(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(HOWDAHCTL("switchover", "--candidate", "b"), 1);
	assert_complains("there is no terminal to ask on");
	assert_complains("--force");
	assert_string_equal(requests, "");
}

static void a_refusal_ends_well_as_patronictl(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "/switchover", 412, "candidate does not exists");
	assert_int_equal(PATRONICTL("switchover", "--candidate", "b", "--force"), 0);
	assert_says("\nSwitchover failed, details: 412, candidate does not exists\n");
	answer("POST", "/switchover", 503,
	       "Switchover status unknown after 20 seconds; operation may still be in progress");
	assert_int_equal(PATRONICTL("switchover", "--candidate", "b", "--force"), 0);
	assert_says("Switchover result unknown, details: 503, Switchover status unknown after 20 seconds");
}

static void a_refusal_is_an_error_of_howdahctl_that_says_what_to_do(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "/switchover", 412, "leader name does not match");
	assert_int_equal(HOWDAHCTL("switchover", "--candidate", "b", "--force"), 1);
	assert_string_equal(complained, "Error: switchover to b refused: leader name does not match. Another member "
					"leads by now: howdahctl list\n");
}

static const char running[] =
	"{\"state\":\"running\",\"role\":\"replica\",\"timeline\":1,\"xlog\":{\"received_location\":"
	"%lld,\"replayed_location\":%lld},\"patroni\":{\"version\":\"4.1.4\"}}";

static void a_candidate_that_is_behind_is_named_with_its_lag_and_another_one(void **state_ UNUSED)
{
	static char near_[512], far_[512];
	nobody_types();
	snprintf(near_, sizeof(near_), running, 83886176LL, 83886176LL);
	snprintf(far_, sizeof(far_), running, 33554528LL, 33554528LL);
	answer("GET", "http://b:8008/patroni", 200, near_);
	answer("GET", "http://c:8008/patroni", 200, far_);
	answer("POST", "/switchover", 412, "switchover is not possible: no good candidates have been found");
	assert_int_equal(HOWDAHCTL("switchover", "--candidate", "c", "--force"), 1);
	assert_string_equal(complained,
			    "Error: switchover to c refused: switchover is not possible: no good candidates "
			    "have been found. c is 48 MB behind, maximum_lag_on_failover is 1 MB. Wait, or "
			    "choose b (0 B behind)\n");
}

static void a_leader_that_cannot_be_asked_leaves_the_store(void **state_ UNUSED)
{
	nobody_types();
	set_state("a", default_config, "\"leader\":\"old\"");
	answer("POST", "http://a:8008/switchover", REFUSED, "");
	assert_int_equal(PATRONICTL("switchover", "--candidate", "b", "--force"), 0);
	assert_says(" Could not switchover using Patroni api, falling back to DCS\n");
	assert_non_null(strstr(requests, "PATCH http://api:8080/api/v1/namespaces/default/endpoints/batman-failover "
					 "{\"metadata\": {\"namespace\": \"default\", \"name\": \"batman-failover\", "
					 "\"labels\": {\"application\": \"patroni\", \"cluster-name\": \"batman\"}, "
					 "\"annotations\": {\"leader\": \"a\", \"member\": \"b\", \"scheduled_at\": "
					 "null}, \"resourceVersion\": \"8\"}}"));
	assert_int_equal(HOWDAHCTL("switchover", "--candidate", "b", "--force"), 0);
	assert_says("a could not be asked (lost). The switchover is in the store now");
}

static void a_store_that_refuses_too_is_an_error(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "/endpoints", 403, "{\"message\":\"no\"}");
	assert_int_equal(HOWDAHCTL("switchover", "--candidate", "b", "--force"), 1);
	assert_complains("Error: the request could not be put into the store: not allowed to create endpoints in "
			 "namespace default\n");
}

static void failover_without_a_leader_asks_the_candidate(void **state_ UNUSED)
{
	type("b\ny\n");
	set_state("", default_config, NULL);
	answer("POST", "http://b:8008/failover", 200, "Successfully failed over to \"b\"");
	assert_int_equal(PATRONICTL("failover", "batman"), 0);
	assert_says("Candidate ['a', 'b', 'c'] []: Are you sure you want to failover cluster batman? [y/N]: ");
	assert_string_equal(requests, "POST http://b:8008/failover {\"candidate\": \"b\"}\n");
}

static void failover_needs_a_candidate(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(PATRONICTL("failover", "--force"), 1);
	assert_string_equal(complained, "Error: Failover could be performed only to a specific candidate\n");
	set_state("", default_config, NULL);
	assert_int_equal(PATRONICTL("switchover", "--force"), 1);
	assert_string_equal(complained, "Error: This cluster has no leader\n");
}

static void members_that_never_lead_are_no_candidates(void **state_ UNUSED)
{
	nobody_types();
	begin_pods();
	add_pod("a", "primary", "");
	add_pod("b", "replica", ",\\\"tags\\\":{\\\"nofailover\\\":true}");
	end_pods();
	assert_int_equal(PATRONICTL("switchover", "--force"), 1);
	assert_string_equal(complained, "Error: No candidates found to switchover to\n");
	assert_int_equal(PATRONICTL("failover", "--force"), 1);
	assert_string_equal(complained, "Error: No candidates found to failover to\n");
}

static void nothing_is_scheduled_in_a_pause(void **state_ UNUSED)
{
	nobody_types();
	set_state("a", paused_config, NULL);
	assert_int_equal(
		PATRONICTL("switchover", "--candidate", "b", "--force", "--scheduled", "2026-12-24T18:00+01:00"), 1);
	assert_string_equal(complained, "Error: Can't schedule switchover in the paused state\n");
	assert_says(" Maintenance mode: on\n");
}

static void an_old_member_is_asked_for_a_failover_instead(void **state_ UNUSED)
{
	nobody_types();
	answer("POST", "/switchover", 501, "<p>Server does not support this operation</p>");
	answer("POST", "/failover", 200, "Successfully failed over to \"b\"");
	assert_int_equal(PATRONICTL("switchover", "--candidate", "b", "--force"), 0);
	assert_non_null(strstr(requests, "POST http://a:8008/failover {\"candidate\": \"b\", \"leader\": \"a\"}\n"));
}

static void requests_carry_the_password_and_trust_whom_they_are_told(void **state_ UNUSED)
{
	nobody_types();
	write_configuration("restapi: {authentication: {username: rest, password: one}}\n");
	expected_user = "rest";
	expected_password = "one";
	answer("POST", "/switchover", 200, "done");
	assert_int_equal(PATRONICTL("switchover", "--force"), 0);
	assert_false(insecure_seen);
	write_configuration("restapi: {authentication: {username: rest, password: one}}\nctl: {insecure: true, "
			    "authentication: {username: ctl, password: two}}\n");
	expected_user = "ctl";
	expected_password = "two";
	assert_int_equal(PATRONICTL("switchover", "--force"), 0);
	assert_true(insecure_seen);
	answer("POST", "/switchover", 401, "not authenticated");
	assert_int_equal(HOWDAHCTL("switchover", "--force"), 1);
	assert_complains("switchover refused: not authenticated. Set ctl.authentication");
}

static void what_is_scheduled_stands_below_the_table(void **state_ UNUSED)
{
	nobody_types();
	set_state("a", default_config,
		  "\"leader\":\"a\",\"member\":\"b\",\"scheduled_at\":\"2026-12-24T18:00:00+00:00\"");
	assert_int_equal(PATRONICTL("list"), 0);
	assert_says("+\n Switchover scheduled at: 2026-12-24T18:00:00+00:00\n                    from: a\n"
		    "                      to: b\n");
	assert_int_equal(HOWDAHCTL("list"), 0);
	assert_says("A switchover from a to b is scheduled at 2026-12-24T18:00:00+00:00.");
}

static void times_are_read_as_people_write_them(void **state_ UNUSED)
{
	static const struct {
		const char *text, *iso;
	} cases[] = { { "now", "" },
		      { "2026-12-24T18:00", "2026-12-24T18:00:00+01:00" },
		      { "2026-07-24 18:00:05", "2026-07-24T18:00:05+02:00" },
		      { "2026-12-24", "2026-12-24T00:00:00+01:00" },
		      { "2026-12-24T18:00Z", "2026-12-24T18:00:00+00:00" },
		      { "2026-12-24T18:00:00.25-0330", "2026-12-24T18:00:00.25-03:30" },
		      { "2026-12-24 18:00 +05", "2026-12-24T18:00:00+05:00" } };
	static const char *const wrong[] = { "tomorrow",
					     "2026-12-24T25:00",
					     "2026-02-30T10:00",
					     "24.12.2026 18:00 o'clock",
					     "2026-12-24T18:00+99",
					     "2026-12-24X18:00" };
	char iso[40];
	struct err err;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(cli_schedule(cases[i].text, iso, &err));
		assert_string_equal(iso, cases[i].iso);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_false(cli_schedule(wrong[i], iso, &err));
		assert_non_null(strstr(err.text, wrong[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(switchover_asks_the_leader_and_shows_the_cluster_twice),
		TEST(the_time_stands_before_the_answer_with_five_digits),
		TEST(everything_that_is_not_given_is_asked_for),
		TEST(nothing_is_sent_when_somebody_says_no_or_leaves),
		TEST(without_a_terminal_howdahctl_names_force),
		TEST(a_refusal_ends_well_as_patronictl),
		TEST(a_refusal_is_an_error_of_howdahctl_that_says_what_to_do),
		TEST(a_candidate_that_is_behind_is_named_with_its_lag_and_another_one),
		TEST(a_leader_that_cannot_be_asked_leaves_the_store),
		TEST(a_store_that_refuses_too_is_an_error),
		TEST(failover_without_a_leader_asks_the_candidate),
		TEST(failover_needs_a_candidate),
		TEST(members_that_never_lead_are_no_candidates),
		TEST(nothing_is_scheduled_in_a_pause),
		TEST(an_old_member_is_asked_for_a_failover_instead),
		TEST(requests_carry_the_password_and_trust_whom_they_are_told),
		TEST(what_is_scheduled_stands_below_the_table),
		TEST(times_are_read_as_people_write_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
