/* The options, and the command line read by their table: long and short ones, values behind a blank or =, flags in a bundle, names between options. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

const struct cli_option_row cli_options[CLI_OPTION_COUNT] = {
	[CLI_OPTION_NONE] = { .text = "" },
	[CLI_CONFIG_FILE] = { { "-c", "--config-file" },
			      "FILE",
			      .text = "Configuration file or directory. Else PATRONICTL_CONFIG_FILE, HOWDAH_CONFIG, "
				      "~/.config/patroni/patronictl.yaml, /etc/howdah; "
				      "without any of them the environment alone." },
	[CLI_DCS_URL] = { { "-d", "--dcs-url", "--dcs" },
			  "URL",
			  .refused = "The store is Kubernetes, which no URL can name: set the kubernetes section of "
				     "the configuration, KUBECONFIG and its context",
			  .text = "Not taken: the store is Kubernetes, found as the configuration says." },
	[CLI_INSECURE] = { { "-k", "--insecure" }, .text = "Do not check the certificates of members." },
	[CLI_HELP] = { { "-h", "--help" }, .text = "Show this and end." },
	[CLI_REFERENCE] = { { "--reference" }, .text = "Print the reference page of all commands, as Markdown." },
	[CLI_FORMAT] = { { "-f", "--format", "-o", "--output" },
			 "FORMAT",
			 "pretty|tsv|json|yaml|yml",
			 .text = "Output exactly as patronictl has it, in this format." },
	[CLI_EXTENDED] = { { "-e", "--extended" },
			   .text = "Show the columns about restarts and tags even if they are empty." },
	[CLI_TIMESTAMP] = { { "-t", "--timestamp" }, .text = "Say the time first." },
	[CLI_WATCH_TWO] = { { "-W" }, .text = "Show it again every 2 seconds." },
	[CLI_WATCH] = { { "-w", "--watch" }, "SECONDS", .text = "Show it again after so many seconds." },
	[CLI_GROUP] = { { "--group" },
			"INTEGER",
			.refused = "--group is for Citus clusters, which are not supported",
			.text = "Not taken: Citus is not supported." },
	[CLI_COUNT] = { { "-n", "--count" }, "NUMBER", .text = "Show the last so many decisions; 5 where not given." },
	[CLI_JSON] = { { "--json" }, .text = "Print the decisions as they were recorded, as a JSON array." },
	[CLI_ROLE] = { { "-r", "--role" },
		       "ROLE",
		       "leader|primary|standby-leader|replica|standby|any",
		       .text = "Only members with this role. A standby-leader leads a standby cluster, a primary any "
			       "other; a leader is either." },
	[CLI_MEMBER] = { { "-m", "--member" }, "MEMBER", .text = "This member." },
	[CLI_FORCE] = { { "--force" }, .text = "Ask no questions." },
	[CLI_LEADER] = { { "--leader", "--primary" }, "MEMBER", .text = "Who leads now; refused if it does not." },
	[CLI_CANDIDATE] = { { "--candidate" }, "MEMBER", .text = "Who is to lead." },
	[CLI_SCHEDULED] = { { "--scheduled" },
			    "TIMESTAMP",
			    .text = "When: `now`, or as in 2026-12-24T18:00+01:00; local time without an offset." },
	[CLI_ANY] = { { "--any" }, .text = "Only one of them, any." },
	[CLI_BELOW_VERSION] = { { "--pg-version" },
				"VERSION",
				.text = "Only where the server is older than this, as in 15.4." },
	[CLI_PENDING] = { { "--pending" }, .text = "Only where a restart is pending." },
	[CLI_TIMEOUT] = { { "--timeout" },
			  "TIME",
			  .text = "How long it may take, as in 30 or 5min, before another member takes over." },
	[CLI_FROM_LEADER] = { { "--from-leader" }, .text = "Copy from the leader, not from a replica." },
	[CLI_WAIT] = { { "--wait" }, .text = "Wait until it is done." },
	[CLI_QUIET] = { { "-q", "--quiet" }, .text = "Do not show the difference." },
	[CLI_SET] = { { "-s", "--set" },
		      "KEY=VALUE",
		      .repeated = true,
		      .text = "Set a key, as in `ttl=20` or `postgresql.use_slots=false`; `null` takes it away. May be "
			      "given several times." },
	[CLI_SET_PARAMETER] = { { "-p", "--pg" },
				"KEY=VALUE",
				.repeated = true,
				.text = "The same for a parameter of PostgreSQL: `-p work_mem=64MB`." },
	[CLI_APPLY] = { { "--apply" },
			"FILE",
			.text = "Merge this YAML into the configuration; `null` takes a key away. `-`: standard "
				"input." },
	[CLI_REPLACE] = { { "--replace" },
			  "FILE",
			  .text = "Replace the configuration by this YAML. `-`: standard input." },
	[CLI_QUERY_FORMAT] = { { "--format" },
			       "FORMAT",
			       "pretty|tsv|json|yaml|yml",
			       .text = "How rows are printed; tsv where not given." },
	[CLI_QUERY_FILE] = { { "-f", "--file" }, "FILE", .text = "Run the SQL in this file." },
	[CLI_QUERY_COMMAND] = { { "-c", "--command" }, "SQL", .text = "Run this SQL." },
	[CLI_DELIMITER] = { { "--delimiter" }, "TEXT", .text = "Between columns; a tab where not given." },
	[CLI_DBNAME] = { { "-d", "--dbname" }, "DATABASE", .text = "The database; where not given, the member's own." },
	[CLI_USERNAME] = { { "-U", "--username" }, "USER", .text = "The user; where not given, as libpq finds it." },
	[CLI_PASSWORD] = { { "--password" }, .text = "Ask for the password." },
	[CLI_FILE] = { { "--file" },
		       "PATH",
		       .text = "The flight recorder's file; else `turns` in HOWDAH_RUN_DIR or /run/howdah." },
};

const enum cli_option cli_global_options[CLI_OPTIONS_MAX] = { CLI_CONFIG_FILE, CLI_DCS_URL, CLI_INSECURE, CLI_HELP,
							      CLI_REFERENCE };

struct reader {
	struct cli *cli;
	int argc;
	const char *const *argv;
	int at;
	bool names_only; /* behind -- */
};

static bool has_name(enum cli_option option, const char *name, size_t len)
{
	const char *const *names = cli_options[option].names;
	for (int i = 0; names[i] != NULL; i++)
		if (strlen(names[i]) == len && strncmp(names[i], name, len) == 0)
			return true;
	return false;
}

static enum cli_option find_option(const struct cli *cli, const char *name, size_t len)
{
	const enum cli_option *known = cli->command == NULL ? cli_global_options : cli->command->options;
	for (int i = 0; i < CLI_OPTIONS_MAX && known[i] != CLI_OPTION_NONE; i++)
		if (has_name(known[i], name, len))
			return known[i];
	return has_name(CLI_HELP, name, len) ? CLI_HELP : CLI_OPTION_NONE;
}

static bool is_word(const char *words, const char *value)
{
	size_t len = strlen(value);
	for (const char *at = words; at != NULL; at = strchr(at, '|')) {
		at += *at == '|';
		if (strcspn(at, "|") == len && strncmp(at, value, len) == 0)
			return true;
	}
	return false;
}

static bool set_option(struct cli *cli, enum cli_option option, const char *name, const char *value, struct err *err)
{
	const struct cli_option_row *row = &cli_options[option];
	if (row->refused != NULL)
		return err_set(err, ERR_INPUT, "%s", row->refused);
	if (row->words != NULL && !is_word(row->words, value))
		return err_set(err, ERR_INPUT, "Invalid value for '%s': '%s' is not one of %s", name, value,
			       row->words);
	cli->options[option] = value;
	if (!row->repeated)
		return true;
	if (cli->pair_count == CLI_PAIRS_MAX)
		return err_set(err, ERR_INPUT, "'%s' is given more than %d times", name, CLI_PAIRS_MAX);
	cli->pairs[cli->pair_count++] = (struct cli_pair){ option, value };
	return true;
}

/* `inside` is a value that stands in the same argument; NULL: it may be the next one. */
static bool take_option(struct reader *r, const char *name, size_t len, const char *inside, struct err *err)
{
	char text[64];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_add_bytes(&b, name, len);
	enum cli_option option = find_option(r->cli, name, len);
	if (option == CLI_OPTION_NONE)
		return err_set(err, ERR_INPUT, "No such option: %s", text);
	if (cli_options[option].value == NULL)
		return inside == NULL ? set_option(r->cli, option, text, "", err)
				      : err_set(err, ERR_INPUT, "Option '%s' does not take a value", text);
	if (inside == NULL && r->at >= r->argc)
		return err_set(err, ERR_INPUT, "Option '%s' requires an argument", text);
	return set_option(r->cli, option, text, inside != NULL ? inside : r->argv[r->at++], err);
}

/* -etW, -fjson, -f json */
static bool take_bundle(struct reader *r, const char *argument, struct err *err)
{
	for (const char *letter = argument + 1; *letter != '\0'; letter++) {
		char name[3] = { '-', *letter, '\0' };
		bool last = letter[1] == '\0';
		bool takes_value = cli_options[find_option(r->cli, name, 2)].value != NULL;
		if (takes_value || last)
			return take_option(r, name, 2, last ? NULL : letter + 1, err);
		if (!take_option(r, name, 2, NULL, err))
			return false;
	}
	return true;
}

static bool take_long(struct reader *r, const char *argument, struct err *err)
{
	const char *sign = strchrnul(argument, '=');
	return take_option(r, argument, (size_t)(sign - argument), *sign == '=' ? sign + 1 : NULL, err);
}

static bool take_command(struct reader *r, const char *name, struct err *err)
{
	for (int i = 0; i < cli_command_count; i++)
		if (strcmp(cli_commands[i].name, name) == 0) {
			r->cli->command = &cli_commands[i];
			return true;
		}
	return err_set(err, ERR_INPUT, "No such command '%s'", name);
}

static bool take_name(struct reader *r, const char *name, struct err *err)
{
	struct cli *cli = r->cli;
	if (cli->command == NULL)
		return take_command(r, name, err);
	if (cli->name_count >= cli->command->names_max)
		return err_set(err, ERR_INPUT, "Got unexpected extra argument (%s)", name);
	cli->names[cli->name_count++] = name;
	return true;
}

static bool take_argument(struct reader *r, const char *argument, struct err *err)
{
	if (r->names_only || argument[0] != '-' || argument[1] == '\0')
		return take_name(r, argument, err);
	if (argument[1] != '-')
		return take_bundle(r, argument, err);
	if (argument[2] != '\0')
		return take_long(r, argument, err);
	r->names_only = true;
	return true;
}

static bool check_seconds(const char *text, struct err *err)
{
	char *end;
	double seconds = text == NULL ? 1 : strtod(text, &end);
	if (text != NULL && (end == text || *end != '\0' || !(seconds > 0 && seconds < 1e6)))
		return err_set(err, ERR_INPUT, "Invalid value for '-w' / '--watch': '%s' is not a number of seconds",
			       text);
	return true;
}

bool cli_parse(struct cli *cli, int argc, const char *const argv[], struct err *err)
{
	struct reader r = { .cli = cli, .argc = argc, .argv = argv, .at = 1 };
	while (r.at < argc)
		if (!take_argument(&r, argv[r.at++], err))
			return false;
	if (cli->options[CLI_HELP] != NULL || cli->options[CLI_REFERENCE] != NULL)
		return true;
	if (cli->command == NULL)
		return err_set(err, ERR_INPUT, "Missing command");
	if (cli->name_count < cli->command->names_min)
		return err_set(err, ERR_INPUT, "Missing argument '%s'",
			       cli->name_count == 0 && strncmp(cli->command->arguments, "CLUSTER", 7) == 0
				       ? "CLUSTER"
				       : strrchr(cli->command->arguments, ' ') + 1);
	return check_seconds(cli->options[CLI_WATCH], err);
}
