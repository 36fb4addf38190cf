/* The agent's end of a SOCK_SEQPACKET Unix socket: whole messages in, whole messages out, never blocking. */
#ifndef HOWDAH_IO_SEQPACKET_H
#define HOWDAH_IO_SEQPACKET_H

#include "io/loop.h"

struct seqpacket;
struct seqpacket_params {
	void (*on_message)(void *arg, const void *message, size_t len);
	void (*on_closed)(void *arg, const char *why); /* at most once; destroy it then */
	void *arg;
};

struct seqpacket *seqpacket_connect(struct loop *loop, const char *path, const struct seqpacket_params *params,
				    struct err *err); /* NULL: nobody listens, or no right */
MUST_CHECK bool seqpacket_send(struct seqpacket *s, const void *message, size_t len,
			       struct err *err); /* false: the queue in the kernel is full or the peer is gone */
void seqpacket_destroy(struct seqpacket *s);     /* takes NULL */

#endif
