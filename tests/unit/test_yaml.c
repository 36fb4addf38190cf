/* YAML into trees and back: types, anchors, limits, lines, and the writer's hand. */
#include "codec/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json *parse(const char *text)
{
	struct err err;
	struct json *root = yaml_parse("f.yml", text, strlen(text), NULL, &err);
	if (root == NULL)
		fail_msg("%s: %s", text, err.text);
	return root;
}

static void assert_is(const char *yaml, const char *json)
{
	AUTO(json) struct json *root = parse(yaml);
	AUTO(text) char *text = json_print_text(root, JSON_COMPACT);
	assert_string_equal(text, json);
}

static void assert_refused(const char *yaml, size_t len, const char *reason)
{
	struct err err = { 0 };
	struct yaml_lines *lines = NULL;
	AUTO(json) struct json *root = yaml_parse("f.yml", yaml, len, &lines, &err);
	if (root != NULL)
		fail_msg("accepted: %s", yaml);
	assert_null(lines);
	assert_int_equal(err.kind, ERR_INPUT);
	if (strstr(err.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
}

static void plain_scalars_are_typed_as_in_python(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{ "yes", "true" },
		{ "On", "true" },
		{ "TRUE", "true" },
		{ "no", "false" },
		{ "off", "false" },
		{ "False", "false" },
		{ "y", "\"y\"" },
		{ "tRue", "\"tRue\"" },
		{ "~", "null" },
		{ "Null", "null" },
		{ "", "null" },
		{ "a:", "{\"a\":null}" },
		{ "0", "0" },
		{ "-12", "-12" },
		{ "+12", "12" },
		{ "1_000", "1000" },
		{ "017", "15" },
		{ "0o17", "\"0o17\"" },
		{ "0x1F", "31" },
		{ "-0x10", "-16" },
		{ "0b101", "5" },
		{ "08", "\"08\"" },
		{ "1:30", "90" },
		{ "-1:00:01", "-3601" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "99999999999999999999", "99999999999999999999" },
		{ "0xffffffffffffffffff", "\"0xffffffffffffffffff\"" },
		{ "0x_", "\"0x_\"" },
		{ "1.5", "1.5" },
		{ "1.50", "1.5" },
		{ "1.", "1.0" },
		{ ".5", "0.5" },
		{ "1.5e+3", "1500.0" },
		{ "1e3", "\"1e3\"" },
		{ "1.5e3", "\"1.5e3\"" },
		{ "1:30.5", "90.5" },
		{ ".inf", "\".inf\"" },
		{ ".nan", "\".nan\"" },
		{ "2026-01-02", "\"2026-01-02\"" },
		{ "=", "\"=\"" },
		{ "\"1\"", "\"1\"" },
		{ "'yes'", "\"yes\"" },
		{ "|\n  1\n", "\"1\\n\"" },
		{ "128MB", "\"128MB\"" },
		{ "127.0.0.1:5432", "\"127.0.0.1:5432\"" },
		{ "1.2.3", "\"1.2.3\"" },
		{ "!!str 1", "\"1\"" },
		{ "! 1", "\"1\"" },
		{ "!!int 7", "7" },
		{ "!!int \"7\"", "7" },
		{ "!!bool yes", "true" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_is(cases[i].yaml, cases[i].json);
}

static void keys_keep_their_order_and_spelling(void **state)
{
	(void)state;
	assert_is("z: 1\na: [x, {b: 2, on: 3}]\n1: 4\n", "{\"z\":1,\"a\":[\"x\",{\"b\":2,\"on\":3}],\"1\":4}");
	assert_is("tags:\n  nosync: true\n  sync_priority: '2'\n",
		  "{\"tags\":{\"nosync\":true,\"sync_priority\":\"2\"}}");
	assert_is("\xef\xbb\xbf"
		  "a: \xc3\xa4\n",
		  "{\"a\":\"\\u00e4\"}");
}

static void anchors_and_merge_keys_are_understood(void **state)
{
	(void)state;
	assert_is("a: &x {k: 1, l: 2}\nb: *x\n", "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":1,\"l\":2}}");
	assert_is("a: &x {k: 1, l: 2}\nb: {l: 3, <<: *x, m: 4}\n",
		  "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":1,\"l\":3,\"m\":4}}");
	assert_is("- &x {k: 1}\n- &y {k: 2, l: 2}\n- {<<: [*x, *y]}\n",
		  "[{\"k\":1},{\"k\":2,\"l\":2},{\"k\":1,\"l\":2}]");
	assert_is("- &x 1\n- &x 2\n- *x\n", "[1,2,2]");
	assert_is("{'<<': 1}", "{\"<<\":1}");
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *reason;
	} cases[] = {
		{ "a: 1\nb: 2\na: 3\n", "f.yml:3: the key \"a\" stands here twice" },
		{ "a: 1\n---\nb: 2\n", "f.yml:2: a second document" },
		{ "a: 1\nb: *x\n", "f.yml:2: an alias" },
		{ "a: &a [*a]\n", "f.yml:1: an alias" },
		{ "a:\n  - !foo x\n", "f.yml:2: a tag" },
		{ "a: !!binary AAAA\n", "a tag of an unknown kind" },
		{ "!!set {a}\n", "a tag of an unknown kind" },
		{ "!foo [a]\n", "a tag of an unknown kind" },
		{ "a: !!int x\n", "not of the type" },
		{ "a: \"x\\0y\"\n", "NUL" },
		{ "\"x\\0y\": 1\n", "NUL" },
		{ "a: 1\n[b]: 2\n", "f.yml:2: a key must be a word" },
		{ "a: 1\n\tb: 2\n", "f.yml:2:" },
		{ "a: [1, 2\n", "f.yml:2:" },
		{ "a: \"x\n", "f.yml:2:" },
		{ "{<<: 1}", "only mappings" },
		{ "{<<: [1]}", "only mappings" },
		{ "a: 1\n\nb: \xff\n", "f.yml:3:" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(cases[i].yaml, strlen(cases[i].yaml), cases[i].reason);
}

static void bombs_are_refused(void **state)
{
	(void)state;
	char memory[4096];
	struct strbuf text;
	strbuf_init(&text, memory, sizeof(memory));
	strbuf_add(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 10; i++)
		strbuf_addf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1,
			    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_refused(memory, text.len, "too much");
	strbuf_init(&text, memory, sizeof(memory)); /* deep: each line as deep as the one before and one more */
	strbuf_add(&text, "a0: &a0 [x]\n");
	for (int i = 1; i < 70; i++)
		strbuf_addf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	assert_refused(memory, text.len, "too many levels");
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
	assert_refused(deep, 128, "64");
	AUTO(text) char *large = malloc(TOO_LARGE);
	memset(large, ' ', TOO_LARGE);
	assert_refused(large, TOO_LARGE, "1 MB");
}

static void lines_of_keys_are_known(void **state)
{
	(void)state;
	static const char text[] = "ttl: 30\n\npostgresql:\n  # comment\n  parameters:\n    max_connections: 100\n  "
				   "pg_hba:\n  - a\n  - b\n";
	struct err err;
	struct yaml_lines *lines;
	AUTO(json) struct json *root = yaml_parse("f", text, strlen(text), &lines, &err);
	assert_non_null(root);
	assert_int_equal(yaml_line(lines, "ttl"), 1);
	assert_int_equal(yaml_line(lines, "postgresql"), 3);
	assert_int_equal(yaml_line(lines, "postgresql.parameters.max_connections"), 6);
	assert_int_equal(yaml_line(lines, "postgresql.pg_hba.1"), 9);
	assert_int_equal(yaml_line(lines, "nothing"), 0);
	assert_int_equal(yaml_line(NULL, "ttl"), 0);
	yaml_lines_free(lines);
	yaml_lines_free(NULL);
}

static void assert_writes(const char *json, bool sort_keys, const char *block, const char *flow)
{
	char memory[4096];
	struct err err;
	struct strbuf text;
	AUTO(json) struct json *root = json_parse(json, strlen(json), &err);
	assert_non_null(root);
	strbuf_init(&text, memory, sizeof(memory));
	yaml_print(root, sort_keys, &text);
	assert_string_equal(memory, block);
	strbuf_init(&text, memory, sizeof(memory));
	yaml_print_flow(root, &text);
	assert_string_equal(memory, flow);
}

/* Expected texts: what Python's yaml.safe_dump gives. */
static void the_writer_has_pythons_hand(void **state)
{
	(void)state;
	assert_writes("{\"ttl\":30,\"postgresql\":{\"use_slots\":true,\"pg_hba\":[\"host all all all md5\",\"local all "
		      "all trust\"],\"parameters\":{}},\"list\":[],\"none\":null}",
		      true,
		      "list: []\nnone: null\npostgresql:\n  parameters: {}\n  pg_hba:\n  - host all all all md5\n  - "
		      "local all all trust\n  use_slots: true\nttl: 30\n",
		      "{ttl: 30, postgresql: {use_slots: true, pg_hba: [host all all all md5, local all all trust], "
		      "parameters: {}}, list: [], none: null}");
	assert_writes(
		"{\"b\":\"on\",\"a\":\"1\",\"c\":\"\",\"d\":\"~\",\"e\":\"2026-01-02\",\"yes\":\"x: y\",\"f\":\"1e3\"}",
		false, "b: 'on'\na: '1'\nc: ''\nd: '~'\ne: '2026-01-02'\n'yes': 'x: y'\nf: 1e3\n",
		"{b: 'on', a: '1', c: '', d: '~', e: '2026-01-02', 'yes': 'x: y', f: 1e3}");
	assert_writes("{\"a\":1e5,\"b\":1.5E-7,\"c\":2.0,\"d\":9223372036854775807,\"u\":\"\\u00e4\"}", false,
		      "a: 1.0e+5\nb: 1.5e-7\nc: 2.0\nd: 9223372036854775807\nu: \xc3\xa4\n",
		      "{a: 1.0e+5, b: 1.5e-7, c: 2.0, d: 9223372036854775807, u: \xc3\xa4}");
	assert_writes("[[1,[2]],{\"a\":[{\"b\":1,\"c\":2}]}]", false, "- - 1\n  - - 2\n- a:\n  - b: 1\n    c: 2\n",
		      "[[1, [2]], {a: [{b: 1, c: 2}]}]");
	assert_writes("{\"a\":\"x\\ny\\n\"}", false, "a: 'x\n\n  y\n\n  '\n", "{a: 'x\n\n    y\n\n    '}");
}

static void texts_that_are_no_utf8_can_be_written(void **state)
{
	(void)state;
	char memory[64];
	struct strbuf text;
	AUTO(json) struct json *node = json_new_text("a\xff");
	strbuf_init(&text, memory, sizeof(memory));
	yaml_print_flow(node, &text);
	assert_string_equal(memory, "a\xef\xbf\xbd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_scalars_are_typed_as_in_python),
		cmocka_unit_test(keys_keep_their_order_and_spelling),
		cmocka_unit_test(anchors_and_merge_keys_are_understood),
		cmocka_unit_test(what_is_wrong_is_named_with_its_line),
		cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(depth_and_size_are_limited),
		cmocka_unit_test(lines_of_keys_are_known),
		cmocka_unit_test(the_writer_has_pythons_hand),
		cmocka_unit_test(texts_that_are_no_utf8_can_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
