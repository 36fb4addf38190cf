/* Errors by value, and the log's line. */
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void an_error_has_kind_and_text(UNUSED void **state)
{
	struct err err;
	assert_false(err_set(&err, ERR_CONFLICT, "object %s is at %d", "x", 7));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_string_equal(err.text, "object x is at 7");
}

static void errno_is_told_as_it_was(UNUSED void **state)
{
	struct err err;
	errno = ENOENT;
	assert_false(err_errno(&err, "cannot open %s", "/x"));
	assert_int_equal(err.kind, ERR_OTHER);
	assert_string_equal(err.text, "cannot open /x: No such file or directory");
}

static void wrapping_puts_the_noun_in_front(UNUSED void **state)
{
	struct err err;
	err_set(&err, ERR_MISSING, "not there");
	assert_false(err_wrap(&err, "pod %s", "a"));
	assert_false(err_wrap(&err, "leader"));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_string_equal(err.text, "leader: pod a: not there");
	/* its own text may be among the arguments */
	err_set(&err, ERR_OTHER, "[%s]", err.text);
	assert_string_equal(err.text, "[leader: pod a: not there]");
}

static void long_texts_are_cut(UNUSED void **state)
{
	struct err err;
	char text[2 * ERR_TEXT_MAX];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, ERR_OTHER, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	err_wrap(&err, "prefix");
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "prefix: xxx", 11);
}

struct sunk {
	int lines;
	enum log_level level;
	char text[256];
};

static void sink(void *arg, enum log_level level, const char *text)
{
	struct sunk *sunk = arg;
	sunk->lines++;
	sunk->level = level;
	text_copy(sunk->text, sizeof(sunk->text), text);
}

static void a_log_line_is_one_line(UNUSED void **state)
{
	struct sunk sunk = { 0 };
	log_set_sink(sink, &sunk);
	log_warning("a\nb\tc %d", 5);
	log_set_sink(NULL, NULL);
	assert_int_equal(sunk.lines, 1);
	assert_int_equal(sunk.level, LOG_WARNING);
	assert_string_equal(sunk.text, "a b c 5");
}

static void lower_levels_are_left_out(UNUSED void **state)
{
	struct sunk sunk = { 0 };
	enum log_level level;
	log_set_sink(sink, &sunk);
	log_debug("no");
	assert_int_equal(sunk.lines, 0);
	assert_true(log_level_from_text("debug", &level));
	log_set_level(level);
	log_debug("yes");
	assert_int_equal(sunk.lines, 1);
	assert_true(log_level_from_text("WARN", &level));
	assert_int_equal(level, LOG_WARNING);
	assert_true(log_level_from_text("FATAL", &level));
	assert_int_equal(level, LOG_CRITICAL);
	assert_false(log_level_from_text("LOUD", &level));
	log_set_level(LOG_INFO);
	log_set_sink(NULL, NULL);
}

static void standard_error_gets_time_level_and_text(UNUSED void **state)
{
	int ends[2], kept = dup(STDERR_FILENO);
	char line[256] = "";
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	dup2(ends[1], STDERR_FILENO);
	errno = EACCES;
	log_error("promoted member=%s", "pod-1");
	assert_int_equal(errno, EACCES);
	dup2(kept, STDERR_FILENO);
	assert_true(read(ends[0], line, sizeof(line) - 1) > 0);
	static const char form[] = "dddd-dd-dd dd:dd:dd,ddd ";
	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], form[i]);
	assert_string_equal(line + sizeof(form) - 1, "ERROR: promoted member=pod-1\n");
	close(ends[0]);
	close(ends[1]);
	close(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_has_kind_and_text),
		cmocka_unit_test(errno_is_told_as_it_was),
		cmocka_unit_test(wrapping_puts_the_noun_in_front),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(a_log_line_is_one_line),
		cmocka_unit_test(lower_levels_are_left_out),
		cmocka_unit_test(standard_error_gets_time_level_and_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
