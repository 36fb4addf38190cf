/* The texts this layer writes and reads: parameters, connection texts, command lines, pg_control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cluster.h"
#include "postgres/command.h"
#include "postgres/conninfo.h"
#include "postgres/control.h"
#include "postgres/gucs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int notes;

static void count_note(const char *text)
{
	assert_true(strlen(text) > 0);
	notes++;
}

static struct json *parsed(const char *text)
{
	struct err err;
	struct json *json = json_parse(text, strlen(text), &err);
	assert_non_null(json);
	return json;
}

/* ---- parameters ---- */

static const char *described; /* by PostgreSQL's program */

static struct gucs *build(const char *parameters, const char *of_role, int version)
{
	static struct gucs gucs;
	AUTO(json) struct json *a = parsed(parameters);
	AUTO(json) struct json *b = parsed(of_role);
	struct gucs_input input = {
		.parameters = a,
		.role_parameters = b,
		.version = version,
		.described = described,
		.listen_addresses = "0.0.0.0",
		.cluster_name = "demo",
		.port = 5433,
		.socket_dir = "/run/howdah/pg",
		.config_dir = "/data/pg",
	};
	notes = 0;
	gucs_clear(&gucs);
	gucs_build(&gucs, &input, count_note);
	return &gucs;
}

static void assert_guc(const struct gucs *gucs, const char *name, const char *value)
{
	const char *found = gucs_get(gucs, name);
	if (value == NULL) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found, value);
}

static void a_name_without_a_row_is_kept_if_the_program_describes_it(UNUSED void **state)
{
	static const char parameters[] = "{\"Of_A_Fork\":\"x\",\"of_nobody\":1,\"my.own\":true,\"work_mem\":\"4MB\"}";
	AUTO(json) struct json *all = parsed(parameters);
	AUTO(json)
	struct json *known = parsed("{\"my.own\":1,\"work_mem\":\"4MB\",\"restore_command\":\"x\",\"port\":1,"
				    "\"max_connections\":50,\"gone\":null}");
	assert_true(gucs_have_unknown(all, 150000));
	assert_false(gucs_have_unknown(known, 150000));
	assert_false(gucs_have_unknown(NULL, 150000));
	const struct gucs *gucs = build(parameters, "{}", 150000);
	assert_guc(gucs, "of_a_fork", NULL);
	assert_guc(gucs, "my.own", "on");
	assert_int_equal(notes, 2);
	described = ",work_mem,of_a_fork,not_of_nobody,";
	gucs = build(parameters, "{}", 150000);
	described = NULL;
	assert_guc(gucs, "of_a_fork", "x");
	assert_guc(gucs, "of_nobody", NULL);
	assert_int_equal(notes, 1);
}

static void defaults_are_those_of_the_contract(UNUSED void **state)
{
	static const char *const rows[][2] = {
		{ "wal_level", "replica" },
		{ "hot_standby", "on" },
		{ "max_connections", "100" },
		{ "max_wal_senders", "10" },
		{ "wal_keep_size", "128MB" },
		{ "max_prepared_transactions", "0" },
		{ "max_locks_per_transaction", "64" },
		{ "track_commit_timestamp", "off" },
		{ "max_replication_slots", "10" },
		{ "max_worker_processes", "8" },
		{ "wal_log_hints", "on" },
		{ "listen_addresses", "0.0.0.0" },
		{ "port", "5433" },
		{ "cluster_name", "demo" },
		{ "unix_socket_directories", "/run/howdah/pg" },
	};
	const struct gucs *gucs = build("{}", "{}", 150000);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_guc(gucs, rows[i][0], rows[i][1]);
	assert_int_equal(gucs->count, ARRAY_SIZE(rows));
	assert_int_equal(notes, 0);
}

static void controlled_parameters_keep_their_bounds(UNUSED void **state)
{
	const struct gucs *gucs = build(
		"{\"max_connections\": 24, \"max_wal_senders\": \"3\", \"wal_keep_size\": \"15MB\", \"hot_standby\": "
		"false,"
		" \"wal_level\": \"hot_standby\", \"max_replication_slots\": \"many\", \"wal_log_hints\": \"off\"}",
		"{\"max_connections\": 500}", 150000);
	assert_guc(gucs, "max_connections", "100");
	assert_guc(gucs, "max_wal_senders", "3");
	assert_guc(gucs, "wal_keep_size", "128MB");
	assert_guc(gucs, "hot_standby", "on");
	assert_guc(gucs, "wal_level", "replica");
	assert_guc(gucs, "max_replication_slots", "10");
	assert_guc(gucs, "wal_log_hints", "off");
	assert_int_equal(notes, 4);
}

static void address_and_name_cannot_be_set(UNUSED void **state)
{
	const struct gucs *gucs =
		build("{\"listen_addresses\": \"*\", \"port\": 1, \"cluster_name\": \"x\"}", "{}", 150000);
	assert_guc(gucs, "listen_addresses", "0.0.0.0");
	assert_guc(gucs, "port", "5433");
	assert_guc(gucs, "cluster_name", "demo");
}

static void segments_become_a_size(UNUSED void **state)
{
	assert_guc(build("{\"wal_keep_segments\": 20}", "{}", 150000), "wal_keep_size", "320MB");
	assert_guc(build("{\"wal_keep_segments\": 20, \"wal_keep_size\": \"64MB\"}", "{}", 150000), "wal_keep_size",
		   "64MB");
	assert_guc(build("{\"wal_keep_segments\": 20}", "{}", 150000), "wal_keep_segments", NULL);
}

static void values_out_of_range_are_clamped_and_bad_ones_dropped(UNUSED void **state)
{
	const struct gucs *gucs =
		build("{\"work_mem\": \"1kB\", \"autovacuum\": \"maybe\", \"checkpoint_timeout\": \"2d\","
		      " \"bytea_output\": \"octal\", \"random_page_cost\": -1.5, \"shared_buffers\": \"128MB\","
		      " \"synchronous_commit\": \"remote_apply\", \"autovacuum_vacuum_cost_delay\": \"2s\"}",
		      "{}", 150000);
	assert_guc(gucs, "work_mem", "64");
	assert_guc(gucs, "autovacuum", NULL);
	assert_guc(gucs, "checkpoint_timeout", "86400");
	assert_guc(gucs, "bytea_output", NULL);
	assert_guc(gucs, "random_page_cost", "0");
	assert_guc(gucs, "shared_buffers", "128MB");
	assert_guc(gucs, "synchronous_commit", "remote_apply");
	assert_guc(gucs, "autovacuum_vacuum_cost_delay", "100");
	assert_int_equal(notes, 6);
}

static void each_version_gets_what_it_knows(UNUSED void **state)
{
	static const struct {
		const char *name, *value;
		int version;
		bool kept;
	} rows[] = {
		{ "wal_compression", "lz4", 140000, false },
		{ "wal_compression", "lz4", 150000, true },
		{ "io_method", "worker", 170000, false },
		{ "io_method", "worker", 180000, true },
		{ "summarize_wal", "on", 160000, false },
		{ "summarize_wal", "on", 170000, true },
		{ "old_snapshot_threshold", "10", 160000, true },
		{ "old_snapshot_threshold", "10", 170000, false },
		{ "vacuum_defer_cleanup_age", "1", 150000, true },
		{ "vacuum_defer_cleanup_age", "1", 160000, false },
		{ "log_recovery_conflict_waits", "on", 130000, false },
		{ "log_recovery_conflict_waits", "on", 140000, true },
		{ "restrict_nonsystem_relation_kind", "view", 150007, false },
		{ "restrict_nonsystem_relation_kind", "view", 150008, true },
		{ "restrict_nonsystem_relation_kind", "view", 150000, true }, /* the minor version is not known */
		{ "no_such_parameter", "1", 150000, false },
		{ "some_extension.anything", "1", 130000, true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[128];
		snprintf(text, sizeof(text), "{\"%s\": \"%s\"}", rows[i].name, rows[i].value);
		assert_guc(build(text, "{}", rows[i].version), rows[i].name, rows[i].kept ? rows[i].value : NULL);
	}
}

static void the_role_adds_to_the_common_part(UNUSED void **state)
{
	const struct gucs *gucs = build("{\"work_mem\": \"4MB\", \"log_min_duration_statement\": 100}",
					"{\"work_mem\": \"64MB\"}", 150000);
	assert_guc(gucs, "work_mem", "64MB");
	assert_guc(gucs, "log_min_duration_statement", "100");
}

static void our_socket_is_added_to_the_users(UNUSED void **state)
{
	assert_guc(build("{\"unix_socket_directories\": \"/tmp\"}", "{}", 150000), "unix_socket_directories",
		   "/tmp,/run/howdah/pg");
	assert_guc(build("{\"hba_file\": \"my_hba.conf\"}", "{}", 150000), "hba_file", "/data/pg/my_hba.conf");
	assert_guc(build("{\"hba_file\": \"/etc/hba.conf\"}", "{}", 150000), "hba_file", "/etc/hba.conf");
}

static void recovery_settings_stay_out_of_the_normal_part(UNUSED void **state)
{
	assert_guc(build("{\"restore_command\": \"cp\", \"primary_conninfo\": \"host=evil\"}", "{}", 150000),
		   "restore_command", NULL);
	struct gucs gucs;
	AUTO(json)
	struct json *conf = parsed("{\"restore_command\": \"cp %f %p\", \"recovery_target_time\": \"now\","
				   " \"primary_conninfo\": \"host=evil\", \"work_mem\": \"1GB\"}");
	gucs_build_recovery(&gucs, conf, 150000, NULL);
	char text[1024];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	gucs_print(&gucs, &b);
	gucs_clear(&gucs);
	assert_string_equal(text,
			    "recovery_target = ''\nrecovery_target_lsn = ''\nrecovery_target_name = ''\n"
			    "recovery_target_time = ''\nrecovery_target_timeline = 'latest'\nrecovery_target_xid = ''\n"
			    "restore_command = 'cp %f %p'\n");
}

static const char *recovery_value(const char *name, int version)
{
	static char value[64];
	struct gucs gucs;
	AUTO(json)
	struct json *conf = parsed("{\"trigger_file\": \"/tmp/go\", \"pause_at_recovery_target\": \"on\","
				   " \"recovery_min_apply_delay\": \"never\"}");
	gucs_build_recovery(&gucs, conf, version, NULL);
	snprintf(value, sizeof(value), "%s", gucs_get(&gucs, name) == NULL ? "-" : gucs_get(&gucs, name));
	gucs_clear(&gucs);
	return value;
}

static void recovery_settings_that_a_version_would_refuse_are_dropped(UNUSED void **state)
{
	assert_string_equal(recovery_value("promote_trigger_file", 150000), "/tmp/go");
	assert_string_equal(recovery_value("promote_trigger_file", 160000), "-");
	assert_string_equal(recovery_value("trigger_file", 150000), "-");
	assert_string_equal(recovery_value("pause_at_recovery_target", 150000), "-");
	assert_string_equal(recovery_value("recovery_min_apply_delay", 150000), "-");
}

static void values_are_quoted_for_the_file(UNUSED void **state)
{
	struct gucs gucs;
	char text[256];
	struct strbuf b;
	gucs_init(&gucs);
	gucs_set(&gucs, "search_path", "it's\\here\nline");
	strbuf_init(&b, text, sizeof(text));
	gucs_print(&gucs, &b);
	gucs_clear(&gucs);
	assert_string_equal(text, "search_path = 'it''s\\\\here\\nline'\n");
}

static void only_recovery_lines_leave_the_auto_file(UNUSED void **state)
{
	char text[512];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	conf_without_recovery("# comment\nwork_mem = '1MB'\n  Primary_Conninfo = 'host=x'\nrestore_command='a'\n"
			      "recovery_target_timelinex = '1'\nprimary_slot_name = 's'",
			      &b);
	assert_string_equal(text, "# comment\nwork_mem = '1MB'\nrecovery_target_timelinex = '1'\n");
}

/* ---- connection texts ---- */

static void conninfo_is_as_the_contract_prints_it(UNUSED void **state)
{
	struct config_auth auth = { .username = "replicator" };
	struct conninfo conninfo = { .dbname = "postgres",
				     .passfile = "/var/lib/postgresql/pgpass0",
				     .host = "127.0.0.1",
				     .port = 5441,
				     .application_name = "postgres-0",
				     .auth = &auth,
				     .major = 15,
				     .with_defaults = true };
	char text[512];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	conninfo_print(&conninfo, &b);
	assert_string_equal(
		text, "dbname=postgres user=replicator passfile=/var/lib/postgresql/pgpass0 host=127.0.0.1 port=5441"
		      " sslmode=prefer application_name=postgres-0 gssencmode=prefer channel_binding=prefer");
	conninfo.major = 17;
	strbuf_init(&b, text, sizeof(text));
	conninfo_print(&conninfo, &b);
	assert_non_null(strstr(text, " channel_binding=prefer sslnegotiation=postgres"));
}

static void passwords_are_never_in_a_conninfo(UNUSED void **state)
{
	struct config_auth auth = { .username = "r", .password = "geheim" };
	struct conninfo conninfo = { .host = "h", .port = 1, .auth = &auth, .major = 15 };
	char text[512];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	conninfo_print(&conninfo, &b);
	assert_null(strstr(text, "geheim"));
}

static void a_passphrase_comes_from_a_service_instead(UNUSED void **state)
{
	struct config_auth auth = { .username = "r", .sslkey = "/k", .sslpassword = "geheim" };
	struct conninfo conninfo = { .host = "h", .port = 1, .auth = &auth, .major = 15, .by_service = true };
	char text[512];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	conninfo_print(&conninfo, &b);
	assert_string_equal(text, "user=r host=h port=1 sslkey=/k service=howdah");
	auth.sslpassword[0] = '\0';
	strbuf_init(&b, text, sizeof(text));
	conninfo_print(&conninfo, &b);
	assert_null(strstr(text, "service"));
}

static void a_service_has_the_passphrase_as_it_is(UNUSED void **state)
{
	struct config_auth auth = { .sslpassword = " it's = #\\ [x]" };
	char text[SERVICE_TEXT_SIZE];
	struct strbuf b;
	struct err err;
	strbuf_init(&b, text, sizeof(text));
	assert_true(service_print(&auth, &b, &err));
	assert_string_equal(text, "[howdah]\nsslpassword= it's = #\\ [x]\n");
	memset(auth.sslpassword, 'x', SERVICE_PASSPHRASE_MAX);
	auth.sslpassword[SERVICE_PASSPHRASE_MAX] = '\0';
	strbuf_init(&b, text, sizeof(text));
	assert_true(service_print(&auth, &b, &err));
}

static void a_passphrase_that_no_service_can_have_is_refused(UNUSED void **state)
{
	static const char *const bad[] = { "blank ", "tab\t", "two\nlines", "two\rlines", "" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config_auth auth = { .username = "" };
		char text[SERVICE_TEXT_SIZE];
		struct strbuf b;
		struct err err;
		text_copy(auth.sslpassword, sizeof(auth.sslpassword), bad[i]);
		if (bad[i][0] == '\0')
			memset(auth.sslpassword, 'x', SERVICE_PASSPHRASE_MAX + 1);
		strbuf_init(&b, text, sizeof(text));
		assert_false(service_print(&auth, &b, &err));
		assert_non_null(strstr(err.text, "sslpassword"));
	}
}

static void what_was_quoted_is_read_back(UNUSED void **state)
{
	static const char *const names[] = { "plain", "with space", "it's", "back\\slash", "a=b", "'", "\\" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct config_auth auth = { .username = "" };
		struct conninfo conninfo = {
			.dbname = "d", .host = "h", .port = 1, .auth = &auth, .application_name = names[i]
		};
		char text[512], value[64];
		struct strbuf b;
		strbuf_init(&b, text, sizeof(text));
		conninfo_print(&conninfo, &b);
		assert_true(conninfo_get(text, "application_name", value, sizeof(value)));
		assert_string_equal(value, names[i]);
	}
}

static void conninfo_lookup_knows_quotes_and_rubbish(UNUSED void **state)
{
	char value[32];
	assert_true(conninfo_get("host = 'a b'  port=1", "host", value, sizeof(value)));
	assert_string_equal(value, "a b");
	assert_true(conninfo_get("host=a host=b", "host", value, sizeof(value)));
	assert_string_equal(value, "b");
	assert_false(conninfo_get("hostaddr=1", "host", value, sizeof(value)));
	assert_false(conninfo_get("host='open", "host", value, sizeof(value)));
	assert_false(conninfo_get("host", "host", value, sizeof(value)));
	assert_false(conninfo_get("=x", "", value, sizeof(value)));
	assert_false(conninfo_get("host=0123456789012345678901234567890123456789", "host", value, sizeof(value)));
}

static void password_lines_are_one_a_host(UNUSED void **state)
{
	struct config_auth auth = { .username = "re:p", .password = "a:b\\c" };
	char text[512];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	pgpass_print("a,/run/x", 5432, &auth, &b);
	assert_string_equal(
		text,
		"a:5432:*:re\\:p:a\\:b\\\\c\n/run/x:5432:*:re\\:p:a\\:b\\\\c\nlocalhost:5432:*:re\\:p:a\\:b\\\\c\n");
	strbuf_init(&b, text, sizeof(text));
	pgpass_print("", 0, &(struct config_auth){ .password = "x" }, &b);
	assert_string_equal(text, "*:*:*:*:x\n");
}

static void slot_names_come_from_member_names(UNUSED void **state)
{
	static const char *const rows[][2] = {
		{ "postgres-0", "postgres_0" },
		{ "A.b", "a_b" },
		{ "x y", "xu0032y" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char slot[NAME_SIZE];
		slot_name_from_member(rows[i][0], slot, sizeof(slot));
		assert_string_equal(slot, rows[i][1]);
	}
}

/* ---- command lines ---- */

static void start_has_the_order_of_the_contract(UNUSED void **state)
{
	static struct config config;
	static struct command command;
	static const char *const expected[] = {
		"/bin/postgres",
		"-D",
		"/data/pg",
		"--config-file=/data/pg/postgresql.conf",
		"--listen_addresses=0.0.0.0",
		"--port=5433",
		"--cluster_name=demo",
		"--wal_level=replica",
		"--hot_standby=on",
		"--max_connections=100",
		"--max_wal_senders=10",
		"--max_prepared_transactions=0",
		"--max_locks_per_transaction=64",
		"--track_commit_timestamp=off",
		"--max_replication_slots=10",
		"--max_worker_processes=8",
		"--wal_log_hints=on",
	};
	text_copy(config.data_dir, sizeof(config.data_dir), "/data/pg");
	text_copy(config.config_dir, sizeof(config.config_dir), "/data/pg");
	text_copy(config.config_base_name, sizeof(config.config_base_name), "postgresql");
	command_postgres(&command, &config, "/bin/postgres", build("{}", "{}", 150000));
	assert_int_equal(command.argc, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(command_get(&command, (int)i), expected[i]);
	assert_false(command.overflow);
}

static void nothing_of_ours_is_in_a_programs_environment(UNUSED void **state)
{
	static struct config config;
	static struct command command;
	assert_int_equal(setenv("PATRONI_SUPERUSER_PASSWORD", "geheim", 1), 0);
	assert_int_equal(setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1), 0);
	assert_int_equal(setenv("PG_MALLOC_ARENA_MAX", "2", 1), 0);
	command_init(&command, "/opt/pg/bin/initdb");
	command_standard_env(&command, &config);
	bool arena = false, path = false;
	for (int i = command.argc; i < command.argc + command.envc; i++) {
		const char *text = command_get(&command, i);
		assert_null(strstr(text, "PATRONI_"));
		assert_null(strstr(text, "KUBERNETES_"));
		arena |= strcmp(text, "MALLOC_ARENA_MAX=2") == 0;
		path |= strncmp(text, "PATH=/opt/pg/bin:", 17) == 0;
	}
	assert_true(arena && path);
	assert_int_equal(unsetenv("KUBERNETES_SERVICE_HOST"), 0);
}

static void options_are_lists_or_mappings(UNUSED void **state)
{
	static struct command command;
	struct err err;
	AUTO(json)
	struct json *list = parsed("[\"data-checksums\", {\"encoding\": \"'UTF8'\"}, {\"wal-segsize\": 64}]");
	command_init(&command, "x");
	assert_true(command_options(&command, list, "pgdata|pwfile", &err));
	assert_int_equal(command.argc, 4);
	assert_string_equal(command_get(&command, 1), "--data-checksums");
	assert_string_equal(command_get(&command, 2), "--encoding=UTF8");
	assert_string_equal(command_get(&command, 3), "--wal-segsize=64");
	AUTO(json) struct json *map = parsed("{\"max-rate\": \"100M\", \"verbose\": false}");
	command_init(&command, "x");
	assert_true(command_options(&command, map, "pgdata", &err));
	assert_int_equal(command.argc, 2);
	assert_true(options_have(list, "encoding"));
	assert_true(options_have(map, "max-rate"));
	assert_false(options_have(list, "checkpoint"));
	AUTO(json) struct json *bad = parsed("[{\"pwfile\": \"/etc/shadow\"}]");
	assert_false(command_options(&command, bad, "pgdata|pwfile", &err));
}

static void commands_are_split_as_a_shell_would(UNUSED void **state)
{
	static struct command command = { .len = 0 };
	struct err err;
	assert_true(command_split(&command, "/bin/x  'a b' \"c d\"e \\  f", &err));
	assert_int_equal(command.argc, 5);
	assert_string_equal(command_get(&command, 1), "a b");
	assert_string_equal(command_get(&command, 2), "c de");
	assert_string_equal(command_get(&command, 3), " ");
	assert_false(command_split(&command, "'open", &err));
}

/* ---- pg_control ---- */

static void put(char *bytes, size_t at, const void *value, size_t size)
{
	memcpy(bytes + at, value, size);
}

static void craft(char bytes[CONTROL_FILE_SIZE], uint32_t version, size_t crc_at)
{
	uint64_t system = 7301234567890123456u, checkpoint = 0x3000028, minimum = 0x5000100;
	uint32_t state = 5, timeline = 3, minimum_timeline = 4, connections = 200;
	memset(bytes, 0, CONTROL_FILE_SIZE);
	put(bytes, 0, &system, 8);
	put(bytes, 8, &version, 4);
	put(bytes, 16, &state, 4);
	put(bytes, 32, &checkpoint, 8);
	put(bytes, 48, &timeline, 4);
	put(bytes, 136, &minimum, 8);
	put(bytes, 144, &minimum_timeline, 4);
	put(bytes, 180, &connections, 4);
	uint32_t crc = crc32c(bytes, crc_at);
	put(bytes, crc_at, &crc, 4);
}

static void control_is_read_for_13_to_18(UNUSED void **state)
{
	static const struct {
		uint32_t version;
		size_t crc_at;
		bool known;
	} rows[] = { { 1300, 288, true },
		     { 1700, 288, true },
		     { 1800, 292, true },
		     { 1201, 288, false },
		     { 1902, 292, false } };
	char bytes[CONTROL_FILE_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct control control;
		struct err err;
		craft(bytes, rows[i].version, rows[i].crc_at);
		assert_int_equal(control_parse(&control, bytes, sizeof(bytes), &err), rows[i].known);
		if (!rows[i].known)
			continue;
		assert_true(control.system_identifier == 7301234567890123456u);
		assert_int_equal(control.state, CONTROL_IN_ARCHIVE_RECOVERY);
		assert_int_equal(control.checkpoint_lsn, 0x3000028);
		assert_int_equal(control.checkpoint_timeline, 3);
		assert_int_equal(control.minimum_recovery_lsn, 0x5000100);
		assert_int_equal(control.minimum_recovery_timeline, 4);
		assert_int_equal(control.max_connections, 200);
	}
}

static void a_torn_control_is_refused(UNUSED void **state)
{
	char bytes[CONTROL_FILE_SIZE];
	struct control control;
	struct err err;
	craft(bytes, 1300, 288);
	bytes[100] ^= 1;
	assert_false(control_parse(&control, bytes, sizeof(bytes), &err));
	bytes[100] ^= 1;
	assert_true(control_parse(&control, bytes, sizeof(bytes), &err));
	assert_false(control_parse(&control, bytes, 100, &err));
}

/* RFC 3720, B.4 */
static void crc_is_castagnolis(UNUSED void **state)
{
	assert_int_equal(crc32c("123456789", 9), 0xE3069283);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_without_a_row_is_kept_if_the_program_describes_it),
		cmocka_unit_test(defaults_are_those_of_the_contract),
		cmocka_unit_test(controlled_parameters_keep_their_bounds),
		cmocka_unit_test(address_and_name_cannot_be_set),
		cmocka_unit_test(segments_become_a_size),
		cmocka_unit_test(values_out_of_range_are_clamped_and_bad_ones_dropped),
		cmocka_unit_test(each_version_gets_what_it_knows),
		cmocka_unit_test(the_role_adds_to_the_common_part),
		cmocka_unit_test(our_socket_is_added_to_the_users),
		cmocka_unit_test(recovery_settings_stay_out_of_the_normal_part),
		cmocka_unit_test(recovery_settings_that_a_version_would_refuse_are_dropped),
		cmocka_unit_test(values_are_quoted_for_the_file),
		cmocka_unit_test(only_recovery_lines_leave_the_auto_file),
		cmocka_unit_test(conninfo_is_as_the_contract_prints_it),
		cmocka_unit_test(passwords_are_never_in_a_conninfo),
		cmocka_unit_test(a_passphrase_comes_from_a_service_instead),
		cmocka_unit_test(a_service_has_the_passphrase_as_it_is),
		cmocka_unit_test(a_passphrase_that_no_service_can_have_is_refused),
		cmocka_unit_test(what_was_quoted_is_read_back),
		cmocka_unit_test(conninfo_lookup_knows_quotes_and_rubbish),
		cmocka_unit_test(password_lines_are_one_a_host),
		cmocka_unit_test(slot_names_come_from_member_names),
		cmocka_unit_test(start_has_the_order_of_the_contract),
		cmocka_unit_test(nothing_of_ours_is_in_a_programs_environment),
		cmocka_unit_test(options_are_lists_or_mappings),
		cmocka_unit_test(commands_are_split_as_a_shell_would),
		cmocka_unit_test(control_is_read_for_13_to_18),
		cmocka_unit_test(a_torn_control_is_refused),
		cmocka_unit_test(crc_is_castagnolis),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
