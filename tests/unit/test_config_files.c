/* What follows from a mounted Secret and from the table of settings: values in files of their own, the schema; what is in
 * force where two settings speak of one thing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/config.h"

static const char *const none[] = { NULL };
static char dir[64], file_a[128];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_config_XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file_a, sizeof(file_a), "%s/a.yml", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(file_a);
	return rmdir(dir);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* As a Secret is mounted: each key a file. */
static void a_file_named_like_a_setting_is_its_value(void **state)
{
	(void)state;
	struct err err;
	struct config c;
	char secret[128], other[128], sql[128];
	AUTO(text) char *long_sql = malloc(20001);
	memset(long_sql, 'x', 20000);
	long_sql[20000] = '\0';
	snprintf(secret, sizeof(secret), "%s/postgresql.authentication.superuser.password", dir);
	snprintf(other, sizeof(other), "%s/ttl", dir);
	snprintf(sql, sizeof(sql), "%s/howdah.init_sql", dir);
	write_file(file_a,
		   "scope: one\nname: m\npostgresql: {authentication: {superuser: {username: boss, password: old}}}\n");
	write_file(secret, "12: #'\"\n\n");
	write_file(other, "77\n");
	write_file(sql, long_sql);
	assert_true(config_load(&c, dir, none, &err));
	assert_int_equal(c.note_count, 0);
	assert_string_equal(c.superuser.username, "boss");
	assert_string_equal(c.superuser.password, "12: #'\"\n"); /* one line end is the editor's */
	assert_null(json_get(c.local, "ttl"));                   /* no setting of text */
	assert_string_equal(json_text(json_path(c.local, "howdah.init_sql")), long_sql);
	config_clear(&c);
	memset(long_sql, 'p', 300);
	long_sql[300] = '\0';
	write_file(secret, long_sql);
	assert_false(config_load(&c, dir, none, &err));
	assert_non_null(strstr(err.text, "superuser.password: "));
	assert_non_null(strstr(err.text, "is too long"));
	assert_null(strstr(err.text, "ppp"));
	assert_int_equal(unlink(secret) + unlink(other) + unlink(sql), 0);
}

static struct json *read_schema(void)
{
	static char text[256 * 1024];
	struct strbuf b;
	struct err err;
	strbuf_init(&b, text, sizeof(text));
	settings_print_schema(&b);
	assert_true(strbuf_ok(&b));
	struct json *schema = json_parse_strict(text, b.len, &err);
	assert_non_null(schema);
	return schema;
}

static const struct json *find(const struct json *document, const char *key)
{
	char part[128];
	for (const char *dot; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
		snprintf(part, sizeof(part), "%.*s", (int)(dot - key), key);
		document = json_get(json_get(document, "properties"), part);
	}
	return json_get(json_get(document, "properties"), key);
}

/* Each where it may stand, with its help. */
static void the_schema_knows_every_setting(void **state)
{
	(void)state;
	AUTO(json) struct json *schema = read_schema();
	for (int i = 0; i < settings_count; i++) {
		const struct setting *row = &settings_table[i];
		const struct json *local = find(json_get(schema, "settings"), row->key);
		const struct json *dynamic = find(json_get(schema, "dynamic"), row->key);
		assert_int_equal(local != NULL, row->scope != SETTING_DYNAMIC);
		assert_int_equal(dynamic != NULL, row->scope != SETTING_LOCAL);
		if (strcmp(row->key, "bootstrap.dcs") == 0)
			assert_string_equal(json_get_text(local, "$ref"), "#/definitions/dynamic");
		else
			assert_string_equal(json_get_text(local != NULL ? local : dynamic, "description"), row->text);
	}
}

static void the_schema_says_bounds_words_and_lengths(void **state)
{
	(void)state;
	int64_t number;
	AUTO(json) struct json *schema = read_schema();
	const struct json *dynamic = json_get(schema, "dynamic"), *local = json_get(schema, "settings");
	assert_true(json_i64(json_get(find(dynamic, "primary_start_timeout"), "maximum"), &number) && number == 86400);
	assert_true(
		json_i64(json_get(find(local, "postgresql.authentication.superuser.password"), "maxLength"), &number));
	assert_int_equal(number, 255);
	assert_null(json_get(find(local, "howdah.init_sql"), "maxLength"));
	AUTO(text) char *words = json_print_text(json_get(find(local, "restapi.verify_client"), "enum"), JSON_COMPACT);
	assert_string_equal(words, "[\"none\",\"optional\",\"required\"]");
	AUTO(text) char *truths = json_print_text(json_get(find(dynamic, "failsafe_mode"), "enum"), JSON_COMPACT);
	assert_string_equal(truths, "[\"true\",true,\"false\",false,\"on\",\"off\",\"yes\",\"no\"]");
	AUTO(text)
	char *closed = json_print_text(json_get(find(local, "howdah"), "additionalProperties"), JSON_COMPACT);
	assert_string_equal(closed, "false");
}

static void load_sliced(struct config *c, const char *text)
{
	static const char *const environ_[] = { "HOWDAH_ROUTE=slice", NULL };
	struct err err;
	write_file(file_a, text);
	assert_true(config_load(c, file_a, environ_, &err));
}

static void one_route_is_in_force(void **state)
{
	(void)state;
	struct config c;
	load_sliced(&c, "scope: s\nname: m\n");
	assert_int_equal(c.settings.route, ROUTE_SLICE);
	assert_int_equal(c.note_count, 0);
	config_clear(&c);
	load_sliced(&c, "scope: s\nname: m\nkubernetes: {use_endpoints: true}\n");
	assert_int_equal(c.settings.route, ROUTE_ENDPOINTS);
	assert_int_equal(c.note_count, 1);
	assert_string_equal(c.notes[0].text, "howdah.route: \"slice\" is for ConfigMaps: with kubernetes.use_endpoints "
					     "the leader object is the route already; ignored");
	config_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_named_like_a_setting_is_its_value, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(one_route_is_in_force, make_dir, remove_dir),
		cmocka_unit_test(the_schema_knows_every_setting),
		cmocka_unit_test(the_schema_says_bounds_words_and_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
