/* A SOCK_SEQPACKET Unix socket on the loop. The owner may destroy it in any callback. */
#include "io/seqpacket.h"

#include "base/strbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_MAX = 16 * 1024, MESSAGES_A_TURN = 16 };

struct seqpacket {
	struct seqpacket_params params;
	int fd;
	struct loop_io *io;
	bool *destroyed; /* of the callback that is running, or NULL */
	char in[MESSAGE_MAX];
};

static void closed(struct seqpacket *s, const char *why)
{
	loop_io_want(s->io, 0);
	s->params.on_closed(s->params.arg, why);
}

/* One message; false when there is no more to be done now: nothing there, closed, or destroyed by the owner. */
static bool receive(struct seqpacket *s)
{
	ssize_t n;
	do
		n = recv(s->fd, s->in, sizeof(s->in), MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0 || (size_t)n > sizeof(s->in)) {
		char memory[128];
		closed(s, n < 0    ? strerror_r(errno, memory, sizeof(memory))
			  : n == 0 ? "closed by the other side"
				   : "message too long");
		return false;
	}
	bool destroyed = false;
	s->destroyed = &destroyed;
	s->params.on_message(s->params.arg, s->in, (size_t)n);
	if (destroyed)
		return false;
	s->destroyed = NULL;
	return true;
}

/* Bounded, so that a talkative peer cannot keep the loop; what is left shows as ready again. */
static void on_ready(void *arg, UNUSED int ready)
{
	for (int i = 0; i < MESSAGES_A_TURN && receive(arg); i++)
		;
}

static int connect_to(const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (!text_copy(address.sun_path, sizeof(address.sun_path), path)) {
		err_set(err, ERR_INPUT, "%s: too long for a socket's path", path);
		return -1;
	}
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		bool missing = errno == ENOENT;
		err_errno(err, "cannot connect to %s", path);
		if (missing)
			err->kind = ERR_MISSING;
		return -1;
	}
	int connected = fd;
	fd = -1;
	return connected;
}

struct seqpacket *seqpacket_connect(struct loop *loop, const char *path, const struct seqpacket_params *params,
				    struct err *err)
{
	int fd = connect_to(path, err);
	if (fd < 0)
		return NULL;
	struct seqpacket *s = malloc(sizeof(*s));
	if (s == NULL)
		abort();
	s->params = *params;
	s->fd = fd;
	s->destroyed = NULL;
	s->io = loop_io_create(loop, fd, on_ready, s);
	loop_io_want(s->io, LOOP_READ);
	return s;
}

bool seqpacket_send(struct seqpacket *s, const void *message, size_t len, struct err *err)
{
	ssize_t n;
	do
		n = send(s->fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(err, "cannot send");
	assert((size_t)n == len); /* whole messages only */
	return true;
}

void seqpacket_destroy(struct seqpacket *s)
{
	if (s == NULL)
		return;
	if (s->destroyed != NULL)
		*s->destroyed = true;
	loop_io_destroy(s->io);
	close(s->fd);
	free(s);
}
