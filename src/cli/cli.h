/* howdahctl: what its files share. A command is a row of the table in table.c and a function; options are rows of the table in options.c; help, usage and the
 * reference page come from the rows.
 *
 * Run as `patronictl` it behaves as that does: a request that a member refuses is told, and the exit code is 0. Run by any other name it says what to do and
 * ends with 1. */
#ifndef HOWDAH_SRC_CLI_CLI_H
#define HOWDAH_SRC_CLI_CLI_H

#include "base/err.h"
#include "base/strbuf.h"

#include <stdio.h>

#define CLI_CONTRACT_VERSION "4.1.4" /* the release of Patroni whose output is kept */

enum { CLI_NAMES_MAX = 64, CLI_OPTIONS_MAX = 14, CLI_PAIRS_MAX = 64, CLI_TEXT_SIZE = 1024 * 1024 };

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
	CLI_ROLE,
	CLI_MEMBER,
	CLI_FORCE,
	CLI_LEADER,
	CLI_CANDIDATE,
	CLI_SCHEDULED,
	CLI_ANY,
	CLI_BELOW_VERSION,
	CLI_PENDING,
	CLI_TIMEOUT,
	CLI_FROM_LEADER,
	CLI_WAIT,
	CLI_QUIET,
	CLI_SET,
	CLI_SET_PARAMETER,
	CLI_APPLY,
	CLI_REPLACE,
	CLI_QUERY_FORMAT,
	CLI_QUERY_FILE,
	CLI_QUERY_COMMAND,
	CLI_DELIMITER,
	CLI_DBNAME,
	CLI_USERNAME,
	CLI_PASSWORD,
	CLI_OPTION_COUNT
};

struct cli_option_row {
	const char *names[5];
	const char *value;   /* what --help calls the value; NULL: a flag */
	const char *words;   /* "a|b|c": the values it takes; NULL: any */
	const char *refused; /* why it is not taken; NULL: it is */
	bool repeated;       /* each occurrence counts: in `pairs` */
	const char *text;
};
extern const struct cli_option_row cli_options[CLI_OPTION_COUNT];

struct cli_pair {
	enum cli_option option;
	const char *value;
};

struct cli { /* one invocation */
	const char *program;
	bool compatible; /* run as patronictl: output is exactly the contract's */
	FILE *in, *out, *errors;
	bool terminal; /* somebody sits there and can be asked */
	int columns;   /* how wide the output may be */
	bool colour;
	bool paged; /* a long text goes through $PAGER */
	const struct cli_command *command;
	const char *options[CLI_OPTION_COUNT]; /* the value, "" for a flag; NULL: not given */
	int pair_count;
	struct cli_pair pairs[CLI_PAIRS_MAX]; /* of options that may be repeated, in their order */
	int name_count;
	const char *names[CLI_NAMES_MAX];
};

struct cli_command {
	const char *name;
	const char *arguments; /* as usage shows them */
	const char *text;
	int names_min, names_max;
	enum cli_option options[CLI_OPTIONS_MAX];
	bool (*run)(const struct cli *cli, struct err *err); /* its error ends the program with 1 */
};
extern const struct cli_command cli_commands[];
extern const int cli_command_count;
extern const enum cli_option cli_global_options[CLI_OPTIONS_MAX];

/* The whole program; returns its exit code. cli_run: on the streams that are in `cli`, by the name argv[0]. */
int cli_main(int argc, const char *const argv[]);
int cli_run(struct cli *cli, int argc, const char *const argv[]);

/* Fills cli from the command line. A mistake is ERR_INPUT and belongs to usage. */
MUST_CHECK bool cli_parse(struct cli *cli, int argc, const char *const argv[], struct err *err);

/* help.c */
void cli_print_usage(const struct cli *cli, struct strbuf *to); /* one line */
void cli_print_help(const struct cli *cli, struct strbuf *to);  /* of the command, or of the program */
void cli_print_reference(struct strbuf *to);                    /* docs/howdahctl.md's generated part */

/* Calls print with a text to fill and writes it to the output. */
typedef void cli_print(const void *arg, struct strbuf *to);
MUST_CHECK bool cli_output(const struct cli *cli, cli_print *print, const void *arg, struct err *err);
/* The same, through $PAGER where somebody sits at a terminal. */
MUST_CHECK bool cli_page(const struct cli *cli, cli_print *print, const void *arg, struct err *err);
void cli_say(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3); /* a line, seen at once */

/* Runs `round` once, or, with -w or -W, again and again on a cleared screen. */
MUST_CHECK bool cli_watch(const struct cli *cli, bool (*round)(const struct cli *cli, struct err *err),
			  struct err *err);

/* ---- questions (prompt.c): false when nobody answers, or nobody can be asked ---- */

enum { CLI_ANSWER_SIZE = 256 };

/* "question [fallback]: "; an empty answer is the fallback; NULL: there is none, and it is asked again. */
MUST_CHECK bool cli_ask(const struct cli *cli, const char *question, const char *fallback,
			char answer[static CLI_ANSWER_SIZE], struct err *err);
/* "question [y/N]: "; anything but yes is false, with `refusal` as the error. */
MUST_CHECK bool cli_confirm(const struct cli *cli, const char *question, const char *refusal, struct err *err);
/* Not shown while it is typed. */
MUST_CHECK bool cli_ask_password(const struct cli *cli, char answer[static CLI_ANSWER_SIZE], struct err *err);
bool cli_forced(const struct cli *cli);
bool err_is_aborted(const struct err *err);

/* A time that somebody typed, as ISO 8601 with an offset; without one it is local time. "now": "". */
MUST_CHECK bool cli_schedule(const char *text, char iso[static 40], struct err *err);
/* An hour from now, as an example in a question. */
void cli_next_hour(char *text, size_t size);

/* ---- the commands ---- */

bool cmd_list(const struct cli *cli, struct err *err);
bool cmd_topology(const struct cli *cli, struct err *err);
bool cmd_history(const struct cli *cli, struct err *err);
bool cmd_show_config(const struct cli *cli, struct err *err);
bool cmd_explain(const struct cli *cli, struct err *err);
bool cmd_version(const struct cli *cli, struct err *err);
bool cmd_switchover(const struct cli *cli, struct err *err);
bool cmd_failover(const struct cli *cli, struct err *err);
bool cmd_restart(const struct cli *cli, struct err *err);
bool cmd_reload(const struct cli *cli, struct err *err);
bool cmd_reinit(const struct cli *cli, struct err *err);
bool cmd_flush(const struct cli *cli, struct err *err);
bool cmd_pause(const struct cli *cli, struct err *err);
bool cmd_resume(const struct cli *cli, struct err *err);
bool cmd_rollout(const struct cli *cli, struct err *err);
bool cmd_edit_config(const struct cli *cli, struct err *err);
bool cmd_remove(const struct cli *cli, struct err *err);
bool cmd_dsn(const struct cli *cli, struct err *err);
bool cmd_query(const struct cli *cli, struct err *err);

#endif
