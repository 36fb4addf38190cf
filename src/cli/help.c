/* Help, usage and the reference page, all from the tables. */
#include "cli.h"

#include <string.h>

enum { HELP_INDENT = 26, HELP_WIDTH = 80 };

void cli_print_usage(const struct cli *cli, struct strbuf *to)
{
	if (cli->command == NULL)
		strbuf_addf(to, "Usage: %s [OPTIONS] COMMAND [ARGS]...\n", cli->program);
	else
		strbuf_addf(to, "Usage: %s %s [OPTIONS] %s\n", cli->program, cli->command->name,
			    cli->command->arguments);
}

/* Words at most up to the width, further lines indented. */
static void print_wrapped(const char *text, int indent, struct strbuf *to)
{
	for (int column = indent; *text != '\0';) {
		int len = (int)strcspn(text, " ");
		if (column > indent && column + 1 + len > HELP_WIDTH) {
			strbuf_addf(to, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			strbuf_add_char(to, ' ');
			column++;
		}
		strbuf_add_bytes(to, text, (size_t)len);
		column += len;
		text += len;
		text += *text == ' ';
	}
	strbuf_add_char(to, '\n');
}

static void add_names(enum cli_option option, const char *quote, struct strbuf *to)
{
	const struct cli_option_row *row = &cli_options[option];
	for (int i = 0; row->names[i] != NULL; i++)
		strbuf_addf(to, "%s%s%s%s", i > 0 ? ", " : "", quote, row->names[i], quote);
}

static void print_option(enum cli_option option, struct strbuf *to)
{
	char memory[128];
	struct strbuf left;
	const struct cli_option_row *row = &cli_options[option];
	strbuf_init(&left, memory, sizeof(memory));
	add_names(option, "", &left);
	if (row->value != NULL)
		strbuf_addf(&left, " %s", row->value);
	strbuf_addf(to, "  %-*s", HELP_INDENT - 3, memory);
	if (left.len > HELP_INDENT - 4)
		strbuf_addf(to, "\n%*s", HELP_INDENT, "");
	else
		strbuf_add_char(to, ' ');
	print_wrapped(row->text, HELP_INDENT, to);
	if (row->words != NULL)
		strbuf_addf(to, "%*s%s\n", HELP_INDENT, "", row->words);
}

static void print_options(const enum cli_option *options, struct strbuf *to)
{
	strbuf_add(to, "\nOptions:\n");
	for (int i = 0; i < CLI_OPTIONS_MAX && options[i] != CLI_OPTION_NONE; i++)
		print_option(options[i], to);
}

static void print_command_help(const struct cli *cli, struct strbuf *to)
{
	strbuf_add(to, "\n  ");
	print_wrapped(cli->command->text, 2, to);
	print_options(cli->command->options, to);
	print_option(CLI_HELP, to);
}

static void print_program_help(struct strbuf *to)
{
	strbuf_add(to, "\n  Look after PostgreSQL clusters kept by howdah, or by Patroni on Kubernetes.\n");
	print_options(cli_global_options, to);
	strbuf_add(to, "\nCommands:\n");
	for (int i = 0; i < cli_command_count; i++) {
		strbuf_addf(to, "  %-*s ", HELP_INDENT - 3, cli_commands[i].name);
		print_wrapped(cli_commands[i].text, HELP_INDENT, to);
	}
	strbuf_add(to, "\nCLUSTER is the configuration's `scope` where it is not given.\n"
		       "Run as patronictl the output is exactly that of patronictl " CLI_CONTRACT_VERSION ".\n"
		       "Run as `kubectl howdah [-n NAMESPACE] [--scope CLUSTER] COMMAND` it runs in a\n"
		       "pod of the cluster, unless -c or PATRONICTL_CONFIG_FILE says to ask from here.\n");
}

void cli_print_help(const struct cli *cli, struct strbuf *to)
{
	cli_print_usage(cli, to);
	if (cli->command != NULL)
		print_command_help(cli, to);
	else
		print_program_help(to);
}

static void print_option_rows(const enum cli_option *options, struct strbuf *to)
{
	strbuf_add(to, "| option | value | meaning |\n|---|---|---|\n");
	for (int i = 0; i < CLI_OPTIONS_MAX && options[i] != CLI_OPTION_NONE; i++) {
		const struct cli_option_row *row = &cli_options[options[i]];
		strbuf_add(to, "| ");
		add_names(options[i], "`", to);
		strbuf_add(to, " | ");
		for (const char *c = row->words != NULL   ? row->words
				     : row->value != NULL ? row->value
							  : "";
		     *c != '\0'; c++)
			strbuf_add(to, *c == '|' ? " \\| " : (char[]){ *c, '\0' });
		strbuf_addf(to, " | %s |\n", row->text);
	}
}

void cli_print_reference(struct strbuf *to)
{
	strbuf_add(to, "### howdahctl [OPTIONS] COMMAND\n\n");
	print_option_rows(cli_global_options, to);
	for (int i = 0; i < cli_command_count; i++) {
		const struct cli_command *command = &cli_commands[i];
		strbuf_addf(to, "\n### howdahctl %s [OPTIONS] %s\n\n%s\n\n", command->name, command->arguments,
			    command->text);
		print_option_rows(command->options, to);
	}
}
