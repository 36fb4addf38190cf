/* howdahctl: what its files share. A command is a row of the table in cli.c and a function; options are rows of the table in options.c; help, usage and the
 * reference page come from the rows. */
#ifndef HOWDAH_SRC_CLI_CLI_H
#define HOWDAH_SRC_CLI_CLI_H

#include "base/err.h"
#include "base/strbuf.h"

#define CLI_CONTRACT_VERSION "4.1.4" /* the release of Patroni whose output is kept */

enum { CLI_NAMES_MAX = 64, CLI_OPTIONS_MAX = 8, CLI_TEXT_SIZE = 1024 * 1024 };

enum cli_option {
	CLI_OPTION_NONE,
	CLI_CONFIG_FILE,
	CLI_DCS_URL,
	CLI_INSECURE,
	CLI_HELP,
	CLI_REFERENCE,
	CLI_FORMAT,
	CLI_EXTENDED,
	CLI_TIMESTAMP,
	CLI_WATCH_TWO,
	CLI_WATCH,
	CLI_GROUP,
	CLI_COUNT,
	CLI_JSON,
	CLI_FILE,
	CLI_OPTION_COUNT
};

struct cli_option_row {
	const char *names[5];
	const char *value;   /* what --help calls the value; NULL: a flag */
	const char *words;   /* "a|b|c": the values it takes; NULL: any */
	const char *refused; /* why it is not taken; NULL: it is */
	const char *text;
};
extern const struct cli_option_row cli_options[CLI_OPTION_COUNT];

struct cli { /* one invocation */
	const char *program;
	bool compatible; /* run as patronictl: output is exactly the contract's */
	const struct cli_command *command;
	const char *options[CLI_OPTION_COUNT]; /* the value, "" for a flag; NULL: not given */
	int name_count;
	const char *names[CLI_NAMES_MAX];
	int columns; /* how wide the output may be */
	bool colour;
};

struct cli_command {
	const char *name;
	const char *arguments; /* as usage shows them */
	const char *text;
	int names_max;
	enum cli_option options[CLI_OPTIONS_MAX];
	bool (*run)(const struct cli *cli, struct err *err); /* its error ends the program with 1 */
};
extern const struct cli_command cli_commands[];
extern const int cli_command_count;
extern const enum cli_option cli_global_options[CLI_OPTIONS_MAX];

/* The whole program; returns its exit code. */
int cli_main(int argc, const char *const argv[]);

/* Fills cli from the command line. A mistake is ERR_INPUT and belongs to usage. */
MUST_CHECK bool cli_parse(struct cli *cli, int argc, const char *const argv[], struct err *err);

/* help.c */
void cli_print_usage(const struct cli *cli, struct strbuf *to); /* one line */
void cli_print_help(const struct cli *cli, struct strbuf *to);  /* of the command, or of the program */
void cli_print_reference(struct strbuf *to);                    /* docs/howdahctl.md's generated part */

/* Calls print with a text to fill and writes it to standard output. */
MUST_CHECK bool cli_output(void (*print)(const void *arg, struct strbuf *to), const void *arg, struct err *err);

/* Runs `round` once, or, with -w or -W, again and again on a cleared screen. */
MUST_CHECK bool cli_watch(const struct cli *cli, bool (*round)(const struct cli *cli, struct err *err),
			  struct err *err);

/* The commands. */
bool cmd_list(const struct cli *cli, struct err *err);
bool cmd_topology(const struct cli *cli, struct err *err);
bool cmd_history(const struct cli *cli, struct err *err);
bool cmd_show_config(const struct cli *cli, struct err *err);
bool cmd_explain(const struct cli *cli, struct err *err);
bool cmd_version(const struct cli *cli, struct err *err);

#endif
