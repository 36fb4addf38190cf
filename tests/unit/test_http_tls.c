/* Certificates of the HTTP client and server: whose are believed, and when they change. */
#include "unit/support_http.h"

static void a_wrong_authority_is_refused(UNUSED void **state)
{
	struct http_server *server = start_server(tls_params());
	struct result r = call((struct http_call_params){ .url = url_of("https", http_server_port(server), "/"),
							  .tls = { .ca_file = other_ca_file } });
	assert_int_equal(r.status, 0);
	assert_false(r.sent);
	assert_non_null(strstr(r.error, "certificate"));
	assert_int_equal(seen.count, 0);
	forget(&r);
	stop_server(server);
}

static void the_name_is_checked_unless_told_otherwise(UNUSED void **state)
{
	struct http_server *server = start_server(tls_params());
	char url[64];
	snprintf(url, sizeof(url), "https://localhost:%d/", http_server_port(server));
	struct result r = call((struct http_call_params){ .url = url, .tls = { .ca_file = ca_file } });
	assert_int_equal(r.status, 0);
	forget(&r);
	r = call((struct http_call_params){ .url = url, .tls = { .ca_file = ca_file, .no_name_check = true } });
	assert_int_equal(r.status, 200);
	forget(&r);
	r = call((struct http_call_params){ .url = url, .tls = { .ca_file = other_ca_file, .no_name_check = true } });
	assert_int_equal(r.status, 0);
	forget(&r);
	r = call((struct http_call_params){ .url = url, .tls = { .ca_file = other_ca_file, .insecure = true } });
	assert_int_equal(r.status, 200);
	forget(&r);
	stop_server(server);
}

static void a_tls_port_does_not_speak_plain_http(UNUSED void **state)
{
	struct http_server *server = start_server(tls_params());
	struct raw raw;
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(raw.closed);
	assert_null(strstr(raw.in, "HTTP/1"));
	assert_int_equal(seen.count, 0);
	raw_end(&raw);
	stop_server(server);
}

static void client_certificates_are_asked_for(UNUSED void **state)
{
	struct http_server_params p = tls_params();
	p.ca_file = ca_file;
	p.verify_client_optional = true;
	struct http_server *server = start_server(p);
	const char *url = url_of("https", http_server_port(server), "/");
	struct http_tls mine = { .ca_file = ca_file, .cert_file = client_cert, .key_file = client_key };
	struct result r = call((struct http_call_params){ .url = url, .tls = { .ca_file = ca_file } });
	assert_int_equal(r.status, 200);
	assert_false(seen.has_client_cert);
	forget(&r);
	r = call((struct http_call_params){ .url = url, .tls = mine });
	assert_string_equal(r.error, "");
	assert_true(seen.has_client_cert);
	forget(&r);
	stop_server(server);

	p.verify_client_optional = false;
	p.verify_client_required = true;
	server = start_server(p);
	url = url_of("https", http_server_port(server), "/");
	r = call((struct http_call_params){ .url = url, .tls = { .ca_file = ca_file } });
	assert_int_equal(r.status, 0);
	forget(&r);
	r = call((struct http_call_params){ .url = url, .tls = mine });
	assert_int_equal(r.status, 200);
	assert_true(seen.has_client_cert);
	forget(&r);
	stop_server(server);
}

static void bad_certificates_are_named(UNUSED void **state)
{
	struct err err;
	struct http_server_params p = { .host = "127.0.0.1", .handler = handle, .cert_file = "/nowhere/server.crt" };
	assert_null(http_server_create(loop, &p, &err));
	assert_non_null(strstr(err.text, "/nowhere/server.crt"));
	assert_non_null(strstr(err.text, "No such file"));
	p.cert_file = cert_file;
	p.key_file = client_key;
	assert_null(http_server_create(loop, &p, &err));
	assert_non_null(strstr(err.text, "mismatch"));
}

static void changed_certificates_are_taken_and_bad_ones_are_not(UNUSED void **state)
{
	struct err err;
	struct http_server *server = start_server(tls_params());
	const char *url = url_of("https", http_server_port(server), "/");
	run("mv server.crt kept.crt && echo broken >server.crt");
	assert_false(http_server_reload_tls(server, &err));
	struct result r = call((struct http_call_params){ .url = url, .tls = { .ca_file = ca_file } });
	assert_int_equal(r.status, 200);
	forget(&r);

	/* a certificate of the other authority: clients of the first do not believe it any more */
	run("openssl x509 -req -in server.csr -CA other.crt -CAkey other.key -CAcreateserial -days 2"
	    " -extfile server.ext -out server.crt");
	assert_true(http_server_reload_tls(server, &err));
	r = call((struct http_call_params){ .url = url, .lane = "new", .tls = { .ca_file = other_ca_file } });
	assert_string_equal(r.error, "");
	forget(&r);
	http_client_destroy(client); /* it would resume its session */
	client = http_client_create(loop, "howdah/test");
	r = call((struct http_call_params){ .url = url, .tls = { .ca_file = ca_file } });
	assert_int_equal(r.status, 0);
	forget(&r);
	run("mv kept.crt server.crt");
	stop_server(server);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_wrong_authority_is_refused),         TEST(the_name_is_checked_unless_told_otherwise),
		TEST(a_tls_port_does_not_speak_plain_http), TEST(client_certificates_are_asked_for),
		TEST(bad_certificates_are_named),           TEST(changed_certificates_are_taken_and_bad_ones_are_not),
	};
	read_arguments(argc, argv);
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
