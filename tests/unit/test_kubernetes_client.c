/* Whose token, which answers are repeated, how long a try may take. */
#include "fake_api.h"

#include "io/file.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[256];
	struct err err;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!file_write(path, text, strlen(text), 0600, &err))
		fail_msg("%s", err.text);
}

static int setup_in_cluster(void **state)
{
	struct err err;
	struct dcs_callbacks callbacks = { .on_event = on_event, .on_lock_send = on_lock_send };
	setup(state);
	copy(dir, sizeof(dir), "/tmp/howdah-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	put("token", "one");
	put("ca.crt", "pem");
	copy(params.service_account_dir, sizeof(params.service_account_dir), dir);
	params.retriable_code_count = 1;
	params.retriable_codes[0] = 418;
	setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	dcs = kubernetes_create(loop, NULL, &params, &callbacks, &err);
	assert_non_null(dcs);
	load(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	return 0;
}

static int teardown_in_cluster(void **state)
{
	char path[256];
	teardown(state);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, i == 0 ? "token" : "ca.crt");
		unlink(path);
	}
	rmdir(dir);
	unsetenv("KUBERNETES_SERVICE_HOST");
	return 0;
}

static struct http_call *begin(void)
{
	dcs_initialize_begin(dcs, done, &result);
	return find_call("POST", "https://10.0.0.1:443/api/v1/namespaces/default/endpoints");
}

static void token_is_read_again_after_a_minute(void **state UNUSED)
{
	assert_string_equal(begin()->bearer, "one");
	reply(begin(), 400, "");
	put("token", "two");
	reply(begin(), 400, "");
	pass_ms(61000);
	assert_string_equal(begin()->bearer, "two");
}

static void token_that_is_refused_is_read_again_at_once(void **state UNUSED)
{
	struct http_call *call = begin();
	put("token", "two");
	reply(call, 401, "");
	pass_ms(100);
	call = find_call("POST", "/endpoints");
	assert_string_equal(call->bearer, "two");
	reply(call, 201, OBJECT("batman-config", "10", "\"initialize\":\"\""));
	assert_int_equal(result.outcome, DCS_DONE);
}

static void token_that_cannot_be_read_leaves_the_old_one(void **state UNUSED)
{
	put("token", "");
	pass_ms(61000);
	assert_string_equal(begin()->bearer, "one");
}

static void single_server_gets_two_tries(void **state UNUSED)
{
	struct http_call *call = begin();
	assert_int_equal(call->params.timeout_ms, 5000);
	assert_int_equal(call->params.connect_timeout_ms, 2500);
	assert_string_equal(call->params.tls.ca_file + strlen(dir), "/ca.crt");
	assert_string_equal(call->content_type, "application/json");
}

static void codes_of_the_configuration_are_repeated_too(void **state UNUSED)
{
	static const int codes[] = { 500, 503, 504, 429, 418 };
	struct http_call *call = begin();
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		reply(call, codes[i], "");
		pass_ms(1000);
		call = find_call("POST", "/endpoints");
		assert_non_null(call);
	}
	reply(call, 422, "{\"message\":\"no such thing\"}");
	assert_int_equal(result.outcome, DCS_REFUSED);
	assert_string_equal(result.text, "HTTP 422: no such thing");
}

static void repeats_end_when_the_time_is_over(void **state UNUSED)
{
	begin();
	for (int i = 0; i < 11000 && result.count == 0; i++) {
		if (find_call("POST", "/endpoints") != NULL)
			reply(find_call("POST", "/endpoints"), 503, "");
		pass_ms(1);
	}
	assert_int_equal(result.outcome, DCS_NO_ANSWER);
	assert_in_range(calls_made, 8, 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_in_cluster, teardown_in_cluster)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(token_is_read_again_after_a_minute),           TEST(token_that_is_refused_is_read_again_at_once),
		TEST(token_that_cannot_be_read_leaves_the_old_one), TEST(single_server_gets_two_tries),
		TEST(codes_of_the_configuration_are_repeated_too),  TEST(repeats_end_when_the_time_is_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
