/* The commands: read a snapshot, show it. */
#include "render.h"
#include "session.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { VERSION_ASK_MS = 2000 };

struct shown {
	const struct cli *cli;
	const struct snapshot *snapshot;
	const struct json *config;
};

/* ---- list, topology ---- */

static void print_timestamp(struct strbuf *to)
{
	char text[32];
	struct tm tm;
	time_t now = time(NULL);
	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	strbuf_addf(to, "%s\n", text);
}

static void print_list(const void *arg, struct strbuf *to)
{
	const struct shown *shown = arg;
	const struct cli *cli = shown->cli;
	const char *word = cli->options[CLI_FORMAT];
	if (cli->options[CLI_TIMESTAMP] != NULL)
		print_timestamp(to);
	if (word == NULL && !cli->compatible && cli->options[CLI_EXTENDED] == NULL)
		render_overview(shown->snapshot, cli->columns, cli->colour, to);
	else
		render_list(shown->snapshot, output_format(word), cli->options[CLI_EXTENDED] != NULL, to);
}

static void print_topology(const void *arg, struct strbuf *to)
{
	const struct shown *shown = arg;
	render_list(shown->snapshot, OUTPUT_TOPOLOGY, false, to);
}

static bool show_cluster(const struct cli *cli, const char *scope, void (*print)(const void *arg, struct strbuf *to),
			 struct err *err)
{
	struct shown shown = { .cli = cli, .snapshot = snapshot_read(cli, scope, ASK_MS, err) };
	bool done = shown.snapshot != NULL && cli_output(cli, print, &shown, err);
	snapshot_destroy((struct snapshot *)shown.snapshot);
	return done;
}

static bool show_default_cluster(const struct cli *cli, void (*print)(const void *arg, struct strbuf *to),
				 struct err *err)
{
	char scope[NAME_SIZE];
	if (!cli_scope(cli, scope, err))
		return false;
	if (scope[0] != '\0')
		return show_cluster(cli, scope, print, err);
	log_warning("Listing members: No cluster names were provided"); /* no error: contract 4.2 */
	return true;
}

static bool show_clusters(const struct cli *cli, void (*print)(const void *arg, struct strbuf *to), struct err *err)
{
	for (int i = 0; i < cli->name_count; i++)
		if (!show_cluster(cli, cli->names[i], print, err))
			return false;
	return cli->name_count > 0 || show_default_cluster(cli, print, err);
}

static bool list_once(const struct cli *cli, struct err *err)
{
	return show_clusters(cli, print_list, err);
}

static bool topology_once(const struct cli *cli, struct err *err)
{
	return show_clusters(cli, print_topology, err);
}

bool cmd_list(const struct cli *cli, struct err *err)
{
	return cli_watch(cli, list_once, err);
}

bool cmd_topology(const struct cli *cli, struct err *err)
{
	return cli_watch(cli, topology_once, err);
}

/* ---- history, show-config ---- */

static void print_history(const void *arg, struct strbuf *to)
{
	const struct shown *shown = arg;
	render_history(shown->snapshot, output_format(shown->cli->options[CLI_FORMAT]), to);
}

bool cmd_history(const struct cli *cli, struct err *err)
{
	struct snapshot *snapshot = snapshot_read(cli, NULL, 0, err);
	struct shown shown = { .cli = cli, .snapshot = snapshot };
	bool done = snapshot != NULL && cli_output(cli, print_history, &shown, err);
	snapshot_destroy(snapshot);
	return done;
}

static void print_config(const void *arg, struct strbuf *to)
{
	const struct shown *shown = arg;
	render_config(shown->config, to);
}

bool cmd_show_config(const struct cli *cli, struct err *err)
{
	struct snapshot *snapshot = snapshot_read(cli, NULL, 0, err);
	if (snapshot == NULL)
		return false;
	AUTO(json) struct json *config = snapshot_config(snapshot);
	struct shown shown = { .cli = cli, .config = config };
	bool done = cli->compatible;
	if (config != NULL)
		done = cli_output(cli, print_config, &shown, err);
	else if (!done)
		err_set(err, ERR_MISSING, "the cluster %s has no dynamic configuration", snapshot->scope);
	snapshot_destroy(snapshot);
	return done;
}

/* ---- version ---- */

static void print_own_version(const void *arg, struct strbuf *to)
{
	const struct cli *cli = arg;
	if (cli->compatible)
		strbuf_add(to, "patronictl version " CLI_CONTRACT_VERSION "\n");
	else
		strbuf_add(to, "howdahctl version " HOWDAH_VERSION "\n");
}

static void print_versions(const void *arg, struct strbuf *to)
{
	const struct shown *shown = arg;
	strbuf_add_char(to, '\n');
	render_versions(shown->snapshot, shown->cli, to);
}

bool cmd_version(const struct cli *cli, struct err *err)
{
	if (!cli_output(cli, print_own_version, cli, err))
		return false;
	if (cli->name_count == 0)
		return true;
	struct snapshot *snapshot = snapshot_read(cli, cli->names[0], VERSION_ASK_MS, err);
	struct shown shown = { .cli = cli, .snapshot = snapshot };
	bool done = snapshot != NULL && cli_output(cli, print_versions, &shown, err);
	snapshot_destroy(snapshot);
	return done;
}
