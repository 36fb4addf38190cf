/* Events of our pod: one request at a time on a lane of their own, counted up, bounded, silent where they are forbidden. */
#include "fake_api.h"

static void start(void)
{
	create();
	load(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
}

static void say(const char *reason, const char *text, bool is_warning)
{
	dcs_say(dcs, &(struct dcs_notice){ reason, text, is_warning });
}

static struct http_call *post(void)
{
	pass_ms(0);
	return find_call("POST", "/api/v1/namespaces/default/events");
}

static struct http_call *patch(void)
{
	pass_ms(0);
	return find_call("PATCH", "/api/v1/namespaces/default/events/pg-0.");
}

static void answer_post(void)
{
	reply(post(), 201, "{}");
}

static void an_event_is_about_our_pod_on_a_lane_of_its_own(void **state UNUSED)
{
	start();
	say("Promoted", "leader on timeline 8", false);
	assert_null(find_call("POST", "/events")); /* never before the call returns */
	struct http_call *call = post();
	assert_string_equal(call->lane, "events");
	assert_true(has(call, "\"involvedObject\": {\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"name\": \"pg-0\", "
			      "\"namespace\": \"default\", \"uid\": \"uid-pg-0\"}"));
	assert_true(has(call, "\"reason\": \"Promoted\", \"message\": \"leader on timeline 8\", \"type\": \"Normal\""));
	assert_true(has(call, "\"count\": 1"));
	assert_true(has(call, "\"lastTimestamp\": \"2026-11-22T22:06:3"));
	answer_post();
	pass_ms(600000);
	assert_null(post());
}

static void what_is_said_again_is_counted_up_once_a_minute(void **state UNUSED)
{
	start();
	say("CannotClone", "no route", true);
	answer_post();
	for (int i = 0; i < 30; i++) {
		say("CannotClone", "no route", true);
		pass_ms(1000);
	}
	assert_null(find_call("PATCH", "/events/"));
	assert_null(find_call("POST", "/events"));
	pass_ms(31000);
	struct http_call *call = patch();
	assert_true(has(call, "\"count\": 31"));
	assert_false(has(call, "reason"));
	reply(call, 200, "{}");
	say("CannotClone", "another reason", true);
	answer_post();
}

static void one_is_on_its_way_at_a_time_and_so_many_at_once(void **state UNUSED)
{
	char text[32];
	int sent = 0;
	start();
	for (int i = 0; i < 14; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		say("Test", text, false);
	}
	while (post() != NULL) {
		snprintf(text, sizeof(text), "number %d\"", sent++);
		assert_true(has(find_call("POST", "/events"), text)); /* in their order */
		answer_post();
		assert_true(sent < 14);
	}
	assert_int_equal(sent, 10);
	for (; sent < 14; sent++) {
		pass_ms(5000);
		answer_post();
	}
	pass_ms(60000);
	assert_null(post());
}

static void what_finds_no_room_is_dropped(void **state UNUSED)
{
	char text[32];
	int sent = 0;
	start();
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		say("Test", text, false);
	}
	for (int i = 0; i < 200; i++) {
		if (post() != NULL) {
			answer_post();
			sent++;
		}
		pass_ms(5000);
	}
	assert_int_equal(sent, 16);
}

/* A server that is slow or gone costs the lock nothing: no more than one request waits, and nobody hears of it. */
static void no_answer_is_tried_a_few_times_and_moves_nobody_to_another_server(void **state UNUSED)
{
	start();
	struct instant heard = dcs_view(dcs)->heard;
	say("Fenced", "x", true);
	pass_ms(120000);
	assert_null(find_call("POST", "/events"));
	assert_int_equal(dcs_view(dcs)->heard.boot_us, heard.boot_us);
	int made = calls_made;
	pass_ms(60000);
	assert_null(post());
	assert_true(calls_made - made < 5); /* the watches' own */
}

static void forbidden_is_tried_again_after_a_minute(void **state UNUSED)
{
	start();
	say("Promoted", "x", false);
	reply(post(), 403, "{}");
	say("Demoted", "y", true);
	pass_ms(59000);
	assert_null(post());
	pass_ms(1000);
	answer_post();
	answer_post();
	pass_ms(1000);
	assert_null(post());
}

static void one_that_the_store_has_forgotten_is_made_anew(void **state UNUSED)
{
	start();
	say("CannotStart", "x", true);
	answer_post();
	say("CannotStart", "x", true);
	pass_ms(60000);
	reply(patch(), 404, "{}");
	pass_ms(5000);
	assert_true(has(post(), "\"count\": 2"));
	answer_post();
}

static void nothing_is_said_before_the_pod_is_known(void **state UNUSED)
{
	create();
	say("Promoted", "x", false);
	pass_ms(0);
	assert_null(find_call("POST", "/events"));
	load(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	pass_ms(1000);
	answer_post();
}

static void a_long_text_is_cut(void **state UNUSED)
{
	char text[2000];
	start();
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	say("CannotClone", text, true);
	assert_true(has(post(), "xxx...\""));
	answer_post();
	say("CannotClone", text, true);
	pass_ms(60000);
	assert_true(has(patch(), "\"count\": 2"));
	reply(patch(), 200, "{}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_event_is_about_our_pod_on_a_lane_of_its_own),
		TEST(what_is_said_again_is_counted_up_once_a_minute),
		TEST(one_is_on_its_way_at_a_time_and_so_many_at_once),
		TEST(what_finds_no_room_is_dropped),
		TEST(no_answer_is_tried_a_few_times_and_moves_nobody_to_another_server),
		TEST(forbidden_is_tried_again_after_a_minute),
		TEST(one_that_the_store_has_forgotten_is_made_anew),
		TEST(nothing_is_said_before_the_pod_is_known),
		TEST(a_long_text_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
