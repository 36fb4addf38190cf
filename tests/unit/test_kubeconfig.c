/* Where the API is and who we are: kubeconfigs, and the service account of a pod. */
#include "dcs/kubernetes/private.h"
#include "io/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h needs the ones above */
#include <cmocka.h>

static char dir[64];
static struct access access_found;
static struct err err;

static void put(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (!file_write(path, text, strlen(text), 0600, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state UNUSED)
{
	snprintf(dir, sizeof(dir), "/tmp/howdah-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	setenv("XDG_RUNTIME_DIR", dir, 1);
	setenv("HOME", dir, 1);
	unsetenv("KUBECONFIG");
	unsetenv("KUBERNETES_SERVICE_HOST");
	unsetenv("KUBERNETES_SERVICE_PORT");
	memset(&access_found, 0, sizeof(access_found));
	return 0;
}

static void remove_tree(const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s%s", dir, name);
	if (unlink(path) != 0)
		rmdir(path);
}

static int teardown(void **state UNUSED)
{
	static const char *const names[] = { "/config", "/other",        "/token", "/ca.crt",
					     "/howdah", "/.kube/config", "/.kube", "" };
	access_finish(&access_found);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remove_tree(names[i]);
	return 0;
}

static bool find(const char *context)
{
	struct kubernetes_params params = { .name = "" };
	snprintf(params.kubeconfig, sizeof(params.kubeconfig), "%s/config", dir);
	text_copy(params.context, sizeof(params.context), context);
	return access_find(&access_found, &params, &err);
}

static const char clusters[] = "current-context: second\n"
			       "contexts:\n"
			       "- name: first\n"
			       "  context: {cluster: plain, user: nobody}\n"
			       "- name: second\n"
			       "  context: {cluster: tls, user: cert}\n"
			       "- name: plugin\n"
			       "  context: {cluster: tls, user: plugin}\n"
			       "- name: broken\n"
			       "  context: {cluster: tls, user: broken}\n"
			       "- name: lost\n"
			       "  context: {cluster: tls, user: missing}\n"
			       "clusters:\n"
			       "- name: plain\n"
			       "  cluster: {server: 'http://127.0.0.1:8001'}\n"
			       "- name: tls\n"
			       "  cluster:\n"
			       "    server: https://k8s.example:6443/\n"
			       "    certificate-authority: ca.crt\n"
			       "    insecure-skip-tls-verify: true\n"
			       "users:\n"
			       "- name: nobody\n"
			       "  user: {username: u, password: p}\n"
			       "- name: cert\n"
			       "  user:\n"
			       "    client-certificate: /certs/c.pem\n"
			       "    client-key-data: a2V5IG9m\n"
			       "      IG91cnM=\n"
			       "    tokenFile: token\n"
			       "- name: plugin\n"
			       "  user: {exec: {command: aws}}\n"
			       "- name: broken\n"
			       "  user: {client-key-data: '###'}\n";

static void named_context_gives_server_and_credentials(void **state UNUSED)
{
	put("config", clusters);
	assert_true(find("first"));
	assert_string_equal(access_found.server, "http://127.0.0.1:8001");
	assert_string_equal(access_found.user, "u");
	assert_string_equal(access_found.password, "p");
	assert_false(access_found.in_cluster);
}

static void paths_are_relative_to_the_file_and_inline_keys_become_private_files(void **state UNUSED)
{
	char path[256], key[64];
	size_t len;
	struct stat st;
	put("config", clusters);
	put("token", "tok\n");
	assert_true(find("")); /* no kind-kind there: the current one */
	assert_string_equal(access_found.server, "https://k8s.example:6443");
	snprintf(path, sizeof(path), "%s/ca.crt", dir);
	assert_string_equal(access_found.ca_file, path);
	assert_string_equal(access_found.cert_file, "/certs/c.pem");
	assert_string_equal(access_found.token, "tok");
	assert_true(access_found.insecure);
	assert_true(file_read(access_found.key_file, key, sizeof(key), &len, &err));
	assert_string_equal(key, "key of ours");
	assert_int_equal(stat(access_found.key_file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	put("token", "new");
	assert_true(access_read_token(&access_found, &err));
	assert_string_equal(access_found.token, "new");
	snprintf(path, sizeof(path), "%s", access_found.key_file);
	access_finish(&access_found);
	assert_false(file_exists(path));
}

static void errors_name_the_file_and_what_is_missing(void **state UNUSED)
{
	static const struct {
		const char *context, *text;
	} cases[] = {
		{ "none", "has no context none" },
		{ "plugin", "plug-in, which is not supported yet: exec" },
		{ "broken", "client-key-data is no base64" },
		{ "lost", "has no user missing" },
	};
	assert_false(find("first"));
	assert_non_null(strstr(err.text, "/config"));
	put("config", clusters);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_false(find(cases[i].context));
		assert_non_null(strstr(err.text, cases[i].text));
		assert_non_null(strstr(err.text, "/config"));
	}
}

static void empty_token_file_is_refused(void **state UNUSED)
{
	put("config", clusters);
	put("token", "\n");
	assert_false(find("second"));
	assert_non_null(strstr(err.text, "it holds no token"));
}

static void environment_says_where_the_kubeconfig_is(void **state UNUSED)
{
	struct kubernetes_params params = { .context = "first" };
	char list[256];
	put("other", clusters);
	snprintf(list, sizeof(list), "%s/other:/nowhere", dir);
	setenv("KUBECONFIG", list, 1);
	assert_true(access_find(&access_found, &params, &err));
	assert_string_equal(access_found.server, "http://127.0.0.1:8001");
}

static void pod_uses_its_service_account(void **state UNUSED)
{
	struct kubernetes_params params = { .name = "pg-0" };
	text_copy(params.service_account_dir, sizeof(params.service_account_dir), dir);
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	put("token", "secret\n");
	assert_false(access_find(&access_found, &params, &err)); /* without a CA it is no pod */
	put("ca.crt", "pem");
	assert_true(access_find(&access_found, &params, &err));
	assert_string_equal(access_found.server, "https://[fd00::1]:443");
	assert_string_equal(access_found.token, "secret");
	assert_true(access_found.in_cluster);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(named_context_gives_server_and_credentials),
		TEST(paths_are_relative_to_the_file_and_inline_keys_become_private_files),
		TEST(errors_name_the_file_and_what_is_missing),
		TEST(empty_token_file_is_refused),
		TEST(environment_says_where_the_kubeconfig_is),
		TEST(pod_uses_its_service_account),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
