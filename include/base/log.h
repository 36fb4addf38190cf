/* One line an event: what changed and why, with keys. Never anything secret. Not for core and supervisor. */
#ifndef HOWDAH_BASE_LOG_H
#define HOWDAH_BASE_LOG_H

#include "base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_CRITICAL };

/* Writes `YYYY-mm-dd HH:MM:SS,mmm LEVEL: text` to standard error (contract 2.6, log.format). */
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
void log_set_level(enum log_level level);
bool log_level_from_text(const char *text, enum log_level *out); /* DEBUG INFO WARN WARNING ERROR FATAL CRITICAL */

/* Lines go to sink instead of standard error (tests, the simulator); NULL puts it back. */
typedef void log_sink(void *arg, enum log_level level, const char *text);
void log_set_sink(log_sink *sink, void *arg);

#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)

#endif
