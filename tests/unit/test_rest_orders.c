/* What people ask for through the HTTP API: each check with its text and code, each bad body, each order that comes of it.
 * The clock stands at 2026-11-18T11:06:41Z. */
#include "support_rest.h"

static const char page_type[] = "text/html;charset=utf-8";
static const char later[] = "2026-11-19T00:00:00+00:00";

/* It is answered at once, and nothing is to be done. */
static void assert_answer(const char *method, const char *path, const char *body, int status, const char *text)
{
	struct rest_answer answer = send_body(method, path, body);
	if (answer.status != status || strcmp(answer.body, text) != 0)
		fail_msg("%s %s %s: %d %s", method, path, body, answer.status, answer.body);
	assert_string_equal(answer.content_type, "text/html");
	assert_int_equal(answer.order.kind, ORDER_NONE);
	rest_answer_clear(&answer);
}

/* A page that holds the text. */
static void assert_page(const char *method, const char *path, const char *body, int status, const char *text)
{
	struct rest_answer answer = send_body(method, path, body);
	if (answer.status != status || strstr(answer.body, text) == NULL)
		fail_msg("%s %s %s: %d %s", method, path, body, answer.status, answer.body);
	assert_string_equal(answer.content_type, page_type);
	assert_int_equal(answer.order.kind, ORDER_NONE);
	rest_answer_clear(&answer);
}

static struct rest_answer order_of(const char *method, const char *path, const char *body, enum order_kind kind)
{
	struct rest_answer answer = send_body(method, path, body);
	if (answer.status != 0 || answer.order.kind != kind)
		fail_msg("%s %s %s: %d %s", method, path, body, answer.status, answer.body == NULL ? "" : answer.body);
	assert_null(answer.body);
	return answer;
}

static const struct {
	const char *method, *path;
} with_body[] = {
	{ "PATCH", "/config" },  { "PUT", "/config" },   { "POST", "/switchover" },   { "POST", "/failover" },
	{ "POST", "/failsafe" }, { "POST", "/restart" }, { "POST", "/reinitialize" },
};
enum { NEEDING_BODY = 5 };

static void a_body_that_cannot_be_read_is_refused_everywhere(void **state)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{ "{\"a\":", "The body cannot be read: JSON, line 1" },
		{ "nonsense", "The body cannot be read: JSON, line 1, column 1" },
		{ "[]", "The body is no JSON object" },
		{ "\"x\"", "The body is no JSON object" },
		{ "null", "The body is no JSON object" },
		{ "{} {}", "The body cannot be read" },
		{ "{\"leader\":\"\xff\"}", "not UTF-8" },
		{ "{\"leader\":\"a\",\"leader\":\"a\"}", "the key \"leader\" stands twice" },
		{ "{\"a\":01}", "not a number" },
		{ "{\"<b>\":1,\"<b>\":2}", "the key \"&lt;b&gt;\" stands twice" },
	};
	(void)state;
	be_replica();
	view.config_text = "{}";
	for (size_t r = 0; r < ARRAY_SIZE(with_body); r++)
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			assert_page(with_body[r].method, with_body[r].path, cases[i].body, 400, cases[i].text);
}

static void a_body_that_is_needed_must_be_there(void **state)
{
	(void)state;
	be_replica();
	view.config_text = "{}";
	for (size_t r = 0; r < NEEDING_BODY; r++) {
		assert_page(with_body[r].method, with_body[r].path, NULL, 411, "Length Required");
		assert_page(with_body[r].method, with_body[r].path, "", 400, "The body is empty");
		assert_page(with_body[r].method, with_body[r].path, "{}", 400, "The body is an empty object");
	}
}

static void restart_and_reinitialize_need_no_body(void **state)
{
	static const char *const bodies[] = { NULL, "", "{}" };
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct rest_answer answer = order_of("POST", "/restart", bodies[i], ORDER_RESTART);
		rest_answer_clear(&answer);
		answer = order_of("POST", "/reinitialize", bodies[i], ORDER_REINITIALIZE);
		rest_answer_clear(&answer);
	}
}

static void a_body_may_not_be_too_deep(void **state)
{
	char body[256];
	struct strbuf b;
	(void)state;
	be_replica();
	view.config_text = "{}";
	strbuf_init(&b, body, sizeof(body));
	strbuf_add(&b, "{\"a\":");
	for (int i = 0; i < 64; i++)
		strbuf_add(&b, "[");
	for (int i = 0; i < 64; i++)
		strbuf_add(&b, "]");
	strbuf_add(&b, "}");
	for (size_t r = 0; r < ARRAY_SIZE(with_body); r++)
		assert_page(with_body[r].method, with_body[r].path, body, 400, "too many levels: at most 64");
}

/* ---- /config ---- */

static void a_patch_is_merged_into_the_configuration(void **state)
{
	static const struct {
		const char *patch, *result;
	} cases[] = {
		{ "{\"ttl\":40}", "{\"ttl\":40,\"postgresql\":{\"use_slots\":true,\"parameters\":{\"a\":\"1\"}}}" },
		{ "{\"ttl\":null}", "{\"postgresql\":{\"use_slots\":true,\"parameters\":{\"a\":\"1\"}}}" },
		{ "{\"postgresql\":{\"parameters\":{\"a\":null}}}",
		  "{\"ttl\":30,\"postgresql\":{\"use_slots\":true,\"parameters\":{}}}" },
		{ "{\"z\":1,\"postgresql\":{\"b\":[1,{\"c\":null}]}}",
		  "{\"ttl\":30,\"postgresql\":{\"use_slots\":true,\"parameters\":{\"a\":\"1\"},\"b\":[1,{\"c\":null}]},"
		  "\"z\":1}" },
		{ "{\"ttl\":\"nonsense\",\"postgresql\":7}", "{\"ttl\":\"nonsense\",\"postgresql\":7}" },
	};
	(void)state;
	be_replica();
	view.config_text = "{\"ttl\":30,\"postgresql\":{\"use_slots\":true,\"parameters\":{\"a\":\"1\"}}}";
	cluster.config_object_version = 77;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rest_answer answer = order_of("PATCH", "/config", cases[i].patch, ORDER_CONFIG);
		assert_string_equal(answer.order.config_text, cases[i].result);
		assert_true(answer.order.config_version == 77);
		assert_false(answer.order.config_replaces);
		rest_answer_clear(&answer);
	}
}

static void the_new_configuration_answers_when_it_is_written(void **state)
{
	(void)state;
	be_replica();
	view.config_text = "{\"ttl\":30}";
	struct rest_answer answer = order_of("PATCH", "/config", "{\"loop_wait\":5}", ORDER_CONFIG);
	rest_answer_config(&answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.content_type, "application/json");
	assert_string_equal(answer.body, "{\"ttl\": 30, \"loop_wait\": 5}");
	rest_answer_error(&answer, 409, "It was <changed> meanwhile");
	assert_int_equal(answer.status, 409);
	assert_string_equal(answer.content_type, page_type);
	assert_non_null(strstr(answer.body, "<h1>Conflict</h1>\n<p>409: It was &lt;changed&gt; meanwhile."));
	rest_answer_clear(&answer);
}

static void a_patch_that_changes_nothing_is_answered_at_once(void **state)
{
	static const char *const patches[] = { "{\"ttl\":30}", "{\"ttl\":\"30\"}", "{\"x\":null}",
					       "{\"p\":{\"y\":null}}" };
	(void)state;
	be_replica();
	view.config_text = "{\"ttl\":30,\"p\":{}}";
	for (size_t i = 0; i < ARRAY_SIZE(patches); i++) {
		struct rest_answer answer = send_body("PATCH", "/config", patches[i]);
		assert_int_equal(answer.status, 200);
		assert_int_equal(answer.order.kind, ORDER_NONE);
		assert_string_equal(answer.body, "{\"ttl\": 30, \"p\": {}}");
		rest_answer_clear(&answer);
	}
}

static void the_configuration_can_be_replaced(void **state)
{
	(void)state;
	be_replica();
	view.config_text = "{\"ttl\":30}";
	cluster.config_object_version = 77;
	struct rest_answer answer = order_of("PUT", "/config", "{\"b\": null, \"a\": 1.50}", ORDER_CONFIG);
	assert_string_equal(answer.order.config_text, "{\"b\":null,\"a\":1.50}");
	assert_true(answer.order.config_replaces);
	assert_true(answer.order.config_version == 77);
	rest_answer_clear(&answer);
	answer = send_body("PUT", "/config", "{\"ttl\":30}");
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body, "{\"ttl\": 30}");
	rest_answer_clear(&answer);
	view.config_text = "";
	answer = order_of("PUT", "/config", "{\"ttl\":30}", ORDER_CONFIG);
	rest_answer_clear(&answer);
}

static void there_must_be_a_configuration_to_be_changed(void **state)
{
	static const char *const texts[] = { "", "[1]", "{broken" };
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		view.config_text = texts[i];
		assert_page("PATCH", "/config", "{\"a\":1}", 503, "The store holds no dynamic configuration");
	}
	view.config_text = "{}";
	cluster.heard = at_s(980);
	assert_page("PATCH", "/config", "{\"a\":1}", 503, "The store has not answered for a ttl");
	assert_page("PUT", "/config", "{\"a\":1}", 503, "The store has not answered for a ttl");
}

static void a_configuration_that_cannot_be_stored_is_refused(void **state)
{
	enum { SIZE = 201 * 1024 };
	(void)state;
	be_replica();
	view.config_text = "{}";
	AUTO(text) char *body = malloc(SIZE + 16);
	assert_non_null(body);
	memset(body, 'x', SIZE);
	memcpy(body, "{\"a\":\"", 6);
	memcpy(body + SIZE, "\"}", 3);
	assert_page("PATCH", "/config", body, 413, "at most 204800 can be stored");
	assert_page("PUT", "/config", body, 413, "at most 204800 can be stored");
}

/* ---- /switchover, /failover ---- */

static void moves_are_checked_in_the_contracts_order(void **state)
{
	static const struct {
		const char *path, *body;
		int status;
		const char *text;
	} cases[] = {
		{ "/failover", "{\"leader\":\"shop-0\",\"scheduled_at\":\"x\"}", 400,
		  "Failover could be performed only to a specific candidate" },
		{ "/failover", "{\"candidate\":null}", 400,
		  "Failover could be performed only to a specific candidate" },
		{ "/switchover", "{\"candidate\":\"shop-1\",\"scheduled_at\":\"x\"}", 400,
		  "Switchover could be performed only from a specific leader" },
		{ "/switchover", "{\"leader\":\"\"}", 400,
		  "Switchover could be performed only from a specific leader" },
		{ "/failover", "{\"candidate\":\"shop-1\",\"scheduled_at\":\"x\"}", 400,
		  "Failover can't be scheduled" },
		{ "/switchover", "{\"leader\":\"shop-0\",\"scheduled_at\":\"2026-11-19T00:00:00\"}", 400,
		  "Timezone information is mandatory for the scheduled switchover" },
		{ "/switchover", "{\"leader\":\"shop-0\",\"scheduled_at\":\"2026-11-18T11:06:40Z\"}", 422,
		  "Cannot schedule switchover in the past" },
		{ "/switchover", "{\"leader\":\"shop-0\",\"candidate\":\"shop-0\",\"scheduled_at\":\"soon\"}", 422,
		  "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601" },
		{ "/switchover", "{\"leader\":\"shop-0\",\"scheduled_at\":5}", 422,
		  "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601" },
		{ "/switchover",
		  "{\"leader\":\"shop-0\",\"scheduled_at\":\"2026-11-19T00:00:00.0000000000000000000Z\"}", 422,
		  "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601" },
		{ "/switchover", "{\"leader\":\"shop-0\",\"candidate\":\"shop-0\"}", 400,
		  "Switchover target and source are the same" },
		{ "/failover", "{\"leader\":\"shop-0\",\"member\":\"shop-0\"}", 400,
		  "Switchover target and source are the same" },
	};
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_answer("POST", cases[i].path, cases[i].body, cases[i].status, cases[i].text);
}

static void a_paused_cluster_moves_only_to_a_candidate_and_now(void **state)
{
	(void)state;
	be_replica();
	config.settings.paused = true;
	assert_answer("POST", "/switchover", "{\"leader\":\"shop-0\",\"scheduled_at\":\"x\"}", 400,
		      "Can't schedule switchover in the paused state");
	assert_answer("POST", "/switchover", "{\"leader\":\"shop-0\"}", 400,
		      "Switchover is possible only to a specific candidate in a paused state");
	struct rest_answer answer =
		order_of("POST", "/switchover", "{\"leader\":\"shop-0\",\"candidate\":\"shop-1\"}", ORDER_MOVE);
	rest_answer_clear(&answer);
	answer = order_of("POST", "/failover", "{\"candidate\":\"shop-1\"}", ORDER_MOVE);
	rest_answer_clear(&answer);
}

static void moves_become_orders(void **state)
{
	static const struct {
		const char *path, *body, *leader, *candidate, *scheduled_at;
		int64_t at_us;
		bool is_failover;
	} cases[] = {
		{ "/switchover", "{\"leader\":\"shop-0\"}", "shop-0", "", "", 0, false },
		{ "/switchover", "{\"leader\":\"shop-0\",\"candidate\":null,\"scheduled_at\":null}", "shop-0", "", "",
		  0, false },
		{ "/switchover",
		  "{\"leader\":\"shop-0\",\"candidate\":\"\",\"member\":\"shop-1\",\"scheduled_at\":\"\"}", "shop-0",
		  "shop-1", "", 0, false },
		{ "/switchover", "{\"leader\":\"shop-0\",\"candidate\":\"shop-1\",\"member\":\"shop-2\"}", "shop-0",
		  "shop-1", "", 0, false },
		{ "/switchover", "{\"leader\":\"shop-0\",\"scheduled_at\":\"2026-11-19T01:00:00.5+01:00\"}", "shop-0",
		  "", "2026-11-19T01:00:00.5+01:00", 1795046400500000, false },
		{ "/failover", "{\"candidate\":\"shop-2\"}", "", "shop-2", "", 0, true },
		{ "/failover", "{\"leader\":\"shop-0\",\"candidate\":\"shop-2\"}", "shop-0", "shop-2", "", 0, false },
	};
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rest_answer answer = order_of("POST", cases[i].path, cases[i].body, ORDER_MOVE);
		const struct move *move = &answer.order.move;
		assert_true(move->asked);
		assert_string_equal(move->leader, cases[i].leader);
		assert_string_equal(move->candidate, cases[i].candidate);
		assert_string_equal(move->scheduled_at, cases[i].scheduled_at);
		assert_true(move->at_us == cases[i].at_us);
		assert_true(answer.order.is_failover == cases[i].is_failover);
		rest_answer_clear(&answer);
	}
}

static void bad_names_in_a_move_are_refused(void **state)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{ "{\"leader\":5}", "leader: 5 is not a text" },
		{ "{\"leader\":\"a\",\"candidate\":[\"b\"]}", "candidate: [\"b\"] is not a text" },
		{ "{\"leader\":\"a\",\"member\":true}", "member: true is not a text" },
		{ "{\"leader\":\"a\",\"lead\":\"b\"}",
		  "lead: there is no such key; there are leader, candidate, member, scheduled_at" },
		{ "{\"leader\":\"a\\nb\"}", "leader: \"a\\nb\" holds a control character" },
		{ "{\"leader\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
		  "leader: \"01234567890123456789012345678901234567890123456789012345678... is too long: at most 63 "
		  "bytes" },
		{ "{\"<script>\":1}",
		  "&lt;script&gt;: there is no such key; there are leader, candidate, member, scheduled_at" },
	};
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_answer("POST", "/switchover", cases[i].body, 400, cases[i].text);
}

static void a_scheduled_switchover_can_be_deleted(void **state)
{
	(void)state;
	be_replica();
	cluster.move = (struct move){ .asked = true, .leader = "shop-0" };
	assert_answer("DELETE", "/switchover", NULL, 404, "no switchover is scheduled");
	text_copy(cluster.move.scheduled_at, TIME_SIZE, later);
	struct rest_answer answer = order_of("DELETE", "/switchover", NULL, ORDER_MOVE_CANCEL);
	rest_answer_text(&answer, 200, "scheduled switchover deleted");
	assert_string_equal(answer.body, "scheduled switchover deleted");
	rest_answer_clear(&answer);
	cluster.heard = at_s(980);
	assert_page("DELETE", "/switchover", NULL, 503, "The store has not answered for a ttl");
}

static void obstacles_have_the_contracts_words(void **state)
{
	static const struct {
		enum move_obstacle obstacle;
		bool is_failover;
		const char *text;
	} cases[] = {
		{ MOVE_LEADER_DIFFERS, false, "leader name does not match" },
		{ MOVE_NO_SUCH_CANDIDATE, true, "candidate does not exists" },
		{ MOVE_NO_MEMBERS, false, "switchover is not possible: cluster does not have members except leader" },
		{ MOVE_NOBODY_FIT, false, "switchover is not possible: no good candidates have been found" },
		{ MOVE_NOBODY_FIT, true, "failover is not possible: no good candidates have been found" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rest_answer answer = { .order = { .kind = ORDER_MOVE, .is_failover = cases[i].is_failover } };
		rest_answer_obstacle(&answer.order, cases[i].obstacle, &answer);
		assert_int_equal(answer.status, 412);
		assert_string_equal(answer.body, cases[i].text);
		rest_answer_clear(&answer);
	}
}

static void assert_told(struct rest_answer *answer, int status, const char *text)
{
	assert_int_equal(answer->status, status);
	assert_string_equal(answer->body, text);
	rest_answer_clear(answer);
}

static void the_outcome_of_a_move_has_the_contracts_words(void **state)
{
	(void)state;
	for (int failover = 0; failover < 2; failover++) {
		const struct rest_answer any = { .order = { .kind = ORDER_MOVE, .is_failover = failover } };
		struct rest_answer answer = any;
		rest_answer_moved(&answer, "b");
		assert_told(&answer, 200,
			    failover ? "Successfully failed over to \"b\"" : "Successfully switched over to \"b\"");
		answer = any;
		text_copy(answer.order.move.candidate, NAME_SIZE, "b");
		rest_answer_moved(&answer, "b");
		assert_told(&answer, 200,
			    failover ? "Successfully failed over to \"b\"" : "Successfully switched over to \"b\"");
		answer = any;
		text_copy(answer.order.move.candidate, NAME_SIZE, "c");
		rest_answer_moved(&answer, "b");
		assert_told(&answer, 200,
			    failover ? "Failed over to \"b\" instead of \"c\""
				     : "Switched over to \"b\" instead of \"c\"");
		answer = any;
		rest_answer_not_moved(&answer, 0, "");
		assert_told(&answer, 503, failover ? "Failover failed" : "Switchover failed");
		answer = any;
		rest_answer_not_moved(&answer, 0, "nobody fit");
		assert_told(&answer, 503, failover ? "Failover failed: nobody fit" : "Switchover failed: nobody fit");
		answer = any;
		rest_answer_not_moved(&answer, 20, "");
		assert_told(&answer, 503,
			    failover
				    ? "Failover status unknown after 20 seconds; operation may still be in progress"
				    : "Switchover status unknown after 20 seconds; operation may still be in progress");
	}
}

/* ---- /restart ---- */

static void filters_of_a_restart_are_checked(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *text;
	} cases[] = {
		{ "{\"schedule\":\"2026-11-19 00:00\"}", 400,
		  "Timezone information is mandatory for the scheduled restart" },
		{ "{\"schedule\":\"2020-01-01T00:00:00Z\"}", 422, "Cannot schedule restart in the past" },
		{ "{\"schedule\":null}", 422,
		  "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601" },
		{ "{\"role\":\"master\"}", 400,
		  "PostgreSQL role should be either primary, standby_leader, or replica" },
		{ "{\"role\":1}", 400, "PostgreSQL role should be either primary, standby_leader, or replica" },
		{ "{\"postgres_version\":\"15\"}", 400,
		  "postgres_version: \"15\" is no version of PostgreSQL: \"X.Y\", or \"X.Y.Z\" before 10" },
		{ "{\"postgres_version\":\"9.6\"}", 400,
		  "postgres_version: \"9.6\" is no version of PostgreSQL: \"X.Y\", or \"X.Y.Z\" before 10" },
		{ "{\"postgres_version\":15.4}", 400,
		  "postgres_version: 15.4 is no version of PostgreSQL: \"X.Y\", or \"X.Y.Z\" before 10" },
		{ "{\"postgres_version\":\"15.4.\"}", 400,
		  "postgres_version: \"15.4.\" is no version of PostgreSQL: \"X.Y\", or \"X.Y.Z\" before 10" },
		{ "{\"postgres_version\":\"15.123\"}", 400,
		  "postgres_version: \"15.123\" is no version of PostgreSQL: \"X.Y\", or \"X.Y.Z\" before 10" },
		{ "{\"postgres_version\":\"\"}", 400,
		  "postgres_version: \"\" is no version of PostgreSQL: \"X.Y\", or \"X.Y.Z\" before 10" },
		{ "{\"timeout\":0}", 400, "Timeout should be a positive number of seconds" },
		{ "{\"timeout\":-5}", 400, "Timeout should be a positive number of seconds" },
		{ "{\"timeout\":\"5x\"}", 400, "Timeout should be a positive number of seconds" },
		{ "{\"timeout\":null}", 400, "Timeout should be a positive number of seconds" },
		{ "{\"timeout\":[5]}", 400, "Timeout should be a positive number of seconds" },
		{ "{\"timeout\":1e300}", 400, "Timeout should be a positive number of seconds" },
		{ "{\"timeout\":31536001}", 400, "timeout: 31536001 is too long: at most a year" },
		{ "{\"when\":1}", 400, "Unknown filter for the scheduled restart: when" },
		{ "{\"role\":\"x\",\"when\":1}", 400,
		  "PostgreSQL role should be either primary, standby_leader, or replica" },
		{ "{\"when\":1,\"role\":\"x\"}", 400, "Unknown filter for the scheduled restart: when" },
	};
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_answer("POST", "/restart", cases[i].body, cases[i].status, cases[i].text);
}

static void restarts_become_orders(void **state)
{
	static const struct {
		const char *body;
		struct restart_order order;
	} cases[] = {
		{ "{\"role\":\"replica\"}", { .role = "replica" } },
		{ "{\"role\":\"standby_leader\",\"timeout\":\"2min\"}",
		  { .role = "standby_leader", .timeout_ms = 120000 } },
		{ "{\"timeout\":1.6}", { .timeout_ms = 2000 } },
		{ "{\"timeout\":\"30\"}", { .timeout_ms = 30000 } },
		{ "{\"postgres_version\":\"15.4\"}", { .below_version = 150004 } },
		{ "{\"postgres_version\":\"9.6.24\"}", { .below_version = 90624 } },
		{ "{\"restart_pending\":false}", { .only_pending = true } },
		{ "{\"schedule\":\"2026-11-19T00:00:00+00:00\",\"restart_pending\":true}",
		  { .schedule = "2026-11-19T00:00:00+00:00", .at_us = 1795046400000000, .only_pending = true } },
	};
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rest_answer answer = order_of("POST", "/restart", cases[i].body, ORDER_RESTART);
		const struct restart_order *got = &answer.order.restart, *want = &cases[i].order;
		assert_true(got->asked);
		assert_string_equal(got->schedule, want->schedule);
		assert_string_equal(got->role, want->role);
		assert_true(got->at_us == want->at_us && got->below_version == want->below_version &&
			    got->only_pending == want->only_pending && got->timeout_ms == want->timeout_ms);
		assert_true(got->postmaster_start_us == 1795385195123456);
		rest_answer_clear(&answer);
	}
}

static void one_restart_can_be_scheduled(void **state)
{
	(void)state;
	be_replica();
	assert_answer("DELETE", "/restart", NULL, 404, "no restarts are scheduled");
	struct restart_order scheduled = { .asked = true };
	view.scheduled_restart = &scheduled;
	assert_answer("POST", "/restart", "{\"schedule\":\"2026-11-19T00:00:00Z\"}", 409,
		      "Another restart is already scheduled");
	struct rest_answer answer = order_of("POST", "/restart", NULL, ORDER_RESTART);
	rest_answer_clear(&answer);
	answer = order_of("DELETE", "/restart", NULL, ORDER_RESTART_CANCEL);
	rest_answer_clear(&answer);
}

static void no_restart_is_scheduled_in_a_pause(void **state)
{
	(void)state;
	be_replica();
	config.settings.paused = true;
	assert_answer("POST", "/restart", "{\"role\":\"nonsense\",\"schedule\":\"nonsense\"}", 500,
		      "Can't schedule restart in the paused state");
	struct rest_answer answer = order_of("POST", "/restart", NULL, ORDER_RESTART);
	rest_answer_clear(&answer);
}

/* ---- /reload, /reinitialize, /failsafe, what there is not ---- */

static void a_reload_needs_nothing(void **state)
{
	static const char *const bodies[] = { NULL, "", "nonsense" };
	(void)state;
	be_fenced();
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct rest_answer answer = order_of("POST", "/reload", bodies[i], ORDER_RELOAD);
		rest_answer_clear(&answer);
	}
}

static void a_replica_can_be_made_anew(void **state)
{
	static const struct {
		const char *body;
		bool force, from_leader;
	} cases[] = {
		{ "{\"force\":true}", true, false },
		{ "{\"force\":\"on\",\"from_leader\":1}", true, true },
		{ "{\"force\":null,\"from-leader\":\"yes\"}", false, true },
		{ "{\"force\":0,\"from_leader\":\"off\"}", false, false },
	};
	(void)state;
	be_replica();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rest_answer answer = order_of("POST", "/reinitialize", cases[i].body, ORDER_REINITIALIZE);
		assert_true(answer.order.force == cases[i].force && answer.order.from_leader == cases[i].from_leader);
		rest_answer_clear(&answer);
	}
	assert_answer("POST", "/reinitialize", "{\"force\":\"perhaps\"}", 400,
		      "force: \"perhaps\" is not a boolean: true or false");
	assert_answer("POST", "/reinitialize", "{\"from_leader\":2}", 400,
		      "from_leader: 2 is not a boolean: true or false");
	assert_answer("POST", "/reinitialize", "{\"fast\":true}", 400,
		      "fast: there is no such key; there are force, from_leader, from-leader");
}

static void nothing_is_made_anew_without_a_leader_or_on_it(void **state)
{
	(void)state;
	be_primary();
	assert_answer("POST", "/reinitialize", NULL, 503, "I am the leader, can not reinitialize");
	view.leads = false; /* the lock still names us */
	assert_answer("POST", "/reinitialize", NULL, 503, "I am the leader, can not reinitialize");
	be_replica();
	self.sight.held = false;
	assert_answer("POST", "/reinitialize", "{\"force\":true}", 503, "Cluster has no leader, can not reinitialize");
	be_replica();
	cluster.heard = at_s(980);
	assert_answer("POST", "/reinitialize", NULL, 503, "Cluster has no leader, can not reinitialize");
}

#define PING                                                                                                           \
	"\"name\":\"shop-0\",\"api_url\":\"http://10.0.0.1:8008/patroni\",\"conn_url\":\"postgres://10.0.0.1:5432/"    \
	"postgres\""

static void a_replica_hears_a_primary_in_failsafe_mode(void **state)
{
	(void)state;
	be_replica();
	assert_page("POST", "/failsafe", "{" PING "}", 502, "Failsafe mode is off");
	config.dynamic = json_of("{\"failsafe_mode\":true}");
	struct rest_answer answer =
		order_of("POST", "/failsafe", "{" PING ",\"slots\":{\"shop_1\":5},\"new\":[1]}", ORDER_FAILSAFE);
	assert_string_equal(answer.order.ping.name, "shop-0");
	assert_string_equal(answer.order.ping.api_url, "http://10.0.0.1:8008/patroni");
	assert_string_equal(answer.order.ping.conn_url, "postgres://10.0.0.1:5432/postgres");
	rest_answer_header(&answer, "lsn", "83886080");
	rest_answer_text(&answer, 200, "Accepted");
	assert_string_equal(answer.extra_headers, "lsn: 83886080\n");
	assert_string_equal(answer.body, "Accepted");
	rest_answer_clear(&answer);
}

static void a_ping_must_say_who_it_comes_from(void **state)
{
	(void)state;
	be_replica();
	config.dynamic = json_of("{\"failsafe_mode\":true}");
	assert_answer("POST", "/failsafe", "{\"name\":\"a\",\"api_url\":\"b\"}", 400, "conn_url: it is missing");
	assert_answer("POST", "/failsafe", "{\"name\":\"\",\"api_url\":\"b\",\"conn_url\":\"c\"}", 400,
		      "name: it is missing");
	assert_answer("POST", "/failsafe", "{" PING ",\"slots\":[]}", 400, "slots: [] is not an object");
	assert_answer("POST", "/failsafe", "{\"name\":\"a\",\"api_url\":7,\"conn_url\":\"c\"}", 400,
		      "api_url: 7 is not a text");
	char body[512];
	snprintf(body, sizeof(body), "{\"name\":\"a\",\"conn_url\":\"c\",\"api_url\":\"%0*d\"}", 256, 0);
	struct rest_answer answer = send_body("POST", "/failsafe", body);
	assert_int_equal(answer.status, 400);
	assert_non_null(strstr(answer.body, "is too long: at most 255 bytes"));
	rest_answer_clear(&answer);
}

/* Two of them must never let each other go on. */
static void whoever_may_be_a_primary_lets_no_other_go_on(void **state)
{
	(void)state;
	be_primary();
	config.dynamic = json_of("{\"failsafe_mode\":true}");
	assert_answer("POST", "/failsafe", "{" PING "}", 500, "Running as a leader");
	view.leads = false;
	instance.answers = false;
	assert_answer("POST", "/failsafe", "{" PING "}", 500, "Running as a leader");
	instance.tree = PG_TREE_PROMOTING;
	assert_answer("POST", "/failsafe", "{" PING "}", 500, "Running as a leader");
	instance.tree = PG_TREE_DOWN;
	struct rest_answer answer = order_of("POST", "/failsafe", "{" PING "}", ORDER_FAILSAFE);
	rest_answer_clear(&answer);
}

static void what_there_is_not_is_refused(void **state)
{
	static const char *const paths[] = { "/sigterm", "/citus", "/mpp" };
	(void)state;
	be_primary();
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_page("POST", paths[i], "{\"type\":\"before_demote\"}", 501,
			    "Server does not support this operation: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_that_cannot_be_read_is_refused_everywhere),
		cmocka_unit_test(a_body_that_is_needed_must_be_there),
		cmocka_unit_test(restart_and_reinitialize_need_no_body),
		cmocka_unit_test(a_body_may_not_be_too_deep),
		cmocka_unit_test(a_patch_is_merged_into_the_configuration),
		cmocka_unit_test(the_new_configuration_answers_when_it_is_written),
		cmocka_unit_test(a_patch_that_changes_nothing_is_answered_at_once),
		cmocka_unit_test(the_configuration_can_be_replaced),
		cmocka_unit_test(there_must_be_a_configuration_to_be_changed),
		cmocka_unit_test(a_configuration_that_cannot_be_stored_is_refused),
		cmocka_unit_test(moves_are_checked_in_the_contracts_order),
		cmocka_unit_test(a_paused_cluster_moves_only_to_a_candidate_and_now),
		cmocka_unit_test(moves_become_orders),
		cmocka_unit_test(bad_names_in_a_move_are_refused),
		cmocka_unit_test(a_scheduled_switchover_can_be_deleted),
		cmocka_unit_test(obstacles_have_the_contracts_words),
		cmocka_unit_test(the_outcome_of_a_move_has_the_contracts_words),
		cmocka_unit_test(filters_of_a_restart_are_checked),
		cmocka_unit_test(restarts_become_orders),
		cmocka_unit_test(one_restart_can_be_scheduled),
		cmocka_unit_test(no_restart_is_scheduled_in_a_pause),
		cmocka_unit_test(a_reload_needs_nothing),
		cmocka_unit_test(a_replica_can_be_made_anew),
		cmocka_unit_test(nothing_is_made_anew_without_a_leader_or_on_it),
		cmocka_unit_test(a_replica_hears_a_primary_in_failsafe_mode),
		cmocka_unit_test(a_ping_must_say_who_it_comes_from),
		cmocka_unit_test(whoever_may_be_a_primary_lets_no_other_go_on),
		cmocka_unit_test(what_there_is_not_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
