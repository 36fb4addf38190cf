/* Errors by value: a bool result and a `struct err *` last, never NULL, on the caller's stack. */
#ifndef HOWDAH_BASE_ERR_H
#define HOWDAH_BASE_ERR_H

#include "base/base.h"

enum { ERR_TEXT_MAX = 512 };

enum err_kind {
	ERR_NONE,
	ERR_OTHER,     /* anything that the caller can only report */
	ERR_INPUT,     /* what was given is wrong: a setting, a request, a document */
	ERR_CONFLICT,  /* somebody else changed the object meanwhile (HTTP 409) */
	ERR_FORBIDDEN, /* no right to do it (HTTP 401, 403) */
	ERR_MISSING,   /* it does not exist (HTTP 404) */
	ERR_NO_ANSWER, /* no answer came: it may have happened or not */
};

struct err {
	enum err_kind kind;
	char text[ERR_TEXT_MAX];
};

/* Sets kind and text and returns false, so that `return err_set(err, ...)` reads well. Text that does not fit is cut.
 */
bool err_set(struct err *err, enum err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* As err_set with ERR_OTHER, and ": " and the text of errno (as it is at the call) behind. */
bool err_errno(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts "prefix: " before the text that is there; returns false. */
bool err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
