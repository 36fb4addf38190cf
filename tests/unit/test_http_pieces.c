/* The HTTP server: bodies in pieces, and replies that are cut. */
#include "unit/support_http.h"

static struct http_reply *open_reply;
static int gone;

static void note_gone(UNUSED void *arg)
{
	gone++;
}

static void begin_pieces(const struct http_request *r)
{
	struct http_response head = { .status = 200, .content_type = "text/plain" };
	open_reply = r->reply;
	gone = 0;
	http_reply_begin(r->reply, &head, note_gone, NULL);
}

static void handle_pieces(void *arg, const struct http_request *r)
{
	if (text_equal(r->path, "/pieces"))
		begin_pieces(r);
	else if (text_equal(r->path, "/cut"))
		http_reply_cut(r->reply);
	else if (text_equal(r->path, "/type"))
		send_text(r->reply, 200, r->content_type, NULL);
	else
		handle(arg, r);
}

static void write_text(const char *text)
{
	http_reply_write(open_reply, text, strlen(text));
}

static void end_pieces(void)
{
	http_reply_end(open_reply);
	open_reply = NULL;
}

static struct http_server *start(struct http_server_params p)
{
	open_reply = NULL;
	p.handler = handle_pieces;
	return start_server(p);
}

static void ask(struct raw *raw, const struct http_server *server, const char *path)
{
	char text[256];
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	raw_connect(raw, http_server_port(server));
	raw_send(raw, text);
}

static void pieces_arrive_when_they_are_written(UNUSED void **state)
{
	struct raw raw;
	struct http_server *server = start((struct http_server_params){ 0 });
	ask(&raw, server, "/pieces");
	WAIT_FOR(strstr(raw.in, "\r\n\r\n") != NULL);
	assert_non_null(strstr(raw.in, "transfer-encoding: chunked\r\n"));
	assert_null(strstr(raw.in, "content-length"));
	write_text("one");
	write_text("twelve bytes");
	WAIT_FOR(strstr(raw.in, "\r\n\r\n3\r\none\r\nc\r\ntwelve bytes\r\n") != NULL);
	write_text("three");
	WAIT_FOR(strstr(raw.in, "5\r\nthree\r\n") != NULL);
	end_pieces();
	WAIT_FOR(strstr(raw.in, "0\r\n\r\n") != NULL);
	assert_int_equal(gone, 0);
	raw_end(&raw);
	stop_server(server);
}

static void the_connection_goes_on_after_the_last_piece(UNUSED void **state)
{
	struct raw raw;
	struct http_server *server = start((struct http_server_params){ 0 });
	ask(&raw, server, "/pieces");
	WAIT_FOR(open_reply != NULL);
	raw_send(&raw, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	write_text("piece");
	WAIT_FOR(strstr(raw.in, "piece") != NULL);
	assert_null(strstr(raw.in, "/next"));
	end_pieces();
	WAIT_FOR(strstr(raw.in, "/next") != NULL);
	assert_false(raw.closed);
	raw_end(&raw);
	stop_server(server);
}

static void an_empty_body_in_pieces_ends(UNUSED void **state)
{
	struct http_server *server = start((struct http_server_params){ 0 });
	struct result r = { 0 };
	start_call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/pieces") }, &r);
	WAIT_FOR(open_reply != NULL);
	end_pieces();
	WAIT_FOR(r.done > 0);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "");
	forget(&r);
	stop_server(server);
}

static void pieces_go_over_tls(UNUSED void **state)
{
	struct http_server *server = start(tls_params());
	struct result r = { 0 };
	start_call((struct http_call_params){ .url = url_of("https", http_server_port(server), "/pieces"),
					      .tls.ca_file = ca_file },
		   &r);
	WAIT_FOR(open_reply != NULL);
	write_text("one ");
	http_reply_write(open_reply, big_body, sizeof(big_body) - 1);
	end_pieces();
	WAIT_FOR(r.done > 0);
	assert_int_equal(r.body_len, 4 + sizeof(big_body) - 1);
	forget(&r);
	stop_server(server);
}

static void http_1_0_has_no_chunks(UNUSED void **state)
{
	struct raw raw;
	struct http_server *server = start((struct http_server_params){ 0 });
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "GET /pieces HTTP/1.0\r\n\r\n");
	WAIT_FOR(open_reply != NULL);
	write_text("one");
	WAIT_FOR(strstr(raw.in, "\r\n\r\none") != NULL);
	assert_null(strstr(raw.in, "chunked"));
	end_pieces();
	WAIT_FOR(raw.closed);
	assert_non_null(strstr(raw.in, "\r\n\r\none"));
	raw_end(&raw);
	stop_server(server);
}

static void a_head_request_gets_no_pieces(UNUSED void **state)
{
	struct raw raw;
	struct http_server *server = start((struct http_server_params){ 0 });
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "HEAD /pieces HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(open_reply != NULL);
	write_text("piece");
	end_pieces();
	raw_send(&raw, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(strstr(raw.in, "/next") != NULL);
	assert_null(strstr(raw.in, "piece"));
	raw_end(&raw);
	stop_server(server);
}

static void a_client_that_leaves_is_noticed(UNUSED void **state)
{
	struct raw raw;
	struct http_server *server = start((struct http_server_params){ 0 });
	ask(&raw, server, "/pieces");
	WAIT_FOR(open_reply != NULL);
	raw_end(&raw);
	WAIT_FOR(gone == 1);
	write_text("nobody reads this");
	end_pieces();
	stop_server(server);
}

static void a_client_that_does_not_read_is_cut_off(UNUSED void **state)
{
	struct raw raw;
	struct http_server *server = start((struct http_server_params){ 0 });
	ask(&raw, server, "/pieces");
	WAIT_FOR(open_reply != NULL);
	loop_io_want(raw.io, 0);
	for (size_t written = 0; written <= HTTP_UNSENT_MAX; written += sizeof(big_body) - 1) {
		assert_int_equal(gone, 0);
		http_reply_write(open_reply, big_body, sizeof(big_body) - 1);
	}
	assert_int_equal(gone, 0);
	WAIT_FOR(gone == 1);
	end_pieces();
	raw_end(&raw);
	stop_server(server);
}

static void a_server_that_goes_says_so(UNUSED void **state)
{
	struct raw raw;
	struct http_server *server = start((struct http_server_params){ 0 });
	ask(&raw, server, "/pieces");
	WAIT_FOR(open_reply != NULL);
	stop_server(server);
	WAIT_FOR(gone == 1);
	end_pieces();
	WAIT_FOR(raw.closed);
	raw_end(&raw);
}

static void a_cut_reply_is_no_answer(UNUSED void **state)
{
	struct http_server *server = start((struct http_server_params){ 0 });
	struct result r = call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/cut") });
	assert_int_equal(r.status, 0);
	assert_true(r.sent);
	forget(&r);
	r = call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/after") });
	assert_int_equal(r.status, 200);
	forget(&r);
	stop_server(server);
}

static void a_body_cut_in_the_middle_is_an_error(UNUSED void **state)
{
	struct http_server *server = start((struct http_server_params){ 0 });
	struct result r = { 0 };
	start_call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/pieces") }, &r);
	WAIT_FOR(open_reply != NULL);
	write_text("half");
	http_reply_cut(open_reply);
	open_reply = NULL;
	WAIT_FOR(r.done > 0);
	assert_int_equal(r.status, 0);
	forget(&r);
	stop_server(server);
}

static void an_open_body_costs_no_processor(UNUSED void **state)
{
	struct raw raw;
	struct http_server *server = start((struct http_server_params){ 0 });
	ask(&raw, server, "/pieces");
	WAIT_FOR(open_reply != NULL);
	raw_send(&raw, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n"); /* bytes that are not to be read yet */
	assert_in_range(processor_us(400), 0, 100000);
	end_pieces();
	WAIT_FOR(strstr(raw.in, "/waits") != NULL);
	raw_end(&raw);
	stop_server(server);
}

static void the_content_type_is_handed_on(UNUSED void **state)
{
	struct http_server *server = start((struct http_server_params){ 0 });
	struct result r = call((struct http_call_params){ .url = url_of("http", http_server_port(server), "/type"),
							  .method = "PATCH",
							  .body = "{}",
							  .content_type = "application/merge-patch+json" });
	assert_string_equal(r.body, "application/merge-patch+json");
	forget(&r);
	stop_server(server);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces_arrive_when_they_are_written),
		TEST(the_connection_goes_on_after_the_last_piece),
		TEST(an_empty_body_in_pieces_ends),
		TEST(pieces_go_over_tls),
		TEST(http_1_0_has_no_chunks),
		TEST(a_head_request_gets_no_pieces),
		TEST(a_client_that_leaves_is_noticed),
		TEST(a_client_that_does_not_read_is_cut_off),
		TEST(a_server_that_goes_says_so),
		TEST(a_cut_reply_is_no_answer),
		TEST(a_body_cut_in_the_middle_is_an_error),
		TEST(an_open_body_costs_no_processor),
		TEST(the_content_type_is_handed_on),
	};
	read_arguments(argc, argv);
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
