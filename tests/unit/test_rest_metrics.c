/* Metrics line by line, and the reference page. */
#include "support_rest.h"

/* Name, type, value: in the contract's order. */
static const struct {
	const char *name, *type, *value;
} primary_metrics[] = {
	{ "patroni_version", "gauge", "040104" },
	{ "patroni_postgres_running", "gauge", "1" },
	{ "patroni_postmaster_start_time", "gauge", "1795385195.123456" },
	{ "patroni_primary", "gauge", "1" },
	{ "patroni_xlog_location", "counter", "83886176" },
	{ "patroni_standby_leader", "gauge", "0" },
	{ "patroni_replica", "gauge", "0" },
	{ "patroni_sync_standby", "gauge", "0" },
	{ "patroni_quorum_standby", "gauge", "0" },
	{ "patroni_xlog_received_location", "counter", "0" },
	{ "patroni_xlog_replayed_location", "counter", "0" },
	{ "patroni_xlog_replayed_timestamp", "gauge", "0" },
	{ "patroni_xlog_paused", "gauge", "0" },
	{ "patroni_postgres_streaming", "gauge", "0" },
	{ "patroni_postgres_in_archive_recovery", "gauge", "0" },
	{ "patroni_postgres_server_version", "gauge", "150018" },
	{ "patroni_cluster_unlocked", "gauge", "0" },
	{ "patroni_failsafe_mode_is_active", "gauge", "0" },
	{ "patroni_failsafe_mode_enabled", "gauge", "0" },
	{ "patroni_failsafe_member", "gauge", "0" },
	{ "patroni_postgres_timeline", "gauge", "7" },
	{ "patroni_dcs_last_seen", "gauge", "1795000000" },
	{ "patroni_pending_restart", "gauge", "0" },
	{ "patroni_is_paused", "gauge", "0" },
	{ "patroni_postgres_state", "gauge", "5" },
	{ "patroni_failover_priority", "gauge", "1" },
	{ "howdah_info", "gauge", "1" },
	{ "howdah_lease_left_seconds", "gauge", "11.500000" },
	{ "howdah_turns_total", "counter", "12" },
	{ "howdah_lock_writes_total", "counter", "0" },
	{ "howdah_lock_write_failures_total", "counter", "0" },
	{ "howdah_promotions_total", "counter", "0" },
	{ "howdah_fences_total", "counter", "3" },
	{ "howdah_watch_restarts_total", "counter", "0" },
	{ "howdah_loop_stall_seconds_max", "gauge", "0.001500" },
	{ "howdah_scheduled_restart_timestamp_seconds", "gauge", "0" },
	{ "howdah_scheduled_switchover_timestamp_seconds", "gauge", "0" },
};

/* Takes a line off the text and compares it; what stands behind `start` is free when `whole` is false. */
static char *take_line(char *text, const char *start, bool whole)
{
	char *end = strchr(text, '\n');
	assert_non_null(end);
	*end = '\0';
	if (whole)
		assert_string_equal(text, start);
	else if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", text, start);
	return end + 1;
}

PRINTF_LIKE(2, 3) static const char *line_of(struct strbuf *line, const char *format, ...)
{
	va_list args;
	static char memory[256];
	strbuf_init(line, memory, sizeof(memory));
	va_start(args, format);
	strbuf_vaddf(line, format, args);
	va_end(args);
	return line->text;
}

static void metrics_are_complete_and_in_order(void **state)
{
	struct strbuf line;
	(void)state;
	be_primary();
	view.counters.turns = 12;
	view.counters.fences = 3;
	view.counters.stall_us_max = 1500;
	struct rest_answer answer = ask("GET", "/metrics", "");
	assert_string_equal(answer.content_type, "text/plain");
	char *text = answer.body;
	for (size_t i = 0; i < ARRAY_SIZE(primary_metrics); i++) {
		const char *name = primary_metrics[i].name;
		bool info = strcmp(name, "howdah_info") == 0;
		text = take_line(text, line_of(&line, "# HELP %s ", name), false);
		if (strcmp(name, "patroni_postgres_state") == 0)
			text = take_line(text, "# 0=initdb, 1=initdb_failed, ", false);
		text = take_line(text, line_of(&line, "# TYPE %s %s", name, primary_metrics[i].type), true);
		text = take_line(text,
				 line_of(&line, "%s{scope=\"shop\",name=\"shop-0\"%s} %s", name,
					 info ? ",version=\"" HOWDAH_VERSION "\"" : "", primary_metrics[i].value),
				 true);
	}
	assert_string_equal(text, "");
	rest_answer_clear(&answer);
}

static void assert_metric(const char *line)
{
	char text[256];
	struct rest_answer answer = ask("GET", "/metrics", "");
	snprintf(text, sizeof(text), "\n%s\n", line);
	if (strstr(answer.body, text) == NULL)
		fail_msg("no line \"%s\"", line);
	rest_answer_clear(&answer);
}

static void metrics_of_a_replica(void **state)
{
	(void)state;
	be_replica();
	details.replay_paused = true;
	details.pending_restart = true;
	config.settings.paused = true;
	config.settings.nofailover = true;
	text_copy(details.replayed_timestamp, sizeof(details.replayed_timestamp), "2026-11-22 22:07:16.5+00:00");
	assert_metric("patroni_replica{scope=\"shop\",name=\"shop-1\"} 1");
	assert_metric("patroni_primary{scope=\"shop\",name=\"shop-1\"} 0");
	assert_metric("patroni_xlog_received_location{scope=\"shop\",name=\"shop-1\"} 83886080");
	assert_metric("patroni_xlog_replayed_location{scope=\"shop\",name=\"shop-1\"} 67108864");
	assert_metric("patroni_xlog_replayed_timestamp{scope=\"shop\",name=\"shop-1\"} 1795385236.500000");
	assert_metric("patroni_xlog_paused{scope=\"shop\",name=\"shop-1\"} 1");
	assert_metric("patroni_postgres_streaming{scope=\"shop\",name=\"shop-1\"} 1");
	assert_metric("patroni_pending_restart{scope=\"shop\",name=\"shop-1\"} 1");
	assert_metric("patroni_is_paused{scope=\"shop\",name=\"shop-1\"} 1");
	assert_metric("patroni_failover_priority{scope=\"shop\",name=\"shop-1\"} 0");
	instance.answers = false;
	assert_metric("patroni_postgres_state{scope=\"shop\",name=\"shop-1\"} -1");
}

static void metrics_of_failsafe_mode_and_of_what_is_planned(void **state)
{
	(void)state;
	be_replica();
	struct restart_order restart = { .asked = true, .at_us = 1795000100LL * SECOND_US };
	config.dynamic = json_of("{\"failsafe_mode\":\"on\"}");
	cluster.move = (struct move){ .asked = true, .scheduled_at = "x", .at_us = 1795000200LL * SECOND_US };
	view.scheduled_restart = &restart;
	view.failsafe_text = "{\"shop-0\":\"a\",\"shop-1\":\"b\"}";
	view.failsafe_active = true;
	assert_metric("patroni_failsafe_mode_is_active{scope=\"shop\",name=\"shop-1\"} 1");
	assert_metric("patroni_failsafe_mode_enabled{scope=\"shop\",name=\"shop-1\"} 1");
	assert_metric("patroni_failsafe_member{scope=\"shop\",name=\"shop-1\"} 1");
	assert_metric("howdah_scheduled_restart_timestamp_seconds{scope=\"shop\",name=\"shop-1\"} 1795000100.000000");
	assert_metric(
		"howdah_scheduled_switchover_timestamp_seconds{scope=\"shop\",name=\"shop-1\"} 1795000200.000000");
	view.failsafe_text = "{\"shop-0\":\"a\"}";
	assert_metric("patroni_failsafe_member{scope=\"shop\",name=\"shop-1\"} 0");
}

static void old_servers_have_no_streaming_metric(void **state)
{
	(void)state;
	be_replica();
	instance.server_version = 90524;
	struct rest_answer answer = ask("GET", "/metrics", "");
	assert_null(strstr(answer.body, "patroni_postgres_streaming"));
	assert_null(strstr(answer.body, "patroni_postgres_in_archive_recovery"));
	rest_answer_clear(&answer);
}

static void label_values_are_escaped(void **state)
{
	(void)state;
	be_primary();
	text_copy(config.scope, sizeof(config.scope), "a\"b\\c\nd");
	assert_metric("patroni_primary{scope=\"a\\\"b\\\\c\\nd\",name=\"shop-0\"} 1");
}

static void the_reference_has_every_route_and_metric(void **state)
{
	static char memory[32 * 1024];
	struct strbuf text;
	(void)state;
	strbuf_init(&text, memory, sizeof(memory));
	rest_print_reference(&text);
	assert_true(strbuf_ok(&text));
	assert_non_null(strstr(memory, "| GET | `/patroni` | "));
	assert_non_null(strstr(memory, "| POST | `/switchover` | "));
	assert_non_null(strstr(memory, "| DELETE | `/restart` | "));
	assert_non_null(strstr(memory, "| GET, HEAD, OPTIONS | `/primary` `/master` `/read-write` | "));
	for (size_t i = 0; i < ARRAY_SIZE(primary_metrics); i++)
		assert_non_null(strstr(memory, primary_metrics[i].name));
}

/* Tests run in the root of the tree. */
static void the_reference_page_is_up_to_date(void **state)
{
	static char page[64 * 1024], reference[64 * 1024];
	struct strbuf b;
	(void)state;
	FILE *file = fopen("docs/rest.md", "r");
	if (file == NULL)
		skip();
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	strbuf_init(&b, reference, sizeof(reference));
	rest_print_reference(&b);
	if (strstr(page, reference) == NULL)
		fail_msg("%s does not hold what the tables print", "docs/rest.md");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_are_complete_and_in_order),
		cmocka_unit_test(metrics_of_a_replica),
		cmocka_unit_test(metrics_of_failsafe_mode_and_of_what_is_planned),
		cmocka_unit_test(old_servers_have_no_streaming_metric),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(the_reference_has_every_route_and_metric),
		cmocka_unit_test(the_reference_page_is_up_to_date),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
