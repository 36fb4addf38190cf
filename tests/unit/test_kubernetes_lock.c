/* The lock's writes: bodies, versions, repeats, and what a 409 means. */
#include "fake_api.h"

#define HELD(time, transitions)                                                                                        \
	"\"leader\":\"pg-0\",\"ttl\":\"30\",\"renewTime\":\"" time                                                     \
	"\",\"acquireTime\":\"2026-11-23T00:00:00+00:00\",\"transitions\":\"" transitions "\""
#define OURS   HELD("2026-11-23T00:00:01+00:00", "3")
#define THEIRS "\"leader\":\"pg-1\",\"ttl\":\"30\",\"renewTime\":\"r\",\"acquireTime\":\"a\",\"transitions\":\"4\""

static const struct lease_token token = { "pg-0", "2026-11-23T00:00:00+00:00", 3 };

static struct dcs_lock_write lock_write(void)
{
	return (struct dcs_lock_write){
		.ttl_ms = 30000,
		.limit_ms = 10000,
		.create_until = { INT64_MAX / 2, INT64_MAX / 2 },
		.token = token,
		.pod_ip = "10.0.0.1",
		.position = { .slots = "", .retain_slots = "", .positions = "", .timeline_token = "" }
	};
}

static void start(const char *state)
{
	create();
	load(LIST("5", POD("pg-0", "4", "")), state);
}

static void acquire(uint64_t version)
{
	struct dcs_lock_write write = lock_write();
	write.version = version;
	dcs_acquire(dcs, &write, done, &result);
}

static void renew(void)
{
	struct dcs_lock_write write = lock_write();
	dcs_renew(dcs, &write, done, &result);
}

static struct http_call *lock_call(const char *method)
{
	struct http_call *call = find_call(method, "/endpoints");
	for (; call != NULL; call = call->next)
		if (strcmp(call->lane, "lock") == 0 && strcmp(call->method, method) == 0)
			return call;
	return NULL;
}

/* The object as the given send would leave it. */
static char *landed(char *text, size_t size, const struct lease_send *send, int version)
{
	snprintf(
		text, size,
		"{\"metadata\":{\"name\":\"batman\",\"uid\":\"uid-batman\",\"resourceVersion\":\"%d\",\"annotations\":{"
		"\"leader\":\"%s\",\"ttl\":\"30\",\"renewTime\":\"%s\",\"acquireTime\":\"%s\",\"transitions\":\"%d\"}}"
		"}",
		version, send->token.leader, send->renew_time, send->token.acquire_time, (int)send->token.transitions);
	return text;
}

static void acquire_is_a_patch_by_the_version_given(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", "\"transitions\":\"4\"")));
	acquire(7);
	struct http_call *call = lock_call("PATCH");
	assert_string_equal(call->url, "http://api:8080/api/v1/namespaces/default/endpoints/batman");
	assert_string_equal(call->content_type, "application/strategic-merge-patch+json");
	assert_string_equal(call->bearer, "secret");
	assert_string_equal(
		call->body,
		"{\"metadata\": {\"namespace\": \"default\", \"name\": \"batman\", \"labels\": {\"application\": "
		"\"patroni\", "
		"\"cluster-name\": \"batman\"}, \"annotations\": {\"leader\": \"pg-0\", \"ttl\": \"30\", "
		"\"renewTime\": \"2026-11-22T22:06:38.121885+00:00\", \"acquireTime\": "
		"\"2026-11-22T22:06:38.121885+00:00\", "
		"\"transitions\": \"5\", \"howdah.io/holder-uid\": \"uid-pg-0\", \"howdah.io/timeline\": null}, "
		"\"resourceVersion\": \"7\"}, "
		"\"subsets\": [{\"addresses\": [{\"ip\": \"10.0.0.1\", \"hostname\": null, \"nodeName\": \"node1\", "
		"\"targetRef\": {\"kind\": \"Pod\", \"uid\": \"uid-pg-0\", \"namespace\": \"default\", \"name\": "
		"\"pg-0\", "
		"\"resourceVersion\": \"4\"}}], \"ports\": [{\"port\": 5432}]}]}");
	char text[1024];
	reply(call, 200, landed(text, sizeof(text), &last_send, 10));
	assert_int_equal(result.outcome, DCS_DONE);
	const struct cluster *view = dcs_view(dcs);
	assert_int_equal(view->leader.version, 10);
	assert_true(lease_token_matches(&last_send.token, &view->leader.record));
	assert_int_equal(view_events, 0);
	pass_ms(1);
	assert_int_equal(view_events, 1);
}

static void acquire_creates_the_object_where_there_is_none(void **state UNUSED)
{
	start(LIST("9", ""));
	acquire(0);
	struct http_call *call = lock_call("POST");
	assert_string_equal(call->url, "http://api:8080/api/v1/namespaces/default/endpoints");
	assert_false(has(call, "resourceVersion\": \"9"));
	assert_true(has(call, "\"transitions\": \"0\""));
	reply(call, 201, OBJECT("batman", "10", OURS));
	assert_int_equal(result.outcome, DCS_DONE);
}

static void acquire_is_not_repeated_after_a_conflict(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", "")));
	acquire(7);
	reply(lock_call("PATCH"), 409, "");
	reply(lock_call("GET"), 200, OBJECT("batman", "8", "\"x\":\"annotated by somebody\""));
	assert_int_equal(result.count, 1);
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_null(lock_call("PATCH"));
	assert_int_equal(dcs_view(dcs)->leader.version, 8);
	pass_ms(1000);
	assert_non_null(list_of("endpoints"));
	assert_int_equal(send_count, 1);
}

static void acquire_whose_first_send_landed_is_done(void **state UNUSED)
{
	char text[1024];
	start(LIST("9", OBJECT("batman", "7", "")));
	acquire(7);
	pass_ms(5200); /* half of the limit and a pause */
	assert_int_equal(send_count, 2);
	assert_string_not_equal(first_send.renew_time, last_send.renew_time);
	assert_string_equal(first_send.token.acquire_time, last_send.token.acquire_time);
	assert_true(last_send.start.raw_us - first_send.start.raw_us >= 5000000);
	reply(lock_call("PATCH"), 409, "");
	reply(lock_call("GET"), 200, landed(text, sizeof(text), &first_send, 8));
	assert_int_equal(result.outcome, DCS_DONE);
	struct lease_hold hold = { .ttl_ms = 0 };
	assert_true(lease_credit(&hold, &sends, &dcs_view(dcs)->leader.record));
	assert_int_equal(hold.start.raw_us, first_send.start.raw_us);
}

static void object_without_our_label_is_relabelled_by_the_next_acquire(void **state UNUSED)
{
	start(LIST("9", ""));
	acquire(0);
	reply(lock_call("POST"), 409, "");
	reply(lock_call("GET"), 200, OBJECT("batman", "6", ""));
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_true(dcs_view(dcs)->leader.present);
	pass_ms(2000);
	assert_null(list_of("endpoints")); /* it would not show the object */
	assert_true(dcs_view(dcs)->leader.present);
	acquire(6);
	assert_true(has(lock_call("PATCH"), "\"resourceVersion\": \"6\""));
	assert_true(has(lock_call("PATCH"), "\"cluster-name\": \"batman\""));
}

static void renew_keeps_the_token_and_carries_the_position(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	struct dcs_lock_write write = lock_write();
	write.position = (struct dcs_position){ .optime_lsn = 24470704,
						.slots = "{\"pg_1\":24456512}",
						.retain_slots = "",
						.positions = "{\"pg-1\":[24456512,24456000]}",
						.timeline = 2,
						.timeline_token = "pg-0 x 3" };
	dcs_renew(dcs, &write, done, &result);
	assert_true(dcs_lock_busy(dcs));
	struct http_call *call = lock_call("PATCH");
	const char *wanted =
		"\"annotations\": {\"leader\": \"pg-0\", \"ttl\": \"30\", \"renewTime\": "
		"\"2026-11-22T22:06:38.121885+00:00\", \"acquireTime\": \"2026-11-23T00:00:00+00:00\", "
		"\"transitions\": \"3\", \"optime\": \"24470704\", \"slots\": \"{\\\"pg_1\\\":24456512}\", "
		"\"retain_slots\": null, \"howdah.io/positions\": \"{\\\"pg-1\\\":[24456512,24456000]}\", "
		"\"howdah.io/holder-uid\": \"uid-pg-0\", "
		"\"howdah.io/timeline\": \"2 pg-0 x 3\"}, \"resourceVersion\": \"7\"}";
	assert_true(has(call, wanted));
	reply(call, 200, OBJECT("batman", "8", OURS));
	assert_int_equal(result.outcome, DCS_DONE);
	assert_false(dcs_lock_busy(dcs));
}

static void subsets_are_left_alone_where_they_match(void **state UNUSED)
{
	start(LIST("9",
		   "{\"metadata\":{\"name\":\"batman\",\"uid\":\"u\",\"resourceVersion\":\"7\",\"annotations\":{" OURS
		   "}},\"subsets\":[{\"addresses\":[{\"ip\":\"10.0.0.1\"}],\"ports\":[{\"port\":5432,"
		   "\"protocol\":\"TCP\"}]}]}"));
	renew();
	assert_false(has(lock_call("PATCH"), "subsets"));
}

static void renew_is_repeated_with_a_renew_time_of_its_own(void **state UNUSED)
{
	fake_loop.wall_stands_still = true;
	start(LIST("9", OBJECT("batman", "7", OURS)));
	renew();
	reply(lock_call("PATCH"), 403, "{\"message\":\"forbidden\"}");
	assert_null(lock_call("PATCH"));
	pass_ms(100);
	assert_string_equal(first_send.renew_time, "2026-11-22T22:06:37.521885+00:00");
	assert_string_equal(last_send.renew_time, "2026-11-22T22:06:37.521886+00:00");
	assert_true(has(lock_call("PATCH"), "37.521886"));
	assert_int_equal(last_send.start.raw_us, fake_loop.now_us);
	struct instant before = dcs_view(dcs)->heard;
	reply(lock_call("PATCH"), 503, "");
	assert_int_equal(before.raw_us, dcs_view(dcs)->heard.raw_us); /* neither was an answer */
	pass_ms(200);
	reply(lock_call("PATCH"), 200, OBJECT("batman", "8", OURS));
	assert_int_equal(result.outcome, DCS_DONE);
	assert_int_equal(send_count, 3);
}

static void renew_that_never_gets_an_answer_ends_within_its_limit(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	renew();
	for (int ms = 0; ms < 10000; ms += 10) {
		int flying = 0;
		for (struct http_call *c = open_calls; c != NULL; c = c->next)
			flying += strcmp(c->lane, "lock") == 0;
		assert_true(flying <= 1);
		pass_ms(10);
	}
	assert_int_equal(result.outcome, DCS_NO_ANSWER);
	assert_true(send_count >= 2);
}

static void pause_asked_for_by_the_server_is_capped(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	renew();
	reply_later(lock_call("PATCH"), 429, 60);
	pass_ms(2499);
	assert_null(lock_call("PATCH"));
	pass_ms(1);
	assert_non_null(lock_call("PATCH"));
}

static void renew_after_a_conflict_goes_on_with_the_fresh_version_while_the_token_is_ours(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	renew();
	reply(lock_call("PATCH"), 409, "");
	reply(lock_call("GET"), 200, OBJECT("batman", "8", OURS));
	assert_true(has(lock_call("PATCH"), "\"resourceVersion\": \"8\""));
	reply(lock_call("PATCH"), 409, "");
	reply(lock_call("GET"), 200, OBJECT("batman", "9", OURS));
	assert_int_equal(result.outcome, DCS_NO_ANSWER);
	assert_int_equal(send_count, 2);
}

static void renew_after_a_conflict_with_another_holder_is_lost(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	renew();
	reply(lock_call("PATCH"), 409, "");
	/* our own name is not enough: another acquireTime or number of transitions is another lease */
	reply(lock_call("GET"), 200, OBJECT("batman", "8", HELD("2026-11-23T00:00:02+00:00", "4")));
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_null(lock_call("PATCH"));
}

static void renew_refused_by_the_version_it_has_is_lost(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	renew();
	reply(lock_call("PATCH"), 409, "");
	reply(lock_call("GET"), 200, OBJECT("batman", "7", OURS));
	assert_int_equal(result.outcome, DCS_CONFLICT);
}

static void renew_of_a_strangers_record_sends_nothing(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", THEIRS)));
	int before = calls_made;
	renew();
	assert_int_equal(result.count, 0);
	pass_ms(0);
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_int_equal(calls_made, before);
}

/* Whether it is made anew is for core to say: somebody may have led since. */
static void renew_of_a_deleted_object_creates_it_when_asked_again(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	renew();
	reply(lock_call("PATCH"), 404, "");
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_false(dcs_view(dcs)->leader.present);
	renew();
	struct http_call *call = lock_call("POST");
	assert_true(has(call, "\"acquireTime\": \"2026-11-23T00:00:00+00:00\""));
	assert_false(has(call, "null, \"howdah"));
	reply(call, 201, OBJECT("batman", "12", OURS));
	assert_int_equal(result.outcome, DCS_DONE);
}

static void a_lease_that_has_run_out_makes_no_object_anew(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	struct dcs_lock_write write = lock_write();
	write.create_until = (struct instant){ 1, 1 };
	dcs_renew(dcs, &write, done, &result);
	reply(lock_call("PATCH"), 404, "");
	assert_int_equal(result.outcome, DCS_CONFLICT);
}

static void relabelled_object_of_ours_is_taken_back(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	feed(watch_of("endpoints"), EVENT("DELETED", OBJECT("batman", "10", OURS)));
	assert_false(dcs_view(dcs)->leader.present);
	renew();
	reply(lock_call("POST"), 409, "");
	reply(lock_call("GET"), 200, OBJECT("batman", "10", OURS));
	assert_true(has(lock_call("PATCH"), "\"resourceVersion\": \"10\""));
}

#define ROUTED                                                                                                         \
	"{\"metadata\":{\"name\":\"batman\",\"uid\":\"u\",\"resourceVersion\":\"7\",\"annotations\":{" OURS            \
	"}},\"subsets\":[{\"addresses\":[{\"ip\":\"10.0.0.1\"}],\"ports\":[{\"port\":5432}]}]}"

static void a_release_to_somebody_leads_the_route_there(void **state UNUSED)
{
	create();
	load(LIST("5",
		  POD("pg-0", "4", "") ",{\"metadata\":{\"name\":\"pg-1\",\"uid\":\"u1\",\"resourceVersion\":\"6\"},"
				       "\"spec\":{\"nodeName\":\"n2\"},\"status\":{\"podIP\":\"10.0.0.2\"}}"),
	     LIST("9", ROUTED));
	struct dcs_lock_write write = lock_write();
	text_copy(write.heir, sizeof(write.heir), "pg-1");
	dcs_release(dcs, &write, done, &result);
	assert_true(has(lock_call("PATCH"), "\"leader\": null"));
	assert_true(has(lock_call("PATCH"),
			"\"subsets\": [{\"addresses\": [{\"ip\": \"10.0.0.2\", \"hostname\": null, "
			"\"nodeName\": \"n2\", \"targetRef\": {\"kind\": \"Pod\", \"uid\": \"u1\""));
}

static void a_release_to_whom_no_address_is_known_of_leaves_the_route(void **state UNUSED)
{
	create();
	load(LIST("5", POD("pg-0", "4", "") "," POD("pg-1", "6", "")), LIST("9", ROUTED));
	struct dcs_lock_write write = lock_write();
	text_copy(write.heir, sizeof(write.heir), "pg-1");
	dcs_release(dcs, &write, done, &result);
	assert_true(has(lock_call("PATCH"), "\"leader\": null"));
	assert_false(has(lock_call("PATCH"), "subsets"));
}

static void release_is_sent_once_and_empties_the_subsets(void **state UNUSED)
{
	start(LIST("9", ROUTED));
	struct dcs_lock_write write = lock_write();
	write.position.optime_lsn = 77;
	dcs_release(dcs, &write, done, &result);
	struct http_call *call = lock_call("PATCH");
	assert_true(has(call, "\"annotations\": {\"leader\": null, \"optime\": \"77\", \"slots\": null, "
			      "\"retain_slots\": null, \"howdah.io/holder-uid\": null}, \"resourceVersion\": \"7\"}, "
			      "\"subsets\": []}"));
	reply(call, 503, "");
	assert_int_equal(result.outcome, DCS_NO_ANSWER);
	pass_ms(5000);
	assert_null(lock_call("PATCH"));
}

static void release_of_what_is_not_ours_is_refused(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", THEIRS)));
	struct dcs_lock_write write = lock_write();
	dcs_release(dcs, &write, done, &result);
	pass_ms(0);
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_null(lock_call("PATCH"));
}

static void second_lock_write_at_once_is_refused(void **state UNUSED)
{
	struct outcome second = { .count = 0 };
	struct dcs_lock_write write = lock_write();
	start(LIST("9", OBJECT("batman", "7", OURS)));
	renew();
	dcs_release(dcs, &write, done, &second);
	pass_ms(0);
	assert_int_equal(second.outcome, DCS_REFUSED);
	assert_int_equal(result.count, 0);
}

static void who_is_not_known_or_has_no_rights_is_denied(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", "")));
	acquire(7);
	reply(lock_call("PATCH"), 403, "{\"message\":\"roles are not loaded\"}");
	assert_int_equal(result.outcome, DCS_DENIED);
	assert_non_null(strstr(result.text, "roles are not loaded"));
}

static void release_of_a_pod_that_is_gone_is_denied(void **state UNUSED)
{
	start(LIST("9", OBJECT("batman", "7", OURS)));
	struct dcs_lock_write write = lock_write();
	dcs_release(dcs, &write, done, &result);
	reply(lock_call("PATCH"), 401, "{\"message\":\"Unauthorized\"}");
	assert_int_equal(result.outcome, DCS_DENIED);
	assert_null(lock_call("PATCH"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(acquire_is_a_patch_by_the_version_given),
		TEST(acquire_creates_the_object_where_there_is_none),
		TEST(acquire_is_not_repeated_after_a_conflict),
		TEST(acquire_whose_first_send_landed_is_done),
		TEST(object_without_our_label_is_relabelled_by_the_next_acquire),
		TEST(renew_keeps_the_token_and_carries_the_position),
		TEST(subsets_are_left_alone_where_they_match),
		TEST(renew_is_repeated_with_a_renew_time_of_its_own),
		TEST(renew_that_never_gets_an_answer_ends_within_its_limit),
		TEST(pause_asked_for_by_the_server_is_capped),
		TEST(renew_after_a_conflict_goes_on_with_the_fresh_version_while_the_token_is_ours),
		TEST(renew_after_a_conflict_with_another_holder_is_lost),
		TEST(renew_refused_by_the_version_it_has_is_lost),
		TEST(renew_of_a_strangers_record_sends_nothing),
		TEST(renew_of_a_deleted_object_creates_it_when_asked_again),
		TEST(a_lease_that_has_run_out_makes_no_object_anew),
		TEST(relabelled_object_of_ours_is_taken_back),
		TEST(a_release_to_somebody_leads_the_route_there),
		TEST(a_release_to_whom_no_address_is_known_of_leaves_the_route),
		TEST(release_is_sent_once_and_empties_the_subsets),
		TEST(release_of_what_is_not_ours_is_refused),
		TEST(second_lock_write_at_once_is_refused),
		TEST(who_is_not_known_or_has_no_rights_is_denied),
		TEST(release_of_a_pod_that_is_gone_is_denied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
