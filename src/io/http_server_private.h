/* The parts of the HTTP server: http_server.c is the life of a server, http_accept.c its listening socket, http_web.c what
 * all servers of a loop share, http_stream.c requests and replies, http_tls.c certificates. */
#ifndef HOWDAH_IO_HTTP_SERVER_PRIVATE_H
#define HOWDAH_IO_HTTP_SERVER_PRIVATE_H

#include "io/http_server.h"

#include <libwebsockets.h>
#include <netinet/in.h>

/* libwebsockets' idea of a server. They are never given back to it but used again: it would not let go of one before its
 * context ends. It may also take a connection for one of another vhost, so that only http_web_find says whose it is. */
struct http_vhost {
	struct http_vhost *next;
	struct lws_vhost *lws;
	struct lws_protocols protocols[2];
	SSL_CTX *tls; /* NULL: it speaks plain HTTP */
	bool in_use;
};

struct http_connection {
	struct http_connection *next;
	struct http_server *server;
	struct lws *wsi;
	int owed;             /* requests that the handler has and has not answered yet */
	struct instant since; /* it owes us the rest of a request, the next one, or the reading of a reply */
	bool leaving;         /* it gave way to a newer one */
	char peer[INET6_ADDRSTRLEN];
};

/* One a loop. */
struct http_web {
	struct loop *loop;
	struct lws_context *lws; /* cleared by lws when it is really gone */
	struct http_vhost *vhosts, *making;
	struct http_connection *connections;
	struct http_server *servers;
};

struct http_server {
	struct http_server *next;
	struct http_web *web;
	struct http_server_params params; /* texts are ours */
	struct http_vhost *vhost;
	int listen_fd, port;
	struct loop_io *listener;
	struct loop_timer *timer; /* accepts again, or frees */
	int connection_count;
	size_t body_bytes; /* of all requests that are being read */
	bool dying;
};

struct http_web *http_web_of(struct loop *loop, struct err *err); /* NULL: it cannot be made */
struct http_vhost *http_web_take_vhost(struct http_web *web, bool tls, struct err *err);
struct http_connection *http_web_find(struct http_web *web, struct lws *wsi); /* NULL: not a connection, or gone */
void http_web_kill(struct lws *wsi); /* at once: not from a callback of libwebsockets */

/* libwebsockets 4.1 has kept bytes of this connection for later, and is working on a request out of them. Should that have
 * a body, it would take the head for the body, go round for ever, or read memory that it has given back: such a request
 * must end its connection. No client needs to send a body before the answer to what it sent before. */
bool http_web_has_stash(struct http_web *web, struct lws *wsi);

bool http_accept_start(struct http_server *server, struct err *err);
void http_accept_again(struct http_server *server); /* there may be room now */
void http_accept_stop(struct http_server *server);

void http_server_free(struct http_server *server);
void http_server_lost_connection(struct http_server *server);

/* libwebsockets' callback for everything that happens on connections. */
int http_stream_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
size_t http_stream_size(void); /* of what libwebsockets keeps for each request */

/* Certificate, key, authorities, ciphers and the verification of clients; all that was there before goes. */
bool http_tls_apply(SSL_CTX *tls, const struct http_server_params *params, struct err *err);
bool http_tls_check(const struct http_server_params *params, struct err *err); /* tries it on a context of its own */

/* Tests shorten it, before the first server of a loop is made. */
extern int http_server_request_timeout_s;

/* Off: malformed frames end the process in an assertion of libwebsockets 4.1. Tests put it on, to have a server for the
 * client's HTTP/2. */
extern bool http_server_speaks_http2;

#endif
