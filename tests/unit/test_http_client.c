/* The HTTP client against our server, and against raw servers that misbehave. */
#include "unit/support_http.h"

/* --- client and server --- */

static void get_is_answered(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct result r =
		call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/a%20b?x=1&y=%26z") });
	assert_int_equal(r.status, 200);
	assert_true(r.sent);
	assert_string_equal(r.body, "/a b");
	assert_int_equal(r.retry_after_s, -1);
	assert_string_equal(seen.method, "GET");
	assert_string_equal(seen.query, "x=1&y=%26z");
	assert_string_equal(seen.peer, "127.0.0.1");
	assert_false(seen.has_body);
	assert_false(seen.tls);
	forget(&r);
	stop_server(server);
}

static void each_method_arrives_with_its_body(const char *scheme, struct http_server *server)
{
	static const struct {
		const char *method, *body;
	} rows[] = { { "GET", NULL },  { "HEAD", NULL },  { "OPTIONS", NULL }, { "POST", "{\"a\":1}" },
		     { "PUT", "1" },   { "PATCH", "[]" }, { "DELETE", NULL },  { "DELETE", "why" },
		     { "POST", NULL }, { "PATCH", "" },   { "PUT", NULL },     { "GET", NULL } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct result r = call((struct http_call_params){
			.method = rows[i].method,
			.url = url_of(scheme, http_server_port(server), rows[i].body != NULL ? "/echo" : "/x"),
			.body = rows[i].body,
			.content_type = rows[i].body != NULL ? "application/json" : NULL,
			.tls = { .ca_file = ca_file },
		});
		assert_string_equal(r.error, "");
		assert_int_equal(r.status, 200);
		assert_string_equal(seen.method, rows[i].method);
		assert_int_equal(seen.count, i + 1);
		bool head = text_equal(rows[i].method, "HEAD");
		assert_string_equal(r.body, head ? "" : rows[i].body != NULL ? rows[i].body : "/x");
		forget(&r);
	}
}

static void methods_over_plain_http(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	each_method_arrives_with_its_body("http", server);
	stop_server(server);
}

static void methods_over_tls(UNUSED void **state)
{
	struct http_server *server = start_server(tls_params());
	each_method_arrives_with_its_body("https", server);
	assert_true(seen.tls);
	stop_server(server);
}

static void methods_over_http2(UNUSED void **state)
{
	http_server_speaks_http2 = true;
	struct http_server *server = start_server(tls_params());
	each_method_arrives_with_its_body("https", server);
	assert_true(seen.tls);
	stop_server(server);
}

static void long_bodies_go_both_ways(void **state)
{
	for (int tls = 0; tls < 3; tls++) {
		end(state);
		begin(state);
		http_server_speaks_http2 = tls == 2;
		struct http_server *server = start_server(tls ? tls_params() : (struct http_server_params){ 0 });
		const char *scheme = tls ? "https" : "http";
		struct result r = call((struct http_call_params){
			.method = "POST",
			.url = url_of(scheme, http_server_port(server), "/echo"),
			.body = big_body,
			.tls = { .ca_file = ca_file },
		});
		assert_string_equal(r.error, "");
		assert_int_equal(r.body_len, sizeof(big_body) - 1);
		forget(&r);
		stop_server(server);
	}
}

static void a_status_without_body_has_none(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct result r = call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/none") });
	assert_int_equal(r.status, 204);
	assert_int_equal(r.body_len, 0);
	forget(&r);
	stop_server(server);
}

static void retry_after_is_read(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct result r = call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/busy") });
	assert_int_equal(r.status, 429);
	assert_int_equal(r.retry_after_s, 7);
	assert_string_equal(r.body, "later");
	forget(&r);
	stop_server(server);
}

static void basic_and_bearer_authorization_are_sent(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct result r = call((struct http_call_params){
		.url = url_of("http", http_server_port(server), "/"), .user = "Aladdin", .password = "open sesame" });
	assert_string_equal(seen.authorization, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	forget(&r);
	r = call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/"), .bearer = "tok\n" });
	assert_string_equal(seen.authorization, "Bearer tok");
	forget(&r);
	stop_server(server);
}

static void a_late_answer_arrives(UNUSED void **state)
{
	http_server_request_timeout_s = 1;
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct result r = { 0 };
	start_call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/held") }, &r);
	/* a handler may take longer than a request may take to arrive */
	RUN_UNTIL(r.done, 2500);
	assert_int_equal(r.done, 0);
	release_held();
	WAIT_FOR(r.done);
	assert_string_equal(r.body, "late");
	forget(&r);
	stop_server(server);
}

static void a_client_may_leave_before_the_answer(UNUSED void **state)
{
	for (int tls = 0; tls < 2; tls++) {
		struct http_server *server = start_server(tls ? tls_params() : (struct http_server_params){ 0 });
		const char *url = url_of(tls ? "https" : "http", http_server_port(server), "/held");
		struct result r = { 0 };
		struct http_call *started =
			start_call((struct http_call_params){ .url = url, .tls = { .ca_file = ca_file } }, &r);
		WAIT_FOR(seen.held_count == 1);
		http_call_cancel(started);
		RUN_UNTIL(false, 20);
		release_held();
		struct result after = call(
			(struct http_call_params){ .url = url_of(tls ? "https" : "http", http_server_port(server), "/"),
						   .tls = { .ca_file = ca_file } });
		assert_int_equal(after.status, 200);
		assert_int_equal(r.done, 0);
		forget(&after);
		stop_server(server);
	}
}

static void a_reply_may_come_after_the_server_is_gone(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct result r = { 0 };
	start_call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/held") }, &r);
	WAIT_FOR(seen.held_count == 1);
	stop_server(server);
	WAIT_FOR(r.done);
	assert_int_equal(r.status, 0);
	assert_true(r.sent);
	release_held();
	forget(&r);
}

/* --- the client against raw servers --- */

static void a_refused_connection_was_not_sent(UNUSED void **state)
{
	struct raw_server s;
	raw_listen(&s);
	raw_server_end(&s);
	struct result r = call((struct http_call_params){ .url = url_of("http", s.port, "/") });
	assert_int_equal(r.status, 0);
	assert_false(r.sent);
	assert_string_not_equal(r.error, "");
	forget(&r);
}

static void a_bad_address_is_an_error_later(UNUSED void **state)
{
	struct result r = call((struct http_call_params){ .url = "gopher://x/" });
	assert_int_equal(r.status, 0);
	assert_false(r.sent);
	forget(&r);
	r = call((struct http_call_params){ .url = "http://does-not-exist.invalid/" });
	assert_false(r.sent);
	forget(&r);
}

static const char ok_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* Makes a connection that is kept, then answers the second request on it by closing it. */
static void second_request_is_lost(const char *method, const char *body)
{
	struct raw_server s;
	raw_listen(&s);
	struct result first = { 0 }, second = { 0 };
	const char *url = url_of("http", s.port, "/first");
	start_call((struct http_call_params){ .url = url }, &first);
	WAIT_FOR(s.accepted == 1 && strstr(s.connections[0].in, "/first") != NULL);
	raw_send(&s.connections[0], ok_answer);
	WAIT_FOR(first.done);
	assert_int_equal(first.status, 200);

	url = url_of("http", s.port, "/second");
	start_call((struct http_call_params){ .method = method, .url = url, .body = body }, &second);
	const char *sign = body != NULL ? body : "/second";
	WAIT_FOR(strstr(s.connections[0].in, sign) != NULL);
	assert_int_equal(s.accepted, 1);
	shutdown(s.connections[0].fd, SHUT_RDWR);
	WAIT_FOR(second.done);
	RUN_UNTIL(false, 50);
	for (int i = 1; i < s.accepted; i++)
		assert_int_equal(s.connections[i].len, 0);
	assert_int_equal(second.status, 0);
	assert_true(second.sent);
	assert_non_null(strstr(second.error, "lost"));
	forget(&first);
	forget(&second);
	raw_server_end(&s);
}

static void no_request_is_sent_twice(UNUSED void **state)
{
	second_request_is_lost("PATCH", "{\"renewTime\":1}");
	second_request_is_lost("GET", NULL);
	second_request_is_lost("DELETE", NULL);
	second_request_is_lost("POST", NULL);
}

static void a_kept_connection_is_used_again(UNUSED void **state)
{
	struct raw_server s;
	raw_listen(&s);
	for (int i = 0; i < 3; i++) {
		struct result r = { 0 };
		char path[16];
		snprintf(path, sizeof(path), "/n%d", i);
		start_call((struct http_call_params){ .url = url_of("http", s.port, path) }, &r);
		WAIT_FOR(s.accepted == 1 && strstr(s.connections[0].in, path) != NULL);
		raw_send(&s.connections[0], ok_answer);
		WAIT_FOR(r.done);
		forget(&r);
	}
	assert_int_equal(s.accepted, 1);
	raw_server_end(&s);
}

static void lanes_share_no_connection(UNUSED void **state)
{
	struct raw_server s;
	raw_listen(&s);
	static const char *const lanes[] = { "lock", NULL, "lock", "", "lock" };
	static const int connection_of[] = { 0, 1, 0, 1, 0 };
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++) {
		struct result r = { 0 };
		struct raw *used = &s.connections[connection_of[i]];
		size_t before = used->len;
		start_call((struct http_call_params){ .url = url_of("http", s.port, "/"), .lane = lanes[i] }, &r);
		WAIT_FOR(used->len > before && strstr(used->in + before, "\r\n\r\n") != NULL);
		raw_send(used, ok_answer);
		WAIT_FOR(r.done);
		forget(&r);
	}
	assert_int_equal(s.accepted, 2);
	raw_server_end(&s);
}

static bool offers_http2(struct raw_server *s, const char *lane)
{
	static const char name[] = "\x02h2"; /* in the first bytes of TLS, with its length */
	struct result r = { 0 };
	struct raw *used = &s->connections[s->accepted];
	struct http_call *started = start_call((struct http_call_params){ .url = url_of("https", s->port, "/"),
									  .lane = lane,
									  .tls = { .insecure = true } },
					       &r);
	WAIT_FOR(used->len > 100);
	bool offered = memmem(used->in, used->len, name, sizeof(name) - 1) != NULL;
	assert_non_null(memmem(used->in, used->len, "http/1.1", 8));
	http_call_cancel(started);
	return offered;
}

static void only_the_common_lane_speaks_http2(UNUSED void **state)
{
	struct raw_server s;
	raw_listen(&s);
	assert_true(offers_http2(&s, NULL));
	assert_true(offers_http2(&s, ""));
	assert_false(offers_http2(&s, "lock"));
	raw_server_end(&s);
}

struct stream_data {
	char text[1024];
	bool began;
	int pieces;
};
static struct stream_data streamed;
static struct http_call *to_cancel;
static struct result *to_start;

static void on_data(UNUSED void *arg, const char *data, size_t len)
{
	if (len == 0)
		streamed.began = true;
	streamed.pieces += len > 0;
	strncat(streamed.text, data, len < 512 ? len : 512);
	if (to_cancel != NULL)
		http_call_cancel(to_cancel);
	to_cancel = NULL;
	if (to_start != NULL)
		start_call((struct http_call_params){ .url = "http://127.0.0.1:1/" }, to_start);
	to_start = NULL;
}

static const char stream_head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

static void a_stream_is_given_as_it_comes(UNUSED void **state)
{
	struct raw_server s;
	struct result r = { 0 };
	memset(&streamed, 0, sizeof(streamed));
	raw_listen(&s);
	start_call((struct http_call_params){ .url = url_of("http", s.port, "/w"), .on_data = on_data }, &r);
	WAIT_FOR(s.accepted == 1 && s.connections[0].len > 0);
	raw_send(&s.connections[0], stream_head);
	raw_send(&s.connections[0], "4\r\none\n\r\n");
	WAIT_FOR(streamed.pieces == 1);
	assert_true(streamed.began);
	assert_string_equal(streamed.text, "one\n");
	raw_send(&s.connections[0], "4\r\ntwo\n\r\n");
	WAIT_FOR(streamed.pieces == 2);
	assert_int_equal(r.done, 0);
	raw_send(&s.connections[0], "0\r\n\r\n");
	WAIT_FOR(r.done);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "");
	assert_string_equal(streamed.text, "one\ntwo\n");
	forget(&r);
	raw_server_end(&s);
}

static void the_body_of_a_refusal_is_collected(UNUSED void **state)
{
	struct raw_server s;
	struct result r = { 0 };
	memset(&streamed, 0, sizeof(streamed));
	raw_listen(&s);
	start_call((struct http_call_params){ .url = url_of("http", s.port, "/w"), .on_data = on_data }, &r);
	WAIT_FOR(s.accepted == 1 && s.connections[0].len > 0);
	raw_send(&s.connections[0], "HTTP/1.1 410 Gone\r\nContent-Length: 3\r\n\r\nold");
	WAIT_FOR(r.done);
	assert_int_equal(r.status, 410);
	assert_string_equal(r.body, "old");
	assert_int_equal(streamed.pieces, 0);
	forget(&r);
	raw_server_end(&s);
}

static void a_stalled_stream_ends(UNUSED void **state)
{
	struct raw_server s;
	struct result r = { 0 };
	memset(&streamed, 0, sizeof(streamed));
	raw_listen(&s);
	struct http_call_params p = { .method = "GET",
				      .url = url_of("http", s.port, "/w"),
				      .idle_timeout_ms = 300,
				      .on_data = on_data,
				      .on_done = on_done,
				      .arg = &r };
	http_call_start(client, &p);
	WAIT_FOR(s.accepted == 1 && s.connections[0].len > 0);
	raw_send(&s.connections[0], stream_head);
	int64_t start = now_ms();
	for (int i = 1; i <= 4; i++) { /* alive for longer than the limit */
		raw_send(&s.connections[0], "1\r\nx\r\n");
		WAIT_FOR(streamed.pieces == i);
		RUN_UNTIL(r.done, 120);
		assert_int_equal(r.done, 0);
	}
	assert_true(now_ms() - start > 400);
	WAIT_FOR(r.done);
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.error, "300 ms"));
	assert_true(r.sent);
	forget(&r);
	raw_server_end(&s);
}

static void a_call_may_cancel_and_start_others(UNUSED void **state)
{
	struct raw_server s;
	struct result r = { 0 }, cancelled = { 0 }, started = { 0 };
	memset(&streamed, 0, sizeof(streamed));
	raw_listen(&s);
	to_cancel = start_call((struct http_call_params){ .url = url_of("http", s.port, "/c") }, &cancelled);
	WAIT_FOR(s.accepted == 1);
	start_call((struct http_call_params){ .url = url_of("http", s.port, "/w"), .on_data = on_data }, &r);
	WAIT_FOR(s.accepted == 2 && s.connections[1].len > 0);
	to_start = &started;
	raw_send(&s.connections[1], ok_answer);
	WAIT_FOR(r.done && started.done);
	assert_int_equal(r.status, 200);
	assert_int_equal(started.status, 0);
	WAIT_FOR(s.connections[0].closed);
	assert_int_equal(cancelled.done, 0);
	forget(&r);
	forget(&started);
	raw_server_end(&s);
}

static void a_call_times_out(UNUSED void **state)
{
	struct raw_server s;
	raw_listen(&s);
	int64_t start = now_ms();
	struct result r = call((struct http_call_params){ .url = url_of("http", s.port, "/"), .timeout_ms = 200 });
	assert_int_equal(r.status, 0);
	assert_true(r.sent);
	assert_in_range(now_ms() - start, 150, 2000);
	forget(&r);
	raw_server_end(&s);
}

static void an_answer_over_the_limit_fails(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct result r = call(
		(struct http_call_params){ .url = url_of("http", http_server_port(server), "/big"), .body_max = 1000 });
	assert_int_equal(r.status, 0);
	assert_true(r.sent);
	assert_non_null(strstr(r.error, "1000 bytes"));
	forget(&r);
	stop_server(server);
}

static void a_proxy_is_not_used_for_numbers(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	struct result r = call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/") });
	unsetenv("http_proxy");
	assert_int_equal(r.status, 200);
	forget(&r);
	stop_server(server);
}

static void destroy_client(UNUSED void *arg, UNUSED const struct http_answer *answer)
{
	http_client_destroy(client);
	client = NULL;
}

static void a_callback_may_destroy_the_client(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct result other = { 0 };
	start_call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/held") }, &other);
	struct http_call_params p = { .method = "GET",
				      .url = url_of("http", http_server_port(server), "/"),
				      .on_done = destroy_client };
	http_call_start(client, &p);
	WAIT_FOR(client == NULL);
	RUN_UNTIL(false, 20);
	assert_int_equal(other.done, 0);
	release_held();
	stop_server(server);
}

/* A watch and calls side by side, as with the API server: many on one connection when it is HTTP/2. */
static void calls_go_on_beside_a_long_stream(UNUSED void **state)
{
	http_server_speaks_http2 = true;
	struct http_server *server = start_server(tls_params());
	struct result watch = { 0 };
	char url[128];
	text_copy(url, sizeof(url), url_of("https", http_server_port(server), "/held"));
	start_call((struct http_call_params){ .url = url, .tls = { .ca_file = ca_file } }, &watch);
	WAIT_FOR(seen.held_count == 1);
	for (int i = 0; i < 20; i++) {
		struct result r =
			call((struct http_call_params){ .method = i % 2 ? "PATCH" : "GET",
							.body = i % 2 ? "{}" : NULL,
							.url = url_of("https", http_server_port(server), "/echo"),
							.tls = { .ca_file = ca_file } });
		assert_int_equal(r.status, 200);
		forget(&r);
	}
	assert_int_equal(watch.done, 0);
	release_held();
	WAIT_FOR(watch.done);
	assert_string_equal(watch.body, "late");
	forget(&watch);
	stop_server(server);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(get_is_answered),
		TEST(methods_over_plain_http),
		TEST(methods_over_tls),
		TEST(methods_over_http2),
		TEST(long_bodies_go_both_ways),
		TEST(a_status_without_body_has_none),
		TEST(retry_after_is_read),
		TEST(basic_and_bearer_authorization_are_sent),
		TEST(a_late_answer_arrives),
		TEST(a_client_may_leave_before_the_answer),
		TEST(a_reply_may_come_after_the_server_is_gone),
		TEST(a_refused_connection_was_not_sent),
		TEST(a_bad_address_is_an_error_later),
		TEST(no_request_is_sent_twice),
		TEST(a_kept_connection_is_used_again),
		TEST(lanes_share_no_connection),
		TEST(only_the_common_lane_speaks_http2),
		TEST(a_stream_is_given_as_it_comes),
		TEST(the_body_of_a_refusal_is_collected),
		TEST(a_stalled_stream_ends),
		TEST(a_call_may_cancel_and_start_others),
		TEST(a_call_times_out),
		TEST(an_answer_over_the_limit_fails),
		TEST(a_proxy_is_not_used_for_numbers),
		TEST(a_callback_may_destroy_the_client),
		TEST(calls_go_on_beside_a_long_stream),
	};
	read_arguments(argc, argv);
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
