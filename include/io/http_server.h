/* An HTTP server on the loop: plain or TLS, HTTP/1.1, limits on everything. Behind it libwebsockets; in the
 * simulator a handler in a table. */
#ifndef HOWDAH_IO_HTTP_SERVER_H
#define HOWDAH_IO_HTTP_SERVER_H

#include "io/loop.h"

enum {
	HTTP_URI_MAX = 2048,
	HTTP_TYPE_MAX = 128,
	HTTP_BODY_MAX = 1024 * 1024,       /* of a request; longer: 413 */
	HTTP_BODIES_MAX = 8 * 1024 * 1024, /* of all requests that are being read; what would be beyond it: 503 */
	/* more wait in the kernel's queue; whoever has let us wait longest gives way to them, after this time */
	HTTP_CONNECTIONS_MAX = 256,
	HTTP_GIVES_WAY_MS = 200,
	HTTP_REQUEST_TIMEOUT_S = 15,       /* from the first byte to the last of a request */
	HTTP_IDLE_TIMEOUT_S = 60,          /* keep-alive */
	HTTP_UNSENT_MAX = 4 * 1024 * 1024, /* of a body in pieces; a client that is further behind is cut off */
};

struct http_server;
struct http_reply; /* outlives the client's connection; answer it, or cut it, exactly once */

struct http_request {
	const char *method; /* "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE" */
	const char *path;   /* percent-decoded, without the query */
	const char *query;  /* as it came, "" when there is none */
	const char *body;   /* NUL-terminated, "" when there is none */
	size_t body_len;
	bool has_body;             /* a length or chunks were announced */
	const char *authorization; /* header, or "" */
	const char *content_type;  /* header, or ""; a longer one than HTTP_TYPE_MAX is "" */
	const char *peer;          /* numeric address of the client */
	bool tls, has_client_cert;
	struct http_reply *reply;
};
typedef void http_handler(void *arg, const struct http_request *request);

struct http_response {
	int status;
	const char *content_type; /* NULL: no body */
	const char *body;         /* copied; a HEAD request gets headers and length only */
	size_t body_len;
	const char *extra_headers; /* "Name: value\n" lines, or NULL */
};
void http_reply_send(struct http_reply *reply, const struct http_response *response);

/* A body in pieces, for answers that have no end yet: begin, write as often as needed, then exactly one end or cut. Of
 * the response, body and body_len are not looked at. When the client is gone, which is noticed within a second or two,
 * on_gone is called once, never from inside these calls; the end is still due. HTTP/1 only. */
void http_reply_begin(struct http_reply *reply, const struct http_response *response, loop_fn *on_gone, void *arg);
void http_reply_write(struct http_reply *reply, const char *data, size_t len); /* copied */
void http_reply_end(struct http_reply *reply);                                 /* the body is whole */

/* Instead of a reply, or in the middle of one: the connection ends, and the client can tell that something is missing. */
void http_reply_cut(struct http_reply *reply);

struct http_server_params {
	const char *host;                             /* numeric, or "" / "*" for all addresses, IPv6 included */
	int port;                                     /* 0: any free one */
	const char *cert_file, *key_file;             /* NULL: plain HTTP */
	const char *key_password, *ca_file, *ciphers; /* or NULL */
	bool verify_client_optional, verify_client_required;
	const char *server_name; /* for the Server header; NULL: "howdah" */
	int queue_size;          /* connections that may wait to be accepted; 0: 128 */
	http_handler *handler;
	void *arg;
};

/* Fails with the address and the reason (in use, no such certificate ...). A TLS server that would speak plain HTTP is
 * a failure. */
struct http_server *http_server_create(struct loop *loop, const struct http_server_params *params, struct err *err);
int http_server_port(const struct http_server *server);
bool http_server_reload_tls(struct http_server *server,
			    struct err *err);         /* certificate files changed; connections go on */
void http_server_destroy(struct http_server *server); /* takes NULL; before loop_destroy */

#endif
