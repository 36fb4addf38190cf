/* Bounded text and strict numbers. */
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void text_is_put_together(UNUSED void **state)
{
	char memory[64];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	assert_string_equal(b.text, "");
	strbuf_add(&b, "a");
	strbuf_add_char(&b, 'b');
	strbuf_add_bytes(&b, "cde", 2);
	strbuf_addf(&b, "%d%s", 7, "!");
	assert_string_equal(b.text, "abcd7!");
	assert_int_equal(b.len, 6);
	assert_true(strbuf_ok(&b));
}

static void what_does_not_fit_is_cut_and_remembered(UNUSED void **state)
{
	char memory[8 + 4];
	for (int formatted = 0; formatted < 2; formatted++) {
		struct strbuf b;
		memset(memory, '#', sizeof(memory));
		strbuf_init(&b, memory, 8);
		if (formatted)
			strbuf_addf(&b, "%s", "0123456");
		else
			strbuf_add(&b, "0123456");
		assert_true(strbuf_ok(&b));
		if (formatted)
			strbuf_addf(&b, "%d", 78);
		else
			strbuf_add(&b, "78");
		assert_false(strbuf_ok(&b));
		strbuf_add(&b, "");
		strbuf_addf(&b, "%s", "");
		assert_false(strbuf_ok(&b));
		assert_string_equal(b.text, "0123456");
		assert_int_equal(b.len, 7);
		assert_memory_equal(memory + 8, "####", 4);
	}
}

static void nothing_is_added_after_the_cut(UNUSED void **state)
{
	char memory[4];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	strbuf_add(&b, "ab");
	strbuf_add(&b, "cdef");
	assert_string_equal(b.text, "abc");
	char one[1];
	strbuf_init(&b, one, sizeof(one));
	strbuf_add_char(&b, 'x');
	assert_string_equal(b.text, "");
	assert_false(strbuf_ok(&b));
}

static void long_texts_are_shortened_between_characters(UNUSED void **state)
{
	char memory[32];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	strbuf_add_short(&b, "abc", 3);
	strbuf_add_short(&b, "abcd", 3);
	assert_string_equal(memory, "abcabc...");
	strbuf_init(&b, memory, sizeof(memory));
	strbuf_add_short(&b, "a\u00e9\u20ac!", 5);
	assert_string_equal(memory, "a\u00e9...");
}

static void copies_say_whether_they_are_whole(UNUSED void **state)
{
	char to[4];
	assert_true(text_copy(to, sizeof(to), "abc"));
	assert_string_equal(to, "abc");
	assert_false(text_copy(to, sizeof(to), "abcd"));
	assert_string_equal(to, "abc");
	assert_true(text_equal("a", "a"));
	assert_false(text_equal("a", "A"));
	assert_true(text_is_empty(NULL));
	assert_true(text_is_empty(""));
	assert_false(text_is_empty(" "));
}

static void signed_numbers_are_strict(UNUSED void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "-1", true, -1 },
		{ "007", true, 7 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "--1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1.0", false, 0 },
		{ "0x1", false, 0 },
		{ "12a", false, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t value = 4711;
		assert_int_equal(text_to_i64(rows[i].text, &value), rows[i].ok);
		assert_int_equal(value, rows[i].ok ? rows[i].value : 4711);
	}
	int64_t value;
	assert_false(text_to_i64(NULL, &value));
}

static void unsigned_numbers_are_strict(UNUSED void **state)
{
	uint64_t value = 5;
	assert_true(text_to_u64("18446744073709551615", &value));
	assert_true(value == UINT64_MAX);
	value = 5;
	assert_false(text_to_u64("18446744073709551616", &value));
	assert_false(text_to_u64("-1", &value));
	assert_false(text_to_u64("", &value));
	assert_true(value == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_put_together),
		cmocka_unit_test(what_does_not_fit_is_cut_and_remembered),
		cmocka_unit_test(nothing_is_added_after_the_cut),
		cmocka_unit_test(long_texts_are_shortened_between_characters),
		cmocka_unit_test(copies_say_whether_they_are_whole),
		cmocka_unit_test(signed_numbers_are_strict),
		cmocka_unit_test(unsigned_numbers_are_strict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
