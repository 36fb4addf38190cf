/* JSON trees: what survives a round trip, what is refused, how merging and comparing go. */
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json *parse(const char *text)
{
	struct err err;
	struct json *root = json_parse(text, strlen(text), &err);
	if (root == NULL)
		fail_msg("%s: %s", text, err.text);
	return root;
}

static void assert_prints(const char *text, enum json_style style, const char *expected)
{
	AUTO(json) struct json *root = parse(text);
	AUTO(text) char *printed = json_print_text(root, style);
	assert_string_equal(printed, expected);
}

static void assert_refused(const char *text, size_t len, const char *reason)
{
	struct err err = { 0 };
	AUTO(json) struct json *root = json_parse(text, len, &err);
	if (root != NULL)
		fail_msg("accepted: %s", text);
	assert_int_equal(err.kind, ERR_INPUT);
	if (strstr(err.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
}

static void numbers_keep_their_value_and_spelling(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"0",
		"-1",
		"999999999999999",
		"9007199254740993",
		"9223372036854775807",
		"-9223372036854775808",
		"1.0",
		"1.50",
		"-0",
		"-0.0",
		"1e3",
		"1E-7",
		"0.1",
		"18446744073709551615",
		"[1,2.50,[3.0],{\"a\":4.0}]",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_prints(texts[i], JSON_COMPACT, texts[i]);
}

static void whole_numbers_are_exact(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {
		{ "9007199254740993", true, 9007199254740993 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "1.0", true, 1 },
		{ "1e3", true, 1000 },
		{ "1.5", false, 0 },
		{ "1e300", false, 0 },
		{ "1e999", false, 0 },
		{ "\"1\"", false, 0 },
		{ "true", false, 0 },
		{ "-0", true, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t value = 0;
		AUTO(json) struct json *root = parse(cases[i].text);
		assert_int_equal(json_i64(root, &value), cases[i].ok);
		assert_true(value == cases[i].value);
	}
}

static void builders_make_exact_numbers(void **state)
{
	(void)state;
	static const int64_t values[] = { 0,         -1,       999999999999999, 1000000000000000, 9007199254740993,
					  INT64_MAX, INT64_MIN };
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		int64_t value = 1;
		char expected[32];
		snprintf(expected, sizeof(expected), "%lld", (long long)values[i]);
		AUTO(json) struct json *node = json_new_i64(values[i]);
		AUTO(text) char *text = json_print_text(node, JSON_COMPACT);
		assert_string_equal(text, expected);
		assert_true(json_i64(node, &value) && value == values[i]);
	}
}

static void doubles_are_printed_short_and_never_as_integers(void **state)
{
	(void)state;
	static const struct {
		double value;
		const char *text;
	} cases[] = { { 1, "1.0" },        { 0.1, "0.1" },   { 1.0 / 3, "0.3333333333333333" },
		      { 1e300, "1e+300" }, { -2.5, "-2.5" }, { 1.0 / 0.0, "null" } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(json) struct json *node = json_new_double(cases[i].value);
		AUTO(text) char *text = json_print_text(node, JSON_COMPACT);
		assert_string_equal(text, cases[i].text);
	}
}

static void both_styles_are_pythons(void **state)
{
	(void)state;
	static const char text[] = " {\"b\": [1, \"x\" ,null],\"a\":{},\"l\":[ ],\"t\":true, \"f\":false}\n";
	assert_prints(text, JSON_COMPACT, "{\"b\":[1,\"x\",null],\"a\":{},\"l\":[],\"t\":true,\"f\":false}");
	assert_prints(text, JSON_SPACED, "{\"b\": [1, \"x\", null], \"a\": {}, \"l\": [], \"t\": true, \"f\": false}");
}

static void strings_are_escaped_as_python_does(void **state)
{
	(void)state;
	assert_prints("\"\\u00e4\\ud83d\\ude00/\\u007f\\u0001\\n\\\"\\\\\"", JSON_COMPACT,
		      "\"\\u00e4\\ud83d\\ude00/\\u007f\\u0001\\n\\\"\\\\\"");
	assert_prints("\"\xc3\xa4\xf0\x9f\x98\x80\"", JSON_COMPACT, "\"\\u00e4\\ud83d\\ude00\"");
	AUTO(json) struct json *bad = json_new_text("a\xff\xc3z");
	AUTO(text) char *text = json_print_text(bad, JSON_COMPACT);
	assert_string_equal(text, "\"a\\ufffd\\ufffdz\"");
}

static void the_last_of_equal_keys_counts(void **state)
{
	(void)state;
	assert_prints("{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"a\":5.0}", JSON_COMPACT, "{\"a\":5.0,\"b\":2,\"c\":4}");
	assert_prints("[{\"k\":{\"a\":1,\"a\":[2]},\"k\":{\"x\":1,\"x\":7}}]", JSON_COMPACT, "[{\"k\":{\"x\":7}}]");
}

static void strict_reading_refuses_equal_keys(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "{\"a\":1,\"b\":{},\"c\":2}", NULL },
		{ "[{\"a\":1},{\"a\":1,\"b\":{\"a\":2}}]", NULL },
		{ "{\"a\":1,\"b\":2,\"a\":1}", "JSON: the key \"a\" stands twice" },
		{ "[0,{\"x\":[{\"k\":1,\"\\u006b\":2}]}]", "the key \"k\" stands twice" },
		{ "{\"a\":1", "JSON, line 1, column" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		AUTO(json) struct json *root = json_parse_strict(cases[i].text, strlen(cases[i].text), &err);
		if ((root == NULL) != (cases[i].reason != NULL))
			fail_msg("%s: %s", cases[i].text, err.text);
		if (root == NULL)
			assert_non_null(strstr(err.text, cases[i].reason));
	}
}

/* Also a test of time: comparing each with each would take minutes. */
static void many_equal_keys_are_united(void **state)
{
	(void)state;
	enum { SIZE = 1000000 };
	AUTO(text) char *memory = malloc(SIZE);
	struct strbuf text;
	strbuf_init(&text, memory, SIZE);
	strbuf_add(&text, "{\"x\":1");
	for (int i = 0; text.len < SIZE - 100; i++)
		strbuf_addf(&text, ",\"%d\":%d", i % 70000, i);
	strbuf_add(&text, ",\"x\":2}");
	AUTO(json) struct json *root = parse(memory);
	assert_int_equal(json_count(root), 70001);
	int64_t value;
	assert_true(json_i64(json_first(root), &value) && value == 2);
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "", "line 1" },
		{ " ", "" },
		{ "{", "" },
		{ "[1,]", "" },
		{ "{\"a\" 1}", "" },
		{ "{\"a\":1}x", "" },
		{ "01", "not a number" },
		{ "1.", "digit" },
		{ "-", "not a number" },
		{ "1e", "digit" },
		{ "+1", "" },
		{ "nan", "" },
		{ "NaN", "" },
		{ "'a'", "" },
		{ "\"a\nb\"", "control" },
		{ "\"a", "ends within a string" },
		{ "\"\\u0000\"", "NUL" },
		{ "\"\\ud800\"", "" },
		{ "\"\xff\"", "UTF-8" },
		{ "\"\xc0\x80\"", "UTF-8" },
		{ "\"\xed\xa0\x80\"", "UTF-8" },
		{ "\xef\xbb\xbf{}", "unexpected" },
		{ "[1\v]", "unexpected" },
		{ "{\"a\":\n  tru}", "line 2" },
		{ "[1 2]", "" },
		{ "{1:2}", "" },
		{ "[1]]", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(cases[i].text, strlen(cases[i].text), cases[i].reason);
	assert_refused("[1]\0", 4, "unexpected");
}

static void depth_and_size_are_limited(void **state)
{
	(void)state;
	enum { TOO_LARGE = 1024 * 1024 + 1 };
	char deep[200];
	memset(deep, '[', 64);
	memset(deep + 64, ']', 64);
	deep[128] = '\0';
	AUTO(json) struct json *allowed = parse(deep);
	assert_true(json_is_array(allowed));
	memset(deep, '[', 65);
	assert_refused(deep, 65, "64");
	AUTO(text) char *large = malloc(TOO_LARGE);
	memset(large, ' ', TOO_LARGE);
	assert_refused(large, TOO_LARGE, "1 MB");
}

static void trees_are_read(void **state)
{
	(void)state;
	AUTO(json) struct json *root = parse("{\"a\":{\"b\":{\"c\":\"x\"}},\"l\":[1,\"two\"],\"n\":null,\"d\":1.5}");
	assert_string_equal(json_text(json_path(root, "a.b.c")), "x");
	assert_null(json_path(root, "a.c.b"));
	assert_null(json_path(root, "l.1"));
	assert_null(json_get(NULL, "a"));
	assert_true(json_is_null(json_get(root, "n")));
	assert_false(json_is_null(json_get(root, "N")));
	assert_true(json_double(json_get(root, "d")) == 1.5);
	assert_int_equal(json_count(root), 4);
	const struct json *first = json_first(json_get(root, "l"));
	assert_string_equal(json_text(json_next(first)), "two");
	assert_null(json_next(json_next(first)));
	assert_string_equal(json_key(json_next(json_first(root))), "l");
	assert_null(json_get_text(root, "l"));
}

static void setting_replaces_in_place(void **state)
{
	(void)state;
	AUTO(json) struct json *root = parse("{\"a\":1,\"b\":2,\"c\":3}");
	struct json *list = json_new_array();
	json_push(list, json_new_null());
	json_set(root, "b", list);
	json_set_text(root, "d", NULL);
	json_set_bool(root, "a", true);
	json_set_i64(root, "e", 5);
	json_remove(root, "c");
	json_remove(root, "nothing");
	AUTO(json) struct json *copy = json_copy(root);
	AUTO(text) char *text = json_print_text(copy, JSON_COMPACT);
	assert_string_equal(text, "{\"a\":true,\"b\":[null],\"d\":null,\"e\":5}");
}

static void what_is_taken_out_is_a_tree_of_its_own(void **state)
{
	(void)state;
	struct json *root = parse("{\"a\":1,\"b\":{\"c\":[2,3]},\"d\":4}");
	AUTO(json) struct json *taken = json_take(root, json_get(root, "b"));
	AUTO(text) char *rest = json_print_text(root, JSON_COMPACT);
	assert_string_equal(rest, "{\"a\":1,\"d\":4}");
	json_free(root);
	assert_null(json_key(taken));
	AUTO(text) char *text = json_print_text(taken, JSON_COMPACT);
	assert_string_equal(text, "{\"c\":[2,3]}");
}

static void merging_follows_the_contract(void **state)
{
	(void)state;
	static const struct {
		const char *into, *patch, *result;
		bool changed;
	} cases[] = {
		{ "{\"a\":1}", "{\"a\":null}", "{}", true },
		{ "{\"a\":1}", "{\"b\":null}", "{\"a\":1}", false },
		{ "{\"a\":1}", "{\"a\":\"1\"}", "{\"a\":1}", false },
		{ "{\"a\":true}", "{\"a\":\"true\"}", "{\"a\":\"true\"}", true },
		{ "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"c\":3,\"d\":4}}", "{\"a\":{\"b\":1,\"c\":3,\"d\":4}}", true },
		{ "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}", false },
		{ "{\"a\":{\"b\":1}}", "{\"a\":[1]}", "{\"a\":[1]}", true },
		{ "{\"a\":5}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}", true },
		{ "{\"a\":[1,2]}", "{\"a\":[1,3]}", "{\"a\":[1,3]}", true },
		{ "{\"a\":[1,2]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}", false },
		{ "{}", "{\"z\":1,\"a\":2}", "{\"z\":1,\"a\":2}", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(json) struct json *into = parse(cases[i].into);
		AUTO(json) struct json *patch = parse(cases[i].patch);
		assert_int_equal(json_merge(into, patch), cases[i].changed);
		AUTO(text) char *text = json_print_text(into, JSON_COMPACT);
		assert_string_equal(text, cases[i].result);
	}
}

static void equality_compares_leaves_as_texts(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ "{\"a\":1,\"b\":[2]}", "{\"b\":[\"2\"],\"a\":\"1\"}", true },
		{ "{\"a\":1}", "{\"a\":1,\"b\":1}", false },
		{ "{\"a\":1}", "{\"b\":1}", false },
		{ "[1,2]", "[2,1]", false },
		{ "[]", "{}", false },
		{ "1", "[1]", false },
		{ "9007199254740993", "9007199254740992", false },
		{ "null", "null", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(json) struct json *a = parse(cases[i].a);
		AUTO(json) struct json *b = parse(cases[i].b);
		assert_int_equal(json_equal(a, b), cases[i].equal);
		assert_int_equal(json_equal(b, a), cases[i].equal);
	}
	assert_true(json_equal(NULL, NULL));
}

static void printing_into_too_small_a_buffer_is_noticed(void **state)
{
	(void)state;
	char memory[8];
	struct strbuf text;
	AUTO(json) struct json *root = parse("[1,2,3,4]");
	strbuf_init(&text, memory, sizeof(memory));
	json_print(root, JSON_COMPACT, &text);
	assert_false(strbuf_ok(&text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_keep_their_value_and_spelling),
		cmocka_unit_test(whole_numbers_are_exact),
		cmocka_unit_test(builders_make_exact_numbers),
		cmocka_unit_test(doubles_are_printed_short_and_never_as_integers),
		cmocka_unit_test(both_styles_are_pythons),
		cmocka_unit_test(strings_are_escaped_as_python_does),
		cmocka_unit_test(the_last_of_equal_keys_counts),
		cmocka_unit_test(strict_reading_refuses_equal_keys),
		cmocka_unit_test(many_equal_keys_are_united),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(depth_and_size_are_limited),
		cmocka_unit_test(trees_are_read),
		cmocka_unit_test(setting_replaces_in_place),
		cmocka_unit_test(what_is_taken_out_is_a_tree_of_its_own),
		cmocka_unit_test(merging_follows_the_contract),
		cmocka_unit_test(equality_compares_leaves_as_texts),
		cmocka_unit_test(printing_into_too_small_a_buffer_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
