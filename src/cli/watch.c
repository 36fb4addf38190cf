/* -w and -W: the same again on a cleared screen. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void clear_screen(const struct cli *cli)
{
	if (isatty(fileno(cli->out)))
		fputs("\033[2J\033[1;1H", cli->out);
}

static void wait_s(double seconds)
{
	struct timespec time = { .tv_sec = (time_t)seconds };
	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
}

bool cli_watch(const struct cli *cli, bool (*round)(const struct cli *cli, struct err *err), struct err *err)
{
	double seconds = cli->options[CLI_WATCH] != NULL ? strtod(cli->options[CLI_WATCH], NULL) : 2;
	if (cli->options[CLI_WATCH] == NULL && cli->options[CLI_WATCH_TWO] == NULL)
		return round(cli, err);
	for (;;) {
		clear_screen(cli);
		if (!round(cli, err))
			return false;
		wait_s(seconds);
	}
}
