/* Bounded text. After the first overflow nothing more is added, so what is there is a prefix of what was meant. */
#include "base/strbuf.h"

#include <stdio.h>
#include <string.h>

void strbuf_init(struct strbuf *b, char *memory, size_t size)
{
	assert(size > 0);
	*b = (struct strbuf){ .text = memory, .size = size };
	memory[0] = '\0';
}

void strbuf_add_bytes(struct strbuf *b, const char *bytes, size_t len)
{
	if (b->overflow)
		return;
	size_t room = b->size - 1 - b->len;
	size_t fits = len < room ? len : room;
	if (fits > 0)
		memcpy(b->text + b->len, bytes, fits);
	b->len += fits;
	b->text[b->len] = '\0';
	b->overflow = fits < len;
}

void strbuf_add(struct strbuf *b, const char *text)
{
	strbuf_add_bytes(b, text, strlen(text));
}

void strbuf_add_short(struct strbuf *b, const char *text, size_t most)
{
	size_t len = strnlen(text, most + 1), fits = most;
	if (len <= most) {
		strbuf_add_bytes(b, text, len);
		return;
	}
	while (fits > 0 && ((unsigned char)text[fits] & 0xc0) == 0x80)
		fits--;
	strbuf_add_bytes(b, text, fits);
	strbuf_add(b, "...");
}

void strbuf_add_char(struct strbuf *b, char c)
{
	strbuf_add_bytes(b, &c, 1);
}

void strbuf_vaddf(struct strbuf *b, const char *format, va_list args)
{
	if (b->overflow)
		return;
	size_t room = b->size - b->len;
	int len = vsnprintf(b->text + b->len, room, format, args);
	assert(len >= 0); /* only a wrong format fails */
	b->overflow = (size_t)len >= room;
	b->len += b->overflow ? room - 1 : (size_t)len;
}

void strbuf_addf(struct strbuf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	strbuf_vaddf(b, format, args);
	va_end(args);
}

bool strbuf_ok(const struct strbuf *b)
{
	return !b->overflow;
}
