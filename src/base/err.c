/* Errors by value. Each call formats aside first, so that an error's own text may be among the arguments. */
#include "base/err.h"

#include "base/strbuf.h"

#include <errno.h>
#include <string.h>

/* The formatted text, and ": reason" behind it when there is one. */
static void set_text(struct err *err, const char *reason, const char *format, va_list args)
{
	char text[ERR_TEXT_MAX];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_vaddf(&b, format, args);
	if (reason != NULL) {
		strbuf_add(&b, ": ");
		strbuf_add(&b, reason);
	}
	memcpy(err->text, text, b.len + 1);
}

bool err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set_text(err, NULL, format, args);
	va_end(args);
	err->kind = kind;
	return false;
}

bool err_errno(struct err *err, const char *format, ...)
{
	char memory[128];
	const char *reason = strerror_r(errno, memory, sizeof(memory)); /* before anything else can change errno */
	va_list args;
	va_start(args, format);
	set_text(err, reason, format, args);
	va_end(args);
	err->kind = ERR_OTHER;
	return false;
}

bool err_wrap(struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set_text(err, err->text, format, args);
	va_end(args);
	return false;
}
