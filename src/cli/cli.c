/* One invocation, from the command line to the exit code. */
#include "cli.h"
#include "edit.h"
#include "plugin.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, COLUMNS_DEFAULT = 80 };

static int fail_usage(const struct cli *cli, const char *text)
{
	char memory[1024];
	struct strbuf usage;
	strbuf_init(&usage, memory, sizeof(memory));
	cli_print_usage(cli, &usage);
	fprintf(cli->errors, "%sTry '%s%s%s --help' for help.\n\nError: %s\n", memory, cli->program,
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

static bool show(const struct cli *cli, const char *text, bool paged, struct err *err)
{
	if (paged && page_text(text))
		return true;
	fputs(text, cli->out);
	return fflush(cli->out) == 0 || err_errno(err, "standard output");
}

static bool output(const struct cli *cli, cli_print *print, const void *arg, bool paged, struct err *err)
{
	struct strbuf text;
	AUTO(text) char *memory = malloc(CLI_TEXT_SIZE);
	if (memory == NULL)
		abort();
	strbuf_init(&text, memory, CLI_TEXT_SIZE);
	print(arg, &text);
	if (!strbuf_ok(&text))
		return err_set(err, ERR_OTHER, "there is more to show than %d kB", CLI_TEXT_SIZE / 1024);
	return show(cli, memory, paged, err);
}

bool cli_output(const struct cli *cli, cli_print *print, const void *arg, struct err *err)
{
	return output(cli, print, arg, false, err);
}

bool cli_page(const struct cli *cli, cli_print *print, const void *arg, struct err *err)
{
	return output(cli, print, arg, cli->paged, err);
}

void cli_say(const struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(cli->out, format, args);
	va_end(args);
	fputc('\n', cli->out);
	fflush(cli->out);
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

static bool run(const struct cli *cli, struct err *err)
{
	if (cli->options[CLI_HELP] != NULL)
		return cli_output(cli, print_help, cli, err);
	if (cli->options[CLI_REFERENCE] != NULL)
		return cli_output(cli, print_reference, cli, err);
	return cli->command->run(cli, err);
}

int cli_run(struct cli *cli, int argc, const char *const argv[])
{
	struct err err;
	cli->program = program_name(argc > 0 ? argv[0] : NULL);
	cli->compatible = strcmp(cli->program, "patronictl") == 0;
	if (!cli_parse(cli, argc, argv, &err))
		return fail_usage(cli, err.text);
	if (run(cli, &err))
		return EXIT_SUCCESS;
	if (err_is_aborted(&err))
		fprintf(cli->errors, "%s\n", err.text);
	else
		fprintf(cli->errors, "Error: %s\n", err.text);
	return EXIT_FAILED;
}

int cli_main(int argc, const char *const argv[])
{
	struct cli cli = { .in = stdin,
			   .out = stdout,
			   .errors = stderr,
			   .terminal = isatty(STDIN_FILENO),
			   .columns = output_columns(),
			   .paged = isatty(STDOUT_FILENO),
			   .colour = isatty(STDOUT_FILENO) && text_is_empty(getenv("NO_COLOR")) };
	struct err err;
	log_set_level(LOG_WARNING);
	if (!plugin_is_wanted(program_name(argc > 0 ? argv[0] : NULL), argc, argv))
		return cli_run(&cli, argc, argv);
	if (!plugin_run(argc, argv, &err))
		fprintf(stderr, "Error: %s\n", err.text);
	return EXIT_FAILED;
}
