/* A bounded text under construction, in memory of the caller. Overflow is remembered, never written; check once at the
 * end. */
#ifndef HOWDAH_BASE_STRBUF_H
#define HOWDAH_BASE_STRBUF_H

#include "base/base.h"

#include <stdarg.h>

struct strbuf {
	char *text;  /* always NUL-terminated */
	size_t size; /* of the memory, the NUL included; at least 1 */
	size_t len;  /* without the NUL */
	bool overflow;
};

void strbuf_init(struct strbuf *b, char *memory, size_t size);
void strbuf_add(struct strbuf *b, const char *text);
void strbuf_add_bytes(struct strbuf *b, const char *bytes, size_t len);
/* At most so many bytes of a UTF-8 text, whole characters only, and "..." where something is left out. */
void strbuf_add_short(struct strbuf *b, const char *text, size_t most);
void strbuf_add_char(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void strbuf_vaddf(struct strbuf *b, const char *format, va_list args);
bool strbuf_ok(const struct strbuf *b); /* nothing was cut */

/* Copies text into a fixed array of size bytes; false (and a cut copy) when it does not fit. */
bool text_copy(char *to, size_t size, const char *from);
bool text_equal(const char *a, const char *b);
bool text_is_empty(const char *text); /* NULL or "" */

/* Strict decimal numbers: the whole text, in range, else false and *out untouched. */
MUST_CHECK bool text_to_i64(const char *text, int64_t *out);
MUST_CHECK bool text_to_u64(const char *text, uint64_t *out);

#endif
