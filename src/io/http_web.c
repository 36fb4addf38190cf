/* What all servers of a loop share: the context of libwebsockets, its vhosts, and who is connected. */
#include "http_server_private.h"

#include "base/log.h"
#include "loop_private.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <uv.h>

enum {
	HEADERS_MAX = 8192,     /* all of a request's, the request line included */
	DESCRIPTORS_MAX = 2048, /* of the process, as long as the server takes connections */
	SEND_AT_ONCE = 64 * 1024,
	READ_AT_ONCE = 20 * 1024, /* more than a record of TLS: what is left of one would be forgotten until the next */
	LEAVING_TURNS = 4,        /* of the loop: connections close in the first, what they hang on in the second */
};

int http_server_request_timeout_s = HTTP_REQUEST_TIMEOUT_S;
bool http_server_speaks_http2 = false;

/* A longer address is cut by the parser, which is how it is recognised. */
static const struct lws_token_limits limits = {
	.token_limit = {
		[WSI_TOKEN_GET_URI] = HTTP_URI_MAX + 1,
		[WSI_TOKEN_POST_URI] = HTTP_URI_MAX + 1,
		[WSI_TOKEN_OPTIONS_URI] = HTTP_URI_MAX + 1,
		[WSI_TOKEN_PUT_URI] = HTTP_URI_MAX + 1,
		[WSI_TOKEN_PATCH_URI] = HTTP_URI_MAX + 1,
		[WSI_TOKEN_DELETE_URI] = HTTP_URI_MAX + 1,
		[WSI_TOKEN_HEAD_URI] = HTTP_URI_MAX + 1,
	},
};

/* What clients do wrong is not our error: it shows at the debug level only. */
static void lws_log(UNUSED int level, const char *line)
{
	log_debug("web server: %s", line);
}

/* libwebsockets goes in two calls: the first begins to close, the second may come when the loop has closed everything. */
static void web_leave(void *guest)
{
	struct http_web *web = guest;
	for (struct http_server *server = web->servers; server != NULL; server = server->next)
		assert(server->dying); /* servers are destroyed before the loop */
	lws_context_destroy(web->lws);
	for (int i = 0; i < LEAVING_TURNS; i++)
		loop_turn(web->loop);
	if (web->lws != NULL)
		lws_context_destroy(web->lws);
	assert(web->lws == NULL);
	while (web->servers != NULL)
		http_server_free(web->servers);
	while (web->vhosts != NULL) {
		struct http_vhost *vhost = web->vhosts;
		web->vhosts = vhost->next;
		free(vhost);
	}
	free(web);
}

/* Its tables have a place for each descriptor that the process may open. With a limit of its own they would be small,
 * too, but searched from end to end for every event. */
static struct lws_context *create_context(const struct lws_context_creation_info *info)
{
	struct rlimit kept = { 0 };
	if (getrlimit(RLIMIT_NOFILE, &kept) != 0 || kept.rlim_cur <= DESCRIPTORS_MAX)
		return lws_create_context(info);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = DESCRIPTORS_MAX, .rlim_max = kept.rlim_max });
	struct lws_context *lws = lws_create_context(info);
	setrlimit(RLIMIT_NOFILE, &kept);
	return lws;
}

struct http_web *http_web_of(struct loop *loop, struct err *err)
{
	struct http_web *web = loop_guest(loop);
	if (web != NULL)
		return web;
	web = calloc(1, sizeof(*web));
	if (web == NULL)
		abort();
	web->loop = loop;
	void *foreign[] = { loop_uv(loop) };
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.foreign_loops = foreign,
		.pcontext = &web->lws,
		.max_http_header_data2 = HEADERS_MAX,
		.token_limits = &limits,
		.pt_serv_buf_size = READ_AT_ONCE,
		.timeout_secs = (unsigned int)http_server_request_timeout_s,
		.server_string = "howdah",
		.user = web,
	};
	lws_set_log_level(LLL_ERR, lws_log);
	web->lws = create_context(&info);
	if (web->lws == NULL) {
		free(web);
		err_set(err, ERR_OTHER, "the web server could not be set up");
		return NULL;
	}
	loop_set_guest(loop, web, web_leave);
	return web;
}

/* libwebsockets takes a certificate for decoration unless it is told here, too, to set up TLS: the port would then
 * speak plain HTTP. vhost->tls, set while it is made, shows that it did. */
static struct http_vhost *make_vhost(struct http_web *web, bool tls, struct err *err)
{
	struct http_vhost *vhost = calloc(1, sizeof(*vhost));
	if (vhost == NULL)
		abort();
	vhost->protocols[0] = (struct lws_protocols){
		.name = "http",
		.callback = http_stream_callback,
		.per_session_data_size = http_stream_size(),
		.tx_packet_size = SEND_AT_ONCE,
	};
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = vhost->protocols,
		.vhost_name = "howdah",
		.alpn = http_server_speaks_http2 ? "h2,http/1.1" : "http/1.1",
		.keepalive_timeout = HTTP_IDLE_TIMEOUT_S,
		.timeout_secs_ah_idle = (unsigned int)http_server_request_timeout_s,
		.options = tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX : 0,
	};
	web->making = vhost;
	vhost->lws = lws_create_vhost(web->lws, &info);
	web->making = NULL;
	vhost->next = web->vhosts;
	web->vhosts = vhost;
	if (vhost->lws == NULL)
		err_set(err, ERR_OTHER, "the web server could not be set up");
	else if (tls && vhost->tls == NULL)
		err_set(err, ERR_OTHER, "TLS was asked for, and the server would speak plain HTTP");
	else
		return vhost;
	vhost->in_use = true; /* by nobody, for ever */
	return NULL;
}

struct http_vhost *http_web_take_vhost(struct http_web *web, bool tls, struct err *err)
{
	struct http_vhost *vhost = web->vhosts;
	while (vhost != NULL && (vhost->in_use || (vhost->tls != NULL) != tls))
		vhost = vhost->next;
	if (vhost == NULL)
		vhost = make_vhost(web, tls, err);
	if (vhost != NULL)
		vhost->in_use = true;
	return vhost;
}

struct http_connection *http_web_find(struct http_web *web, struct lws *wsi)
{
	for (struct http_connection *c = web->connections; c != NULL; c = c->next)
		if (c->wsi == wsi)
			return c;
	return NULL;
}

/* Asking for it to happen soon would not do: any byte that arrives sets another time. */
void http_web_kill(struct lws *wsi)
{
	lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, LWS_TO_KILL_SYNC);
}

struct poll_search {
	int fd;
	unsigned events;
};

static void look_at_poll(uv_handle_t *handle, void *arg)
{
	struct poll_search *search = arg;
	uv_os_fd_t fd;
	if (uv_handle_get_type(handle) == UV_POLL && uv_fileno(handle, &fd) == 0 && fd == search->fd)
		search->events |= ((uv_poll_t *)handle)->io_watcher.pevents;
}

/* It does not tell, except by asking to write when the flow is stopped: for that it looks whether it has kept bytes. */
bool http_web_has_stash(struct http_web *web, struct lws *wsi)
{
	struct poll_search search = { .fd = lws_get_socket_fd(wsi) };
	lws_rx_flow_control(wsi, 0 | LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
	uv_walk(loop_uv(web->loop), look_at_poll, &search);
	lws_rx_flow_control(wsi, 1 | LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
	return (search.events & LWS_POLLOUT) != 0;
}
