/* The EndpointSlices of the primary's Service: what is written, in which order, and who may not any more. */
#include "fake_api.h"

#define LOCK(version, holder, transitions)                                                                             \
	OBJECT("batman-leader", version,                                                                               \
	       "\"leader\":\"" holder                                                                                  \
	       "\",\"ttl\":\"30\",\"renewTime\":\"r\",\"acquireTime\":\"a\",\"transitions\":\"" transitions "\"")
#define SLICE(version, lease, endpoints)                                                                               \
	"{\"metadata\":{\"name\":\"batman-ipv4\",\"namespace\":\"default\",\"resourceVersion\":\"" version             \
	"\",\"labels\":{\"application\":\"patroni\",\"cluster-name\":\"batman\",\"kubernetes.io/service-name\":"       \
	"\"batman\",\"endpointslice.kubernetes.io/managed-by\":\"howdah.io\",\"more\":\"x\"},\"annotations\":{"        \
	"\"howdah.io/lease\":\"" lease "\"}},\"addressType\":\"IPv4\",\"endpoints\":[" endpoints                       \
	"],\"ports\":[{\"name\":\"\",\"protocol\":\"TCP\",\"port\":5432}]}"
#define ENDPOINT(name)                                                                                                 \
	"{\"addresses\":[\"10.0.0.1\"],\"conditions\":{\"ready\":true},\"targetRef\":{\"kind\":\"Pod\",\"namespace\":" \
	"\"default\",\"name\":\"" name "\",\"uid\":\"uid-" name "\"},\"nodeName\":\"node1\"}"

static const struct lease_token token = { "pg-0", "a", 3 };
static char lease[96];

static struct http_call *slice_call(const char *method)
{
	return find_call(method, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices");
}

static struct http_call *lock_read(void)
{
	return find_call("GET", "/configmaps/batman-leader");
}

static void start(const char *pod)
{
	lease_token_to_text(&token, lease, sizeof(lease));
	params.use_endpoints = false;
	params.use_slices = true;
	create();
	load(pod, LIST("9", LOCK("60", "pg-0", "3")));
}

static void begin(void)
{
	result = (struct outcome){ .count = 0 };
	dcs_write_route(dcs, &token, done, &result);
}

static void start_and_begin(void)
{
	start(LIST("9", POD("pg-0", "4", "")));
	begin();
}

static void ends_with(enum dcs_outcome outcome)
{
	assert_int_equal(result.count, 1);
	assert_int_equal(result.outcome, outcome);
	assert_null(slice_call("GET"));
}

/* What stands for the version and lease of a slice that the last holder wrote. */
static const char theirs[] = SLICE("70", "pg-1 a 2", ENDPOINT("pg-1"));

/* Neither exists; the pod has IPv4 alone. */
static void a_slice_that_is_missing_is_made(void **state UNUSED)
{
	start_and_begin();
	reply(slice_call("GET"), 404, "{}");
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	struct http_call *call = slice_call("POST");
	assert_true(has(call, "\"name\": \"batman-ipv4\""));
	assert_true(has(call, "\"kubernetes.io/service-name\": \"batman\""));
	assert_true(has(call, "\"endpointslice.kubernetes.io/managed-by\": \"howdah.io\""));
	assert_true(has(call, "\"cluster-name\": \"batman\""));
	assert_true(has(call, "\"addressType\": \"IPv4\""));
	assert_true(has(call, "\"addresses\": [\"10.0.0.1\"]"));
	assert_true(has(call, "\"conditions\": {\"ready\": true}"));
	assert_true(has(call, "\"uid\": \"uid-pg-0\""));
	assert_true(has(call, "\"nodeName\": \"node1\""));
	assert_true(has(call, "\"port\": 5432"));
	assert_true(has(call, lease));
	assert_false(has(call, "resourceVersion"));
	reply(call, 201, SLICE("71", "x", ""));
	assert_non_null(strstr(slice_call("GET")->url, "/batman-ipv6"));
	reply(slice_call("GET"), 404, "{}");
	ends_with(DCS_DONE);
	assert_null(slice_call("POST"));
}

static void the_last_leaders_slice_is_taken_over_by_its_version(void **state UNUSED)
{
	start_and_begin();
	reply(slice_call("GET"), 200, theirs);
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	struct http_call *call = slice_call("PATCH");
	assert_string_equal(call->content_type, "application/strategic-merge-patch+json");
	assert_true(has(call, "\"resourceVersion\": \"70\""));
	assert_true(has(call, "\"name\": \"pg-0\""));
	reply(call, 200, SLICE("71", "x", ""));
	reply(slice_call("GET"), 404, "{}");
	ends_with(DCS_DONE);
}

/* Even one that leads to us: a write of the last holder may be under way. */
static void every_lease_leaves_its_mark(void **state UNUSED)
{
	start_and_begin();
	reply(slice_call("GET"), 200, SLICE("70", "pg-0 older 1", ENDPOINT("pg-0")));
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	assert_non_null(slice_call("PATCH"));
}

static void as_it_should_be_it_costs_one_request(void **state UNUSED)
{
	char text[1024];
	start_and_begin();
	snprintf(text, sizeof(text), SLICE("70", "%s", ENDPOINT("pg-0")), lease);
	reply(slice_call("GET"), 200, text);
	reply(slice_call("GET"), 404, "{}");
	ends_with(DCS_DONE);
	calls_made = 0;
	begin();
	reply(slice_call("GET"), 200, text);
	ends_with(DCS_DONE);
	assert_int_equal(calls_made, 1);
}

static void who_lost_the_lock_after_the_look_writes_nothing(void **state UNUSED)
{
	start_and_begin();
	reply(slice_call("GET"), 200, theirs);
	reply(lock_read(), 200, LOCK("61", "pg-1", "4"));
	ends_with(DCS_CONFLICT);
	assert_null(slice_call("PATCH"));
	assert_string_equal(dcs_view(dcs)->leader.record.leader, "pg-1");
}

static void a_conflict_is_looked_at_again(void **state UNUSED)
{
	start_and_begin();
	reply(slice_call("GET"), 200, theirs);
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	reply(slice_call("PATCH"), 409, "{}");
	reply(slice_call("GET"), 200, SLICE("80", "pg-1 a 2", ENDPOINT("pg-1")));
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	assert_true(has(slice_call("PATCH"), "\"resourceVersion\": \"80\""));
	reply(slice_call("PATCH"), 404, "{}"); /* deleted by hand */
	reply(slice_call("GET"), 404, "{}");
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	reply(slice_call("POST"), 409, "{}");
	reply(slice_call("GET"), 200, theirs);
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	reply(slice_call("PATCH"), 409, "{}");
	ends_with(DCS_CONFLICT);
}

static void a_missing_right_is_said_with_what_comes_of_it(void **state UNUSED)
{
	start_and_begin();
	reply(slice_call("GET"), 403, "{\"message\":\"endpointslices is forbidden\"}");
	ends_with(DCS_REFUSED);
	assert_string_equal(result.text,
			    "not allowed to get endpointslices in namespace default: the Service batman does "
			    "not follow the leader");
	pass_ms(1000);
	struct http_call *event = find_call("POST", "/events");
	assert_true(has(event, "Forbidden") && has(event, "not allowed to get endpointslices"));
	begin();
	reply(slice_call("GET"), 404, "{}");
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	reply(slice_call("POST"), 403, "{}");
	ends_with(DCS_REFUSED);
	assert_non_null(strstr(result.text, "not allowed to create endpointslices"));
}

static void without_an_answer_it_is_tried_again(void **state UNUSED)
{
	start_and_begin();
	pass_ms(11000);
	ends_with(DCS_NO_ANSWER);
}

static void each_family_has_a_slice(void **state UNUSED)
{
	start(LIST("9",
		   "{\"metadata\":{\"name\":\"pg-0\",\"uid\":\"u\",\"resourceVersion\":\"4\",\"ownerReferences\":[{"
		   "\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"name\":\"batman\",\"uid\":\"set-1\","
		   "\"controller\":true}]},\"status\":{\"podIP\":\"10.0.0.1\",\"podIPs\":[{\"ip\":\"10.0.0.1\"},{"
		   "\"ip\":\"fd00::1\"}]}}"));
	begin();
	reply(slice_call("GET"), 404, "{}");
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	assert_true(has(slice_call("POST"), "\"uid\": \"set-1\""));
	assert_false(has(slice_call("POST"), "\"controller\""));
	reply(slice_call("POST"), 201, SLICE("71", "x", ""));
	reply(slice_call("GET"), 404, "{}");
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	assert_true(has(slice_call("POST"), "\"name\": \"batman-ipv6\""));
	assert_true(has(slice_call("POST"), "\"addressType\": \"IPv6\""));
	assert_true(has(slice_call("POST"), "\"addresses\": [\"fd00::1\"]"));
}

static void a_family_that_we_have_not_is_emptied(void **state UNUSED)
{
	start_and_begin();
	reply(slice_call("GET"), 404, "{}");
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	reply(slice_call("POST"), 201, SLICE("71", "x", ""));
	reply(slice_call("GET"), 200, theirs);
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	assert_true(has(slice_call("PATCH"), "\"endpoints\": []"));
	assert_non_null(strstr(slice_call("PATCH")->url, "/batman-ipv6"));
}

/* Deleted by force between two steps: there is nothing that a slice could name. */
static void without_our_pod_nothing_more_is_written(void **state UNUSED)
{
	text_copy(params.pod_ip, sizeof(params.pod_ip), "fd00::1");
	start_and_begin();
	feed(watch_of("pods"), EVENT("DELETED", POD("pg-0", "8", "")));
	reply(slice_call("GET"), 404, "{}");
	ends_with(DCS_CONFLICT);
	assert_null(slice_call("POST"));
}

static void release(bool clears)
{
	struct dcs_lock_write write = {
		.ttl_ms = 30000,
		.limit_ms = 10000,
		.token = token,
		.clears_route = clears,
		.pod_ip = "",
		.position = { .slots = "", .retain_slots = "", .timeline_token = "" },
	};
	dcs_release(dcs, &write, done, &result);
}

static void written_at_71(void)
{
	start_and_begin();
	reply(slice_call("GET"), 404, "{}");
	reply(lock_read(), 200, LOCK("60", "pg-0", "3"));
	reply(slice_call("POST"), 201, SLICE("71", "x", ""));
	reply(slice_call("GET"), 404, "{}");
	ends_with(DCS_DONE);
}

static void the_last_one_to_leave_empties_its_own_slice_alone(void **state UNUSED)
{
	written_at_71();
	release(true);
	assert_true(has(slice_call("PATCH"), "\"resourceVersion\": \"71\""));
	assert_true(has(slice_call("PATCH"), "\"endpoints\": []"));
}

static void a_slice_is_left_to_the_heir(void **state UNUSED)
{
	written_at_71();
	release(false);
	assert_null(slice_call("PATCH"));
}

static void elsewhere_the_route_is_not_ours(void **state UNUSED)
{
	start(LIST("9", POD("pg-0", "4", "")));
	dcs_destroy(dcs);
	unlink(kubeconfig);
	params.use_slices = false;
	create();
	load(LIST("9", POD("pg-0", "4", "")), LIST("9", LOCK("60", "pg-0", "3")));
	begin();
	pass_ms(1);
	ends_with(DCS_REFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slice_that_is_missing_is_made),
		TEST(the_last_leaders_slice_is_taken_over_by_its_version),
		TEST(every_lease_leaves_its_mark),
		TEST(as_it_should_be_it_costs_one_request),
		TEST(who_lost_the_lock_after_the_look_writes_nothing),
		TEST(a_conflict_is_looked_at_again),
		TEST(a_missing_right_is_said_with_what_comes_of_it),
		TEST(without_an_answer_it_is_tried_again),
		TEST(each_family_has_a_slice),
		TEST(a_family_that_we_have_not_is_emptied),
		TEST(without_our_pod_nothing_more_is_written),
		TEST(the_last_one_to_leave_empties_its_own_slice_alone),
		TEST(a_slice_is_left_to_the_heir),
		TEST(elsewhere_the_route_is_not_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
