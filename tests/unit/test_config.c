/* The configuration: sources and their precedence, defaults, adjustments, the strict check, what is generated from the table. */
#include "codec/config.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a directory for each test ---- */

static char dir[64], file_a[128], file_b[128];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_config_XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file_a, sizeof(file_a), "%s/a.yml", dir);
	snprintf(file_b, sizeof(file_b), "%s/b.yaml", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(file_a);
	unlink(file_b);
	return rmdir(dir);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static const char *const no_environment[] = { NULL };

static void load(struct config *config, const char *yaml, const char *const environ_[])
{
	struct err err;
	if (yaml != NULL)
		write_file(file_a, yaml);
	if (!config_load(config, yaml != NULL ? file_a : NULL, environ_, &err))
		fail_msg("%s", err.text);
}

static void assert_load_fails(const char *yaml, const char *const environ_[], const char *reason)
{
	struct err err;
	struct config config;
	if (yaml != NULL)
		write_file(file_a, yaml);
	assert_false(config_load(&config, yaml != NULL ? file_a : NULL, environ_, &err));
	if (strstr(err.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
	assert_null(config.local);
}

static void apply(struct config *config, const char *json)
{
	struct err err;
	if (!config_apply_dynamic(config, json, &err))
		fail_msg("%s", err.text);
}

static void assert_prints(const struct json *node, const char *expected)
{
	AUTO(text) char *text = json_print_text(node, JSON_COMPACT);
	assert_string_equal(text, expected);
}

static bool has_note(const struct config *config, const char *text)
{
	for (int i = 0; i < config->note_count; i++)
		if (strstr(config->notes[i].text, text) != NULL)
			return true;
	return false;
}

static void assert_no_notes(const struct config *config)
{
	if (config->note_count > 0)
		fail_msg("%s", config->notes[0].text);
}

/* ---- reading ---- */

static void a_small_file_and_defaults_give_a_configuration(void **state)
{
	(void)state;
	struct config c;
	load(&c,
	     "scope: shop\nname: shop-0\nkubernetes:\n  labels: {application: patroni}\npostgresql:\n  data_dir: "
	     "/data/pg\n",
	     no_environment);
	assert_no_notes(&c);
	assert_string_equal(c.scope, "shop");
	assert_string_equal(c.name, "shop-0");
	assert_string_equal(c.path_namespace, "/service");
	assert_true(c.has_kubernetes && !c.settings.can_bootstrap && !c.laboratory);
	assert_int_equal(c.settings.ttl_ms, 30000);
	assert_int_equal(c.settings.loop_wait_ms, 10000);
	assert_int_equal(c.settings.retry_timeout_ms, 10000);
	assert_int_equal(c.settings.maximum_lag_on_failover_bytes, 1048576);
	assert_int_equal(c.settings.primary_start_timeout_ms, 300000);
	assert_int_equal(c.settings.member_slots_ttl_ms, 1800000);
	assert_int_equal(c.settings.failover_priority, 1);
	assert_true(c.settings.use_slots && !c.settings.paused && !c.settings.nofailover);
	assert_int_equal(c.log_level, LOG_INFO);
	assert_string_equal(c.kubernetes.space, "default");
	assert_string_equal(c.kubernetes.scope_label, "cluster-name");
	assert_string_equal(c.kubernetes.leader_value, "primary");
	assert_string_equal(c.kubernetes.context, "kind-kind");
	assert_int_equal(c.kubernetes.label_count, 1);
	assert_string_equal(c.kubernetes.labels[0].key, "application");
	assert_string_equal(c.kubernetes.labels[0].value, "patroni");
	assert_int_equal(c.rest_listen.port, 8008);
	assert_string_equal(c.config_dir, "/data/pg");
	assert_string_equal(c.config_base_name, "postgresql");
	assert_string_equal(c.database, "postgres");
	assert_string_equal(c.pg_bin[6], "pg_rewind");
	assert_int_equal(c.pg_ctl_timeout_ms, 60000);
	assert_string_equal(c.run_dir, "/run/howdah");
	assert_string_equal(c.pgpass, "/run/howdah/pgpass");
	assert_null(c.tags);
	assert_prints(c.dynamic, "{}");
	config_clear(&c);
}

static void everything_that_is_given_is_read(void **state)
{
	(void)state;
	struct config c;
	load(&c,
	     "scope: s\nname: m\nlog: {level: warning}\n"
	     "restapi: {listen: '0.0.0.0:8010', connect_address: '10.0.0.1:8011', certfile: /c, keyfile: /k, "
	     "verify_client: Required, authentication: {username: u, password: p}, allowlist: [10.0.0.0/8, db-0.db], "
	     "allowlist_include_members: on, http_extra_headers: {X-Frame-Options: DENY, X-Number: 1}, "
	     "https_extra_headers: {Strict-Transport-Security: max-age=31536000}}\n"
	     "ctl: {insecure: yes, certfile: /cc}\n"
	     "kubernetes:\n  labels: {a: b, c: 1}\n  use_endpoints: true\n  ports: [{name: postgresql, port: 5433}, "
	     "{port: 6432, protocol: TCP}]\n  retriable_http_codes: '429, 502'\n  bootstrap_labels: {x: y}\n"
	     "postgresql:\n  listen: 127.0.0.1,[::1]:5433\n  connect_address: '[fd00::7]:5434'\n  proxy_address: "
	     "proxy:6432\n  data_dir: /d\n  config_dir: /c\n  pgpass: /p\n  bin_name: {postgres: pg}\n  "
	     "use_unix_socket: on\n"
	     "  authentication:\n    superuser: {username: postgres, password: 'a:b', sslmode: require}\n    "
	     "replication: {username: rep, password: r}\n"
	     "bootstrap: {initdb: [data-checksums]}\nhowdah: {run_dir: /tmp/run, laboratory: true}\n",
	     no_environment);
	assert_no_notes(&c);
	assert_int_equal(c.log_level, LOG_WARNING);
	assert_string_equal(c.rest_listen.host, "0.0.0.0");
	assert_int_equal(c.rest_connect.port, 8011);
	assert_int_equal(c.rest_verify_client, 2);
	assert_int_equal(c.rest_allowed_count, 2);
	assert_int_equal(c.rest_allowed[0].network.bits, 8);
	assert_string_equal(c.rest_allowed[0].host, "");
	assert_string_equal(c.rest_allowed[1].host, "db-0.db");
	assert_true(c.rest_allows_members);
	assert_int_equal(c.rest_headers.count, 2);
	assert_string_equal(c.rest_headers.list[1].name, "X-Number");
	assert_string_equal(c.rest_headers.list[1].value, "1");
	assert_string_equal(c.rest_tls_headers.list[0].value, "max-age=31536000");
	assert_string_equal(c.ctl_user, "u");
	assert_string_equal(c.ctl_password, "p");
	assert_true(c.ctl_insecure && c.kubernetes.use_endpoints && c.use_unix_socket && c.settings.can_bootstrap &&
		    c.laboratory);
	assert_int_equal(c.kubernetes.label_count, 2);
	assert_string_equal(c.kubernetes.labels[1].value, "1");
	assert_int_equal(c.kubernetes.port_count, 2);
	assert_int_equal(c.kubernetes.ports[1].port, 6432);
	assert_string_equal(c.kubernetes.ports[1].protocol, "TCP");
	assert_int_equal(c.kubernetes.retriable_code_count, 2);
	assert_int_equal(c.kubernetes.retriable_codes[1], 502);
	assert_int_equal(c.kubernetes.bootstrap_label_count, 1);
	assert_string_equal(c.pg_listen.host, "127.0.0.1,[::1]");
	assert_int_equal(c.pg_listen.port, 5433);
	assert_string_equal(c.pg_connect.host, "fd00::7");
	assert_int_equal(c.pg_connect.port, 5434);
	assert_string_equal(c.pg_bin[4], "pg");
	assert_string_equal(c.superuser.password, "a:b");
	assert_string_equal(c.rewind.username, "postgres");
	assert_string_equal(c.replication.username, "rep");
	assert_string_equal(c.config_dir, "/c");
	assert_string_equal(c.pgpass, "/p");
	config_clear(&c);
}

static void files_of_a_directory_are_merged_in_order(void **state)
{
	(void)state;
	struct err err;
	struct config c;
	write_file(file_a, "scope: one\nname: m\npostgresql: {data_dir: /a, parameters: {x: 1, y: 2}, pg_hba: "
			   "[one]}\ncustom: {kept: true}\n");
	write_file(file_b, "scope: two\npostgresql: {parameters: {y: null, z: 3}, pg_hba: [two]}\n");
	assert_true(config_load(&c, dir, no_environment, &err));
	assert_string_equal(c.scope, "two");
	assert_prints(c.postgresql, "{\"data_dir\":\"/a\",\"parameters\":{\"x\":1,\"z\":3},\"pg_hba\":[\"two\"]}");
	assert_prints(json_get(c.local, "custom"), "{\"kept\":true}");
	config_clear(&c);
	write_file(file_b, "- a list\n");
	assert_false(config_load(&c, dir, no_environment, &err));
	assert_non_null(strstr(err.text, "b.yaml:1: the document is not a mapping"));
}

static void the_environment_wins_over_files(void **state)
{
	(void)state;
	static const char *const environ_[] = { "PATRONI_SCOPE=env",
						"PATRONI_NAME=",
						"PATRONI_KUBERNETES_LABELS=application: patroni, x: '1'",
						"PATRONI_KUBERNETES_PORTS={port: 5432, name: pg}",
						"PATRONI_KUBERNETES_USE_ENDPOINTS=true",
						"PATRONI_RESTAPI_LISTEN=0.0.0.0:8008",
						"PATRONI_REPLICATION_PASSWORD=12345",
						"PATRONI_POSTGRESQL_BIN_POSTGRES=pg15",
						"PATRONI_LOGLEVEL=ERROR",
						"PATRONI_RESTAPI_ALLOWLIST=10.0.0.0/8, localhost",
						"HOWDAH_RUN_DIR=/tmp/r",
						"HOWDAH_LABORATORY=1",
						"PATRONI_UNKNOWN=x",
						NULL };
	struct config c;
	load(&c, "scope: file\nname: m\n", environ_);
	assert_no_notes(&c);
	assert_string_equal(c.scope, "env");
	assert_string_equal(c.name, "m");
	assert_int_equal(c.kubernetes.label_count, 2);
	assert_int_equal(c.kubernetes.ports[0].port, 5432);
	assert_true(c.kubernetes.use_endpoints && c.has_kubernetes && c.laboratory);
	assert_string_equal(c.replication.password, "12345");
	assert_string_equal(c.pg_bin[4], "pg15");
	assert_int_equal(c.log_level, LOG_ERROR);
	assert_string_equal(c.run_dir, "/tmp/r");
	assert_prints(json_path(c.local, "restapi.allowlist"), "[\"10.0.0.0/8\",\"localhost\"]");
	config_clear(&c);
}

static void the_whole_configuration_may_be_a_variable(void **state)
{
	(void)state;
	static const char *const environ_[] = { "PATRONI_CONFIGURATION={scope: whole, name: m}", "PATRONI_SCOPE=other",
						"HOWDAH_RUN_DIR=/tmp/r", NULL };
	struct config c;
	load(&c, NULL, environ_);
	assert_string_equal(c.scope, "whole");
	assert_string_equal(c.run_dir, "/tmp/r");
	config_clear(&c);
	load(&c, "scope: file\n", environ_); /* a file is there: the variable is not read */
	assert_string_equal(c.scope, "other");
	config_clear(&c);
}

static void the_pod_gives_names_and_addresses(void **state)
{
	(void)state;
	static const char *const v4[] = { "POD_NAME=shop-1", "POD_NAMESPACE=shops", "POD_IP=10.1.2.3", NULL };
	static const char *const v6[] = { "POD_NAME=shop-1", "POD_IP=fd00::3", NULL };
	struct config c;
	load(&c,
	     "scope: s\nkubernetes: {labels: {a: b}}\nrestapi: {listen: '*:8010'}\npostgresql: {listen: '*:5433'}\n",
	     v4);
	assert_string_equal(c.name, "shop-1");
	assert_string_equal(c.kubernetes.space, "shops");
	assert_string_equal(c.kubernetes.pod_ip, "10.1.2.3");
	assert_string_equal(c.rest_connect.host, "10.1.2.3");
	assert_int_equal(c.rest_connect.port, 8010);
	assert_int_equal(c.pg_connect.port, 5433);
	config_clear(&c);
	load(&c, "scope: s\nname: other\nrestapi: {connect_address: 'host:1'}\n", v6);
	assert_string_equal(c.name, "other");
	assert_string_equal(c.pg_connect.host, "fd00::3");
	assert_int_equal(c.pg_connect.port, 5432);
	assert_string_equal(c.rest_connect.host, "host");
	assert_prints(json_path(c.local, "postgresql.connect_address"), "\"[fd00::3]:5432\"");
	config_clear(&c);
}

static void former_spellings_of_roles_are_understood(void **state)
{
	(void)state;
	struct config c;
	load(&c, "scope: s\npostgresql:\n  replication: {username: r, password: p}\n  superuser: {username: s}\n",
	     no_environment);
	assert_string_equal(c.replication.username, "r");
	assert_string_equal(c.superuser.username, "s");
	config_clear(&c);
}

static void what_cannot_be_used_stops_the_start(void **state)
{
	(void)state;
	char text[256];
	snprintf(text, sizeof(text), "a.yml:2: name: \"%.20s", "this-name-is-longer-than-a-label-may-be");
	assert_load_fails(
		"scope: s\nname: this-name-is-longer-than-a-label-may-be-this-name-is-longer-than-a-label-may-be\n",
		no_environment, text);
	assert_load_fails("scope: [1]\n", no_environment, "scope: [1] is not a text");
	assert_load_fails("postgresql:\n  listen: '127.0.0.1:x'\n", no_environment,
			  "a.yml:2: postgresql.listen: \"127.0.0.1:x\" is not an address");
	assert_load_fails("kubernetes:\n  labels: [a]\n", no_environment,
			  "kubernetes.labels: [\"a\"] is not a mapping");
	assert_load_fails("kubernetes:\n  labels:\n    a: {b: c}\n", no_environment, "kubernetes.labels: the label a");
	assert_load_fails("name: __patroni_strict_sync_replica_placeholder__\n", no_environment, "cannot be the name");
	assert_load_fails("", no_environment, "the configuration is empty");
	assert_load_fails(NULL, no_environment, "the configuration is empty");
	assert_load_fails("a: 1\na: 2\n", no_environment, "a.yml:2: the key \"a\"");
	assert_load_fails("restapi:\n  allowlist: 10.0.0.0/8\n", no_environment,
			  "a.yml:2: restapi.allowlist: \"10.0.0.0/8\" is not a list");
	assert_load_fails("restapi:\n  allowlist: [localhost, 10.0.0.0/99]\n", no_environment,
			  "restapi.allowlist: entry 2 is no address, network or name of a host");
	assert_load_fails("restapi:\n  allowlist: [10.0.0.256]\n", no_environment, "entry 1 is no address");
	assert_load_fails("restapi:\n  allowlist_include_members: perhaps\n", no_environment, "is not a boolean");
	assert_load_fails("restapi:\n  http_extra_headers: {'A B': c}\n", no_environment,
			  "restapi.http_extra_headers: A B is no name of a header");
	assert_load_fails("restapi:\n  https_extra_headers: {Content-Length: 1}\n", no_environment,
			  "Content-Length is no name of a header that may be added");
	assert_load_fails("restapi:\n  http_extra_headers: {a: \"b\\nc: d\"}\n", no_environment,
			  "the header a is no text of at most 255 printable characters");
	struct err err;
	struct config c;
	assert_false(config_load(&c, "/nonexistent/file.yml", no_environment, &err));
	assert_non_null(strstr(err.text, "/nonexistent/file.yml"));
	static const char *const environ_[] = { "PATRONI_SCOPE=x", NULL };
	assert_true(config_load(&c, "/nonexistent/file.yml", environ_, &err)); /* the environment is enough */
	config_clear(&c);
}

static void secrets_are_never_shown(void **state)
{
	(void)state;
	assert_load_fails("postgresql:\n  authentication:\n    superuser:\n      password: [hunter2]\n", no_environment,
			  "password: *** is not a text");
}

static void what_can_be_adjusted_is_noted(void **state)
{
	(void)state;
	static const char *const environ_[] = { "PATRONI_KUBERNETES_LABELS=a: [",
						"PATRONI_RESTAPI_VERIFY_CLIENT=sometimes", NULL };
	struct config c;
	load(&c,
	     "scope: s\nhowdah: {rundir: /x}\nkubernetes: {labels: {a: b}, use_endpoints: maybe}\npostgresql: "
	     "{pg_ctl_timeout: -5}\n",
	     environ_);
	assert_true(has_note(&c, "kubernetes.labels: PATRONI_KUBERNETES_LABELS:"));
	assert_true(
		has_note(&c, "restapi.verify_client: \"sometimes\" is none of none|optional|required; none is used"));
	assert_true(has_note(&c, "kubernetes.use_endpoints: \"maybe\" is not a boolean: true or false; false is used"));
	assert_true(has_note(&c, "postgresql.pg_ctl_timeout: -5 is too small: at least 0; 0 is used"));
	assert_true(has_note(&c, "howdah.rundir: no such setting"));
	assert_int_equal(c.note_count, 5);
	config_clear(&c);
}

/* ---- the dynamic configuration ---- */

static void the_dynamic_configuration_takes_effect(void **state)
{
	(void)state;
	struct config c;
	struct err err;
	load(&c, "scope: s\nmaximum_lag_on_failover: 5\nttl: 99\n", no_environment);
	assert_int_equal(c.settings.ttl_ms, 30000);
	apply(&c, "{\"ttl\":15,\"loop_wait\":5,\"retry_timeout\":\"4\",\"maximum_lag_on_failover\":\"1MB\",\"pause\":"
		  "true,\"check_timeline\":\"on\",\"master_start_timeout\":\"2min\","
		  "\"primary_stop_timeout\":7,\"master_stop_timeout\":8,\"postgresql\":"
		  "{\"use_slots\":false},\"max_timelines_history\":3,\"other\":1.50}");
	assert_no_notes(&c);
	assert_int_equal(c.settings.ttl_ms, 15000);
	assert_int_equal(c.settings.loop_wait_ms, 5000);
	assert_int_equal(c.settings.retry_timeout_ms, 4000);
	assert_int_equal(c.settings.maximum_lag_on_failover_bytes, 1048576);
	assert_int_equal(c.settings.primary_start_timeout_ms, 120000);
	assert_int_equal(c.settings.primary_stop_timeout_ms, 7000);
	assert_int_equal(c.settings.max_timelines_history, 3);
	assert_true(c.settings.paused && c.settings.check_timeline && !c.settings.use_slots);
	assert_prints(json_get(c.dynamic, "other"), "1.50");
	assert_false(config_apply_dynamic(&c, "[1]", &err));
	assert_false(config_apply_dynamic(&c, "{", &err));
	assert_int_equal(c.settings.ttl_ms, 15000); /* the present one stays */
	apply(&c, "{}");
	assert_int_equal(c.settings.ttl_ms, 30000);
	assert_true(c.settings.use_slots && !c.settings.paused);
	config_clear(&c);
}

static void bad_dynamic_values_become_defaults(void **state)
{
	(void)state;
	struct config c;
	load(&c, "scope: s\n", no_environment);
	apply(&c,
	      "{\"ttl\":\"soon\",\"maximum_lag_on_failover\":-1,\"check_timeline\":[],\"slots\":5,\"postgresql\":[1]}");
	assert_int_equal(c.settings.ttl_ms, 30000);
	assert_int_equal(c.settings.maximum_lag_on_failover_bytes, 0);
	assert_true(has_note(&c, "ttl: \"soon\" is not a number; 30 is used"));
	assert_true(has_note(&c, "maximum_lag_on_failover: -1 is too small: at least 0; 0 is used"));
	assert_true(has_note(&c, "check_timeline: [] is not a boolean: true or false; false is used"));
	assert_true(has_note(&c, "slots: 5 is not a mapping; ignored"));
	assert_prints(c.postgresql, "{}");
	config_clear(&c);
}

static void the_postgresql_section_follows_the_rules_of_precedence(void **state)
{
	(void)state;
	struct config c;
	load(&c,
	     "postgresql:\n  data_dir: /d\n  use_slots: false\n  use_pg_rewind: false\n  pg_hba: [local]\n  "
	     "parameters: {work_mem: 4MB, Max_Connections: 7, log_statement: all}\n",
	     no_environment);
	apply(&c, "{\"postgresql\":{\"data_dir\":\"/"
		  "x\",\"listen\":\"x:1\",\"authentication\":{\"superuser\":{\"username\":\"x\"}},\"use_slots\":true,"
		  "\"use_pg_rewind\":true,"
		  "\"pg_hba\":[\"dynamic\"],\"pg_ident\":[\"d\"],\"remove_data_directory_on_diverged_timelines\":true,"
		  "\"parameters\":{\"max_connections\":100,\"work_mem\":\"1MB\"}}}");
	assert_prints(c.postgresql, "{\"use_slots\":true,\"use_pg_rewind\":false,\"pg_hba\":[\"local\"],\"pg_ident\":["
				    "\"d\"],\"remove_data_directory_on_diverged_timelines\":true,"
				    "\"parameters\":{\"max_connections\":100,\"work_mem\":\"4MB\",\"log_statement\":"
				    "\"all\"},\"data_dir\":\"/d\"}");
	assert_true(c.settings.use_slots && c.settings.clone_when_diverged);
	assert_string_equal(c.superuser.username, "");
	config_clear(&c);
}

static void timeouts_are_made_to_fit(void **state)
{
	(void)state;
	static const struct {
		const char *dynamic;
		bool laboratory;
		int64_t ttl, loop_wait, retry_timeout; /* ms */
		int notes;
	} cases[] = {
		{ "{}", false, 30000, 10000, 10000, 0 },
		{ "{\"ttl\":15,\"loop_wait\":5,\"retry_timeout\":4}", false, 15000, 5000, 4000, 0 },
		{ "{\"ttl\":10,\"loop_wait\":2,\"retry_timeout\":3}", false, 10000, 2000, 3000, 0 },
		{ "{\"ttl\":8,\"loop_wait\":1,\"retry_timeout\":3}", false, 8000, 1000, 3000, 0 },
		{ "{\"ttl\":9,\"loop_wait\":1,\"retry_timeout\":3}", false, 9000, 1000, 3000, 0 },
		{ "{\"ttl\":8,\"loop_wait\":2,\"retry_timeout\":3}", false, 10000, 2000, 3000, 1 },
		{ "{\"ttl\":7,\"loop_wait\":1,\"retry_timeout\":3}", false, 8000, 1000, 3000, 1 },
		{ "{\"ttl\":3,\"loop_wait\":0,\"retry_timeout\":1}", false, 8000, 1000, 3000, 3 },
		{ "{\"ttl\":20}", false, 20000, 5000, 10000, 1 },
		{ "{\"ttl\":10}", false, 10000, 1000, 5000, 2 },
		{ "{\"ttl\":20,\"loop_wait\":1,\"retry_timeout\":50}", false, 20000, 1000, 14000, 1 },
		{ "{\"ttl\":30.9,\"loop_wait\":2.7,\"retry_timeout\":3.5}", false, 30000, 2000, 3000, 0 },
		{ "{\"ttl\":5,\"loop_wait\":1,\"retry_timeout\":1.5}", true, 5000, 1000, 1500, 0 },
		{ "{\"ttl\":5,\"loop_wait\":1,\"retry_timeout\":3}", true, 5000, 1000, 1500, 1 },
		{ "{\"ttl\":1,\"loop_wait\":0.2,\"retry_timeout\":0}", true, 5000, 1000, 1000, 3 },
		{ "{\"ttl\":1e300,\"retry_timeout\":1e300}", false, 86400000, 1000, 77756000, 3 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c;
		load(&c, cases[i].laboratory ? "howdah: {laboratory: true}\n" : "scope: s\n", no_environment);
		apply(&c, cases[i].dynamic);
		if (c.settings.ttl_ms != cases[i].ttl || c.settings.loop_wait_ms != cases[i].loop_wait ||
		    c.settings.retry_timeout_ms != cases[i].retry_timeout || c.note_count != cases[i].notes)
			fail_msg("%s: %lld %lld %lld, %d notes: %s", cases[i].dynamic, (long long)c.settings.ttl_ms,
				 (long long)c.settings.loop_wait_ms, (long long)c.settings.retry_timeout_ms,
				 c.note_count, c.notes[0].text);
		config_clear(&c);
	}
}

static void adjusted_timeouts_are_explained(void **state)
{
	(void)state;
	struct config c;
	load(&c, "scope: s\n", no_environment);
	apply(&c, "{\"ttl\":3}");
	assert_true(
		has_note(&c, "ttl: 3 is too small: at least 10 (8 with loop_wait 1 and retry_timeout 3); 10 is used"));
	assert_true(has_note(
		&c,
		"loop_wait: 10 is too large: with ttl 10 loop_wait and retry_timeout may be 6 together; 1 is used"));
	assert_true(has_note(&c, "retry_timeout: 10 is too large: with ttl 10 loop_wait and retry_timeout may be 6 "
				 "together; 5 is used"));
	config_clear(&c);
}

static void the_bootstrap_section_gives_the_first_dynamic_configuration(void **state)
{
	(void)state;
	struct config c;
	load(&c, "bootstrap:\n  dcs:\n    ttl: 20\n    postgresql: {parameters: {max_connections: 50}}\n",
	     no_environment);
	AUTO(text) char *text = config_bootstrap_dynamic(&c);
	assert_string_equal(text, "{\"ttl\":20,\"postgresql\":{\"parameters\":{\"max_connections\":50}}}");
	config_clear(&c);
	load(&c, "bootstrap: {dcs: 5}\n", no_environment);
	AUTO(text) char *nothing = config_bootstrap_dynamic(&c);
	assert_string_equal(nothing, "{}");
	config_clear(&c);
}

static void the_dynamic_configuration_in_force_is_kept_as_it_was_given(void **state)
{
	(void)state;
	struct config c;
	struct err err;
	load(&c, "bootstrap: {dcs: {ttl: 20}}\n", no_environment);
	assert_true(config_apply_dynamic(&c, "{\"ttl\": 3, \"mine\": [1]}", &err));
	assert_false(config_apply_dynamic(&c, "[]", &err));
	AUTO(text) char *text = config_dynamic_text(&c);
	assert_string_equal(text, "{\"ttl\":3,\"mine\":[1]}");
	config_clear(&c);
}

static void settings_without_effect_are_noted_when_they_are_turned_on(void **state)
{
	(void)state;
	struct config c;
	load(&c,
	     "restapi: {server_tokens: Minimal, request_queue_size: 7}\n"
	     "postgresql: {create_replica_methods: [mine], use_pg_rewind: false}\n",
	     no_environment);
	assert_int_equal(c.rest_server_tokens, 2);
	assert_int_equal(c.rest_queue_size, 7);
	assert_int_equal(c.note_count, 0);
	config_clear(&c);
	load(&c, "scope: s\n", no_environment);
	apply(&c, "{\"synchronous_mode\":true,\"synchronous_node_count\":1,\"failsafe_mode\":\"off\"}");
	assert_true(has_note(&c, "synchronous_mode: accepted, but"));
	assert_int_equal(c.note_count, 1);
	config_clear(&c);
}

/* ---- tags ---- */

static void tags_keep_their_order_and_types(void **state)
{
	(void)state;
	struct config c;
	load(&c,
	     "scope: s\ntags:\n  nosync: true\n  sync_priority: '2'\n  clonefrom: false\n  nofailover: false\n  zone: "
	     "b\n  a: 1\n",
	     no_environment);
	assert_prints(c.tags, "{\"nosync\":true,\"sync_priority\":\"2\",\"zone\":\"b\",\"a\":1}");
	assert_false(c.settings.nofailover);
	assert_true(has_note(
		&c, "Conflicting configuration between nosync: True and sync_priority: 2. Defaulting to nosync: True"));
	config_clear(&c);
	load(&c, "tags: {clonefrom: false}\n", no_environment);
	assert_null(c.tags);
	config_clear(&c);
}

static void contradicting_tags_are_noted_in_patronis_words(void **state)
{
	(void)state;
	struct config c;
	load(&c, "tags: {nofailover: true, failover_priority: 1}\n", no_environment);
	assert_string_equal(c.notes[0].text, "Conflicting configuration between nofailover: True and "
					     "failover_priority: 1. Defaulting to nofailover: True");
	assert_true(c.settings.nofailover);
	config_clear(&c);
	load(&c, "tags: {nofailover: false, failover_priority: 0}\n", no_environment);
	assert_string_equal(c.notes[0].text, "Conflicting configuration between nofailover: False and "
					     "failover_priority: 0. Defaulting to nofailover: False");
	assert_int_equal(c.settings.failover_priority, 1);
	assert_prints(c.tags, "{\"nofailover\":false,\"failover_priority\":0}");
	config_clear(&c);
}

/* ---- the strict check ---- */

struct lines {
	int count;
	char text[32][ERR_TEXT_MAX];
};

static void keep_line(void *arg, const char *line)
{
	struct lines *lines = arg;
	if (lines->count < 32)
		text_copy(lines->text[lines->count++], ERR_TEXT_MAX, line);
}

static void assert_line(const struct lines *lines, const char *text)
{
	for (int i = 0; i < lines->count; i++)
		if (strstr(lines->text[i], text) != NULL)
			return;
	for (int i = 0; i < lines->count; i++)
		print_error("%s\n", lines->text[i]);
	fail_msg("no line says \"%s\"", text);
}

static const char good[] = "scope: s\nname: m\nrestapi: {listen: '*:8008', connect_address: "
			   "'10.0.0.1:8008'}\nkubernetes: {labels: {a: b}}\n"
			   "postgresql:\n  connect_address: 10.0.0.1:5432\n  data_dir: /d\n  authentication: "
			   "{superuser: {username: p}, replication: {username: r}}\n";

static void check(struct lines *lines, const char *yaml, const char *const environ_[])
{
	char text[4096];
	snprintf(text, sizeof(text), "%s%s", good, yaml);
	write_file(file_a, text);
	lines->count = 0;
	int count = config_validate(file_a, environ_, keep_line, lines);
	assert_int_equal(count, lines->count);
}

static void a_good_configuration_passes(void **state)
{
	(void)state;
	struct lines lines;
	check(&lines,
	      "bootstrap:\n  dcs: {ttl: 15, loop_wait: 5, retry_timeout: 4, synchronous_mode: on, slots: {a: {type: "
	      "physical}}}\n  initdb: [data-checksums, {encoding: UTF8}]\n"
	      "watchdog: {mode: off}\nunknown: {kept: 1}\ntags: {nofailover: false}\n",
	      no_environment);
	if (lines.count > 0)
		fail_msg("%s", lines.text[0]);
}

static void each_problem_is_one_line_with_its_place(void **state)
{
	(void)state;
	struct lines lines;
	static const char *const environ_[] = { "PATRONI_CTL_INSECURE=perhaps", NULL };
	check(&lines,
	      "bootstrap:\n  dcs:\n    ttl: 3\n    maximum_lag_on_failover: 10O\ntags:\n  nofailover: true\n  "
	      "failover_priority: 2\nhowdah:\n  run: /x\n"
	      "log: {level: LOUD}\nttl: 30\nwatchdog: {safety_margin: -7}\n",
	      environ_);
	assert_line(&lines, "a.yml:11: ttl: 3 is too small: at least 10 (8 with loop_wait 1 and retry_timeout 3)");
	assert_line(&lines, "a.yml:12: maximum_lag_on_failover: \"10O\" is not a number");
	assert_line(&lines, "a.yml:15: tags.failover_priority: stands beside nofailover");
	assert_line(&lines, "a.yml:17: howdah.run: no such setting");
	assert_line(&lines, "a.yml:18: log.level: \"LOUD\" is none of DEBUG");
	assert_line(&lines, "a.yml:19: ttl: has no effect here");
	assert_line(&lines, "PATRONI_CTL_INSECURE: ctl.insecure: \"perhaps\" is not a boolean");
	assert_line(&lines, "a.yml:20: watchdog.safety_margin: -7 is too small: at least -1");
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	struct lines lines = { 0 };
	write_file(file_a, "restapi: {connect_address: 'localhost:8008'}\npostgresql: {connect_address: "
			   "'0.0.0.0:5432', parameters: {max_connections: 5}}\nscope: 12\n");
	int count = config_validate(file_a, no_environment, keep_line, &lines);
	assert_int_equal(count, lines.count);
	assert_line(&lines, "name: must be set, here or by PATRONI_NAME");
	assert_line(&lines, "a.yml:3: scope: is not a text: put it in quotes");
	assert_line(&lines, "postgresql.data_dir: must be set");
	assert_line(&lines, "postgresql.authentication.replication.username: must be set");
	assert_line(&lines, "kubernetes: must be there");
	assert_line(&lines, "a.yml:1: restapi.connect_address: \"localhost:8008\" is this machine's own address");
	assert_line(
		&lines,
		"a.yml:2: postgresql.connect_address: \"0.0.0.0:5432\" is not an address that others can connect to");
	assert_line(&lines, "a.yml:2: postgresql.parameters.max_connections: has no effect here");
	lines.count = 0;
	write_file(file_a, "a: [\n");
	assert_int_equal(config_validate(file_a, no_environment, keep_line, &lines), 1);
	assert_line(&lines, "a.yml:2:");
}

/* ---- the table ---- */

static void settings_leave_the_environment(void **state)
{
	(void)state;
	setenv("PATRONI_SUPERUSER_PASSWORD", "x", 1);
	setenv("PATRONI_CONFIGURATION", "x", 1);
	setenv("HOWDAH_RUN_DIR", "x", 1);
	setenv("PATRONI_LOGLEVEL", "x", 1);
	setenv("TEST_CONFIG_OTHER", "x", 1);
	config_clean_environment();
	assert_null(getenv("PATRONI_SUPERUSER_PASSWORD"));
	assert_null(getenv("PATRONI_CONFIGURATION"));
	assert_null(getenv("HOWDAH_RUN_DIR"));
	assert_null(getenv("PATRONI_LOGLEVEL"));
	assert_non_null(getenv("TEST_CONFIG_OTHER"));
}

static void the_table_is_sound(void **state)
{
	(void)state;
	for (int i = 0; i < settings_count; i++) {
		const struct setting *row = &settings_table[i];
		assert_true(row->key != NULL && row->text != NULL && row->text[strlen(row->text) - 1] == '.');
		assert_true(row->type != SETTING_ENUM || row->words != NULL);
		assert_true(row->scope != SETTING_BOTH || strncmp(row->key, "postgresql.", 11) == 0);
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(row->key, settings_table[j].key);
			assert_true(row->env == NULL || settings_table[j].env == NULL ||
				    strcmp(row->env, settings_table[j].env) != 0);
		}
	}
}

enum { REFERENCE_MAX = 128 * 1024 };

static char *reference(void)
{
	char *memory = malloc(REFERENCE_MAX);
	struct strbuf text;
	assert_non_null(memory);
	strbuf_init(&text, memory, REFERENCE_MAX);
	settings_print_reference(&text);
	assert_true(strbuf_ok(&text));
	return memory;
}

static void the_reference_names_every_setting(void **state)
{
	(void)state;
	AUTO(text) char *text = reference();
	for (int i = 0; i < settings_count; i++) {
		char cell[160];
		snprintf(cell, sizeof(cell), "\n| `%s` | ", settings_table[i].key);
		assert_non_null(strstr(text, cell));
	}
	char help[8192];
	struct strbuf b;
	strbuf_init(&b, help, sizeof(help));
	settings_print_help(&b);
	assert_true(strbuf_ok(&b));
	assert_non_null(strstr(help, "PATRONI_SCOPE"));
}

static void the_reference_page_is_current(void **state)
{
	(void)state;
	FILE *f = fopen("docs/settings.md", "r");
	if (f == NULL)
		skip();
	AUTO(text) char *page = calloc(1, REFERENCE_MAX);
	AUTO(text) char *text = reference();
	assert_true(fread(page, 1, REFERENCE_MAX - 1, f) > 0);
	fclose(f);
	if (strcmp(page, text) != 0)
		fail_msg("docs/settings.md is old: howdah --settings-reference > docs/settings.md");
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(a_small_file_and_defaults_give_a_configuration),
		IN_DIR(everything_that_is_given_is_read),
		IN_DIR(files_of_a_directory_are_merged_in_order),
		IN_DIR(the_environment_wins_over_files),
		IN_DIR(the_whole_configuration_may_be_a_variable),
		IN_DIR(the_pod_gives_names_and_addresses),
		IN_DIR(former_spellings_of_roles_are_understood),
		IN_DIR(what_cannot_be_used_stops_the_start),
		IN_DIR(secrets_are_never_shown),
		IN_DIR(what_can_be_adjusted_is_noted),
		IN_DIR(the_dynamic_configuration_takes_effect),
		IN_DIR(bad_dynamic_values_become_defaults),
		IN_DIR(the_postgresql_section_follows_the_rules_of_precedence),
		IN_DIR(timeouts_are_made_to_fit),
		IN_DIR(adjusted_timeouts_are_explained),
		IN_DIR(the_bootstrap_section_gives_the_first_dynamic_configuration),
		IN_DIR(the_dynamic_configuration_in_force_is_kept_as_it_was_given),
		IN_DIR(settings_without_effect_are_noted_when_they_are_turned_on),
		IN_DIR(tags_keep_their_order_and_types),
		IN_DIR(contradicting_tags_are_noted_in_patronis_words),
		IN_DIR(a_good_configuration_passes),
		IN_DIR(each_problem_is_one_line_with_its_place),
		IN_DIR(what_is_missing_is_named),
		cmocka_unit_test(settings_leave_the_environment),
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(the_reference_names_every_setting),
		cmocka_unit_test(the_reference_page_is_current),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
