/* RFC 9112 7.1, without a use for extensions and trailers. A line end is CR LF or LF. */
#include "http_chunks.h"

enum { DIGITS_MAX = 7, LINE_MAX_BYTES = 8192 };

void http_chunks_init(struct http_chunks *c)
{
	*c = (struct http_chunks){ .state = CHUNKS_SIZE };
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static enum chunks_state size_ended(struct http_chunks *c)
{
	if (c->digits == 0)
		return CHUNKS_BAD;
	c->digits = 0;
	c->line_len = 0;
	return c->left > 0 ? CHUNKS_DATA : CHUNKS_TRAILER;
}

static enum chunks_state on_size(struct http_chunks *c, char byte)
{
	int value = hex_value(byte);
	if (value >= 0 && c->digits < DIGITS_MAX) {
		c->left = c->left * 16 + (size_t)value;
		c->digits++;
		return CHUNKS_SIZE;
	}
	if (byte == '\n')
		return size_ended(c);
	return byte == '\r' || byte == ';' || byte == ' ' ? CHUNKS_EXTENSION : CHUNKS_BAD;
}

static enum chunks_state on_extension(struct http_chunks *c, char byte)
{
	if (byte == '\n')
		return size_ended(c);
	return ++c->line_len > LINE_MAX_BYTES ? CHUNKS_BAD : CHUNKS_EXTENSION;
}

static enum chunks_state on_data_end(char byte)
{
	if (byte == '\n')
		return CHUNKS_SIZE;
	return byte == '\r' ? CHUNKS_DATA_END : CHUNKS_BAD;
}

/* Lines up to an empty one. */
static enum chunks_state on_trailer(struct http_chunks *c, char byte)
{
	if (byte == '\r')
		return CHUNKS_TRAILER;
	if (byte != '\n')
		return ++c->line_len > LINE_MAX_BYTES ? CHUNKS_BAD : CHUNKS_TRAILER;
	if (c->line_len == 0)
		return CHUNKS_END;
	c->line_len = 0;
	return CHUNKS_TRAILER;
}

size_t http_chunks_next(struct http_chunks *c, const char *data, size_t len, const char **piece, size_t *piece_len)
{
	*piece = data;
	*piece_len = 0;
	switch (c->state) {
	case CHUNKS_SIZE:
		c->state = on_size(c, data[0]);
		return 1;
	case CHUNKS_EXTENSION:
		c->state = on_extension(c, data[0]);
		return 1;
	case CHUNKS_DATA:
		*piece_len = len < c->left ? len : c->left;
		c->left -= *piece_len;
		if (c->left == 0)
			c->state = CHUNKS_DATA_END;
		return *piece_len;
	case CHUNKS_DATA_END:
		c->state = on_data_end(data[0]);
		return 1;
	case CHUNKS_TRAILER:
		c->state = on_trailer(c, data[0]);
		return 1;
	case CHUNKS_END:
	case CHUNKS_BAD:
		break;
	}
	return len;
}
