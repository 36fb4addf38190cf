/* Who may change something through the HTTP API, and what every answer carries. */
#include "support_rest.h"

struct visit {
	const char *peer, *authorization;
	bool tls, certificate;
};

static struct rest_answer visit(const char *method, const char *path, const struct visit *by)
{
	struct rest_answer answer;
	struct http_request request = request_of(method, path, NULL);
	request.peer = by->peer;
	request.authorization = by->authorization == NULL ? "" : by->authorization;
	request.tls = by->tls;
	request.has_client_cert = by->certificate;
	rest_answer(&view, &request, &answer);
	return answer;
}

/* text NULL: let in. */
static void assert_visit(const char *path, const struct visit *by, int status, const char *text)
{
	struct rest_answer answer = visit("POST", path, by);
	if (text == NULL ? answer.status == 403 || answer.status == 401
			 : answer.status != status || strcmp(answer.body, text) != 0)
		fail_msg("%s %s: %d %s", path, by->peer, answer.status, answer.body == NULL ? "" : answer.body);
	if (text != NULL)
		assert_int_equal(answer.order.kind, ORDER_NONE);
	rest_answer_clear(&answer);
}

static void assert_peer(const char *path, const char *peer, bool is_let_in)
{
	assert_visit(path, &(struct visit){ .peer = peer }, 403, is_let_in ? NULL : "Access is denied");
}

static void allow_network(const char *text)
{
	struct config_allowed *allowed = &config.rest_allowed[config.rest_allowed_count++];
	*allowed = (struct config_allowed){ .host = "" };
	assert_true(network_parse(text, &allowed->network));
}

static void allow_host(const char *name)
{
	struct config_allowed *allowed = &config.rest_allowed[config.rest_allowed_count++];
	*allowed = (struct config_allowed){ .host = "" };
	text_copy(allowed->host, sizeof(allowed->host), name);
}

static void without_an_allowlist_everybody_may(void **state)
{
	(void)state;
	be_replica();
	assert_peer("/reload", "203.0.113.9", true);
}

static void an_allowlist_lets_in_its_networks_alone(void **state)
{
	(void)state;
	be_replica();
	allow_network("10.1.0.0/16");
	allow_network("fd00::/8");
	assert_peer("/reload", "10.1.2.3", true);
	assert_peer("/reload", "::ffff:10.1.2.3", true);
	assert_peer("/reload", "fd00::9", true);
	assert_peer("/reload", "10.2.0.1", false);
	assert_peer("/reload", "2001:db8::1", false);
	assert_peer("/reload", "", false);
	assert_peer("/failsafe", "10.2.0.1", false);
	assert_peer("/citus", "10.2.0.1", false);
	assert_peer("/mpp", "10.2.0.1", true);
}

static void names_stand_for_members(void **state)
{
	(void)state;
	be_replica();
	text_copy(cluster.members[1].conn_host, HOST_SIZE, "10.0.0.2");
	allow_host("Shop-1");
	allow_host("elsewhere.example");
	assert_peer("/reload", "10.0.0.2", true);
	assert_peer("/reload", "10.0.0.1", false); /* shop-0 */
	allow_host("localhost");
	assert_peer("/reload", "127.0.0.1", true);
	assert_peer("/reload", "::1", true);
	assert_peer("/reload", "10.0.0.1", false);
}

static void members_alone_may_be_let_in(void **state)
{
	(void)state;
	be_replica();
	config.rest_allows_members = true;
	text_copy(cluster.members[0].api_url, URL_SIZE, "http://10.0.0.7:8008/patroni");
	text_copy(cluster.members[1].api_url, URL_SIZE, "https://[fd00::7]:8008/patroni");
	text_copy(cluster.members[2].api_url, URL_SIZE, "");
	text_copy(cluster.members[2].conn_host, HOST_SIZE, "");
	assert_peer("/reload", "10.0.0.7", true);
	assert_peer("/reload", "fd00::7", true);
	assert_peer("/reload", "10.0.0.1", false); /* where PostgreSQL is does not count when the API says its number */
	assert_peer("/reload", "203.0.113.9", false);
	assert_peer("/failsafe", "203.0.113.9", true); /* members' own traffic knows explicit lists only */
	allow_network("192.0.2.0/24");
	assert_peer("/failsafe", "203.0.113.9", false);
	assert_peer("/failsafe", "10.0.0.7", true);
	assert_peer("/reload", "192.0.2.1", true);
	assert_peer("/reload", "10.0.0.7", true);
}

static void certificates_are_asked_for_over_tls(void **state)
{
	(void)state;
	be_replica();
	for (int verify = 0; verify < 3; verify++) {
		config.rest_verify_client = verify;
		assert_visit("/reload", &(struct visit){ .peer = "10.0.0.9", .tls = true }, 403,
			     verify == 0 ? NULL : "client certificate required");
		assert_visit("/reload", &(struct visit){ .peer = "10.0.0.9", .tls = true, .certificate = true }, 0,
			     NULL);
		assert_visit("/reload", &(struct visit){ .peer = "10.0.0.9" }, 0, NULL);
	}
}

static void passwords_are_compared_as_a_whole(void **state)
{
	static const struct {
		const char *authorization, *text;
	} cases[] = {
		{ NULL, "no auth header received" },
		{ "Basic YWRtaW46c2VjcmV0", NULL }, /* admin:secret */
		{ "basic YWRtaW46c2VjcmV0", NULL },
		{ "Basic YWRtaW46c2VjcmV", "not authenticated" },
		{ "Basic YWRtaW46c2VjcmV0YWRtaW46c2VjcmV0", "not authenticated" },
		{ "Basic YWRtaW46c2VjcmV1", "not authenticated" },
		{ "Basic ZWRtaW46c2VjcmV0", "not authenticated" },
		{ "Basic ", "not authenticated" },
		{ "Basic", "not authenticated" },
		{ "Bearer YWRtaW46c2VjcmV0", "not authenticated" },
	};
	(void)state;
	be_replica();
	text_copy(config.rest_user, sizeof(config.rest_user), "admin");
	text_copy(config.rest_password, sizeof(config.rest_password), "secret");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_visit("/reload", &(struct visit){ .peer = "10.0.0.9", .authorization = cases[i].authorization },
			     401, cases[i].text);
	assert_visit("/failsafe", &(struct visit){ .peer = "10.0.0.9" }, 401, "no auth header received");
	text_copy(config.rest_password, sizeof(config.rest_password), "secrets");
	assert_visit("/reload", &(struct visit){ .peer = "10.0.0.9", .authorization = "Basic YWRtaW46c2VjcmV0cw==" }, 0,
		     NULL);
	text_copy(config.rest_password, sizeof(config.rest_password), "secret12");
	assert_visit("/reload", &(struct visit){ .peer = "10.0.0.9", .authorization = "Basic YWRtaW46c2VjcmV0MTI=" }, 0,
		     NULL);
}

static void the_longest_name_and_password_are_checked(void **state)
{
	(void)state;
	be_replica();
	memset(config.rest_user, 'u', sizeof(config.rest_user) - 1);
	memset(config.rest_password, 'p', sizeof(config.rest_password) - 1);
	assert_visit("/reload", &(struct visit){ .peer = "10.0.0.9", .authorization = "Basic dXV1" }, 401,
		     "not authenticated");
}

static void whoever_is_not_known_is_asked_for_a_password(void **state)
{
	(void)state;
	be_replica();
	text_copy(config.rest_password, sizeof(config.rest_password), "secret"); /* without a name, too */
	struct rest_answer answer = visit("DELETE", "/restart", &(struct visit){ .peer = "10.0.0.9" });
	assert_int_equal(answer.status, 401);
	assert_string_equal(answer.extra_headers, "WWW-Authenticate: Basic realm=\"Patroni\"\n");
	rest_answer_clear(&answer);
}

static void gates_are_passed_in_the_contracts_order(void **state)
{
	struct visit by = { .peer = "203.0.113.9", .tls = true };
	(void)state;
	be_replica();
	allow_network("10.0.0.0/8");
	config.rest_verify_client = 1;
	text_copy(config.rest_user, sizeof(config.rest_user), "admin");
	text_copy(config.rest_password, sizeof(config.rest_password), "secret");
	assert_visit("/switchover", &by, 403, "Access is denied");
	by.peer = "10.0.0.9";
	assert_visit("/switchover", &by, 403, "client certificate required");
	by.certificate = true;
	assert_visit("/switchover", &by, 401, "no auth header received");
	by.authorization = "Basic x";
	assert_visit("/switchover", &by, 401, "not authenticated");
	by.authorization = "Basic YWRtaW46c2VjcmV0";
	struct rest_answer answer = visit("POST", "/switchover", &by);
	assert_int_equal(answer.status, 411); /* in, and now the body is looked at */
	rest_answer_clear(&answer);
}

static void all_that_changes_something_is_guarded_and_reading_is_not(void **state)
{
	static const struct {
		const char *method, *path;
	} guarded[] = {
		{ "PATCH", "/config" },  { "PUT", "/config" },        { "POST", "/reload" },
		{ "POST", "/restart" },  { "DELETE", "/restart" },    { "POST", "/switchover" },
		{ "POST", "/failover" }, { "DELETE", "/switchover" }, { "POST", "/reinitialize" },
		{ "POST", "/failsafe" }, { "POST", "/sigterm" },      { "POST", "/citus" },
	};
	static const char *const open[] = {
		"/", "/patroni", "/cluster", "/config", "/history", "/metrics", "/liveness"
	};
	(void)state;
	be_primary();
	view.config_text = "{}";
	allow_network("10.0.0.0/8");
	config.rest_verify_client = 2;
	text_copy(config.rest_user, sizeof(config.rest_user), "admin");
	const struct visit stranger = { .peer = "203.0.113.9", .tls = true };
	for (size_t i = 0; i < ARRAY_SIZE(guarded); i++) {
		struct rest_answer answer = visit(guarded[i].method, guarded[i].path, &stranger);
		if (answer.status != 403)
			fail_msg("%s %s", guarded[i].method, guarded[i].path);
		rest_answer_clear(&answer);
	}
	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		struct rest_answer answer = visit("GET", open[i], &stranger);
		assert_int_equal(answer.status, 200);
		rest_answer_clear(&answer);
	}
}

static void headers_are_on_every_answer(void **state)
{
	static const struct {
		const char *method, *path;
	} cases[] = { { "GET", "/patroni" },   { "HEAD", "/primary" },   { "OPTIONS", "/x" },  { "GET", "/liveness" },
		      { "POST", "/nonsense" }, { "DELETE", "/restart" }, { "POST", "/reload" } };
	(void)state;
	be_replica();
	config.rest_headers = (struct config_headers){ 2, { { "X-A", "1" }, { "X-B", "2" } } };
	config.rest_tls_headers = (struct config_headers){ 2, { { "x-a", "3" }, { "X-C", "4" } } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct visit by = { .peer = "10.0.0.9" };
		struct rest_answer answer = visit(cases[i].method, cases[i].path, &by);
		assert_string_equal(answer.extra_headers, "X-A: 1\nX-B: 2\n");
		rest_answer_text(&answer, 202, "reload scheduled"); /* they outlive the order */
		assert_string_equal(answer.extra_headers, "X-A: 1\nX-B: 2\n");
		rest_answer_clear(&answer);
		by.tls = true;
		answer = visit(cases[i].method, cases[i].path, &by);
		assert_string_equal(answer.extra_headers, "X-B: 2\nx-a: 3\nX-C: 4\n");
		rest_answer_clear(&answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_allowlist_everybody_may),
		cmocka_unit_test(an_allowlist_lets_in_its_networks_alone),
		cmocka_unit_test(names_stand_for_members),
		cmocka_unit_test(members_alone_may_be_let_in),
		cmocka_unit_test(certificates_are_asked_for_over_tls),
		cmocka_unit_test(passwords_are_compared_as_a_whole),
		cmocka_unit_test(the_longest_name_and_password_are_checked),
		cmocka_unit_test(whoever_is_not_known_is_asked_for_a_password),
		cmocka_unit_test(gates_are_passed_in_the_contracts_order),
		cmocka_unit_test(all_that_changes_something_is_guarded_and_reading_is_not),
		cmocka_unit_test(headers_are_on_every_answer),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
