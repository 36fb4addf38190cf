/* An HTTP server with a handler that notes what comes, calls to it, and certificates for both. */
#ifndef HOWDAH_TESTS_UNIT_SUPPORT_HTTP_H
#define HOWDAH_TESTS_UNIT_SUPPORT_HTTP_H

#include "unit/support_raw.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "io/http_server_private.h"

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

enum { REPLIES_MAX = HTTP_CONNECTIONS_MAX + 16 };
static_assert(HTTP_CONNECTIONS_MAX + 16 <= RAW_SOCKETS_MAX, "more clients than the server takes");

static char dir[64];
static char ca_file[128], cert_file[128], key_file[128], other_ca_file[128], client_cert[128], client_key[128];

/* --- the handler under the tests: what the last request was, and how it is answered --- */

static struct {
	int count;
	char method[16], path[4096], query[8192], authorization[256], peer[64];
	char *body;
	size_t body_len;
	bool has_body, tls, has_client_cert;
	struct http_reply *held[REPLIES_MAX];
	int held_count;
} seen;

static char big_body[300 * 1024];

static UNUSED void note_request(const struct http_request *r)
{
	seen.count++;
	text_copy(seen.method, sizeof(seen.method), r->method);
	text_copy(seen.path, sizeof(seen.path), r->path);
	text_copy(seen.query, sizeof(seen.query), r->query);
	text_copy(seen.authorization, sizeof(seen.authorization), r->authorization);
	text_copy(seen.peer, sizeof(seen.peer), r->peer);
	free(seen.body);
	seen.body = strndup(r->body, r->body_len);
	seen.body_len = r->body_len;
	seen.has_body = r->has_body;
	seen.tls = r->tls;
	seen.has_client_cert = r->has_client_cert;
}

static UNUSED void send_text(struct http_reply *reply, int status, const char *text, const char *extra)
{
	struct http_response response = {
		.status = status,
		.content_type = text != NULL ? "text/plain" : NULL,
		.body = text,
		.body_len = text != NULL ? strlen(text) : 0,
		.extra_headers = extra,
	};
	http_reply_send(reply, &response);
}

static UNUSED void handle(UNUSED void *arg, const struct http_request *r)
{
	note_request(r);
	if (text_equal(r->path, "/held"))
		seen.held[seen.held_count++] = r->reply;
	else if (text_equal(r->path, "/busy"))
		send_text(r->reply, 429, "later", "Retry-After: 7\nX-More: yes\n");
	else if (text_equal(r->path, "/none"))
		send_text(r->reply, 204, NULL, NULL);
	else if (text_equal(r->path, "/big"))
		send_text(r->reply, 200, big_body, NULL);
	else if (text_equal(r->path, "/echo"))
		send_text(r->reply, 200, r->body, NULL);
	else
		send_text(r->reply, 200, r->path, NULL);
}

static UNUSED void release_held(void)
{
	for (int i = 0; i < seen.held_count; i++)
		send_text(seen.held[i], 200, "late", NULL);
	seen.held_count = 0;
}

/* What the process takes of the processor while the loop runs for so long. */
static UNUSED int64_t processor_us(int64_t for_ms)
{
	struct timespec before, after;
	struct loop_timer *timer = loop_timer_create(loop, stop_loop, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	loop_timer_set(timer, for_ms);
	loop_run(loop);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	loop_timer_destroy(timer);
	return (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
}

/* A test that fails leaves its servers to the tear-down. */
static struct http_server *running[4];

static UNUSED void stop_server(struct http_server *server)
{
	for (size_t i = 0; i < ARRAY_SIZE(running); i++)
		if (running[i] == server)
			running[i] = NULL;
	http_server_destroy(server);
}

static UNUSED struct http_server *start_server(struct http_server_params p)
{
	struct err err;
	p.host = p.host != NULL ? p.host : "127.0.0.1";
	p.handler = p.handler != NULL ? p.handler : handle;
	struct http_server *server = http_server_create(loop, &p, &err);
	if (server == NULL)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < ARRAY_SIZE(running); i++)
		if (running[i] == NULL) {
			running[i] = server;
			break;
		}
	return server;
}

static UNUSED struct http_server_params tls_params(void)
{
	return (struct http_server_params){ .cert_file = cert_file, .key_file = key_file };
}

/* --- calls --- */

struct result {
	int done, status;
	bool sent;
	char error[512];
	char *body;
	size_t body_len;
	int64_t retry_after_s;
};

static UNUSED void on_done(void *arg, const struct http_answer *a)
{
	struct result *r = arg;
	r->done++;
	r->status = a->status;
	r->sent = a->sent;
	text_copy(r->error, sizeof(r->error), a->error != NULL ? a->error : "");
	assert_int_equal(a->status == 0, a->error != NULL);
	assert_int_equal(strlen(a->body), a->body_len);
	r->body = strdup(a->body);
	r->body_len = a->body_len;
	r->retry_after_s = a->retry_after_s;
}

static struct http_client *client;

static UNUSED const char *url_of(const char *scheme, int port, const char *path)
{
	static char url[8192];
	snprintf(url, sizeof(url), "%s://127.0.0.1:%d%s", scheme, port, path);
	return url;
}

static UNUSED struct http_call *start_call(struct http_call_params p, struct result *r)
{
	p.method = p.method != NULL ? p.method : "GET";
	p.timeout_ms = p.timeout_ms != 0 ? p.timeout_ms : PATIENCE_MS;
	p.on_done = on_done;
	p.arg = r;
	struct http_call *call = http_call_start(client, &p);
	assert_int_equal(r->done, 0);
	return call;
}

static UNUSED struct result call(struct http_call_params p)
{
	struct result r = { 0 };
	start_call(p, &r);
	WAIT_FOR(r.done > 0);
	assert_int_equal(r.done, 1);
	return r;
}

static UNUSED void forget(struct result *r)
{
	free(r->body);
	r->body = NULL;
}

/* --- set-up --- */

static UNUSED pid_t start_shell(const char *command)
{
	char line[1024];
	snprintf(line, sizeof(line), "cd %s && (%s) >shell.log 2>&1", dir, command);
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, line, NULL };
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static UNUSED void run(const char *command)
{
	int status;
	pid_t pid = start_shell(command);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s", command);
}

static UNUSED void make_authority(const char *name)
{
	char line[512];
	snprintf(line, sizeof(line),
		 "openssl ecparam -name prime256v1 -genkey -noout -out %s.key && openssl req -x509 -new -key %s.key"
		 " -subj /CN=%s -days 2 -out %s.crt",
		 name, name, name, name);
	run(line);
}

static UNUSED void make_certificate(const char *name, const char *subject, const char *extension)
{
	char line[900];
	snprintf(line, sizeof(line),
		 "openssl ecparam -name prime256v1 -genkey -noout -out %s.key && printf '%s' >%s.ext &&"
		 " openssl req -new -key %s.key -subj /CN=%s -out %s.csr && openssl x509 -req -in %s.csr -CA ca.crt"
		 " -CAkey ca.key -CAcreateserial -days 2 -extfile %s.ext -out %s.crt",
		 name, extension, name, name, subject, name, name, name, name);
	run(line);
}

static UNUSED void path_of(char *to, const char *name)
{
	snprintf(to, 128, "%s/%s", dir, name);
}

static UNUSED int make_files(UNUSED void **state)
{
	text_copy(dir, sizeof(dir), "/tmp/test_http.XXXXXX");
	assert_non_null(mkdtemp(dir));
	make_authority("ca");
	make_authority("other");
	make_certificate("server", "server", "subjectAltName=IP:127.0.0.1");
	make_certificate("client", "someone", "extendedKeyUsage=clientAuth");
	path_of(ca_file, "ca.crt");
	path_of(other_ca_file, "other.crt");
	path_of(cert_file, "server.crt");
	path_of(key_file, "server.key");
	path_of(client_cert, "client.crt");
	path_of(client_key, "client.key");
	memset(big_body, 'x', sizeof(big_body) - 1);
	return 0;
}

static UNUSED int remove_files(UNUSED void **state)
{
	run("rm -rf *");
	free(seen.body);
	return rmdir(dir);
}

static UNUSED int begin(void **state)
{
	char *body = seen.body;
	free(body);
	memset(&seen, 0, sizeof(seen));
	make_loop(state);
	client = http_client_create(loop, "howdah/test");
	return 0;
}

static UNUSED int end(void **state)
{
	http_client_destroy(client);
	client = NULL;
	close_sockets();
	for (size_t i = 0; i < ARRAY_SIZE(running); i++)
		if (running[i] != NULL)
			stop_server(running[i]);
	http_server_request_timeout_s = HTTP_REQUEST_TIMEOUT_S;
	http_server_speaks_http2 = false;
	return end_loop(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* The first argument picks tests by name. */
static UNUSED void read_arguments(int argc, char **argv)
{
	log_set_level(getenv("TEST_DEBUG") != NULL ? LOG_DEBUG : LOG_WARNING);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
}

#endif
