/* Takes "Transfer-Encoding: chunked" apart as it arrives. */
#ifndef HOWDAH_IO_HTTP_CHUNKS_H
#define HOWDAH_IO_HTTP_CHUNKS_H

#include "base/base.h"

enum chunks_state {
	CHUNKS_SIZE,
	CHUNKS_EXTENSION,
	CHUNKS_DATA,
	CHUNKS_DATA_END,
	CHUNKS_TRAILER,
	CHUNKS_END,
	CHUNKS_BAD
};

struct http_chunks {
	enum chunks_state state;
	size_t left;     /* of this chunk */
	int digits;      /* of its size so far */
	size_t line_len; /* of a trailer */
};

void http_chunks_init(struct http_chunks *c);

/* Looks at len > 0 bytes and says how many it used, and which of them, if any, belong to the body. */
size_t http_chunks_next(struct http_chunks *c, const char *data, size_t len, const char **piece, size_t *piece_len);

#endif
