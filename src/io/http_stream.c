/* Requests and replies of the HTTP server. A stream is one request on its way: libwebsockets keeps it and says when it
 * is over. A reply is what the handler holds: it outlives the stream when the client leaves first. */
#include "http_server_private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "http_chunks.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
	REPLY_HEADERS_MAX = 4096,
	QUERY_TEXT_MAX = 3 * HTTP_URI_MAX + 1, /* each byte may need three */
	AUTHORIZATION_MAX = 4096,
	MUX_PIECE = 16 * 1024,        /* of a body, in one frame of HTTP/2 */
	UNREAD_MAX = 8 * 1024 * 1024, /* read and thrown away after a refusal, so that the client reads the answer */
	LINGER_MS = 2000,
	LOOK_MS = 1000, /* whether the client of a body in pieces is still there: nothing is read from it meanwhile */
};

/* In the order of libwebsockets' table. */
static const char *const methods[] = { "GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "CONNECT", "HEAD" };

struct texts {
	char path[HTTP_URI_MAX + 1];
	char query[QUERY_TEXT_MAX];
	char authorization[AUTHORIZATION_MAX];
	char content_type[HTTP_TYPE_MAX];
};

struct http_reply {
	struct stream *stream; /* NULL: the client is gone */
	loop_fn *on_gone;      /* of a body in pieces */
	void *arg;
};

struct stream {
	struct lws *wsi;
	struct http_connection *connection;
	const char *method;
	struct texts *texts; /* until the handler has seen them */
	struct http_reply *reply;
	struct loop_timer *deadline; /* for the body to arrive */
	struct loop_timer *look;     /* of a body in pieces */

	char *body;
	size_t body_len, body_size, unread;
	bool has_body, chunked;
	struct http_chunks chunks;

	bool multiplexed; /* HTTP/2: many streams on a connection */
	bool asked;       /* the handler was called, or the request was refused */
	bool closes;      /* the connection ends with the reply */
	bool is_1_0;      /* no chunks: the end of the connection ends a body in pieces */
	bool in_pieces;   /* the reply is */
	bool lost;        /* the connection is about to be cut */
	bool body_is_due; /* there may be more of it to come */

	unsigned char *out; /* LWS_PRE bytes of room, headers, body */
	size_t head_len, out_len, out_sent, out_size;
	bool ends_with_head;
};

size_t http_stream_size(void)
{
	return sizeof(struct stream);
}

static void drop_body(struct stream *s)
{
	if (s->connection != NULL)
		s->connection->server->body_bytes -= s->body_size;
	free(s->body);
	s->body = NULL;
	s->body_len = s->body_size = 0;
}

/* From now on it is the client that lets us wait. */
static void leave_to_client(struct stream *s)
{
	struct http_server *server = s->connection->server;
	s->reply = NULL;
	s->connection->owed--;
	s->connection->since = loop_now(server->web->loop);
	if (server->connection_count >= HTTP_CONNECTIONS_MAX)
		http_accept_again(server); /* there is somebody now who may give way */
}

/* Everything that must not outlive the stream; may be called more than once. */
static void stream_finish(struct stream *s)
{
	struct http_reply *reply = s->reply;
	if (reply != NULL)
		leave_to_client(s);
	drop_body(s);
	loop_timer_destroy(s->deadline);
	loop_timer_destroy(s->look);
	free(s->texts);
	free(s->out);
	*s = (struct stream){ 0 };
	if (reply == NULL)
		return;
	reply->stream = NULL;
	if (reply->on_gone != NULL)
		reply->on_gone(reply->arg);
}

static void *must_allocate(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static void deadline_passed(void *arg)
{
	struct stream *s = arg;
	http_web_kill(s->wsi);
}

static void set_deadline(struct stream *s, int64_t delay_ms)
{
	if (s->deadline == NULL)
		s->deadline = loop_timer_create(s->connection->server->web->loop, deadline_passed, s);
	loop_timer_set(s->deadline, delay_ms);
}

static void stream_cut(struct stream *s)
{
	s->lost = true;
	set_deadline(s, 0);
}

/* --- replies --- */

struct head {
	unsigned char *at, *end;
	struct lws *wsi;
	bool ok;
};

static void head_add(struct head *h, const char *name_and_colon, const char *value, size_t len)
{
	if (h->ok && lws_add_http_header_by_name(h->wsi, (const unsigned char *)name_and_colon,
						 (const unsigned char *)value, (int)len, &h->at, h->end) != 0)
		h->ok = false;
}

/* One "Name: value" line, its end excluded. */
static void head_add_line(struct head *h, const char *line, size_t len)
{
	char name[64];
	struct strbuf b;
	const char *colon = memchr(line, ':', len);
	if (colon == NULL)
		return;
	strbuf_init(&b, name, sizeof(name));
	strbuf_add_bytes(&b, line, (size_t)(colon - line) + 1);
	const char *value = colon + 1;
	while (value < line + len && *value == ' ')
		value++;
	if (strbuf_ok(&b))
		head_add(h, name, value, (size_t)(line + len - value));
}

static void head_add_lines(struct head *h, const char *lines)
{
	while (lines != NULL && *lines != '\0') {
		size_t len = strcspn(lines, "\r\n");
		head_add_line(h, lines, len);
		lines += len + strspn(lines + len, "\r\n");
	}
}

static void head_add_date(struct head *h)
{
	char text[64];
	struct tm tm;
	time_t now = time(NULL);
	gmtime_r(&now, &tm);
	head_add(h, "date:", text, strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm));
}

static bool status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

static bool build_head(struct stream *s, const struct http_response *r, size_t body_len)
{
	struct head h = { .wsi = s->wsi, .at = s->out + LWS_PRE, .ok = true };
	unsigned char *start = h.at;
	h.end = start + REPLY_HEADERS_MAX;
	unsigned int status = (unsigned int)r->status | LWSAHH_FLAG_NO_SERVER_NAME;
	if (lws_add_http_header_status(s->wsi, status, &h.at, h.end) != 0)
		return false;
	head_add(&h, "server:", s->connection->server->params.server_name,
		 strlen(s->connection->server->params.server_name));
	head_add_date(&h);
	if (r->content_type != NULL)
		head_add(&h, "content-type:", r->content_type, strlen(r->content_type));
	head_add_lines(&h, r->extra_headers);
	if (s->closes && !s->multiplexed)
		head_add(&h, "connection:", "close", 5);
	if (s->in_pieces && !s->is_1_0)
		head_add(&h, "transfer-encoding:", "chunked", 7);
	if (h.ok && !s->in_pieces && status_has_body(r->status))
		h.ok = lws_add_http_header_content_length(s->wsi, body_len, &h.at, h.end) == 0;
	if (!h.ok || lws_finalize_http_header(s->wsi, &h.at, h.end) != 0)
		return false;
	s->head_len = (size_t)(h.at - start);
	return true;
}

/* Until there is a reply, libwebsockets would be told again and again of input that it does not want yet. */
static void stop_reading(struct stream *s)
{
	if (!s->multiplexed)
		lws_rx_flow_control(s->wsi, 0);
}

/* It does not write either while reading is stopped. */
static void want_to_write(struct stream *s)
{
	if (!s->multiplexed)
		lws_rx_flow_control(s->wsi, 1 | LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
	lws_callback_on_writable(s->wsi);
}

static void stream_answer(struct stream *s, const struct http_response *r)
{
	size_t body_len = r->content_type != NULL && status_has_body(r->status) ? r->body_len : 0;
	size_t sent_len = text_equal(s->method, "HEAD") ? 0 : body_len;
	s->out = must_allocate(malloc(LWS_PRE + REPLY_HEADERS_MAX + sent_len));
	if (!build_head(s, r, body_len)) {
		log_error("http: the headers of a reply are too long");
		free(s->out);
		s->out = NULL;
		stream_cut(s);
		return;
	}
	if (sent_len > 0)
		memcpy(s->out + LWS_PRE + s->head_len, r->body, sent_len);
	s->out_len = s->head_len + sent_len;
	s->out_size = REPLY_HEADERS_MAX + sent_len;
	s->ends_with_head = sent_len == 0;
	want_to_write(s);
}

/* The request is not read any further, so the connection cannot go on after it. */
static void refuse(struct stream *s, int status, const char *why)
{
	s->asked = true;
	s->closes = true;
	drop_body(s);
	loop_timer_destroy(s->deadline);
	s->deadline = NULL;
	struct http_response r = {
		.status = status, .content_type = "text/plain", .body = why, .body_len = strlen(why)
	};
	stream_answer(s, &r);
}

void http_reply_send(struct http_reply *reply, const struct http_response *response)
{
	struct stream *s = reply->stream;
	free(reply);
	if (s == NULL)
		return;
	leave_to_client(s);
	stream_answer(s, response);
}

static void look_for_client(void *arg)
{
	struct stream *s = arg;
	struct pollfd fd = { .fd = lws_get_socket_fd(s->wsi), .events = POLLRDHUP };
	if (poll(&fd, 1, 0) > 0)
		stream_cut(s);
	else
		loop_timer_set(s->look, LOOK_MS);
}

void http_reply_begin(struct http_reply *reply, const struct http_response *response, loop_fn *on_gone, void *arg)
{
	struct stream *s = reply->stream;
	struct http_response head = *response;
	reply->on_gone = on_gone;
	reply->arg = arg;
	if (s == NULL)
		return;
	assert(!s->multiplexed && !s->in_pieces);
	head.body = "";
	head.body_len = 0;
	s->in_pieces = true;
	s->look = loop_timer_create(s->connection->server->web->loop, look_for_client, s);
	loop_timer_set(s->look, LOOK_MS);
	stream_answer(s, &head);
}

static void out_add(struct stream *s, const char *data, size_t len)
{
	if (s->out == NULL || s->out_len + len > s->out_size) {
		s->out_size = 2 * (s->out_len + len);
		s->out = must_allocate(realloc(s->out, LWS_PRE + s->out_size));
	}
	memcpy(s->out + LWS_PRE + s->out_len, data, len);
	s->out_len += len;
}

void http_reply_write(struct http_reply *reply, const char *data, size_t len)
{
	char size[32];
	struct stream *s = reply->stream;
	if (s == NULL || s->lost || len == 0 || text_equal(s->method, "HEAD"))
		return;
	if (s->out_len - s->out_sent + len > HTTP_UNSENT_MAX) {
		stream_cut(s);
		return;
	}
	if (!s->is_1_0)
		out_add(s, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
	out_add(s, data, len);
	if (!s->is_1_0)
		out_add(s, "\r\n", 2);
	want_to_write(s);
}

void http_reply_end(struct http_reply *reply)
{
	struct stream *s = reply->stream;
	free(reply);
	if (s == NULL)
		return;
	leave_to_client(s);
	if (s->lost)
		return;
	loop_timer_destroy(s->look);
	s->look = NULL;
	if (!s->is_1_0 && !text_equal(s->method, "HEAD"))
		out_add(s, "0\r\n\r\n", 5);
	want_to_write(s);
}

void http_reply_cut(struct http_reply *reply)
{
	struct stream *s = reply->stream;
	free(reply);
	if (s == NULL)
		return;
	leave_to_client(s);
	stream_cut(s);
}

/* All at once over HTTP/1.1, frame by frame and as the peer allows over HTTP/2; 0: gone or more to do, -1: failed. */
static int send_some(struct stream *s)
{
	unsigned char *from = s->out + LWS_PRE + s->out_sent;
	size_t len = s->out_len - s->out_sent;
	enum lws_write_protocol kind = LWS_WRITE_HTTP_HEADERS;
	if (s->multiplexed && s->out_sent == 0) {
		len = s->head_len;
		if (s->ends_with_head)
			kind |= LWS_WRITE_H2_STREAM_END;
	} else if (s->multiplexed) {
		int allowed = lws_get_peer_write_allowance(s->wsi);
		if (allowed <= 0)
			return 0; /* we are called again when the peer has room */
		if (len > MUX_PIECE)
			len = MUX_PIECE;
		if (len > (size_t)allowed)
			len = (size_t)allowed;
		kind = s->out_sent + len == s->out_len ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP;
	}
	if (lws_write(s->wsi, from, len, kind) < 0)
		return -1;
	s->out_sent += len;
	return 0;
}

/* -1 lets libwebsockets close the connection (or the stream of HTTP/2). */
static int reply_is_out(struct stream *s)
{
	struct lws *wsi = s->wsi;
	free(s->out);
	s->out = NULL;
	s->closes = s->closes || s->connection->server->dying;
	if (lws_partial_buffered(wsi))
		lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, http_server_request_timeout_s);
	if (!s->closes || s->multiplexed)
		return lws_http_transaction_completed(wsi) != 0 ? -1 : 0; /* s is gone now */
	if (!s->body_is_due)
		return -1;
	/* closing with bytes unread would reset the connection and may take the reply from the client */
	set_deadline(s, LINGER_MS);
	return 0;
}

static void out_clear(struct stream *s)
{
	free(s->out);
	s->out = NULL;
	s->out_len = s->out_sent = s->out_size = 0;
}

static int on_writable(struct stream *s)
{
	bool over = s->asked && s->reply == NULL && !s->lost;
	if (s->out == NULL)
		return over && s->in_pieces ? reply_is_out(s) : 0;
	if (send_some(s) != 0)
		return -1;
	if (s->out_sent == s->out_len && over)
		return reply_is_out(s);
	if (s->out_sent < s->out_len) {
		lws_callback_on_writable(s->wsi);
	} else {
		out_clear(s);
		stop_reading(s);
	}
	return 0;
}

/* --- requests --- */

static bool has_client_cert(struct lws *wsi)
{
	SSL *ssl = lws_get_ssl(lws_get_network_wsi(wsi));
	X509 *cert = ssl != NULL ? SSL_get1_peer_certificate(ssl) : NULL;
	bool believed = cert != NULL && SSL_get_verify_result(ssl) == X509_V_OK;
	X509_free(cert);
	return believed;
}

/* The handler may answer at once, later, or after the client has left. */
static void ask_handler(struct stream *s)
{
	struct http_server *server = s->connection->server;
	struct lws *wsi = s->wsi;
	struct texts *texts = s->texts;
	s->texts = NULL;
	s->asked = true;
	loop_timer_destroy(s->deadline);
	s->deadline = NULL;
	lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0); /* how long it takes is the handler's affair */
	struct http_reply *reply = must_allocate(calloc(1, sizeof(*reply)));
	reply->stream = s;
	s->reply = reply;
	s->connection->owed++;
	struct http_request request = {
		.method = s->method,
		.path = texts->path,
		.query = texts->query,
		.body = s->body != NULL ? s->body : "",
		.body_len = s->body_len,
		.has_body = s->has_body,
		.authorization = texts->authorization,
		.content_type = texts->content_type,
		.peer = s->connection->peer,
		.tls = server->params.cert_file != NULL,
		.has_client_cert = server->params.cert_file != NULL && has_client_cert(wsi),
		.reply = reply,
	};
	char *body = s->body;
	size_t body_size = s->body_size; /* counted until it is gone, but s may be gone before */
	s->body = NULL;
	s->body_len = s->body_size = 0;
	server->params.handler(server->params.arg, &request);
	server->body_bytes -= body_size;
	free(body);
	free(texts);
	if (s->reply != NULL && s->out == NULL)
		stop_reading(s);
}

/* The parser has split the query at '&' and decoded it: put it together again, so that it can be taken apart the same
 * way. False: too long. */
static bool copy_query(struct lws *wsi, char *query, size_t size)
{
	static const char plain[] = "=-._~:/,@!$'()*";
	char part[HTTP_URI_MAX + 1];
	struct strbuf b;
	strbuf_init(&b, query, size);
	for (int i = 0; lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) > 0; i++) {
		int len = lws_hdr_copy_fragment(wsi, part, sizeof(part), WSI_TOKEN_HTTP_URI_ARGS, i);
		if (len < 0)
			return i > 0; /* behind the last one, or the first does not fit */
		if (i > 0)
			strbuf_add_char(&b, '&');
		for (int j = 0; j < len; j++) {
			unsigned char c = (unsigned char)part[j];
			bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
			if (letter || (c != '\0' && strchr(plain, c) != NULL))
				strbuf_add_char(&b, (char)c);
			else
				strbuf_addf(&b, "%%%02X", c);
		}
	}
	return strbuf_ok(&b);
}

/* False: it was refused. */
static bool take_texts(struct stream *s)
{
	char *uri;
	int uri_len;
	int method = lws_http_get_uri_and_method(s->wsi, &uri, &uri_len);
	s->method = method >= 0 && method < (int)ARRAY_SIZE(methods) ? methods[method] : "";
	s->texts = must_allocate(calloc(1, sizeof(*s->texts)));
	int query_len = lws_hdr_total_length(s->wsi, WSI_TOKEN_HTTP_URI_ARGS);
	bool too_long = method < 0 || uri_len + query_len > HTTP_URI_MAX;
	if (too_long || !copy_query(s->wsi, s->texts->query, sizeof(s->texts->query))) {
		refuse(s, 414, "The address is too long\n");
		return false;
	}
	memcpy(s->texts->path, uri, (size_t)uri_len);
	if (lws_hdr_copy(s->wsi, s->texts->authorization, AUTHORIZATION_MAX, WSI_TOKEN_HTTP_AUTHORIZATION) < 0) {
		refuse(s, 431, "The authorization is too long\n");
		return false;
	}
	if (lws_hdr_copy(s->wsi, s->texts->content_type, HTTP_TYPE_MAX, WSI_TOKEN_HTTP_CONTENT_TYPE) < 0)
		s->texts->content_type[0] = '\0';
	return true;
}

static bool header_is(struct lws *wsi, enum lws_token_indexes header, const char *value)
{
	char text[32];
	return lws_hdr_copy(wsi, text, sizeof(text), header) > 0 && strcasecmp(text, value) == 0;
}

static void take_connection(struct stream *s)
{
	s->multiplexed = lws_get_network_wsi(s->wsi) != s->wsi;
	if (s->multiplexed)
		return;
	s->is_1_0 = !header_is(s->wsi, WSI_TOKEN_HTTP, "HTTP/1.1");
	s->closes = s->is_1_0 || header_is(s->wsi, WSI_TOKEN_CONNECTION, "close");
}

/* libwebsockets reads 100 MiB after the headers of these when no length is given. */
static bool body_is_expected(const struct stream *s)
{
	return text_equal(s->method, "POST") || text_equal(s->method, "PUT") || text_equal(s->method, "PATCH");
}

/* A body in chunks ends where we find its end; libwebsockets does not know, so the connection ends with the reply. */
static bool take_chunked(struct stream *s)
{
	bool understood = header_is(s->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING, "chunked");
	if (!understood || s->multiplexed || !body_is_expected(s) ||
	    lws_hdr_total_length(s->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0) {
		s->body_is_due = body_is_expected(s);
		refuse(s, understood ? 400 : 501, "This transfer encoding is not understood here\n");
		return false;
	}
	s->chunked = true;
	s->closes = true;
	s->has_body = true;
	s->body_is_due = true;
	http_chunks_init(&s->chunks);
	return true;
}

/* How long the body will be; false: it was refused. */
static bool take_length(struct stream *s)
{
	char text[32];
	uint64_t length;
	if (lws_hdr_total_length(s->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
		return take_chunked(s);
	if (lws_hdr_total_length(s->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0) {
		/* none over HTTP/1; over HTTP/2 the end of the stream tells */
		s->has_body = s->multiplexed && body_is_expected(s);
		s->body_is_due = s->has_body;
		s->closes = s->closes || (!s->multiplexed && body_is_expected(s));
		return true;
	}
	if (lws_hdr_copy(s->wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH) < 0 ||
	    !text_to_u64(text, &length)) {
		refuse(s, 400, "The length is not a number\n");
		return false;
	}
	s->has_body = true;
	s->body_is_due = length > 0;
	if (length > HTTP_BODY_MAX) {
		refuse(s, 413, "The body is too long\n");
		return false;
	}
	return true;
}

/* What makes libwebsockets read a body. */
static bool may_have_body(struct lws *wsi)
{
	static const enum lws_token_indexes signs[] = { WSI_TOKEN_HTTP_CONTENT_LENGTH, WSI_TOKEN_HTTP_TRANSFER_ENCODING,
							WSI_TOKEN_POST_URI, WSI_TOKEN_PUT_URI, WSI_TOKEN_PATCH_URI };
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (lws_hdr_total_length(wsi, signs[i]) > 0)
			return true;
	return false;
}

static int on_request(struct http_web *web, struct lws *wsi, struct stream *s)
{
	s->wsi = wsi;
	s->connection = http_web_find(web, lws_get_network_wsi(wsi));
	if (s->connection == NULL || s->connection->server->dying)
		return -1;
	take_connection(s);
	if (!s->multiplexed && may_have_body(wsi) && http_web_has_stash(web, wsi))
		return -1;
	if (!take_texts(s) || !take_length(s))
		return 0;
	if (!s->body_is_due) {
		ask_handler(s);
		return 0;
	}
	set_deadline(s, http_server_request_timeout_s * 1000LL);
	return 0;
}

/* False: all that are being read would be too much. */
static bool body_grow(struct stream *s, size_t size)
{
	struct http_server *server = s->connection->server;
	if (size <= s->body_size)
		return true;
	if (server->body_bytes + 2 * size - s->body_size > HTTP_BODIES_MAX)
		return false;
	server->body_bytes += 2 * size - s->body_size;
	s->body_size = 2 * size;
	s->body = must_allocate(realloc(s->body, s->body_size));
	return true;
}

static void body_add(struct stream *s, const char *data, size_t len)
{
	if (s->body_len + len > HTTP_BODY_MAX) {
		refuse(s, 413, "The body is too long\n");
		return;
	}
	if (!body_grow(s, s->body_len + len + 1)) {
		refuse(s, 503, "Too many long requests at once\n");
		return;
	}
	memcpy(s->body + s->body_len, data, len);
	s->body_len += len;
	s->body[s->body_len] = '\0';
}

static void on_chunked(struct stream *s, const char *data, size_t len)
{
	while (len > 0 && !s->asked) {
		const char *piece;
		size_t piece_len, used = http_chunks_next(&s->chunks, data, len, &piece, &piece_len);
		if (piece_len > 0)
			body_add(s, piece, piece_len);
		if (s->chunks.state == CHUNKS_BAD && !s->asked)
			refuse(s, 400, "A chunk is malformed\n");
		if (s->chunks.state == CHUNKS_END && !s->asked) {
			s->body_is_due = false;
			ask_handler(s);
		}
		data += used;
		len -= used;
	}
}

static int on_body(struct stream *s, const char *data, size_t len)
{
	if (s->multiplexed) /* what was read may be sent again: libwebsockets 4.1 loses count of it by itself */
		lws_wsi_tx_credit(s->wsi, LWSTXCR_PEER_TO_US, (int)len);
	if (s->asked) {
		s->unread += len;
		return s->unread > UNREAD_MAX ? -1 : 0;
	}
	if (s->chunked)
		on_chunked(s, data, len);
	else if (len > 0)
		body_add(s, data, len);
	return 0;
}

static int on_body_complete(struct stream *s)
{
	s->body_is_due = false;
	if (!s->asked)
		ask_handler(s);
	else if (s->closes && !s->multiplexed && s->out == NULL && s->reply == NULL)
		return -1; /* refused, answered, and all is read now */
	return 0;
}

static void on_destroyed(struct http_web *web, struct lws *wsi)
{
	for (struct http_connection **p = &web->connections; *p != NULL; p = &(*p)->next)
		if ((*p)->wsi == wsi) {
			struct http_connection *gone = *p;
			*p = gone->next;
			http_server_lost_connection(gone->server);
			free(gone);
			return;
		}
}

/* Over HTTP/2 a body may come before its request is acted on. */
static bool has_begun(const struct stream *s)
{
	return s != NULL && s->connection != NULL;
}

int http_stream_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct http_web *web = lws_context_user(lws_get_context(wsi));
	struct stream *s = user;

	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		web->making->tls = user;
		return 0;
	case LWS_CALLBACK_HTTP:
		return on_request(web, wsi, s);
	case LWS_CALLBACK_HTTP_BODY:
		return has_begun(s) ? on_body(s, in, len) : -1;
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return has_begun(s) ? on_body_complete(s) : -1;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return has_begun(s) ? on_writable(s) : 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		((char *)in)[0] = '-'; /* no such protocol: the request goes on as if it had not asked */
		return 0;
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED_HTTP:
		if (s != NULL)
			stream_finish(s);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		if (s != NULL)
			stream_finish(s);
		on_destroyed(web, wsi);
		return 0;
	default:
		return 0;
	}
}
