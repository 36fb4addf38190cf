/* dsn, query, list and version: whose address, what is run there, and what is shown of those who do not answer. */
#include "unit/support_world.h"

/* ---- dsn ---- */

static void the_address_of_the_leader_or_of_whoever_is_meant(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(PATRONICTL("dsn"), 0);
	assert_string_equal(printed, "host=10.0.0.1 port=5432\n");
	assert_int_equal(PATRONICTL("dsn", "batman", "-r", "replica"), 0);
	assert_string_equal(printed, "host=10.0.0.2 port=5432\n");
	assert_int_equal(PATRONICTL("dsn", "-m", "c"), 0);
	assert_string_equal(printed, "host=10.0.0.3 port=5432\n");
}

static void nobody_suitable_is_an_error(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(PATRONICTL("dsn", "-m", "z"), 1);
	assert_string_equal(complained, "Error: Can not find a suitable member\n");
	assert_int_equal(PATRONICTL("dsn", "-m", "a", "-r", "any"), 1);
	assert_string_equal(complained, "Error: --role and --member are mutually exclusive options\n");
	set_state("", default_config, NULL);
	assert_int_equal(HOWDAHCTL("dsn"), 1);
	assert_string_equal(complained, "Error: Can not find a suitable member: howdahctl list shows who is there\n");
}

/* ---- query ---- */

static int begin_query(void **state_)
{
	begin_world(state_);
	nobody_types();
	memset(&server, 0, sizeof(server));
	server.rows = (struct pg_rows){
		.count = 2, .columns = 2, .names = { "name", "name" }, .values = { { "x", "1" }, { "y z", NULL } }
	};
	return 0;
}

static void rows_are_printed_with_tabs(void **state_ UNUSED)
{
	assert_int_equal(PATRONICTL("query", "-c", "SELECT 2"), 0);
	assert_string_equal(printed, "x\t1\ny z\tNone\n");
	assert_string_equal(server.sql, "SELECT 2");
	assert_string_equal(server.conninfo, "host=10.0.0.1 hostaddr=10.0.0.1 port=5432 dbname=app "
					     "fallback_application_name=patronictl");
	assert_int_equal(HOWDAHCTL("query", "batman", "-c", "SELECT 2", "--delimiter", "|"), 0);
	assert_string_equal(printed, "x|1\ny z|\n");
}

static void rows_are_printed_in_other_formats(void **state_ UNUSED)
{
	assert_int_equal(PATRONICTL("query", "-c", "SELECT 2", "--format", "json"), 0);
	assert_string_equal(printed, "[{\"name\": \"x\", \"name_2\": \"1\"}, {\"name\": \"y z\", \"name_2\": null}]\n");
	assert_int_equal(PATRONICTL("query", "-c", "SELECT 2", "--format", "pretty"), 0);
	assert_string_equal(printed, "+------+--------+\n| name | name_2 |\n+------+--------+\n"
				     "| x    | 1      |\n| y z  | null   |\n+------+--------+\n");
	assert_int_equal(PATRONICTL("query", "-c", "SELECT 2", "--format", "yaml"), 0);
	assert_string_equal(printed, "- name: x\n  name_2: '1'\n- name: y z\n  name_2: null\n\n");
}

static void user_database_and_password_are_those_that_were_given(void **state_ UNUSED)
{
	char path[] = "/tmp/howdah-test-XXXXXX";
	close(mkstemp(path));
	write_file(path, "SELECT 3;\n");
	type("secret\n");
	assert_int_equal(PATRONICTL("query", "-m", "b", "-f", path, "-U", "u", "-d", "d", "--password"), 0);
	assert_string_equal(server.conninfo, "host=10.0.0.2 hostaddr=10.0.0.2 port=5432 dbname=d user=u "
					     "password=secret fallback_application_name=patronictl");
	assert_string_equal(server.sql, "SELECT 3;\n");
	assert_int_equal(strncmp(printed, "Password: \nx\t", 13), 0);
	unlink(path);
}

static void one_of_command_and_file_is_needed(void **state_ UNUSED)
{
	assert_int_equal(PATRONICTL("query"), 1);
	assert_string_equal(complained, "Error: You need to specify either --command or --file\n");
	assert_int_equal(PATRONICTL("query", "-c", "x", "-f", "y"), 1);
	assert_string_equal(complained, "Error: --file and --command are mutually exclusive options\n");
	assert_int_equal(PATRONICTL("query", "-c", "x", "-m", "a", "-r", "any"), 1);
	assert_string_equal(complained, "Error: --role and --member are mutually exclusive options\n");
}

/* A time, a tab, and the text. */
static void assert_failure_row(const char *text)
{
	assert_int_equal(strlen(printed), strlen("2026-11-22 22:12:36\t\n") + strlen(text));
	assert_int_equal(printed[19], '\t');
	assert_int_equal(strncmp(printed + 20, text, strlen(text)), 0);
}

static void failures_are_rows_of_patronictl_and_errors_of_howdahctl(void **state_ UNUSED)
{
	server.error = "ERROR: division by zero";
	server.sqlstate = "22012";
	assert_int_equal(PATRONICTL("query", "-c", "SELECT 1/0"), 0);
	assert_failure_row("ERROR, SQLSTATE: 22012");
	assert_int_equal(HOWDAHCTL("query", "-c", "SELECT 1/0"), 1);
	assert_string_equal(printed, "");
	assert_string_equal(complained, "Error: ERROR, SQLSTATE: 22012: ERROR: division by zero\n");
}

static void connections_that_fail_are_told_by_what_was_asked_for(void **state_ UNUSED)
{
	server.unreachable = true;
	assert_int_equal(PATRONICTL("query", "-c", "x", "-m", "b"), 0);
	assert_failure_row("No connection to member b is available");
	assert_int_equal(PATRONICTL("query", "-c", "x", "-r", "replica"), 0);
	assert_failure_row("No connection to role 'replica' is available");
	assert_int_equal(PATRONICTL("query", "-c", "x"), 0);
	assert_failure_row("No connection is available");
	assert_int_equal(HOWDAHCTL("query", "-c", "x", "-m", "z"), 1);
	assert_string_equal(complained, "Error: No connection to member z is available\n");
	assert_int_equal(HOWDAHCTL("query", "-c", "x", "-m", "b"), 1);
	assert_string_equal(complained, "Error: No connection to member b is available: connection refused\n");
}

/* ---- list ---- */

static const char leader_says[] = "{\"state\":\"running\",\"role\":\"primary\",\"timeline\":1,\"xlog\":{\"location\":"
				  "134217728},\"patroni\":{\"version\":\"4.1.4\"}}";

static void lag_is_that_behind_what_the_leader_says_now(void **state_ UNUSED)
{
	nobody_types();
	answer("GET", "http://a:8008/patroni", 200, leader_says);
	assert_int_equal(PATRONICTL("list", "-f", "tsv"), 0);
	assert_says("batman\tb\t10.0.0.2\tReplica\tstreaming\t1\t0/5000060\t48\t0/5000060\t48\n");
}

static void what_is_scheduled_is_shown_by_the_members_own_word(void **state_ UNUSED)
{
	nobody_types();
	begin_pods();
	add_pod("a", "primary", ",\\\"tags\\\":{\\\"old\\\":true}");
	end_pods();
	answer("GET", "http://a:8008/patroni", 200,
	       "{\"state\":\"running\",\"role\":\"primary\",\"xlog\":{\"location\":83886176},\"scheduled_restart\":{"
	       "\"schedule\":\"2035-01-01T00:00:00+00:00\"},\"tags\":{\"new\":1}}");
	assert_int_equal(PATRONICTL("list", "-f", "json"), 0);
	assert_says("\"Scheduled restart\": \"2035-01-01T00:00:00+00:00\", \"Tags\": {\"new\": 1}}]");
}

static void who_does_not_answer_is_shown_as_last_stored_after_a_fifth_of_a_second(void **state_ UNUSED)
{
	nobody_types();
	int64_t before = fake_loop.now_us;
	answer("GET", "http://a:8008/patroni", 200, leader_says);
	struct rule *silent = answer("GET", "http://b:8008/patroni", NEVER, "");
	assert_int_equal(PATRONICTL("list", "-f", "tsv"), 0);
	assert_says("batman\tb\t10.0.0.2\tReplica\tstreaming\t1\t0/5000060\t");
	assert_int_equal(fake_loop.now_us - before, 200000);
	silent->status = REFUSED;
	before = fake_loop.now_us;
	assert_int_equal(PATRONICTL("list", "-f", "tsv"), 0);
	assert_int_equal(fake_loop.now_us, before);
}

static void a_cluster_that_cannot_be_read_is_an_error(void **state_ UNUSED)
{
	nobody_types();
	answer("GET", "/pods?", NEVER, "");
	assert_int_equal(PATRONICTL("list"), 1);
	assert_complains("Error: the cluster batman cannot be read: ");
}

static void a_configuration_without_a_store_is_an_error(void **state_ UNUSED)
{
	nobody_types();
	write_file(config_file, "scope: batman\n");
	assert_int_equal(PATRONICTL("list"), 1);
	assert_complains("Error: Can not find suitable configuration of distributed configuration store\n");
	write_file(config_file, "kubernetes: {labels: {application: patroni}, context: c}\n");
	assert_int_equal(PATRONICTL("list"), 0);
	assert_int_equal(HOWDAHCTL("pause"), 1);
	assert_complains("Error: which cluster? No name was given, and the configuration has no scope\n");
	unlink(config_file);
	assert_int_equal(PATRONICTL("list"), 1);
	assert_complains("not existing or no read rights. Check the -c/--config-file parameter\n");
}

static void versions_are_asked_for(void **state_ UNUSED)
{
	nobody_types();
	answer("GET", "http://a:8008/patroni", 200, "{\"server_version\":150020,\"patroni\":{\"version\":\"4.1.4\"}}");
	assert_int_equal(PATRONICTL("version", "batman", "a", "b"), 0);
	assert_string_equal(printed, "patronictl version 4.1.4\n\na: Patroni 4.1.4 PostgreSQL 15.20\n"
				     "b: failed to get version: lost\n");
}

#define QUERY(name) cmocka_unit_test_setup_teardown(name, begin_query, end_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_address_of_the_leader_or_of_whoever_is_meant),
		TEST(nobody_suitable_is_an_error),
		QUERY(rows_are_printed_with_tabs),
		QUERY(rows_are_printed_in_other_formats),
		QUERY(user_database_and_password_are_those_that_were_given),
		QUERY(one_of_command_and_file_is_needed),
		QUERY(failures_are_rows_of_patronictl_and_errors_of_howdahctl),
		QUERY(connections_that_fail_are_told_by_what_was_asked_for),
		TEST(lag_is_that_behind_what_the_leader_says_now),
		TEST(what_is_scheduled_is_shown_by_the_members_own_word),
		TEST(who_does_not_answer_is_shown_as_last_stored_after_a_fifth_of_a_second),
		TEST(a_cluster_that_cannot_be_read_is_an_error),
		TEST(a_configuration_without_a_store_is_an_error),
		TEST(versions_are_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
