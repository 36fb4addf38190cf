/* Questions, as patronictl asks them. Where nobody sits at a terminal howdahctl asks nothing and says so; patronictl reads whatever comes. */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const char aborted[] = "Aborted!";

bool err_is_aborted(const struct err *err)
{
	return strcmp(err->text, aborted) == 0;
}

bool cli_forced(const struct cli *cli)
{
	return cli->options[CLI_FORCE] != NULL;
}

static bool takes_force(const struct cli *cli)
{
	for (int i = 0; i < CLI_OPTIONS_MAX; i++)
		if (cli->command->options[i] == CLI_FORCE)
			return true;
	return false;
}

static bool may_ask(const struct cli *cli, const char *question, struct err *err)
{
	if (cli->terminal || cli->compatible)
		return true;
	return err_set(err, ERR_INPUT, "%s asks \"%s\", and there is no terminal to ask on. %s", cli->command->name,
		       question,
		       takes_force(cli) ? "Give what it asks for as options, and --force to go on without questions"
					: "Run it on a terminal");
}

static void on_interrupt(int signo)
{
	(void)signo;
}

/* Ctrl-C ends the read, not the program: what was typed so far counts for nothing. */
static bool read_line(const struct cli *cli, char *line, size_t size)
{
	struct sigaction now = { .sa_handler = on_interrupt }, before;
	fflush(cli->out);
	sigaction(SIGINT, &now, &before);
	bool done = fgets(line, (int)size, cli->in) != NULL;
	sigaction(SIGINT, &before, NULL);
	if (!done) {
		clearerr(cli->in);
		return false;
	}
	if (strchr(line, '\n') == NULL)
		for (int c = fgetc(cli->in); c != '\n' && c != EOF;)
			c = fgetc(cli->in);
	line[strcspn(line, "\r\n")] = '\0';
	return true;
}

bool cli_ask(const struct cli *cli, const char *question, const char *fallback, char answer[static CLI_ANSWER_SIZE],
	     struct err *err)
{
	if (!may_ask(cli, question, err))
		return false;
	do {
		fputs(question, cli->out);
		if (fallback != NULL)
			fprintf(cli->out, " [%s]", fallback);
		fputs(": ", cli->out);
		if (!read_line(cli, answer, CLI_ANSWER_SIZE))
			return err_set(err, ERR_OTHER, "%s", aborted);
	} while (answer[0] == '\0' && fallback == NULL);
	if (answer[0] == '\0')
		text_copy(answer, CLI_ANSWER_SIZE, fallback);
	return true;
}

/* 1 yes, 0 no, -1 neither. */
static int yes_or_no(const char *answer)
{
	static const struct {
		const char *word;
		int meaning;
	} words[] = { { "", 0 }, { "y", 1 }, { "yes", 1 }, { "n", 0 }, { "no", 0 } };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(answer, words[i].word) == 0)
			return words[i].meaning;
	return -1;
}

bool cli_confirm(const struct cli *cli, const char *question, const char *refusal, struct err *err)
{
	char answer[CLI_ANSWER_SIZE];
	if (!may_ask(cli, question, err))
		return false;
	for (;;) {
		fprintf(cli->out, "%s [y/N]: ", question);
		if (!read_line(cli, answer, sizeof(answer)))
			return err_set(err, ERR_OTHER, "%s", aborted);
		int meaning = yes_or_no(answer);
		if (meaning == 1)
			return true;
		if (meaning == 0)
			return err_set(err, ERR_OTHER, "%s", refusal);
		cli_say(cli, "Error: invalid input");
	}
}

bool cli_ask_password(const struct cli *cli, char answer[static CLI_ANSWER_SIZE], struct err *err)
{
	struct termios shown, hidden;
	int fd = fileno(cli->in);
	if (!may_ask(cli, "Password", err))
		return false;
	bool terminal = fd >= 0 && tcgetattr(fd, &shown) == 0;
	fputs("Password: ", cli->out);
	fflush(cli->out);
	if (terminal) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(fd, TCSAFLUSH, &hidden);
	}
	bool done = read_line(cli, answer, CLI_ANSWER_SIZE);
	if (terminal)
		tcsetattr(fd, TCSAFLUSH, &shown);
	cli_say(cli, "%s", "");
	return done || err_set(err, ERR_OTHER, "%s", aborted);
}
