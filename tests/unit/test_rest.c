/* The HTTP API from hand-made views: every route with every method, documents compared as texts. */
#include "support_rest.h"

static void assert_body(const char *path, int status, const char *type, const char *body)
{
	struct rest_answer answer = ask("GET", path, "");
	assert_int_equal(answer.status, status);
	assert_string_equal(answer.content_type, type);
	assert_string_equal(answer.body, body);
	rest_answer_clear(&answer);
}

enum who { PRIMARY, REPLICA, STANDBY_LEADER, FENCED, CUT_OFF, CUT_OFF_PAUSED, WHO_COUNT };
static void (*const become[WHO_COUNT])(void) = {
	[PRIMARY] = be_primary, [REPLICA] = be_replica, [STANDBY_LEADER] = be_standby_leader,
	[FENCED] = be_fenced,   [CUT_OFF] = be_cut_off, [CUT_OFF_PAUSED] = be_cut_off_paused,
};

/* 1: 200, 0: 503, for primary, replica, standby leader, fenced, cut off, cut off in a pause. */
static const struct {
	const char *path, *codes;
} checks[] = {
	{ "/", "100001" },
	{ "/primary", "100001" },
	{ "/master", "100001" },
	{ "/read-write", "100001" },
	{ "/old/primary/path", "100001" },
	{ "/leader", "101001" },
	{ "/standby_leader", "001000" },
	{ "/standby-leader", "001000" },
	{ "/replica", "010000" },
	{ "/read-only", "111001" },
	{ "/health", "111011" },
	{ "/healthz", "111011" },
	{ "/sync", "000000" },
	{ "/synchronous", "000000" },
	{ "/quorum", "000000" },
	{ "/async", "010000" },
	{ "/asynchronous", "010000" },
	{ "/read-only-sync", "101000" },
	{ "/read-only-synchronous", "101000" },
	{ "/read-only-quorum", "101000" },
	{ "/async/", "000000" },
	{ "/nonsense", "000000" },
	{ "", "000000" },
};

static void health_checks_follow_the_contract(void **state)
{
	(void)state;
	for (int who = 0; who < WHO_COUNT; who++)
		for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
			become[who]();
			int want = checks[i].codes[who] == '1' ? 200 : 503;
			if (status_for("GET", checks[i].path, "") != want ||
			    status_for("HEAD", checks[i].path, "") != want ||
			    status_for("OPTIONS", checks[i].path, "") != want)
				fail_msg("%s as %d is not %d", checks[i].path, who, want);
		}
}

static void health_checks_carry_the_status(void **state)
{
	(void)state;
	be_replica();
	struct rest_answer document = ask("GET", "/patroni", "");
	struct rest_answer check = ask("GET", "/no/such/path", "");
	assert_int_equal(document.status, 200);
	assert_int_equal(check.status, 503);
	assert_string_equal(document.body, check.body);
	rest_answer_clear(&document);
	rest_answer_clear(&check);
}

static void documents_answer_head_and_options_as_health_checks(void **state)
{
	static const char *const paths[] = { "/patroni", "/liveness", "/readiness", "/cluster",
					     "/history", "/config",   "/metrics",   "/failsafe" };
	static const char *const methods[] = { "HEAD", "OPTIONS" };
	(void)state;
	be_primary();
	for (size_t i = 0; i < ARRAY_SIZE(paths) * 2; i++) {
		struct rest_answer answer = ask(methods[i % 2], paths[i / 2], "");
		assert_int_equal(answer.status, 503);
		assert_null(answer.body);
		assert_null(answer.content_type);
	}
}

static void probes_have_no_body(void **state)
{
	static const char *const paths[] = { "/liveness", "/readiness" };
	(void)state;
	be_primary();
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct rest_answer answer = ask("GET", paths[i], "");
		assert_int_equal(answer.status, 200);
		assert_null(answer.body);
		assert_null(answer.content_type);
	}
}

static void unknown_operations_say_so_in_the_words_patronictl_looks_for(void **state)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE", "TRACE", "" };
	static const char *const paths[] = { "/", "/patroni", "/switchovers", "/nonsense" };
	(void)state;
	be_primary();
	for (size_t i = 0; i < ARRAY_SIZE(methods) * ARRAY_SIZE(paths); i++) {
		struct rest_answer answer = ask(methods[i / ARRAY_SIZE(paths)], paths[i % ARRAY_SIZE(paths)], "");
		assert_int_equal(answer.status, 501);
		assert_string_equal(answer.content_type, "text/html;charset=utf-8");
		assert_non_null(strstr(answer.body, "Server does not support this operation"));
		rest_answer_clear(&answer);
	}
}

static void the_first_segment_finds_a_document(void **state)
{
	(void)state;
	be_replica();
	assert_int_equal(status_for("GET", "/patroni/", ""), 200);
	assert_int_equal(status_for("GET", "/history/x/y", ""), 200);
	assert_int_equal(status_for("GET", "/patronize", ""), 503);
	assert_int_equal(status_for("GET", "/x/patroni", ""), 503);
}

static void a_primary_says_where_it_is(void **state)
{
	(void)state;
	be_primary();
	details.replica_count = 1;
	details.replicas[0] = (struct postgres_replica){ .usename = "replicator",
							 .application_name = "shop-1",
							 .client_addr = "10.0.0.2",
							 .state = "streaming",
							 .sync_state = "async" };
	assert_body("/patroni", 200, "application/json",
		    "{\"state\": \"running\", \"postmaster_start_time\": \"2026-11-22 22:06:35.123456+00:00\", "
		    "\"role\": \"primary\", "
		    "\"server_version\": 150018, \"xlog\": {\"location\": 83886176}, \"timeline\": 7, "
		    "\"replication\": [{\"usename\": \"replicator\", \"application_name\": \"shop-1\", "
		    "\"client_addr\": \"10.0.0.2\", "
		    "\"state\": \"streaming\", \"sync_state\": \"async\", \"sync_priority\": 0}], \"dcs_last_seen\": "
		    "1795000000, "
		    "\"database_system_identifier\": \"7391000000000000417\", "
		    "\"patroni\": {\"version\": \"4.1.4\", \"scope\": \"shop\", \"name\": \"shop-0\", "
		    "\"howdah_version\": \"" HOWDAH_VERSION "\"}, "
		    "\"howdah\": {\"lease_left_ms\": 11500}}");
}

static void a_replica_says_all_it_can(void **state)
{
	(void)state;
	be_replica();
	config.tags = json_of("{\"nosync\":true,\"sync_priority\":\"2\"}");
	config.settings.paused = true;
	self.sight.held = false;
	details.pending_restart = true;
	text_copy(details.pending_restart_reason, sizeof(details.pending_restart_reason),
		  "{\"max_connections\":{\"old_value\":\"100\",\"new_value\":\"200\"}}");
	text_copy(details.replayed_timestamp, sizeof(details.replayed_timestamp), "2026-11-22 22:07:16.479980+00:00");
	assert_body(
		"/patroni", 200, "application/json",
		"{\"state\": \"running\", \"postmaster_start_time\": \"2026-11-22 22:06:35.123456+00:00\", \"role\": "
		"\"replica\", "
		"\"server_version\": 150018, \"xlog\": {\"received_location\": 83886080, \"replayed_location\": "
		"67108864, "
		"\"replayed_timestamp\": \"2026-11-22 22:07:16.479980+00:00\", \"paused\": false}, \"timeline\": 7, "
		"\"replication_state\": \"streaming\", \"pause\": true, \"cluster_unlocked\": true, \"dcs_last_seen\": "
		"1795000000, "
		"\"tags\": {\"nosync\": true, \"sync_priority\": \"2\"}, \"database_system_identifier\": "
		"\"7391000000000000417\", "
		"\"pending_restart\": true, \"pending_restart_reason\": {\"max_connections\": {\"old_value\": \"100\", "
		"\"new_value\": \"200\"}}, "
		"\"patroni\": {\"version\": \"4.1.4\", \"scope\": \"shop\", \"name\": \"shop-1\", \"howdah_version\": "
		"\"" HOWDAH_VERSION "\"}}");
}

/* A peer takes "primary" or an xlog.location for a primary that is alive, and would not take over. */
static void a_fenced_member_is_no_primary_to_its_peers(void **state)
{
	(void)state;
	be_fenced();
	assert_body("/patroni", 200, "application/json",
		    "{\"state\": \"crashed\", \"role\": \"demoted\", \"dcs_last_seen\": 1795000000, "
		    "\"database_system_identifier\": \"7391000000000000417\", "
		    "\"patroni\": {\"version\": \"4.1.4\", \"scope\": \"shop\", \"name\": \"shop-0\", "
		    "\"howdah_version\": \"" HOWDAH_VERSION "\"}, "
		    "\"howdah\": {\"lease_left_ms\": 11500}}");
	view.state = STATE_RUNNING; /* a state that was not looked at again either */
	assert_int_equal(status_for("GET", "/primary", ""), 503);
	assert_int_equal(status_for("GET", "/health", ""), 503);
	assert_int_equal(status_for("GET", "/readiness", ""), 503);
}

static void a_promotion_is_a_primary_only_when_it_is_done(void **state)
{
	(void)state;
	be_primary();
	instance.tree = PG_TREE_PROMOTING;
	instance.in_recovery = true;
	assert_int_equal(status_for("GET", "/primary", ""), 503);
	instance.in_recovery = false;
	assert_int_equal(status_for("GET", "/primary", ""), 503);
	instance.tree = PG_TREE_PRIMARY;
	assert_int_equal(status_for("GET", "/primary", ""), 200);
	view.leads = false;
	assert_int_equal(status_for("GET", "/primary", ""), 503);
}

static void a_pause_makes_no_primary_while_the_store_answers(void **state)
{
	(void)state;
	be_primary();
	view.leads = false;
	config.settings.paused = true;
	assert_int_equal(status_for("GET", "/primary", ""), 503);
	cluster.heard = at_s(980);
	assert_int_equal(status_for("GET", "/primary", ""), 200);
}

static void a_server_that_does_not_answer_is_unknown(void **state)
{
	(void)state;
	be_primary();
	instance.answers = false;
	struct json *root = rest_status(&view);
	assert_string_equal(json_get_text(root, "state"), "unknown");
	assert_string_equal(json_get_text(root, "role"), "primary");
	assert_null(json_get(root, "xlog"));
	json_free(root);
	assert_int_equal(status_for("GET", "/health", ""), 503);
}

static void a_clone_shows_how_far_it_is(void **state)
{
	(void)state;
	be_replica();
	instance = (struct instance){ .job = PG_JOB_CLONE,
				      .job_since = at_s(940),
				      .clone_done_bytes = 10,
				      .clone_total_bytes = 40,
				      .failures = 2,
				      .failure = "no space" };
	view.state = STATE_CREATING_REPLICA;
	struct json *root = rest_status(&view);
	char *text = json_print_text(json_get(root, "howdah"), JSON_COMPACT);
	assert_string_equal(
		text, "{\"clone\":{\"seconds\":60,\"done_bytes\":10,\"total_bytes\":40},\"failure\":\"no space\"}");
	free(text);
	json_free(root);
}

static void replicas_are_judged_by_lag(void **state)
{
	static const struct {
		const char *query;
		int status;
	} cases[] = {
		{ "lag=16777311", 503 }, /* 0x5000060 - 0x4000000 is 16777312 */
		{ "lag=16777312", 200 },
		{ "lag=17MB", 200 },
		{ "lag=16MB", 503 },
		{ "lag=17%4dB", 200 },
		{ "lag=nonsense", 200 },
		{ "lag=", 200 },
		{ "lag=17MB&lag=1", 200 },
		{ "lag=1&lag=17MB", 503 },
		{ "replication_state=streaming", 200 },
		{ "replication_state=in+archive+recovery", 503 },
	};
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (status_for("GET", "/replica", cases[i].query) != cases[i].status)
			fail_msg("%s is not %d", cases[i].query, cases[i].status);
		assert_int_equal(status_for("GET", "/read-only", cases[i].query), cases[i].status);
	}
	details.latest_end_lsn = 0x7000000; /* newer than what the store says */
	assert_int_equal(status_for("GET", "/replica", "lag=17MB"), 503);
}

static void replicas_can_refuse_load(void **state)
{
	(void)state;
	be_replica();
	config.tags = json_of("{\"noloadbalance\":true}");
	assert_int_equal(status_for("GET", "/replica", ""), 503);
	assert_int_equal(status_for("GET", "/health", ""), 200);
}

static void tags_must_match(void **state)
{
	static const struct {
		const char *query;
		int status;
	} cases[] = {
		{ "tag_zone=b", 200 },
		{ "tag_zone=B", 503 },
		{ "tag_missing=b", 503 },
		{ "tag_fast=true", 200 },
		{ "tag_fast=True", 503 },
		{ "tag_weight=5", 200 },
		{ "tag_weight=5.0", 503 },
		{ "tag_none=none", 200 },
		{ "tag_zone=b&tag_weight=6", 503 },
		{ "tag_zone=b&tag_zone=c", 200 },
		{ "tag_zone=c&tag_zone=b", 503 },
		{ "tag_zone=", 200 },
		{ "zone=c", 200 },
		{ "&&=&tag_", 200 },
		{ "tag_zone=%62", 200 },
	};
	(void)state;
	be_replica();
	config.tags = json_of("{\"zone\":\"b\",\"fast\":true,\"weight\":5,\"none\":null}");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (status_for("GET", "/replica", cases[i].query) != cases[i].status)
			fail_msg("%s is not %d", cases[i].query, cases[i].status);
	be_primary();
	assert_int_equal(status_for("GET", "/primary", "tag_zone=c"), 200);
	assert_int_equal(status_for("GET", "/leader", "tag_zone=c"), 200);
	assert_int_equal(status_for("GET", "/read-only", "tag_zone=c"), 503);
}

static void readiness_waits_for_a_replica_that_keeps_up(void **state)
{
	(void)state;
	be_replica();
	assert_int_equal(status_for("GET", "/readiness", ""), 503);
	assert_int_equal(status_for("GET", "/readiness", "lag=17MB"), 200);
	assert_int_equal(status_for("GET", "/readiness", "mode=write"), 200);
	assert_int_equal(status_for("GET", "/readiness", "mode=apply"), 503);
	instance.replay_lsn = 0x5000000;
	assert_int_equal(status_for("GET", "/readiness", ""), 200);
	cluster.heard = at_s(980);
	assert_int_equal(status_for("GET", "/readiness", ""), 503);
	details.latest_end_lsn = 0x5000060;
	assert_int_equal(status_for("GET", "/readiness", ""), 200);
	details.replication_state[0] = '\0';
	assert_int_equal(status_for("GET", "/readiness", ""), 503);
}

static void liveness_is_the_loop_alone(void **state)
{
	(void)state;
	be_fenced();
	assert_int_equal(status_for("GET", "/liveness", ""), 200);
	view.loop_alive = false;
	assert_int_equal(status_for("GET", "/liveness", ""), 503);
	config.settings.paused = true;
	assert_int_equal(status_for("GET", "/liveness", ""), 200);
}

static void the_cluster_lists_its_members(void **state)
{
	(void)state;
	be_primary();
	config.settings.paused = true;
	assert_body(
		"/cluster", 200, "application/json",
		"{\"members\": [{\"name\": \"shop-0\", \"role\": \"leader\", \"state\": \"running\", \"api_url\": "
		"\"http://shop-0:8008/patroni\", "
		"\"host\": \"10.0.0.1\", \"port\": 5432, \"timeline\": 7}, "
		"{\"name\": \"shop-1\", \"role\": \"replica\", \"state\": \"streaming\", \"api_url\": "
		"\"http://shop-1:8008/patroni\", "
		"\"host\": \"10.0.0.1\", \"port\": 5432, \"timeline\": 7, \"pending_restart_reason\": {\"a\": {}}, "
		"\"tags\": {\"clonefrom\": true, \"zone\": \"b\"}, \"receive_lag\": 96, \"receive_lsn\": "
		"\"0/5000000\", "
		"\"replay_lag\": 16777312, \"replay_lsn\": \"0/4000000\", \"lag\": 96, \"lsn\": \"0/5000000\"}, "
		"{\"name\": \"shop-2\", \"role\": \"replica\", \"state\": \"creating replica\", \"api_url\": "
		"\"http://shop-2:8008/patroni\", "
		"\"host\": \"10.0.0.1\", \"port\": 5432, \"receive_lsn\": \"unknown\", \"receive_lag\": \"unknown\", "
		"\"replay_lsn\": \"unknown\", \"replay_lag\": \"unknown\", \"lsn\": \"unknown\", \"lag\": "
		"\"unknown\"}], "
		"\"pause\": true, \"scope\": \"shop\"}");
}

static void the_cluster_shows_what_members_answered(void **state)
{
	(void)state;
	be_primary();
	self.peer_count = 2;
	self.peers[0] = (struct peer_answer){ .name = "shop-1",
					      .answered = at_s(998),
					      .in_recovery = true,
					      .state = STATE_RUNNING,
					      .timeline = 8,
					      .received_lsn = 0x5000060,
					      .replayed_lsn = 0x5000060,
					      .lsn = 0x5000060 };
	self.peers[1] = (struct peer_answer){ .name = "shop-2", .answered = at_s(990), .state = STATE_STOPPED };
	instance.timeline = 9;
	struct rest_answer answer = ask("GET", "/cluster", "");
	struct json *root = json_of(answer.body);
	const struct json *member = json_first(json_get(root, "members"));
	int64_t number;
	assert_true(json_i64(json_get(member, "timeline"), &number) && number == 9);
	member = json_next(member);
	assert_true(json_i64(json_get(member, "timeline"), &number) && number == 8);
	assert_true(json_i64(json_get(member, "lag"), &number) && number == 0);
	assert_string_equal(json_get_text(member, "state"), "streaming");
	member = json_next(member);
	assert_string_equal(json_get_text(member, "state"),
			    "creating replica"); /* that answer is older than a loop_wait */
	json_free(root);
	rest_answer_clear(&answer);
}

static void an_unanswered_question_leaves_what_is_stored(void **state)
{
	(void)state;
	be_replica();
	text_copy(cluster.members[0].replication_state, sizeof(cluster.members[0].replication_state), "streaming");
	self.peer_count = 1;
	self.peers[0] =
		(struct peer_answer){ .name = "shop-0", .answered = at_s(999), .silent = true, .state = STATE_STOPPED };
	struct rest_answer answer = ask("GET", "/cluster", "");
	assert_non_null(strstr(answer.body, "{\"name\": \"shop-0\", \"role\": \"leader\", \"state\": \"running\""));
	rest_answer_clear(&answer);
}

static void a_lock_that_ran_out_makes_no_leader(void **state)
{
	(void)state;
	be_replica();
	self.sight.since = at_s(984);
	struct rest_answer answer = ask("GET", "/cluster", "");
	assert_null(strstr(answer.body, "leader"));
	assert_non_null(strstr(answer.body, "\"members\": [{\"name\": \"shop-0\", \"role\": \"replica\""));
	rest_answer_clear(&answer);
	cluster.heard = at_s(984);
	assert_int_equal(status_for("GET", "/cluster", ""), 503);
}

static void a_standby_cluster_has_a_standby_leader(void **state)
{
	(void)state;
	be_standby_leader();
	text_copy(self.sight.record.leader, sizeof(self.sight.record.leader), "shop-1");
	struct rest_answer answer = ask("GET", "/cluster", "");
	assert_non_null(
		strstr(answer.body, "{\"name\": \"shop-1\", \"role\": \"standby_leader\", \"state\": \"streaming\""));
	rest_answer_clear(&answer);
	answer = ask("GET", "/standby_leader", "");
	assert_non_null(strstr(answer.body, "\"role\": \"standby_leader\""));
	rest_answer_clear(&answer);
}

static void a_scheduled_switchover_is_shown(void **state)
{
	(void)state;
	be_primary();
	config.settings.paused = true;
	cluster.move = (struct move){ .asked = true, .leader = "shop-0", .candidate = "shop-1" };
	struct rest_answer answer = ask("GET", "/cluster", "");
	assert_null(strstr(answer.body, "scheduled_switchover"));
	rest_answer_clear(&answer);
	text_copy(cluster.move.scheduled_at, TIME_SIZE, "2026-11-23T00:00:00+00:00");
	answer = ask("GET", "/cluster", "");
	assert_non_null(strstr(answer.body, "}], \"pause\": true, \"scheduled_switchover\": {\"at\": "
					    "\"2026-11-23T00:00:00+00:00\", \"from\": \"shop-0\", \"to\": "
					    "\"shop-1\"}, \"scope\": \"shop\"}"));
	rest_answer_clear(&answer);
}

static void a_scheduled_restart_is_shown(void **state)
{
	static const struct {
		int version;
		const char *text;
	} versions[] = { { 150004, "\"15.4\"" }, { 90603, "\"9.6.3\"" }, { 100000, "\"10.0\"" } };
	(void)state;
	be_primary();
	struct restart_order restart = { .asked = true, .schedule = "2026-11-23T00:00:00+00:00", .at_us = 1 };
	view.scheduled_restart = &restart;
	struct json *root = rest_status(&view);
	AUTO(text) char *plain = json_print_text(json_get(root, "scheduled_restart"), JSON_COMPACT);
	assert_string_equal(plain, "{\"schedule\":\"2026-11-23T00:00:00+00:00\"}");
	json_free(root);
	restart.only_pending = true;
	restart.timeout_ms = 90000;
	text_copy(restart.role, sizeof(restart.role), "replica");
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		char expected[256];
		restart.below_version = versions[i].version;
		root = rest_status(&view);
		AUTO(text) char *text = json_print_text(json_get(root, "scheduled_restart"), JSON_COMPACT);
		snprintf(expected, sizeof(expected),
			 "{\"schedule\":\"2026-11-23T00:00:00+00:00\",\"restart_pending\":true,\"role\":\"replica\","
			 "\"postgres_version\":%s,\"timeout\":90}",
			 versions[i].text);
		assert_string_equal(text, expected);
		json_free(root);
	}
}

static void failsafe_mode_is_shown(void **state)
{
	(void)state;
	be_replica();
	struct rest_answer answer = ask("GET", "/patroni", "");
	assert_null(strstr(answer.body, "failsafe"));
	rest_answer_clear(&answer);
	assert_int_equal(status_for("GET", "/failsafe", ""), 502);
	view.failsafe_text = "{}";
	assert_int_equal(status_for("GET", "/failsafe", ""), 502);
	view.failsafe_text = "[1]";
	assert_int_equal(status_for("GET", "/failsafe", ""), 502);
	view.failsafe_text = "{\"shop-0\":\"http://shop-0:8008/patroni\"}";
	assert_body("/failsafe", 200, "application/json", "{\"shop-0\": \"http://shop-0:8008/patroni\"}");
	view.failsafe_active = true;
	answer = ask("GET", "/patroni", "");
	assert_non_null(strstr(answer.body, "\"failsafe_mode_is_active\": true, \"dcs_last_seen\""));
	rest_answer_clear(&answer);
}

static void a_replica_stays_ready_while_failsafe_mode_is_active(void **state)
{
	(void)state;
	be_replica();
	cluster.heard = at_s(980);
	details.latest_end_lsn = 0;
	assert_int_equal(status_for("GET", "/readiness", ""), 503);
	view.failsafe_active = true;
	assert_int_equal(status_for("GET", "/readiness", ""), 200);
}

static void history_and_configuration_are_as_stored(void **state)
{
	(void)state;
	be_primary();
	assert_body("/history", 200, "application/json", "[]");
	assert_int_equal(status_for("GET", "/config", ""), 502);
	view.history_text =
		"[[1,83886472,\"no recovery target specified\",\"2026-11-22T22:07:16.479980+00:00\",\"shop-1\"]]";
	view.config_text = "{\"ttl\":15,\"postgresql\":{\"parameters\":null},\"a\":1.5}";
	assert_body(
		"/history", 200, "application/json",
		"[[1, 83886472, \"no recovery target specified\", \"2026-11-22T22:07:16.479980+00:00\", \"shop-1\"]]");
	assert_body("/config", 200, "application/json",
		    "{\"ttl\": 15, \"postgresql\": {\"parameters\": null}, \"a\": 1.5}");
	view.history_text = "{broken";
	view.config_text = "[1]";
	assert_body("/history", 200, "application/json", "[]");
	assert_int_equal(status_for("GET", "/config", ""), 502);
	assert_int_equal(status_for("GET", "/failsafe", ""), 502);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(health_checks_follow_the_contract),
		cmocka_unit_test(health_checks_carry_the_status),
		cmocka_unit_test(documents_answer_head_and_options_as_health_checks),
		cmocka_unit_test(probes_have_no_body),
		cmocka_unit_test(unknown_operations_say_so_in_the_words_patronictl_looks_for),
		cmocka_unit_test(the_first_segment_finds_a_document),
		cmocka_unit_test(a_primary_says_where_it_is),
		cmocka_unit_test(a_replica_says_all_it_can),
		cmocka_unit_test(a_fenced_member_is_no_primary_to_its_peers),
		cmocka_unit_test(a_promotion_is_a_primary_only_when_it_is_done),
		cmocka_unit_test(a_pause_makes_no_primary_while_the_store_answers),
		cmocka_unit_test(a_server_that_does_not_answer_is_unknown),
		cmocka_unit_test(a_clone_shows_how_far_it_is),
		cmocka_unit_test(replicas_are_judged_by_lag),
		cmocka_unit_test(replicas_can_refuse_load),
		cmocka_unit_test(tags_must_match),
		cmocka_unit_test(readiness_waits_for_a_replica_that_keeps_up),
		cmocka_unit_test(liveness_is_the_loop_alone),
		cmocka_unit_test(the_cluster_lists_its_members),
		cmocka_unit_test(the_cluster_shows_what_members_answered),
		cmocka_unit_test(an_unanswered_question_leaves_what_is_stored),
		cmocka_unit_test(a_lock_that_ran_out_makes_no_leader),
		cmocka_unit_test(a_standby_cluster_has_a_standby_leader),
		cmocka_unit_test(a_scheduled_switchover_is_shown),
		cmocka_unit_test(a_scheduled_restart_is_shown),
		cmocka_unit_test(failsafe_mode_is_shown),
		cmocka_unit_test(a_replica_stays_ready_while_failsafe_mode_is_active),
		cmocka_unit_test(history_and_configuration_are_as_stored),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
