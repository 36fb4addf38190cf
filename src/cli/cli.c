/* The command table, and one invocation from the command line to the exit code. */
#include "cli.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, COLUMNS_DEFAULT = 80 };

const struct cli_command cli_commands[] = {
	{ .name = "list",
	  .arguments = "[CLUSTER]...",
	  .names_max = CLI_NAMES_MAX,
	  .run = cmd_list,
	  .options = { CLI_EXTENDED, CLI_TIMESTAMP, CLI_FORMAT, CLI_WATCH_TWO, CLI_WATCH, CLI_GROUP },
	  .text = "Show the members of a cluster: role, state, lag, and whether they could take over." },
	{ .name = "topology",
	  .arguments = "[CLUSTER]...",
	  .names_max = CLI_NAMES_MAX,
	  .run = cmd_topology,
	  .options = { CLI_WATCH_TWO, CLI_WATCH, CLI_GROUP },
	  .text = "Show the members as a tree: who streams from whom." },
	{ .name = "history",
	  .arguments = "[CLUSTER]",
	  .names_max = 1,
	  .run = cmd_history,
	  .options = { CLI_FORMAT, CLI_GROUP },
	  .text = "Show when each timeline ended, and who led after it." },
	{ .name = "show-config",
	  .arguments = "[CLUSTER]",
	  .names_max = 1,
	  .run = cmd_show_config,
	  .options = { CLI_GROUP },
	  .text = "Show the dynamic configuration as YAML." },
	{ .name = "explain",
	  .arguments = "",
	  .run = cmd_explain,
	  .options = { CLI_COUNT, CLI_JSON, CLI_FILE },
	  .text = "Say in words what this member decided lately, and why." },
	{ .name = "version",
	  .arguments = "[CLUSTER [MEMBER]...]",
	  .names_max = CLI_NAMES_MAX,
	  .run = cmd_version,
	  .options = { CLI_GROUP },
	  .text = "Show the version of this program and, of a cluster, those of its members." },
};
const int cli_command_count = ARRAY_SIZE(cli_commands);

static void print_text(const char *text, FILE *file)
{
	fputs(text, file);
}

static int fail_usage(const struct cli *cli, const char *text)
{
	char memory[1024];
	struct strbuf usage;
	strbuf_init(&usage, memory, sizeof(memory));
	cli_print_usage(cli, &usage);
	fprintf(stderr, "%sTry '%s%s%s --help' for help.\n\nError: %s\n", memory, cli->program,
		cli->command == NULL ? "" : " ", cli->command == NULL ? "" : cli->command->name, text);
	return EXIT_USAGE;
}

static void print_help(const void *arg, struct strbuf *to)
{
	cli_print_help(arg, to);
}

static void print_reference(const void *arg, struct strbuf *to)
{
	(void)arg;
	cli_print_reference(to);
}

bool cli_output(void (*print)(const void *arg, struct strbuf *to), const void *arg, struct err *err)
{
	struct strbuf text;
	AUTO(text) char *memory = malloc(CLI_TEXT_SIZE);
	if (memory == NULL)
		abort();
	strbuf_init(&text, memory, CLI_TEXT_SIZE);
	print(arg, &text);
	if (!strbuf_ok(&text))
		return err_set(err, ERR_OTHER, "there is more to show than %d kB", CLI_TEXT_SIZE / 1024);
	print_text(memory, stdout);
	return fflush(stdout) == 0 || err_errno(err, "standard output");
}

static const char *program_name(const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	return path == NULL ? "howdahctl" : slash == NULL ? path : slash + 1;
}

/* As wide as the terminal; where there is none, what every terminal has. */
static int output_columns(void)
{
	struct winsize size;
	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

static struct cli cli_init(const char *path)
{
	struct cli cli = { .program = program_name(path), .columns = output_columns() };
	cli.compatible = strcmp(cli.program, "patronictl") == 0;
	cli.colour = isatty(STDOUT_FILENO) && text_is_empty(getenv("NO_COLOR"));
	return cli;
}

static bool run(const struct cli *cli, struct err *err)
{
	if (cli->options[CLI_HELP] != NULL)
		return cli_output(print_help, cli, err);
	if (cli->options[CLI_REFERENCE] != NULL)
		return cli_output(print_reference, cli, err);
	return cli->command->run(cli, err);
}

int cli_main(int argc, const char *const argv[])
{
	struct err err;
	struct cli cli = cli_init(argc > 0 ? argv[0] : NULL);
	log_set_level(LOG_WARNING);
	if (!cli_parse(&cli, argc, argv, &err))
		return fail_usage(&cli, err.text);
	if (run(&cli, &err))
		return EXIT_SUCCESS;
	fprintf(stderr, "Error: %s\n", err.text);
	return EXIT_FAILED;
}
