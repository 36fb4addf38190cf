/* Small questions about texts, and numbers out of them. */
#include "base/strbuf.h"

#include <string.h>

bool text_copy(char *to, size_t size, const char *from)
{
	assert(size > 0);
	size_t len = strlen(from);
	size_t fits = len < size ? len : size - 1;
	memcpy(to, from, fits);
	to[fits] = '\0';
	return fits == len;
}

bool text_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool text_is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

bool text_to_u64(const char *text, uint64_t *out)
{
	uint64_t value = 0;
	if (text_is_empty(text))
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *text - '0', &value))
			return false;
	}
	*out = value;
	return true;
}

bool text_to_i64(const char *text, int64_t *out)
{
	uint64_t size;
	if (text_is_empty(text))
		return false;
	bool negative = text[0] == '-';
	if (!text_to_u64(text + negative, &size) || size > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)(0 - size) : (int64_t)size;
	return true;
}
