/* The listening socket of a server. It is ours, and accepted connections are handed to libwebsockets: so an address in
 * use has its reason, a full server lets nobody in for whom nobody gives way, and a server that goes stops listening at once. */
#include "http_server_private.h"

#include "base/strbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	QUEUE_SIZE = 128,
	ACCEPTS_A_TURN = 32,
	ACCEPT_AGAIN_MS = 500,
	KEEPALIVE_IDLE_S = 10,
	KEEPALIVE_INTERVAL_S = 5,
	UNANSWERED_MAX_MS = 30000,
};

/* Numeric, and IPv4 as IPv4 where it came in through IPv6. */
static void peer_text(const struct sockaddr_storage *address, char *text, size_t size)
{
	static const char mapped[] = "::ffff:";
	const void *bytes = &((const struct sockaddr_in *)address)->sin_addr;
	if (address->ss_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (inet_ntop(address->ss_family, bytes, text, (socklen_t)size) == NULL)
		text[0] = '\0';
	if (strncmp(text, mapped, sizeof(mapped) - 1) == 0)
		memmove(text, text + sizeof(mapped) - 1, strlen(text + sizeof(mapped) - 1) + 1);
}

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value)); /* helps where it works */
}

/* A client that vanished while it waits for an answer is noticed too. */
static void set_connection_options(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNANSWERED_MAX_MS);
}

static void adopt(struct http_server *server, int fd, const struct sockaddr_storage *address)
{
	set_connection_options(fd);
	struct lws *wsi = lws_adopt_socket_vhost(server->vhost->lws, fd); /* owns fd, whatever it returns */
	if (wsi == NULL)
		return;
	struct http_connection *c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	c->wsi = wsi;
	c->server = server;
	c->since = loop_now(server->web->loop);
	peer_text(address, c->peer, sizeof(c->peer));
	c->next = server->web->connections;
	server->web->connections = c;
	server->connection_count++;
}

/* The one that has let us wait for longest. Whoever waits for our handler is not among them. */
static struct http_connection *find_slowest(const struct http_server *server)
{
	struct http_connection *slowest = NULL;
	for (struct http_connection *c = server->web->connections; c != NULL; c = c->next)
		if (c->server == server && c->owed == 0 && !c->leaving &&
		    (slowest == NULL || c->since.boot_us < slowest->since.boot_us))
			slowest = c;
	return slowest;
}

/* Somebody is waiting, and there is no room. False: there will be no sooner than the timer, or somebody's end, says. */
static bool make_room(struct http_server *server)
{
	struct http_connection *slowest = find_slowest(server);
	loop_io_want(server->listener, 0);
	if (slowest == NULL)
		return false;
	int64_t waited_ms = elapsed_least_ms(slowest->since, loop_now(server->web->loop));
	if (waited_ms < HTTP_GIVES_WAY_MS) {
		loop_timer_set(server->timer, HTTP_GIVES_WAY_MS - waited_ms);
		return false;
	}
	slowest->leaving = true;
	http_web_kill(slowest->wsi);
	return server->connection_count < HTTP_CONNECTIONS_MAX;
}

void http_accept_again(struct http_server *server)
{
	if (server->listener != NULL)
		loop_io_want(server->listener, LOOP_READ);
}

static void on_connection(void *arg, UNUSED int ready)
{
	struct http_server *server = arg;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage address;
		socklen_t size = sizeof(address);
		bool full = server->connection_count >= HTTP_CONNECTIONS_MAX;
		if (full && i > 0)
			break; /* whether another one is waiting is told by the loop */
		if (full && !make_room(server))
			return;
		int fd = accept4(server->listen_fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			adopt(server, fd, &address);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* the socket stays ready: look again later instead of all the time */
			loop_io_want(server->listener, 0);
			loop_timer_set(server->timer, ACCEPT_AGAIN_MS);
			return;
		} else if (errno == EAGAIN) {
			break;
		}
	}
	http_accept_again(server);
}

static bool parse_address(const char *host, int port, struct sockaddr_storage *out, socklen_t *size)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	*out = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*size = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	*size = sizeof(*v6);
	return true;
}

static int bind_to(const char *host, const struct http_server_params *params, struct err *err)
{
	struct sockaddr_storage address;
	socklen_t size;
	int port = params->port, queue_size = params->queue_size > 0 ? params->queue_size : QUEUE_SIZE;
	if (!parse_address(host, port, &address, &size)) {
		err_set(err, ERR_INPUT, "'%s' is not a numeric address", host);
		return -1;
	}
	AUTO(fd) int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		if (address.ss_family == AF_INET6)
			set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, queue_size) != 0) {
		err_errno(err, "cannot listen on %s port %d", host, port);
		return -1;
	}
	int bound = fd;
	fd = -1;
	return bound;
}

bool http_accept_start(struct http_server *server, struct err *err)
{
	const char *host = server->params.host;
	if (text_is_empty(host) || text_equal(host, "*")) {
		server->listen_fd = bind_to("::", &server->params, err);
		if (server->listen_fd < 0) /* a machine without IPv6 */
			server->listen_fd = bind_to("0.0.0.0", &server->params, err);
	} else {
		server->listen_fd = bind_to(host, &server->params, err);
	}
	if (server->listen_fd < 0)
		return false;
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	if (getsockname(server->listen_fd, (struct sockaddr *)&address, &size) != 0)
		return err_errno(err, "the address of the listening socket");
	server->port = ntohs(((struct sockaddr_in *)&address)->sin_port); /* at the same place for IPv6 */
	server->listener = loop_io_create(server->web->loop, server->listen_fd, on_connection, server);
	loop_io_want(server->listener, LOOP_READ);
	return true;
}

void http_accept_stop(struct http_server *server)
{
	loop_io_destroy(server->listener);
	server->listener = NULL;
	if (server->listen_fd >= 0)
		close(server->listen_fd);
	server->listen_fd = -1;
}
