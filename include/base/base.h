/* What every file may need: attributes, array sizes, the clean-up attribute. */
#ifndef HOWDAH_BASE_BASE_H
#define HOWDAH_BASE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)          (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#define UNUSED                 __attribute__((unused))

/* `AUTO(text) char *s`: what dies with the function. The closed list of kinds: text (free), fd (close), json, file. */
#define AUTO(kind) __attribute__((cleanup(auto_##kind)))
void auto_text(char **text);
void auto_fd(int *fd);

/* Asserts are for our own mistakes and stay on in every build. */
#ifdef NDEBUG
#error "howdah is never built with NDEBUG"
#endif

#endif
