/* What is configured of people's own ways to make a data directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "codec/config.h"

/* The configuration is a variable of the environment. */
static void load(struct config *c, const char *yaml)
{
	char text[1024];
	struct err err;
	snprintf(text, sizeof(text), "PATRONI_CONFIGURATION=scope: s\nname: m\n%s", yaml);
	const char *const environment[] = { text, NULL };
	if (!config_load(c, NULL, environment, &err))
		fail_msg("%s", err.text);
}

static bool has_note(const struct config *c, const char *text)
{
	for (int i = 0; i < c->note_count; i++)
		if (strncmp(c->notes[i].text, text, strlen(text)) == 0)
			return true;
	return false;
}

static void a_bootstrap_method_other_than_initdb_needs_its_command(void **state)
{
	(void)state;
	struct config c;
	load(&c, "bootstrap: {method: initdb}\n");
	assert_false(c.settings.restores);
	config_clear(&c);
	load(&c, "bootstrap: {method: restore, restore: {command: /bin/restore, recovery_conf: {}}}\n");
	assert_true(c.settings.restores);
	assert_false(has_note(&c, "bootstrap"));
	config_clear(&c);
	load(&c, "bootstrap: {method: restore, other: {command: x}}\n");
	assert_true(c.settings.restores); /* never initdb in its place: that would be an empty cluster */
	assert_true(has_note(&c, "bootstrap.restore.command: must be a command: bootstrap.method names it; no default "
				 "is used"));
	config_clear(&c);
	load(&c, "bootstrap: {method: restore, restore: {command: x, recovery_conf: latest}}\n");
	assert_true(has_note(&c, "bootstrap.restore.recovery_conf: must be a mapping"));
	config_clear(&c);
}

static void a_replica_is_made_without_a_leader_only_by_a_listed_method(void **state)
{
	(void)state;
	struct config c;
	struct err err;
	load(&c, "postgresql: {mine: {no_leader: 1}}\n");
	assert_false(c.settings.clones_alone);
	assert_null(methods_of_replicas(c.postgresql));
	config_clear(&c);
	load(&c, "postgresql: {create_replica_methods: [basebackup, mine], mine: {no_leader: 1}}\n");
	assert_true(c.settings.clones_alone);
	assert_int_equal(json_count(methods_of_replicas(c.postgresql)), 2);
	config_clear(&c);
	load(&c, "postgresql: {create_replica_method: [mine]}\n"); /* the former name */
	assert_false(c.settings.clones_alone);
	assert_true(config_apply_dynamic(&c, "{\"postgresql\":{\"mine\":{\"no_leader\":true}}}", &err));
	assert_true(c.settings.clones_alone);
	config_clear(&c);
	load(&c, "postgresql: {create_replica_methods: [mine], mine: x}\n");
	assert_true(has_note(&c, "postgresql.mine: must be a mapping: create_replica_methods names it; ignored"));
	config_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bootstrap_method_other_than_initdb_needs_its_command),
		cmocka_unit_test(a_replica_is_made_without_a_leader_only_by_a_listed_method),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
