/* The log: one line an event to standard error, in one write so that lines of other processes do not mix in. */
#include "base/log.h"

#include "base/strbuf.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 8192 };

static const struct {
	const char *text;
	enum log_level level;
} names[] = {
	{ "DEBUG", LOG_DEBUG }, { "INFO", LOG_INFO },      { "WARN", LOG_WARNING },      { "WARNING", LOG_WARNING },
	{ "ERROR", LOG_ERROR }, { "FATAL", LOG_CRITICAL }, { "CRITICAL", LOG_CRITICAL },
};

static const char *const level_text[] = {
	[LOG_DEBUG] = "DEBUG", [LOG_INFO] = "INFO",         [LOG_WARNING] = "WARNING",
	[LOG_ERROR] = "ERROR", [LOG_CRITICAL] = "CRITICAL",
};
static_assert(ARRAY_SIZE(level_text) == LOG_CRITICAL + 1, "a name for each level");

static enum log_level lowest = LOG_INFO;
static log_sink *sink_fn;
static void *sink_arg;

bool log_level_from_text(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(text, names[i].text) == 0) {
			*out = names[i].level;
			return true;
		}
	return false;
}

void log_set_level(enum log_level level)
{
	lowest = level;
}

void log_set_sink(log_sink *sink, void *arg)
{
	sink_fn = sink;
	sink_arg = arg;
}

/* Text from a server or a file may carry line ends: they must not make an event of their own. */
static void fold_control_characters(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

static void add_time(struct strbuf *b)
{
	struct timespec now;
	struct tm tm;
	char text[32];
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	strbuf_addf(b, "%s,%03d", text, (int)(now.tv_nsec / 1000000));
}

static void write_all(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nobody left to tell */
		text += n;
		len -= (size_t)n;
	}
}

void log_write(enum log_level level, const char *format, ...)
{
	if (level < lowest)
		return;
	int saved = errno;
	char line[LOG_LINE_MAX];
	struct strbuf b;
	va_list args;
	strbuf_init(&b, line, sizeof(line) - 1); /* room for the line end */
	if (sink_fn == NULL) {
		add_time(&b);
		strbuf_addf(&b, " %s: ", level_text[level]);
	}
	errno = saved; /* for %m */
	va_start(args, format);
	strbuf_vaddf(&b, format, args);
	va_end(args);
	fold_control_characters(line);
	if (sink_fn != NULL) {
		sink_fn(sink_arg, level, line);
	} else {
		line[b.len] = '\n';
		write_all(line, b.len + 1);
	}
	errno = saved;
}
