/* The HTTP client and server against each other, and each against raw sockets that misbehave. */
#include "unit/support_loop.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "io/http_server_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { RAW_MAX = 256 * 1024, REPLIES_MAX = 16 };

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

static void note_request(const struct http_request *r)
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

static void send_text(struct http_reply *reply, int status, const char *text, const char *extra)
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

static void handle(UNUSED void *arg, const struct http_request *r)
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

static void release_held(void)
{
	for (int i = 0; i < seen.held_count; i++)
		send_text(seen.held[i], 200, "late", NULL);
	seen.held_count = 0;
}

/* A test that fails leaves its servers to the tear-down. */
static struct http_server *running[4];

static void stop_server(struct http_server *server)
{
	for (size_t i = 0; i < ARRAY_SIZE(running); i++)
		if (running[i] == server)
			running[i] = NULL;
	http_server_destroy(server);
}

static struct http_server *start_server(struct http_server_params p)
{
	struct err err;
	p.host = p.host != NULL ? p.host : "127.0.0.1";
	p.handler = handle;
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

static struct http_server_params tls_params(void)
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

static void on_done(void *arg, const struct http_answer *a)
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

static const char *url_of(const char *scheme, int port, const char *path)
{
	static char url[8192];
	snprintf(url, sizeof(url), "%s://127.0.0.1:%d%s", scheme, port, path);
	return url;
}

static struct http_call *start_call(struct http_call_params p, struct result *r)
{
	p.method = p.method != NULL ? p.method : "GET";
	p.timeout_ms = p.timeout_ms != 0 ? p.timeout_ms : PATIENCE_MS;
	p.on_done = on_done;
	p.arg = r;
	struct http_call *call = http_call_start(client, &p);
	assert_int_equal(r->done, 0);
	return call;
}

static struct result call(struct http_call_params p)
{
	struct result r = { 0 };
	start_call(p, &r);
	WAIT_FOR(r.done > 0);
	assert_int_equal(r.done, 1);
	return r;
}

static void forget(struct result *r)
{
	free(r->body);
	r->body = NULL;
}

/* --- raw sockets --- */

struct raw {
	int fd;
	struct loop_io *io;
	char *in;
	size_t len;
	bool closed;
};

static void raw_ready(void *arg, UNUSED int ready)
{
	struct raw *raw = arg;
	ssize_t n = recv(raw->fd, raw->in + raw->len, RAW_MAX - 1 - raw->len, MSG_DONTWAIT);
	if (n > 0) {
		raw->len += (size_t)n;
		raw->in[raw->len] = '\0';
	} else if (n == 0 || errno != EAGAIN) {
		raw->closed = true;
		loop_io_want(raw->io, 0);
	}
}

/* What a test that fails leaves behind. */
static struct {
	struct loop_io *io;
	int fd;
} open_sockets[HTTP_CONNECTIONS_MAX + 16];

static void open_sockets_add(struct loop_io *io, int fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(open_sockets); i++)
		if (open_sockets[i].io == NULL) {
			open_sockets[i].io = io;
			open_sockets[i].fd = fd;
			return;
		}
}

static void close_socket(struct loop_io *io)
{
	for (size_t i = 0; i < ARRAY_SIZE(open_sockets); i++)
		if (open_sockets[i].io == io) {
			loop_io_destroy(io);
			close(open_sockets[i].fd);
			open_sockets[i].io = NULL;
			return;
		}
}

static void raw_watch(struct raw *raw, int fd)
{
	*raw = (struct raw){ .fd = fd, .in = calloc(1, RAW_MAX) };
	raw->io = loop_io_create(loop, fd, raw_ready, raw);
	open_sockets_add(raw->io, fd);
	loop_io_want(raw->io, LOOP_READ);
}

static void raw_connect(struct raw *raw, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	raw_watch(raw, fd);
}

static void raw_send(struct raw *raw, const char *text)
{
	assert_int_equal(send(raw->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void raw_end(struct raw *raw)
{
	close_socket(raw->io);
	free(raw->in);
}

static int count_of(const char *text, const char *part)
{
	int n = 0;
	for (const char *p = strstr(text, part); p != NULL; p = strstr(p + 1, part))
		n++;
	return n;
}

/* A server that does what the test says: accepts, reads, answers `answer` or closes. */
struct raw_server {
	int fd, port, accepted;
	struct loop_io *io;
	struct raw connections[8];
};

static void raw_accept(void *arg, UNUSED int ready)
{
	struct raw_server *s = arg;
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		raw_watch(&s->connections[s->accepted++], fd);
}

static void raw_listen(struct raw_server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);
	inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
	*s = (struct raw_server){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	getsockname(s->fd, (struct sockaddr *)&at, &size);
	s->port = ntohs(at.sin_port);
	s->io = loop_io_create(loop, s->fd, raw_accept, s);
	open_sockets_add(s->io, s->fd);
	loop_io_want(s->io, LOOP_READ);
}

static void raw_server_end(struct raw_server *s)
{
	for (int i = 0; i < s->accepted; i++)
		raw_end(&s->connections[i]);
	close_socket(s->io);
}

/* --- set-up --- */

static pid_t start_shell(const char *command)
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

static void run(const char *command)
{
	int status;
	pid_t pid = start_shell(command);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s", command);
}

static void make_authority(const char *name)
{
	char line[512];
	snprintf(line, sizeof(line),
		 "openssl ecparam -name prime256v1 -genkey -noout -out %s.key && openssl req -x509 -new -key %s.key"
		 " -subj /CN=%s -days 2 -out %s.crt",
		 name, name, name, name);
	run(line);
}

static void make_certificate(const char *name, const char *subject, const char *extension)
{
	char line[900];
	snprintf(line, sizeof(line),
		 "openssl ecparam -name prime256v1 -genkey -noout -out %s.key && printf '%s' >%s.ext &&"
		 " openssl req -new -key %s.key -subj /CN=%s -out %s.csr && openssl x509 -req -in %s.csr -CA ca.crt"
		 " -CAkey ca.key -CAcreateserial -days 2 -extfile %s.ext -out %s.crt",
		 name, extension, name, name, subject, name, name, name, name);
	run(line);
}

static void path_of(char *to, const char *name)
{
	snprintf(to, 128, "%s/%s", dir, name);
}

static int make_files(UNUSED void **state)
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

static int remove_files(UNUSED void **state)
{
	run("rm -rf *");
	free(seen.body);
	return rmdir(dir);
}

static int begin(void **state)
{
	char *body = seen.body;
	free(body);
	memset(&seen, 0, sizeof(seen));
	make_loop(state);
	client = http_client_create(loop, "howdah/test");
	return 0;
}

static int end(void **state)
{
	http_client_destroy(client);
	client = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(open_sockets); i++)
		if (open_sockets[i].io != NULL)
			close_socket(open_sockets[i].io);
	for (size_t i = 0; i < ARRAY_SIZE(running); i++)
		if (running[i] != NULL)
			stop_server(running[i]);
	http_server_request_timeout_s = HTTP_REQUEST_TIMEOUT_S;
	http_server_speaks_http2 = false;
	return end_loop(state);
}

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

/* --- TLS --- */

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

static void more_clients_than_allowed_wait(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	static struct raw raws[HTTP_CONNECTIONS_MAX + 4];
	for (size_t i = 0; i < ARRAY_SIZE(raws); i++) {
		raw_connect(&raws[i], http_server_port(server));
		raw_send(&raws[i], "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
		if (i < HTTP_CONNECTIONS_MAX) /* the kernel's queue is shorter */
			WAIT_FOR(seen.count == (int)i + 1);
	}
	WAIT_FOR(seen.count == HTTP_CONNECTIONS_MAX);
	RUN_UNTIL(seen.count > HTTP_CONNECTIONS_MAX, 100);
	assert_int_equal(seen.count, HTTP_CONNECTIONS_MAX);
	for (size_t i = 0; i < 4; i++)
		shutdown(raws[i].fd, SHUT_RDWR);
	WAIT_FOR(seen.count == (int)ARRAY_SIZE(raws));
	for (size_t i = 0; i < ARRAY_SIZE(raws); i++)
		raw_end(&raws[i]);
	stop_server(server);
}

static void a_waiting_reply_costs_no_processor(UNUSED void **state)
{
	struct http_server *server = start_server((struct http_server_params){ 0 });
	struct raw raw;
	raw_connect(&raw, http_server_port(server));
	raw_send(&raw, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
	WAIT_FOR(seen.held_count == 1);
	raw_send(&raw, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	struct timespec before, after;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	struct loop_timer *timer = loop_timer_create(loop, stop_loop, NULL);
	loop_timer_set(timer, 400);
	loop_run(loop);
	loop_timer_destroy(timer);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	int64_t used_us = (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
	assert_in_range(used_us, 0, 100000);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

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
		TEST(a_wrong_authority_is_refused),
		TEST(the_name_is_checked_unless_told_otherwise),
		TEST(a_tls_port_does_not_speak_plain_http),
		TEST(client_certificates_are_asked_for),
		TEST(bad_certificates_are_named),
		TEST(changed_certificates_are_taken_and_bad_ones_are_not),
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
		TEST(more_clients_than_allowed_wait),
		TEST(a_waiting_reply_costs_no_processor),
		TEST(a_handler_may_destroy_its_server),
		TEST(a_refused_connection_was_not_sent),
		TEST(a_bad_address_is_an_error_later),
		TEST(no_request_is_sent_twice),
		TEST(a_kept_connection_is_used_again),
		TEST(lanes_share_no_connection),
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
	log_set_level(getenv("TEST_DEBUG") != NULL ? LOG_DEBUG : LOG_WARNING);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
