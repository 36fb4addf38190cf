/* The HTTP server: its ports, and raw clients that misbehave. */
#include "unit/support_http.h"

#include <netinet/tcp.h>

static void a_port_in_use_is_named(UNUSED void **state)
{
	struct err err;
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct http_server_params p = { .host = "127.0.0.1", .port = http_server_port(server), .handler = handle };
	assert_null(http_server_create(loop, &p, &err));
	assert_non_null(strstr(err.text, "127.0.0.1"));
	assert_non_null(strstr(err.text, "in use"));
	stop_server(server);
}

static void a_port_can_be_taken_again_at_once(UNUSED void **state)
{
	struct err err;
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct http_server_params p = { .host = "127.0.0.1", .port = http_server_port(server), .handler = handle };
	struct result r = call((struct http_call_params){ .url = url_of("http", p.port, "/") });
	forget(&r);
	stop_server(server);
	server = http_server_create(loop, &p, &err);
	assert_non_null(server);
	r = call((struct http_call_params){ .url = url_of("http", p.port, "/"), .lane = "fresh" });
	assert_int_equal(r.status, 200);
	forget(&r);
	stop_server(server);
}

static void all_addresses_include_both_families(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ .host = "*" });
	struct result r = call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/") });
	assert_int_equal(r.status, 200);
	assert_string_equal(seen.peer, "127.0.0.1");
	forget(&r);
	char url[64];
	snprintf(url, sizeof(url), "http://[::1]:%d/", http_server_port(server));
	if (access("/proc/net/if_inet6", F_OK) == 0) {
		r = call((struct http_call_params){ .url = url });
		if (r.status == 200)
			assert_string_equal(seen.peer, "::1");
		else
			print_message("SKIPPED: no IPv6 here: %s\n", r.error);
		forget(&r);
	}
	stop_server(server);
}

/* --- the server against raw clients --- */

static void pipelined_requests_are_answered_in_order(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct raw raw;
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n"
		       "GET /three HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(strstr(raw.in, "/three") != NULL);
	assert_true(strstr(raw.in, "/one") < strstr(raw.in, "/two"));
	assert_true(strstr(raw.in, "/two") < strstr(raw.in, "/three"));
	assert_int_equal(count_of(raw.in, "HTTP/1.1 200 OK"), 3);
	assert_int_equal(count_of(raw.in, "server: howdah"), 3);
	assert_false(raw.closed);
	raw_send(&raw, "GET /four HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(strstr(raw.in, "/four") != NULL);
	raw_end(&raw);
	stop_server(server);
}

static void a_request_behind_one_with_a_body_is_answered(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct raw raw;
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n/one"
		       "GET /two HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(strstr(raw.in, "/two") != NULL);
	assert_true(strstr(raw.in, "/one") < strstr(raw.in, "/two"));
	raw_end(&raw);
	stop_server(server);
}

/* libwebsockets would go round for ever: such connections end instead, after what came before is answered. */
static void a_body_behind_another_request_does_not_stop_the_loop(UNUSED void **state)
{
	static const char *const seconds[] = {
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET /x HTTP/1.1\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n",
		"PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\nGET",
		"DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody  ",
		"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{",
		"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40000000\r\n\r\nbody",
		"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nbody",
	};
	struct http_server *server = start_server((struct http_server_params){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
		char text[1024];
		struct raw raw;
		snprintf(text, sizeof(text), "GET /one HTTP/1.1\r\nHost: x\r\n\r\n%s", seconds[i]);
		raw_connect(&raw, http_server_port(server));
		raw_send(&raw, text);
		WAIT_FOR(raw.closed);
		assert_non_null(strstr(raw.in, "/one"));
		assert_string_equal(seen.body, ""); /* nothing wrong was handed on */
		raw_end(&raw);
	}
	stop_server(server);
}

static void an_offer_to_upgrade_is_passed_over(UNUSED void **state)
{
	static const char *const offers[] = { "h2c", "websocket" };
	struct http_server *server = start_server((struct http_server_params){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
		char text[512];
		struct raw raw;
		snprintf(text, sizeof(text),
			 "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %s\r\n"
			 "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 4\r\n\r\nbody",
			 offers[i]);
		raw_connect(&raw, http_server_port(server));
		raw_send(&raw, text);
		WAIT_FOR(strstr(raw.in, "body") != NULL);
		assert_non_null(strstr(raw.in, "HTTP/1.1 200 "));
		raw_end(&raw);
	}
	stop_server(server);
}

/* Bytes that libwebsockets would fall over. */
static void http2_is_not_offered(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct raw raw;
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	WAIT_FOR(raw.closed);
	raw_end(&raw);
	stop_server(server);

	server = start_server(tls_params());
	char line[256];
	snprintf(line, sizeof(line),
		 "openssl s_client -connect 127.0.0.1:%d -alpn h2,http/1.1 </dev/null >alpn.log 2>&1; echo end "
		 ">>alpn.log",
		 http_server_port(server));
	pid_t pid = start_shell(line);
	bool ended = false;
	WAIT_FOR(ended || (ended = waitpid(pid, NULL, WNOHANG) == pid));
	run("grep -q 'ALPN protocol: http/1.1' alpn.log");
	stop_server(server);
}

static void http_1_0_is_answered_and_closed(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct raw raw;
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "GET /old HTTP/1.0\r\n\r\n");
	WAIT_FOR(raw.closed);
	assert_non_null(strstr(raw.in, " 200 "));
	assert_non_null(strstr(raw.in, "connection: close"));
	assert_non_null(strstr(raw.in, "/old"));
	raw_end(&raw);
	stop_server(server);
}

static void a_long_body_is_refused(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	size_t len = HTTP_BODY_MAX + 1000;
	char *body = malloc(len + 1);
	memset(body, 'y', len);
	body[len] = '\0';
	struct result r = call((struct http_call_params){
		.method = "PUT", .url = url_of("http", http_server_port(server), "/"), .body = body });
	assert_string_equal(r.error, "");
	assert_int_equal(r.status, 413);
	assert_int_equal(seen.count, 0);
	forget(&r);
	body[HTTP_BODY_MAX] = '\0';
	r = call((struct http_call_params){
		.method = "PUT", .url = url_of("http", http_server_port(server), "/"), .body = body });
	assert_int_equal(r.status, 200);
	assert_int_equal(seen.body_len, HTTP_BODY_MAX);
	forget(&r);
	free(body);
	stop_server(server);
}

static void a_long_address_is_refused(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	static const size_t sizes[] = { HTTP_URI_MAX, HTTP_URI_MAX + 1, 3 * HTTP_URI_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char path[4 * HTTP_URI_MAX];
		memset(path, 'a', sizes[i]);
		path[0] = '/';
		path[sizes[i]] = '\0';
		struct result r =
			call((struct http_call_params){ .url = url_of("http", http_server_port(server), path) });
		assert_int_equal(r.status, sizes[i] > HTTP_URI_MAX ? 414 : 200);
		forget(&r);
	}
	assert_int_equal(seen.count, 1);
	stop_server(server);
}

static void half_a_request_times_out(UNUSED void **state)
{
	static const char *const halves[] = {
		"",
		"GET / HTTP/1.1\r\nHos",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345",
	};
	http_server_request_timeout_s = 1;
	struct http_server *server = start_server((struct http_server_params){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		struct raw raw;
		int64_t start = now_ms();
		raw_connect(&raw, http_server_port(server));
		raw_send(&raw, halves[i]);
		WAIT_FOR(raw.closed);
		assert_in_range(now_ms() - start, 500, 4000);
		raw_end(&raw);
	}
	assert_int_equal(seen.count, 0);
	stop_server(server);
}

static struct raw *slow_raw;

static void send_one_byte(void *arg)
{
	send(slow_raw->fd, "z", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	loop_timer_set(*(struct loop_timer **)arg, 100);
}

static void a_body_in_single_bytes_does_not_extend_the_time(UNUSED void **state)
{
	http_server_request_timeout_s = 1;
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct raw raw;
	struct loop_timer *timer;
	slow_raw = &raw;
	timer = loop_timer_create(loop, send_one_byte, &timer);
	int64_t start = now_ms();
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
	loop_timer_set(timer, 0);
	RUN_UNTIL(raw.closed, PATIENCE_MS);
	int64_t took = now_ms() - start;
	loop_timer_destroy(timer);
	assert_true(raw.closed);
	assert_in_range(took, 500, 4000);
	raw_end(&raw);
	stop_server(server);
}

static void a_chunked_body_is_put_together(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct raw raw;
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
	RUN_UNTIL(false, 20);
	raw_send(&raw, "6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n");
	WAIT_FOR(raw.closed);
	assert_non_null(strstr(raw.in, "hello world"));
	assert_true(seen.has_body);
	raw_end(&raw);
	stop_server(server);
}

static void nonsense_is_refused(UNUSED void **state)
{
	static const char *const requests[] = {
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nabcde",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02garbage\r\n\r\n",
	};
	struct http_server *server = start_server((struct http_server_params){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct raw raw;
		raw_connect(&raw, http_server_port(server));
		raw_send(&raw, requests[i]);
		WAIT_FOR(raw.closed);
		assert_null(strstr(raw.in, " 200 "));
		raw_end(&raw);
	}
	assert_int_equal(seen.count, 0);
	stop_server(server);
}

static struct raw raws[HTTP_CONNECTIONS_MAX + 4];

/* What each of the first connections sends; the last four get a request each. */
static void fill(const struct http_server *server, const char *text)
{
	for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		raw_connect(&raws[i], http_server_port(server));
		raw_send(&raws[i], text);
		WAIT_FOR(server->connection_count == i + 1); /* the kernel's queue is shorter */
	}
	for (size_t i = HTTP_CONNECTIONS_MAX; i < ARRAY_SIZE(raws); i++) {
		raw_connect(&raws[i], http_server_port(server));
		raw_send(&raws[i], "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
	}
}

static void empty(struct http_server *server)
{
	for (size_t i = 0; i < ARRAY_SIZE(raws); i++)
		raw_end(&raws[i]);
	stop_server(server);
}

static int count_closed(void)
{
	int count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(raws); i++)
		count += raws[i].closed;
	return count;
}

static void more_clients_than_allowed_wait_while_the_others_are_worked_for(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	fill(server, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(seen.held_count == HTTP_CONNECTIONS_MAX);
	assert_in_range(processor_us(2 * HTTP_GIVES_WAY_MS), 0, 100000);
	assert_int_equal(seen.count, HTTP_CONNECTIONS_MAX);
	assert_int_equal(count_closed(), 0);
	release_held();
	WAIT_FOR(seen.count == (int)ARRAY_SIZE(raws));
	empty(server);
}

static void who_lets_a_full_server_wait_gives_way(UNUSED void **state)
{
	static const char *const slow[] = { "G", "GET / HTTP/1.1\r\nHost: ",
					    "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n12",
					    "GET /idle HTTP/1.1\r\nHost: x\r\n\r\n" };
	for (size_t i = 0; i < ARRAY_SIZE(slow); i++) {
		struct http_server *server = start_server((struct http_server_params){ 0 });
		int64_t start = now_ms();
		fill(server, slow[i]);
		for (size_t k = HTTP_CONNECTIONS_MAX; k < ARRAY_SIZE(raws); k++)
			WAIT_FOR(strstr(raws[k].in, "/late") != NULL);
		assert_in_range(now_ms() - start, 0, 2000);
		WAIT_FOR(count_closed() == 4);
		for (int k = 0; k < 4; k++)
			assert_true(raws[k].closed); /* who has been slow for longest */
		empty(server);
	}
}

static void the_bodies_that_are_being_read_are_bounded_together(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	enum { GREEDY = 24, PART = HTTP_BODY_MAX / 2 };
	int refused = 0;
	for (int i = 0; i < GREEDY; i++) {
		raw_connect(&raws[i], http_server_port(server));
		raw_send(&raws[i], "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
		for (int sent = 0; sent < PART && !raws[i].closed && raws[i].len == 0;) {
			ssize_t n = send(raws[i].fd, big_body, sizeof(big_body) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
			sent += n > 0 ? (int)n : 0;
			RUN_UNTIL(false, 1);
		}
	}
	RUN_UNTIL(false, 100);
	for (int i = 0; i < GREEDY; i++)
		refused += strstr(raws[i].in, " 503 ") != NULL;
	assert_in_range(server->body_bytes, HTTP_BODIES_MAX / 4, HTTP_BODIES_MAX);
	assert_in_range(refused, GREEDY / 2, GREEDY - 1);
	for (int i = 0; i < GREEDY; i++)
		raw_end(&raws[i]);
	WAIT_FOR(server->body_bytes == 0);
	stop_server(server);
}

static void name_and_queue_are_as_asked_for(UNUSED void **state)
{
	static const struct {
		const char *name, *header;
		int queue_size;
		unsigned queue;
	} rows[] = { { NULL, "\r\nserver: howdah\r\n", 0, 128 }, { "Patroni/4", "\r\nserver: Patroni/4\r\n", 3, 3 } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct raw raw;
		struct tcp_info info;
		socklen_t size = sizeof(info);
		struct http_server *server = start_server(
			(struct http_server_params){ .server_name = rows[i].name, .queue_size = rows[i].queue_size });
		assert_int_equal(getsockopt(server->listen_fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
		assert_int_equal(info.tcpi_sacked, rows[i].queue); /* of a listening socket: how many may wait */
		raw_connect(&raw, http_server_port(server));
		raw_send(&raw, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
		WAIT_FOR(strstr(raw.in, "\r\n\r\n") != NULL);
		assert_int_equal(count_of(raw.in, "server: "), 1);
		assert_non_null(strstr(raw.in, rows[i].header));
		raw_end(&raw);
		stop_server(server);
	}
}

static void a_waiting_reply_costs_no_processor(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct raw raw;
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(seen.held_count == 1);
	raw_send(&raw, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_in_range(processor_us(400), 0, 100000);
	release_held();
	WAIT_FOR(strstr(raw.in, "/next") != NULL);
	raw_end(&raw);
	stop_server(server);
}

static struct http_server *own_server;

static void destroy_own_server(UNUSED void *arg, const struct http_request *r)
{
	http_server_destroy(own_server);
	send_text(r->reply, 200, "bye", NULL);
}

static void a_handler_may_destroy_its_server(UNUSED void **state)
{
	struct err err;
	struct http_server_params p = { .host = "127.0.0.1", .handler = destroy_own_server };
	own_server = http_server_create(loop, &p, &err);
	assert_non_null(own_server);
	struct result r = call((struct http_call_params){ .url = url_of("http", http_server_port(own_server), "/") });
	assert_string_equal(r.body, "bye");
	forget(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_port_in_use_is_named),
		TEST(a_port_can_be_taken_again_at_once),
		TEST(all_addresses_include_both_families),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(a_request_behind_one_with_a_body_is_answered),
		TEST(a_body_behind_another_request_does_not_stop_the_loop),
		TEST(an_offer_to_upgrade_is_passed_over),
		TEST(http2_is_not_offered),
		TEST(http_1_0_is_answered_and_closed),
		TEST(a_long_body_is_refused),
		TEST(a_long_address_is_refused),
		TEST(half_a_request_times_out),
		TEST(a_body_in_single_bytes_does_not_extend_the_time),
		TEST(a_chunked_body_is_put_together),
		TEST(nonsense_is_refused),
		TEST(more_clients_than_allowed_wait_while_the_others_are_worked_for),
		TEST(who_lets_a_full_server_wait_gives_way),
		TEST(the_bodies_that_are_being_read_are_bounded_together),
		TEST(name_and_queue_are_as_asked_for),
		TEST(a_waiting_reply_costs_no_processor),
		TEST(a_handler_may_destroy_its_server),
	};
	read_arguments(argc, argv);
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
