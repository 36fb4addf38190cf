/* edit-config, show-config and remove; and the difference of two texts. */
#include "unit/support_world.h"

#include "cli/diff.h"
#include "cli/edit.h"

/* ---- differences ---- */

static void assert_difference(const char *before, const char *after, const char *want)
{
	char memory[4096];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	diff_print(before, after, false, &b);
	assert_string_equal(memory, want);
}

static void differences_are_unified(void **state_ UNUSED)
{
	assert_difference("a\nb\n", "a\nb\n", "");
	assert_difference("a\n", "b\n", "--- \n+++ \n@@ -1 +1 @@\n-a\n+b\n");
	assert_difference("", "b\nc\n", "--- \n+++ \n@@ -0,0 +1,2 @@\n+b\n+c\n");
	assert_difference("b\n", "", "--- \n+++ \n@@ -1 +0,0 @@\n-b\n");
	assert_difference("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\nsix\n7\n8\n9\n",
			  "--- \n+++ \n@@ -3,7 +3,7 @@\n 3\n 4\n 5\n-6\n+six\n 7\n 8\n 9\n");
	assert_difference("a\nb\nc\n", "b\nx\nc\n", "--- \n+++ \n@@ -1,3 +1,3 @@\n-a\n b\n+x\n c\n");
}

static void changes_far_apart_have_hunks_of_their_own(void **state_ UNUSED)
{
	assert_difference("x\n1\n2\n3\n4\n5\n6\n7\ny\n", "X\n1\n2\n3\n4\n5\n6\n7\nY\n",
			  "--- \n+++ \n@@ -1,4 +1,4 @@\n-x\n+X\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-y\n+Y\n");
	assert_difference("x\n1\n2\n3\n4\n5\n6\ny\n", "X\n1\n2\n3\n4\n5\n6\nY\n",
			  "--- \n+++ \n@@ -1,8 +1,8 @@\n-x\n+X\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n+Y\n");
}

static void colours_stand_around_lines(void **state_ UNUSED)
{
	char memory[256];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	diff_print("a\n", "b\n", true, &b);
	assert_string_equal(memory, "--- \n+++ \n@@ -1 +1 @@\n\033[31m-a\033[0m\n\033[32m+b\033[0m\n");
}

/* ---- one key ---- */

static void assert_set(const char *config, const char *pair, bool parameter, const char *want)
{
	struct err err;
	struct json *root = json_parse(config, strlen(config), &err);
	assert_non_null(root);
	if (!edit_set(root, pair, parameter, &err))
		fail_msg("%s", err.text);
	char *text = json_print_text(root, JSON_COMPACT);
	assert_string_equal(text, want);
	free(text);
	json_free(root);
}

static void keys_are_set_by_their_path(void **state_ UNUSED)
{
	assert_set("{\"ttl\":30}", "ttl=20", false, "{\"ttl\":20}");
	assert_set("{}", "a.b.c=yes", false, "{\"a\":{\"b\":{\"c\":true}}}");
	assert_set("{}", "a='20'", false, "{\"a\":\"20\"}");
	assert_set("{}", "a=x=y", false, "{\"a\":\"x=y\"}");
	assert_set("{\"a\":{\"b\":1}}", "a={c: 2}", false, "{\"a\":{\"c\":2}}");
	assert_set("{\"a\":null}", "a.b=1", false, "{\"a\":{\"b\":1}}");
	assert_set("{\"a\":[1]}", "a=[2, 3]", false, "{\"a\":[2,3]}");
}

static void parameters_keep_their_dots(void **state_ UNUSED)
{
	assert_set("{}", "postgresql.parameters.auto_explain.log_nested=on", false,
		   "{\"postgresql\":{\"parameters\":{\"auto_explain.log_nested\":true}}}");
	assert_set("{}", "pg_stat_statements.max=10", true,
		   "{\"postgresql\":{\"parameters\":{\"pg_stat_statements.max\":10}}}");
}

static void null_takes_a_key_away_and_what_is_empty_with_it(void **state_ UNUSED)
{
	assert_set("{\"ttl\":30,\"x\":1}", "ttl=null", false, "{\"x\":1}");
	assert_set("{\"a\":{\"b\":{\"c\":1}},\"x\":1}", "a.b.c=null", false, "{\"x\":1}");
	assert_set("{\"a\":{\"b\":{\"c\":1},\"d\":2}}", "a.b.c=", false, "{\"a\":{\"d\":2}}");
	assert_set("{\"x\":1}", "a.b=null", false, "{\"x\":1}");
}

static void wrong_pairs_are_named(void **state_ UNUSED)
{
	static const char *const wrong[] = { "ttl", "=1", "a..b=1", ".a=1", "a=[", "a={b: 1", "ttl.x=1" };
	nobody_types();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char want[128];
		assert_int_equal(PATRONICTL("edit-config", "--force", "-s", wrong[i]), 1);
		snprintf(want, sizeof(want), "Error: Invalid parameter setting %s", wrong[i]);
		assert_complains(want);
	}
	assert_complains("ttl.x=1: ttl is not a mapping");
	assert_string_equal(requests, "");
}

/* ---- edit-config ---- */

static void a_change_is_shown_asked_about_and_written_by_version(void **state_ UNUSED)
{
	type("y\n");
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=20", "-p", "superuser_reserved_connections=6"), 0);
	assert_string_equal(printed, "--- \n+++ \n@@ -1,5 +1,6 @@\n loop_wait: 10\n postgresql:\n   parameters:\n"
				     "+    superuser_reserved_connections: 6\n     work_mem: 4MB\n-ttl: 30\n+ttl: 20\n"
				     "Apply these changes? [y/N]: Configuration changed\n");
	assert_string_equal(requests,
			    "PATCH http://api:8080/api/v1/namespaces/default/endpoints/batman-config {\"metadata\": "
			    "{\"namespace\": \"default\", \"name\": \"batman-config\", \"labels\": {\"application\": "
			    "\"patroni\", \"cluster-name\": \"batman\"}, \"annotations\": {\"config\": "
			    "\"{\\\"ttl\\\":20,\\\"loop_wait\\\":10,\\\"postgresql\\\":{\\\"parameters\\\":{"
			    "\\\"work_mem\\\":\\\"4MB\\\",\\\"superuser_reserved_connections\\\":6}}}\"}, "
			    "\"resourceVersion\": \"8\"}}\n");
}

static void no_change_is_written_where_nobody_wants_it(void **state_ UNUSED)
{
	type("n\n");
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=20"), 0);
	assert_not_said("Configuration changed");
	nobody_types();
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=20"), 1);
	assert_string_equal(complained, "Aborted!\n");
	assert_int_equal(HOWDAHCTL("edit-config", "-s", "ttl=20"), 1);
	assert_complains("--force");
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=30", "--force"), 0);
	assert_string_equal(printed, "Not changed\n");
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=30", "--force", "-q"), 0);
	assert_string_equal(printed, "");
	assert_string_equal(requests, "");
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=20", "--force", "-q"), 0);
	assert_string_equal(printed, "Configuration changed\n");
}

static void files_are_merged_or_put_in_place(void **state_ UNUSED)
{
	char path[] = "/tmp/howdah-test-XXXXXX";
	close(mkstemp(path));
	nobody_types();
	write_file(path, "ttl: null\npostgresql:\n  parameters:\n    jit: off\n");
	assert_int_equal(PATRONICTL("edit-config", "--apply", path, "--force", "-q"), 0);
	assert_non_null(strstr(requests,
			       "{\\\"loop_wait\\\":10,\\\"postgresql\\\":{\\\"parameters\\\":{\\\"work_mem\\\":"
			       "\\\"4MB\\\",\\\"jit\\\":false}}}"));
	write_file(path, "ttl: 40\n");
	requests[0] = '\0';
	assert_int_equal(PATRONICTL("edit-config", "--replace", path, "--force", "-q"), 0);
	assert_non_null(strstr(requests, "\"config\": \"{\\\"ttl\\\":40}\""));
	requests[0] = '\0';
	write_file(path, "[1, 2]\n");
	assert_int_equal(HOWDAHCTL("edit-config", "--replace", path, "--force"), 1);
	assert_complains("it is no mapping of keys to values");
	write_file(path, "a: [1\n");
	assert_int_equal(HOWDAHCTL("edit-config", "--apply", path, "--force"), 1);
	assert_complains(path);
	unlink(path);
	assert_int_equal(HOWDAHCTL("edit-config", "--apply", path, "--force"), 1);
	assert_complains(path);
	assert_string_equal(requests, "");
}

static void what_comes_from_the_input_needs_force(void **state_ UNUSED)
{
	input = "ttl: 20\n";
	at_terminal = false;
	assert_int_equal(PATRONICTL("edit-config", "--apply", "-"), 0);
	assert_says("-ttl: 30\n+ttl: 20\nUse --force option to apply changes\n");
	assert_string_equal(requests, "");
	assert_int_equal(PATRONICTL("edit-config", "--replace", "-", "--force", "-q"), 0);
	assert_string_equal(printed, "Configuration changed\n");
}

static void another_change_at_the_same_time_is_not_overwritten(void **state_ UNUSED)
{
	nobody_types();
	answer("PATCH", "/endpoints/", 409, "");
	answer("GET", "/endpoints/batman-config", 200,
	       "{\"metadata\":{\"name\":\"batman-config\",\"resourceVersion\":\"8\"}}");
	/* touched, but not changed: tried again, though not for ever */
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=20", "--force", "-q"), 1);
	assert_string_equal(complained, "Error: Config modification aborted due to concurrent changes\n");
	int tries = 0;
	for (const char *at = strstr(requests, "PATCH"); at != NULL; at = strstr(at + 1, "PATCH"))
		tries++;
	assert_int_equal(tries, 3);
}

static void a_failed_write_says_why(void **state_ UNUSED)
{
	nobody_types();
	answer("PATCH", "/endpoints/", 403, "{\"message\":\"no\"}");
	assert_int_equal(HOWDAHCTL("edit-config", "-s", "ttl=20", "--force", "-q"), 1);
	assert_complains(
		"Error: the configuration was not changed: not allowed to patch endpoints in namespace default\n");
}

static void values_that_members_would_not_keep_are_noted_by_howdahctl(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(HOWDAHCTL("edit-config", "-s", "ttl=1", "--force", "-q"), 0);
	assert_complains("Note: ");
	assert_complains("ttl");
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=1", "--force", "-q"), 0);
	assert_string_equal(complained, "");
}

static void a_cluster_without_configuration_has_none_to_edit(void **state_ UNUSED)
{
	nobody_types();
	snprintf(state, sizeof(state), "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[]}");
	assert_int_equal(PATRONICTL("edit-config", "-s", "ttl=1", "--force"), 1);
	assert_string_equal(complained, "Error: The config key does not exist in the cluster batman\n");
}

/* ---- the editor ---- */

static char editor[64];

static void set_editor(const char *script)
{
	copy(editor, sizeof(editor), "/tmp/howdah-test-XXXXXX");
	close(mkstemp(editor));
	write_file(editor, script);
	assert_int_equal(chmod(editor, 0700), 0);
	setenv("EDITOR", editor, 1);
}

static void somebody_edits_the_sorted_yaml(void **state_ UNUSED)
{
	type("y\n");
	set_editor("#!/bin/sh\ngrep -q '^loop_wait: 10$' \"$1\" && exec sed -i 's/^ttl: 30$/ttl: 20/' \"$1\"\n");
	assert_int_equal(PATRONICTL("edit-config"), 0);
	assert_says("-ttl: 30\n+ttl: 20\nApply these changes? [y/N]: Configuration changed\n");
	unlink(editor);
}

static void an_editor_that_fails_changes_nothing(void **state_ UNUSED)
{
	type("y\n");
	set_editor("#!/bin/sh\nexit 3\n");
	assert_int_equal(HOWDAHCTL("edit-config"), 1);
	assert_complains("Error: the editor ended with an error: nothing was changed\n");
	unlink(editor);
	assert_int_equal(HOWDAHCTL("edit-config"), 1);
	assert_complains("Error: no editor could be started: set EDITOR, or give changes with --set");
	nobody_types();
	assert_int_equal(HOWDAHCTL("edit-config"), 1);
	assert_complains("there is no terminal for it");
	assert_string_equal(requests, "");
}

/* ---- show-config ---- */

static void the_configuration_is_shown_as_yaml(void **state_ UNUSED)
{
	nobody_types();
	assert_int_equal(PATRONICTL("show-config", "batman"), 0);
	assert_string_equal(printed, "loop_wait: 10\npostgresql:\n  parameters:\n    work_mem: 4MB\nttl: 30\n\n");
}

/* ---- remove ---- */

static void removing_takes_three_answers(void **state_ UNUSED)
{
	type("batman\nYes I am aware\na\n");
	answer("DELETE", "/endpoints?", 200, "{}");
	assert_int_equal(PATRONICTL("remove", "batman"), 0);
	assert_says("Please confirm the cluster name to remove: You are about to remove all information in DCS for "
		    "batman, please type: \"Yes I am aware\": This cluster currently is healthy. Please specify the "
		    "leader name to continue: ");
	assert_string_equal(requests, "DELETE http://api:8080/api/v1/namespaces/default/endpoints?labelSelector="
				      "application%3Dpatroni%2Ccluster-name%3Dbatman \n");
}

static void a_wrong_answer_removes_nothing(void **state_ UNUSED)
{
	static const struct {
		const char *typed, *complaint;
	} cases[] = { { "robin\n", "Error: Cluster names specified do not match\n" },
		      { "batman\nyes\n", "Error: You did not exactly type \"Yes I am aware\"\n" },
		      { "batman\nYes I am aware\nb\n",
			"Error: You did not specify the current leader of the cluster\n" },
		      { "\n\nbatman\n", "Aborted!\n" } };
	answer("DELETE", "/endpoints?", 200, "{}");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		type(cases[i].typed);
		assert_int_equal(PATRONICTL("remove", "batman"), 1);
		assert_string_equal(complained, cases[i].complaint);
	}
	nobody_types();
	assert_int_equal(HOWDAHCTL("remove", "batman"), 1);
	assert_complains("Run it on a terminal");
	assert_string_equal(requests, "");
}

static void another_cluster_than_the_configured_one_is_removed_by_its_own_labels(void **state_ UNUSED)
{
	type("robin\nYes I am aware\n");
	set_state("", default_config, NULL);
	answer("DELETE", "/endpoints?", 200, "{}");
	assert_int_equal(HOWDAHCTL("remove", "robin"), 0);
	assert_non_null(strstr(requests, "application%3Dpatroni%2Ccluster-name%3Drobin \n"));
	assert_says("All that the store knew of robin is removed.");
}

static void a_removal_that_is_not_allowed_is_an_error(void **state_ UNUSED)
{
	type("batman\nYes I am aware\na\n");
	answer("DELETE", "/endpoints?", 403, "{}");
	assert_int_equal(PATRONICTL("remove", "batman"), 1);
	assert_complains("Error: the cluster was not removed: not allowed to delete (deletecollection) endpoints");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(differences_are_unified),
		TEST(changes_far_apart_have_hunks_of_their_own),
		TEST(colours_stand_around_lines),
		TEST(keys_are_set_by_their_path),
		TEST(parameters_keep_their_dots),
		TEST(null_takes_a_key_away_and_what_is_empty_with_it),
		TEST(wrong_pairs_are_named),
		TEST(a_change_is_shown_asked_about_and_written_by_version),
		TEST(no_change_is_written_where_nobody_wants_it),
		TEST(files_are_merged_or_put_in_place),
		TEST(what_comes_from_the_input_needs_force),
		TEST(another_change_at_the_same_time_is_not_overwritten),
		TEST(a_failed_write_says_why),
		TEST(values_that_members_would_not_keep_are_noted_by_howdahctl),
		TEST(a_cluster_without_configuration_has_none_to_edit),
		TEST(somebody_edits_the_sorted_yaml),
		TEST(an_editor_that_fails_changes_nothing),
		TEST(the_configuration_is_shown_as_yaml),
		TEST(removing_takes_three_answers),
		TEST(a_wrong_answer_removes_nothing),
		TEST(another_cluster_than_the_configured_one_is_removed_by_its_own_labels),
		TEST(a_removal_that_is_not_allowed_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
