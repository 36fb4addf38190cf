/* Raw sockets for tests on a real loop: clients and servers that misbehave as the test says. */
#ifndef HOWDAH_TESTS_UNIT_SUPPORT_RAW_H
#define HOWDAH_TESTS_UNIT_SUPPORT_RAW_H

#include "unit/support_loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { RAW_MAX = 256 * 1024, RAW_SOCKETS_MAX = 512 };

struct raw {
	int fd;
	struct loop_io *io;
	char *in;
	size_t len;
	bool closed;
};

static UNUSED void raw_ready(void *arg, UNUSED int ready)
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
} open_sockets[RAW_SOCKETS_MAX];

static UNUSED void open_sockets_add(struct loop_io *io, int fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(open_sockets); i++)
		if (open_sockets[i].io == NULL) {
			open_sockets[i].io = io;
			open_sockets[i].fd = fd;
			return;
		}
}

static UNUSED void close_socket(struct loop_io *io)
{
	for (size_t i = 0; i < ARRAY_SIZE(open_sockets); i++)
		if (open_sockets[i].io == io) {
			loop_io_destroy(io);
			close(open_sockets[i].fd);
			open_sockets[i].io = NULL;
			return;
		}
}

static UNUSED void raw_watch(struct raw *raw, int fd)
{
	*raw = (struct raw){ .fd = fd, .in = calloc(1, RAW_MAX) };
	raw->io = loop_io_create(loop, fd, raw_ready, raw);
	open_sockets_add(raw->io, fd);
	loop_io_want(raw->io, LOOP_READ);
}

static UNUSED void raw_connect(struct raw *raw, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	raw_watch(raw, fd);
}

static UNUSED void raw_send(struct raw *raw, const char *text)
{
	assert_int_equal(send(raw->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static UNUSED void raw_end(struct raw *raw)
{
	close_socket(raw->io);
	free(raw->in);
}

static UNUSED int count_of(const char *text, const char *part)
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

static UNUSED void raw_accept(void *arg, UNUSED int ready)
{
	struct raw_server *s = arg;
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		raw_watch(&s->connections[s->accepted++], fd);
}

static UNUSED void raw_listen(struct raw_server *s)
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

static UNUSED void raw_server_end(struct raw_server *s)
{
	for (int i = 0; i < s->accepted; i++)
		raw_end(&s->connections[i]);
	close_socket(s->io);
}

static UNUSED void close_sockets(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(open_sockets); i++)
		if (open_sockets[i].io != NULL)
			close_socket(open_sockets[i].io);
}

#endif
