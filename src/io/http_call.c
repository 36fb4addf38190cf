/* The request of a call as libcurl's options, and what libcurl calls while it runs. */
#include "http_call.h"

#include "base/strbuf.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	BODY_MAX_DEFAULT = 1024 * 1024,
	ERROR_BODY_MAX = 64 * 1024, /* of an answer that is not 2xx, where on_data takes the others */
	BODY_FIRST = 1024,

	/* a dead peer is noticed without an answer of its kernel in 15 + 3 * 3 s, or 20 s after data was sent */
	KEEPALIVE_IDLE_S = 15,
	KEEPALIVE_INTERVAL_S = 3,
	UNANSWERED_MAX_MS = 20000,

	/* below the idle limits of API servers and load balancers: reusing a connection they just closed fails a call
	 */
	KEPT_MAX_S = 50,
	UPLOAD_BUFFER = 16 * 1024,
};

#define SET(call, option, value)                                                                                       \
	do {                                                                                                           \
		if (curl_easy_setopt((call)->easy, option, value) != CURLE_OK)                                         \
			abort(); /* an option that this libcurl does not have, or no memory */                         \
	} while (0)

/* libcurl would send a request again on a new connection when a kept one died before the answer. When a request was
 * sent must be known, so there is no second time. */
static int on_request(void *arg, UNUSED char *peer, UNUSED char *self, UNUSED int peer_port, UNUSED int self_port)
{
	struct http_call *call = arg;
	call->requests++;
	return call->requests == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct http_call *call = arg;
	size_t left = call->request_len - call->request_read;
	size_t fits = left < size * n ? left : size * n;
	memcpy(to, call->request + call->request_read, fits);
	call->request_read += fits;
	return fits;
}

/* No body is sent twice either. */
static int on_rewind(UNUSED void *arg, UNUSED curl_off_t offset, UNUSED int origin)
{
	return CURL_SEEKFUNC_FAIL;
}

static int on_socket_made(UNUSED void *arg, curl_socket_t fd, UNUSED curlsocktype purpose)
{
	int ms = UNANSWERED_MAX_MS;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)); /* helps where it works */
	return CURL_SOCKOPT_OK;
}

static void alive(struct http_call *call)
{
	if (call->idle != NULL && !call->cancelled)
		loop_timer_set(call->idle, call->idle_ms);
}

/* Names of headers are the same in any case; a date instead of seconds is not taken. */
static bool is_success(struct http_call *call)
{
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	static const char name[] = "retry-after:";
	struct http_call *call = arg;
	size_t len = size * n;
	char value[24];
	alive(call);
	bool ends = len <= 2 && line[0] == (len == 2 ? '\r' : '\n');
	if (ends && call->on_data != NULL && !call->cancelled && is_success(call))
		call->on_data(call->arg, "", 0); /* the answer has begun, also where no byte of it comes for long */
	if (len < sizeof(name) || strncasecmp(line, name, sizeof(name) - 1) != 0)
		return len;
	struct strbuf b;
	strbuf_init(&b, value, sizeof(value));
	for (size_t i = sizeof(name) - 1; i < len; i++)
		if (strchr(" \t\r\n", line[i]) == NULL)
			strbuf_add_char(&b, line[i]);
	uint64_t seconds;
	if (strbuf_ok(&b) && text_to_u64(value, &seconds) && seconds <= INT32_MAX)
		call->retry_after_s = (int64_t)seconds;
	return len;
}

static void body_grow(struct http_call *call, size_t needed)
{
	if (needed <= call->body_size)
		return;
	size_t size = call->body_size > 0 ? call->body_size : BODY_FIRST;
	while (size < needed)
		size *= 2;
	call->body = realloc(call->body, size);
	if (call->body == NULL)
		abort();
	call->body_size = size;
}

static void body_add(struct http_call *call, const char *data, size_t len)
{
	body_grow(call, call->body_len + len + 1);
	memcpy(call->body + call->body_len, data, len);
	call->body_len += len;
	call->body[call->body_len] = '\0';
}

static size_t on_write(char *data, size_t size, size_t n, void *arg)
{
	struct http_call *call = arg;
	size_t len = size * n;
	alive(call);
	if (call->cancelled)
		return 0;
	if (call->on_data != NULL && is_success(call)) {
		call->on_data(call->arg, data, len);
		return len;
	}
	size_t room = call->body_max - call->body_len;
	if (len > room && call->on_data == NULL) {
		call->body_too_long = true;
		return 0;
	}
	body_add(call, data, len < room ? len : room);
	return len;
}

static bool host_is_numeric(const char *url)
{
	struct in_addr address;
	char *host = NULL;
	bool numeric = false;
	CURLU *parts = curl_url();
	if (parts == NULL)
		abort();
	if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		numeric = host[0] == '[' || inet_pton(AF_INET, host, &address) == 1;
	curl_free(host);
	curl_url_cleanup(parts);
	return numeric;
}

/* A value ends at a line end: it may come from a file, and must not bring headers of its own. */
static void add_header(struct http_call *call, const char *name, const char *value)
{
	if (value == NULL)
		return;
	size_t len = strcspn(value, "\r\n");
	size_t size = strlen(name) + len + 1;
	AUTO(text) char *line = malloc(size);
	if (line == NULL)
		abort();
	struct strbuf b;
	strbuf_init(&b, line, size);
	strbuf_add(&b, name);
	strbuf_add_bytes(&b, value, len);
	call->headers = curl_slist_append(call->headers, line);
	if (call->headers == NULL)
		abort();
}

static void set_tls(struct http_call *call, const struct http_tls *tls)
{
	if (tls->ca_file != NULL) {
		SET(call, CURLOPT_CAINFO, tls->ca_file);
		SET(call, CURLOPT_CAPATH, NULL);         /* else the system's are trusted as well */
		SET(call, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* small files that may be renewed */
	}
	if (tls->cert_file != NULL)
		SET(call, CURLOPT_SSLCERT, tls->cert_file);
	if (tls->key_file != NULL)
		SET(call, CURLOPT_SSLKEY, tls->key_file);
	if (tls->key_password != NULL)
		SET(call, CURLOPT_KEYPASSWD, tls->key_password);
	SET(call, CURLOPT_SSL_VERIFYPEER, tls->insecure ? 0L : 1L);
	SET(call, CURLOPT_SSL_VERIFYHOST, tls->insecure || tls->no_name_check ? 0L : 2L);
}

/* Calls of a lane of their own come one at a time: nothing to multiplex, and a call that gets no answer takes its
 * connection with it, so that the next one does not wait on the same dead way. */
static long http_version(const struct http_call_params *params)
{
	return text_is_empty(params->lane) ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
}

static void set_connection(struct http_call *call, const struct http_call_params *params)
{
	int64_t connect_ms = params->connect_timeout_ms > 0 ? params->connect_timeout_ms : params->timeout_ms;
	SET(call, CURLOPT_TIMEOUT_MS, (long)params->timeout_ms);
	SET(call, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	SET(call, CURLOPT_NOSIGNAL, 1L);
	SET(call, CURLOPT_QUICK_EXIT, 1L); /* a cancelled call does not wait for the resolver's thread */
	SET(call, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(call, CURLOPT_HTTP_VERSION, http_version(params));
	SET(call, CURLOPT_MAXAGE_CONN, (long)KEPT_MAX_S);
	SET(call, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(call, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	SET(call, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
	SET(call, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
	if (host_is_numeric(params->url))
		SET(call, CURLOPT_NOPROXY, "*");
}

static void set_body(struct http_call *call, const struct http_call_params *params)
{
	bool expected = text_equal(params->method, "POST") || text_equal(params->method, "PUT") ||
			text_equal(params->method, "PATCH");
	if (params->body == NULL && !expected)
		return;
	call->request = strdup(params->body != NULL ? params->body : "");
	if (call->request == NULL)
		abort();
	call->request_len = strlen(call->request);
	SET(call, CURLOPT_POST, 1L);
	SET(call, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->request_len);
	SET(call, CURLOPT_READFUNCTION, on_read);
	SET(call, CURLOPT_READDATA, call);
	SET(call, CURLOPT_SEEKFUNCTION, on_rewind);
	SET(call, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
	add_header(call, "Expect:", "");
	if (params->content_type == NULL)
		add_header(call, "Content-Type:", "");
}

static void set_request(struct http_call *call, const struct http_call_params *params)
{
	SET(call, CURLOPT_URL, params->url);
	set_body(call, params);
	if (text_equal(params->method, "HEAD"))
		SET(call, CURLOPT_NOBODY, 1L);
	else
		SET(call, CURLOPT_CUSTOMREQUEST, params->method);
	add_header(call, "Content-Type: ", params->content_type);
	add_header(call, "Accept: ", params->accept);
	add_header(call, "Authorization: Bearer ", params->bearer);
	SET(call, CURLOPT_HTTPHEADER, call->headers);
	if (params->user != NULL) {
		SET(call, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(call, CURLOPT_USERNAME, params->user);
		SET(call, CURLOPT_PASSWORD, params->password != NULL ? params->password : "");
	}
}

static void set_callbacks(struct http_call *call)
{
	SET(call, CURLOPT_PRIVATE, call);
	SET(call, CURLOPT_ERRORBUFFER, call->error);
	SET(call, CURLOPT_PREREQFUNCTION, on_request);
	SET(call, CURLOPT_PREREQDATA, call);
	SET(call, CURLOPT_HEADERFUNCTION, on_header);
	SET(call, CURLOPT_HEADERDATA, call);
	SET(call, CURLOPT_WRITEFUNCTION, on_write);
	SET(call, CURLOPT_WRITEDATA, call);
}

void http_call_init(struct http_call *call, const struct http_call_params *params)
{
	call->easy = curl_easy_init();
	if (call->easy == NULL)
		abort();
	call->retry_after_s = -1;
	call->idle_ms = params->idle_timeout_ms;
	call->on_data = params->on_data;
	call->on_done = params->on_done;
	call->arg = params->arg;
	call->body_max = params->body_max > 0 ? params->body_max : BODY_MAX_DEFAULT;
	if (call->on_data != NULL)
		call->body_max = ERROR_BODY_MAX;
	set_callbacks(call);
	set_request(call, params);
	set_connection(call, params);
	set_tls(call, &params->tls);
}

void http_call_finish(struct http_call *call)
{
	loop_timer_destroy(call->idle);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	free(call->request);
	free(call->body);
}

void http_call_mute(struct http_call *call)
{
	call->cancelled = true;
	if (call->idle != NULL)
		loop_timer_set(call->idle, -1);
}

/* In our words where libcurl can only know that a callback refused. */
static const char *error_text(struct http_call *call, CURLcode result)
{
	struct strbuf b;
	strbuf_init(&b, call->error, sizeof(call->error));
	if (call->idle_over)
		strbuf_addf(&b, "nothing came for %lld ms", (long long)call->idle_ms);
	else if (call->body_too_long)
		strbuf_addf(&b, "the answer is longer than %zu bytes", call->body_max);
	else if (call->requests > 1 || result == CURLE_SEND_FAIL_REWIND)
		strbuf_add(&b, "the connection was lost before an answer came");
	else if (text_is_empty(call->error))
		strbuf_add(&b, curl_easy_strerror(result));
	return call->error;
}

void http_call_answer(struct http_call *call, CURLcode result, struct http_answer *answer)
{
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	*answer = (struct http_answer){
		.status = result == CURLE_OK ? (int)status : 0,
		.error = result == CURLE_OK ? NULL : error_text(call, result),
		.sent = call->requests > 0,
		.body = call->body != NULL ? call->body : "",
		.body_len = call->body_len,
		.retry_after_s = call->retry_after_s,
	};
}
