/* The command line, and what the commands show of hand-made clusters; patronictl's formats compared as texts. */
#include "unit/support_cli.h"

/* ---- the command line ---- */

static struct cli cli;
static struct err err;

static bool parse(const char *a, const char *b, const char *c, const char *d)
{
	const char *const argv[] = { "howdahctl", a, b, c, d };
	int argc = 1;
	while (argc < 5 && argv[argc] != NULL)
		argc++;
	cli = (struct cli){ .program = "howdahctl" };
	return cli_parse(&cli, argc, argv, &err);
}

static void options_are_read_in_all_their_forms(void **state)
{
	(void)state;
	assert_true(parse("-c", "x.yml", "list", "shop"));
	assert_string_equal(cli.options[CLI_CONFIG_FILE], "x.yml");
	assert_string_equal(cli.command->name, "list");
	assert_int_equal(cli.name_count, 1);
	assert_true(parse("--config-file=x.yml", "list", "a", "b"));
	assert_string_equal(cli.options[CLI_CONFIG_FILE], "x.yml");
	assert_int_equal(cli.name_count, 2);
	assert_true(parse("list", "-etW", NULL, NULL));
	assert_true(cli.options[CLI_EXTENDED] != NULL && cli.options[CLI_TIMESTAMP] != NULL &&
		    cli.options[CLI_WATCH_TWO] != NULL);
	assert_true(parse("list", "-efjson", "shop", NULL));
	assert_string_equal(cli.options[CLI_FORMAT], "json");
	assert_true(parse("list", "shop", "-o", "tsv"));
	assert_string_equal(cli.options[CLI_FORMAT], "tsv");
	assert_true(parse("list", "--format=yml", "--", "-shop"));
	assert_string_equal(cli.names[0], "-shop");
	assert_true(parse("-k", "topology", "-w0.5", NULL));
	assert_string_equal(cli.options[CLI_WATCH], "0.5");
	assert_true(parse("list", "--help", NULL, NULL));
	assert_true(parse("-h", NULL, NULL, NULL));
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *arguments[4], *text;
	} cases[] = {
		{ { NULL }, "Missing command" },
		{ { "lisst" }, "No such command 'lisst'" },
		{ { "list", "-x" }, "No such option: -x" },
		{ { "list", "--nonsense" }, "No such option: --nonsense" },
		{ { "--format", "json", "list" }, "No such option: --format" },
		{ { "list", "-f" }, "Option '-f' requires an argument" },
		{ { "list", "-f", "xml" }, "Invalid value for '-f': 'xml' is not one of pretty|tsv|json|yaml|yml" },
		{ { "list", "-f", "js" }, "Invalid value for '-f': 'js' is not one of pretty|tsv|json|yaml|yml" },
		{ { "list", "--extended=1" }, "Option '--extended' does not take a value" },
		{ { "list", "-w", "soon" }, "Invalid value for '-w' / '--watch': 'soon' is not a number of seconds" },
		{ { "list", "-w", "0" }, "Invalid value for '-w' / '--watch': '0' is not a number of seconds" },
		{ { "show-config", "a", "b" }, "Got unexpected extra argument (b)" },
		{ { "list", "--group", "1" }, "--group is for Citus clusters, which are not supported" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const *a = cases[i].arguments;
		assert_false(parse(a[0], a[1], a[2], a[3]));
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.kind, ERR_INPUT);
	}
	assert_false(parse("-d", "etcd://x", "list", NULL));
	assert_non_null(strstr(err.text, "The store is Kubernetes"));
}

static void help_names_everything(void **state)
{
	(void)state;
	cli = (struct cli){ .program = "howdahctl" };
	cli_print_help(&cli, &text);
	assert_true(strncmp(memory, "Usage: howdahctl [OPTIONS] COMMAND [ARGS]...\n", 45) == 0);
	for (int i = 0; i < cli_command_count; i++)
		assert_non_null(strstr(memory, cli_commands[i].name));
	strbuf_init(&text, memory, sizeof(memory));
	assert_true(parse("history", NULL, NULL, NULL));
	cli_print_help(&cli, &text);
	assert_string_equal(memory, "Usage: howdahctl history [OPTIONS] [CLUSTER]\n"
				    "\n"
				    "  Show when each timeline ended, and who led after it.\n"
				    "\n"
				    "Options:\n"
				    "  -f, --format, -o, --output FORMAT\n"
				    "                          Output exactly as patronictl has it, in this format.\n"
				    "                          pretty|tsv|json|yaml|yml\n"
				    "  --group INTEGER         Not taken: Citus is not supported.\n"
				    "  -h, --help              Show this and end.\n");
}

static void help_fits_the_screen(void **state)
{
	(void)state;
	cli = (struct cli){ .program = "howdahctl" };
	cli_print_help(&cli, &text);
	for (const char *line = memory; *line != '\0'; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 80);
}

static void the_reference_has_every_command(void **state)
{
	(void)state;
	cli_print_reference(&text);
	assert_true(strbuf_ok(&text));
	for (int i = 0; i < cli_command_count; i++) {
		char heading[64];
		snprintf(heading, sizeof(heading), "### howdahctl %s ", cli_commands[i].name);
		assert_non_null(strstr(memory, heading));
	}
}

/* Tests run in the root of the tree. */
static void the_reference_page_is_up_to_date(void **state)
{
	static char page[64 * 1024], reference[64 * 1024];
	struct strbuf b;
	(void)state;
	FILE *file = fopen("docs/howdahctl.md", "r");
	if (file == NULL)
		skip();
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	strbuf_init(&b, reference, sizeof(reference));
	cli_print_reference(&b);
	if (strstr(page, reference) == NULL)
		fail_msg("%s does not hold what the tables print", "docs/howdahctl.md");
}

/* ---- patronictl's list ---- */

static void topology_is_patronictls(void **state)
{
	(void)state;
	batman();
	render_list(snapshot, OUTPUT_TOPOLOGY, false, &text);
	assert_string_equal(
		memory, "+ Cluster: batman (7711120697051324462) "
			"--+-----------+----+-------------+-----+------------+-----+-----------------------------+\n"
			"| Member       | Host           | Role    | State     | TL | Receive LSN | Lag | Replay LSN | "
			"Lag | Tags                        |\n"
			"+--------------+----------------+---------+-----------+----+-------------+-----+------------+-"
			"----+-----------------------------+\n"
			"| postgres-0   | 127.0.0.1:5440 | Leader  | running   |  1 |             |     |            | "
			"    | {clonefrom: true, mytag: x} |\n"
			"| + postgres-1 | 127.0.0.1:5441 | Replica | streaming |  1 |   0/5000060 |   0 |  0/5000060 | "
			"  0 | {clonefrom: true, mytag: x} |\n"
			"+--------------+----------------+---------+-----------+----+-------------+-----+------------+-"
			"----+-----------------------------+\n");
}

static void tags_stand_over_several_lines_in_a_pretty_list(void **state)
{
	(void)state;
	batman();
	render_list(snapshot, OUTPUT_PRETTY, false, &text);
	assert_string_equal(memory,
			    "+ Cluster: batman (7711120697051324462) "
			    "+-----------+----+-------------+-----+------------+-----+-----------------+\n"
			    "| Member     | Host           | Role    | State     | TL | Receive LSN | Lag | Replay LSN "
			    "| Lag | Tags            |\n"
			    "+------------+----------------+---------+-----------+----+-------------+-----+------------"
			    "+-----+-----------------+\n"
			    "| postgres-0 | 127.0.0.1:5440 | Leader  | running   |  1 |             |     |            "
			    "|     | clonefrom: true |\n"
			    "|            |                |         |           |    |             |     |            "
			    "|     | mytag: x        |\n"
			    "+------------+----------------+---------+-----------+----+-------------+-----+------------"
			    "+-----+-----------------+\n"
			    "| postgres-1 | 127.0.0.1:5441 | Replica | streaming |  1 |   0/5000060 |   0 |  0/5000060 "
			    "|   0 | clonefrom: true |\n"
			    "|            |                |         |           |    |             |     |            "
			    "|     | mytag: x        |\n"
			    "+------------+----------------+---------+-----------+----+-------------+-----+------------"
			    "+-----+-----------------+\n");
}

static void tsv_names_the_cluster_in_each_row(void **state)
{
	(void)state;
	batman();
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_string_equal(
		memory,
		"Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN\tReplay Lag\tTags\n"
		"batman\tpostgres-0\t127.0.0.1:5440\tLeader\trunning\t1\t\t\t\t\t{clonefrom: true, mytag: x}\n"
		"batman\tpostgres-1\t127.0.0.1:5441\tReplica\tstreaming\t1\t0/5000060\t0\t0/5000060\t0\t{clonefrom: "
		"true, mytag: x}\n");
}

static void json_leaves_empty_cells_out(void **state)
{
	(void)state;
	batman();
	render_list(snapshot, OUTPUT_JSON, false, &text);
	assert_string_equal(memory, "[{\"Cluster\": \"batman\", \"Member\": \"postgres-0\", \"Host\": "
				    "\"127.0.0.1:5440\", \"Role\": \"Leader\", \"State\": \"running\", "
				    "\"TL\": 1, \"Tags\": {\"clonefrom\": true, \"mytag\": \"x\"}}, "
				    "{\"Cluster\": \"batman\", \"Member\": \"postgres-1\", \"Host\": "
				    "\"127.0.0.1:5441\", \"Role\": \"Replica\", \"State\": \"streaming\", "
				    "\"TL\": 1, \"Receive LSN\": \"0/5000060\", \"Receive Lag\": 0, \"Replay LSN\": "
				    "\"0/5000060\", \"Replay Lag\": 0, "
				    "\"Tags\": {\"clonefrom\": true, \"mytag\": \"x\"}}]\n");
}

static void yaml_is_sorted_and_ends_with_an_empty_line(void **state)
{
	(void)state;
	lead("postgres-0");
	add_member("postgres-0", ROLE_PRIMARY, 5432, "");
	render_list(snapshot, OUTPUT_YAML, false, &text);
	assert_string_equal(memory, "- Cluster: batman\n  Host: 127.0.0.1\n  Member: postgres-0\n  Role: Leader\n  "
				    "State: running\n  TL: 1\n\n");
}

static void a_restart_that_waits_is_shown_with_its_reasons(void **state)
{
	(void)state;
	lead("postgres-0");
	add_member("postgres-0", ROLE_PRIMARY, 5432,
		   "{\"pending_restart_reason\":{\"max_connections\":{\"old_value\":\"100\",\"new_value\":\"200\"},"
		   "\"shared_preload_libraries\":{\"old_value\":\"pg_stat_statements\",\"new_value\":\"pg_stat_"
		   "statements,x\"}},"
		   "\"scheduled_restart\":{\"schedule\":\"2026-12-01T00:00:00+00:00\",\"postgres_version\":\"15.9\"}}")
		->pending_restart = true;
	render_list(snapshot, OUTPUT_PRETTY, false, &text);
	assert_non_null(strstr(memory, " Pending restart | Pending restart reason                        | Scheduled "
				       "restart                           |\n"));
	assert_non_null(strstr(memory, "| *               | max_connections: 100->200                     | "
				       "2026-12-01T00:00:00+00:00 if version < 15.9 |\n"));
	assert_non_null(strstr(memory, "| shared_preload_libraries: [hidden - too long] |"));
	strbuf_init(&text, memory, sizeof(memory));
	render_list(snapshot, OUTPUT_JSON, false, &text);
	assert_non_null(strstr(memory, "shared_preload_libraries: pg_stat_statements->pg_stat_statements,x\""));
}

static void extended_shows_empty_columns(void **state)
{
	(void)state;
	lead("postgres-0");
	add_member("postgres-0", ROLE_PRIMARY, 5432, "");
	render_list(snapshot, OUTPUT_TSV, true, &text);
	assert_string_equal(memory, "Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay "
				    "LSN\tReplay Lag\tPending restart\t"
				    "Pending restart reason\tScheduled restart\tTags\n"
				    "batman\tpostgres-0\t127.0.0.1\tLeader\trunning\t1\t\t\t\t\t\t\t\t\n");
}

static void tags_in_one_line_are_sorted(void **state)
{
	(void)state;
	lead("postgres-0");
	add_member("postgres-0", ROLE_PRIMARY, 5432,
		   "{\"tags\":{\"z\":[1,{\"y\":2,\"x\":null}],\"a\":{\"c\":1.5,\"b\":\"yes\"}}}");
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_non_null(strstr(memory, "\t{a: {b: 'yes', c: 1.5}, z: [1, {x: null, y: 2}]}\n"));
}

static void a_pod_that_says_nothing_has_no_state(void **state)
{
	(void)state;
	lead("postgres-0");
	struct member *member = add_member("postgres-0", ROLE_UNINITIALIZED, 0, "{\"state\":\"of another release\"}");
	member->state = STATE_UNKNOWN;
	member->conn_host[0] = '\0';
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_non_null(strstr(memory, "batman\tpostgres-0\t\tLeader\tof another release\t1\t"));
	replace_text(&snapshot->status_texts[0], "");
	strbuf_init(&text, memory, sizeof(memory));
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_non_null(strstr(memory, "batman\tpostgres-0\t\tLeader\t\t1\t"));
}

static void a_standby_without_a_replay_position_counts_by_its_own(void **state)
{
	(void)state;
	lead("postgres-0");
	add_member("postgres-1", ROLE_REPLICA, 5432, "")->replay_lsn = 0;
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_non_null(strstr(memory, "\t0/5000060\t0\t0/5000060\t0\n"));
}

static void unknown_positions_have_no_lag(void **state)
{
	(void)state;
	lead("postgres-0");
	struct member *member = add_member("postgres-1", ROLE_REPLICA, 5432, "");
	member->xlog_lsn = member->receive_lsn = member->replay_lsn = 0;
	member->replication_state[0] = '\0';
	member->state = STATE_START_FAILED;
	member->timeline = 0;
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_non_null(
		strstr(memory, "batman\tpostgres-1\t127.0.0.1\tReplica\tstart failed\t\tunknown\t\tunknown\t\n"));
}

static void lags_are_whole_megabytes_with_halves_to_even(void **state)
{
	static const struct {
		uint64_t behind;
		const char *shown;
	} cases[] = { { 524287, "0" },  { 524288, "0" },  { 524289, "1" },
		      { 1572864, "2" }, { 2621440, "2" }, { 2621441, "3" } };
	(void)state;
	lead("postgres-0");
	struct member *member = add_member("postgres-1", ROLE_REPLICA, 5432, "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char want[64];
		member->receive_lsn = snapshot->cluster.optime_lsn - cases[i].behind;
		strbuf_init(&text, memory, sizeof(memory));
		render_list(snapshot, OUTPUT_TSV, false, &text);
		snprintf(want, sizeof(want), "\t%s\t0/5000060\t0\n", cases[i].shown);
		assert_non_null(strstr(memory, want));
	}
}

static void footers_and_titles_say_the_state_of_the_cluster(void **state)
{
	(void)state;
	batman();
	snapshot->cluster.initialize = INITIALIZE_RUNNING;
	replace_text(&snapshot->config_text, "{\"pause\":true}");
	render_list(snapshot, OUTPUT_PRETTY, false, &text);
	assert_non_null(strstr(memory, "+ Cluster: batman (initializing) "));
	assert_non_null(strstr(memory, "+\n Maintenance mode: on\n"));
	snapshot->cluster.initialize = INITIALIZE_ABSENT;
	strbuf_init(&text, memory, sizeof(memory));
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_null(strstr(memory, "Maintenance"));
	strbuf_init(&text, memory, sizeof(memory));
	render_list(snapshot, OUTPUT_PRETTY, false, &text);
	assert_non_null(strstr(memory, "+ Cluster: batman (uninitialized) "));
}

static void a_standby_cluster_says_so(void **state)
{
	(void)state;
	batman();
	replace_text(&snapshot->config_text, "{\"standby_cluster\":{\"port\":5432}}");
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_non_null(strstr(memory, "postgres-0\t127.0.0.1:5440\tStandby Leader\t"));
}

/* The members as they stand in the first column, one a line. */
static void assert_tree(const char *want)
{
	char names[512];
	struct strbuf b;
	strbuf_init(&text, memory, sizeof(memory));
	strbuf_init(&b, names, sizeof(names));
	render_list(snapshot, OUTPUT_TOPOLOGY, false, &text);
	int line_number = 0;
	for (const char *line = memory; *line != '\0'; line += strcspn(line, "\n") + 1) {
		if (*line != '|' || line_number++ == 0)
			continue;
		size_t len = strcspn(line + 2, "|");
		while (len > 0 && line[1 + len] == ' ')
			len--;
		strbuf_add_bytes(&b, line + 2, len);
		strbuf_add_char(&b, '\n');
	}
	assert_string_equal(names, want);
}

static void the_tree_follows_replicatefrom(void **state)
{
	(void)state;
	lead("b");
	add_member("a", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"d\"}}");
	add_member("b", ROLE_PRIMARY, 5432, "");
	add_member("c", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"a\"}}");
	add_member("d", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"b\"}}");
	add_member("e", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"gone\"}}");
	add_member("f", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"f\"}}");
	assert_tree("b\n+ d\n  + a\n    + c\n+ e\n+ f\n");
}

static void a_ring_of_replicas_is_still_shown(void **state)
{
	(void)state;
	lead("b");
	add_member("a", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"c\"}}");
	add_member("b", ROLE_PRIMARY, 5432, "");
	add_member("c", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"a\"}}");
	add_member("d", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"c\"}}");
	assert_tree("b\n+ a\n+ c\n+ d\n");
}

static void without_a_leader_all_hang_below_nobody(void **state)
{
	(void)state;
	add_member("a", ROLE_REPLICA, 5432, "");
	add_member("b", ROLE_REPLICA, 5432, "{\"tags\":{\"replicatefrom\":\"a\"}}");
	assert_tree("+ a\n  + b\n");
}

static void answers_are_put_over_what_is_stored(void **state)
{
	(void)state;
	batman();
	snapshot->answers[1] = json_of(
		"{\"state\":\"running\",\"role\":\"replica\",\"timeline\":2,\"xlog\":{\"received_location\":83886080,"
		"\"replayed_location\":67108864},\"replication_state\":\"in archive "
		"recovery\",\"patroni\":{\"version\":\"4.1.4\"}}");
	snapshot->answers[0] = json_of("[\"no status\"]");
	render_list(snapshot, OUTPUT_TSV, false, &text);
	assert_non_null(strstr(memory, "postgres-0\t127.0.0.1:5440\tLeader\trunning\t1\t"));
	assert_non_null(strstr(
		memory, "postgres-1\t127.0.0.1:5441\tReplica\tin archive recovery\t2\t0/5000000\t0\t0/4000000\t16\t"));
}

/* ---- history, show-config, version ---- */

static void history_is_patronictls(void **state)
{
	(void)state;
	replace_text(&snapshot->history_text,
		     "[[1,83886472,\"no recovery target "
		     "specified\",\"2026-11-22T22:07:16.479980+00:00\",\"postgres-1\"],[2,1,\"x\"]]");
	render_history(snapshot, OUTPUT_PRETTY, &text);
	assert_string_equal(
		memory,
		"+----+----------+------------------------------+----------------------------------+------------+\n"
		"| TL |      LSN | Reason                       | Timestamp                        | New Leader |\n"
		"+----+----------+------------------------------+----------------------------------+------------+\n"
		"|  1 | 83886472 | no recovery target specified | 2026-11-22T22:07:16.479980+00:00 | postgres-1 |\n"
		"|  2 |        1 | x                            |                                  |            |\n"
		"+----+----------+------------------------------+----------------------------------+------------+\n");
	strbuf_init(&text, memory, sizeof(memory));
	render_history(snapshot, OUTPUT_JSON, &text);
	assert_string_equal(memory,
			    "[{\"TL\": 1, \"LSN\": 83886472, \"Reason\": \"no recovery target specified\", "
			    "\"Timestamp\": \"2026-11-22T22:07:16.479980+00:00\", \"New Leader\": \"postgres-1\"}, "
			    "{\"TL\": 2, \"LSN\": 1, \"Reason\": \"x\", \"Timestamp\": \"\", \"New Leader\": \"\"}]\n");
}

static void a_cluster_without_history_has_an_empty_table(void **state)
{
	(void)state;
	render_history(snapshot, OUTPUT_TSV, &text);
	assert_string_equal(memory, "TL\tLSN\tReason\tTimestamp\tNew Leader\n");
	replace_text(&snapshot->history_text, "{broken");
	strbuf_init(&text, memory, sizeof(memory));
	render_history(snapshot, OUTPUT_JSON, &text);
	assert_string_equal(memory, "[]\n");
}

static void the_configuration_is_sorted_yaml(void **state)
{
	(void)state;
	struct json *config = json_of("{\"ttl\":20,\"postgresql\":{\"use_slots\":true,\"parameters\":{\"b\":\"on\","
				      "\"a\":1}},\"loop_wait\":2}");
	render_config(config, &text);
	assert_string_equal(
		memory,
		"loop_wait: 2\npostgresql:\n  parameters:\n    a: 1\n    b: 'on'\n  use_slots: true\nttl: 20\n\n");
	json_free(config);
}

static void versions_name_agent_and_server(void **state)
{
	(void)state;
	batman();
	snapshot->answers[0] =
		json_of("{\"server_version\":150020,\"patroni\":{\"version\":\"4.1.4\",\"howdah_version\":\"9.8.7\"}}");
	text_copy(snapshot->complaints[1], sizeof(snapshot->complaints[1]), "connection refused");
	cli = (struct cli){ .compatible = true, .name_count = 1, .names = { "batman" } };
	render_versions(snapshot, &cli, &text);
	assert_string_equal(
		memory,
		"postgres-0: Patroni 4.1.4 PostgreSQL 15.20\npostgres-1: failed to get version: connection refused\n");
	cli = (struct cli){ .name_count = 2, .names = { "batman", "postgres-0" } };
	strbuf_init(&text, memory, sizeof(memory));
	render_versions(snapshot, &cli, &text);
	assert_string_equal(memory, "postgres-0: howdah 9.8.7 PostgreSQL 15.20\n");
}

static void old_servers_have_three_numbers(void **state)
{
	char version[24];
	(void)state;
	words_server_version(90624, version, sizeof(version));
	assert_string_equal(version, "9.6.24");
	words_server_version(180001, version, sizeof(version));
	assert_string_equal(version, "18.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_are_read_in_all_their_forms),
		TEST(mistakes_are_named),
		TEST(help_names_everything),
		TEST(help_fits_the_screen),
		TEST(the_reference_has_every_command),
		TEST(topology_is_patronictls),
		TEST(tags_stand_over_several_lines_in_a_pretty_list),
		TEST(tsv_names_the_cluster_in_each_row),
		TEST(json_leaves_empty_cells_out),
		TEST(yaml_is_sorted_and_ends_with_an_empty_line),
		TEST(a_restart_that_waits_is_shown_with_its_reasons),
		TEST(extended_shows_empty_columns),
		TEST(tags_in_one_line_are_sorted),
		TEST(a_pod_that_says_nothing_has_no_state),
		TEST(a_standby_without_a_replay_position_counts_by_its_own),
		TEST(unknown_positions_have_no_lag),
		TEST(lags_are_whole_megabytes_with_halves_to_even),
		TEST(footers_and_titles_say_the_state_of_the_cluster),
		TEST(a_standby_cluster_says_so),
		TEST(the_tree_follows_replicatefrom),
		TEST(a_ring_of_replicas_is_still_shown),
		TEST(without_a_leader_all_hang_below_nobody),
		TEST(answers_are_put_over_what_is_stored),
		TEST(history_is_patronictls),
		TEST(a_cluster_without_history_has_an_empty_table),
		TEST(the_configuration_is_sorted_yaml),
		TEST(versions_name_agent_and_server),
		TEST(old_servers_have_three_numbers),
		TEST(the_reference_page_is_up_to_date),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
