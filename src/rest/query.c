/* Query strings. */
#include "query.h"

#include "base/strbuf.h"

#include <string.h>

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c | 32 : c);
	return found == NULL ? -1 : (int)(found - digits);
}

/* %XX stands for a byte, + for a blank; what is neither stays as it is, %00 too. */
static bool unescape(const char *from, const char *end, char *to, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, to, size);
	while (from < end) {
		int high = *from == '%' && end - from > 2 ? hex_value(from[1]) : -1;
		int low = high < 0 ? -1 : hex_value(from[2]);
		bool escape = low >= 0 && high + low > 0;
		strbuf_add_char(&b, escape ? (char)(high << 4 | low) : *from == '+' ? ' ' : *from);
		from += escape ? 3 : 1;
	}
	return strbuf_ok(&b);
}

bool query_next(const char **at, struct query_pair *pair)
{
	while (**at != '\0') {
		const char *start = *at, *end = strchrnul(start, '&');
		const char *sign = memchr(start, '=', (size_t)(end - start));
		*at = *end == '\0' ? end : end + 1;
		if (sign == NULL || sign + 1 == end)
			continue;
		if (unescape(start, sign, pair->key, sizeof(pair->key)) &&
		    unescape(sign + 1, end, pair->value, sizeof(pair->value)))
			return true;
	}
	return false;
}

bool query_find(const char *query, const char *key, struct query_pair *pair)
{
	while (query_next(&query, pair))
		if (strcmp(pair->key, key) == 0)
			return true;
	return false;
}
